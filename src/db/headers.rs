//! What stands around a post besides comments and reactions: its counts, edits, hidden operations, policy, and the
//! deletions that outlive it.

use rusqlite::params;

use super::{Author, DbError, ObjectKey, Read, Write};
use crate::domain::ids::ObjectId;
use crate::domain::time::Timestamp;

/// What a feed shows of a post's header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderRow {
    /// Operations in force.
    pub operation_count: u64,
    /// Comments that are shown.
    pub comment_count: u64,
    /// Those of them that were not read.
    pub unread_count: u64,
    /// The policy that holds.
    pub policy: Option<ObjectKey>,
}

/// A new text of a post or comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EditRow {
    /// Of what.
    pub target_id: ObjectId,
    /// By whom.
    pub author: Author,
    /// The time it claims.
    pub created: Timestamp,
    /// Its id.
    pub operation_id: ObjectId,
    /// The post it belongs to.
    pub post: ObjectKey,
    /// Its object.
    pub object: ObjectKey,
}

/// Whether the target of a tombstone was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// It was, and it was the author's: it is never asked for again.
    Yes,
    /// Not yet.
    NotYet,
}

impl Read<'_> {
    /// What is kept about a post's header.
    pub fn find_header(&self, post: ObjectKey) -> Result<HeaderRow, DbError> {
        let row = self.find(
            "SELECT operation_count, comment_count, unread_count, policy FROM headers
             WHERE post = ?1",
            [post],
            |row| {
                let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
                Ok(HeaderRow {
                    operation_count: count(0)?,
                    comment_count: count(1)?,
                    unread_count: count(2)?,
                    policy: row.get(3)?,
                })
            },
        )?;
        Ok(row.unwrap_or_default())
    }

    /// The edits of a target by an author, the last one first.
    pub fn list_edits(&self, target_id: ObjectId, author: Author) -> Result<Vec<ObjectKey>, DbError> {
        self.list(
            "SELECT object FROM edits WHERE target_id = ?1 AND author = ?2
             ORDER BY created_ms DESC, operation_id DESC",
            params![target_id, author],
            |row| row.get(0),
        )
    }

    /// Whether an operation is hidden.
    pub fn is_hidden(&self, operation_id: ObjectId) -> Result<bool, DbError> {
        let hidden = self
            .find("SELECT 1 FROM hides WHERE target_id = ?1", [operation_id], |row| row.get::<_, i64>(0))?;
        Ok(hidden.is_some())
    }

    /// Whether this author deleted this post or operation.
    pub fn is_deleted(&self, target_id: ObjectId, author: Author) -> Result<bool, DbError> {
        let found = self.find(
            "SELECT 1 FROM tombstones WHERE target_id = ?1 AND author = ?2",
            params![target_id, author],
            |row| row.get::<_, i64>(0),
        )?;
        Ok(found.is_some())
    }

    /// How many tombstones of an author are here for what is not.
    pub fn count_unmet_tombstones(&self, author: Author) -> Result<u32, DbError> {
        self.get("SELECT count(*) FROM tombstones WHERE author = ?1 AND is_met = 0", [author], |row| {
            row.get(0)
        })
    }
}

impl Write<'_> {
    /// Adds an edit to those of its target.
    pub fn insert_edit(&self, edit: &EditRow) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO edits (target_id, author, created_ms, operation_id, post, object)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![edit.target_id, edit.author, edit.created, edit.operation_id, edit.post, edit.object],
        )?;
        Ok(())
    }

    /// Forgets an edit.
    pub fn delete_edit(&self, operation_id: ObjectId) -> Result<(), DbError> {
        self.execute("DELETE FROM edits WHERE operation_id = ?1", [operation_id])?;
        Ok(())
    }

    /// Sets the edit whose text a post shows: the last one of its author.
    pub fn update_post_edit(
        &self,
        post: ObjectKey,
        post_id: ObjectId,
        author: Author,
    ) -> Result<(), DbError> {
        let last = self.list_edits(post_id, author)?.first().copied();
        self.execute("UPDATE headers SET edit = ?2 WHERE post = ?1", params![post, last])?;
        Ok(())
    }

    /// Notes that a post's author hid an operation.
    pub fn insert_hide(&self, target_id: ObjectId, post: ObjectKey) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO hides (target_id, post) VALUES (?1, ?2) ON CONFLICT (target_id) DO NOTHING",
            params![target_id, post],
        )?;
        Ok(())
    }

    /// Sets the policy that holds for a post.
    pub fn update_policy(&self, post: ObjectKey, policy: ObjectKey) -> Result<(), DbError> {
        self.execute("UPDATE headers SET policy = ?2 WHERE post = ?1", params![post, policy])?;
        Ok(())
    }

    /// Notes a deletion; a second one of the same target changes nothing.
    pub fn insert_tombstone(
        &self,
        target_id: ObjectId,
        author: Author,
        object: ObjectKey,
        met: Met,
    ) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO tombstones (target_id, author, object, is_met) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (target_id, author) DO UPDATE SET is_met = max(is_met, ?4)",
            params![target_id, author, object, met == Met::Yes],
        )?;
        Ok(())
    }

    /// Notes that the target of a tombstone was seen and is its author's.
    pub fn update_tombstone_met(&self, target_id: ObjectId, author: Author) -> Result<(), DbError> {
        self.execute(
            "UPDATE tombstones SET is_met = 1 WHERE target_id = ?1 AND author = ?2",
            params![target_id, author],
        )?;
        Ok(())
    }
}
