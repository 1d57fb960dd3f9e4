//! Connections: whom to dial and when again, greetings, how many at once. Both sides of a lost connection redial.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::answer::epoch_for;
use super::connection::{Connection, Greeting, Listing, News, Prompt, Usefulness};
use super::cover::{Warm, by_use};
use super::find::{Exchange, Seeking};
use super::interest::InterestList;
use super::trust::prefixes;
use super::{
    CloseReason, ConnectionId, Direction, Effect, Engine, Offence, ReplyId, RequestId, Step, jittered,
};
use crate::api::Event;
use crate::db::peers::{AddressSource, LogIs, PeerWorth};
use crate::db::{DbError, Peer, Read};
use crate::domain::address::PeerAddress;
use crate::domain::ids::{NetworkId, PostingId};
use crate::domain::standing::Ban;
use crate::domain::time::Timestamp;
use crate::limits::{
    CLOCK_WARNING, CLOCK_WITNESSES, CONNECTIONS_MOST, CONNECTIONS_PER_PEER, CONNECTIONS_PER_PREFIX,
    KNOWN_PEERS, LEARNT_SPACING, LEARNT_WAITING, OUTBOUND_KEPT, REDIAL_FIRST, REDIAL_LONGEST,
};
use crate::node::wire::{Hello, Message};

/// Nodes among which the most useful ones are chosen when there is no room to dial all that are due.
const COVER_CANDIDATES: usize = 64;

/// Dials under way at once: each costs a handshake and, for a dead address, packets into the void.
const DIALS_AT_ONCE: usize = 8;

/// A node we may connect to.
#[derive(Debug)]
pub(super) struct KnownPeer {
    row: Peer,
    pub(super) worth: PeerWorth,
    seen: Timestamp,
    dial: Dial,
    /// Dials in a row that came to nothing.
    failures: u32,
    /// Connections in a row that nobody needed and that did not last.
    idle: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dial {
    /// Not before `next`.
    Waiting { next: Timestamp },
    /// Under way.
    UnderWay,
    /// A connection stands.
    Connected,
}

impl KnownPeer {
    pub(super) fn load_all(read: Read<'_>) -> Result<BTreeMap<NetworkId, Self>, DbError> {
        let rows = read.list_peers(KNOWN_PEERS)?;
        Ok(rows.into_iter().map(|row| (row.network_id, Self::new(row.peer, row.worth, row.seen))).collect())
    }

    const fn new(row: Peer, worth: PeerWorth, seen: Timestamp) -> Self {
        Self { row, worth, seen, dial: Dial::Waiting { next: Timestamp::ZERO }, failures: 0, idle: 0 }
    }

    /// Lets no dial start before this.
    pub(super) fn dial_not_before(&mut self, earliest: Timestamp) {
        if let Dial::Waiting { next } = &mut self.dial {
            *next = earliest.max(*next);
        }
    }

    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        if let Dial::Waiting { next } = &mut self.dial {
            *next = (*next).min(now.after(REDIAL_LONGEST));
        }
    }

    /// Lets the next dial start at once, if it would have started anyway.
    fn dial_now(&mut self, now: Timestamp) {
        if let Dial::Waiting { next } = &mut self.dial
            && *next > now.after(super::spread::SPACED_DIAL)
        {
            *next = now;
        }
    }

    /// Lets the next dial start at once.
    pub(super) fn dial_soon(&mut self, now: Timestamp) {
        (self.failures, self.idle) = (0, 0);
        if let Dial::Waiting { next } = &mut self.dial {
            *next = now;
        }
    }
}

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    all: usize,
    inbound: usize,
}

impl Places {
    /// Places for connections that only we open.
    pub(super) const fn kept_outbound(&self) -> usize {
        self.all.saturating_sub(self.inbound)
    }

    /// Places nobody has.
    pub(super) const fn free(&self, taken: usize) -> usize {
        self.all.saturating_sub(taken)
    }

    /// So many in all, of which [`OUTBOUND_KEPT`] or half are kept free for those we open.
    pub(super) fn of(connections: usize) -> Self {
        let all = connections.clamp(1, CONNECTIONS_MOST);
        Self { all, inbound: all.saturating_sub(OUTBOUND_KEPT.min(all / 2)) }
    }

    /// So many connections are enough; above them those nobody needs make room.
    pub(super) const fn enough(self) -> usize {
        self.all / 2
    }

    /// Fewer connections than these are few.
    pub(super) const fn lonely(self) -> usize {
        self.all / 3
    }
}

