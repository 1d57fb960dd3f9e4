//! What a person does in conversations. Everything is checked before anything is written.

use super::archive::Change;
use super::publishing::{new_row, tell_conversation};
use super::rows::{Conversation, Message, Reaction, StoredDelivery, StoredStanding, message_name};
use super::{Engine, Step};
use crate::api::{
    DraftSlot, MessageKey, MessageStored, Outcome, RequestAnswer, Shelf, Switch, Talk, Verification,
};
use crate::db::DbError;
use crate::domain::conversation::ConversationId;
use crate::domain::ids::PostingId;
use crate::domain::inner::Said;
use crate::domain::operation::{ReactionSwitch, parse_emoji};
use crate::limits::{CONVERSATIONS, MESSAGE_TEXT_BYTES, OUTGOING};
use crate::node::conversations::view_of;
use crate::node::engine::person::{Refusal, find_persona, invalid, not_found};

impl Engine {
    pub(in crate::node::engine) fn talk(
        &mut self,
        step: &mut Step<'_, '_>,
        talk: Talk,
    ) -> Result<Outcome, Refusal> {
        match talk {
            Talk::Open { people, persona } => self.open_talk(step, &people, persona),
            Talk::Send { thread, text, quote } => self.send_text(step, thread, text, quote),
            Talk::React { thread, message, emoji, switch } => {
                self.react_to_message(step, thread, message, &emoji, switch)
            }
            Talk::Edit { thread, message, text } => self.edit_message(step, thread, message, text),
            Talk::Delete { thread, message } => self.delete_message(step, thread, message),
            Talk::Read { thread, upto } => {
                self.known(thread)?;
                self.read_messages(step, thread, upto)?;
                Ok(Outcome::Done)
            }
            Talk::Answer { thread, answer } => self.answer_request(step, thread, answer),
            Talk::Verify { thread, verified } => self.verify_contact(step, thread, verified),
            Talk::Arrange { thread, shelf, switch } => self.arrange(step, thread, shelf, switch),
        }
    }

    fn known(&self, id: ConversationId) -> Result<Conversation, Refusal> {
        let known = self.talks.conversations.get(&id).cloned();
        known.ok_or_else(|| not_found("there is no such conversation", "`itsgoin dm list` lists them"))
    }

    /// One in which something may be written.
    fn writable(&self, id: ConversationId) -> Result<(Conversation, PostingId), Refusal> {
        let conversation = self.known(id)?;
        if conversation.standing != StoredStanding::Accepted {
            return Err(invalid("this is a request", "accept it first"));
        }
        let peer = conversation.people.first().copied();
        peer.map(|peer| (conversation, peer))
            .ok_or_else(|| not_found("nobody is in this conversation", "begin another one"))
    }

    fn open_talk(
        &mut self,
        step: &mut Step<'_, '_>,
        people: &[PostingId],
        persona: Option<PostingId>,
    ) -> Result<Outcome, Refusal> {
        let persona = find_persona(step, persona)?.posting_id;
        let [peer] = people else {
            return Err(invalid("a conversation has one other person in this version", "name one person"));
        };
        if *peer == persona {
            return Err(invalid("this is the persona itself", "name somebody else"));
        }
        crate::domain::envelope::usable_key(*peer)
            .map_err(|_weak| invalid("this id belongs to nobody", "copy all of it again"))?;
        self.key_of(persona)?;
        let id =
            self.conversation_with(step, persona, *peer, StoredStanding::Accepted)?.ok_or_else(|| {
                invalid(format!("{CONVERSATIONS} conversations are the most"), "remove one first")
            })?;
        let conversation = self.known(id)?;
        let view = view_of(**step.store, &*self.talks.key()?, &conversation)?;
        Ok(Outcome::Conversation(Box::new(view)))
    }

    fn send_text(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        text: String,
        quote: Option<MessageKey>,
    ) -> Result<Outcome, Refusal> {
        let (conversation, peer) = self.writable(id)?;
        let text = checked_text(text)?;
        if self.talks.outgoing.len() >= OUTGOING {
            return Err(invalid(
                format!("{OUTGOING} messages wait to be sent or confirmed"),
                "wait until some have arrived",
            ));
        }
        if let Some(quote) = quote {
            self.find_own_or_other(step, id, quote)?;
        }
        let me = conversation.me;
        let quote = quote.map(|quote| (quote.from, quote.message_id));
        let said = Said::Text { text: text.clone(), quote };
        let row = new_row(step, me, peer, conversation.thread, said);
        let message = Message {
            message_id: row.message_id,
            from: me,
            sent: step.now,
            received: step.now,
            text,
            quote,
            edited: None,
            is_deleted: false,
            reactions: Vec::new(),
            is_unread: false,
            state: StoredDelivery::Queued(self.awaited()),
        };
        let message_id = row.message_id;
        self.keep_message(step, id, &message)?;
        self.queue(step, row)?;
        self.finish_draft(step, DraftSlot::Message(id))?;
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
        let row = new_row(step, conversation.me, peer, conversation.thread, said);
        let reaction = Reaction { from: conversation.me, emoji, sent: row.sent, is_on };
        self.change_message(step, id, target.from, target.message_id, Change::Reaction(reaction))?;
        self.queued(step, id, row)
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
        let row = new_row(step, conversation.me, peer, conversation.thread, said);
        let change = Change::Text(text, row.sent);
        self.change_message(step, id, target.from, target.message_id, change)?;
        self.finish_draft(step, DraftSlot::Correction(id, target.message_id))?;
        self.queued(step, id, row)
    }

    fn delete_message(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        target: MessageKey,
    ) -> Result<Outcome, Refusal> {
        let conversation = self.known(id)?;
        self.find_own_or_other(step, id, target)?;
        self.change_message(step, id, target.from, target.message_id, Change::Deletion)?;
        let peer = conversation.people.first().copied();
        match peer {
            Some(peer) if target.from == conversation.me => {
                // What has not left yet need not.
                let unsent = (conversation.thread, peer, target.message_id);
                if let Some(row) = self.talks.outgoing.get(&unsent).filter(|row| row.tries == 0).cloned() {
                    self.forget_outgoing(step, &row)?;
                    return Ok(Outcome::Done);
                }
                let said = Said::Delete { target: target.message_id };
                let row = new_row(step, conversation.me, peer, conversation.thread, said);
                self.queued(step, id, row)
            }
            _ => Ok(Outcome::Done),
        }
    }

    fn queued(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        row: super::rows::Outgoing,
    ) -> Result<Outcome, Refusal> {
        let message_id = row.message_id;
        self.queue(step, row)?;
        Ok(Outcome::Message(MessageStored { thread: id, message_id }))
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
        match answer {
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
        self.keep_conversation(step, conversation)?;
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
            self.relation(pair).is_blocked = blocked == Blocked::Yes;
            self.save_relation(step, pair)?;
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
        for peer in &conversation.people {
            let pair = (conversation.me, *peer);
            self.relation(pair).is_verified = verified == Verification::Verified;
            self.save_relation(step, pair)?;
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
