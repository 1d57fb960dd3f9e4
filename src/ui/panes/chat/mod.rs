//! An open conversation: its messages, what stands above the input, and the input. The messages live in [`log`], what
//! is typed in the desk; [`draw`] is the picture, [`input`] what typing does, [`deeds`] what is done to a message.

mod deeds;
mod draw;
mod input;
pub mod log;

use ratatui::layout::Rect;

pub use self::deeds::{request_answered, toggle_reaction, verify_answered, words_known};
pub use self::draw::draw;
pub use self::input::{not_sent, sent, status};
use self::log::{Came, ChatAsk, Log};
use super::feed;
use crate::api::{
    CallError, Command, ConversationKind, ConversationPage, ConversationView, DraftSlot, ErrorKind,
    LinkState, MessageKey, MessageView, QuoteView, ReadMark, Standing, Talk, Verification,
};
use crate::domain::conversation::{ConversationId, MessageId, Place as MessagePlace};
use crate::domain::text::SafeText;
use crate::domain::time::Timestamp;
use crate::ui::action::Action;
use crate::ui::desk::Subject;
use crate::ui::layout::Areas;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{Model, Place};
use crate::ui::widgets::stack::{Heights, Top};
use crate::ui::widgets::wraps::Wraps;

/// Columns left of everything: the bar of the selection and a gap.
const GUTTER: u16 = 2;
/// Columns a text stands further in than the name above it, so that no text looks like a line of ours.
const INDENT: u16 = 2;

/// What typing goes into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nowhere: keys move and act.
    Reading,
    /// Into the next message.
    Writing,
    /// Into a new text for a message of mine.
    Correcting(MessageId),
}

/// Whether somebody looks who has to be believed to have seen what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// The person has just opened it.
    Due,
    /// What comes in from now on is seen with the next key.
    Done,
}

/// Whether a step was begun by the hand of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// A key was pressed.
    Key,
    /// Something else happened.
    Nothing,
}

/// An open conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Chat {
    thread: ConversationId,
    view: Option<ConversationView>,
    log: Log,
    wraps: Wraps<MessageKey>,
    mode: Mode,
    look: Look,
    quote: Option<QuoteView>,
    /// Columns of texts at the last look.
    width: usize,
    /// Empty rows above the messages at the last look: few of them stand at the bottom, near the input.
    pad: u16,
    /// The oldest and the newest message on the screen at the last look.
    shown: Option<(MessagePlace, MessagePlace)>,
    /// The newest message that was seen since the conversation was opened.
    seen_upto: Option<MessagePlace>,
    is_gone: bool,
}

impl Chat {
    fn new(thread: ConversationId, opening: u64) -> Self {
        Self {
            thread,
            view: None,
            log: Log::new(thread, opening),
            wraps: Wraps::default(),
            mode: Mode::Reading,
            look: Look::Due,
            quote: None,
            width: 0,
            pad: 0,
            shown: None,
            seen_upto: None,
            is_gone: false,
        }
    }

    /// Whether keys are typed.
    pub fn is_typing(&self) -> bool {
        self.mode != Mode::Reading
    }

    /// Whether a stranger asks for it.
    pub fn is_request(&self) -> bool {
        let asks = |standing| matches!(standing, Standing::Request | Standing::Ignored);
        self.view.as_ref().is_some_and(|view| asks(view.standing))
    }

    /// Whether one person asks for it, who can be blocked.
    fn can_be_blocked(&self) -> bool {
        self.view.as_ref().is_some_and(|view| view.kind == ConversationKind::Two)
    }

    /// Whether nothing more can be said in it.
    pub fn is_left(&self) -> bool {
        self.view.as_ref().is_some_and(|view| view.standing == Standing::Left)
    }

    /// Whether it is somebody's circle: one comments on what is posted there.
    pub fn is_circle_of_other(&self) -> bool {
        self.view.as_ref().is_some_and(|view| view.kind == ConversationKind::CircleOfOther)
    }

    /// The text that takes what is typed.
    pub fn typed_into(&self) -> Option<DraftSlot> {
        match self.mode {
            Mode::Reading => None,
            Mode::Writing => Some(DraftSlot::Message(self.thread)),
            Mode::Correcting(message) => Some(DraftSlot::Correction(self.thread, message)),
        }
    }

    /// The conversation, once known.
    pub const fn view(&self) -> Option<&ConversationView> {
        self.view.as_ref()
    }

