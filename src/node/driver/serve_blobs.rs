//! Giving blobs to peers: plain questions for what a post of ours names, no more often than a peer may ask, on no more
//! connections than there is room for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::shared::{Bucket, Shared, locked};
use crate::domain::ids::NetworkId;
use crate::limits::{
    BLOB_CONNECTIONS, BLOB_IDLE_TIME, BLOB_REQUEST_BURST, BLOB_REQUEST_RATE, CONNECTIONS_PER_PEER,
};
use crate::node::engine::CloseReason;
use crate::node::net::{BlobConnection, BlobStream, NetError, NotServed};

/// Peers whose rates are remembered after they left. Of more, those that asked least go first.
const RATES: usize = 4 * BLOB_CONNECTIONS;

/// Serves connections for blobs until nobody accepts any more.
pub(super) async fn serve_all(shared: Arc<Shared>, mut accepted: mpsc::Receiver<BlobConnection>) {
    let mut serving = JoinSet::new();
    let mut count_of = BTreeMap::<NetworkId, usize>::new();
    let rates = Arc::new(Mutex::new(Rates::default()));
    loop {
        tokio::select! {
            connection = accepted.recv() => {
                let Some(connection) = connection else { break };
                let peer = connection.peer();
                let count = count_of.entry(peer).or_default();
                if serving.len() >= BLOB_CONNECTIONS || *count >= CONNECTIONS_PER_PEER {
                    connection.close(CloseReason::Full);
                    continue;
                }
                *count = count.saturating_add(1);
                let (shared, rates) = (Arc::clone(&shared), Arc::clone(&rates));
                serving.spawn(async move {
                    serve(&shared, &connection, &rates).await;
                    connection.close(CloseReason::Superfluous);
                    peer
                });
            }
            Some(ended) = serving.join_next(), if !serving.is_empty() => {
                if let Ok(peer) = ended
                    && let Some(count) = count_of.get_mut(&peer)
                {
                    *count = count.saturating_sub(1);
                }
                count_of.retain(|_, count| *count > 0);
            }
        }
    }
}

async fn serve(shared: &Arc<Shared>, connection: &BlobConnection, rates: &Mutex<Rates>) {
    let mut running = JoinSet::new();
    loop {
        let stream = tokio::select! {
            stream = connection.accept() => stream,
            Some(_done) = running.join_next(), if !running.is_empty() => continue,
            () = tokio::time::sleep(BLOB_IDLE_TIME), if running.is_empty() => return,
        };
        let Ok(stream) = stream else { return };
        if !locked(rates).allows(connection.peer(), shared) {
            stream.refuse(NotServed::TooOften);
            continue;
        }
        let (shared, connection) = (Arc::clone(shared), connection.clone());
        running.spawn(async move { answer(&shared, &connection, stream).await.unwrap_or_default() });
    }
}

/// Answers one question. One that cannot be read, is not plain, or asks for what no post names gets nothing.
async fn answer(
    shared: &Shared,
    connection: &BlobConnection,
    mut stream: BlobStream,
) -> Result<(), NetError> {
    let Some(asked) = stream.read().await? else {
        stream.refuse(NotServed::Nothing);
        return Ok(());
    };
    let hash = asked.hash();
    let is_servable = shared.readers.read(move |read| read.is_servable_blob(hash)).await.unwrap_or(false);
    match shared.blobs.store().await {
        Ok(store) if is_servable => stream.serve(store, asked, connection).await,
        _ => stream.refuse(NotServed::Nothing),
    }
    Ok(())
}

/// How often each peer asked of late.
#[derive(Default)]
struct Rates(BTreeMap<NetworkId, Bucket>);

impl Rates {
    fn allows(&mut self, peer: NetworkId, shared: &Shared) -> bool {
        let now = (shared.clock)();
        if self.0.len() >= RATES && !self.0.contains_key(&peer) {
            let fullest = self.0.iter().max_by_key(|(_, bucket)| bucket.level(now)).map(|(peer, _)| *peer);
            if let Some(fullest) = fullest {
                self.0.remove(&fullest);
            }
        }
        let fresh = || Bucket::full(now, BLOB_REQUEST_BURST, BLOB_REQUEST_RATE);
        self.0.entry(peer).or_insert_with(fresh).try_take(now)
    }
}
