//! A whole engine talks with the second implementation (`tests/second`), which was written from PROTOCOL.md alone: what
//! one seals the other opens, in whatever order it comes and whoever begins.

use std::collections::{BTreeSet, VecDeque};

use super::rows::{Message, StoredDelivery, Strength, message_name, open_message};
use super::*;
use crate::api::{Command, MessageKey, Outcome, RequestAnswer, Talk};
use crate::crypto::second::dice::Dice;
use crate::crypto::second::first_contact;
use crate::crypto::second::inner::{
    Beginning as Begins, Inner as Insides, Said as Says, thread as thread_of,
};
use crate::crypto::second::person::{Person, Taken};
use crate::crypto::second::post::{Post, SlotKeys as Slot, seal};
use crate::crypto::second::primitives::{agreement_key, posting_id, public};
use crate::crypto::second::profile::{prekey_of, publish};
use crate::crypto::second::session::begin;
use crate::domain::address::PeerAddress;
use crate::domain::envelope::{Envelope, Kind, Object};
use crate::domain::ids::NetworkId;
use crate::domain::operation::ReactionSwitch;
use crate::limits::CHAIN_LENGTH;
use crate::node::engine::answer::Checked;
use crate::node::engine::tests::{Bench, NOW, key};
use crate::node::engine::{CallId, ConnectionId, Direction, Effect, HandOver, Input, ReplyId};
use crate::node::wire::{Epoch, Hello, Message as Frame, Stage};

const SECOND: Duration = Duration::from_secs(1);
const CONNECTION: ConnectionId = ConnectionId(1);
const SEED: [u8; 32] = [0x5e; 32];
const PREKEY: [u8; 32] = [0x9e; 32];
const NAME: &str = "bea";

/// What the two know of each other before the first word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// The profile of the other, with a prekey.
    Profiles,
    /// The posting id alone.
    Ids,
}

/// An engine and the second implementation.
struct Two {
    bench: Bench,
    now: Timestamp,
    me: PostingId,
    thread: ConversationId,
    /// What the engine handed over and nobody took yet.
    sealed: VecDeque<Post>,
    handed: BTreeSet<ObjectId>,
    other: Person,
    dice: Dice,
}

impl Two {
    fn new(known: Known) -> Self {
        let bench = Bench::new(&[key(1)]);
        let me = key(1).posting_id();
        let day = crate::domain::sealed::day_of(NOW);
        let other = Person::new(SEED, NAME, Some((PREKEY, day)));
        let thread = ThreadId::between(me, PostingId::from_bytes(other.id()));
        let mut two = Self {
            bench,
            now: NOW,
            me,
            thread: ConversationId::of(me, thread),
            sealed: VecDeque::new(),
            handed: BTreeSet::new(),
            other,
            dice: Dice::new("an engine and the second implementation"),
        };
        two.meet();
        if known == Known::Profiles {
            two.exchange_profiles(day);
        }
        two
    }

    /// A greeted peer, to whom what is sealed is handed.
    fn meet(&mut self) {
        let (peer, direction) = (NetworkId::from_bytes([2; 32]), Direction::Outbound);
        let address = PeerAddress::of(peer);
        self.take(Input::Connected { connection: CONNECTION, peer, direction, address });
        let hello = Hello { epoch: Epoch([1; 16]), features: 0, minute: self.now.as_minutes() };
        let (reply, message) = (ReplyId(1), Frame::Hello(hello));
        self.take(Input::RequestReceived { connection: CONNECTION, reply, message });
        self.bench.engine.looked_at_pool();
    }