    /// The messages.
    #[cfg(test)]
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// Unread messages below what is on the screen.
    fn unread_below(&self) -> u64 {
        let shown_last = self.shown.map(|(_, last)| last);
        let is_above = |message: &&MessageView| Some(message.place) <= shown_last;
        let is_unread = |message: &&MessageView| message.mark == ReadMark::Unread && !message.from_me;
        if !self.log.has_newer() {
            let below = self.log.list().iter().filter(|message| !is_above(message) && is_unread(message));
            return u64::try_from(below.count()).unwrap_or(u64::MAX);
        }
        let above = self.log.list().iter().filter(|message| is_above(message) && is_unread(message)).count();
        let all = self.view.as_ref().map_or(0, |view| view.unread_count);
        all.saturating_sub(u64::try_from(above).unwrap_or(u64::MAX))
    }
}

/// Measures messages, and keeps their texts in rows.
struct Measure<'a> {
    list: &'a [MessageView],
    wraps: &'a mut Wraps<MessageKey>,
    width: usize,
    unread_from: Option<MessagePlace>,
}

impl Heights for Measure<'_> {
    fn count(&self) -> usize {
        self.list.len()
    }

    fn height(&mut self, item: usize) -> usize {
        let Some(message) = self.list.get(item) else { return 1 };
        let before = item.checked_sub(1).and_then(|before| self.list.get(before));
        let text = if message.deleted {
            1
        } else {
            self.wraps.count(message.key(), message.text.as_str(), self.width)
        };
        usize::from(begins_day(before, message))
            + usize::from(Some(message.place) == self.unread_from)
            + 1
            + usize::from(message.quote.is_some())
            + text
            + usize::from(!message.reactions.is_empty())
    }
}

/// Whether a message is the first of its day.
fn begins_day(before: Option<&MessageView>, message: &MessageView) -> bool {
    before.is_none_or(|before| day(before.received) != day(message.received))
}

const fn day(time: Timestamp) -> i64 {
    time.as_minutes().div_euclid(24 * 60)
}

/// Fits a conversation to its area, and wraps what will be drawn.
pub fn settle(model: &mut Model, thread: ConversationId, area: Rect) {
    if area.width == 0 {
        return;
    }
    let Some(chat) = model.chats.get(&thread) else { return };
    let window = usize::from(draw::parts(model, chat, area).messages.height);
    let Some(chat) = model.chats.get_mut(&thread) else { return };
    let width = text_width(area.width);
    if chat.width != width && chat.width != 0 {
        chat.log.column.reshaped();
    }
    chat.width = width;
    let mut column = chat.log.column;
    let unread_from = chat.log.unread_from();
    let mut measure = Measure { list: chat.log.list(), wraps: &mut chat.wraps, width, unread_from };
    column.settle(window, &mut measure);
    let (first, last) = column.top.items(window, &mut measure);
    let place = |item: usize| measure.list.get(item).map(|message| message.place);
    chat.shown = place(first).zip(place(last));
    let is_at_top = column.top == Top::default() && !measure.list.is_empty();
    let rows = if is_at_top { (first..=last).map(|item| measure.height(item)).sum() } else { window };
    chat.pad = u16::try_from(window.saturating_sub(rows)).unwrap_or(0);
    chat.log.column = column;
}

/// Columns of a text.
fn text_width(columns: u16) -> usize {
    usize::from(columns.saturating_sub(GUTTER + INDENT).clamp(1, super::TEXT_COLUMNS))
}

/// Opens a conversation here, or goes to the window that has it.
pub fn open(model: &mut Model, thread: ConversationId) -> Vec<Request> {
    model.place = Place::Chat(thread);
    model.messages.open = Some(thread);
    let requests = have(model, thread);
    if let Some(chat) = model.chats.get_mut(&thread) {
        chat.look = Look::Due;
        chat.log.touched();
    }
    requests
}

/// Has a conversation in its window without anybody having looked at it.
pub fn open_unseen(model: &mut Model, thread: ConversationId) -> Vec<Request> {
    let requests = open(model, thread);
    if let Some(chat) = model.chats.get_mut(&thread) {
        chat.look = Look::Done;
    }
    requests
}

/// Has a conversation in memory.
fn have(model: &mut Model, thread: ConversationId) -> Vec<Request> {
    if model.chats.contains_key(&thread) {
        return Vec::new();
    }
    model.openings += 1;
    let mut chat = Chat::new(thread, model.openings);
    let request = chat.log.open();
    model.chats.insert(thread, chat);
    let mut requests = model.desk.have(Subject::Message(thread));
    requests.push(request);
    requests
}

