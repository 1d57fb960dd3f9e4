//! The verbs about attachments, and the one that prints what happens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::args::{BlobVerb, Post, Which};
use super::error::CliError;
use super::output::Output;
use super::verbs::{Farewells, ended_by_itself, unexpected};
use crate::api::{
    AttachmentState, AttachmentView, CallError, Command, ErrorKind, Event, Existing, FileToAttach, Metadata,
    NodeHandle, Outcome, PostView, Query, SaveTarget, SavedView, TransferState, TransferView, View,
};
use crate::domain::ids::BlobHash;
use crate::domain::text::SafeText;

/// What `post --attach` names.
pub(super) fn files_of(post: &Post) -> Result<Vec<FileToAttach>, CliError> {
    if post.alt.len() > post.attach.len() {
        let message = "there are more descriptions than files";
        return Err(invalid(message, "every --alt belongs to one --attach, in this order"));
    }
    let metadata = if post.keep_metadata { Metadata::Keep } else { Metadata::Remove };
    let alts = post.alt.iter().cloned().map(Some).chain(std::iter::repeat(None));
    let file = |(path, alt): (&PathBuf, _)| Ok(FileToAttach { path: absolute(path)?, alt, metadata });
    post.attach.iter().zip(alts).map(file).collect()
}

/// A path as the node can use it, which stands in another folder.
fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    if path.to_str().is_none() {
        return Err(invalid(
            "the name of a file is not UTF-8",
            "rename it, or make a link with another name",
        ));
    }
    std::path::absolute(path).map_err(|source| CliError::Io { what: "the present folder", source })
}

fn invalid(message: &str, hint: &str) -> CliError {
    CallError::new(ErrorKind::Invalid, message, hint).into()
}

/// Runs a verb of `blob`.
pub(super) async fn blob(
    verb: BlobVerb,
    node: &NodeHandle,
    events: broadcast::Receiver<Event>,
    output: &Output,
) -> Result<(), CliError> {
    match verb {
        BlobVerb::Get { which, wait } => get(&which, Duration::from_secs(wait), node, events, output).await,
        BlobVerb::Save { which, to, force } => {
            let existing = if force { Existing::Goes } else { Existing::Stays };
            let target = match to {
                Some(path) => SaveTarget::File { path: absolute(&path)?, existing },
                None => SaveTarget::Folder { path: absolute(Path::new("."))? },
            };
            let command = Command::SaveBlob { post_id: which.post_id, position: position(&which), target };
            let Outcome::Saved(saved) = node.command(command).await? else { return Err(unexpected()) };
            output.one(&saved, |SavedView { path, .. }| {
                format!("saved {}", SafeText::line(&path.to_string_lossy()))
            })
        }
        BlobVerb::Cancel { which } => {
            let blob = hash_of(&which, node).await?;
            let cancelled = node.command(Command::CancelFetch { blob }).await?;
            let Outcome::Transfer(transfer) = cancelled else { return Err(unexpected()) };
            output.one(&transfer, plain_transfer)
        }
    }
}

const fn position(which: &Which) -> u32 {
    which.number.saturating_sub(1)
}

async fn hash_of(which: &Which, node: &NodeHandle) -> Result<BlobHash, CliError> {
    let query = Query::Thread { post_id: which.post_id, after: None, limit: 1 };
    let View::Thread(thread) = node.query(query).await? else {
        return Err(unexpected());
    };
    let at = usize::try_from(position(which)).unwrap_or(usize::MAX);
    thread.post.attachments.get(at).map(|attachment| attachment.blob).ok_or_else(|| {
        let count = thread.post.attachments.len();
        let message = format!("this post has {count} attachments");
        CallError::new(ErrorKind::NotFound, message, "`itsgoin thread ID` lists them").into()
    })
}

