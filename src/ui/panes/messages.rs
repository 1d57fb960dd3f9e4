//! The list of conversations: pinned ones first, requests of strangers apart. Opening one leads to
//! [`chat`](super::chat); moving marks nothing.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{chat, sentence, signature};
use crate::api::{
    Command, ConversationFilter, ConversationKind, ConversationView, PersonView, Shelf, Standing, Switch,
    Talk, head_count,
};
use crate::domain::conversation::ConversationId;
use crate::domain::ids::PostingId;
use crate::domain::time::Timestamp;
use crate::limits::QUERY_ROWS;
use crate::ui::action::Action;
use crate::ui::keymap::Context;
use crate::ui::layout::Areas;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{Model, Place};
use crate::ui::watch::Watch;
use crate::ui::widgets::column::Column;
use crate::ui::widgets::stack::Heights;
use crate::ui::widgets::{lines, when, wrap};
use crate::ui::windows::Axis;

/// Columns left of the text: the bar of the selection, the unread mark, a gap.
const GUTTER: u16 = 3;
/// Columns of a window from which on a new one stands beside it rather than below.
const ROOM_FOR_TWO: u16 = 80;
/// Rows of a conversation: its name and facts, the last message.
const ROWS: usize = 2;

/// The conversations.
#[derive(Debug, Clone, PartialEq)]
pub struct Messages {
    /// Conversations, then requests of strangers; once known.
    list: Option<Vec<ConversationView>>,
    /// Which of them.
    pub filter: ConversationFilter,
    /// The one that stands beside the list where there is room.
    pub open: Option<ConversationId>,
    column: Column,
}

impl Default for Messages {
    fn default() -> Self {
        Self { list: None, filter: ConversationFilter::Open, open: None, column: Column::default() }
    }
}

impl Messages {
    /// Takes the answer of the node; the selected conversation stays selected.
    pub fn take(&mut self, mut list: Vec<ConversationView>) {
        list.retain(|view| view.standing != Standing::Ignored);
        list.sort_by_key(|view| view.standing == Standing::Request);
        let selected = self.selected().map(|view| view.thread);
        let found = list.iter().position(|view| Some(view.thread) == selected);
        if let Some(found) = found.filter(|found| *found != self.column.selected) {
            self.column.moved_to(found);
        }
        self.list = Some(list);
    }

    fn rows(&self) -> &[ConversationView] {
        self.list.as_deref().unwrap_or_default()
    }

    fn selected(&self) -> Option<&ConversationView> {
        self.rows().get(self.column.selected)
    }

    /// A conversation of the list.
    pub fn find(&self, thread: ConversationId) -> Option<&ConversationView> {
        self.rows().iter().find(|view| view.thread == thread)
    }

    /// Unread messages of conversations that may call attention, and requests of strangers.
    pub fn unread(&self) -> (u64, u64) {
        let is_request = |view: &&ConversationView| view.standing == Standing::Request;
        let loud = self.rows().iter().filter(|view| !view.muted && !is_request(view));
        let messages = loud.map(|view| view.unread_count).fold(0, u64::saturating_add);
        let requests = self.rows().iter().filter(|view| is_request(view) && view.unread_count > 0).count();
        (messages, u64::try_from(requests).unwrap_or(u64::MAX))
    }

    /// When the conversations on the screen were last written in.
    pub fn shown_times(&self, rows: usize) -> Vec<Timestamp> {
        self.rows().iter().skip(self.column.top.item).take(rows).map(|view| view.last).collect()
    }
}

/// Heights of the list: the first request has a line of ours above it.
struct Measure<'a>(&'a [ConversationView]);

impl Heights for Measure<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn height(&mut self, item: usize) -> usize {
        ROWS + usize::from(begins_requests(self.0, item))
    }
}

fn begins_requests(list: &[ConversationView], item: usize) -> bool {
    let is_request = |item: usize| list.get(item).is_some_and(|view| view.standing == Standing::Request);
    is_request(item) && !item.checked_sub(1).is_some_and(is_request)
}

