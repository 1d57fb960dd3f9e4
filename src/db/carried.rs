//! Authors that are carried: kept for the nodes around, followed by nobody here.

use rusqlite::params;

use super::{Author, DbError, Peer, Read, Write};
use crate::domain::ids::PostingId;
use crate::domain::time::Timestamp;

/// An author that is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarriedRow {
    /// Who.
    pub posting_id: PostingId,
    /// On whose account: the node on whose list it stood when it was taken up.
    pub peer: Peer,
    /// Since when.
    pub taken: Timestamp,
    /// When a connected node last wanted it.
    pub wanted: Timestamp,
}

impl Read<'_> {
    /// Everybody carried, at most `limit`, by posting id.
    pub fn list_carried(&self, limit: usize) -> Result<Vec<CarriedRow>, DbError> {
        self.list(
            "SELECT posting_id, peer, taken_ms, wanted_ms FROM carried ORDER BY posting_id LIMIT ?1",
            [i64::try_from(limit).unwrap_or(i64::MAX)],
            |row| {
                Ok(CarriedRow {
                    posting_id: row.get(0)?,
                    peer: row.get(1)?,
                    taken: row.get(2)?,
                    wanted: row.get(3)?,
                })
            },
        )
    }

    /// Everybody carried with their row, if anything of theirs was ever stored; those carried for longest first.
    pub fn list_carried_authors(&self, limit: usize) -> Result<Vec<(PostingId, Option<Author>)>, DbError> {
        self.list(
            "SELECT posting_id, author FROM carried LEFT JOIN authors USING (posting_id)
             ORDER BY taken_ms, posting_id LIMIT ?1",
            [i64::try_from(limit).unwrap_or(i64::MAX)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }
}

impl Write<'_> {
    /// Takes an author up, or notes anew on whose account and when it was last wanted.
    pub fn replace_carried(&self, row: &CarriedRow) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO carried (posting_id, peer, taken_ms, wanted_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (posting_id) DO UPDATE SET peer = ?2, taken_ms = ?3, wanted_ms = ?4",
            params![row.posting_id, row.peer, row.taken, row.wanted],
        )?;
        Ok(())
    }

    /// Lets an author go. What is stored of it stays until its room is needed.
    pub fn delete_carried(&self, posting_id: PostingId) -> Result<(), DbError> {
        self.execute("DELETE FROM carried WHERE posting_id = ?1", [posting_id])?;
        Ok(())
    }
}
