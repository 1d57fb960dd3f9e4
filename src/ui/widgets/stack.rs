//! A window onto items of different heights, one below the other. Heights are asked for only where the window is or
//! goes, so that a jump over thousands of items measures a screenful.

/// What can say how high its items are.
pub trait Heights {
    /// How many items there are.
    fn count(&self) -> usize;
    /// Rows of one of them, at least 1.
    fn height(&mut self, item: usize) -> usize;
}

/// The first row of the window: an item, and how many of its rows stand above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Top {
    /// The item.
    pub item: usize,
    /// Its rows above the window.
    pub row: usize,
}

impl Top {
    /// The window that ends with an item, or begins with it where it is higher than the window.
    fn ending_with(item: usize, window: usize, heights: &mut impl Heights) -> Self {
        let height = heights.height(item);
        match window.checked_sub(height) {
            Some(above) => Self::under(item, above, heights),
            None => Self { item, row: 0 },
        }
    }

    /// The window in which so many rows stand above an item, or all that there are.
    fn under(item: usize, rows: usize, heights: &mut impl Heights) -> Self {
        let (mut at, mut above) = (item, rows);
        while above > 0 && at > 0 {
            at -= 1;
            let height = heights.height(at);
            if height >= above {
                return Self { item: at, row: height - above };
            }
            above -= height;
        }
        Self { item: at, row: 0 }
    }

    /// Puts an item's first row on this row of the window, which may lie above it.
    pub fn place(item: usize, row: isize, heights: &mut impl Heights) -> Self {
        match usize::try_from(row) {
            Ok(rows) => Self::under(item, rows, heights),
            Err(_above) => Self { item, row: row.unsigned_abs() },
        }
    }

    /// Moves the window down.
    pub fn down(&mut self, rows: usize, heights: &mut impl Heights) {
        self.row += rows;
        while self.item + 1 < heights.count() {
            let height = heights.height(self.item);
            if self.row < height {
                break;
            }
            self.row -= height;
            self.item += 1;
        }
    }

    /// Moves the window up.
    pub fn up(&mut self, rows: usize, heights: &mut impl Heights) {
        *self = match self.row.checked_sub(rows) {
            Some(row) => Self { row, ..*self },
            None => Self::under(self.item, rows - self.row, heights),
        };
    }

    /// Keeps the window inside the items: nothing is left empty below the last one while others stand above.
    pub fn settle(&mut self, window: usize, heights: &mut impl Heights) {
        let Some(last) = heights.count().checked_sub(1) else {
            *self = Self::default();
            return;
        };
        if self.item > last {
            *self = Self { item: last, row: 0 };
        }
        self.row = self.row.min(heights.height(self.item).saturating_sub(1));
        let mut rows = heights.height(self.item) - self.row;
        for item in self.item + 1..=last {
            if rows >= window {
                return;
            }
            rows += heights.height(item);
        }
        if rows < window {
            self.up(window - rows, heights);
        }
    }

    /// Brings an item into the window, moving as little as possible. Of one that is higher than the window as much
    /// as there is room for.
    pub fn reveal(&mut self, item: usize, window: usize, heights: &mut impl Heights) {
        let is_inside =
            item == self.item && heights.height(item) - self.row.min(heights.height(item)) >= window;
        if is_inside {
            return;
        }
        let highest = Self { item, row: 0 };
        let lowest = Self::ending_with(item, window, heights);
        *self = (*self).max(lowest).min(highest);
    }

    /// The row of the window an item begins on; negative for the one whose beginning stands above; `None` outside.
    pub fn row_of(&self, item: usize, window: usize, heights: &mut impl Heights) -> Option<isize> {
        let mut row = 0_isize.checked_sub_unsigned(self.row)?;
        let mut at = self.item;
        while at < item {
            row = row.checked_add_unsigned(heights.height(at))?;
            if row >= isize::try_from(window).ok()? {
                return None;
            }
            at += 1;
        }
        (at == item).then_some(row)
    }

