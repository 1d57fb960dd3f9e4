//! Spread, seen from one engine: what leaves it when news come.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::api::Command;
use crate::crypto::keys::PostingKey;
use crate::domain::address::PeerAddress;
use crate::domain::envelope::Object;
use crate::domain::ids::ObjectId;
use crate::domain::manifest::Manifest;
use crate::domain::operation::{Action, Operation, Target};
use crate::domain::post::Post;
use crate::limits::MANIFEST_FETCHES;
use crate::node::engine::answer::{Checked, Wanted};
use crate::node::engine::tests::{Bench, NOW, key};
use crate::node::engine::{CloseReason, Direction, Effect, Input, ReplyId};
use crate::node::wire::{Ask, Epoch, Hello, ManifestPush, Message, Nonce, Reply, TopicId};

fn peer(number: u8) -> NetworkId {
    NetworkId::from_bytes([number; 32])
}

fn connection(number: u8) -> ConnectionId {
    ConnectionId(u64::from(number))
}

/// A greeted connection with a node that carries these authors.
fn connect(bench: &mut Bench, now: Timestamp, number: u8, carries: &[PostingId]) -> Vec<Effect> {
    let (connection, peer) = (connection(number), peer(number));
    let (direction, address) = (Direction::Inbound, PeerAddress::of(peer));
    let mut effects = bench.take_at(now, Input::Connected { connection, peer, direction, address });
    let hello = Hello { epoch: Epoch([1; 16]), features: 0, minute: now.as_minutes() };
    for message in [Message::Hello(hello), Message::SetInterest(carries.to_vec())] {
        let reply = ReplyId(u64::from(number));
        effects.extend(bench.take_at(now, Input::RequestReceived { connection, reply, message }));
    }
    effects
}

/// The peer says that it has a seat here, and is told that it has.
fn take_seat(bench: &mut Bench, now: Timestamp, number: u8, author: PostingId) {
    let ask = Ask::Confirm { nonce: Nonce([1; 8]) };
    let message = Message::Link(vec![LinkAsk { topic: TopicId::Author(author), ask }]);
    let (connection, reply) = (connection(number), ReplyId(7));
    let effects = bench.take_at(now, Input::RequestReceived { connection, reply, message });
    let seated = Effect::Reply { reply, message: Message::Linked(vec![Reply::Seated]) };
    assert!(effects.contains(&seated), "{effects:?}");
}

/// A post and a manifest that lists it before these others.
fn published(author: &PostingKey, sequence: u64, others: &[ObjectId]) -> (Object, Object, ManifestPush) {
    let post = author.sign(&Post::new(author.posting_id(), NOW, format!("post {sequence}")).unwrap());
    let newest = [&[post.id()], others].concat();
    let manifest = author.sign(&Manifest::new(author.posting_id(), NOW, sequence, newest, None));
    let push = ManifestPush {
        author: author.posting_id(),
        sequence,
        newest: Some(post.id()),
        manifest: manifest.id(),
    };
    (Object::Post(post), Object::Manifest(Box::new(manifest)), push)
}

fn pushed(bench: &mut Bench, now: Timestamp, number: u8, push: ManifestPush) -> Vec<Effect> {
    let message = Message::ManifestPush(push);
    bench.take_at(now, Input::PushReceived { connection: connection(number), message })
}

fn fetch(effects: &[Effect]) -> Option<(RequestId, ConnectionId, Vec<ObjectId>)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Fetch { connection, request, wanted: Wanted::Objects(ids) } => {
            Some((*request, *connection, ids.clone()))
        }
        _ => None,
    })
}

/// To whom something was pushed that is not `News`.
fn push_targets(effects: &[Effect]) -> Vec<ConnectionId> {
    let target = |effect: &Effect| match effect {
        Effect::Push { message: Message::News, .. } => None,
        Effect::Push { connection, .. } => Some(*connection),
        _ => None,
    };
    effects.iter().filter_map(target).collect()
}

