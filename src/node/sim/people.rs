//! What the persons at the simulated nodes do.

use std::time::Duration;

use rand::RngExt;

use super::mail::{Acts, Written};
use super::node::NodeIndex;
use super::world::{Happening, Weather, World};
use crate::api::{CallError, Command, DraftSlot, Outcome, ReadMark};
use crate::db::Read;
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::invite::{Invite, format_ticket};
use crate::domain::operation::{CommentPolicy, ReactionSwitch};
use crate::node::engine::{CallId, Input};

/// Longest time between two acts of a person.
const ACT_EVERY: Duration = Duration::from_secs(16);

/// What a call was about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// A post or comment: once acknowledged it must never be lost.
    Publish,
    /// A message: the same.
    Write(Written),
    /// Anything else.
    Other,
}

impl World {
    /// Every node gets one or two personas, knows one node before it, and follows somebody.
    pub(super) fn make_personas(&mut self) {
        for index in 0..self.nodes.len() {
            self.make_persona(index);
            if self.chance(1, 3) {
                self.make_persona(index);
            }
            if index > 0 {
                let other = self.dice.random_range(0..index);
                self.add_peer(index, other);
            }
        }
        for index in 0..self.nodes.len() {
            self.follow_somebody(index);
        }
    }

    /// A persona, its key as if in a file.
    pub(super) fn make_persona(&mut self, index: NodeIndex) {
        let key = self.nodes[index].new_key();
        self.ever_followed.insert((index, key.posting_id()));
        let call = self.new_call(index, Act::Other);
        let name = format!("persona {}", key.posting_id().fingerprint());
        self.input(index, Input::PersonaRequested { call, name, key });
    }

    /// A node gets another one's ticket.
    pub(super) fn add_peer(&mut self, index: NodeIndex, other: NodeIndex) {
        let ticket = format_ticket(&self.nodes[other].address());
        self.command(index, Act::Other, Command::AddPeer { ticket });
    }

    /// Something any person does, and the next such thing is planned.
    pub(super) fn act(&mut self, index: NodeIndex) {
        if self.weather == Weather::Calm {
            return;
        }
        let next = self.within(ACT_EVERY);
        self.plan_in(next, Happening::Act(index));
        if !self.nodes[index].is_on() {
            return;
        }
        if self.acts == Acts::Talking && self.chance(2, 3) {
            return self.write_to_somebody(index);
        }
        match self.dice.random_range(0..100) {
            0..36 => self.publish(index),
            36..42 => self.seal(index),
            42..60 => self.respond(index),
            60..76 => self.follow_somebody(index),
            76..84 => self.unfollow_somebody(index),
            84..88 => self.command(index, Act::Other, Command::Sync { wait: Duration::from_secs(10) }),
            88..91 => self.make_persona(index),
            91..96 => self.mark_something(index),
            _ => {
                let draft = Command::SaveDraft { slot: DraftSlot::NewPost, text: "unfinished".to_owned() };
                self.command(index, Act::Other, draft);
            }
        }
    }

    /// A post of one of the node's personas.
    pub(super) fn publish(&mut self, index: NodeIndex) {
        let personas = self.nodes[index].personas();
        let persona = self.one_of(&personas);
        let text = format!("post {}", self.dice.random_range(0..1_000_000));
        self.command(index, Act::Publish, Command::PublishPost { persona, text, draft: None });
    }

    /// A sealed post enters the pool of this node.
    pub(super) fn seal(&mut self, index: NodeIndex) {
        let now = self.now;
        let post = Box::new(self.nodes[index].new_sealed(now));
        self.input(index, Input::SealedMade { post });
    }

