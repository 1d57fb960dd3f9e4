//! The program as a person meets it: the real binary in a pseudo-terminal of 120×40, beside a bare ratatui program
//! and beside `cat`. Run it with `cargo bench --bench interface`.
//!
//! The part about comments runs alone with `cargo bench --bench interface -- comments`.
//!
//! A frame ends where the synchronized update of the terminal ends; times are taken where the bytes are read.

mod support;
#[path = "support/talk.rs"]
mod talk;

use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Read, Stdout, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use itsgoin::crypto::keys::NetworkKey;
use itsgoin::db::peers::AddressSource;
use itsgoin::db::{Database, Durability};
use itsgoin::domain::address::PeerAddress;
use itsgoin::node::data_dir::DataDir;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{Event, KeyCode, read};
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{execute, queue};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use self::support::data::{self, NEWEST_TEXT, Scratch, Spec};
use self::support::figures::{Measure, Table, now, number};

const COLUMNS: u16 = 120;
const ROWS: u16 = 40;
/// Starts of each kind.
const STARTS: usize = 15;
/// Key presses of each kind.
const KEYS: usize = 150;
/// The most comments of a thread here, and key presses of each kind in it.
const COMMENTS: u32 = 2_000;
const THREAD_KEYS: usize = 100;
/// Terminals a thread is read in.
const THREAD_SIZES: [(u16, u16); 2] = [(COLUMNS, ROWS), (200, 50)];
/// How long nothing is touched.
const IDLE: Duration = Duration::from_secs(5);
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);
/// What ends a frame.
const FRAME_END: &[u8] = b"\x1b[?2026l";
/// The argument that makes this program the bare one.
const BARE: &str = "--bare";

const SMALL: Spec = Spec { posts: 10_000, unread: 500 };
const LARGE: Spec = Spec { posts: 1_000_000, unread: 500 };
/// What streams in while keys are pressed.
const SOURCE: Spec = Spec { posts: 50_000, unread: 0 };
/// Follows the same people and has none of their posts.
const EMPTY: Spec = Spec { posts: 0, unread: 0 };

fn main() -> Result<()> {
    if std::env::args().any(|argument| argument == BARE) {
        return bare();
    }
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let mut table = Table::default();
    if std::env::args().any(|argument| argument == "comments") {
        comments(&mut table)?;
        table.print();
        return Ok(());
    }
    let (small, large) = (data::copy(&SMALL)?, data::copy(&LARGE)?);
    starts(&mut table, small.path(), large.path())?;
    keys(&mut table, large.path())?;
    idle(&mut table, large.path())?;
    serve_memory(&mut table, large.path())?;
    drop((small, large));
    keys_while_ingesting(&mut table)?;
    comments(&mut table)?;
    table.print();
    Ok(())
}

fn itsgoin() -> &'static str {
    env!("CARGO_BIN_EXE_itsgoin")
}

/// Arguments of a node that stays on this machine.
fn local(data_dir: &Path) -> Vec<String> {
    let data_dir = data_dir.display().to_string();
    ["--data-dir", &data_dir, "--relay", "none", "--lan", "off", "--bind", "127.0.0.1:0"]
        .map(str::to_owned)
        .to_vec()
}

fn interface(data_dir: &Path) -> CommandBuilder {
    command(itsgoin(), &local(data_dir))
}

fn bare_program() -> Result<CommandBuilder> {
    let path = std::env::current_exe()?;
    Ok(command(path.to_str().context("the path of this program is odd")?, &[BARE.to_owned()]))
}

fn command(program: &str, arguments: &[String]) -> CommandBuilder {
    let mut command = CommandBuilder::new(program);
    command.args(arguments);
    command.env("TERM", "xterm-256color");
    command.env_remove("NO_COLOR");
    command.env_remove("SSH_CONNECTION");
    command
}

/// A program in a pseudo-terminal.
struct Pty {
    begun: Instant,
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<(Instant, Vec<u8>)>,
    screen: vt100::Parser,
    /// The end of what was read, where a mark may have been cut.
    tail: Vec<u8>,
    _master: Box<dyn MasterPty + Send>,
}

