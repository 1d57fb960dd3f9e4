//! Lives of a store: what was sent since a copy was made is not known to the copy, so a store that was put back sends on
//! nothing it holds and begins anew with everybody.
//!
//! That a store was put back shows in its log, whose name stands beside the database (`node::start_mark`). Where a whole
//! machine went back in time nothing beside it differs; then it shows in the pool of others, where posts of ours are that
//! we do not know to have sent.

use std::collections::BTreeSet;

use super::group_rows::Use;
use super::groups::Part;
use super::rows::{Link, Session};
use super::{Engine, Look, Pair, Step, ack_moment};
use crate::crypto::chain::ReceivingChain;
use crate::db::DbError;
use crate::domain::log::Seq;
use crate::limits::{CHAIN_LENGTH, FIRST_LOOK};

/// By how much the lives of a store towards two people may differ.
const LIFE_SPREAD_MS: u64 = 3_600_000;

impl Engine {
    /// A store with another mark than at the last start is a copy.
    pub(super) fn begin_lives(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let key = self.talks.key()?;
        let log = key.name("log", &[&step.store.get_lives()?]);
        let last = self.talks.log.replace(log);
        if last == Some(log) {
            return Ok(());
        }
        if last.is_some() {
            self.begin_all_lives(step)?;
        }
        self.save_progress(step)
    }

    /// This store was put back: nothing is sent on any session or chain it holds.
    fn begin_all_lives(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        self.talks.life = step.now.as_unsigned_millis().max(self.talks.life.saturating_add(1));
        for pair in self.talks.relations.keys().copied().collect::<Vec<_>>() {
            self.begin_life(step, pair, self.talks.life)?;
        }
        self.renew_soon(step);
        self.spend_all_chains(step)
    }

    /// The life of our store towards somebody it has nothing with yet.
    pub(super) fn first_life(&self, pair: Pair) -> u64 {
        self.spread_life(pair, self.talks.life)
    }

    /// Whether a session is of the present lives of both stores. On the others nothing is sent any more.
    pub(super) fn is_of_present_lives(&self, session: &Session) -> bool {
        let relation = self.talks.relations.get(&(session.me, session.peer));
        relation
            .is_some_and(|relation| (session.life, session.your_life) == (relation.life, relation.your_life))
    }

    /// A life as one of a pair: towards no two people is it the same, so that nobody can tell from two of them that their
    /// personas share a store.
    fn spread_life(&self, (me, peer): Pair, life: u64) -> u64 {
        if life == 0 {
            return 0;
        }
        let name = self.talks.key.as_ref().map(|key| key.name("life", &[me.as_bytes(), peer.as_bytes()]));
        let spread =
            name.as_ref().and_then(|name| name.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
                % LIFE_SPREAD_MS;
        life.saturating_add(spread)
    }

    /// Begins anew with somebody, who hears of it with the next message, or alone.
    fn begin_life(&mut self, step: &mut Step<'_, '_>, pair: Pair, life: u64) -> Result<(), DbError> {
        let life = self.spread_life(pair, life);
        let due = ack_moment(step);
        let is_accepted = self.is_accepted(pair);
        self.change_relation(step, pair, |relation| {
            relation.life = life.max(relation.life.saturating_add(1));
            if relation.link == Link::Confirmed && is_accepted && !relation.is_blocked {
                relation.ack_due = Some(due);
            }
        })
    }

    /// A peer's log of sealed posts was read to its end: what of ours is out there is here too.
    pub(in crate::node::engine) const fn looked_at_pool(&mut self) {
        if matches!(self.talks.look, Look::Due { .. }) {
            self.talks.look = Look::Over;
        }
    }

    /// Before anything is sent after a start: waits until a peer was read, and looks for what of ours it had.
    pub(super) fn look_again(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        // Without a peer nothing can be sent: the wait begins with one.
        if let Look::Due { until } = self.talks.look
            && self.has_stem_peer()
        {
            let until = until.unwrap_or_else(|| step.now.after(FIRST_LOOK));
            self.talks.look = if until <= step.now { Look::Over } else { Look::Due { until: Some(until) } };
        }
        if self.talks.look == Look::Over {
            self.look_for_own(step)?;
            self.talks.look = Look::Done;
        }
        Ok(())
    }

    /// Looks in the pool for tags we would send next. Whoever we write with knows them too and can plant them: that makes us
    /// begin anew with this one person. What is on a chain of ours is signed, and is proof. Where we began anew already
    /// nothing is sent on, and nothing looked for.
    fn look_for_own(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let parts: Vec<Part> = self.talks.groups.own.keys().copied().collect();
        for part in parts {
            if self.sent_on_chain(step, part)? {
                self.begin_all_lives(step)?;
                return self.save_progress(step);
            }
        }
        let mut sent_to = BTreeSet::new();
        let present = self.talks.sessions.values().filter(|session| self.is_of_present_lives(session));
        for session in present {
            if !sent_to.contains(&(session.me, session.peer)) && self.has_sent_more(step, session)? {
                sent_to.insert((session.me, session.peer));
            }
        }
        let now = step.now.as_unsigned_millis();
        sent_to.into_iter().try_for_each(|pair| self.begin_life(step, pair, now))
    }

    /// Whether the pool holds what we would send next on a chain of ours.
    fn sent_on_chain(&self, step: &Step<'_, '_>, part: Part) -> Result<bool, DbError> {
        let own = self.talks.groups.own.get(&part).filter(|own| own.use_ == Use::Open);
        let Some(chain) = own.and_then(|own| ReceivingChain::new(&own.chain.offer())) else {
            return Ok(false);
        };
        let (me, thread) = part;
        for tag in chain.tags() {
            for post in self.posts_with(step, tag)? {
                let mut slots = post.tags().iter().zip(post.slots()).filter(|(known, _)| **known == tag);
                if slots.any(|(_, slot)| chain.open(thread, me, &post, slot, step.now).is_ok()) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether the pool holds what we would send next on a session.
    fn has_sent_more(&self, step: &Step<'_, '_>, session: &Session) -> Result<bool, DbError> {
        for tag in session.ratchet.tags_to_send(CHAIN_LENGTH) {
            if !step.store.list_sealed_for(tag, Seq::START, self.pool.last(), 1)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
