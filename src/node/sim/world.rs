//! The world around the nodes: virtual time, what happens next, and everything that goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::mail::{Acts, Copies, Mail, Written};
use super::node::{Boot, Crash, LinkIndex, Node, NodeIndex};
use super::queue::Queue;
use super::traffic::{Side, Traffic};
use super::{Broken, NODES, Report, Violation};
use crate::domain::address::PeerAddress;
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::time::Timestamp;
use crate::limits::COMMIT_INPUTS;
use crate::node::engine::{ConnectionId, Fault, Faults, Input};

/// Virtual time begins here: 2026-01-01.
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// Longest time between two troubles.
const TROUBLE_EVERY: Duration = Duration::from_secs(30);
/// Longest time a machine is off.
const OFF_TIME: Duration = Duration::from_secs(40);
/// How far clocks are off at most.
const SKEW_MS: i64 = 18 * 60 * 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// One commit of so many ends in a crash.
const CRASH_ODDS: u32 = 250;

/// What is going to happen.
pub(super) enum Happening {
    /// Input reaches a node, if it still lives the same life.
    Arrives(NodeIndex, Boot, Input),
    /// A node commits what waits in its inbox.
    Commit(NodeIndex, Boot),
    /// A deadline of a node passes.
    Deadline(NodeIndex, Boot, Timestamp),
    /// A dial comes to its end.
    Dialled(NodeIndex, Boot, PeerAddress),
    /// Something reaches one side of a connection.
    Traffic(LinkIndex, Side, Traffic),
    /// A side notices that its connection is lost.
    Noticed(LinkIndex, Side),
    /// A person does something.
    Act(NodeIndex),
    /// Something goes wrong.
    Trouble,
    /// A machine is switched on.
    Start(NodeIndex),
}

/// Whether things go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    /// Everything goes wrong.
    Rough,
    /// Only streams are cut.
    Calm,
}

/// A copy of a disk.
struct Backup {
    disk: Vec<u8>,
    /// The posts in it that a person was told of.
    acknowledged: Vec<ObjectId>,
    /// The messages in it that a person was told of.
    written: Vec<Written>,
    /// The sealed posts its node had made.
    sealed: Vec<ObjectId>,
}

/// Everything there is.
pub(super) struct World {
    seed: u64,
    pub(super) now: Timestamp,
    pub(super) dice: StdRng,
    pub(super) nodes: Vec<Node>,
    pub(super) links: Vec<super::network::Link>,
    pub(super) weather: Weather,
    pub(super) acts: Acts,
    pub(super) copies: Copies,
    pub(super) mail: Mail,
    /// Nodes on the far side of a partition.
    pub(super) far_side: Vec<NodeIndex>,
    /// What was told to be done: the author's node and the post.
    pub(super) acknowledged: Vec<(NodeIndex, ObjectId)>,
    /// What its author wanted deleted.
    pub(super) deleted: BTreeSet<ObjectId>,
    /// Whom a node's persons ever were or followed.
    pub(super) ever_followed: BTreeSet<(NodeIndex, PostingId)>,
    pub(super) report: Report,
    pub(super) told_first: bool,
    queue: Queue<Happening>,
    backups: BTreeMap<NodeIndex, Backup>,
}

