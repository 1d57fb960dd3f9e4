//! Whose profiles are asked for, of whom, and what becomes of the answers.

use std::sync::Arc;

use super::super::tests::{Bench, NOW, key};
use super::*;
use crate::api::Command;
use crate::crypto::keys::PostingKey;
use crate::domain::address::PeerAddress;
use crate::domain::envelope::Object;
use crate::domain::log::Seq;
use crate::domain::operation::{Action, Operation, Target};
use crate::domain::post::Post;
use crate::limits::COMMENTER_PROFILES;
use crate::node::engine::{CloseReason, Direction, Input, ReplyId};
use crate::node::wire::{Epoch, Hello, Message};

fn author() -> Arc<PostingKey> {
    key(100)
}

fn post() -> Object {
    let author = author();
    Object::Post(author.sign(&Post::new(author.posting_id(), NOW, "the post".to_owned()).unwrap()))
}

fn comment(by: &PostingKey, text: &str) -> Object {
    let target = Target { post: post().id(), author: author().posting_id(), operation: None };
    let action = Action::Comment(text.to_owned());
    Object::Operation(Box::new(by.sign(&Operation::new(by.posting_id(), NOW, target, action).unwrap())))
}

fn profile(by: &PostingKey, name: &str) -> Object {
    Object::Profile(by.sign(&Profile::new(by.posting_id(), NOW, 1_000, name.to_owned()).unwrap()))
}

/// A node that follows the author of the post and has it, and is connected with these peers.
fn reader(peers: &[u8]) -> Bench {
    let mut bench = Bench::new(&[key(1)]);
    let target = author().posting_id().to_string();
    bench.command(Command::Follow { target, persona: None }).unwrap();
    bench.take_in(&post());
    for peer in peers {
        connect(&mut bench, *peer);
    }
    bench
}

fn connection(number: u8) -> ConnectionId {
    ConnectionId(u64::from(number))
}

fn connect(bench: &mut Bench, number: u8) {
    let (connection, peer) = (connection(number), NetworkId::from_bytes([number; 32]));
    let (direction, address) = (Direction::Inbound, PeerAddress::of(peer));
    bench.take(Input::Connected { connection, peer, direction, address });
    let hello = Hello { epoch: Epoch([1; 16]), features: 0, minute: NOW.as_minutes() };
    let (reply, message) = (ReplyId(1), Message::Hello(hello));
    bench.take(Input::RequestReceived { connection, reply, message });
}

/// Peer `number` pushes a comment.
fn hears_at(bench: &mut Bench, after: Duration, number: u8, comment: Object) {
    let items = vec![Checked::Object(comment)];
    bench.take_at(NOW.after(after), Input::DiffReceived { connection: connection(number), items });
}

fn hears(bench: &mut Bench, number: u8, comment: Object) {
    hears_at(bench, Duration::ZERO, number, comment);
}

type Asked = (ConnectionId, RequestId, Vec<PostingId>);

/// The questions for profiles at this time after the beginning.
fn asked(bench: &mut Bench, after: Duration) -> Vec<Asked> {
    let effects = bench.take_at(NOW.after(after), Input::TimePassed);
    let asked = effects.into_iter().filter_map(|effect| match effect {
        Effect::Fetch { connection, request, wanted: Wanted::Profiles(authors) } => {
            Some((connection, request, authors))
        }
        _ => None,
    });
    asked.collect()
}

fn answers(bench: &mut Bench, after: Duration, asked: &Asked, items: Vec<Checked>) -> Vec<Effect> {
    let (connection, request, _) = *asked;
    bench.take_at(NOW.after(after), Input::Fetched { connection, request, items })
}

fn name_of(bench: &mut Bench, by: &PostingKey) -> Option<String> {
    let find = |read: Read<'_>| match read.find_author(by.posting_id())? {
        Some(author) => read.find_name(author),
        None => Ok(None),
    };
    bench.database.read::<_, DbError>(find).unwrap()
}

fn log_of(bench: &mut Bench, by: &PostingKey) -> usize {
    let end = Seq::new(1_000_000).unwrap();
    bench.database.read(|read| read.list_log_of(by.posting_id(), Seq::START, end)).unwrap().len()
}

