//! Looking through what came: which sealed posts have a slot of ours, and what they say.
//!
//! A bare tag is no evidence of anything, anybody can copy one: only a header that opens is. What does not open changes
//! nothing.

use super::super::Fault;
use super::archive::Change;
use super::groups::Way;
use super::rows::{
    Bond, Conversation, Gone, Link, Message, Reaction, Session, StoredStanding, find, message_name,
};
use super::{Engine, MATCH_EARLIEST, MATCH_LATEST, Pair, Step, ack_moment, between};
use crate::crypto::dh::DhSecret;
use crate::crypto::ratchet::Unopened;
use crate::crypto::sealing::{ContentKey, open_body};
use crate::crypto::session::{ContactSearch, SessionId, prekey_id, respond};
use crate::db::DbError;
use crate::domain::conversation::{ConversationId, MessageId, ThreadId};
use crate::domain::envelope::Content;
use crate::domain::ids::{ObjectId, PostingId, RecipientTag};
use crate::domain::inner::{Inner, Said, ack_of};
use crate::domain::log::Seq;
use crate::domain::sealed::{SLOT, Sealed};
use crate::limits::{ACK_AFTER, MATCHED_AT_ONCE, REQUESTS, REQUESTS_PER_HOUR};

/// Sealed posts looked at for one tag: copies of a tag are no reason to look at more.
const COPIES_OF_A_TAG: usize = 4;
/// Confirmations that wait for one person.
const ACKS_WAITING: usize = 256;

/// A first contact that opened.
struct FirstContact {
    pair: Pair,
    prekey: DhSecret,
    content_key: ContentKey,
}

impl Engine {
    /// Looks through what came since the last time, a random moment after it came.
    pub(super) fn match_due(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let last = self.pool.last();
        if last <= self.talks.matched {
            self.talks.next_match = None;
            return Ok(());
        }
        let wait = between(step.rng, MATCH_EARLIEST, MATCH_LATEST);
        let due = *self.talks.next_match.get_or_insert(step.now.after(wait));
        if due > step.now {
            return Ok(());
        }
        let batch = step.store.list_sealed(self.talks.matched, last, MATCHED_AT_ONCE)?;
        for arrival in &batch {
            if let Some(post) = find_post(step, arrival.object_id)? {
                self.match_post(step, &post)?;
            }
        }
        let goes_on = batch.len() >= MATCHED_AT_ONCE;
        self.talks.matched = if goes_on { batch.last().map_or(last, |arrival| arrival.seq) } else { last };
        self.talks.next_match = goes_on.then_some(step.now);
        self.save_progress(step)
    }

    /// The sealed posts here that have a tag, of which copies of a tag are not many.
    pub(super) fn posts_with(&self, step: &Step<'_, '_>, tag: RecipientTag) -> Result<Vec<Sealed>, DbError> {
        let all = step.store.list_sealed_for(tag, Seq::START, self.pool.last(), COPIES_OF_A_TAG)?;
        let posts =
            all.iter().map(|arrival| find_post(step, arrival.object_id)).filter_map(Result::transpose);
        posts.collect()
    }

    fn match_post(&mut self, step: &mut Step<'_, '_>, post: &Sealed) -> Result<(), DbError> {
        for (tag, slot) in post.tags().iter().zip(post.slots()) {
            if let Some(sid) = self.talks.tags.get(tag).copied() {
                self.open_slot(step, post, slot, sid)?;
            }
        }
        self.match_chains(step, post)?;
        let Some(contact) = self.find_contact(post) else { return Ok(()) };
        self.first_contact(step, post, contact)
    }

