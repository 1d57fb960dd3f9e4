//! The verbs of conversations: `dm send`, `dm list`, `dm read`, `dm verify`, `inbox`; what is done to messages stands in
//! [`messages`].

use serde_json::json;

use super::args::{DmRead, DmSend, DmVerb, OfPersona};
use super::error::CliError;
use super::messages::{PAGE, Writer};
use super::output::Output;
use super::responses::plain_reactions;
use super::verbs::{personas, resolve_person, resolve_persona, shown_name, text_or_stdin, unexpected};
use super::{groups, messages};
use crate::api::{
    CallError, Command, ConversationFilter, ConversationKind, ConversationView, ErrorKind, MessageAnchor,
    MessageView, More, NodeHandle, Outcome, Query, ReadMark, Standing, Talk, Verification, View,
};
use crate::domain::conversation::{ConversationId, Keep};

pub(super) async fn dm(verb: DmVerb, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    match verb {
        DmVerb::Send(send) => self::send(send, node, output).await,
        DmVerb::List(of) => list(&of, ConversationFilter::All, "No conversations yet.", node, output).await,
        DmVerb::Read(read) => self::read(read, node, output).await,
        DmVerb::NewGroup(new) => groups::new_group(new, node, output).await,
        DmVerb::Group(verb) => groups::group(verb, node, output).await,
        DmVerb::Message(verb) => messages::message(verb, node, output).await,
        DmVerb::Arrange(verb) => messages::arrange(verb, node, output).await,
        DmVerb::Verify { person, same, differ, of } => {
            let thread = conversation_of(&person, &of, node).await?;
            match (same, differ) {
                (false, false) => words(thread, node, output).await,
                (true, _) => messages::verified(thread, Verification::Verified, node, output).await,
                (false, true) => messages::verified(thread, Verification::Unverified, node, output).await,
            }
        }
    }
}

/// What waits to be read.
pub(super) async fn inbox(of: &OfPersona, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    list(of, ConversationFilter::Unread, "Everything is read.", node, output).await
}

async fn list(
    of: &OfPersona,
    filter: ConversationFilter,
    empty: &str,
    node: &NodeHandle,
    output: &Output,
) -> Result<(), CliError> {
    let persona = resolve_persona(of, node).await?;
    let query = Query::Conversations { persona, filter };
    let View::Conversations(found) = node.query(query).await? else { return Err(unexpected()) };
    if found.is_empty() {
        output.remark(empty);
    }
    output.all(&found, plain_conversation)
}

async fn send(send: DmSend, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let text = text_or_stdin(send.text)?;
    let thread = match (send.thread, send.to) {
        (Some(thread), _) => {
            check_persona(thread, &send.of, node).await?;
            thread
        }
        (None, Some(person)) => open(&person, &send.of, node).await?,
        (None, None) => return Err(unexpected()),
    };
    let quote = match send.quote {
        Some(message) => Some(messages::find(thread, message, Writer::named(send.from), node).await?),
        None => None,
    };
    let command = Command::Talk(Talk::Send { thread, text, quote, draft: None });
    let Outcome::Message(stored) = node.command(command).await? else { return Err(unexpected()) };
    let line = json!({"message_id": stored.message_id, "thread": stored.thread});
    output.one(&line, |_| format!("queued {} in {}", stored.message_id, stored.thread))
}

/// The conversation with a person.
async fn open(person: &str, of: &OfPersona, node: &NodeHandle) -> Result<ConversationId, CliError> {
    let persona = resolve_persona(of, node).await?;
    let people = vec![resolve_person(person, node).await?];
    let command = Command::Talk(Talk::Open { people, persona });
    let Outcome::Conversation(found) = node.command(command).await? else { return Err(unexpected()) };
    Ok(found.thread)
}

async fn read(read: DmRead, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let found = pages_of_messages(&read, node).await?;
    if found.is_empty() {
        output.remark("No messages.");
    }
    if let Some(last) = found.last().filter(|_| read.mark) {
        let command = Talk::Read { thread: read.thread, from: None, upto: last.place };
        node.command(Command::Talk(command)).await?;
    }
    output.all(&found, plain_message)
}

