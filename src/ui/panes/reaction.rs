//! Reactions: one key puts the emoji used last or takes it back, another one opens a small grid with a line for any
//! other emoji. What one sees changes at once; the node has the last word.

use std::collections::BTreeMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};
use unicode_segmentation::UnicodeSegmentation;

use super::target::Target;
use super::{chat, draw_field, signature};
use crate::api::{Command, MessageKey, MessageView};
use crate::domain::conversation::ConversationId;
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::operation::{ReactionSwitch, parse_emoji};
use crate::domain::text::SafeText;
use crate::ui::action::Action;
use crate::ui::layout::Areas;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{Field, FieldState, Model, Overlay};
use crate::ui::theme::{Glyphs, Theme};
use crate::ui::widgets::{lines, wrap};

/// What `f` puts before anything was picked.
pub const FIRST: &str = "♥";
/// What the grid offers, with a name for terminals that show only ASCII.
const OFFERED: &[(&str, &str)] = &[
    (FIRST, "heart"),
    ("👍", "yes"),
    ("👎", "no"),
    ("😂", "laugh"),
    ("😮", "wow"),
    ("😢", "sad"),
    ("😡", "angry"),
    ("🎉", "party"),
    ("🙏", "thanks"),
    ("👏", "clap"),
    ("🔥", "fire"),
    ("🤔", "hm"),
    ("👀", "look"),
    ("✅", "done"),
    ("🌿", "plant"),
    ("☕", "coffee"),
];
/// Emoji of others offered in front of these.
const FOREIGN: usize = 8;
/// Columns of an offer: the emoji or name between two brackets, and a gap.
const CELL: usize = 5;
const NAMED_CELL: usize = 9;
/// Rows of the line and of what is wrong with it.
const LINE_ROWS: u16 = 3;

/// The grid over a pane.
#[derive(Debug, Clone, PartialEq)]
pub struct Picker {
    aim: Aim,
    author: PostingId,
    author_name: SafeText,
    my_reactions: Vec<SafeText>,
    offers: Vec<SafeText>,
    selected: usize,
    /// Any other emoji.
    pub line: Field,
}

/// What gets the emoji.
#[derive(Debug, Clone, PartialEq)]
enum Aim {
    Item(Box<Target>),
    Message(ConversationId, MessageKey),
}

/// Puts the emoji used last on what is selected, or takes it back.
pub fn toggle_last(model: &mut Model, target: &Target) -> Vec<Request> {
    let emoji = SafeText::line(&model.emoji);
    toggle(model, target, &emoji)
}

/// Opens the grid.
pub fn pick(model: &mut Model, target: &Target) -> Vec<Request> {
    let aim = Aim::Item(Box::new(target.clone()));
    let (author, name) = (target.author, target.author_name.clone());
    open(model, aim, (author, name), &target.reactions, target.my_reactions.clone())
}

/// Opens the grid for a message.
pub fn pick_for_message(model: &mut Model, thread: ConversationId, message: &MessageView) -> Vec<Request> {
    let aim = Aim::Message(thread, message.key());
    let (author, name) = (message.from, message.from_name.clone());
    open(model, aim, (author, name), &message.reactions, message.my_reactions.clone())
}

fn open(
    model: &mut Model,
    aim: Aim,
    (author, author_name): (PostingId, SafeText),
    reactions: &BTreeMap<SafeText, u64>,
    my_reactions: Vec<SafeText>,
) -> Vec<Request> {
    let mut offers: Vec<SafeText> = most_frequent(reactions)
        .into_iter()
        .map(|(emoji, _)| emoji.clone())
        .filter(|emoji| parse_emoji(emoji.as_str()).is_ok())
        .take(FOREIGN)
        .collect();
    for (emoji, _) in OFFERED {
        let emoji = SafeText::line(emoji);
        if !offers.contains(&emoji) {
            offers.push(emoji);
        }
    }
    let last = SafeText::line(&model.emoji);
    let selected = offers.iter().position(|emoji| *emoji == last).unwrap_or(0);
    let picker = Picker { aim, author, author_name, my_reactions, offers, selected, line: Field::default() };
    model.overlay = Some(Overlay::Picker(Box::new(picker)));
    Vec::new()
}

