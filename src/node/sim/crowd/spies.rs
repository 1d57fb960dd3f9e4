//! Where sealed posts seem to come from: some nodes of a crowd write down who had a post first, as far as they can see it.
//!
//! A spy is an honest node that remembers. It sees at once whatever is pushed to it, and whatever any node it is connected
//! with has in its pool, as if it asked all of them without pause; and all spies tell each other. The guess is the node
//! the first of these came from.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::{Rng, RngExt};

use super::node::Make;
use super::spread::percentile;
use super::world::World;
use crate::api::Command;
use crate::crypto::keys::PostingKey;
use crate::db::objects::Have;
use crate::domain::envelope::Verified;
use crate::domain::ids::ObjectId;
use crate::domain::invite::format_ticket;
use crate::domain::sealed::{SEALED_SIZES, SLOT, SLOTS, Sealed, day_of};
use crate::domain::time::Timestamp;
use crate::node::engine::{Fault, Faults, Input};
use crate::node::sim::node::NodeIndex;
use crate::node::sim::traffic::Traffic;

/// Connections a node opens when it comes.
const OPENED: usize = 4;
/// Time between two nodes that come, and until all are at rest.
const COMING: Duration = Duration::from_secs(2);
const SETTLE: Duration = Duration::from_mins(5);
/// Time the last post has to come through.
const DELIVERY: Duration = Duration::from_mins(10);

/// How sealed posts leave the node that made them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// As in the program.
    OverTheStem,
    /// The control: they are spread where they are made.
    AtOnce,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spying {
    /// Plays the same again.
    pub seed: u64,
    /// Nodes.
    pub nodes: usize,
    /// Of a hundred nodes, those that spy.
    pub spy_percent: usize,
    /// Posts, one after another, each made at a node that is no spy.
    pub posts: u32,
    /// Time between two of them.
    pub every: Duration,
    /// How they leave.
    pub leaving: Leaving,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    /// Posts.
    pub posts: usize,
    /// Those whose origin is the one the first spy had them from.
    pub guessed: usize,
    /// Those that came to every node.
    pub everywhere: usize,
    /// Of each, the time until one other node, chosen before, had it in its pool; only those it came to.
    pub waits: Vec<Duration>,
}

impl Origins {
    /// Of a hundred posts, those whose origin was guessed.
    #[must_use]
    pub const fn precision_percent(&self) -> usize {
        self.guessed * 100 / self.posts
    }

    /// Time within which so many percent of them came to a given node.
    #[must_use]
    pub fn wait(&self, percent: usize) -> Duration {
        percentile(self.waits.iter().copied(), percent)
    }
}

/// Sealed posts that are followed, and who follows them.
#[derive(Default)]
pub(super) struct Spies {
    spies: BTreeSet<NodeIndex>,
    posts: BTreeMap<ObjectId, Trail>,
}

struct Trail {
    origin: NodeIndex,
    target: NodeIndex,
    began: Timestamp,
    /// Whom the first spy had it from, and when.
    first: Option<(NodeIndex, Timestamp)>,
    /// Since when it is in whose pool.
    reached: BTreeMap<NodeIndex, Timestamp>,
}

impl World {
    /// What a spy is given it has seen, whatever stage it is on.
    pub(super) fn spy_on(&mut self, node: NodeIndex, from: NodeIndex, traffic: &Traffic) {
        if !self.spies.spies.contains(&node) {
            return;
        }
        for id in traffic.objects() {
            if let Some(trail) = self.spies.posts.get_mut(&id) {
                trail.first.get_or_insert((from, self.now));
            }
        }
    }

    /// Looks which of these are in the pool of a node now: spies beside it see that.
    pub(super) fn look_at_pool(&mut self, node: NodeIndex, ids: &[ObjectId]) {
        for id in ids {
            let is_new = self.spies.posts.get(id).is_some_and(|trail| !trail.reached.contains_key(&node));
            if !is_new || self.nodes[node].read(|read| read.have(*id)) != Some(Have::Stored) {
                continue;
            }
            let beside: Vec<usize> = self.nodes[node].links.values().copied().collect();
            let is_seen = beside
                .into_iter()
                .filter(|link| self.links[*link].is_alive)
                .flat_map(|link| self.links[link].nodes())
                .any(|other| other != node && self.spies.spies.contains(&other));
            let now = self.now;
            if let Some(trail) = self.spies.posts.get_mut(id) {
                trail.reached.insert(node, now);
                if is_seen {
                    trail.first.get_or_insert((node, now));
                }
            }
        }
    }

