//! How a face gets a node without knowing where nodes come from: it says what it needs, and `main` hands it the one
//! function that finds or starts one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{CallError, Event, NodeHandle};

/// How long the tasks behind a stopped node have to say what is still to be said. Lower cuts off answers under load;
/// higher keeps a person waiting for a client that does not listen.
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);

/// Which relays and address lookup are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayChoice {
    /// None, and no lookup either: only addresses we were told.
    None,
    /// iroh's public ones.
    Default,
    /// One relay; no lookup.
    Url(String),
}

/// Whether nodes of the local network find each other (mDNS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LanDiscovery {
    /// They do: this device announces its network id there.
    On,
    /// They do not.
    Off,
}

/// Whether peers may tell others where this node is, and are asked where others are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerExchange {
    /// Both.
    On,
    /// Neither.
    Off,
}

/// How a node of our own connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetSettings {
    /// Address and port to bind; all interfaces and the kept port if `None`.
    pub bind: Option<SocketAddr>,
    /// Relays and lookup.
    pub relay: RelayChoice,
    /// Discovery in the local network.
    pub lan: LanDiscovery,
    /// Connections to keep at most, 1 to `CONNECTIONS_MOST`.
    pub connections: usize,
    /// Exchange of addresses.
    pub exchange: PeerExchange,
}

/// Where the node may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The one that runs on the data directory, else one of our own.
    Any,
    /// The one that runs on the data directory, and no other.
    Running,
    /// One of our own, which other processes can attach to.
    Own,
}

/// What a face needs.
#[derive(Debug, Clone)]
pub struct NodeRequest {
    /// The data directory.
    pub data_dir: PathBuf,
    /// A directory for sockets that the system empties, if the session has one.
    pub runtime_dir: Option<PathBuf>,
    /// The directory for temporary files, for sockets without one.
    pub temporary_dir: PathBuf,
    /// Where the node may come from.
    pub source: Source,
    /// The network of a node of our own; none to read and write locally.
    pub network: Option<NetSettings>,
}

/// Finds or starts a node.
pub type OpenNode = fn(NodeRequest) -> Pin<Box<dyn Future<Output = Result<Session, CallError>> + Send>>;

/// A node to talk to, until [`Session::end`].
pub struct Session {
    node: NodeHandle,
    events: broadcast::Receiver<Event>,
    tasks: JoinSet<()>,
    door: Option<watch::Sender<()>>,
}

impl Session {
    /// A handle with the tasks behind it. `events` was taken before these ran: it misses nothing.
    #[must_use]
    pub const fn new(node: NodeHandle, events: broadcast::Receiver<Event>, tasks: JoinSet<()>) -> Self {
        Self { node, events, tasks, door: None }
    }

    /// A node that others attach to: its end begins with a word to `door`, and goes on when whoever takes them let go
    /// of the other end.
    #[must_use]
    pub fn with_door(self, door: watch::Sender<()>) -> Self {
        Self { door: Some(door), ..self }
    }

    /// The node.
    #[must_use]
    pub const fn node(&self) -> &NodeHandle {
        &self.node
    }

    /// Everything that happens, from the node's very start on; called again, only what happens from then on.
    pub fn events(&mut self) -> broadcast::Receiver<Event> {
        std::mem::replace(&mut self.events, self.node.events())
    }

    /// Stops a node of our own in order, or leaves the one of another process.
    ///
    /// First nobody can attach any more, while the data directory is still ours; then the node stops and answers what it
    /// did; then those who asked hear of it.
    pub async fn end(self) {
        let Self { node, events: _, mut tasks, door } = self;
        if let Some(door) = door {
            // Nobody is behind the door when the socket could not be bound.
            door.send(()).unwrap_or_default();
            timeout(LAST_WORDS_TIME, door.closed()).await.unwrap_or_default();
        }
        if let Err(error) = node.stop().await {
            tracing::warn!(kind = ?error.kind, "the node did not stop in order");
        }
        drop(node);
        let last_words = async { while tasks.join_next().await.is_some() {} };
        // Who does not listen for so long is cut off.
        timeout(LAST_WORDS_TIME, last_words).await.unwrap_or_default();
        tasks.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::super::{Call, Command, Outcome, Query, calls};
    use super::*;
    use crate::limits::CHANNEL_MESSAGES;

    #[tokio::test]
    async fn a_node_with_no_room_for_calls_is_stopped_in_order() {
        let (node, mut received, _events) = calls();
        let waiting: Vec<_> = (0..CHANNEL_MESSAGES).map(|_| node.query(Query::Status)).collect();
        let (stopped, was_stopped) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Some(call) = received.recv().await {
                if let Call::Command(Command::Stop, answer) = call {
                    answer.send(Ok(Outcome::Done)).unwrap();
                    stopped.send(()).unwrap();
                    break;
                }
            }
        });
        let events = node.events();
        Session::new(node, events, tasks).end().await;
        was_stopped.await.unwrap();
        drop(waiting);
    }
}
