//! Breaks safe text into rows of at most so many cells, at spaces where there are any, between graphemes elsewhere.

use ratatui::buffer::CellWidth;
use unicode_segmentation::UnicodeSegmentation;

/// The rows of a text, lazily: whoever shows six rows pays for six.
pub fn rows(text: &str, width: usize) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(move |line| Rows { rest: Some(line), width: width.max(1) })
}

/// As much of a text as fits into so many cells, ending with `ellipsis` where something was left out.
pub fn clip(text: &str, width: usize, ellipsis: &str) -> String {
    if cells(text) <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(cells(ellipsis));
    let mut used = 0;
    let kept: String = text
        .graphemes(true)
        .take_while(|grapheme| {
            used += cells(grapheme);
            used <= room
        })
        .collect();
    let clipped = kept + ellipsis;
    if cells(&clipped) <= width { clipped } else { String::new() }
}

/// The columns a text takes, as the terminal buffer counts them.
pub fn cells(text: &str) -> usize {
    text.graphemes(true).map(|grapheme| usize::from(grapheme.cell_width())).sum()
}

struct Rows<'a> {
    rest: Option<&'a str>,
    width: usize,
}

impl<'a> Iterator for Rows<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let line = self.rest?;
        let (row, rest) = split(line, self.width);
        self.rest = rest;
        Some(row)
    }
}

/// The first row of a line, and what is left for the next one.
fn split(line: &str, width: usize) -> (&str, Option<&str>) {
    let mut used = 0;
    let mut after_space = None;
    for (at, grapheme) in line.grapheme_indices(true) {
        used += usize::from(grapheme.cell_width());
        if used > width && at > 0 {
            if grapheme == " " {
                // The space itself may hang over: the row ends here.
                return cut(line, at, at + grapheme.len());
            }
            let end = after_space.unwrap_or(at);
            return cut(line, end, end);
        }
        if grapheme == " " {
            after_space = Some(at + grapheme.len());
        }
    }
    (line, None)
}

fn cut(line: &str, end: usize, next: usize) -> (&str, Option<&str>) {
    let row = line.get(..end).unwrap_or(line);
    (row.trim_end_matches(' '), line.get(next..).filter(|rest| !rest.is_empty()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrapped(text: &str, width: usize) -> Vec<&str> {
        rows(text, width).collect()
    }

    #[test]
    fn rows_break_at_spaces_and_long_words_between_graphemes() {
        assert_eq!(wrapped("the quick brown fox", 9), ["the quick", "brown fox"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("a\n\nb", 4), ["a", "", "b"]);
        assert_eq!(wrapped("日本語", 5), ["日本", "語"]);
        assert_eq!(wrapped("日本", 1), ["日", "本"]);
    }

    #[test]
    fn clipped_text_says_so() {
        assert_eq!(clip("abcdef", 4, "…"), "abc…");
        assert_eq!(clip("abc", 3, "…"), "abc");
        assert_eq!(clip("abcdef", 2, "..."), "");
        assert_eq!(clip("日本語", 4, "…"), "日…");
    }

    proptest! {
        #[test]
        fn no_row_is_wider_than_asked_and_no_word_is_lost(text in "[a-z 日é\n]{0,80}", width in 2_usize..20) {
            let rows = wrapped(&text, width);
            for row in &rows {
                prop_assert!(cells(row) <= width, "{row:?}");
            }
            let kept: String = rows.concat().chars().filter(|letter| *letter != ' ').collect();
            let given: String = text.chars().filter(|letter| !matches!(letter, ' ' | '\n')).collect();
            prop_assert_eq!(kept, given);
        }
    }
}
