//! The world around a crowd: virtual time, what happens next, nodes that come and go. Every input is a commit of its
//! own, and its effects are performed at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::node::{Make, Node};
use super::seating::Waits;
use super::spies::Spies;
use super::tally::Tally;
use super::watch::Watch;
use crate::api::{CallError, Command, Outcome};
use crate::crypto::keys::PostingKey;
use crate::db::Database;
use crate::domain::address::PeerAddress;
use crate::domain::ids::NetworkId;
use crate::domain::time::Timestamp;
use crate::node::engine::{CallId, Faults, Input};
use crate::node::sim::network::Link;
use crate::node::sim::node::{Boot, LinkIndex, NodeIndex};
use crate::node::sim::observer::{Ledger, Recorder};
use crate::node::sim::queue::Queue;
use crate::node::sim::traffic::{Side, Traffic};

/// Virtual time begins here: 2026-01-01.
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// Bytes of a page of a store: most tables of a crowd's stores hold a few rows, and ten thousand stores have to fit
/// into memory.
const PAGE_BYTES: u32 = 512;

/// The node that came first is here, every later one in the next network of 256 addresses.
const FIRST_IP: Ipv4Addr = Ipv4Addr::new(20, 0, 0, 1);

/// What is going to happen.
pub(super) enum Happening {
    /// Input reaches a node, if it still lives the same life; from which node, if any.
    Arrives(NodeIndex, Boot, Option<NodeIndex>, Box<Input>),
    /// A deadline of a node passes.
    Deadline(NodeIndex, Boot, Timestamp),
    /// A dial comes to its end.
    Dialled(NodeIndex, Boot, NetworkId),
    /// Something reaches one side of a connection.
    Traffic(LinkIndex, Side, Box<Traffic>),
    /// A side notices that its connection is lost.
    Noticed(LinkIndex, Side),
}

/// Whether questions for what is new are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node::sim) enum Pulls {
    /// As the program does.
    Answered,
    /// With pages that end where they began: only pushes move anything.
    Muted,
}

/// A crowd.
pub(in crate::node::sim) struct World {
    pub(in crate::node::sim) now: Timestamp,
    pub(in crate::node::sim) dice: StdRng,
    pub(in crate::node::sim) nodes: Vec<Node>,
    /// Nodes that show at once what they are handed on the stem, to see who has it already.
    pub(in crate::node::sim) probers: BTreeSet<NodeIndex>,
    /// Nodes to which no pushed sealed post comes.
    pub(in crate::node::sim) deaf: BTreeSet<NodeIndex>,
    /// Who writes down every frame, if anybody does.
    pub(in crate::node::sim) recorder: Option<Recorder>,
    /// Who writes down since when what is in whose pool, if anybody does.
    pub(in crate::node::sim) ledger: Option<Ledger>,
    pub(super) links: Vec<Link>,
    pub(in crate::node::sim) pulls: Pulls,
    /// What nodes that come from now on are for.
    pub(super) make: Make,
    /// Streams of a hundred that are lost.
    pub(super) loss_percent: u32,
    pub(super) tally: Tally,
    pub(super) watch: Option<Watch>,
    pub(super) spies: Spies,
    /// Pairs that no longer reach each other: their connections went to other interests.
    pub(super) estranged: BTreeSet<(NodeIndex, NodeIndex)>,
    /// Nodes that answer pulls with nothing, and are not counted.
    pub(super) silent: BTreeSet<NodeIndex>,
    pub(super) standing_links: usize,
    pub(super) waiting: BTreeMap<NodeIndex, Timestamp>,
    pub(super) waits: Waits,
    pub(super) answered: Option<Result<Outcome, CallError>>,
    pub(super) commits: u64,
    by_id: BTreeMap<NetworkId, NodeIndex>,
    queue: Queue<Happening>,
    empty_store: Vec<u8>,
    author_key: Arc<PostingKey>,
    reader_key: Arc<PostingKey>,
    faults: Faults,
}

impl World {
    /// A world without anybody.
    pub(in crate::node::sim) fn new(seed: u64, faults: Faults) -> Self {
        let mut empty = Database::in_small_memory(&[0; 32], PAGE_BYTES).expect("there is memory for a store");
        let mut dice = StdRng::seed_from_u64(seed);
        let [author_key, reader_key] = [(); 2].map(|()| Arc::new(PostingKey::generate(&mut dice)));
        Self {
            now: START,
            dice,
            author_key,
            reader_key,
            nodes: Vec::new(),
            probers: BTreeSet::new(),
            deaf: BTreeSet::new(),
            recorder: None,
            ledger: None,
            links: Vec::new(),
            pulls: Pulls::Answered,
            make: Make::Many,
            loss_percent: 0,
            tally: Tally::default(),
            watch: None,
            spies: Spies::default(),
            estranged: BTreeSet::new(),
            silent: BTreeSet::new(),
            standing_links: 0,
            waiting: BTreeMap::new(),
            waits: Waits::default(),
            answered: None,
            commits: 0,
            by_id: BTreeMap::new(),
            queue: Queue::new(),
            empty_store: empty.snapshot().expect("a store in memory can be copied"),
            faults,
        }
    }

    /// A new node with a persona, running. The first one is the author's; all others are devices of one reader, so
    /// that nobody carries anybody for others: what that costs is no matter of this author's files.
    pub(super) fn add_node(&mut self) -> NodeIndex {
        self.add_node_with(self.faults)
    }

