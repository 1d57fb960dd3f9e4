//! The select loop of a running node: calls of faces and events of the network become inputs of the engine; effects,
//! once committed, become frames, dials and answers. It decides nothing and never waits for a peer, a face or the
//! disk: everything that takes time runs in a task of its own.

mod accept;
mod attachments;
mod blobs;
mod exchange;
mod meter;
mod serve;
mod serve_blobs;
mod shared;
mod start;
mod vault;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use self::serve::{Ended, Served};
use self::shared::{Shared, locked};
pub use self::start::{Node, NodeSettings, StartError, start};
use super::data_dir::DataDir;
use super::engine::{
    CallId, CloseReason, ConnectionId, Direction, Effect, Input, OpenedKey, QueryError, RequestId, talk_pages,
};
use super::net::{Link, Network};
use super::queries;
use super::store::{Job, Readers, Report, store_error};
use crate::api::{
    Call, CallError, Command, Event, InviteView, NetworkState, Outcome, PeerStanding, PeerView, Query,
    StatusView, VaultState, View,
};
use crate::crypto::data_key::DataKey;
use crate::crypto::keys::PostingKey;
use crate::db::Read;
use crate::db::peers::PeerRow;
use crate::domain::address::PeerAddress;
use crate::domain::ids::NetworkId;
use crate::domain::invite::format_ticket;
use crate::domain::standing::Ban;
use crate::domain::text::SafeText;
use crate::domain::time::Timestamp;
use crate::limits::QUERY_ROWS;

/// Longest sleep between two looks at the clock, so that a changed clock is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// Time between two looks at how much of the disk is free.
const MEASURE_EVERY: Duration = Duration::from_mins(1);
/// Time the network has to say goodbye.
const GOODBYE_TIME: Duration = Duration::from_secs(3);

type Answer<T> = oneshot::Sender<Result<T, CallError>>;

/// What the network task found out.
#[derive(Clone)]
enum NetworkPhase {
    Off,
    Starting,
    Up(Network),
    Failed(String),
}

/// Whether it is known what becomes of the network.
const fn is_decided(phase: &NetworkPhase) -> bool {
    !matches!(phase, NetworkPhase::Starting)
}

struct Driver {
    shared: Arc<Shared>,
    /// What protects rows at rest; `None` while locked.
    data_key: Option<Arc<DataKey>>,
    /// One passphrase at a time: each takes 64 MiB.
    key_work: Arc<Semaphore>,
    data_dir: Arc<DataDir>,
    readers: Readers,
    jobs: mpsc::Sender<Job>,
    events: broadcast::Sender<Event>,
    network: watch::Receiver<NetworkPhase>,
    links_found: mpsc::Sender<(Link, Direction)>,
    links: BTreeMap<ConnectionId, Served>,
    pending: BTreeMap<CallId, Answer<Outcome>>,
    /// Fetches of blobs that run, and how they are cancelled.
    fetches: BTreeMap<RequestId, oneshot::Sender<()>>,
    tasks: JoinSet<Ended>,
    last_connection: u64,
    last_call: u64,
    next_deadline: Option<Timestamp>,
    clock_off_minutes: Option<i64>,
}

/// Whether the loop goes on.
enum Flow {
    Continue,
    Stop(Option<Answer<Outcome>>),
}

