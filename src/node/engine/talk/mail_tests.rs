//! Engines that write to each other over sealed posts, of which some never come, or late, or twice.

mod archive;
mod changes;
mod clocks;

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::rows::{Message, StoredDelivery, conversation_name, load_all, open_message};
use super::tests::setup;
use super::*;
use crate::api::{Command, MessageKey, RequestAnswer, Talk};
use crate::crypto::keys::PostingKey;
use crate::db::protected::PageFrom;
use crate::db::{Database, Durability};
use crate::domain::address::PeerAddress;
use crate::domain::conversation::{Keep, Place};
use crate::domain::envelope::{Object, Verified};
use crate::domain::ids::NetworkId;
use crate::domain::sealed::{SLOT, Sealed};
use crate::node::engine::answer::Checked;
use crate::node::engine::{CallId, ConnectionId, Direction, Effect, Input, ReplyId};
use crate::node::wire::{Epoch, Hello, Message as Frame, Stage};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const PEER: ConnectionId = ConnectionId(9);

/// A node of one persona, with one peer that takes everything and says nothing.
struct Side {
    key: Arc<PostingKey>,
    database: Database,
    engine: Engine,
    /// Its clock minus that of the others.
    ahead: i64,
}

/// A sealed post, and who made it.
#[derive(Clone)]
struct Posted {
    from: usize,
    post: Verified<Sealed>,
}

/// Everybody, and everything that left.
struct Mail {
    rng: StdRng,
    now: Timestamp,
    sides: Vec<Side>,
    posted: Vec<Posted>,
    known: BTreeSet<ObjectId>,
    /// In which post each tag was.
    tags: BTreeMap<RecipientTag, ObjectId>,
}

impl Mail {
    fn new(seed: u64, sides: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let sides = (0..sides).map(|_| {
            let key = Arc::new(PostingKey::generate(&mut rng));
            let database = Database::in_memory(&[0; 32]).unwrap();
            let (key, database, engine) = begin(key, database);
            Side { key, database, engine, ahead: 0 }
        });
        let sides = sides.collect();
        let mut mail = Self {
            rng,
            now: START,
            sides,
            posted: Vec::new(),
            known: BTreeSet::new(),
            tags: BTreeMap::new(),
        };
        (0..mail.sides.len()).for_each(|side| mail.connect(side));
        mail.pass(FIRST_LOOK + Duration::from_mins(1));
        mail
    }

    fn id(&self, side: usize) -> PostingId {
        self.sides[side].key.posting_id()
    }

    fn connect(&mut self, side: usize) {
        self.take(side, Input::Started);
        let peer = NetworkId::from_bytes([200; 32]);
        let sockets = vec!["20.0.9.1:4000".parse().unwrap()];
        let address = PeerAddress { sockets, ..PeerAddress::of(peer) };
        self.take(side, Input::Connected { connection: PEER, peer, direction: Direction::Outbound, address });
        let hello = Hello { epoch: Epoch([1; 16]), features: 0, minute: self.clock(side).as_minutes() };
        let message = Frame::Hello(hello);
        self.take(side, Input::RequestReceived { connection: PEER, reply: ReplyId(1), message });
    }

    fn clock(&self, side: usize) -> Timestamp {
        Timestamp::from_millis(self.now.as_millis() + self.sides[side].ahead)
    }

    /// One step of a node; what leaves is noted, and that no tag leaves twice.
    fn take(&mut self, index: usize, input: Input) -> Vec<Effect> {
        let now = self.clock(index);
        let side = &mut self.sides[index];
        let (engine, rng) = (&mut side.engine, &mut self.rng);
        let steps = side.database.transaction(Durability::Normal, |batch| {
            batch.step(|store| engine.handle(store, now, rng, input))
        });
        let effects = steps.unwrap();
        for effect in &effects {
            let Effect::PushSealed { id, push, .. } = effect else { continue };
            if !self.known.insert(*id) {
                continue;
            }
            let envelope = push.item.clone().into_envelope().unwrap();
            let Ok(Object::Sealed(post)) = Object::verify(envelope) else { panic!("not sealed") };
            for tag in post.content().tags() {
                assert_eq!(self.tags.insert(*tag, *id), None, "a tag is used once");
            }
            self.posted.push(Posted { from: index, post: *post });
        }
        effects
    }