impl World {
    /// A world for the seed's history, all machines about to be switched on.
    pub(super) fn new(seed: u64, fault: Option<Fault>) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let faults = fault.map_or_else(Faults::default, Faults::plant);
        let count = dice.random_range(NODES.0..=NODES.1);
        let mut world = Self::of(seed, faults, count, dice);
        for index in 0..count {
            if world.chance(1, 4) {
                let skew_ms = world.dice.random_range(-SKEW_MS..=SKEW_MS);
                world.nodes[index].set_clock(skew_ms);
            }
            let first_act = world.within(Duration::from_secs(2));
            world.plan_in(first_act, Happening::Act(index));
        }
        world.make_personas();
        let first_trouble = world.within(TROUBLE_EVERY);
        world.plan_in(first_trouble, Happening::Trouble);
        world
    }

    /// A world of `count` running nodes that know nobody.
    pub(super) fn of(seed: u64, faults: Faults, count: usize, mut dice: StdRng) -> Self {
        let nodes = (0..count).map(|_| Node::new(&mut dice, faults)).collect();
        let mut world = Self {
            seed,
            now: START,
            dice,
            nodes,
            links: Vec::new(),
            weather: Weather::Rough,
            acts: Acts::Public,
            copies: Copies::PutBack,
            mail: Mail::default(),
            far_side: Vec::new(),
            acknowledged: Vec::new(),
            deleted: BTreeSet::new(),
            ever_followed: BTreeSet::new(),
            report: Report { nodes: count, ..Report::default() },
            told_first: faults.has(Fault::ToldBeforeCommitted),
            queue: Queue::new(),
            backups: BTreeMap::new(),
        };
        (0..count).for_each(|index| world.start(index));
        world
    }

    pub(super) fn plan_in(&mut self, after: Duration, happening: Happening) {
        self.queue.plan(self.now.after(after), happening);
    }

    /// A random time of up to `most`.
    pub(super) fn within(&mut self, most: Duration) -> Duration {
        Node::moment(&mut self.dice, most)
    }

    /// Whether something happens that happens `times` out of `of`.
    pub(super) fn chance(&mut self, times: u32, of: u32) -> bool {
        self.dice.random_ratio(times, of)
    }

    /// Any node.
    pub(super) fn any_node(&mut self) -> NodeIndex {
        self.dice.random_range(0..self.nodes.len())
    }

    pub(super) fn broken(&self, node: NodeIndex, what: Broken) -> Violation {
        Violation { seed: self.seed, at_ms: self.now.since(START).as_millis(), node, what }
    }

    /// Lets everything happen that happens within this time.
    pub(super) fn run_for(&mut self, time: Duration) -> Result<(), Violation> {
        let end = self.now.after(time);
        while let Some((at, happening)) = self.queue.next_by(end) {
            self.now = at;
            self.happen(happening)?;
        }
        self.now = end;
        Ok(())
    }

    fn happen(&mut self, happening: Happening) -> Result<(), Violation> {
        match happening {
            Happening::Arrives(node, boot, input) => self.arrives(node, boot, input),
            Happening::Commit(node, boot) => return self.commit(node, boot),
            Happening::Deadline(node, boot, at) => self.deadline(node, boot, at),
            Happening::Dialled(node, boot, address) => self.dialled(node, boot, &address),
            Happening::Traffic(link, side, traffic) => return self.traffic(link, side, traffic),
            Happening::Noticed(link, side) => self.noticed(link, side),
            Happening::Act(node) => self.act(node),
            Happening::Trouble => self.trouble(),
            Happening::Start(node) => {
                self.prepare_start(node);
                self.start(node);
                return self.check_store(node);
            }
        }
        Ok(())
    }

    pub(super) fn arrives(&mut self, index: NodeIndex, boot: Boot, input: Input) {
        let node = &mut self.nodes[index];
        if node.boot != boot || !node.is_on() {
            return;
        }
        let is_first = node.inbox.is_empty();
        node.inbox.push_back(input);
        if is_first {
            self.commit_soon(index);
        }
    }

    /// Lets input reach a node at once.
    pub(super) fn input(&mut self, index: NodeIndex, input: Input) {
        let boot = self.nodes[index].boot;
        self.arrives(index, boot, input);
    }

    /// Lets input reach a node later, if it still lives then.
    pub(super) fn input_in(&mut self, after: Duration, index: NodeIndex, input: Input) {
        let boot = self.nodes[index].boot;
        self.plan_in(after, Happening::Arrives(index, boot, input));
    }

    fn commit_soon(&mut self, index: NodeIndex) {
        let soon = self.within(Duration::from_millis(3));
        let boot = self.nodes[index].boot;
        self.plan_in(soon, Happening::Commit(index, boot));
    }

    fn commit(&mut self, index: NodeIndex, boot: Boot) -> Result<(), Violation> {
        if self.nodes[index].boot != boot || !self.nodes[index].is_on() {
            return Ok(());
        }
        let crash = self.crash_now();
        // Told first: when the process dies, the transaction behind what was told never ends.
        let uncommitted =
            if self.told_first && crash.is_some() { Some(self.nodes[index].copy()) } else { None };
        let most = if self.chance(1, 3) { 1 } else { COMMIT_INPUTS };
        let now = self.now;
        let effects = self.nodes[index].commit(most, now);
        self.report.commits += 1;
        let performed = match crash {
            None => effects.len(),
            Some(_) => self.dice.random_range(0..=effects.len()),
        };
        for effect in effects.into_iter().take(performed) {
            self.perform(index, effect)?;
        }
        if let Some(crash) = crash {
            self.crash(index, crash, uncommitted);
            return Ok(());
        }
        if !self.nodes[index].inbox.is_empty() {
            self.commit_soon(index);
        }
        self.plan_deadline(index);
        self.check_step(index)
    }

    fn crash_now(&mut self) -> Option<Crash> {
        if self.weather == Weather::Calm || !self.chance(1, CRASH_ODDS) {
            return None;
        }
        Some(self.any_crash())
    }

    fn any_crash(&mut self) -> Crash {
        match self.dice.random_range(0..5) {
            0 => Crash::Stopped,
            1 | 2 => Crash::Killed,
            _ => Crash::PowerLost,
        }
    }

    fn plan_deadline(&mut self, index: NodeIndex) {
        let node = &mut self.nodes[index];
        let next = node.next_deadline().map(|clock| node.virtual_time(clock, self.now));
        if node.deadline != next {
            node.deadline = next;
            let boot = node.boot;
            if let Some(at) = next {
                self.queue.plan(at, Happening::Deadline(index, boot, at));
            }
        }
    }

    fn deadline(&mut self, index: NodeIndex, boot: Boot, at: Timestamp) {
        if self.nodes[index].boot == boot && self.nodes[index].deadline == Some(at) {
            self.nodes[index].deadline = None;
            self.input(index, Input::TimePassed);
        }
    }

    /// What may happen to a disk before its machine starts: an interrupted start, an old copy put back.
    fn prepare_start(&mut self, index: NodeIndex) {
        if self.nodes[index].is_on() || self.weather == Weather::Calm {
            return;
        }
        if self.chance(1, 10) {
            let is_committed = self.chance(1, 2);
            self.nodes[index].start_and_die(is_committed);
        }
        if self.copies == Copies::None || !self.chance(1, 6) {
            return;
        }
        if let Some(backup) = self.backups.remove(&index) {
            // What was written since is lost, as the person knows who puts a copy back.
            self.acknowledged.retain(|(node, id)| *node != index || backup.acknowledged.contains(id));
            self.mail.put_back.insert(index);
            self.mail.written.retain(|one| one.node != index || backup.written.contains(one));
            self.nodes[index].sealed = backup.sealed;
            self.nodes[index].put_back(backup.disk);
        } else {
            let mine = self.acknowledged.iter().filter(|(node, _)| *node == index);
            let acknowledged = mine.map(|(_, id)| *id).collect();
            let disk = self.nodes[index].copy();
            let (sealed, written) = (self.nodes[index].sealed.clone(), self.mail.written.clone());
            self.backups.insert(index, Backup { disk, acknowledged, written, sealed });
        }
    }

    fn start(&mut self, index: NodeIndex) {
        if !self.nodes[index].is_on() {
            self.nodes[index].start();
            self.commit_soon(index);
        }
    }

    pub(super) fn crash(&mut self, index: NodeIndex, crash: Crash, left: Option<Vec<u8>>) {
        if !self.nodes[index].is_on() {
            return;
        }
        self.report.crashes += 1;
        let links: Vec<(ConnectionId, LinkIndex)> =
            self.nodes[index].links.iter().map(|(id, link)| (*id, *link)).collect();
        self.nodes[index].stop(crash, left);
        for (_, link) in links {
            self.lose(link);
        }
        let off = self.within(OFF_TIME);
        self.plan_in(off, Happening::Start(index));
    }

    /// Something goes wrong, and the next trouble is planned.
    fn trouble(&mut self) {
        if self.weather == Weather::Calm {
            return;
        }
        let index = self.any_node();
        match self.dice.random_range(0..7) {
            0 | 1 => self.lose_any_link(),
            2 => self.partition(),
            3 => self.far_side.clear(),
            4 => {
                let crash = self.any_crash();
                self.crash(index, crash, None);
            }
            // A list is lost: the next pull has to be told so.
            5 => self.nodes[index].heard.clear(),
            _ => {
                // Now and then by a whole day: what others write then lies in the future here.
                let day_ms = if self.chance(1, 4) { DAY_MS } else { 0 };
                let skew_ms = self.dice.random_range(-SKEW_MS..=SKEW_MS) - day_ms;
                self.nodes[index].set_clock(skew_ms);
                // The driver looks at its clock twice a minute.
                self.input_in(Duration::from_secs(30), index, Input::TimePassed);
            }
        }
        let next = self.within(TROUBLE_EVERY);
        self.plan_in(next, Happening::Trouble);
    }

    fn lose_any_link(&mut self) {
        if !self.links.is_empty() {
            let link = self.dice.random_range(0..self.links.len());
            self.lose(link);
        }
    }

    fn partition(&mut self) {
        self.far_side = (0..self.nodes.len()).filter(|index| index % 2 == 0).collect();
        for link in 0..self.links.len() {
            let [a, b] = self.links[link].nodes();
            if self.is_apart(a, b) {
                self.lose(link);
            }
        }
    }

    /// Whether a partition stands between two nodes.
    pub(super) fn is_apart(&self, a: NodeIndex, b: NodeIndex) -> bool {
        self.far_side.contains(&a) != self.far_side.contains(&b)
    }

    /// From now on only streams are cut.
    pub(super) fn calm_down(&mut self) {
        self.weather = Weather::Calm;
        self.far_side.clear();
        (0..self.nodes.len()).for_each(|index| self.start(index));
    }
}
