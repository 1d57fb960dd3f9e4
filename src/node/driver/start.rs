//! Starting a node: lock, keys, database, threads; the network comes up afterwards, while faces already read.

use std::path::PathBuf;
use std::sync::Arc;

use rand::rngs::StdRng;
use thiserror::Error;
use tokio::sync::{Semaphore, broadcast, mpsc, watch};
use tokio::task::JoinSet;

use super::accept::accept_links;
use super::blobs::{self, BlobRoom};
use super::shared::Shared;
use super::{Driver, NetworkPhase, serve_blobs};
use crate::api::{Call, Event, NetSettings, NodeHandle, PeerExchange, calls};
use crate::clock::fresh_rng;
use crate::crypto::data_key::DataKey;
use crate::crypto::keys::{NetworkKey, PostingKey};
use crate::db::{Database, DbError, OpenError};
use crate::domain::ids::NetworkId;
use crate::domain::time::Timestamp;
use crate::limits::{CHANNEL_MESSAGES, CONNECTIONS, PENDING_CONNECTIONS};
use crate::node::committer::Committer;
use crate::node::data_dir::{DataDir, DataDirError, FoundKey};
use crate::node::editions::Editions;
use crate::node::engine::{Direction, Effect, Exchange, Faults, Input, Quotas, Setup, personas_of};
use crate::node::net::{Link, Network, SweepAsked};
use crate::node::start_mark::{BegunStart, FileIdentity};
use crate::node::store::{Job, Readers, Report, run_writer};

/// Reading connections for faces, and as many for peers.
const READERS: usize = 2;

/// What a node needs to start.
pub struct NodeSettings {
    /// Its data directory.
    pub data_dir: PathBuf,
    /// Sealed posts without content it makes in an hour.
    pub decoys_per_hour: u32,
    /// Its network; none for a node that only reads and writes its store.
    pub network: Option<NetSettings>,
    /// The clock.
    pub clock: fn() -> Timestamp,
}

/// Why a node does not start. Nothing was changed.
#[derive(Debug, Error)]
pub enum StartError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is in the database.
    #[error(transparent)]
    Store(#[from] DbError),
    /// What keys and conversations are encrypted under is gone.
    #[error("{path} is missing, and there is no vault")]
    DataKeyMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The system gives no thread.
    #[error("the writer's thread cannot be started")]
    Thread(#[from] std::io::Error),
}

/// A started node: run it, or nothing happens.
pub struct Node {
    driver: Driver,
    first_effects: Vec<Effect>,
    calls: mpsc::Receiver<Call>,
    reports: mpsc::Receiver<Report>,
    links: mpsc::Receiver<(Link, Direction)>,
    network: Option<StartingNetwork>,
    sweeps: mpsc::Receiver<SweepAsked>,
}

/// What the network's task needs.
struct StartingNetwork {
    settings: NetSettings,
    key: NetworkKey,
    kept_port: Option<u16>,
    phase: watch::Sender<NetworkPhase>,
    found: mpsc::Sender<(Link, Direction)>,
}

/// Takes the data directory and starts the store's threads. Faces can read at once.
///
/// # Errors
/// [`StartError`].
pub fn start(settings: NodeSettings) -> Result<(NodeHandle, Node), StartError> {
    let data_dir = DataDir::open(&settings.data_dir)?;
    let mut rng = fresh_rng();
    let mut epoch = [0; 32];
    rand::Rng::fill_bytes(&mut rng, &mut epoch);
    let mut database = Database::open(&data_dir.database_path(), &epoch)?;
    let begun = begin_start(&data_dir, &mut database, &mut rng)?;
    let network_key = data_dir.network_key(|| NetworkKey::generate(&mut rng))?;
    let kept_port = database.read::<_, DbError>(|read| read.find_udp_port())?;
    let secrets = open_secrets(&data_dir, &mut database, &mut rng)?;
    let data_key = secrets.data_key.clone();
    let editions = Editions::default();
    let readers = |database: &Database, editions| -> Result<Readers, OpenError> {
        let connections = (0..READERS).map(|_| database.open_reader()).collect::<Result<_, _>>()?;
        Ok(Readers::new(connections, editions))
    };
    // What answers peers never knows which personas there are, nor whom they follow.
    let (face_readers, peer_readers) =
        (readers(&database, editions.clone())?, readers(&database, Editions::default())?);
    let network_id = network_key.network_id();
    let mut committer =
        Committer::load(database, setup(&settings, network_id, secrets))?.with_editions(editions);
    // Before anybody reads or connects; what follows from it is done once the node runs.
    let started = committer.commit(vec![Input::Started], (settings.clock)(), &mut rng);
    let first_effects = started.map_err(|failure| failure.error)?;
    let next_deadline = committer.next_deadline();
    data_dir.write_start_mark(&begun.mark_after())?;

    let (handle, calls, events) = calls();
    let (jobs, jobs_received) = mpsc::channel(CHANNEL_MESSAGES);
    let (reports, reports_received) = mpsc::channel(CHANNEL_MESSAGES);
    let clock = settings.clock;
    std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
        run_writer(committer, jobs_received, &reports, clock, rng);
    })?;
    let (found, links) = mpsc::channel(CHANNEL_MESSAGES);
    let initial = if settings.network.is_some() { NetworkPhase::Starting } else { NetworkPhase::Off };
    let (phase, network) = watch::channel(initial);
    let (blobs, sweeps) = BlobRoom::new(data_dir.blobs_path(), data_dir.viewing_path());
    let driver = Driver {
        data_key,
        key_work: Arc::new(Semaphore::new(1)),
        shared: Arc::new(Shared::new(network_id, clock, peer_readers, blobs, jobs.clone())),
        data_dir: Arc::new(data_dir),
        readers: face_readers,
        jobs,
        events,
        network,
        links_found: found.clone(),
        links: std::collections::BTreeMap::new(),
        pending: std::collections::BTreeMap::new(),
        fetches: std::collections::BTreeMap::new(),
        tasks: JoinSet::new(),
        last_connection: 0,
        last_call: 0,
        next_deadline,
        clock_off_minutes: None,
    };
    let network = settings.network.map(|settings| StartingNetwork {
        settings,
        key: network_key,
        kept_port,
        phase,
        found,
    });
    Ok((handle, Node { driver, first_effects, calls, reports: reports_received, links, network, sweeps }))
}