/// What came out in some time.
#[derive(Debug, Default, Clone, Copy)]
struct Written {
    bytes: u64,
    frames: u64,
    /// When the first frame ended.
    first: Option<Instant>,
}

impl Pty {
    fn open(command: CommandBuilder) -> Result<Self> {
        Self::sized(command, (COLUMNS, ROWS))
    }

    fn sized(command: CommandBuilder, (cols, rows): (u16, u16)) -> Result<Self> {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size)?;
        let mut reader = pair.master.try_clone_reader()?;
        let keyboard = pair.master.take_writer()?;
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let bytes = buffer.get(..count).unwrap_or_default().to_vec();
                if sender.send((now(), bytes)).is_err() {
                    break;
                }
            }
        });
        let begun = now();
        let child = pair.slave.spawn_command(command)?;
        let cells = |count| NonZeroU16::new(count).context("a terminal has cells");
        let screen = vt100::Parser::new(cells(rows)?, cells(cols)?, 0);
        Ok(Self { begun, child, keyboard, output, screen, tail: Vec::new(), _master: pair.master })
    }

    fn process(&self) -> Result<u32> {
        self.child.process_id().context("the program has no process")
    }

    fn press(&mut self, keys: &[u8]) -> Result<Instant> {
        let pressed = now();
        self.keyboard.write_all(keys)?;
        self.keyboard.flush()?;
        Ok(pressed)
    }

    /// Reads until `is_enough`, or until nothing more may be waited for.
    fn read(&mut self, time: Duration, is_enough: impl Fn(&Written) -> bool) -> Written {
        let end = now() + time;
        let mut written = Written::default();
        while !is_enough(&written) {
            match self.output.recv_timeout(end.saturating_duration_since(now())) {
                Ok((at, bytes)) => self.take(&mut written, at, &bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        written
    }

    fn take(&mut self, written: &mut Written, at: Instant, bytes: &[u8]) {
        self.screen.process(bytes);
        self.tail.extend(bytes);
        let ends = self.tail.windows(FRAME_END.len()).filter(|window| *window == FRAME_END).count();
        if ends > 0 && written.first.is_none() {
            written.first = Some(at);
        }
        written.frames += u64::try_from(ends).unwrap_or(u64::MAX);
        written.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.tail.drain(..self.tail.len().saturating_sub(FRAME_END.len() - 1));
    }

    /// Waits for the next frame.
    fn frame(&mut self) -> Result<Instant> {
        let written = self.read(PATIENCE, |written| written.frames > 0);
        written.first.with_context(|| format!("no frame came:\n{}", self.screen.screen().contents()))
    }

    /// Reads whatever comes in this time.
    fn rest(&mut self, time: Duration) -> Written {
        self.read(time, |_| false)
    }

    fn shows(&self, text: &str) -> bool {
        self.screen.screen().contents().contains(text)
    }

    /// Reads until the screen shows a text; when the frame ended that first did.
    fn until(&mut self, text: &str) -> Result<Instant> {
        let end = now() + PATIENCE;
        while !self.shows(text) {
            self.rest(Duration::from_micros(200));
            ensure!(now() < end, "no {text:?} came:\n{}", self.screen.screen().contents());
        }
        Ok(now())
    }

    /// Leaves with a key, and waits for the end.
    fn leave(mut self) -> Result<()> {
        self.press(b"q")?;
        let end = now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            self.rest(Duration::from_millis(5));
            if now() > end {
                self.child.kill()?;
            }
        }
        Ok(())
    }
}

/// From the start to the end of the first frame.
fn starts(table: &mut Table, small: &Path, large: &Path) -> Result<()> {
    let (mut bare, mut thousands, mut million, mut version) = (vec![], vec![], vec![], vec![]);
    let mut complete = 0;
    for _ in 0..STARTS {
        bare.push(first_frame(bare_program()?)?.0);
        thousands.push(first_frame(interface(small))?.0);
        let (time, shows_posts) = first_frame(interface(large))?;
        million.push(time);
        complete += u32::from(shows_posts);
        let begun = now();
        let ended = Command::new(itsgoin()).arg("--version").stdout(Stdio::null()).status()?;
        ensure!(ended.success(), "--version fails");
        version.push(begun.elapsed());
    }
    let floor = Measure::of_times(&bare);
    table.add(
        "`--version` (floor: bare ratatui, start → first frame)",
        floor,
        Measure::of_times(&version),
        "",
    );
    let name = "start → first frame, 10 thousand posts (floor: bare ratatui)";
    table.add(name, floor, Measure::of_times(&thousands), "≤ 30 ms");
    let name = format!(
        "start → first frame, 1 million posts, {complete} of {STARTS} with posts (floor: bare ratatui)"
    );
    table.add(&name, floor, Measure::of_times(&million), "≤ 30 ms");
    Ok(())
}

/// The time to the first frame, and whether it shows the newest post.
fn first_frame(command: CommandBuilder) -> Result<(Duration, bool)> {
    let mut pty = Pty::open(command)?;
    let shown = pty.frame()?;
    let shows_posts = pty.shows(NEWEST_TEXT);
    let time = shown.duration_since(pty.begun);
    pty.rest(Duration::from_millis(200));
    pty.leave()?;
    Ok((time, shows_posts))
}

/// What pressing a key led to.
#[derive(Default)]
struct Presses {
    times: Vec<Duration>,
    bytes: Vec<f64>,
}

impl Presses {
    /// Presses one key after another, as a person does, and waits for what comes of each.
    fn of(pty: &mut Pty, next: impl FnMut(usize) -> u8) -> Result<Self> {
        Self::many(pty, KEYS, next)
    }

    fn many(pty: &mut Pty, count: usize, mut next: impl FnMut(usize) -> u8) -> Result<Self> {
        let mut rng = StdRng::seed_from_u64(1);
        let mut presses = Self::default();
        for number in 0..count {
            presses.press(pty, next(number), &mut rng)?;
        }
        Ok(presses)
    }

    fn press(&mut self, pty: &mut Pty, key: u8, rng: &mut StdRng) -> Result<()> {
        let pressed = pty.press(&[key])?;
        let shown = pty.read(PATIENCE, |written| written.frames > 0);
        let first = shown.first.context("no frame came")?;
        let rest = pty.rest(Duration::from_millis(rng.random_range(60..90)));
        self.times.push(first.duration_since(pressed));
        self.bytes.push(number(shown.bytes + rest.bytes));
        Ok(())
    }

    fn times(&self) -> Option<Measure> {
        Measure::of_times(&self.times)
    }

    fn bytes(self) -> Option<Measure> {
        Measure::of(self.bytes, "B")
    }
}

/// Down and up between two posts.
const fn there_and_back(number: usize) -> u8 {
    if number.is_multiple_of(2) { b'j' } else { b'k' }
}

fn letters(number: usize) -> u8 {
    *b"the quick brown fox jumps over the lazy dog ".get(number % 44).unwrap_or(&b' ')
}

/// Keys in the feed and in a new post.
fn keys(table: &mut Table, data_dir: &Path) -> Result<()> {
    let echo = Measure::of_times(&echo()?);
    let mut floor = Pty::open(bare_program()?)?;
    floor.frame()?;
    let mut pty = Pty::open(interface(data_dir))?;
    pty.frame()?;
    pty.rest(Duration::from_secs(1));
    ensure!(pty.shows(NEWEST_TEXT), "the feed is not there:\n{}", pty.screen.screen().contents());

    let bare_moves = Presses::of(&mut floor, there_and_back)?;
    let moves = Presses::of(&mut pty, there_and_back)?;
    table.add("key → frame, selection (floor: `cat`)", echo, moves.times(), "p50 ≤ 1, p95 ≤ 5 ms");
    let floor_times = bare_moves.times();
    table.add("key → frame, selection (floor: bare ratatui)", floor_times, moves.times(), "");
    table.add("bytes per moved selection (floor: bare)", bare_moves.bytes(), moves.bytes(), "≤ 2.5 kB");

    let scrolls = Presses::of(&mut pty, |_| b'j')?;
    table.add("key → frame, down through the feed (floor: bare ratatui)", floor_times, scrolls.times(), "");
    table.add("bytes per key, down through the feed", None, scrolls.bytes(), "");
    pty.press(b"gg")?;
    pty.rest(Duration::from_millis(300));

    pty.press(b"c")?;
    pty.rest(Duration::from_millis(300));
    let bare_typing = Presses::of(&mut floor, letters)?;
    let typing = Presses::of(&mut pty, letters)?;
    ensure!(pty.shows("quick brown fox"), "the text is not there:\n{}", pty.screen.screen().contents());
    table.add("key → frame, typing (floor: `cat`)", echo, typing.times(), "p50 ≤ 1, p95 ≤ 5 ms");
    table.add("key → frame, typing (floor: bare ratatui)", bare_typing.times(), typing.times(), "");
    table.add("bytes per typed key (floor: bare ratatui)", bare_typing.bytes(), typing.bytes(), "≤ 60 B");

    pty.press(b"\x18k")?;
    pty.rest(Duration::from_millis(300));
    pty.press(b"y")?;
    pty.rest(Duration::from_millis(300));
    floor.press(b"\x1b")?;
    floor.rest(Duration::from_millis(100));
    pty.leave()
}

/// A byte to a program that sends it back, through the same kind of terminal.
fn echo() -> Result<Vec<Duration>> {
    let mut pty = Pty::open(command("sh", &["-c".to_owned(), "stty raw -echo; echo; exec cat".to_owned()]))?;
    pty.rest(Duration::from_millis(500));
    let mut rng = StdRng::seed_from_u64(1);
    let mut times = Vec::new();
    for at in 0..KEYS {
        let pressed = pty.press(&[letters(at)])?;
        let (back, _) = pty.output.recv_timeout(PATIENCE)?;
        times.push(back.duration_since(pressed));
        pty.rest(Duration::from_millis(rng.random_range(60..90)));
    }
    pty.child.kill()?;
    Ok(times)
}

/// Nothing is touched for a while.
fn idle(table: &mut Table, data_dir: &Path) -> Result<()> {
    let mut pty = Pty::open(interface(data_dir))?;
    pty.frame()?;
    pty.rest(Duration::from_secs(3));
    let process = pty.process()?;
    let before = activity(process)?;
    let written = pty.rest(IDLE);
    let after = activity(process)?;
    let one = |value: u64, unit| Measure::of(vec![number(value)], unit);
    table.add("draws while idle for 5 s", None, one(written.frames, "draws"), "0");
    table.add("bytes to the terminal while idle for 5 s", None, one(written.bytes, "B"), "");
    let spent = Duration::from_nanos(after.nanoseconds - before.nanoseconds);
    table.add("CPU while idle for 5 s", None, Measure::of_times(&[spent]), "");
    table.add("wake-ups while idle for 5 s", None, one(after.switches - before.switches, ""), "");
    table.add("memory, interface with node, 1 million posts", None, memory(process)?, "≤ 60 MB");
    pty.leave()
}

/// What all threads of a process did.
struct Activity {
    nanoseconds: u64,
    switches: u64,
}

fn activity(process: u32) -> Result<Activity> {
    let mut activity = Activity { nanoseconds: 0, switches: 0 };
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let path = thread?.path();
        let scheduled = fs::read_to_string(path.join("schedstat"))?;
        activity.nanoseconds += scheduled.split(' ').next().unwrap_or_default().parse::<u64>()?;
        activity.switches += field(&fs::read_to_string(path.join("status"))?, "voluntary_ctxt_switches:")?;
    }
    Ok(activity)
}

