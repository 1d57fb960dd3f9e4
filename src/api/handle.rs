//! The handle a face holds: calls go in through a bounded channel, events come out of a broadcast.

use std::future::Future;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot};

use super::{CallError, Command, ErrorKind, Event, Outcome, Query, View};
use crate::limits::CHANNEL_MESSAGES;

/// How long a full channel may stay full before the node counts as stuck.
const ROOM_TIME: Duration = Duration::from_secs(5);

/// One call with the place its answer goes to.
#[derive(Debug)]
pub enum Call {
    /// Change something.
    Command(Command, oneshot::Sender<Result<Outcome, CallError>>),
    /// Read something.
    Query(Query, oneshot::Sender<Result<View, CallError>>),
}

/// A face's side of a node, in this process or another one. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NodeHandle {
    calls: mpsc::Sender<Call>,
    events: broadcast::Sender<Event>,
}

/// The channel of calls and the broadcast of events between faces and a node: the handle, and the node's ends.
#[must_use]
pub fn calls() -> (NodeHandle, mpsc::Receiver<Call>, broadcast::Sender<Event>) {
    let (calls, received) = mpsc::channel(CHANNEL_MESSAGES);
    let (events, _) = broadcast::channel(CHANNEL_MESSAGES);
    (NodeHandle { calls, events: events.clone() }, received, events)
}

impl NodeHandle {
    /// Hands in a command at once, so that calls keep their order whoever awaits them, and waits for its outcome.
    ///
    /// # Errors
    /// [`CallError`] with kind `Busy` when the channel is full, `Stopped` when the node is gone, else what the node
    /// says.
    pub fn command(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<Outcome, CallError>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let handed_in = self.hand_in(Call::Command(command, answer));
        async move {
            handed_in?;
            answered.await.unwrap_or_else(|_dropped| Err(stopped()))
        }
    }

    /// Hands in a query at once and waits for its view.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub fn query(&self, query: Query) -> impl Future<Output = Result<View, CallError>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let handed_in = self.hand_in(Call::Query(query, answer));
        async move {
            handed_in?;
            answered.await.unwrap_or_else(|_dropped| Err(stopped()))
        }
    }

    /// Stops the node. Unlike other commands this one waits for room: a busy node ends in order, too.
    ///
    /// # Errors
    /// [`CallError`] with kind `Busy` when there was no room for five seconds, `Stopped` when the node is gone.
    pub async fn stop(&self) -> Result<(), CallError> {
        let (answer, answered) = oneshot::channel();
        let handed_in = self.calls.send(Call::Command(Command::Stop, answer));
        match tokio::time::timeout(ROOM_TIME, handed_in).await {
            Ok(Ok(())) => answered.await.unwrap_or_else(|_dropped| Err(stopped())).map(|_done| ()),
            Ok(Err(_closed)) => Err(stopped()),
            Err(_elapsed) => Err(CallError::busy()),
        }
    }

    /// Events from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    fn hand_in(&self, call: Call) -> Result<(), CallError> {
        self.calls.try_send(call).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => CallError::busy(),
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })
    }
}

fn stopped() -> CallError {
    CallError::new(ErrorKind::Stopped, "the node has stopped", "start itsgoin again")
}
