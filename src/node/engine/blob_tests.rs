//! What an engine does about blobs: what it fetches unasked, whom it asks, and when it stops.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::interest::InterestList;
use super::*;
use crate::api::{CallError, Command, Outcome};
use crate::api::{ErrorKind, TransferState};
use crate::db::Blob;
use crate::db::blobs::BlobState;
use crate::db::{Database, Durability};
use crate::domain::attachment::{Attachment, Attachments};
use crate::domain::envelope::Object;
use crate::domain::ids::{BlobHash, ObjectId};
use crate::domain::post::Post;
use crate::limits::{AUTOMATIC_BLOB_BYTES, BLOB_FETCHES, BLOB_RETRY_LONGEST};
use crate::node::wire::Hello;
use crate::node::wire::{Epoch, Message};

const US: NetworkId = NetworkId::from_bytes([1; 32]);
const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const SMALL: u64 = AUTOMATIC_BLOB_BYTES;
const LARGE: u64 = AUTOMATIC_BLOB_BYTES + 1;

fn key(seed: u64) -> Arc<PostingKey> {
    Arc::new(PostingKey::generate(&mut StdRng::seed_from_u64(seed)))
}

fn peer(number: u8) -> NetworkId {
    NetworkId::from_bytes([number; 32])
}

fn attachment(number: u8, size_bytes: u64) -> Attachment {
    let (media_type, name) = ("image/png".to_owned(), format!("{number}.png"));
    Attachment { blob: BlobHash::from_bytes([number; 32]), size_bytes, media_type, name, alt: None }
}

fn setup(keys: Vec<Arc<PostingKey>>) -> Setup {
    let (connections, quotas) = (crate::limits::CONNECTIONS, Quotas::default());
    Setup {
        data_key: Some(std::sync::Arc::new(crate::crypto::data_key::DataKey::from_secret(&[7; 32]))),
        network_id: US,
        keys,
        connections,
        quotas,
        exchange: Exchange::default(),
        decoys_per_hour: 0,
        faults: Faults::default(),
    }
}

/// A fetch an engine asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    request: RequestId,
    blob: Blob,
    hash: BlobHash,
    from: NetworkId,
}

/// A node of somebody who follows the author with key 2.
struct Bench {
    database: Database,
    engine: Engine,
    rng: StdRng,
    now: Timestamp,
    number: u64,
}

impl Bench {
    fn new() -> Self {
        let mut database = Database::in_memory(&[9; 32]).unwrap();
        let setup = setup(Vec::new());
        let engine = database.read(|read| Engine::load(read, &setup)).unwrap();
        let mut bench = Self { database, engine, rng: StdRng::seed_from_u64(0), now: NOW, number: 100 };
        bench.take(Input::Started);
        bench.take(Input::PersonaRequested { call: CallId(1), name: "ana".to_owned(), key: key(1) });
        bench.command(Command::Follow { target: key(2).posting_id().to_string(), persona: None }).unwrap();
        bench
    }

    /// The same store with an engine that remembers nothing.
    fn restart(&mut self) -> Vec<Effect> {
        let setup = setup(vec![key(1)]);
        self.engine = self.database.read(|read| Engine::load(read, &setup)).unwrap();
        self.take(Input::Started)
    }

    fn take(&mut self, input: Input) -> Vec<Effect> {
        let Self { database, engine, rng, now, .. } = self;
        let step = |batch: &crate::db::Batch<'_>| batch.step(|store| engine.handle(store, *now, rng, input));
        database.transaction(Durability::Normal, step).unwrap()
    }

    fn command(&mut self, command: Command) -> Result<Outcome, CallError> {
        self.number += 1;
        let call = CallId(self.number);
        let effects = self.take(Input::CommandReceived { call, command });
        let answer = effects.into_iter().find_map(|effect| match effect {
            Effect::Answer { outcome, .. } => Some(outcome),
            _ => None,
        });
        answer.unwrap()
    }

    /// A peer connects and introduces itself; the fetches that begin with it.
    fn connects(&mut self, id: NetworkId) -> Vec<Asked> {
        self.number += 1;
        let (connection, address) = (ConnectionId(self.number), PeerAddress::of(id));
        self.take(Input::Connected { connection, peer: id, direction: Direction::Inbound, address });
        let hello = Hello { epoch: Epoch([1; 16]), features: 0, minute: self.now.as_minutes() };
        let (reply, message) = (ReplyId(self.number), Message::Hello(hello));
        fetches(&self.take(Input::RequestReceived { connection, reply, message }))
    }