    fn new_sealed(&mut self) -> Verified<Sealed> {
        let (mut slots, mut body) = ([[0; SLOT]; SLOTS], vec![0; Sealed::body_bytes(SEALED_SIZES[0])]);
        for slot in &mut slots {
            self.dice.fill_bytes(slot);
        }
        self.dice.fill_bytes(&mut body);
        let author = PostingKey::generate(&mut self.dice);
        let post = Sealed::new(author.posting_id(), day_of(self.now), &slots, &body)
            .expect("the form is the right one");
        author.sign(&post)
    }

    /// A sealed post of a random node that is no spy.
    fn seal_somewhere(&mut self) {
        let honest: Vec<NodeIndex> =
            (0..self.nodes.len()).filter(|index| !self.spies.spies.contains(index)).collect();
        let origin = honest[self.dice.random_range(0..honest.len())];
        let others: Vec<NodeIndex> = honest.into_iter().filter(|index| *index != origin).collect();
        let target = others[self.dice.random_range(0..others.len())];
        self.seal_at(origin, target);
    }

    /// A sealed post of a given node, for another one.
    pub(super) fn seal_at(&mut self, origin: NodeIndex, target: NodeIndex) {
        let post = self.new_sealed();
        let (id, began) = (post.id(), self.now);
        let trail = Trail { origin, target, began, first: None, reached: BTreeMap::new() };
        self.spies.posts.insert(id, trail);
        self.input(origin, None, Input::SealedMade { post: Box::new(post) });
        self.look_at_pool(origin, &[id]);
    }
}

/// Lets posts leave, and spies guess.
///
/// # Panics
/// When a node refuses a ticket: a bug of the simulator.
#[must_use]
pub fn spy(setting: Spying) -> Origins {
    let mut world = gather(setting.seed, setting.nodes, setting.spy_percent, setting.leaving);
    for _ in 0..setting.posts {
        world.seal_somewhere();
        world.run_for(setting.every);
    }
    world.run_for(DELIVERY);
    let trails = std::mem::take(&mut world.spies.posts);
    let arrival = |trail: &Trail| trail.reached.get(&trail.target).map(|at| at.since(trail.began));
    Origins {
        posts: trails.len(),
        guessed: trails
            .values()
            .filter(|trail| trail.first.is_some_and(|(from, _)| from == trail.origin))
            .count(),
        everywhere: trails.values().filter(|trail| trail.reached.len() == setting.nodes).count(),
        waits: trails.values().filter_map(arrival).collect(),
    }
}

/// Nodes with some connections each, some of them spies.
pub(super) fn gather(seed: u64, nodes: usize, spy_percent: usize, leaving: Leaving) -> World {
    let faults = match leaving {
        Leaving::OverTheStem => Faults::default(),
        Leaving::AtOnce => Faults::plant(Fault::SpreadsAtOnce),
    };
    let mut world = World::new(seed, faults);
    world.make = Make::Carriers;
    for number in 0..nodes {
        let index = world.add_node();
        let mut known = BTreeSet::new();
        while known.len() < OPENED.min(number) {
            let peer = world.dice.random_range(0..number);
            if known.insert(peer) {
                let ticket = format_ticket(&world.address(peer));
                world.command(index, Command::AddPeer { ticket }).expect("the ticket is a good one");
            }
        }
        world.run_for(COMING);
    }
    while world.spies.spies.len() * 100 < nodes * spy_percent {
        let spy = world.dice.random_range(0..nodes);
        world.spies.spies.insert(spy);
    }
    world.run_for(SETTLE);
    world
}

impl Spies {
    /// Whether a node is one of them.
    pub(super) fn are(&self, node: NodeIndex) -> bool {
        self.spies.contains(&node)
    }

    /// Of every post they saw, where it seems to come from, and when they saw it.
    pub(super) fn sightings(&self) -> Vec<(NodeIndex, Timestamp)> {
        self.posts.values().filter_map(|trail| trail.first).collect()
    }
}
