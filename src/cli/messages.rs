//! What is done to messages and conversations beside writing: `dm react edit delete accept ignore block keep pin mute archive`,
//! and noting what came of `dm verify`.

use serde_json::json;

use super::args::{DmArrange, DmMessage, OfMessage, OnShelf};
use super::error::CliError;
use super::output::Output;
use super::verbs::{text_or_stdin, unexpected};
use crate::api::{
    CallError, Command, ErrorKind, MessageAnchor, MessageKey, MessageView, More, NodeHandle, Outcome, Query,
    RequestAnswer, Shelf, Switch, Talk, Verification, View,
};
use crate::domain::conversation::{ConversationId, MessageId};
use crate::domain::ids::PostingId;
use crate::domain::operation::ReactionSwitch;

/// Messages asked for at once: as many as a node gives.
pub(super) const PAGE: u32 = 200;

pub(super) async fn message(verb: DmMessage, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let (DmMessage::React { of, .. } | DmMessage::Edit { of, .. } | DmMessage::Delete { of, .. }) = &verb;
    let &OfMessage { thread, message } = of;
    let writer = match &verb {
        DmMessage::Edit { .. } => Writer::Me,
        DmMessage::React { from, .. } | DmMessage::Delete { from, .. } => Writer::named(*from),
    };
    let message = find(thread, message, writer, node).await?;
    let (talk, done) = match verb {
        DmMessage::React { emoji, remove, .. } => {
            let switch = if remove { ReactionSwitch::Off } else { ReactionSwitch::On };
            (Talk::React { thread, message, emoji, switch }, "queued: it leaves within a minute")
        }
        DmMessage::Edit { text, .. } => {
            let text = text_or_stdin(text)?;
            (Talk::Edit { thread, message, text, draft: None }, "changed here; the others hear of it")
        }
        DmMessage::Delete { .. } => (Talk::Delete { thread, message }, "deleted here"),
    };
    node.command(Command::Talk(talk)).await?;
    output.one(&json!({"message_id": message.message_id, "thread": thread}), |_| done.to_owned())
}

/// Whose message is meant. Writers choose the ids: somebody else's can be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// That of whoever it is, if only one has this id.
    Anybody,
    /// One of my own, if there is one.
    Me,
    /// That of this person.
    Person(PostingId),
}

impl Writer {
    /// The one that was named, if any was.
    pub(super) fn named(from: Option<PostingId>) -> Self {
        from.map_or(Self::Anybody, Self::Person)
    }

    fn wrote(self, message: &MessageView) -> bool {
        match self {
            Self::Anybody => false,
            Self::Me => message.from_me,
            Self::Person(person) => message.from == person,
        }
    }
}

/// A message by its id, from the newest on.
pub(super) async fn find(
    thread: ConversationId,
    message: MessageId,
    writer: Writer,
    node: &NodeHandle,
) -> Result<MessageKey, CliError> {
    let mut page = MessageAnchor::Newest;
    let mut others = Vec::new();
    loop {
        let View::Messages(found) = node.query(Query::Messages { thread, page, limit: PAGE }).await? else {
            return Err(unexpected());
        };
        for found in found.messages.iter().filter(|found| found.message_id == message) {
            if writer.wrote(found) {
                return Ok(found.key());
            }
            others.push(found.key());
        }
        let Some(first) = found.messages.first().filter(|_| found.older == More::Follows) else { break };
        page = MessageAnchor::Before(first.place);
    }
    match (writer, others.as_slice()) {
        (Writer::Anybody, [only]) => Ok(*only),
        (Writer::Anybody, [_, ..]) => {
            let (message, hint) = ("several messages have this id", "name the writer: --from POSTING_ID");
            Err(CallError::new(ErrorKind::Invalid, message, hint).into())
        }
        (Writer::Me, [_, ..]) => {
            let (message, hint) = ("only messages of your own can be edited", "answer it instead");
            Err(CallError::new(ErrorKind::Invalid, message, hint).into())
        }
        (_, []) | (Writer::Person(_), _) => {
            let (message, hint) = ("there is no such message here", "`itsgoin dm read` shows their ids");
            Err(CallError::new(ErrorKind::NotFound, message, hint).into())
        }
    }
}

pub(super) async fn arrange(verb: DmArrange, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let on = |OnShelf { thread, off }, shelf| {
        let switch = if off { Switch::Off } else { Switch::On };
        (Talk::Arrange { thread, shelf, switch }, thread)
    };
    let answer = |thread, answer| (Talk::Answer { thread, answer }, thread);
    let (talk, thread) = match verb {
        DmArrange::Accept { thread } => answer(thread, RequestAnswer::Accept),
        DmArrange::Ignore { thread } => answer(thread, RequestAnswer::Ignore),
        DmArrange::Block { thread } => answer(thread, RequestAnswer::Block),
        DmArrange::Keep { thread, keep } => (Talk::Keep { thread, keep }, thread),
        DmArrange::Pin(shelf) => on(shelf, Shelf::Pinned),
        DmArrange::Mute(shelf) => on(shelf, Shelf::Muted),
        DmArrange::Archive(shelf) => on(shelf, Shelf::Archived),
    };
    done(talk, thread, node, output).await
}

/// Notes what the comparison of the words showed.
pub(super) async fn verified(
    thread: ConversationId,
    verified: Verification,
    node: &NodeHandle,
    output: &Output,
) -> Result<(), CliError> {
    done(Talk::Verify { thread, verified }, thread, node, output).await
}

async fn done(
    talk: Talk,
    thread: ConversationId,
    node: &NodeHandle,
    output: &Output,
) -> Result<(), CliError> {
    let Outcome::Done = node.command(Command::Talk(talk)).await? else { return Err(unexpected()) };
    output.one(&json!({"thread": thread}), |_| "noted on this device".to_owned())
}
