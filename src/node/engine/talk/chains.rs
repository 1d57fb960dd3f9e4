//! Sender chains in groups and circles: making and giving out our own, following those of others, and publishing what has
//! several recipients in one sealed post.

use super::group_rows::{HeardChain, OwnChain, Use};
use super::groups::{Heard, Part, Way, is_on_chains};
use super::publishing::new_row;
use super::rows::{Bond, Conversation, Outgoing, StoredKind, remove};
use super::{Engine, Pair, Step, key_of};
use crate::crypto::chain::{ChainPlace, ReceivingChain, SendingChain};
use crate::crypto::keys::PostingKey;
use crate::crypto::sealing::{OneTimeKey, seal, size_for};
use crate::crypto::session::SessionId;
use crate::db::DbError;
use crate::domain::envelope::Verified;
use crate::domain::ids::PostingId;
use crate::domain::inner::{Ack, ChainKey, Inner, Reach, Said};
use crate::domain::sealed::{SLOT, SLOTS, Sealed};
use crate::domain::time::Timestamp;
use crate::limits::{ACKS_AT_ONCE, CHAIN_KEPT, CHAIN_TIME, CHAINS_HEARD, CLOCK_AHEAD};

impl Engine {
    /// Publishes a message together with what is due of it for others; says whether it did. What has to go alone does not
    /// go here.
    pub(super) fn publish_together(
        &mut self,
        step: &mut Step<'_, '_>,
        persona: &PostingKey,
        row: &Outgoing,
    ) -> Result<bool, DbError> {
        let Some(conversation) = self.talks.conversations.get(&row.conversation).cloned() else {
            return Ok(false);
        };
        let now = step.now;
        let is_same = |other: &&Outgoing| {
            (other.me, other.thread, other.message_id) == (row.me, row.thread, row.message_id)
                && other.due <= now
        };
        let rows: Vec<Outgoing> = self.talks.outgoing.values().filter(is_same).cloned().collect();
        let is_of_session = matches!(row.said, Said::Roster { .. } | Said::Chain { .. });
        if is_on_chains(&conversation) && !is_of_session {
            return self.publish_on_chain(step, persona, &conversation, rows).map(|()| true);
        }
        // What is sealed again may need a session of its own for each.
        if row.tries > 0 { Ok(false) } else { self.publish_in_slots(step, rows) }
    }

    /// One post with a slot for each of up to four people whose sessions stand; `false` when there are fewer than two.
    fn publish_in_slots(&mut self, step: &mut Step<'_, '_>, rows: Vec<Outgoing>) -> Result<bool, DbError> {
        let mut ready: Vec<(Outgoing, SessionId)> = Vec::new();
        for row in rows {
            if ready.len() < SLOTS
                && let Some(sid) = self.confirmed_session((row.me, row.peer))
            {
                ready.push((row, sid));
            }
        }
        let [(row, _), _, ..] = ready.as_slice() else { return Ok(false) };
        let row = row.clone();
        let mut slots = Vec::new();
        let mut moved = Vec::new();
        for (_, sid) in &ready {
            let next = self.talks.sessions.get(sid).and_then(|session| session.ratchet.seal_next());
            let Some((ratchet, slot)) = next else { return Ok(false) };
            slots.push(slot);
            moved.push((*sid, ratchet));
        }
        let peers: Vec<PostingId> = ready.iter().map(|(row, _)| row.peer).collect();
        let acks = self.take_acks_of(step, row.me, &peers)?;
        let inner = inner_of(&row, acks).encode();
        let Some(post) = self.seal_for(step, &row, &slots, &inner) else { return Ok(false) };
        moved.into_iter().try_for_each(|(sid, ratchet)| self.move_session(step, sid, ratchet))?;
        self.publish_sealed(step, &post)?;
        for (row, _) in ready {
            self.published(step, row, &post)?;
        }
        Ok(true)
    }

    /// The session to somebody who has answered on it.
    pub(super) fn confirmed_session(&self, pair: Pair) -> Option<SessionId> {
        self.best_session(pair, |session| session.bond == Bond::Confirmed && session.contact.is_none())
    }

    fn seal_for(
        &self,
        step: &mut Step<'_, '_>,
        row: &Outgoing,
        slots: &[crate::crypto::sealing::SlotKeys],
        inner: &[u8],
    ) -> Option<Verified<Sealed>> {
        let size = size_for(row.said.text_bytes()).ok()?;
        seal(&OneTimeKey::generate(step.rng), self.sealed_day(step.now), size, slots, inner, step.rng).ok()
    }

