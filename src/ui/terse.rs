//! A backend that says no more to the terminal than it has to: a typed letter is a few dozen bytes, which is what
//! counts on a slow line. Cells come out as `CrosstermBackend` would write them; only what changes nothing is left out
//! (colours reset one by one before everything is reset, a hidden cursor hidden again).

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, CrosstermBackend, IntoCrossterm, WindowSize};
use ratatui::buffer::Cell;
use ratatui::crossterm::cursor::MoveTo;
use ratatui::crossterm::queue;
use ratatui::crossterm::style::{Attribute, Colors, Print, SetAttribute, SetColors};
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};

/// Writes cells to a terminal of ANSI sequences.
#[derive(Debug)]
pub struct Terse<W: Write> {
    inner: CrosstermBackend<W>,
    cursor: Cursor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cursor {
    Unknown,
    Hidden,
}

impl<W: Write> Terse<W> {
    /// Over a writer to the terminal.
    pub const fn new(writer: W) -> Self {
        Self { inner: CrosstermBackend::new(writer), cursor: Cursor::Unknown }
    }

    /// The terminal may have been changed by others.
    pub fn forget(&mut self) {
        self.cursor = Cursor::Unknown;
    }
}

impl<W: Write> Write for Terse<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut self.inner)
    }
}

/// How the next cell will look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pen {
    foreground: Color,
    background: Color,
    modifier: Modifier,
}

impl Pen {
    const PLAIN: Self =
        Self { foreground: Color::Reset, background: Color::Reset, modifier: Modifier::empty() };

    const fn of(cell: &Cell) -> Self {
        Self { foreground: cell.fg, background: cell.bg, modifier: cell.modifier }
    }
}

const ATTRIBUTES: &[(Modifier, Attribute)] = &[
    (Modifier::BOLD, Attribute::Bold),
    (Modifier::DIM, Attribute::Dim),
    (Modifier::ITALIC, Attribute::Italic),
    (Modifier::UNDERLINED, Attribute::Underlined),
    (Modifier::SLOW_BLINK, Attribute::SlowBlink),
    (Modifier::RAPID_BLINK, Attribute::RapidBlink),
    (Modifier::REVERSED, Attribute::Reverse),
    (Modifier::HIDDEN, Attribute::Hidden),
    (Modifier::CROSSED_OUT, Attribute::CrossedOut),
];

/// Makes one pen the other. What is taken away goes with everything else, which is mostly shorter than naming it.
fn change(writer: &mut impl Write, mut from: Pen, to: Pen) -> io::Result<()> {
    let takes_away = !(from.modifier - to.modifier).is_empty();
    if takes_away || (to == Pen::PLAIN && from != to) {
        queue!(writer, SetAttribute(Attribute::Reset))?;
        from = Pen::PLAIN;
    }
    for (modifier, attribute) in ATTRIBUTES {
        if (to.modifier - from.modifier).contains(*modifier) {
            queue!(writer, SetAttribute(*attribute))?;
        }
    }
    let colour = |before, after: Color| (before != after).then(|| after.into_crossterm());
    let (foreground, background) =
        (colour(from.foreground, to.foreground), colour(from.background, to.background));
    if foreground.is_some() || background.is_some() {
        queue!(writer, SetColors(Colors { foreground, background }))?;
    }
    Ok(())
}

impl<W: Write> Backend for Terse<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut pen = Pen::PLAIN;
        let mut behind = None;
        for (column, row, cell) in content {
            if behind != Some((column, row)) {
                queue!(self.inner, MoveTo(column, row))?;
            }
            behind = Some((column.saturating_add(1), row));
            let next = Pen::of(cell);
            change(&mut self.inner, pen, next)?;
            pen = next;
            queue!(self.inner, Print(cell.symbol()))?;
        }
        if pen != Pen::PLAIN {
            queue!(self.inner, SetAttribute(Attribute::Reset))?;
        }
        Ok(())
    }

    fn append_lines(&mut self, count: u16) -> io::Result<()> {
        self.inner.append_lines(count)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor == Cursor::Hidden {
            return Ok(());
        }
        self.cursor = Cursor::Hidden;
        self.inner.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.cursor = Cursor::Unknown;
        self.inner.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.inner.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.inner.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.inner.clear()
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.inner.clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        self.inner.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.inner.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.inner)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use proptest::prelude::*;
    use ratatui::style::Style;

    use super::*;

    /// What a terminal shows after these cells were drawn by a backend.
    fn shown(bytes: &[u8]) -> vt100::Screen {
        let side = |cells| NonZeroU16::new(cells).unwrap();
        let mut terminal = vt100::Parser::new(side(4), side(12), 0);
        terminal.process(bytes);
        terminal.screen().clone()
    }

    fn style() -> impl Strategy<Value = Style> {
        let colour = prop::sample::select(vec![Color::Reset, Color::Red, Color::Cyan, Color::Indexed(200)]);
        // What the terminal of the test knows; there, bold is the end of dim.
        let light = prop::sample::select(vec![Modifier::empty(), Modifier::BOLD, Modifier::DIM]);
        let others = Modifier::ITALIC | Modifier::UNDERLINED | Modifier::REVERSED;
        let modifier = (light, any::<u16>())
            .prop_map(move |(light, bits)| light | (Modifier::from_bits_truncate(bits) & others));
        (colour.clone(), colour, modifier)
            .prop_map(|(fg, bg, modifier)| Style::new().fg(fg).bg(bg).add_modifier(modifier))
    }

    proptest! {
        #[test]
        fn the_picture_is_that_of_the_other_backend(
            drawn in prop::collection::vec((0_u16..12, 0_u16..4, "[a-c]", style()), 1..40)
        ) {
            let (mut by_others, mut by_us) = (Vec::new(), Vec::new());
            let mut theirs = CrosstermBackend::new(&mut by_others);
            let mut ours = Terse::new(&mut by_us);
            for part in drawn.chunks(5) {
                let cells: Vec<(u16, u16, Cell)> = part
                    .iter()
                    .map(|(column, row, symbol, style)| {
                        let mut cell = Cell::default();
                        cell.set_symbol(symbol).set_style(*style);
                        (*column, *row, cell)
                    })
                    .collect();
                let content = || cells.iter().map(|(column, row, cell)| (*column, *row, cell));
                theirs.draw(content()).unwrap();
                ours.draw(content()).unwrap();
            }
            prop_assert_eq!(shown(&by_us).contents_formatted(), shown(&by_others).contents_formatted());
        }
    }

    #[test]
    fn a_hidden_cursor_is_hidden_once_until_others_had_the_terminal() {
        let mut bytes = Vec::new();
        let mut backend = Terse::new(&mut bytes);
        backend.hide_cursor().unwrap();
        backend.hide_cursor().unwrap();
        backend.forget();
        backend.hide_cursor().unwrap();
        assert_eq!(bytes, b"\x1b[?25l\x1b[?25l");
    }
}
