//! Finding a node: the one that runs on the data directory, else one of our own. What goes wrong is put into
//! sentences here, once.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::control::{self, Homes, attach};
use super::data_dir::DataDirError;
use super::driver::{NodeSettings, StartError, start};
use crate::api::{CallError, ErrorKind, NodeRequest, Session, Source};
use crate::clock;
use crate::db::OpenError;
use crate::limits::DECOYS_PER_HOUR;

/// How long is waited for the holder of the lock to answer, or to be gone.
const PATIENCE: Duration = Duration::from_secs(5);
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// Attaches to the running node, or starts one.
///
/// # Errors
/// [`CallError`] with what is wrong and what to do about it. Nothing was changed then.
pub async fn open(request: NodeRequest) -> Result<Session, CallError> {
    let mut waited = Duration::ZERO;
    loop {
        if request.source != Source::Own
            && let Some(session) = attach_to(&request).await?
        {
            return Ok(session);
        }
        if request.source == Source::Running {
            return Err(not_running());
        }
        match start_own(&request) {
            Err(StartError::DataDir(DataDirError::InUse { .. })) => {
                // A node stays; a command that holds the directory is gone in a moment.
                let is_node = request.source == Source::Own && attach_to(&request).await?.is_some();
                if is_node || waited >= PATIENCE {
                    return Err(in_use());
                }
                tokio::time::sleep(BETWEEN_TRIES).await;
                waited = waited.saturating_add(BETWEEN_TRIES);
            }
            started => return started.map_err(|error| explain(&error, &request.data_dir)),
        }
    }
}

/// The node that runs, if one does. One that does not answer holds the directory all the same.
async fn attach_to(request: &NodeRequest) -> Result<Option<Session>, CallError> {
    let Ok(path) = control::find(&request.data_dir) else { return Ok(None) };
    match attach(&path).await {
        Ok((node, attached)) => {
            let (mut tasks, events) = (JoinSet::new(), node.events());
            tasks.spawn(attached.run());
            Ok(Some(Session::new(node, events, tasks)))
        }
        Err(error) => match error.kind() {
            io::ErrorKind::TimedOut => Err(silent()),
            io::ErrorKind::Unsupported => Err(other_version()),
            // Nobody is there, or not any more: the lock says whether the directory is free.
            _ => Ok(None),
        },
    }
}

fn start_own(request: &NodeRequest) -> Result<Session, StartError> {
    let settings = NodeSettings {
        data_dir: request.data_dir.clone(),
        decoys_per_hour: DECOYS_PER_HOUR,
        network: request.network.clone(),
        clock: clock::now,
    };
    let (node, running) = start(settings)?;
    let (mut tasks, events) = (JoinSet::new(), node.events());
    let (open, closing) = watch::channel(());
    if request.source == Source::Own {
        let homes = Homes { runtime: request.runtime_dir.as_deref(), temporary: &request.temporary_dir };
        match control::bind(&request.data_dir, homes) {
            Ok(listener) => drop(tasks.spawn(listener.serve(node.clone(), closing))),
            Err(error) => tracing::warn!(%error, "commands cannot attach to this node"),
        }
    }
    tasks.spawn(running.run());
    Ok(Session::new(node, events, tasks).with_door(open))
}

fn not_running() -> CallError {
    CallError::new(
        ErrorKind::NotFound,
        "no itsgoin runs on this data directory",
        "start `itsgoin serve` first, or give the passphrase to the command itself with --passphrase-fd",
    )
}

fn in_use() -> CallError {
    CallError::new(
        ErrorKind::Locked,
        "another itsgoin uses this data directory",
        "use that one, run commands like `itsgoin feed` beside it, or choose another --data-dir",
    )
}

fn silent() -> CallError {
    CallError::new(
        ErrorKind::Locked,
        "the itsgoin that uses this data directory does not answer",
        "is it suspended? `fg` in its terminal brings it back; else wait until other commands are through, or end it",
    )
}

fn other_version() -> CallError {
    CallError::new(
        ErrorKind::Locked,
        "the itsgoin that uses this data directory has another version",
        "end it and start it again",
    )
}