/// The wait before dialling again after so many failures in a row.
#[must_use]
pub fn redial_wait(failures: u32) -> Duration {
    REDIAL_FIRST.saturating_mul(2_u32.saturating_pow(failures.min(16))).min(REDIAL_LONGEST)
}

impl Engine {
    pub(super) fn connected(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        peer: NetworkId,
        direction: Direction,
        address: PeerAddress,
    ) -> Result<(), DbError> {
        if peer == self.network_id {
            self.forget_dial(step, peer);
            step.push(Effect::Close { connection: id, reason: CloseReason::Superfluous });
            return Ok(());
        }
        if self.trust.ban_of(&address).holds(step.now) {
            self.forget_dial(step, peer);
            step.push(Effect::Close { connection: id, reason: CloseReason::Banned });
            return Ok(());
        }
        let with_peer: Vec<ConnectionId> = self.connections_with(peer).collect();
        if with_peer.is_empty() && direction == Direction::Inbound && self.is_full(direction) {
            self.make_room(step, peer)?;
        }
        let is_full = self.is_full(direction);
        if with_peer.is_empty() && (is_full || self.is_prefix_full(&address)) {
            self.forget_dial(step, peer);
            step.push(Effect::Close { connection: id, reason: CloseReason::Full });
            return Ok(());
        }
        // Where there is no room for a second connection with a peer, it takes the place of the first.
        let is_one_too_many = is_full || with_peer.len() >= CONNECTIONS_PER_PEER;
        if let (Some(oldest), true) = (with_peer.first(), is_one_too_many) {
            step.push(Effect::Close { connection: *oldest, reason: CloseReason::Superfluous });
            self.connections.remove(oldest);
        }
        if let Some(known) = self.peers.get_mut(&peer) {
            known.dial = Dial::Connected;
        }
        let mut connection = Connection::new(peer, direction, address, step.now);
        connection.seeking = Seeking::new(step.now, self.exchange);
        self.connections.insert(id, connection);
        if direction == Direction::Outbound {
            let (request, hello) = (self.new_request(), self.hello_for(step, peer)?);
            step.push(Effect::Request { connection: id, request, message: Message::Hello(hello) });
        }
        Ok(())
    }

    fn is_full(&self, direction: Direction) -> bool {
        let inbound = self.connections.values().filter(|known| known.direction == Direction::Inbound).count();
        self.connections.len() >= self.places.all
            || (direction == Direction::Inbound && inbound >= self.places.inbound)
    }

    fn is_prefix_full(&self, address: &PeerAddress) -> bool {
        let prefix = prefixes(address).next();
        let shares = |known: &&Connection| prefixes(&known.address).next() == prefix;
        prefix.is_some() && self.connections.values().filter(shares).count() >= CONNECTIONS_PER_PREFIX
    }

    pub(super) fn connections_with(&self, peer: NetworkId) -> impl Iterator<Item = ConnectionId> {
        self.connections.iter().filter(move |(_, known)| known.peer == peer).map(|(id, _)| *id)
    }

