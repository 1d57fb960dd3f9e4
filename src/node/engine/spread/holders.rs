//! Who holds a file besides us: the author's seats, and rows of others that a verified interaction on the file made.
//! Together at most [`FILE_HOLDERS`]; without seats all of them are rows.

use crate::db::DbError;
use crate::db::holders::FileDirection;
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::limits::FILE_HOLDERS;
use crate::node::engine::{ConnectionId, Engine, Step};

/// Files of one answer or page for which rows are written: what is older is found by its author's seats.
const NOTED_FILES: usize = 10;

impl Engine {
    /// A peer gave us these files.
    pub(in crate::node::engine) fn note_taken(
        &self,
        step: &Step<'_, '_>,
        peer: NetworkId,
        files: &[ObjectId],
    ) -> Result<(), DbError> {
        self.note_files(step, peer, files, FileDirection::Taken)
    }

    /// A peer was told of a change around a file.
    pub(super) fn note_given(
        &self,
        step: &Step<'_, '_>,
        peer: NetworkId,
        file: ObjectId,
    ) -> Result<(), DbError> {
        self.note_files(step, peer, &[file], FileDirection::Given)
    }

    /// A peer had these files from us.
    pub(in crate::node::engine) fn files_served(
        &self,
        step: &Step<'_, '_>,
        id: ConnectionId,
        files: &[ObjectId],
    ) -> Result<(), DbError> {
        let Some(peer) = self.connections.get(&id).map(|connection| connection.peer) else { return Ok(()) };
        self.note_files(step, peer, files, FileDirection::Given)
    }

    fn note_files(
        &self,
        step: &Step<'_, '_>,
        peer: NetworkId,
        files: &[ObjectId],
        direction: FileDirection,
    ) -> Result<(), DbError> {
        let Some(row) = step.store.find_peer(peer)? else { return Ok(()) };
        for file in files.iter().rev().take(NOTED_FILES) {
            let Some(author) = author_of(step, *file)? else { continue };
            let seats: Vec<NetworkId> = self.spread.seats(author).collect();
            if !seats.contains(&peer) {
                let most = FILE_HOLDERS.saturating_sub(seats.len()).max(1);
                step.store.replace_file_holder(*file, row, direction, step.now, most)?;
            }
        }
        Ok(())
    }
}

/// The author of a stored post.
fn author_of(step: &Step<'_, '_>, file: ObjectId) -> Result<Option<PostingId>, DbError> {
    let Some(key) = step.store.find_object(file)? else { return Ok(None) };
    let object = step.store.get_object(key)?;
    if object.kind != crate::domain::envelope::Kind::Post {
        return Ok(None);
    }
    step.store.get_posting_id(object.author).map(Some)
}
