//! The verbs of groups and circles: `dm new-group`, `dm add`, `dm remove`, `dm promote`, `dm rename`, `dm leave`; `circle …`
//! and `post --circle`.

use serde_json::json;

use super::args::{CircleVerb, DmGroup, NewGroup, OfPersona};
use super::conversations::plain_conversation;
use super::error::CliError;
use super::output::Output;
use super::verbs::{resolve_person, resolve_persona, shown_name, unexpected};
use crate::api::{
    CircleDeed, CircleMember, CircleView, Command, GroupDeed, Linkage, NodeHandle, Outcome, Query, Talk,
    View, head_count,
};
use crate::domain::conversation::ConversationId;
use crate::domain::ids::PostingId;

pub(super) async fn group(verb: DmGroup, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let (thread, deed) = match verb {
        DmGroup::Add { thread, person } => {
            (thread, GroupDeed::Add { person: resolve_person(&person, node).await? })
        }
        DmGroup::Remove { thread, person } => {
            (thread, GroupDeed::Remove { person: member(thread, &person, node).await? })
        }
        DmGroup::Promote { thread, person } => {
            (thread, GroupDeed::Promote { person: member(thread, &person, node).await? })
        }
        DmGroup::Rename { thread, name } => (thread, GroupDeed::Rename { title: name }),
        DmGroup::Leave { thread } => (thread, GroupDeed::Leave),
    };
    conversation(Talk::InGroup { thread, deed }, node, output).await
}

pub(super) async fn new_group(new: NewGroup, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let persona = resolve_persona(&new.of, node).await?;
    let people = all(&new.people, node).await?;
    conversation(Talk::NewGroup { title: new.name, people, persona }, node, output).await
}

async fn conversation(talk: Talk, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let Outcome::Conversation(found) = node.command(Command::Talk(talk)).await? else {
        return Err(unexpected());
    };
    output.one(&found, |found| plain_conversation(found))
}

async fn all(named: &[String], node: &NodeHandle) -> Result<Vec<PostingId>, CliError> {
    let mut people = Vec::new();
    for person in named {
        people.push(resolve_person(person, node).await?);
    }
    Ok(people)
}

/// Somebody in a group: also by a name nobody here follows.
async fn member(thread: ConversationId, named: &str, node: &NodeHandle) -> Result<PostingId, CliError> {
    let query = Query::Messages { thread, page: crate::api::MessageAnchor::Newest, limit: 1 };
    let View::Messages(found) = node.query(query).await? else { return Err(unexpected()) };
    let people = found.conversation.people.iter().filter(|person| person.name.as_str() == named);
    match people.collect::<Vec<_>>().as_slice() {
        [only] => Ok(only.posting_id),
        _ => resolve_person(named, node).await,
    }
}

pub(super) async fn circle(verb: CircleVerb, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    match verb {
        CircleVerb::New { name, people } => {
            let people = all(&people, node).await?;
            done(CircleDeed::New { name: name.clone(), people }, node).await?;
            show(&name, node, output).await
        }
        CircleVerb::Add { name, people } => change(name, &people, CircleMember::In, node, output).await,
        CircleVerb::Remove { name, people } => change(name, &people, CircleMember::Out, node, output).await,
        CircleVerb::Delete { name } => {
            done(CircleDeed::Delete { name: name.clone() }, node).await?;
            output.one(&json!({"name": name}), |_| "deleted here; what was published stays".to_owned())
        }
        CircleVerb::List => {
            let circles = circles(node).await?;
            if circles.is_empty() {
                output.remark("No circles yet: `itsgoin circle new NAME PERSON…` makes one.");
            }
            output.all(&circles, plain_circle)
        }
    }
}

async fn change(
    name: String,
    people: &[String],
    member: CircleMember,
    node: &NodeHandle,
    output: &Output,
) -> Result<(), CliError> {
    for person in all(people, node).await? {
        done(CircleDeed::Change { name: name.clone(), person, member }, node).await?;
    }
    show(&name, node, output).await
}

async fn done(deed: CircleDeed, node: &NodeHandle) -> Result<(), CliError> {
    node.command(Command::Circle(deed)).await?;
    Ok(())
}

async fn circles(node: &NodeHandle) -> Result<Vec<CircleView>, CliError> {
    let View::Circles(circles) = node.query(Query::Circles).await? else { return Err(unexpected()) };
    Ok(circles)
}

async fn show(name: &str, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let circles = circles(node).await?;
    let found = circles.iter().find(|circle| circle.name.as_str() == name.trim()).ok_or_else(unexpected)?;
    output.one(found, plain_circle)
}

/// `post --circle`.
pub(super) async fn publish(
    name: String,
    text: String,
    of: &OfPersona,
    linkage: Linkage,
    node: &NodeHandle,
    output: &Output,
) -> Result<(), CliError> {
    let persona = resolve_persona(of, node).await?;
    let deed = CircleDeed::Publish { name, text, persona, linkage, draft: None };
    let Outcome::Message(stored) = node.command(Command::Circle(deed)).await? else {
        return Err(unexpected());
    };
    let line = json!({"message_id": stored.message_id, "thread": stored.thread});
    output.one(&line, |_| format!("queued {} in {}", stored.message_id, stored.thread))
}

fn plain_circle(circle: &CircleView) -> String {
    let people = circle.people.iter();
    let people = people.map(|person| format!("\n  {} {}", person.posting_id, shown_name(&person.name)));
    format!("{} · {}{}", circle.name, head_count(circle.people.len()), people.collect::<String>())
}