    /// Confirmations for several people, as many as go along with one message. Nobody but who is meant can tell whose
    /// they are.
    fn take_acks_of(
        &mut self,
        step: &mut Step<'_, '_>,
        me: PostingId,
        peers: &[PostingId],
    ) -> Result<Vec<Ack>, DbError> {
        let mut acks = Vec::new();
        for peer in peers {
            let room = ACKS_AT_ONCE.saturating_sub(acks.len());
            acks.extend(self.take_acks(step, (me, *peer), room)?);
        }
        Ok(acks)
    }

    /// One post on our chain, for everybody who has its key.
    fn publish_on_chain(
        &mut self,
        step: &mut Step<'_, '_>,
        persona: &PostingKey,
        conversation: &Conversation,
        rows: Vec<Outgoing>,
    ) -> Result<(), DbError> {
        let Some(row) = rows.first().cloned() else { return Ok(()) };
        let part = (row.me, row.thread);
        self.tend_chain(step, conversation)?;
        let acks = self.take_acks_of(step, row.me, &conversation.people)?;
        let payload = inner_of(&row, acks).encode();
        let one_time = OneTimeKey::generate(step.rng);
        let place =
            ChainPlace { thread: row.thread, sender: persona.posting_id(), author: one_time.author() };
        let sealed = self.talks.groups.own.get(&part).and_then(|own| {
            let (next, slot, body) = own.chain.seal_next(&place, &payload)?;
            let size = size_for(row.said.text_bytes()).ok()?;
            let day = self.sealed_day(step.now);
            seal(&one_time, day, size, &[slot], &body, step.rng).ok().map(|post| (next, post))
        });
        let Some((next, post)) = sealed else {
            return rows.into_iter().try_for_each(|row| self.later(step, row));
        };
        if let Some(mut own) = self.talks.groups.own.remove(&part) {
            own.chain = next;
            self.save_row(step, &own)?;
            self.talks.groups.own.insert(part, own);
        }
        self.publish_sealed(step, &post)?;
        let mut again: Option<Timestamp> = None;
        for row in rows {
            let key = key_of(&row);
            self.published(step, row, &post)?;
            // What is not confirmed is sealed again for all of them at once.
            if let Some(mut row) = self.talks.outgoing.remove(&key) {
                row.due = *again.get_or_insert(row.due);
                self.keep_outgoing(step, row)?;
            }
        }
        Ok(())
    }

    /// Has a chain to send on, and everybody on the way to its key.
    fn tend_chain(&mut self, step: &mut Step<'_, '_>, conversation: &Conversation) -> Result<(), DbError> {
        let part = (conversation.me, conversation.thread);
        let known = self.talks.groups.own.remove(&part);
        let last = known.as_ref().map_or(0, |own| own.chain.epoch());
        let usable = known.filter(|own| {
            let is_of_now = own.made <= step.now.after(CLOCK_AHEAD) && step.now.since(own.made) < CHAIN_TIME;
            own.use_ == Use::Open && !own.chain.is_used_up() && is_of_now
        });
        let mut own = usable.unwrap_or_else(|| {
            let seconds = u32::try_from(step.now.as_millis() / 1_000).unwrap_or(u32::MAX);
            let epoch = seconds.max(last.saturating_add(1));
            let chain = SendingChain::generate(epoch, step.rng);
            let (me, thread) = part;
            OwnChain { me, thread, chain, made: step.now, given: Vec::new(), use_: Use::Open }
        });
        let given = own.given.clone();
        let missing: Vec<PostingId> =
            conversation.people.iter().copied().filter(|member| !given.contains(member)).collect();
        let reach = match conversation.kind {
            StoredKind::OwnCircle => Reach::Circle,
            _ => Reach::Group,
        };
        let said = Said::Chain { key: own.chain.offer(), reach };
        own.given.clone_from(&conversation.people);
        self.save_row(step, &own)?;
        self.talks.groups.own.insert(part, own);
        if !missing.is_empty() {
            let row = new_row(step, part.0, part.0, part.1, said);
            self.queue_to(step, &missing, &row)?;
        }
        Ok(())
    }

    /// Somebody who has the key of our chain must not read what comes: the next message begins another one.
    pub(super) fn spend_chain(&mut self, step: &mut Step<'_, '_>, part: Part) -> Result<(), DbError> {
        let Some(mut own) = self.talks.groups.own.remove(&part) else { return Ok(()) };
        own.use_ = Use::Spent;
        self.save_row(step, &own)?;
        self.talks.groups.own.insert(part, own);
        Ok(())
    }

    /// What was sent on our chains is not known any more: nothing is sent on any of them.
    pub(super) fn spend_all_chains(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let parts: Vec<Part> = self.talks.groups.own.keys().copied().collect();
        parts.into_iter().try_for_each(|part| self.spend_chain(step, part))
    }