    /// Lets time pass, everybody doing what is due.
    fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        loop {
            let due = (0..self.sides.len()).filter_map(|index| {
                let side = &self.sides[index];
                let at = side.engine.next_deadline()?.as_millis() - side.ahead;
                Some((Timestamp::from_millis(at), index))
            });
            match due.min().filter(|(at, _)| *at <= end) {
                Some((at, index)) => {
                    self.now = self.now.max(at);
                    self.take(index, Input::TimePassed);
                }
                None => break,
            }
        }
        self.now = end;
    }

    /// What was written has left.
    fn leave(&mut self) {
        self.pass(crate::limits::PUBLISH_DELAY_LONGEST + Duration::from_secs(5));
    }

    /// Somebody's node comes to have a sealed post.
    fn give(&mut self, to: usize, posted: &Posted) {
        let post = Box::new(Checked::Object(Object::Sealed(Box::new(posted.post.clone()))));
        self.take(to, Input::SealedPushed { connection: PEER, stage: Stage::Spread, post });
    }

    /// Everybody else comes to have these, and looks at them.
    fn give_all(&mut self, posted: &[Posted]) {
        for one in posted {
            for side in (0..self.sides.len()).filter(|side| *side != one.from) {
                self.give(side, one);
            }
        }
        self.pass(MATCH_LATEST + Duration::from_secs(1));
    }

    /// Everything that left since this was last asked.
    fn posts(&mut self) -> Vec<Posted> {
        std::mem::take(&mut self.posted)
    }

    fn thread(&self, me: usize, peer: usize) -> ConversationId {
        ConversationId::of(self.id(me), ThreadId::between(self.id(me), self.id(peer)))
    }

    fn command(&mut self, side: usize, talk: Talk) {
        let command = Command::Talk(talk);
        let effects = self.take(side, Input::CommandReceived { call: CallId(1), command });
        let outcome = effects.into_iter().find_map(|effect| match effect {
            Effect::Answer { outcome, .. } => Some(outcome),
            _ => None,
        });
        outcome.unwrap().unwrap();
    }

    /// Stores a message.
    fn write(&mut self, from: usize, to: usize, text: &str) {
        let people = vec![self.id(to)];
        self.command(from, Talk::Open { people, persona: None });
        let thread = self.thread(from, to);
        self.command(from, Talk::Answer { thread, answer: RequestAnswer::Accept });
        self.command(from, Talk::Send { thread, text: text.to_owned(), quote: None, draft: None });
    }

    /// Writes and seals a message; the posts that left.
    fn send(&mut self, from: usize, to: usize, text: &str) -> Vec<Posted> {
        self.posts();
        self.write(from, to, text);
        self.leave();
        self.posts()
    }

    fn messages(&mut self, me: usize, peer: usize) -> Vec<Message> {
        let key = DataKey::from_secret(&[7; 32]);
        let name = conversation_name(&key, self.thread(me, peer));
        let stored = self.sides[me]
            .database
            .read::<_, DbError>(|read| read.list_messages(&name, PageFrom::After(Place::START), u32::MAX));
        stored.unwrap().iter().map(|row| open_message(&key, &row.name, &row.value).unwrap()).collect()
    }

    fn places(&mut self, me: usize, peer: usize) -> Vec<Place> {
        let name = conversation_name(&DataKey::from_secret(&[7; 32]), self.thread(me, peer));
        let stored = self.sides[me]
            .database
            .read::<_, DbError>(|read| read.list_messages(&name, PageFrom::After(Place::START), u32::MAX));
        stored.unwrap().iter().map(|row| row.place).collect()
    }

    /// What somebody reads of somebody else, sorted by text.
    fn read(&mut self, me: usize, peer: usize) -> Vec<String> {
        let from = self.id(peer);
        let messages = self.messages(me, peer).into_iter().filter(|message| message.from == from);
        let mut texts: Vec<String> = messages.map(|message| message.text).collect();
        texts.sort_unstable();
        texts
    }

    /// Starts a node anew on a copy of its store; its log has another name then.
    fn put_back(&mut self, side: usize, copy: &[u8]) {
        let mut database = Database::restore(copy).unwrap();
        let epoch: [u8; 32] = self.rng.random();
        let put_back = |store: &crate::db::Write<'_>| {
            store.update_epoch_secret(&epoch)?;
            store.update_lives(&epoch)
        };
        database.transaction(Durability::Normal, |batch| batch.step(put_back)).unwrap();
        self.restart_on(side, database);
    }

    /// The same for a whole machine that went back in time: nothing beside the store differs. Its peer shows it what is in
    /// the pools of others.
    fn turn_back(&mut self, side: usize, copy: &[u8], pool: &[Posted]) {
        let (key, database, engine) =
            begin(Arc::clone(&self.sides[side].key), Database::restore(copy).unwrap());
        self.sides[side] = Side { key, database, engine, ahead: self.sides[side].ahead };
        self.connect(side);
        for posted in pool {
            self.give(side, posted);
        }
        self.sides[side].engine.looked_at_pool();
        self.pass(MATCH_LATEST + Duration::from_secs(1));
    }

    /// An ordinary start, with a first look at a pool in which nothing is new.
    fn start_again(&mut self, side: usize) {
        let now = self.copy(side);
        self.turn_back(side, &now, &[]);
    }

    /// What anybody can make of a post that is not for them.
    fn wrapped_anew(&mut self, posted: &Posted, slots: Slots) -> Posted {
        let forger = PostingKey::generate(&mut self.rng);
        let post = posted.post.content();
        let mut copies: [[u8; SLOT]; 4] = post.slots().try_into().unwrap();
        if slots == Slots::TagsOnly {
            for slot in &mut copies {
                slot[32..].iter_mut().for_each(|byte| *byte = self.rng.random());
            }
        }
        let post = Sealed::new(forger.posting_id(), post.day(), &copies, post.body()).unwrap();
        Posted { from: posted.from, post: forger.sign(&post) }
    }

    fn life(&self, me: usize, peer: usize) -> u64 {
        self.sides[me].engine.talks.relations.get(&(self.id(me), self.id(peer))).unwrap().life
    }

    fn restart_on(&mut self, side: usize, database: Database) {
        let (key, database, engine) = begin(Arc::clone(&self.sides[side].key), database);
        self.sides[side] = Side { key, database, engine, ahead: self.sides[side].ahead };
        self.connect(side);
        self.pass(FIRST_LOOK + Duration::from_mins(1));
    }

    fn copy(&mut self, side: usize) -> Vec<u8> {
        self.sides[side].database.snapshot().unwrap()
    }
}