/// A reader of the author with three peers that have seats.
fn reader(author: &PostingKey) -> Bench {
    let mut bench = Bench::new(&[key(1)]);
    let target = author.posting_id().to_string();
    bench.command(Command::Follow { target, persona: None }).unwrap();
    for number in 2..5 {
        connect(&mut bench, NOW, number, &[author.posting_id()]);
        take_seat(&mut bench, NOW, number, author.posting_id());
    }
    bench
}

#[test]
fn a_pushed_manifest_is_fetched_with_its_post_and_passed_on_once() {
    let author = key(5);
    let mut bench = reader(&author);
    let (post, manifest, push) = published(&author, 1_000, &[]);
    let now = NOW.after(Duration::from_secs(3));
    let (request, from, ids) = fetch(&pushed(&mut bench, now, 2, push)).unwrap();
    assert_eq!((from, ids), (connection(2), vec![manifest.id(), post.id()]));
    assert_eq!(fetch(&pushed(&mut bench, now, 3, push)), None, "one fetch is enough");
    let items = vec![Checked::Object(manifest), Checked::Object(post.clone())];
    let effects = bench.take_at(now, Input::Fetched { connection: connection(2), request, items });
    assert_eq!(push_targets(&effects), [connection(3), connection(4)], "{effects:?}");
    let feed = bench.database.read::<_, DbError>(|read| read.list_feed_ids()).unwrap();
    assert_eq!(feed, [post.id()]);
    for number in 2..5 {
        let effects = pushed(&mut bench, now, number, push);
        assert_eq!((fetch(&effects), push_targets(&effects)), (None, vec![]), "known news stay here");
    }
}

#[test]
fn a_false_push_costs_one_fetch_and_spreads_no_further() {
    let author = key(5);
    let mut bench = reader(&author);
    let (_, _, push) = published(&author, 1_000, &[]);
    let (request, ..) = fetch(&pushed(&mut bench, NOW, 2, push)).unwrap();
    let items = vec![Checked::Forged];
    let effects = bench.take(Input::Fetched { connection: connection(2), request, items });
    let close = Effect::Close { connection: connection(2), reason: CloseReason::Misbehaved };
    assert!(effects.contains(&close), "{effects:?}");
    assert!(push_targets(&effects).is_empty());
    // Not of interest, and from too far ahead: not even a fetch.
    let (_, _, foreign) = published(&key(6), 1_000, &[]);
    assert_eq!(fetch(&pushed(&mut bench, NOW, 3, foreign)), None);
    let ahead = ManifestPush { sequence: u64::MAX, ..push };
    assert_eq!(fetch(&pushed(&mut bench, NOW, 3, ahead)), None);
}

#[test]
fn who_pushed_it_too_is_asked_when_the_first_one_fails() {
    let author = key(5);
    let mut bench = reader(&author);
    let (.., push) = published(&author, 1_000, &[]);
    let (request, ..) = fetch(&pushed(&mut bench, NOW, 2, push)).unwrap();
    pushed(&mut bench, NOW, 3, push);
    let effects = bench.take(Input::Fetched { connection: connection(2), request, items: Vec::new() });
    assert_eq!(fetch(&effects).map(|(_, from, _)| from), Some(connection(3)));
    let effects = bench.take(Input::Disconnected { connection: connection(3) });
    assert_eq!(fetch(&effects), None, "nobody else has it");
}

#[test]
fn of_the_listed_posts_a_few_are_fetched() {
    let author = key(5);
    let mut bench = reader(&author);
    let others: Vec<ObjectId> = (1..19).map(|number| ObjectId::from_bytes([number; 32])).collect();
    let (post, manifest, push) = published(&author, 1_000, &others);
    let (request, ..) = fetch(&pushed(&mut bench, NOW, 2, push)).unwrap();
    let items = vec![Checked::Object(manifest), Checked::Object(post)];
    let effects = bench.take(Input::Fetched { connection: connection(2), request, items });
    let (_, from, ids) = fetch(&effects).unwrap();
    assert_eq!((from, ids), (connection(2), others[..MANIFEST_FETCHES].to_vec()));
}

