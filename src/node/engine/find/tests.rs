//! Questions about others and their answers, with single inputs.

use std::time::Duration;

use super::super::interest::InterestList;
use super::super::tests::{Bench, NOW, key};
use super::*;
use crate::api::Command;
use crate::domain::ids::NetworkId;
use crate::node::engine::{Direction, Input};
use crate::node::wire::{Epoch, Hello};

fn node(number: u8) -> NetworkId {
    NetworkId::from_bytes([number; 32])
}

fn at(number: u8, ip: &str) -> PeerAddress {
    PeerAddress { sockets: vec![format!("{ip}:4000").parse().unwrap()], ..PeerAddress::of(node(number)) }
}

fn bench() -> Bench {
    let mut bench = Bench::new(&[key(1)]);
    bench.engine.exchange = Exchange::On;
    bench
}

/// A peer connects, says whether it may be named, accepts our list and sends its own.
fn meet(bench: &mut Bench, id: u8, address: &PeerAddress, features: u64, wants: &[PostingId]) {
    let (connection, peer) = (ConnectionId(id.into()), address.network_id);
    let (direction, address) = (Direction::Inbound, address.clone());
    bench.take_at(NOW, Input::Connected { connection, peer, direction, address });
    let hello = Hello { epoch: Epoch([1; 16]), features, minute: NOW.as_minutes() };
    let request = |message| Input::RequestReceived { connection, reply: ReplyId(1), message };
    let greeted = bench.take_at(NOW, request(Message::Hello(hello)));
    bench.take_at(NOW, request(Message::SetInterest(wants.to_vec())));
    let sent = greeted.iter().find_map(|effect| match effect {
        Effect::Request { request, message: Message::SetInterest(ids), .. } => Some((*request, ids.clone())),
        _ => None,
    });
    let (request, ids) = sent.expect("a greeted peer gets our list");
    let hash = InterestList::new(ids).hash(super::super::tests::US, peer);
    let message = Some(Message::InterestAccepted(hash));
    bench.take_at(NOW, Input::Answered { connection, request, message });
}

fn asks(bench: &mut Bench, id: u8, find: Find) -> Found {
    let (connection, message) = (ConnectionId(id.into()), Message::Find(find));
    let effects = bench.take_at(NOW, Input::RequestReceived { connection, reply: ReplyId(9), message });
    let found = effects.into_iter().find_map(|effect| match effect {
        Effect::Reply { message: Message::Found(found), .. } => Some(found),
        _ => None,
    });
    found.expect("every question is answered")
}

fn named(found: &Found) -> Vec<NetworkId> {
    found.holders.iter().map(|holder| holder.network_id).collect()
}

/// Our questions among these effects.
fn questions(effects: &[Effect]) -> Vec<(ConnectionId, RequestId, Find)> {
    let question = |effect: &Effect| match effect {
        Effect::Request { connection, request, message: Message::Find(find) } => {
            Some((*connection, *request, *find))
        }
        _ => None,
    };
    effects.iter().filter_map(question).collect()
}

const ANYBODY: Find = Find { author: None, file: None };

#[test]
fn only_those_are_named_who_allow_it_and_want_the_author() {
    let mut bench = bench();
    let (author, other) = (key(5).posting_id(), key(6).posting_id());
    let yes = Exchange::FEATURE;
    meet(&mut bench, 10, &at(10, "198.41.0.10"), yes, &[author]);
    meet(&mut bench, 11, &at(11, "198.41.0.11"), 0, &[author]);
    meet(&mut bench, 12, &at(12, "198.41.0.12"), yes, &[other]);
    meet(&mut bench, 13, &at(13, "198.41.0.13"), yes, &[]);
    let about = |author| Find { author: Some(author), file: None };
    let found = asks(&mut bench, 13, about(author));
    assert_eq!((named(&found), found.holds), (vec![node(10)], false));
    assert!(named(&asks(&mut bench, 10, about(author))).is_empty(), "nobody is told of itself");
    assert_eq!(named(&asks(&mut bench, 13, ANYBODY)), [node(10), node(12)]);
    let mine = bench.engine.keys.keys().copied().next().unwrap();
    bench.command(Command::PublishPost { persona: None, text: "x".to_owned(), draft: None }).unwrap();
    assert!(asks(&mut bench, 13, about(mine)).holds);
    let nothing = crate::domain::ids::ObjectId::from_bytes([3; 32]);
    let found = asks(&mut bench, 13, Find { author: None, file: Some(nothing) });
    assert_eq!(found, Found { holds: false, holders: Vec::new() });
}

