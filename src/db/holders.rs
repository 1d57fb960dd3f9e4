//! Who holds what besides us: mutual seats per author, and rows of other peers per file.

use rusqlite::params;

use super::{DbError, Peer, Read, Write};
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::domain::time::Timestamp;
use crate::limits::FILE_HOLDERS;

/// A mutual seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthorSeat {
    /// Who.
    pub network_id: NetworkId,
    /// Whether we asked for it (1) or the peer did (0).
    pub is_chosen: u8,
    /// Whether it delivered valid news (1) or not yet (0).
    pub is_proven: u8,
    /// Since when.
    pub since: Timestamp,
}

/// Which way a file went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileDirection {
    /// The peer had it from us.
    Given,
    /// We had it from the peer.
    Taken,
}

pub(super) const LIST_FILE_HOLDERS: &str = "SELECT network_id FROM file_holders JOIN peers ON peer = peer_id
     WHERE file_id = ?1 ORDER BY last_interaction_ms DESC, peer_id LIMIT ?2";

pub(super) const LIST_SEATED_AUTHORS: &str =
    "SELECT posting_id FROM author_seats WHERE peer = ?1 ORDER BY posting_id LIMIT 1024";

impl Read<'_> {
    /// The seats of an author.
    pub fn list_seats(&self, author: PostingId) -> Result<Vec<AuthorSeat>, DbError> {
        self.list(
            "SELECT network_id, is_chosen, is_proven, since_ms FROM author_seats JOIN peers USING (peer)
             WHERE posting_id = ?1 ORDER BY since_ms, network_id",
            [author],
            |row| {
                Ok(AuthorSeat {
                    network_id: row.get(0)?,
                    is_chosen: row.get(1)?,
                    is_proven: row.get(2)?,
                    since: row.get(3)?,
                })
            },
        )
    }

    /// The authors of whom a peer has a seat.
    pub fn list_seated_authors(&self, peer: Peer) -> Result<Vec<PostingId>, DbError> {
        self.list(LIST_SEATED_AUTHORS, [peer], |row| row.get(0))
    }

    /// Peers with a row for a file, the one last dealt with first.
    pub fn list_file_holders(&self, file: ObjectId) -> Result<Vec<NetworkId>, DbError> {
        let limit = i64::try_from(FILE_HOLDERS).unwrap_or(i64::MAX);
        self.list(LIST_FILE_HOLDERS, params![file, limit], |row| row.get(0))
    }
}

impl Write<'_> {
    /// Keeps a seat, or what changed about it.
    pub fn replace_seat(&self, author: PostingId, peer: Peer, seat: &AuthorSeat) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO author_seats (posting_id, peer, is_chosen, is_proven, since_ms) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (posting_id, peer) DO UPDATE SET is_chosen = ?3, is_proven = ?4, since_ms = ?5",
            params![author, peer, seat.is_chosen, seat.is_proven, seat.since],
        )?;
        Ok(())
    }

    /// Forgets a seat.
    pub fn delete_seat(&self, author: PostingId, peer: Peer) -> Result<(), DbError> {
        self.execute("DELETE FROM author_seats WHERE posting_id = ?1 AND peer = ?2", params![author, peer])?;
        Ok(())
    }

    /// Notes a verified interaction with a peer on a file, and forgets the oldest rows above `most`.
    pub fn replace_file_holder(
        &self,
        file: ObjectId,
        peer: Peer,
        direction: FileDirection,
        now: Timestamp,
        most: usize,
    ) -> Result<(), DbError> {
        let taken = i64::from(direction == FileDirection::Taken);
        self.execute(
            "INSERT INTO file_holders (file_id, peer_id, last_interaction_ms, direction) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (file_id, peer_id) DO UPDATE SET last_interaction_ms = ?3, direction = ?4",
            params![file, peer, now, taken],
        )?;
        self.execute(
            "DELETE FROM file_holders WHERE file_id = ?1 AND peer_id NOT IN
             (SELECT peer_id FROM file_holders WHERE file_id = ?1
              ORDER BY last_interaction_ms DESC, peer_id LIMIT ?2)",
            params![file, i64::try_from(most.min(FILE_HOLDERS)).unwrap_or(i64::MAX)],
        )?;
        Ok(())
    }

    /// Forgets who holds a file: it is gone from here.
    pub fn delete_file_holders(&self, file: ObjectId) -> Result<(), DbError> {
        self.execute("DELETE FROM file_holders WHERE file_id = ?1", [file])?;
        Ok(())
    }
}
