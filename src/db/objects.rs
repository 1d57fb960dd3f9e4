//! Signed objects and the posting ids that signed them.

use rusqlite::{OptionalExtension, Row, params};

use super::{Author, DbError, ObjectKey, Read, Write};
use crate::domain::envelope::{Envelope, Kind};
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::time::Timestamp;
use crate::limits::REFUSED_OBJECTS;

/// A stored object without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its row.
    pub key: ObjectKey,
    /// BLAKE3 of its bytes.
    pub object_id: ObjectId,
    /// What it is.
    pub kind: Kind,
    /// Who signed it.
    pub author: Author,
    /// The time it claims.
    pub created: Timestamp,
    /// When it came in.
    pub received: Timestamp,
}

/// Whether an id needs to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Have {
    /// Neither stored nor refused nor deleted.
    Missing,
    /// Stored, perhaps held back.
    Stored,
    /// Refused for good, or until there is more room for it.
    Refused,
}

impl Read<'_> {
    /// The row of a posting id, if it was ever seen.
    pub fn find_author(&self, posting_id: PostingId) -> Result<Option<Author>, DbError> {
        self.find("SELECT author FROM authors WHERE posting_id = ?1", [posting_id], |row| row.get(0))
    }

    /// The posting id of a row.
    pub fn get_posting_id(&self, author: Author) -> Result<PostingId, DbError> {
        self.find("SELECT posting_id FROM authors WHERE author = ?1", [author], |row| row.get(0))?
            .ok_or(DbError::MissingRow { table: "authors" })
    }

    /// Whether an id is stored or refused.
    pub fn have(&self, object_id: ObjectId) -> Result<Have, DbError> {
        if self.find_object(object_id)?.is_some() {
            return Ok(Have::Stored);
        }
        if self.is_sealed(object_id)? {
            return Ok(Have::Stored);
        }
        let refused = self.find(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM refused WHERE object_id = ?1)
                OR EXISTS (SELECT 1 FROM evicted WHERE object_id = ?1)
                OR EXISTS (SELECT 1 FROM tombstones WHERE target_id = ?1 AND is_met = 1)",
            [object_id],
            |row| row.get::<_, i64>(0),
        )?;
        Ok(if refused.is_some() { Have::Refused } else { Have::Missing })
    }

    /// The row of an object.
    pub fn find_object(&self, object_id: ObjectId) -> Result<Option<ObjectKey>, DbError> {
        self.find("SELECT object FROM objects WHERE object_id = ?1", [object_id], |row| row.get(0))
    }

    /// An object's facts by its row.
    pub fn get_object(&self, key: ObjectKey) -> Result<StoredObject, DbError> {
        let (kind, mut object) = self
            .find(
                "SELECT kind, object_id, author, created_ms, received_ms FROM objects WHERE object = ?1",
                [key],
                |row| {
                    let object = StoredObject {
                        key,
                        object_id: row.get(1)?,
                        kind: Kind::Post,
                        author: row.get(2)?,
                        created: row.get(3)?,
                        received: row.get(4)?,
                    };
                    Ok((row.get(0)?, object))
                },
            )?
            .ok_or(DbError::MissingRow { table: "objects" })?;
        object.kind = Kind::from_code(kind).ok_or(DbError::DamagedRow { table: "objects" })?;
        Ok(object)
    }

    /// The bytes and signature of an object that is in the log; what is held back is nobody's business yet, and
    /// of a manifest that was replaced only the id is left.
    pub fn find_servable(&self, object_id: ObjectId) -> Result<Option<Envelope>, DbError> {
        let found = self.find(
            "SELECT kind, bytes, signature FROM objects
             WHERE object_id = ?1 AND length(bytes) > 0 AND object NOT IN (SELECT object FROM held)
             AND object NOT IN (SELECT object FROM waiting)",
            [object_id],
            envelope,
        )?;
        match found {
            Some(envelope) => envelope.map(Some),
            None => self.find_sealed(object_id),
        }
    }

    /// The bytes and signature of an object by its row.
    pub fn get_envelope(&self, key: ObjectKey) -> Result<Envelope, DbError> {
        self.find("SELECT kind, bytes, signature FROM objects WHERE object = ?1", [key], envelope)?
            .ok_or(DbError::MissingRow { table: "objects" })?
    }

    /// The newest time an author claims in a stored object of a kind.
    pub fn find_last_created(&self, author: Author, kind: Kind) -> Result<Option<Timestamp>, DbError> {
        self.find(
            "SELECT objects.created_ms FROM arrivals JOIN objects USING (object)
             WHERE arrivals.author = ?1 AND objects.kind = ?2 ORDER BY arrivals.seq DESC LIMIT 1",
            params![author, kind.code()],
            |row| row.get(0),
        )
    }
}

impl Write<'_> {
    /// The row of a posting id, made if needed.
    pub fn intern_author(&self, posting_id: PostingId) -> Result<Author, DbError> {
        if let Some(author) = self.find_author(posting_id)? {
            return Ok(author);
        }
        self.execute("INSERT INTO authors (posting_id) VALUES (?1)", [posting_id])?;
        Ok(Author(self.0.0.last_insert_rowid()))
    }

    /// Stores a verified object; `None` when it is there already.
    pub fn insert_object(
        &self,
        object_id: ObjectId,
        envelope: &Envelope,
        author: Author,
        created: Timestamp,
        received: Timestamp,
    ) -> Result<Option<ObjectKey>, DbError> {
        let mut insert = self.statement(
            "INSERT INTO objects (object_id, kind, author, created_ms, received_ms, bytes, signature)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (object_id) DO NOTHING RETURNING object",
        )?;
        let key = insert
            .query_row(
                params![
                    object_id,
                    envelope.kind.code(),
                    author,
                    created,
                    received,
                    envelope.bytes,
                    envelope.signature
                ],
                |row| row.get(0),
            )
            .optional()?;
        Ok(key)
    }

    /// Takes an object out of the log and off the disk. What else names it is the caller's.
    pub fn delete_object(&self, key: ObjectKey) -> Result<(), DbError> {
        self.delete_arrival(key)?;
        self.delete_unlogged_profile(key)?;
        self.delete_blob_uses(key)?;
        self.execute("DELETE FROM unplaced WHERE object = ?1", [key])?;
        self.execute("DELETE FROM objects WHERE object = ?1", [key])?;
        Ok(())
    }

    /// Sets when an object counts as received: the moment it was due, for one that was held back.
    pub fn update_received(&self, key: ObjectKey, received: Timestamp) -> Result<(), DbError> {
        self.execute("UPDATE objects SET received_ms = ?2 WHERE object = ?1", params![key, received])?;
        Ok(())
    }

    /// Remembers that an id is refused for good, forgetting the oldest above [`REFUSED_OBJECTS`].
    pub fn insert_refused(&self, object_id: ObjectId) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO refused (object_id) VALUES (?1) ON CONFLICT (object_id) DO NOTHING",
            [object_id],
        )?;
        self.trim_refused()
    }

    pub(super) fn trim_refused(&self) -> Result<(), DbError> {
        self.execute(
            "DELETE FROM refused WHERE refused <= (SELECT max(refused) FROM refused) - ?1",
            [REFUSED_OBJECTS],
        )?;
        Ok(())
    }
}

fn envelope(row: &Row<'_>) -> rusqlite::Result<Result<Envelope, DbError>> {
    let (code, bytes, signature) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(match Kind::from_code(code) {
        Some(kind) => Ok(Envelope { kind, bytes, signature }),
        None => Err(DbError::DamagedRow { table: "objects" }),
    })
}
