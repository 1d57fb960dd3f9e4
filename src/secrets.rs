//! Passphrases on their way in: a line of a descriptor, or typed into the terminal without being shown. Never from
//! arguments or the environment, which other programs can read. Also what keeps secrets from falling out: no core dumps.

use std::fs::File;
use std::io::{self, Read, Write};

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use zeroize::{Zeroize, Zeroizing};

use crate::limits::PASSPHRASE_BYTES;

/// Reads as many lines from an open descriptor. A passphrase may come from a pipe or a file.
///
/// # Errors
/// When there is no such descriptor, a line is longer than `PASSPHRASE_BYTES`, or it is no UTF-8.
pub fn read_lines(descriptor: u32, count: usize) -> io::Result<Vec<String>> {
    if descriptor == 0 {
        return lines_of(io::stdin().lock(), count);
    }
    lines_of(File::open(format!("/dev/fd/{descriptor}"))?, count)
}

fn lines_of(mut from: impl Read, count: usize) -> io::Result<Vec<String>> {
    (0..count).map(|_| line_of(&mut from)).collect()
}

/// Byte by byte: what follows the line is not ours to take.
fn line_of(from: &mut impl Read) -> io::Result<String> {
    let mut line = Zeroizing::new(Vec::with_capacity(PASSPHRASE_BYTES + 2));
    let mut byte = [0];
    while from.read(&mut byte)? > 0 && byte != *b"\n" {
        if line.len() > PASSPHRASE_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the line is too long"));
        }
        line.extend(byte);
    }
    let end = line.strip_suffix(b"\r").map_or(line.len(), <[u8]>::len);
    line.truncate(end);
    let text = std::str::from_utf8(&line).map(str::to_owned);
    text.map_err(|_not_text| io::Error::new(io::ErrorKind::InvalidData, "the line is not UTF-8 text"))
}

/// Asks in the terminal and shows nothing of what is typed; `None` when the person gives up with Esc or Ctrl-c.
///
/// # Errors
/// When the terminal cannot be read or switched.
pub fn ask(question: &str) -> io::Result<Option<String>> {
    let mut out = io::stderr();
    // Before the question: whoever types as soon as it stands there is not shown either.
    let silent = Silence::begin()?;
    write!(out, "{question}: ")?;
    out.flush()?;
    let typed = typed();
    drop(silent);
    writeln!(out)?;
    typed
}

/// The terminal as long as it shows nothing.
struct Silence;

impl Silence {
    fn begin() -> io::Result<Self> {
        enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs no settings.
        disable_raw_mode().unwrap_or_default();
    }
}

fn typed() -> io::Result<Option<String>> {
    let mut text = Zeroizing::new(String::with_capacity(PASSPHRASE_BYTES + 4));
    loop {
        let Event::Key(key) = read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
            (KeyCode::Enter, _) | (KeyCode::Char('j' | 'm'), true) => {
                return Ok(Some(std::mem::take(&mut *text)));
            }
            (KeyCode::Esc, _) | (KeyCode::Char('c' | 'd'), true) => return Ok(None),
            (KeyCode::Char('u'), true) => text.zeroize(),
            (KeyCode::Backspace, _) | (KeyCode::Char('h'), true) => drop(text.pop()),
            (KeyCode::Char(letter), false) if text.len() < PASSPHRASE_BYTES => text.push(letter),
            _ => {}
        }
    }
}

/// Forbids the system to write the memory of this process into a file when it crashes.
///
/// # Errors
/// When the system refuses that.
pub fn forbid_core_dumps() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_and_nothing_behind_it() {
        let mut input = io::Cursor::new(b"open sesame\r\nsecond\nthird".to_vec());
        assert_eq!(line_of(&mut input).unwrap(), "open sesame");
        assert_eq!(lines_of(&mut input, 2).unwrap(), ["second", "third"]);
        assert_eq!(line_of(&mut input).unwrap(), "", "the end");
        assert!(line_of(&mut io::Cursor::new(vec![b'x'; PASSPHRASE_BYTES + 2])).is_err());
        assert!(line_of(&mut io::Cursor::new(vec![0xff, b'\n'])).is_err());
    }

    #[test]
    fn no_memory_is_dumped() {
        use rustix::process::{Resource, getrlimit};

        forbid_core_dumps().unwrap();
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
    }
}
