//! What came out of a pseudo-terminal, byte by byte: nothing but text without control over a terminal, and the few
//! sequences the interface itself needs. The list is what crossterm writes for our screen; anything else was let
//! through from somebody's text, or is a surprise that wants to be looked at.

use std::iter::Peekable;
use std::str::Chars;

use itsgoin::limits::GRAPHEME_SCALARS;
use unicode_width::UnicodeWidthChar;

/// Modes that are switched: cursor, alternate screen, bracketed paste, synchronized update.
const MODES: [u32; 4] = [25, 1049, 2004, 2026];
/// Attributes: none, bold, dim, underlined, reversed, and their ends.
const ATTRIBUTES: [u32; 8] = [0, 1, 2, 4, 7, 22, 24, 27];
/// Default foreground, background, underline.
const DEFAULT_COLOURS: [u32; 3] = [39, 49, 59];

/// Joins emoji to one picture.
const JOINER: char = '\u{200d}';

/// A piece of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A character that is shown.
    Shown(char),
    /// `ESC [ parameters final`.
    Sequence { private: bool, parameters: Vec<u32>, last: char },
}

/// Reads a stream into pieces.
///
/// # Errors
/// What stands there that may not: bytes that are no text, a control character, an escape sequence that is no CSI
/// or not written as crossterm writes it.
pub fn pieces(bytes: &[u8]) -> Result<Vec<Piece>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("no UTF-8: {error}"))?;
    let mut pieces = Vec::new();
    let mut scalars = text.chars().peekable();
    while let Some(scalar) = scalars.next() {
        pieces.push(match scalar {
            '\u{1b}' => sequence(&mut scalars)?,
            control if control.is_control() => return Err(format!("the control character {control:?}")),
            shown => Piece::Shown(shown),
        });
    }
    Ok(pieces)
}

fn sequence(scalars: &mut Peekable<Chars<'_>>) -> Result<Piece, String> {
    if scalars.next() != Some('[') {
        return Err("an escape sequence that is no CSI".to_owned());
    }
    let private = scalars.next_if_eq(&'?').is_some();
    let mut written = String::new();
    while let Some(next) = scalars.next_if(|next| next.is_ascii_digit() || *next == ';') {
        written.push(next);
    }
    let last = scalars.next().ok_or("a sequence without an end")?;
    let mut parameters = Vec::new();
    for number in written.split(';').filter(|_| !written.is_empty()) {
        let parameter: u32 = number.parse().map_err(|_not_a_number| format!("the parameters {written:?}"))?;
        if parameter.to_string() != number {
            return Err(format!("the parameters {written:?}"));
        }
        parameters.push(parameter);
    }
    Ok(Piece::Sequence { private, parameters, last })
}

/// Looks at every byte that was written to a screen of this size.
///
/// # Errors
/// The first thing that may not be there.
pub fn check(bytes: &[u8], columns: u32, rows: u32) -> Result<Vec<Piece>, String> {
    let pieces = pieces(bytes)?;
    let mut before = None;
    let mut cluster = 0;
    for (at, piece) in pieces.iter().enumerate() {
        let Piece::Shown(scalar) = *piece else {
            if !is_ours(piece, columns, rows) {
                return Err(format!("{piece:?} at piece {at}"));
            }
            before = None;
            continue;
        };
        let after = match pieces.get(at + 1) {
            Some(Piece::Shown(after)) => Some(*after),
            _ => None,
        };
        if !may_be_shown(scalar, before, after) {
            return Err(format!("{scalar:?} between {before:?} and {after:?}"));
        }
        let goes_on = scalar.width() == Some(0) || before == Some(JOINER);
        cluster = if goes_on { cluster + 1 } else { 1 };
        // One more than a cluster may have: what shows that it was cut.
        if cluster > GRAPHEME_SCALARS + 1 {
            return Err(format!("a cluster without end at piece {at}"));
        }
        before = Some(scalar);
    }
    Ok(pieces)
}

