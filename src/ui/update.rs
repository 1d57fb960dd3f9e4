//! The step from one model to the next: `(model, now, message) → requests`. No clock, no I/O, nothing that waits.

use std::time::Duration;

use super::action::Action;
use super::desk::{self, Kept};
use super::keymap::{Context, Key, Meaning, show};
use super::layout::Areas;
use super::message::{Answer, Asked, Message, Request, Wake};
use super::model::{Leaving, Model, NodeState, Overlay, PasteGuard, Place};
use super::panes::chat::Touch;
use super::panes::{
    attachments, audience, chat, compose, feed, first_run, groups, help, locked, messages, network, people,
    question, reaction, thread,
};
use super::splits;
use super::watch::Watch;
use super::widgets::editor::{Editor, PasteTooLong};
use super::widgets::scroll::scrolled;
use super::widgets::when;
use crate::api::{
    CallError, DraftSlot, ErrorKind, Event, Outcome, Query, StatusView, VaultState, Verification, View,
};
use crate::domain::text::SafeText;
use crate::domain::time::Timestamp;
use crate::limits::{PASTE_BYTES, PASTE_GUARD};

/// Time the node has to save a draft when the program is to end.
const LAST_SAVE: Duration = Duration::from_secs(1);

/// What to ask before anything was pressed: all that the first frame shows.
pub fn start(model: &mut Model) -> Vec<Request> {
    let mut requests = model.feed.load();
    requests.extend(model.watches.ask_all(&[Watch::Personas, Watch::Status]));
    requests.extend(ask_conversations(model));
    requests.extend(desk::ask(DraftSlot::NewPost));
    requests.push(Request::Query(Asked::Windows, Query::Draft { slot: DraftSlot::Windows }));
    requests.push(audience::ask());
    requests
}

/// Performs one step.
pub fn update(model: &mut Model, now: Timestamp, message: Message) -> Vec<Request> {
    let shows = changes_picture(model, now, &message);
    model.now = now;
    let touch = if matches!(message, Message::Key(_)) { Touch::Key } else { Touch::Nothing };
    let mut requests = match message {
        Message::Key(key) => press(model, key),
        Message::Paste(text) => paste(model, &text),
        Message::Resize(columns, rows) => {
            model.size = (columns, rows);
            // Even back at the same size: in between, the terminal may have cut or moved what it held.
            vec![Request::DrawAll]
        }
        Message::Event(event) => happened(model, event),
        Message::Answered(asked, answer) => {
            let again = match asked {
                Asked::Watched(Watch::Conversations(_)) => {
                    model.watches.answered(Watch::Conversations(model.messages.filter))
                }
                Asked::Watched(watch) => model.watches.answered(watch),
                _ => None,
            };
            let mut requests = match answer {
                Ok(answer) => answered(model, asked, answer),
                Err(error) => refused(model, asked, &error),
            };
            requests.extend(again);
            requests
        }
        Message::Woken(wake) => woken(model, wake),
        Message::MinutePassed => Vec::new(),
        Message::HungUp => leave(model, Leaving::InAnyCase),
    };
    settle(model);
    requests.extend(chat::seen(model, touch));
    requests.extend(chat::tend(model));
    requests.extend(splits::keep(model));
    requests.extend(model.audience.keep(touch));
    if shows {
        requests.push(Request::Draw);
    }
    requests
}

/// Whether the screen may look different after this message. What only leads to more questions draws nothing.
fn changes_picture(model: &Model, now: Timestamp, message: &Message) -> bool {
    match message {
        Message::Event(event) => {
            matches!(event, Event::StoreFailed { .. } | Event::Transfer(_) | Event::Stopped)
        }
        Message::Woken(wake) => *wake == Wake::LeaveAnyway,
        Message::MinutePassed => ages(model, model.now) != ages(model, now),
        // It repaints everything in any case.
        Message::Resize(..) => false,
        Message::Answered(_, Ok(Answer::View(View::Status(status)))) => model.status.as_ref() != Some(status),
        Message::Answered(_, Ok(Answer::View(View::Personas(personas)))) => {
            model.personas.as_ref() != Some(personas)
        }
        _ => true,
    }
}