#[test]
fn a_seat_survives_a_restart() {
    let author = key(5);
    let mut bench = reader(&author);
    let seats = |bench: &Bench| bench.engine.spread.seats(author.posting_id()).collect::<BTreeSet<_>>();
    assert_eq!(seats(&bench), (2..5).map(peer).collect());
    bench.restart();
    assert_eq!(seats(&bench), (2..5).map(peer).collect());
    // Each is confirmed once it is back.
    connect(&mut bench, NOW, 2, &[author.posting_id()]);
    let effects = bench.take_at(NOW.after(Duration::from_secs(3)), Input::TimePassed);
    let confirms = effects.iter().any(|effect| match effect {
        Effect::Request { message: Message::Link(asks), .. } => {
            asks.iter().any(|wish| matches!(wish.ask, Ask::Confirm { .. }))
        }
        _ => false,
    });
    assert!(confirms, "{effects:?}");
}

#[test]
fn another_devices_manifest_is_merged_and_then_it_is_quiet() {
    let mine = key(1);
    let me = mine.posting_id();
    let mut bench = Bench::new(&[Arc::clone(&mine)]);
    let command = Command::PublishPost { persona: None, text: "here".to_owned(), draft: None };
    bench.command(command).unwrap();
    connect(&mut bench, NOW, 2, &[me]);
    let current = |bench: &mut Bench| {
        let read = |read: Read<'_>| read.find_manifest(read.find_author(me)?.unwrap());
        bench.database.read::<_, DbError>(read).unwrap().unwrap()
    };
    let own = current(&mut bench);
    let (post, manifest, push) = published(&mine, own.sequence + 5, &[]);
    let (request, ..) = fetch(&pushed(&mut bench, NOW, 2, push)).unwrap();
    let items = vec![Checked::Object(manifest), Checked::Object(post)];
    bench.take(Input::Fetched { connection: connection(2), request, items });
    let mut now = NOW;
    let mut sequences = BTreeSet::from([current(&mut bench).sequence]);
    assert_eq!(sequences.first(), Some(&push.sequence));
    for _ in 0..120 {
        now = now.after(Duration::from_secs(1));
        bench.take_at(now, Input::TimePassed);
        sequences.insert(current(&mut bench).sequence);
    }
    assert_eq!(sequences.len(), 2, "one manifest with both posts, and no other: {sequences:?}");
}

#[test]
fn an_operation_is_pushed_to_holders_once_and_not_back() {
    let author = key(5);
    let mut bench = reader(&author);
    let (post, ..) = published(&author, 1_000, &[]);
    bench.take_in(&post);
    let somebody = key(6);
    let target = Target { post: post.id(), author: author.posting_id(), operation: None };
    let comment = |text: &str| {
        let action = Action::Comment(text.to_owned());
        let operation = Operation::new(somebody.posting_id(), NOW, target, action).unwrap();
        Object::Operation(Box::new(somebody.sign(&operation)))
    };
    let receive = |bench: &mut Bench, object: Object, number| {
        let items = vec![Checked::Object(object)];
        bench.take(Input::DiffReceived { connection: connection(number), items })
    };
    let effects = receive(&mut bench, comment("first"), 2);
    assert_eq!(push_targets(&effects), [connection(3), connection(4)], "{effects:?}");
    let effects = receive(&mut bench, comment("first"), 3);
    assert!(push_targets(&effects).is_empty(), "once is enough");
    let effects = receive(&mut bench, post.clone(), 3);
    let close = Effect::Close { connection: connection(3), reason: CloseReason::Misbehaved };
    assert!(effects.contains(&close), "nobody pushes posts");
}

