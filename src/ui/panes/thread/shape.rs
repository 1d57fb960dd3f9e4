//! How wide things are in an opened post: the gutter, the lines of the tree, the text beside them.

use super::tree::GUIDED_LEVELS;
use crate::ui::panes::TEXT_COLUMNS;

/// Columns left of everything: the bar of the selection and a gap.
pub const GUTTER: u16 = 2;
/// Columns a text has at least before the levels of the tree get fewer: a name with its fingerprint and an age.
const LEGIBLE: usize = 28;
/// Columns from which on a level takes three columns instead of two.
const ROOMY: u16 = 60;

/// The columns of the pane and what follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    columns: u16,
}

impl Shape {
    /// For a pane of so many columns.
    pub const fn of(columns: u16) -> Self {
        Self { columns }
    }

    /// Columns beside the gutter.
    pub const fn room(self) -> u16 {
        self.columns.saturating_sub(GUTTER)
    }

    /// Columns of one level of the tree.
    pub const fn step(self) -> usize {
        if self.columns < ROOMY { 2 } else { 3 }
    }

    /// Levels that are drawn apart; what lies deeper stands on the last one.
    pub fn levels(self) -> usize {
        (usize::from(self.room()).saturating_sub(LEGIBLE) / self.step()).min(GUIDED_LEVELS)
    }

    /// Columns in front of a comment: the lines of its level and of those above it.
    pub fn indent(self, depth: usize) -> usize {
        let lines = (depth.min(self.levels()) + 1) * self.step();
        if lines < usize::from(self.room()) { lines } else { 0 }
    }

    /// Columns of a comment's text.
    pub fn text(self, depth: usize) -> usize {
        (usize::from(self.room()) - self.indent(depth)).clamp(1, usize::from(TEXT_COLUMNS))
    }

    /// Columns of the post's text.
    pub fn post_text(self) -> usize {
        usize::from(self.room().min(TEXT_COLUMNS)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_legible_however_deep_it_stands() {
        for columns in [40, 57, 60, 80, 120, 200] {
            let shape = Shape::of(columns);
            assert!(shape.text(0) > shape.text(1) || columns >= 120, "{columns}");
            assert!(shape.text(10_000) + 3 >= LEGIBLE, "{columns}: {}", shape.text(10_000));
            assert_eq!(shape.text(10_000), shape.text(shape.levels()));
        }
        assert!(Shape::of(40).levels() >= 4);
        for columns in 0..40 {
            assert!(Shape::of(columns).text(3) >= 1);
        }
    }
}