    /// The same with mistakes of its own.
    pub(super) fn add_node_with(&mut self, faults: Faults) -> NodeIndex {
        let index = self.nodes.len();
        let key = if index == 0 { &self.author_key } else { &self.reader_key };
        let node = Node::new(&self.empty_store, Arc::clone(key), faults, &mut self.dice);
        let node = node.made_for(self.make);
        self.by_id.insert(node.network_id, index);
        self.nodes.push(node);
        self.start(index);
        index
    }

    /// A new node of its own: with a persona of this name, and so many decoys an hour.
    pub(in crate::node::sim) fn add_stranger(&mut self, name: &str, decoys_per_hour: u32) -> NodeIndex {
        let index = self.nodes.len();
        let key = Arc::new(PostingKey::generate(&mut self.dice));
        let node = Node::new(&self.empty_store, Arc::clone(&key), self.faults, &mut self.dice);
        self.by_id.insert(node.network_id, index);
        self.nodes.push(node.without_persona(decoys_per_hour));
        self.start(index);
        let call = CallId(self.nodes[index].new_number());
        self.input(index, None, Input::PersonaRequested { call, name: name.to_owned(), key });
        index
    }

    pub(super) fn find(&self, id: NetworkId) -> Option<NodeIndex> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn is_on(&self, index: NodeIndex) -> bool {
        self.nodes[index].is_on()
    }

    pub(super) fn start(&mut self, index: NodeIndex) {
        if !self.is_on(index) {
            self.nodes[index].start();
            self.input(index, None, Input::Started);
        }
    }

    /// A process is killed: nobody is told.
    pub(super) fn kill(&mut self, index: NodeIndex) {
        let links: Vec<LinkIndex> = self.nodes[index].links.values().copied().collect();
        self.nodes[index].kill();
        for link in links {
            self.lose(link);
        }
    }

    /// A person's command and what came of it.
    pub(in crate::node::sim) fn command(
        &mut self,
        index: NodeIndex,
        command: Command,
    ) -> Result<Outcome, CallError> {
        let call = CallId(self.nodes[index].new_number());
        self.answered = None;
        self.input(index, None, Input::CommandReceived { call, command });
        self.answered.take().unwrap_or(Ok(Outcome::Done))
    }

    pub(super) fn plan_in(&mut self, after: Duration, happening: Happening) {
        self.queue.plan(self.now.after(after), happening);
    }

    /// A random time of up to `most`.
    pub(super) fn within(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.dice.random_range(0..=most))
    }

    /// Lets everything happen that happens within this time.
    pub(in crate::node::sim) fn run_for(&mut self, time: Duration) {
        let end = self.now.after(time);
        while let Some((at, happening)) = self.queue.next_by(end) {
            self.pass_until(at);
            self.happen(happening);
        }
        self.pass_until(end);
    }

    fn pass_until(&mut self, at: Timestamp) {
        self.tally.stood(self.standing_links, at.since(self.now));
        self.now = at;
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives(node, boot, from, input) => {
                if self.nodes[node].boot == boot {
                    self.input(node, from, *input);
                }
            }
            Happening::Deadline(node, boot, at) => {
                if self.nodes[node].boot == boot && self.nodes[node].deadline == Some(at) {
                    self.nodes[node].deadline = None;
                    self.input(node, None, Input::TimePassed);
                }
            }
            Happening::Dialled(node, boot, target) => self.dialled(node, boot, target),
            Happening::Traffic(link, side, traffic) => self.traffic(link, side, *traffic),
            Happening::Noticed(link, side) => self.noticed(link, side),
        }
    }

    /// Lets input reach a node at once: commits it and performs what follows.
    pub(in crate::node::sim) fn input(&mut self, index: NodeIndex, from: Option<NodeIndex>, input: Input) {
        if !self.is_on(index) {
            return;
        }
        let effects = self.nodes[index].commit(input, self.now);
        self.commits += 1;
        self.look(index, from);
        self.look_at_seats(index);
        self.write_pool_down(index);
        for effect in effects {
            self.perform(index, effect);
        }
        self.plan_deadline(index);
    }

    fn write_pool_down(&mut self, index: NodeIndex) {
        let frames = self.recorder.as_ref().map_or(0, Recorder::frames_count);
        let now = self.now;
        if let Some(ledger) = &mut self.ledger {
            self.nodes[index].read(|read| ledger.note(index, read, now, frames));
        }
    }

    /// Lets input reach a node later, if it still lives then.
    pub(super) fn input_in(&mut self, after: Duration, index: NodeIndex, boot: Boot, input: Input) {
        self.plan_in(after, Happening::Arrives(index, boot, None, Box::new(input)));
    }

    fn plan_deadline(&mut self, index: NodeIndex) {
        let node = &mut self.nodes[index];
        let next = node.next_deadline().map(|at| at.max(self.now));
        if node.deadline != next {
            node.deadline = next;
            let boot = node.boot;
            if let Some(at) = next {
                self.queue.plan(at, Happening::Deadline(index, boot, at));
            }
        }
    }

    /// Where others can dial a node: each has a public network of its own.
    pub(in crate::node::sim) fn address(&self, index: NodeIndex) -> PeerAddress {
        let network = u32::try_from(index).unwrap_or(u32::MAX).saturating_mul(256);
        let ip = Ipv4Addr::from(u32::from(FIRST_IP).saturating_add(network));
        let sockets = vec![SocketAddr::from((ip, 4_433))];
        PeerAddress { network_id: self.nodes[index].network_id, sockets, relay: None }
    }
}
