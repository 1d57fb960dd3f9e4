//! Who keeps a connection when there are more than are needed. Walks for seats, exchanged addresses and the dials of others
//! leave a node with connections to whom it met; kept for ever they fill every node, and newcomers find no open one.
//! So a full node gives up a connection nobody needs for whoever comes, and of many such connections the ones we
//! opened are let go and dialled again much later. How many there may be at all stands in `mesh.rs`.

use std::time::Duration;

use super::connection::{Connection, Greeting, Pulling};
use super::{CloseReason, ConnectionId, Direction, Engine, Step, jittered};
use crate::db::DbError;
use crate::db::peers::PeerWorth;
use crate::domain::ids::NetworkId;
use crate::domain::time::Timestamp;
use crate::limits::{NEWCOMER_TIME, SPARE_REDIAL, SPARE_TIME};

/// Time between two looks for connections nobody needs.
const LOOK_EVERY: Duration = Duration::from_secs(10);

impl Engine {
    /// Gives up a connection for a newcomer: the oldest inbound one without `Hello`, else one of those that nobody needs
    /// and that had their time, strangers first; of those we opened only where all places are taken. Which one is chance, so
    /// that who was first cannot keep others out. For a node that a person named or that was of use, any inbound stranger
    /// goes.
    pub(super) fn make_room(&mut self, step: &mut Step<'_, '_>, newcomer: NetworkId) -> Result<(), DbError> {
        let are_all_taken = self.places.free(self.connections.len()) == 0;
        let is_silent = |known: &Connection| {
            known.direction == Direction::Inbound && matches!(known.greeting, Greeting::Expected { .. })
        };
        let silent = self.connections.iter().find(|(_, known)| is_silent(known)).map(|(id, _)| *id);
        let given_up = silent.or_else(|| {
            let is_kept = self.worth_of(newcomer) == PeerWorth::Kept;
            let may_go = |known: &Connection| match self.worth_of(known.peer) {
                PeerWorth::Stranger if is_kept && known.direction == Direction::Inbound => true,
                _ => known.since.after(NEWCOMER_TIME) <= step.now && !self.is_needed(known.peer),
            };
            let is_in_the_way = |known: &Connection| are_all_taken || known.direction == Direction::Inbound;
            let spare: Vec<(PeerWorth, ConnectionId)> = self
                .connections
                .iter()
                .filter(|(_, known)| is_in_the_way(known) && may_go(known))
                .map(|(id, known)| (self.worth_of(known.peer), *id))
                .collect();
            let least = spare.iter().map(|(worth, _)| *worth).max()?;
            let least: Vec<ConnectionId> =
                spare.into_iter().filter(|(worth, _)| *worth == least).map(|(_, id)| id).collect();
            step.pick(&least)
        });
        match given_up {
            Some(id) => self.close(step, id, CloseReason::Full),
            None => Ok(()),
        }
    }

    fn worth_of(&self, peer: NetworkId) -> PeerWorth {
        self.peers.get(&peer).map_or(PeerWorth::Stranger, |known| known.worth)
    }

    /// When the next connection may have to be let go.
    pub(super) fn next_spare(&self) -> Option<Timestamp> {
        (self.connections.len() > self.places.enough()).then_some(self.next_spare)
    }

    /// A connection is wanted and there is no place: lets spare ones go in this step.
    pub(super) const fn look_for_spare(&mut self, now: Timestamp) {
        self.next_spare = now;
    }

    /// Lets the oldest connections go that we opened and nobody needs, if there are many: half of what is too much.
    pub(super) fn let_spare_go(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if self.next_spare().is_none_or(|due| due > step.now) {
            return Ok(());
        }
        self.next_spare = step.now.after(LOOK_EVERY);
        let is_spare = |known: &Connection| {
            known.direction == Direction::Outbound
                && matches!(known.pulling, Pulling::Resting { .. })
                && known.since.after(SPARE_TIME) <= step.now
                && !self.is_needed(known.peer)
        };
        let spare = self.connections.iter().filter(|(_, known)| is_spare(known));
        let mut oldest: Vec<(Timestamp, ConnectionId)> =
            spare.map(|(id, known)| (known.since, *id)).collect();
        oldest.sort_unstable();
        let too_many = self.connections.len().saturating_sub(self.places.enough());
        for (_, id) in oldest.into_iter().take(too_many.div_ceil(2)) {
            self.close(step, id, CloseReason::Superfluous)?;
        }
        Ok(())
    }

    /// How long a lost peer that nobody needs is not dialled while there are enough others.
    pub(super) fn spare_redial(&self, step: &mut Step<'_, '_>, peer: NetworkId) -> Option<Duration> {
        let is_spare = self.connections.len() >= self.places.enough() && !self.is_needed(peer);
        is_spare.then(|| jittered(step.rng, SPARE_REDIAL))
    }
}

#[cfg(test)]
mod tests;
