//! Circles: people chosen here to whom a persona speaks on one chain. They do not hear of each other by that; the circle's
//! name never leaves the device. What they say about a post goes to its author by message, signed, and the author passes
//! it on, so that all who have the post can see who said it.

use super::archive::Change;
use super::group_rows::Circle;
use super::publishing::{new_row, tell_conversation};
use super::rows::{
    Conversation, Message, Outgoing, Reaction, StoredDelivery, StoredKind, StoredStanding, remove,
};
use super::views::signed_name;
use super::{Engine, Pair, Step, random_id};
use crate::api::{CircleDeed, CircleMember, Event, Linkage, Outcome};
use crate::db::DbError;
use crate::domain::conversation::{ConversationId, ThreadId};
use crate::domain::ids::PostingId;
use crate::domain::inner::{Comment, Inner, Remark, Said};
use crate::domain::profile::parse_name;
use crate::domain::statement::Statement;
use crate::domain::text::SafeText;
use crate::limits::{CIRCLE_MEMBERS, CIRCLES, COMMENT_TEXT_BYTES, CONVERSATIONS};
use crate::node::engine::person::{Refusal, find_persona, invalid, not_found};

/// Comments that wait to be passed on in one circle: what members can make us publish.
const PASSED_ON_WAITING: usize = 32;

impl Engine {
    /// Something somebody said in a circle, ours or theirs.
    pub(super) fn heard_in_circle(
        &mut self,
        step: &mut Step<'_, '_>,
        pair: Pair,
        id: ConversationId,
        inner: Inner,
    ) -> Result<(), DbError> {
        let (_, peer) = pair;
        let Some(conversation) = self.talks.conversations.get(&id).cloned() else { return Ok(()) };
        if !conversation.people.contains(&peer) {
            return Ok(());
        }
        self.acks_heard(step, pair, &inner)?;
        if conversation.standing == StoredStanding::Left {
            return Ok(());
        }
        let is_own = conversation.kind == StoredKind::OwnCircle;
        match &inner.said {
            Said::Comment(comment) => {
                let is_theirs = !is_own || comment.from == peer;
                if !is_theirs || !comment.is_genuine(inner.thread) {
                    return Ok(());
                }
                if is_own {
                    self.confirm_later(step, pair, &inner)?;
                }
                let is_new = self.apply_comment(step, id, comment)?;
                if is_own && is_new { self.pass_on(step, &conversation, comment.clone()) } else { Ok(()) }
            }
            Said::Text { .. } | Said::Reaction { .. } | Said::Edit { .. } | Said::Delete { .. }
                if !is_own =>
            {
                self.apply_said(step, id, peer, inner)
            }
            _ => Ok(()),
        }
    }

    /// Puts a comment where it belongs; says whether it is new.
    fn apply_comment(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConversationId,
        comment: &Comment,
    ) -> Result<bool, DbError> {
        let Some(me) = self.talks.conversations.get(&id).map(|known| known.me) else { return Ok(false) };
        let commenter = (me, comment.from);
        let has_name = self.talks.relations.get(&commenter).is_some_and(|known| !known.name.is_empty());
        if !has_name && comment.from != me {
            self.change_relation(step, commenter, |known| known.name.clone_from(&comment.name))?;
        }
        match &comment.remark {
            Remark::Text(text) => {
                let message = Message {
                    quote: Some(comment.target),
                    is_unread: comment.from != me,
                    state: StoredDelivery::Received,
                    ..Message::new(comment.message_id, comment.from, comment.sent, step.now, text.clone())
                };
                self.keep_message(step, id, &message)
            }
            Remark::Reaction { emoji, is_on } => {
                let (from, target) = comment.target;
                let reaction =
                    Reaction { from: comment.from, emoji: emoji.clone(), sent: comment.sent, is_on: *is_on };
                self.change_message(step, id, from, target, Change::Reaction(reaction))
            }
        }
    }

    /// Passes a comment on to everybody in the circle.
    fn pass_on(
        &mut self,
        step: &mut Step<'_, '_>,
        conversation: &Conversation,
        comment: Comment,
    ) -> Result<(), DbError> {
        let of_circle = |row: &&Outgoing| row.conversation == conversation.id && row.tries == 0;
        if self.talks.outgoing.values().filter(of_circle).count() >= PASSED_ON_WAITING {
            return Ok(());
        }
        let (me, thread) = (conversation.me, conversation.thread);
        let row = new_row(step, me, me, thread, Said::Comment(comment));
        self.queue_in(step, conversation, row)
    }