/// Runs an action of the grid.
pub fn perform(model: &mut Model, action: Action) -> Vec<Request> {
    let columns = across(model.theme, Areas::of(model).body.width);
    let Some(Overlay::Picker(picker)) = &mut model.overlay else {
        return Vec::new();
    };
    let step = match action {
        Action::MoveLeft => -1,
        Action::MoveRight => 1,
        Action::MoveUp => -columns,
        Action::MoveDown => columns,
        Action::Submit => return submit(model),
        Action::Cancel => {
            model.overlay = None;
            return Vec::new();
        }
        _ => return Vec::new(),
    };
    if let Some(next) = picker.selected.checked_add_signed(step).filter(|next| *next < picker.offers.len()) {
        picker.selected = next;
    }
    Vec::new()
}

/// Takes what stands in the line, or what is selected.
fn submit(model: &mut Model) -> Vec<Request> {
    let Some(Overlay::Picker(picker)) = &mut model.overlay else {
        return Vec::new();
    };
    let typed = picker.line.editor.content();
    let emoji = match typed.trim() {
        "" => picker.offers.get(picker.selected).map(ToString::to_string).unwrap_or_default(),
        typed => typed.to_owned(),
    };
    let emoji = match parse_emoji(&emoji) {
        Ok(emoji) => SafeText::line(&emoji),
        Err(why) => {
            picker.line.state = FieldState::Refused(SafeText::line(&why.to_string()));
            return Vec::new();
        }
    };
    let (aim, mine) = (picker.aim.clone(), std::mem::take(&mut picker.my_reactions));
    model.overlay = None;
    model.emoji = emoji.to_string();
    match aim {
        Aim::Item(target) => toggle(model, &target, &emoji),
        Aim::Message(thread, message) => chat::toggle_reaction(thread, message, &mine, &emoji),
    }
}

fn toggle(model: &mut Model, target: &Target, emoji: &SafeText) -> Vec<Request> {
    let switch = if target.my_reactions.contains(emoji) { ReactionSwitch::Off } else { ReactionSwitch::On };
    show(model, target.id, emoji, switch);
    let persona = acting(model, target);
    let command = Command::React { target: target.id, emoji: emoji.to_string(), switch, persona };
    vec![Request::Command(Asked::React, command)]
}

/// The persona that reacts and answers: the one that wrote the post or surfaced it, else the default one.
pub fn acting(model: &Model, target: &Target) -> Option<PostingId> {
    let known = model.personas.as_deref().unwrap_or_default();
    let surfaced_by =
        target.surfaced_by.filter(|persona| known.iter().any(|known| known.posting_id == *persona));
    surfaced_by.or_else(|| model.persona().map(|persona| persona.posting_id))
}

/// Shows what the node is about to say.
fn show(model: &mut Model, id: ObjectId, emoji: &SafeText, switch: ReactionSwitch) {
    let in_feed = model.feed.post_mut(id);
    let (post, comment) = model.thread.as_mut().map_or((None, None), |thread| thread.parts_mut(id));
    for (reactions, mine) in [in_feed, post]
        .into_iter()
        .flatten()
        .map(|post| (&mut post.reactions, &mut post.my_reactions))
        .chain(comment.map(|comment| (&mut comment.reactions, &mut comment.my_reactions)))
    {
        change(reactions, mine, emoji, switch);
    }
}

fn change(
    reactions: &mut BTreeMap<SafeText, u64>,
    mine: &mut Vec<SafeText>,
    emoji: &SafeText,
    switch: ReactionSwitch,
) {
    let count = reactions.entry(emoji.clone()).or_default();
    match switch {
        ReactionSwitch::On => {
            *count = count.saturating_add(1);
            mine.push(emoji.clone());
        }
        ReactionSwitch::Off => {
            *count = count.saturating_sub(1);
            mine.retain(|other| other != emoji);
        }
    }
    reactions.retain(|_, count| *count > 0);
}

