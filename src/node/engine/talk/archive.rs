//! Messages as they are kept: where a new one stands, and what later words change about it.

use super::publishing::tell_conversation;
use super::rows::{
    Conversation, Gone, Message, Reaction, StoredDelivery, StoredStanding, conversation_name, find,
    message_name, open_message, seal_message,
};
use super::{Engine, Step};
use crate::db::DbError;
use crate::db::protected::{PageFrom, StoredMessage};
use crate::domain::conversation::{ConversationId, MessageId, Place, ThreadId};
use crate::domain::ids::PostingId;
use crate::domain::text::SafeText;
use crate::domain::time::Timestamp;
use crate::limits::{CLOCK_AHEAD, CONVERSATIONS, SORTED_BACK};

/// Numbers between two messages that follow each other, for those that come between them later.
const SPACING: i64 = 1 << 20;
/// Bytes of the first line that is kept for the list of conversations.
const PREVIEW_BYTES: usize = 160;
/// Reactions kept on one message.
const REACTIONS: usize = 64;

/// What changes about a message.
pub(super) enum Change {
    /// How far it got; one that arrived stays so.
    State(StoredDelivery),
    /// Somebody confirms it; once all have, it arrived.
    Receipt(PostingId),
    /// Another text, written then.
    Text(String, Timestamp),
    /// It is deleted.
    Deletion,
    /// A reaction, put or taken back.
    Reaction(Reaction),
}

impl Change {
    /// Whether the message is another one afterwards.
    fn apply(self, message: &mut Message) -> bool {
        match self {
            Self::State(state) => {
                let is_final = matches!(message.state, StoredDelivery::Arrived | StoredDelivery::Received);
                let is_changed = !is_final && message.state != state;
                if is_changed {
                    message.state = state;
                }
                is_changed
            }
            Self::Receipt(from) => {
                let is_new = message.state != StoredDelivery::Received && !message.arrived.contains(&from);
                if is_new {
                    message.arrived.push(from);
                    if usize::try_from(message.to).is_ok_and(|to| to <= message.arrived.len()) {
                        message.state = StoredDelivery::Arrived;
                    }
                }
                is_new
            }
            Self::Text(text, at) => {
                let is_newer = !message.is_deleted && message.edited.is_none_or(|edited| edited < at);
                if is_newer {
                    (message.text, message.edited) = (text, Some(at));
                }
                is_newer
            }
            Self::Deletion => {
                let was_there = !message.is_deleted;
                message.is_deleted = true;
                message.text.clear();
                message.quote = None;
                message.reactions.clear();
                was_there
            }
            Self::Reaction(reaction) => {
                let same =
                    |other: &&mut Reaction| (other.from, &other.emoji) == (reaction.from, &reaction.emoji);
                let has_room = !message.is_deleted && message.reactions.len() < REACTIONS;
                match message.reactions.iter_mut().find(same) {
                    Some(known) if known.sent >= reaction.sent => false,
                    Some(known) => {
                        *known = reaction;
                        true
                    }
                    None => {
                        if has_room {
                            message.reactions.push(reaction);
                        }
                        has_room
                    }
                }
            }
        }
    }
}

impl Engine {
    /// The conversation of a persona with somebody, begun if there is none; `None` when there are too many.
    pub(super) fn conversation_with(
        &mut self,
        step: &mut Step<'_, '_>,
        me: PostingId,
        peer: PostingId,
        standing: StoredStanding,
    ) -> Result<Option<ConversationId>, DbError> {
        let thread = ThreadId::between(me, peer);
        let id = ConversationId::of(me, thread);
        if self.talks.conversations.contains_key(&id) {
            return Ok(Some(id));
        }
        if self.talks.conversations.len() >= CONVERSATIONS {
            return Ok(None);
        }
        let mut conversation = Conversation::new(me, thread, vec![peer], step.now);
        conversation.standing = standing;
        self.keep_conversation(step, conversation)?;
        Ok(Some(id))
    }

    /// Stores a conversation, new or changed.
    pub(super) fn keep_conversation(
        &mut self,
        step: &mut Step<'_, '_>,
        conversation: Conversation,
    ) -> Result<(), DbError> {
        self.save_row(step, &conversation)?;
        tell_conversation(step, conversation.id);
        self.talks.conversations.insert(conversation.id, conversation);
        Ok(())
    }

