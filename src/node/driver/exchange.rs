//! Our requests to a peer, from the first frame to the last.

use std::sync::Arc;

use super::serve::{Ended, Served};
use super::shared::Shared;
use crate::domain::ids::ObjectId;
use crate::limits::{CONTROL_FRAME_BYTES, ITEM_FRAME_BYTES, PAGE_BYTES, PAGE_ITEMS, PULL_TIME};
use crate::node::engine::answer::{self, Checked, PageBudget, Wanted};
use crate::node::engine::{Delivery, HandOver, Input, Offence, PullEnd, PulledPage, RequestId};
use crate::node::net::{NetError, Stream};
use crate::node::wire::{Decoded, Item, Message, Offer, Page, Pull, SealedPush, Want};

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

/// Pushes a sealed post, and tells the engine whether the peer has it.
pub(super) async fn push_sealed(
    shared: Arc<Shared>,
    served: Option<Served>,
    id: ObjectId,
    push: SealedPush,
) -> Ended {
    let pushed = match served {
        Some(served) => served.link.push_through(&Message::SealedPush(push)).await.is_ok(),
        None => false,
    };
    let end = if pushed { HandOver::Taken } else { HandOver::Broken };
    shared.input(Input::SealedHanded { id, end }).await;
    None
}

/// Pulls, and tells the engine what came.
pub(super) async fn pull(shared: Arc<Shared>, served: Served, request: RequestId, pull: Pull) -> Ended {
    let end = match run_pull(&shared, &served, pull).await {
        Ok(end) => end,
        Err(NetError::Protocol(_)) => PullEnd::Offended(Offence::NoMessage),
        Err(_) => PullEnd::Lost,
    };
    shared.input(Input::PullEnded { connection: served.id, request, end }).await;
    None
}

/// Fetches objects, and tells the engine what came.
pub(super) async fn fetch(shared: Arc<Shared>, served: Served, request: RequestId, wanted: Wanted) -> Ended {
    let connection = served.id;
    match run_fetch(&served, wanted).await {
        Ok(items) => shared.input(Input::Fetched { connection, request, items }).await,
        Err(error) => {
            shared.input(Input::Fetched { connection, request, items: Vec::new() }).await;
            if let NetError::Protocol(_) = error {
                let offence = Offence::NoMessage;
                shared.input(Input::PeerOffended { connection, offence }).await;
            }
        }
    }
    None
}

async fn run_fetch(served: &Served, wanted: Wanted) -> Result<Vec<Checked>, NetError> {
    let mut stream = served.link.open(&wanted.message()).await?;
    stream.finish();
    let PageBudget { items, bytes } = wanted.room();
    let room = Room { items, bytes };
    let mut items = Vec::new();
    // What came before the stream broke or the time was up counts.
    let received = tokio::time::timeout(PULL_TIME, receive_items(&mut stream, room, &mut items)).await;
    received.unwrap_or(Ok(Delivery::Cut))?;
    let checked = tokio::task::spawn_blocking(move || wanted.check(items));
    checked.await.map_err(|_panicked| NetError::Cut)
}

