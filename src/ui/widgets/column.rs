//! A selection in a column of items of different heights, and the window onto them: moved by the usual actions, and kept
//! in place when items come in above or change.

use super::stack::{Heights, Top};
use crate::ui::action::Action;

/// The place in a column. Valid after [`Column::settle`] for the present items and window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Column {
    /// The selected item.
    pub selected: usize,
    /// The first row of the window.
    pub top: Top,
    /// The row of the window the selected item began on at the last look.
    row: isize,
    hold: Hold,
}

/// What keeps its place at the next look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Hold {
    /// The window.
    #[default]
    Window,
    /// The selected item: its first row stays where it was.
    Row,
    /// Nothing: the selected item is brought in.
    Nothing,
    /// The end of everything.
    End,
}

impl Column {
    /// Selects an item and brings it in.
    pub const fn select(&mut self, item: usize) {
        (self.selected, self.hold) = (item, Hold::Nothing);
    }

    /// Selects the last item and shows its end.
    pub const fn select_end(&mut self, count: usize) {
        (self.selected, self.hold) = (count.saturating_sub(1), Hold::End);
    }

    /// The items are others now, and what was selected is this one: it stays on its row of the screen.
    pub const fn moved_to(&mut self, item: usize) {
        (self.selected, self.hold) = (item, Hold::Row);
    }

    /// Heights have changed: the selected item stays on its row.
    pub fn reshaped(&mut self) {
        if self.hold == Hold::Window {
            self.hold = Hold::Row;
        }
    }

    /// Performs an action of moving; `false` when it is none.
    pub fn perform(&mut self, action: Action, window: usize, heights: &mut impl Heights) -> bool {
        let last = heights.count().saturating_sub(1);
        match action {
            Action::MoveDown => self.step_down(last, window, heights),
            Action::MoveUp => self.step_up(window, heights),
            Action::GoFirst => self.select(0),
            Action::GoLast => self.select_end(heights.count()),
            Action::HalfPageDown => self.turn_down(window / 2, window, heights),
            Action::HalfPageUp => self.turn_up(window / 2, window, heights),
            Action::PageDown => self.turn_down(window, window, heights),
            Action::PageUp => self.turn_up(window, window, heights),
            _ => return false,
        }
        true
    }

    /// To the next item; through one that does not fit, row by row.
    fn step_down(&mut self, last: usize, window: usize, heights: &mut impl Heights) {
        let row = self.top.row_of(self.selected, window, heights).unwrap_or(0);
        let end = row.saturating_add_unsigned(heights.height(self.selected));
        if end > isize::try_from(window).unwrap_or(isize::MAX) {
            self.top.down(1, heights);
        } else if self.selected < last {
            self.select(self.selected + 1);
        }
    }

    fn step_up(&mut self, window: usize, heights: &mut impl Heights) {
        let row = self.top.row_of(self.selected, window, heights).unwrap_or(0);
        if row < 0 {
            self.top.up(1, heights);
        } else if let Some(next) = self.selected.checked_sub(1) {
            let height = heights.height(next);
            self.select(next);
            if height > window {
                (self.top, self.hold) = (Top { item: next, row: height - window }, Hold::Window);
            }
        }
    }

    /// Moves the window, and takes the selection along where it would leave it.
    fn turn_down(&mut self, rows: usize, window: usize, heights: &mut impl Heights) {
        let before = self.top;
        self.top.down(rows, heights);
        self.top.settle(window, heights);
        let (first, last) = self.top.items(window, heights);
        self.selected = if self.top == before { last } else { self.selected.clamp(first, last) };
    }

    fn turn_up(&mut self, rows: usize, window: usize, heights: &mut impl Heights) {
        let before = self.top;
        self.top.up(rows, heights);
        let (first, last) = self.top.items(window, heights);
        self.selected = if self.top == before { first } else { self.selected.clamp(first, last) };
    }

    /// Fits the window to the items: what it shows is measured by that.
    pub fn settle(&mut self, window: usize, heights: &mut impl Heights) {
        let count = heights.count();
        if count == 0 {
            *self = Self::default();
            return;
        }
        self.selected = self.selected.min(count - 1);
        match std::mem::take(&mut self.hold) {
            Hold::Window => {}
            Hold::Row => self.top = Top::place(self.selected, self.row, heights),
            Hold::Nothing => self.top.reveal(self.selected, window, heights),
            Hold::End => {
                let height = heights.height(count - 1);
                self.top = Top { item: count - 1, row: height.saturating_sub(window) };
            }
        }
        self.top.settle(window, heights);
        let (first, last) = self.top.items(window, heights);
        if !(first..=last).contains(&self.selected) {
            self.top.reveal(self.selected, window, heights);
            self.top.items(window, heights);
        }
        self.row = self.top.row_of(self.selected, window, heights).unwrap_or(0);
    }
}
