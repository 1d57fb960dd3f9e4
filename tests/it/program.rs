//! The program from outside: a data directory, the verbs run on it, a node that serves it. A node ends with the
//! value that holds it, also when a test panics.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_itsgoin");
/// How long anything may take that has to happen; only a test that fails waits for so long.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The pause between two looks at something that is waited for.
pub const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// How the nodes of a place reach others.
#[derive(Clone)]
pub struct Reach {
    /// What every run is told.
    arguments: [String; 6],
    /// What starts the program: itself, or what runs it in another network.
    program: Vec<String>,
}

impl Reach {
    fn new(relay: &str, lan: &str, exchange: &str, program: Vec<String>) -> Self {
        let arguments = ["--relay", relay, "--lan", lan, "--exchange", exchange];
        Self { arguments: arguments.map(str::to_owned), program }
    }

    /// Nothing but addresses.
    pub fn addresses() -> Self {
        Self::new("none", "off", "off", vec![PROGRAM.to_owned()])
    }

    /// Addresses and this relay.
    pub fn relay(url: &str) -> Self {
        Self::new(url, "off", "off", vec![PROGRAM.to_owned()])
    }

    /// Addresses and the local network this command runs the program in.
    pub fn local_network(program: Vec<String>) -> Self {
        Self::new("none", "on", "off", program)
    }

    /// Addresses, and what peers tell of others.
    pub fn exchange() -> Self {
        Self::new("none", "off", "on", vec![PROGRAM.to_owned()])
    }
}

/// Now, for deadlines and latencies.
#[expect(clippy::disallowed_methods, reason = "the tests measure real time: this is their one clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Looks until there is something.
///
/// # Panics
/// After [`PATIENCE`], naming `what` was waited for.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// [`wait_for`] something that is only true or false.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(what, || is_so().then_some(()));
}

/// Sends a signal (`TERM`, `KILL`) to a process of ours.
pub fn send_signal(signal: &str, process: u32) {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(process.to_string()).status().unwrap();
    assert!(sent.success(), "{signal} cannot be sent");
}

/// What a finished run said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// An error as a script is told.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Option<i32>,
    pub kind: String,
    pub message: String,
    pub hint: String,
}

/// A place for one node: data directory, directory for sockets, home.
pub struct Home {
    root: TempDir,
    reach: Reach,
}

impl Home {
    /// A place where nothing is yet.
    pub fn empty() -> Self {
        Self::empty_reached(Reach::addresses())
    }

    fn empty_reached(reach: Reach) -> Self {
        let root = tempfile::Builder::new().prefix("ig").tempdir().unwrap();
        std::fs::create_dir(root.path().join("run")).unwrap();
        Self { root, reach }
    }

    /// A data directory with a first persona.
    pub fn of(name: &str) -> Self {
        Self::reached(name, &Reach::addresses())
    }

    /// The same, for nodes that reach others in this way.
    pub fn reached(name: &str, reach: &Reach) -> Self {
        let home = Self::empty_reached(reach.clone());
        home.one(&["init", "--name", name, "--no-passphrase"]);
        home
    }

    pub fn data_dir(&self) -> PathBuf {
        self.root.path().join("data")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.data_dir().join(name)
    }

