//! A place in a list of rows of equal height: what is selected, and which row stands at the top.

use crate::ui::action::Action;

/// Selection and scroll position. Both are only valid after [`Cursor::settle`] for the present list and height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// The selected row.
    pub selected: usize,
    /// The first row on the screen.
    pub top: usize,
}

impl Cursor {
    /// Performs an action of moving in a list of `count` rows and a window of `height`; `false` when it is none.
    pub fn perform(&mut self, action: Action, count: usize, height: u16) -> bool {
        let page = isize::try_from(height).unwrap_or(isize::MAX);
        match action {
            Action::MoveDown => self.step(1, count),
            Action::MoveUp => self.step(-1, count),
            Action::GoFirst => self.selected = 0,
            Action::GoLast => self.selected = count.saturating_sub(1),
            Action::HalfPageDown => self.step(page / 2, count),
            Action::HalfPageUp => self.step(-(page / 2), count),
            Action::PageDown => self.step(page, count),
            Action::PageUp => self.step(-page, count),
            _ => return false,
        }
        true
    }

    /// Stays with what is selected when one list takes the place of another.
    pub fn follow<T, K: PartialEq>(&mut self, before: &[T], after: &[T], key: impl Fn(&T) -> K) {
        let selected = before.get(self.selected).map(&key);
        if let Some(at) = after.iter().position(|item| Some(key(item)) == selected) {
            self.selected = at;
        }
    }

    /// Moves the selection by this many rows, as far as the list goes.
    fn step(&mut self, rows: isize, count: usize) {
        self.selected = self.selected.saturating_add_signed(rows).min(count.saturating_sub(1));
    }

    /// Brings the selection into a list of `count` rows and a window of `height`.
    pub fn settle(&mut self, count: usize, height: usize) {
        self.selected = self.selected.min(count.saturating_sub(1));
        let lowest = (self.selected + 1).saturating_sub(height.max(1));
        self.top = self.top.clamp(lowest, self.selected.max(lowest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selection_stays_in_the_list_and_on_the_screen() {
        let mut cursor = Cursor::default();
        cursor.step(30, 20);
        cursor.settle(20, 5);
        assert_eq!(cursor, Cursor { selected: 19, top: 15 });
        cursor.step(-17, 20);
        cursor.settle(20, 5);
        assert_eq!(cursor, Cursor { selected: 2, top: 2 });
        cursor.settle(0, 0);
        assert_eq!(cursor, Cursor { selected: 0, top: 0 });
    }
}
