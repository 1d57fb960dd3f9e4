//! The control socket: the same commands, queries and events for a second process, as JSON lines.
//!
//! The first line in both directions is a handshake that names the protocol's version. The socket stands in a
//! directory only its owner may enter; whoever holds the data directory's lock unlinks and binds it.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::api::{Call, CallError, Command, Event, NodeHandle, Outcome, Query, View, calls};
use crate::limits::{CHANNEL_MESSAGES, CONTROL_CLIENTS, CONTROL_LINE_BYTES};

/// The version of this protocol; both sides must speak the same.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Handshake {
    itsgoin_control: u32,
}

#[derive(Serialize, Deserialize)]
struct Asked {
    id: u64,
    call: AskedCall,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AskedCall {
    Command(Command),
    Query(Query),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Outcome { id: u64, outcome: Result<Outcome, CallError> },
    View { id: u64, view: Result<View, CallError> },
    Event(Event),
}

/// Where the socket of a data directory stands: a short path, since socket paths have about 100 bytes.
///
/// # Errors
/// When the directory for it cannot be made, or belongs to somebody else.
pub fn socket_path(data_dir: &Path, runtime_dir: Option<&Path>) -> io::Result<PathBuf> {
    let data_dir = data_dir.canonicalize()?;
    let owner = std::fs::metadata(&data_dir)?.uid();
    let home = match runtime_dir {
        Some(runtime) => runtime.join("itsgoin"),
        None => std::env::temp_dir().join(format!("itsgoin-{owner}")),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&home)?;
    let found = std::fs::symlink_metadata(&home)?;
    if !found.is_dir() || found.uid() != owner || found.mode() & 0o077 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the directory for sockets is not ours alone",
        ));
    }
    let name = blake3::hash(data_dir.as_os_str().as_encoded_bytes()).to_hex();
    Ok(home.join(format!("{}.sock", name.get(..16).unwrap_or_default())))
}

/// Serves a node to other processes until it is dropped. The caller holds the data directory's lock.
///
/// # Errors
/// When the socket cannot be bound.
pub fn bind(path: &Path) -> io::Result<Listener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(Listener { listener, path: path.to_owned() })
}

/// A bound control socket; it goes with the value.
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Listener {
    fn drop(&mut self) {
        // What is gone already needs no removing; the next holder of the lock unlinks the rest.
        std::fs::remove_file(&self.path).unwrap_or_default();
    }
}

impl Listener {
    /// Takes clients for ever, a bounded number at once.
    pub async fn serve(self, node: NodeHandle) {
        let mut clients = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if clients.len() < CONTROL_CLIENTS => match accepted {
                    Ok((stream, _)) => {
                        clients.spawn(serve_client(stream, node.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the control socket is gone");
                        return;
                    }
                },
                Some(_done) = clients.join_next(), if !clients.is_empty() => {}
            }
        }
    }
}

async fn serve_client(stream: UnixStream, node: NodeHandle) {
    if let Err(error) = try_serve_client(stream, node).await {
        tracing::debug!(%error, "a control client left");
    }
}

async fn try_serve_client(stream: UnixStream, node: NodeHandle) -> io::Result<()> {
    let (mut lines, mut out) = split(stream);
    shake_hands(&mut lines, &mut out).await?;
    let (said, mut to_say) = mpsc::channel::<Said>(CHANNEL_MESSAGES);
    let (asked, mut to_do) = mpsc::channel::<Asked>(CHANNEL_MESSAGES);
    let mut events = node.events();
    let mut reading = JoinSet::new();
    reading.spawn(read_lines(lines, asked));
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            asked = to_do.recv() => {
                let Some(Asked { id, call }) = asked else { break };
                let (node, said) = (node.clone(), said.clone());
                running.spawn(async move {
                    let answer = match call {
                        // The node belongs to the process that runs it: a client only leaves.
                        AskedCall::Command(Command::Stop) => Said::Outcome { id, outcome: Ok(Outcome::Done) },
                        AskedCall::Command(command) => Said::Outcome { id, outcome: node.command(command).await },
                        AskedCall::Query(query) => Said::View { id, view: node.query(query).await },
                    };
                    // A client that left needs no answer.
                    said.send(answer).await.unwrap_or_default();
                });
            }
            Some(said) = to_say.recv() => write_line(&mut out, &said).await?,
            event = events.recv() => match event {
                Ok(event) => write_line(&mut out, &Said::Event(event)).await?,
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    write_line(&mut out, &Said::Event(Event::Missed)).await?;
                }
                Err(broadcast::error::RecvError::Closed) => break,
            },
            Some(_done) = running.join_next(), if !running.is_empty() => {}
        }
    }
    Ok(())
}

