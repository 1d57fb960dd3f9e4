//! Finding a node: the one that runs on the data directory, else one of our own. What goes wrong is put into
//! sentences here, once.

use std::path::Path;
use std::time::Duration;

use tokio::task::JoinSet;

use super::control::{attach, bind, socket_path};
use super::data_dir::DataDirError;
use super::driver::{NodeSettings, StartError, start};
use crate::api::{CallError, ErrorKind, NodeRequest, Session, Source};
use crate::clock;
use crate::db::OpenError;

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
        if request.source == Source::Any
            && let Some(session) = attach_to(&request).await
        {
            return Ok(session);
        }
        match start_own(&request) {
            Err(StartError::DataDir(DataDirError::InUse { .. })) => {
                // A node stays; a command that holds the directory is gone in a moment.
                let is_node = request.source == Source::Own && attach_to(&request).await.is_some();
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

async fn attach_to(request: &NodeRequest) -> Option<Session> {
    let path = socket_path(&request.data_dir, request.runtime_dir.as_deref()).ok()?;
    let (node, attached) = attach(&path).await.ok()?;
    let (mut tasks, events) = (JoinSet::new(), node.events());
    tasks.spawn(attached.run());
    Some(Session::new(node, events, tasks))
}

fn start_own(request: &NodeRequest) -> Result<Session, StartError> {
    let settings = NodeSettings {
        data_dir: request.data_dir.clone(),
        network: request.network.clone(),
        clock: clock::now,
    };
    let (node, running) = start(settings)?;
    let (mut tasks, events) = (JoinSet::new(), node.events());
    if request.source == Source::Own {
        let path = socket_path(&request.data_dir, request.runtime_dir.as_deref());
        match path.and_then(|path| bind(&path)) {
            Ok(listener) => drop(tasks.spawn(listener.serve(node.clone()))),
            Err(error) => tracing::warn!(%error, "commands cannot attach to this node"),
        }
    }
    tasks.spawn(running.run());
    Ok(Session::new(node, events, tasks))
}

fn in_use() -> CallError {
    CallError::new(
        ErrorKind::Locked,
        "another itsgoin uses this data directory",
        "use that one, run commands like `itsgoin feed` beside it, or choose another --data-dir",
    )
}

/// Why a node does not start, with the way out.
fn explain(error: &StartError, data_dir: &Path) -> CallError {
    let told = |message: String, hint: &str| CallError::new(ErrorKind::Store, message, hint);
    let cause =
        |error: &dyn std::error::Error| error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    match error {
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
        "move it aside and keep `keys` and `network.key`: at the next start your personas come back from the keys, \
         and your posts from the peers that follow you; nothing was changed",
    )
}