/// Emoji with their counts, the most frequent first.
fn most_frequent(reactions: &BTreeMap<SafeText, u64>) -> Vec<(&SafeText, u64)> {
    let mut sorted: Vec<(&SafeText, u64)> = reactions.iter().map(|(emoji, count)| (emoji, *count)).collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    sorted
}

/// One emoji as it stands among ours: one grapheme of at most two cells, whatever somebody sent.
fn shown(emoji: &SafeText) -> &str {
    let only = emoji.as_str().graphemes(true).next().unwrap_or_default();
    let is_line = !only.contains(char::is_control);
    if is_line && matches!(wrap::cells(only), 1..=2) { only } else { "\u{fffd}" }
}

/// `♥ 3`, or `[♥ 3]` where one of them is mine.
fn counted(emoji: &SafeText, count: u64, mine: &[SafeText]) -> String {
    let emoji_shown = shown(emoji);
    if mine.contains(emoji) { format!("[{emoji_shown} {count}]") } else { format!("{emoji_shown} {count}") }
}

/// All reactions in one row, as far as they fit.
pub fn row(
    theme: Theme,
    reactions: &BTreeMap<SafeText, u64>,
    mine: &[SafeText],
    columns: usize,
) -> Line<'static> {
    let text = summary(reactions, mine, columns, usize::MAX);
    lines::plain(text, theme.strong())
}

/// The most frequent reactions, at most so many and in so many columns, and `+4` for those left out.
pub fn summary(
    reactions: &BTreeMap<SafeText, u64>,
    mine: &[SafeText],
    columns: usize,
    most: usize,
) -> String {
    let sorted = most_frequent(reactions);
    let total: u64 = sorted.iter().fold(0, |total, (_, count)| total.saturating_add(*count));
    let mut left = total;
    let mut text = String::new();
    for (emoji, count) in sorted.into_iter().take(most) {
        let gap = if text.is_empty() { "" } else { "  " };
        let next = format!("{text}{gap}{}", counted(emoji, count, mine));
        let rest = left.saturating_sub(count);
        let tail = if rest > 0 { format!("  +{rest}").len() } else { 0 };
        if wrap::cells(&next) + tail > columns {
            break;
        }
        (text, left) = (next, rest);
    }
    match left {
        0 => text,
        left if text.is_empty() => wrap::clip(&format!("+{left}"), columns, ""),
        left => format!("{text}  +{left}"),
    }
}

/// Offers that stand beside each other.
fn across(theme: Theme, columns: u16) -> isize {
    let cell = if theme.glyphs == Glyphs::Ascii { NAMED_CELL } else { CELL };
    isize::try_from((usize::from(columns) / cell).max(1)).unwrap_or(1)
}

/// Draws the grid over the lower part of the pane.
pub fn draw(model: &Model, picker: &Picker, body: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let body = body.intersection(buffer.area);
    let columns = across(theme, body.width).unsigned_abs();
    let grid_rows = u16::try_from(picker.offers.len().div_ceil(columns)).unwrap_or(u16::MAX);
    let needed = grid_rows.saturating_add(LINE_ROWS + 2).min(body.height);
    let (_, area) = lines::split_top(body, body.height - needed);
    Clear.render(area, buffer);
    let (rule, rest) = lines::split_top(area, 1);
    lines::draw(buffer, rule, [lines::plain(theme.rule().repeat(usize::from(rule.width)), theme.faint())]);
    let (title, rest) = lines::split_top(rest, 1);
    lines::draw(buffer, title, [heading(theme, picker, usize::from(title.width))]);
    let (grid, line) = lines::split_top(rest, grid_rows.min(rest.height.saturating_sub(1)));
    // Of a grid that does not fit, the rows around the selected one.
    let above = (picker.selected / columns + 1).saturating_sub(usize::from(grid.height));
    let offers: Vec<(usize, &SafeText)> = picker.offers.iter().enumerate().collect();
    let rows = offers.chunks(columns).skip(above).map(|row| grid_row(theme, picker, row));
    lines::draw(buffer, grid, rows);
    draw_line(model, picker, line, buffer);
}