/// Forgets conversations no window shows, and keeps the texts of those that are shown.
pub fn tidy(model: &mut Model) {
    let open = model.messages.open.filter(|_| model.windows.count() == 1);
    let places = model.windows.places();
    let is_shown = |thread: &ConversationId| {
        open == Some(*thread) || model.place == Place::Chat(*thread) || places.contains(&Place::Chat(*thread))
    };
    model.chats.retain(|thread, _| is_shown(thread));
    let threads = model.chats.keys().copied().collect();
    model.desk.hold(threads);
}

/// Asks for what is missing on the screen. Conversations nobody sees wait until they are seen.
pub fn tend(model: &mut Model) -> Vec<Request> {
    let panes = Areas::of(model).panes;
    let mut requests = Vec::new();
    for pane in panes {
        let Some(Place::Chat(thread)) = pane.place else { continue };
        if pane.area.width > 0 {
            requests.extend(have(model, thread));
            requests.extend(model.chats.get_mut(&thread).map_or_else(Vec::new, |chat| chat.log.look()));
        }
    }
    requests
}

/// Tells the node what was seen of the conversation with the focus: what is on the screen when a key is pressed, or
/// when it has just been opened, and what was skipped on the way down to it. What comes in while nobody touches anything
/// stays unread, and so does what comes in above the screen, with an older time.
pub fn seen(model: &mut Model, touch: Touch) -> Vec<Request> {
    let Place::Chat(thread) = model.place else {
        return Vec::new();
    };
    let has_room = Areas::of(model).pane(model.place).height > 0;
    let Some(chat) = model.chats.get_mut(&thread).filter(|_| model.overlay.is_none() && has_room) else {
        return Vec::new();
    };
    let is_due = touch == Touch::Key || chat.look == Look::Due;
    let Some((first, upto)) = chat.shown.filter(|_| is_due && chat.log.is_loaded()) else {
        return Vec::new();
    };
    chat.look = Look::Done;
    let skipped = match chat.seen_upto {
        Some(seen) => Some(MessagePlace::from_number(seen.number().saturating_add(1))),
        None => chat.log.list().first().map(|message| message.place),
    };
    let from = skipped.map_or(first, |skipped| skipped.min(first));
    chat.seen_upto = chat.seen_upto.max(Some(upto));
    let mut read = 0;
    for message in chat.log.list_mut() {
        if (from..=upto).contains(&message.place) && message.mark == ReadMark::Unread {
            message.mark = ReadMark::Read;
            read += u64::from(!message.from_me);
        }
    }
    if read == 0 {
        return Vec::new();
    }
    if let Some(view) = &mut chat.view {
        view.unread_count = view.unread_count.saturating_sub(read);
    }
    let talk = Talk::Read { thread, from: Some(from), upto };
    vec![Request::Command(Asked::ReadMessages(thread), Command::Talk(talk))]
}

/// A page of messages.
pub fn answered(model: &mut Model, asked: ChatAsk, page: ConversationPage) -> Vec<Request> {
    let Some(chat) = model.chats.get_mut(&asked.thread) else {
        return Vec::new();
    };
    let view = page.conversation.clone();
    let (came, requests) = chat.log.answered(asked, page);
    if came != Came::Nothing {
        (chat.view, chat.is_gone) = (Some(view), false);
        // Any of the texts may have been edited.
        chat.wraps = Wraps::default();
    }
    requests
}

/// The node could not answer.
pub fn failed(model: &mut Model, asked: ChatAsk, error: &CallError) {
    let Some(chat) = model.chats.get_mut(&asked.thread) else { return };
    if !chat.log.failed(asked) {
        return;
    }
    if error.kind == ErrorKind::NotFound {
        chat.is_gone = true;
    } else {
        model.complain(error);
    }
}

/// Messages came, were written, or got further.
pub fn changed(model: &mut Model, thread: ConversationId) {
    if let Some(chat) = model.chats.get_mut(&thread) {
        chat.log.changed();
    }
}

/// Everything may have changed.
pub fn all_changed(model: &mut Model) {
    model.chats.values_mut().for_each(|chat| chat.log.changed());
}

/// The pause between two looks is over.
pub fn woken(model: &mut Model, thread: ConversationId) {
    if let Some(chat) = model.chats.get_mut(&thread) {
        chat.log.woken();
    }
}

