//! Whom my personas follow, for connections that were shown the book. No row leaves the device; the union of authors does,
//! and stands in the file.

use rusqlite::params;

use super::{Author, DbError, Read, Write};
use crate::domain::ids::PostingId;
use crate::domain::time::Timestamp;

/// A follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowRow {
    /// My persona.
    pub persona: PostingId,
    /// Who is followed.
    pub author: Author,
    /// Their public id.
    pub posting_id: PostingId,
    /// Since when.
    pub followed: Timestamp,
}

/// A persona that surfaces an author's posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follower {
    /// The persona.
    pub persona: Author,
    /// Since when: older posts start as read.
    pub followed: Timestamp,
}

impl Read<'_> {
    /// All follows, at most `limit`, in the order they were made.
    pub fn list_follows(&self, limit: u32) -> Result<Vec<FollowRow>, DbError> {
        self.list(
            "SELECT mine.posting_id, follows.author, theirs.posting_id, followed_ms FROM follows
             JOIN authors AS mine ON mine.author = follows.persona
             JOIN authors AS theirs ON theirs.author = follows.author
             ORDER BY followed_ms, theirs.posting_id LIMIT ?1",
            [limit],
            |row| {
                Ok(FollowRow {
                    persona: row.get(0)?,
                    author: row.get(1)?,
                    posting_id: row.get(2)?,
                    followed: row.get(3)?,
                })
            },
        )
    }

    /// The personas that follow an author, the default one first.
    pub fn list_followers(&self, author: Author) -> Result<Vec<Follower>, DbError> {
        self.list(
            "SELECT persona, followed_ms FROM follows JOIN personas ON personas.author = follows.persona
             WHERE follows.author = ?1 ORDER BY place",
            [author],
            |row| Ok(Follower { persona: row.get(0)?, followed: row.get(1)? }),
        )
    }

    /// Every author whose posts this node wants: followed ones and my own personas, by posting id. Also without the book.
    pub fn list_interest(&self, limit: usize) -> Result<Vec<(PostingId, Author)>, DbError> {
        self.list(
            "SELECT posting_id, author FROM authors WHERE class = 1 ORDER BY posting_id LIMIT ?1",
            [i64::try_from(limit).unwrap_or(i64::MAX)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// How many posts of an author are in the log.
    pub fn count_posts(&self, author: Author) -> Result<u64, DbError> {
        let count: i64 =
            self.get("SELECT post_count FROM authors WHERE author = ?1", [author], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }
}

impl Write<'_> {
    /// Follows, or renews the hint of an existing follow. The book has to be kept afterwards.
    pub fn insert_follow(
        &self,
        persona: Author,
        author: Author,
        name_hint: &str,
        now: Timestamp,
    ) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO follows (persona, author, name_hint, followed_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (persona, author) DO UPDATE SET name_hint = ?3 WHERE ?3 <> ''",
            params![persona, author, name_hint, now],
        )?;
        self.update_class(author)
    }

    /// Ends a follow of one persona, or of all; says how many there were. The book has to be kept afterwards.
    pub fn delete_follow(&self, persona: Option<Author>, author: Author) -> Result<usize, DbError> {
        let ended = self.execute(
            "DELETE FROM follows WHERE author = ?1 AND (?2 IS NULL OR persona = ?2)",
            params![author, persona],
        )?;
        self.update_class(author)?;
        Ok(ended)
    }
}
