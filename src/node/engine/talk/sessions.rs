//! Which session a message leaves on, and what a beginning of the other side changes.
//!
//! Of the sessions two personas share, both sides use the one with the highest stamp that both have; the others only
//! receive. A session belongs to one life of both stores: one that was put back from a copy begins anew and never sends
//! on a chain it may have used before.

use super::rows::{Bond, Contact, Link, Outgoing, Relation, Session, Strength, remove};
use super::{Engine, Pair, Step, ack_moment};
use crate::crypto::dh::DhPublic;
use crate::crypto::keys::PostingKey;
use crate::crypto::ratchet::Ratchet;
use crate::crypto::session::{SessionId, begin};
use crate::db::DbError;
use crate::domain::inner::Beginning;
use crate::domain::sealed::day_of;
use crate::domain::time::Timestamp;
use crate::limits::{CHAIN_LENGTH, PEER_SESSIONS};

/// How far ahead of our clock a stamp may be: two days.
const STAMP_AHEAD_MS: u64 = 2 * 86_400_000;
/// How long a session on which nothing comes is trusted with what was not confirmed.
const REANCHOR_AFTER: std::time::Duration = std::time::Duration::from_hours(24 * 7);
/// Slots in a row that do not fit after which nothing more is sent on a session: the two sides have lost each other.
const BROKEN_MOST: u32 = 3;
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

/// How far a session that stands is trusted with a message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trust {
    /// The message was never sealed before.
    Any,
    /// It was, and is sealed again: the other side may have lost the session, unless something came on it since this time, or
    /// came of late.
    HeardSince(Timestamp),
}

impl Trust {
    fn is_in(self, session: &Session, now: Timestamp) -> bool {
        match self {
            Self::Any => true,
            Self::HeardSince(sent) => session.last >= sent || now.since(session.last) < REANCHOR_AFTER,
        }
    }
}

impl Engine {
    /// Changes the relation with somebody, a new one if there is none, and stores it.
    pub(super) fn change_relation<T>(
        &mut self,
        step: &mut Step<'_, '_>,
        pair: Pair,
        change: impl FnOnce(&mut Relation) -> T,
    ) -> Result<T, DbError> {
        let known = self.talks.relations.remove(&pair);
        let mut relation = known.unwrap_or_else(|| Relation::new(pair.0, pair.1, self.first_life(pair)));
        let changed = change(&mut relation);
        let saved = self.save_row(step, &relation);
        self.talks.relations.insert(pair, relation);
        saved.map(|()| changed)
    }

    /// All sessions with somebody.
    pub(super) fn sessions_with(&self, pair: Pair) -> impl Iterator<Item = &Session> {
        self.talks.sessions.values().filter(move |session| (session.me, session.peer) == pair)
    }

    /// The session to send on, begun if there is none.
    pub(super) fn session_to(
        &mut self,
        step: &mut Step<'_, '_>,
        key: &PostingKey,
        pair: Pair,
        trust: Trust,
    ) -> Result<Route, DbError> {
        let prekey = self.find_prekey(step, pair.0, pair.1)?;
        let confirmed = self
            .best_session(pair, |session| session.bond == Bond::Confirmed && trust.is_in(session, step.now));
        // One that was begun with an older prekey may be one the other side cannot read.
        let begun = |session: &Session| {
            let is_newest = |contact: &Contact| prekey.is_none_or(|prekey| prekey == contact.prekey);
            session.bond == Bond::Pending && session.contact.as_ref().is_some_and(is_newest)
        };
        if let Some(sid) = confirmed.or_else(|| self.best_session(pair, begun)) {
            return Ok(Route::On(sid));
        }
        if self.sessions_with(pair).filter(|session| session.bond == Bond::Pending).count() >= PEER_SESSIONS {
            return Ok(Route::Full);
        }
        self.begin_session(step, key, pair, prekey)
    }

    /// Of the sessions that are such and can be sent on, the one both sides use.
    pub(super) fn best_session(&self, pair: Pair, is_such: impl Fn(&Session) -> bool) -> Option<SessionId> {
        let usable = self.sessions_with(pair).filter(|session| {
            is_such(session)
                && self.is_of_present_lives(session)
                && session.broken < BROKEN_MOST
                && session.ratchet.sent_count() < CHAIN_LENGTH
                && session.ratchet.seal_next().is_some()
        });
        usable
            .max_by_key(|session| (session.stamp, std::cmp::Reverse(*session.sid)))
            .map(|session| session.sid.into())
    }

