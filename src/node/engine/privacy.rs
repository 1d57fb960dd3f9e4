//! What leaves a node, seen by somebody who hears all of it: the invariants P1, P2, P4 and P5 of THREATS.md.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::answer::epoch_for;
use super::interest::InterestList;
use super::*;
use crate::api::{Command, Outcome};
use crate::api::{DraftSlot, ReadMark};
use crate::db::{Database, Durability};
use crate::domain::ids::ObjectId;
use crate::domain::invite::Invite;
use crate::limits::NEWS_SPACING;
use crate::node::wire::{Decoded, Hello, TopicId};
use crate::node::wire::{Epoch, Message};

const NAMES: [&str; 2] = ["Quetzalcoatlus", "Zephyrine"];
const HINT: &str = "Hintikka";
const DRAFT: &str = "an unfinished thought";
const POST: &str = "a finished thought";
const START: Timestamp = Timestamp::from_millis(1_795_356_120_000);

fn peer(number: u8) -> NetworkId {
    NetworkId::from_bytes([number; 32])
}

/// Somebody to be followed.
fn stranger(seed: u64) -> PostingId {
    PostingKey::generate(&mut StdRng::seed_from_u64(seed)).posting_id()
}

/// A node without network, and everything it said to peers.
struct Overheard {
    database: Database,
    engine: Engine,
    rng: StdRng,
    now: Timestamp,
    said: Vec<(ConnectionId, Message)>,
    personas: Vec<PostingId>,
    posts: Vec<ObjectId>,
    last_request: RequestId,
}

impl Overheard {
    fn new(seed: u64) -> Self {
        let mut database = Database::in_memory(&[9; 32]).unwrap();
        let setup = Setup {
            data_key: Some(std::sync::Arc::new(crate::crypto::data_key::DataKey::from_secret(&[7; 32]))),
            network_id: peer(1),
            keys: Vec::new(),
            connections: crate::limits::CONNECTIONS,
            quotas: Quotas::default(),
            exchange: crate::node::engine::Exchange::default(),
            decoys_per_hour: 0,
            faults: Faults::default(),
        };
        let engine = database.read(|read| Engine::load(read, &setup)).unwrap();
        let rng = StdRng::seed_from_u64(seed);
        let (said, personas, posts) = (Vec::new(), Vec::new(), Vec::new());
        let last_request = RequestId(0);
        let mut node = Self { database, engine, rng, now: START, said, personas, posts, last_request };
        node.hears(Input::Started);
        node
    }

    /// One step; what it says is kept.
    fn hears(&mut self, input: Input) -> Vec<Effect> {
        let Self { database, engine, rng, now, .. } = self;
        let step = |batch: &crate::db::Batch<'_>| batch.step(|store| engine.handle(store, *now, rng, input));
        let effects = database.transaction(Durability::Normal, step).unwrap();
        for effect in &effects {
            if let Effect::Request { request, message, .. } = effect
                && !matches!(message, Message::Link(_))
            {
                self.last_request = *request;
            }
            let said = match effect {
                Effect::Request { connection, message, .. } | Effect::Push { connection, message } => {
                    Some((*connection, message.clone()))
                }
                Effect::Pull { connection, pull, .. } => Some((*connection, Message::Pull(pull.clone()))),
                Effect::Reply { message, .. } => Some((ConnectionId(0), message.clone())),
                _ => None,
            };
            self.said.extend(said);
        }
        effects
    }

    fn commands(&mut self, command: Command) -> Outcome {
        let effects = self.hears(Input::CommandReceived { call: CallId(1), command });
        Self::outcome(effects)
    }

    fn outcome(effects: Vec<Effect>) -> Outcome {
        let answers = effects.into_iter().find_map(|effect| match effect {
            Effect::Answer { outcome, .. } => Some(outcome.unwrap()),
            _ => None,
        });
        answers.unwrap()
    }

    fn with_persona(&mut self, name: &str) -> PostingId {
        let key = Arc::new(PostingKey::generate(&mut self.rng));
        self.personas.push(key.posting_id());
        let name = name.to_owned();
        let effects = self.hears(Input::PersonaRequested { call: CallId(1), name, key: Arc::clone(&key) });
        assert!(matches!(Self::outcome(effects), Outcome::PersonaCreated(_)));
        key.posting_id()
    }

    fn follows(&mut self, persona: PostingId, posting_id: PostingId) {
        let invite = Invite { posting_id, name_hint: HINT.to_owned(), addresses: Vec::new() };
        self.commands(Command::Follow { target: invite.format(), persona: Some(persona) });
    }

