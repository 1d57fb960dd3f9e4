//! The engine decides: what to say to a peer, whom to ask, when to give up, what becomes of a person's command.
//!
//! Sans-I/O: every step gets a transaction, the time, randomness and one input, and returns effects. The store
//! commits the transaction and only then are the effects performed, so nothing is told that is not on disk. What the
//! engine keeps in memory (connections, requests under way, timers) can be rebuilt from nothing at any time.
//! Invariants of the pull, checked by the simulator after every step: a cursor never passes an item that is not
//! stored, held or refused here, nor the end of the log it belongs to.

pub mod answer;
pub mod interest;

#[cfg(test)]
mod blob_tests;
mod blobs;
mod book;
mod carry;
mod connection;
mod cover;
mod effect;
mod fault;
mod find;
#[cfg(test)]
mod header_tests;
mod headers;
mod input;
mod intake;
mod mesh;
mod names;
mod person;
mod pool;
#[cfg(test)]
mod privacy;
mod pull;
mod responses;
mod room;
mod space;
pub mod spread;
mod sync;
mod talk;
#[cfg(test)]
mod tests;
mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::CryptoRng;

pub use self::blobs::{FetchEnd, Prepared, Verdict};
pub use self::book::{keep_book, open_book, personas_of};
pub use self::effect::{CloseReason, Effect, OpenedKey};
pub use self::fault::{Fault, Faults};
pub use self::find::Exchange;
pub use self::headers::policy_in;
pub use self::input::{
    CallId, ConnectionId, Delivery, Direction, Input, PullEnd, PulledPage, ReplyId, RequestId,
};
pub use self::mesh::redial_wait;
pub use self::person::{no_persona, slot_name};
pub use self::pool::{HandOver, SealedProgress};
pub use self::space::Quotas;
pub use self::talk::pages::QueryError;
pub(crate) use self::talk::{pages as talk_pages, rows as talk_rows};
pub use self::trust::{Bans, Offence};

use self::blobs::Transfers;
use self::carry::Carrying;
use self::connection::Connection;
use self::interest::Interest;
use self::mesh::{KnownPeer, Places};
use self::names::Names;
use self::pool::Pool;
use self::space::Space;
use self::spread::Spread;
use self::sync::PendingSync;
use self::talk::Talks;

use self::trust::Trust;
use crate::api::{Event, Outcome};
use crate::crypto::data_key::DataKey;
use crate::crypto::keys::PostingKey;
use crate::db::book::Book;
use crate::db::store::LastStop;
use crate::db::{DbError, Read, Write};
use crate::domain::address::PeerAddress;
use crate::domain::ids::{NetworkId, PostingId};
use crate::domain::time::Timestamp;
use crate::limits::WAITING_TIME;

/// What an engine is made with besides the store.
pub struct Setup {
    /// This node.
    pub network_id: NetworkId,
    /// The keys of all personas; none while locked.
    pub keys: Vec<Arc<PostingKey>>,
    /// What protects rows at rest; `None` while locked.
    pub data_key: Option<Arc<DataKey>>,
    /// Connections to keep at most, 1 to `CONNECTIONS_MOST`.
    pub connections: usize,
    /// How much room there is.
    pub quotas: Quotas,
    /// Whether it may be named to others, and asks for others.
    pub exchange: Exchange,
    /// Sealed posts without content it makes in an hour.
    pub decoys_per_hour: u32,
    /// Mistakes to be made on purpose; none outside the simulator.
    pub faults: Faults,
}

/// The deciding part of a node.
pub struct Engine {
    network_id: NetworkId,
    keys: BTreeMap<PostingId, Arc<PostingKey>>,
    /// All personas; none while locked.
    personas: BTreeSet<PostingId>,
    /// What readers do not know yet.
    new_book: Option<Book>,
    interest: Interest,
    carrying: Carrying,
    space: Space,
    pool: Pool,
    connections: BTreeMap<ConnectionId, Connection>,
    peers: BTreeMap<NetworkId, KnownPeer>,
    syncs: Vec<PendingSync>,
    talks: Talks,
    transfers: Transfers,
    next_due: Option<Timestamp>,
    /// When the next author's logs are read again.
    next_deferred: Option<Timestamp>,
    /// When the oldest operation that waits for its post is dropped.
    next_stale: Option<Timestamp>,
    log_name: LogName,
    names: Names,
    trust: Trust,
    places: Places,
    exchange: Exchange,
    /// When the next address told by the local network may be dialled.
    next_neighbour: Timestamp,
    spread: Spread,
    /// When to look next for connections nobody needs.
    next_spare: Timestamp,
    last_now: Timestamp,
    /// When something came in, or was asked to come at once.
    last_arrival: Timestamp,
    last_request: u64,
    faults: Faults,
}