/// Runs an action of this pane; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    let Place::Chat(thread) = model.place else { return None };
    let area = Areas::of(model).pane(model.place);
    let window = usize::from(draw::parts(model, model.chats.get(&thread)?, area).messages.height);
    let chat = model.chats.get_mut(&thread)?;
    if chat.is_typing() {
        return Some(input::perform(model, thread, action));
    }
    chat.log.touched();
    match action {
        Action::GoFirst => return Some(chat.log.go_oldest()),
        Action::GoLast => return Some(chat.log.go_newest()),
        _ => {}
    }
    let (width, unread_from) = (chat.width, chat.log.unread_from());
    let mut column = chat.log.column;
    let mut measure = Measure { list: chat.log.list(), wraps: &mut chat.wraps, width, unread_from };
    if column.perform(action, window, &mut measure) {
        chat.log.column = column;
        return Some(Vec::new());
    }
    match action {
        Action::Back => {
            model.messages.open = None;
            model.place = Place::Messages;
        }
        Action::Cancel | Action::NextPane | Action::PreviousPane if model.windows.count() == 1 => {
            model.place = Place::Messages;
        }
        Action::NextUnread => return Some(super::messages::seek_unread(model, 1)),
        Action::PreviousUnread => return Some(super::messages::seek_unread(model, -1)),
        Action::Pin | Action::Mute | Action::Archive => {
            let view = model.messages.find(thread).or(chat.view.as_ref()).cloned()?;
            return Some(super::messages::arrange(&view, action));
        }
        Action::Write => return Some(input::write(model, thread)),
        Action::Members => return Some(super::groups::show_members(model, thread)),
        Action::LeaveGroup => return Some(super::groups::leave(model)),
        Action::CopyText => {
            return Some(match chat.log.selected().map(|message| message.text.to_string()) {
                Some(text) => feed::copy(model, &text),
                None => model.say("there is no message yet"),
            });
        }
        _ => return deeds::perform(model, thread, action),
    }
    Some(Vec::new())
}

/// What a sentence calls the other side.
pub fn name_of(view: &ConversationView) -> String {
    let only = view.people.first().filter(|_| view.kind == ConversationKind::Two);
    if view.kind == ConversationKind::Circle {
        return format!("circle {}", view.title.as_str().replace('\n', " "));
    }
    if view.kind == ConversationKind::CircleOfOther {
        return format!("{}'s circle", view.title.as_str().replace('\n', " "));
    }
    match (view.title.as_str().trim(), only) {
        ("", Some(person)) => person.posting_id.fingerprint(),
        ("", None) => "the group".to_owned(),
        (title, Some(person)) => format!("{} {}", title.replace('\n', " "), person.posting_id.fingerprint()),
        (title, None) => title.replace('\n', " "),
    }
}

/// How well a conversation is protected, in a few words.
pub fn protection(view: &ConversationView) -> String {
    let sealed = match view.link {
        LinkState::None => "sealed from the first message on",
        LinkState::Waiting => "sealed, no answer yet",
        LinkState::Weak => "weakly sealed until the first answer",
        LinkState::Confirmed => "sealed",
    };
    if view.kind != ConversationKind::Two {
        return sealed.to_owned();
    }
    let verified = view.people.iter().all(|person| person.verification == Verification::Verified);
    format!("{sealed}, {}", if verified { "verified" } else { "not verified" })
}

/// The same where there is no room: what is weakest about it.
pub fn protection_in_short(view: &ConversationView) -> &'static str {
    let verified = view.people.iter().all(|person| person.verification == Verification::Verified);
    match (view.link, verified || view.kind != ConversationKind::Two) {
        (LinkState::None | LinkState::Confirmed, true) if view.kind != ConversationKind::Two => "sealed",
        (LinkState::Weak, _) => "weakly sealed",
        (_, false) => "not verified",
        (LinkState::Waiting, true) => "no answer yet",
        (LinkState::None | LinkState::Confirmed, true) => "verified",
    }
}

/// The name of a persona of mine.
pub fn persona_name(model: &Model, view: &ConversationView) -> SafeText {
    let known = model.personas.as_deref().unwrap_or_default();
    let found = known.iter().find(|persona| persona.posting_id == view.persona);
    found.map_or_else(|| SafeText::line(&view.persona.fingerprint()), |persona| persona.name.clone())
}