#[test]
fn an_operation_on_a_post_that_is_not_here_is_relayed_by_the_authors_seats() {
    let author = key(5);
    let mut bench = reader(&author);
    let (post, ..) = published(&author, 1_000, &[]);
    let somebody = key(6);
    let target = Target { post: post.id(), author: author.posting_id(), operation: None };
    let action = Action::Comment("early".to_owned());
    let operation = somebody.sign(&Operation::new(somebody.posting_id(), NOW, target, action).unwrap());
    let items = vec![Checked::Object(Object::Operation(Box::new(operation)))];
    let effects = bench.take(Input::DiffReceived { connection: connection(2), items });
    assert_eq!(push_targets(&effects), [connection(3), connection(4)]);
    bench.take_in(&post);
    let effects = bench.take(Input::TimePassed);
    assert!(push_targets(&effects).is_empty(), "not again when it takes effect");
}

#[test]
fn a_file_has_at_most_five_holders_in_the_store() {
    let author = key(5);
    let mut bench = Bench::new(&[key(1)]);
    bench.command(Command::Follow { target: author.posting_id().to_string(), persona: None }).unwrap();
    let (post, ..) = published(&author, 1_000, &[]);
    bench.take_in(&post);
    for number in 2..20 {
        let now = NOW.after(Duration::from_secs(u64::from(number)));
        connect(&mut bench, now, number, &[]);
        bench.take_at(now, Input::Served { connection: connection(number), files: vec![post.id()] });
        bench.take_at(now, Input::Disconnected { connection: connection(number) });
    }
    let rows = bench.database.read::<_, DbError>(|read| read.list_file_holders(post.id())).unwrap();
    assert_eq!(rows, (15..20).rev().map(peer).collect::<Vec<_>>(), "those last dealt with");
}

/// Own personas named by what an engine starts by itself in one step.
fn own_causes(effects: &[Effect], own: &[PostingId]) -> BTreeSet<PostingId> {
    let mut named = BTreeSet::new();
    for effect in effects {
        match effect {
            Effect::Request { message: Message::Link(asks), .. } => {
                named.extend(asks.iter().filter_map(|wish| match wish.topic {
                    TopicId::Author(author) => Some(author),
                    TopicId::File(_) => None,
                }));
            }
            Effect::Push { message: Message::ManifestPush(push), .. } => {
                named.insert(push.author);
            }
            _ => {}
        }
    }
    named.retain(|author| own.contains(author));
    named
}

#[test]
fn p2_two_personas_never_appear_in_one_step_frame_or_batch() {
    for seed in 0..20 {
        let keys = [key(100 + seed), key(200 + seed), key(300 + seed)];
        let own: Vec<PostingId> = keys.iter().map(|key| key.posting_id()).collect();
        let mut bench = Bench::new(&keys);
        let mut now = NOW;
        let mut named = BTreeSet::new();
        for number in 2..6 {
            // Everybody wants all of them: every event would concern all of them at once.
            let effects = connect(&mut bench, now, number, &own);
            named.extend(own_causes(&effects, &own));
        }
        for round in 0..400_u64 {
            now = now.after(Duration::from_millis(250));
            if round == 100 {
                for number in 2..6 {
                    for author in &own {
                        let ask = Ask::Confirm { nonce: Nonce([1; 8]) };
                        let message = Message::Link(vec![LinkAsk { topic: TopicId::Author(*author), ask }]);
                        let (connection, reply) = (connection(number), ReplyId(7));
                        bench.take_at(now, Input::RequestReceived { connection, reply, message });
                    }
                }
            }
            if round % 50 == 0 {
                for key in &keys {
                    let persona = Some(key.posting_id());
                    let command = Command::PublishPost { persona, text: format!("{round}"), draft: None };
                    let call = crate::node::engine::CallId(round);
                    let effects = bench.take_at(now, Input::CommandReceived { call, command });
                    let causes = own_causes(&effects, &own);
                    assert!(causes.len() <= 1, "seed {seed}: {causes:?}");
                    named.extend(causes);
                }
            }
            let effects = bench.take_at(now, Input::TimePassed);
            let causes = own_causes(&effects, &own);
            assert!(causes.len() <= 1, "seed {seed}: {causes:?}");
            named.extend(causes);
        }
        assert_eq!(named.len(), own.len(), "the test is not blind: all of them spread something");
    }
}
