//! One node of a crowd: an engine with its store in memory, and what a driver keeps for it. It is on, or off with its
//! store as bytes; it has no disk that lags behind (the other simulator has).

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::crypto::data_key::DataKey;
use crate::crypto::keys::PostingKey;
use crate::db::{Database, DbError, Durability, Read};
use crate::domain::ids::{NetworkId, PostingId};
use crate::domain::time::Timestamp;
use crate::node::committer::Committer;
use crate::node::engine::interest::InterestList;
use crate::node::engine::{ConnectionId, Effect, Faults, Input, ReplyId, RequestId, Setup};
use crate::node::sim::node::{Boot, LinkIndex};
use crate::node::sim::traffic::Asked;

/// Prepared statements a store of a crowd keeps: memory against time, measured in `docs/spread.md`.
const STATEMENTS: usize = 48;
/// The same among a few hundred nodes, where it is not memory that is short: as many as in the program.
const STATEMENTS_OF_FEW: usize = 128;

/// What the nodes of a crowd are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node::sim) enum Make {
    /// Thousands in one process.
    Many,
    /// A few hundred that pass sealed posts on: locked, so that none looks through the pool for what is for it, which no other
    /// node could see.
    Carriers,
}

impl Make {
    const fn statements(self) -> usize {
        match self {
            Self::Many => STATEMENTS,
            Self::Carriers => STATEMENTS_OF_FEW,
        }
    }
}

enum Power {
    On(Box<Committer>),
    /// What is on the disk.
    Off(Vec<u8>),
}

/// A node.
pub(in crate::node::sim) struct Node {
    pub(in crate::node::sim) network_id: NetworkId,
    power: Power,
    pub(super) boot: Boot,
    key: Arc<PostingKey>,
    /// The keys it starts with.
    keys: Vec<Arc<PostingKey>>,
    decoys_per_hour: u32,
    make: Make,
    faults: Faults,
    rng: StdRng,
    pub(super) links: BTreeMap<ConnectionId, LinkIndex>,
    pub(super) heard: BTreeMap<ConnectionId, Arc<InterestList>>,
    pub(super) replies: BTreeMap<ReplyId, (LinkIndex, RequestId, Asked)>,
    /// When it wants to hear of the time, if that is planned.
    pub(super) deadline: Option<Timestamp>,
    numbers: u64,
}

impl Node {
    /// A node that is off, on a copy of the store every node begins with.
    pub(super) fn new(empty_store: &[u8], key: Arc<PostingKey>, faults: Faults, dice: &mut StdRng) -> Self {
        let mut bytes = || {
            let mut bytes = [0; 32];
            dice.fill_bytes(&mut bytes);
            bytes
        };
        let (network_id, epoch) = (NetworkId::from_bytes(bytes()), bytes());
        let rng = StdRng::from_seed(bytes());
        let mut database = open(empty_store, STATEMENTS);
        database
            .transaction(Durability::Normal, |batch| batch.step(|store| store.update_epoch_secret(&epoch)))
            .expect("a store in memory does not fail");
        let disk = database.snapshot().expect("a store in memory can be copied");
        Self {
            network_id,
            power: Power::Off(disk),
            boot: Boot::default(),
            keys: vec![Arc::clone(&key)],
            key,
            decoys_per_hour: 0,
            make: Make::Many,
            faults,
            rng,
            links: BTreeMap::new(),
            heard: BTreeMap::new(),
            replies: BTreeMap::new(),
            deadline: None,
            numbers: 0,
        }
    }

    /// The same, for something else.
    pub(super) const fn made_for(mut self, make: Make) -> Self {
        self.make = make;
        self
    }

    /// The same without a persona from the start on, and with decoys.
    pub(super) fn without_persona(mut self, decoys_per_hour: u32) -> Self {
        self.keys.clear();
        self.decoys_per_hour = decoys_per_hour;
        self
    }

    /// Its persona.
    pub(in crate::node::sim) fn posting_id(&self) -> PostingId {
        self.key.posting_id()
    }

    pub(super) const fn is_on(&self) -> bool {
        matches!(self.power, Power::On(_))
    }

    /// A number not used before: for connections, calls and replies alike.
    pub(super) const fn new_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Switches it on; its first input has to be [`Input::Started`].
    pub(super) fn start(&mut self) {
        let Power::Off(disk) = &self.power else { return };
        // Carriers are locked: they have neither the data key nor those it opens.
        let is_open = self.make == Make::Many;
        let keys = if is_open { self.keys.clone() } else { Vec::new() };
        let setup = Setup {
            data_key: is_open.then(|| Arc::new(DataKey::from_secret(&[7; 32]))),
            network_id: self.network_id,
            keys,
            connections: crate::limits::CONNECTIONS,
            quotas: crate::node::engine::Quotas::default(),
            exchange: crate::node::engine::Exchange::default(),
            decoys_per_hour: self.decoys_per_hour,
            faults: self.faults,
        };
        let committer =
            Committer::load(open(disk, self.make.statements()), setup).expect("the store can be read");
        self.power = Power::On(Box::new(committer));
        self.boot = self.boot.next();
    }

    /// Its process is killed. Every commit survives.
    pub(super) fn kill(&mut self) {
        let Power::On(committer) = &mut self.power else { return };
        let disk = committer.database().snapshot().expect("a store in memory can be copied");
        self.power = Power::Off(disk);
        self.boot = self.boot.next();
        self.links.clear();
        self.heard.clear();
        self.replies.clear();
        self.deadline = None;
    }

    /// Commits one input.
    pub(super) fn commit(&mut self, input: Input, now: Timestamp) -> Vec<Effect> {
        let Power::On(committer) = &mut self.power else { return Vec::new() };
        committer.commit(vec![input], now, &mut self.rng).expect("a store in memory does not fail")
    }

    /// When it wants to hear of the time.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        match &self.power {
            Power::On(committer) => committer.next_deadline(),
            Power::Off(_) => None,
        }
    }

    /// Reads its store at the last commit; `None` while it is off.
    pub(in crate::node::sim) fn read<T>(
        &mut self,
        read: impl FnOnce(Read<'_>) -> Result<T, DbError>,
    ) -> Option<T> {
        match &mut self.power {
            Power::On(committer) => Some(committer.database().read(read).expect("the store can be read")),
            Power::Off(_) => None,
        }
    }
}

fn open(disk: &[u8], statements: usize) -> Database {
    Database::restore_small(disk, statements).expect("what was copied can be opened")
}
