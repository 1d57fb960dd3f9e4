//! Finding nodes by asking connected ones: who carries an author, who else is there. One hop, and never without the
//! consent of whoever is named: only nodes that said so in their `Hello` are named to others.
//!
//! What is asked says nothing new: a followed author stands on the interest list the same peer was sent before.

use super::connection::{Connection, Listing};
use super::trust::prefixes;
use super::{ConnectionId, Effect, Engine, ReplyId, RequestId, Step};
use crate::db::DbError;
use crate::domain::address::PeerAddress;
use crate::domain::ids::PostingId;
use crate::domain::time::Timestamp;
use crate::limits::{
    FIND_AFTER, FIND_EVERY, FIND_ROUND, FIND_SPACING, FOUND_PEERS, LEARNT_SPACING, LEARNT_WAITING,
};
use crate::node::wire::{Find, Found, Message};

/// Connected peers that want an author too, below which others are looked for.
const WARM_ENOUGH: usize = 2;

/// Whether a node takes part in the exchange of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exchange {
    /// It may be named to others, and asks for others.
    On,
    /// Neither.
    #[default]
    Off,
}

impl Exchange {
    /// The bit of `Hello`'s features that says it may be named.
    pub const FEATURE: u64 = 1;

    pub(super) const fn features(self) -> u64 {
        match self {
            Self::On => Self::FEATURE,
            Self::Off => 0,
        }
    }

    pub(super) const fn of_features(features: u64) -> Self {
        if features & Self::FEATURE == 0 { Self::Off } else { Self::On }
    }
}

/// What was asked of a peer, and when the next question is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seeking {
    state: State,
    /// The author asked for last: the next question is about one behind it.
    last: Option<PostingId>,
    /// Questions since the last rest.
    asked: u32,
    /// When the next address this peer tells may be dialled.
    next_learnt: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Due(Timestamp),
    Asked(RequestId),
}

impl Seeking {
    /// A peer that may be asked, soon; or never, by who takes no part.
    pub(super) fn new(now: Timestamp, exchange: Exchange) -> Self {
        let due = match exchange {
            Exchange::On => now.after(FIND_AFTER),
            Exchange::Off => Timestamp::NEVER,
        };
        Self { state: State::Due(due), last: None, asked: 0, next_learnt: now }
    }

    /// Our list changed: there may be somebody new to ask about.
    pub(super) fn list_changed(&mut self, now: Timestamp) {
        if let State::Due(due) = &mut self.state
            && *due != Timestamp::NEVER
        {
            *due = (*due).min(now.after(FIND_AFTER));
            self.last = None;
        }
    }

    pub(super) const fn next_deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Due(due) => Some(due),
            State::Asked(_) => None,
        }
    }

    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        self.next_learnt = self.next_learnt.min(now);
        if let State::Due(due) = &mut self.state
            && *due != Timestamp::NEVER
        {
            *due = (*due).min(now.after(FIND_EVERY));
        }
    }
}

impl Engine {
    /// Answers whether we hold what is sought, and names connected nodes that want it and may be named.
    pub(super) fn answer_find(
        &self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        reply: ReplyId,
        find: &Find,
    ) -> Result<(), DbError> {
        let Some(asker) = self.connections.get(&id) else {
            return Ok(());
        };
        let holds = match (find.author, find.file) {
            (Some(author), _) => match step.store.find_author(author)? {
                Some(author) => step.store.count_posts(author)? > 0,
                None => false,
            },
            (None, Some(file)) => step.store.find_servable(file)?.is_some(),
            (None, None) => false,
        };
        let is_meant = |known: &&Connection| {
            let wants = |author| known.subscription.as_ref().is_some_and(|list| list.contains(author));
            let fits = match (find.author, find.file) {
                (Some(author), _) => wants(author),
                (None, Some(_)) => false,
                (None, None) => true,
            };
            fits && known.exchange == Exchange::On && known.peer != asker.peer
        };
        let mut holders: Vec<PeerAddress> = Vec::new();
        for known in self.connections.values().filter(is_meant) {
            let is_new = holders.iter().all(|holder| holder.network_id != known.peer);
            if let Some(address) = told_to(&known.address, &asker.address).filter(|_| is_new) {
                holders.push(address);
            }
            if holders.len() >= FOUND_PEERS {
                break;
            }
        }
        step.push(Effect::Reply { reply, message: Message::Found(Found { holds, holders }) });
        Ok(())
    }

