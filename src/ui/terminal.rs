//! The terminal as a resource: taken on start, given back on drop, panic and suspension, whatever happens between.
//! Everything that reaches it passes [`Net`], which lets no cell through that could control it.

use std::io::{self, BufWriter, Stdout, Write};
use std::panic;
use std::process::{self, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::Terminal;
use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use ratatui::crossterm::style::Print;
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{execute, queue};
use ratatui::layout::{Position, Rect, Size};

use super::model::Model;
use super::terse::Terse;
use super::view;
use crate::limits::{GRAPHEME_BYTES, GRAPHEME_SCALARS};

/// Bytes collected before they are written: a full screen of 200×50 in one piece.
const WRITE_BYTES: usize = 64 * 1024;

/// The screen while the interface runs.
pub struct Screen {
    terminal: Terminal<Net<Terse<BufWriter<Stdout>>>>,
    /// Shared with the panic hook: whether there is something to give back.
    taken: Arc<AtomicBool>,
    held: Held,
}

/// What is known of the terminal's cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// They are as they were drawn.
    Drawn,
    /// They may be anything: the next draw writes all of them.
    Unknown,
}

impl Screen {
    /// Takes the terminal.
    pub fn take() -> io::Result<Self> {
        let taken = Arc::new(AtomicBool::new(false));
        restore_on_panic(Arc::clone(&taken));
        let writer = BufWriter::with_capacity(WRITE_BYTES, io::stdout());
        let terminal = Terminal::new(Net(Terse::new(writer)))?;
        let mut screen = Self { terminal, taken, held: Held::Unknown };
        screen.enter()?;
        Ok(screen)
    }

    fn enter(&mut self) -> io::Result<()> {
        self.taken.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        self.forget();
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, Hide)
    }

    /// Columns and rows.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }

    /// Draws what differs from what is there, in one synchronized update.
    pub fn draw(&mut self, model: &Model) -> io::Result<()> {
        queue!(self.terminal.backend_mut().0, BeginSynchronizedUpdate)?;
        let drawn = self.draw_inside(model);
        execute!(self.terminal.backend_mut().0, EndSynchronizedUpdate)?;
        drawn
    }

    fn draw_inside(&mut self, model: &Model) -> io::Result<()> {
        if self.held == Held::Unknown {
            self.terminal.backend_mut().0.forget();
            // Clears once, also when the size is another one.
            let size = self.terminal.size()?;
            self.terminal.resize(Rect::from((Position::ORIGIN, size)))?;
            self.held = Held::Drawn;
        }
        self.terminal.draw(|frame| view::draw(model, frame.buffer_mut())).map(|_frame| ())
    }

    /// Forgets what the terminal holds, so that the next draw writes all of it, at once and without an empty screen
    /// in between.
    pub const fn forget(&mut self) {
        self.held = Held::Unknown;
    }

    /// Puts text into the clipboard of the person's own terminal (OSC 52). Only for a key of the person's own.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let sequence = format!("\x1b]52;c;{}\x07", base64(text.as_bytes()));
        execute!(self.terminal.backend_mut().0, Print(sequence))
    }

    /// Gives the terminal back, stops this process, and takes the terminal again when it goes on.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back(&self.taken);
        let stopped =
            Command::new("sh").args(["-c", "kill -TSTP \"$0\"", &process::id().to_string()]).status();
        // Without a shell there is nothing to stop us: the interface just comes back.
        drop(stopped);
        self.enter()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back(&self.taken);
    }
}

/// Undoes everything [`Screen::enter`] did, once.
fn give_back(taken: &AtomicBool) {
    if !taken.swap(false, Ordering::SeqCst) {
        return;
    }
    let written =
        execute!(io::stdout(), EndSynchronizedUpdate, DisableBracketedPaste, LeaveAlternateScreen, Show);
    // A terminal that is gone cannot be restored, and nobody is left to be told.
    drop(written.and_then(|()| disable_raw_mode()).and_then(|()| io::stdout().flush()));
}

fn restore_on_panic(taken: Arc<AtomicBool>) {
    let next = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        give_back(&taken);
        next(info);
    }));
}

/// The alphabet of RFC 4648.
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            (0..3).fold(0_usize, |group, at| group << 8 | chunk.get(at).copied().map_or(0, usize::from));
        for at in 0..4_usize {
            let digit = BASE64.get(group >> (18 - 6 * at) & 63).filter(|_| at <= chunk.len());
            text.push(digit.copied().map_or('=', char::from));
        }
    }
    text
}

/// The second net under `SafeText`: a backend in front of another one which replaces every cell that holds a
/// character that controls a terminal, turns its direction, or is longer than any grapheme may be.
#[derive(Debug)]
pub struct Net<B>(pub B);

/// Whether a cell may be drawn as it is.
pub fn is_drawable(symbol: &str) -> bool {
    // One more scalar than a grapheme may have: what cut it.
    symbol.len() <= GRAPHEME_BYTES + 4
        && symbol.chars().take(GRAPHEME_SCALARS + 2).count() <= GRAPHEME_SCALARS + 1
        && !symbol.chars().any(|scalar| {
            scalar.is_control()
                || matches!(scalar, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
}

impl<B: Backend> Backend for Net<B> {
    type Error = B::Error;

    fn draw<'a, I>(&mut self, content: I) -> Result<(), Self::Error>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let replacement = Cell::new("\u{fffd}");
        self.0.draw(content.map(|(column, row, cell)| {
            let cell = if is_drawable(cell.symbol()) { cell } else { &replacement };
            (column, row, cell)
        }))
    }

    fn append_lines(&mut self, count: u16) -> Result<(), Self::Error> {
        self.0.append_lines(count)
    }

    fn hide_cursor(&mut self) -> Result<(), Self::Error> {
        self.0.hide_cursor()
    }

    fn show_cursor(&mut self) -> Result<(), Self::Error> {
        self.0.show_cursor()
    }

    /// Never asks the terminal: its answer would come as keys, and one that does not answer would hold us for two
    /// seconds. Nothing here depends on where the cursor was.
    fn get_cursor_position(&mut self) -> Result<Position, Self::Error> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Self::Error> {
        self.0.set_cursor_position(position)
    }

    fn clear(&mut self) -> Result<(), Self::Error> {
        self.0.clear()
    }

    fn clear_region(&mut self, region: ClearType) -> Result<(), Self::Error> {
        self.0.clear_region(region)
    }

    fn size(&self) -> Result<Size, Self::Error> {
        self.0.size()
    }

    fn window_size(&mut self) -> Result<WindowSize, Self::Error> {
        self.0.window_size()
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use ratatui::backend::TestBackend;

    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let examples = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
            ("\u{fffd}?", "77+9Pw=="),
        ];
        for (text, expected) in examples {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }

    #[test]
    fn the_net_catches_what_a_widget_let_through() {
        let mut net = Net(TestBackend::new(4, 1));
        let symbols = ["a", "\u{1b}", "\u{202e}", "e\u{301}"];
        let cells: Vec<Cell> = symbols.iter().map(|symbol| Cell::new(symbol)).collect();
        let content = cells.iter().zip(0..).map(|(cell, column)| (column, 0, cell));
        net.draw(content).unwrap();
        net.0.assert_buffer_lines(["a\u{fffd}\u{fffd}e\u{301}"]);
        assert!(!is_drawable(&format!("e{}", "\u{301}".repeat(500))));
    }
}
