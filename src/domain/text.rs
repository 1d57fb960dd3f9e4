//! `SafeText`: the only form in which text of others reaches a face (pane, CLI output, log, file name).
//!
//! Raw signed bytes are stored untouched; this is the border. Inside, every grapheme is at most
//! [`GRAPHEME_SCALARS`] scalars and [`GRAPHEME_CELLS`] cells, no scalar controls a terminal, and nothing
//! invisible is left outside a well-formed emoji. What is refused becomes visible (`␛`, `�`) or is dropped when
//! it only changes order or width. Sources: THREATS.md, 'Text that takes over the terminal'; Unicode UAX 9, UTS 51.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::limits::{GRAPHEME_BYTES, GRAPHEME_CELLS, GRAPHEME_SCALARS, LINE_CELLS};

/// What carries a mark that has no base.
const BASE: char = '\u{25cc}';
/// What stands for something that has no picture.
const REPLACEMENT: char = '\u{fffd}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const EMOJI_STYLE: char = '\u{fe0f}';
const TEXT_STYLE: char = '\u{fe0e}';
const BLACK_FLAG: char = '\u{1f3f4}';
const TAG_END: char = '\u{e007f}';

/// Text that can be shown to a person as it is: printable, bounded, without control over the terminal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(transparent)]
pub struct SafeText(String);

impl SafeText {
    /// Text of several lines: line breaks stay, tabs become spaces.
    #[must_use]
    pub fn body(text: &str) -> Self {
        let longest = text.split('\n').map(str::len).max().unwrap_or(0);
        match find_doubtful(text) {
            // A scalar that stands alone has at most as many cells as bytes.
            None if longest <= LINE_CELLS => Self(text.to_owned()),
            Some(first) if longest <= LINE_CELLS / CELLS_PER_BYTE => Self(clean_parts(text, first)),
            _ => Self(clean(text)),
        }
    }

    /// Text of one line: line breaks become spaces.
    #[must_use]
    pub fn line(text: &str) -> Self {
        Self(Self::body(text).0.replace('\n', " "))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SafeText {
    /// Content never reaches a log through `{:?}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SafeText({} bytes)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for SafeText {
    /// What comes over the control socket is cleaned again: cleaning is idempotent.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::body(&text))
    }
}

#[derive(Default)]
struct Writer {
    text: String,
    line_cells: usize,
}

impl Writer {
    fn line_break(&mut self) {
        self.text.push('\n');
        self.line_cells = 0;
    }

    fn push(&mut self, grapheme: &str, cells: usize) {
        if self.line_cells.saturating_add(cells) > LINE_CELLS {
            self.line_break();
        }
        self.text.push_str(grapheme);
        self.line_cells = self.line_cells.saturating_add(cells);
    }