#[test]
fn an_answer_names_eight_nodes_at_most() {
    let mut bench = bench();
    for number in 10..25 {
        meet(&mut bench, number, &at(number, &format!("198.{number}.0.1")), Exchange::FEATURE, &[]);
    }
    assert_eq!(asks(&mut bench, 10, ANYBODY).holders.len(), FOUND_PEERS);
}

#[test]
fn private_addresses_are_told_to_neighbours_only() {
    let mut bench = bench();
    meet(&mut bench, 10, &at(10, "192.168.0.10"), Exchange::FEATURE, &[]);
    meet(&mut bench, 11, &at(11, "192.168.0.11"), Exchange::FEATURE, &[]);
    meet(&mut bench, 12, &at(12, "198.41.0.12"), Exchange::FEATURE, &[]);
    assert_eq!(named(&asks(&mut bench, 10, ANYBODY)), [node(11), node(12)]);
    assert!(named(&asks(&mut bench, 12, ANYBODY)).is_empty());
}

#[test]
fn peers_are_asked_about_authors_that_few_of_them_want() {
    let mut bench = bench();
    let (cold, warm) = (key(5).posting_id(), key(6).posting_id());
    for author in [cold, warm] {
        bench.command(Command::Follow { target: author.to_string(), persona: None }).unwrap();
    }
    let own = bench.engine.keys.keys().copied().next().unwrap();
    for number in [10, 11] {
        meet(&mut bench, number, &at(number, "198.41.0.1"), 0, &[own, warm]);
    }
    assert!(questions(&bench.take_at(NOW, Input::TimePassed)).is_empty(), "their lists may be under way");
    let asked = questions(&bench.take_at(NOW.after(FIND_AFTER), Input::TimePassed));
    let finds: Vec<Find> = asked.iter().map(|(.., find)| *find).collect();
    assert_eq!(finds, [Find { author: Some(cold), file: None }; 2]);
}

#[test]
fn who_is_found_is_dialled_one_a_second_for_every_peer_that_names_them() {
    let mut bench = bench();
    meet(&mut bench, 10, &at(10, "198.41.0.10"), 0, &[]);
    let mut now = NOW.after(FIND_AFTER);
    let asked = questions(&bench.take_at(now, Input::TimePassed));
    let [(connection, request, _)] = asked[..] else { panic!("{asked:?}") };
    let holders = (20..26).map(|number| at(number, "198.41.0.99")).collect();
    let message = Some(Message::Found(Found { holds: false, holders }));
    let dials = |effects: &[Effect]| effects.iter().filter(|one| matches!(one, Effect::Dial(_))).count();
    let mut dialled = dials(&bench.take_at(now, Input::Answered { connection, request, message }));
    assert_eq!(dialled, 1);
    for _ in 0..20 {
        now = now.after(Duration::from_millis(500));
        let due = dials(&bench.take_at(now, Input::TimePassed));
        dialled += due;
        assert!(due <= 1);
    }
    assert_eq!(dialled, 6);
}

#[test]
fn a_round_of_questions_ends_and_who_takes_no_part_asks_nothing() {
    let count = |exchange| {
        let mut bench = Bench::new(&[key(1)]);
        bench.engine.exchange = exchange;
        for number in 0..40 {
            let target = key(100 + number).posting_id().to_string();
            bench.command(Command::Follow { target, persona: None }).unwrap();
        }
        meet(&mut bench, 10, &at(10, "198.41.0.10"), Exchange::FEATURE, &[]);
        let mut asked = 0;
        for second in 0..(FIND_EVERY.as_secs() - 60) {
            let now = NOW.after(Duration::from_secs(second));
            for (connection, request, _) in questions(&bench.take_at(now, Input::TimePassed)) {
                asked += 1;
                let message = Some(Message::Found(Found { holds: false, holders: Vec::new() }));
                bench.take_at(now, Input::Answered { connection, request, message });
            }
        }
        asked
    };
    assert_eq!(count(Exchange::On), FIND_ROUND);
    assert_eq!(count(Exchange::Off), 0);
}
