//! Where the stem leads: for one epoch all that is handed on goes to the same peer, and whether what comes is handed on
//! or spread is the same for all of it. Nothing of a post decides anything here.

use rand::CryptoRng;

use super::super::{ConnectionId, Direction, Engine, Step};
use crate::domain::ids::NetworkId;
use crate::domain::time::Timestamp;
use crate::limits::{STEM_EPOCH, STEM_PERCENT};

/// What holds for one epoch.
#[derive(Debug)]
pub(super) struct Route {
    until: Timestamp,
    /// Orders peers: the first one that is there is the one.
    order: [u8; 32],
    relaying: Relaying,
}

/// What becomes of what peers hand us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relaying {
    /// It is handed on.
    On,
    /// It is spread from here.
    Spread,
}

impl Route {
    fn new(rng: &mut dyn CryptoRng, now: Timestamp) -> Self {
        let mut order = [0; 32];
        rng.fill_bytes(&mut order);
        let relaying = if rng.next_u32() % 100 < STEM_PERCENT { Relaying::On } else { Relaying::Spread };
        Self { until: now.after(STEM_EPOCH), order, relaying }
    }

    fn rank(&self, peer: NetworkId) -> [u8; 32] {
        *blake3::keyed_hash(&self.order, peer.as_bytes()).as_bytes()
    }

    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        self.until = self.until.min(now.after(STEM_EPOCH));
    }
}

/// A peer something can be pushed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reachable {
    pub(super) peer: NetworkId,
    pub(super) connection: ConnectionId,
    pub(super) direction: Direction,
}

impl Engine {
    /// Whether there is anybody a sealed post could be handed to. Whoever seals one waits until there is: what is sealed
    /// while nobody is there shows its day, and that it waited here.
    #[must_use]
    pub fn has_stem_peer(&self) -> bool {
        self.connections.values().any(|connection| connection.row().is_some())
    }

    /// Everybody who said `Hello`, once, over the newest connection. One with whom we opened a connection counts as
    /// outbound.
    pub(super) fn reachable(&self) -> Vec<Reachable> {
        let mut reachable: Vec<Reachable> = Vec::new();
        for (id, connection) in self.connections.iter().filter(|(_, known)| known.row().is_some()) {
            let found = Reachable { peer: connection.peer, connection: *id, direction: connection.direction };
            match reachable.iter_mut().find(|known| known.peer == connection.peer) {
                Some(known) if known.direction == Direction::Outbound => known.connection = *id,
                Some(known) => *known = found,
                None => reachable.push(found),
            }
        }
        reachable
    }

    /// The route of this epoch.
    pub(super) fn route(&mut self, step: &mut Step<'_, '_>) -> &Route {
        let is_over = self.pool.stem.route.as_ref().is_none_or(|route| route.until <= step.now);
        if is_over {
            self.pool.stem.route = None;
        }
        self.pool.stem.route.get_or_insert_with(|| Route::new(step.rng, step.now))
    }

    /// What becomes in this epoch of what peers hand us.
    pub(super) fn relaying(&mut self, step: &mut Step<'_, '_>) -> Relaying {
        self.route(step).relaying
    }

    /// The peer everything is handed to in this epoch: the first in its order with whom we opened the connection, else
    /// the first of all; without those named, who had the post.
    pub(super) fn next_hop(&mut self, step: &mut Step<'_, '_>, without: &[NetworkId]) -> Option<Reachable> {
        let mut reachable = self.reachable();
        reachable.retain(|known| !without.contains(&known.peer));
        let route = self.route(step);
        reachable
            .into_iter()
            .min_by_key(|known| (known.direction == Direction::Inbound, route.rank(known.peer)))
    }
}
