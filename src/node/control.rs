//! The control socket: the same commands, queries and events for a second process, as JSON lines.
//!
//! The first line in both directions is a handshake that names the protocol's version. The socket stands in a
//! directory only its owner may enter; whoever holds the data directory's lock unlinks and binds it. No line is
//! longer than [`CONTROL_LINE_BYTES`]: pages of a feed, a thread or a conversation are cut to that and say that more
//! follows, every other answer is far shorter.

mod place;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use zeroize::{Zeroize, Zeroizing};

pub use self::place::{Homes, find};
use crate::api::{
    Call, CallError, Command, ConversationPage, Event, FeedAnchor, FeedPage, MessageAnchor, More, NodeHandle,
    Outcome, Query, ThreadView, View, calls,
};
use crate::limits::{CHANNEL_MESSAGES, CONTROL_CLIENTS, CONTROL_LINE_BYTES};

/// The version of this protocol; both sides must speak the same.
const VERSION: u32 = 1;
/// How long either side waits for the other's handshake. Lower gives up on a loaded machine; higher lets a person wait
/// for a program that is suspended, or that has all the clients it takes.
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// The pause after the system gave no connection, which it does when it is short of something.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(500);
/// Bytes of a line around the posts of a page: more than the ids and names there ever need.
const AROUND_POSTS_BYTES: usize = 1024;

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

/// Binds the socket of a data directory and says there where it is. The caller holds the lock.
///
/// # Errors
/// When there is no place for the socket, or it cannot be bound.
pub fn bind(data_dir: &Path, homes: Homes<'_>) -> io::Result<Listener> {
    let path = place::choose(data_dir, homes)?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let incoming = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let sign = place::Sign::put_up(data_dir, &path)?;
    Ok(Listener { incoming, path, _sign: sign })
}

/// A bound control socket; it goes with the value.
pub struct Listener {
    incoming: UnixListener,
    path: PathBuf,
    _sign: place::Sign,
}

impl Drop for Listener {
    fn drop(&mut self) {
        // What is gone already needs no removing; the next holder of the lock unlinks the rest.
        std::fs::remove_file(&self.path).unwrap_or_default();
    }
}

