//! Operations in force on posts that are here, those that wait for their post, and their removal.

use rusqlite::params;

use super::{Author, DbError, ObjectKey, Read, Write};
use crate::domain::ids::ObjectId;
use crate::domain::operation::Action;
use crate::domain::time::Timestamp;
use crate::limits::{AUTHOR_OPERATIONS, STORED_OVERHEAD_BYTES};

/// What an operation does, as a number in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionCode {
    /// A reaction.
    React,
    /// A comment.
    Comment,
    /// A new text.
    Edit,
    /// A hidden operation.
    Hide,
    /// A deleted operation. Deleted posts leave no row.
    Tombstone,
    /// A comment policy.
    Policy,
}

impl ActionCode {
    const ALL: [Self; 6] =
        [Self::React, Self::Comment, Self::Edit, Self::Hide, Self::Tombstone, Self::Policy];

    const fn code(self) -> i64 {
        match self {
            Self::React => 1,
            Self::Comment => 2,
            Self::Edit => 3,
            Self::Hide => 4,
            Self::Tombstone => 5,
            Self::Policy => 6,
        }
    }
}

impl From<&Action> for ActionCode {
    fn from(action: &Action) -> Self {
        match action {
            Action::React { .. } => Self::React,
            Action::Comment(_) => Self::Comment,
            Action::Edit(_) => Self::Edit,
            Action::Hide => Self::Hide,
            Action::Tombstone => Self::Tombstone,
            Action::Policy(_) => Self::Policy,
        }
    }
}

/// An operation in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationRow {
    /// Its object.
    pub object: ObjectKey,
    /// Its id.
    pub operation_id: ObjectId,
    /// The post it changes.
    pub post: ObjectKey,
    /// The post's id, or that of the operation that is meant.
    pub target_id: ObjectId,
    /// Who signed it.
    pub author: Author,
    /// What it does.
    pub action: ActionCode,
}

/// Which operations are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// All but tombstones.
    Content,
    /// Tombstones.
    Tombstones,
}

impl Counted {
    /// How many of one author are kept on one post. Tombstones: as many as there can be to delete, and as many again
    /// for what is not here yet.
    #[must_use]
    pub const fn most(self) -> u32 {
        match self {
            Self::Content => AUTHOR_OPERATIONS,
            Self::Tombstones => AUTHOR_OPERATIONS.saturating_mul(2),
        }
    }
}

impl From<ActionCode> for Counted {
    fn from(action: ActionCode) -> Self {
        if action == ActionCode::Tombstone { Self::Tombstones } else { Self::Content }
    }
}

const COLUMNS: &str = "SELECT operations.object, object_id, post, target_id, operations.author, action
     FROM operations JOIN objects USING (object)";

fn operation_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<OperationRow> {
    let code: i64 = row.get(5)?;
    let action = ActionCode::ALL.into_iter().find(|action| action.code() == code);
    Ok(OperationRow {
        object: row.get(0)?,
        operation_id: row.get(1)?,
        post: row.get(2)?,
        target_id: row.get(3)?,
        author: row.get(4)?,
        action: action.ok_or(rusqlite::Error::IntegralValueOutOfRange(5, code))?,
    })
}

impl Read<'_> {
    /// The operation with this id, if it is in force.
    pub fn find_operation(&self, operation_id: ObjectId) -> Result<Option<OperationRow>, DbError> {
        self.find(&format!("{COLUMNS} WHERE object_id = ?1"), [operation_id], operation_row)
    }

    /// How many operations of an author are in force on a post.
    pub fn count_operations_by(
        &self,
        post: ObjectKey,
        author: Author,
        counted: Counted,
    ) -> Result<u32, DbError> {
        let tombstones = i64::from(counted == Counted::Tombstones);
        self.get(
            "SELECT count(*) FROM operations WHERE post = ?1 AND author = ?2 AND (action = 5) = ?3",
            params![post, author, tombstones],
            |row| row.get(0),
        )
    }

    /// The latest time an author claims in an operation on a post.
    pub fn find_last_operation_created(
        &self,
        post: ObjectKey,
        author: Author,
    ) -> Result<Option<Timestamp>, DbError> {
        self.get(
            "SELECT max(created_ms) FROM operations JOIN objects USING (object)
             WHERE post = ?1 AND operations.author = ?2",
            params![post, author],
            |row| row.get(0),
        )
    }

    /// The comments, reactions and edits on a post by people nobody here follows, oldest arrival first.
    pub fn list_oldest_of_strangers(
        &self,
        post: ObjectKey,
        post_author: Author,
        limit: u32,
    ) -> Result<Vec<OperationRow>, DbError> {
        let sql = format!(
            "{COLUMNS} WHERE post = ?1 AND action <= 3 AND operations.author <> ?2
             AND operations.author NOT IN (SELECT author FROM authors WHERE class = 1)
             ORDER BY operations.object LIMIT ?3"
        );
        self.list(&sql, params![post, post_author, limit], operation_row)
    }

    /// What waits for a post, at most `limit`, in the order it came.
    pub fn list_waiting(&self, post_id: ObjectId, limit: u32) -> Result<Vec<ObjectKey>, DbError> {
        self.list(
            "SELECT object FROM waiting WHERE post_id = ?1 ORDER BY object LIMIT ?2",
            params![post_id, limit],
            |row| row.get(0),
        )
    }

    /// What has waited since before `since`, at most `limit`.
    pub fn list_waiting_since(&self, since: Timestamp, limit: u32) -> Result<Vec<ObjectKey>, DbError> {
        self.list(
            "SELECT object FROM waiting WHERE received_ms < ?1 ORDER BY received_ms LIMIT ?2",
            params![since, limit],
            |row| row.get(0),
        )
    }

    /// How many operations wait for their posts.
    pub fn count_waiting(&self) -> Result<u32, DbError> {
        self.get("SELECT count(*) FROM waiting", [], |row| row.get(0))
    }

    /// Since when the oldest of them waits.
    pub fn find_oldest_waiting(&self) -> Result<Option<Timestamp>, DbError> {
        self.get("SELECT min(received_ms) FROM waiting", [], |row| row.get(0))
    }
}

