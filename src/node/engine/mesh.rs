//! Connections: whom to dial and when again, greetings, how many at once. Both sides of a lost connection redial.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::answer::epoch_for;
use super::connection::{Connection, Greeting, Listing, News, Usefulness};
use super::interest::InterestList;
use super::{
    CloseReason, ConnectionId, Direction, Effect, Engine, Offence, ReplyId, RequestId, Step, jittered,
};
use crate::api::Event;
use crate::db::peers::{AddressSource, LogIs, PeerWorth};
use crate::db::{DbError, Peer, Read};
use crate::domain::address::PeerAddress;
use crate::domain::ids::NetworkId;
use crate::domain::standing::Ban;
use crate::domain::time::Timestamp;
use crate::limits::{
    CLOCK_WARNING, CLOCK_WITNESSES, CONNECTIONS, CONNECTIONS_PER_PEER, INBOUND_CONNECTIONS, KNOWN_PEERS,
    REDIAL_FIRST, REDIAL_LONGEST,
};
use crate::node::wire::{Hello, Message};

/// Dials under way at once: each costs a handshake and, for a dead address, packets into the void.
const DIALS_AT_ONCE: usize = 8;

/// A node we may connect to.
#[derive(Debug)]
pub(super) struct KnownPeer {
    row: Peer,
    worth: PeerWorth,
    seen: Timestamp,
    dial: Dial,
    /// Dials in a row that came to nothing.
    failures: u32,
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
        Self { row, worth, seen, dial: Dial::Waiting { next: Timestamp::ZERO }, failures: 0 }
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

