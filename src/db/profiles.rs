//! The newest profile of every author.

use rusqlite::params;

use super::{Author, DbError, ObjectKey, Read, Write};
use crate::domain::ids::ObjectId;

/// Which profile of an author is the newest one here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentProfile {
    /// Its sequence.
    pub sequence: u64,
    /// Its row.
    pub object: ObjectKey,
    /// Its id.
    pub object_id: ObjectId,
}

/// What an author is called, as an expression over the row number `author`: signed profile, own label, hint of an
/// invite, in this order. The one definition of a name.
pub(super) fn name_sql(author: &str) -> String {
    format!(
        "coalesce((SELECT name FROM profiles WHERE author = {author}),
                  (SELECT label FROM personas WHERE author = {author} AND label <> ''),
                  (SELECT name_hint FROM follows WHERE author = {author} AND name_hint <> '' LIMIT 1))"
    )
}

impl Read<'_> {
    /// The newest profile of an author.
    pub fn find_profile(&self, author: Author) -> Result<Option<CurrentProfile>, DbError> {
        self.find(
            "SELECT sequence, object, object_id FROM profiles JOIN objects USING (object)
             WHERE profiles.author = ?1",
            [author],
            |row| {
                let sequence: i64 = row.get(0)?;
                Ok(CurrentProfile {
                    sequence: sequence.unsigned_abs(),
                    object: row.get(1)?,
                    object_id: row.get(2)?,
                })
            },
        )
    }

    /// What an author is called: signed profile, own label, hint of an invite, in this order. Raw text.
    pub fn find_name(&self, author: Author) -> Result<Option<String>, DbError> {
        self.get(&format!("SELECT {}", name_sql("?1")), [author], |row| row.get(0))
    }
}

impl Write<'_> {
    /// Makes a profile the newest one of its author. The sequence is at most now + 15 min in milliseconds.
    pub fn replace_profile(
        &self,
        author: Author,
        sequence: u64,
        object: ObjectKey,
        name: &str,
    ) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO profiles (author, sequence, object, name) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (author) DO UPDATE SET sequence = ?2, object = ?3, name = ?4",
            params![author, i64::try_from(sequence).unwrap_or(i64::MAX), object, name],
        )?;
        Ok(())
    }
}
