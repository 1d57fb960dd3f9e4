//! What a person does in conversations. Everything is checked before anything is written.

use super::archive::Change;
use super::publishing::{new_row, tell_conversation};
use super::rows::{
    Conversation, Message, Outgoing, Reaction, StoredDelivery, StoredKind, StoredStanding, message_name,
};
use super::views::view_of;
use super::{Engine, Step};
use crate::api::{MessageKey, MessageStored, Outcome, RequestAnswer, Shelf, Switch, Talk, Verification};
use crate::db::DbError;
use crate::domain::conversation::{ConversationId, MessageId, Place};
use crate::domain::envelope::usable_key;
use crate::domain::ids::PostingId;
use crate::domain::inner::Said;
use crate::domain::operation::{ReactionSwitch, parse_emoji};
use crate::limits::{CONVERSATIONS, MESSAGE_TEXT_BYTES, OUTGOING};
use crate::node::engine::person::{Refusal, find_persona, invalid, not_found};

impl Engine {
    pub(in crate::node::engine) fn talk(
        &mut self,
        step: &mut Step<'_, '_>,
        talk: Talk,
    ) -> Result<Outcome, Refusal> {
        match talk {
            Talk::Open { people, persona } => self.open_talk(step, &people, persona),
            Talk::Send { thread, text, quote, draft } => {
                let outcome = self.send_text(step, thread, text, quote)?;
                self.finish_draft(step, draft)?;
                Ok(outcome)
            }
            Talk::React { thread, message, emoji, switch } => {
                self.react_to_message(step, thread, message, &emoji, switch)
            }
            Talk::Edit { thread, message, text, draft } => {
                let outcome = self.edit_message(step, thread, message, text)?;
                self.finish_draft(step, draft)?;
                Ok(outcome)
            }
            Talk::Delete { thread, message } => self.delete_message(step, thread, message),
            Talk::Read { thread, from, upto } => {
                self.known(thread)?;
                self.read_messages(step, thread, from.unwrap_or(Place::START), upto)?;
                Ok(Outcome::Done)
            }
            Talk::Answer { thread, answer } => self.answer_request(step, thread, answer),
            Talk::Verify { thread, verified } => self.verify_contact(step, thread, verified),
            Talk::Keep { thread, keep } => self.keep_for(step, thread, keep),
            Talk::Arrange { thread, shelf, switch } => self.arrange(step, thread, shelf, switch),
            Talk::NewGroup { title, people, persona } => self.new_group(step, &title, people, persona),
            Talk::InGroup { thread, deed } => self.in_group(step, thread, deed),
        }
    }

    pub(super) fn known(&self, id: ConversationId) -> Result<Conversation, Refusal> {
        let known = self.talks.conversations.get(&id).cloned();
        known.ok_or_else(|| not_found("there is no such conversation", "`itsgoin dm list` lists them"))
    }

    /// Refuses one more conversation where there are as many as can be.
    pub(super) fn has_room_for_one(&self) -> Result<(), Refusal> {
        if self.talks.conversations.len() >= CONVERSATIONS { Err(too_many()) } else { Ok(()) }
    }

    /// One in which something may be written.
    fn writable(&self, id: ConversationId) -> Result<(Conversation, PostingId), Refusal> {
        let conversation = self.known(id)?;
        match conversation.standing {
            StoredStanding::Accepted => {}
            StoredStanding::Left => {
                return Err(invalid("you are not in this group any more", "ask one of its admins"));
            }
            StoredStanding::Request | StoredStanding::Ignored => {
                return Err(invalid("this is a request", "accept it first"));
            }
        }
        let waiting = self.talks.outgoing.len().saturating_add(conversation.people.len());
        if waiting > OUTGOING {
            return Err(invalid(
                format!("{OUTGOING} messages wait to be sent or confirmed"),
                "wait until some have arrived",
            ));
        }
        let peer = conversation.people.first().copied();
        peer.map(|peer| (conversation, peer))
            .ok_or_else(|| not_found("nobody else is in this conversation", "begin another one"))
    }

