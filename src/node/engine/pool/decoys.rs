//! Decoys: sealed posts without content, made at moments that depend on nothing this node does, so that a real one is not
//! the only thing that ever leaves it. They are made, and leave, like real ones.

use std::time::Duration;

use rand::CryptoRng;

use super::super::{Engine, Fault, Step};
use super::exponential;
use crate::crypto::sealing::{OneTimeKey, TooLarge, seal};
use crate::db::DbError;
use crate::domain::sealed::SEALED_SIZES;
use crate::domain::time::Timestamp;

/// So many newest posts of the pool say how often each size is.
const SIZES_SEEN: u32 = 512;
/// How often each size counts besides: decides while the pool is small, and keeps decoys, which make up much of it, from
/// drifting away by imitating each other.
const USUAL_SIZES: [u32; SEALED_SIZES.len()] = [52, 8, 3, 1];
/// No gap is longer than so many mean ones.
const LONGEST_GAP: u32 = 8;

/// When decoys are made.
#[derive(Debug)]
pub(super) struct Decoys {
    per_hour: u32,
    /// The next one; nothing until the first step.
    next: Option<Timestamp>,
}

impl Decoys {
    pub(super) const fn new(per_hour: u32) -> Self {
        Self { per_hour, next: None }
    }

    pub(super) const fn next_deadline(&self) -> Option<Timestamp> {
        self.next
    }

    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        if let (Some(next), Some(mean)) = (&mut self.next, mean_gap(self.per_hour)) {
            *next = (*next).min(now.after(mean.saturating_mul(LONGEST_GAP)));
        }
    }

    /// Whether one is due, and sets when the next one is.
    fn take_due(&mut self, rng: &mut dyn CryptoRng, now: Timestamp) -> bool {
        let Some(mean) = mean_gap(self.per_hour) else { return false };
        let is_due = self.next.is_some_and(|next| next <= now);
        if is_due || self.next.is_none() {
            self.next = Some(now.after(exponential(rng, mean, mean.saturating_mul(LONGEST_GAP))));
        }
        is_due
    }
}

fn mean_gap(per_hour: u32) -> Option<Duration> {
    Duration::from_hours(1).checked_div(per_hour)
}

impl Engine {
    /// Makes a decoy when it is time for one. While nobody is there to take it none is made: those that waited would leave
    /// together and tell how long this node was alone.
    pub(super) fn make_decoys(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if !self.pool.decoys.take_due(step.rng, step.now) || !self.has_stem_peer() {
            return Ok(());
        }
        let size = decoy_size(step)?;
        let one_time = OneTimeKey::generate(step.rng);
        // A message for nobody: what is made like one cannot look unlike one.
        match seal(&one_time, self.sealed_day(step.now), size, &[], &[], step.rng) {
            Ok(decoy) => self.publish_sealed(step, &decoy),
            // Two random tags were the same.
            Err(TooLarge) => Ok(()),
        }
    }

    /// A planted mistake lets decoys depend on what else leaves.
    pub(super) fn note_published(&mut self, now: Timestamp) {
        if self.faults.has(Fault::DecoysFollowTraffic) {
            self.pool.decoys.next = Some(now.after(Duration::from_mins(1)));
        }
    }
}

/// Bytes of the next decoy: a size is as likely as it is frequent in the pool.
fn decoy_size(step: &mut Step<'_, '_>) -> Result<usize, DbError> {
    let mut counts = USUAL_SIZES;
    for signed in step.store.list_newest_sealed_sizes(SIZES_SEEN)? {
        let signed = usize::try_from(signed).unwrap_or(0);
        let at = SEALED_SIZES.iter().position(|size| *size > signed);
        if let Some(count) = at.and_then(|at| counts.get_mut(at)) {
            *count = count.saturating_add(1);
        }
    }
    let mut drawn = step.rng.next_u32() % counts.iter().sum::<u32>();
    for (size, count) in SEALED_SIZES.into_iter().zip(counts) {
        if drawn < count {
            return Ok(size);
        }
        drawn = drawn.saturating_sub(count);
    }
    Ok(SEALED_SIZES[0])
}
