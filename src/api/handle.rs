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
        let calls = self.calls.clone();
        async move {
            handed_in?;
            answer_of(answered, &calls).await
        }
    }

    /// Hands in a query at once and waits for its view.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub fn query(&self, query: Query) -> impl Future<Output = Result<View, CallError>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let handed_in = self.hand_in(Call::Query(query, answer));
        let calls = self.calls.clone();
        async move {
            handed_in?;
            answer_of(answered, &calls).await
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
            Ok(Ok(())) => answer_of(answered, &self.calls).await.map(|_done| ()),
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

/// What becomes of a call. One that is handed in at the very moment the node goes is never looked at, and stays in the channel
/// as long as any handle does: that the channel is closed is an answer, too.
async fn answer_of<T>(
    mut answered: oneshot::Receiver<Result<T, CallError>>,
    calls: &mpsc::Sender<Call>,
) -> Result<T, CallError> {
    tokio::select! {
        biased;
        answer = &mut answered => answer.unwrap_or_else(|_dropped| Err(stopped())),
        // Whoever took calls answered those it knew of before.
        () = calls.closed() => answered.try_recv().unwrap_or_else(|_none| Err(stopped())),
    }
}

fn stopped() -> CallError {
    CallError::new(ErrorKind::Stopped, "the node has stopped", "start itsgoin again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_a_leaving_node_never_looked_at_is_answered() {
        let (node, received, _events) = calls();
        // What may happen between two threads: the room is taken before the node goes, the call put there afterwards.
        let room = node.calls.clone().reserve_owned().await.unwrap();
        drop(received);
        let (answer, mut answered) = oneshot::channel();
        room.send(Call::Query(Query::Status, answer));
        let is_waited_for = matches!(answered.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        assert!(is_waited_for, "nobody dropped it");
        let answer = answer_of(answered, &node.calls).await;
        assert_eq!(answer.unwrap_err().kind, ErrorKind::Stopped);
    }

    #[tokio::test]
    async fn what_was_answered_before_the_node_went_is_heard() {
        let (node, mut received, _events) = calls();
        let asked = node.query(Query::Status);
        let Some(Call::Query(_, answer)) = received.recv().await else { panic!("a query was asked") };
        answer.send(Err(CallError::busy())).unwrap();
        drop(received);
        assert_eq!(asked.await.unwrap_err().kind, ErrorKind::Busy);
    }
}
