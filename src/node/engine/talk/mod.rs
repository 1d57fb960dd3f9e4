//! Conversations: what a persona writes to somebody, and what comes for it out of the pool.
//!
//! A message is stored first and sealed when its turn comes, at a random moment; it leaves over the stem like every
//! sealed post. What comes is found by looking at all posts of the pool alike, a random moment after they came. Nothing
//! that is found makes this node do anything a stranger could see (P7). Every step saves the new state of a ratchet with
//! what it gave or took, in one transaction.

mod archive;
mod chains;
mod circles;
mod commands;
mod drafts;
mod due;
mod group_commands;
pub(crate) mod group_rows;
mod groups;
mod keeping;
mod lives;
mod matching;
pub(crate) mod pages;
mod planted;
mod prekeys;
mod publishing;
pub(crate) mod rows;
mod sessions;
pub(crate) mod views;

#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod mail_tests;
#[cfg(test)]
mod second_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::CryptoRng;

use self::due::DueRows;
use self::groups::Groups;
use self::keeping::Round;
use self::publishing::AWAITED_LONGEST;
use self::rows::{Conversation, Outgoing, Prekey, Progress, Relation, Row, Session, load_all};
use super::{Engine, Step};
use crate::crypto::data_key::DataKey;
use crate::crypto::session::SessionId;
use crate::db::{DbError, Read};
use crate::domain::conversation::{ConversationId, MessageId, ThreadId};
use crate::domain::ids::{ObjectId, PostingId, RecipientTag};
use crate::domain::log::Seq;
use crate::domain::time::Timestamp;
use crate::limits::{ACK_AFTER, FIRST_LOOK, PREKEY_TIME, PUBLISH_DELAY_LONGEST};

/// Two people: a persona of ours and somebody else.
type Pair = (PostingId, PostingId);
/// A message on its way to one person.
type OutgoingKey = (ThreadId, PostingId, MessageId);

/// What is kept in memory about conversations: all of it stands in the store as well.
pub(super) struct Talks {
    /// What rows are encrypted under; `None` while locked: then nothing else is here either, and nothing is done.
    key: Option<Arc<DataKey>>,
    prekeys: Vec<Prekey>,
    /// When a persona's prekey is renewed.
    renewals: BTreeMap<PostingId, Timestamp>,
    relations: DueRows<Pair, Relation>,
    sessions: BTreeMap<SessionId, Session>,
    /// Which session knows a tag.
    tags: BTreeMap<RecipientTag, SessionId>,
    conversations: BTreeMap<ConversationId, Conversation>,
    outgoing: DueRows<OutgoingKey, Outgoing>,
    /// Which message a sealed post of ours carries.
    posts: BTreeMap<ObjectId, OutgoingKey>,
    /// How far the log of sealed posts was looked through.
    matched: Seq,
    /// What the log was called when the present lives began, hashed; nothing before the first start.
    log: Option<[u8; 32]>,
    /// When a copy was put back last, in milliseconds; 0 if never.
    life: u64,
    next_match: Option<Timestamp>,
    look: Look,
    /// When requests of strangers were taken within the last hour.
    requests: Vec<Timestamp>,
    groups: Groups,
    round: Round,
    /// Nothing is done by itself before this: the store has failed.
    not_before: Timestamp,
}

/// Whether we know what of ours is out there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// No peer was read to its end since the start. A peer that is never read so far is waited for until this time.
    Due { until: Option<Timestamp> },
    /// One was; nobody looked yet for what of ours it had.
    Over,
    /// Somebody did.
    Done,
}

impl Talks {
    pub(super) fn load(read: Read<'_>, key: Option<&Arc<DataKey>>) -> Result<Self, DbError> {
        match key {
            Some(key) => Self::locked().unlocked(read, key),
            None => Ok(Self::locked()),
        }
    }

    /// As long as no key is known.
    fn locked() -> Self {
        Self {
            key: None,
            prekeys: Vec::new(),
            renewals: BTreeMap::new(),
            relations: DueRows::new(),
            sessions: BTreeMap::new(),
            tags: BTreeMap::new(),
            conversations: BTreeMap::new(),
            outgoing: DueRows::new(),
            posts: BTreeMap::new(),
            matched: Seq::START,
            log: None,
            life: 0,
            next_match: None,
            look: Look::Due { until: None },
            requests: Vec::new(),
            groups: Groups::default(),
            round: Round::default(),
            not_before: Timestamp::ZERO,
        }
    }

    pub(super) const fn is_locked(&self) -> bool {
        self.key.is_none()
    }

    pub(super) fn data_key(&self) -> Option<Arc<DataKey>> {
        self.key.clone()
    }

    /// The key for rows. Whoever asks for it while locked has forgotten to look; nothing is written then.
    pub(super) fn key(&self) -> Result<Arc<DataKey>, DbError> {
        self.key.clone().ok_or(DbError::Locked)
    }