/// How much of a post is copied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slots {
    Same,
    TagsOnly,
}

fn begin(key: Arc<PostingKey>, mut database: Database) -> (Arc<PostingKey>, Database, Engine) {
    let engine = database.read(|read| Engine::load(read, &setup(&key))).unwrap();
    (key, database, engine)
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number:03}")).collect()
}

/// Messages of a conversation in turns, of which those are lost that `is_lost` names; then one more each way.
fn in_turns(seed: u64, count: usize, is_lost: impl Fn(usize) -> bool) -> Mail {
    let mut mail = Mail::new(seed, 2);
    let texts = numbered(count);
    let mut expected = [Vec::new(), Vec::new()];
    for (number, text) in texts.iter().enumerate() {
        let from = number % 2;
        let posts = mail.send(from, 1 - from, text);
        assert_eq!(posts.len(), 1, "message {number}");
        if !is_lost(number) {
            expected[1 - from].push(text.clone());
            mail.give_all(&posts);
        }
    }
    for from in 0..2 {
        let last = format!("last of {from}");
        let posts = mail.send(from, 1 - from, &last);
        expected[1 - from].push(last);
        mail.give_all(&posts);
    }
    for (side, expected) in expected.iter_mut().enumerate() {
        expected.sort_unstable();
        assert_eq!(&mail.read(side, 1 - side), expected, "seed {seed}");
    }
    mail
}

