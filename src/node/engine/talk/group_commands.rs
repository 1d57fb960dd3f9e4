//! What a person does with groups. Everything is checked before anything is written.

use super::commands::check_id;
use super::rows::{Conversation, StoredKind, StoredStanding};
use super::views::view_of;
use super::{Engine, Step};
use crate::api::{GroupDeed, Outcome};
use crate::domain::conversation::ConversationId;
use crate::domain::ids::PostingId;
use crate::domain::profile::parse_name;
use crate::domain::roster::Change;
use crate::limits::{GROUP_MEMBERS, ROSTER_VERSIONS};
use crate::node::engine::person::{Refusal, find_persona, invalid, not_found};

impl Engine {
    pub(super) fn new_group(
        &mut self,
        step: &mut Step<'_, '_>,
        title: &str,
        mut people: Vec<PostingId>,
        persona: Option<PostingId>,
    ) -> Result<Outcome, Refusal> {
        let persona = find_persona(step, persona)?.posting_id;
        let title = parse_name(title).map_err(|error| invalid(error.to_string(), "choose another name"))?;
        people.sort_unstable();
        people.dedup();
        for person in &people {
            self.may_come_in(*person)?;
        }
        if !(2..GROUP_MEMBERS).contains(&people.len()) {
            let most = GROUP_MEMBERS.saturating_sub(1);
            return Err(invalid(
                format!("a group has two to {most} other people"),
                "with one person begin a conversation: `itsgoin dm send --to`",
            ));
        }
        self.has_room_for_one()?;
        let key = self.key_of(persona)?;
        let id = self.found_group(step, &key, title, people)?;
        self.group_outcome(step, id)
    }

    /// Refuses whoever can be in no group or circle.
    pub(super) fn may_come_in(&self, person: PostingId) -> Result<(), Refusal> {
        check_id(person)?;
        if self.keys.contains_key(&person) {
            return Err(invalid("this is a persona of yours", "name somebody else"));
        }
        Ok(())
    }

    fn group_outcome(&self, step: &Step<'_, '_>, id: ConversationId) -> Result<Outcome, Refusal> {
        let conversation = self.known(id)?;
        Ok(Outcome::Conversation(Box::new(view_of(**step.store, &*self.talks.key()?, &conversation)?)))
    }

    /// Changes a group.
    pub(super) fn in_group(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        deed: GroupDeed,
    ) -> Result<Outcome, Refusal> {
        let conversation = self.known(id)?;
        if conversation.kind != StoredKind::Group {
            return Err(invalid("this is no group", "`itsgoin dm new-group` begins one"));
        }
        if conversation.standing == StoredStanding::Left {
            return Err(invalid("you are not in this group any more", "ask one of its admins"));
        }
        let change = self.checked_change(&conversation, deed)?;
        let key = self.key_of(conversation.me)?;
        self.change_group(step, &key, id, change)?;
        self.group_outcome(step, id)
    }

    fn checked_change(&self, conversation: &Conversation, deed: GroupDeed) -> Result<Change, Refusal> {
        let me = conversation.me;
        let known = self.talks.groups.rosters.get(&conversation.id);
        let known =
            known.ok_or_else(|| not_found("there is no such group", "`itsgoin dm list` lists them"))?;
        if known.roster.is_full() {
            return Err(invalid(
                format!("this group was changed {ROSTER_VERSIONS} times, more are not kept"),
                "begin another group",
            ));
        }
        let is_in = |person: PostingId| {
            if known.now.has(person) {
                return Ok(());
            }
            Err(not_found("this person is not in the group", "`itsgoin dm list` says who is"))
        };
        if deed == GroupDeed::Leave {
            return Ok(Change::Remove { member: me });
        }
        if !known.now.is_admin(me) {
            return Err(invalid("only admins change a group", "ask one of them"));
        }
        match deed {
            GroupDeed::Add { person } => {
                self.may_come_in(person)?;
                if known.now.has(person) {
                    return Err(invalid("this person is in the group already", "nothing is to be done"));
                }
                if known.now.members().count() >= GROUP_MEMBERS {
                    return Err(invalid(
                        format!("{GROUP_MEMBERS} people are the most"),
                        "remove somebody first",
                    ));
                }
                Ok(Change::Add { member: person })
            }
            GroupDeed::Remove { person } => {
                is_in(person)?;
                if person == me {
                    return Err(invalid("this is the persona itself", "leave the group instead"));
                }
                if !known.now.may_remove(me, person) {
                    return Err(invalid(
                        "this admin was one before you",
                        "ask one who was before both of you",
                    ));
                }
                Ok(Change::Remove { member: person })
            }
            GroupDeed::Promote { person } => {
                is_in(person)?;
                if known.now.is_admin(person) {
                    return Err(invalid("this person is an admin already", "nothing is to be done"));
                }
                Ok(Change::Promote { member: person })
            }
            GroupDeed::Rename { title } => {
                let title =
                    parse_name(&title).map_err(|error| invalid(error.to_string(), "choose another name"))?;
                Ok(Change::Rename { title })
            }
            GroupDeed::Leave => Ok(Change::Remove { member: me }),
        }
    }
}
