//! Connections between simulated nodes, and what a driver does with the effects of an engine.

use std::time::Duration;

use super::node::{Boot, LinkIndex, NodeIndex};
use super::traffic::{Side, Traffic};
use super::world::{Happening, Weather, World};
use super::{Broken, Violation};
use crate::domain::address::PeerAddress;
use crate::node::engine::{CloseReason, ConnectionId, Direction, Effect, FetchEnd, Input};

/// Longest time until a side notices that a connection is lost.
const NOTICE_TIME: Duration = Duration::from_secs(15);
/// Longest time of a slow dial or frame.
const SLOW: Duration = Duration::from_secs(2);
/// Longest time of a usual one.
const QUICK: Duration = Duration::from_millis(40);

/// A connection, as both sides know it.
pub(super) struct Link {
    /// The side that dialled, and the other one.
    pub(super) ends: [End; 2],
    pub(super) is_alive: bool,
}

/// One side of a connection.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) node: NodeIndex,
    pub(super) boot: Boot,
    pub(super) connection: ConnectionId,
}

impl Link {
    /// The nodes it connects.
    pub(super) fn nodes(&self) -> [NodeIndex; 2] {
        self.ends.map(|end| end.node)
    }

    /// One of its sides.
    pub(super) const fn end(&self, side: Side) -> End {
        let [opener, accepter] = self.ends;
        match side {
            Side::Opener => opener,
            Side::Accepter => accepter,
        }
    }
}

impl World {
    /// How long a frame or a handshake takes.
    pub(super) fn delay(&mut self) -> Duration {
        if self.chance(1, 5) { self.within(SLOW) } else { self.within(QUICK) }
    }

    /// Does what an engine decided, as the driver does.
    pub(super) fn perform(&mut self, index: NodeIndex, effect: Effect) -> Result<(), Violation> {
        self.check_tags(index, &effect)?;
        match effect {
            Effect::Dial(address) => {
                let (after, boot) = (self.delay(), self.nodes[index].boot);
                self.plan_in(after, Happening::Dialled(index, boot, address));
            }
            Effect::Close { reason: CloseReason::Misbehaved | CloseReason::Banned, .. } => {
                return Err(self.broken(index, Broken::Misbehaved));
            }
            Effect::Close { connection, .. } => {
                if let Some(link) = self.nodes[index].links.get(&connection) {
                    self.lose(*link);
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
            Effect::Answer { call, outcome } => self.answered(index, call, outcome),
            Effect::FetchBlob { request, blob, .. } => {
                // Bytes of blobs are not simulated: every source lacks them.
                let (after, boot, blob) = (self.delay(), self.nodes[index].boot, blob.key);
                let end = FetchEnd::Lacking { held_bytes: 0 };
                let ended = Input::BlobFetchEnded { request, blob, end };
                self.plan_in(after, Happening::Arrives(index, boot, ended));
            }
            // Whoever is kept out is refused by the engine, too. Nobody here is locked.
            Effect::CancelFetch { .. }
            | Effect::SweepBlobs
            | Effect::Tell(_)
            | Effect::Unlocked(_)
            | Effect::KeepOut(_) => {}
        }
        Ok(())
    }

    fn side_of(&self, link: LinkIndex, node: NodeIndex) -> Side {
        if self.links[link].end(Side::Opener).node == node { Side::Opener } else { Side::Accepter }
    }

    fn open(&mut self, index: NodeIndex, connection: ConnectionId, traffic: Traffic) {
        if let Some(link) = self.nodes[index].links.get(&connection).copied() {
            self.report.streams += 1;
            let side = self.side_of(link, index);
            self.send(link, side.other(), traffic);
        }
    }

    /// A dial comes to its end: a connection, or nothing.
    pub(super) fn dialled(&mut self, from: NodeIndex, boot: Boot, address: &PeerAddress) {
        if self.nodes[from].boot != boot {
            return;
        }
        let target = self.nodes.iter().position(|node| node.network_id == address.network_id);
        let fails = self.weather == Weather::Rough && self.chance(1, 10);
        let reached = target.filter(|to| self.nodes[*to].is_on() && !self.is_apart(from, *to) && !fails);
        let Some(to) = reached else {
            return self.input(from, Input::DialFailed { peer: address.network_id });
        };
        let link = self.links.len();
        let ends = [from, to].map(|node| {
            let connection = ConnectionId(self.nodes[node].new_number());
            self.nodes[node].links.insert(connection, link);
            End { node, boot: self.nodes[node].boot, connection }
        });
        self.links.push(Link { ends, is_alive: true });
        for (end, direction) in ends.into_iter().zip([Direction::Outbound, Direction::Inbound]) {
            let other = if end.node == from { to } else { from };
            let (peer, address) = (self.nodes[other].network_id, self.nodes[other].address());
            let connected = Input::Connected { connection: end.connection, peer, direction, address };
            self.input(end.node, connected);
        }
    }

    /// A connection breaks; each side notices in its own time.
    pub(super) fn lose(&mut self, link: LinkIndex) {
        if !self.links[link].is_alive {
            return;
        }
        self.links[link].is_alive = false;
        for side in [Side::Opener, Side::Accepter] {
            let after = if self.chance(1, 2) { self.delay() } else { self.within(NOTICE_TIME) };
            self.plan_in(after, Happening::Noticed(link, side));
        }
    }

    /// A side notices that its connection is lost.
    pub(super) fn noticed(&mut self, link: LinkIndex, side: Side) {
        let End { node, boot, connection } = self.links[link].end(side);
        self.nodes[node].links.remove(&connection);
        self.nodes[node].heard.remove(&connection);
        self.arrives(node, boot, Input::Disconnected { connection });
    }
}
