//! What is going to happen, in order of virtual time; at the same time, in the order it was planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::domain::time::Timestamp;

/// Events with their times.
pub(super) struct Queue<E> {
    heap: BinaryHeap<Reverse<Planned<E>>>,
    planned: u64,
}

struct Planned<E> {
    at: Timestamp,
    order: u64,
    event: E,
}

impl<E> Planned<E> {
    const fn key(&self) -> (Timestamp, u64) {
        (self.at, self.order)
    }
}

impl<E> PartialEq for Planned<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Planned<E> {}

impl<E> PartialOrd for Planned<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Planned<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl<E> Queue<E> {
    pub(super) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), planned: 0 }
    }

    /// Plans an event.
    pub(super) fn plan(&mut self, at: Timestamp, event: E) {
        self.planned += 1;
        self.heap.push(Reverse(Planned { at, order: self.planned, event }));
    }

    /// The next event that happens by `end`, with its time.
    pub(super) fn next_by(&mut self, end: Timestamp) -> Option<(Timestamp, E)> {
        if self.heap.peek()?.0.at > end {
            return None;
        }
        self.heap.pop().map(|Reverse(planned)| (planned.at, planned.event))
    }
}
