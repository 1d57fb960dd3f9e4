//! Taking connections others open: how many handshakes at once, and who is turned away before anything is done for
//! them. What becomes of a connection that stands is the engine's to decide.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::shared::{Shared, locked};
use crate::domain::standing::Prefix;
use crate::limits::{CONNECTIONS_PER_PREFIX, PENDING_CONNECTIONS};
use crate::node::engine::{CloseReason, Direction};
use crate::node::net::{Arrived, BlobConnection, Incoming, Link, Network};

/// Handshakes under way.
#[derive(Default)]
struct Pending {
    count: usize,
    by_prefix: BTreeMap<Prefix, usize>,
}

/// What to do with somebody who knocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Welcome {
    /// Begin the handshake.
    Come,
    /// Let it show first that it is where it says: more than half of the places are taken.
    ProveAddress,
    /// There is no place.
    Full,
}

impl Pending {
    fn welcome(&self, from: Option<Prefix>) -> Welcome {
        let of_prefix = from.and_then(|prefix| self.by_prefix.get(&prefix)).copied().unwrap_or(0);
        if self.count >= PENDING_CONNECTIONS || of_prefix >= CONNECTIONS_PER_PREFIX {
            Welcome::Full
        } else if self.count >= PENDING_CONNECTIONS / 2 {
            Welcome::ProveAddress
        } else {
            Welcome::Come
        }
    }

    fn begin(&mut self, from: Option<Prefix>) {
        self.count = self.count.saturating_add(1);
        if let Some(prefix) = from {
            let count = self.by_prefix.entry(prefix).or_default();
            *count = count.saturating_add(1);
        }
    }

    fn end(&mut self, from: Option<Prefix>) {
        self.count = self.count.saturating_sub(1);
        if let Some(prefix) = from
            && let Some(count) = self.by_prefix.get_mut(&prefix)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_prefix.remove(&prefix);
            }
        }
    }
}

/// Takes connections others open and hands on those that complete their handshake and are not banned.
pub(super) async fn accept_links(
    shared: Arc<Shared>,
    network: Network,
    found: mpsc::Sender<(Link, Direction)>,
    for_blobs: mpsc::Sender<BlobConnection>,
) {
    let mut handshakes = JoinSet::new();
    let mut pending = Pending::default();
    loop {
        let incoming = tokio::select! {
            incoming = network.accept() => incoming,
            Some(ended) = handshakes.join_next(), if !handshakes.is_empty() => {
                // A handshake that panicked has no prefix to give back.
                pending.end(ended.unwrap_or_default());
                continue;
            }
        };
        let Some(incoming) = incoming else { return };
        let address = incoming.address();
        if address.is_some_and(|address| is_banned(&shared, address)) {
            incoming.refuse();
            continue;
        }
        let from = address.and_then(Prefix::of);
        match pending.welcome(from) {
            Welcome::Full => incoming.refuse(),
            Welcome::ProveAddress if !incoming.is_address_proven() => incoming.ask_for_proof(),
            Welcome::ProveAddress | Welcome::Come => {
                pending.begin(from);
                let (shared, found, for_blobs) = (Arc::clone(&shared), found.clone(), for_blobs.clone());
                handshakes.spawn(async move {
                    shake_hands(&shared, incoming, &found, &for_blobs).await;
                    from
                });
            }
        }
    }
}

fn is_banned(shared: &Shared, address: IpAddr) -> bool {
    locked(&shared.bans).refuse_address(address, (shared.clock)())
}

async fn shake_hands(
    shared: &Shared,
    incoming: Incoming,
    found: &mpsc::Sender<(Link, Direction)>,
    for_blobs: &mpsc::Sender<BlobConnection>,
) {
    let Ok(arrived) = incoming.complete().await else { return };
    let is_banned = |peer| locked(&shared.bans).refuse_node(peer, (shared.clock)());
    // Without a receiver the node is stopping.
    match arrived {
        Arrived::Link(link) if is_banned(link.peer()) => link.close(CloseReason::Banned),
        Arrived::Link(link) => found.send((link, Direction::Inbound)).await.unwrap_or_default(),
        Arrived::ForBlobs(connection) if is_banned(connection.peer()) => {
            connection.close(CloseReason::Banned);
        }
        Arrived::ForBlobs(connection) => {
            for_blobs.send(connection).await.map_err(|_stopping| ()).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_prefix_takes_half_of_the_places_and_the_second_half_is_for_proven_addresses() {
        let (one, other) = (Some(Prefix::V4([1, 2, 3])), Some(Prefix::V6([1; 6])));
        let mut pending = Pending::default();
        for _ in 0..CONNECTIONS_PER_PREFIX {
            assert_ne!(pending.welcome(one), Welcome::Full);
            pending.begin(one);
        }
        assert_eq!(pending.welcome(one), Welcome::Full);
        assert_eq!(pending.welcome(other), Welcome::ProveAddress);
        assert_eq!(pending.welcome(None), Welcome::ProveAddress, "a neighbour has no prefix");
        for _ in CONNECTIONS_PER_PREFIX..PENDING_CONNECTIONS {
            pending.begin(None);
        }
        assert_eq!(pending.welcome(None), Welcome::Full);
        pending.end(one);
        assert_eq!(pending.welcome(one), Welcome::ProveAddress);
        for _ in 1..CONNECTIONS_PER_PREFIX {
            pending.end(one);
        }
        assert!(pending.by_prefix.is_empty(), "nothing is kept of those that are gone");
    }
}