    /// Somebody gives a key of its chain.
    pub(super) fn chain_heard(
        &mut self,
        step: &mut Step<'_, '_>,
        (me, thread): Part,
        sender: PostingId,
        key: &ChainKey,
    ) -> Result<(), DbError> {
        let of: Heard = (me, thread, sender, key.epoch);
        if self.talks.groups.heard.contains_key(&of) {
            return Ok(());
        }
        let Some(chain) = ReceivingChain::new(key) else { return Ok(()) };
        let tags: Vec<_> = chain.tags().collect();
        self.keep_heard(step, HeardChain { me, thread, sender, chain, last: step.now })?;
        self.drop_old_chains(step, (me, thread), sender)?;
        // What was sent on it may have come before its key, also in the batch that is being looked through.
        for tag in tags {
            for post in self.posts_with(step, tag)? {
                self.match_chains(step, &post)?;
            }
        }
        Ok(())
    }

    /// Stores a chain, new or moved on, and watches for its tags.
    fn keep_heard(&mut self, step: &mut Step<'_, '_>, heard: HeardChain) -> Result<(), DbError> {
        self.save_row(step, &heard)?;
        self.talks.groups.follow(heard);
        Ok(())
    }

    /// Forgets chains of somebody that have a successor for long, and of more than are kept the oldest.
    fn drop_old_chains(
        &mut self,
        step: &mut Step<'_, '_>,
        part: Part,
        sender: PostingId,
    ) -> Result<(), DbError> {
        let of_sender = |of: &&Heard| ((of.0, of.1), of.2) == (part, sender);
        let mut epochs: Vec<Heard> = self.talks.groups.heard.keys().filter(of_sender).copied().collect();
        epochs.reverse();
        for (index, of) in epochs.into_iter().enumerate() {
            let last = self.talks.groups.heard.get(&of).map_or(step.now, |heard| heard.last);
            if index >= CHAINS_HEARD || (index > 0 && step.now.since(last) > CHAIN_KEPT) {
                self.drop_heard(step, of)?;
            }
        }
        Ok(())
    }

    fn drop_heard(&mut self, step: &mut Step<'_, '_>, of: Heard) -> Result<(), DbError> {
        let Some(heard) = self.talks.groups.unfollow(&of) else { return Ok(()) };
        remove(step.store, &*self.talks.key()?, &heard)
    }

    /// Forgets the chains of somebody in a group, or all of them and our own.
    pub(super) fn drop_chains(
        &mut self,
        step: &mut Step<'_, '_>,
        part: Part,
        of: Option<PostingId>,
    ) -> Result<(), DbError> {
        let is_meant = |heard: &&Heard| (heard.0, heard.1) == part && of.is_none_or(|of| heard.2 == of);
        let all: Vec<Heard> = self.talks.groups.heard.keys().filter(is_meant).copied().collect();
        all.into_iter().try_for_each(|heard| self.drop_heard(step, heard))?;
        if of.is_none()
            && let Some(own) = self.talks.groups.own.remove(&part)
        {
            remove(step.store, &*self.talks.key()?, &own)?;
        }
        Ok(())
    }

    /// Looks at the slots of a post for tags of chains.
    pub(super) fn match_chains(&mut self, step: &mut Step<'_, '_>, post: &Sealed) -> Result<(), DbError> {
        for (tag, slot) in post.tags().iter().zip(post.slots()) {
            for of in self.talks.groups.chains_with(tag) {
                self.open_chain_slot(step, post, slot, of)?;
            }
        }
        Ok(())
    }

    fn open_chain_slot(
        &mut self,
        step: &mut Step<'_, '_>,
        post: &Sealed,
        slot: &[u8; SLOT],
        of: Heard,
    ) -> Result<(), DbError> {
        let (me, thread, sender, _) = of;
        let Some(heard) = self.talks.groups.heard.get(&of) else { return Ok(()) };
        let Ok(opened) = heard.chain.open(thread, sender, post, slot, step.now) else { return Ok(()) };
        self.keep_heard(step, HeardChain { me, thread, sender, chain: opened.chain, last: step.now })?;
        let Some(inner) = Inner::decode(&opened.payload) else { return Ok(()) };
        if self.is_blocked((me, sender)) || inner.thread != thread {
            return Ok(());
        }
        self.heard_in_group(step, (me, sender), inner, Way::Chain)
    }
}

fn inner_of(row: &Outgoing, acks: Vec<Ack>) -> Inner {
    let (message_id, thread, sent) = (row.message_id, row.thread, row.sent);
    Inner { message_id, thread, sent, acks, beginning: None, said: row.said.clone() }
}
