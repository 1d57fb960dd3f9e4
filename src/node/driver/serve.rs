//! Serving one connection: its requests and pushes, each on its own stream, no faster than the peer may ask.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use tokio::task::JoinSet;

use super::meter::{Allowance, Meter};
use super::shared::{Heard, Shared, locked};
use crate::domain::log::Seq;
use crate::limits::{CONTROL_FRAME_BYTES, PUSH_FRAME_BYTES};
use crate::node::engine::answer::{self, PageBudget, PullAnswer, Wanted};
use crate::node::engine::{ConnectionId, Direction, Input, Offence};
use crate::node::net::{Link, NetError, Stream};
use crate::node::wire::{Decoded, Item, Message, Page, Pull, SealedPush, Sending};

/// A connection with what its tasks need.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) id: ConnectionId,
    pub(super) link: Link,
    pub(super) heard: Heard,
    /// Where the last page was cut: a pull from there goes on with it.
    pub(super) cuts: Arc<Mutex<BTreeSet<Seq>>>,
    pub(super) meter: Arc<Mutex<Meter>>,
}

/// What a finished task of the driver leaves: the connection that ended with it, if it served one.
pub(super) type Ended = Option<ConnectionId>;

/// Tells the engine of the connection and serves it until it ends.
pub(super) async fn serve(shared: Arc<Shared>, served: Served, direction: Direction) -> Ended {
    let Served { id, link, .. } = &served;
    let connected =
        Input::Connected { connection: *id, peer: link.peer(), direction, address: link.address() };
    shared.input(connected).await;
    let mut running = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            request = link.accept_request() => request.map(Accepted::Request),
            push = link.accept_push() => push.map(Accepted::Push),
            Some(_done) = running.join_next(), if !running.is_empty() => continue,
        };
        let Ok(accepted) = accepted else { break };
        let wait = locked(&served.meter).stream((shared.clock)());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        running.spawn(handle(Arc::clone(&shared), served.clone(), accepted));
    }
    running.shutdown().await;
    shared.input(Input::Disconnected { connection: *id }).await;
    Some(*id)
}

enum Accepted {
    Request(Stream),
    Push(Stream),
}

async fn handle(shared: Arc<Shared>, served: Served, accepted: Accepted) {
    let handled = match accepted {
        Accepted::Request(stream) => answer_request(&shared, &served, stream).await,
        Accepted::Push(stream) => take_push(&shared, &served, stream).await,
    };
    let offence = match handled {
        Err(NetError::Protocol(error)) => {
            tracing::debug!(peer = crate::logging::pseudonym(served.link.peer().as_bytes()), %error, "closing");
            Some(Offence::NoMessage)
        }
        // A connection that is lost breaks its streams; here the peer is there and lets one lie.
        Err(NetError::Timeout) => Some(Offence::Stall),
        _ => None,
    };
    if let Some(offence) = offence {
        shared.offended(served.id, offence).await;
    }
}

async fn take_push(shared: &Shared, served: &Served, mut stream: Stream) -> Result<(), NetError> {
    if let Some(Decoded::Known(message)) =
        receive_unasked(shared, served, &mut stream, PUSH_FRAME_BYTES).await?
    {
        let message = match message {
            Message::HeaderDiff(items) => return take_diff(shared, served, items).await,
            Message::SealedPush(push) => return take_sealed(shared, served, push).await,
            other => other,
        };
        shared.input(Input::PushReceived { connection: served.id, message }).await;
    }
    Ok(())
}

/// The first frame of a peer's stream. What comes above its allowance of bytes is not looked at.
async fn receive_unasked(
    shared: &Shared,
    served: &Served,
    stream: &mut Stream,
    most_bytes: usize,
) -> Result<Option<Decoded>, NetError> {
    let frame = stream.receive(most_bytes).await?;
    let allowance = locked(&served.meter).bytes(stream.received_bytes(), (shared.clock)());
    if allowance == Allowance::UsedUp {
        shared.offended(served.id, Offence::Flood).await;
        return Ok(None);
    }
    Ok(frame)
}

/// Takes pushed operations: what is here is dropped unchecked, the rest is verified on a thread of its own.
async fn take_diff(shared: &Shared, served: &Served, items: Vec<Item>) -> Result<(), NetError> {
    let lacked = shared.readers.read(move |read| answer::lacked(read, items));
    let lacked = lacked.await.map_err(|_store| NetError::Cut)?;
    if !lacked.is_empty() {
        let checked = tokio::task::spawn_blocking(move || answer::check_pushed(lacked));
        let items = checked.await.map_err(|_panicked| NetError::Cut)?;
        shared.input(Input::DiffReceived { connection: served.id, items }).await;
    }
    Ok(())
}

/// Takes a pushed sealed post: one too many is dropped unread, one that is in the pool unchecked.
async fn take_sealed(shared: &Shared, served: &Served, push: SealedPush) -> Result<(), NetError> {
    if locked(&served.meter).sealed((shared.clock)()) == Allowance::UsedUp {
        return Ok(());
    }
    let SealedPush { item, stage } = push;
    let lacked = shared.readers.read(move |read| answer::lacked(read, vec![item]));
    let lacked = lacked.await.map_err(|_store| NetError::Cut)?;
    let checked = tokio::task::spawn_blocking(move || answer::check_pushed(lacked));
    for post in checked.await.map_err(|_panicked| NetError::Cut)? {
        shared.input(Input::SealedPushed { connection: served.id, stage, post: Box::new(post) }).await;
    }
    Ok(())
}

