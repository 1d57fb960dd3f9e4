//! The picture of a conversation: messages, below them one line that says as whom one writes to whom, and the input;
//! for a request of a stranger what can be done about it. Texts of others stand further in than every line of ours.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{
    Chat, GUTTER, INDENT, Mode, begins_day, day, persona_name, protection, protection_in_short, text_width,
};
use crate::api::{ConversationKind, Delivery, DraftSlot, MessageView, QuoteView, head_count};
use crate::domain::conversation::ConversationId;
use crate::domain::text::SafeText;
use crate::domain::time::Timestamp;
use crate::ui::action::Action;
use crate::ui::keymap::Context;
use crate::ui::model::{Model, Place};
use crate::ui::panes::{reaction, sentence, signature};
use crate::ui::theme::Theme;
use crate::ui::widgets::{lines, wrap};

/// The most rows of the input.
const INPUT_ROWS: usize = 6;
/// The least rows messages have while the input grows.
const MESSAGE_ROWS: u16 = 3;
/// Columns from which on the key that leads to what is new is named.
const KEY_COLUMNS: u16 = 60;
/// Columns from which on every offer of a request has its whole sentence.
const REQUEST_COLUMNS: u16 = 78;
/// Columns of a name and of the fingerprint behind it that facts leave to them.
const NAME_ROOM: usize = 12;
const FINGERPRINT: usize = 9;
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The parts of a conversation's area.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    /// Messages.
    pub messages: Rect,
    /// As whom to whom.
    whom: Rect,
    /// What is quoted or changed.
    about: Rect,
    /// The input, or what can be done about a request.
    input: Rect,
}

/// Where everything stands.
pub fn parts(model: &Model, chat: &Chat, area: Rect) -> Parts {
    let about = u16::from(chat.quote.is_some() || matches!(chat.mode, Mode::Correcting(_)));
    let wanted = if chat.is_request() {
        request_rows(model, chat, area.width).len()
    } else {
        input_rows(model, chat, area.width)
    };
    let room = area.height.saturating_sub(1 + about);
    let most = room.saturating_sub(MESSAGE_ROWS.min(room / 2));
    let input = u16::try_from(wanted).unwrap_or(u16::MAX).min(most).max(u16::from(room > 0));
    let (messages, rest) = lines::split_top(area, room.saturating_sub(input));
    let (whom, rest) = lines::split_top(rest, 1);
    let (about, input) = lines::split_top(rest, about);
    Parts { messages, whom, about, input }
}

/// The slot whose text stands in the input.
fn slot_shown(chat: &Chat) -> DraftSlot {
    chat.typed_into().unwrap_or(DraftSlot::Message(chat.thread))
}

fn input_rows(model: &Model, chat: &Chat, columns: u16) -> usize {
    let width = usize::from(columns.saturating_sub(GUTTER)).max(1);
    let Some(writing) = model.desk.text(slot_shown(chat)) else { return 1 };
    // One more cell for the cursor behind the text.
    let text = writing.editor.content();
    let rows = text.split('\n').map(|line| (wrap::cells(line) + 1).div_ceil(width)).sum::<usize>();
    rows.clamp(1, if chat.is_typing() { INPUT_ROWS } else { 2 })
}

/// Draws a conversation, or what is known instead.
pub fn draw(model: &Model, thread: ConversationId, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    let theme = model.theme;
    let Some(chat) = model.chats.get(&thread) else { return };
    if chat.is_gone {
        return lines::draw(
            buffer,
            area,
            [lines::plain("! this conversation is not here any more", theme.bad())],
        );
    }
    let parts = parts(model, chat, area);
    draw_messages(model, chat, parts.messages, buffer);
    draw_whom(model, chat, parts.whom, buffer);
    draw_about(model, chat, parts.about, buffer);
    draw_input(model, chat, parts.input, buffer);
}