    /// Writes one grapheme cluster, or as much of it as the bounds allow.
    fn grapheme(&mut self, grapheme: &str) {
        if let [b' '..=b'~'] = grapheme.as_bytes() {
            return self.push(grapheme, 1);
        }
        let mut clean = String::new();
        if let Some(first) = grapheme.chars().next()
            && first.width() == Some(0)
        {
            // Without a base it would attach to what the program itself says; what needs no base is not seen at all.
            if format!("{BASE}{first}").graphemes(true).count() != 1 {
                return self.push(REPLACEMENT.encode_utf8(&mut [0; 4]), 1);
            }
            clean.push(BASE);
        }
        for (count, scalar) in grapheme.chars().enumerate() {
            let start = clean.len();
            clean.push(scalar);
            if count >= GRAPHEME_SCALARS || clean.len() > GRAPHEME_BYTES || clean.width() > GRAPHEME_CELLS {
                clean.truncate(start);
                // Closed with something visible of its own, so that nothing joins what follows.
                clean = clean.trim_end_matches(ZERO_WIDTH_JOINER).to_owned();
                clean.push(REPLACEMENT);
                break;
            }
        }
        let cells = clean.width();
        self.push(&clean, cells);
    }
}

/// Cells that one byte can become: a tab is four spaces.
const CELLS_PER_BYTE: usize = 4;

/// Whether a scalar is shown as it is and is a grapheme of its own beside any other of these: most of what is
/// written. A superset would be wrong, a subset only slower; a test compares it with [`clean`].
const fn stands_alone(scalar: char) -> bool {
    matches!(scalar,
        // ASCII; Latin, phonetic and spacing modifier letters; Greek; Cyrillic; Armenian.
        ' '..='~' | '\n' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{2ff}'
        | '\u{370}'..='\u{482}' | '\u{48a}'..='\u{58f}'
        | '\u{1e00}'..='\u{1fff}'
        // Punctuation, currencies, letterlike symbols, arrows, mathematics, boxes, dingbats.
        | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{20a0}'..='\u{20c0}' | '\u{2100}'..='\u{27bf}'
        // Chinese, Japanese, Korean, and wide forms of ASCII.
        | '\u{3001}'..='\u{3029}' | '\u{3041}'..='\u{3096}' | '\u{309b}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{ff01}'..='\u{ff60}'
        // Emoji without those that change the colour of the one before.
        | '\u{1f300}'..='\u{1f3fa}' | '\u{1f400}'..='\u{1f64f}' | '\u{1f680}'..='\u{1f6d7}'
        | '\u{1f900}'..='\u{1f9ff}')
}

/// The first part of a text that has to be looked at: what does not stand alone, with one neighbour on each side.
fn find_doubtful(text: &str) -> Option<Range<usize>> {
    let mut scalars =
        text.char_indices().map(|(at, scalar)| (at, at + scalar.len_utf8(), stands_alone(scalar)));
    let mut start = 0;
    let mut end = loop {
        let (at, end, alone) = scalars.next()?;
        if !alone {
            break end;
        }
        start = at;
    };
    let mut neighbour_is_in = false;
    for (_, after, alone) in scalars {
        if alone && neighbour_is_in {
            break;
        }
        neighbour_is_in = alone;
        end = after;
    }
    Some(start..end)
}

/// Cleans the doubtful parts of a text, of which `first` is the first one, and takes over the others.
fn clean_parts(text: &str, first: Range<usize>) -> String {
    let mut shown = String::with_capacity(text.len());
    let (mut rest, mut next) = (text, Some(first));
    while let Some(doubtful) = next {
        shown.push_str(rest.get(..doubtful.start).unwrap_or_default());
        rest = rest.get(doubtful.start..).unwrap_or_default();
        let (part, behind) = rest.split_at(doubtful.len());
        shown.push_str(&clean(part));
        rest = behind;
        next = find_doubtful(rest);
    }
    shown.push_str(rest);
    shown
}

/// Cleans a text grapheme by grapheme.
fn clean(text: &str) -> String {
    let mut out = Writer::default();
    for grapheme in without_hidden(text).graphemes(true) {
        match grapheme {
            "\n" | "\r\n" | "\r" => out.line_break(),
            "\t" => out.push("    ", 4),
            _ => out.grapheme(grapheme),
        }
    }
    out.text
}

/// The text with everything replaced or dropped that must not be shown, before it is cut into graphemes: what is
/// dropped here can no longer keep neighbours apart.
fn without_hidden(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut flag_ends = 0;
    let mut scalars = text.char_indices().peekable();
    while let Some((at, scalar)) = scalars.next() {
        let before = shown.chars().next_back();
        let keeps = match scalar {
            ZERO_WIDTH_JOINER => {
                before.is_some_and(joins_emoji) && scalars.peek().is_some_and(|(_, next)| is_emoji(*next))
            }
            EMOJI_STYLE | TEXT_STYLE => before.is_some_and(takes_style),
            '\u{e0020}'..='\u{e007f}' => at < flag_ends,
            BLACK_FLAG => {
                flag_ends = end_of_flag(text, at);
                true
            }
            _ => {
                shown.extend(shown_as(scalar));
                continue;
            }
        };
        if keeps {
            shown.push(scalar);
        }
    }
    shown
}

/// Where the tags end that make the black flag at `at` another one; `at` itself when they do not.
fn end_of_flag(text: &str, at: usize) -> usize {
    let tags = text.get(at..).unwrap_or_default().char_indices().skip(1).take(GRAPHEME_SCALARS - 1);
    for (offset, scalar) in tags {
        match scalar {
            TAG_END => return at + offset + TAG_END.len_utf8(),
            '\u{e0020}'..='\u{e007e}' => {}
            _ => break,
        }
    }
    at
}

/// What stands for this scalar on a screen: itself, something visible, or nothing.
fn shown_as(scalar: char) -> Option<char> {
    match scalar {
        '\n' | '\r' | '\t' => Some(scalar),
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(scalar)),
        '\u{7f}' => Some('\u{2421}'),
        // C1 controls; private use; noncharacters: there is no picture for them.
        '\u{80}'..='\u{9f}'
        | '\u{e000}'..='\u{f8ff}'
        | '\u{f0000}'..='\u{fffff}'
        | '\u{100000}'..='\u{10ffff}'
        | '\u{fdd0}'..='\u{fdef}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{fffe}'..='\u{ffff}' => Some(REPLACEMENT),
        '\u{2028}' | '\u{2029}' => Some('\n'),
        // Marks of direction, joiners, fillers, selectors, tags: they only change order, width or identity.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => None,
        _ if is_nonchar(scalar) => Some(REPLACEMENT),
        _ => Some(scalar),
    }
}

fn is_nonchar(scalar: char) -> bool {
    u32::from(scalar) & 0xfffe == 0xfffe
}