/// Whether our log was given another name since the start. A store is put back from a copy between two runs of the
/// program, so once is enough, and no peer can make us do it again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogName {
    AsFound,
    Renewed,
}

/// What one step works with.
struct Step<'a, 'c> {
    store: &'a Write<'c>,
    now: Timestamp,
    rng: &'a mut dyn CryptoRng,
    effects: Vec<Effect>,
}

impl Step<'_, '_> {
    fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Tells faces that something changed, once per step.
    fn tell(&mut self, event: Event) {
        let effect = Effect::Tell(event);
        if !self.effects.contains(&effect) {
            self.effects.push(effect);
        }
    }
}

impl Engine {
    /// An engine for what is in the store.
    ///
    /// # Errors
    /// [`DbError`] when the store cannot be read.
    pub fn load(read: Read<'_>, setup: &Setup) -> Result<Self, DbError> {
        let personas = book::show_book(read, setup.data_key.as_ref())?;
        let interest = Interest::load(read)?;
        let topics: Vec<PostingId> =
            if setup.faults.has(Fault::PlainLru) { Vec::new() } else { interest.topics().collect() };
        Ok(Self {
            spread: Spread::load(read, setup.network_id, &topics)?,
            network_id: setup.network_id,
            keys: setup.keys.iter().map(|key| (key.posting_id(), Arc::clone(key))).collect(),
            personas,
            new_book: None,
            interest,
            carrying: Carrying::load(read)?,
            space: Space::new(setup.quotas),
            pool: Pool::load(read, setup.decoys_per_hour)?,
            connections: BTreeMap::new(),
            peers: KnownPeer::load_all(read)?,
            syncs: Vec::new(),
            talks: Talks::load(read, setup.data_key.as_ref())?,
            transfers: Transfers::load(read)?,
            next_due: read.find_next_due()?,
            next_deferred: read.find_next_deferred()?,
            next_stale: read.find_oldest_waiting()?.map(|since| since.after(WAITING_TIME)),
            log_name: LogName::AsFound,
            names: Names::load(read)?,
            trust: Trust::load(read)?,
            places: Places::of(setup.connections),
            exchange: setup.exchange,
            next_neighbour: Timestamp::ZERO,
            next_spare: Timestamp::ZERO,
            last_now: Timestamp::ZERO,
            last_arrival: Timestamp::ZERO,
            last_request: 0,
            faults: setup.faults,
        })
    }

