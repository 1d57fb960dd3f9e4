//! A passphrase that is being typed: nothing of it is ever drawn, not even its length, and it is erased when it is done
//! with.

use std::fmt;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use zeroize::Zeroize;

use super::lines;
use crate::limits::PASSPHRASE_BYTES;
use crate::ui::action::Action;

/// What is typed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret {
    text: String,
}

impl Secret {
    /// Types one character.
    pub fn type_char(&mut self, typed: char) {
        // Room is made once, so that no copy is left behind when it grows.
        self.text.reserve(PASSPHRASE_BYTES.saturating_sub(self.text.len()));
        if !typed.is_control() && self.text.len() + typed.len_utf8() <= PASSPHRASE_BYTES {
            self.text.push(typed);
        }
    }

    /// Takes the first line of a paste.
    pub fn paste(&mut self, text: &str) {
        text.lines().next().unwrap_or_default().chars().for_each(|letter| self.type_char(letter));
    }

    /// Performs an action of editing; `false` when it is none.
    pub fn perform(&mut self, action: Action) -> bool {
        match action {
            Action::DeleteBack => drop(self.text.pop()),
            Action::DeleteToStart | Action::DeleteWord => self.text.zeroize(),
            _ => return false,
        }
        true
    }

    /// Whether nothing is typed.
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What was typed; nothing of it stays here.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Draws that something is typed, and no more.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, typed: &'static str, style: Style) {
        let shown = if self.is_empty() { "" } else { typed };
        let cursor = ratatui::text::Span::styled(" ", Style::new().add_modifier(Modifier::REVERSED));
        let mut line = lines::plain(shown, style);
        line.push_span(cursor);
        lines::draw(buffer, area, [line]);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_one_line_and_an_end() {
        let mut secret = Secret::default();
        secret.paste("open \u{1b}sesame\nnot this");
        secret.perform(Action::DeleteBack);
        assert_eq!(secret.take(), "open sesam");
        assert!(secret.is_empty());
        secret.paste(&"x".repeat(PASSPHRASE_BYTES + 5));
        assert_eq!(secret.take().len(), PASSPHRASE_BYTES);
    }

    #[test]
    fn its_length_is_not_drawn() {
        let area = Rect::new(0, 0, 20, 1);
        let drawn = |text: &str| {
            let mut secret = Secret::default();
            secret.paste(text);
            let mut buffer = Buffer::empty(area);
            secret.draw(&mut buffer, area, "(not shown)", Style::new());
            assert!(!format!("{secret:?}").contains("sesame"));
            buffer
        };
        assert_eq!(drawn("s"), drawn("open sesame"));
        assert_ne!(drawn(""), drawn("s"), "that something is typed is seen");
    }
}