/// What the engine is made with.
fn setup(settings: &NodeSettings, network_id: NetworkId, secrets: Secrets) -> Setup {
    let network = settings.network.as_ref();
    let Secrets { data_key, keys } = secrets;
    Setup {
        network_id,
        keys,
        data_key,
        connections: network.map_or(CONNECTIONS, |network| network.connections),
        quotas: Quotas::default(),
        exchange: match network.map(|network| network.exchange) {
            Some(PeerExchange::On) => Exchange::On,
            Some(PeerExchange::Off) | None => Exchange::Off,
        },
        decoys_per_hour: settings.decoys_per_hour,
        faults: Faults::default(),
    }
}

/// What a node has of secrets when it starts.
struct Secrets {
    data_key: Option<Arc<DataKey>>,
    keys: Vec<Arc<PostingKey>>,
}

/// The data key, made at the first start, and what it opens; nothing where a passphrase is needed. A data key that is
/// missing while there is something to open with it is not replaced.
fn open_secrets(
    data_dir: &DataDir,
    database: &mut Database,
    rng: &mut StdRng,
) -> Result<Secrets, StartError> {
    let data_key = match data_dir.find_data_key()? {
        Some(FoundKey::Wrapped(_)) => {
            return Ok(Secrets { data_key: None, keys: Vec::new() });
        }
        Some(FoundKey::Clear(key)) => key,
        None => {
            let is_needed =
                data_dir.has_sealed_keys()? || database.read::<_, DbError>(|read| read.has_protected())?;
            if is_needed {
                return Err(StartError::DataKeyMissing { path: data_dir.data_key_path() });
            }
            let key = DataKey::generate(rng);
            data_dir.write_data_key(&key)?;
            key
        }
    };
    let personas = database.read(|read| personas_of(read, &data_key))?;
    let keys = data_dir.posting_keys(&data_key, &personas, rng)?.into_iter().map(Arc::new).collect();
    Ok(Secrets { data_key: Some(Arc::new(data_key)), keys })
}

/// Notes the start beside the database and in it; that it is done is noted once this is synced. A database that is
/// an old copy gets a log under a new name.
fn begin_start(
    data_dir: &DataDir,
    database: &mut Database,
    rng: &mut StdRng,
) -> Result<BegunStart, StartError> {
    let path = data_dir.database_path();
    let file = FileIdentity::of(&path).map_err(|source| DataDirError::Io { path, source })?;
    let begun = BegunStart::of(database, data_dir.start_mark()?, file, rng)?;
    data_dir.write_start_mark(&begun.mark_before())?;
    begun.commit(database)?;
    Ok(begun)
}

impl Node {
    /// Runs until [`crate::api::Command::Stop`].
    pub async fn run(self) {
        let Self { mut driver, first_effects, calls, reports, links, network, sweeps } = self;
        for effect in first_effects {
            driver.perform(effect);
        }
        driver.tasks.spawn(blobs::keep(Arc::clone(&driver.shared), sweeps));
        if let Some(network) = network {
            let (shared, jobs, events) =
                (Arc::clone(&driver.shared), driver.jobs.clone(), driver.events.clone());
            driver.tasks.spawn(blobs::reopen(Arc::clone(&shared)));
            driver.tasks.spawn(async move {
                run_network(network, shared, jobs, events).await;
                None
            });
        }
        driver.run(calls, reports, links).await;
    }
}

/// Brings the network up, tells the engine where it listens, and takes connections.
async fn run_network(
    starting: StartingNetwork,
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
    events: broadcast::Sender<Event>,
) {
    let StartingNetwork { settings, key, kept_port, phase, found } = starting;
    let network = match Network::bind(&settings, &key, kept_port).await {
        Ok(network) => network,
        Err(error) => {
            // What the system says can name addresses: it is told, not logged.
            tracing::error!("no network");
            phase.send(NetworkPhase::Failed(error.to_string())).unwrap_or_default();
            events.send(Event::StatusChanged).map(|_listeners| ()).unwrap_or_default();
            return;
        }
    };
    phase.send(NetworkPhase::Up(network.clone())).unwrap_or_default();
    let chosen_here = settings.bind.is_none_or(|bind| bind.port() == 0);
    let listening = || {
        let port = network.port().filter(|_| chosen_here && kept_port.is_none());
        Job::Input(Input::Listening { port, address: network.address() })
    };
    jobs.send(listening()).await.unwrap_or_default();
    let mut changes = network.address_changes();
    let mut neighbours = network.neighbours().await;
    let (for_blobs, accepted) = mpsc::channel(PENDING_CONNECTIONS);
    let accept = accept_links(Arc::clone(&shared), network.clone(), found, for_blobs);
    let serve_blobs = serve_blobs::serve_all(shared, accepted);
    tokio::pin!(accept, serve_blobs);
    loop {
        tokio::select! {
            () = &mut accept => break,
            () = &mut serve_blobs => break,
            address = neighbours.next() => {
                jobs.send(Job::Input(Input::NeighbourFound { address })).await.unwrap_or_default();
            }
            () = changes.next() => jobs.send(listening()).await.unwrap_or_default(),
        }
    }
}
