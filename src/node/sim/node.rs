//! One simulated node: a committer while it runs, a disk while it does not, and what a driver would remember.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::check::Seen;
use super::people::Act;
use super::traffic::Asked;
use crate::crypto::keys::PostingKey;
use crate::db::{Database, DbError, Durability, Read};
use crate::domain::address::PeerAddress;
use crate::domain::envelope::Verified;
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::domain::sealed::{SEALED_SIZES, SLOT, SLOTS, Sealed, day_of};
use crate::domain::time::Timestamp;
use crate::node::committer::Committer;
use crate::node::engine::answer::PageBudget;
use crate::node::engine::interest::InterestList;
use crate::node::engine::{
    CallId, ConnectionId, Effect, Faults, Input, Quotas, ReplyId, RequestId, Setup, personas_of,
};
use crate::node::start_mark::{BegunStart, FileIdentity, StartMark};

/// So little room that it is used up within minutes. Profiles, which never make room, fit.
const LITTLE: Quotas = Quotas {
    followed: 12_000,
    stranger: 4_000,
    strangers: 16_000,
    pool: 64_000,
    pool_peer: 40_000,
    pool_prefix: 64_000,
    store: 100_000,
};

/// Index of a node.
pub(super) type NodeIndex = usize;
/// Index of a connection between two nodes.
pub(super) type LinkIndex = usize;

/// One life of a process. What belongs to an earlier one reaches nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Boot(u32);

impl Boot {
    /// The life, or the rest, after this one.
    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What ends a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crash {
    /// The process ends in order.
    Stopped,
    /// The process is killed: every commit survives.
    Killed,
    /// The power is gone: only what was synced survives.
    PowerLost,
}

enum Power {
    On(Box<Committer>),
    /// What is on the disk.
    Off(Vec<u8>),
}

/// What came to a node in one life.
#[derive(Default)]
pub(super) struct Received {
    /// Which objects.
    pub(super) ids: BTreeSet<ObjectId>,
    /// Bytes of all frames.
    pub(super) frame_bytes: u64,
    /// Bytes of all objects, each as often as it came.
    pub(super) object_bytes: u64,
    /// The same of each object once.
    pub(super) needed_bytes: u64,
    /// Bytes of all sealed posts that were pushed, on the stem or spread.
    pub(super) pushed_bytes: u64,
}

/// A node with what a driver keeps for it.
pub(super) struct Node {
    pub(super) network_id: NetworkId,
    power: Power,
    /// What a lost power supply leaves.
    synced: Vec<u8>,
    pub(super) boot: Boot,
    /// Key files: they survive everything.
    keys: Vec<Arc<PostingKey>>,
    /// Of these, the ones that count even without their persona in the store.
    kept_keys: BTreeSet<PostingId>,
    /// What stands beside the database.
    mark: Option<StartMark>,
    /// Which file the database is; another one when a copy is put back.
    inode: u64,
    faults: Faults,
    /// How much room it has.
    pub(super) quotas: Quotas,
    rng: StdRng,
    /// The clock of this node minus virtual time, in milliseconds.
    skew_ms: i64,
    pub(super) inbox: VecDeque<Input>,
    pub(super) links: BTreeMap<ConnectionId, LinkIndex>,
    pub(super) heard: BTreeMap<ConnectionId, Arc<InterestList>>,
    pub(super) replies: BTreeMap<ReplyId, (LinkIndex, RequestId, Asked)>,
    pub(super) calls: BTreeMap<CallId, Act>,
    /// How much its pages hold.
    pub(super) pages: PageBudget,
    /// What came to it in this life.
    pub(super) received: Received,
    /// What the checks remember of it.
    pub(super) seen: Seen,
    /// Sealed posts it made: once committed they must never be lost.
    pub(super) sealed: Vec<ObjectId>,
    /// When it wants to hear of the time, if that is planned.
    pub(super) deadline: Option<Timestamp>,
    numbers: u64,
}

impl Node {
    /// An empty node that is switched off.
    pub(super) fn new(dice: &mut StdRng, faults: Faults) -> Self {
        let mut bytes = || {
            let mut bytes = [0; 32];
            dice.fill_bytes(&mut bytes);
            bytes
        };
        let (network_id, epoch) = (NetworkId::from_bytes(bytes()), bytes());
        let rng = StdRng::from_seed(bytes());
        let mut database = Database::in_memory(&epoch).expect("there is memory for a store");
        let disk = database.snapshot().expect("a store in memory can be copied");
        Self {
            network_id,
            power: Power::Off(disk.clone()),
            synced: disk,
            boot: Boot::default(),
            keys: Vec::new(),
            kept_keys: BTreeSet::new(),
            mark: None,
            inode: 1,
            faults,
            quotas: if dice.random_ratio(1, 2) { LITTLE } else { Quotas::default() },
            rng,
            skew_ms: 0,
            inbox: VecDeque::new(),
            links: BTreeMap::new(),
            heard: BTreeMap::new(),
            replies: BTreeMap::new(),
            calls: BTreeMap::new(),
            pages: PageBudget { items: dice.random_range(1..=8), bytes: 1 << 20 },
            received: Received::default(),
            seen: Seen::default(),
            sealed: Vec::new(),
            deadline: None,
            numbers: 0,
        }
    }