/// Asks for an attachment and waits until it is here, can not be had, or the time is up.
async fn get(
    which: &Which,
    wait: Duration,
    node: &NodeHandle,
    mut events: broadcast::Receiver<Event>,
    output: &Output,
) -> Result<(), CliError> {
    let mut transfer = ask(which, node).await?;
    let waiting = async {
        while matches!(transfer.state, TransferState::Waiting | TransferState::Running) {
            match events.recv().await {
                Ok(Event::Transfer(told)) if told.blob == transfer.blob => transfer = told,
                // What was missed may have been the end of it.
                Ok(Event::Missed) | Err(RecvError::Lagged(_)) => transfer = ask(which, node).await?,
                Ok(Event::Stopped) | Err(RecvError::Closed) => return Err(ended_by_itself()),
                Ok(_) => {}
            }
        }
        Ok(())
    };
    // An elapsed time leaves the transfer as it was told last.
    tokio::time::timeout(wait, waiting).await.unwrap_or(Ok(()))?;
    match transfer.state {
        TransferState::Complete => output.one(&transfer, plain_transfer),
        TransferState::Waiting | TransferState::Running => {
            let message = format!("{} of {} bytes came in time", transfer.done_bytes, transfer.size_bytes);
            let hint =
                "a running node goes on by itself as soon as somebody has it; `itsgoin watch` shows it";
            Err(CallError::new(ErrorKind::Offline, message, hint).into())
        }
        TransferState::Cancelled => Err(invalid("it was cancelled", "ask for it again")),
        TransferState::Failed => Err(CallError::new(
            ErrorKind::Store,
            "it can not be had as its author described it, or could not be stored",
            "itsgoin.log in the data directory may say why",
        )
        .into()),
    }
}

async fn ask(which: &Which, node: &NodeHandle) -> Result<TransferView, CliError> {
    let command = Command::FetchBlob { post_id: which.post_id, position: position(which) };
    match node.command(command).await? {
        Outcome::Transfer(transfer) => Ok(transfer),
        _ => Err(unexpected()),
    }
}

fn plain_transfer(transfer: &TransferView) -> String {
    let state = match transfer.state {
        TransferState::Waiting => "waits for somebody who has it",
        TransferState::Running => "is coming",
        TransferState::Complete => "is here",
        TransferState::Cancelled => "is not fetched any more",
        TransferState::Failed => "can not be had",
    };
    let name = if transfer.name.is_empty() { "(no name)" } else { transfer.name.as_str() };
    format!("{name} {state}: {} of {} bytes", transfer.done_bytes, transfer.size_bytes)
}

/// The attachments of a post, a line each.
pub(super) fn plain_attachments(post: &PostView) -> String {
    let line = |(number, attachment): (usize, &AttachmentView)| {
        let AttachmentView { name, media_type, size_bytes, alt, state, held_bytes, .. } = attachment;
        let name = if name.is_empty() { "(no name)" } else { name.as_str() };
        let state = match state {
            AttachmentState::Absent => "not here".to_owned(),
            AttachmentState::Wanted => format!("{held_bytes} bytes here, being fetched"),
            AttachmentState::Partial => format!("{held_bytes} bytes here"),
            AttachmentState::Complete => "here".to_owned(),
        };
        let alt = if alt.is_empty() { String::new() } else { format!(" · {alt}") };
        format!("  [{number}] {name} · {media_type} · {size_bytes} bytes · {state}{alt}\n")
    };
    (1..).zip(&post.attachments).map(line).collect()
}

/// Prints every event as a line of JSON until the person or the node ends it.
pub(super) async fn watch(mut events: broadcast::Receiver<Event>) -> Result<(), CliError> {
    let mut farewells = Farewells::listen()?;
    let script = Output::new(true);
    loop {
        tokio::select! {
            () = farewells.said() => return Ok(()),
            event = events.recv() => {
                let event = match event {
                    Ok(event) => event,
                    Err(RecvError::Lagged(_)) => Event::Missed,
                    Err(RecvError::Closed) => Event::Stopped,
                };
                script.one(&event, |_| String::new())?;
                if event == Event::Stopped {
                    return Err(ended_by_itself());
                }
            }
        }
    }
}