#[test]
fn whichever_message_of_ten_is_lost_the_others_are_read() {
    for lost in 0..10 {
        in_turns(1, 10, |number| number == lost);
    }
}

#[test]
fn whichever_two_of_ten_are_lost_the_others_are_read() {
    for first in 0..10 {
        for second in first + 1..10 {
            in_turns(2, 10, |number| number == first || number == second);
        }
    }
}

/// What was lost is sealed again after days, and then everything is there, once.
#[test]
fn what_was_lost_is_sealed_again_and_comes_in_the_end() {
    let mut mail = in_turns(3, 10, |number| [0, 3, 4, 7].contains(&number));
    mail.posts();
    for _ in 0..12 {
        mail.pass(Duration::from_hours(24));
        let posts = mail.posts();
        mail.give_all(&posts);
        mail.give_all(&posts);
    }
    let all =
        [["000", "002", "004", "006", "008", "last of 0"], ["001", "003", "005", "007", "009", "last of 1"]];
    assert_eq!([mail.read(1, 0), mail.read(0, 1)], all);
    for side in 0..2 {
        let own = mail.id(side);
        let messages = mail.messages(side, 1 - side);
        let states = messages.iter().filter(|message| message.from == own).map(|message| message.state);
        assert!(states.into_iter().all(|state| state == StoredDelivery::Arrived), "side {side} knows it");
        let key = DataKey::from_secret(&[7; 32]);
        let waiting =
            mail.sides[side].database.read::<_, DbError>(|read| load_all::<rows::Outgoing>(read, &key));
        assert!(waiting.unwrap().is_empty());
    }
}

/// One writes to the other who is not there; then they answer.
fn unanswered(count: usize, order: impl Fn(&mut Vec<Posted>)) -> Mail {
    let mut mail = Mail::new(4, 2);
    let mut posts = Vec::new();
    for text in numbered(count) {
        posts.extend(mail.send(0, 1, &text));
    }
    order(&mut posts);
    mail.give_all(&posts);
    mail
}

#[test]
fn after_three_hundred_losses_in_a_row_a_message_and_a_reply_are_read() {
    for losses in [129, 300] {
        let mut mail = unanswered(losses, Vec::clear);
        assert_eq!(mail.read(1, 0), [""; 0]);
        let posts = mail.send(0, 1, "the first that comes");
        mail.give_all(&posts);
        let answer = mail.send(1, 0, "an answer");
        mail.give_all(&answer);
        let posts = mail.send(0, 1, "and back");
        mail.give_all(&posts);
        assert_eq!(mail.read(0, 1), ["an answer"]);
        assert_eq!(mail.read(1, 0), ["and back", "the first that comes"], "{losses} losses");
    }
}

/// The same within a conversation that stands.
#[test]
fn three_hundred_losses_within_a_conversation_are_survived() {
    let mut mail = in_turns(5, 4, |_| false);
    for text in numbered(300) {
        mail.send(0, 1, &format!("lost {text}"));
    }
    let posts = mail.send(0, 1, "one that comes");
    mail.give_all(&posts);
    let posts = mail.send(1, 0, "a reply");
    mail.give_all(&posts);
    let posts = mail.send(0, 1, "and back");
    mail.give_all(&posts);
    assert!(mail.read(0, 1).contains(&"a reply".to_owned()));
    let read = mail.read(1, 0);
    assert!(read.contains(&"one that comes".to_owned()) && read.contains(&"and back".to_owned()), "{read:?}");
}

#[test]
fn five_hundred_unanswered_messages_come_in_reverse_order() {
    let mut mail = unanswered(500, |posts| posts.reverse());
    assert_eq!(mail.read(1, 0), numbered(500));
    let posts = mail.send(1, 0, "all of them");
    mail.give_all(&posts);
    assert_eq!(mail.read(0, 1), ["all of them"]);
}