    /// Where others can dial it.
    pub(super) fn address(&self) -> PeerAddress {
        PeerAddress::of(self.network_id)
    }

    pub(super) const fn is_on(&self) -> bool {
        matches!(self.power, Power::On(_))
    }

    /// What its clock shows at this virtual time.
    pub(super) const fn clock(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis() + self.skew_ms)
    }

    /// The virtual time at which its clock shows this, but not before `now`.
    pub(super) fn virtual_time(&self, clock: Timestamp, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(clock.as_millis().saturating_sub(self.skew_ms)).max(now)
    }

    pub(super) const fn set_clock(&mut self, skew_ms: i64) {
        self.skew_ms = skew_ms;
    }

    /// A number not used before: for connections, calls and replies alike.
    pub(super) const fn new_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Its personas, also those whose creation is not committed yet.
    pub(super) fn personas(&self) -> Vec<PostingId> {
        self.keys.iter().map(|key| key.posting_id()).collect()
    }

    /// A persona is committed: its key counts.
    pub(super) fn keep_key(&mut self, posting_id: PostingId) {
        self.kept_keys.insert(posting_id);
    }

    /// A new key, as if written to its file.
    pub(super) fn new_key(&mut self) -> Arc<PostingKey> {
        let key = Arc::new(PostingKey::generate(&mut self.rng));
        self.keys.push(Arc::clone(&key));
        key
    }

    /// A sealed post of an author nobody will hear of again.
    pub(super) fn new_sealed(&mut self, now: Timestamp) -> Verified<Sealed> {
        let day = day_of(self.clock(now));
        let size = SEALED_SIZES[usize::from(self.rng.random_ratio(1, 8))];
        let (mut slots, mut body) = ([[0; SLOT]; SLOTS], vec![0; Sealed::body_bytes(size)]);
        for slot in &mut slots {
            self.rng.fill_bytes(slot);
        }
        self.rng.fill_bytes(&mut body);
        let author = PostingKey::generate(&mut self.rng);
        let post = Sealed::new(author.posting_id(), day, &slots, &body).expect("the form is the right one");
        author.sign(&post)
    }

    /// Starts the process on what the disk holds.
    pub(super) fn start(&mut self) {
        let Power::Off(disk) = &self.power else { return };
        let mut database = Database::restore(disk).expect("what was copied can be opened");
        let file = FileIdentity::simulated(self.inode);
        let begun =
            BegunStart::of(&mut database, self.mark, file, &mut self.rng).expect("the store can be read");
        self.mark = Some(begun.mark_before());
        begun.commit(&mut database).expect("a store in memory does not fail");
        self.synced = database.snapshot().expect("a store in memory can be copied");
        self.mark = Some(begun.mark_after());
        let data_key = super::mail::data_key();
        let personas = database.read(|read| personas_of(read, &data_key)).expect("the store can be read");
        // A staged key whose persona was not committed is removed; one whose persona is there counts from now on.
        self.kept_keys.extend(personas);
        self.keys.retain(|key| self.kept_keys.contains(&key.posting_id()));
        let setup = Setup {
            data_key: Some(Arc::new(data_key)),
            network_id: self.network_id,
            keys: self.keys.clone(),
            connections: crate::limits::CONNECTIONS,
            quotas: self.quotas,
            exchange: crate::node::engine::Exchange::default(),
            decoys_per_hour: 0,
            faults: self.faults,
        };
        let committer = Committer::load(database, setup).expect("the store can be read");
        self.power = Power::On(Box::new(committer));
        self.boot = self.boot.next();
        self.inbox.clear();
        self.inbox.push_back(Input::Started);
    }