impl Listener {
    /// Takes clients, a bounded number at once, until `closing` changes: then nobody and nothing new is taken, the
    /// receiver is dropped once the socket is gone, and what was asked before is answered.
    pub async fn serve(self, node: NodeHandle, mut closing: watch::Receiver<()>) {
        let mut clients = JoinSet::new();
        let (open, _) = watch::channel(());
        loop {
            tokio::select! {
                _ = closing.changed() => break,
                accepted = self.incoming.accept(), if clients.len() < CONTROL_CLIENTS => match accepted {
                    Ok((stream, _)) => {
                        clients.spawn(serve_client(stream, node.clone(), open.subscribe()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a control client could not be taken");
                        tokio::time::sleep(AFTER_FAILED_ACCEPT).await;
                    }
                },
                Some(_done) = clients.join_next(), if !clients.is_empty() => {}
            }
        }
        drop(self);
        drop(closing);
        drop(open);
        while clients.join_next().await.is_some() {}
    }
}

async fn serve_client(stream: UnixStream, node: NodeHandle, closing: watch::Receiver<()>) {
    if let Err(error) = try_serve_client(stream, node, closing).await {
        tracing::debug!(%error, "a control client left");
    }
}

async fn try_serve_client(
    stream: UnixStream,
    node: NodeHandle,
    mut closing: watch::Receiver<()>,
) -> io::Result<()> {
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
                let Some(asked) = asked else { return Ok(()) };
                let (node, said) = (node.clone(), said.clone());
                running.spawn(async move {
                    // A client that left needs no answer.
                    said.send(answer(&node, asked).await).await.unwrap_or_default();
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
            _ = closing.changed() => break,
        }
    }
    // What is on disk is said to be: a script that hears nothing does it again.
    drop(said);
    while let Some(said) = to_say.recv().await {
        write_line(&mut out, &said).await?;
    }
    Ok(())
}

async fn answer(node: &NodeHandle, Asked { id, call }: Asked) -> Said {
    match call {
        // The node belongs to the process that runs it: a client only leaves.
        AskedCall::Command(Command::Stop) => Said::Outcome { id, outcome: Ok(Outcome::Done) },
        AskedCall::Command(command) => Said::Outcome { id, outcome: node.command(command).await },
        AskedCall::Query(query) => {
            let anchor = if let Query::Feed { page, .. } = query { page } else { FeedAnchor::Newest };
            let among = if let Query::Messages { page, .. } = query { page } else { MessageAnchor::Newest };
            let view = match node.query(query).await {
                Ok(View::Feed(page)) => Ok(View::Feed(cut_to_line(page, anchor))),
                Ok(View::Thread(thread)) => Ok(View::Thread(Box::new(cut_thread(*thread)))),
                Ok(View::Messages(page)) => Ok(View::Messages(Box::new(cut_messages(*page, among)))),
                view => view,
            };
            Said::View { id, view }
        }
    }
}

/// As much of a page as fits into a line, from where it was asked for on. One post always fits: its text becomes at most
/// four times as long.
fn cut_to_line(mut page: FeedPage, anchor: FeedAnchor) -> FeedPage {
    let goes_to_newer = matches!(anchor, FeedAnchor::After(_));
    if goes_to_newer {
        page.posts.reverse();
    }
    let fitting = count_fitting(&page.posts, CONTROL_LINE_BYTES.saturating_sub(AROUND_POSTS_BYTES));
    if fitting < page.posts.len() {
        page.posts.truncate(fitting);
        page.more = More::Follows;
    }
    if goes_to_newer {
        page.posts.reverse();
    }
    page
}

/// As many comments of a page as fit into a line beside their post.
fn cut_thread(mut thread: ThreadView) -> ThreadView {
    let around = bytes_of(&thread.post).saturating_add(AROUND_POSTS_BYTES);
    let fitting = count_fitting(&thread.comments, CONTROL_LINE_BYTES.saturating_sub(around));
    if fitting < thread.comments.len() {
        thread.comments.truncate(fitting);
        thread.more = More::Follows;
    }
    thread
}

/// As many messages of a page as fit into a line beside their conversation, from where it was asked for on.
fn cut_messages(mut page: ConversationPage, anchor: MessageAnchor) -> ConversationPage {
    let goes_to_older = matches!(anchor, MessageAnchor::Newest | MessageAnchor::Before(_));
    if goes_to_older {
        page.messages.reverse();
    }
    let around = bytes_of(&page.conversation).saturating_add(AROUND_POSTS_BYTES);
    let fitting = count_fitting(&page.messages, CONTROL_LINE_BYTES.saturating_sub(around));
    if fitting < page.messages.len() {
        page.messages.truncate(fitting);
        let more = if goes_to_older { &mut page.older } else { &mut page.newer };
        *more = More::Follows;
    }
    if goes_to_older {
        page.messages.reverse();
    }
    page
}

/// How many from the front fit into so many bytes.
fn count_fitting<T: serde::Serialize>(items: &[T], mut room: usize) -> usize {
    let fits = |item: &&T| {
        let left = room.checked_sub(bytes_of(*item));
        room = left.unwrap_or(0);
        left.is_some()
    };
    items.iter().take_while(fits).count()
}

/// Bytes of an item and the comma behind it.
fn bytes_of<T: serde::Serialize>(item: &T) -> usize {
    serde_json::to_vec(item).map_or(usize::MAX, |text| text.len().saturating_add(1))
}

type Lines = BufReader<OwnedReadHalf>;

fn split(stream: UnixStream) -> (Lines, OwnedWriteHalf) {
    let (read, write) = stream.into_split();
    (BufReader::new(read), write)
}

async fn shake_hands(lines: &mut Lines, out: &mut OwnedWriteHalf) -> io::Result<()> {
    let exchange = async {
        write_line(out, &Handshake { itsgoin_control: VERSION }).await?;
        read_line(lines).await?.ok_or(io::Error::from(io::ErrorKind::UnexpectedEof))
    };
    let line = tokio::time::timeout(HANDSHAKE_TIME, exchange).await??;
    let theirs: Handshake = serde_json::from_str(&line)?;
    if theirs.itsgoin_control == VERSION {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::Unsupported, "the other side has another version"))
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
    let written = out.write_all(&line).await;
    // It may hold a passphrase.
    line.zeroize();
    written
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
/// When nobody listens there; `TimedOut` when nobody answers, `Unsupported` when another version does.
pub async fn attach(path: &Path) -> io::Result<(NodeHandle, Attached)> {
    let stream = tokio::time::timeout(HANDSHAKE_TIME, UnixStream::connect(path)).await??;
    let (mut lines, mut out) = split(stream);
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
                    // To stop a node of another process is to leave it, whether it answers or not.
                    if let Call::Command(Command::Stop, answer) = call {
                        answer.send(Ok(Outcome::Done)).unwrap_or_default();
                        break;
                    }
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
        // It may hold a passphrase.
        let line = Zeroizing::new(line);
        let Ok(value) = serde_json::from_str(&line) else { break };
        if values.send(value).await.is_err() {
            break;
        }
    }
}
