//! Authors whose logs have to be read again at a time: something of theirs came that had to wait, and there was no room for
//! it to do so. Their cursors go on meanwhile, so that what came after it is not held up.

use rusqlite::params;

use super::{Author, DbError, Read, Write};
use crate::domain::ids::PostingId;
use crate::domain::time::Timestamp;

impl Read<'_> {
    /// Whose logs are to be read again by `now`, at most `limit`.
    pub fn list_deferred(&self, now: Timestamp, limit: u32) -> Result<Vec<(Author, PostingId)>, DbError> {
        self.list(
            "SELECT author, posting_id FROM deferred JOIN authors USING (author)
             WHERE due_ms <= ?1 ORDER BY due_ms LIMIT ?2",
            params![now, limit],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// When an author's logs are to be read again, if they are.
    pub fn find_deferred(&self, author: Author) -> Result<Option<Timestamp>, DbError> {
        self.find("SELECT due_ms FROM deferred WHERE author = ?1", [author], |row| row.get(0))
    }

    /// When the next author's logs are to be read again.
    pub fn find_next_deferred(&self) -> Result<Option<Timestamp>, DbError> {
        self.get("SELECT min(due_ms) FROM deferred", [], |row| row.get(0))
    }
}

impl Write<'_> {
    /// Notes that an author's logs are to be read again at `due`, or earlier if that was noted before.
    pub fn insert_deferred(&self, author: Author, due: Timestamp) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO deferred (author, due_ms) VALUES (?1, ?2)
             ON CONFLICT (author) DO UPDATE SET due_ms = min(due_ms, ?2)",
            params![author, due],
        )?;
        Ok(())
    }

    /// They are being read again.
    pub fn delete_deferred(&self, author: Author) -> Result<(), DbError> {
        self.execute("DELETE FROM deferred WHERE author = ?1", [author])?;
        Ok(())
    }
}