/// The ages that stand on the screen.
fn ages(model: &Model, now: Timestamp) -> Vec<String> {
    let rows = usize::from(model.size.1);
    let posts = model.feed.entries().iter().skip(model.feed.top()).take(rows);
    let times: Vec<Timestamp> = match model.place {
        Place::Feed | Place::Thread => posts.map(|entry| entry.post.created).collect(),
        _ => Vec::new(),
    };
    let talks = if Areas::of(model).pane(Place::Messages).width > 0 {
        model.messages.shown_times(rows)
    } else {
        Vec::new()
    };
    times
        .into_iter()
        .chain(talks)
        .chain(thread::shown_times(model))
        .map(|time| when::age(now, time))
        .collect()
}

/// Fits scroll positions to the screen, and wraps what will be drawn.
fn settle(model: &mut Model) {
    model.windows.follow(model.place);
    chat::tidy(model);
    let areas = Areas::of(model);
    feed::settle(model, areas.pane(Place::Feed));
    thread::settle(model, areas.pane(Place::Thread));
    compose::settle(model, areas.pane(Place::Compose));
    people::settle(model, areas.pane(Place::People));
    network::settle(model, areas.pane(Place::Network));
    messages::settle(model, areas.pane(Place::Messages));
    for pane in &areas.panes {
        if let Some(Place::Chat(thread)) = pane.place {
            chat::settle(model, thread, pane.area);
        }
    }
    help::settle(model, areas.body);
    if model.overlay == Some(Overlay::QuitUnsaved) && is_kept(model) {
        model.overlay = None;
    }
}

fn press(model: &mut Model, key: Key) -> Vec<Request> {
    model.notice = None;
    if model.leaving == Leaving::WhenSaved {
        model.leaving = Leaving::Staying;
    }
    if model.guard == PasteGuard::Quiet {
        model.guard = PasteGuard::Busy;
    }
    model.typed.push(key);
    let contexts = model.contexts();
    match model.keymap.meaning(contexts, &model.typed) {
        Meaning::Begun => Vec::new(),
        Meaning::Run(action) => {
            model.typed.clear();
            if model.guard != PasteGuard::Open && action.is_weighty() {
                return model.say("a paste came just now: press the key again");
            }
            perform(model, action)
        }
        Meaning::Nothing => {
            let typed = std::mem::take(&mut model.typed);
            if contexts.contains(&Context::Question) {
                return perform(model, Action::Cancel);
            }
            if let ([only], Some(secret)) = (typed.as_slice(), model.secret()) {
                only.typed().into_iter().for_each(|letter| secret.type_char(letter));
                return Vec::new();
            }
            match (typed.as_slice(), model.text()) {
                ([only], Some(editor)) => {
                    if let Some(letter) = only.typed() {
                        editor.type_char(letter);
                    }
                    compose::touched(model)
                }
                ([_, ..], None) if typed.len() > 1 => model.say(&format!("{} does nothing", show(&typed))),
                _ => Vec::new(),
            }
        }
    }
}

fn paste(model: &mut Model, text: &str) -> Vec<Request> {
    model.notice = None;
    model.typed.clear();
    let mut requests = Vec::new();
    if model.guard == PasteGuard::Open {
        requests.push(Request::Wake(PASTE_GUARD, Wake::PasteOver));
    }
    model.guard = PasteGuard::Quiet;
    if let Some(secret) = model.secret() {
        secret.paste(text);
        return requests;
    }
    people::open_for_paste(model);
    let Some(editor) = model.text() else {
        requests.extend(model.say("there is no place for a paste here"));
        return requests;
    };
    requests.extend(if editor.paste(text) == Err(PasteTooLong) {
        let limit = PASTE_BYTES / 1024;
        model.say(&format!("that is more than {limit} KiB: nothing was pasted"))
    } else {
        compose::touched(model)
    });
    requests
}

/// Runs an action where the person is.
pub fn perform(model: &mut Model, action: Action) -> Vec<Request> {
    if let Some(editor) = model.text()
        && editor.perform(action)
    {
        return compose::touched(model);
    }
    if let Some(secret) = model.secret()
        && secret.perform(action)
    {
        return Vec::new();
    }
    match action {
        Action::Redraw => return vec![Request::DrawAll],
        Action::Suspend => return vec![Request::Suspend],
        _ => {}
    }
    if model.overlay.is_some() {
        return perform_over(model, action);
    }
    if let Some(requests) = splits::perform(model, action) {
        return requests;
    }
    let done = match model.place {
        Place::FirstRun => first_run::perform(model, action),
        Place::Locked => locked::perform(model, action),
        Place::Feed => feed::perform(model, action),
        Place::Thread => thread::perform(model, action),
        Place::Compose => compose::perform(model, action),
        Place::People => people::perform(model, action),
        Place::Network => network::perform(model, action),
        Place::Messages => messages::perform(model, action),
        Place::Chat(_) => chat::perform(model, action),
    };
    match done {
        Some(requests) => requests,
        None if matches!(model.place, Place::Compose | Place::FirstRun | Place::Locked) => Vec::new(),
        None => perform_anywhere(model, action),
    }
}

