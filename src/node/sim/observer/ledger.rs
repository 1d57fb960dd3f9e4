//! When each sealed post really became part of each node's pool: the truth by which what frames show is judged.
//!
//! A post on the stem is no part of the pool, whatever else the store of its node holds: one that stands in the log as well
//! is shown too early.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Since;
use crate::db::{DbError, Read};
use crate::domain::ids::ObjectId;
use crate::domain::log::Seq;
use crate::domain::time::Timestamp;
use crate::node::sim::node::NodeIndex;

/// The pools of a history.
#[derive(Debug, Clone, Default)]
pub(in crate::node::sim) struct Ledger {
    /// How far the log of each node is written down.
    upto: BTreeMap<NodeIndex, Seq>,
    /// In a log, and on the stem of the same node.
    stemming: BTreeSet<(NodeIndex, ObjectId)>,
    entered: BTreeMap<(NodeIndex, ObjectId), Since>,
}

impl Ledger {
    /// Looks what became part of a node's pool with a commit, after so many frames.
    ///
    /// # Errors
    /// [`DbError`] when its store cannot be read.
    pub(in crate::node::sim) fn note(
        &mut self,
        node: NodeIndex,
        read: Read<'_>,
        now: Timestamp,
        frames: usize,
    ) -> Result<(), DbError> {
        let last = read.get_last_sealed_seq()?;
        let upto = self.upto.insert(node, last).unwrap_or(Seq::START);
        let logged = read.list_sealed(upto, last, usize::MAX)?;
        self.stemming.extend(logged.into_iter().map(|arrival| (node, arrival.object_id)));
        let of_node = self.stemming.iter().copied().filter(|(of, _)| *of == node);
        let mut of_node: Vec<(NodeIndex, ObjectId)> = of_node.collect();
        if !of_node.is_empty() {
            let stem: BTreeSet<ObjectId> = read.list_stem()?.into_iter().map(|row| row.object_id).collect();
            of_node.retain(|(_, id)| !stem.contains(id));
        }
        for entered in of_node {
            self.stemming.remove(&entered);
            self.entered.entry(entered).or_insert((now, frames, 0));
        }
        Ok(())
    }

    /// Which post is in whose pool since when.
    pub(super) fn entered(&self) -> impl Iterator<Item = (NodeIndex, ObjectId, Since)> {
        self.entered.iter().map(|((node, id), since)| (*node, *id, *since))
    }
}
