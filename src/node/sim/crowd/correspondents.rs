//! Who writes to whom, as spies guess it from when and where sealed posts seem to be made.
//!
//! Pairs of nodes exchange sealed posts: one writes, the other one answers half a minute to a minute and a half later. Spies
//! (see [`spies`](super::spies)) take the node the first of them had a post from for its maker. For a node they watch they count
//! how often anybody else seems to make something shortly before or after it, against how often that happens by chance, and
//! name the one for whom that is most unlikely.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;

use super::spies::{Leaving, gather};
use super::world::World;
use crate::domain::time::Timestamp;
use crate::node::sim::node::NodeIndex;

/// The least time between two exchanges of a pair.
const EXCHANGE_LEAST: Duration = Duration::from_mins(2);
/// What chance adds to it at most: four minutes are the mean.
const EXCHANGE_SPREAD: Duration = Duration::from_mins(4);
/// How long an answer takes at least.
const ANSWER_LEAST: Duration = Duration::from_secs(30);
/// What chance adds to it at most.
const ANSWER_SPREAD: Duration = Duration::from_mins(1);
/// Time between two posts of everybody else.
const OTHERS_EVERY: Duration = Duration::from_secs(30);
/// What is closer than this in time may belong together: a little more than the longest answer.
const TOGETHER: Duration = Duration::from_secs(100);
/// The first look at what was guessed.
const FEW: u32 = 10;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meeting {
    /// Plays the same again.
    pub seed: u64,
    /// Nodes.
    pub nodes: usize,
    /// Of a hundred nodes, those that spy.
    pub spy_percent: usize,
    /// Pairs that talk, none of them spies.
    pub pairs: usize,
    /// How often each pair exchanges two posts.
    pub exchanges: u32,
    /// How posts leave.
    pub leaving: Leaving,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    /// Nodes whose correspondent was guessed.
    pub guesses: usize,
    /// How many of these guesses were right after ten exchanges of their pair.
    pub right_after_ten: usize,
    /// The same after all.
    pub right_at_end: usize,
}

/// Lets pairs talk, and spies guess.
#[must_use]
pub fn meet(meeting: Meeting) -> Met {
    let mut world = gather(meeting.seed, meeting.nodes, meeting.spy_percent, meeting.leaving);
    let mut honest: Vec<NodeIndex> = (0..meeting.nodes).filter(|node| !world.spies.are(*node)).collect();
    honest.shuffle(&mut world.dice);
    let (pairs, rest) = honest.split_at(2 * meeting.pairs);
    let pairs: Vec<[NodeIndex; 2]> = pairs.as_chunks().0.to_vec();
    let begin = world.now;
    let (mut acts, tenth) = schedule(&mut world, &pairs, meeting.exchanges);
    let end = acts.iter().map(|(at, _)| *at).max().unwrap_or_default();
    let mut at = Duration::ZERO;
    while at < end && !rest.is_empty() {
        acts.push((at, [0, 1].map(|_| rest[world.dice.random_range(0..rest.len())])));
        at += OTHERS_EVERY;
    }
    acts.sort_unstable();
    let mut passed = Duration::ZERO;
    for (at, [maker, target]) in acts {
        world.run_for(at.saturating_sub(passed));
        passed = at;
        world.seal_at(maker, target);
    }
    world.run_for(TOGETHER * 3);
    let sightings = world.spies.sightings();
    let right = |until: &dyn Fn(usize) -> Timestamp| {
        let mut right = 0;
        for (pair, [one, other]) in pairs.iter().enumerate() {
            let seen = sightings_until(&sightings, until(pair));
            let guess = |of| guess(&seen, begin, until(pair), of);
            right +=
                [(*one, *other), (*other, *one)].iter().filter(|(of, is)| guess(*of) == Some(*is)).count();
        }
        right
    };
    let late = begin.after(end).after(TOGETHER * 3);
    Met {
        guesses: 2 * pairs.len(),
        right_after_ten: right(&|pair| {
            tenth.get(pair).map_or(late, |tenth| begin.after(*tenth).after(TOGETHER * 2))
        }),
        right_at_end: right(&|_| late),
    }
}

/// When who writes to whom, and when each pair has done the first few exchanges.
fn schedule(
    world: &mut World,
    pairs: &[[NodeIndex; 2]],
    exchanges: u32,
) -> (Vec<(Duration, [NodeIndex; 2])>, Vec<Duration>) {
    let (mut acts, mut tenth) = (Vec::new(), Vec::new());
    for [one, other] in pairs {
        let mut at = Duration::ZERO;
        for exchange in 1..=exchanges {
            at += EXCHANGE_LEAST + world.within(EXCHANGE_SPREAD);
            let begins_other = world.dice.random_ratio(1, 2);
            let ends = if begins_other { [*other, *one] } else { [*one, *other] };
            let answer = ANSWER_LEAST + world.within(ANSWER_SPREAD);
            acts.push((at, ends));
            acts.push((at + answer, [ends[1], ends[0]]));
            if exchange == FEW.min(exchanges) {
                tenth.push(at + answer);
            }
        }
    }
    (acts, tenth)
}

fn sightings_until(sightings: &[(NodeIndex, Timestamp)], until: Timestamp) -> Vec<(NodeIndex, Timestamp)> {
    sightings.iter().filter(|(_, at)| *at <= until).copied().collect()
}

/// Who most likely writes with a node.
fn guess(
    sightings: &[(NodeIndex, Timestamp)],
    begin: Timestamp,
    end: Timestamp,
    of: NodeIndex,
) -> Option<NodeIndex> {
    let own: Vec<Timestamp> = sightings.iter().filter(|(node, _)| *node == of).map(|(_, at)| *at).collect();
    let mut seen: BTreeMap<NodeIndex, [u32; 2]> = BTreeMap::new();
    for (node, at) in sightings.iter().filter(|(node, _)| *node != of) {
        let is_near = |own: &Timestamp| at.since(*own).max(own.since(*at)) <= TOGETHER;
        let near = u32::try_from(own.iter().filter(|own| is_near(own)).count()).unwrap_or(u32::MAX);
        let [together, all] = seen.entry(*node).or_default();
        (*together, *all) = (together.saturating_add(near), all.saturating_add(1));
    }
    let own = f64::from(u32::try_from(own.len()).unwrap_or(u32::MAX));
    let share = (TOGETHER * 2).as_secs_f64() / end.since(begin).as_secs_f64().max(1.0);
    let surprise = |[together, all]: [u32; 2]| {
        let expected = own * f64::from(all) * share;
        (f64::from(together) - expected) / (expected + 1.0).sqrt()
    };
    let scored = seen.into_iter().filter(|(_, [together, _])| *together > 0);
    let scored = scored.map(|(node, counts)| (surprise(counts), node));
    scored.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, node)| node)
}