/// Both begin, their posts cross, and afterwards they agree on one session.
#[test]
fn both_begin_at_once_and_agree() {
    for seed in 0..10 {
        let mut mail = Mail::new(seed, 2);
        let mut crossing = Vec::new();
        for round in 0..3 {
            for from in 0..2 {
                mail.write(from, 1 - from, &format!("{round} of {from}"));
            }
            mail.leave();
            crossing.extend(mail.posts());
        }
        mail.give_all(&crossing);
        for round in 3..20 {
            for from in 0..2 {
                let posts = mail.send(from, 1 - from, &format!("{round:02} of {from}"));
                mail.give_all(&posts);
                // A confirmed session has one slot of ours, so only three are random; the posts stay the same in form.
                assert_eq!(posts.len(), 1);
            }
        }
        assert_eq!(mail.read(0, 1).len(), 20, "seed {seed}");
        assert_eq!(mail.read(1, 0).len(), 20, "seed {seed}");
        let best = |mail: &mut Mail, me: usize, peer: usize| {
            let pair = (mail.id(me), mail.id(peer));
            mail.sides[me].engine.best_session(pair, |session| session.bond == rows::Bond::Confirmed)
        };
        assert_eq!(best(&mut mail, 0, 1), best(&mut mail, 1, 0), "seed {seed}");
    }
}

/// Lost, late, twice, in any order, with clocks a day apart and several who write to several.
#[test]
fn what_comes_late_twice_and_in_any_order_is_read_once() {
    for seed in 0..20 {
        let mut mail = Mail::new(seed, 3);
        mail.sides[1].ahead = 86_400_000;
        let (mut under_way, mut expected) = (Vec::new(), BTreeMap::<(usize, usize), Vec<String>>::new());
        for number in 0..60 {
            let from = mail.rng.random_range(0..3);
            let to = (from + mail.rng.random_range(1..3)) % 3;
            let text = format!("{number:03}");
            let posts = mail.send(from, to, &text);
            expected.entry((to, from)).or_default().push(text);
            under_way.extend(posts);
            if mail.rng.random_ratio(1, 4) {
                let mut come = std::mem::take(&mut under_way);
                come.shuffle(&mut mail.rng);
                // An eighth is lost, and sealed again later; a fifth comes twice.
                come.retain(|_| mail.rng.random_ratio(7, 8));
                let again: Vec<Posted> =
                    come.iter().filter(|_| mail.rng.random_ratio(1, 5)).cloned().collect();
                mail.give_all(&come);
                mail.give_all(&again);
            }
        }
        for _ in 0..30 {
            mail.give_all(&std::mem::take(&mut under_way));
            mail.pass(Duration::from_hours(24));
            under_way = mail.posts();
        }
        for ((to, from), texts) in expected {
            assert_eq!(mail.read(to, from), texts, "seed {seed}, {from} to {to}");
        }
    }
}

/// A node put back from an old copy, in the middle of a conversation: nobody uses a tag twice (the bench sees to it),
/// nothing is read twice, and both go on as soon as either writes.
#[test]
fn who_was_put_back_from_a_copy_goes_on_as_soon_as_either_writes() {
    for (seed, first) in [(1, 0), (2, 1)] {
        let mut mail = in_turns(seed, 6, |_| false);
        let copy = mail.copy(0);
        for number in 0..6 {
            let from = number % 2;
            let posts = mail.send(from, 1 - from, &format!("forgotten {number}"));
            mail.give_all(&posts);
        }
        mail.put_back(0, &copy);
        // Alone it says after a while that it began anew.
        mail.posts();
        if first == 1 {
            mail.pass(Duration::from_hours(2));
            let posts = mail.posts();
            mail.give_all(&posts);
        }
        for number in 0..6 {
            let from = (number + first) % 2;
            let posts = mail.send(from, 1 - from, &format!("after {number}"));
            mail.give_all(&posts);
        }
        for side in 0..2 {
            let after =
                mail.read(side, 1 - side).into_iter().filter(|text| text.starts_with("after")).count();
            assert_eq!(after, 3, "side {side}, seed {seed}");
        }
    }
}

