//! The keys of the pane below it and those of every pane, read from the live keymap.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::ui::action::Action;
use crate::ui::keymap::Context;
use crate::ui::model::{Model, Overlay};
use crate::ui::widgets::lines;

/// Columns of the keys.
const KEYS: usize = 20;

/// Keeps the scroll position inside the text.
pub fn settle(model: &mut Model, body: Rect) {
    let rows = text(model).len();
    if let Some(Overlay::Help(top)) = &mut model.overlay {
        *top = (*top).min(rows.saturating_sub(usize::from(body.height)));
    }
}

/// Draws the keys over the body.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if let Some(Overlay::Help(top)) = &model.overlay {
        lines::draw(buffer, area, text(model).into_iter().skip(*top));
    }
}

fn text(model: &Model) -> Vec<Line<'static>> {
    if !matches!(model.overlay, Some(Overlay::Help(_))) {
        return Vec::new();
    }
    let theme = model.theme;
    let mut text = Vec::new();
    for context in model.contexts_below() {
        let page = model.keymap.page(*context);
        if page.is_empty() {
            continue;
        }
        text.push(lines::plain(context.title(), theme.accent()));
        for (keys, sentence) in page {
            text.push(Line::from(vec![
                Span::styled(format!("  {keys:<KEYS$} "), theme.strong()),
                Span::raw(sentence),
            ]));
        }
        text.push(Line::default());
    }
    if model.contexts_below().contains(&Context::Global) {
        text.push(lines::plain("Commands", theme.accent()));
        for action in Action::ALL {
            text.push(Line::from(vec![
                Span::styled(format!("  :{:<KEYS$}", action.name()), theme.strong()),
                Span::raw(action.sentence()),
            ]));
        }
    }
    text
}