    /// Somebody takes a persona into a circle of theirs, without saying so: it may hear what is said on this chain. From
    /// strangers nothing is taken.
    pub(super) fn circle_key_heard(
        &mut self,
        step: &mut Step<'_, '_>,
        pair: Pair,
        inner: &Inner,
    ) -> Result<(), DbError> {
        let (me, peer) = pair;
        let Said::Chain { key, .. } = &inner.said else { return Ok(()) };
        if !self.is_known(step, pair)? {
            return Ok(());
        }
        let id = ConversationId::of_circle(me, peer, inner.thread);
        if !self.talks.conversations.contains_key(&id) {
            let known = self.talks.conversations.values();
            let theirs = known.filter(|known| {
                known.kind == StoredKind::HeardCircle && (known.me, known.people.first()) == (me, Some(&peer))
            });
            if theirs.count() >= CIRCLES || self.talks.conversations.len() >= CONVERSATIONS {
                return Ok(());
            }
            let mut conversation = Conversation::new(me, inner.thread, vec![peer], step.now);
            (conversation.id, conversation.kind) = (id, StoredKind::HeardCircle);
            self.keep_conversation(step, conversation)?;
        }
        self.acks_heard(step, pair, inner)?;
        self.confirm_later(step, pair, inner)?;
        self.chain_heard(step, (me, inner.thread), peer, key)?;
        self.look_at_waiting(step, (me, inner.thread))
    }

    /// What a reader says in somebody's circle, signed by the reader.
    pub(super) fn as_comment(&self, step: &Step<'_, '_>, row: &Outgoing) -> Result<Said, Refusal> {
        let key = self.key_of(row.me)?;
        let (target, remark) = match row.said.clone() {
            Said::Text { text, quote: Some(target) } if text.len() <= COMMENT_TEXT_BYTES => {
                (target, Remark::Text(text))
            }
            Said::Text { quote: Some(_), .. } => {
                return Err(invalid(
                    format!("a comment may have at most {COMMENT_TEXT_BYTES} bytes"),
                    "shorten it",
                ));
            }
            Said::Reaction { target, emoji, is_on } => (target, Remark::Reaction { emoji, is_on }),
            _ => {
                return Err(invalid(
                    "only the owner of a circle posts to it",
                    "answer one of the posts: quote it",
                ));
            }
        };
        let mut comment = Comment {
            from: row.me,
            message_id: row.message_id,
            sent: row.sent,
            target,
            remark,
            name: signed_name(**step.store, row.me)?.unwrap_or_default(),
            signature: [0; 64].into(),
        };
        comment.signature = key.state(Statement::Comment, &comment.stated(row.thread)).into();
        Ok(Said::Comment(comment))
    }

    /// What a person does with circles.
    pub(in crate::node::engine) fn circle(
        &mut self,
        step: &mut Step<'_, '_>,
        deed: CircleDeed,
    ) -> Result<Outcome, Refusal> {
        match deed {
            CircleDeed::New { name, people } => self.new_circle(step, &name, &people),
            CircleDeed::Change { name, person, member } => self.change_circle(step, &name, person, member),
            CircleDeed::Delete { name } => self.delete_circle(step, &name),
            CircleDeed::Publish { name, text, persona, linkage, draft } => {
                let outcome = self.publish_to_circle(step, &name, text, persona, linkage)?;
                self.finish_draft(step, draft)?;
                Ok(outcome)
            }
        }
    }

    fn known_circle(&self, name: &str) -> Result<Circle, Refusal> {
        let known = self.talks.groups.circles.get(name.trim()).cloned();
        known.ok_or_else(|| not_found("there is no such circle", "`itsgoin circle list` lists them"))
    }

    fn new_circle(
        &mut self,
        step: &mut Step<'_, '_>,
        name: &str,
        people: &[PostingId],
    ) -> Result<Outcome, Refusal> {
        let name = parse_name(name).map_err(|error| invalid(error.to_string(), "choose another name"))?;
        // As it is shown, so that faces can name it.
        let name = SafeText::line(&name).as_str().trim().to_owned();
        if self.talks.groups.circles.contains_key(&name) {
            return Err(invalid("there is a circle of this name", "choose another name"));
        }
        if self.talks.groups.circles.len() >= CIRCLES {
            return Err(invalid(format!("{CIRCLES} circles are the most"), "delete one first"));
        }
        let mut circle = Circle { name, people: Vec::new() };
        for person in people {
            self.take_into(&mut circle, *person)?;
        }
        self.keep_circle(step, circle)?;
        Ok(Outcome::Done)
    }