    /// The engine follows the other, whose profile comes, and the other reads that of the engine's persona.
    fn exchange_profiles(&mut self, day: u32) {
        let target = self.id().to_string();
        self.command(Command::Follow { target, persona: None });
        let made = publish(&SEED, NOW.as_millis(), NAME, &(public(&PREKEY), day));
        let (bytes, signature) = made.unwrap();
        let envelope = Envelope { kind: Kind::Profile, bytes, signature };
        self.bench.takes_in(vec![Object::verify(envelope).unwrap()]);
        let me = self.me;
        let envelope = self.bench.database.read(|read| {
            let id = read.find_profile_id(me)?.unwrap();
            Ok::<_, DbError>(read.find_servable(id)?.unwrap())
        });
        let Envelope { bytes, signature, .. } = envelope.unwrap();
        let (prekey, day) = prekey_of(me.as_bytes(), &bytes, &signature).unwrap();
        self.other.learn_prekey(me.as_bytes(), prekey, day);
    }

    fn id(&self) -> PostingId {
        PostingId::from_bytes(self.other.id())
    }

    /// The engine takes this in; what it hands over is noted once, however often it goes to how many.
    fn take(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = self.bench.take_at(self.now, input);
        let mut next = 0;
        while let Some(effect) = effects.get(next) {
            next += 1;
            let Effect::PushSealed { id, push, .. } = effect else { continue };
            let (id, push) = (*id, push.clone());
            if self.handed.insert(id) {
                assert_eq!(push.stage, Stage::Stem, "what is made here leaves over the stem");
                let Envelope { bytes, signature, .. } = push.item.into_envelope().unwrap();
                self.sealed.push_back(Post { bytes, signature });
            }
            let taken = Input::SealedHanded { id, end: HandOver::Taken };
            effects.extend(self.bench.take_at(self.now, taken));
        }
        effects
    }

    fn command(&mut self, command: Command) -> Outcome {
        let effects = self.take(Input::CommandReceived { call: CallId(99), command });
        let outcome = effects.into_iter().find_map(|effect| match effect {
            Effect::Answer { outcome, .. } => Some(outcome),
            _ => None,
        });
        outcome.unwrap().unwrap()
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        while self.now < end {
            self.now = self.now.after(SECOND);
            self.take(Input::TimePassed);
        }
    }

    fn open(&mut self) {
        let (people, persona) = (vec![self.id()], Some(self.me));
        self.command(Command::Talk(Talk::Open { people, persona }));
    }

    /// The engine's persona says something.
    fn does(&mut self, talk: Talk) -> MessageId {
        match self.command(Command::Talk(talk)) {
            Outcome::Message(stored) => stored.message_id,
            other => panic!("{other:?}"),
        }
    }

    fn says(&mut self, text: &str) -> MessageId {
        let (thread, text) = (self.thread, text.to_owned());
        self.does(Talk::Send { thread, text, quote: None })
    }

    /// The next post the engine hands over.
    fn post(&mut self) -> Post {
        for _ in 0..130 {
            if let Some(post) = self.sealed.pop_front() {
                return post;
            }
            self.pass(SECOND);
        }
        panic!("nothing was sealed");
    }

    /// What the other makes of the next post.
    fn hears(&mut self) -> Taken {
        let post = self.post();
        self.other.take(&post, &mut self.dice).expect("the second implementation opens it")
    }

    /// The other says something; it does not leave yet.
    fn answers(&mut self, said: Says) -> (Post, MessageId) {
        let me = *self.me.as_bytes();
        let (post, id) = self.other.write(&me, said, self.now.as_millis(), &mut self.dice).unwrap();
        (post, MessageId::from_bytes(id))
    }

    fn answers_text(&mut self, text: &str) -> (Post, MessageId) {
        self.answers(Says::Text(text.to_owned(), None))
    }

    /// A post reaches the engine's pool.
    fn arrives(&mut self, post: &Post) {
        let Post { bytes, signature } = post.clone();
        let object = Object::verify(Envelope { kind: Kind::Sealed, bytes, signature }).unwrap();
        let (connection, post) = (CONNECTION, Box::new(Checked::Object(object)));
        self.take(Input::SealedPushed { connection, stage: Stage::Spread, post });
    }

