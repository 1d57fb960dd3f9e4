//! The panes: each file has its state, what actions do in it, and how it is drawn.

pub mod compose;
pub mod feed;
pub mod first_run;
pub mod help;
pub mod network;
pub mod people;
pub mod thread;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::model::{Field, FieldState};
use super::theme::Theme;
use super::widgets::{lines, wrap};
use crate::domain::ids::PostingId;
use crate::domain::text::SafeText;
use crate::limits::NAME_COLUMNS;

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
    vec![
        Span::styled(name, style),
        Span::raw(gap),
        Span::styled(fingerprint, theme.faint()),
    ]
}

/// A text of the program itself, broken into rows.
fn sentence(text: &str, width: u16, style: Style) -> Vec<Line<'static>> {
    wrap::rows(text, usize::from(width))
        .map(|row| lines::plain(row.to_owned(), style))
        .collect()
}

/// Draws a field under its label: the text, and below it what is wrong with it.
fn draw_field(buffer: &mut Buffer, area: Rect, theme: Theme, field: &Field, rows: u16) {
    let (input, below) = lines::split_top(area, rows);
    let mark = Rect {
        width: input.width.min(2),
        ..input
    };
    let marks = std::iter::repeat_n(lines::plain(theme.bar(), theme.accent()), usize::from(rows));
    lines::draw(buffer, mark, marks);
    field.editor.draw(buffer, lines::indent(input, 2));
    match &field.state {
        FieldState::Typing => {}
        FieldState::Asked => lines::draw(buffer, below, [lines::plain("one moment", theme.faint())]),
        FieldState::Refused(why) => {
            lines::draw(buffer, below, sentence(why.as_str(), below.width, theme.bad()));
        }
    }
}
