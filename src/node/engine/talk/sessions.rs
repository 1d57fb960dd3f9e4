//! Which session a message leaves on, and what a beginning of the other side changes.
//!
//! Of the sessions two personas share, both sides use the one with the highest stamp that both have; the others only
//! receive. A session belongs to one life of both stores: one that was put back from a copy begins anew and never sends
//! on a chain it may have used before.

use super::rows::{Bond, Contact, Link, Relation, Session, Strength, remove};
use super::{Engine, Pair, Step};
use crate::crypto::dh::DhPublic;
use crate::crypto::keys::PostingKey;
use crate::crypto::ratchet::Ratchet;
use crate::crypto::session::{SessionId, begin};
use crate::db::DbError;
use crate::domain::inner::Beginning;
use crate::domain::time::Timestamp;
use crate::limits::{CHAIN_LENGTH, PEER_SESSIONS};

/// How far ahead of our clock a stamp may be: two days.
const STAMP_AHEAD_MS: u64 = 2 * 86_400_000;
/// How long a session without a word of the peer is kept.
const SESSION_KEPT: std::time::Duration = std::time::Duration::from_hours(24 * 31);

/// Where the next message to somebody goes.
pub(super) enum Route {
    /// On this session.
    On(SessionId),
    /// Nowhere yet: too many beginnings of ours were not answered.
    Full,
    /// Nowhere: the other side's key is none.
    Useless,
}

impl Engine {
    /// The relation with somebody, as new if there is none.
    pub(super) fn relation(&mut self, (me, peer): Pair) -> &mut Relation {
        self.talks.relations.entry((me, peer)).or_insert_with(|| Relation::new(me, peer))
    }

    pub(super) fn save_relation(&self, step: &mut Step<'_, '_>, pair: Pair) -> Result<(), DbError> {
        match self.talks.relations.get(&pair) {
            Some(relation) => self.save_row(step, relation),
            None => Ok(()),
        }
    }

    /// The session to send on, begun if there is none.
    pub(super) fn session_to(
        &mut self,
        step: &mut Step<'_, '_>,
        key: &PostingKey,
        pair: Pair,
    ) -> Result<Route, DbError> {
        let (life, your_life) =
            self.talks.relations.get(&pair).map_or((0, 0), |relation| (relation.life, relation.your_life));
        let of_pair = |session: &&Session| (session.me, session.peer) == pair;
        let usable = |session: &&Session| {
            (session.life, session.your_life) == (life, your_life)
                && session.ratchet.sent_count() < CHAIN_LENGTH
                && session.ratchet.seal_next().is_some()
        };
        let best = |bond: Bond| {
            let sessions = self.talks.sessions.values().filter(of_pair);
            let sessions = sessions.filter(|session| session.bond == bond).filter(usable);
            sessions.max_by_key(|session| (session.stamp, std::cmp::Reverse(*session.sid)))
        };
        if let Some(session) = best(Bond::Confirmed).or_else(|| best(Bond::Pending)) {
            return Ok(Route::On(session.sid.into()));
        }
        let pending =
            self.talks.sessions.values().filter(of_pair).filter(|session| session.bond == Bond::Pending);
        if pending.count() >= PEER_SESSIONS {
            return Ok(Route::Full);
        }
        self.begin_session(step, key, pair)
    }