    /// The same, and it is looked at.
    fn gets(&mut self, post: &Post) {
        self.arrives(post);
        self.pass(SECOND * 6);
    }

    /// A message as the engine keeps it.
    fn find(&mut self, from: PostingId, id: MessageId) -> Option<Message> {
        let key = Arc::clone(&self.bench.engine.talks.key);
        let name = message_name(&key, self.thread, from, id);
        let stored = self.bench.database.read(|read| read.find_message(&name)).unwrap();
        stored.map(|stored| open_message(&key, &stored.name, &stored.value).unwrap())
    }

    /// What the engine keeps of a message of the other.
    fn read(&mut self, id: MessageId) -> Option<String> {
        self.find(self.id(), id).map(|message| message.text)
    }

    /// With what the engine began its sessions that wait for an answer.
    fn begun_with(&self) -> Vec<Strength> {
        let sessions = self.bench.engine.talks.sessions.values();
        sessions.filter_map(|session| session.contact).map(|contact| contact.strength).collect()
    }

    /// One message each way.
    fn greet(&mut self) {
        self.open();
        self.says("hello");
        self.hears();
        let (post, id) = self.answers_text("hello yourself");
        self.gets(&post);
        assert_eq!(self.read(id).unwrap(), "hello yourself");
    }
}

fn text_of(taken: &Taken) -> &str {
    match &taken.inner.said {
        Says::Text(text, _) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hundred_alternating_messages_are_read_by_the_other_and_every_key_is_fresh() {
    let mut two = Two::new(Known::Profiles);
    two.open();
    let mut keys = BTreeSet::new();
    for turn in 0..50 {
        two.says(&format!("message {turn}"));
        let taken = two.hears();
        assert_eq!(text_of(&taken), format!("message {turn}"));
        assert!(keys.insert(taken.key), "the engine's key of turn {turn}");
        let own = two.other.own_key(two.me.as_bytes()).unwrap();
        assert!(keys.insert(own), "the second implementation's key of turn {turn}");
        let text = format!("answer {turn}");
        let (post, id) = two.answers_text(&text);
        two.gets(&post);
        assert_eq!(two.read(id), Some(text));
    }
    assert_eq!(keys.len(), 100);
    let me = *two.me.as_bytes();
    assert_eq!(two.other.session_count(&me), 1, "all of it on one session");
}

#[test]
fn a_first_contact_is_recognised_whoever_begins_and_whatever_is_known() {
    for (known, strength) in [(Known::Profiles, Strength::Fresh), (Known::Ids, Strength::Weak)] {
        let mut two = Two::new(known);
        two.open();
        two.says("first");
        let taken = two.hears();
        assert_eq!((text_of(&taken), two.begun_with()), ("first", vec![strength]));
        assert_eq!(taken.from, *two.me.as_bytes(), "proven to be the engine's persona");
        let beginning = taken.inner.beginning.unwrap();
        assert_eq!((beginning.name.as_str(), beginning.life, beginning.your_life), ("ana", 0, 0));
        assert!(beginning.prekey.is_some(), "the engine's persona has a prekey");
        // The first is as good as lost: what follows brings the session too.
        let (mut late, mut second) = (Two::new(known), None);
        late.open();
        late.says("lost");
        late.post();
        late.says("second");
        second.replace(late.hears());
        assert_eq!(text_of(&second.unwrap()), "second");

        let mut two = Two::new(known);
        let (lost, _) = two.answers_text("lost");
        let (post, id) = two.answers_text("from a stranger or not");
        two.gets(&post);
        assert_eq!(two.read(id).unwrap(), "from a stranger or not");
        two.gets(&lost);
        let answer = RequestAnswer::Accept;
        two.command(Command::Talk(Talk::Answer { thread: two.thread, answer }));
        two.says("welcome");
        let taken = two.hears();
        assert_eq!(
            (text_of(&taken), &taken.inner.beginning),
            ("welcome", &None),
            "it answers on that session"
        );
        assert_eq!(taken.inner.confirmations.len(), 2);
        let me = *two.me.as_bytes();
        assert!(two.other.is_confirmed(&me, id.as_bytes()));
    }
}

#[test]
fn lost_late_and_doubled_posts_of_the_second_implementation_are_read_once() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let sent: Vec<(Post, MessageId)> = (0..12).map(|n| two.answers_text(&format!("number {n}"))).collect();
    for index in [7, 2, 11, 2, 0, 5, 4, 9, 1, 8, 10] {
        two.gets(&sent[index].0);
    }
    // A new chain of both, then what stayed behind on the old one.
    two.says("turn");
    two.hears();
    let (turned, id) = two.answers_text("turned");
    two.gets(&turned);
    assert_eq!(two.read(id).unwrap(), "turned");
    two.gets(&sent[6].0);
    for (index, (_, id)) in sent.iter().enumerate() {
        let expected = (index != 3).then(|| format!("number {index}"));
        assert_eq!(two.read(*id), expected, "message {index}");
    }
}

#[test]
fn lost_and_late_posts_of_the_engine_are_read() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let texts: Vec<String> = (0..9).map(|n| format!("number {n}")).collect();
    let mut posts = Vec::new();
    for text in &texts {
        two.says(text);
        posts.push(two.post());
    }
    let hear = |two: &mut Two, index: usize| {
        let taken = two.other.take(&posts[index], &mut two.dice).unwrap();
        assert_eq!(text_of(&taken), texts[index]);
    };
    for index in [8, 0, 4, 2, 7] {
        hear(&mut two, index);
    }
    assert!(two.other.take(&posts[4], &mut two.dice).is_none(), "the same post a second time");
    let (post, _) = two.answers_text("turn");
    two.gets(&post);
    two.says("turned");
    assert_eq!(text_of(&two.hears()), "turned");
    for index in [6, 1, 5] {
        hear(&mut two, index);
    }
}