    /// The arguments that lead every run to this place.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--data-dir".to_owned(), self.data_dir().display().to_string()];
        arguments.extend(self.reach.arguments.clone());
        arguments
    }

    /// The variables that matter to the program.
    pub fn variables(&self) -> [(&'static str, PathBuf); 2] {
        [("XDG_RUNTIME_DIR", self.root.path().join("run")), ("HOME", self.root.path().to_owned())]
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut words = self.reach.program.iter();
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .args(self.arguments())
            .args(arguments)
            .envs(self.variables())
            .stdin(Stdio::null());
        command
    }

    /// Runs a verb to its end.
    pub fn run(&self, arguments: &[&str]) -> Said {
        finish(self.command(arguments), b"")
    }

    /// Runs a verb that reads `input` from its standard input.
    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Said {
        finish(self.command(arguments), input)
    }

    /// Runs a verb as another session does: with these directories for sockets and for temporary files.
    pub fn run_in(&self, arguments: &[&str], directories: [Option<&PathBuf>; 2]) -> Said {
        let mut command = self.command(arguments);
        for (name, directory) in ["XDG_RUNTIME_DIR", "TMPDIR"].into_iter().zip(directories) {
            match directory {
                Some(directory) => command.env(name, directory),
                None => command.env_remove(name),
            };
        }
        finish(command, b"")
    }

    /// Runs a verb with `--json` that must succeed: the objects it prints.
    pub fn list(&self, arguments: &[&str]) -> Vec<Value> {
        let said = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
        said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs a verb with `--json` that must succeed: the one object it prints.
    pub fn one(&self, arguments: &[&str]) -> Value {
        let mut objects = self.list(arguments);
        assert_eq!(objects.len(), 1, "{arguments:?}: {objects:?}");
        objects.remove(0)
    }

    /// Runs a verb with `--json` that must fail, having printed nothing else: what it says.
    pub fn refused(&self, arguments: &[&str]) -> Refusal {
        let said = self.run(&[arguments, &["--json"]].concat());
        refusal(&said)
    }

    /// Writes a post: its id.
    pub fn post(&self, text: &str) -> String {
        field(&self.one(&["post", text]), "post_id")
    }

    /// The whole feed, newest first, page by page.
    pub fn feed(&self) -> Vec<Value> {
        let mut posts = self.list(&["feed", "--limit", "200"]);
        let mut page = posts.len();
        while page == 200 {
            let before = field(posts.last().unwrap(), "position");
            let older = self.list(&["feed", "--limit", "200", "--before", &before]);
            page = older.len();
            posts.extend(older);
        }
        posts
    }

    /// The texts of the whole feed, newest first.
    pub fn texts(&self) -> Vec<String> {
        self.feed().iter().map(|post| field(post, "text")).collect()
    }

    /// Waits until a post is in the feed.
    pub fn wait_for_post(&self, post_id: &str) -> Value {
        let is_it = |post: &Value| field(post, "post_id") == post_id;
        wait_for("a post in the feed", || self.list(&["feed"]).into_iter().find(is_it))
    }

    pub fn posting_id(&self) -> String {
        field(self.list(&["persona", "list"]).first().unwrap(), "posting_id")
    }

    /// An invite of the first persona; names addresses while the node runs.
    pub fn invite(&self) -> String {
        field(&self.one(&["invite"]), "invite")
    }

    /// Waits until so many peers are connected.
    pub fn wait_for_peers(&self, count: usize) {
        let is_connected = |peer: &Value| peer["connected"] == true;
        wait_until("peers", || {
            self.list(&["peer", "list"]).iter().filter(|peer| is_connected(peer)).count() >= count
        });
    }

    /// Connects to the running node as a command does, and leaves without a word.
    pub fn hang_up_on_node(&self) {
        let sockets = std::fs::read_dir(self.root.path().join("run/itsgoin")).unwrap();
        for socket in sockets {
            drop(UnixStream::connect(socket.unwrap().path()).unwrap());
        }
    }

    /// Starts the node and waits until it listens.
    pub fn serve(&self) -> Serve {
        self.serve_with(&[])
    }

    /// [`Self::serve`] with more arguments.
    pub fn serve_with(&self, more: &[&str]) -> Serve {
        self.try_serve(more).unwrap_or_else(|why| panic!("the node does not start: {why}"))
    }

    /// Starts the node; what it says when it does not want to.
    pub fn try_serve(&self, more: &[&str]) -> Result<Serve, String> {
        let mut arguments = vec!["serve"];
        if !more.contains(&"--bind") {
            arguments.extend(["--bind", "127.0.0.1:0"]);
        }
        arguments.extend(more);
        let complaints = self.root.path().join("serve.err");
        let mut command = self.command(&arguments);
        command.stdout(Stdio::piped()).stderr(File::create(&complaints).unwrap());
        Serve::start(command, &complaints)
    }
}

/// A text field of a printed object.
pub fn field(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("no {name} in {object}")).to_owned()
}

