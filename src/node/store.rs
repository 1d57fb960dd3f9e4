//! The store's threads: one writer that owns the engine, and small pools of readers.
//!
//! Inputs go to the writer through a bounded channel; it takes what is there, commits once, and reports the effects.
//! Readers answer at the last commit; the writer never waits for them, nor for a peer.

use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::committer::{CommitFailure, Committer};
use super::editions::Editions;
use super::engine::{CallId, Effect, Input};
use crate::api::{CallError, ErrorKind};
use crate::db::{Database, DbError, Read};
use crate::domain::time::Timestamp;
use crate::limits::COMMIT_INPUTS;

/// Something for the writer.
pub enum Job {
    /// An input of the engine.
    Input(Input),
    /// Note an orderly end; the writer ends with it.
    Stop(oneshot::Sender<()>),
}

/// What became of a batch of inputs.
pub enum Report {
    /// It is on disk: do this.
    Committed {
        /// In this order.
        effects: Vec<Effect>,
        /// When the engine wants to hear from us at the latest.
        next_deadline: Option<Timestamp>,
        /// Minutes our clock is off, when the peers agree that it is.
        clock_off_minutes: Option<i64>,
    },
    /// Nothing of it is on disk, and the engine forgot all connections.
    Failed {
        /// Calls that nobody will answer any more.
        calls: Vec<CallId>,
        /// What to tell the person.
        error: CallError,
        /// When the engine wants to hear from us at the latest.
        next_deadline: Option<Timestamp>,
    },
}

/// Runs the writer until it is told to stop or nobody is left to tell it anything.
pub fn run_writer(
    mut committer: Committer,
    mut jobs: mpsc::Receiver<Job>,
    reports: &mpsc::Sender<Report>,
    clock: fn() -> Timestamp,
    mut rng: StdRng,
) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = Vec::new();
        let mut stop = None;
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Input(input) => batch.push(input),
                Job::Stop(done) => {
                    stop = Some(done);
                    break;
                }
            }
            next = if batch.len() < COMMIT_INPUTS { jobs.try_recv().ok() } else { None };
        }
        let report = match committer.commit(batch, clock(), &mut rng) {
            Ok(effects) => Report::Committed {
                effects,
                next_deadline: committer.next_deadline(),
                clock_off_minutes: committer.clock_off_minutes(),
            },
            Err(CommitFailure { error, lost_calls }) => {
                tracing::error!(%error, cause = ?std::error::Error::source(&error).map(ToString::to_string), "a commit failed");
                let next_deadline = committer.next_deadline();
                Report::Failed { calls: lost_calls, error: store_error(&error), next_deadline }
            }
        };
        if reports.blocking_send(report).is_err() {
            break;
        }
        if let Some(done) = stop {
            if let Err(error) = committer.stop() {
                tracing::error!(%error, "the orderly end could not be noted");
            }
            // The last connection takes SQLite's companion files with it.
            drop(committer);
            // Nobody waits any more when the node is torn down: then there is nobody to tell.
            done.send(()).unwrap_or_default();
            return;
        }
    }
}

/// What a person is told when the store fails.
#[must_use]
pub fn store_error(error: &DbError) -> CallError {
    let (message, hint) = if error.is_corruption() {
        (
            "the database is damaged",
            "stop itsgoin, move itsgoin.db aside (keep `keys`, `network.key` and `data.key` or `vault`) and start again: \
             peers that follow you give your posts back",
        )
    } else if error.is_sync_failure() {
        (
            "the disk failed while it saved: nothing is written any more",
            "copy the data directory elsewhere, check the disk, and start itsgoin again: only what was said to be done \
             before is there",
        )
    } else if error.is_full() {
        ("the disk is full", "free some space and try again; nothing was lost")
    } else {
        (
            "the database cannot be written",
            "check the disk and the rights of the data directory; nothing was lost",
        )
    };
    CallError::new(ErrorKind::Store, message, hint)
}

/// A pool of reading connections.
#[derive(Clone)]
pub struct Readers {
    idle: Arc<Mutex<Vec<Reader>>>,
    permits: Arc<Semaphore>,
    editions: Editions,
}

/// A connection, and which edition of the book it was shown.
struct Reader {
    database: Database,
    edition: Option<u64>,
}

impl Reader {
    /// Reads one snapshot, with the present book.
    fn read<T>(
        &mut self,
        editions: &Editions,
        read: impl FnOnce(Read<'_>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        if let Some((edition, book)) = editions.newer_than(self.edition) {
            self.database.read(|read| read.show_book(&book))?;
            self.edition = Some(edition);
        }
        self.database.read(read)
    }
}

impl Readers {
    /// A pool over these connections, which are shown the present book.
    #[must_use]
    pub fn new(connections: Vec<Database>, editions: Editions) -> Self {
        let permits = Arc::new(Semaphore::new(connections.len()));
        let connections =
            connections.into_iter().map(|database| Reader { database, edition: None }).collect();
        Self { idle: Arc::new(Mutex::new(connections)), permits, editions }
    }

    /// Closes the connections that are not in use.
    pub fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Reads one snapshot on a thread of its own; waits while all connections are in use.
    ///
    /// # Errors
    /// [`DbError`] of the read.
    pub async fn read<T, F>(&self, read: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(Read<'_>) -> Result<T, DbError> + Send + 'static,
    {
        let gone = || DbError::NoReader;
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_closed| gone())?;
        let (idle, editions) = (Arc::clone(&self.idle), self.editions.clone());
        let answer = tokio::task::spawn_blocking(move || {
            let take = || idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = take().ok_or_else(gone)?;
            let answer = connection.read(&editions, read);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(permit);
            answer
        });
        answer.await.unwrap_or_else(|_panicked| Err(gone()))
    }
}