/// The number in a line of `/proc/…/status`.
fn field(status: &str, name: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn memory(process: u32) -> Result<Option<Measure>> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    Ok(Measure::of(vec![number(field(&status, "VmRSS:")?) / 1024.0], "MB"))
}

/// A running `serve`, ended with the value.
struct Serving {
    child: std::process::Child,
    addresses: Vec<String>,
}

impl Serving {
    fn start(data_dir: &Path) -> Result<Self> {
        let mut command = Command::new(itsgoin());
        let mut child = command.args(local(data_dir)).arg("serve").stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("the output is piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let ready: serde_json::Value = serde_json::from_str(&line).context("serve is not ready")?;
        let addresses = serde_json::from_value(ready.get("addresses").cloned().unwrap_or_default())?;
        Ok(Self { child, addresses })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // What cannot be ended has ended already.
        self.child.kill().and_then(|()| self.child.wait()).map(drop).unwrap_or_default();
    }
}

fn serve_memory(table: &mut Table, data_dir: &Path) -> Result<()> {
    let serving = Serving::start(data_dir)?;
    thread::sleep(Duration::from_secs(3));
    table.add("memory, `serve`, 1 million posts", None, memory(serving.child.id())?, "");
    Ok(())
}

/// Keys while posts stream in from another node on this machine.
fn keys_while_ingesting(table: &mut Table) -> Result<()> {
    let (source, reader) = (data::copy(&SOURCE)?, data::copy(&EMPTY)?);
    let serving = Serving::start(source.path())?;
    introduce(&source, &reader, &serving.addresses)?;
    let arrived = |bare: &rusqlite::Connection| -> Result<u64> {
        let sql = "SELECT coalesce(max(seq), 0) FROM arrivals";
        let count: i64 = bare.query_row(sql, [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    };
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let mut pty = Pty::open(interface(reader.path()))?;
    pty.frame()?;
    let bare = rusqlite::Connection::open_with_flags(reader.path().join("itsgoin.db"), flags)?;
    let waited = now();
    while arrived(&bare)? < 2_000 {
        ensure!(waited.elapsed() < PATIENCE, "nothing comes in:\n{}", pty.screen.screen().contents());
        pty.rest(Duration::from_millis(20));
    }
    let (begun, at_first) = (now(), arrived(&bare)?);
    let mut rng = StdRng::seed_from_u64(1);
    let mut presses = Presses::default();
    while presses.times.len() < KEYS && arrived(&bare)? < SOURCE.posts {
        presses.press(&mut pty, there_and_back(presses.times.len()), &mut rng)?;
    }
    let rate = number(arrived(&bare)? - at_first) / begun.elapsed().as_secs_f64();
    let count = presses.times.len();
    let name = format!("key → frame, selection, while {rate:.0} posts/s come in ({count} keys)");
    table.add(&name, None, presses.times(), "p50 ≤ 1, p95 ≤ 5 ms at 2,000 posts/s");
    table.add("bytes per key meanwhile, refreshes included", None, presses.bytes(), "");
    pty.leave()
}

/// A thread of many comments: opened, walked through, scrolled, folded, in terminals of two sizes.
fn comments(table: &mut Table) -> Result<()> {
    let store = data::copy(&SMALL)?;
    talk::put(store.path(), COMMENTS)?;
    for size in THREAD_SIZES {
        let (columns, rows) = size;
        let mut floor = Pty::sized(bare_program()?, size)?;
        floor.frame()?;
        let bare = Presses::many(&mut floor, THREAD_KEYS, there_and_back)?.times();
        floor.press(b"\x1b")?;
        let mut pty = Pty::sized(interface(store.path()), size)?;
        pty.until(NEWEST_TEXT)?;
        pty.rest(Duration::from_secs(1));
        let goal = "p50 ≤ 1, p95 ≤ 5 ms";
        let mut add = |what: &str, measure| {
            let name =
                format!("key → frame, {what}, {COMMENTS} comments, {columns}×{rows} (floor: bare ratatui)");
            table.add(&name, bare, measure, goal);
        };
        let (first, all) = opens(&mut pty)?;
        add("opening", Measure::of_times(&first));
        add("opening, until the first comments stand there", Measure::of_times(&all));
        add("to the next comment", Presses::many(&mut pty, THREAD_KEYS, |_| b'j')?.times());
        // Half a page: Ctrl-d and Ctrl-u.
        add("half a page down", Presses::many(&mut pty, THREAD_KEYS, |_| 0x04)?.times());
        add("folding and unfolding", Presses::many(&mut pty, THREAD_KEYS, |_| b'\r')?.times());
        add("folding and unfolding all", folds(&mut pty)?);
        pty.press(b"q")?;
        pty.rest(Duration::from_millis(300));
        pty.leave()?;
    }
    Ok(())
}

/// Opens the selected post again and again: times to the first frame, and to the first one with comments. The post
/// stays open.
fn opens(pty: &mut Pty) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let (mut first, mut all) = (Vec::new(), Vec::new());
    for _ in 0..THREAD_KEYS / 2 {
        let pressed = pty.press(b"\r")?;
        first.push(pty.frame()?.duration_since(pressed));
        all.push(pty.until("├─")?.duration_since(pressed));
        pty.rest(Duration::from_millis(700));
        pty.press(b"q")?;
        pty.rest(Duration::from_millis(100));
    }
    pty.press(b"\r")?;
    pty.until("├─")?;
    pty.rest(Duration::from_secs(1));
    Ok((first, all))
}

/// `zM` and `zR` in turns: what the second key of each takes.
fn folds(pty: &mut Pty) -> Result<Option<Measure>> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut presses = Presses::default();
    for number in 0..THREAD_KEYS {
        pty.press(b"z")?;
        pty.rest(Duration::from_millis(60));
        presses.press(pty, if number.is_multiple_of(2) { b'M' } else { b'R' }, &mut rng)?;
    }
    Ok(presses.times())
}

/// Lets the reader know where the source is.
fn introduce(source: &Scratch, reader: &Scratch, addresses: &[String]) -> Result<()> {
    let key = DataDir::open(reader.path())?;
    let never = || NetworkKey::from_secret(&[0; 32]);
    let sockets = addresses.iter().map(|address| address.parse()).collect::<Result<_, _>>()?;
    let network_id = data::network_key(&SOURCE).network_id();
    ensure!(key.network_key(never)?.network_id() != network_id, "both nodes have one key");
    ensure!(source.path() != reader.path(), "both nodes have one home");
    let address = PeerAddress { network_id, sockets, relay: None };
    let mut database = Database::open(&key.database_path(), &[0; 32])?;
    database.transaction(Durability::Normal, |batch| {
        batch.step(|store| store.insert_peer(&address, data::end(), AddressSource::Named).map(drop))
    })?;
    Ok(())
}

/// The least an interface of this kind can be: one list, one selected line, one line that is typed.
fn bare() -> Result<()> {
    enable_raw_mode()?;
    execute!(std::io::stdout(), EnterAlternateScreen)?;
    let writer = BufWriter::with_capacity(64 * 1024, std::io::stdout());
    let mut terminal = Terminal::new(CrosstermBackend::new(writer))?;
    let (mut selected, mut typed) = (0_usize, String::new());
    loop {
        draw_bare(&mut terminal, selected, &typed)?;
        match read()? {
            Event::Key(key) if key.code == KeyCode::Char('q') && typed.is_empty() => break,
            Event::Key(key) if key.code == KeyCode::Esc => break,
            Event::Key(key) if key.code == KeyCode::Char('j') && typed.is_empty() => selected += 1,
            Event::Key(key) if key.code == KeyCode::Char('k') && typed.is_empty() => selected -= 1,
            Event::Key(key) => typed.extend(key.code.as_char()),
            _ => {}
        }
    }
    execute!(std::io::stdout(), LeaveAlternateScreen)?;
    disable_raw_mode()?;
    Ok(())
}

fn draw_bare(
    terminal: &mut Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    selected: usize,
    typed: &str,
) -> Result<()> {
    queue!(terminal.backend_mut(), BeginSynchronizedUpdate)?;
    terminal.draw(|frame| {
        let mut lines: Vec<Line<'_>> = (0..usize::from(ROWS) / 5)
            .flat_map(|post| {
                let style = if post == selected {
                    Style::default().add_modifier(Modifier::REVERSED)
                } else {
                    Style::default()
                };
                let text = "a line of a post, about as long as lines of posts are on such a screen";
                (0..4).map(move |row| Line::styled(format!("{post}.{row} {text}"), style))
            })
            .collect();
        lines.push(Line::raw(typed.get(typed.len().saturating_sub(60)..).unwrap_or_default()));
        frame.render_widget(Paragraph::new(lines), frame.area());
    })?;
    execute!(terminal.backend_mut(), EndSynchronizedUpdate)?;
    Ok(())
}
