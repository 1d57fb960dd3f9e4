//! Unfinished text, under the data key: it says what somebody thinks and, by its slot, whom they answer.

use super::rows::{Draft, draft_name, save};
use super::{Engine, Step};
use crate::api::{DraftSlot, Outcome};
use crate::db::DbError;
use crate::db::protected::Protected;
use crate::limits::PASTE_BYTES;
use crate::node::engine::person::{Refusal, invalid};
use crate::node::engine::slot_name;

impl Engine {
    /// Keeps text in a slot; none empties it.
    pub(in crate::node::engine) fn save_draft(
        &self,
        step: &mut Step<'_, '_>,
        slot: DraftSlot,
        text: String,
    ) -> Result<Outcome, Refusal> {
        if text.len() > PASTE_BYTES {
            return Err(invalid(format!("a draft may have at most {PASTE_BYTES} bytes"), "shorten it"));
        }
        if text.is_empty() {
            self.finish_draft(step, Some(slot))?;
        } else {
            self.save_row(step, &Draft { slot: slot_name(slot), text })?;
        }
        Ok(Outcome::Done)
    }

    /// Empties the slot of what has become a post or a message; what else is unfinished stays.
    pub(in crate::node::engine) fn finish_draft(
        &self,
        step: &mut Step<'_, '_>,
        draft: Option<DraftSlot>,
    ) -> Result<(), DbError> {
        let Some(slot) = draft else { return Ok(()) };
        let name = draft_name(&*self.talks.key()?, &slot_name(slot));
        step.store.delete_protected(Protected::Draft, &name)
    }

    /// Seals what earlier versions kept in the clear.
    pub(super) fn seal_drafts(&self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let clear = step.store.list_clear_drafts()?;
        if clear.is_empty() {
            return Ok(());
        }
        let key = self.talks.key()?;
        for (slot, text) in clear {
            save(step.store, &key, step.rng, &Draft { slot, text })?;
        }
        step.store.delete_clear_drafts()
    }
}