/// As many messages as were asked for, or all there are, oldest first: a node of another process sends long ones in
/// several pages.
pub(super) async fn pages_of_messages(
    read: &DmRead,
    node: &NodeHandle,
) -> Result<Vec<MessageView>, CliError> {
    let mut page = read.before.map_or(MessageAnchor::Newest, MessageAnchor::Before);
    let mut limit = read.limit.min(PAGE);
    let mut all: Vec<MessageView> = Vec::new();
    loop {
        let query = Query::Messages { thread: read.thread, page, limit };
        let View::Messages(found) = node.query(query).await? else { return Err(unexpected()) };
        limit = limit.saturating_sub(u32::try_from(found.messages.len()).unwrap_or(u32::MAX));
        let Some(first) = found.messages.first() else { return Ok(all) };
        page = MessageAnchor::Before(first.place);
        all.splice(0..0, found.messages);
        if limit == 0 || found.older == More::End {
            return Ok(all);
        }
    }
}

/// Refuses a persona that is another one than that of the conversation.
pub(super) async fn check_persona(
    thread: ConversationId,
    of: &OfPersona,
    node: &NodeHandle,
) -> Result<(), CliError> {
    let Some(named) = resolve_persona(of, node).await? else { return Ok(()) };
    let query = Query::Messages { thread, page: MessageAnchor::Newest, limit: 1 };
    let View::Messages(found) = node.query(query).await? else { return Err(unexpected()) };
    let persona = found.conversation.persona;
    if persona == named {
        return Ok(());
    }
    let known = personas(node).await?;
    let known = known.iter().find(|known| known.posting_id == persona).map(|known| &known.name);
    let message = match known.filter(|name| !name.is_empty()) {
        Some(name) => format!("this conversation is {name}'s"),
        None => format!("this conversation is of persona {}", persona.fingerprint()),
    };
    let hint = "leave --persona out, or name the person instead of the conversation";
    Err(CallError::new(ErrorKind::Invalid, message, hint).into())
}

/// A conversation, by its id or by the person one has it with.
async fn conversation_of(named: &str, of: &OfPersona, node: &NodeHandle) -> Result<ConversationId, CliError> {
    match named.parse() {
        Ok(thread) => {
            check_persona(thread, of, node).await?;
            Ok(thread)
        }
        Err(_a_person) => open(named, of, node).await,
    }
}

async fn words(thread: ConversationId, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let View::Words(words) = node.query(Query::Words { thread }).await? else { return Err(unexpected()) };
    output.one(&words, |words| {
        format!(
            "{}\nCompare these words with {} over another way: they have to be the same there.",
            words.words.join(" "),
            shown_name(&words.contact.name)
        )
    })
}

pub(super) fn plain_conversation(conversation: &ConversationView) -> String {
    let standing = match conversation.standing {
        Standing::Accepted => "",
        Standing::Request | Standing::Ignored => " · wants to write to you",
        Standing::Left => " · you are not in it any more",
    };
    let unread = match conversation.unread_count {
        0 => String::new(),
        count => format!(" · {count} unread"),
    };
    let people = conversation.people.iter().map(|person| person.posting_id.fingerprint());
    let people = people.collect::<Vec<_>>().join(" ");
    let title = shown_name(&conversation.title);
    let kept = match conversation.keep {
        Keep::Forever => String::new(),
        keep => format!("\n  {}", keep.sentence()),
    };
    let title = match conversation.kind {
        ConversationKind::Two => title.to_string(),
        ConversationKind::Group => format!("group {title}:"),
        ConversationKind::Circle => format!("circle {title}:"),
        ConversationKind::CircleOfOther => format!("a circle of {title}"),
    };
    format!("{title} {people}{standing}{unread}{kept}\n  {}", conversation.thread)
}

fn plain_message(message: &MessageView) -> String {
    let unread = if message.mark == ReadMark::Unread { "* " } else { "" };
    let edited = if message.edited { " · edited" } else { "" };
    let text = if message.deleted { "(deleted)" } else { message.text.as_str() };
    let text = text.lines().collect::<Vec<_>>().join("\n  ");
    let quote = message.quote.as_ref().map(|quote| format!("  > {}\n", quote.text)).unwrap_or_default();
    let state = if message.from_me { format!("\n  {}", message.state.sentence()) } else { String::new() };
    let reactions = plain_reactions(&message.reactions).map(|line| format!("\n  {line}")).unwrap_or_default();
    let (name, when) = (shown_name(&message.from_name), message.sent.format_utc());
    let author = message.from.fingerprint();
    format!(
        "{unread}{name} {author} · {when}{edited}\n{quote}  {text}{reactions}{state}\n  {}",
        message.message_id
    )
}
