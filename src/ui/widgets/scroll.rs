//! Moving in a text that is higher than its window.

use crate::ui::action::Action;

/// The first row shown after an action, for a window of so many rows; `None` when the action moves nothing. May lie
/// behind the text.
pub fn scrolled(top: usize, action: Action, height: u16) -> Option<usize> {
    let page = usize::from(height);
    Some(match action {
        Action::MoveDown => top.saturating_add(1),
        Action::MoveUp => top.saturating_sub(1),
        Action::GoFirst => 0,
        Action::GoLast => usize::MAX,
        Action::HalfPageDown => top.saturating_add(page / 2),
        Action::HalfPageUp => top.saturating_sub(page / 2),
        Action::PageDown => top.saturating_add(page),
        Action::PageUp => top.saturating_sub(page),
        _ => return None,
    })
}
