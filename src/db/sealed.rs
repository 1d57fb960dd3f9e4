//! The pool of sealed posts: kept, served and let go all alike, with a log of its own. Nothing in these tables says
//! which of them are ours; there is no such thing to this layer.

use rusqlite::{Row, params};

use super::introducers::Introducer;
use super::space::Class;
use super::{DbError, Peer, Read, Write};
use crate::domain::envelope::{Envelope, Kind};
use crate::domain::ids::{ObjectId, RecipientTag};
use crate::domain::log::Seq;
use crate::domain::sealed::{SLOTS, Sealed};
use crate::limits::{STORED_OVERHEAD_BYTES, UNCLEAN_JUMP};

/// An entry of the log of sealed posts, as it is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedArrival {
    /// Its number.
    pub seq: Seq,
    /// Its id.
    pub object_id: ObjectId,
    /// Bytes of its signed part.
    pub size: u32,
}

const LAST_SEALED: &str = "SELECT seq FROM sqlite_sequence WHERE name = 'sealed_log'";
pub(super) const LIST_SEALED: &str =
    "SELECT seq, object_id, size FROM sealed_log WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3";
pub(super) const LIST_SEALED_TAGS: &str =
    "SELECT seq, object_id, size, tags FROM sealed_log WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3";
pub(super) const LIST_SEALED_FOR: &str =
    "SELECT seq, object_id, size FROM sealed_tags CROSS JOIN sealed_log USING (seq)
     WHERE tag = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4";
pub(super) const EXPIRED_SEALED: &str =
    "SELECT seq, object_id FROM sealed_log WHERE day < ?1 ORDER BY day LIMIT ?2";