    fn open_talk(
        &mut self,
        step: &mut Step<'_, '_>,
        people: &[PostingId],
        persona: Option<PostingId>,
    ) -> Result<Outcome, Refusal> {
        let persona = find_persona(step, persona)?.posting_id;
        let [peer] = people else {
            return Err(invalid("this names no single person", "with several begin a group"));
        };
        if *peer == persona {
            return Err(invalid("this is the persona itself", "name somebody else"));
        }
        self.may_come_in(*peer)?;
        self.key_of(persona)?;
        let id = self.conversation_with(step, persona, *peer, StoredStanding::Accepted)?;
        let id = id.ok_or_else(too_many)?;
        let conversation = self.known(id)?;
        let view = view_of(**step.store, &*self.talks.key()?, &conversation)?;
        Ok(Outcome::Conversation(Box::new(view)))
    }

    pub(super) fn send_text(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        text: String,
        quote: Option<MessageKey>,
    ) -> Result<Outcome, Refusal> {
        let (conversation, peer) = self.writable(id)?;
        let text = checked_text(text)?;
        if let Some(quote) = quote {
            self.find_own_or_other(step, id, quote)?;
        }
        let me = conversation.me;
        let quote = quote.map(|quote| (quote.from, quote.message_id));
        let said = Said::Text { text: text.clone(), quote };
        let row = self.row_in(step, &conversation, peer, said)?;
        let message = Message {
            quote,
            state: StoredDelivery::Queued(self.awaited()),
            to: receipts(&conversation),
            ..Message::new(row.message_id, me, step.now, step.now, text)
        };
        let message_id = row.message_id;
        self.keep_message(step, id, &message)?;
        self.queue_in(step, &conversation, row)?;
        Ok(Outcome::Message(MessageStored { thread: id, message_id }))
    }

    fn react_to_message(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        target: MessageKey,
        emoji: &str,
        switch: ReactionSwitch,
    ) -> Result<Outcome, Refusal> {
        let (conversation, peer) = self.writable(id)?;
        let emoji = parse_emoji(emoji).map_err(|error| invalid(error.to_string(), "give one emoji"))?;
        self.find_own_or_other(step, id, target)?;
        let is_on = switch == ReactionSwitch::On;
        let said = Said::Reaction { target: (target.from, target.message_id), emoji: emoji.clone(), is_on };
        let row = self.row_in(step, &conversation, peer, said)?;
        let reaction = Reaction { from: conversation.me, emoji, sent: row.sent, is_on };
        self.change_message(step, id, target.from, target.message_id, Change::Reaction(reaction))?;
        self.queued(step, &conversation, row)
    }

    fn edit_message(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        target: MessageKey,
        text: String,
    ) -> Result<Outcome, Refusal> {
        let (conversation, peer) = self.writable(id)?;
        let text = checked_text(text)?;
        if target.from != conversation.me {
            return Err(invalid("only messages of your own can be edited", "answer it instead"));
        }
        self.find_own_or_other(step, id, target)?;
        let said = Said::Edit { target: target.message_id, text: text.clone() };
        let row = self.row_in(step, &conversation, peer, said)?;
        let has_left = self.reword(step, id, target.message_id, &text)?;
        let change = Change::Text(text, row.sent);
        self.change_message(step, id, target.from, target.message_id, change)?;
        if has_left {
            return self.queued(step, &conversation, row);
        }
        Ok(Outcome::Message(MessageStored { thread: id, message_id: target.message_id }))
    }