#[test]
fn both_may_begin_at_once_and_end_on_one_session() {
    for known in [Known::Profiles, Known::Ids] {
        let mut two = Two::new(known);
        two.open();
        two.says("crossing");
        let crossing = two.post();
        two.now = two.now.after(SECOND);
        let (post, id) = two.answers_text("crossing too");
        two.gets(&post);
        assert_eq!(two.read(id).unwrap(), "crossing too");
        let taken = two.other.take(&crossing, &mut two.dice).unwrap();
        assert_eq!(text_of(&taken), "crossing");
        let me = *two.me.as_bytes();
        assert_eq!(two.other.session_count(&me), 2);
        for turn in 0..6 {
            two.says(&format!("after {turn}"));
            let taken = two.hears();
            assert_eq!(text_of(&taken), format!("after {turn}"));
            assert_eq!(taken.inner.beginning, None, "on the session that was begun last");
            let (post, id) = two.answers_text(&format!("so {turn}"));
            two.gets(&post);
            assert_eq!(two.read(id).unwrap(), format!("so {turn}"));
        }
        assert_eq!(two.other.session_count(&me), 2, "no third session");
        let own = two.other.own_key(&me).unwrap();
        two.says("the last");
        assert_ne!(two.hears().key, own);
        let newer = two.other.own_key(&me).unwrap();
        assert_ne!(newer, own, "both send on the same session, whose keys turn");
    }
}

#[test]
fn the_size_of_a_post_follows_from_its_text_on_both_sides() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    for (bytes, size) in [(830, 2_048), (831, 8_192), (6_974, 8_192), (6_975, 32_768)] {
        let text = "x".repeat(bytes);
        two.says(&text);
        let post = two.post();
        assert_eq!(post.bytes.len() + 64, size, "{bytes} bytes of text");
        assert_eq!(post.day(), crate::domain::sealed::day_of(two.now));
        let taken = two.other.take(&post, &mut two.dice).unwrap();
        assert_eq!(text_of(&taken), text);
        let (post, id) = two.answers_text(&text);
        assert_eq!(post.bytes.len() + 64, size, "{bytes} bytes of text of the other");
        two.gets(&post);
        assert_eq!(two.read(id), Some(text));
    }
}

