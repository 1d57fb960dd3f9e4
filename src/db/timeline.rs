//! The feed: one row per post and pill, written when the post comes in, so that a page is one range scan.

use rusqlite::{Row, params};

use super::profiles::name_sql;
use super::{Author, DbError, ObjectKey, Read, Write};
use crate::domain::ids::PostingId;
use crate::domain::ordering::FeedPosition;
use crate::domain::time::Timestamp;

/// Which feed: the merged one or a persona's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pill(pub(super) i64);

impl Pill {
    /// All personas together.
    pub const MERGED: Self = Self(0);
}

/// Where a page of a feed begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageStart {
    /// At the newest post.
    Newest,
    /// Behind this position, towards older posts.
    Before(FeedPosition),
    /// In front of this position, towards newer posts.
    After(FeedPosition),
}

/// Which rows of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFilter {
    /// Every row.
    All,
    /// Those not opened.
    Unread,
}

/// Whether a post was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Not yet.
    Unread,
    /// Opened, own, or older than the follow.
    Read,
}

/// A row of a feed, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedRow {
    /// Where it stands.
    pub position: FeedPosition,
    /// Its post.
    pub object: ObjectKey,
    /// The persona that surfaced it.
    pub persona: Author,
    /// Whether it was opened.
    pub mark: Mark,
}

/// A post of a feed with what a face shows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPost {
    /// Where it stands.
    pub position: FeedPosition,
    /// Whether it was opened.
    pub mark: Mark,
    /// The time it claims.
    pub created: Timestamp,
    /// When it came in.
    pub received: Timestamp,
    /// Its signed bytes.
    pub bytes: Vec<u8>,
    /// Who signed it.
    pub author: PostingId,
    /// What the author is called, raw: profile, own label, hint of an invite.
    pub author_name: Option<String>,
    /// The persona that surfaced it.
    pub persona: PostingId,
    /// The signed bytes of the edit whose text is shown.
    pub edit: Option<Vec<u8>>,
    /// Comments that are shown, those not read, and of these those to me.
    pub comment_counts: [u64; 3],
    /// The most frequent emojis with their counts, as JSON; empty when there are none.
    pub reactions: String,
}

