//! The pool: sealed posts are taken in, kept, served and let go all alike. Nothing here knows what is inside one, for
//! whom it is, or whether it is ours (P3), and nothing one holds makes this node do anything (P7).

use super::{Engine, Step};
use crate::db::DbError;
use crate::db::objects::Have;
use crate::db::space::Class;
use crate::domain::envelope::Verified;
use crate::domain::log::Seq;
use crate::domain::sealed::{Sealed, day_of};
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

impl Engine {
    /// Takes a sealed post in, unless it is here, or not of these days.
    pub(super) fn take_in_sealed(
        &mut self,
        step: &mut Step<'_, '_>,
        post: &Verified<Sealed>,
    ) -> Result<SealedIntake, DbError> {
        if step.store.have(post.id())? != Have::Missing {
            return Ok(SealedIntake::Known);
        }
        let (day, today) = (post.content().day(), day_of(step.now));
        if day > today.saturating_add(1) {
            return Ok(SealedIntake::Ahead { good_from: day.saturating_sub(1) });
        }
        if day < today.saturating_sub(SEALED_DAYS) {
            step.store.insert_evicted(post.id(), None)?;
            return Ok(SealedIntake::Known);
        }
        step.store.insert_sealed(post.id(), post.content(), post.envelope())?;
        self.space.pool_changed();
        Ok(SealedIntake::New)
    }

    /// Lets sealed posts go that are too old or have no room, the oldest first; says how many, at most `most`.
    pub(super) fn keep_pool(&mut self, step: &Step<'_, '_>, most: u32) -> Result<u32, DbError> {
        let first_day = day_of(step.now).saturating_sub(SEALED_DAYS);
        let expired = step.store.list_expired_sealed(first_day, most)?;
        let mut gone = u32::try_from(expired.len()).unwrap_or(most);
        for (seq, id) in expired {
            step.store.delete_sealed(seq)?;
            step.store.insert_evicted(id, None)?;
        }
        while gone < most && step.store.get_class_bytes(Class::Pool)? > self.space.quotas.pool {
            let evicted = self.evict_sealed(step, 1)?;
            if evicted == 0 {
                break;
            }
            gone = gone.saturating_add(evicted);
        }
        Ok(gone)
    }

    /// Lets the sealed posts make room that came first; says how many did.
    pub(super) fn evict_sealed(&mut self, step: &Step<'_, '_>, most: u32) -> Result<u32, DbError> {
        let most = usize::try_from(most.min(LET_GO_AT_ONCE)).unwrap_or(1);
        let last = step.store.get_last_sealed_seq()?;
        let oldest = step.store.list_sealed(Seq::START, last, most)?;
        for arrival in &oldest {
            self.space.made_room();
            step.store.delete_sealed(arrival.seq)?;
            step.store.insert_evicted(arrival.object_id, None)?;
        }
        Ok(u32::try_from(oldest.len()).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests;