#[test]
fn every_kind_of_the_engine_is_understood() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let (post, theirs) = two.answers_text("quote me");
    two.gets(&post);
    let (thread, me) = (two.thread, *two.me.as_bytes());
    let quote = MessageKey { from: two.id(), message_id: theirs };
    let meant = (two.other.id(), *theirs.as_bytes());
    let mine = two.does(Talk::Send { thread, text: "quoting".to_owned(), quote: Some(quote) });
    let taken = two.hears();
    assert_eq!(taken.inner.message, *mine.as_bytes());
    assert_eq!(taken.inner.said, Says::Text("quoting".to_owned(), Some(meant)));
    assert_eq!(taken.inner.sent_ms / 60_000, two.now.as_millis() / 60_000, "the time it was written");
    assert!(two.other.is_confirmed(&me, theirs.as_bytes()));
    let emoji = || "👍".to_owned();
    for (switch, on) in [(ReactionSwitch::On, true), (ReactionSwitch::Off, false)] {
        two.does(Talk::React { thread, message: quote, emoji: emoji(), switch });
        assert_eq!(two.hears().inner.said, Says::Reaction(meant, emoji(), on));
    }
    let message = MessageKey { from: two.me, message_id: mine };
    two.does(Talk::Edit { thread, message, text: "quoted".to_owned() });
    assert_eq!(two.hears().inner.said, Says::Edit(*mine.as_bytes(), "quoted".to_owned()));
    two.does(Talk::Delete { thread, message });
    assert_eq!(two.hears().inner.said, Says::Deletion(*mine.as_bytes()));
}

#[test]
fn every_kind_of_the_second_implementation_is_understood() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let mine = two.says("mine");
    two.hears();
    let meant = (*two.me.as_bytes(), *mine.as_bytes());
    let (post, quoting) = two.answers(Says::Text("quoting".to_owned(), Some(meant)));
    two.gets(&post);
    let kept = two.find(two.id(), quoting).unwrap();
    assert_eq!((kept.text.as_str(), kept.quote), ("quoting", Some((two.me, mine))));
    for on in [true, false] {
        let (post, _) = two.answers(Says::Reaction(meant, "👍".to_owned(), on));
        two.gets(&post);
        let reactions = two.find(two.me, mine).unwrap().reactions;
        let found: Vec<_> = reactions.iter().map(|one| (one.from, one.emoji.as_str(), one.is_on)).collect();
        assert_eq!(found, [(two.id(), "👍", on)]);
    }
    let (post, _) = two.answers(Says::Edit(*quoting.as_bytes(), "quoted".to_owned()));
    two.gets(&post);
    let kept = two.find(two.id(), quoting).unwrap();
    assert_eq!((kept.text.as_str(), kept.edited.is_some()), ("quoted", true));
    let (post, _) = two.answers(Says::Deletion(*quoting.as_bytes()));
    two.gets(&post);
    let kept = two.find(two.id(), quoting).unwrap();
    assert_eq!((kept.text.as_str(), kept.is_deleted), ("", true));
    // Somebody else's message is not deleted by that.
    let (post, _) = two.answers(Says::Deletion(*mine.as_bytes()));
    two.gets(&post);
    assert!(!two.find(two.me, mine).unwrap().is_deleted);
}