    /// Lets the next dial start at once.
    pub(super) fn dial_soon(&mut self, now: Timestamp) {
        self.failures = 0;
        if let Dial::Waiting { next } = &mut self.dial {
            *next = now;
        }
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
        let inbound = self.connections.values().filter(|known| known.direction == Direction::Inbound).count();
        let is_full = self.connections.len() >= CONNECTIONS
            || (direction == Direction::Inbound && inbound >= INBOUND_CONNECTIONS);
        let with_peer: Vec<ConnectionId> = self.connections_with(peer).collect();
        if is_full && with_peer.is_empty() {
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
        self.connections.insert(id, Connection::new(peer, direction, address, step.now));
        if direction == Direction::Outbound {
            let (request, hello) = (self.new_request(), Self::hello_for(step, peer)?);
            step.push(Effect::Request { connection: id, request, message: Message::Hello(hello) });
        }
        Ok(())
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

    fn hello_for(step: &Step<'_, '_>, peer: NetworkId) -> Result<Hello, DbError> {
        let epoch = epoch_for(&step.store.get_epoch_secret()?, peer);
        Ok(Hello { epoch, features: 0, minute: step.now.as_minutes() })
    }

    pub(super) fn dial_failed(&mut self, step: &mut Step<'_, '_>, peer: NetworkId) {
        if self.peers.get(&peer).is_some_and(|known| known.dial == Dial::UnderWay) {
            self.forget_dial(step, peer);
        }
        if self.connections_with(peer).next().is_none() {
            self.peer_tried(step, peer);
        }
    }

    pub(super) fn disconnected(&mut self, step: &mut Step<'_, '_>, id: ConnectionId) {
        let Some(gone) = self.connections.remove(&id) else {
            return;
        };
        if self.connections_with(gone.peer).next().is_none() {
            if let Some(known) = self.peers.get_mut(&gone.peer) {
                // One without use counts as a failed dial, so that nobody is dialled again and again for nothing.
                known.failures = match gone.usefulness {
                    Usefulness::Proven => 0,
                    Usefulness::Unproven => known.failures.saturating_add(1),
                };
                let wait = jittered(step.rng, redial_wait(known.failures));
                known.dial = Dial::Waiting { next: step.now.after(wait) };
            }
            self.peer_tried(step, gone.peer);
        }
        step.tell(Event::PeersChanged);
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
                let answer = Self::hello_for(step, peer)?;
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
            }
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
        let Some(connection) = self.connections.get_mut(&id) else {
            return Ok(());
        };
        if let (Some(Message::Hello(hello)), Greeting::Expected { .. }) = (message, connection.greeting) {
            return self.greeted(step, id, hello);
        }
        match &connection.listing {
            Listing::Sent { request: sent, list } if *sent == request => {
                let hash = list.hash(self.network_id, connection.peer);
                if message == Some(&Message::InterestAccepted(hash)) {
                    // One that changed meanwhile is sent now, so that the peer never gets two in the wrong order.
                    let is_current = Arc::ptr_eq(list, &self.interest.list);
                    let accepted = Listing::Accepted { list: Arc::clone(list) };
                    connection.listing = if is_current { accepted } else { Listing::Stale };
                    connection.pull_soon(step.now);
                } else {
                    // A connection that cannot carry one list is of no use. Dial again.
                    match message {
                        None | Some(Message::Busy) => self.close(step, id, CloseReason::Silent),
                        Some(_) => self.offended(step, id, Offence::FalseAnswer)?,
                    }
                }
            }
            _ if matches!(connection.greeting, Greeting::Expected { .. }) && message.is_none() => {
                self.close(step, id, CloseReason::Silent);
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
        let stranger = || KnownPeer::new(row, PeerWorth::Stranger, step.now);
        let known = self.peers.entry(peer).or_insert_with(stranger);
        (known.row, known.seen, known.dial) = (row, step.now, Dial::Connected);
        if log == LogIs::Another {
            self.forget_unstored_of(peer);
        }
        self.forget_surplus_peers(step)?;
        self.wake_transfers(step.now);
        step.tell(Event::PeersChanged);
        if self.clock_off_minutes().is_some() {
            step.tell(Event::StatusChanged);
        }
        Ok(())
    }

    /// By how many minutes our clock is ahead of the peers', when enough of them agree that it is wrong.
    #[must_use]
    pub fn clock_off_minutes(&self) -> Option<i64> {
        let said = self.connections.values().filter_map(|connection| match connection.greeting {
            Greeting::Done { clock_ahead, .. } => Some((connection.peer, clock_ahead)),
            Greeting::Expected { .. } => None,
        });
        // Two connections with one peer are one witness.
        let mut said: Vec<i64> = said.collect::<BTreeMap<_, _>>().into_values().collect();
        said.sort_unstable();
        let median = *said.get(said.len() / 2).filter(|_| said.len() >= CLOCK_WITNESSES)?;
        let tolerated = i64::try_from(CLOCK_WARNING.as_secs() / 60).unwrap_or(i64::MAX);
        (median.saturating_abs() > tolerated).then_some(median.saturating_neg())
    }

    pub(super) fn close(&mut self, step: &mut Step<'_, '_>, id: ConnectionId, reason: CloseReason) {
        step.push(Effect::Close { connection: id, reason });
        self.disconnected(step, id);
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
            self.close(step, id, CloseReason::Silent);
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
        for (id, connection) in &mut self.connections {
            if let News::Waiting { due } = connection.news
                && due <= step.now
            {
                connection.news = News::None { last: step.now };
                step.push(Effect::Push { connection: *id, message: Message::News });
            }
        }
    }

    pub(super) fn push_received(&mut self, step: &mut Step<'_, '_>, id: ConnectionId, message: &Message) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if *message == Message::News {
            connection.news_received(step.now);
        }
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
        let connections = CONNECTIONS.saturating_sub(self.connections.len());
        DIALS_AT_ONCE.min(connections).saturating_sub(under_way)
    }

    pub(super) fn next_dial(&self) -> Option<Timestamp> {
        let waits = self.peers.values().filter_map(|known| match known.dial {
            Dial::Waiting { next } => Some(next),
            Dial::UnderWay | Dial::Connected => None,
        });
        waits.min().filter(|_| self.dial_room() > 0)
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
        for (.., id) in due {
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