    fn begin_session(
        &mut self,
        step: &mut Step<'_, '_>,
        key: &PostingKey,
        pair: Pair,
    ) -> Result<Route, DbError> {
        let (me, peer) = pair;
        let Ok(identity) = DhPublic::of_posting_id(peer) else { return Ok(Route::Useless) };
        let (prekey, strength) = match self.find_prekey(step, me, peer)? {
            Some(prekey) => (prekey, Strength::Fresh),
            None => (identity, Strength::Weak),
        };
        let Ok(begun) = begin(key, peer, prekey, step.rng) else { return Ok(Route::Useless) };
        let now = u64::try_from(step.now.as_millis()).unwrap_or(0);
        let relation = self.relation(pair);
        relation.stamp = now.max(relation.stamp.saturating_add(1));
        if relation.link != Link::Confirmed {
            relation.link = match strength {
                Strength::Fresh => Link::Waiting,
                Strength::Weak => Link::Weak,
            };
        }
        let session = Session {
            sid: begun.sid.into(),
            me,
            peer,
            stamp: relation.stamp,
            life: relation.life,
            your_life: relation.your_life,
            contact: Some(Contact { beginning: begun.beginning, prekey, strength }),
            bond: Bond::Pending,
            last: step.now,
            ratchet: begun.ratchet,
        };
        self.save_relation(step, pair)?;
        self.keep_session(step, session)?;
        Ok(Route::On(begun.sid))
    }

    /// Stores a session, new or moved on, and watches for its tags.
    pub(super) fn keep_session(&mut self, step: &mut Step<'_, '_>, session: Session) -> Result<(), DbError> {
        let sid = SessionId::from(session.sid);
        if let Some(old) = self.talks.sessions.get(&sid) {
            for tag in old.ratchet.tags() {
                self.talks.tags.remove(&tag);
            }
        }
        self.talks.tags.extend(session.ratchet.tags().map(|tag| (tag, sid)));
        self.save_row(step, &session)?;
        self.talks.sessions.insert(sid, session);
        Ok(())
    }

    /// Forgets sessions with somebody beyond what is kept, and those on which nothing can come any more.
    pub(super) fn drop_sessions(&mut self, step: &mut Step<'_, '_>, pair: Pair) -> Result<(), DbError> {
        let mut own: Vec<(u64, SessionId, Timestamp)> = self
            .talks
            .sessions
            .values()
            .filter(|session| (session.me, session.peer) == pair)
            .map(|session| (session.stamp, session.sid.into(), session.last))
            .collect();
        own.sort_unstable_by_key(|(stamp, ..)| std::cmp::Reverse(*stamp));
        for (index, (_, sid, last)) in own.into_iter().enumerate() {
            let is_dead = index > 0 && step.now.since(last) > SESSION_KEPT;
            if (index >= PEER_SESSIONS || is_dead)
                && let Some(session) = self.talks.sessions.remove(&sid)
            {
                for tag in session.ratchet.tags() {
                    self.talks.tags.remove(&tag);
                }
                remove(step.store, &*self.talks.key()?, &session)?;
            }
        }
        Ok(())
    }

    /// What the other side says of itself with its first messages. `None` when its stamp lies too far ahead.
    pub(super) fn beginning_heard(
        &mut self,
        step: &mut Step<'_, '_>,
        pair: Pair,
        beginning: &Beginning,
    ) -> Result<Option<()>, DbError> {
        let now = u64::try_from(step.now.as_millis()).unwrap_or(0);
        if beginning.stamp > now.saturating_add(STAMP_AHEAD_MS) {
            return Ok(None);
        }
        let relation = self.relation(pair);
        relation.stamp = relation.stamp.max(beginning.stamp);
        relation.your_life = relation.your_life.max(beginning.life);
        relation.name.clone_from(&beginning.name);
        if let Some((key, day)) = beginning.prekey {
            let is_newer = relation.prekey.is_none_or(|(_, known)| known < day);
            if is_newer {
                relation.prekey = Some((DhPublic::from_bytes(key.into()), day));
            }
        }
        self.save_relation(step, pair)?;
        Ok(Some(()))
    }

    /// A session the other side began.
    pub(super) fn answering_session(
        now: Timestamp,
        (me, peer): Pair,
        sid: SessionId,
        beginning: &Beginning,
        ratchet: Ratchet,
    ) -> Session {
        // It is of the life of our store the other side knew.
        let (life, your_life) = (beginning.your_life, beginning.life);
        let contact = None;
        let bond = Bond::Confirmed;
        Session {
            sid: sid.into(),
            me,
            peer,
            stamp: beginning.stamp,
            life,
            your_life,
            contact,
            bond,
            last: now,
            ratchet,
        }
    }
}