    /// Puts a message into a conversation; says whether it is new there.
    pub(super) fn keep_message(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        message: &Message,
    ) -> Result<bool, DbError> {
        let key = self.talks.key()?;
        let name = message_name(&key, id, message.from, message.message_id);
        let Some(mut conversation) = self.talks.conversations.get(&id).cloned() else { return Ok(false) };
        if step.store.find_message(&name)?.is_some() || find::<Gone>(**step.store, &key, &name)?.is_some() {
            return Ok(false);
        }
        let place = self.free_place(step, id, sort_time(message))?;
        let value = seal_message(&key, &name, message, step.rng);
        let conversation_name = conversation_name(&key, id);
        step.store.insert_message(&StoredMessage { conversation: conversation_name, place, name, value })?;
        conversation.last = conversation.last.max(message.received);
        conversation.preview = Some((message.from, preview(&message.text)));
        conversation.unread = conversation.unread.saturating_add(u32::from(message.is_unread));
        conversation.is_archived = false;
        self.keep_conversation(step, conversation)?;
        Ok(true)
    }

    /// A place behind all messages written before, at most so many messages back.
    fn free_place(&self, step: &Step<'_, '_>, id: ConversationId, sort: Timestamp) -> Result<Place, DbError> {
        let conversation = conversation_name(&*self.talks.key()?, id);
        // One more than is looked at: what stands before them bounds where one may go.
        let last = step.store.list_messages(
            &conversation,
            PageFrom::Before(Place::END),
            SORTED_BACK.saturating_add(1),
        )?;
        let newest = last.first().map(|newest| newest.place.number());
        let mut above: Option<i64> = None;
        for (index, stored) in (0..).zip(&last) {
            let is_beyond = index >= SORTED_BACK;
            let message = open_message(&*self.talks.key()?, &stored.name, &stored.value)?;
            if is_beyond || sort_time(&message) <= sort {
                return Ok(Place::from_number(place_between(stored.place.number(), above, newest)));
            }
            above = Some(stored.place.number());
        }
        Ok(Place::from_number(above.map_or(0, |first| first.saturating_sub(SPACING))))
    }

    /// Changes a message, if it is here.
    pub(super) fn change_message(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        from: PostingId,
        message_id: MessageId,
        change: Change,
    ) -> Result<bool, DbError> {
        let key = self.talks.key()?;
        let name = message_name(&key, id, from, message_id);
        let Some(stored) = step.store.find_message(&name)? else { return Ok(false) };
        let mut message = open_message(&key, &name, &stored.value)?;
        let before = (message.from, preview(&message.text));
        let is_changed = change.apply(&mut message);
        if !is_changed {
            return Ok(true);
        }
        step.store.update_message(&name, &seal_message(&key, &name, &message, step.rng))?;
        let conversation = self.talks.conversations.get(&id).cloned();
        match conversation {
            Some(mut conversation) if conversation.preview.as_ref() == Some(&before) => {
                conversation.preview = Some((message.from, preview(&message.text)));
                self.keep_conversation(step, conversation)?;
            }
            _ => step.tell(crate::api::Event::MessagesChanged { thread: id }),
        }
        Ok(true)
    }

    /// Marks messages from a place up to another one as read.
    pub(super) fn read_messages(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        from: Place,
        upto: Place,
    ) -> Result<(), DbError> {
        let key = self.talks.key()?;
        let Some(mut conversation) = self.talks.conversations.get(&id).cloned() else { return Ok(()) };
        let row_name = conversation_name(&key, id);
        let mut before = Place::from_number(upto.number().saturating_add(1));
        while conversation.unread > 0 && before > from {
            let page = step.store.list_messages(&row_name, PageFrom::Before(before), SORTED_BACK)?;
            let Some(first) = page.last() else { break };
            before = first.place;
            for stored in page.iter().filter(|stored| stored.place >= from) {
                let mut message = open_message(&key, &stored.name, &stored.value)?;
                if message.is_unread {
                    message.is_unread = false;
                    conversation.unread = conversation.unread.saturating_sub(1);
                    let value = seal_message(&key, &stored.name, &message, step.rng);
                    step.store.update_message(&stored.name, &value)?;
                }
            }
        }
        self.keep_conversation(step, conversation)
    }
}

/// A number after `below` and before `above`; where none is left, and where nothing is above, one after the newest.
fn place_between(below: i64, above: Option<i64>, newest: Option<i64>) -> i64 {
    match above {
        Some(above) if above.saturating_sub(below) >= 2 => below.midpoint(above),
        _ => newest.unwrap_or(below).saturating_add(SPACING),
    }
}

/// By what messages are ordered: the claimed time, as far as it is not ahead of when it came.
fn sort_time(message: &Message) -> Timestamp {
    message.sent.min(message.received.after(CLOCK_AHEAD))
}

/// The first line of a text, as the list shows it.
pub(super) fn preview(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let end = line.char_indices().map(|(at, _)| at).take_while(|at| *at <= PREVIEW_BYTES).last().unwrap_or(0);
    let cut = if line.len() <= PREVIEW_BYTES { line } else { line.get(..end).unwrap_or_default() };
    SafeText::line(cut).to_string()
}