fn draw_messages(model: &Model, chat: &Chat, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let list = chat.log.list();
    if list.is_empty() {
        let text = if chat.log.is_loaded() {
            Some("No messages yet. What you write here only the people of this conversation can read.")
        } else {
            let failed =
                "The messages could not be read. Any key that does something here asks for them again.";
            chat.log.has_failed().then_some(failed)
        };
        if let Some(text) = text {
            lines::draw(
                buffer,
                lines::indent(area, GUTTER),
                sentence(text, area.width.saturating_sub(GUTTER), theme.faint()),
            );
        }
        return;
    }
    let (_, mut rest) = lines::split_top(area, chat.pad);
    let column = chat.log.column;
    let mut above = column.top.row;
    let has_bar = model.place == Place::Chat(chat.thread) && !chat.is_typing();
    for (item, message) in list.iter().enumerate().skip(column.top.item) {
        if rest.is_empty() {
            break;
        }
        let before = item.checked_sub(1).and_then(|before| list.get(before));
        let rows = rows(model, chat, before, message, area.width);
        let lead = rows.lead.saturating_sub(above);
        let rows: Vec<Line<'_>> = rows.all.into_iter().skip(above).collect();
        let (at, below) = lines::split_top(rest, u16::try_from(rows.len()).unwrap_or(u16::MAX));
        if has_bar && item == column.selected {
            let (_, beside) = lines::split_top(at, u16::try_from(lead).unwrap_or(0));
            let bars =
                std::iter::repeat_n(lines::plain(theme.bar(), theme.accent()), usize::from(beside.height));
            lines::draw(buffer, beside, bars);
        }
        lines::draw(buffer, lines::indent(at, GUTTER), rows);
        (rest, above) = (below, 0);
    }
}

/// The rows of a message, and how many lines of ours stand before it.
struct Rows<'a> {
    lead: usize,
    all: Vec<Line<'a>>,
}

fn rows<'a>(
    model: &'a Model,
    chat: &'a Chat,
    before: Option<&MessageView>,
    message: &'a MessageView,
    columns: u16,
) -> Rows<'a> {
    let theme = model.theme;
    let width = text_width(columns);
    let room = usize::from(columns.saturating_sub(GUTTER));
    let mut all = Vec::new();
    if begins_day(before, message) {
        all.push(ruled(theme, &day_name(message.received), room, theme.faint()));
    }
    if Some(message.place) == chat.log.unread_from() {
        all.push(ruled(theme, "new from here on", room, theme.fresh()));
    }
    let lead = all.len();
    all.push(heading(theme, message, room));
    let indent = " ".repeat(usize::from(INDENT));
    if let Some(quote) = &message.quote {
        all.push(quoted(theme, quote, width, &indent));
    }
    if message.deleted {
        all.push(lines::plain(format!("{indent}(deleted)"), theme.faint()));
    } else {
        for row in chat.wraps.rows(message.key(), message.text.as_str(), width).iter() {
            all.push(Line::raw(format!("{indent}{row}")));
        }
    }
    if !message.reactions.is_empty() {
        let mut row = reaction::row(theme, &message.reactions, &message.my_reactions, width);
        row.spans.insert(0, Span::raw(indent));
        all.push(row);
    }
    Rows { lead, all }
}

/// `── Saturday 2026-11-21 UTC ─────`.
fn ruled(theme: Theme, text: &str, columns: usize, style: Style) -> Line<'static> {
    let head = format!("{} {text} ", theme.rule().repeat(2));
    let rest = theme.rule().repeat(columns.saturating_sub(wrap::cells(&head)));
    lines::plain(wrap::clip(&format!("{head}{rest}"), columns, ""), style)
}

fn day_name(time: Timestamp) -> String {
    let weekday = usize::try_from((day(time).saturating_add(3)).rem_euclid(7)).unwrap_or(0);
    format!("{} {} UTC", DAYS.get(weekday).copied().unwrap_or_default(), time.format_date())
}

fn clock(time: Timestamp) -> String {
    let minutes = time.as_minutes().rem_euclid(24 * 60);
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// `mo 4d4d4d4d · 14:02`, or `you · 14:03 · ✓ arrived`.
fn heading(theme: Theme, message: &MessageView, columns: usize) -> Line<'static> {
    let mut facts: Vec<(String, Style)> = Vec::new();
    // A claim of the future is worth no more than when it came in.
    let sent = message.sent.min(message.received);
    let time = if day(sent) == day(message.received) {
        clock(sent)
    } else {
        format!("sent {} {}", sent.format_date(), clock(sent))
    };
    facts.push((time, theme.faint()));
    if message.from_me && !message.deleted {
        facts.push(delivery(theme, message.state));
    }
    if message.edited {
        facts.push(("edited".to_owned(), theme.faint()));
    }
    let dot = wrap::cells(theme.dot());
    let needed = if message.from_me { "you".len() } else { message.from.fingerprint().len() + 2 };
    let width =
        |facts: &[(String, Style)]| facts.iter().map(|(fact, _)| dot + wrap::cells(fact)).sum::<usize>();
    while facts.len() > 1 && needed + width(&facts) > columns {
        facts.pop();
    }
    let mut spans = if message.from_me {
        vec![Span::styled("you", theme.strong())]
    } else {
        let room = columns.saturating_sub(width(&facts));
        signature(theme, &plain_name(theme, &message.from_name), message.from, room, theme.strong())
    };
    for (fact, style) in facts {
        spans.push(Span::styled(theme.dot(), theme.faint()));
        spans.push(Span::styled(fact, style));
    }
    Line::from(spans)
}