async fn run_pull(shared: &Shared, served: &Served, pull: Pull) -> Result<PullEnd, NetError> {
    let sending = pull.sending;
    let mut stream = served.link.open(&Message::Pull(pull)).await?;
    let page = match stream.receive(CONTROL_FRAME_BYTES).await? {
        Some(Decoded::Known(Message::Page(page))) => page,
        Some(Decoded::Known(Message::NeedList)) => return Ok(PullEnd::NeedList),
        Some(Decoded::Known(Message::Busy)) => return Ok(PullEnd::Busy),
        Some(Decoded::Known(Message::Unsupported { .. }) | Decoded::Unknown { .. }) | None => {
            return Ok(PullEnd::Lost);
        }
        Some(Decoded::Known(_)) => return Ok(PullEnd::Offended(Offence::FalsePage)),
    };
    let offers = page.clone();
    let wanted = shared
        .readers
        .read(move |read| answer::wanted(read, &offers))
        .await
        .map_err(|_store| NetError::Cut)?;
    let room = if answer::is_inline(&page, sending) {
        Room::of(page.offers.iter())
    } else {
        stream.send(&Message::Want(Want::new(&wanted))).await?;
        Room::of(page.offers.iter().zip(&wanted).filter(|(_, wanted)| **wanted).map(|(offer, _)| offer))
    };
    stream.finish();
    let mut items = Vec::new();
    // What came before the time was up counts: the rest is asked for again.
    let received = tokio::time::timeout(PULL_TIME, receive_items(&mut stream, room, &mut items)).await;
    let delivery = received.unwrap_or(Ok(Delivery::Cut))?;
    let Page { epoch, ends, offers, sealed } = page.clone();
    let offered = offers.len();
    let checked = tokio::task::spawn_blocking(move || answer::check_received(items, &page, &wanted));
    // Only a panic while checking can fail here; then nothing of the page counts.
    let items: Vec<Checked> = checked.await.map_err(|_panicked| NetError::Cut)?;
    Ok(PullEnd::Page(PulledPage { epoch, ends, sealed, offered, items, delivery }))
}

/// How much may still come on the stream of a pull.
struct Room {
    items: usize,
    bytes: usize,
}

impl Room {
    /// Room for these offers, and never for more than a page.
    fn of<'a>(offers: impl Iterator<Item = &'a Offer>) -> Self {
        let mut room = Self { items: 0, bytes: 0 };
        for offer in offers {
            room.items = room.items.saturating_add(1);
            room.bytes = room.bytes.saturating_add(usize::try_from(offer.size).unwrap_or(usize::MAX));
        }
        Self { items: room.items.min(PAGE_ITEMS), bytes: room.bytes.min(PAGE_BYTES) }
    }

    /// What is left after these items; `None` when they are none, or too many.
    fn after(self, items: &[Item]) -> Option<Self> {
        let bytes = items.iter().map(Item::len).fold(0, usize::saturating_add);
        let left =
            Self { items: self.items.checked_sub(items.len())?, bytes: self.bytes.checked_sub(bytes)? };
        (!items.is_empty()).then_some(left)
    }
}

/// Reads frames of items until the orderly end. A frame that says nothing or too much cuts the stream.
async fn receive_items(
    stream: &mut Stream,
    mut room: Room,
    items: &mut Vec<Item>,
) -> Result<Delivery, NetError> {
    loop {
        let more = match stream.receive(ITEM_FRAME_BYTES).await {
            Ok(None) => return Ok(Delivery::Whole),
            Ok(Some(Decoded::Known(Message::Items(more)))) => more,
            Err(error @ NetError::Protocol(_)) => return Err(error),
            Ok(Some(_)) | Err(_) => return Ok(Delivery::Cut),
        };
        room = match room.after(&more) {
            Some(left) => left,
            None => return Ok(Delivery::Cut),
        };
        items.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::envelope::{Envelope, Kind};

    fn item(bytes: usize) -> Item {
        Envelope { kind: Kind::Post, bytes: vec![0; bytes], signature: [0; 64] }.into()
    }

    fn room(sizes: &[u32]) -> Room {
        let offers: Vec<Offer> =
            sizes.iter().map(|size| Offer { id: ObjectId::from_bytes([1; 32]), size: *size }).collect();
        Room::of(offers.iter())
    }

    #[test]
    fn a_peer_may_send_what_it_offered_and_no_more() {
        let left = room(&[10, 20]).after(&[item(10)]).unwrap();
        assert!(left.after(&[item(20)]).is_some());
        assert!(room(&[10, 20]).after(&[item(31)]).is_none());
        assert!(room(&[10]).after(&[item(5), item(5)]).is_none());
        assert!(room(&[10]).after(&[]).is_none(), "empty frames would go on for ever");
        assert!(room(&[u32::MAX]).bytes <= PAGE_BYTES);
    }
}
