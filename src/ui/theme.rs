//! How things look: styles by meaning and the glyphs the program itself draws. The only place that names a colour.
//!
//! Only the 16 colours of the terminal and attributes, background untouched, so that it is legible on black and on
//! white. Colour never carries meaning alone: each style also has an attribute, or stands beside a glyph.

use ratatui::style::{Color, Modifier, Style};

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colours {
    /// The terminal's own 16.
    #[default]
    Ansi,
    /// Attributes only (`NO_COLOR`).
    None,
}

/// Which characters the program draws with. Text of people is shown as it is in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Glyphs {
    /// Lines, dots and arrows.
    #[default]
    Unicode,
    /// Only ASCII (`--ascii`).
    Ascii,
}

/// Colours and glyphs of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Theme {
    /// Whether colours are used.
    pub colours: Colours,
    /// Which characters are drawn.
    pub glyphs: Glyphs,
}

macro_rules! glyphs {
    ($($(#[$doc:meta])* $name:ident $unicode:literal $ascii:literal;)*) => {
        impl Theme {
            $($(#[$doc])* pub const fn $name(self) -> &'static str {
                match self.glyphs {
                    Glyphs::Unicode => $unicode,
                    Glyphs::Ascii => $ascii,
                }
            })*
        }
    };
}

glyphs! {
    /// Beside what is selected.
    bar "▌" ">";
    /// Beside what was not opened.
    unread "●" "*";
    /// Beside a peer with a connection.
    connected "●" "*";
    /// Beside a peer without one.
    unconnected "○" "o";
    /// Where text was cut.
    ellipsis "…" "...";
    /// Towards newer posts.
    up "↑" "^";
    /// From whom to whom.
    to "→" "->";
    /// Between two facts.
    dot " · " " - ";
    /// Between a message and its hint.
    dash " — " " - ";
    /// A piece of a horizontal line.
    rule "─" "-";
    /// A piece of a vertical line.
    wall "│" "|";
    /// An answer that others follow.
    tee "├" "|";
    /// The last answer.
    corner "└" "`";
    /// An answer deeper than there is room for.
    deeper "»" ">";
    /// Towards newer messages.
    down "↓" "v";
    /// Beside a message that waits here.
    queued "◌" "~";
    /// Beside a message whose receipt came.
    arrived "✓" "+";
    /// Beside a post with unread answers to me.
    to_me "@" "@";
}

#[expect(clippy::unused_self, reason = "styles are asked for in one way, whatever they depend on")]
impl Theme {
    /// Text that stands back.
    pub fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Text that stands out: names, keys, titles.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What is selected or has the focus.
    pub fn accent(self) -> Style {
        self.coloured(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// What was not opened yet.
    pub fn fresh(self) -> Style {
        self.coloured(Color::Magenta).add_modifier(Modifier::BOLD)
    }

    /// What is well.
    pub fn good(self) -> Style {
        self.coloured(Color::Green)
    }

    /// What went wrong.
    pub fn bad(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// A whole line that frames the screen.
    pub fn frame(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    fn coloured(self, colour: Color) -> Style {
        match self.colours {
            Colours::Ansi => Style::new().fg(colour),
            Colours::None => Style::new(),
        }
    }
}