    /// Takes one input. The effects may be performed once the transaction behind `store` is committed.
    ///
    /// # Errors
    /// [`DbError`] when the store fails: the transaction must be given up, and this engine with it.
    pub fn handle(
        &mut self,
        store: &Write<'_>,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
        input: Input,
    ) -> Result<Vec<Effect>, DbError> {
        let mut step = Step { store, now, rng, effects: Vec::new() };
        self.notice_clock(now);
        match input {
            Input::Started => self.started(&mut step)?,
            Input::TimePassed => {}
            Input::Unlocked { call, data_key, keys } => self.unlocked(&mut step, call, &data_key, keys)?,
            Input::CommandReceived { call, command } => self.command_received(&mut step, call, command)?,
            Input::PersonaRequested { call, name, key } => {
                self.persona_requested(&mut step, call, &name, key)?;
            }
            Input::PostPrepared { call, persona, text, draft, attachments } => {
                self.post_prepared(&mut step, call, persona, text, draft, attachments)?;
            }
            Input::CallRefused { call, error } => {
                step.push(Effect::Answer { call, outcome: Err(error) });
            }
            Input::BlobFetchEnded { request, blob, end } => {
                self.fetch_ended(&mut step, request, blob, end)?;
            }
            Input::BlobExamined { blob, verdict } => Self::blob_examined(&mut step, blob, verdict)?,
            Input::BlobRead { blob } => step.store.update_blob_used(blob, now)?,
            Input::BlobsSwept => self.blobs_swept(&mut step)?,
            Input::Connected { connection, peer, direction, address } => {
                self.connected(&mut step, connection, peer, direction, address)?;
            }
            Input::DialFailed { peer } => self.dial_failed(&mut step, peer)?,
            Input::Disconnected { connection } => self.disconnected(&mut step, connection)?,
            Input::RequestReceived { connection, reply, message } => {
                self.request_received(&mut step, connection, reply, message)?;
            }
            Input::PushReceived { connection, message } => {
                self.push_received(&mut step, connection, &message)?;
            }
            Input::PeerOffended { connection, offence } => self.offended(&mut step, connection, offence)?,
            Input::Answered { connection, request, message } => {
                self.answered(&mut step, connection, request, message.as_ref())?;
            }
            Input::PullEnded { connection, request, end } => {
                self.pull_ended(&mut step, connection, request, end)?;
            }
            Input::Fetched { connection, request, items } => {
                self.fetch_answered(&mut step, connection, request, items)?;
            }
            Input::DiffReceived { connection, items } => {
                self.diff_received(&mut step, connection, items)?;
            }
            Input::SealedPushed { connection, stage, post } => {
                self.sealed_pushed(&mut step, connection, stage, *post)?;
            }
            Input::SealedHanded { id, end } => self.sealed_handed(now, id, end),
            Input::Served { connection, files } => self.files_served(&step, connection, &files)?,
            Input::CursorBeyondLog { connection, reply } => {
                self.read_beyond_log(&mut step, connection, reply)?;
            }
            Input::NeighbourFound { address } => self.neighbour_found(&mut step, &address)?,
            #[cfg(any(test, feature = "sim"))]
            Input::SealedMade { post } => self.publish_sealed(&mut step, &post)?,
            Input::SpaceMeasured { free_bytes } => self.space_measured(&mut step, free_bytes),
            Input::Listening { port, address } => Self::listening(&mut step, port, &address)?,
        }
        self.proceed(&mut step)?;
        Ok(step.effects)
    }