impl Driver {
    async fn run(
        mut self,
        mut calls: mpsc::Receiver<Call>,
        mut reports: mpsc::Receiver<Report>,
        mut links: mpsc::Receiver<(Link, Direction)>,
    ) {
        let mut measurements = tokio::time::interval(MEASURE_EVERY);
        measurements.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let stopped = loop {
            let now = (self.shared.clock)();
            let sleep = self.next_deadline.map_or(LONGEST_SLEEP, |due| due.since(now).min(LONGEST_SLEEP));
            tokio::select! {
                report = reports.recv() => match report {
                    Some(report) => self.report_received(report),
                    None => break None,
                },
                call = calls.recv() => match call {
                    Some(call) => if let Flow::Stop(answer) = self.call_received(call) { break answer },
                    None => break None,
                },
                Some((link, direction)) = links.recv() => self.link_found(link, direction),
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if let Ok(Some(connection)) = ended {
                        self.links.remove(&connection);
                    }
                }
                _ = measurements.tick() => self.measure_space(),
                () = tokio::time::sleep(sleep) => {
                    self.next_deadline = None;
                    // A full channel brings its own inputs, and each of them looks at what is due.
                    self.jobs.try_send(Job::Input(Input::TimePassed)).unwrap_or_default();
                }
            }
        };
        self.stop(reports).await;
        if let Some(answer) = stopped {
            answer.send(Ok(Outcome::Done)).unwrap_or_default();
        }
    }

    /// Tells the engine how much of the disk is free.
    fn measure_space(&mut self) {
        let (shared, data_dir) = (Arc::clone(&self.shared), Arc::clone(&self.data_dir));
        self.tasks.spawn(async move {
            // A system that does not say is taken to have room.
            let free = tokio::task::spawn_blocking(move || data_dir.free_bytes()).await;
            if let Ok(Some(free_bytes)) = free {
                shared.input(Input::SpaceMeasured { free_bytes }).await;
            }
            None
        });
    }

    fn link_found(&mut self, link: Link, direction: Direction) {
        self.last_connection = self.last_connection.wrapping_add(1);
        let id = ConnectionId(self.last_connection);
        let meter = self.shared.meters.of(link.peer(), (self.shared.clock)());
        let served = Served { id, link, heard: Arc::default(), cuts: Arc::default(), meter };
        self.links.insert(id, served.clone());
        self.tasks.spawn(serve::serve(Arc::clone(&self.shared), served, direction));
    }

    fn report_received(&mut self, report: Report) {
        match report {
            Report::Committed { effects, next_deadline, clock_off_minutes } => {
                self.next_deadline = next_deadline;
                self.clock_off_minutes = clock_off_minutes;
                for effect in effects {
                    self.perform(effect);
                }
            }
            Report::Failed { calls, error, next_deadline } => {
                self.next_deadline = next_deadline;
                for call in calls {
                    self.answer(call, Err(error.clone()));
                }
                for served in std::mem::take(&mut self.links).into_values() {
                    served.link.close(CloseReason::StoreFailed);
                }
                self.tell(Event::StoreFailed { message: format!("{}: {}", error.message, error.hint) });
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Dial(address) => self.dial(address),
            Effect::Close { connection, reason } => {
                if let Some(served) = self.links.remove(&connection) {
                    served.link.close(reason);
                }
            }
            Effect::Request { connection, request, message } => {
                if let Some(served) = self.links.get(&connection).cloned() {
                    self.tasks.spawn(exchange::request(Arc::clone(&self.shared), served, request, message));
                }
            }
            Effect::Pull { connection, request, pull } => {
                if let Some(served) = self.links.get(&connection).cloned() {
                    self.tasks.spawn(exchange::pull(Arc::clone(&self.shared), served, request, pull));
                }
            }
            Effect::Fetch { connection, request, wanted } => {
                if let Some(served) = self.links.get(&connection).cloned() {
                    self.tasks.spawn(exchange::fetch(Arc::clone(&self.shared), served, request, wanted));
                }
            }
            Effect::Push { connection, message } => {
                if let Some(served) = self.links.get(&connection).cloned() {
                    self.tasks.spawn(async move {
                        // News may be lost: the next pull finds what they would have told.
                        served.link.push(&message).await.unwrap_or_default();
                        None
                    });
                }
            }
            Effect::PushSealed { connection, id, push } => {
                self.tasks.spawn(exchange::push_sealed(
                    Arc::clone(&self.shared),
                    self.links.get(&connection).cloned(),
                    id,
                    push,
                ));
            }
            Effect::Reply { reply, message } => self.shared.reply(reply, message),
            Effect::FetchBlob { request, blob, from, progress } => {
                self.fetches.retain(|_, cancel| !cancel.is_closed());
                let (cancel, cancelled) = oneshot::channel();
                self.fetches.insert(request, cancel);
                let fetch = blobs::Fetch { request, blob, from, progress, cancelled };
                let (network, events) = (self.network.clone(), self.events.clone());
                self.tasks.spawn(blobs::fetch(Arc::clone(&self.shared), network, events, fetch));
            }
            Effect::CancelFetch { request } => {
                if let Some(cancel) = self.fetches.remove(&request) {
                    // One that ended meanwhile needs no cancelling.
                    cancel.send(()).unwrap_or_default();
                }
            }
            Effect::SweepBlobs => self.shared.blobs.sweep_soon(),
            Effect::RememberInterest { connection, list } => {
                if let Some(served) = self.links.get(&connection) {
                    *locked(&served.heard) = Some(list);
                }
            }
            Effect::Unlocked(OpenedKey(data_key)) => {
                self.data_key = Some(data_key);
            }
            Effect::KeepOut(bans) => *locked(&self.shared.bans) = bans,
            Effect::Answer { call, outcome } => self.answer(call, outcome),
            Effect::Tell(event) => self.tell(event),
        }
    }

    /// Faces that do not listen miss nothing they cannot ask for.
    fn tell(&self, event: Event) {
        self.events.send(event).map(|_listeners| ()).unwrap_or_default();
    }

    fn answer(&mut self, call: CallId, outcome: Result<Outcome, CallError>) {
        self.shared.blobs.release(call);
        if let (Ok(Outcome::PersonaCreated(persona)), Some(data_key)) = (&outcome, &self.data_key)
            && let Err(error) = self.data_dir.keep_posting_key(persona.posting_id, data_key)
        {
            // The staged file counts at the next start, because its persona is committed.
            tracing::error!(cause = ?error.io_kind(), "a key file could not be renamed");
        }
        if let Some(answer) = self.pending.remove(&call) {
            answer.send(outcome).unwrap_or_default();
        }
    }

    fn dial(&mut self, address: PeerAddress) {
        let (shared, found, mut network) =
            (Arc::clone(&self.shared), self.links_found.clone(), self.network.clone());
        self.tasks.spawn(async move {
            let phase = network.wait_for(is_decided).await.map(|phase| phase.clone());
            let dialled = match phase {
                Ok(NetworkPhase::Up(up)) => up.dial(&address).await.ok(),
                _ => None,
            };
            match dialled {
                // Without a receiver the node is stopping.
                Some(link) => found.send((link, Direction::Outbound)).await.unwrap_or_default(),
                None => shared.input(Input::DialFailed { peer: address.network_id }).await,
            }
            None
        });
    }

    fn call_received(&mut self, call: Call) -> Flow {
        match call {
            Call::Command(Command::Stop, answer) => return Flow::Stop(Some(answer)),
            Call::Command(Command::Unlock { passphrase }, answer) => self.unlock(passphrase, answer),
            Call::Command(Command::Protect { current, change }, answer) => {
                self.protect(current, change, answer);
            }
            Call::Command(command, answer) => self.command_received(command, answer),
            Call::Query(query, answer) => self.query_received(query, answer),
        }
        Flow::Continue
    }

    fn command_received(&mut self, command: Command, answer: Answer<Outcome>) {
        if self.data_key.is_none() && command.needs_keys() {
            return answer.send(Err(CallError::locked())).unwrap_or_default();
        }
        self.last_call = self.last_call.wrapping_add(1);
        let call = CallId(self.last_call);
        let room = match self.jobs.clone().try_reserve_owned() {
            Ok(room) => room,
            Err(_full) => {
                return answer.send(Err(CallError::busy())).unwrap_or_default();
            }
        };
        let name = match command {
            Command::CreatePersona { name } => name,
            Command::PublishWithFiles { persona, text, draft, files } => {
                self.pending.insert(call, answer);
                let post = attachments::Unprepared { persona, text, draft, files };
                self.tasks.spawn(attachments::prepare(Arc::clone(&self.shared), call, post));
                return;
            }
            Command::SaveBlob { post_id, position, target } => {
                let shared = Arc::clone(&self.shared);
                self.tasks.spawn(async move {
                    let saved = attachments::save(&shared, post_id, position, target).await;
                    answer.send(saved).unwrap_or_default();
                    None
                });
                return;
            }
            command => {
                self.pending.insert(call, answer);
                room.send(Job::Input(Input::CommandReceived { call, command }));
                return;
            }
        };
        self.persona_asked(call, name, answer, room);
    }

    /// Makes a key for a persona, puts it into a file, and hands both on.
    fn persona_asked(
        &mut self,
        call: CallId,
        name: String,
        answer: Answer<Outcome>,
        room: mpsc::OwnedPermit<Job>,
    ) {
        let Some(data_key) = self.data_key.clone() else {
            return answer.send(Err(CallError::locked())).unwrap_or_default();
        };
        let mut rng = crate::clock::fresh_rng();
        let key = Arc::new(PostingKey::generate(&mut rng));
        if let Err(error) = self.data_dir.stage_posting_key(&key, &data_key, &mut rng) {
            tracing::error!(cause = ?error.io_kind(), "a key file could not be written");
            return answer.send(Err(vault::file_failure(&error))).unwrap_or_default();
        }
        self.pending.insert(call, answer);
        room.send(Job::Input(Input::PersonaRequested { call, name, key }));
    }

    fn query_received(&mut self, query: Query, answer: Answer<View>) {
        let readers = self.readers.clone();
        let live = Live {
            now: (self.shared.clock)(),
            network_id: self.shared.network_id,
            links: self.links.values().map(|served| (served.link.peer(), served.link.clone())).collect(),
            network: self.network.borrow().clone(),
            clock_off_minutes: self.clock_off_minutes,
            data_dir: Arc::clone(&self.data_dir),
            data_key: self.data_key.clone(),
        };
        self.tasks.spawn(async move {
            let read = readers.read(move |read| match answer_query(read, &query, &live) {
                Ok(view) => Ok(Ok(view)),
                Err(QueryError::Person(error)) => Ok(Err(error)),
                Err(QueryError::Disk(error)) => Err(error),
            });
            let view = read.await.unwrap_or_else(|error| Err(store_error(&error)));
            answer.send(view).unwrap_or_default();
            None
        });
    }

    /// Says goodbye to peers, waits for the writer, and answers nobody any more.
    async fn stop(mut self, mut reports: mpsc::Receiver<Report>) {
        for served in self.links.values() {
            served.link.close(CloseReason::Stopping);
        }
        let network = self.network.borrow().clone();
        if let NetworkPhase::Up(network) = network
            && tokio::time::timeout(GOODBYE_TIME, network.close()).await.is_err()
        {
            tracing::warn!("the network did not close in time");
        }
        self.tasks.shutdown().await;
        self.shared.blobs.close().await;
        self.readers.close();
        self.shared.readers.close();
        let (done, stopped) = oneshot::channel();
        let jobs = self.jobs.clone();
        let stop = async move {
            jobs.send(Job::Stop(done)).await.unwrap_or_default();
            stopped.await.unwrap_or_default();
        };
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                report = reports.recv() => match report {
                    Some(report) => self.last_report_received(report),
                    None => break,
                },
            }
        }
        // The writer may be gone before its last reports were taken.
        while let Ok(report) = reports.try_recv() {
            self.last_report_received(report);
        }
        self.tell(Event::Stopped);
    }

    /// Answers what was done; nothing else comes of it any more.
    fn last_report_received(&mut self, report: Report) {
        match report {
            Report::Committed { effects, .. } => {
                for effect in effects {
                    if let Effect::Answer { call, outcome } = effect {
                        self.answer(call, outcome);
                    }
                }
            }
            Report::Failed { calls, error, .. } => {
                for call in calls {
                    self.answer(call, Err(error.clone()));
                }
            }
        }
    }
}

