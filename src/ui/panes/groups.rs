//! Commands about a conversation that are typed with what they mean, as `:new-group NAME: mo, kim`: founding a group, who is in
//! it, changing that, and for how long messages are kept.

use super::{chat, question};
use crate::api::{Command, ConversationKind, ConversationView, GroupDeed, Talk};
use crate::domain::conversation::{ConversationId, Keep, NoKeep};
use crate::domain::ids::PostingId;
use crate::domain::text::SafeText;
use crate::ui::action::Action;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{Model, Overlay, Place};

/// Rows of the screen that are no people.
const ROWS_BESIDE: usize = 11;

/// Runs a command with what was typed behind its name; `None` when it takes nothing.
pub fn run(model: &mut Model, action: Action, typed: &str) -> Option<Vec<Request>> {
    Some(match action {
        Action::NewGroup => found(model, typed),
        Action::AddMember => match person(model, typed) {
            Some(person) => change(model, GroupDeed::Add { person }),
            None => model.say(UNKNOWN),
        },
        Action::RemoveMember => with_member(model, typed, |person| GroupDeed::Remove { person }),
        Action::MakeAdmin => with_member(model, typed, |person| GroupDeed::Promote { person }),
        Action::RenameGroup => change(model, GroupDeed::Rename { title: typed.trim().to_owned() }),
        Action::Keep => keep(model, typed),
        _ => return None,
    })
}

const UNKNOWN: &str = "you follow nobody, or several, of this name: try the posting id";

/// What is said when nothing was typed behind the name.
pub const fn usage(action: Action) -> &'static str {
    match action {
        Action::NewGroup => "of whom? :new-group NAME: mo, kim",
        Action::AddMember => "whom? :add-member NAME",
        Action::RemoveMember => "whom? :remove-member NAME",
        Action::MakeAdmin => "whom? :make-admin NAME",
        Action::Keep => "for how long? :keep forever, :keep none, or :keep DAYS",
        _ => "how? :rename-group NAME",
    }
}

fn found(model: &mut Model, typed: &str) -> Vec<Request> {
    let Some((title, names)) = typed.split_once(':') else {
        return model.say(usage(Action::NewGroup));
    };
    let mut people = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let Some(person) = person(model, name) else {
            return model.say(UNKNOWN);
        };
        people.push(person);
    }
    let command = Talk::NewGroup { title: title.trim().to_owned(), people, persona: None };
    vec![Request::Command(Asked::OpenTalk(model.place), Command::Talk(command))]
}

/// Somebody followed, by name or the beginning of the fingerprint, or anybody by the posting id.
fn person(model: &Model, typed: &str) -> Option<PostingId> {
    if let Ok(id) = typed.trim().parse() {
        return Some(id);
    }
    match model.people.named(typed).as_slice() {
        [only] => Some(only.posting_id),
        _ => None,
    }
}

/// The opened group.
fn opened(model: &Model) -> Option<&ConversationView> {
    let Place::Chat(thread) = model.place else { return None };
    let view = model.chats.get(&thread).and_then(chat::Chat::view);
    view.filter(|view| view.kind == ConversationKind::Group)
}

fn with_member(model: &mut Model, typed: &str, deed: impl FnOnce(PostingId) -> GroupDeed) -> Vec<Request> {
    let typed = typed.trim();
    let found = opened(model).map(|view| {
        let is_meant = |id: PostingId, name: &SafeText| {
            name.as_str().trim().eq_ignore_ascii_case(typed)
                || (typed.len() >= 4 && id.to_string().starts_with(&typed.to_lowercase()))
        };
        let people = view.people.iter().filter(|person| is_meant(person.posting_id, &person.name));
        people.map(|person| person.posting_id).collect::<Vec<_>>()
    });
    match found.as_deref() {
        None => model.say(NO_GROUP),
        Some([only]) => change(model, deed(*only)),
        Some([]) => model.say("nobody in this group has this name"),
        Some(_) => model.say("several in this group have this name: type the beginning of the fingerprint"),
    }
}