    fn delete_message(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        target: MessageKey,
    ) -> Result<Outcome, Refusal> {
        let conversation = self.known(id)?;
        self.find_own_or_other(step, id, target)?;
        let is_own = target.from == conversation.me;
        let is_told = is_own && conversation.standing == StoredStanding::Accepted;
        if is_told && conversation.kind == StoredKind::HeardCircle {
            return Err(invalid("a comment in a circle of others stays", "ask the owner of the circle"));
        }
        self.change_message(step, id, target.from, target.message_id, Change::Deletion)?;
        let has_left = !is_own || self.unsay(step, id, target.message_id)?;
        match conversation.people.first().copied() {
            Some(peer) if is_told && has_left => {
                let said = Said::Delete { target: target.message_id };
                let row = self.row_in(step, &conversation, peer, said)?;
                self.queued(step, &conversation, row)
            }
            _ => Ok(Outcome::Done),
        }
    }

    /// Neither a message of ours nor another text for it is sealed any more; says whether it may be with others.
    fn unsay(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        message_id: MessageId,
    ) -> Result<bool, DbError> {
        let mut rows = self.forget_where(step, |row| {
            row.conversation == id && (row.message_id == message_id || is_edit_of(row, message_id))
        })?;
        rows.retain(|row| row.message_id == message_id);
        Ok(may_have_left(&rows))
    }

    /// What is sealed of a message from now on has this text; says whether anybody may have another one.
    fn reword(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        message_id: MessageId,
        text: &str,
    ) -> Result<bool, DbError> {
        let is_of_it = |row: &&Outgoing| (row.conversation, row.message_id) == (id, message_id);
        let rows: Vec<Outgoing> = self.talks.outgoing.values().filter(is_of_it).cloned().collect();
        let has_left = may_have_left(&rows);
        for mut row in rows {
            if let Said::Text { text: kept, .. } = &mut row.said {
                text.clone_into(kept);
                self.keep_outgoing(step, row)?;
            }
        }
        Ok(has_left)
    }

    /// Something said in a conversation, as it is queued there.
    fn row_in(
        &self,
        step: &mut Step<'_, '_>,
        conversation: &Conversation,
        peer: PostingId,
        said: Said,
    ) -> Result<Outgoing, Refusal> {
        let mut row = new_row(step, conversation.me, peer, conversation.thread, said);
        row.conversation = conversation.id;
        if conversation.kind == StoredKind::HeardCircle {
            row.said = self.as_comment(step, &row)?;
        }
        Ok(row)
    }

    fn queued(
        &mut self,
        step: &mut Step<'_, '_>,
        conversation: &Conversation,
        row: Outgoing,
    ) -> Result<Outcome, Refusal> {
        let message_id = row.message_id;
        self.queue_in(step, conversation, row)?;
        Ok(Outcome::Message(MessageStored { thread: conversation.id, message_id }))
    }

    fn find_own_or_other(
        &self,
        step: &Step<'_, '_>,
        id: ConversationId,
        message: MessageKey,
    ) -> Result<(), Refusal> {
        let name = message_name(&*self.talks.key()?, id, message.from, message.message_id);
        match step.store.find_message(&name)? {
            Some(_) => Ok(()),
            None => Err(not_found("there is no such message here", "`itsgoin dm read` shows their ids")),
        }
    }

    fn answer_request(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        answer: RequestAnswer,
    ) -> Result<Outcome, Refusal> {
        let mut conversation = self.known(id)?;
        if conversation.standing == StoredStanding::Left {
            return Err(invalid("you are not in this group any more", "ask one of its admins"));
        }
        match answer {
            // Who else is in a group was nobody's question.
            RequestAnswer::Accept if conversation.kind != StoredKind::Two => {
                conversation.standing = StoredStanding::Accepted;
            }
            RequestAnswer::Block if conversation.kind != StoredKind::Two => {
                return Err(invalid("a group cannot be blocked", "ignore or leave it, or block a person"));
            }
            RequestAnswer::Accept => {
                conversation.standing = StoredStanding::Accepted;
                self.set_blocked(step, &conversation, Blocked::No)?;
            }
            RequestAnswer::Ignore => conversation.standing = StoredStanding::Ignored,
            RequestAnswer::Block => {
                conversation.standing = StoredStanding::Ignored;
                self.set_blocked(step, &conversation, Blocked::Yes)?;
            }
        }
        let is_accepted = conversation.standing == StoredStanding::Accepted;
        let pairs: Vec<_> = conversation.people.iter().map(|peer| (conversation.me, *peer)).collect();
        self.keep_conversation(step, conversation)?;
        if is_accepted {
            pairs.into_iter().try_for_each(|pair| self.confirm_accepted(step, pair))?;
        }
        Ok(Outcome::Done)
    }