/// Keeps the selection in the list and on the screen.
pub fn settle(model: &mut Model, area: Rect) {
    if area.width == 0 {
        return;
    }
    let mut column = model.messages.column;
    column.settle(usize::from(area.height), &mut Measure(model.messages.rows()));
    model.messages.column = column;
}

/// Runs an action of this pane; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    let window = usize::from(Areas::of(model).pane(Place::Messages).height);
    let mut column = model.messages.column;
    if column.perform(action, window, &mut Measure(model.messages.rows())) {
        model.messages.column = column;
        return Some(Vec::new());
    }
    match action {
        Action::NextUnread => return Some(seek_unread(model, 1)),
        Action::PreviousUnread => return Some(seek_unread(model, -1)),
        Action::FilterTalks => return Some(filter(model)),
        Action::NextPane | Action::PreviousPane if model.windows.count() == 1 => {
            return Some(model.messages.open.map_or_else(Vec::new, |open| chat::open(model, open)));
        }
        Action::Open | Action::OpenBeside | Action::Pin | Action::Mute | Action::Archive => {}
        _ => return None,
    }
    let Some(view) = model.messages.selected().cloned() else {
        return Some(model.say("there is no conversation yet"));
    };
    Some(match action {
        Action::Open => chat::open(model, view.thread),
        Action::OpenBeside => open_beside(model, view.thread),
        _ => arrange(&view, action),
    })
}

/// Opens a conversation in a window of its own: beside the list where there is room, else below it.
fn open_beside(model: &mut Model, thread: ConversationId) -> Vec<Request> {
    let areas = Areas::of(model);
    let area = if model.windows.count() == 1 { areas.body } else { areas.pane(Place::Messages) };
    let axis = if area.width >= ROOM_FOR_TWO { Axis::Beside } else { Axis::Below };
    if !model.windows.shows(Place::Chat(thread)) && !model.windows.split(axis, Place::Chat(thread)) {
        return model.say("there are as many windows as there can be");
    }
    chat::open(model, thread)
}

/// Pins, mutes or archives a conversation, or ends that.
pub fn arrange(view: &ConversationView, action: Action) -> Vec<Request> {
    let (shelf, is_on) = match action {
        Action::Pin => (Shelf::Pinned, view.pinned),
        Action::Mute => (Shelf::Muted, view.muted),
        _ => (Shelf::Archived, view.archived),
    };
    let switch = if is_on { Switch::Off } else { Switch::On };
    let command = Command::Talk(Talk::Arrange { thread: view.thread, shelf, switch });
    vec![Request::Command(Asked::Talk(view.thread), command)]
}

/// Shows those in use, then only unread ones, then all.
fn filter(model: &mut Model) -> Vec<Request> {
    let (next, said) = match model.messages.filter {
        ConversationFilter::Open => (ConversationFilter::Unread, "only those with unread messages"),
        ConversationFilter::Unread => (ConversationFilter::All, "archived ones too"),
        ConversationFilter::All => (ConversationFilter::Open, "those in use"),
    };
    model.messages.filter = next;
    let mut requests = model.say(said);
    requests.extend(model.watches.ask(Watch::Conversations(next)));
    requests
}

/// Goes to the next or previous unread conversation; in an opened one, opens it.
pub fn seek_unread(model: &mut Model, step: isize) -> Vec<Request> {
    let opened = match model.place {
        Place::Chat(thread) => Some(thread),
        _ => None,
    };
    let rows = model.messages.rows();
    let selected = model.messages.column.selected;
    let mut at = match opened {
        Some(thread) => match rows.iter().position(|view| view.thread == thread) {
            Some(at) => at.checked_add_signed(step),
            // It was read and has left the list: where it stood another one stands now.
            None => Some(selected),
        },
        None => selected.checked_add_signed(step),
    };
    let found = loop {
        match at.and_then(|at| rows.get(at)) {
            Some(view) if view.unread_count > 0 => break Some(view.thread),
            Some(_) => at = at.and_then(|at| at.checked_add_signed(step)),
            None => break None,
        }
    };
    let (Some(thread), Some(at)) = (found, at) else {
        return model.say(super::feed::NOTHING_UNREAD);
    };
    model.messages.column.select(at);
    if opened.is_some() { chat::open(model, thread) } else { Vec::new() }
}