/// Says for how long messages of the opened conversation are kept; asks before any of them go sooner than they would.
fn keep(model: &mut Model, typed: &str) -> Vec<Request> {
    let Place::Chat(thread) = model.place else {
        return model.say("open a conversation first");
    };
    let view = model.chats.get(&thread).and_then(chat::Chat::view);
    let present = view.map_or(Keep::Forever, |view| view.keep);
    match typed.parse::<Keep>() {
        Err(error @ NoKeep) => model.say(&error.to_string()),
        Ok(keep) if keep.time() >= present.time() => vec![kept(thread, keep)],
        Ok(keep) => {
            model.overlay = Some(Overlay::Question(question::Question::Keep(thread, keep)));
            Vec::new()
        }
    }
}

/// What is done once it was confirmed.
pub fn kept(thread: ConversationId, keep: Keep) -> Request {
    Request::Command(Asked::Talk(thread), Command::Talk(Talk::Keep { thread, keep }))
}

const NO_GROUP: &str = "open a group first";

fn change(model: &mut Model, deed: GroupDeed) -> Vec<Request> {
    let Some(thread) = opened(model).map(|view| view.thread) else {
        return model.say(NO_GROUP);
    };
    vec![Request::Command(Asked::Talk(thread), Command::Talk(Talk::InGroup { thread, deed }))]
}

/// Asks whether to leave.
pub fn leave(model: &mut Model) -> Vec<Request> {
    let Some(view) = opened(model) else {
        return model.say(NO_GROUP);
    };
    let (thread, name) = (view.thread, SafeText::line(&chat::name_of(view)));
    model.overlay = Some(Overlay::Question(question::Question::LeaveGroup(thread, name)));
    Vec::new()
}

/// What is done once it was confirmed.
pub fn left(thread: ConversationId) -> Request {
    Request::Command(Asked::Talk(thread), Command::Talk(Talk::InGroup { thread, deed: GroupDeed::Leave }))
}

/// Shows who is in the opened conversation.
pub fn show_members(model: &mut Model, thread: ConversationId) -> Vec<Request> {
    let Some(view) = model.chats.get(&thread).and_then(chat::Chat::view) else {
        return Vec::new();
    };
    // The role stands before the name, so that no name can claim one.
    let role = |id: &PostingId| match view.kind {
        ConversationKind::Group if view.admins.contains(id) => "admin  ",
        ConversationKind::Group => "member ",
        _ => "",
    };
    let mut facts = vec![match view.kind {
        ConversationKind::Two => "Two people:".to_owned(),
        ConversationKind::Group => {
            format!("{} people. All see each other and everything that is written.", view.people.len() + 1)
        }
        ConversationKind::Circle => format!(
            "{} people you chose. They do not hear of each other, but see each other's comments.",
            view.people.len()
        ),
        ConversationKind::CircleOfOther => {
            "Whoever posts here chose some people and you. Your comments go to all of them.".to_owned()
        }
    }];
    let persona = chat::persona_name(model, view);
    facts.push(format!("{} {}you, as {persona}", view.persona.fingerprint(), role(&view.persona)));
    // The rest of the screen: the sentence above, two lines and the one below, the frame of the sheet.
    let room = usize::from(model.size.1).saturating_sub(ROWS_BESIDE).max(1);
    for person in view.people.iter().take(room) {
        let name = match person.name.as_str().trim() {
            "" => "nameless".to_owned(),
            name => name.replace('\n', " "),
        };
        facts.push(format!("{} {}{name}", person.posting_id.fingerprint(), role(&person.posting_id)));
    }
    if view.people.len() > room {
        facts.push(format!("and {} more: `itsgoin dm list --json` lists all", view.people.len() - room));
    }
    facts.push(format!("On this device {}.", view.keep.sentence()));
    model.overlay = Some(Overlay::Members(facts));
    Vec::new()
}