    fn set_blocked(
        &mut self,
        step: &mut Step<'_, '_>,
        conversation: &Conversation,
        blocked: Blocked,
    ) -> Result<(), DbError> {
        for peer in &conversation.people {
            let pair = (conversation.me, *peer);
            self.change_relation(step, pair, |relation| {
                relation.is_blocked = blocked == Blocked::Yes;
                if relation.is_blocked {
                    relation.acks.clear();
                    relation.ack_due = None;
                }
            })?;
            if blocked == Blocked::Yes {
                self.forget_where(step, |row| (row.me, row.peer) == pair)?;
            }
        }
        Ok(())
    }

    fn verify_contact(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        verified: Verification,
    ) -> Result<Outcome, Refusal> {
        let conversation = self.known(id)?;
        if conversation.kind != StoredKind::Two {
            return Err(invalid("words are compared between two", "begin a conversation with the person"));
        }
        for peer in &conversation.people {
            let pair = (conversation.me, *peer);
            let is_verified = verified == Verification::Verified;
            self.change_relation(step, pair, |relation| relation.is_verified = is_verified)?;
        }
        tell_conversation(step, id);
        Ok(Outcome::Done)
    }

    fn arrange(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        place: Shelf,
        switch: Switch,
    ) -> Result<Outcome, Refusal> {
        let mut conversation = self.known(id)?;
        let flag = match place {
            Shelf::Muted => &mut conversation.is_muted,
            Shelf::Pinned => &mut conversation.is_pinned,
            Shelf::Archived => &mut conversation.is_archived,
        };
        *flag = switch.is_on();
        self.keep_conversation(step, conversation)?;
        Ok(Outcome::Done)
    }
}

/// Whether anything of somebody is shown to a persona.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blocked {
    Yes,
    No,
}

/// Whether anybody may have a message of which these rows are left: of what was confirmed there are none.
fn may_have_left(rows: &[Outgoing]) -> bool {
    rows.is_empty() || rows.iter().any(|row| row.tries > 0)
}

/// Whether this is another text for a message.
fn is_edit_of(row: &Outgoing, message_id: MessageId) -> bool {
    matches!(&row.said, Said::Edit { target, .. } if *target == message_id)
}

/// How many people confirm what is said in a conversation. What is said to a circle nobody confirms: so many answers would
/// tell when it was said.
fn receipts(conversation: &Conversation) -> u32 {
    match conversation.kind {
        StoredKind::OwnCircle => 0,
        StoredKind::Two | StoredKind::HeardCircle | StoredKind::Group => {
            u32::try_from(conversation.people.len()).unwrap_or(u32::MAX)
        }
    }
}

fn too_many() -> Refusal {
    invalid(format!("{CONVERSATIONS} conversations are the most"), "remove one first")
}

/// Refuses an id that can be nobody's.
pub(super) fn check_id(id: PostingId) -> Result<(), Refusal> {
    usable_key(id).map(drop).map_err(|_weak| invalid("this id belongs to nobody", "copy all of it again"))
}

/// A text that can be sent.
fn checked_text(text: String) -> Result<String, Refusal> {
    if text.trim().is_empty() {
        return Err(invalid("a message needs some text", "write something first"));
    }
    if text.len() > MESSAGE_TEXT_BYTES {
        return Err(invalid(
            format!("a message may have at most {MESSAGE_TEXT_BYTES} bytes"),
            "shorten it or make two",
        ));
    }
    Ok(text)
}
