//! Blobs that posts name: what is known of them, who names them, who may have them. The bytes are not here.
//!
//! This is the truth about them: what has no row here, or a state that claims nothing, is swept.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row, params};

use super::{Blob, DbError, ObjectKey, Read, Write};
use crate::domain::ids::{BlobHash, NetworkId, ObjectId, PostingId};
use crate::domain::time::Timestamp;
use crate::limits::BLOB_SOURCES;

/// What is here of a blob, and what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlobState {
    /// Nothing is here and nobody asked for it.
    Absent,
    /// It is to be fetched; a part may be here.
    Wanted,
    /// A part is here, and its transfer was cancelled.
    Partial,
    /// All of it is here.
    Complete,
    /// All of it should be here, but the program was cut off before that was sure.
    Doubtful,
    /// What is here is wrong: it is to be swept and fetched again.
    Damaged,
}

impl BlobState {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Absent, "absent"),
        (Self::Wanted, "wanted"),
        (Self::Partial, "partial"),
        (Self::Complete, "complete"),
        (Self::Doubtful, "doubtful"),
        (Self::Damaged, "damaged"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("absent", |(_, name)| name)
    }
}

impl ToSql for BlobState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.name()))
    }
}

impl FromSql for BlobState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        let known = Self::ALL.iter().find(|(_, known)| *known == name);
        known.map(|(state, _)| *state).ok_or(FromSqlError::InvalidType)
    }
}

/// A blob as the store knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its row.
    pub key: Blob,
    /// BLAKE3 of its bytes.
    pub hash: BlobHash,
    /// How many bytes it has, as its author says.
    pub size_bytes: u64,
    /// What is here of it.
    pub state: BlobState,
    /// How many bytes of it were here when it was last looked at.
    pub held_bytes: u64,
}

const COLUMNS: &str =
    "SELECT blobs.blob, blobs.hash, blobs.size_bytes, blobs.state, blobs.held_bytes FROM blobs";

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredBlob> {
    let (size, held): (i64, i64) = (row.get(2)?, row.get(4)?);
    Ok(StoredBlob {
        key: row.get(0)?,
        hash: row.get(1)?,
        size_bytes: size.unsigned_abs(),
        state: row.get(3)?,
        held_bytes: held.unsigned_abs(),
    })
}

