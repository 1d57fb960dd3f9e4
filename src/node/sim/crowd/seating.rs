//! Seats in a crowd: how long newcomers wait for them, whether both ends know of them, whether there are too many.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::RngExt;

use super::spread::{Crowd, Setting, percentile};
use super::world::World;
use crate::domain::ids::{NetworkId, PostingId};
use crate::limits::AUTHOR_SEATS;
use crate::node::sim::node::NodeIndex;

/// Seats a newcomer has to have to be safe from the loss of one.
const ENOUGH: usize = 2;
/// Holders at the beginning of a flash crowd.
const SEEDS: usize = 10;

/// How long newcomers waited for two seats.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waits {
    /// Of those who got them.
    pub seated: Vec<Duration>,
    /// How many have none or one.
    pub unseated: usize,
}

impl Waits {
    /// The time within which so many percent of all newcomers had two seats; `None` when fewer had.
    #[must_use]
    pub fn within(&self, percent: usize) -> Option<Duration> {
        let all = self.seated.len() + self.unseated;
        let never = std::iter::repeat_n(Duration::MAX, self.unseated);
        let wait = percentile(self.seated.iter().copied().chain(never), percent);
        (all > 0 && wait < Duration::MAX).then_some(wait)
    }
}

/// What the seats of a crowd are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seating {
    /// Nodes that are on.
    pub online: usize,
    /// Seats at nodes that are on, for nodes that are on.
    pub seats: usize,
    /// Of these, seats the other one does not know of.
    pub half_open: usize,
    /// Nodes with fewer than two seats for nodes that are on.
    pub loose: usize,
    /// Nodes with more seats or rows of a file than are allowed.
    pub overfull: usize,
    /// Nodes in the largest part that seats hold together.
    pub together: usize,
}

impl World {
    pub(super) fn seats_of(&mut self, index: NodeIndex, author: PostingId) -> Vec<NetworkId> {
        let seats = self.nodes[index].read(|read| read.list_seats(author)).unwrap_or_default();
        seats.into_iter().map(|seat| seat.network_id).collect()
    }

    /// Notes when a newcomer has enough seats.
    pub(super) fn look_at_seats(&mut self, index: NodeIndex) {
        let Some(since) = self.waiting.get(&index).copied() else { return };
        let author = self.nodes[0].posting_id();
        if self.seats_of(index, author).len() >= ENOUGH {
            self.waiting.remove(&index);
            self.waits.seated.push(self.now.since(since));
        }
    }
}

impl Crowd {
    /// Looks at the seats of every node that is on.
    pub fn seating(&mut self) -> Seating {
        let author = self.world.nodes[0].posting_id();
        let mut seating = Seating::default();
        for index in 0..self.world.nodes.len() {
            if !self.world.is_on(index) {
                continue;
            }
            let us = self.world.nodes[index].network_id;
            let (mut warm, seats) = (0, self.world.seats_of(index, author));
            for peer in &seats {
                let Some(other) = self.world.find(*peer).filter(|other| self.world.is_on(*other)) else {
                    continue;
                };
                warm += 1;
                seating.half_open += usize::from(!self.world.seats_of(other, author).contains(&us));
            }
            let has_few = self.world.nodes[index].read(|read| read.holders_are_few()) != Some(false);
            let is_overfull = seats.len() > AUTHOR_SEATS || !has_few;
            seating.online += 1;
            seating.seats += warm;
            seating.loose += usize::from(warm < ENOUGH);
            seating.overfull += usize::from(is_overfull);
        }
        seating.together = self.largest_part();
        seating
    }

    /// The size of the largest part of those that are on which seats hold together.
    fn largest_part(&mut self) -> usize {
        let author = self.world.nodes[0].posting_id();
        let mut unseen: BTreeSet<NodeIndex> =
            (0..self.world.nodes.len()).filter(|index| self.world.is_on(*index)).collect();
        let mut largest = 0;
        while let Some(first) = unseen.pop_first() {
            let (mut size, mut border) = (0, vec![first]);
            while let Some(index) = border.pop() {
                size += 1;
                for peer in self.world.seats_of(index, author) {
                    border.extend(self.world.find(peer).filter(|other| unseen.remove(other)));
                }
            }
            largest = largest.max(size);
        }
        largest
    }

    /// Lets so many join within a time, evenly, each let in by any that is on, and waits a minute.
    #[must_use]
    pub fn flash(setting: Setting, joiners: usize, within: Duration) -> (Self, Waits) {
        let mut crowd = Self::begin(setting);
        for _ in 1..SEEDS {
            crowd.join();
            crowd.world.run_for(Duration::from_secs(5));
        }
        crowd.world.run_for(Duration::from_mins(1));
        let every = within / u32::try_from(joiners.max(1)).unwrap_or(u32::MAX);
        for _ in 0..joiners {
            let (guest, _) = crowd.join();
            let now = crowd.world.now;
            crowd.world.waiting.insert(guest, now);
            crowd.world.run_for(every);
        }
        crowd.world.run_for(Duration::from_mins(1));
        let mut waits = std::mem::take(&mut crowd.world.waits);
        waits.unseated = crowd.world.waiting.len();
        (crowd, waits)
    }

    /// A short quiet time.
    pub fn rest(&mut self, time: Duration) {
        self.world.run_for(time);
    }

    /// Any node that is on.
    pub(super) fn any_online(&mut self) -> NodeIndex {
        loop {
            let index = self.world.dice.random_range(0..self.world.nodes.len());
            if self.world.is_on(index) {
                return index;
            }
        }
    }
}