/// A sign and a word.
fn delivery(theme: Theme, state: Delivery) -> (String, Style) {
    match state {
        Delivery::Received => (String::new(), theme.faint()),
        Delivery::Queued { .. } => (format!("{} queued", theme.queued()), theme.faint()),
        Delivery::Sent { .. } | Delivery::Published { .. } => (format!("{} sent", theme.to()), theme.faint()),
        Delivery::Arrived { people, of } if people == of => {
            (format!("{} arrived", theme.arrived()), theme.good())
        }
        Delivery::Arrived { people, of } => {
            (format!("{} at {people} of {of}", theme.arrived()), theme.good())
        }
        Delivery::Lost => ("! no receipt".to_owned(), theme.bad()),
    }
}

/// `│ mo: The boat is back`.
fn quoted(theme: Theme, quote: &QuoteView, columns: usize, indent: &str) -> Line<'static> {
    let name = quote.from_name.as_str().trim().replace('\n', " ");
    let text = quote.text.as_str().trim().lines().next().unwrap_or_default();
    let said = if name.is_empty() && text.is_empty() {
        "(a message that is not here)".to_owned()
    } else if text.is_empty() {
        format!("{name}: (deleted)")
    } else {
        format!("{name}: {text}")
    };
    let said = wrap::clip(&said, columns.saturating_sub(2), theme.ellipsis());
    lines::plain(format!("{indent}{} {said}", theme.wall()), theme.faint())
}

/// `as ana → mo 4d4d4d4d · sealed, not verified` and, at the right, what is new below.
fn draw_whom(model: &Model, chat: &Chat, row: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let Some(view) = &chat.view else { return };
    let key = if row.width < KEY_COLUMNS {
        String::new()
    } else {
        format!(" {}", model.key_in(Context::List, Action::GoLast))
    };
    let below = match chat.unread_below() {
        0 => String::new(),
        count => format!("  {count} new {}{key}", theme.down()),
    };
    let columns = usize::from(row.width).saturating_sub(wrap::cells(&below));
    if chat.is_request() {
        let what = if view.kind == ConversationKind::Group {
            "A stranger takes you into a group."
        } else {
            "A stranger wants to write to you."
        };
        let text = wrap::clip(what, columns, theme.ellipsis());
        return lines::draw_both_ends(
            buffer,
            row,
            &lines::plain(text, theme.fresh()),
            &lines::plain(below, theme.fresh()),
        );
    }
    let persona = wrap::clip(persona_name(model, view).as_str(), (columns / 4).max(4), theme.ellipsis());
    let mut spans =
        vec![Span::raw("as "), Span::styled(persona, theme.strong()), Span::raw(format!(" {} ", theme.to()))];
    let fixed: usize = spans.iter().map(Span::width).sum();
    // What protects it stands at the end of the row, where no name reaches: in fewer words before the name is cut.
    let name = plain_name(theme, &view.title);
    let needed = fixed + wrap::cells(name.as_str()).min(NAME_ROOM) + FINGERPRINT;
    let (long, short) = (protection(view), protection_in_short(view));
    let sealed = if needed + 2 + wrap::cells(&long) <= columns { long } else { short.to_owned() };
    let room = columns.saturating_sub(fixed + 2 + wrap::cells(&sealed));
    match (view.kind, view.people.as_slice()) {
        (ConversationKind::Two, [only]) => {
            spans.extend(signature(theme, &name, only.posting_id, room, theme.strong()));
        }
        (ConversationKind::CircleOfOther, [owner]) => {
            spans.extend(signature(theme, &name, owner.posting_id, room.saturating_sub(9), theme.strong()));
            spans.push(Span::raw("'s circle"));
        }
        (kind, people) => {
            let head = if kind == ConversationKind::Circle { "circle " } else { "" };
            let count = behind_title(theme, kind, people.len());
            let room = room.saturating_sub(wrap::cells(&count) + head.len());
            spans.push(Span::raw(head));
            spans.push(Span::styled(wrap::clip(name.as_str(), room, theme.ellipsis()), theme.strong()));
            spans.push(Span::raw(count));
        }
    }
    let right = vec![Span::styled(format!("  {sealed}"), theme.faint()), Span::styled(below, theme.fresh())];
    lines::draw_both_ends(buffer, row, &Line::from(spans), &Line::from(right));
}

