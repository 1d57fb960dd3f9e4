//! Giving blobs to peers: plain questions for what a post of ours names, no more often than a peer may ask, on no more
//! connections than there is room for.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::meter::Allowance;
use super::shared::{Shared, locked};
use crate::db::blobs::BlobState;
use crate::domain::ids::NetworkId;
use crate::limits::{BLOB_CONNECTIONS, BLOB_IDLE_TIME, CONNECTIONS_PER_PEER};
use crate::node::engine::CloseReason;
use crate::node::net::{BlobConnection, BlobStream, NetError, NotServed};

/// Serves connections for blobs until nobody accepts any more.
pub(super) async fn serve_all(shared: Arc<Shared>, mut accepted: mpsc::Receiver<BlobConnection>) {
    let mut serving = JoinSet::new();
    let mut count_of = BTreeMap::<NetworkId, usize>::new();
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
                let shared = Arc::clone(&shared);
                serving.spawn(async move {
                    serve(&shared, &connection).await;
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

async fn serve(shared: &Arc<Shared>, connection: &BlobConnection) {
    let meter = shared.meters.of(connection.peer(), (shared.clock)());
    let mut running = JoinSet::new();
    loop {
        let stream = tokio::select! {
            stream = connection.accept() => stream,
            Some(_done) = running.join_next(), if !running.is_empty() => continue,
            () = tokio::time::sleep(BLOB_IDLE_TIME), if running.is_empty() => return,
        };
        let Ok(stream) = stream else { return };
        if locked(&meter).blob((shared.clock)()) == Allowance::UsedUp {
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
    let found = shared.readers.read(move |read| read.find_servable_blob(hash)).await.unwrap_or(None);
    match (found, shared.blobs.store().await) {
        (Some(blob), Ok(store)) if blob.state == BlobState::Complete || shared.blobs.is_whole(blob).await => {
            stream.serve(store, asked, connection).await;
        }
        _ => stream.refuse(NotServed::Nothing),
    }
    Ok(())
}
