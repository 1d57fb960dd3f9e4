//! A full node and newcomers, with single inputs over a store.

use super::super::tests::{Bench, NOW, key};
use super::*;
use crate::api::Command;
use crate::domain::address::PeerAddress;
use crate::domain::ids::PostingId;
use crate::domain::invite::Invite;
use crate::limits::{CONNECTIONS, OUTBOUND_KEPT, WARM_SEATS};
use crate::node::engine::{Effect, Input, ReplyId};
use crate::node::wire::{Epoch, Hello, Message};

const INBOUND: usize = CONNECTIONS - OUTBOUND_KEPT;

fn node(number: usize) -> NetworkId {
    NetworkId::from_bytes([u8::try_from(number + 10).unwrap(); 32])
}

fn connects(bench: &mut Bench, now: Timestamp, number: usize, direction: Direction) {
    let (connection, peer) = (ConnectionId(u64::try_from(number).unwrap()), node(number));
    let address = PeerAddress::of(peer);
    bench.take_at(now, Input::Connected { connection, peer, direction, address });
    let hello = Hello { epoch: Epoch([1; 16]), features: 0, minute: now.as_minutes() };
    let (reply, message) = (ReplyId(1), Message::Hello(hello));
    bench.take_at(now, Input::RequestReceived { connection, reply, message });
}

/// A stranger that wants these authors.
fn comes(bench: &mut Bench, now: Timestamp, number: usize, wanted: &[PostingId]) {
    connects(bench, now, number, Direction::Inbound);
    let connection = ConnectionId(u64::try_from(number).unwrap());
    let (reply, message) = (ReplyId(2), Message::SetInterest(wanted.to_vec()));
    bench.take_at(now, Input::RequestReceived { connection, reply, message });
}

fn is_in(bench: &Bench, number: usize) -> bool {
    bench.engine.connections.contains_key(&ConnectionId(u64::try_from(number).unwrap()))
}

#[test]
fn a_full_node_gives_a_newcomer_the_place_of_somebody_nobody_needs_who_had_its_time() {
    let mut bench = Bench::new(&[key(1)]);
    for number in 0..INBOUND {
        comes(&mut bench, NOW, number, &[]);
    }
    comes(&mut bench, NOW.after(NEWCOMER_TIME / 2), 100, &[]);
    assert!(!is_in(&bench, 100), "nobody had its time");
    let later = NOW.after(NEWCOMER_TIME);
    comes(&mut bench, later, 101, &[]);
    let left = (0..INBOUND).filter(|number| is_in(&bench, *number)).count();
    assert!(is_in(&bench, 101) && left == INBOUND - 1);
    for number in 102..140 {
        comes(&mut bench, later, number, &[]);
    }
    assert!(is_in(&bench, 101), "a flood does not push out who has just come");
    assert_eq!(bench.engine.connections.len(), INBOUND);
}

#[test]
fn the_last_carriers_of_an_author_keep_their_places() {
    let mut bench = Bench::new(&[key(1)]);
    let author = key(2).posting_id();
    let invite = Invite { posting_id: author, name_hint: "bea".to_owned(), addresses: Vec::new() };
    bench.command(Command::Follow { target: invite.format(), persona: None }).unwrap();
    for number in 0..INBOUND {
        let wanted = if number < WARM_SEATS { &[author][..] } else { &[] };
        comes(&mut bench, NOW, number, wanted);
    }
    let mut now = NOW;
    for number in 100..200 {
        now = now.after(NEWCOMER_TIME);
        comes(&mut bench, now, number, &[]);
        assert!(is_in(&bench, number));
    }
    assert!((0..WARM_SEATS).all(|number| is_in(&bench, number)), "carriers stay");
    assert!((WARM_SEATS..INBOUND).all(|number| !is_in(&bench, number)), "others went");
}

#[test]
fn of_many_connections_those_we_opened_and_nobody_needs_are_let_go_and_not_dialled_soon() {
    let mut bench = Bench::new(&[key(1)]);
    let enough = CONNECTIONS / 2;
    for number in 0..enough + 3 {
        connects(&mut bench, NOW, number, Direction::Outbound);
    }
    let mut dialled = Vec::new();
    let mut now = NOW;
    while now < NOW.after(SPARE_REDIAL / 2) {
        now = now.after(Duration::from_secs(1));
        for effect in bench.take_at(now, Input::TimePassed) {
            if let Effect::Dial(address) = effect {
                dialled.push(address.network_id);
            }
        }
        let most = if now < NOW.after(SPARE_TIME) { enough + 3 } else { enough + 2 };
        assert!(bench.engine.connections.len() <= most);
    }
    assert_eq!(bench.engine.connections.len(), enough);
    assert!(dialled.is_empty(), "{} dials", dialled.len());
}
