//! Files of the person: those that become attachments, and those attachments are written into.

use std::sync::Arc;

use super::serve::Ended;
use super::shared::Shared;
use crate::api::{CallError, DraftSlot, ErrorKind, FileToAttach, Outcome, SaveTarget, SavedView};
use crate::db::blobs::BlobState;
use crate::domain::attachment::Attachment;
use crate::domain::envelope::Content;
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::post::Post;
use crate::limits::POST_ATTACHMENTS;
use crate::node::engine::{CallId, Input};
use crate::node::files::{self, FileError};
use crate::node::net::{BlobStoreError, Pinned};
use crate::node::store::store_error;

/// A post whose files are still to be read.
pub(super) struct Unprepared {
    pub(super) persona: Option<PostingId>,
    pub(super) text: String,
    pub(super) draft: Option<DraftSlot>,
    pub(super) files: Vec<FileToAttach>,
}

/// Reads and stores the files of a post, then hands it to the engine; or says why that cannot be done.
pub(super) async fn prepare(shared: Arc<Shared>, call: CallId, post: Unprepared) -> Ended {
    let Unprepared { persona, text, draft, files } = post;
    let input = match attach(&shared, files).await {
        Ok((attachments, pins)) => {
            shared.blobs.hold(call, pins);
            Input::PostPrepared { call, persona, text, draft, attachments }
        }
        Err(error) => Input::CallRefused { call, error },
    };
    shared.input(input).await;
    None
}

async fn attach(
    shared: &Shared,
    files: Vec<FileToAttach>,
) -> Result<(Vec<Attachment>, Vec<Pinned>), CallError> {
    if files.len() > POST_ATTACHMENTS {
        let message = format!("a post may have at most {POST_ATTACHMENTS} attachments");
        return Err(CallError::new(ErrorKind::Invalid, message, "make two posts"));
    }
    let mut read = Vec::new();
    for file in files {
        let reading = tokio::task::spawn_blocking(move || files::read_for_post(&file));
        read.push(reading.await.map_err(|_panicked| CallError::busy())??);
    }
    let store = shared.blobs.store().await.map_err(|error| unstorable(&error))?;
    let (mut attachments, mut pins) = (Vec::new(), Vec::new());
    for file in read {
        let size_bytes = u64::try_from(file.bytes.len()).unwrap_or(u64::MAX);
        let pin = store.add(file.bytes).await.map_err(|error| unstorable(&error))?;
        attachments.push(Attachment {
            blob: pin.hash(),
            size_bytes,
            media_type: file.media_type.to_owned(),
            name: file.name,
            alt: file.alt,
        });
        pins.push(pin);
    }
    Ok((attachments, pins))
}

/// Writes an attachment into a file.
pub(super) async fn save(
    shared: &Shared,
    post: ObjectId,
    position: u32,
    target: SaveTarget,
) -> Result<Outcome, CallError> {
    let found = shared.readers.read(move |read| {
        let Some(object) = read.find_object(post)? else { return Ok(None) };
        let blobs = read.list_blobs_of(object)?;
        let blob = usize::try_from(position).ok().and_then(|at| blobs.get(at).copied());
        let Some(blob) = blob else { return Ok(None) };
        let content = Post::decode(&read.get_envelope(object)?.bytes).ok();
        let named = content.and_then(|post| post.attachments().get(usize::try_from(position).ok()?).cloned());
        Ok(named.map(|named| (blob, named.name)))
    });
    let found = found.await.map_err(|error| store_error(&error))?;
    let (blob, name) = found.ok_or_else(|| {
        let hint = "`itsgoin thread ID` lists the attachments of a post";
        CallError::new(ErrorKind::NotFound, "there is no such attachment here", hint)
    })?;
    if !matches!(blob.state, BlobState::Complete | BlobState::Doubtful) {
        let hint = "fetch it first: `itsgoin blob get ID`, or `d` in the interface";
        return Err(CallError::new(ErrorKind::NotFound, "this attachment is not here yet", hint));
    }
    let store = shared.blobs.store().await.map_err(|error| unstorable(&error))?;
    let bytes = store.read(blob.hash).await.map_err(|error| unstorable(&error))?;
    let viewing = shared.blobs.viewing().to_owned();
    let writing = tokio::task::spawn_blocking(move || {
        let size_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let can_be_shown = files::can_be_shown(&bytes);
        let path = files::write(&bytes, &name, blob.hash, &target, &viewing)?;
        Ok::<_, FileError>(SavedView { path, size_bytes, can_be_shown })
    });
    let saved = writing.await.map_err(|_panicked| CallError::busy())??;
    shared.input(Input::BlobRead { blob: blob.key }).await;
    Ok(Outcome::Saved(saved))
}

fn unstorable(error: &BlobStoreError) -> CallError {
    let hint = "check the disk and the folder `blobs` of the data directory; nothing was changed";
    CallError::new(ErrorKind::Store, error.to_string(), hint)
}