    fn publishes(&mut self, persona: PostingId) -> ObjectId {
        self.now = self.now.after(NEWS_SPACING);
        let text = format!("{POST} {}", self.posts.len());
        let command = Command::PublishPost { persona: Some(persona), text, draft: None };
        let Outcome::PostPublished(id) = self.commands(command) else { unreachable!("a post was published") };
        self.posts.push(id);
        id
    }

    /// A connection we open, up to the first pull.
    fn connects(&mut self, number: u64, to: NetworkId) {
        let connection = ConnectionId(number);
        let address = PeerAddress::of(to);
        let direction = Direction::Outbound;
        self.hears(Input::Connected { connection, peer: to, direction, address });
        let hello = Message::Hello(Hello { epoch: Epoch([5; 16]), features: 0, minute: START.as_minutes() });
        self.is_answered(connection, hello);
        let hash = self.engine.interest.list.hash(peer(1), to);
        self.is_answered(connection, Message::InterestAccepted(hash));
    }

    /// The last request is answered by this.
    fn is_answered(&mut self, connection: ConnectionId, message: Message) {
        let request = self.last_request;
        self.hears(Input::Answered { connection, request, message: Some(message) });
    }

    /// What was said, as bytes.
    fn frames(&self) -> Vec<Vec<u8>> {
        self.said.iter().map(|(_, message)| crate::node::wire::encode_frame(message)).collect()
    }

    fn lists(&self) -> Vec<Vec<PostingId>> {
        let list = |message: &Message| match message {
            Message::SetInterest(ids) => Some(ids.clone()),
            _ => None,
        };
        self.said.iter().filter_map(|(_, message)| list(message)).collect()
    }
}

fn holds(frame: &[u8], part: &[u8]) -> bool {
    frame.windows(part.len()).any(|window| window == part)
}

/// A node with two personas, follows, a draft, a read mark, posts, and two connections that heard it all.
fn a_whole_life() -> Overheard {
    let mut node = Overheard::new(7);
    let (ana, work) = (node.with_persona(NAMES[0]), node.with_persona(NAMES[1]));
    node.follows(ana, stranger(101));
    node.follows(work, stranger(102));
    node.follows(work, stranger(101));
    node.commands(Command::SaveDraft { slot: DraftSlot::NewPost, text: DRAFT.to_owned() });
    node.connects(1, peer(2));
    let asked = [Message::Hello(Hello { epoch: Epoch([6; 16]), features: 0, minute: 0 })];
    let subscribed = [Message::SetInterest(vec![ana, work])];
    for message in asked.into_iter().chain(subscribed) {
        node.hears(Input::RequestReceived { connection: ConnectionId(1), reply: ReplyId(1), message });
    }
    let post_id = node.publishes(ana);
    node.publishes(work);
    node.commands(Command::MarkPost { post_id, mark: ReadMark::Unread });
    node.now = node.now.after(Duration::from_mins(2));
    node.hears(Input::TimePassed);
    node.connects(2, peer(3));
    node
}

#[test]
fn p1_p4_p5_what_we_say_unasked_names_nobody_and_carries_no_signature() {
    let mut node = a_whole_life();
    let kinds: std::collections::BTreeSet<u16> =
        node.said.iter().map(|(_, message)| message.kind()).collect();
    // Hello, SetInterest, InterestAccepted, Pull, News, Link: all this test is about was said.
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 10, 16]);
    let mut secrets: Vec<Vec<u8>> =
        [NAMES[0], NAMES[1], HINT, DRAFT, POST].iter().map(|text| text.as_bytes().to_vec()).collect();
    for id in node.posts.clone() {
        let envelope = node.database.read(|read| read.find_servable(id)).unwrap().unwrap();
        secrets.extend([envelope.signature.to_vec(), id.as_bytes().to_vec()]);
    }
    let frames = node.frames();
    for frame in &frames {
        assert!(!secrets.iter().any(|secret| holds(frame, secret)), "{frame:02x?}");
    }
    // The check is not blind: served on request, a post does hold its text and signature.
    let envelope = node.database.read(|read| read.find_servable(node.posts[0])).unwrap().unwrap();
    let served = Message::Items(vec![envelope.into()]).encode();
    assert!(secrets.iter().any(|secret| holds(&served, secret)));
}

#[test]
fn p1_p2_posting_ids_leave_unasked_only_in_interest_lists_and_to_peers_that_named_them() {
    let node = a_whole_life();
    let ids = [node.personas.clone(), vec![stranger(101), stranger(102)]].concat();
    for (_, message) in &node.said {
        let names_somebody = ids.iter().any(|id| holds(&message.encode(), id.as_bytes()));
        let may = matches!(message, Message::SetInterest(_) | Message::Link(_));
        assert_eq!(names_somebody, may, "{message:?}");
    }
    // A seat is wished for only where the peer's own list has the author: the first connection's, of the personas.
    for (connection, message) in &node.said {
        let Message::Link(asks) = message else { continue };
        assert_eq!(*connection, ConnectionId(1));
        for ask in asks {
            let TopicId::Author(author) = ask.topic else { unreachable!("topics are authors") };
            assert!(node.personas.contains(&author));
        }
    }
}