#[test]
fn confirmations_count_on_both_sides_with_a_message_and_alone() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let me = *two.me.as_bytes();
    let mine = two.says("is it there?");
    two.hears();
    assert!(matches!(two.find(two.me, mine).unwrap().state, StoredDelivery::Sent { .. }));
    let (post, theirs) = two.answers(Says::Nothing);
    two.gets(&post);
    assert_eq!(two.find(two.me, mine).unwrap().state, StoredDelivery::Arrived);
    assert_eq!(two.read(theirs), None, "a confirmation is no message");
    let (post, theirs) = two.answers_text("and mine?");
    two.gets(&post);
    assert!(!two.other.is_confirmed(&me, theirs.as_bytes()));
    two.pass(Duration::from_mins(62));
    let taken = two.hears();
    assert_eq!(taken.inner.said, Says::Nothing, "nobody wrote, so it is confirmed alone");
    assert!(two.other.is_confirmed(&me, theirs.as_bytes()));
    assert!(two.sealed.is_empty(), "a confirmation is not confirmed");
}

#[test]
fn seventy_unanswered_messages_go_over_two_sessions_and_are_all_read() {
    let count = CHAIN_LENGTH + 6;
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let me = *two.me.as_bytes();
    let sessions = two.other.session_count(&me);
    for number in 0..count {
        two.says(&format!("number {number}"));
        assert_eq!(text_of(&two.hears()), format!("number {number}"));
    }
    assert_eq!(two.other.session_count(&me), sessions + 1, "the engine began one more");

    let mut two = Two::new(Known::Ids);
    let sent: Vec<_> = (0..count).map(|number| two.answers_text(&format!("number {number}"))).collect();
    assert_eq!(two.other.session_count(&me), 2, "the second implementation began two");
    sent.iter().rev().for_each(|(post, _)| two.arrives(post));
    two.pass(SECOND * 20);
    for (number, (_, id)) in sent.iter().enumerate() {
        assert_eq!(two.read(*id), Some(format!("number {number}")));
    }
}

#[test]
fn who_was_put_back_from_a_copy_is_answered_on_a_session_of_its_new_life() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let me = *two.me.as_bytes();
    two.other.restore(two.now.as_millis());
    let (post, id) = two.answers_text("I was away");
    two.gets(&post);
    assert_eq!((two.read(id).unwrap().as_str(), two.other.session_count(&me)), ("I was away", 2));
    two.says("welcome back");
    let taken = two.hears();
    assert_eq!(
        (text_of(&taken), &taken.inner.beginning),
        ("welcome back", &None),
        "on the session just begun"
    );
    assert_eq!(two.other.session_count(&me), 2);

    // The other way round: the engine's store is put back.
    two.bench
        .database
        .transaction(crate::db::Durability::Normal, |batch| {
            batch.step(|store| store.update_epoch_secret(&[5; 32]))
        })
        .unwrap();
    two.bench.restart();
    two.bench.engine.keys.insert(two.me, key(1));
    two.meet();
    two.says("so was I");
    let taken = two.hears();
    let beginning = taken.inner.beginning.clone().expect("a session of its own");
    assert_eq!((text_of(&taken), beginning.life > 0, beginning.your_life > 0), ("so was I", true, true));
    let (post, id) = two.answers_text("welcome back to you");
    two.gets(&post);
    assert_eq!(two.read(id).unwrap(), "welcome back to you");
    assert_eq!(two.begun_with(), [], "it was answered on that session");
}

#[test]
fn what_is_sealed_anew_is_the_same_message() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let id = two.says("nobody confirms this");
    let first = two.post();
    two.now = two.now.after(Duration::from_hours(24 * 3 + 13));
    let again = two.post();
    assert_ne!(first.author(), again.author());
    let (late, early) = (two.other.take(&again, &mut two.dice), two.other.take(&first, &mut two.dice));
    let (late, early) = (late.unwrap(), early.unwrap());
    assert_eq!((late.inner.message, late.is_again), (*id.as_bytes(), false));
    assert_eq!((early.inner.message, early.is_again), (*id.as_bytes(), true));
    assert_eq!((late.inner.sent_ms, late.inner.said), (early.inner.sent_ms, early.inner.said));

    let me = *two.me.as_bytes();
    let (post, message) = two.answers_text("twice");
    two.gets(&post);
    let said = Says::Text("twice, and not the same".to_owned(), None);
    let now = two.now.as_millis();
    let again = two.other.write_as(&me, *message.as_bytes(), said, now, &mut two.dice).unwrap();
    two.gets(&again);
    assert_eq!(two.read(message).unwrap(), "twice", "a message that is here is not written over");
}

