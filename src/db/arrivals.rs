//! The arrival log: what came in, in the order this store took it in, numbered by the one writer inside the
//! inserting transaction. What is held back until its time comes has no number yet.

use rusqlite::params;

use super::{Author, DbError, ObjectKey, Read, Write};
use crate::domain::envelope::Kind;
use crate::domain::ids::ObjectId;
use crate::domain::log::Seq;
use crate::domain::time::Timestamp;
use crate::limits::UNCLEAN_JUMP;

/// An entry of the log as it is offered to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// Its number.
    pub seq: Seq,
    /// What arrived.
    pub object: ObjectKey,
}

pub(super) const LIST_ARRIVALS: &str =
    "SELECT seq, object FROM arrivals WHERE author = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4";

impl Read<'_> {
    /// The highest number ever given; numbers are never given twice.
    pub fn get_last_seq(&self) -> Result<Seq, DbError> {
        let last =
            self.find("SELECT seq FROM sqlite_sequence WHERE name = 'arrivals'", [], |row| row.get(0))?;
        Ok(last.unwrap_or_default())
    }

    /// The author's arrivals after `since`, up to and with `upto`, oldest first, at most `limit`.
    pub fn list_arrivals(
        &self,
        author: Author,
        since: Seq,
        upto: Seq,
        limit: usize,
    ) -> Result<Vec<Arrival>, DbError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.list(LIST_ARRIVALS, params![author, since, upto, limit], |row| {
            Ok(Arrival { seq: row.get(0)?, object: row.get(1)? })
        })
    }

    /// Id and bytes of an object, as an offer says them.
    pub fn get_offer(&self, object: ObjectKey) -> Result<(ObjectId, u32), DbError> {
        self.get("SELECT object_id, length(bytes) FROM objects WHERE object = ?1", [object], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    /// What is due by `now`, oldest first, at most `limit`.
    pub fn list_due(&self, now: Timestamp, limit: u32) -> Result<Vec<ObjectKey>, DbError> {
        self.list(
            "SELECT object FROM held WHERE due_ms <= ?1 ORDER BY due_ms LIMIT ?2",
            params![now, limit],
            |row| row.get(0),
        )
    }

    /// Whether an object is held back.
    pub fn is_held(&self, object: ObjectKey) -> Result<bool, DbError> {
        let held = self.find("SELECT 1 FROM held WHERE object = ?1", [object], |row| row.get::<_, i64>(0))?;
        Ok(held.is_some())
    }

    /// When the next held object is due.
    pub fn find_next_due(&self) -> Result<Option<Timestamp>, DbError> {
        self.get("SELECT min(due_ms) FROM held", [], |row| row.get(0))
    }

    /// How many objects of an author are held back.
    pub fn count_held(&self, author: Author) -> Result<u32, DbError> {
        self.get("SELECT count(*) FROM held WHERE author = ?1", [author], |row| row.get(0))
    }
}

impl Write<'_> {
    /// Gives an object the next number, and counts it for the author it stands under.
    pub fn insert_arrival(&self, author: Author, object: ObjectKey, kind: Kind) -> Result<(), DbError> {
        self.execute("INSERT INTO arrivals (author, object) VALUES (?1, ?2)", params![author, object])?;
        self.count_arrival(author, object, kind)
    }

    /// Takes an object out of the log: a newer version replaced it, or it makes room. Its bytes are still stored.
    pub fn delete_arrival(&self, object: ObjectKey) -> Result<(), DbError> {
        let author: Option<Author> =
            self.find("DELETE FROM arrivals WHERE object = ?1 RETURNING author", [object], |row| row.get(0))?;
        let Some(author) = author else { return Ok(()) };
        self.execute(
            "UPDATE authors SET post_count = post_count - 1 WHERE author = ?1
             AND (SELECT kind FROM objects WHERE object = ?2) = ?3",
            params![author, object, Kind::Post.code()],
        )?;
        self.change_bytes(author, self.size_of(object)?.saturating_neg())
    }

    /// Holds an object back until `due`.
    pub fn insert_held(&self, author: Author, object: ObjectKey, due: Timestamp) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO held (object, author, due_ms) VALUES (?1, ?2, ?3)",
            params![object, author, due],
        )?;
        self.change_bytes(author, self.size_of(object)?)
    }

    /// Releases a held object.
    pub fn delete_held(&self, object: ObjectKey) -> Result<(), DbError> {
        let author: Option<Author> =
            self.find("DELETE FROM held WHERE object = ?1 RETURNING author", [object], |row| row.get(0))?;
        match author {
            Some(author) => self.change_bytes(author, self.size_of(object)?.saturating_neg()),
            None => Ok(()),
        }
    }

    /// Skips [`UNCLEAN_JUMP`] numbers of both logs: after an unclean stop some that peers have seen may be lost with the last
    /// unsynced commits, and none may be given twice.
    pub fn jump_arrivals(&self) -> Result<(), DbError> {
        let jump = i64::try_from(UNCLEAN_JUMP).unwrap_or(i64::MAX);
        let changed =
            self.execute("UPDATE sqlite_sequence SET seq = seq + ?1 WHERE name = 'arrivals'", [jump])?;
        if changed == 0 {
            self.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('arrivals', ?1)", [jump])?;
        }
        self.jump_sealed()
    }
}
