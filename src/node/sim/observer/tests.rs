//! The short form: one history without a leak, and one with each. The long form plays twenty.

use std::collections::BTreeMap;
use std::time::Duration;

use super::record::{Frame, Holds, PostIndex};
use super::world::{History, NODES, Plan, Truth};
use super::*;
use crate::crypto::data_key::DataKey;
use crate::crypto::keys::PostingKey;
use crate::db::protected::PageFrom;
use crate::domain::conversation::{ConversationId, Place, ThreadId};
use crate::domain::ids::PostingId;
use crate::domain::time::Timestamp;
use crate::node::engine::talk_rows::{conversation_name, open_message};
use crate::node::sim::crowd::world::Pulls;
use crate::node::sim::node::NodeIndex;

/// The history of the test.
const SEED: u64 = 1;
/// A shorter one, for leaks.
const SHORT: Plan = Plan {
    messages: &[60, 20],
    others: 60,
    decoys_per_hour: 20,
    public: 10,
    time: Duration::from_mins(40),
    opened: 4,
};

#[test]
fn who_sees_all_lines_but_one_learns_nothing_about_conversations() {
    let observed = observe(SEED..SEED + 1, Depth::Heads);
    println!("seed {SEED}: {:?} posts of conversations, and others", observed.posts);
    for (check, _, verdict) in &observed.checks {
        match verdict {
            Ok(figure) => println!("{check:?}: {:.2}, bound {:.2}", figure.worst, figure.bound),
            Err(finding) => println!("{finding}"),
        }
    }
    for (game, score) in &observed.games {
        println!("{game:?}: {score}");
    }
    let [messages, others] = observed.posts;
    assert!(messages >= 170 && others >= 250, "{messages} and {others}");
    assert_eq!(observed.findings, []);
    assert!(observed.games.iter().all(|(_, score)| score.is_chance()));
}