fn is_ours(piece: &Piece, columns: u32, rows: u32) -> bool {
    let Piece::Sequence { private, parameters, last } = piece else { return false };
    match (*private, parameters.as_slice(), *last) {
        (true, [mode], 'h' | 'l') => MODES.contains(mode),
        (false, [row, column], 'H') => (1..=rows).contains(row) && (1..=columns).contains(column),
        (false, [2], 'J') => true,
        (false, [attribute], 'm') if ATTRIBUTES.contains(attribute) => true,
        (false, colours, 'm') => !colours.is_empty() && are_colours(colours),
        _ => false,
    }
}

/// Foreground colours of the 16, as crossterm writes them, and defaults.
fn are_colours(colours: &[u32]) -> bool {
    match colours {
        [] => true,
        [38, 5, 0..=15, rest @ ..] => are_colours(rest),
        [default, rest @ ..] => DEFAULT_COLOURS.contains(default) && are_colours(rest),
    }
}

/// Whether a sequence sets a colour other than the terminal's own.
pub fn sets_colour(piece: &Piece) -> bool {
    match piece {
        Piece::Sequence { parameters, last: 'm', .. } => parameters
            .iter()
            .any(|parameter| matches!(parameter, 30..=38 | 40..=48 | 58 | 90..=97 | 100..=107)),
        _ => false,
    }
}

/// Whether a character may be there: it neither turns the direction nor is invisible, but for the joiners inside an
/// emoji.
pub fn may_be_shown(scalar: char, before: Option<char>, after: Option<char>) -> bool {
    let is_picture = |scalar: Option<char>| {
        scalar.is_some_and(|scalar| {
            matches!(scalar,
        '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}' | '\u{e0020}'..='\u{e007f}')
        })
    };
    match scalar {
        JOINER => is_picture(before) && is_picture(after),
        '\u{fe0f}' | '\u{e0020}'..='\u{e007f}' => is_picture(before),
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => false,
        other => !other.is_control(),
    }
}

#[test]
fn what_the_interface_writes_passes() {
    let ours = "\u{1b}[?1049h\u{1b}[?2004h\u{1b}[?25l\u{1b}[2J\u{1b}[1;1H\u{1b}[7m\u{1b}[38;5;6;49mana ␛[31m\
                e\u{301}👨\u{200d}👩❤\u{fe0f}\u{1b}[39m\u{1b}[49m\u{1b}[59m\u{1b}[0m";
    assert!(check(ours.as_bytes(), 80, 24).is_ok());
}

#[test]
fn every_kind_of_hostile_byte_is_noticed() {
    let planted = [
        "\u{1b}[31m",
        "\u{1b}[5;5Z",
        "\u{1b}[99;1H",
        "\u{1b}[01;01H",
        "\u{1b}[3J",
        "\u{1b}[?1000h",
        "\u{1b}]52;c;eA==\u{7}",
        "\u{1b}Pq\u{1b}\\",
        "\u{1b}_x\u{1b}\\",
        "\u{1b}c",
        "\u{1b}[6n",
        "\u{9b}2J",
        "\u{9d}0;x\u{9c}",
        "\u{7}",
        "\u{8}",
        "\r",
        "\u{7f}",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "a\u{200d}b",
        "a\u{fe0f}",
        "\u{feff}",
        "\u{e0041}",
        "\u{1b}[m",
    ];
    for bytes in planted {
        assert!(check(format!("x{bytes}x").as_bytes(), 80, 24).is_err(), "{bytes:?}");
    }
    assert!(check(format!("e{}", "\u{301}".repeat(17)).as_bytes(), 80, 24).is_err());
    assert!(check(format!("👩{}", "\u{200d}👩".repeat(9)).as_bytes(), 80, 24).is_err());
    assert!(check(b"\x9b2J", 80, 24).is_err());
}