    /// The first and last item of which something stands in the window.
    pub fn items(&self, window: usize, heights: &mut impl Heights) -> (usize, usize) {
        let (mut at, mut rows) = (self.item, 0);
        while at < heights.count() {
            rows += heights.height(at) - if at == self.item { self.row.min(heights.height(at)) } else { 0 };
            if rows >= window {
                break;
            }
            at += 1;
        }
        (self.item, at.min(heights.count().saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Heights, and which of them were asked for.
    struct Items {
        heights: Vec<usize>,
        asked: usize,
    }

    impl Heights for Items {
        fn count(&self) -> usize {
            self.heights.len()
        }

        fn height(&mut self, item: usize) -> usize {
            self.asked += 1;
            self.heights[item]
        }
    }

    fn items(heights: &[usize]) -> Items {
        Items { heights: heights.to_vec(), asked: 0 }
    }

    #[test]
    fn an_item_is_brought_in_with_the_least_move() {
        let mut heights = items(&[3, 4, 2, 9, 1]);
        let mut top = Top::default();
        top.reveal(1, 7, &mut heights);
        assert_eq!(top, Top::default());
        top.reveal(2, 7, &mut heights);
        assert_eq!(top, Top { item: 0, row: 2 });
        top.reveal(3, 7, &mut heights);
        assert_eq!(top, Top { item: 3, row: 0 });
        top.down(2, &mut heights);
        top.reveal(3, 7, &mut heights);
        assert_eq!(top, Top { item: 3, row: 2 }, "all of the window is the item's");
        top.reveal(0, 7, &mut heights);
        assert_eq!(top, Top::default());
    }

    #[test]
    fn the_window_ends_with_the_last_item() {
        let mut heights = items(&[3, 4, 2]);
        let mut top = Top { item: 2, row: 1 };
        top.settle(6, &mut heights);
        assert_eq!(top, Top { item: 1, row: 0 });
        top.settle(60, &mut heights);
        assert_eq!(top, Top::default());
    }

    #[test]
    fn a_jump_measures_a_screenful() {
        let mut heights = items(&vec![2; 10_000]);
        let mut top = Top::default();
        top.reveal(9_000, 50, &mut heights);
        top.settle(50, &mut heights);
        assert!(heights.asked < 100, "{}", heights.asked);
    }

    proptest! {
        #[test]
        fn moves_are_those_of_one_long_column(
            heights in prop::collection::vec(1_usize..6, 1..12), window in 1_usize..12, start in 0_usize..30, rows in 0_usize..20
        ) {
            let mut heights = items(&heights);
            let begin = |top: Top, heights: &Items| heights.heights[..top.item].iter().sum::<usize>() + top.row;
            let all: usize = heights.heights.iter().sum();
            let lowest = all.saturating_sub(window);
            let mut top = Top::default();
            top.down(start, &mut heights);
            top.settle(window, &mut heights);
            prop_assert_eq!(begin(top, &heights), start.min(lowest));
            top.up(rows, &mut heights);
            prop_assert_eq!(begin(top, &heights), start.min(lowest).saturating_sub(rows));
            for item in 0..heights.count() {
                let mut moved = top;
                moved.reveal(item, window, &mut heights);
                let (from, height) = (begin(Top { item, row: 0 }, &heights), heights.heights[item]);
                let shown = begin(moved, &heights)..begin(moved, &heights) + window;
                let seen = (from..from + height).filter(|row| shown.contains(row)).count();
                prop_assert_eq!(seen, height.min(window), "{:?}", moved);
                let row = moved.row_of(item, window, &mut heights).unwrap();
                prop_assert_eq!(Top::place(item, row, &mut heights), moved);
                let (first, last) = moved.items(window, &mut heights);
                prop_assert!((first..=last).contains(&item));
            }
        }
    }
}