/// What is made wrong about a first contact before it is sealed.
type Change = Box<dyn Fn(&mut Insides, &mut Vec<Slot>)>;

/// Whether the engine reads a first contact of this stranger, made by hand and changed before it is sealed.
fn is_read(two: &mut Two, seed: [u8; 32], change: impl Fn(&mut Insides, &mut Vec<Slot>)) -> bool {
    let (me, stranger) = (*two.me.as_bytes(), posting_id(&seed));
    let prekey = agreement_key(&me).unwrap();
    let shared = begin(&seed, &me, &prekey, &seed).unwrap();
    let mut ratchet = shared.first(&prekey, [0x77; 32]).unwrap();
    let draws = two.dice.draws();
    let contact = first_contact::slot(&draws.author, &seed, &me, &prekey).unwrap();
    let mut slots = vec![ratchet.send().unwrap(), contact];
    let (stamp, name) = (two.now.as_millis(), "mallory".to_owned());
    let beginning = Begins { ek: public(&seed), stamp, life: 0, your_life: 0, name, prekey: None };
    let mut inner = Insides {
        message: [7; 16],
        thread: thread_of(&me, &stranger),
        sent_ms: stamp,
        confirmations: Vec::new(),
        beginning: Some(beginning),
        said: Says::Text("made by hand".to_owned(), None),
    };
    change(&mut inner, &mut slots);
    let day = crate::domain::sealed::day_of(two.now);
    let post = seal(&draws, day, 2_048, &slots, &inner.encode().unwrap()).unwrap();
    two.gets(&post);
    let from = PostingId::from_bytes(stranger);
    two.thread = ConversationId::of(two.me, ThreadId::between(two.me, from));
    two.find(from, MessageId::from_bytes([7; 16])).is_some()
}

#[test]
fn a_first_contact_that_is_not_as_the_page_says_is_not_read() {
    let mut two = Two::new(Known::Ids);
    assert!(is_read(&mut two, [0x40; 32], |_, _| {}), "as it has to be");
    let reserved = |_: &mut Insides, slots: &mut Vec<Slot>| {
        for slot in slots {
            slot.header[40..].fill(0xff);
        }
    };
    assert!(is_read(&mut two, [0x41; 32], reserved), "what is not looked at");
    let in_two_days = i64::try_from(Duration::from_hours(48).as_millis()).unwrap();
    let wrong: [(&str, Change); 8] = [
        ("another thread", Box::new(|inner, _| inner.thread[0] ^= 1)),
        ("no beginning", Box::new(|inner, _| inner.beginning = None)),
        ("another ek", Box::new(|inner, _| inner.beginning.as_mut().unwrap().ek = public(&[0x78; 32]))),
        (
            "a stamp far ahead",
            Box::new(move |inner, _| inner.beginning.as_mut().unwrap().stamp += in_two_days + 60_000),
        ),
        (
            "a name without bounds",
            Box::new(|inner, _| inner.beginning.as_mut().unwrap().name = "x".repeat(65)),
        ),
        ("a number that is not the tag's", Box::new(|_, slots| slots[0].header[36] ^= 1)),
        ("a prekey id that is not the tag's", Box::new(|_, slots| slots[1].header[32] ^= 1)),
        ("no slot of the session", Box::new(|_, slots| *slots = slots.split_off(1))),
    ];
    for (number, (name, change)) in (0x42_u8..).zip(wrong) {
        assert!(!is_read(&mut two, [number; 32], change), "{name}");
    }
}