/// Reads what a script is told when a verb failed.
pub fn refusal(said: &Said) -> Refusal {
    assert_eq!(said.stdout, "", "{said:?}");
    let told: Value = serde_json::from_str(said.stderr.trim_end()).unwrap_or_else(|_| panic!("{said:?}"));
    let told = &told["error"];
    Refusal {
        code: said.code,
        kind: field(told, "kind"),
        message: field(told, "message"),
        hint: field(told, "hint"),
    }
}

/// Runs a command to its end, feeding it `input`.
fn finish(mut command: Command, input: &[u8]) -> Said {
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    if let Some(mut stdin) = child.stdin.take() {
        // It may have read enough already; what it makes of that is what counts.
        drop(stdin.write_all(input));
    }
    let process = child.id();
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(PATIENCE) else {
        let threads = threads_of(process);
        send_signal("KILL", process);
        panic!("{command:?} does not end:\n{threads}");
    };
    let output = output.unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// What the threads of a process wait for, and what it has open.
fn threads_of(process: u32) -> String {
    let of_process = std::path::Path::new("/proc").join(process.to_string());
    let entries = |name: &str| std::fs::read_dir(of_process.join(name)).into_iter().flatten().flatten();
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let thread = |path: PathBuf| {
        ["comm", "wchan", "syscall"].map(|name| read(path.join(name)).trim_end().to_owned()).join(" · ")
    };
    let threads = entries("task").map(|task| thread(task.path()));
    let open = entries("fd").filter_map(|fd| std::fs::read_link(fd.path()).ok());
    threads.chain(open.map(|path| path.display().to_string())).collect::<Vec<_>>().join("\n")
}

/// A node that runs without interface.
pub struct Serve {
    child: Child,
    /// The line it printed when it listened.
    pub ready: Value,
}

impl Serve {
    fn start(mut command: Command, complaints: &Path) -> Result<Self, String> {
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut node = Self { child, ready: Value::Null };
        let (line_read, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Only the first line is waited for; the others are read so that the pipe stays empty.
                drop(line_read.send(line));
            }
        });
        let Ok(line) = lines.recv_timeout(PATIENCE) else {
            node.kill();
            return Err(std::fs::read_to_string(complaints).unwrap());
        };
        node.ready = serde_json::from_str(&line).unwrap();
        assert_eq!(node.ready["event"], "ready");
        Ok(node)
    }

    /// Where it listens, as it says.
    pub fn addresses(&self) -> Vec<String> {
        let addresses = self.ready["addresses"].as_array().unwrap();
        addresses.iter().map(|address| address.as_str().unwrap().to_owned()).collect()
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged.
    pub fn log_of(home: &Home) -> String {
        std::fs::read_to_string(home.file("itsgoin.log")).unwrap()
    }

    /// Stops it as Ctrl-z does, and waits until it stands still.
    pub fn suspend(&self) {
        send_signal("STOP", self.child.id());
        let status = format!("/proc/{}/status", self.child.id());
        wait_until("a node that stands still", || {
            std::fs::read_to_string(&status).is_ok_and(|status| status.contains("State:\tT"))
        });
    }

    /// Lets it go on.
    pub fn resume(&self) {
        send_signal("CONT", self.child.id());
    }

    /// Sets how many files it may have open; `false` where that cannot be done.
    pub fn limit_files(&self, count: u32) -> bool {
        let mut command = Command::new("prlimit");
        command.arg("--pid").arg(self.child.id().to_string()).arg(format!("--nofile={count}:"));
        command.status().is_ok_and(|status| status.success())
    }

    /// Ends it in order and waits until it is gone.
    pub fn stop(mut self) {
        send_signal("TERM", self.child.id());
        let status: ExitStatus = wait_for("the end of the node", || self.child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0), "SIGTERM is an orderly end");
    }

    /// Kills it without a chance to do anything, and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended by itself; then there is only its status to take.
        drop(self.child.kill());
        self.child.wait().unwrap();
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        self.kill();
    }
}
