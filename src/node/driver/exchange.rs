//! Our requests to a peer, from the first frame to the last.

use std::sync::Arc;

use super::serve::{Ended, Served};
use super::shared::Shared;
use crate::limits::{CONTROL_FRAME_BYTES, ITEM_FRAME_BYTES, PULL_TIME};
use crate::node::engine::answer::{self, Checked};
use crate::node::engine::{Delivery, Input, PullEnd, PulledPage, RequestId};
use crate::node::net::{NetError, Stream};
use crate::node::wire::{Decoded, Message, Page, Pull, Want};

/// Asks, and tells the engine what came.
pub(super) async fn request(
    shared: Arc<Shared>,
    served: Served,
    request: RequestId,
    message: Message,
) -> Ended {
    let answer = served.link.request(&message).await.ok();
    shared.input(Input::Answered { connection: served.id, request, message: answer }).await;
    None
}

/// Pulls, and tells the engine what came.
pub(super) async fn pull(shared: Arc<Shared>, served: Served, request: RequestId, pull: Pull) -> Ended {
    let end = match tokio::time::timeout(PULL_TIME, run_pull(&shared, &served, pull)).await {
        Ok(Ok(end)) => end,
        Ok(Err(_)) | Err(_) => PullEnd::Lost,
    };
    shared.input(Input::PullEnded { connection: served.id, request, end }).await;
    None
}

async fn run_pull(shared: &Shared, served: &Served, pull: Pull) -> Result<PullEnd, NetError> {
    let mut stream = served.link.open(&Message::Pull(pull)).await?;
    let page = match stream.receive(CONTROL_FRAME_BYTES).await? {
        Some(Decoded::Known(Message::Page(page))) => page,
        Some(Decoded::Known(Message::NeedList)) => return Ok(PullEnd::NeedList),
        Some(Decoded::Known(Message::Busy)) => return Ok(PullEnd::Busy),
        _ => return Ok(PullEnd::Lost),
    };
    let offers = page.clone();
    let wanted = shared
        .readers
        .read(move |read| answer::wanted(read, &offers))
        .await
        .map_err(|_store| NetError::Cut)?;
    let received = if answer::is_inline(&page) {
        stream.finish();
        receive_items(&mut stream, page.offers.len()).await
    } else {
        stream.send(&Message::Want(Want::new(&wanted))).await?;
        stream.finish();
        receive_items(&mut stream, wanted.iter().filter(|wanted| **wanted).count()).await
    };
    let (items, delivery) = received;
    let Page { epoch, ends, .. } = page.clone();
    let checked = tokio::task::spawn_blocking(move || answer::check_received(items, &page, &wanted));
    // Only a panic while checking can fail here; then nothing of the page counts.
    let items: Vec<Checked> = checked.await.map_err(|_panicked| NetError::Cut)?;
    Ok(PullEnd::Page(PulledPage { epoch, ends, items, delivery }))
}

/// Reads frames of items until the orderly end, or until there are more than were asked for.
async fn receive_items(stream: &mut Stream, most: usize) -> (Vec<crate::node::wire::Item>, Delivery) {
    let mut items = Vec::new();
    loop {
        match stream.receive(ITEM_FRAME_BYTES).await {
            Ok(None) => return (items, Delivery::Whole),
            Ok(Some(Decoded::Known(Message::Items(more)))) => items.extend(more),
            Ok(Some(_)) | Err(_) => return (items, Delivery::Cut),
        }
        if items.len() > most {
            return (items, Delivery::Cut);
        }
    }
}
