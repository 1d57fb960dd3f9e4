//! The pool: sealed posts are taken in, kept, served and let go all alike. Nothing here knows what is inside one, for
//! whom it is, or whether it is ours (P3), and nothing one holds makes this node do anything (P7).
//!
//! How one gets there is `stem`: it leaves the node that made it over others that show it to nobody, and becomes part of
//! the pool somewhere else (P6).

mod decoys;
mod quotas;
mod route;
mod stem;
#[cfg(test)]
mod stem_tests;
#[cfg(test)]
mod tests;

use std::time::Duration;

use rand::CryptoRng;

pub use self::stem::{HandOver, SealedProgress};

use self::decoys::Decoys;
use self::stem::Stem;
use super::trust::prefixes;
use super::{ConnectionId, Engine, Fault, Step};
use crate::db::introducers::Introducer;
use crate::db::objects::Have;
use crate::db::{DbError, Read};
use crate::domain::envelope::Verified;
use crate::domain::log::Seq;
use crate::domain::sealed::{Sealed, day_of};
use crate::domain::time::Timestamp;
use crate::limits::SEALED_DAYS;

/// Sealed posts let go in one round.
const LET_GO_AT_ONCE: u32 = 32;

/// What became of a sealed post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SealedIntake {
    /// It is stored now.
    New,
    /// It was here, or made room, or is too old.
    Known,
    /// It claims a day to come, or our clock is wrong: whoever offered it is asked for it again.
    Ahead {
        /// The first day on which it is taken in.
        good_from: u32,
    },
}

/// What the pool keeps in memory.
#[derive(Debug)]
pub(super) struct Pool {
    stem: Stem,
    decoys: Decoys,
    /// The number of the post that came last.
    last: Seq,
    /// Whether something was published that is not synced yet.
    is_unsynced: bool,
}

impl Pool {
    pub(super) fn load(read: Read<'_>, decoys_per_hour: u32) -> Result<Self, DbError> {
        let (stem, decoys) = (Stem::load(read)?, Decoys::new(decoys_per_hour));
        Ok(Self { stem, decoys, last: read.get_last_sealed_seq()?, is_unsynced: false })
    }

    /// The number of the post that came last, or a higher one. Every step asks for it, so it is not read from the store.
    pub(super) const fn last(&self) -> Seq {
        self.last
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.stem.next_deadline().into_iter().chain(self.decoys.next_deadline()).min()
    }

    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        self.stem.clock_stepped_back(now);
        self.decoys.clock_stepped_back(now);
    }
}

impl Engine {
    /// Whether a sealed post was published since this was last asked. It leaves after the commit, so the commit has to be
    /// on the disk before.
    pub const fn take_published(&mut self) -> bool {
        std::mem::replace(&mut self.pool.is_unsynced, false)
    }

    /// Something of ours was made that cannot be had again: its commit has to be on the disk.
    pub(super) const fn sync_commit(&mut self) {
        self.pool.is_unsynced = true;
    }

    /// Does what is due: hands posts on, spreads them, makes decoys.
    pub(super) fn proceed_pool(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        self.make_decoys(step)?;
        self.proceed_stem(step)
    }

    /// The day a sealed post made now names: by the median of the peers' clocks, as far as there are enough of them, so
    /// that a wrong clock is no mark.
    #[must_use]
    pub fn sealed_day(&self, now: Timestamp) -> u32 {
        let minutes = self.median_clock_ahead().unwrap_or(0);
        day_of(Timestamp::from_millis(now.as_millis().saturating_add(minutes.saturating_mul(60_000))))
    }

    /// Takes a sealed post into the pool, unless it is here, or not of these days. One on the stem is off it then, unless
    /// it is too early for it here: a clock that was set back must not cost what was made before.
    pub(super) fn take_in_sealed(
        &mut self,
        step: &mut Step<'_, '_>,
        post: &Verified<Sealed>,
        source: Option<ConnectionId>,
    ) -> Result<SealedIntake, DbError> {
        let introducer = self.introducer(source);
        self.enter_pool(step, post, &introducer)
    }

    /// The same on an account that is known.
    fn enter_pool(
        &mut self,
        step: &mut Step<'_, '_>,
        post: &Verified<Sealed>,
        introducer: &Introducer,
    ) -> Result<SealedIntake, DbError> {
        let age = age(post.content().day(), step.now);
        let is_missing = step.store.have(post.id())? == Have::Missing;
        if is_missing && age == Age::Ahead {
            return Ok(SealedIntake::Ahead { good_from: post.content().day().saturating_sub(1) });
        }
        self.take_off_stem(step, post.id())?;
        if !is_missing {
            return Ok(SealedIntake::Known);
        }
        match age {
            Age::TooOld => {
                step.store.insert_evicted(post.id(), None)?;
                return Ok(SealedIntake::Known);
            }
            Age::Good | Age::Ahead => {}
        }
        let counted =
            if self.faults.has(Fault::IntroducerNotCounted) { &Introducer::UNKNOWN } else { introducer };
        self.pool.last = step.store.insert_sealed(post.id(), post.content(), post.envelope(), counted)?;
        self.space.pool_changed();
        Ok(SealedIntake::New)
    }

    /// On whose account something is that comes over a connection.
    fn introducer(&self, source: Option<ConnectionId>) -> Introducer {
        let connection = source.and_then(|id| self.connections.get(&id));
        connection.map_or(Introducer::UNKNOWN, |known| Introducer {
            node: Some(known.peer),
            prefix: prefixes(&known.address).next(),
        })
    }
}

/// Whether a sealed post is of these days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Good,
    TooOld,
    Ahead,
}

fn age(day: u32, now: Timestamp) -> Age {
    let today = day_of(now);
    if day > today.saturating_add(1) {
        Age::Ahead
    } else if day < today.saturating_sub(SEALED_DAYS) {
        Age::TooOld
    } else {
        Age::Good
    }
}

/// A random time that tells nothing of when it began: every moment is as likely to be its end as any other.
pub(super) fn exponential(rng: &mut dyn CryptoRng, mean: Duration, longest: Duration) -> Duration {
    // Above 0 and at most 1, so that its logarithm is finite.
    let chance = (f64::from(rng.next_u32()) + 1.0) / (f64::from(u32::MAX) + 1.0);
    mean.mul_f64(chance.ln().abs()).min(longest)
}
