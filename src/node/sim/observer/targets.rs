//! Whether sealed posts are pushed to who they are for more, or less, often than to others.
//!
//! All twelve nodes talk, in six pairs drawn by lot, so that all other ways to pair them are as good as the true one where
//! pushes depend on nothing but connections and chance. The true pairs are compared with 9,999 drawn ones: a permutation test,
//! alpha = 10^-3 on both sides together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::checks::number;
use super::record::{Holds, Recorder};
use super::world::{NODES, Plan, Truth, play};
use crate::node::sim::node::NodeIndex;
use crate::node::wire::Stage;

/// Ways to pair nodes that are tried.
const DRAWN: usize = 9_999;
/// Chance of a good program to be blamed, on one side.
const ALPHA: f64 = 0.000_5;

/// Who is connected with whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mesh {
    /// All with all.
    Full,
    /// Each with a few.
    Partial,
}

/// Whether pushes go astray on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// As the program does.
    AsItIs,
    /// A planted leak: the first push of every message goes to who it is for.
    AtRecipient,
}

/// Pushes of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pushes {
    /// Of all pushes, those to who a post is for.
    pub to_recipient: usize,
    /// All of them.
    pub all: usize,
    /// How often pairs drawn by lot have as many or more, and as many or fewer.
    pub chances: [f64; 2],
}

impl Pushes {
    /// Whether chance explains it.
    #[must_use]
    pub fn are_chance(&self) -> bool {
        self.chances.iter().all(|chance| *chance >= ALPHA)
    }
}

/// What was seen of some sends.
pub struct Targets {
    /// Posts of conversations.
    pub sends: usize,
    /// The first push of each, on the stem.
    pub stem: Pushes,
    /// Pushes that spread them.
    pub spread: Pushes,
    /// For each connection, of which kinds (the numbers of the protocol) how many frames went over it.
    pub kinds: BTreeMap<[NodeIndex; 2], BTreeMap<u16, usize>>,
    /// The connections of those who talk with each other.
    pub talking: BTreeSet<[NodeIndex; 2]>,
}

/// How often what a node made was pushed to each other node.
type Counts = BTreeMap<(NodeIndex, NodeIndex), usize>;

/// Lets about a thousand messages be sent and looks where they are pushed.
#[must_use]
pub fn targets(seed: u64, mesh: Mesh, aim: Aim) -> Targets {
    let opened = match mesh {
        Mesh::Full => NODES,
        Mesh::Partial => 4,
    };
    let plan = Plan {
        messages: &[167; NODES / 2],
        others: 0,
        decoys_per_hour: 0,
        public: 20,
        time: Duration::from_hours(2),
        opened,
    };
    let (mut record, truth) = play(seed, plan, None);
    if aim == Aim::AtRecipient {
        aim_at_recipients(&mut record, &truth);
    }
    let pairs: Vec<[NodeIndex; 2]> = truth.conversations.iter().map(|talk| talk.ends).collect();
    let (stem, spread) = counts(&record);
    let mut dice = StdRng::seed_from_u64(seed);
    Targets {
        sends: truth.conversations.iter().map(|talk| talk.posts.len()).sum(),
        stem: compare(&stem, &pairs, &mut dice),
        spread: compare(&spread, &pairs, &mut dice),
        kinds: kinds(&record),
        talking: pairs.iter().map(|[one, other]| [*one.min(other), *one.max(other)]).collect(),
    }
}

fn aim_at_recipients(record: &mut Recorder, truth: &Truth) {
    let mut pushed = BTreeSet::new();
    for frame in &mut record.frames {
        let Holds::Pushed(post, Stage::Stem) = &frame.holds else { continue };
        let talk = truth.conversations.iter().find(|talk| talk.ends.contains(&frame.from));
        if let Some(talk) = talk.filter(|talk| talk.posts.contains(post))
            && pushed.insert(*post)
        {
            let [one, other] = talk.ends;
            frame.to = if frame.from == one { other } else { one };
        }
    }
}

/// First pushes, and pushes that spread, by maker and receiver.
fn counts(record: &Recorder) -> (Counts, Counts) {
    let (mut stem, mut spread) = (Counts::new(), Counts::new());
    let mut begun = BTreeSet::new();
    for frame in &record.frames {
        let Holds::Pushed(post, stage) = &frame.holds else { continue };
        let Some(maker) = record.posts.get(*post).map(|post| post.from) else { continue };
        match stage {
            Stage::Stem if begun.insert(*post) => *stem.entry((maker, frame.to)).or_default() += 1,
            Stage::Stem => {}
            Stage::Spread => *spread.entry((maker, frame.to)).or_default() += 1,
        }
    }
    (stem, spread)
}

fn compare(counts: &Counts, pairs: &[[NodeIndex; 2]], dice: &mut StdRng) -> Pushes {
    let between = |pairs: &[[NodeIndex; 2]]| -> usize {
        let ways = pairs.iter().flat_map(|[one, other]| [(*one, *other), (*other, *one)]);
        ways.filter_map(|way| counts.get(&way)).sum()
    };
    let to_recipient = between(pairs);
    let mut nodes: Vec<NodeIndex> = (0..NODES).collect();
    let [mut more, mut fewer] = [1_usize, 1];
    for _ in 0..DRAWN {
        nodes.shuffle(dice);
        let drawn = between(nodes.as_chunks().0);
        more += usize::from(drawn >= to_recipient);
        fewer += usize::from(drawn <= to_recipient);
    }
    let chances = [more, fewer].map(|count| number(count) / number(DRAWN + 1));
    Pushes { to_recipient, all: counts.values().sum(), chances }
}

fn kinds(record: &Recorder) -> BTreeMap<[NodeIndex; 2], BTreeMap<u16, usize>> {
    let mut kinds: BTreeMap<[NodeIndex; 2], BTreeMap<u16, usize>> = BTreeMap::new();
    for frame in &record.frames {
        let connection = [frame.from.min(frame.to), frame.from.max(frame.to)];
        *kinds.entry(connection).or_default().entry(frame.kind).or_default() += 1;
    }
    kinds
}
