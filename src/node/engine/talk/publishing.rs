//! Sealing what is due: a message becomes a sealed post when it leaves, not when it is written.

use std::time::Duration;

use minicbor::bytes::ByteArray;

use super::archive::Change;
use super::rows::{Awaited, Bond, Outgoing, Relation, StoredDelivery, remove};
use super::sessions::{Route, Trust};
use super::views::signed_name;
use super::{Engine, Look, OutgoingKey, Pair, Step, between, key_of, random_id};
use crate::api::Event;
use crate::crypto::keys::PostingKey;
use crate::crypto::sealing::{SlotKeys, seal, size_for};
use crate::crypto::session::{SessionId, contact_slot};
use crate::db::DbError;
use crate::domain::conversation::{ConversationId, MessageId, ThreadId};
use crate::domain::envelope::Verified;
use crate::domain::ids::PostingId;
use crate::domain::inner::{Ack, Beginning, Inner, Said};
use crate::domain::sealed::{Sealed, day_of};
use crate::limits::{ACK_AFTER, ACKS_AT_ONCE, PUBLISH_DELAY, PUBLISH_DELAY_LONGEST};
use crate::node::engine::{Fault, SealedProgress};

/// Days after which what was not confirmed is sealed again, each with half a day at random.
const AGAIN_AFTER_DAYS: [u64; 3] = [3, 10, 25];
/// How long a confirmation is awaited in all: as long as sealed posts are kept.
const GIVEN_UP_AFTER_DAYS: u64 = 31;
/// The longest wait before something is sealed again or given up.
pub(super) const AWAITED_LONGEST: Duration = Duration::from_hours(GIVEN_UP_AFTER_DAYS * 24 + 12);
/// Messages sealed in one step; the rest follows in the next.
const SEALED_AT_ONCE: usize = 4;

impl Engine {
    /// Queues something said, for one person.
    pub(super) fn queue(&mut self, step: &mut Step<'_, '_>, mut row: Outgoing) -> Result<(), DbError> {
        row.due = step.now.after(Self::delay(step));
        self.keep_outgoing(step, row)
    }

    /// Stores what waits to be sent or confirmed, new or changed.
    pub(super) fn keep_outgoing(&mut self, step: &mut Step<'_, '_>, row: Outgoing) -> Result<(), DbError> {
        self.save_row(step, &row)?;
        self.talks.outgoing.insert(key_of(&row), row);
        Ok(())
    }

    /// What a message written now waits for.
    pub(super) fn awaited(&self) -> Awaited {
        match self.talks.look {
            _ if !self.has_stem_peer() => Awaited::Peer,
            Look::Due { .. } | Look::Over => Awaited::FirstLook,
            Look::Done => Awaited::Moment,
        }
    }

    /// A random wait that tells nothing of when something was written.
    pub(super) fn delay(step: &mut Step<'_, '_>) -> Duration {
        crate::node::engine::pool::exponential(step.rng, PUBLISH_DELAY, PUBLISH_DELAY_LONGEST)
    }

    /// Seals what is due, if there is somebody to hand it to and we know what of ours is out there.
    pub(super) fn publish_due(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if self.talks.look != Look::Done || !self.has_stem_peer() {
            return Ok(());
        }
        let due: Vec<OutgoingKey> = self.talks.outgoing.due_at(step.now).take(SEALED_AT_ONCE).collect();
        due.into_iter().try_for_each(|key| self.publish(step, key))
    }

    fn publish(&mut self, step: &mut Step<'_, '_>, key: OutgoingKey) -> Result<(), DbError> {
        let Some(row) = self.talks.outgoing.get(&key).cloned() else { return Ok(()) };
        // It went along with another one meanwhile.
        if row.due > step.now {
            return Ok(());
        }
        // What is said to a circle is said once.
        if row.peer == row.me && row.tries > 0 {
            return self.forget_outgoing(step, &row);
        }
        if step.now.since(row.sent) > days(GIVEN_UP_AFTER_DAYS) {
            return self.give_up(step, &row);
        }
        let pair = (row.me, row.peer);
        let Some(persona) = self.keys.get(&row.me).cloned() else { return self.later(step, row) };
        if self.publish_together(step, &persona, &row)? {
            return Ok(());
        }
        let sid = match self.session_to(step, &persona, pair, Self::trust_in(&row))? {
            Route::On(sid) => sid,
            Route::Full => {
                let waits = Change::State(StoredDelivery::Queued(Awaited::Answer));
                self.change_message(step, row.conversation, row.me, row.message_id, waits)?;
                return self.later(step, row);
            }
            Route::Useless => return self.give_up(step, &row),
        };
        let Some(post) = self.seal_row(step, &persona, &row, sid)? else {
            return self.later(step, row);
        };
        self.publish_sealed(step, &post)?;
        self.published(step, row, &post)
    }