    fn begin_session(
        &mut self,
        step: &mut Step<'_, '_>,
        key: &PostingKey,
        pair: Pair,
        prekey: Option<DhPublic>,
    ) -> Result<Route, DbError> {
        let (me, peer) = pair;
        let Ok(identity) = DhPublic::of_posting_id(peer) else { return Ok(Route::Useless) };
        let (prekey, strength) = match prekey {
            Some(prekey) => (prekey, Strength::Fresh),
            None => (identity, Strength::Weak),
        };
        let Ok(begun) = begin(key, peer, prekey, step.rng) else { return Ok(Route::Useless) };
        let now = step.now.as_unsigned_millis();
        let (stamp, life, your_life) = self.change_relation(step, pair, |relation| {
            relation.stamp = now.max(relation.stamp.saturating_add(1));
            if relation.link != Link::Confirmed {
                relation.link = match strength {
                    Strength::Fresh => Link::Waiting,
                    Strength::Weak => Link::Weak,
                };
            }
            (relation.stamp, relation.life, relation.your_life)
        })?;
        let session = Session {
            sid: begun.sid.into(),
            me,
            peer,
            stamp,
            life,
            your_life,
            contact: Some(Contact { beginning: begun.beginning, prekey, strength }),
            bond: Bond::Pending,
            last: step.now,
            ratchet: begun.ratchet,
            broken: 0,
        };
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

    /// Stores how far a session was sent on.
    pub(super) fn move_session(
        &mut self,
        step: &mut Step<'_, '_>,
        sid: SessionId,
        ratchet: Ratchet,
    ) -> Result<(), DbError> {
        let Some(mut session) = self.talks.sessions.remove(&sid) else { return Ok(()) };
        session.ratchet = ratchet;
        self.save_row(step, &session)?;
        self.talks.sessions.insert(sid, session);
        Ok(())
    }

    /// Forgets sessions with somebody beyond what is kept, and those on which nothing can come any more.
    pub(super) fn drop_sessions(&mut self, step: &mut Step<'_, '_>, pair: Pair) -> Result<(), DbError> {
        let mut own: Vec<(u64, SessionId, Timestamp, Bond)> = self
            .sessions_with(pair)
            .map(|session| (session.stamp, session.sid.into(), session.last, session.bond))
            .collect();
        own.sort_unstable_by_key(|(stamp, ..)| std::cmp::Reverse(*stamp));
        let mut confirmed = 0_usize;
        for (index, (_, sid, last, bond)) in own.into_iter().enumerate() {
            let is_dead = index > 0 && step.now.since(last) > SESSION_KEPT;
            // Those without an answer are bounded where they are begun, and take no room from the others.
            confirmed = confirmed.saturating_add(usize::from(bond == Bond::Confirmed));
            let is_beyond = bond == Bond::Confirmed && confirmed > PEER_SESSIONS;
            if is_beyond || is_dead {
                self.drop_session(step, sid)?;
            }
        }
        Ok(())
    }

    /// Forgets somebody, and all sessions with them.
    pub(super) fn forget_pair(&mut self, step: &mut Step<'_, '_>, pair: Pair) -> Result<(), DbError> {
        let all: Vec<SessionId> = self.sessions_with(pair).map(|session| session.sid.into()).collect();
        all.into_iter().try_for_each(|sid| self.drop_session(step, sid))?;
        match self.talks.relations.remove(&pair) {
            Some(relation) => remove(step.store, &*self.talks.key()?, &relation),
            None => Ok(()),
        }
    }

    fn drop_session(&mut self, step: &mut Step<'_, '_>, sid: SessionId) -> Result<(), DbError> {
        let Some(session) = self.talks.sessions.remove(&sid) else { return Ok(()) };
        for tag in session.ratchet.tags() {
            self.talks.tags.remove(&tag);
        }
        remove(step.store, &*self.talks.key()?, &session)
    }

    /// Forgets keys of skipped messages that cannot come any more.
    pub(super) fn forget_skipped(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let mut changed = Vec::new();
        for (sid, session) in &mut self.talks.sessions {
            let tags = session.ratchet.forget_skipped(step.now);
            if !tags.is_empty() {
                changed.push(*sid);
            }
            for tag in tags {
                self.talks.tags.remove(&tag);
            }
        }
        let mut changed = changed.iter().filter_map(|sid| self.talks.sessions.get(sid));
        changed.try_for_each(|session| self.save_row(step, session))
    }

    /// What the other side says of itself with its first messages. `None` when its stamp lies too far ahead.
    pub(super) fn beginning_heard(
        &mut self,
        step: &mut Step<'_, '_>,
        pair: Pair,
        beginning: &Beginning,
    ) -> Result<Option<()>, DbError> {
        let now = step.now.as_unsigned_millis();
        let latest = now.saturating_add(STAMP_AHEAD_MS);
        if beginning.stamp.max(beginning.life).max(beginning.your_life) > latest {
            return Ok(None);
        }
        // What claims a later day came from a clock that is ahead, and would outlive all that follow it.
        let last_day = day_of(step.now).saturating_add(1);
        let began_anew = self.change_relation(step, pair, |relation| {
            relation.stamp = relation.stamp.max(beginning.stamp);
            if relation.life < beginning.your_life {
                // Another copy of this store went on after the one that was put back.
                relation.life = beginning.your_life.saturating_add(1);
            }
            if let Some((key, day)) = beginning.prekey
                && day <= last_day
                && relation.prekey.is_none_or(|(_, known)| known < day || known > last_day)
            {
                relation.prekey = Some((DhPublic::from_bytes(key.into()), day));
            }
            relation.name.clone_from(&beginning.name);
            let began_anew = relation.your_life < beginning.life;
            relation.your_life = relation.your_life.max(beginning.life);
            began_anew
        })?;
        if began_anew {
            self.seal_again(step, pair)?;
        }
        Ok(Some(()))
    }

    /// The other side was put back from a copy: it may not be able to read what is on its way to it.
    fn seal_again(&mut self, step: &mut Step<'_, '_>, pair: Pair) -> Result<(), DbError> {
        let of_pair = |row: &&Outgoing| (row.me, row.peer) == pair && row.tries > 0;
        let rows: Vec<Outgoing> = self.talks.outgoing.values().filter(of_pair).cloned().collect();
        for mut row in rows {
            row.due = row.due.min(ack_moment(step));
            self.keep_outgoing(step, row)?;
        }
        Ok(())
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
            broken: 0,
        }
    }
}
