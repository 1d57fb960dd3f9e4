//! The feed: one row per post, written when the post comes in, so that a page is one range scan. Which rows are a persona's
//! only the book says: its feed is merged from the lines of whom it follows, each a range scan of a few rows.

use std::collections::{BTreeMap, VecDeque};

use rusqlite::{CachedStatement, Row, params};

use super::profiles::name_sql;
use super::{Author, DbError, ObjectKey, Read, Write};
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::ordering::FeedPosition;
use crate::domain::time::Timestamp;

/// Rows of one author that are read at once while a persona's feed is merged.
const LINE_ROWS: u32 = 16;

/// Which feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// Everything.
    Merged,
    /// Of a persona and those it follows.
    Of(Author),
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
    /// Who wrote it.
    pub author: Author,
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
    /// The persona of mine that wrote it or follows its author, the default one before others; none any more where the follow
    /// ended.
    pub persona: Option<PostingId>,
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
        feed: Feed,
        start: PageStart,
        filter: RowFilter,
        limit: u32,
    ) -> Result<Vec<FeedPost>, DbError> {
        let above_all = FeedPosition {
            sort: Timestamp::from_millis(i64::MAX),
            post_id: ObjectId::from_bytes([0xff; 32]),
        };
        let (from, direction) = match start {
            PageStart::Newest => (above_all, Direction::Older),
            PageStart::Before(at) => (at, Direction::Older),
            PageStart::After(at) => (at, Direction::Newer),
        };
        let way = Way { direction, filter };
        let mut rows = match feed {
            Feed::Merged => {
                let at = params![from.sort, from.post_id, limit];
                self.list(&page_sql(way), at, feed_post)?
            }
            Feed::Of(persona) => self.list_feed_of(persona, from, way, limit)?,
        };
        if direction == Direction::Newer {
            rows.reverse();
        }
        Ok(rows)
    }

    /// The same for a persona's feed, in the order of the way: the next post is the next of one of its lines.
    fn list_feed_of(
        self,
        persona: Author,
        from: FeedPosition,
        way: Way,
        limit: u32,
    ) -> Result<Vec<FeedPost>, DbError> {
        let posting_id = self.get_posting_id(persona)?;
        let authors: Vec<Author> = self.list(FEED_AUTHORS, [persona], |row| row.get(0))?;
        // Asked for once: there are hundreds of lines.
        let (mut lines, mut posts) = (self.statement(&line_sql(way))?, self.statement(&post_sql())?);
        let mut heads = BTreeMap::new();
        for author in authors {
            if let Some(head) = list_line(&mut lines, author, from, 1)?.pop_front() {
                heads.insert(head, (author, VecDeque::new()));
            }
        }
        let mut rows = Vec::new();
        for left in (1..=limit).rev() {
            let head = match way.direction {
                Direction::Older => heads.pop_last(),
                Direction::Newer => heads.pop_first(),
            };
            let Some((position, (author, mut line))) = head else { break };
            let row = posts.query_row(params![position.sort, position.post_id], feed_post)?;
            rows.push(FeedPost { persona: Some(posting_id), ..row });
            if line.is_empty() {
                line = list_line(&mut lines, author, position, left.min(LINE_ROWS))?;
            }
            if let Some(next) = line.pop_front() {
                heads.insert(next, (author, line));
            }
        }
        Ok(rows)
    }

    /// One post of the feed.
    pub fn find_feed_post(&self, position: FeedPosition) -> Result<Option<FeedPost>, DbError> {
        self.find(&post_sql(), params![position.sort, position.post_id], feed_post)
    }

    /// Posts in the log.
    pub fn count_all_posts(&self) -> Result<u64, DbError> {
        let count: i64 =
            self.get("SELECT coalesce(sum(post_count), 0) FROM authors", [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Posts of a feed that were not opened.
    pub fn count_unread(&self, feed: Feed) -> Result<u64, DbError> {
        let count: i64 = match feed {
            Feed::Merged => {
                self.get("SELECT coalesce(sum(count), 0) FROM unread_counts", [], |row| row.get(0))?
            }
            Feed::Of(persona) => {
                let sql = format!(
                    "SELECT coalesce(sum(count), 0) FROM unread_counts WHERE author IN ({FEED_AUTHORS})"
                );
                self.get(&sql, [persona], |row| row.get(0))?
            }
        };
        Ok(count.unsigned_abs())
    }

    /// How pages and lines are read, for the test that asserts their plan.
    #[cfg(test)]
    pub(super) fn explain_feed(self, way: Way) -> Result<[String; 2], DbError> {
        let page = format!("EXPLAIN QUERY PLAN {}", page_sql(way));
        let page: Vec<String> = self.list(&page, params![0, [0u8; 32], 50], |row| row.get(3))?;
        let line = format!("EXPLAIN QUERY PLAN {}", line_sql(way));
        let line: Vec<String> = self.list(&line, params![0, 0, [0u8; 32], 50], |row| row.get(3))?;
        Ok([page.join("\n"), line.join("\n")])
    }

    /// How often the statements of pages and lines were prepared anew since they were made.
    #[cfg(test)]
    pub(super) fn count_feed_preparations(self, way: Way) -> Result<i32, DbError> {
        let count = |sql: &str| {
            let statement = self.statement(sql)?;
            Ok::<_, DbError>(statement.get_status(rusqlite::StatementStatus::RePrepare))
        };
        Ok(count(&page_sql(way))?.saturating_add(count(&line_sql(way))?))
    }
}

/// Which rows are read in which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) direction: Direction,
    pub(super) filter: RowFilter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Older,
    Newer,
}

impl Way {
    /// How a row compares with where one is, and the order of rows.
    const fn terms(self) -> (&'static str, &'static str) {
        match self.direction {
            Direction::Older => ("<", "DESC"),
            Direction::Newer => (">", "ASC"),
        }
    }
}

/// Whose posts make up a persona's feed.
const FEED_AUTHORS: &str = "SELECT ?1 UNION SELECT author FROM follows WHERE persona = ?1";

/// Everything a page needs in one statement: the range scan of the timeline drives it, the rest are point reads.
fn columns() -> String {
    format!(
        "SELECT timeline.sort_ms, timeline.post_id, timeline.unread,
                objects.created_ms, objects.received_ms, objects.bytes, theirs.posting_id,
                (SELECT posting_id FROM authors WHERE authors.author = coalesce(
                    (SELECT author FROM personas WHERE personas.author = timeline.author),
                    (SELECT persona FROM follows CROSS JOIN personas ON personas.author = follows.persona
                     WHERE follows.author = timeline.author ORDER BY place LIMIT 1))),
                {name}, (SELECT bytes FROM objects AS edits WHERE edits.object = headers.edit),
                comment_count, unread_count,
                CASE WHEN unread_count > 0 THEN
                    (SELECT count(*) FROM comments INDEXED BY comments_unread
                     WHERE comments.post = timeline.object AND comments.unread = 1 AND comments.state = 0
                     AND comments.answered IN (SELECT author FROM personas)
                     AND comments.author NOT IN (SELECT author FROM personas)) END,
                reactions",
        name = name_sql("timeline.author"),
    )
}
const FEED_JOINS: &str = "CROSS JOIN objects USING (object)
    CROSS JOIN authors AS theirs ON theirs.author = timeline.author
    LEFT JOIN headers ON headers.post = timeline.object";

fn page_sql(way: Way) -> String {
    let (index, unread) = match way.filter {
        RowFilter::All => ("", ""),
        // Otherwise every row is read on the way to the next unread one.
        RowFilter::Unread => ("INDEXED BY timeline_unread", "timeline.unread = 1 AND"),
    };
    let (beyond, order) = way.terms();
    let columns = columns();
    format!(
        "{columns} FROM timeline {index} {FEED_JOINS}
         WHERE {unread} (sort_ms, post_id) {beyond} (?1, ?2)
         ORDER BY sort_ms {order}, post_id {order} LIMIT ?3"
    )
}

fn post_sql() -> String {
    format!("{} FROM timeline {FEED_JOINS} WHERE sort_ms = ?1 AND post_id = ?2", columns())
}

/// Where the posts of one author stand beyond a position, at most `limit`, by a statement of [`line_sql`].
fn list_line(
    statement: &mut CachedStatement<'_>,
    author: Author,
    from: FeedPosition,
    limit: u32,
) -> Result<VecDeque<FeedPosition>, DbError> {
    let rows = statement.query_map(params![author, from.sort, from.post_id, limit], |row| {
        Ok(FeedPosition { sort: row.get(0)?, post_id: row.get(1)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn line_sql(way: Way) -> String {
    let (index, unread) = match way.filter {
        RowFilter::All => ("timeline_by_author", ""),
        RowFilter::Unread => ("timeline_unread_by_author", "unread = 1 AND"),
    };
    let (beyond, order) = way.terms();
    format!(
        "SELECT sort_ms, post_id FROM timeline INDEXED BY {index}
         WHERE {unread} author = ?1 AND (sort_ms, post_id) {beyond} (?2, ?3)
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

/// Milliseconds for a statement.
fn milliseconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Write<'_> {
    /// Puts a post into the feed, unless it stands there.
    pub fn insert_feed_row(&self, row: &FeedRow) -> Result<(), DbError> {
        let inserted = self.execute(
            "INSERT INTO timeline (sort_ms, post_id, object, author, unread)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (sort_ms, post_id) DO NOTHING",
            params![
                row.position.sort,
                row.position.post_id,
                row.object,
                row.author,
                i64::from(row.mark == Mark::Unread)
            ],
        )?;
        if inserted > 0 && row.mark == Mark::Unread {
            self.change_unread_count(row.author, 1)?;
        }
        Ok(())
    }

    fn change_unread_count(&self, author: Author, by: i64) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO unread_counts (author, count) VALUES (?1, ?2)
             ON CONFLICT (author) DO UPDATE SET count = count + ?2",
            params![author, by],
        )?;
        Ok(())
    }

    /// Puts the posts of an author that are in the log already into the feed, as read: they are older than the follow.
    /// `ahead` is how far a claimed time may lie beyond the arrival.
    pub fn insert_feed_rows_of(&self, author: Author, ahead: std::time::Duration) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO timeline (sort_ms, post_id, object, author, unread)
             SELECT min(created_ms, received_ms + ?2), object_id, object, objects.author, 0
             FROM arrivals JOIN objects USING (object)
             WHERE arrivals.author = ?1 AND kind = 1
             ON CONFLICT (sort_ms, post_id) DO NOTHING",
            params![author, milliseconds(ahead)],
        )?;
        Ok(())
    }

    /// Notes a post of somebody I am or follow, to be put into the feed once the book says which.
    pub fn insert_unplaced(&self, object: ObjectKey) -> Result<(), DbError> {
        self.execute("INSERT INTO unplaced (object) VALUES (?1) ON CONFLICT (object) DO NOTHING", [object])?;
        Ok(())
    }

    /// Puts into the feed what waited for the book: what is mine, or older than every follow of its author, as read. Says
    /// whether there was anything.
    pub fn place_unplaced(&self, ahead: std::time::Duration) -> Result<bool, DbError> {
        let placed: Vec<(Author, i64)> = self.list(
            "INSERT INTO timeline (sort_ms, post_id, object, author, unread)
             SELECT min(created_ms, received_ms + ?1), object_id, object, author,
                    author NOT IN (SELECT author FROM personas) AND min(created_ms, received_ms + ?1) >=
                        (SELECT min(followed_ms) FROM follows WHERE follows.author = objects.author)
             FROM unplaced CROSS JOIN objects USING (object)
             WHERE author IN (SELECT author FROM personas UNION SELECT author FROM follows)
             ON CONFLICT (sort_ms, post_id) DO NOTHING RETURNING author, unread",
            [milliseconds(ahead)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        for (author, unread) in &placed {
            self.change_unread_count(*author, *unread)?;
        }
        self.execute("DELETE FROM unplaced", [])?;
        Ok(!placed.is_empty())
    }

    /// Takes a post out of the feed; says whether it stood there.
    pub fn delete_feed_row(&self, position: FeedPosition) -> Result<bool, DbError> {
        let row: Option<(Author, i64)> = self.find(
            "DELETE FROM timeline WHERE sort_ms = ?1 AND post_id = ?2 RETURNING author, unread",
            params![position.sort, position.post_id],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let Some((author, unread)) = row else { return Ok(false) };
        self.change_unread_count(author, unread.saturating_neg())?;
        Ok(true)
    }

    /// Marks a post; says whether anything changed.
    pub fn update_mark(&self, position: FeedPosition, mark: Mark) -> Result<bool, DbError> {
        let is_unread = mark == Mark::Unread;
        let author: Option<Author> = self.find(
            "UPDATE timeline SET unread = ?3
             WHERE sort_ms = ?1 AND post_id = ?2 AND unread <> ?3 RETURNING author",
            params![position.sort, position.post_id, i64::from(is_unread)],
            |row| row.get(0),
        )?;
        let Some(author) = author else { return Ok(false) };
        self.change_unread_count(author, if is_unread { 1 } else { -1 })?;
        Ok(true)
    }
}
