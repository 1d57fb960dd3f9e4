//! A whole engine talks with the second implementation (`tests/second`), which was written from PROTOCOL.md alone: what
//! one seals the other opens, in whatever order it comes and whoever begins.

mod contacts;
mod kinds;
mod order;

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
        self.does(Talk::Send { thread, text, quote: None, draft: None })
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
        let key = self.bench.engine.talks.key().unwrap();
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