impl Write<'_> {
    /// Puts an operation in force on a post, and counts it.
    pub fn insert_operation(
        &self,
        object: ObjectKey,
        post: ObjectKey,
        target_id: ObjectId,
        author: Author,
        action: ActionCode,
    ) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO operations (object, post, target_id, author, action) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![object, post, target_id, author, action.code()],
        )?;
        self.execute(
            "INSERT INTO headers (post, operation_count) VALUES (?1, 1)
             ON CONFLICT (post) DO UPDATE SET operation_count = operation_count + 1",
            [post],
        )?;
        Ok(())
    }

    /// Takes an operation out of force, out of the log and off the disk.
    pub fn delete_operation(&self, object: ObjectKey) -> Result<(), DbError> {
        self.execute(
            "UPDATE headers SET operation_count = operation_count - 1
             WHERE post = (SELECT post FROM operations WHERE object = ?1)",
            [object],
        )?;
        self.execute("DELETE FROM operations WHERE object = ?1", [object])?;
        self.delete_object(object)
    }

    /// Lets an operation wait for its post.
    pub fn insert_waiting(
        &self,
        object: ObjectKey,
        post_id: ObjectId,
        received: Timestamp,
    ) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO waiting (object, post_id, received_ms) VALUES (?1, ?2, ?3)",
            params![object, post_id, received],
        )?;
        Ok(())
    }

    /// Ends the wait of an operation.
    pub fn delete_waiting(&self, object: ObjectKey) -> Result<(), DbError> {
        self.execute("DELETE FROM waiting WHERE object = ?1", [object])?;
        Ok(())
    }

    /// Removes everything that stands around a post, in all tables; the ids are refused from now on.
    pub fn delete_header(&self, post: ObjectKey) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO refused (object_id) SELECT object_id FROM operations JOIN objects USING (object)
             WHERE post = ?1 ON CONFLICT (object_id) DO NOTHING",
            [post],
        )?;
        self.trim_refused()?;
        self.clear_header(post)
    }

    /// The same when the post makes room: the ids are asked for again when the post is.
    pub fn evict_header(&self, post: ObjectKey, author: Author) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO evicted (object_id, author) SELECT object_id, ?2 FROM operations JOIN objects USING (object)
             WHERE post = ?1 ON CONFLICT (object_id) DO NOTHING",
            params![post, author],
        )?;
        self.trim_evicted()?;
        self.clear_header(post)
    }

    fn clear_header(&self, post: ObjectKey) -> Result<(), DbError> {
        let taken: Vec<(Author, i64)> = self.list(
            "SELECT arrivals.author, sum(length(bytes) + ?2) FROM operations JOIN arrivals USING (object)
             JOIN objects USING (object) WHERE post = ?1 GROUP BY arrivals.author",
            params![post, STORED_OVERHEAD_BYTES],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        for (author, bytes) in taken {
            self.change_bytes(author, bytes.saturating_neg())?;
        }
        for of_operations in [
            "DELETE FROM arrivals WHERE object IN (SELECT object FROM operations WHERE post = ?1)",
            "DELETE FROM objects WHERE object IN (SELECT object FROM operations WHERE post = ?1)",
            "DELETE FROM operations WHERE post = ?1",
            "DELETE FROM comments WHERE post = ?1",
            "DELETE FROM reactions WHERE post = ?1",
            "DELETE FROM reaction_counts WHERE post = ?1",
            "DELETE FROM edits WHERE post = ?1",
            "DELETE FROM hides WHERE post = ?1",
            "DELETE FROM headers WHERE post = ?1",
        ] {
            self.execute(of_operations, [post])?;
        }
        Ok(())
    }
}