fn perform_over(model: &mut Model, action: Action) -> Vec<Request> {
    let height = Areas::of(model).body.height;
    match (&mut model.overlay, action) {
        (Some(Overlay::Picker(_)), _) => return reaction::perform(model, action),
        (Some(Overlay::Question(_)), Action::Confirm) => return question::confirmed(model),
        (Some(Overlay::Words(_)), Action::Confirm) => {
            return chat::verify_answered(model, Verification::Verified);
        }
        (Some(Overlay::Words(_)), Action::WordsDiffer) => {
            return chat::verify_answered(model, Verification::Unverified);
        }
        (Some(Overlay::Help(top)), _) => {
            if let Some(scrolled) = scrolled(*top, action, height) {
                *top = scrolled;
                return Vec::new();
            }
        }
        (Some(Overlay::CommandLine(field)), Action::Complete) => {
            complete(field);
            return Vec::new();
        }
        (Some(Overlay::CommandLine(field)), Action::Submit) => {
            let name = field.content();
            model.overlay = None;
            return run_named(model, name.trim());
        }
        (Some(Overlay::AttachFile(field)), Action::Submit) => {
            let typed = field.content();
            model.overlay = None;
            return attachments::add(model, &typed);
        }
        (Some(Overlay::QuitUnsaved), Action::Confirm) => return vec![Request::Quit],
        _ => {}
    }
    if action == Action::Cancel {
        model.overlay = None;
    }
    Vec::new()
}

fn run_named(model: &mut Model, name: &str) -> Vec<Request> {
    if let Some((name, typed)) = name.split_once(' ')
        && let Some(action) = Action::named(name)
    {
        if action == Action::MessagePerson {
            return messages::with_named(model, typed);
        }
        if let Some(requests) = groups::run(model, action, typed) {
            return requests;
        }
    }
    match Action::named(name) {
        Some(action) => perform(model, action),
        None if name.is_empty() => Vec::new(),
        None => model.say(&format!("there is no command {name}: Tab completes names")),
    }
}