/// What only the running node knows, for queries.
struct Live {
    now: Timestamp,
    network_id: NetworkId,
    links: BTreeMap<NetworkId, Link>,
    network: NetworkPhase,
    clock_off_minutes: Option<i64>,
    data_dir: Arc<DataDir>,
    data_key: Option<Arc<DataKey>>,
}

impl Live {
    /// How the data key is kept.
    fn vault(&self) -> VaultState {
        match &self.data_key {
            None => VaultState::Locked,
            Some(_) if self.data_dir.has_vault() => VaultState::Unlocked,
            Some(_) => VaultState::Open,
        }
    }

    /// The key for rows that are protected.
    fn key(&self) -> Result<&DataKey, QueryError> {
        self.data_key.as_deref().ok_or_else(|| QueryError::Person(CallError::locked()))
    }

    fn address(&self) -> Option<PeerAddress> {
        match &self.network {
            NetworkPhase::Up(network) => Some(network.address()),
            _ => None,
        }
    }

    fn state(&self) -> NetworkState {
        match &self.network {
            NetworkPhase::Off => NetworkState::Off,
            NetworkPhase::Starting => NetworkState::Starting,
            NetworkPhase::Up(_) => NetworkState::Up,
            NetworkPhase::Failed(why) => NetworkState::Failed(why.clone()),
        }
    }
}