type Lines = BufReader<OwnedReadHalf>;

fn split(stream: UnixStream) -> (Lines, OwnedWriteHalf) {
    let (read, write) = stream.into_split();
    (BufReader::new(read), write)
}

async fn shake_hands(lines: &mut Lines, out: &mut OwnedWriteHalf) -> io::Result<()> {
    write_line(out, &Handshake { itsgoin_control: VERSION }).await?;
    let line = read_line(lines).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let theirs: Handshake = serde_json::from_str(&line)?;
    if theirs.itsgoin_control == VERSION {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::Unsupported, "the running itsgoin has another version: restart it"))
}

/// A line of at most [`CONTROL_LINE_BYTES`]; `None` at the end. Not to be cancelled.
async fn read_line(lines: &mut Lines) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let limit = u64::try_from(CONTROL_LINE_BYTES).unwrap_or(u64::MAX);
    let read = lines.take(limit).read_until(b'\n', &mut line).await?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long or cut"));
    }
    String::from_utf8(line).map(Some).map_err(|_not_text| io::ErrorKind::InvalidData.into())
}

async fn write_line<T: Serialize>(out: &mut OwnedWriteHalf, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    out.write_all(&line).await
}

/// A node that runs in another process.
pub struct Attached {
    lines: Lines,
    out: OwnedWriteHalf,
    calls: mpsc::Receiver<Call>,
    events: broadcast::Sender<Event>,
}

enum Waiting {
    Command(oneshot::Sender<Result<Outcome, CallError>>),
    Query(oneshot::Sender<Result<View, CallError>>),
}

/// Attaches to the node behind a socket.
///
/// # Errors
/// When nobody listens there, or another version does.
pub async fn attach(path: &Path) -> io::Result<(NodeHandle, Attached)> {
    let (mut lines, mut out) = split(UnixStream::connect(path).await?);
    shake_hands(&mut lines, &mut out).await?;
    let (handle, calls, events) = calls();
    Ok((handle, Attached { lines, out, calls, events }))
}

impl Attached {
    /// Carries calls and answers until the node or every handle is gone.
    pub async fn run(self) {
        let Self { lines, mut out, mut calls, events } = self;
        let (said, mut heard) = mpsc::channel(CHANNEL_MESSAGES);
        let mut reading = JoinSet::new();
        reading.spawn(read_lines(lines, said));
        let mut waiting = BTreeMap::new();
        let mut last_id = 0_u64;
        loop {
            tokio::select! {
                call = calls.recv() => {
                    let Some(call) = call else { break };
                    last_id = last_id.wrapping_add(1);
                    let (call, wait) = match call {
                        Call::Command(command, answer) => (AskedCall::Command(command), Waiting::Command(answer)),
                        Call::Query(query, answer) => (AskedCall::Query(query), Waiting::Query(answer)),
                    };
                    waiting.insert(last_id, wait);
                    if write_line(&mut out, &Asked { id: last_id, call }).await.is_err() {
                        break;
                    }
                }
                said = heard.recv() => match said {
                    Some(Said::Event(event)) => events.send(event).map(|_listeners| ()).unwrap_or_default(),
                    Some(Said::Outcome { id, outcome }) => {
                        if let Some(Waiting::Command(answer)) = waiting.remove(&id) {
                            answer.send(outcome).unwrap_or_default();
                        }
                    }
                    Some(Said::View { id, view }) => {
                        if let Some(Waiting::Query(answer)) = waiting.remove(&id) {
                            answer.send(view).unwrap_or_default();
                        }
                    }
                    None => break,
                },
            }
        }
        events.send(Event::Stopped).map(|_listeners| ()).unwrap_or_default();
    }
}

/// Reads values in a task of its own, since a half-read line must not be dropped.
async fn read_lines<T: for<'de> Deserialize<'de>>(mut lines: Lines, values: mpsc::Sender<T>) {
    while let Ok(Some(line)) = read_line(&mut lines).await {
        let Ok(value) = serde_json::from_str(&line) else { break };
        if values.send(value).await.is_err() {
            break;
        }
    }
}