async fn answer_request(shared: &Shared, served: &Served, mut stream: Stream) -> Result<(), NetError> {
    let answer = match receive_unasked(shared, served, &mut stream, CONTROL_FRAME_BYTES).await? {
        None => return Ok(()),
        Some(Decoded::Unknown { kind }) => Some(Message::Unsupported { kind }),
        Some(Decoded::Known(Message::Pull(pull))) => answer_pull(shared, served, &mut stream, pull).await?,
        Some(Decoded::Known(Message::Fetch(ids))) => {
            send_wanted(shared, served, &mut stream, Wanted::Objects(ids)).await?;
            None
        }
        Some(Decoded::Known(Message::FetchProfiles(authors))) => {
            send_wanted(shared, served, &mut stream, Wanted::Profiles(authors)).await?;
            None
        }
        Some(Decoded::Known(
            message @ (Message::Hello(_) | Message::SetInterest(_) | Message::Link(_) | Message::Find(_)),
        )) => {
            let connection = served.id;
            let asked =
                shared.ask_engine(|reply| Input::RequestReceived { connection, reply, message }).await;
            Some(asked.unwrap_or(Message::Busy))
        }
        Some(Decoded::Known(other)) => Some(Message::Unsupported { kind: other.kind() }),
    };
    if let Some(answer) = answer {
        stream.send(&answer).await?;
    }
    stream.finish();
    Ok(())
}

/// Answers a pull; what is returned is the whole answer, `None` when a page was sent with its items.
async fn answer_pull(
    shared: &Shared,
    served: &Served,
    stream: &mut Stream,
    pull: Pull,
) -> Result<Option<Message>, NetError> {
    let Some(list) = locked(&served.heard).clone() else {
        return Ok(Some(Message::NeedList));
    };
    let goes_on = pull.groups.iter().any(|group| locked(&served.cuts).contains(&group.since));
    if !goes_on && locked(&served.meter).pull((shared.clock)()) == Allowance::UsedUp {
        shared.offended(served.id, Offence::HastyPull).await;
        return Ok(Some(Message::Busy));
    }
    let (us, peer) = (shared.network_id, served.link.peer());
    let (budget, sending) = (PageBudget::default(), pull.sending);
    let answered =
        shared.readers.read(move |read| answer::answer_pull(read, us, peer, &list, &pull, budget)).await;
    match answered {
        Ok(PullAnswer::Page(page)) => {
            *locked(&served.cuts) = page.ends.iter().filter_map(|end| end.cut).collect();
            send_page(shared, served, stream, page, sending).await?;
            Ok(None)
        }
        Ok(PullAnswer::NeedList) => Ok(Some(Message::NeedList)),
        Ok(PullAnswer::BeyondLog) => {
            let connection = served.id;
            let asked = shared.ask_engine(|reply| Input::CursorBeyondLog { connection, reply }).await;
            Ok(Some(asked.unwrap_or(Message::Busy)))
        }
        Ok(PullAnswer::Malformed) => Err(NetError::Protocol(crate::node::wire::WireError::Malformed)),
        Err(error) => {
            tracing::error!(%error, "a pull could not be answered");
            Ok(Some(Message::Busy))
        }
    }
}

async fn send_page(
    shared: &Shared,
    served: &Served,
    stream: &mut Stream,
    page: Page,
    sending: Sending,
) -> Result<(), NetError> {
    let message = Message::Page(page);
    stream.send(&message).await?;
    let Message::Page(page) = message else {
        return Ok(());
    };
    let want = if answer::is_inline(&page, sending) {
        None
    } else {
        match stream.receive(CONTROL_FRAME_BYTES).await? {
            Some(Decoded::Known(Message::Want(want))) => Some(want),
            _ => return Err(NetError::Cut),
        }
    };
    send_items(shared, served, stream, answer::asked(&page, want.as_ref()).into()).await
}

/// Sends what there is of what is fetched.
async fn send_wanted(
    shared: &Shared,
    served: &Served,
    stream: &mut Stream,
    wanted: Wanted,
) -> Result<(), NetError> {
    let ids = shared.readers.read(move |read| wanted.ids(read)).await.map_err(|_store| NetError::Cut)?;
    send_items(shared, served, stream, ids.into()).await
}

/// Sends the objects there are of these ids, frame by frame; each frame is one short read. The engine hears what was
/// served.
async fn send_items(
    shared: &Shared,
    served: &Served,
    stream: &mut Stream,
    mut ids: VecDeque<crate::domain::ids::ObjectId>,
) -> Result<(), NetError> {
    let mut files = Vec::new();
    while !ids.is_empty() {
        let read = shared.readers.read(move |read| {
            let items = answer::next_items(read, &mut ids)?;
            Ok((items, ids))
        });
        let items;
        (items, ids) = read.await.map_err(|_store| NetError::Cut)?;
        // What is gone meanwhile is left out, and so is a frame without anything.
        if !items.is_empty() {
            files.extend(items.iter().map(Item::id));
            stream.send(&Message::Items(items)).await?;
        }
    }
    stream.finish();
    if !files.is_empty() {
        shared.input(Input::Served { connection: served.id, files }).await;
    }
    Ok(())
}