#[test]
fn p2_p5_interest_is_one_sorted_union_with_own_ids_unmarked() {
    let node = a_whole_life();
    let mut union = [node.personas.clone(), vec![stranger(101), stranger(102)]].concat();
    union.sort_unstable();
    // One list per connection, whoever follows; the same for every peer.
    assert_eq!(node.lists(), [union.clone(), union.clone()]);
    // Nothing stands beside the ids: somebody who only follows these four sends the same bytes.
    let mut reader = Overheard::new(8);
    let persona = reader.with_persona("somebody");
    for id in &union {
        reader.follows(persona, *id);
    }
    reader.connects(1, peer(2));
    let theirs: Vec<PostingId> = reader.lists().concat().into_iter().filter(|id| *id != persona).collect();
    assert_eq!(Message::SetInterest(theirs).encode(), Message::SetInterest(union).encode());
}

#[test]
fn p5_own_ids_are_listed_exactly_like_followed_and_carried_ones() {
    let mut node = Overheard::new(11);
    let mine = node.with_persona(NAMES[0]);
    node.follows(mine, stranger(101));
    node.connects(1, peer(2));
    // The peer wants somebody; a moment later so do we.
    let message = Message::SetInterest(vec![stranger(102)]);
    node.hears(Input::RequestReceived { connection: ConnectionId(1), reply: ReplyId(1), message });
    node.now = node.now.after(crate::limits::CARRY_DELAY);
    node.hears(Input::TimePassed);
    let mut all = vec![mine, stranger(101), stranger(102)];
    all.sort_unstable();
    assert_eq!(node.lists().last(), Some(&all), "one sorted list, nothing beside an id");
    // Somebody else with the same ids, each for another reason, says and asks the same.
    let mut other = Overheard::new(12);
    let persona = other.with_persona(NAMES[1]);
    other.follows(persona, stranger(102));
    other.connects(1, peer(2));
    let message = Message::SetInterest(vec![mine, stranger(101)]);
    other.hears(Input::RequestReceived { connection: ConnectionId(1), reply: ReplyId(1), message });
    other.now = other.now.after(crate::limits::CARRY_DELAY);
    other.hears(Input::TimePassed);
    let without = |list: &[PostingId], id| list.iter().copied().filter(|one| *one != id).collect::<Vec<_>>();
    let theirs = other.lists().last().cloned().unwrap();
    assert_eq!(without(&theirs, persona), all);
    // Our own is asked for from the start like the two that were never heard of.
    node.connects(2, peer(3));
    let pulls: Vec<_> = node.said.iter().filter(|(_, message)| matches!(message, Message::Pull(_))).collect();
    let Some((_, Message::Pull(pull))) = pulls.last() else { panic!("a pull was started") };
    assert_eq!(pull.groups.len(), 1);
    assert_eq!(pull.groups[0].ranges, [crate::node::wire::Range { start: 0, length: 3 }]);
}

#[test]
fn p2_news_are_the_same_whichever_persona_wrote() {
    let news_of = |index: usize| {
        let mut node = a_whole_life();
        node.said.clear();
        let persona = node.personas[index];
        node.publishes(persona);
        node.said.retain(|(_, message)| !matches!(message, Message::Link(_)));
        node.said
    };
    assert_eq!(news_of(0), news_of(1));
    assert_eq!(news_of(0), [(ConnectionId(1), Message::News)]);
}

#[test]
fn p1_two_peers_cannot_compare_the_names_of_log_and_list() {
    let secret = [4; 32];
    assert_ne!(epoch_for(&secret, peer(2)), epoch_for(&secret, peer(3)));
    assert_ne!(epoch_for(&secret, peer(2)), epoch_for(&[5; 32], peer(2)));
    let list = InterestList::new(vec![stranger(1), stranger(2)]);
    assert_ne!(list.hash(peer(1), peer(2)), list.hash(peer(1), peer(3)));
    assert_ne!(list.hash(peer(1), peer(2)), list.hash(peer(2), peer(1)));
    let hello = Message::Hello(Hello { epoch: epoch_for(&secret, peer(2)), features: 0, minute: 1 });
    assert!(matches!(Message::decode(&hello.encode()), Ok(Decoded::Known(_))));
}