    /// A dial led to nothing we keep: try again later, less often.
    fn forget_dial(&mut self, step: &mut Step<'_, '_>, peer: NetworkId) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.failures = known.failures.saturating_add(1);
            let wait = jittered(step.rng, redial_wait(known.failures));
            known.dial = Dial::Waiting { next: step.now.after(wait) };
        }
    }

    fn hello_for(&self, step: &Step<'_, '_>, peer: NetworkId) -> Result<Hello, DbError> {
        let epoch = epoch_for(&step.store.get_epoch_secret()?, peer);
        Ok(Hello { epoch, features: self.exchange.features(), minute: step.now.as_minutes() })
    }

    pub(super) fn dial_failed(&mut self, step: &mut Step<'_, '_>, peer: NetworkId) -> Result<(), DbError> {
        if self.peers.get(&peer).is_some_and(|known| known.dial == Dial::UnderWay) {
            self.forget_dial(step, peer);
        }
        if self.connections_with(peer).next().is_none() {
            self.peer_tried(step, peer);
            self.peer_lost(step, peer)?;
        }
        Ok(())
    }

    pub(super) fn disconnected(&mut self, step: &mut Step<'_, '_>, id: ConnectionId) -> Result<(), DbError> {
        let Some(gone) = self.connections.remove(&id) else {
            return Ok(());
        };
        if self.connections_with(gone.peer).next().is_none() {
            let spare_wait = self.spare_redial(step, gone.peer);
            let is_needed = self.is_needed(gone.peer) || gone.since.after(REDIAL_LONGEST) <= step.now;
            if let Some(known) = self.peers.get_mut(&gone.peer) {
                // One without use counts as a failed dial, so that nobody is dialled again and again for nothing.
                // Nor does one that nobody needs take others' places again and again.
                (known.failures, known.idle) = match gone.usefulness {
                    Usefulness::Proven if is_needed => (0, 0),
                    Usefulness::Proven => (0, known.idle.saturating_add(1)),
                    Usefulness::Unproven => (known.failures.saturating_add(1), known.idle),
                };
                let in_vain = known.failures.max(known.idle);
                let wait = spare_wait.unwrap_or_else(|| jittered(step.rng, redial_wait(in_vain)));
                known.dial = Dial::Waiting { next: step.now.after(wait) };
            }
            self.peer_tried(step, gone.peer);
            self.peer_lost(step, gone.peer)?;
        }
        // What was left to this connection is now for the other one with the peer.
        if let Some(other) = self.pulling_connection(gone.peer)
            && let Some(connection) = self.connections.get_mut(&other)
        {
            connection.pull_soon(step.now);
        }
        self.links_lost(step, id)?;
        self.names.connection_lost(step.now, id);
        step.tell(Event::PeersChanged);
        Ok(())
    }

    pub(super) fn request_received(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        reply: ReplyId,
        message: Message,
    ) -> Result<(), DbError> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Ok(());
        };
        match message {
            Message::Hello(hello) => {
                let peer = connection.peer;
                self.greeted(step, id, &hello)?;
                let answer = self.hello_for(step, peer)?;
                step.push(Effect::Reply { reply, message: Message::Hello(answer) });
            }
            Message::SetInterest(ids) => {
                let list = Arc::new(InterestList::new(ids));
                if connection.subscription.as_ref() != Some(&list) {
                    self.carrying.wished(step.now);
                }
                connection.subscription = Some(Arc::clone(&list));
                let hash = list.hash(connection.peer, self.network_id);
                step.push(Effect::RememberInterest { connection: id, list });
                step.push(Effect::Reply { reply, message: Message::InterestAccepted(hash) });
                self.wake_transfers(step.now);
                self.peer_carries(step, id)?;
            }
            Message::Link(asks) => self.link_asked(step, id, reply, asks)?,
            Message::Find(find) => self.answer_find(step, id, reply, &find)?,
            other => step.push(Effect::Reply { reply, message: Message::Unsupported { kind: other.kind() } }),
        }
        Ok(())
    }

    pub(super) fn answered(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        request: RequestId,
        message: Option<&Message>,
    ) -> Result<(), DbError> {
        if self.link_answered(step, request, message)? {
            return Ok(());
        }
        let Some(connection) = self.connections.get_mut(&id) else {
            return Ok(());
        };
        if let (Some(Message::Hello(hello)), Greeting::Expected { .. }) = (message, connection.greeting) {
            return self.greeted(step, id, hello);
        }
        if self.found(step, id, request, message)? {
            return Ok(());
        }
        let Some(connection) = self.connections.get_mut(&id) else {
            return Ok(());
        };
        match &connection.listing {
            Listing::Sent { request: sent, list } if *sent == request => {
                let hash = list.hash(self.network_id, connection.peer);
                if message == Some(&Message::InterestAccepted(hash)) {
                    // One that changed meanwhile is sent now, so that the peer never gets two in the wrong order.
                    let is_current = Arc::ptr_eq(list, &self.interest.list);
                    let accepted = Listing::Accepted { list: Arc::clone(list) };
                    connection.listing = if is_current { accepted } else { Listing::Stale };
                    connection.pull_soon(step.now);
                    connection.seeking.list_changed(step.now);
                } else {
                    // A connection that cannot carry one list is of no use. Dial again.
                    match message {
                        None | Some(Message::Busy) => self.close(step, id, CloseReason::Silent)?,
                        Some(_) => self.offended(step, id, Offence::FalseAnswer)?,
                    }
                }
            }
            _ if matches!(connection.greeting, Greeting::Expected { .. }) && message.is_none() => {
                self.close(step, id, CloseReason::Silent)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The peer introduced itself: remember it, and let the lists and pulls begin.
    fn greeted(&mut self, step: &mut Step<'_, '_>, id: ConnectionId, hello: &Hello) -> Result<(), DbError> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Ok(());
        };
        let (peer, address) = (connection.peer, connection.address.clone());
        let row = step.store.insert_peer(&address, step.now, AddressSource::Reached)?;
        step.store.update_peer_seen(row, step.now)?;
        let log = step.store.replace_epoch(row, hello.epoch.0)?;
        let clock_ahead = hello.minute.saturating_sub(step.now.as_minutes());
        connection.greeting = Greeting::Done { row, clock_ahead };
        connection.exchange = Exchange::of_features(hello.features);
        let stranger = || KnownPeer::new(row, PeerWorth::Stranger, step.now);
        let known = self.peers.entry(peer).or_insert_with(stranger);
        (known.row, known.seen, known.dial) = (row, step.now, Dial::Connected);
        if log == LogIs::Another {
            self.forget_unstored_of(peer);
        }
        self.forget_surplus_peers(step)?;
        self.wake_transfers(step.now);
        self.source_returned(step.now, peer);
        self.names.peer_reached(step.now);
        step.tell(Event::PeersChanged);
        if self.clock_off_minutes().is_some() {
            step.tell(Event::StatusChanged);
        }
        self.peer_reached(step, id)
    }

    /// By how many minutes the peers' clocks are ahead of ours, by their median; `None` when too few are known.
    pub(super) fn median_clock_ahead(&self) -> Option<i64> {
        let said = self.connections.values().filter_map(|connection| match connection.greeting {
            Greeting::Done { clock_ahead, .. } => Some((connection.peer, clock_ahead)),
            Greeting::Expected { .. } => None,
        });
        // Two connections with one peer are one witness.
        let mut said: Vec<i64> = said.collect::<BTreeMap<_, _>>().into_values().collect();
        said.sort_unstable();
        said.get(said.len() / 2).filter(|_| said.len() >= CLOCK_WITNESSES).copied()
    }

    /// By how many minutes our clock is ahead of the peers', when enough of them agree that it is wrong.
    #[must_use]
    pub fn clock_off_minutes(&self) -> Option<i64> {
        let median = self.median_clock_ahead()?;
        let tolerated = i64::try_from(CLOCK_WARNING.as_secs() / 60).unwrap_or(i64::MAX);
        (median.saturating_abs() > tolerated).then_some(median.saturating_neg())
    }

    pub(super) fn close(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        reason: CloseReason,
    ) -> Result<(), DbError> {
        step.push(Effect::Close { connection: id, reason });
        self.disconnected(step, id)
    }

    pub(super) fn drop_silent(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let is_silent = |connection: &Connection| match connection.greeting {
            Greeting::Expected { deadline } => deadline <= step.now,
            Greeting::Done { .. } => false,
        };
        let silent: Vec<ConnectionId> =
            self.connections.iter().filter(|(_, known)| is_silent(known)).map(|(id, _)| *id).collect();
        for id in silent {
            self.offended(step, id, Offence::Silence)?;
            self.close(step, id, CloseReason::Silent)?;
        }
        Ok(())
    }

    /// Sends our list where another one, or none, was accepted.
    pub(super) fn announce_interest(&mut self, step: &mut Step<'_, '_>) {
        let list = Arc::clone(&self.interest.list);
        let stale: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, known)| known.row().is_some() && matches!(known.listing, Listing::Stale))
            .map(|(id, _)| *id)
            .collect();
        for id in stale {
            let request = self.new_request();
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.listing = Listing::Sent { request, list: Arc::clone(&list) };
            }
            let message = Message::SetInterest(list.ids().to_vec());
            step.push(Effect::Request { connection: id, request, message });
        }
    }

    pub(super) fn send_news(&mut self, step: &mut Step<'_, '_>) {
        // Of two connections with a peer the newer one tells it.
        let listening = self.connections.iter().filter(|(_, known)| known.subscription.is_some());
        let newest: BTreeMap<NetworkId, ConnectionId> =
            listening.map(|(id, known)| (known.peer, *id)).collect();
        for (id, connection) in &mut self.connections {
            if let News::Waiting { due } = connection.news
                && due <= step.now
            {
                connection.news = News::None { last: step.now };
                if newest.get(&connection.peer) != Some(id) {
                    continue;
                }
                step.push(Effect::Push { connection: *id, message: Message::News });
            }
        }
    }

    pub(super) fn push_received(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        message: &Message,
    ) -> Result<(), DbError> {
        let Some(peer) = self.connections.get(&id).map(|connection| connection.peer) else {
            return Ok(());
        };
        match message {
            Message::News => {
                let pulling = self.pulling_connection(peer).unwrap_or(id);
                let prompt = if self.hears_by_push(peer) { Prompt::LateNews } else { Prompt::News };
                if let Some(connection) = self.connections.get_mut(&pulling) {
                    connection.news_received(step.now, prompt);
                }
            }
            Message::ManifestPush(push) => self.manifest_pushed(step, id, *push)?,
            _ => {}
        }
        Ok(())
    }

    /// Remembers a node a person named, and dials it at once.
    pub(super) fn learn_peer(
        &mut self,
        step: &mut Step<'_, '_>,
        address: &PeerAddress,
    ) -> Result<(), DbError> {
        if address.network_id == self.network_id {
            return Ok(());
        }
        let row = step.store.insert_peer(address, step.now, AddressSource::Named)?;
        step.store.update_peer_kept(row)?;
        let named = || KnownPeer::new(row, PeerWorth::Kept, step.now);
        let known = self.peers.entry(address.network_id).or_insert_with(named);
        (known.row, known.worth) = (row, PeerWorth::Kept);
        known.dial_soon(step.now);
        self.forget_surplus_peers(step)
    }

    /// The local network names a node: it is dialled, one a second, after all others. Nobody vouches for it.
    pub(super) fn neighbour_found(
        &mut self,
        step: &mut Step<'_, '_>,
        address: &PeerAddress,
    ) -> Result<(), DbError> {
        let due = self.next_neighbour.max(step.now);
        let is_connected = self.connections_with(address.network_id).next().is_some();
        let waits_too_long = due > step.now.after(LEARNT_SPACING.saturating_mul(LEARNT_WAITING));
        if address.network_id == self.network_id || is_connected || waits_too_long {
            return Ok(());
        }
        if self.learn_stranger(step, address, due)? {
            self.next_neighbour = due.after(LEARNT_SPACING);
        }
        Ok(())
    }

    /// Remembers a node somebody else named, to be dialled at `due` or when it would be in any case. `false` when it is
    /// dialled sooner, or banned.
    pub(super) fn learn_stranger(
        &mut self,
        step: &Step<'_, '_>,
        address: &PeerAddress,
        due: Timestamp,
    ) -> Result<bool, DbError> {
        if self.trust.ban_of(address).holds(step.now) {
            return Ok(false);
        }
        let row = step.store.insert_peer(address, step.now, AddressSource::Named)?;
        let stranger = || KnownPeer {
            dial: Dial::Waiting { next: Timestamp::NEVER },
            ..KnownPeer::new(row, PeerWorth::Stranger, step.now)
        };
        let known = self.peers.entry(address.network_id).or_insert_with(stranger);
        known.row = row;
        let is_later = match &mut known.dial {
            // Whoever could not be reached there lately waits as before.
            Dial::Waiting { next } if *next > due && known.failures == 0 => {
                *next = due;
                true
            }
            _ => false,
        };
        self.forget_surplus_peers(step)?;
        Ok(is_later)
    }

    /// A peer brought something wanted: strangers do not push it out.
    pub(super) fn keep_peer(&mut self, step: &Step<'_, '_>, peer: NetworkId) -> Result<(), DbError> {
        if let Some(known) = self.peers.get_mut(&peer).filter(|known| known.worth == PeerWorth::Stranger) {
            known.worth = PeerWorth::Kept;
            step.store.update_peer_kept(known.row)?;
        }
        Ok(())
    }

    /// Forgets nodes above [`KNOWN_PEERS`]: strangers first, then those not seen for longest, none with a connection.
    fn forget_surplus_peers(&mut self, step: &Step<'_, '_>) -> Result<(), DbError> {
        let surplus = step.store.count_peers()?.saturating_sub(u64::from(KNOWN_PEERS));
        if surplus == 0 {
            return Ok(());
        }
        let connected = u32::try_from(self.connections.len()).unwrap_or(u32::MAX);
        let most = u32::try_from(surplus).unwrap_or(u32::MAX).saturating_add(connected);
        let candidates = step.store.list_forgettable_peers(most)?;
        let mut left = surplus;
        for row in candidates {
            if left == 0 {
                break;
            }
            if self.connections_with(row.network_id).next().is_none() {
                step.store.delete_peer(row.peer)?;
                self.peers.remove(&row.network_id);
                left = left.saturating_sub(1);
            }
        }
        Ok(())
    }

    /// Remembers a node a peer named, to be dialled, but not before this; says whether it was new.
    pub(super) fn meet(
        &mut self,
        step: &mut Step<'_, '_>,
        id: NetworkId,
        row: Peer,
        earliest: Timestamp,
    ) -> Result<bool, DbError> {
        if self.peers.contains_key(&id) {
            return Ok(false);
        }
        let mut stranger = KnownPeer::new(row, PeerWorth::Stranger, step.now);
        stranger.dial = Dial::Waiting { next: earliest };
        self.peers.insert(id, stranger);
        self.forget_surplus_peers(step)?;
        Ok(true)
    }

    /// Lets a known node be dialled for a seat, unless it has just failed.
    pub(super) fn dial_seat_soon(&mut self, now: Timestamp, peer: NetworkId) {
        if let Some(known) = self.peers.get_mut(&peer).filter(|known| known.failures < 2) {
            known.dial_now(now);
        }
    }

    /// Lets a known node be dialled at once.
    pub(super) fn dial_peer_soon(&mut self, now: Timestamp, peer: NetworkId) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.dial_soon(now);
        }
    }

    pub(super) fn dial_everyone_soon(&mut self, now: Timestamp) {
        self.peers.values_mut().for_each(|peer| peer.dial_soon(now));
    }

    /// Nodes without a connection that a dial under way or to come may change.
    pub(super) fn unconnected_peers(&self) -> impl Iterator<Item = NetworkId> {
        self.peers.iter().filter(|(_, known)| known.dial != Dial::Connected).map(|(id, _)| *id)
    }

    fn dial_room(&self) -> usize {
        let under_way = self.peers.values().filter(|known| known.dial == Dial::UnderWay).count();
        let connections = self.places.all.saturating_sub(self.connections.len());
        DIALS_AT_ONCE.min(connections).saturating_sub(under_way)
    }

    pub(super) fn next_dial(&self) -> Option<Timestamp> {
        let waits = self.peers.values().filter_map(|known| match known.dial {
            Dial::Waiting { next } => Some(next),
            Dial::UnderWay | Dial::Connected => None,
        });
        waits.min().filter(|_| self.dial_room() > 0)
    }

    /// Of those that are due, the first ones in the order in which their seats are worth a connection.
    fn most_useful(&self, step: &Step<'_, '_>, mut due: Vec<NetworkId>) -> Result<Vec<NetworkId>, DbError> {
        due.truncate(COVER_CANDIDATES);
        let seats_of = |id: NetworkId| -> Result<BTreeSet<PostingId>, DbError> {
            match self.peers.get(&id) {
                Some(known) => Ok(step.store.list_seated_authors(known.row)?.into_iter().collect()),
                None => Ok(BTreeSet::new()),
            }
        };
        let mut warm = Warm::default();
        let under_way =
            self.peers.iter().filter(|(_, known)| matches!(known.dial, Dial::UnderWay | Dial::Connected));
        for (id, _) in under_way {
            warm.add(&seats_of(*id)?);
        }
        let candidates =
            due.into_iter().map(|id| Ok((id, seats_of(id)?))).collect::<Result<Vec<_>, DbError>>()?;
        Ok(by_use(warm, candidates))
    }

    pub(super) fn dial_due(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        // Strangers last; among equals, whom we saw last.
        let mut due: Vec<(PeerWorth, Timestamp, Reverse<Timestamp>, NetworkId)> = self
            .peers
            .iter()
            .filter_map(|(id, known)| match known.dial {
                Dial::Waiting { next } if next <= step.now => {
                    Some((known.worth, next, Reverse(known.seen), *id))
                }
                _ => None,
            })
            .collect();
        due.sort_unstable();
        let mut room = self.dial_room();
        let mut due: Vec<NetworkId> = due.into_iter().map(|(.., id)| id).collect();
        if room > 0 && due.len() > room {
            due = self.most_useful(step, due)?;
        }
        for id in due {
            let Some(known) = self.peers.get_mut(&id).filter(|_| room > 0) else {
                continue;
            };
            let address = step.store.get_peer_address(known.row)?;
            known.dial = match self.trust.ban_of(&address) {
                ban if !ban.holds(step.now) => {
                    room = room.saturating_sub(1);
                    step.push(Effect::Dial(address));
                    Dial::UnderWay
                }
                Ban::Until(next) => Dial::Waiting { next },
                Ban::None | Ban::ByPerson => Dial::Waiting { next: Timestamp::NEVER },
            };
        }
        Ok(())
    }
}