fn answer_query(read: Read<'_>, query: &Query, live: &Live) -> Result<View, QueryError> {
    if query.needs_keys() {
        live.key()?;
    }
    Ok(match *query {
        Query::Feed { persona, page, filter, limit } => {
            View::Feed(queries::feed(read, persona, page, filter, limit)?)
        }
        Query::Thread { post_id, after, limit } => {
            View::Thread(Box::new(queries::thread(read, post_id, after, limit)?))
        }
        Query::People => View::People(queries::people(read)?),
        Query::Personas => View::Personas(queries::personas(read)?),
        Query::Draft { slot } => View::Draft(queries::draft(read, live.key()?, slot)?),
        Query::Peers => View::Peers(peers(read, live)?),
        Query::Status => View::Status(status(read, live)?),
        Query::Invite { persona } => {
            let invite = queries::invite(read, persona, live.address())?;
            let address_count = u64::try_from(invite.addresses.len()).unwrap_or(0);
            View::Invite(InviteView { invite: invite.format(), posting_id: invite.posting_id, address_count })
        }
        Query::Conversations { persona, filter } => {
            View::Conversations(talk_pages::conversations(read, live.key()?, persona, filter)?)
        }
        Query::Messages { thread, page, limit } => {
            View::Messages(Box::new(talk_pages::messages(read, live.key()?, thread, page, limit)?))
        }
        Query::Circles => View::Circles(talk_pages::circles(read, live.key()?)?),
        Query::Words { thread } => View::Words(talk_pages::words(read, live.key()?, thread)?),
    })
}

