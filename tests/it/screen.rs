//! The interface in a pseudo-terminal: keys go in, a picture and every single byte come out.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtyPair, PtySize, native_pty_system};

use super::program::{BETWEEN_LOOKS, Home, PATIENCE, PROGRAM, now, send_signal, wait_for, wait_until};

/// How long a key has to show before it is pressed once more, where that is wanted.
const BEFORE_NEXT_PRESS: Duration = Duration::from_millis(300);
/// How long nothing must come before the screen counts as at rest.
const REST: Duration = Duration::from_millis(400);

/// What came out so far.
struct Seen {
    bytes: Vec<u8>,
    terminal: vt100::Parser,
}

/// A terminal with the interface in it, killed when the value goes.
pub struct Screen {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    seen: Arc<Mutex<Seen>>,
    reading: Option<JoinHandle<()>>,
    /// The terminal's own settings before the interface came.
    settings: String,
}

/// How the interface ended.
pub struct Left {
    pub success: bool,
    pub bytes: Vec<u8>,
    /// Whether the terminal is back on its own screen, with a cursor, and pastes as it did before.
    pub is_restored: bool,
    /// The terminal's own settings before and after.
    pub settings: (String, String),
}

impl Screen {
    /// The interface of this place, 80 columns by 24 rows.
    pub fn open(home: &Home) -> Self {
        Self::open_with(home, &[])
    }

    /// [`Self::open`] with variables set.
    pub fn open_with(home: &Home, variables: &[(&str, &str)]) -> Self {
        Self::run_with(home, &[], variables)
    }

    /// A verb in a terminal.
    pub fn run(home: &Home, arguments: &[&str]) -> Self {
        Self::run_with(home, arguments, &[])
    }

    fn run_with(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let pair = open_terminal();
        let settings = format!("{:?}", pair.master.get_termios());
        let mut command = CommandBuilder::new(PROGRAM);
        command.args(home.arguments());
        command.args(["--bind", "127.0.0.1:0"]);
        command.args(arguments);
        for variable in ["NO_COLOR", "SSH_CONNECTION"] {
            command.env_remove(variable);
        }
        command.env("TERM", "xterm-256color");
        for (name, value) in home.variables() {
            command.env(name, value);
        }
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let (seen, output) = (Arc::new(Mutex::new(Seen::new())), pair.master.try_clone_reader().unwrap());
        let reading = Some(read_all(output, Arc::clone(&seen)));
        let keys = pair.master.take_writer().unwrap();
        Self { child, master: pair.master, keys, seen, reading, settings }
    }