/// Who was put back to before a conversation hears of it again, although the session is gone with the prekey.
#[test]
fn who_lost_a_conversation_with_a_copy_reads_it_again_within_days() {
    let mut mail = Mail::new(7, 2);
    let copy = mail.copy(1);
    let posts = mail.send(0, 1, "first");
    mail.give_all(&posts);
    let posts = mail.send(1, 0, "answer");
    mail.give_all(&posts);
    mail.put_back(1, &copy);
    mail.posts();
    let posts = mail.send(0, 1, "are you there?");
    mail.give_all(&posts);
    assert_eq!(mail.read(1, 0), [""; 0]);
    for _ in 0..12 {
        mail.pass(Duration::from_hours(24));
        let posts = mail.posts();
        mail.give_all(&posts);
    }
    assert_eq!(mail.read(1, 0), ["are you there?"]);
}

/// Whatever a stranger writes, nothing leaves because of it until the person says so (P7).
#[test]
fn a_request_makes_nothing_leave_until_it_is_accepted() {
    let mut mail = Mail::new(9, 2);
    for text in ["hello", "are you there?"] {
        let posts = mail.send(0, 1, text);
        mail.give_all(&posts);
    }
    mail.posts();
    mail.pass(Duration::from_hours(24));
    assert_eq!(mail.posts().len(), 0, "a day without a word");
    let thread = mail.thread(1, 0);
    mail.command(1, Talk::Answer { thread, answer: RequestAnswer::Accept });
    mail.pass(Duration::from_hours(2));
    let posts = mail.posts();
    assert_eq!(posts.len(), 1, "one confirmation");
    mail.give_all(&posts);
    let states = mail.messages(0, 1).into_iter().map(|message| message.state);
    assert!(states.into_iter().all(|state| state == StoredDelivery::Arrived));
}

/// All 128 bytes of a slot and of the rest: whatever is changed, the message is not read, and the true one still is.
#[test]
fn copies_of_tags_and_changed_posts_cost_nothing() {
    let mut mail = in_turns(8, 4, |_| false);
    let posts = mail.send(0, 1, "true");
    // The same slots and body under another author; then only the tags are the same.
    let rewrapped = mail.wrapped_anew(&posts[0], Slots::Same);
    let squatted = mail.wrapped_anew(&posts[0], Slots::TagsOnly);
    mail.give_all(&[rewrapped, squatted]);
    assert!(!mail.read(1, 0).contains(&"true".to_owned()));
    mail.give_all(&posts);
    assert!(mail.read(1, 0).contains(&"true".to_owned()));
}

/// What was sent since a copy was made is found in the pool, whether it was sent on the chain the copy holds or on the next
/// one, and no tag is used again; everything is read in the end, once.
#[test]
fn a_machine_that_went_back_in_time_finds_its_own_posts_and_begins_anew() {
    for answers_first in [false, true] {
        let mut mail = Mail::new(9, 2);
        for (from, text) in [(0, "a"), (1, "b"), (0, "c"), (1, "d")] {
            let posts = mail.send(from, 1 - from, text);
            mail.give_all(&posts);
        }
        let copy = mail.copy(0);
        let mut pool = Vec::new();
        if answers_first {
            pool.extend(mail.send(1, 0, "e"));
            mail.give_all(&pool.clone());
        }
        let sent = mail.send(0, 1, "f");
        mail.give_all(&sent);
        pool.extend(sent);
        mail.turn_back(0, &copy, &pool);
        let life = mail.life(0, 1);
        assert!(life > 0, "it shows");
        mail.start_again(0);
        assert_eq!(mail.life(0, 1), life, "what was found once is not news");
        // The bench refuses a tag that left before.
        for (from, text) in [(0, "g"), (1, "h"), (0, "i"), (1, "j")] {
            let posts = mail.send(from, 1 - from, text);
            mail.give_all(&posts);
        }
        mail.start_again(0);
        assert_eq!(mail.life(0, 1), life, "also once both went on");
        assert_eq!(mail.read(1, 0), ["a", "c", "f", "g", "i"]);
        let of_other: &[&str] =
            if answers_first { &["b", "d", "e", "h", "j"] } else { &["b", "d", "h", "j"] };
        assert_eq!(mail.read(0, 1), of_other);
    }
}