/// Completes as far as all names agree that begin like this; a full name becomes the next one.
fn complete(field: &mut Editor) {
    let typed = field.content();
    let mut names =
        Action::ALL.iter().map(|action| action.name()).filter(|name| name.starts_with(typed.as_str()));
    let Some(first) = names.next() else { return };
    let common = names.fold(first.to_owned(), |common, name| {
        common.chars().zip(name.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    });
    field.replace(&common);
}

/// What can be done in every pane.
fn perform_anywhere(model: &mut Model, action: Action) -> Vec<Request> {
    match action {
        Action::GoPeople => go(model, Place::People),
        Action::GoNetwork => go(model, Place::Network),
        Action::GoMessages => go(model, Place::Messages),
        Action::MessagePerson => model.say("whom? :message NAME"),
        Action::NewGroup
        | Action::Keep
        | Action::AddMember
        | Action::RemoveMember
        | Action::MakeAdmin
        | Action::RenameGroup => model.say(groups::usage(action)),
        Action::Compose => compose::open(model),
        Action::Sync => feed::sync(model),
        Action::Help => {
            model.overlay = Some(Overlay::Help(0));
            Vec::new()
        }
        Action::CommandLine => {
            model.overlay = Some(Overlay::CommandLine(Editor::field()));
            // A name may be typed.
            model.watches.ask_all(&[Watch::People])
        }
        Action::Back if model.place == Place::Feed => leave(model, Leaving::WhenSaved),
        Action::Back | Action::GoFeed => go(model, Place::Feed),
        Action::Quit => leave(model, Leaving::WhenSaved),
        Action::NextPane | Action::PreviousPane | Action::Cancel => Vec::new(),
        _ => model.say(&format!("{} can not be done here", action.name())),
    }
}

/// Goes to a pane and asks for what it shows.
pub fn go(model: &mut Model, place: Place) -> Vec<Request> {
    model.place = place;
    match place {
        Place::People => {
            model.people.mode = people::Mode::List;
            model.watches.ask_all(&[Watch::People])
        }
        Place::Network => {
            model.network.mode = network::Mode::List;
            model.watches.ask_all(&[Watch::Peers, Watch::Status])
        }
        Place::Messages => ask_conversations(model),
        _ => Vec::new(),
    }
}

fn ask_conversations(model: &mut Model) -> Vec<Request> {
    model.watches.ask_all(&[Watch::Conversations(model.messages.filter)])
}

/// Leaves once nothing unsaved is left.
fn leave(model: &mut Model, leaving: Leaving) -> Vec<Request> {
    model.leaving = leaving;
    let mut requests = go_on_leaving(model);
    if !is_kept(model) {
        requests.push(Request::Wake(LAST_SAVE, Wake::LeaveAnyway));
    }
    requests
}

/// On the way out: leaves if everything is kept, and saves at once what is not.
fn go_on_leaving(model: &mut Model) -> Vec<Request> {
    if is_kept(model) { vec![Request::Quit] } else { model.desk.save() }
}

/// Whether nothing would be lost by leaving.
fn is_kept(model: &Model) -> bool {
    model.desk.is_kept() && model.audience.is_kept()
}

/// For whom the new post is was saved, or could not be read or saved.
fn audience_answered(model: &mut Model, error: Option<&CallError>) -> Vec<Request> {
    match error {
        Some(error) => {
            model.audience.failed();
            model.complain(error);
        }
        None => model.audience.saved(),
    }
    match (model.leaving, error) {
        (Leaving::Staying, _) => Vec::new(),
        (Leaving::WhenSaved | Leaving::InAnyCase, None) => go_on_leaving(model),
        (Leaving::WhenSaved | Leaving::InAnyCase, Some(_)) => leave_anyway(model),
    }
}

/// The node did not save the draft, or not in time.
fn leave_anyway(model: &mut Model) -> Vec<Request> {
    match model.leaving {
        Leaving::Staying => return Vec::new(),
        Leaving::InAnyCase => return vec![Request::Quit],
        Leaving::WhenSaved => {}
    }
    model.leaving = Leaving::Staying;
    model.overlay = Some(Overlay::QuitUnsaved);
    Vec::new()
}

/// The draft was saved, or could not be.
fn draft_answered(model: &mut Model, slot: DraftSlot, error: Option<&CallError>) -> Vec<Request> {
    let requests = model.desk.saved(slot, if error.is_none() { Kept::Yes } else { Kept::No });
    if let Some(error) = error {
        model.complain(error);
    }
    match (model.leaving, error) {
        (Leaving::Staying, _) => requests,
        (Leaving::WhenSaved | Leaving::InAnyCase, None) => go_on_leaving(model),
        (Leaving::WhenSaved | Leaving::InAnyCase, Some(_)) => leave_anyway(model),
    }
}

fn happened(model: &mut Model, event: Event) -> Vec<Request> {
    match event {
        Event::FeedChanged => {
            let mut requests = model.feed.changed();
            if model.shows(Place::People) {
                // It shows how many posts of everybody are here.
                requests.extend(model.watches.ask(Watch::People));
            }
            requests
        }
        Event::ThreadChanged { post_id } => {
            let mut requests = model.feed.beside_changed(post_id);
            requests.extend(thread::changed(model, post_id));
            requests
        }
        // Names stand wherever people do.
        Event::PeopleChanged => {
            let mut requests = model.feed.changed();
            requests.extend(thread::refresh(model));
            requests.extend(model.watches.ask_all(&[Watch::People]));
            if model.shows(Place::Compose) {
                requests.extend(model.watches.ask(Watch::Circles));
            }
            requests.extend(ask_conversations(model));
            chat::all_changed(model);
            requests
        }
        Event::PersonasChanged => model.watches.ask_all(&[Watch::Personas]),
        Event::ConversationsChanged => ask_conversations(model),
        Event::MessagesChanged { thread } => {
            chat::changed(model, thread);
            Vec::new()
        }
        Event::PeersChanged | Event::StatusChanged | Event::Ready { .. } => ask_about_network(model),
        Event::Transfer(transfer) => {
            model.transfers.take(transfer);
            Vec::new()
        }
        Event::StoreFailed { message } => {
            model.store_failure = Some(SafeText::line(&message));
            Vec::new()
        }
        Event::Missed => {
            let mut requests = model.feed.changed();
            requests.extend(thread::refresh(model));
            let all = [Watch::Personas, Watch::Status, Watch::People, Watch::Peers];
            requests.extend(model.watches.ask_all(&all));
            requests.extend(ask_conversations(model));
            chat::all_changed(model);
            requests
        }
        Event::Stopped => {
            model.node = NodeState::Stopped;
            Vec::new()
        }
    }
}

fn ask_about_network(model: &mut Model) -> Vec<Request> {
    let watches: &[Watch] =
        if model.shows(Place::Network) { &[Watch::Status, Watch::Peers] } else { &[Watch::Status] };
    model.watches.ask_all(watches)
}

fn answered(model: &mut Model, asked: Asked, answer: Answer) -> Vec<Request> {
    match answer {
        Answer::View(view) => viewed(model, asked, view),
        Answer::Outcome(outcome) => done(model, asked, outcome),
    }
}

fn viewed(model: &mut Model, asked: Asked, view: View) -> Vec<Request> {
    match (asked, view) {
        (Asked::Feed(asked), View::Feed(page)) => return feed::answered(model, asked, page),
        (Asked::Thread(asked), View::Thread(view)) => return thread::show(model, asked, *view),
        (_, View::People(people)) => model.people.take(people),
        (_, View::Personas(personas)) => {
            if personas.is_empty() {
                // An answer from before the first persona was made says nothing new.
                if model.personas.as_ref().is_some_and(|known| !known.is_empty()) {
                    return Vec::new();
                }
                model.place = Place::FirstRun;
            } else if model.place == Place::FirstRun {
                model.place = Place::Feed;
            }
            model.personas = Some(personas);
        }
        (Asked::Chat(asked), View::Messages(page)) => return chat::answered(model, asked, *page),
        (Asked::Watched(Watch::Conversations(filter)), View::Conversations(list))
            if filter == model.messages.filter =>
        {
            model.messages.take(list);
        }
        (Asked::Words, View::Words(words)) => chat::words_known(model, words),
        (_, View::Circles(circles)) => model.audience.take(circles),
        (_, View::Peers(peers)) => model.network.take(peers),
        (_, View::Status(status)) => return status_known(model, status),
        (_, View::Invite(invite)) => people::show_invite(model, &invite),
        (Asked::Windows, View::Draft(draft)) => return splits::stood(model, &draft.text),
        (Asked::Audience, View::Draft(draft)) => model.audience.stood(&draft.text),
        (Asked::Draft(slot), View::Draft(draft)) => return draft_known(model, slot, &draft.text),
        _ => {}
    }
    Vec::new()
}

/// How the node stands is known; a locked one shows nothing else.
fn status_known(model: &mut Model, status: StatusView) -> Vec<Request> {
    let is_locked = status.vault == VaultState::Locked;
    model.status = Some(status);
    if is_locked {
        locked::shut(model);
    } else if model.place == Place::Locked {
        return locked::opened(model);
    }
    Vec::new()
}

/// The draft of an earlier time is known.
fn draft_known(model: &mut Model, slot: DraftSlot, text: &str) -> Vec<Request> {
    let mut requests = model.desk.restore(slot, text);
    if model.leaving != Leaving::Staying {
        requests.extend(go_on_leaving(model));
    }
    requests
}

fn done(model: &mut Model, asked: Asked, outcome: Outcome) -> Vec<Request> {
    if asked != Asked::Sync {
        // Every other command writes: the store does so again.
        model.store_failure = None;
    }
    match (asked, &outcome) {
        (Asked::Publish(slot), _) => {
            let mut requests = compose::sent(model, slot, &outcome);
            if model.leaving != Leaving::Staying {
                requests.extend(go_on_leaving(model));
            }
            return requests;
        }
        (Asked::SendMessage(thread, number), _) => {
            let mut requests = chat::sent(model, thread, number);
            if model.leaving != Leaving::Staying {
                requests.extend(go_on_leaving(model));
            }
            return requests;
        }
        (Asked::AnswerRequest(thread, answer), _) => return chat::request_answered(model, thread, answer),
        (Asked::Verify(thread, verified), _) => {
            chat::changed(model, thread);
            return model.say(match verified {
                Verification::Verified => "verified: it says so above where you write",
                Verification::Unverified => {
                    "not verified: somebody may stand between you, or one of you read wrong. Write nothing secret here"
                }
            });
        }
        (Asked::SaveDraft(slot), _) => return draft_answered(model, slot, None),
        (Asked::Audience, _) => return audience_answered(model, None),
        (Asked::Delete(kind, id), _) => return question::deleted(model, kind, id),
        (Asked::Hide, _) => return model.say("hidden: readers of your post do not see it any more"),
        (Asked::Policy, _) => return model.say("whose comments are shown is changed"),
        (Asked::ReadComments(post_id), _) => model.feed.comments_read(post_id),
        _ => {}
    }
    match (asked, outcome) {
        (Asked::Protect, _) => first_run::protected(model),
        (Asked::Unlock, _) => model.watches.ask_all(&[Watch::Status]),
        (Asked::CreatePersona, Outcome::PersonaCreated(persona)) => first_run::created(model, persona),
        (Asked::Follow, Outcome::Followed(person)) => people::followed(model, &person),
        (Asked::Unfollow, _) => {
            let mut requests = model.say("not followed any more: the posts already here stay");
            requests.extend(model.watches.ask(Watch::People));
            requests
        }
        (Asked::OpenTalk(asked_at), Outcome::Conversation(view)) => {
            messages::begun(model, asked_at, view.thread)
        }
        (Asked::AddPeer, _) => network::added(model),
        (Asked::Ban, _) => network::banned(model),
        (Asked::Unban, _) => network::unbanned(model),
        (Asked::Sync, Outcome::Synced(report)) => feed::synced(model, report),
        (Asked::SaveFile, Outcome::Saved(saved)) => attachments::saved(model, &saved),
        (Asked::ViewFile, Outcome::Saved(saved)) => attachments::ready_to_view(model, saved),
        _ => Vec::new(),
    }
}

fn refused(model: &mut Model, asked: Asked, error: &CallError) -> Vec<Request> {
    match asked {
        Asked::Unlock => locked::refused(model, error),
        Asked::Protect => first_run::unprotected(model, error),
        _ if error.kind == ErrorKind::Passphrase => {
            locked::shut(model);
            // It may have been unlocked meanwhile.
            return model.watches.ask_all(&[Watch::Status]);
        }
        Asked::CreatePersona => first_run::refused(model, error),
        Asked::Follow => people::refused(model, error),
        Asked::AddPeer => network::refused(model, error),
        Asked::SaveDraft(slot) => return draft_answered(model, slot, Some(error)),
        // They stand as they stand; it is tried again when they change.
        Asked::Windows => {}
        Asked::Audience => return audience_answered(model, Some(error)),
        Asked::Draft(slot) => {
            model.complain(error);
            return draft_known(model, slot, "");
        }
        Asked::Chat(asked) => chat::failed(model, asked, error),
        Asked::SendMessage(thread, number) => {
            let requests = chat::not_sent(model, thread, number, error);
            if model.leaving == Leaving::InAnyCase {
                return go_on_leaving(model);
            }
            model.leaving = Leaving::Staying;
            return requests;
        }
        Asked::ReadMessages(thread) | Asked::Talk(thread) => {
            model.complain(error);
            // What was shown beforehand is not so.
            chat::changed(model, thread);
        }
        Asked::Thread(asked) => thread::failed(model, asked, error),
        Asked::React => {
            model.complain(error);
            // What was shown beforehand is not so.
            let mut requests = thread::refresh(model);
            requests.extend(model.feed.changed());
            return requests;
        }
        Asked::Publish(slot) => {
            model.complain(error);
            let requests = model.desk.not_sent(slot);
            if model.leaving == Leaving::InAnyCase {
                return go_on_leaving(model);
            }
            // Whoever left in the belief that it is sent has to learn this.
            model.leaving = Leaving::Staying;
            return requests;
        }
        Asked::Mark(post_id, before) => {
            model.feed.mark(post_id, before);
            thread::mark(model, post_id, before);
            model.complain(error);
        }
        Asked::Feed(asked) => {
            model.feed.failed(asked);
            model.complain(error);
        }
        _ => model.complain(error),
    }
    Vec::new()
}

fn woken(model: &mut Model, wake: Wake) -> Vec<Request> {
    match (wake, model.guard) {
        (Wake::SaveDraft(slot), _) => model.desk.woken(slot),
        (Wake::RefreshFeed, _) => model.feed.woken(),
        (Wake::RefreshBeside, _) => model.feed.rested(),
        (Wake::RefreshThread(opening), _) => thread::woken(model, opening),
        (Wake::RefreshChat(thread), _) => {
            chat::woken(model, thread);
            Vec::new()
        }
        (Wake::LeaveAnyway, _) => leave_anyway(model),
        (Wake::PasteOver, PasteGuard::Busy) => {
            model.guard = PasteGuard::Quiet;
            vec![Request::Wake(PASTE_GUARD, Wake::PasteOver)]
        }
        (Wake::PasteOver, _) => {
            model.guard = PasteGuard::Open;
            Vec::new()
        }
    }
}