/// Opens the conversation with somebody.
pub fn with(model: &Model, person: PostingId, persona: Option<PostingId>) -> Vec<Request> {
    let command = Command::Talk(Talk::Open { people: vec![person], persona });
    vec![Request::Command(Asked::OpenTalk(model.place), command)]
}

/// The conversation is there: opens it, unless the person has gone on to something else, which keeps their keys.
pub fn begun(model: &mut Model, asked_at: Place, thread: ConversationId) -> Vec<Request> {
    if model.place == asked_at && model.overlay.is_none() && model.text().is_none() {
        return chat::open(model, thread);
    }
    let key = model.key_in(Context::Global, Action::GoMessages);
    model.say(&format!("the conversation is there: {key}"))
}

/// Opens the conversation with whoever was named: a posting id, a name, or the beginning of a fingerprint.
pub fn with_named(model: &mut Model, typed: &str) -> Vec<Request> {
    if let Ok(id) = typed.parse::<PostingId>() {
        return with(model, id, None);
    }
    let found: Vec<PersonView> = model.people.named(typed);
    match found.as_slice() {
        [only] => with(model, only.posting_id, Some(only.persona)),
        [] => model.say("you follow nobody of this name: try the posting id, or follow them first"),
        _ => model.say("more than one person has this name: add the beginning of the fingerprint"),
    }
}

/// Draws the list.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    let theme = model.theme;
    let messages = &model.messages;
    if messages.rows().is_empty() {
        if messages.list.is_some() {
            draw_empty(model, area, buffer);
        }
        return;
    }
    let mut rest = area;
    let mut above = messages.column.top.row;
    for (item, view) in messages.rows().iter().enumerate().skip(messages.column.top.item) {
        if rest.is_empty() {
            break;
        }
        let mut rows = Vec::new();
        if begins_requests(messages.rows(), item) {
            rows.push(requests_line(model, usize::from(rest.width)));
        }
        let is_selected = item == messages.column.selected;
        rows.extend(entry(model, view, is_selected, usize::from(rest.width)));
        let rows: Vec<Line<'_>> = rows.into_iter().skip(above).collect();
        let (at, below) = lines::split_top(rest, u16::try_from(rows.len()).unwrap_or(u16::MAX));
        lines::draw(buffer, at, rows);
        (rest, above) = (below, 0);
    }
    let is_cut = messages.rows().len() >= usize::try_from(QUERY_ROWS).unwrap_or(usize::MAX);
    if is_cut && rest.height > 0 {
        let text = format!("The {QUERY_ROWS} latest are listed.");
        lines::draw(buffer, rest, sentence(&text, rest.width, theme.faint()));
    }
}

fn draw_empty(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let (title, text) = if model.messages.filter == ConversationFilter::Unread {
        ("Nothing unread.", format!("{} shows others.", model.key_in(Context::Messages, Action::FilterTalks)))
    } else {
        let people = model.key_in(Context::Global, Action::GoPeople);
        let message = model.key_in(Context::People, Action::MessagePerson);
        let text = format!(
            "Write to somebody you follow: {people}, choose a person, then {message}. What you write only they can \
             read, and nobody between sees who writes to whom."
        );
        ("No conversations yet.", text)
    };
    let column = lines::middle(area, 60, area.height);
    let mut rows = vec![lines::plain(title, theme.strong()), Line::default()];
    rows.extend(sentence(&text, column.width, theme.faint()));
    let height = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    lines::draw(buffer, lines::middle(area, 60, height), rows);
}

