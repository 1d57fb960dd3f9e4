//! Text that is being typed: `tui_textarea` behind a border of our own. Control characters never come in, graphemes
//! stay bounded, and pastes have a limit; what a key means is decided in the keymap, not here.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::Widget;
use tui_textarea::{CursorMove, TextArea, WrapMode};
use unicode_segmentation::UnicodeSegmentation;

use crate::limits::{GRAPHEME_SCALARS, PASTE_BYTES};
use crate::ui::action::Action;

/// How many lines a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    Many,
}

/// A text with a cursor.
#[derive(Debug, Clone)]
pub struct Editor {
    /// Boxed, so that what holds an editor now and then stays small.
    area: Box<TextArea<'static>>,
    lines: Lines,
}

impl PartialEq for Editor {
    fn eq(&self, other: &Self) -> bool {
        self.area.lines() == other.area.lines() && self.area.cursor() == other.area.cursor()
    }
}

/// A paste that was not taken: more than [`PASTE_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasteTooLong;

impl Editor {
    /// An empty field: line breaks and tabs become spaces.
    pub fn field() -> Self {
        Self::new("", Lines::One)
    }

    /// A text of several lines.
    pub fn text(text: &str) -> Self {
        Self::new(&cleaned(text), Lines::Many)
    }

    fn new(text: &str, lines: Lines) -> Self {
        let mut area = TextArea::new(text.split('\n').map(str::to_owned).collect());
        area.set_cursor_line_style(Style::new());
        area.set_cursor_style(Style::new().add_modifier(Modifier::REVERSED));
        area.set_wrap_mode(match lines {
            Lines::One => WrapMode::Glyph,
            Lines::Many => WrapMode::WordOrGlyph,
        });
        area.move_cursor(CursorMove::Bottom);
        area.move_cursor(CursorMove::End);
        Self { area: Box::new(area), lines }
    }

    /// What stands in it.
    pub fn content(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Its length without building it.
    pub fn bytes(&self) -> usize {
        let lines = self.area.lines();
        lines.iter().map(String::len).sum::<usize>() + lines.len().saturating_sub(1)
    }

    /// Whether there is nothing but white space in it.
    pub fn is_blank(&self) -> bool {
        self.area.lines().iter().all(|line| line.trim().is_empty())
    }

    /// Types one character.
    pub fn type_char(&mut self, typed: char) {
        if !typed.is_control() && self.bytes() < PASTE_BYTES {
            self.area.insert_char(typed);
        }
    }

    /// Puts a paste at the cursor, without what would control a terminal.
    pub fn paste(&mut self, text: &str) -> Result<(), PasteTooLong> {
        if text.len().saturating_add(self.bytes()) > PASTE_BYTES {
            return Err(PasteTooLong);
        }
        let mut text = cleaned(text);
        if self.lines == Lines::One {
            text = text.replace(['\n', '\t'], " ");
        }
        self.area.insert_str(text);
        Ok(())
    }

    /// Replaces everything.
    pub fn replace(&mut self, text: &str) {
        *self = Self::new(&cleaned(text), self.lines);
    }

    /// Performs an action of editing; `false` when it is none.
    pub fn perform(&mut self, action: Action) -> bool {
        let step = match action {
            Action::CursorLeft => CursorMove::Back,
            Action::CursorRight => CursorMove::Forward,
            Action::CursorUp => CursorMove::Up,
            Action::CursorDown => CursorMove::Down,
            Action::CursorWordLeft => CursorMove::WordBack,
            Action::CursorWordRight => CursorMove::WordForward,
            Action::CursorLineStart => CursorMove::Head,
            Action::CursorLineEnd => CursorMove::End,
            Action::CursorTop => CursorMove::Top,
            Action::CursorBottom => CursorMove::Bottom,
            _ => return self.change(action),
        };
        self.area.move_cursor(step);
        true
    }

    fn change(&mut self, action: Action) -> bool {
        match action {
            Action::NewLine if self.lines == Lines::Many => self.area.insert_newline(),
            Action::DeleteBack => drop_answer(self.area.delete_char()),
            Action::DeleteForward => drop_answer(self.area.delete_next_char()),
            Action::DeleteWord => drop_answer(self.area.delete_word()),
            Action::DeleteToStart => drop_answer(self.area.delete_line_by_head()),
            Action::DeleteToEnd => drop_answer(self.area.delete_line_by_end()),
            Action::Undo => drop_answer(self.area.undo()),
            Action::Redo => drop_answer(self.area.redo()),
            _ => return false,
        }
        true
    }

    /// Draws the text with its cursor.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) {
        let area = area.intersection(buffer.area);
        if !area.is_empty() {
            Widget::render(&*self.area, area, buffer);
        }
    }
}

/// Whether anything changed does not matter: the caller compares texts.
fn drop_answer(_changed: bool) {}

/// What may be typed: printable scalars, line breaks and tabs, without marks of direction, and with graphemes no
/// longer than any script needs.
fn cleaned(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for grapheme in text.graphemes(true) {
        if matches!(grapheme, "\r\n" | "\r") {
            clean.push('\n');
            continue;
        }
        clean.extend(grapheme.chars().take(GRAPHEME_SCALARS).filter(|scalar| {
            matches!(scalar, '\n' | '\t') || !(scalar.is_control() || turns_direction(*scalar))
        }));
    }
    clean
}

/// Marks that make text run the other way: every reader drops them, and here they would move the cursor about.
fn turns_direction(scalar: char) -> bool {
    matches!(scalar, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pastes_lose_what_controls_a_terminal() {
        let mut editor = Editor::text("");
        editor.paste("a\u{1b}[31mb\r\nc\td\u{9b}\u{202e}e\rf").unwrap();
        assert_eq!(editor.content(), "a[31mb\nc\tde\nf");
    }

    #[test]
    fn a_field_has_one_line() {
        let mut field = Editor::field();
        field.paste("one\ntwo\tthree").unwrap();
        assert!(!field.perform(Action::NewLine));
        assert_eq!(field.content(), "one two three");
    }

    #[test]
    fn a_paste_beyond_the_limit_changes_nothing() {
        let mut editor = Editor::text("kept");
        assert_eq!(editor.paste(&"x".repeat(PASTE_BYTES)), Err(PasteTooLong));
        assert_eq!(editor.content(), "kept");
    }

    #[test]
    fn towers_of_marks_are_cut() {
        let mut editor = Editor::text("");
        editor.paste(&format!("e{}", "\u{301}".repeat(8_000))).unwrap();
        assert_eq!(editor.content().chars().count(), GRAPHEME_SCALARS);
    }
}
