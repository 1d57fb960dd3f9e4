//! Puts styled lines into an area, one per row. Whatever does not fit is left out; any area is allowed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Draws lines from the top of the area on.
pub fn draw<'a>(buffer: &mut Buffer, area: Rect, lines: impl IntoIterator<Item = Line<'a>>) {
    let area = area.intersection(buffer.area);
    for (row, line) in area.rows().zip(lines) {
        buffer.set_line(row.x, row.y, &line, row.width);
    }
}

/// Draws one line with something at its right end, which stays where both do not fit.
pub fn draw_both_ends(buffer: &mut Buffer, row: Rect, left: &Line<'_>, right: &Line<'_>) {
    let row = row.intersection(buffer.area);
    if row.is_empty() {
        return;
    }
    let right_width = u16::try_from(right.width()).unwrap_or(u16::MAX).min(row.width);
    let left_width = row.width - right_width;
    buffer.set_line(row.x, row.y, left, left_width);
    buffer.set_line(row.x + left_width, row.y, right, right_width);
}

/// A row filled with one style.
pub fn fill(buffer: &mut Buffer, area: Rect, style: Style) {
    buffer.set_style(area.intersection(buffer.area), style);
}

/// A column of this wide piece of text in the middle of the area, or all of it when it is narrow.
pub fn middle(area: Rect, width: u16, height: u16) -> Rect {
    let width = width.min(area.width);
    let height = height.min(area.height);
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 3, width, height }
}

/// A line of one style.
pub fn plain<'a>(text: impl Into<std::borrow::Cow<'a, str>>, style: Style) -> Line<'a> {
    Line::from(Span::styled(text, style))
}

/// `rows` rows cut off the top of an area, and the rest.
pub fn split_top(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    let top = Rect { height: rows, ..area };
    let rest = Rect { y: area.y + rows, height: area.height - rows, ..area };
    (top, rest)
}

/// The area without so many columns at its left.
pub fn indent(area: Rect, columns: u16) -> Rect {
    let columns = columns.min(area.width);
    Rect { x: area.x + columns, width: area.width - columns, ..area }
}
