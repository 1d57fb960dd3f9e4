//! The newest manifest of every author, and what an author's next one lists.

use rusqlite::params;

use super::{Author, DbError, ObjectKey, Read, Write};
use crate::domain::ids::ObjectId;
use crate::domain::time::Timestamp;

/// Which manifest of an author is the newest one here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentManifest {
    /// Its sequence.
    pub sequence: u64,
    /// Its row.
    pub object: ObjectKey,
    /// Its id.
    pub object_id: ObjectId,
    /// When it came in.
    pub received: Timestamp,
}

pub(super) const LIST_NEWEST_POSTS: &str = "SELECT object_id FROM
     (SELECT objects.object_id, objects.created_ms FROM arrivals JOIN objects USING (object)
      WHERE arrivals.author = ?1 AND objects.kind = 1 ORDER BY arrivals.seq DESC LIMIT ?2)
     ORDER BY created_ms DESC, object_id DESC";

pub(super) const LIST_REPLACED: &str =
    "SELECT object FROM replaced_manifests WHERE replaced_ms < ?1 ORDER BY replaced_ms LIMIT 4";

impl Read<'_> {
    /// The newest manifest of an author.
    pub fn find_manifest(&self, author: Author) -> Result<Option<CurrentManifest>, DbError> {
        self.find(
            "SELECT sequence, object, object_id, received_ms FROM manifests JOIN objects USING (object)
             WHERE manifests.author = ?1",
            [author],
            |row| {
                let sequence: i64 = row.get(0)?;
                Ok(CurrentManifest {
                    sequence: sequence.unsigned_abs(),
                    object: row.get(1)?,
                    object_id: row.get(2)?,
                    received: row.get(3)?,
                })
            },
        )
    }

    /// The author's posts that came in last, sorted by the time they claim, the newest first.
    pub fn list_newest_posts(&self, author: Author, limit: usize) -> Result<Vec<ObjectId>, DbError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.list(LIST_NEWEST_POSTS, params![author, limit], |row| row.get(0))
    }
}

impl Write<'_> {
    /// Makes a manifest the newest one of its author. The sequence is at most now + 15 min in milliseconds.
    pub fn replace_manifest(&self, author: Author, sequence: u64, object: ObjectKey) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO manifests (author, sequence, object) VALUES (?1, ?2, ?3)
             ON CONFLICT (author) DO UPDATE SET sequence = ?2, object = ?3",
            params![author, i64::try_from(sequence).unwrap_or(i64::MAX), object],
        )?;
        Ok(())
    }

    /// Notes that a newer manifest replaced this one.
    pub fn insert_replaced_manifest(&self, object: ObjectKey, now: Timestamp) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO replaced_manifests (object, replaced_ms) VALUES (?1, ?2)
             ON CONFLICT (object) DO NOTHING",
            params![object, now],
        )?;
        Ok(())
    }

    /// Drops the bytes of manifests replaced before a time, a few at once. Their ids stay, so that they are not asked
    /// for again.
    pub fn hollow_manifests(&self, before: Timestamp) -> Result<(), DbError> {
        let due: Vec<ObjectKey> = self.list(LIST_REPLACED, [before], |row| row.get(0))?;
        for object in due {
            self.execute(
                "UPDATE objects SET bytes = x'', signature = zeroblob(64) WHERE object = ?1",
                [object],
            )?;
            self.execute("DELETE FROM replaced_manifests WHERE object = ?1", [object])?;
        }
        Ok(())
    }
}
