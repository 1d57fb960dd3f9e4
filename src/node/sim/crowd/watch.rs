//! Following one object through a crowd: who has it since when, over how many nodes it came, and how often it was
//! carried.

use std::collections::BTreeMap;

use super::tally::Tally;
use super::world::World;
use crate::db::objects::Have;
use crate::domain::ids::ObjectId;
use crate::domain::time::Timestamp;
use crate::node::sim::node::NodeIndex;
use crate::node::sim::traffic::Traffic;

/// When and how an object reached a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) at: Timestamp,
    /// Connections it came over; none where it was made.
    pub(super) hops: u32,
}

/// An object under observation.
pub(super) struct Watch {
    id: ObjectId,
    pub(super) began: Timestamp,
    pub(super) reached: BTreeMap<NodeIndex, Reached>,
    /// Times it was carried over a connection, wanted or not.
    pub(super) payloads: u64,
    /// What was sent before it was made.
    pub(super) before: Tally,
}

impl World {
    /// Follows an object that was just made at a node.
    pub(super) fn watch(&mut self, id: ObjectId, maker: NodeIndex) {
        let origin = Reached { at: self.now, hops: 0 };
        let reached = BTreeMap::from([(maker, origin)]);
        let before = self.tally.clone();
        self.watch = Some(Watch { id, began: self.now, reached, payloads: 0, before });
    }

    /// Looks whether what is watched came to a node with this commit.
    pub(super) fn look(&mut self, index: NodeIndex, from: Option<NodeIndex>) {
        let (Some(watch), Some(from)) = (&mut self.watch, from) else { return };
        if watch.reached.contains_key(&index) {
            return;
        }
        if self.nodes[index].read(|read| read.have(watch.id)) == Some(Have::Stored) {
            let hops = watch.reached.get(&from).map_or(0, |reached| reached.hops) + 1;
            watch.reached.insert(index, Reached { at: self.now, hops });
        }
    }

    /// Counts what is watched where it is carried.
    pub(super) fn count_payload(&mut self, traffic: &Traffic) {
        if let Some(watch) = &mut self.watch {
            let carried = traffic.objects().into_iter().filter(|id| *id == watch.id).count();
            watch.payloads += u64::try_from(carried).unwrap_or(0);
        }
    }
}