#[test]
fn every_leak_is_seen_by_its_check() {
    let (record, truth) = play(SEED, SHORT, None);
    for (check, verdict) in checks::all(&record, &truth, Depth::Heads) {
        assert!(verdict.is_ok(), "{check:?} sees something where nothing is: {verdict:?}");
    }
    a_secret_deep_in_a_body_is_seen_where_every_byte_is_tried(record, truth);
    let mut missed = Vec::new();
    for leak in Leak::ALL {
        // What is seen in habits takes longer.
        let plan = if matches!(leak, Leak::AsksAgain | Leak::SpeaksUp) { PLAN } else { SHORT };
        let (record, truth) = play(SEED, plan, Some(leak));
        match checks::one(leak.check(), &record, &truth, Depth::Heads) {
            Ok(figure) => missed.push((leak, figure)),
            Err(finding) => println!("{leak:?}: {finding}"),
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}

fn a_secret_deep_in_a_body_is_seen_where_every_byte_is_tried(mut record: Recorder, mut truth: Truth) {
    truth.conversations.truncate(1);
    let posts = &mut truth.conversations[0].posts;
    posts.truncate(8);
    let [reveals, next] = [posts[0], posts[7]];
    assert!(checks::one(Check::L3, &record, &truth, Depth::Whole).is_ok());
    let secret = [0x5e; 32];
    record.posts[reveals].bytes[1_500..1_532].copy_from_slice(&secret);
    let author = PostingKey::from_secret(&secret).posting_id();
    record.posts[next].bytes[2..34].copy_from_slice(author.as_bytes());
    assert!(checks::one(Check::L3, &record, &truth, Depth::Heads).is_ok());
    assert!(checks::one(Check::L3, &record, &truth, Depth::Whole).is_err());
}

#[test]
fn a_leak_shows_in_the_games() {
    let game = |leak, games: &[Game]| {
        let (record, truth) = play(SEED, SHORT, leak);
        let mut table = Table::default();
        table.add(&record, &truth);
        let scores = table.play();
        games.iter().all(|game| scores.iter().any(|(known, score)| known == game && score.is_chance()))
    };
    let [text, next] = [Game::Byte(2_048), Game::NextShared];
    assert!(game(None, &[text, next]));
    assert!(!game(Some(Leak::ZeroDummies), &[text]), "empty slots");
    assert!(!game(Some(Leak::FixedKey), &[next]), "one key stream");
}

#[test]
fn a_thousand_messages_are_pushed_to_who_they_are_for_as_often_as_to_others() {
    let seen = targets(SEED, Mesh::Full, Aim::AsItIs);
    println!("{} sends: stem {:?}, spread {:?}", seen.sends, seen.stem, seen.spread);
    assert!(seen.sends >= 1_000 && seen.stem.are_chance() && seen.spread.are_chance());
    let used = |talking: bool| {
        let some = seen.kinds.iter().filter(|(connection, _)| seen.talking.contains(*connection) == talking);
        some.flat_map(|(_, kinds)| kinds.keys().copied()).collect::<std::collections::BTreeSet<u16>>()
    };
    println!("kinds of frames between those who talk {:?}, and others {:?}", used(true), used(false));
    assert!(used(true).is_subset(&used(false)));
    let aimed = targets(SEED, Mesh::Full, Aim::AtRecipient);
    assert!(!aimed.stem.are_chance(), "{:?}", aimed.stem);
}

/// What one end of a conversation reads of what the other one wrote, sorted.
fn texts(history: &mut History, node: NodeIndex, [me, peer, from]: [PostingId; 3]) -> Vec<String> {
    let key = DataKey::from_secret(&[7; 32]);
    let name = conversation_name(&key, ConversationId::of(me, ThreadId::between(me, peer)));
    let all = PageFrom::After(Place::from_number(i64::MIN));
    let stored = history.world.nodes[node].read(|read| read.list_messages(&name, all, u32::MAX)).unwrap();
    let messages = stored.iter().map(|row| open_message(&key, &row.name, &row.value).unwrap());
    let mut texts: Vec<String> = messages.filter(|row| row.from == from).map(|row| row.text).collect();
    texts.sort_unstable();
    texts
}

/// A history in which no pushed post comes to who is written to first: what was written, and what is read there.
fn without_pushes(opened: usize, pulls: Pulls) -> (Recorder, Truth, [Vec<String>; 2]) {
    let plan = Plan {
        messages: &[24],
        others: 0,
        decoys_per_hour: 0,
        public: 4,
        time: Duration::from_mins(20),
        opened,
    };
    let mut history = History::new(SEED, plan, None);
    let [writer, reader] = history.ends(0);
    history.world.deaf.insert(reader);
    history.world.pulls = pulls;
    history.run(plan);
    let [from, to] = [writer, reader].map(|node| history.persona(node));
    let written = texts(&mut history, writer, [from, to, from]);
    let read = texts(&mut history, reader, [to, from, from]);
    let (record, truth) = history.end(plan);
    (record, truth, [written, read])
}

#[test]
fn v4_who_is_pushed_nothing_has_a_message_after_the_next_pull() {
    for opened in [NODES, 3] {
        let (record, truth, [written, read]) = without_pushes(opened, Pulls::Answered);
        assert!(written.len() >= 12, "{} messages", written.len());
        assert_eq!(read, written, "{opened} connections opened");
        let talk = &truth.conversations[0];
        let [writer, reader] = talk.ends;
        let entered: BTreeMap<(NodeIndex, PostIndex), Timestamp> = truth
            .pools
            .entered()
            .filter_map(|(node, id, (at, ..))| Some(((node, record.find(id)?), at)))
            .collect();
        let pulls: Vec<&Frame> = record
            .frames
            .iter()
            .filter(|frame| frame.from == reader && matches!(frame.holds, Holds::Pull(Some(_), _)))
            .collect();
        let mut pulled = 0;
        for post in talk.posts.iter().filter(|post| record.posts[**post].from == writer) {
            for ((peer, _), since) in entered.iter().filter(|((_, of), _)| of == post) {
                let asked = pulls.iter().filter(|pull| pull.to == *peer && pull.arrives >= *since);
                // A page, what is wanted of it, and the posts: three ways of at most 114 ms.
                if let Some(asked) = asked.min_by_key(|pull| pull.arrives) {
                    let came = entered.get(&(reader, *post));
                    let in_time = asked.arrives.after(Duration::from_millis(3 * 114));
                    assert!(came.is_some_and(|came| *came <= in_time), "post {post} asked of {peer}");
                    pulled += 1;
                }
            }
        }
        assert!(pulled >= 12, "{pulled} pulls");
    }
    let (_, _, [written, read]) = without_pushes(NODES, Pulls::Muted);
    assert!(!written.is_empty() && read.is_empty(), "nothing else brings anything: {read:?}");
}