impl Read<'_> {
    /// A page of a feed, newest first, at most `limit` rows.
    pub fn list_feed(
        &self,
        pill: Pill,
        start: PageStart,
        filter: RowFilter,
        limit: u32,
    ) -> Result<Vec<FeedPost>, DbError> {
        let (sort, post_id) = match start {
            PageStart::Newest => (i64::MAX, [0xff; 32]),
            PageStart::Before(at) | PageStart::After(at) => (at.sort.as_millis(), *at.post_id.as_bytes()),
        };
        let forward = matches!(start, PageStart::After(_));
        let mut rows =
            self.list(&page_sql(forward, filter), params![pill.0, sort, post_id, limit], feed_post)?;
        if forward {
            rows.reverse();
        }
        Ok(rows)
    }

    /// One post of a feed.
    pub fn find_feed_post(&self, pill: Pill, position: FeedPosition) -> Result<Option<FeedPost>, DbError> {
        let sql = format!(
            "{} FROM timeline {FEED_JOINS} WHERE pill = ?1 AND sort_ms = ?2 AND post_id = ?3",
            columns()
        );
        self.find(&sql, params![pill.0, position.sort, position.post_id], feed_post)
    }

    /// Posts in the log.
    pub fn count_all_posts(&self) -> Result<u64, DbError> {
        let count: i64 =
            self.get("SELECT coalesce(sum(post_count), 0) FROM authors", [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Posts of a feed that were not opened.
    pub fn count_unread(&self, pill: Pill) -> Result<u64, DbError> {
        let count: Option<i64> =
            self.find("SELECT unread_count FROM feeds WHERE pill = ?1", [pill.0], |row| row.get(0))?;
        Ok(count.unwrap_or_default().unsigned_abs())
    }

    /// How the page queries are run, for the test that asserts their plan.
    #[cfg(test)]
    pub(super) fn explain_feed(self, forward: bool, filter: RowFilter) -> Result<String, DbError> {
        let sql = format!("EXPLAIN QUERY PLAN {}", page_sql(forward, filter));
        let steps: Vec<String> = self.list(&sql, params![0, 0, [0u8; 32], 50], |row| row.get(3))?;
        Ok(steps.join("\n"))
    }

    /// How often the statement of a page was prepared anew since it was made.
    #[cfg(test)]
    pub(super) fn count_feed_preparations(self, forward: bool, filter: RowFilter) -> Result<i32, DbError> {
        let statement = self.statement(&page_sql(forward, filter))?;
        Ok(statement.get_status(rusqlite::StatementStatus::RePrepare))
    }
}

/// Everything a page needs in one statement: the range scan of the timeline drives it, the rest are point reads.
fn columns() -> String {
    format!(
        "SELECT timeline.sort_ms, timeline.post_id, timeline.unread,
                objects.created_ms, objects.received_ms, objects.bytes, theirs.posting_id, mine.posting_id, {name},
                (SELECT bytes FROM objects AS edits WHERE edits.object = headers.edit),
                comment_count, unread_count, unread_to_me_count, reactions",
        name = name_sql("objects.author"),
    )
}
const FEED_JOINS: &str = "CROSS JOIN objects USING (object)
    CROSS JOIN authors AS theirs ON theirs.author = objects.author
    CROSS JOIN authors AS mine ON mine.author = timeline.persona
    LEFT JOIN headers ON headers.post = timeline.object";

fn page_sql(forward: bool, filter: RowFilter) -> String {
    let (index, unread) = match filter {
        RowFilter::All => ("", ""),
        // Otherwise every row is read on the way to the next unread one.
        RowFilter::Unread => ("INDEXED BY timeline_unread", "timeline.unread = 1 AND"),
    };
    let (beyond, order) = if forward { (">", "ASC") } else { ("<", "DESC") };
    let columns = columns();
    format!(
        "{columns} FROM timeline {index} {FEED_JOINS}
         WHERE {unread} pill = ?1 AND (sort_ms, post_id) {beyond} (?2, ?3)
         ORDER BY sort_ms {order}, post_id {order} LIMIT ?4"
    )
}

fn feed_post(row: &Row<'_>) -> rusqlite::Result<FeedPost> {
    let unread: i64 = row.get(2)?;
    let count = |column| row.get::<_, Option<i64>>(column).map(|count| count.unwrap_or(0).unsigned_abs());
    Ok(FeedPost {
        position: FeedPosition { sort: row.get(0)?, post_id: row.get(1)? },
        mark: if unread == 0 { Mark::Read } else { Mark::Unread },
        created: row.get(3)?,
        received: row.get(4)?,
        bytes: row.get(5)?,
        author: row.get(6)?,
        persona: row.get(7)?,
        author_name: row.get(8)?,
        edit: row.get(9)?,
        comment_counts: [count(10)?, count(11)?, count(12)?],
        reactions: row.get::<_, Option<String>>(13)?.unwrap_or_default(),
    })
}

impl Write<'_> {
    /// Puts a post into a feed, unless it stands there.
    pub fn insert_feed_row(&self, pill: Pill, row: &FeedRow) -> Result<(), DbError> {
        let inserted = self.execute(
            "INSERT INTO timeline (pill, sort_ms, post_id, object, persona, unread)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (pill, sort_ms, post_id) DO NOTHING",
            params![
                pill.0,
                row.position.sort,
                row.position.post_id,
                row.object,
                row.persona,
                i64::from(row.mark == Mark::Unread)
            ],
        )?;
        if inserted > 0 && row.mark == Mark::Unread {
            self.change_unread_count(pill, 1)?;
        }
        Ok(())
    }

    fn change_unread_count(&self, pill: Pill, by: i64) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO feeds (pill, unread_count) VALUES (?1, ?2)
             ON CONFLICT (pill) DO UPDATE SET unread_count = unread_count + ?2",
            params![pill.0, by],
        )?;
        Ok(())
    }

    /// Puts the posts of an author that are in the log already into a persona's feed and the merged one, as read:
    /// they are older than the follow.
    pub fn insert_feed_rows_of(
        &self,
        pill: Pill,
        persona: Author,
        author: Author,
        ahead: std::time::Duration,
    ) -> Result<(), DbError> {
        let ahead = i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX);
        for pill in [Pill::MERGED, pill] {
            self.execute(
                "INSERT INTO timeline (pill, sort_ms, post_id, object, persona, unread)
                 SELECT ?1, min(created_ms, received_ms + ?4), object_id, object, ?2, 0
                 FROM arrivals JOIN objects USING (object)
                 WHERE arrivals.author = ?3 AND kind = 1
                 ON CONFLICT (pill, sort_ms, post_id) DO NOTHING",
                params![pill.0, persona, author, ahead],
            )?;
        }
        Ok(())
    }

    /// Takes a post out of every feed; says whether it stood in one.
    pub fn delete_feed_rows(&self, position: FeedPosition) -> Result<bool, DbError> {
        let rows: Vec<(i64, i64)> = self.list(
            "DELETE FROM timeline WHERE pill IN (SELECT 0 UNION SELECT pill FROM personas)
             AND sort_ms = ?1 AND post_id = ?2 RETURNING pill, unread",
            params![position.sort, position.post_id],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        for (pill, unread) in &rows {
            self.change_unread_count(Pill(*pill), unread.saturating_neg())?;
        }
        Ok(!rows.is_empty())
    }

    /// Marks a post in every feed; says whether anything changed.
    pub fn update_mark(&self, position: FeedPosition, mark: Mark) -> Result<bool, DbError> {
        let is_unread = mark == Mark::Unread;
        let changed: Vec<i64> = self.list(
            "UPDATE timeline SET unread = ?3
             WHERE pill IN (SELECT 0 UNION SELECT pill FROM personas)
             AND sort_ms = ?1 AND post_id = ?2 AND unread <> ?3 RETURNING pill",
            params![position.sort, position.post_id, i64::from(is_unread)],
            |row| row.get(0),
        )?;
        for pill in &changed {
            self.change_unread_count(Pill(*pill), if is_unread { 1 } else { -1 })?;
        }
        Ok(!changed.is_empty())
    }
}