    fn take_into(&self, circle: &mut Circle, person: PostingId) -> Result<(), Refusal> {
        self.may_come_in(person)?;
        if circle.people.len() >= CIRCLE_MEMBERS {
            return Err(invalid(format!("{CIRCLE_MEMBERS} people are the most"), "remove somebody first"));
        }
        if !circle.people.contains(&person) {
            circle.people.push(person);
        }
        Ok(())
    }

    fn change_circle(
        &mut self,
        step: &mut Step<'_, '_>,
        name: &str,
        person: PostingId,
        member: CircleMember,
    ) -> Result<Outcome, Refusal> {
        let mut circle = self.known_circle(name)?;
        match member {
            CircleMember::In => self.take_into(&mut circle, person)?,
            CircleMember::Out => {
                let before = circle.people.len();
                circle.people.retain(|known| *known != person);
                if circle.people.len() == before {
                    return Err(not_found(
                        "this person is not in the circle",
                        "`itsgoin circle list` says who is",
                    ));
                }
            }
        }
        self.keep_circle(step, circle)?;
        Ok(Outcome::Done)
    }

    /// Stores a circle, and what follows for the chains of the personas that post to it.
    fn keep_circle(&mut self, step: &mut Step<'_, '_>, circle: Circle) -> Result<(), DbError> {
        self.save_row(step, &circle)?;
        for mut conversation in self.of_circle(&circle.name) {
            let part = (conversation.me, conversation.thread);
            let gone: Vec<PostingId> = conversation
                .people
                .iter()
                .copied()
                .filter(|person| !circle.people.contains(person))
                .collect();
            conversation.people.clone_from(&circle.people);
            self.keep_conversation(step, conversation)?;
            for person in gone {
                self.spend_chain(step, part)?;
                self.forget_unsaid(step, part, Some(person))?;
            }
        }
        self.talks.groups.circles.insert(circle.name.clone(), circle);
        step.tell(Event::PeopleChanged);
        Ok(())
    }

    fn of_circle(&self, name: &str) -> Vec<Conversation> {
        let own = self.talks.conversations.values().filter(|known| known.kind == StoredKind::OwnCircle);
        let open = own.filter(|known| known.standing == StoredStanding::Accepted);
        open.filter(|known| known.title == name).cloned().collect()
    }

    fn delete_circle(&mut self, step: &mut Step<'_, '_>, name: &str) -> Result<Outcome, Refusal> {
        let circle = self.known_circle(name)?;
        for mut conversation in self.of_circle(&circle.name) {
            let part = (conversation.me, conversation.thread);
            conversation.standing = StoredStanding::Left;
            self.keep_conversation(step, conversation)?;
            self.drop_chains(step, part, None)?;
            self.forget_unsaid(step, part, None)?;
        }
        remove(step.store, &*self.talks.key()?, &circle)?;
        self.talks.groups.circles.remove(&circle.name);
        step.tell(Event::PeopleChanged);
        Ok(Outcome::Done)
    }

    fn publish_to_circle(
        &mut self,
        step: &mut Step<'_, '_>,
        name: &str,
        text: String,
        persona: Option<PostingId>,
        linkage: Linkage,
    ) -> Result<Outcome, Refusal> {
        let me = find_persona(step, persona)?.posting_id;
        self.key_of(me)?;
        let circle = self.known_circle(name)?;
        if circle.people.is_empty() {
            return Err(invalid("nobody is in this circle", "add somebody: `itsgoin circle add`"));
        }
        let known = self.of_circle(&circle.name);
        let id = match known.iter().find(|conversation| conversation.me == me) {
            Some(conversation) => conversation.id,
            None if !known.is_empty() && linkage == Linkage::Avoid => {
                return Err(invalid(
                    "another persona of yours posts to this circle: its people would see that both are yours",
                    "use the other persona, or say that you want that: `post --link-personas`",
                ));
            }
            None => self.begin_circle(step, me, &circle)?,
        };
        let outcome = self.send_text(step, id, text, None)?;
        tell_conversation(step, id);
        Ok(outcome)
    }

    fn begin_circle(
        &mut self,
        step: &mut Step<'_, '_>,
        me: PostingId,
        circle: &Circle,
    ) -> Result<ConversationId, Refusal> {
        self.has_room_for_one()?;
        let thread = ThreadId::from_bytes(random_id(step));
        let mut conversation = Conversation::new(me, thread, circle.people.clone(), step.now);
        conversation.kind = StoredKind::OwnCircle;
        conversation.title.clone_from(&circle.name);
        let id = conversation.id;
        self.keep_conversation(step, conversation)?;
        Ok(id)
    }
}