/// Who knows our next tags can put them into the pool: that costs a beginning with this one person and nothing else.
#[test]
fn planted_tags_make_one_begin_anew_with_who_planted_them_alone() {
    let mut mail = Mail::new(10, 3);
    for (from, to) in [(0, 1), (1, 0), (0, 2), (2, 0)] {
        let posts = mail.send(from, to, "one");
        mail.give_all(&posts);
    }
    let copy = mail.copy(0);
    let next = mail.send(0, 1, "two");
    let planted = mail.wrapped_anew(&next[0], Slots::TagsOnly);
    mail.turn_back(0, &copy, &[planted]);
    assert!(mail.life(0, 1) > 0);
    assert_eq!(mail.life(0, 2), 0);
    let posts = mail.send(0, 1, "two");
    mail.give_all(&posts);
    assert_eq!(mail.read(1, 0), ["one", "two"]);
}

#[test]
fn what_lies_before_what_was_shown_stays_unread() {
    let mut mail = Mail::new(11, 2);
    for text in ["one", "two", "three"] {
        let posts = mail.send(0, 1, text);
        mail.give_all(&posts);
    }
    let thread = mail.thread(1, 0);
    let second = mail.places(1, 0)[1];
    let unread = |mail: &mut Mail| {
        let unread = mail.messages(1, 0).into_iter().filter(|message| message.is_unread).count();
        assert_eq!(mail.sides[1].engine.talks.conversations[&thread].unread, u32::try_from(unread).unwrap());
        unread
    };
    mail.command(1, Talk::Read { thread, from: Some(second), upto: second });
    assert_eq!(unread(&mut mail), 2);
    mail.command(1, Talk::Read { thread, from: Some(second), upto: Place::END });
    assert_eq!(unread(&mut mail), 1);
    mail.command(1, Talk::Read { thread, from: None, upto: Place::END });
    assert_eq!(unread(&mut mail), 0);
}

/// What was read goes after its time, what was not stays; what is gone is not new when it is sent again.
#[test]
fn messages_go_when_their_time_is_over_and_do_not_come_back() {
    let mut mail = Mail::new(11, 2);
    let mut sent = Vec::new();
    for text in ["one", "two"] {
        let posts = mail.send(0, 1, text);
        mail.give_all(&posts);
        sent.extend(posts);
    }
    let thread = mail.thread(1, 0);
    mail.command(1, Talk::Answer { thread, answer: RequestAnswer::Accept });
    let first = mail.places(1, 0)[0];
    mail.command(1, Talk::Read { thread, from: None, upto: first });
    mail.command(1, Talk::Keep { thread, keep: Keep::Days(7) });
    mail.pass(Duration::from_hours(24 * 8));
    assert_eq!(mail.read(1, 0), ["two"], "what was not read stays");
    mail.command(1, Talk::Read { thread, from: None, upto: Place::END });
    mail.pass(Duration::from_hours(2));
    assert!(mail.read(1, 0).is_empty());
    let key = DataKey::from_secret(&[7; 32]);
    let gone = |mail: &mut Mail| {
        let rows = mail.sides[1].database.read::<_, DbError>(|read| load_all::<rows::Gone>(read, &key));
        rows.unwrap().len()
    };
    assert_eq!(gone(&mut mail), 2);
    let preview = mail.sides[1].engine.talks.conversations[&thread].preview.clone();
    assert_eq!(preview, None);
    // What was not confirmed is sealed again.
    for _ in 0..4 {
        mail.pass(Duration::from_hours(24));
        let posts = mail.posts();
        let (of_writer, _): (Vec<_>, Vec<_>) = posts.into_iter().partition(|posted| posted.from == 0);
        sent.extend(of_writer);
    }
    assert!(sent.len() > 2, "it was sealed again");
    mail.give_all(&sent);
    assert!(mail.read(1, 0).is_empty(), "it is not new");
    mail.pass(crate::limits::GONE_REMEMBERED + Duration::from_hours(48));
    assert_eq!(gone(&mut mail), 0, "in the end that is forgotten, too");
}