fn counts_are_right(bench: &mut Bench) -> bool {
    bench.database.read(|read| read.counts_are_right()).unwrap()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_commenter_without_a_name_is_asked_for_where_the_comment_came_from_and_kept_beside_the_log() {
    let (kim, lea) = (key(201), key(202));
    let mut bench = reader(&[2, 3]);
    hears(&mut bench, 3, comment(&kim, "one"));
    hears(&mut bench, 3, comment(&lea, "two"));
    assert_eq!(asked(&mut bench, SECOND / 2), [], "others may come meanwhile");
    let questions = asked(&mut bench, SECOND);
    let mut both = vec![kim.posting_id(), lea.posting_id()];
    both.sort_unstable();
    let [question] = &questions[..] else { panic!("one question for both: {questions:?}") };
    assert_eq!((question.0, &question.2), (connection(3), &both));

    let items = vec![Checked::Object(profile(&kim, "kim"))];
    let effects = answers(&mut bench, SECOND, question, items);
    assert!(effects.contains(&Effect::Tell(Event::PeopleChanged)), "faces show the name: {effects:?}");
    assert_eq!(name_of(&mut bench, &kim).as_deref(), Some("kim"));
    assert_eq!(name_of(&mut bench, &lea), None);
    assert_eq!(log_of(&mut bench, &kim), 0, "the log does not say whom we read about");
    assert!(counts_are_right(&mut bench), "its room is counted");

    // Others are told when they ask, and only then.
    let wanted = Wanted::Profiles(both);
    let ids = bench.database.read(|read| wanted.ids(read)).unwrap();
    assert_eq!(ids, [profile(&kim, "kim").id()]);

    // Once she is followed her profile stands in the log like all others.
    let target = kim.posting_id().to_string();
    bench.command(Command::Follow { target, persona: None }).unwrap();
    assert_eq!(log_of(&mut bench, &kim), 1);
    assert!(counts_are_right(&mut bench));
}

#[test]
fn nobody_is_asked_twice_before_all_were_and_a_rest_is_over() {
    let kim = key(201);
    let mut bench = reader(&[2, 3]);
    hears(&mut bench, 2, comment(&kim, "one"));
    let mut now = SECOND;
    let mut whom = Vec::new();
    for _ in 0..2 {
        let questions = asked(&mut bench, now);
        assert_eq!(asked(&mut bench, now), [], "one question at a time");
        assert_eq!(questions.len(), 1);
        whom.push(questions[0].0);
        answers(&mut bench, now, &questions[0], Vec::new());
        // The same peer says more of her: that is no reason to ask it again.
        hears_at(&mut bench, now, 2, comment(&kim, &format!("more, {now:?}")));
        now += NAME_SPACING;
    }
    assert_eq!(whom, [connection(2), connection(3)]);
    assert_eq!(asked(&mut bench, now), [], "both were asked");
    let rest = now + NAME_RETRY_FIRST * 3 / 4;
    assert_eq!(asked(&mut bench, rest), []);
    let questions = asked(&mut bench, now + NAME_RETRY_FIRST * 2);
    assert_eq!(questions.len(), 1, "after a rest from the beginning");
    // A restart forgets whom was asked, not who has no name.
    bench.restart();
    connect(&mut bench, 4);
    let later = Duration::from_hours(1);
    assert_eq!(asked(&mut bench, later).len(), 1);
}

#[test]
fn own_personas_and_known_people_are_never_asked_for() {
    let (mine, kim) = (key(1), key(201));
    let mut bench = reader(&[2]);
    hears(&mut bench, 2, comment(&mine, "from my other device"));
    bench.take_in(&profile(&author(), "the author"));
    hears(&mut bench, 2, comment(&author(), "thank you"));
    let later = Duration::from_mins(1);
    assert_eq!(asked(&mut bench, later), []);
    hears_at(&mut bench, later, 2, comment(&kim, "hello"));
    let questions = asked(&mut bench, later + SECOND);
    assert_eq!(questions.len(), 1);
    assert_eq!(questions[0].2, [kim.posting_id()], "{questions:?}");
}

#[test]
fn a_profile_nobody_asked_for_is_an_offence_and_is_not_kept() {
    let (kim, lea) = (key(201), key(202));
    let item = |object: Object| object.envelope().clone().into();
    let wanted = Wanted::Profiles(vec![kim.posting_id()]);
    let forged = {
        let mut envelope = profile(&kim, "kim").envelope().clone();
        envelope.signature[0] ^= 1;
        envelope.into()
    };
    let checked = wanted.check(vec![
        item(profile(&kim, "kim")),
        item(profile(&lea, "lea")),
        item(comment(&kim, "no profile")),
        forged,
    ]);
    let unasked = [Checked::Unasked, Checked::Unasked, Checked::Forged];
    assert_eq!((&checked[0], &checked[1..]), (&Checked::Object(profile(&kim, "kim")), &unasked[..]));

    for offence in &checked[1..] {
        let mut bench = reader(&[2]);
        hears(&mut bench, 2, comment(&kim, "one"));
        let questions = asked(&mut bench, SECOND);
        let effects = answers(&mut bench, SECOND, &questions[0], vec![offence.clone()]);
        let (connection, reason) = (connection(2), CloseReason::Misbehaved);
        assert!(effects.contains(&Effect::Close { connection, reason }), "{offence:?}: {effects:?}");
        assert_eq!(name_of(&mut bench, &kim), None);
    }
    // An engine believes nobody that this is what it asked for.
    let mut bench = reader(&[2]);
    hears(&mut bench, 2, comment(&kim, "one"));
    let questions = asked(&mut bench, SECOND);
    answers(&mut bench, SECOND, &questions[0], vec![Checked::Object(profile(&lea, "lea"))]);
    assert_eq!(name_of(&mut bench, &lea), None);
}

#[test]
fn there_are_never_more_wants_and_profiles_than_the_bounds() {
    let mut bench = reader(&[2]);
    let most = usize::try_from(NAMELESS_AUTHORS).unwrap();
    let now = NOW;
    for number in 0..most + 3 {
        let id = PostingId::from_bytes(*blake3::hash(&number.to_be_bytes()).as_bytes());
        bench.engine.names.want(id, None, now);
    }
    assert_eq!(bench.engine.names.wanted.len(), most);
    let first = PostingId::from_bytes(*blake3::hash(&0_usize.to_be_bytes()).as_bytes());
    assert!(!bench.engine.names.wanted.contains_key(&first), "the first one made room");
    let questions = asked(&mut bench, SECOND);
    assert_eq!(questions.iter().map(|(_, _, authors)| authors.len()).collect::<Vec<_>>(), [FETCH_IDS]);
}

#[test]
fn without_room_for_strangers_no_profile_of_one_is_kept() {
    let kim = key(201);
    let quotas = super::super::Quotas { strangers: 10, ..super::super::Quotas::default() };
    let mut bench = reader(&[2]);
    bench.restart_with_room(quotas);
    connect(&mut bench, 3);
    hears(&mut bench, 3, comment(&kim, "one"));
    let questions = asked(&mut bench, SECOND);
    answers(&mut bench, SECOND, &questions[0], vec![Checked::Object(profile(&kim, "kim"))]);
    assert_eq!(name_of(&mut bench, &kim), None);
    assert!(counts_are_right(&mut bench));
}

#[test]
fn the_oldest_profiles_beside_the_log_make_room() {
    let mut bench = reader(&[]);
    let most = usize::try_from(COMMENTER_PROFILES).unwrap();
    let keep = |store: &crate::db::Write<'_>| {
        for number in 0..=most {
            let id = |what: &str| *blake3::hash(format!("{what} {number}").as_bytes()).as_bytes();
            let author = store.intern_author(PostingId::from_bytes(id("author")))?;
            let envelope = profile(&key(201), "kim").envelope().clone();
            let object = crate::domain::ids::ObjectId::from_bytes(id("object"));
            let Some(key) = store.insert_object(object, &envelope, author, NOW, NOW)? else { continue };
            store.replace_profile(author, 1, key, "kim")?;
            store.insert_unlogged_profile(author, key)?;
        }
        Ok::<_, DbError>(())
    };
    let durability = crate::db::Durability::Normal;
    bench.database.transaction(durability, |batch| batch.step(keep)).unwrap();
    let find = |number: usize| {
        let id = *blake3::hash(format!("author {number}").as_bytes()).as_bytes();
        move |read: Read<'_>| read.find_profile_id(PostingId::from_bytes(id))
    };
    assert_eq!(bench.database.read(find(0)).unwrap(), None);
    assert!(bench.database.read(find(1)).unwrap().is_some());
    assert!(counts_are_right(&mut bench));
}