    /// Asks connected peers for others where there are too few.
    pub(super) fn seek_due(&mut self, step: &mut Step<'_, '_>) {
        let is_due = |known: &Connection| {
            matches!(known.seeking.state, State::Due(due) if due <= step.now)
                && matches!(known.listing, Listing::Accepted { .. })
        };
        let due: Vec<ConnectionId> =
            self.connections.iter().filter(|(_, known)| is_due(known)).map(|(id, _)| *id).collect();
        for id in due {
            let Some(last) = self.connections.get(&id).map(|known| known.seeking.last) else { continue };
            let author = self.cold_author_behind(last);
            let is_lonely = self.connections.len() < self.places.lonely();
            let request = self.new_request();
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            let seeking = &mut connection.seeking;
            let is_round_over = author.is_none() && (last.is_some() || !is_lonely);
            if is_round_over || seeking.asked >= FIND_ROUND {
                seeking.asked = 0;
                seeking.state = State::Due(step.now.after(FIND_EVERY));
                if is_round_over {
                    // Everybody is warm, or was asked for by now: from the beginning again.
                    seeking.last = None;
                }
                continue;
            }
            seeking.last = author;
            seeking.asked = seeking.asked.saturating_add(1);
            seeking.state = State::Asked(request);
            let message = Message::Find(Find { author, file: None });
            step.push(Effect::Request { connection: id, request, message });
        }
    }

    /// The next author, in the order of ids, whom fewer than two connected peers want.
    fn cold_author_behind(&self, last: Option<PostingId>) -> Option<PostingId> {
        let is_cold = |author: &PostingId| {
            let wants =
                |known: &&Connection| known.subscription.as_ref().is_some_and(|list| list.contains(*author));
            self.connections.values().filter(wants).count() < WARM_ENOUGH
        };
        let ids = self.interest.list.ids().iter();
        ids.filter(|id| last.is_none_or(|last| **id > last)).find(|id| is_cold(id)).copied()
    }

    /// What a peer answered to our question, if this is it: the nodes it names are dialled, one a second.
    pub(super) fn found(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        request: RequestId,
        message: Option<&Message>,
    ) -> Result<bool, DbError> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Ok(false);
        };
        if connection.seeking.state != State::Asked(request) {
            return Ok(false);
        }
        let Some(Message::Found(found)) = message else {
            connection.seeking.state = State::Due(step.now.after(FIND_EVERY));
            return Ok(true);
        };
        let next = if connection.seeking.last.is_some() { FIND_SPACING } else { FIND_EVERY };
        connection.seeking.state = State::Due(step.now.after(next));
        for address in &found.holders {
            let due =
                self.connections.get(&id).map_or(step.now, |known| known.seeking.next_learnt.max(step.now));
            let is_connected = self.connections_with(address.network_id).next().is_some();
            let waits_too_long = due > step.now.after(LEARNT_SPACING.saturating_mul(LEARNT_WAITING));
            let is_of_use = address.network_id != self.network_id && !is_connected && !waits_too_long;
            if is_of_use
                && self.learn_stranger(step, address, due)?
                && let Some(connection) = self.connections.get_mut(&id)
            {
                connection.seeking.next_learnt = due.after(LEARNT_SPACING);
            }
        }
        Ok(true)
    }
}

/// What of an address another node is told: ways that mean the same to it. A private address is told only to who is seen
/// at a private one.
fn told_to(address: &PeerAddress, asker: &PeerAddress) -> Option<PeerAddress> {
    let is_neighbour = !asker.sockets.is_empty() && prefixes(asker).next().is_none();
    let is_public =
        |socket: &std::net::SocketAddr| crate::domain::standing::Prefix::of(socket.ip()).is_some();
    let sockets = address.sockets.iter().copied().filter(|socket| is_neighbour || is_public(socket));
    let told = PeerAddress { sockets: sockets.collect(), ..address.clone() };
    (!told.sockets.is_empty() || told.relay.is_some()).then_some(told)
}

#[cfg(test)]
mod tests;