    /// What the store holds, read with its key. A peer that was read while locked need not be read again.
    pub(super) fn unlocked(&self, read: Read<'_>, key: &Arc<DataKey>) -> Result<Self, DbError> {
        let mut sessions = BTreeMap::new();
        let mut tags = BTreeMap::new();
        for mut session in load_all::<Session>(read, key)? {
            session.ratchet.watch();
            let sid = SessionId::from(session.sid);
            tags.extend(session.ratchet.tags().map(|tag| (tag, sid)));
            sessions.insert(sid, session);
        }
        let outgoing: Vec<Outgoing> = load_all(read, key)?;
        let progress: Option<Progress> = load_all::<Progress>(read, key)?.into_iter().next();
        Ok(Self {
            prekeys: load_all(read, key)?,
            renewals: BTreeMap::new(),
            relations: load_all::<Relation>(read, key)?
                .into_iter()
                .map(|row| ((row.me, row.peer), row))
                .collect(),
            sessions,
            tags,
            conversations: load_all::<Conversation>(read, key)?
                .into_iter()
                .map(|row| (row.id, row))
                .collect(),
            posts: outgoing.iter().filter_map(|row| Some((row.post?, key_of(row)))).collect(),
            outgoing: outgoing.into_iter().map(|row| (key_of(&row), row)).collect(),
            matched: progress.as_ref().map_or(Seq::START, |row| row.matched),
            life: progress.as_ref().map_or(0, |row| row.life),
            log: progress.map(|row| row.log.into()),
            next_match: None,
            look: self.look,
            requests: Vec::new(),
            groups: Groups::load(read, key)?,
            round: Round::default(),
            not_before: Timestamp::ZERO,
            key: Some(Arc::clone(key)),
        })
    }

    /// Goes on after the store has failed, as after a start, but does nothing by itself before this.
    pub(super) fn rest_until(&mut self, now: Timestamp, earliest: Timestamp) {
        if self.is_locked() {
            return;
        }
        self.clock_stepped_back(now);
        self.round.begin(earliest);
        self.not_before = earliest;
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        let due = self.outgoing.first_due();
        let acks = self.relations.first_due();
        let renewal = self.renewals.values().copied().min();
        let look = match self.look {
            // Only what waits for it makes it matter.
            Look::Due { until } => until.filter(|_| due.is_some()),
            Look::Over | Look::Done => None,
        };
        // What waits for a first look is not due before it.
        let due = if self.look == Look::Done { due } else { None };
        let round = self.round.due();
        let all = due.into_iter().chain(acks).chain(renewal).chain(look).chain(self.next_match).chain(round);
        all.min().map(|due| due.max(self.not_before))
    }

    /// No wait is longer than it could have been begun now: the clock shows an earlier time than when it was begun.
    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        let soonest = |due: Timestamp, most: Duration| due.min(now.after(most));
        self.next_match = self.next_match.map(|due| soonest(due, MATCH_LATEST));
        if let Look::Due { until: Some(until) } = &mut self.look {
            *until = soonest(*until, FIRST_LOOK);
        }
        self.outgoing.change_all(|row| {
            let most = if row.tries == 0 { PUBLISH_DELAY_LONGEST } else { AWAITED_LONGEST };
            row.due = soonest(row.due, most);
        });
        self.relations.change_all(|relation| {
            relation.last_ack = relation.last_ack.min(now);
            relation.ack_due = relation.ack_due.map(|due| soonest(due, ACK_AFTER));
        });
        for due in self.renewals.values_mut() {
            *due = soonest(*due, PREKEY_TIME);
        }
        self.requests.retain(|taken| *taken <= now);
        self.not_before = soonest(self.not_before, FIRST_LOOK);
        self.round.clock_stepped_back(now);
    }
}

/// The shortest wait before something is confirmed without a message.
const ACK_EARLIEST: Duration = Duration::from_mins(10);
/// The longest wait before what came is looked through.
const MATCH_LATEST: Duration = Duration::from_secs(5);
/// The shortest one.
const MATCH_EARLIEST: Duration = Duration::from_secs(1);

fn key_of(row: &Outgoing) -> OutgoingKey {
    (row.thread, row.peer, row.message_id)
}

/// A random time between two.
fn between(rng: &mut dyn CryptoRng, from: Duration, to: Duration) -> Duration {
    let span = u64::try_from(to.saturating_sub(from).as_millis()).unwrap_or(u64::MAX).max(1);
    from.saturating_add(Duration::from_millis(rng.next_u64() % span))
}

/// A random moment at which something is confirmed without a message.
fn ack_moment(step: &mut Step<'_, '_>) -> Timestamp {
    step.now.after(between(step.rng, ACK_EARLIEST, ACK_AFTER))
}

/// An id chosen at random.
fn random_id(step: &mut Step<'_, '_>) -> [u8; 16] {
    let mut id = [0; 16];
    step.rng.fill_bytes(&mut id);
    id
}

impl Engine {
    /// Does what is due in conversations.
    pub(super) fn proceed_talks(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if self.talks.is_locked() {
            // What others' posts come to is of no interest, and is not to pile up.
            drop(self.take_handed());
            return Ok(());
        }
        self.look_again(step)?;
        self.renew_prekeys(step)?;
        self.match_due(step)?;
        self.make_acks(step)?;
        self.publish_due(step)?;
        self.forget_due(step)?;
        self.note_handed(step)
    }

    /// After a start, or once the key is known.
    pub(super) fn begin_talks(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if self.talks.is_locked() {
            return Ok(());
        }
        // The clock may have shown a later time when what is stored was begun.
        self.talks.clock_stepped_back(step.now);
        self.seal_drafts(step)?;
        self.talks.round.begin(step.now);
        self.begin_lives(step)
    }

    fn save_progress(&self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let log = self.talks.log.unwrap_or_default().into();
        self.save_row(step, &Progress { matched: self.talks.matched, log, life: self.talks.life })
    }

    /// Writes a row of conversations.
    fn save_row<T: Row>(&self, step: &mut Step<'_, '_>, row: &T) -> Result<(), DbError> {
        rows::save(step.store, &*self.talks.key()?, step.rng, row)
    }
}
