//! Connections of a crowd: dials, losses, and what a driver does with the effects of an engine.

use std::time::Duration;

use super::world::{Happening, World};
use crate::domain::ids::NetworkId;
use crate::limits::{HANDSHAKE_TIME, HEARTBEAT, IDLE_TIME};
use crate::node::engine::{CloseReason, ConnectionId, Direction, Effect, Input};
use crate::node::sim::network::{End, Link};
use crate::node::sim::node::{Boot, LinkIndex, NodeIndex};
use crate::node::sim::traffic::{Side, Traffic};

/// How long a frame is under way between two nodes, at least and at most; always the same for one pair.
const DELAY_MS: (u64, u64) = (10, 110);
/// What varies from frame to frame.
const JITTER: Duration = Duration::from_millis(4);

impl World {
    /// How long a frame between two nodes is under way.
    pub(super) fn delay(&mut self, a: NodeIndex, b: NodeIndex) -> Duration {
        let (least, most) = DELAY_MS;
        let mixed = mix(u64::try_from(a.min(b)).unwrap_or(0) << 32 | u64::try_from(a.max(b)).unwrap_or(0));
        Duration::from_millis(least + mixed % (most - least)) + self.within(JITTER)
    }

    /// Does what an engine decided, as the driver does.
    pub(super) fn perform(&mut self, index: NodeIndex, effect: Effect) {
        match effect {
            Effect::Dial(address) => {
                let boot = self.nodes[index].boot;
                let after = match self.reachable(index, address.network_id) {
                    // A handshake is one round trip and a half.
                    Some(to) => self.delay(index, to) * 3,
                    None => HANDSHAKE_TIME,
                };
                self.plan_in(after, Happening::Dialled(index, boot, address.network_id));
            }
            Effect::Close { connection, reason } => {
                assert_ne!(reason, CloseReason::Misbehaved, "node {index} takes an honest peer for a liar");
                if let Some(link) = self.nodes[index].links.get(&connection) {
                    self.close(*link, index);
                }
            }
            Effect::Request { connection, request, message } => {
                self.open(index, connection, Traffic::Request { request, message });
            }
            Effect::Pull { connection, request, pull } => {
                self.open(index, connection, Traffic::Pull { request, pull });
            }
            Effect::Fetch { connection, request, wanted } => {
                self.open(index, connection, Traffic::Fetch { request, wanted });
            }
            Effect::Push { connection, message } => self.open(index, connection, Traffic::Push { message }),
            Effect::PushSealed { connection, id, push } => {
                self.look_at_pool(index, &[id]);
                self.open(index, connection, Traffic::SealedPush { id, push });
            }
            Effect::Reply { reply, message } => {
                if let Some((link, request, asked)) = self.nodes[index].replies.remove(&reply) {
                    let side = self.side_of(link, index);
                    self.send(link, side.other(), asked.answered_by(request, message));
                }
            }
            Effect::RememberInterest { connection, list } => {
                self.nodes[index].heard.insert(connection, list);
            }
            Effect::Answer { outcome, .. } => self.answered = Some(outcome),
            // Nobody in a crowd attaches anything. Whoever is kept out is refused by the engine, too.
            Effect::FetchBlob { .. }
            | Effect::CancelFetch { .. }
            | Effect::SweepBlobs
            | Effect::Tell(_)
            | Effect::Unlocked(_)
            | Effect::KeepOut(_) => {}
        }
    }

    pub(super) fn side_of(&self, link: LinkIndex, node: NodeIndex) -> Side {
        if self.links[link].end(Side::Opener).node == node { Side::Opener } else { Side::Accepter }
    }

    fn open(&mut self, index: NodeIndex, connection: ConnectionId, traffic: Traffic) {
        if let Some(link) = self.nodes[index].links.get(&connection).copied() {
            let side = self.side_of(link, index);
            self.send(link, side.other(), traffic);
        }
    }

    fn reachable(&self, from: NodeIndex, target: NetworkId) -> Option<NodeIndex> {
        let to = self.find(target)?;
        let is_estranged = self.estranged.contains(&(from.min(to), from.max(to)));
        (self.is_on(to) && !is_estranged).then_some(to)
    }

    /// A dial comes to its end: a connection, or nothing.
    pub(super) fn dialled(&mut self, from: NodeIndex, boot: Boot, target: NetworkId) {
        if self.nodes[from].boot != boot {
            return;
        }
        let Some(to) = self.reachable(from, target) else {
            return self.input(from, None, Input::DialFailed { peer: target });
        };
        let link = self.links.len();
        let ends = [from, to].map(|node| {
            let connection = ConnectionId(self.nodes[node].new_number());
            self.nodes[node].links.insert(connection, link);
            End { node, boot: self.nodes[node].boot, connection }
        });
        self.links.push(Link { ends, is_alive: true });
        self.standing_links += 1;
        self.tally.connected += 1;
        for (end, direction) in ends.into_iter().zip([Direction::Outbound, Direction::Inbound]) {
            let other = if end.node == from { to } else { from };
            let (peer, address) = (self.nodes[other].network_id, self.address(other));
            let connected = Input::Connected { connection: end.connection, peer, direction, address };
            self.input(end.node, None, connected);
        }
    }

    /// A connection breaks; a side that lives notices it when beats stay out.
    pub(super) fn lose(&mut self, link: LinkIndex) {
        if self.part(link) {
            for side in [Side::Opener, Side::Accepter] {
                let after = IDLE_TIME.saturating_sub(self.within(HEARTBEAT));
                self.plan_in(after, Happening::Noticed(link, side));
            }
        }
    }

    /// One side ends a connection; the other one hears of it.
    pub(super) fn close(&mut self, link: LinkIndex, by: NodeIndex) {
        if self.part(link) {
            let [a, b] = self.links[link].nodes();
            let after = self.delay(a, b);
            let side = self.side_of(link, by);
            self.plan_in(Duration::ZERO, Happening::Noticed(link, side));
            self.plan_in(after, Happening::Noticed(link, side.other()));
        }
    }

    /// Whether the connection stood until now.
    fn part(&mut self, link: LinkIndex) -> bool {
        let was_alive = std::mem::replace(&mut self.links[link].is_alive, false);
        self.standing_links -= usize::from(was_alive);
        was_alive
    }

    /// A side notices that its connection is lost.
    pub(super) fn noticed(&mut self, link: LinkIndex, side: Side) {
        let End { node, boot, connection } = self.links[link].end(side);
        if self.nodes[node].boot == boot {
            self.nodes[node].links.remove(&connection);
            self.nodes[node].heard.remove(&connection);
            self.input(node, None, Input::Disconnected { connection });
        }
    }
}

/// Spreads the bits of a number (the finisher of `SplitMix64`).
const fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
