//! 'Pull now': a sync waits until every connected peer was pulled to the end; without any connection, until every
//! known peer was pulled or could not be reached.

use std::collections::BTreeSet;
use std::time::Duration;

use super::connection::{Prompt, Pulling};
use super::{CallId, ConnectionId, Effect, Engine, Step};
use crate::api::{CallError, ErrorKind, Outcome, SyncReport};
use crate::domain::ids::NetworkId;
use crate::domain::time::Timestamp;

/// A sync that runs.
#[derive(Debug)]
pub(super) struct PendingSync {
    pub(super) call: CallId,
    wait: Duration,
    /// Peers that were neither pulled nor given up yet.
    waiting: BTreeSet<NetworkId>,
    report: SyncReport,
    pub(super) deadline: Timestamp,
}

impl PendingSync {
    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        self.deadline = self.deadline.min(now.after(self.wait));
    }
}

impl Engine {
    pub(super) fn begin_sync(&mut self, step: &mut Step<'_, '_>, call: CallId, wait: Duration) {
        self.dial_everyone_soon(step.now);
        // Who is not connected is waited for only when nobody is: somebody is always away.
        let mut waiting = BTreeSet::new();
        if self.connections.is_empty() {
            waiting.extend(self.unconnected_peers());
        }
        for connection in self.connections.values_mut() {
            waiting.insert(connection.peer);
            match &mut connection.pulling {
                Pulling::Running { .. } => connection.news_received(step.now, Prompt::News),
                Pulling::Resting { .. } => connection.pull_soon(step.now),
            }
        }
        let deadline = step.now.after(wait);
        self.syncs.push(PendingSync { call, wait, waiting, report: SyncReport::default(), deadline });
    }

    /// A pull brought this many new posts.
    pub(super) fn note_synced_items(&mut self, id: ConnectionId, new_posts: u64) {
        let Some(peer) = self.connections.get(&id).map(|connection| connection.peer) else {
            return;
        };
        for sync in self.syncs.iter_mut().filter(|sync| sync.waiting.contains(&peer)) {
            sync.report.new_posts = sync.report.new_posts.saturating_add(new_posts);
        }
    }

    /// A peer was pulled to the end.
    pub(super) fn pull_finished(&mut self, step: &mut Step<'_, '_>, id: ConnectionId) {
        let Some(peer) = self.connections.get(&id).map(|connection| connection.peer) else {
            return;
        };
        for sync in &mut self.syncs {
            if sync.waiting.remove(&peer) {
                sync.report.peers = sync.report.peers.saturating_add(1);
            }
        }
        self.finish_syncs(step);
    }

    /// A peer could not be reached, or left.
    pub(super) fn peer_tried(&mut self, step: &mut Step<'_, '_>, peer: NetworkId) {
        for sync in &mut self.syncs {
            sync.waiting.remove(&peer);
        }
        self.finish_syncs(step);
    }

    /// Answers every sync that waits for nobody any more, or for too long.
    pub(super) fn finish_syncs(&mut self, step: &mut Step<'_, '_>) {
        let now = step.now;
        let (done, running): (Vec<_>, Vec<_>) = std::mem::take(&mut self.syncs)
            .into_iter()
            .partition(|sync| sync.waiting.is_empty() || sync.deadline <= now);
        self.syncs = running;
        for sync in done {
            let outcome = if sync.report.peers == 0 {
                Err(CallError::new(
                    ErrorKind::Offline,
                    "no peer could be reached",
                    "check the connection, or add somebody by an invite or `itsgoin peer add TICKET`",
                ))
            } else {
                Ok(Outcome::Synced(sync.report))
            };
            step.push(Effect::Answer { call: sync.call, outcome });
        }
    }
}