    fn connection_of(&self, id: NetworkId) -> ConnectionId {
        *self.engine.connections.iter().find(|(_, known)| known.peer == id).unwrap().0
    }

    /// A post comes from a peer; its id, and the fetches that begin with it.
    fn receives(&mut self, from: NetworkId, attachments: &[Attachment]) -> (ObjectId, Vec<Asked>) {
        self.number += 1;
        let (author, text) = (key(2), format!("post {}", self.number));
        let attachments = Attachments::new(attachments.to_vec()).unwrap();
        let post = Post::with_attachments(author.posting_id(), self.now, text, attachments).unwrap();
        let object = Object::Post(author.sign(&post));
        let (id, source) = (object.id(), self.connection_of(from));
        let Self { database, engine, rng, now, .. } = self;
        let effects = database.transaction(Durability::Normal, |batch| {
            batch.step(|store| {
                let mut step = Step { store, now: *now, rng, effects: Vec::new() };
                engine.take_in(&mut step, &object, Some(source))?;
                engine.proceed(&mut step)?;
                Ok(step.effects)
            })
        });
        (id, fetches(&effects.unwrap()))
    }

    fn ends(&mut self, asked: Asked, end: FetchEnd) -> Vec<Effect> {
        self.take(Input::BlobFetchEnded { request: asked.request, blob: asked.blob, end })
    }

    fn states(&mut self, post: ObjectId) -> Vec<(BlobState, u64)> {
        let read = |read: Read<'_>| {
            let object = read.find_object(post)?.ok_or(DbError::MissingRow { table: "objects" })?;
            read.list_blobs_of(object)
        };
        let blobs = self.database.read(read).unwrap();
        blobs.iter().map(|blob| (blob.state, blob.held_bytes)).collect()
    }
}

fn fetches(effects: &[Effect]) -> Vec<Asked> {
    let fetch = |effect: &Effect| match effect {
        Effect::FetchBlob { request, blob, from, .. } => {
            Some(Asked { request: *request, blob: blob.key, hash: blob.hash, from: from.network_id })
        }
        _ => None,
    };
    effects.iter().filter_map(fetch).collect()
}

fn told(effects: &[Effect]) -> Vec<TransferState> {
    let told = |effect: &Effect| match effect {
        Effect::Tell(Event::Transfer(transfer)) => Some(transfer.state),
        _ => None,
    };
    effects.iter().filter_map(told).collect()
}

#[test]
fn small_blobs_of_followed_authors_come_by_themselves_and_larger_ones_when_asked_for() {
    let mut bench = Bench::new();
    bench.connects(peer(2));
    let (post, begun) = bench.receives(peer(2), &[attachment(1, SMALL), attachment(2, LARGE)]);
    assert_eq!(
        begun.iter().map(|asked| (asked.hash, asked.from)).collect::<Vec<_>>(),
        [(BlobHash::from_bytes([1; 32]), peer(2))]
    );
    assert_eq!(bench.states(post), [(BlobState::Wanted, 0), (BlobState::Absent, 0)]);
    let done = bench.ends(begun[0], FetchEnd::Complete);
    assert_eq!(told(&done), [TransferState::Complete]);
    let asked = bench.command(Command::FetchBlob { post_id: post, position: 1 });
    let Ok(Outcome::Transfer(transfer)) = asked else { panic!("{asked:?}") };
    assert_eq!(transfer.name.as_str(), "2.png");
    assert_eq!(bench.states(post), [(BlobState::Complete, SMALL), (BlobState::Wanted, 0)]);
    let refused = bench.command(Command::FetchBlob { post_id: post, position: 2 }).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotFound);
}

#[test]
fn posts_of_nobody_who_is_followed_cost_nothing() {
    let mut bench = Bench::new();
    bench.connects(peer(2));
    let author = key(2).posting_id();
    bench.command(Command::Unfollow { author, persona: None }).unwrap();
    let (post, begun) = bench.receives(peer(2), &[attachment(1, 10)]);
    assert_eq!((begun.len(), bench.states(post)), (0, vec![(BlobState::Absent, 0)]));
}