    /// When [`Input::TimePassed`] is due; `None` when nothing waits for time.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let connections = self.connections.values().filter_map(Connection::next_deadline);
        let dials = self.next_dial().into_iter().chain(self.next_spare());
        let syncs = self.syncs.iter().map(|sync| sync.deadline);
        let (carrying, spread) = (self.carrying.next_deadline(), self.spread.next_deadline());
        let mine = self
            .next_due
            .into_iter()
            .chain(self.next_stale)
            .chain(self.next_deferred)
            .chain(self.names.next_deadline())
            .chain(self.talks.next_deadline())
            .chain(self.pool.next_deadline())
            .chain(carrying)
            .chain(spread);
        let kept = self.space.next_deadline(self.last_now).into_iter().chain(self.transfers.next_deadline());
        connections.chain(dials).chain(syncs).chain(mine).chain(kept).min()
    }

    /// Does whatever is due now.
    fn proceed(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        self.release_due(step)?;
        self.read_deferred(step)?;
        self.drop_stale(step)?;
        self.drop_silent(step)?;
        self.carry(step)?;
        self.proceed_pool(step)?;
        self.keep_quotas(step)?;
        self.announce_interest(step);
        self.proceed_spread(step)?;
        self.ask_names(step);
        self.proceed_talks(step)?;
        self.start_pulls(step)?;
        self.send_news(step);
        self.seek_due(step);
        self.let_spare_go(step)?;
        self.dial_due(step)?;
        self.start_fetches(step)?;
        self.finish_syncs(step);
        Ok(())
    }

    fn started(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if step.store.get_last_stop()? == LastStop::Unclean && !self.faults.has(Fault::SeqReuse) {
            step.store.jump_arrivals()?;
        }
        if step.store.get_last_stop()? == LastStop::Unclean {
            step.store.doubt_fresh_blobs()?;
        }
        step.store.update_stop(LastStop::Unclean)?;
        self.begin_talks(step)?;
        self.begin_book(step)?;
        self.notice_raised_quotas(step)?;
        self.announce_bans(step);
        Ok(())
    }

    /// The passphrase was given: what needs keys goes on from here.
    fn unlocked(
        &mut self,
        step: &mut Step<'_, '_>,
        call: CallId,
        data_key: &Arc<DataKey>,
        keys: Vec<Arc<PostingKey>>,
    ) -> Result<(), DbError> {
        if self.talks.is_locked() {
            self.keys.extend(keys.into_iter().map(|key| (key.posting_id(), key)));
            self.talks = self.talks.unlocked(**step.store, data_key)?;
            self.begin_talks(step)?;
            self.book_unlocked(step, data_key)?;
            for event in [
                Event::StatusChanged,
                Event::PersonasChanged,
                Event::PeopleChanged,
                Event::FeedChanged,
                Event::ConversationsChanged,
            ] {
                step.tell(event);
            }
        }
        step.push(Effect::Unlocked(OpenedKey(Arc::clone(data_key))));
        step.push(Effect::Answer { call, outcome: Ok(Outcome::Done) });
        Ok(())
    }

    /// What an engine that takes this one's place needs to know besides the store: the data key, unless it is locked, and
    /// the keys of all personas.
    #[must_use]
    pub fn secrets(&self) -> (Option<Arc<DataKey>>, Vec<Arc<PostingKey>>) {
        (self.talks.data_key(), self.keys.values().cloned().collect())
    }

    fn listening(step: &mut Step<'_, '_>, port: Option<u16>, address: &PeerAddress) -> Result<(), DbError> {
        if let Some(port) = port {
            step.store.update_udp_port(port)?;
        }
        step.store.update_own_address(address)?;
        let addresses = address.sockets.iter().map(ToString::to_string).collect();
        step.tell(Event::Ready { network_id: address.network_id, addresses });
        Ok(())
    }

    /// Timers are wall-clock times. When the clock is set back, what would then wait too long becomes due. What peers
    /// said about their clocks moves with ours.
    fn notice_clock(&mut self, now: Timestamp) {
        const TOLERATED: Duration = Duration::from_secs(2);
        /// Longer than an engine waits for any input; a machine that slept has lost its connections.
        const LEAP: Duration = Duration::from_mins(2);
        let is_set_back = now.after(TOLERATED) < self.last_now;
        if is_set_back || now > self.last_now.after(LEAP) {
            let moved = now.as_minutes().saturating_sub(self.last_now.as_minutes());
            for connection in self.connections.values_mut() {
                connection.clock_moved(moved);
            }
        }
        if is_set_back {
            for connection in self.connections.values_mut() {
                connection.clock_stepped_back(now);
            }
            for peer in self.peers.values_mut() {
                peer.clock_stepped_back(now);
            }
            for sync in &mut self.syncs {
                sync.clock_stepped_back(now);
            }
            self.trust.clock_stepped_back(now);
            self.carrying.clock_stepped_back(now);
            self.next_neighbour = now;
            self.next_spare = now;
            for connection in self.connections.values_mut() {
                connection.since = connection.since.min(now);
            }
            self.names.clock_stepped_back(now);
            self.transfers.clock_stepped_back(now);
            self.talks.clock_stepped_back(now);
            self.spread.clock_stepped_back(now);
            self.pool.clock_stepped_back(now);
        }
        self.last_now = now;
    }

    /// Lets no peer be dialled, and nothing be done by itself again, before this: the store has just failed.
    pub fn rest_until(&mut self, now: Timestamp, earliest: Timestamp) {
        for peer in self.peers.values_mut() {
            peer.dial_not_before(earliest);
        }
        self.carrying.rest_until(earliest);
        self.talks.rest_until(now, earliest);
    }

    /// Calls that this engine still has to answer: they are lost with it.
    #[must_use]
    pub fn unanswered(&self) -> Vec<CallId> {
        self.syncs.iter().map(|sync| sync.call).collect()
    }

    fn new_request(&mut self) -> RequestId {
        self.last_request = self.last_request.wrapping_add(1);
        RequestId(self.last_request)
    }
}

/// A duration changed by up to a fifth in both directions, so that nodes do not act in step.
fn jittered(rng: &mut dyn CryptoRng, duration: Duration) -> Duration {
    let thousandths = (rng.next_u32() % 401).saturating_add(800);
    duration.saturating_mul(thousandths) / 1_000
}