fn requests_line(model: &Model, columns: usize) -> Line<'static> {
    let theme = model.theme;
    let head = format!("{} people you have not written to ", theme.rule().repeat(2));
    let rest = theme.rule().repeat(columns.saturating_sub(wrap::cells(&head)));
    lines::plain(wrap::clip(&format!("{head}{rest}"), columns, ""), theme.faint())
}

/// `▌● mo 4d4d4d4d · 3 new · 2m · pinned`, and below it the last message.
fn entry(model: &Model, view: &ConversationView, selected: bool, columns: usize) -> Vec<Line<'static>> {
    let theme = model.theme;
    let bar = if selected { theme.bar() } else { " " };
    let is_request = view.standing == Standing::Request;
    let mark = if view.unread_count > 0 { theme.unread() } else { " " };
    let gutter = || Span::styled(format!("{bar:1}"), theme.accent());
    let style = match (selected, view.unread_count) {
        (true, _) => theme.accent(),
        (false, 1..) => theme.strong(),
        (false, 0) => ratatui::style::Style::new(),
    };
    let room = columns.saturating_sub(usize::from(GUTTER));
    let (mut facts, needed) = (facts(model, view), 14);
    let dot = wrap::cells(theme.dot());
    let width = |facts: &[String]| facts.iter().map(|fact| dot + wrap::cells(fact)).sum::<usize>();
    while facts.len() > 1 && needed + width(&facts) > room {
        facts.pop();
    }
    let mut first = vec![gutter(), Span::styled(format!("{mark:1} "), theme.fresh())];
    let name_room = room.saturating_sub(width(&facts));
    match view.people.as_slice() {
        [only] if view.kind == ConversationKind::Two => {
            first.extend(signature(theme, &view.title, only.posting_id, name_room, style));
        }
        _ => first.push(Span::styled(wrap::clip(&chat::name_of(view), name_room, theme.ellipsis()), style)),
    }
    for (at, fact) in facts.into_iter().enumerate() {
        let style = if at == 0 && view.unread_count > 0 { theme.strong() } else { theme.faint() };
        first.push(Span::styled(theme.dot(), theme.faint()));
        first.push(Span::styled(fact, style));
    }
    let preview = match &view.last_message {
        _ if is_request && view.kind == ConversationKind::Group => "takes you into a group".to_owned(),
        _ if is_request => "wants to write to you".to_owned(),
        _ if view.standing == Standing::Left => "nothing more can be written here".to_owned(),
        None => "no messages yet".to_owned(),
        Some(last) => {
            let text = last.text.as_str().trim().lines().next().unwrap_or_default();
            let name = last.from_name.as_str().trim().replace('\n', " ");
            match (last.from_me, view.kind) {
                (true, _) => format!("you: {text}"),
                (false, ConversationKind::Two) => text.to_owned(),
                (false, _) => format!("{name}: {text}"),
            }
        }
    };
    let preview = wrap::clip(&preview, room, theme.ellipsis());
    let second = vec![gutter(), Span::raw("  "), Span::styled(preview, theme.faint())];
    vec![Line::from(first), Line::from(second)]
}

/// What stands behind the name, the most important first.
fn facts(model: &Model, view: &ConversationView) -> Vec<String> {
    let mut facts = Vec::new();
    if view.unread_count > 0 {
        facts.push(format!("{} new", view.unread_count));
    }
    facts.push(when::age(model.now, view.last));
    match view.kind {
        ConversationKind::Group => facts.push(head_count(view.people.len() + 1)),
        ConversationKind::Circle => facts.push(head_count(view.people.len())),
        ConversationKind::Two | ConversationKind::CircleOfOther => {}
    }
    let marks = [(view.pinned, "pinned"), (view.muted, "muted"), (view.archived, "archived")];
    facts.extend(marks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word.to_owned()));
    if model.personas.as_ref().is_some_and(|personas| personas.len() > 1) {
        facts.push(format!("as {}", wrap::clip(chat::persona_name(model, view).as_str(), 12, ".")));
    }
    facts
}