    /// A slot with a tag of a session.
    fn open_slot(
        &mut self,
        step: &mut Step<'_, '_>,
        post: &Sealed,
        slot: &[u8; SLOT],
        sid: SessionId,
    ) -> Result<(), DbError> {
        let Some(session) = self.talks.sessions.get(&sid) else { return Ok(()) };
        let opened = match session.ratchet.open(post.author(), slot, step.now, step.rng) {
            Ok(opened) => opened,
            Err(Unopened::Foreign) => return Ok(()),
            Err(Unopened::Broken) => return self.note_broken(step, sid),
        };
        let Ok(inner) = open_body(post, &opened.content_key) else { return self.note_broken(step, sid) };
        let session = Session {
            bond: Bond::Confirmed,
            contact: None,
            last: step.now,
            ratchet: opened.ratchet,
            sid: session.sid,
            me: session.me,
            peer: session.peer,
            stamp: session.stamp,
            life: session.life,
            your_life: session.your_life,
            broken: 0,
        };
        let pair = (session.me, session.peer);
        self.keep_session(step, session)?;
        let Some(inner) = Inner::decode(&inner) else { return Ok(()) };
        if let Some(beginning) = &inner.beginning {
            self.beginning_heard(step, pair, beginning)?;
        }
        self.heard(step, pair, inner)?;
        self.drop_sessions(step, pair)
    }

    /// A slot the peer made does not fit the session. Nobody else can make one.
    fn note_broken(&mut self, step: &mut Step<'_, '_>, sid: SessionId) -> Result<(), DbError> {
        let Some(session) = self.talks.sessions.get_mut(&sid) else { return Ok(()) };
        session.broken = session.broken.saturating_add(1);
        match self.talks.sessions.get(&sid) {
            Some(session) => self.save_row(step, session),
            None => Ok(()),
        }
    }

    /// A slot by which somebody writes to a persona for the first time on a session.
    fn find_contact(&self, post: &Sealed) -> Option<FirstContact> {
        for key in self.keys.values() {
            let me = key.posting_id();
            let Ok(search) = ContactSearch::new(key, post.author()) else { return None };
            let identity = DhSecret::of_posting_key(key);
            let own = self.talks.prekeys.iter().filter(|prekey| prekey.persona == me);
            let secrets = own.map(|prekey| prekey.secret.to_secret()).chain([identity]);
            for prekey in secrets {
                let tag = search.tag(prekey_id(prekey.public()));
                let Some(slot) = slot_of(post, tag) else { continue };
                if let Ok((peer, content_key)) = search.open(slot, &prekey) {
                    return Some(FirstContact { pair: (me, peer), prekey, content_key });
                }
            }
        }
        None
    }

    fn first_contact(
        &mut self,
        step: &mut Step<'_, '_>,
        post: &Sealed,
        contact: FirstContact,
    ) -> Result<(), DbError> {
        let FirstContact { pair, prekey, content_key } = contact;
        let (me, peer) = pair;
        let Ok(inner) = open_body(post, &content_key) else { return Ok(()) };
        let Some(inner) = Inner::decode(&inner) else { return Ok(()) };
        let Some(beginning) = inner.beginning.clone() else { return Ok(()) };
        let Some(persona) = self.keys.get(&me).cloned() else { return Ok(()) };
        let key = crate::crypto::dh::DhPublic::from_bytes(beginning.key.into());
        let Ok((sid, mut ratchet)) = respond(&persona, peer, &prekey, key) else { return Ok(()) };
        // Known: its slots were looked at already.
        if self.talks.sessions.contains_key(&sid) || !self.admits(step, pair)? {
            return Ok(());
        }
        ratchet.watch();
        let slot = ratchet.tags().find_map(|tag| slot_of(post, tag));
        let opened = slot.and_then(|slot| ratchet.open(post.author(), slot, step.now, step.rng).ok());
        let Some(opened) = opened.filter(|opened| opened.content_key == content_key) else { return Ok(()) };
        if self.beginning_heard(step, pair, &beginning)?.is_none() {
            return Ok(());
        }
        if self.faults.has(Fault::AsksWhoWrote) {
            self.names.want(peer, None, step.now);
        }
        let session = Self::answering_session(step.now, pair, sid, &beginning, opened.ratchet);
        self.keep_session(step, session)?;
        self.heard(step, pair, inner)?;
        let with_peer = |known: &Conversation| known.me == me && known.people.contains(&peer);
        if self.talks.conversations.values().any(with_peer) || is_followed(step, pair)? {
            return self.drop_sessions(step, pair);
        }
        // A stranger who began nothing is not remembered: everything comes again with what it says next.
        self.forget_pair(step, pair)
    }