/// Nothing of one's own goes before it is known what became of it; what is more than one step looks at goes in several.
#[test]
fn own_messages_stay_until_they_arrived_or_are_given_up() {
    let mut mail = Mail::new(12, 2);
    let thread = mail.thread(0, 1);
    for number in 0..120 {
        mail.write(0, 1, &format!("{number:03}"));
    }
    mail.command(0, Talk::Keep { thread, keep: Keep::None });
    mail.pass(Duration::from_hours(24 * 30));
    assert_eq!(mail.messages(0, 1).len(), 120, "nobody confirmed them");
    mail.pass(Duration::from_hours(24 * 3));
    assert!(mail.messages(0, 1).is_empty(), "they were given up");
}

/// What was deleted before it left waits for nobody: what is left of it goes, and what is still to be sent stays.
#[test]
fn what_was_deleted_before_it_left_goes_when_its_time_is_over() {
    let mut mail = Mail::new(14, 2);
    let thread = mail.thread(0, 1);
    for text in ["better not", "hello"] {
        mail.write(0, 1, text);
    }
    let (from, message_id) = (mail.id(0), mail.messages(0, 1)[0].message_id);
    mail.command(0, Talk::Delete { thread, message: MessageKey { from, message_id } });
    mail.command(0, Talk::Keep { thread, keep: Keep::None });
    mail.pass(Duration::from_mins(30));
    assert_eq!(mail.posts().len(), 1, "it never leaves");
    assert_eq!(mail.messages(0, 1).len(), 2, "its time is not over");
    mail.pass(Duration::from_hours(2));
    let left: Vec<String> = mail.messages(0, 1).into_iter().map(|message| message.text).collect();
    assert_eq!(left, ["hello"]);
}

/// A store that went back without leaving a trace has lost the other side: after three slots that do not fit, the next
/// message begins anew, and both read each other again.
#[test]
fn who_cannot_read_what_comes_begins_anew_with_the_next_message() {
    let mut mail = Mail::new(13, 2);
    for (from, text) in [(0, "a"), (1, "b")] {
        let posts = mail.send(from, 1 - from, text);
        mail.give_all(&posts);
    }
    let copy = mail.copy(1);
    let heard = mail.send(0, 1, "c");
    mail.give_all(&heard);
    // On a key the copy will not have.
    let answer = mail.send(1, 0, "d");
    mail.give_all(&answer);
    mail.turn_back(1, &copy, &heard);
    assert_eq!((mail.read(1, 0), mail.life(1, 0)), (vec!["a".to_owned(), "c".to_owned()], 0));
    for text in ["e", "f", "g"] {
        let posts = mail.send(0, 1, text);
        mail.give_all(&posts);
    }
    assert_eq!(mail.read(1, 0), ["a", "c"]);
    for (from, text) in [(1, "h"), (0, "i"), (1, "j")] {
        let posts = mail.send(from, 1 - from, text);
        mail.give_all(&posts);
    }
    assert_eq!(
        (mail.read(0, 1), mail.read(1, 0)),
        (
            vec!["b".to_owned(), "d".to_owned(), "h".to_owned(), "j".to_owned()],
            vec!["a".to_owned(), "c".to_owned(), "i".to_owned()]
        )
    );
    for _ in 0..5 {
        mail.pass(Duration::from_hours(24));
        let posts = mail.posts();
        mail.give_all(&posts);
    }
    assert_eq!(mail.read(1, 0), ["a", "c", "e", "f", "g", "i"], "what could not be read comes again");
}
