//! Room in the pool. What came in counts for the node that brought it, pushed or pulled, and for the public prefix it was
//! seen in. Each may take its share and no more; when all together take too much, those of whoever takes most make room,
//! the ones that came first before others. Being asked for keeps nothing longer.

use super::super::{Engine, Step};
use super::LET_GO_AT_ONCE;
use crate::db::DbError;
use crate::db::introducers::{IntroducerKind, Share};
use crate::db::space::Class;
use crate::domain::ids::ObjectId;
use crate::domain::log::Seq;
use crate::domain::sealed::day_of;
use crate::limits::SEALED_DAYS;

impl Engine {
    /// Lets sealed posts go that are too old or have no room; says how many, at most `most`.
    pub(in crate::node::engine) fn keep_pool(
        &mut self,
        step: &Step<'_, '_>,
        most: u32,
    ) -> Result<u32, DbError> {
        let first_day = day_of(step.now).saturating_sub(SEALED_DAYS);
        let expired = step.store.list_expired_sealed(first_day, most)?;
        let mut gone = u32::try_from(expired.len()).unwrap_or(most);
        for (seq, id) in expired {
            step.store.delete_sealed(seq)?;
            step.store.insert_evicted(id, None)?;
        }
        while gone < most {
            let Some(share) = self.share_over_quota(step)? else { break };
            if !self.evict_oldest_of(step, share)? {
                break;
            }
            gone = gone.saturating_add(1);
        }
        Ok(gone)
    }

    /// Whoever has to give something up: who takes most when the pool is full, else somebody who takes more than allowed.
    fn share_over_quota(&self, step: &Step<'_, '_>) -> Result<Option<Share>, DbError> {
        let quotas = self.space.quotas;
        if step.store.get_class_bytes(Class::Pool)? > quotas.pool {
            return largest_share(step);
        }
        for (kind, quota) in
            [(IntroducerKind::Node, quotas.pool_peer), (IntroducerKind::Prefix, quotas.pool_prefix)]
        {
            let largest = step.store.find_largest_introducer(kind)?;
            if largest.is_some_and(|share| share.bytes > quota) {
                return Ok(largest);
            }
        }
        Ok(None)
    }

    /// Lets sealed posts make room for other things; says how many did.
    pub(in crate::node::engine) fn evict_sealed(
        &mut self,
        step: &Step<'_, '_>,
        most: u32,
    ) -> Result<u32, DbError> {
        let mut gone = 0_u32;
        while gone < most.min(LET_GO_AT_ONCE) {
            let Some(share) = largest_share(step)? else { break };
            if !self.evict_oldest_of(step, share)? {
                break;
            }
            gone = gone.saturating_add(1);
        }
        Ok(gone)
    }

    /// Whether there was one to let go.
    fn evict_oldest_of(&mut self, step: &Step<'_, '_>, share: Share) -> Result<bool, DbError> {
        let Some((seq, id)): Option<(Seq, ObjectId)> = step.store.find_oldest_of(share)? else {
            return Ok(false);
        };
        self.space.made_room();
        step.store.delete_sealed(seq)?;
        step.store.insert_evicted(id, None)?;
        Ok(true)
    }
}

/// Who takes most of the pool, nodes and prefixes alike.
fn largest_share(step: &Step<'_, '_>) -> Result<Option<Share>, DbError> {
    let mut largest: Option<Share> = None;
    for kind in IntroducerKind::ALL {
        let share = step.store.find_largest_introducer(kind)?;
        if share.is_some_and(|share| largest.is_none_or(|largest| share.bytes > largest.bytes)) {
            largest = share;
        }
    }
    Ok(largest)
}
