//! The panes: each file has its state, what actions do in it, and how it is drawn.

pub mod attachments;
pub mod audience;
pub mod chat;
pub mod compose;
pub mod feed;
pub mod first_run;
pub mod groups;
pub mod help;
pub mod locked;
pub mod messages;
pub mod network;
pub mod people;
pub mod question;
pub mod reaction;
pub mod sheet;
pub mod target;
pub mod thread;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::action::Action;
use super::model::{Field, FieldState, Model};
use super::theme::Theme;
use super::widgets::secret::Secret;
use super::widgets::{lines, wrap};
use crate::domain::ids::PostingId;
use crate::domain::text::SafeText;
use crate::limits::NAME_COLUMNS;

/// Columns left of a field: its bar and a gap.
const FIELD_MARGIN: u16 = 2;
/// Columns of a text that is read; longer rows are hard to find the beginning of.
const TEXT_COLUMNS: u16 = 100;

/// A person's name and the fingerprint that no name can imitate, in at most so many columns: the name gives way.
fn signature(
    theme: Theme,
    name: &SafeText,
    id: PostingId,
    columns: usize,
    style: Style,
) -> Vec<Span<'static>> {
    let fingerprint = id.fingerprint();
    let room = columns.saturating_sub(fingerprint.len() + 1).min(NAME_COLUMNS);
    let name = match name.as_str().trim() {
        "" => wrap::clip("nameless", room, theme.ellipsis()),
        name => wrap::clip(&name.replace('\n', " "), room, theme.ellipsis()),
    };
    let gap = if name.is_empty() { "" } else { " " };
    vec![Span::styled(name, style), Span::raw(gap), Span::styled(fingerprint, theme.faint())]
}

/// A text of the program itself, broken into rows.
fn sentence(text: &str, width: u16, style: Style) -> Vec<Line<'static>> {
    wrap::rows(text, usize::from(width)).map(|row| lines::plain(row.to_owned(), style)).collect()
}

/// Rows a field grows to: more than an invite takes.
const FIELD_MOST_ROWS: usize = 6;

/// Draws a field as high as its text, and below it what is wrong with it.
fn draw_field(buffer: &mut Buffer, area: Rect, theme: Theme, field: &Field) {
    let columns = usize::from(area.width.saturating_sub(FIELD_MARGIN)).max(1);
    // One more cell for the cursor behind the text.
    let rows = (wrap::cells(&field.editor.content()) + 1).div_ceil(columns);
    let rows = u16::try_from(rows.min(FIELD_MOST_ROWS)).unwrap_or(1);
    let (input, below) = lines::split_top(area, rows.min(area.height.saturating_sub(1)).max(1));
    let bars = std::iter::repeat_n(lines::plain(theme.bar(), theme.accent()), usize::from(input.height));
    lines::draw(buffer, input, bars);
    field.editor.draw(buffer, lines::indent(input, FIELD_MARGIN));
    draw_state(buffer, below, theme, &field.state);
}

/// Draws that a passphrase is typed, and below it what is wrong with it.
fn draw_secret(buffer: &mut Buffer, area: Rect, theme: Theme, secret: &Secret, state: &FieldState) {
    let (input, below) = lines::split_top(area, 1);
    lines::draw(buffer, input, [lines::plain(theme.bar(), theme.accent())]);
    secret.draw(buffer, lines::indent(input, FIELD_MARGIN), "typed, not shown", theme.faint());
    draw_state(buffer, below, theme, state);
}

/// How far a field came, below it.
fn draw_state(buffer: &mut Buffer, below: Rect, theme: Theme, state: &FieldState) {
    match state {
        FieldState::Typing => {}
        FieldState::Asked => lines::draw(buffer, below, [lines::plain("one moment", theme.faint())]),
        FieldState::Refused(why) => {
            lines::draw(buffer, below, sentence(why.as_str(), below.width, theme.bad()));
        }
    }
}

/// Draws a field under a sentence that asks for its text.
fn draw_question(model: &Model, area: Rect, buffer: &mut Buffer, question: &str, field: &Field) {
    let question = format!("{question}, then press {}:", model.key(Action::Submit));
    let question = sentence(&question, area.width, model.theme.strong());
    let (label, rest) = lines::split_top(area, u16::try_from(question.len() + 1).unwrap_or(2));
    lines::draw(buffer, label, question);
    draw_field(buffer, rest, model.theme, field);
}