/// `React to kim 31313131`.
fn heading(theme: Theme, picker: &Picker, columns: usize) -> Line<'static> {
    const ASKED: &str = "React to ";
    let mut spans = vec![Span::styled(ASKED, theme.strong())];
    let room = columns.saturating_sub(ASKED.len());
    spans.extend(signature(theme, &picker.author_name, picker.author, room, theme.strong()));
    Line::from(spans)
}

fn grid_row(theme: Theme, picker: &Picker, row: &[(usize, &SafeText)]) -> Line<'static> {
    let mut spans = Vec::new();
    for (at, emoji) in row {
        let name = OFFERED.iter().find(|(offered, _)| *offered == emoji.as_str());
        let (text, cell) = match (theme.glyphs, name) {
            (Glyphs::Ascii, Some((_, name))) => (*name, NAMED_CELL),
            (Glyphs::Ascii, None) => (shown(emoji), NAMED_CELL),
            (Glyphs::Unicode, _) => (shown(emoji), CELL),
        };
        let is_mine = picker.my_reactions.contains(emoji);
        let (open, close) = if *at == picker.selected { ("[", "]") } else { (" ", " ") };
        let style = if *at == picker.selected { theme.accent() } else { theme.strong() };
        let mark = if is_mine { "*" } else { "" };
        let text = format!("{open}{text}{mark}{close}");
        let gap = " ".repeat(cell.saturating_sub(wrap::cells(&text)));
        spans.push(Span::styled(text, style));
        spans.push(Span::raw(gap));
    }
    Line::from(spans)
}

fn draw_line(model: &Model, picker: &Picker, area: Rect, buffer: &mut Buffer) {
    const OTHER: &str = "another: ";
    let label = u16::try_from(OTHER.len()).unwrap_or(0);
    let (first, _) = lines::split_top(area, 1);
    lines::draw(buffer, first, [lines::plain(OTHER, model.theme.faint())]);
    draw_field(buffer, lines::indent(area, label), model.theme, &picker.line);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(reactions: &[(&str, u64)]) -> BTreeMap<SafeText, u64> {
        reactions.iter().map(|(emoji, count)| (SafeText::line(emoji), *count)).collect()
    }

    #[test]
    fn everything_offered_is_a_reaction() {
        for (emoji, name) in OFFERED {
            assert_eq!(parse_emoji(emoji).as_deref(), Ok(*emoji));
            assert!(name.is_ascii() && name.len() + 3 <= NAMED_CELL, "{name}");
        }
    }

    #[test]
    fn the_most_frequent_come_first_and_what_does_not_fit_is_counted() {
        let reactions = some(&[("👍", 2), ("🎉", 1), ("♥", 9)]);
        assert_eq!(summary(&reactions, &[], 80, usize::MAX), "♥ 9  👍 2  🎉 1");
        assert_eq!(summary(&reactions, &[SafeText::line("👍")], 80, 2), "♥ 9  [👍 2]  +1");
        assert_eq!(summary(&reactions, &[], 10, usize::MAX), "♥ 9  +3");
        assert_eq!(summary(&reactions, &[], 3, usize::MAX), "+12");
        assert_eq!(summary(&some(&[]), &[], 9, 2), "");
    }

    #[test]
    fn what_somebody_sends_as_an_emoji_is_one_small_thing_on_the_screen() {
        for text in ["buy now at example.org", "\n", "", "\u{301}", "ﷺ", "a\nb"] {
            let shown = shown(&SafeText::body(text)).to_owned();
            assert!(matches!(wrap::cells(&shown), 1..=2), "{shown:?}");
        }
        let many = some(&[("x", u64::MAX), ("y", u64::MAX)]);
        assert!(wrap::cells(&summary(&many, &[], 30, 9)) <= 30);
    }

    #[test]
    fn putting_and_taking_back_are_opposites() {
        let (mut reactions, mut mine) = (some(&[("👍", 2)]), Vec::new());
        let before = reactions.clone();
        for emoji in ["👍", "🎉"].map(SafeText::line) {
            change(&mut reactions, &mut mine, &emoji, ReactionSwitch::On);
            assert_eq!(mine, std::slice::from_ref(&emoji));
            change(&mut reactions, &mut mine, &emoji, ReactionSwitch::Off);
            assert!(reactions == before && mine.is_empty());
        }
    }
}
