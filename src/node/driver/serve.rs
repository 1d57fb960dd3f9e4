//! Serving one connection: its requests and pushes, each on its own stream, no faster than the peer may ask.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::shared::{Bucket, Heard, Shared, locked};
use crate::limits::CONTROL_FRAME_BYTES;
use crate::node::engine::answer::{self, PageBudget, PullAnswer};
use crate::node::engine::{ConnectionId, Direction, Input, Offence};
use crate::node::net::{Link, NetError, Stream};
use crate::node::wire::{Decoded, Message, Page, Pull, Sending};

/// A connection with what its tasks need.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) id: ConnectionId,
    pub(super) link: Link,
    pub(super) heard: Heard,
}

/// What a finished task of the driver leaves: the connection that ended with it, if it served one.
pub(super) type Ended = Option<ConnectionId>;

/// Tells the engine of the connection and serves it until it ends.
pub(super) async fn serve(shared: Arc<Shared>, served: Served, direction: Direction) -> Ended {
    let Served { id, link, .. } = &served;
    let connected =
        Input::Connected { connection: *id, peer: link.peer(), direction, address: link.address() };
    shared.input(connected).await;
    let mut bucket = Bucket::of_streams((shared.clock)());
    let mut running = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            request = link.accept_request() => request.map(Accepted::Request),
            push = link.accept_push() => push.map(Accepted::Push),
            Some(_done) = running.join_next(), if !running.is_empty() => continue,
        };
        let Ok(accepted) = accepted else { break };
        let wait = bucket.take((shared.clock)());
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
    if let Err(NetError::Protocol(error)) = handled {
        tracing::debug!(peer = crate::logging::pseudonym(served.link.peer().as_bytes()), %error, "closing");
        let (connection, offence) = (served.id, Offence::NoMessage);
        shared.input(Input::PeerOffended { connection, offence }).await;
    }
}

async fn take_push(shared: &Shared, served: &Served, mut stream: Stream) -> Result<(), NetError> {
    if let Some(Decoded::Known(message)) = stream.receive(CONTROL_FRAME_BYTES).await? {
        shared.input(Input::PushReceived { connection: served.id, message }).await;
    }
    Ok(())
}

async fn answer_request(shared: &Shared, served: &Served, mut stream: Stream) -> Result<(), NetError> {
    let answer = match stream.receive(CONTROL_FRAME_BYTES).await? {
        None => return Ok(()),
        Some(Decoded::Unknown { kind }) => Some(Message::Unsupported { kind }),
        Some(Decoded::Known(Message::Pull(pull))) => answer_pull(shared, served, &mut stream, pull).await?,
        Some(Decoded::Known(Message::Fetch(ids))) => {
            send_items(shared, &mut stream, ids.into()).await?;
            None
        }
        Some(Decoded::Known(message @ (Message::Hello(_) | Message::SetInterest(_)))) => {
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
    let (us, peer) = (shared.network_id, served.link.peer());
    let (budget, sending) = (PageBudget::default(), pull.sending);
    let answered =
        shared.readers.read(move |read| answer::answer_pull(read, us, peer, &list, &pull, budget)).await;
    match answered {
        Ok(PullAnswer::Page(page)) => {
            send_page(shared, stream, page, sending).await?;
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
    send_items(shared, stream, answer::asked(&page, want.as_ref()).into()).await
}

/// Sends the objects there are of these ids, frame by frame; each frame is one short read.
async fn send_items(
    shared: &Shared,
    stream: &mut Stream,
    mut ids: VecDeque<crate::domain::ids::ObjectId>,
) -> Result<(), NetError> {
    while !ids.is_empty() {
        let read = shared.readers.read(move |read| {
            let items = answer::next_items(read, &mut ids)?;
            Ok((items, ids))
        });
        let items;
        (items, ids) = read.await.map_err(|_store| NetError::Cut)?;
        // What is gone meanwhile is left out, and so is a frame without anything.
        if !items.is_empty() {
            stream.send(&Message::Items(items)).await?;
        }
    }
    stream.finish();
    Ok(())
}
