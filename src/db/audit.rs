//! What the simulator reads to see whether a store keeps its promises. No part of the program itself.

use rusqlite::params;

use super::{Author, DbError, Peer, Read};
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::domain::log::Seq;
use crate::limits::{AUTHOR_SEATS, FILE_HOLDERS, STORED_OVERHEAD_BYTES};

/// How far a store has read another node's log for an author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownCursor {
    /// Whose log.
    pub peer: NetworkId,
    /// For which author.
    pub author: PostingId,
    /// Everything up to here is done.
    pub since: Seq,
    /// The name of the log the position belongs to.
    pub epoch: Option<[u8; 16]>,
}

/// How far a store has read another node's log of sealed posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownSealedCursor {
    /// Whose log.
    pub peer: NetworkId,
    /// Everything up to here is done.
    pub since: Seq,
    /// The name of the log the position belongs to.
    pub epoch: Option<[u8; 16]>,
    /// The day on which the log is read from the start, if it held posts of a day to come.
    pub again: Option<u32>,
}

impl Read<'_> {
    /// Everything in every table: which table, and the bytes of a value. Numbers come in both orders of bytes.
    #[cfg(test)]
    pub(crate) fn list_values(self) -> Result<Vec<(String, Vec<u8>)>, DbError> {
        use rusqlite::types::ValueRef;
        let tables: Vec<String> =
            self.list("SELECT name FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0))?;
        let mut all = Vec::new();
        for table in tables {
            let rows = self.list(&format!("SELECT * FROM \"{table}\""), [], |row| {
                let columns = 0..row.as_ref().column_count();
                let bytes = |column| {
                    Ok(match row.get_ref(column)? {
                        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes.to_vec(),
                        ValueRef::Integer(number) => [number.to_be_bytes(), number.to_le_bytes()].concat(),
                        ValueRef::Real(_) | ValueRef::Null => Vec::new(),
                    })
                };
                columns.map(bytes).collect::<rusqlite::Result<Vec<Vec<u8>>>>()
            })?;
            all.extend(rows.into_iter().flatten().map(|bytes| (table.clone(), bytes)));
        }
        Ok(all)
    }

    /// How many rows were changed over this connection since it was opened.
    #[must_use]
    pub fn count_changes(&self) -> u64 {
        self.0.total_changes()
    }

    /// Every cursor in a log of sealed posts.
    pub fn list_known_sealed_cursors(&self) -> Result<Vec<KnownSealedCursor>, DbError> {
        self.list(
            "SELECT network_id, since, epoch, again_day FROM sealed_cursors JOIN peers USING (peer)",
            [],
            |row| {
                let (peer, since, epoch, again) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                Ok(KnownSealedCursor { peer, since, epoch, again })
            },
        )
    }

    /// How far a peer's log was read for an author.
    pub fn get_cursor(&self, peer: Peer, author: Author) -> Result<Seq, DbError> {
        let since = self.find(
            "SELECT since FROM cursors WHERE peer = ?1 AND author = ?2",
            params![peer, author],
            |row| row.get(0),
        )?;
        Ok(since.unwrap_or_default())
    }

    /// Every cursor of the store.
    pub fn list_known_cursors(&self) -> Result<Vec<KnownCursor>, DbError> {
        self.list(
            "SELECT network_id, posting_id, since, epoch FROM cursors
             JOIN peers USING (peer) JOIN authors USING (author)",
            [],
            |row| {
                Ok(KnownCursor {
                    peer: row.get(0)?,
                    author: row.get(1)?,
                    since: row.get(2)?,
                    epoch: row.get(3)?,
                })
            },
        )
    }

    /// Numbers and ids of an author's log entries after `after`, up to and with `upto`.
    pub fn list_log_of(&self, author: PostingId, after: Seq, upto: Seq) -> Result<Vec<ObjectId>, DbError> {
        self.list(
            "SELECT object_id FROM arrivals JOIN objects USING (object)
             WHERE arrivals.author = (SELECT author FROM authors WHERE posting_id = ?1) AND seq > ?2 AND seq <= ?3",
            params![author, after, upto],
            |row| row.get(0),
        )
    }

    /// Who holds the newest post of an author besides us, as far as this store knows: seats and rows.
    pub fn list_holders_of(&self, author: PostingId) -> Result<Vec<NetworkId>, DbError> {
        let seats = self.list_seats(author)?;
        let mut holders: Vec<NetworkId> = seats.into_iter().map(|seat| seat.network_id).collect();
        holders.extend(self.list(
            "SELECT network_id FROM file_holders JOIN peers ON peer = peer_id WHERE file_id =
               (SELECT object_id FROM objects JOIN authors USING (author)
                WHERE posting_id = ?1 AND kind = 1 ORDER BY created_ms DESC LIMIT 1)",
            [author],
            |row| row.get::<_, NetworkId>(0),
        )?);
        Ok(holders)
    }

    /// Numbers of all log entries after `after`, in order.
    pub fn list_log(&self, after: Seq) -> Result<Vec<Seq>, DbError> {
        self.list("SELECT seq FROM arrivals WHERE seq > ?1 ORDER BY seq", [after], |row| row.get(0))
    }

    /// Every post in the log with its author.
    pub fn list_posts(&self) -> Result<Vec<(PostingId, ObjectId)>, DbError> {
        self.list(
            "SELECT posting_id, object_id FROM arrivals JOIN objects USING (object)
             JOIN authors ON authors.author = arrivals.author WHERE kind = 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// Every operation in the log with the author it stands under.
    pub fn list_operations(&self) -> Result<Vec<(PostingId, ObjectId)>, DbError> {
        self.list(
            "SELECT posting_id, object_id FROM arrivals JOIN objects USING (object)
             JOIN authors ON authors.author = arrivals.author WHERE kind = 3",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// Ids of all comments that are shown.
    pub fn list_comment_ids(&self) -> Result<Vec<ObjectId>, DbError> {
        self.list("SELECT operation_id FROM comments WHERE state = 0", [], |row| row.get(0))
    }

    /// Whose comments are shown here without a profile of theirs; own personas apart.
    pub fn list_unnamed_commenters(&self) -> Result<Vec<PostingId>, DbError> {
        self.list(
            "SELECT DISTINCT posting_id FROM comments JOIN authors USING (author) WHERE state = 0
             AND author NOT IN (SELECT author FROM profiles) AND author NOT IN (SELECT author FROM personas)",
            [],
            |row| row.get(0),
        )
    }

    /// Whether more is taken than these quotas although something could make room: of a followed author, a stranger, all
    /// strangers, the pool, of a node and of a prefix that brought sealed posts.
    pub fn is_over_quota(&self, quotas: [u64; 6]) -> Result<bool, DbError> {
        let quotas = quotas.map(|quota| i64::try_from(quota).unwrap_or(i64::MAX));
        self.get(
            "WITH over AS (SELECT author FROM authors WHERE
                     (class = 1 AND bytes > ?1 AND author NOT IN (SELECT author FROM perhaps_mine)) OR
                     (class = 2 AND bytes > CASE WHEN (SELECT bytes FROM space WHERE class = 2) > ?3 THEN 0 ELSE ?2 END))
             SELECT EXISTS (SELECT 1 FROM over CROSS JOIN arrivals USING (author) JOIN objects USING (object)
                 WHERE kind = 1 AND NOT EXISTS
                     (SELECT 1 FROM operations
                      WHERE operations.post = arrivals.object AND author IN (SELECT author FROM perhaps_mine)))
                OR (SELECT bytes FROM space WHERE class = 3) > ?4
                OR EXISTS (SELECT 1 FROM sealed_introducers WHERE (kind = 1 AND bytes > ?5) OR (kind = 2 AND bytes > ?6))",
            quotas,
            |row| row.get(0),
        )
    }

    /// Whether the counts that are kept are those of the rows.
    pub fn counts_are_right(&self) -> Result<bool, DbError> {
        self.get(
            "SELECT NOT EXISTS (SELECT 1 FROM unread_counts WHERE count <>
                       (SELECT count(*) FROM timeline WHERE timeline.author = unread_counts.author AND unread = 1))
                AND NOT EXISTS (SELECT 1 FROM timeline WHERE unread = 1 AND author NOT IN (SELECT author FROM unread_counts))
                AND NOT EXISTS (SELECT 1 FROM unplaced WHERE object NOT IN (SELECT object FROM arrivals))
                AND NOT EXISTS (SELECT 1 FROM authors WHERE post_count <>
                       (SELECT count(*) FROM arrivals JOIN objects USING (object)
                        WHERE arrivals.author = authors.author AND kind = 1))
                AND NOT EXISTS (SELECT 1 FROM headers
                    WHERE operation_count <> (SELECT count(*) FROM operations WHERE operations.post = headers.post)
                       OR (comment_count, unread_count) <>
                          (SELECT count(*), coalesce(sum(unread), 0) FROM comments WHERE comments.post = headers.post AND state = 0))
                AND NOT EXISTS (SELECT target_id, emoji, count FROM reaction_counts
                    EXCEPT SELECT target_id, emoji, count(*) FROM reactions WHERE is_on = 1
                           GROUP BY target_id, emoji)
                AND NOT EXISTS (SELECT target_id, emoji, count(*) FROM reactions WHERE is_on = 1
                           GROUP BY target_id, emoji
                    EXCEPT SELECT target_id, emoji, count FROM reaction_counts)
                AND NOT EXISTS (SELECT 1 FROM authors WHERE bytes <>
                       (SELECT coalesce(sum(length(objects.bytes) + ?1), 0) FROM arrivals JOIN objects USING (object)
                        WHERE arrivals.author = authors.author)
                     + (SELECT coalesce(sum(length(objects.bytes) + ?1), 0) FROM held JOIN objects USING (object)
                        WHERE held.author = authors.author)
                     + (SELECT coalesce(sum(length(objects.bytes) + ?1), 0) FROM unlogged_profiles JOIN objects USING (object)
                        WHERE unlogged_profiles.author = authors.author))
                AND (NOT EXISTS (SELECT 1 FROM personas) OR NOT EXISTS (SELECT 1 FROM authors WHERE class <> CASE
                       WHEN author IN (SELECT author FROM personas UNION SELECT author FROM follows) THEN 1 ELSE 2 END))
                AND (SELECT bytes FROM space WHERE class = 3) =
                       (SELECT coalesce(sum(size + ?1), 0) FROM sealed_log)
                AND (SELECT count(*) FROM sealed_log) * 4 = (SELECT count(*) FROM sealed_tags)
                AND (SELECT count(*) FROM sealed_log) = (SELECT count(*) FROM sealed_posts)
                AND NOT EXISTS (SELECT 1 FROM sealed_introducers WHERE bytes <>
                       (SELECT coalesce(sum(size + ?1), 0) FROM sealed_log
                        WHERE CASE kind WHEN 2 THEN prefix ELSE node END = introducer))
                AND NOT EXISTS (SELECT 1 FROM sealed_log WHERE node NOT IN (SELECT introducer FROM sealed_introducers)
                       OR (prefix > 0 AND prefix NOT IN (SELECT introducer FROM sealed_introducers)))
                AND NOT EXISTS (SELECT 1 FROM sealed_introducers WHERE bytes <= 0)
                AND NOT EXISTS (SELECT 1 FROM space WHERE class < 3 AND bytes <>
                       (SELECT coalesce(sum(authors.bytes), 0) FROM authors WHERE authors.class = space.class))",
            [STORED_OVERHEAD_BYTES],
            |row| row.get(0),
        )
    }

    /// Whether no file has more rows of holders than allowed, and no author more seats.
    pub fn holders_are_few(&self) -> Result<bool, DbError> {
        self.get(
            "SELECT NOT EXISTS (SELECT 1 FROM file_holders GROUP BY file_id HAVING count(*) > ?1)
                AND NOT EXISTS (SELECT 1 FROM author_seats GROUP BY posting_id HAVING count(*) > ?2)",
            [FILE_HOLDERS, AUTHOR_SEATS].map(|most| i64::try_from(most).unwrap_or(0)),
            |row| row.get(0),
        )
    }

    /// Sealed posts that are on the stem and in the log at once: there must be none.
    pub fn list_visible_on_stem(&self) -> Result<Vec<ObjectId>, DbError> {
        self.list("SELECT object_id FROM sealed_stem JOIN sealed_log USING (object_id)", [], |row| row.get(0))
    }

    /// The ids of the merged feed, one per row.
    pub fn list_feed_ids(&self) -> Result<Vec<ObjectId>, DbError> {
        self.list("SELECT post_id FROM timeline", [], |row| row.get(0))
    }
}