    /// Types text, or control characters.
    pub fn types(&mut self, text: &str) -> &mut Self {
        self.keys.write_all(text.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self
    }

    /// Pastes text, as terminals do it.
    pub fn pastes(&mut self, text: &str) -> &mut Self {
        self.types(&format!("\u{1b}[200~{text}\u{1b}[201~"))
    }

    /// Waits until a text stands on the screen.
    pub fn sees(&mut self, text: &str) -> &mut Self {
        self.wait(text, |picture| picture.contains(text))
    }

    fn wait(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> &mut Self {
        let start = now();
        while !is_so(&self.picture()) {
            assert!(start.elapsed() < PATIENCE, "{what:?}, but:\n{}", self.picture());
            assert!(!self.is_over() || is_so(&self.picture()), "{what:?}, but it ended:\n{}", self.picture());
            std::thread::sleep(BETWEEN_LOOKS);
        }
        self
    }

    /// Presses a key again and again until a text stands on the screen: right after a paste a key that sends
    /// something does nothing.
    pub fn presses_until(&mut self, key: &str, text: &str) -> &mut Self {
        let mut pressed: Option<Instant> = None;
        let start = now();
        while !self.picture().contains(text) {
            assert!(start.elapsed() < PATIENCE, "{text:?}, but:\n{}", self.picture());
            if pressed.is_none_or(|at| at.elapsed() > BEFORE_NEXT_PRESS) {
                self.types(key);
                pressed = Some(now());
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        self
    }

    /// What stands on the screen, without the spaces at the ends of its rows.
    pub fn picture(&self) -> String {
        let contents = self.seen.lock().unwrap().terminal.screen().contents();
        contents.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    /// Every byte so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen.lock().unwrap().bytes.clone()
    }

    /// The number of bytes once nothing has come for a while.
    pub fn rests(&self) -> usize {
        let count = || self.seen.lock().unwrap().bytes.len();
        let (mut last, mut since) = (count(), now());
        wait_for("a screen at rest", || {
            if count() != last {
                (last, since) = (count(), now());
            }
            (since.elapsed() > REST).then_some(last)
        })
    }

    /// Whether no byte comes for so long.
    pub fn is_still_for(&self, time: Duration) -> bool {
        let (before, start) = (self.bytes().len(), now());
        wait_until("the end of the watch", || start.elapsed() > time || self.bytes().len() != before);
        self.bytes().len() == before
    }

    pub fn resize(&mut self, columns: u16, rows: u16) -> &mut Self {
        let mut seen = self.seen.lock().unwrap();
        seen.terminal.set_size(nonzero(rows), nonzero(columns));
        self.master.resize(size(columns, rows)).unwrap();
        drop(seen);
        self
    }

    /// Whether the program has ended.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub fn send_signal(&self, signal: &str) {
        send_signal(signal, self.child.process_id().unwrap());
    }

    /// Waits for the end of the program: what it left behind.
    pub fn left(mut self) -> Left {
        let status = wait_for("the end of the interface", || self.child.try_wait().unwrap());
        let after = format!("{:?}", self.master.get_termios());
        self.reading.take().unwrap().join().unwrap();
        let seen = self.seen.lock().unwrap();
        let screen = seen.terminal.screen();
        Left {
            success: status.success(),
            bytes: seen.bytes.clone(),
            is_restored: !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste(),
            settings: (self.settings.clone(), after),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It may have ended by itself; then there is only its status to take.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Seen {
    fn new() -> Self {
        Self { bytes: Vec::new(), terminal: vt100::Parser::new(nonzero(24), nonzero(80), 0) }
    }
}

/// The interface with its keys in one terminal and its pictures in another. Types, and takes the second terminal away
/// when the text stands there, so that nothing but a draw can notice; keys follow until the interface has ended.
pub fn lose_pictures(home: &Home, typed: &str, text: &str) {
    let (keys, pictures) = (open_terminal(), open_terminal());
    let mut command = CommandBuilder::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" >\"$PICTURES\"", PROGRAM]);
    command.args(home.arguments());
    command.args(["--bind", "127.0.0.1:0"]);
    command.env("PICTURES", pictures.master.tty_name().unwrap());
    command.env("TERM", "xterm-256color");
    for (name, value) in home.variables() {
        command.env(name, value);
    }
    let mut child = keys.slave.spawn_command(command).unwrap();
    let mut output = pictures.master.try_clone_reader().unwrap();
    let mut writer = keys.master.take_writer().unwrap();
    let (typed, text) = (typed.to_owned(), text.to_owned());
    let typing = std::thread::spawn(move || {
        let (mut terminal, mut buffer) = (Seen::new().terminal, [0; 16 * 1024]);
        let mut await_text = |text: &str| {
            while !terminal.screen().contents().contains(text) {
                let count = output.read(&mut buffer).unwrap();
                terminal.process(&buffer[..count]);
            }
        };
        await_text("itsgoin");
        writer.write_all(typed.as_bytes()).unwrap();
        await_text(&text);
        writer
    });
    wait_until("the text", || typing.is_finished());
    let mut writer = typing.join().unwrap();
    drop(pictures);
    wait_until("the end of the interface", || {
        drop(writer.write_all(b"!"));
        child.try_wait().unwrap().is_some()
    });
}

fn open_terminal() -> PtyPair {
    native_pty_system().openpty(size(80, 24)).unwrap()
}

/// Takes all output until the last writer is gone.
fn read_all(mut output: Box<dyn Read + Send>, seen: Arc<Mutex<Seen>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = output.read(&mut buffer) {
            let mut seen = seen.lock().unwrap();
            seen.bytes.extend_from_slice(&buffer[..count]);
            seen.terminal.process(&buffer[..count]);
        }
    })
}

fn nonzero(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

const fn size(cols: u16, rows: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}