/// Whether this scalar can begin a part of an emoji sequence (a generous superset of `Emoji`).
fn is_emoji(scalar: char) -> bool {
    matches!(scalar,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}'
        | '\u{2194}'..='\u{21aa}' | '\u{231a}'..='\u{23ff}' | '\u{25aa}'..='\u{25fe}'
        | '\u{2600}'..='\u{27bf}' | '\u{2934}' | '\u{2935}' | '\u{2b05}'..='\u{2b55}'
        | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

fn joins_emoji(scalar: char) -> bool {
    is_emoji(scalar) || scalar == EMOJI_STYLE
}

fn takes_style(scalar: char) -> bool {
    is_emoji(scalar) || matches!(scalar, '0'..='9' | '#' | '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(text: &str) -> String {
        SafeText::body(text).to_string()
    }

    #[test]
    fn plain_text_and_line_breaks_pass() {
        assert_eq!(body("Grüße, мир\n日本"), "Grüße, мир\n日本");
        assert_eq!(SafeText::line("a\nb\tc").as_str(), "a b    c");
        assert_eq!(body("a\r\nb\rc\u{2028}d\te"), "a\nb\nc\nd    e");
    }

    #[test]
    fn escape_sequences_become_visible() {
        assert_eq!(body("\u{1b}[31mred\u{7}"), "␛[31mred␇");
        assert_eq!(body("\u{9b}2J\u{9d}52;c;x\u{9c}"), "\u{fffd}2J\u{fffd}52;c;x\u{fffd}");
        assert_eq!(body("\u{7f}"), "␡");
    }

    #[test]
    fn direction_and_invisible_marks_are_dropped() {
        assert_eq!(body("a\u{202e}b\u{200b}c\u{2066}d\u{feff}e\u{e0041}f\u{3164}g\u{ad}"), "abcdefg");
    }

    #[test]
    fn joiners_stay_only_inside_emoji() {
        assert_eq!(body("👨\u{200d}👩\u{200d}👧"), "👨\u{200d}👩\u{200d}👧");
        assert_eq!(body("❤\u{fe0f}"), "❤\u{fe0f}");
        assert_eq!(body("a\u{200d}b\u{fe0f}"), "ab");
        assert_eq!(body("👨\u{200d}"), "👨");
        let wales = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}";
        assert_eq!(body(wales), wales);
        assert_eq!(body("x\u{e0067}\u{e007f}"), "x");
    }

    #[test]
    fn towers_of_marks_are_cut() {
        let tower = format!("e{}", "\u{301}".repeat(7_500));
        let shown = body(&tower);
        assert!(shown.chars().count() <= GRAPHEME_SCALARS + 1, "{}", shown.chars().count());
        assert!(shown.ends_with(REPLACEMENT));
        assert!(body(&"\u{301}".repeat(9)).starts_with('\u{25cc}'));
    }

    #[test]
    fn long_lines_are_broken() {
        let shown = body(&"x".repeat(LINE_CELLS * 2 + 1));
        assert_eq!(shown.lines().map(str::len).max(), Some(LINE_CELLS));
        assert!(!SafeText::line(&"x".repeat(LINE_CELLS * 2)).as_str().contains('\n'));
    }

    #[test]
    fn scalars_that_stand_alone_need_no_cleaning_and_join_no_other() {
        let alone: Vec<char> = (' '..=char::MAX).filter(|scalar| stands_alone(*scalar)).collect();
        let kinds = ['a', '\u{e9}', '\u{4e00}', '\u{ac00}', '\u{ac01}', '\u{2764}', '\u{1f600}', BLACK_FLAG];
        for scalar in alone {
            for other in kinds {
                let pair: String = [other, scalar, other].iter().collect();
                assert_eq!(clean(&pair), pair, "{:x}", u32::from(scalar));
                assert_eq!(pair.graphemes(true).count(), 3, "{:x}", u32::from(scalar));
            }
            assert!(scalar.width() <= Some(scalar.len_utf8()), "{:x}", u32::from(scalar));
        }
    }

    /// Scalars that join, hide, turn, or stand alone.
    const MIXED: &str = "[a é\u{301}日한\u{1100}\u{1161}\u{11a8}❤😀👨\u{1f3fb}\u{200d}\u{fe0f}#\u{20e3}\u{1f1e9}\u{1f1ea}\
        \u{1f3f4}\u{e0067}\u{e007f}\u{600}\u{61}\u{202e}\u{1b}\t\n\r\u{2028}\u{200b}\u{3099}か]{0,24}";

    proptest! {
        #[test]
        fn parts_are_cleaned_as_the_whole_would_be(mixed in MIXED, any in "(?s).{0,60}") {
            for text in [&mixed, &any, &format!("{any}{mixed}")] {
                prop_assert_eq!(body(text), clean(text));
            }
        }

        #[test]
        fn every_text_becomes_safe_and_stays_the_same_when_cleaned_again(text in "\\PC*|(?s).{0,200}") {
            let once = body(&text);
            for line in once.split('\n') {
                for grapheme in line.graphemes(true) {
                    prop_assert!(grapheme.chars().count() <= GRAPHEME_SCALARS + 1, "{grapheme:?}");
                    prop_assert!(!grapheme.chars().any(char::is_control), "{grapheme:?}");
                }
            }
            prop_assert_eq!(body(&once), once);
        }
    }
}
