//! The newest profile of every author, and whose profiles are missing. Most profiles stand in the log; those of people
//! who only comment are kept beside it.

use rusqlite::params;

use super::{Author, DbError, ObjectKey, Read, Write};
use crate::domain::envelope::Kind;
use crate::domain::ids::{ObjectId, PostingId};
use crate::limits::{COMMENTER_PROFILES, NAMELESS_AUTHORS};

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

pub(super) const FIND_PROFILE_ID: &str = "SELECT object_id FROM authors
     JOIN profiles ON profiles.author = authors.author JOIN objects ON objects.object = profiles.object
     WHERE posting_id = ?1";

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

    /// The id of the newest profile of a posting id.
    pub fn find_profile_id(&self, posting_id: PostingId) -> Result<Option<ObjectId>, DbError> {
        self.find(FIND_PROFILE_ID, [posting_id], |row| row.get(0))
    }

    /// People who commented here and have no profile here, the newest first.
    pub fn list_nameless(&self) -> Result<Vec<PostingId>, DbError> {
        self.list(
            "SELECT posting_id FROM nameless JOIN authors USING (author) ORDER BY nameless DESC LIMIT ?1",
            [NAMELESS_AUTHORS],
            |row| row.get(0),
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

    /// Notes that somebody who commented has no profile here, forgetting the oldest above [`NAMELESS_AUTHORS`].
    pub fn insert_nameless(&self, author: Author) -> Result<(), DbError> {
        self.execute("INSERT INTO nameless (author) VALUES (?1) ON CONFLICT (author) DO NOTHING", [author])?;
        self.execute(
            "DELETE FROM nameless WHERE nameless IN (SELECT nameless FROM nameless ORDER BY nameless
             LIMIT max(0, (SELECT count(*) FROM nameless) - ?1))",
            [NAMELESS_AUTHORS],
        )?;
        Ok(())
    }

    /// Somebody's profile is here now.
    pub fn delete_nameless(&self, author: Author) -> Result<(), DbError> {
        self.execute("DELETE FROM nameless WHERE author = ?1", [author])?;
        Ok(())
    }

    /// Keeps a stored profile beside the log, counted for its author; above [`COMMENTER_PROFILES`] the oldest go.
    pub fn insert_unlogged_profile(&self, author: Author, object: ObjectKey) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO unlogged_profiles (object, author) VALUES (?1, ?2)",
            params![object, author],
        )?;
        self.change_bytes(author, self.size_of(object)?)?;
        let above: Vec<ObjectKey> = self.list(
            "SELECT object FROM unlogged_profiles ORDER BY object
             LIMIT max(0, (SELECT count(*) FROM unlogged_profiles) - ?1)",
            [COMMENTER_PROFILES],
            |row| row.get(0),
        )?;
        for object in above {
            self.execute("DELETE FROM profiles WHERE object = ?1", [object])?;
            self.delete_object(object)?;
        }
        Ok(())
    }

    /// Lets a profile that is kept beside the log enter it: its author is read now.
    pub fn log_profile(&self, author: Author) -> Result<(), DbError> {
        let Some(current) = self.find_profile(author)? else { return Ok(()) };
        if self.delete_unlogged_profile(current.object)? {
            self.insert_arrival(author, current.object, Kind::Profile)?;
        }
        Ok(())
    }

    /// Takes a profile out of those beside the log; says whether it was there. Its bytes are still stored.
    pub(super) fn delete_unlogged_profile(&self, object: ObjectKey) -> Result<bool, DbError> {
        let author: Option<Author> =
            self.find("DELETE FROM unlogged_profiles WHERE object = ?1 RETURNING author", [object], |row| {
                row.get(0)
            })?;
        if let Some(author) = author {
            self.change_bytes(author, self.size_of(object)?.saturating_neg())?;
        }
        Ok(author.is_some())
    }
}
