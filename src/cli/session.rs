//! Finding a node to talk to: the one that runs on the data directory, else one of our own.

use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinSet;

use super::args::{Args, LogLevel, Switch};
use super::error::CliError;
use crate::api::{Command, NodeHandle};
use crate::node::control::{attach, bind, socket_path};
use crate::node::data_dir::DataDirError;
use crate::node::net::{LanDiscovery, NetSettings, RelayChoice};
use crate::node::{NodeSettings, StartError, start};
use crate::{clock, config, logging};

/// How long a command waits for the holder of the lock to answer, or to be gone.
const PATIENCE: Duration = Duration::from_secs(5);
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// Where the node of a command comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Any node; one of our own needs no network.
    Store,
    /// Any node with a network.
    Network,
    /// A node of our own that others can attach to.
    Own,
}

/// A node to talk to, until [`Session::end`].
pub(super) struct Session {
    pub(super) node: NodeHandle,
    tasks: JoinSet<()>,
}

impl Session {
    /// Attaches to the running node, or starts one.
    pub(super) async fn open(args: &Args, need: Need) -> Result<Self, CliError> {
        let data_dir = data_dir(args)?;
        let mut waited = Duration::ZERO;
        loop {
            if need != Need::Own
                && let Some(session) = Self::attach(&data_dir).await
            {
                return Ok(session);
            }
            match Self::start(args, need, data_dir.clone()) {
                Err(CliError::Start(StartError::DataDir(DataDirError::InUse { .. }))) => {
                    if need == Need::Own || waited >= PATIENCE {
                        return Err(CliError::InUse);
                    }
                    tokio::time::sleep(BETWEEN_TRIES).await;
                    waited = waited.saturating_add(BETWEEN_TRIES);
                }
                other => return other,
            }
        }
    }

    async fn attach(data_dir: &std::path::Path) -> Option<Self> {
        let path = socket_path(data_dir, config::runtime_dir().as_deref()).ok()?;
        let (node, attached) = attach(&path).await.ok()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(attached.run());
        Some(Self { node, tasks })
    }

    fn start(args: &Args, need: Need, data_dir: PathBuf) -> Result<Self, CliError> {
        let network = (need != Need::Store && !args.offline).then(|| net_settings(args));
        let settings = NodeSettings { data_dir: data_dir.clone(), network, clock: clock::now };
        let (node, running) = start(settings)?;
        // Without a log the program works as well.
        logging::begin(&data_dir, log_level(args.log)).unwrap_or_default();
        let mut tasks = JoinSet::new();
        if need == Need::Own {
            let listening = socket_path(&data_dir, config::runtime_dir().as_deref()).and_then(|path| bind(&path));
            match listening {
                Ok(listener) => drop(tasks.spawn(listener.serve(node.clone()))),
                Err(error) => tracing::warn!(%error, "commands cannot attach to this node"),
            }
        }
        tasks.spawn(running.run());
        Ok(Self { node, tasks })
    }

    /// Stops a node of our own in order, or leaves the one we were attached to.
    pub(super) async fn end(mut self) {
        // A node that is gone already has stopped.
        self.node.command(Command::Stop).await.map(|_done| ()).unwrap_or_default();
        self.tasks.shutdown().await;
    }
}

/// The data directory of this call.
pub(super) fn data_dir(args: &Args) -> Result<PathBuf, CliError> {
    args.data_dir.clone().or_else(config::default_data_dir).ok_or(CliError::NoHome)
}

fn net_settings(args: &Args) -> NetSettings {
    NetSettings {
        bind: args.bind,
        relay: match args.relay.as_str() {
            "none" => RelayChoice::None,
            "default" => RelayChoice::Default,
            url => RelayChoice::Url(url.to_owned()),
        },
        lan: match args.lan {
            Switch::On => LanDiscovery::On,
            Switch::Off => LanDiscovery::Off,
        },
    }
}

const fn log_level(level: LogLevel) -> tracing::level_filters::LevelFilter {
    use tracing::level_filters::LevelFilter;
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    }
}
