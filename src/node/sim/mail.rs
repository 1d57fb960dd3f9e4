//! What the persons at the simulated nodes write to each other, and the promises of it: what was acknowledged is in the
//! writer's archive, it comes to whom it was written exactly once, and no tag is ever used twice.

use std::collections::{BTreeMap, BTreeSet};

use super::node::NodeIndex;
use super::people::Act;
use super::world::World;
use super::{Broken, Violation};
use crate::api::{Command, RequestAnswer, Talk};
use crate::crypto::data_key::DataKey;
use crate::db::Read;
use crate::db::protected::PageFrom;
use crate::domain::conversation::{ConversationId, Place, ThreadId};
use crate::domain::envelope::Content;
use crate::domain::ids::{ObjectId, PostingId, RecipientTag};
use crate::domain::sealed::Sealed;
use crate::node::engine::Effect;
use crate::node::engine::talk_rows::{Message, StoredDelivery, conversation_name, open_message};

/// What persons do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acts {
    /// Everything but writing to each other.
    Public,
    /// Mostly that.
    Talking,
}

/// A message somebody was told is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) node: NodeIndex,
    from: PostingId,
    to: PostingId,
    /// What it says, which nothing else says.
    number: u32,
}

/// What is kept about everything that was written.
#[derive(Default)]
pub(super) struct Mail {
    pub(super) written: Vec<Written>,
    /// Nodes of which an old copy was put back.
    pub(super) put_back: BTreeSet<NodeIndex>,
    numbers: u32,
    /// In which sealed post each tag was seen.
    tags: BTreeMap<RecipientTag, ObjectId>,
    /// Sealed posts whose tags are known.
    posts: BTreeSet<ObjectId>,
}

/// The key under which simulated nodes keep what they write.
pub(super) fn data_key() -> DataKey {
    DataKey::from_secret(&[7; 32])
}

impl World {
    /// A message to any persona of another node, in a conversation that is begun if there is none.
    pub(super) fn write_to_somebody(&mut self, index: NodeIndex) {
        let other = self.any_node();
        let (own, others) = (self.nodes[index].personas(), self.nodes[other].personas());
        if other != index
            && let (Some(from), Some(to)) = (self.one_of(&own), self.one_of(&others))
        {
            self.write(index, from, to);
        }
    }

    /// A message of a persona to another one.
    pub(super) fn write(&mut self, index: NodeIndex, from: PostingId, to: PostingId) {
        let open = Talk::Open { people: vec![to], persona: Some(from) };
        self.command(index, Act::Other, Command::Talk(open));
        let thread = ConversationId::of(from, ThreadId::between(from, to));
        let accept = Talk::Answer { thread, answer: RequestAnswer::Accept };
        self.command(index, Act::Other, Command::Talk(accept));
        self.mail.numbers += 1;
        let written = Written { node: index, from, to, number: self.mail.numbers };
        let send = Talk::Send { thread, text: text_of(written), quote: None, draft: None };
        self.command(index, Act::Write(written), Command::Talk(send));
    }

    /// A message was acknowledged.
    pub(super) fn wrote(&mut self, written: Written) {
        self.mail.written.push(written);
        self.report.messages += 1;
    }

    /// Whether a tag leaves that was in another sealed post before.
    pub(super) fn check_tags(&mut self, index: NodeIndex, effect: &Effect) -> Result<(), Violation> {
        let Effect::PushSealed { id, push, .. } = effect else { return Ok(()) };
        if !self.mail.posts.insert(*id) {
            return Ok(());
        }
        let post =
            push.item.clone().into_envelope().and_then(|envelope| Sealed::decode(&envelope.bytes).ok());
        let Some(post) = post else { return Ok(()) };
        for tag in post.tags() {
            if self.mail.tags.insert(*tag, *id).is_some_and(|before| before != *id) {
                return Err(self.broken(index, Broken::TagUsedTwice { id: *id }));
            }
        }
        Ok(())
    }

    /// At rest: everything is in the writer's archive and, exactly once, in that of whom it was written to.
    pub(super) fn check_mail(&mut self) -> Result<(), Violation> {
        for at in 0..self.mail.written.len() {
            let written = self.mail.written[at];
            let Written { node, from, to, number } = written;
            if self.read_messages(node, from, to, written).len() != 1 {
                return Err(self.broken(node, Broken::MessageLost { number }));
            }
            let Some(other) = self.nodes.iter().position(|other| other.personas().contains(&to)) else {
                continue;
            };
            match self.read_messages(other, to, from, written).len() {
                0 if !self.went_with_a_copy(other, written) => {
                    return Err(self.broken(other, Broken::MessageMissing { number }));
                }
                0 | 1 => {}
                _ => return Err(self.broken(other, Broken::MessageTwice { number })),
            }
        }
        Ok(())
    }

    /// Whether a message is gone with what was there before an old copy was put back, or was sealed with what is gone: it is
    /// sealed again days later.
    fn went_with_a_copy(&mut self, to: NodeIndex, written: Written) -> bool {
        let mut sent = self.read_messages(written.node, written.from, written.to, written).into_iter();
        let left = |row: Message| matches!(row.state, StoredDelivery::Arrived | StoredDelivery::Sent { .. });
        self.mail.put_back.contains(&to) && sent.all(left)
    }

    /// Everything that says the same in the conversation of a persona of this node with somebody.
    fn read_messages(
        &mut self,
        index: NodeIndex,
        me: PostingId,
        peer: PostingId,
        written: Written,
    ) -> Vec<Message> {
        let key = data_key();
        let name = conversation_name(&key, ConversationId::of(me, ThreadId::between(me, peer)));
        let text = text_of(written);
        let read = |read: Read<'_>| {
            let stored =
                read.list_messages(&name, PageFrom::After(Place::from_number(i64::MIN)), u32::MAX)?;
            let messages = stored.iter().map(|row| open_message(&key, &row.name, &row.value));
            messages.collect::<Result<Vec<Message>, _>>()
        };
        let mut messages = self.nodes[index].read(read).unwrap_or_default();
        messages.retain(|row| row.from == written.from && row.text == text);
        messages
    }
}

fn text_of(written: Written) -> String {
    format!("message {}", written.number)
}

/// Whether copies of stores were put back in a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// Never.
    None,
    /// Now and then.
    PutBack,
}