    /// A message that is sealed again may have been written on a session the other side has lost.
    fn trust_in(row: &Outgoing) -> Trust {
        if row.tries == 0 { Trust::Any } else { Trust::HeardSince(row.sent) }
    }

    /// Nothing can be done about it now.
    pub(super) fn later(&mut self, step: &mut Step<'_, '_>, mut row: Outgoing) -> Result<(), DbError> {
        row.due = step.now.after(between(step.rng, PUBLISH_DELAY_LONGEST, ACK_AFTER));
        self.keep_outgoing(step, row)
    }

    fn give_up(&mut self, step: &mut Step<'_, '_>, row: &Outgoing) -> Result<(), DbError> {
        self.forget_outgoing(step, row)?;
        self.change_message(
            step,
            row.conversation,
            row.me,
            row.message_id,
            Change::State(StoredDelivery::Lost),
        )
        .map(drop)
    }

    pub(super) fn forget_outgoing(&mut self, step: &mut Step<'_, '_>, row: &Outgoing) -> Result<(), DbError> {
        if let Some(post) = row.post {
            self.talks.posts.remove(&post);
        }
        self.talks.outgoing.remove(&key_of(row));
        if self.faults.has(Fault::KeepsConfirmed) {
            return Ok(());
        }
        remove(step.store, &*self.talks.key()?, row)
    }

    /// Forgets all that is such, and says what it was.
    pub(super) fn forget_where(
        &mut self,
        step: &mut Step<'_, '_>,
        is_such: impl Fn(&Outgoing) -> bool,
    ) -> Result<Vec<Outgoing>, DbError> {
        let rows: Vec<Outgoing> = self.talks.outgoing.values().filter(|row| is_such(row)).cloned().collect();
        rows.iter().try_for_each(|row| self.forget_outgoing(step, row))?;
        Ok(rows)
    }

    /// The sealed post of a message on a session, whose new state is saved with it.
    fn seal_row(
        &mut self,
        step: &mut Step<'_, '_>,
        persona: &PostingKey,
        row: &Outgoing,
        sid: SessionId,
    ) -> Result<Option<Verified<Sealed>>, DbError> {
        let Some((ratchet, chain_slot)) =
            self.talks.sessions.get(&sid).and_then(|session| session.ratchet.seal_next())
        else {
            return Ok(None);
        };
        let one_time = self.one_time_key(step);
        let mut slots: Vec<SlotKeys> = vec![self.planted(row, chain_slot)];
        let beginning = self.beginning(step, sid)?;
        if let Some(contact) = self.talks.sessions.get(&sid).and_then(|session| session.contact) {
            let Ok(slot) = contact_slot(&one_time, persona, row.peer, contact.prekey) else {
                return Ok(None);
            };
            slots.push(slot);
        }
        let acks = self.take_acks(step, (row.me, row.peer), ACKS_AT_ONCE)?;
        let (message_id, thread, sent) = (row.message_id, row.thread, row.sent);
        let inner = Inner { message_id, thread, sent, acks, beginning, said: row.said.clone() }.encode();
        let Ok(size) = size_for(row.said.text_bytes()) else { return Ok(None) };
        let day = self.sealed_day(step.now);
        let Ok(post) = seal(&one_time, day, size, &slots, &inner, step.rng) else { return Ok(None) };
        self.move_session(step, sid, ratchet)?;
        Ok(Some(post))
    }

    /// What goes along until the peer has answered.
    fn beginning(&self, step: &Step<'_, '_>, sid: SessionId) -> Result<Option<Beginning>, DbError> {
        let Some(session) = self.talks.sessions.get(&sid) else { return Ok(None) };
        let Some(contact) = session.contact else { return Ok(None) };
        let newest = self
            .talks
            .prekeys
            .iter()
            .filter(|prekey| prekey.persona == session.me)
            .max_by_key(|prekey| (day_of(prekey.made) <= day_of(step.now), prekey.made));
        let name = signed_name(**step.store, session.me)?.unwrap_or_default();
        Ok(Some(Beginning {
            key: (*contact.beginning.as_bytes()).into(),
            stamp: session.stamp,
            life: session.life,
            your_life: session.your_life,
            name,
            prekey: newest.map(|prekey| (ByteArray::from(*prekey.public.as_bytes()), day_of(prekey.made))),
        }))
    }

