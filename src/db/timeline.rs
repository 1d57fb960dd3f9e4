//! The feed: one row per post and pill, written when the post comes in, so that a page is one range scan.

use rusqlite::{Row, params};

use super::{Author, DbError, ObjectKey, Read, Write};
use crate::domain::ordering::FeedPosition;

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

/// A row of a feed.
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

/// Rows counted before a count reads 'that many or more'.
const COUNTED_ROWS: u32 = 10_000;

impl Read<'_> {
    /// A page of a feed, newest first, at most `limit` rows.
    pub fn list_feed(
        &self,
        pill: Pill,
        start: PageStart,
        filter: RowFilter,
        limit: u32,
    ) -> Result<Vec<FeedRow>, DbError> {
        let (sort, post_id) = match start {
            PageStart::Newest => (i64::MAX, [0xff; 32]),
            PageStart::Before(at) | PageStart::After(at) => (at.sort.as_millis(), *at.post_id.as_bytes()),
        };
        let forward = matches!(start, PageStart::After(_));
        let mut rows =
            self.list(page_sql(forward, filter), params![pill.0, sort, post_id, limit], feed_row)?;
        if forward {
            rows.reverse();
        }
        Ok(rows)
    }

    /// The row of one post in a feed.
    pub fn find_feed_row(&self, pill: Pill, position: FeedPosition) -> Result<Option<FeedRow>, DbError> {
        self.find(
            "SELECT sort_ms, post_id, object, persona, unread FROM timeline
             WHERE pill = ?1 AND sort_ms = ?2 AND post_id = ?3",
            params![pill.0, position.sort, position.post_id],
            feed_row,
        )
    }

    /// Posts in the merged feed.
    pub fn count_feed(&self) -> Result<u64, DbError> {
        let count: i64 = self.get("SELECT count(*) FROM timeline WHERE pill = 0", [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Posts not opened, counted up to ten thousand.
    pub fn count_unread(&self, pill: Pill) -> Result<u64, DbError> {
        let count: i64 = self.get(
            "SELECT count(*) FROM (SELECT 1 FROM timeline INDEXED BY timeline_unread
             WHERE pill = ?1 AND unread = 1 LIMIT ?2)",
            params![pill.0, COUNTED_ROWS],
            |row| row.get(0),
        )?;
        Ok(count.unsigned_abs())
    }

    /// How the page queries are run, for the test that asserts their plan.
    #[cfg(test)]
    pub(super) fn explain_feed(self, forward: bool, filter: RowFilter) -> Result<String, DbError> {
        let sql = format!("EXPLAIN QUERY PLAN {}", page_sql(forward, filter));
        let steps: Vec<String> = self.list(&sql, params![0, 0, [0u8; 32], 50], |row| row.get(3))?;
        Ok(steps.join("\n"))
    }
}

fn page_sql(forward: bool, filter: RowFilter) -> &'static str {
    match (forward, filter) {
        (false, RowFilter::All) => {
            "SELECT sort_ms, post_id, object, persona, unread FROM timeline
             WHERE pill = ?1 AND (sort_ms, post_id) < (?2, ?3) ORDER BY sort_ms DESC, post_id DESC LIMIT ?4"
        }
        (true, RowFilter::All) => {
            "SELECT sort_ms, post_id, object, persona, unread FROM timeline
             WHERE pill = ?1 AND (sort_ms, post_id) > (?2, ?3) ORDER BY sort_ms, post_id LIMIT ?4"
        }
        (false, RowFilter::Unread) => {
            "SELECT sort_ms, post_id, object, persona, unread FROM timeline INDEXED BY timeline_unread
             WHERE unread = 1 AND pill = ?1 AND (sort_ms, post_id) < (?2, ?3)
             ORDER BY sort_ms DESC, post_id DESC LIMIT ?4"
        }
        (true, RowFilter::Unread) => {
            "SELECT sort_ms, post_id, object, persona, unread FROM timeline INDEXED BY timeline_unread
             WHERE unread = 1 AND pill = ?1 AND (sort_ms, post_id) > (?2, ?3) ORDER BY sort_ms, post_id LIMIT ?4"
        }
    }
}

fn feed_row(row: &Row<'_>) -> rusqlite::Result<FeedRow> {
    let unread: i64 = row.get(4)?;
    Ok(FeedRow {
        position: FeedPosition { sort: row.get(0)?, post_id: row.get(1)? },
        object: row.get(2)?,
        persona: row.get(3)?,
        mark: if unread == 0 { Mark::Read } else { Mark::Unread },
    })
}

impl Write<'_> {
    /// Puts a post into a feed, unless it stands there.
    pub fn insert_feed_row(&self, pill: Pill, row: &FeedRow) -> Result<(), DbError> {
        self.execute(
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

    /// Marks a post in every feed; says whether anything changed.
    pub fn update_mark(&self, position: FeedPosition, mark: Mark) -> Result<bool, DbError> {
        let changed = self.execute(
            "UPDATE timeline SET unread = ?3
             WHERE pill IN (SELECT 0 UNION SELECT pill FROM personas)
             AND sort_ms = ?1 AND post_id = ?2 AND unread <> ?3",
            params![position.sort, position.post_id, i64::from(mark == Mark::Unread)],
        )?;
        Ok(changed > 0)
    }
}