fn arrival(row: &Row<'_>) -> rusqlite::Result<SealedArrival> {
    Ok(SealedArrival { seq: row.get(0)?, object_id: row.get(1)?, size: row.get(2)? })
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl Read<'_> {
    /// The highest number ever given to a sealed post.
    pub fn get_last_sealed_seq(&self) -> Result<Seq, DbError> {
        let last = self.find(LAST_SEALED, [], |row| row.get(0))?;
        Ok(last.unwrap_or_default())
    }

    /// How often that was asked over this connection.
    #[cfg(test)]
    pub fn count_last_sealed_reads(&self) -> Result<i32, DbError> {
        Ok(self.statement(LAST_SEALED)?.get_status(rusqlite::StatementStatus::Run))
    }

    /// Sealed posts after `since`, up to and with `upto`, oldest first, at most `limit`.
    pub fn list_sealed(&self, since: Seq, upto: Seq, limit: usize) -> Result<Vec<SealedArrival>, DbError> {
        self.list(LIST_SEALED, params![since, upto, count(limit)], arrival)
    }

    /// The same with their tags.
    pub fn list_sealed_with_tags(
        &self,
        since: Seq,
        upto: Seq,
        limit: usize,
    ) -> Result<Vec<(SealedArrival, [RecipientTag; SLOTS])>, DbError> {
        let rows = self.list(LIST_SEALED_TAGS, params![since, upto, count(limit)], |row| {
            Ok((arrival(row)?, row.get::<_, [u8; 32 * SLOTS]>(3)?))
        })?;
        let tags = |bytes: [u8; 32 * SLOTS]| {
            let mut tags = [RecipientTag::from_bytes([0; 32]); SLOTS];
            for (tag, bytes) in tags.iter_mut().zip(bytes.as_chunks::<32>().0) {
                *tag = RecipientTag::from_bytes(*bytes);
            }
            tags
        };
        Ok(rows.into_iter().map(|(arrival, bytes)| (arrival, tags(bytes))).collect())
    }

    /// Sealed posts with exactly this tag.
    pub fn list_sealed_for(
        &self,
        tag: RecipientTag,
        since: Seq,
        upto: Seq,
        limit: usize,
    ) -> Result<Vec<SealedArrival>, DbError> {
        self.list(LIST_SEALED_FOR, params![tag, since, upto, count(limit)], arrival)
    }

    /// Whether a sealed post is here.
    pub(super) fn is_sealed(self, object_id: ObjectId) -> Result<bool, DbError> {
        self.get("SELECT EXISTS (SELECT 1 FROM sealed_log WHERE object_id = ?1)", [object_id], |row| {
            row.get(0)
        })
    }

    /// The bytes and signature of a sealed post.
    pub(super) fn find_sealed(self, object_id: ObjectId) -> Result<Option<Envelope>, DbError> {
        self.find(
            "SELECT bytes, signature FROM sealed_log JOIN sealed_posts USING (seq) WHERE object_id = ?1",
            [object_id],
            |row| Ok(Envelope { kind: Kind::Sealed, bytes: row.get(0)?, signature: row.get(1)? }),
        )
    }

    /// Sealed posts made before this day, at most `limit`.
    pub fn list_expired_sealed(&self, day: u32, limit: u32) -> Result<Vec<(Seq, ObjectId)>, DbError> {
        self.list(EXPIRED_SEALED, params![day, limit], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Bytes of the signed parts of the posts that came last, at most `limit`.
    pub fn list_newest_sealed_sizes(&self, limit: u32) -> Result<Vec<u32>, DbError> {
        self.list("SELECT size FROM sealed_log ORDER BY seq DESC LIMIT ?1", [limit], |row| row.get(0))
    }

    /// How far a peer's log of sealed posts was read.
    pub fn get_sealed_cursor(&self, peer: Peer) -> Result<Seq, DbError> {
        let since =
            self.find("SELECT since FROM sealed_cursors WHERE peer = ?1", [peer], |row| row.get(0))?;
        Ok(since.unwrap_or_default())
    }
}

impl Write<'_> {
    /// Takes a sealed post in, on the account of whoever brought it, under the next number, which is returned. It must not be
    /// here.
    pub fn insert_sealed(
        &self,
        object_id: ObjectId,
        sealed: &Sealed,
        envelope: &Envelope,
        introducer: &Introducer,
    ) -> Result<Seq, DbError> {
        let taken = count(envelope.bytes.len()).saturating_add(STORED_OVERHEAD_BYTES);
        let (node, prefix) = self.count_introduced(introducer, taken)?;
        let tags: Vec<u8> = sealed.tags().iter().flat_map(|tag| *tag.as_bytes()).collect();
        let seq: Seq = self.get(
            "INSERT INTO sealed_log (object_id, day, size, tags, node, prefix)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING seq",
            params![object_id, sealed.day(), count(envelope.bytes.len()), tags, node, prefix],
            |row| row.get(0),
        )?;
        self.execute(
            "INSERT INTO sealed_posts (seq, bytes, signature) VALUES (?1, ?2, ?3)",
            params![seq, envelope.bytes, envelope.signature],
        )?;
        for tag in sealed.tags() {
            self.execute("INSERT INTO sealed_tags (tag, seq) VALUES (?1, ?2)", params![tag, seq])?;
        }
        self.change_class_bytes(Class::Pool, taken)?;
        Ok(seq)
    }

    /// Removes a sealed post.
    pub fn delete_sealed(&self, seq: Seq) -> Result<(), DbError> {
        let removed: Option<(i64, [u8; 32 * SLOTS], (i64, i64))> = self.find(
            "DELETE FROM sealed_log WHERE seq = ?1 RETURNING size, tags, node, prefix",
            [seq],
            |row| Ok((row.get(0)?, row.get(1)?, (row.get(2)?, row.get(3)?))),
        )?;
        let Some((size, tags, brought_by)) = removed else { return Ok(()) };
        let taken = size.saturating_add(STORED_OVERHEAD_BYTES);
        self.uncount_introduced(brought_by, taken)?;
        self.execute("DELETE FROM sealed_posts WHERE seq = ?1", [seq])?;
        for tag in tags.as_chunks::<32>().0 {
            self.execute("DELETE FROM sealed_tags WHERE tag = ?1 AND seq = ?2", params![tag, seq])?;
        }
        self.change_class_bytes(Class::Pool, taken.saturating_neg())
    }

    /// Sets how far a peer's log of sealed posts was read, unless something else set it meanwhile.
    pub fn move_sealed_cursor(&self, peer: Peer, since: Seq, upto: Seq) -> Result<(), DbError> {
        if self.get_sealed_cursor(peer)? == since {
            self.execute(
                "INSERT INTO sealed_cursors (peer, since) VALUES (?1, ?2)
                 ON CONFLICT (peer) DO UPDATE SET since = ?2",
                params![peer, upto],
            )?;
        }
        Ok(())
    }

    /// Notes that a peer's log of sealed posts is read from the start on this day, or earlier if that was noted before.
    pub fn note_sealed_ahead(&self, peer: Peer, day: u32) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO sealed_cursors (peer, since, again_day) VALUES (?1, 0, ?2)
             ON CONFLICT (peer) DO UPDATE SET again_day = min(coalesce(again_day, ?2), ?2)",
            params![peer, day],
        )?;
        Ok(())
    }

    /// Forgets how far a peer's sealed posts were read, if by this day they are to be read from the start.
    pub fn forget_sealed_cursor_due(&self, peer: Peer, today: u32) -> Result<(), DbError> {
        self.execute("DELETE FROM sealed_cursors WHERE peer = ?1 AND again_day <= ?2", params![peer, today])?;
        Ok(())
    }

    /// Forgets how far every peer's sealed posts were read: there is more room for them.
    pub fn delete_sealed_cursors(&self) -> Result<(), DbError> {
        self.execute("DELETE FROM sealed_cursors", [])?;
        Ok(())
    }

    /// The same as for the arrival log after an unclean stop.
    pub(super) fn jump_sealed(&self) -> Result<(), DbError> {
        let jump = i64::try_from(UNCLEAN_JUMP).unwrap_or(i64::MAX);
        let changed =
            self.execute("UPDATE sqlite_sequence SET seq = seq + ?1 WHERE name = 'sealed_log'", [jump])?;
        if changed == 0 {
            self.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('sealed_log', ?1)", [jump])?;
        }
        Ok(())
    }
}