    /// Starts, and dies before the start is marked as done: the database may or may not know of it.
    pub(super) fn start_and_die(&mut self, is_committed: bool) {
        let Power::Off(disk) = &mut self.power else { return };
        let mut database = Database::restore(disk).expect("what was copied can be opened");
        let file = FileIdentity::simulated(self.inode);
        let begun =
            BegunStart::of(&mut database, self.mark, file, &mut self.rng).expect("the store can be read");
        self.mark = Some(begun.mark_before());
        if is_committed {
            begun.commit(&mut database).expect("a store in memory does not fail");
            *disk = database.snapshot().expect("a store in memory can be copied");
        }
    }

    /// Puts an old copy of the store back while the node is off.
    pub(super) fn put_back(&mut self, copy: Vec<u8>) {
        self.synced.clone_from(&copy);
        self.power = Power::Off(copy);
        self.inode += 1;
    }

    /// Puts an old copy of store and mark back in the same place, so that nothing gives it away.
    #[cfg(test)]
    pub(super) fn put_back_unnoticed(&mut self, (copy, mark): (Vec<u8>, Option<StartMark>)) {
        self.synced.clone_from(&copy);
        self.power = Power::Off(copy);
        self.mark = mark;
    }

    /// Store and mark as they are now.
    #[cfg(test)]
    pub(super) fn whole_copy(&mut self) -> (Vec<u8>, Option<StartMark>) {
        (self.copy(), self.mark)
    }

    /// Ends the process; its disk keeps `left`, or what this kind of crash leaves.
    pub(super) fn stop(&mut self, crash: Crash, left: Option<Vec<u8>>) {
        if let (Power::On(committer), Crash::Stopped) = (&mut self.power, crash) {
            committer.stop().expect("a store in memory does not fail");
        }
        let disk = match (left, crash) {
            (Some(left), _) => left,
            (None, Crash::PowerLost) => self.synced.clone(),
            (None, Crash::Stopped | Crash::Killed) => self.copy(),
        };
        // Whatever is on the disk now has been there for long when the machine loses power the next time.
        self.synced.clone_from(&disk);
        self.power = Power::Off(disk);
        self.boot = self.boot.next();
        self.inbox.clear();
        self.received = Received::default();
        self.links.clear();
        self.heard.clear();
        self.replies.clear();
        self.calls.clear();
        self.deadline = None;
    }

    /// The store as it is now.
    pub(super) fn copy(&mut self) -> Vec<u8> {
        match &mut self.power {
            Power::On(committer) => committer.database().snapshot().expect("a store in memory can be copied"),
            Power::Off(disk) => disk.clone(),
        }
    }

    /// Commits what waits, some of it or all.
    pub(super) fn commit(&mut self, most: usize, now: Timestamp) -> Vec<Effect> {
        let clock = self.clock(now);
        let Power::On(committer) = &mut self.power else { return Vec::new() };
        let inputs: Vec<Input> = self.inbox.drain(..most.min(self.inbox.len())).collect();
        self.sealed.extend(inputs.iter().filter_map(|input| match input {
            Input::SealedMade { post } => Some(post.id()),
            _ => None,
        }));
        let effects =
            committer.commit(inputs, clock, &mut self.rng).expect("a store in memory does not fail");
        if committer.durability() == Durability::Full {
            self.synced = committer.database().snapshot().expect("a store in memory can be copied");
        }
        effects
    }

    /// When it wants to hear of the time, by its own clock.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        match &self.power {
            Power::On(committer) => committer.next_deadline(),
            Power::Off(_) => None,
        }
    }

    /// Reads its store at the last commit; `None` while it is off.
    pub(super) fn read<T>(&mut self, read: impl FnOnce(Read<'_>) -> Result<T, DbError>) -> Option<T> {
        match &mut self.power {
            Power::On(committer) => Some(committer.database().read(read).expect("the store can be read")),
            Power::Off(_) => None,
        }
    }

    /// The same, also while it is off.
    pub(super) fn read_even_off<T>(
        &mut self,
        read: impl FnOnce(Read<'_>) -> Result<T, DbError>,
    ) -> Option<T> {
        match &self.power {
            Power::On(_) => self.read(read),
            Power::Off(disk) => {
                let mut database = Database::restore(disk).expect("what was copied can be opened");
                Some(database.read(read).expect("the store can be read"))
            }
        }
    }

    /// A random moment of up to `most`.
    pub(super) fn moment(dice: &mut StdRng, most: Duration) -> Duration {
        Duration::from_millis(dice.random_range(0..=u64::try_from(most.as_millis()).unwrap_or(u64::MAX)))
    }
}