/// ` · 7 people`: with me in a group, without in a circle.
fn behind_title(theme: Theme, kind: ConversationKind, others: usize) -> String {
    format!("{}{}", theme.dot(), head_count(others + usize::from(kind == ConversationKind::Group)))
}

/// A name without what would make it look like several facts of ours.
fn plain_name(theme: Theme, name: &SafeText) -> SafeText {
    SafeText::line(&name.as_str().replace(theme.dot(), " ").replace(theme.arrived(), " "))
}

fn draw_about(model: &Model, chat: &Chat, row: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let columns = usize::from(row.width);
    let line = match (&chat.mode, &chat.quote) {
        (Mode::Correcting(_), _) => lines::plain("a new text for your message:", theme.faint()),
        (_, Some(quote)) => {
            let mut line = quoted(theme, quote, columns.saturating_sub(8), "");
            line.spans.insert(0, Span::styled("quotes ", theme.faint()));
            line
        }
        _ => return,
    };
    lines::draw(buffer, row, [line]);
}

fn draw_input(model: &Model, chat: &Chat, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    if chat.is_request() {
        return lines::draw(buffer, area, request_rows(model, chat, area.width));
    }
    let place = Place::Chat(chat.thread);
    let has_focus = model.place == place;
    let Some(writing) = model.desk.text(slot_shown(chat)) else { return };
    let text = lines::indent(area, GUTTER);
    if chat.is_typing() {
        let bars = std::iter::repeat_n(lines::plain(theme.bar(), theme.accent()), usize::from(area.height));
        lines::draw(buffer, area, bars);
        return writing.editor.draw(buffer, text);
    }
    if chat.is_left() {
        let said = "Nothing more can be written here: you left it, or were put out.";
        return lines::draw(buffer, text, sentence(said, text.width, theme.faint()));
    }
    if !writing.has_text() {
        let hint = if chat.is_circle_of_other() {
            format!("{} comments on the selected post", model.key_in(Context::Chat, Action::Quote))
        } else {
            format!("{} writes", model.key_in(Context::Chat, Action::Write))
        };
        let hint = if has_focus { hint } else { String::new() };
        return lines::draw(buffer, text, [lines::plain(hint, theme.faint())]);
    }
    let content = format!("draft: {}", writing.editor.content());
    let rows = wrap::rows(&content, usize::from(text.width)).take(usize::from(text.height));
    lines::draw(buffer, text, rows.map(|row| lines::plain(row.to_owned(), theme.faint())));
}

/// What can be done about a request, one sentence each.
fn request_rows(model: &Model, chat: &Chat, columns: u16) -> Vec<Line<'static>> {
    let theme = model.theme;
    let offers = if columns < REQUEST_COLUMNS {
        [
            (Action::Accept, "accepts: you can answer; sends nothing"),
            (Action::Ignore, "ignores: out of the list, also later"),
            (Action::Block, "blocks: shows nothing of them again"),
        ]
    } else {
        [
            (
                Action::Accept,
                "accepts: it becomes a conversation and you can answer. Nothing is sent by that.",
            ),
            (Action::Ignore, "ignores: it leaves the list, and more of the same person goes the same way."),
            (Action::Block, "blocks: it is removed, and nothing of this person is shown to you again."),
        ]
    };
    offers
        .into_iter()
        .filter(|(action, _)| *action != Action::Block || chat.can_be_blocked())
        .flat_map(|(action, text)| {
            let key = model.key_in(Context::Request, action);
            sentence(&format!("{key} {text}"), columns, theme.faint())
        })
        .collect()
}