fn count(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

pub(super) const FIND_SERVABLE: &str =
    "SELECT blobs.blob, blobs.hash, blobs.size_bytes, blobs.state, blobs.held_bytes FROM blobs
    CROSS JOIN blob_uses ON blob_uses.blob = blobs.blob
    CROSS JOIN arrivals ON arrivals.object = blob_uses.object
    WHERE blobs.hash = ?1 AND +blobs.state IN ('complete', 'doubtful') LIMIT 1";
pub(super) const LIST_WANTED: &str =
    "SELECT blobs.blob, blobs.hash, blobs.size_bytes, blobs.state, blobs.held_bytes
    FROM blobs WHERE state = 'wanted' AND blob > ?1 ORDER BY blob LIMIT ?2";
pub(super) const LIST_USED: &str =
    "SELECT blobs.blob, blobs.hash, blobs.size_bytes, blobs.state, blobs.held_bytes
    FROM blob_uses CROSS JOIN blobs ON blobs.blob = blob_uses.blob
    WHERE blob_uses.object = ?1 ORDER BY blob_uses.position";
pub(super) const LIST_PROTECTED: &str =
    "SELECT hash FROM blobs WHERE state IN ('wanted', 'partial', 'complete', 'doubtful')";
pub(super) const FIND_USED: &str =
    "SELECT object, position FROM blob_uses WHERE blob = ?1 ORDER BY object LIMIT 1";

impl Read<'_> {
    /// The blobs a post names, in its order.
    pub fn list_blobs_of(&self, object: ObjectKey) -> Result<Vec<StoredBlob>, DbError> {
        self.list(LIST_USED, [object], stored)
    }

    /// A blob by its row; `None` when no post names it any more.
    pub fn find_blob(&self, blob: Blob) -> Result<Option<StoredBlob>, DbError> {
        self.find(&format!("{COLUMNS} WHERE blob = ?1"), [blob], stored)
    }

    /// Every row of a hash: one per size that somebody claims for it.
    pub fn list_blobs_with(&self, hash: BlobHash) -> Result<Vec<StoredBlob>, DbError> {
        self.list(&format!("{COLUMNS} WHERE hash = ?1 LIMIT 64"), [hash], stored)
    }

    /// A blob a stranger may have: all of it is here, perhaps to be looked at first ([`BlobState::Doubtful`]), and a
    /// post names it that is served itself.
    pub fn find_servable_blob(&self, hash: BlobHash) -> Result<Option<StoredBlob>, DbError> {
        self.find(FIND_SERVABLE, [hash], stored)
    }

    /// Blobs to be fetched, from the row after `after` on, at most `limit`.
    pub fn list_wanted_blobs(&self, after: Option<Blob>, limit: usize) -> Result<Vec<StoredBlob>, DbError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let after = after.unwrap_or(Blob(0));
        self.list(LIST_WANTED, params![after, limit], stored)
    }

    /// Every hash whose bytes must stay.
    pub fn list_protected_blobs(&self) -> Result<Vec<BlobHash>, DbError> {
        self.list(LIST_PROTECTED, [], |row| row.get(0))
    }

    /// Blobs in a state, at most `limit`.
    pub fn list_blobs_in(&self, state: BlobState, limit: u32) -> Result<Vec<StoredBlob>, DbError> {
        self.list(
            &format!("{COLUMNS} WHERE state = ?1 ORDER BY blob LIMIT ?2"),
            params![state, limit],
            stored,
        )
    }

    /// Whether any blob is here or wanted.
    pub fn has_blobs(&self) -> Result<bool, DbError> {
        let found = self.find(&format!("{LIST_PROTECTED} LIMIT 1"), [], |row| row.get::<_, BlobHash>(0))?;
        Ok(found.is_some())
    }

    /// Nodes that may have a blob, those seen last first.
    pub fn list_blob_sources(&self, blob: Blob) -> Result<Vec<NetworkId>, DbError> {
        self.list(
            "SELECT network_id FROM blob_sources WHERE blob = ?1 ORDER BY seen_ms DESC, network_id",
            [blob],
            |row| row.get(0),
        )
    }

    /// Authors of posts that name a blob, a few.
    pub fn list_authors_naming(&self, blob: Blob) -> Result<Vec<PostingId>, DbError> {
        self.list(
            "SELECT DISTINCT posting_id FROM blob_uses JOIN objects USING (object) JOIN authors USING (author)
             WHERE blob = ?1 LIMIT 8",
            [blob],
            |row| row.get(0),
        )
    }

    /// Posts that name a blob, a few.
    pub fn list_posts_naming(&self, blob: Blob) -> Result<Vec<ObjectId>, DbError> {
        self.list(
            "SELECT object_id FROM blob_uses JOIN objects USING (object) WHERE blob = ?1 LIMIT 8",
            [blob],
            |row| row.get(0),
        )
    }

    /// A post that names a blob, and where in its list.
    pub fn find_blob_use(&self, blob: Blob) -> Result<Option<(ObjectKey, u32)>, DbError> {
        self.find(FIND_USED, [blob], |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

impl Write<'_> {
    /// Notes that a post names a blob. A new one begins in `state`, a known one stays as it is unless it only now
    /// becomes wanted or complete.
    pub fn insert_blob_use(
        &self,
        object: ObjectKey,
        position: u32,
        (hash, size_bytes): (BlobHash, u64),
        state: BlobState,
        now: Timestamp,
    ) -> Result<StoredBlob, DbError> {
        let held = if state == BlobState::Complete { size_bytes } else { 0 };
        self.execute(
            "INSERT INTO blobs (hash, size_bytes, state, held_bytes, used_ms, is_fresh) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (hash, size_bytes) DO NOTHING",
            params![hash, count(size_bytes), state, count(held), now, i64::from(state == BlobState::Complete)],
        )?;
        let sql = format!("{COLUMNS} WHERE hash = ?1 AND size_bytes = ?2");
        let mut blob = self.get(&sql, params![hash, count(size_bytes)], stored)?;
        match (blob.state, state) {
            (BlobState::Absent, BlobState::Wanted) => {
                self.update_blob(blob.key, BlobState::Wanted, blob.held_bytes)?;
                blob.state = BlobState::Wanted;
            }
            (known, BlobState::Complete) if known != BlobState::Complete => {
                self.complete_blob(blob.key, now)?;
                blob.state = BlobState::Complete;
            }
            _ => {}
        }
        self.execute(
            "INSERT INTO blob_uses (object, position, blob) VALUES (?1, ?2, ?3)
             ON CONFLICT (object, position) DO NOTHING",
            params![object, position, blob.key],
        )?;
        Ok(blob)
    }

    /// Changes what is here of a blob, or what is wanted.
    pub fn update_blob(&self, blob: Blob, state: BlobState, held_bytes: u64) -> Result<(), DbError> {
        self.execute(
            "UPDATE blobs SET state = ?2, held_bytes = ?3 WHERE blob = ?1",
            params![blob, state, count(held_bytes)],
        )?;
        Ok(())
    }

    /// All of a blob is here and on the disk.
    pub fn complete_blob(&self, blob: Blob, now: Timestamp) -> Result<(), DbError> {
        self.execute(
            "UPDATE blobs SET state = 'complete', held_bytes = size_bytes, used_ms = ?2, is_fresh = 1 WHERE blob = ?1",
            params![blob, now],
        )?;
        Ok(())
    }

    /// A blob was read by a person.
    pub fn update_blob_used(&self, blob: Blob, now: Timestamp) -> Result<(), DbError> {
        self.execute("UPDATE blobs SET used_ms = ?2 WHERE blob = ?1", params![blob, now])?;
        Ok(())
    }

    /// Remembers a node that had a post which names the blob; of more than [`BLOB_SOURCES`] those seen first go.
    pub fn insert_blob_source(
        &self,
        blob: Blob,
        network_id: NetworkId,
        now: Timestamp,
    ) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO blob_sources (blob, network_id, seen_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (blob, network_id) DO UPDATE SET seen_ms = ?3",
            params![blob, network_id, now],
        )?;
        self.execute(
            "DELETE FROM blob_sources WHERE blob = ?1 AND network_id NOT IN
                 (SELECT network_id FROM blob_sources WHERE blob = ?1 ORDER BY seen_ms DESC, network_id LIMIT ?2)",
            params![blob, BLOB_SOURCES],
        )?;
        Ok(())
    }

    /// Forgets what a post names: to be called in the transaction that deletes the post. Blobs nobody names any more
    /// lose their row, and with it their bytes at the next sweep; they are returned.
    pub fn delete_blob_uses(&self, object: ObjectKey) -> Result<Vec<BlobHash>, DbError> {
        let used: Vec<Blob> =
            self.list("DELETE FROM blob_uses WHERE object = ?1 RETURNING blob", [object], |row| row.get(0))?;
        let mut gone = Vec::new();
        for blob in used {
            let hash: Option<BlobHash> = self.find(
                "DELETE FROM blobs WHERE blob = ?1
                 AND NOT EXISTS (SELECT 1 FROM blob_uses WHERE blob_uses.blob = blobs.blob) RETURNING hash",
                [blob],
                |row| row.get(0),
            )?;
            if let Some(hash) = hash {
                self.execute("DELETE FROM blob_sources WHERE blob = ?1", [blob])?;
                gone.push(hash);
            }
        }
        Ok(gone)
    }

    /// After an unclean stop: what was completed in that run has to be looked at before it is trusted again.
    pub fn doubt_fresh_blobs(&self) -> Result<usize, DbError> {
        self.execute("UPDATE blobs SET state = 'doubtful' WHERE is_fresh = 1 AND state = 'complete'", [])
    }

    /// At an orderly stop: what is complete stays so.
    pub fn trust_fresh_blobs(&self) -> Result<(), DbError> {
        self.execute("UPDATE blobs SET is_fresh = 0 WHERE is_fresh = 1 AND state = 'complete'", [])?;
        Ok(())
    }

    /// A sweep took what was damaged: it is to be fetched again. Says how many there were.
    pub fn want_damaged_blobs(&self) -> Result<usize, DbError> {
        self.execute("UPDATE blobs SET state = 'wanted', held_bytes = 0 WHERE state = 'damaged'", [])
    }
}