    /// A comment, reaction, edit, deletion or policy, on something that is here. Much of it is refused: it belongs to
    /// somebody else.
    fn respond(&mut self, index: NodeIndex) {
        let posts = self.nodes[index].read(|read| read.list_feed_ids()).unwrap_or_default();
        let comments = self.nodes[index].read(|read| read.list_comment_ids()).unwrap_or_default();
        let Some(post_id) = self.one_of(&posts) else { return };
        let target = if self.chance(1, 2) { self.one_of(&comments).unwrap_or(post_id) } else { post_id };
        let text = format!("text {}", self.dice.random_range(0..1_000_000));
        let (act, command) = match self.dice.random_range(0..10) {
            0..4 => return self.reply(index, target, text),
            4..6 => {
                let switch = if self.chance(2, 3) { ReactionSwitch::On } else { ReactionSwitch::Off };
                (Act::Other, Command::React { target, emoji: "👍".to_owned(), switch, persona: None })
            }
            6 => (Act::Other, Command::Edit { target, text, draft: None }),
            7 => return self.delete(index, target),
            8 => (Act::Other, Command::HideComment { comment: target }),
            _ => {
                let policy = if self.chance(1, 2) { CommentPolicy::Nobody } else { CommentPolicy::Everyone };
                (Act::Other, Command::SetPolicy { post_id, policy })
            }
        };
        self.command(index, act, command);
    }

    fn delete(&mut self, index: NodeIndex, target: ObjectId) {
        let author_of = |read: Read<'_>| match read.find_object(target)? {
            Some(key) => read.get_posting_id(read.get_object(key)?.author).map(Some),
            None => Ok(None),
        };
        let author = self.nodes[index].read(author_of).flatten();
        if author.is_some_and(|author| self.nodes[index].personas().contains(&author)) {
            self.deleted.insert(target);
        }
        self.command(index, Act::Other, Command::Delete { target });
    }

    /// A comment on a post or another comment.
    pub(super) fn reply(&mut self, index: NodeIndex, target: ObjectId, text: String) {
        self.command(index, Act::Publish, Command::Reply { target, text, persona: None, draft: None });
    }

    fn follow_somebody(&mut self, index: NodeIndex) {
        let other = self.any_node();
        let personas = self.nodes[other].personas();
        let Some(author) = self.one_of(&personas) else { return };
        let with_address = self.chance(1, 2);
        self.follow(index, author, with_address.then_some(other));
    }

    /// Follows an author by invite, naming a node, or by bare posting id.
    pub(super) fn follow(&mut self, index: NodeIndex, author: PostingId, at: Option<NodeIndex>) {
        self.ever_followed.insert((index, author));
        let target = match at {
            Some(node) => {
                let addresses = vec![self.nodes[node].address()];
                Invite { posting_id: author, name_hint: "somebody".to_owned(), addresses }.format()
            }
            None => author.to_string(),
        };
        self.command(index, Act::Other, Command::Follow { target, persona: None });
    }

    fn unfollow_somebody(&mut self, index: NodeIndex) {
        let followed = self.nodes[index].read(|read| read.list_follows(100)).unwrap_or_default();
        if !followed.is_empty() {
            let author = followed[self.dice.random_range(0..followed.len())].posting_id;
            self.command(index, Act::Other, Command::Unfollow { author, persona: None });
        }
    }

    fn mark_something(&mut self, index: NodeIndex) {
        let feed = self.nodes[index].read(|read| read.list_feed_ids()).unwrap_or_default();
        if !feed.is_empty() {
            let post_id = feed[self.dice.random_range(0..feed.len())];
            self.command(index, Act::Other, Command::MarkPost { post_id, mark: ReadMark::Read });
        }
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        (!all.is_empty()).then(|| all[self.dice.random_range(0..all.len())])
    }

    fn new_call(&mut self, index: NodeIndex, act: Act) -> CallId {
        let call = CallId(self.nodes[index].new_number());
        self.nodes[index].calls.insert(call, act);
        call
    }

    pub(super) fn command(&mut self, index: NodeIndex, act: Act, command: Command) {
        let call = self.new_call(index, act);
        self.input(index, Input::CommandReceived { call, command });
    }

    /// A person is told what came of a call.
    pub(super) fn answered(&mut self, index: NodeIndex, call: CallId, outcome: Result<Outcome, CallError>) {
        let act = self.nodes[index].calls.remove(&call);
        match (act, outcome) {
            (Some(Act::Publish), Ok(Outcome::PostPublished(id))) => {
                self.acknowledged.push((index, id));
                self.report.posts += 1;
            }
            (Some(Act::Publish), Ok(Outcome::OperationPublished(id))) => {
                self.acknowledged.push((index, id));
                self.report.comments += 1;
            }
            (Some(Act::Write(written)), Ok(Outcome::Message(_))) => self.wrote(written),
            (_, Ok(Outcome::PersonaCreated(persona))) => self.nodes[index].keep_key(persona.posting_id),
            _ => {}
        }
    }
}