    /// Whether a first contact is taken: from whoever is known always, from strangers only so many.
    fn admits(&mut self, step: &mut Step<'_, '_>, pair: Pair) -> Result<bool, DbError> {
        if self.is_blocked(pair) {
            return Ok(false);
        }
        let (me, peer) = pair;
        let id = ConversationId::of(me, ThreadId::between(me, peer));
        let is_known = self.talks.conversations.contains_key(&id) || self.shares_group(pair);
        if is_known || is_followed(step, pair)? {
            return Ok(true);
        }
        let hour = std::time::Duration::from_hours(1);
        let now = step.now;
        self.talks.requests.retain(|taken| now.since(*taken) < hour);
        let rate = usize::try_from(REQUESTS_PER_HOUR).unwrap_or(usize::MAX);
        let has_room = self.has_room_for_requests() && self.talks.requests.len() < rate;
        if has_room {
            self.talks.requests.push(now);
        }
        Ok(has_room)
    }

    /// Whether one more stranger may wait for an answer.
    pub(super) fn has_room_for_requests(&self) -> bool {
        let is_request = |known: &&Conversation| {
            matches!(known.standing, StoredStanding::Request | StoredStanding::Ignored)
        };
        self.talks.conversations.values().filter(is_request).count() < REQUESTS
    }

    /// Whether nothing of somebody is shown to a persona.
    pub(super) fn is_blocked(&self, pair: Pair) -> bool {
        self.talks.relations.get(&pair).is_some_and(|relation| relation.is_blocked)
    }

    /// Something said by somebody, proven.
    fn heard(&mut self, step: &mut Step<'_, '_>, pair: Pair, inner: Inner) -> Result<(), DbError> {
        let (me, peer) = pair;
        if self.is_blocked(pair) {
            return Ok(());
        }
        self.change_relation(step, pair, |relation| relation.link = Link::Confirmed)?;
        if inner.thread != ThreadId::between(me, peer) {
            return self.heard_in_group(step, pair, inner, Way::Session);
        }
        self.acks_heard(step, pair, &inner)?;
        if inner.said == Said::Acks {
            return Ok(());
        }
        let standing =
            if is_followed(step, pair)? { StoredStanding::Accepted } else { StoredStanding::Request };
        let Some(id) = self.conversation_with(step, me, peer, standing)? else { return Ok(()) };
        if self.is_early(step, id, peer, &inner.said)? {
            return Ok(());
        }
        self.confirm_later(step, pair, &inner)?;
        self.apply_said(step, id, peer, inner)
    }

    /// What somebody in a conversation said there.
    pub(super) fn apply_said(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        peer: PostingId,
        inner: Inner,
    ) -> Result<(), DbError> {
        let Inner { message_id, sent, said, .. } = inner;
        match said {
            Said::Text { text, quote } => {
                let message = Message {
                    quote,
                    is_unread: true,
                    ..Message::new(message_id, peer, sent, step.now, text)
                };
                self.keep_message(step, id, &message)?;
            }
            Said::Reaction { target: (from, target), emoji, is_on } => {
                let reaction = Reaction { from: peer, emoji, sent, is_on };
                self.change_message(step, id, from, target, Change::Reaction(reaction))?;
            }
            Said::Edit { target, text } => {
                self.change_message(step, id, peer, target, Change::Text(text, sent))?;
            }
            Said::Delete { target } => {
                if !self.change_message(step, id, peer, target, Change::Deletion)? {
                    self.expect_never(step, id, peer, target)?;
                }
            }
            Said::Acks | Said::Roster { .. } | Said::Chain { .. } | Said::Comment(_) | Said::Unknown => {}
        }
        Ok(())
    }