fn peers(read: Read<'_>, live: &Live) -> Result<Vec<PeerView>, QueryError> {
    let mut banned: BTreeMap<NetworkId, Ban> =
        read.list_banned_nodes(live.now, QUERY_ROWS)?.into_iter().collect();
    let mut views = Vec::new();
    for PeerRow { peer, network_id, .. } in read.list_peers(QUERY_ROWS)? {
        let stats = live.links.get(&network_id).map(Link::stats);
        let address = read.get_peer_address(peer)?;
        let sockets = address.sockets.iter().map(ToString::to_string);
        let relay = address.relay.map(|url| SafeText::line(&url).to_string());
        views.push(PeerView {
            network_id,
            connected: stats.is_some(),
            relayed: stats.map(|stats| stats.is_relayed),
            latency_ms: stats.map(|stats| u64::try_from(stats.latency.as_millis()).unwrap_or(u64::MAX)),
            bytes_in: stats.map_or(0, |stats| stats.bytes_in),
            bytes_out: stats.map_or(0, |stats| stats.bytes_out),
            addresses: sockets.chain(relay).collect(),
            standing: standing(banned.remove(&network_id)),
        });
    }
    // Whoever is banned can be forgotten as a peer, or never have been one.
    views.extend(banned.into_iter().map(|(network_id, ban)| PeerView {
        network_id,
        connected: false,
        relayed: None,
        latency_ms: None,
        bytes_in: 0,
        bytes_out: 0,
        addresses: Vec::new(),
        standing: standing(Some(ban)),
    }));
    views.sort_by_key(|peer| (!peer.connected, peer.network_id));
    Ok(views)
}

const fn standing(ban: Option<Ban>) -> PeerStanding {
    match ban {
        None | Some(Ban::None) => PeerStanding::Ok,
        Some(Ban::Until(end)) => PeerStanding::Banned { until: Some(end) },
        Some(Ban::ByPerson) => PeerStanding::Banned { until: None },
    }
}

fn status(read: Read<'_>, live: &Live) -> Result<StatusView, QueryError> {
    let (address, vault) = (live.address(), live.vault());
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    Ok(StatusView {
        network_id: live.network_id,
        ticket: address.as_ref().map(format_ticket),
        addresses: address
            .iter()
            .flat_map(|address| address.sockets.iter().map(ToString::to_string))
            .collect(),
        network: live.state(),
        connected_peers: count(live.links.len()),
        known_peers: read.count_peers()?,
        post_count: read.count_all_posts()?,
        persona_count: match vault {
            VaultState::Locked => None,
            VaultState::Open | VaultState::Unlocked => Some(count(read.list_personas()?.len())),
        },
        clock_off_minutes: live.clock_off_minutes,
        space: queries::space(read, live.data_dir.free_bytes())?,
        vault,
    })
}