/// Why a node does not start, with the way out.
fn explain(error: &StartError, data_dir: &Path) -> CallError {
    let told = |message: String, hint: &str| CallError::new(ErrorKind::Store, message, hint);
    let cause =
        |error: &dyn std::error::Error| error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    match error {
        StartError::DataKeyMissing { .. } => told(
            error.to_string(),
            "put `data.key` or `vault` back from a backup: without it neither your keys nor your conversations can be \
             read; nothing was changed",
        ),
        StartError::DataDir(DataDirError::DamagedKey { .. }) => told(
            error.to_string(),
            "put the file back from a backup; without it this identity cannot be used; nothing was changed",
        ),
        StartError::DataDir(DataDirError::Exposed { .. }) => {
            told(error.to_string(), "make it private again with `chmod 600`; nothing was changed")
        }
        StartError::DataDir(inner) => told(
            format!("{inner}{}", cause(inner)),
            "make the directory yours and writable, or choose another with --data-dir",
        ),
        StartError::Open(OpenError::Newer { .. }) => {
            told(error.to_string(), "a newer itsgoin wrote it: run that one; nothing was changed")
        }
        StartError::Open(OpenError::Create(_)) => {
            told(error.to_string(), "make the data directory writable, or choose another with --data-dir")
        }
        StartError::Open(OpenError::Foreign) => told(
            error.to_string(),
            "choose another --data-dir, or move itsgoin.db out of the way; nothing was changed",
        ),
        StartError::Open(OpenError::Damaged(_)) => damaged(data_dir),
        StartError::Open(OpenError::Failed(inner)) | StartError::Store(inner) => {
            if inner.is_corruption() {
                return damaged(data_dir);
            }
            told(
                format!("{inner}{}", cause(inner)),
                "check the disk and the rights of the data directory; nothing was changed",
            )
        }
        StartError::Thread(inner) => told(format!("{error}: {inner}"), "close some programs and try again"),
    }
}

fn damaged(data_dir: &Path) -> CallError {
    CallError::new(
        ErrorKind::Store,
        format!("the database {} is damaged", data_dir.join("itsgoin.db").display()),
        "move it aside and keep `keys`, `network.key` and `data.key` or `vault`: at the next start your personas come back from the keys, \
         and your posts from the peers that follow you; nothing was changed",
    )
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::api::{Command, Outcome, Query, View};

    fn request(data_dir: &Path, source: Source) -> NodeRequest {
        let temporary_dir = PathBuf::from(data_dir);
        NodeRequest { data_dir: data_dir.to_owned(), runtime_dir: None, temporary_dir, source, network: None }
    }

    async fn count_posts(data_dir: &Path) -> u64 {
        let session = open(request(data_dir, Source::Any)).await.unwrap();
        let Ok(View::Status(status)) = session.node().query(Query::Status).await else { panic!("no status") };
        session.end().await;
        status.post_count
    }

    async fn name_persona(session: &Session) {
        let named = session.node().command(Command::CreatePersona { name: "ana".to_owned() });
        assert!(matches!(named.await, Ok(Outcome::PersonaCreated(_))));
    }

    fn post(text: &impl ToString) -> Command {
        Command::PublishPost { persona: None, text: text.to_string(), draft: None }
    }

    /// The driver does not run while the writer works, so that it finds the last reports and the end at once.
    #[tokio::test]
    async fn the_last_reports_of_the_writer_are_answered() {
        let home = tempfile::tempdir().unwrap();
        let mut done = 0;
        for round in 0..5 {
            let owner = open(request(home.path(), Source::Own)).await.unwrap();
            if round == 0 {
                name_persona(&owner).await;
            }
            let written: Vec<_> =
                (0..200).map(|number| owner.node().command(post(&(number + 1_000 * round)))).collect();
            let mut ending = JoinSet::new();
            ending.spawn(owner.end());
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            for _ in 0..500 {
                if home.path().join("itsgoin.db-wal").exists() {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            ending.join_all().await;
            for outcome in written {
                done += u64::from(outcome.await.is_ok());
            }
            assert_eq!(count_posts(home.path()).await, done, "round {round}");
        }
        assert_eq!(done, 1_000);
    }

    /// In each round the node is stopped while clients write: whoever hears of a failure may write again.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn what_is_on_disk_when_a_node_stops_was_answered_as_done() {
        let home = tempfile::tempdir().unwrap();
        let mut done = 0;
        for round in 0..20_usize {
            let owner = open(request(home.path(), Source::Own)).await.unwrap();
            if round == 0 {
                name_persona(&owner).await;
            }
            let mut writers = JoinSet::new();
            for writer in 0..4 {
                let client = open(request(home.path(), Source::Any)).await.unwrap();
                writers.spawn(async move {
                    let first = client.node().command(post(&format!("{round} {writer} 1"))).await.is_ok();
                    let second = client.node().command(post(&format!("{round} {writer} 2"))).await.is_ok();
                    u64::from(first) + u64::from(second)
                });
            }
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            owner.end().await;
            while let Some(written) = writers.join_next().await {
                done += written.unwrap();
            }
            assert_eq!(count_posts(home.path()).await, done, "round {round}");
        }
    }
}