#[test]
fn sources_are_tried_in_turn_and_then_left_alone_for_a_while() {
    let mut bench = Bench::new();
    bench.connects(peer(2));
    bench.connects(peer(3));
    let list = InterestList::new(vec![key(2).posting_id()]).ids().to_vec();
    let (connection, reply) = (bench.connection_of(peer(3)), ReplyId(7));
    bench.take(Input::RequestReceived { connection, reply, message: Message::SetInterest(list) });
    let (post, begun) = bench.receives(peer(2), &[attachment(1, SMALL)]);
    assert_eq!(begun[0].from, peer(2), "whoever had the post comes first");
    let next = fetches(&bench.ends(begun[0], FetchEnd::Cut { held_bytes: 500 }));
    assert_eq!(next[0].from, peer(3), "then whoever follows its author");
    let effects = bench.ends(next[0], FetchEnd::Lacking { held_bytes: 500 });
    assert_eq!((fetches(&effects).len(), told(&effects)), (0, vec![TransferState::Waiting]));
    assert_eq!(bench.states(post), [(BlobState::Wanted, 500)]);
    let due = bench.engine.transfers.next_deadline().unwrap();
    assert!(due > bench.now && due < bench.now.after(BLOB_RETRY_LONGEST));
    bench.now = due;
    assert_eq!(fetches(&bench.take(Input::TimePassed))[0].from, peer(2), "all over again");
}

#[test]
fn what_waits_for_a_holder_takes_no_time_and_begins_when_one_comes() {
    let mut bench = Bench::new();
    bench.connects(peer(2));
    let (_, begun) = bench.receives(peer(2), &[attachment(1, SMALL)]);
    let connection = bench.connection_of(peer(2));
    bench.take(Input::Disconnected { connection });
    bench.ends(begun[0], FetchEnd::Cut { held_bytes: 7 });
    bench.now = bench.now.after(BLOB_RETRY_LONGEST);
    assert_eq!(fetches(&bench.take(Input::TimePassed)), []);
    assert_eq!(bench.engine.transfers.next_deadline(), None, "nobody is here to be asked");
    bench.restart();
    assert_eq!(bench.connects(peer(3)), [], "this one is not known to have it");
    assert_eq!(bench.connects(peer(2))[0].from, peer(2), "also after a restart");
}

#[test]
fn a_source_that_was_lost_in_the_middle_is_asked_as_soon_as_it_is_back() {
    let mut bench = Bench::new();
    bench.connects(peer(2));
    let (_, begun) = bench.receives(peer(2), &[attachment(1, SMALL)]);
    // The end of the transfer is noticed before the end of the connection: a round is through, and the next one waits.
    bench.ends(begun[0], FetchEnd::Cut { held_bytes: 0 });
    let connection = bench.connection_of(peer(2));
    bench.take(Input::Disconnected { connection });
    let again = bench.connects(peer(2));
    assert_eq!(again[0].from, peer(2));
    // It comes back before the end of the transfer is noticed.
    bench.now = bench.now.after(std::time::Duration::from_secs(1));
    assert_eq!(bench.connects(peer(2)), []);
    let effects = bench.ends(again[0], FetchEnd::Cut { held_bytes: 0 });
    assert_eq!(fetches(&effects)[0].from, peer(2));
    // Whoever does not have it is not asked again for coming back.
    let asked = fetches(&effects)[0];
    bench.ends(asked, FetchEnd::Lacking { held_bytes: 0 });
    let connection = bench.connection_of(peer(2));
    bench.take(Input::Disconnected { connection });
    assert_eq!(bench.connects(peer(2)), []);
}

#[test]
fn few_run_at_once_and_one_per_source() {
    let mut bench = Bench::new();
    let (mut running, count) = (Vec::new(), u8::try_from(BLOB_FETCHES).unwrap());
    for number in 10..=10 + count {
        bench.connects(peer(number));
        let blobs = [attachment(number, 10), attachment(number + 100, 10)];
        running.extend(bench.receives(peer(number), &blobs).1);
    }
    assert_eq!(running.len(), BLOB_FETCHES);
    let sources: std::collections::BTreeSet<NetworkId> = running.iter().map(|asked| asked.from).collect();
    assert_eq!(sources.len(), BLOB_FETCHES);
    let mut done = 0;
    while let Some(asked) = running.pop() {
        running.extend(fetches(&bench.ends(asked, FetchEnd::Complete)));
        assert!(running.len() <= BLOB_FETCHES);
        done += 1;
    }
    assert_eq!(done, 2 * (BLOB_FETCHES + 1), "all of them in the end");
}