    /// Whether this is another text for a message that has not come yet. It is not confirmed, so it comes again.
    pub(super) fn is_early(
        &self,
        step: &Step<'_, '_>,
        id: ConversationId,
        peer: PostingId,
        said: &Said,
    ) -> Result<bool, DbError> {
        let Said::Edit { target, .. } = said else { return Ok(false) };
        let key = self.talks.key()?;
        let name = message_name(&key, id, peer, *target);
        Ok(step.store.find_message(&name)?.is_none() && find::<Gone>(**step.store, &key, &name)?.is_none())
    }

    /// A message was deleted before it came: it is not new when it does.
    fn expect_never(
        &self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        peer: PostingId,
        message_id: MessageId,
    ) -> Result<(), DbError> {
        let name = message_name(&*self.talks.key()?, id, peer, message_id);
        self.save_row(step, &Gone { name: name.into(), since: step.now })
    }

    /// Messages of ours that came.
    pub(super) fn acks_heard(
        &mut self,
        step: &mut Step<'_, '_>,
        pair: Pair,
        inner: &Inner,
    ) -> Result<(), DbError> {
        let (me, peer) = pair;
        if inner.acks.is_empty() {
            return Ok(());
        }
        let acked = self.forget_where(step, |row| {
            (row.me, row.peer) == pair && inner.acks.contains(&ack_of(row.thread, me, row.message_id))
        })?;
        for row in acked {
            self.change_message(step, row.conversation, me, row.message_id, Change::Receipt(peer))?;
        }
        Ok(())
    }

    /// Whether a persona takes part in anything with somebody: by itself a stranger's message makes nothing leave (P7).
    pub(super) fn is_accepted(&self, (me, peer): Pair) -> bool {
        let with_peer = |row: &&Conversation| row.me == me && row.people.contains(&peer);
        let mut known = self.talks.conversations.values().filter(with_peer);
        known.any(|row| row.standing == StoredStanding::Accepted)
    }

    /// What was not confirmed while somebody was a stranger.
    pub(super) fn confirm_accepted(&mut self, step: &mut Step<'_, '_>, pair: Pair) -> Result<(), DbError> {
        let due = ack_moment(step);
        self.change_relation(step, pair, |relation| {
            if !relation.acks.is_empty() {
                relation.ack_due.get_or_insert(due);
            }
        })
    }

    /// Notes that something is to be confirmed: with the next message, or by itself later. Never to a stranger who was
    /// not accepted.
    pub(super) fn confirm_later(
        &mut self,
        step: &mut Step<'_, '_>,
        pair: Pair,
        inner: &Inner,
    ) -> Result<(), DbError> {
        let (_, peer) = pair;
        let ack = ack_of(inner.thread, peer, inner.message_id);
        let due = ack_moment(step);
        let is_accepted = self.is_accepted(pair);
        self.change_relation(step, pair, |relation| {
            if !relation.acks.contains(&ack) && relation.acks.len() < ACKS_WAITING {
                relation.acks.push(ack);
            }
            if is_accepted {
                let due = due.max(relation.last_ack.after(ACK_AFTER));
                relation.ack_due = Some(relation.ack_due.map_or(due, |known| known.min(due)));
            }
        })
    }
}

/// Whether a persona follows somebody.
pub(super) fn is_followed(step: &Step<'_, '_>, (me, peer): Pair) -> Result<bool, DbError> {
    let (Some(me), Some(peer)) = (step.store.find_author(me)?, step.store.find_author(peer)?) else {
        return Ok(false);
    };
    Ok(step.store.list_followers(peer)?.iter().any(|follower| follower.persona == me))
}

/// A sealed post that is here.
fn find_post(step: &Step<'_, '_>, id: ObjectId) -> Result<Option<Sealed>, DbError> {
    let envelope = step.store.find_servable(id)?;
    Ok(envelope.and_then(|envelope| Sealed::decode(&envelope.bytes).ok()))
}

/// The slot with a tag.
fn slot_of(post: &Sealed, tag: RecipientTag) -> Option<&[u8; SLOT]> {
    post.tags().iter().zip(post.slots()).find(|(known, _)| **known == tag).map(|(_, slot)| slot)
}
