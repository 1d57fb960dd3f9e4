//! How a face gets a node without knowing where nodes come from: it says what it needs, and `main` hands it the one
//! function that finds or starts one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;

use tokio::sync::broadcast;
use tokio::task::JoinSet;

use super::{CallError, Command, Event, NodeHandle};

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

/// How a node of our own connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetSettings {
    /// Address and port to bind; all interfaces and the kept port if `None`.
    pub bind: Option<SocketAddr>,
    /// Relays and lookup.
    pub relay: RelayChoice,
    /// Discovery in the local network.
    pub lan: LanDiscovery,
}

/// Where the node may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The one that runs on the data directory, else one of our own.
    Any,
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
}

impl Session {
    /// A handle with the tasks behind it. `events` was taken before these ran: it misses nothing.
    #[must_use]
    pub const fn new(node: NodeHandle, events: broadcast::Receiver<Event>, tasks: JoinSet<()>) -> Self {
        Self { node, events, tasks }
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
    pub async fn end(mut self) {
        // A node that is gone already has stopped.
        self.node.command(Command::Stop).await.map(|_done| ()).unwrap_or_default();
        self.tasks.shutdown().await;
    }
}