    /// The confirmations that go along with the next message to somebody.
    pub(super) fn take_acks(
        &mut self,
        step: &mut Step<'_, '_>,
        pair: Pair,
        most: usize,
    ) -> Result<Vec<Ack>, DbError> {
        let has_some = |known: &Relation| !known.acks.is_empty() || known.ack_due.is_some();
        if !self.talks.relations.get(&pair).is_some_and(has_some) {
            return Ok(Vec::new());
        }
        self.change_relation(step, pair, |relation| {
            let count = relation.acks.len().min(most);
            let acks = relation.acks.drain(..count).collect();
            if relation.acks.is_empty() {
                relation.ack_due = None;
            }
            acks
        })
    }

    pub(super) fn published(
        &mut self,
        step: &mut Step<'_, '_>,
        mut row: Outgoing,
        post: &Verified<Sealed>,
    ) -> Result<(), DbError> {
        if row.said == Said::Acks {
            return self.forget_outgoing(step, &row);
        }
        if let Some(old) = row.post.replace(post.id()) {
            self.talks.posts.remove(&old);
        }
        self.talks.posts.insert(post.id(), key_of(&row));
        let again = usize::try_from(row.tries).ok().and_then(|tries| AGAIN_AFTER_DAYS.get(tries));
        let half_day = between(step.rng, Duration::ZERO, Duration::from_hours(12));
        row.due = row.sent.after(days(again.copied().unwrap_or(GIVEN_UP_AFTER_DAYS))).after(half_day);
        row.due = row.due.max(step.now.after(half_day));
        row.tries = row.tries.saturating_add(1);
        let state = Change::State(StoredDelivery::Sent { peers: 0 });
        self.change_message(step, row.conversation, row.me, row.message_id, state)?;
        self.keep_outgoing(step, row)
    }

    /// More peers took what we sent.
    pub(super) fn note_handed(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        for post in self.take_handed() {
            let Some(row) = self.talks.posts.get(&post).and_then(|key| self.talks.outgoing.get(key)) else {
                continue;
            };
            let (conversation, me, message_id) = (row.conversation, row.me, row.message_id);
            let Some(SealedProgress::Handed { peers }) = self.sealed_progress(post) else { continue };
            let state = Change::State(StoredDelivery::Sent { peers });
            self.change_message(step, conversation, me, message_id, state)?;
        }
        Ok(())
    }

    /// Confirms what came to conversations in which nothing was written since.
    pub(super) fn make_acks(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let now = step.now;
        let pairs: Vec<Pair> = self.talks.relations.due_at(now).collect();
        for (me, peer) in pairs {
            self.change_relation(step, (me, peer), |relation| {
                (relation.ack_due, relation.last_ack) = (None, now);
            })?;
            let thread = ThreadId::between(me, peer);
            let has_session = self.sessions_with((me, peer)).any(|session| session.bond == Bond::Confirmed);
            if has_session {
                let row = new_row(step, me, peer, thread, Said::Acks);
                self.queue(step, row)?;
            }
        }
        Ok(())
    }
}

/// Tells faces that a conversation changed.
pub(super) fn tell_conversation(step: &mut Step<'_, '_>, id: ConversationId) {
    step.tell(Event::MessagesChanged { thread: id });
    step.tell(Event::ConversationsChanged);
}

/// Something said to one person, not queued yet.
pub(super) fn new_row(
    step: &mut Step<'_, '_>,
    me: PostingId,
    peer: PostingId,
    thread: ThreadId,
    said: Said,
) -> Outgoing {
    Outgoing {
        conversation: ConversationId::of(me, thread),
        me,
        peer,
        thread,
        message_id: MessageId::from_bytes(random_id(step)),
        sent: step.now,
        said,
        due: step.now,
        tries: 0,
        post: None,
    }
}

const fn days(count: u64) -> Duration {
    Duration::from_hours(count.saturating_mul(24))
}
