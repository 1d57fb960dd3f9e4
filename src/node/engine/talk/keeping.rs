//! Messages whose time is over: what a person does not want to keep goes here, and nobody hears of it.
//!
//! A message goes when it was read, or when it arrived, is given up or was deleted before it left, and as long after it came
//! as its conversation keeps messages. So nothing unread goes, and nothing whose way is not known yet. That it was here is
//! remembered for as long as it may be sent again.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::Duration;

use super::archive::preview;
use super::rows::{
    Conversation, Gone, Message, StoredDelivery, conversation_name, load_all, open_message, remove,
};
use super::{Engine, Step};
use crate::api::Outcome;
use crate::db::DbError;
use crate::db::protected::{PageFrom, StoredMessage};
use crate::domain::conversation::{ConversationId, Keep, MessageId, Place};
use crate::domain::time::Timestamp;
use crate::limits::{GONE_MESSAGES, GONE_REMEMBERED, KEPT_AT_ONCE};
use crate::node::engine::person::{Refusal, invalid};

/// Time between two rounds through all conversations that do not keep everything.
const ROUND: Duration = Duration::from_hours(1);
/// Rounds after which what is gone for long is forgotten.
const ROUNDS_A_DAY: u32 = 24;

/// Where the round through conversations is.
#[derive(Default)]
pub(super) struct Round {
    /// When it goes on; nothing before the start.
    due: Option<Timestamp>,
    /// Up to where it came, while it is under way: to a message of a conversation, or to its end.
    upto: Option<(ConversationId, Option<Place>)>,
    /// How many were made.
    count: u32,
}

impl Round {
    pub(super) const fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// Begins one, from the first conversation on.
    pub(super) const fn begin(&mut self, now: Timestamp) {
        (self.due, self.upto) = (Some(now), None);
    }

    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        self.due = self.due.map(|due| due.min(now.after(ROUND)));
    }
}

impl Engine {
    /// Says for how long messages are kept; what is older goes with the next steps.
    pub(super) fn keep_for(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        keep: Keep,
    ) -> Result<Outcome, Refusal> {
        let mut conversation = self.known(id)?;
        if !keep.is_usable() {
            return Err(invalid(crate::domain::conversation::NoKeep.to_string(), "choose one of these"));
        }
        conversation.keep = keep;
        self.keep_conversation(step, conversation)?;
        self.talks.round.begin(step.now);
        Ok(Outcome::Done)
    }

    /// Takes a few messages away whose time is over.
    pub(super) fn forget_due(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if self.talks.round.due.is_none_or(|due| due > step.now) {
            return Ok(());
        }
        let from = match self.talks.round.upto {
            None => Bound::Unbounded,
            Some((id, Some(_))) => Bound::Included(id),
            Some((id, None)) => Bound::Excluded(id),
        };
        let mut rows = self.talks.conversations.range((from, Bound::Unbounded)).map(|(_, row)| row);
        let Some(row) = rows.find(|row| row.keep != Keep::Forever).cloned() else {
            return self.end_round(step);
        };
        let behind = self.talks.round.upto.filter(|(id, _)| *id == row.id).and_then(|(_, place)| place);
        let place = self.forget_in(step, &row, behind.unwrap_or(Place::START))?;
        (self.talks.round.due, self.talks.round.upto) = (Some(step.now), Some((row.id, place)));
        Ok(())
    }

    fn end_round(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if self.talks.round.count.is_multiple_of(ROUNDS_A_DAY) {
            self.forget_gone(step)?;
            self.forget_skipped(step)?;
        }
        let count = self.talks.round.count.wrapping_add(1);
        self.talks.round = Round { due: Some(step.now.after(ROUND)), upto: None, count };
        Ok(())
    }

    /// Looks through messages of a conversation from a place on; where to go on, if there is more whose time may be over.
    fn forget_in(
        &mut self,
        step: &mut Step<'_, '_>,
        row: &Conversation,
        behind: Place,
    ) -> Result<Option<Place>, DbError> {
        let key = self.talks.key()?;
        let name = conversation_name(&key, row.id);
        let page = step.store.list_messages(&name, PageFrom::After(behind), KEPT_AT_ONCE)?;
        let outgoing = self.talks.outgoing.values().filter(|sent| sent.conversation == row.id);
        let on_the_way: BTreeSet<MessageId> = outgoing.map(|sent| sent.message_id).collect();
        let mut last = None;
        let mut has_changed = false;
        for stored in &page {
            let message = open_message(&key, &stored.name, &stored.value)?;
            if step.now.since(message.received) < row.keep.time() {
                // Those behind it came later still, or are looked at when it is old enough.
                last = None;
                break;
            }
            last = Some(stored.place);
            if is_done(&message, &on_the_way) {
                self.forget_message(step, stored)?;
                has_changed = true;
            }
        }
        if has_changed {
            self.show_what_is_left(step, row.id)?;
        }
        let is_full = page.len() >= usize::try_from(KEPT_AT_ONCE).unwrap_or(usize::MAX);
        Ok(last.filter(|_| is_full))
    }

    fn forget_message(&self, step: &mut Step<'_, '_>, stored: &StoredMessage) -> Result<(), DbError> {
        step.store.delete_message(&stored.name)?;
        self.save_row(step, &Gone { name: stored.name.into(), since: step.now })
    }

    /// The list shows the last message that is still here.
    fn show_what_is_left(&mut self, step: &mut Step<'_, '_>, id: ConversationId) -> Result<(), DbError> {
        let key = self.talks.key()?;
        let Some(mut row) = self.talks.conversations.get(&id).cloned() else { return Ok(()) };
        let newest =
            step.store.list_messages(&conversation_name(&key, id), PageFrom::Before(Place::END), 1)?;
        row.preview = match newest.first() {
            Some(stored) => {
                let message = open_message(&key, &stored.name, &stored.value)?;
                Some((message.from, preview(&message.text)))
            }
            None => None,
        };
        self.keep_conversation(step, row)
    }

    /// Forgets what went long ago, and of more than is remembered the oldest.
    fn forget_gone(&self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let key = self.talks.key()?;
        let mut gone: Vec<Gone> = load_all(**step.store, &key)?;
        gone.sort_unstable_by_key(|gone| std::cmp::Reverse(gone.since));
        for (index, gone) in gone.iter().enumerate() {
            if index >= GONE_MESSAGES || step.now.since(gone.since) > GONE_REMEMBERED {
                remove(step.store, &key, gone)?;
            }
        }
        Ok(())
    }
}

/// Whether nobody waits for anything about a message.
fn is_done(message: &Message, on_the_way: &BTreeSet<MessageId>) -> bool {
    match message.state {
        StoredDelivery::Received => !message.is_unread,
        StoredDelivery::Arrived | StoredDelivery::Lost => true,
        // What is said to a circle nobody confirms.
        StoredDelivery::Sent { .. } if message.to == 0 => true,
        // What was deleted before it left, or was meant for who is not in the group any more, stays like this.
        StoredDelivery::Sent { .. } | StoredDelivery::Queued(_) => !on_the_way.contains(&message.message_id),
    }
}