#[test]
fn a_cancelled_fetch_ends_and_keeps_what_came() {
    let mut bench = Bench::new();
    bench.connects(peer(2));
    let (post, begun) = bench.receives(peer(2), &[attachment(1, SMALL)]);
    let blob = begun[0].hash;
    bench.number += 1;
    let call = CallId(bench.number);
    let effects = bench.take(Input::CommandReceived { call, command: Command::CancelFetch { blob } });
    assert!(effects.contains(&Effect::CancelFetch { request: begun[0].request }));
    assert_eq!(bench.states(post), [(BlobState::Absent, 0)]);
    bench.ends(begun[0], FetchEnd::Cut { held_bytes: 300 });
    assert_eq!(bench.states(post), [(BlobState::Partial, 300)]);
    let again = bench.command(Command::CancelFetch { blob }).unwrap_err();
    assert_eq!(again.kind, ErrorKind::NotFound);
    bench.restart();
    assert_eq!(bench.connects(peer(2)), [], "it does not begin again by itself");
    bench.command(Command::FetchBlob { post_id: post, position: 0 }).unwrap();
    assert_eq!(bench.states(post), [(BlobState::Wanted, 300)]);
}

#[test]
fn false_bytes_end_the_connection_and_false_sizes_the_fetch() {
    let mut bench = Bench::new();
    bench.connects(peer(2));
    let (post, begun) = bench.receives(peer(2), &[attachment(1, SMALL), attachment(2, 10)]);
    let effects = bench.ends(begun[0], FetchEnd::Corrupt { held_bytes: 0 });
    let is_closed = |effect: &Effect| matches!(effect, Effect::Close { reason: CloseReason::Misbehaved, .. });
    assert!(effects.iter().any(is_closed));
    let next = bench.connects(peer(2));
    let hashes: Vec<BlobHash> = next.iter().map(|asked| asked.hash).collect();
    assert_eq!(hashes, [BlobHash::from_bytes([2; 32])], "what it lied about is not asked for at once");
    let effects = bench.ends(next[0], FetchEnd::False);
    assert_eq!(told(&effects), [TransferState::Failed]);
    assert_eq!(bench.states(post), [(BlobState::Wanted, 0), (BlobState::Absent, 0)]);
}

#[test]
fn own_files_are_here_and_a_late_start_looks_at_them_again_only_after_an_unclean_stop() {
    let mut bench = Bench::new();
    let (call, text) = (CallId(7), String::new());
    let prepared = Input::PostPrepared {
        call,
        persona: None,
        text,
        draft: None,
        attachments: vec![attachment(1, LARGE)],
    };
    let effects = bench.take(prepared);
    let posted = effects.iter().find_map(|effect| match effect {
        Effect::Answer { outcome: Ok(Outcome::PostPublished(id)), .. } => Some(*id),
        _ => None,
    });
    let post = posted.unwrap();
    assert_eq!((bench.states(post), fetches(&effects)), (vec![(BlobState::Complete, LARGE)], Vec::new()));
    bench.restart();
    assert_eq!(bench.states(post), [(BlobState::Doubtful, LARGE)]);
    let blob = bench.database.read(|read| read.list_blobs_in(BlobState::Doubtful, 1)).unwrap()[0].key;
    let effects = bench.take(Input::BlobExamined { blob, verdict: Verdict::Broken });
    assert!(effects.contains(&Effect::SweepBlobs), "what is wrong is swept first");
    assert_eq!(bench.states(post), [(BlobState::Damaged, 0)]);
    bench.take(Input::BlobsSwept);
    assert_eq!(bench.states(post), [(BlobState::Wanted, 0)], "and then fetched from others");
}

#[test]
fn a_deleted_post_takes_its_fetches_and_bytes_along() {
    let mut bench = Bench::new();
    bench.connects(peer(2));
    let (post, begun) = bench.receives(peer(2), &[attachment(1, SMALL)]);
    let Bench { database, engine, rng, now, .. } = &mut bench;
    let effects = database.transaction(Durability::Normal, |batch| {
        batch.step(|store| {
            let mut step = Step { store, now: *now, rng, effects: Vec::new() };
            let object = store.find_object(post)?.ok_or(DbError::MissingRow { table: "objects" })?;
            engine.forget_attachments(&mut step, object)?;
            Ok(step.effects)
        })
    });
    let expected = [Effect::CancelFetch { request: begun[0].request }, Effect::SweepBlobs];
    assert_eq!(effects.unwrap(), expected);
    assert!(bench.database.read(|read| read.list_protected_blobs()).unwrap().is_empty());
    bench.ends(begun[0], FetchEnd::Complete);
}
