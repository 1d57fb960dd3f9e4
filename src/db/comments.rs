//! Comments of posts: their tree, their order, which were read; and the counts of them that feeds show.

use rusqlite::{Row, params};

use super::profiles::name_sql;
use super::timeline::Mark;
use super::{Author, DbError, ObjectKey, Read, Write};
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::ordering::CommentPosition;
use crate::domain::time::Timestamp;

/// Whether a comment is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is.
    Shown,
    /// Its author deleted it; its text is gone.
    Deleted,
    /// The post's author hid it.
    Hidden,
    /// The post's author does not want comments of this person.
    Barred,
}

impl State {
    const fn code(self) -> i64 {
        match self {
            Self::Shown => 0,
            Self::Deleted => 1,
            Self::Hidden => 2,
            Self::Barred => 3,
        }
    }

    fn from_code(code: i64) -> rusqlite::Result<Self> {
        [Self::Shown, Self::Deleted, Self::Hidden, Self::Barred]
            .into_iter()
            .find(|state| state.code() == code)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(0, code))
    }
}

/// Whom a comment answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    /// Something of a persona of mine.
    Me,
    /// Something of somebody else.
    Others,
}

/// A comment, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewComment {
    /// Its id.
    pub operation_id: ObjectId,
    /// The post.
    pub post: ObjectKey,
    /// The comment it answers.
    pub parent: Option<ObjectId>,
    /// Who signed it.
    pub author: Author,
    /// The time it claims.
    pub created: Timestamp,
    /// When it came in.
    pub received: Timestamp,
    /// Its object; `None` when it is deleted already.
    pub object: Option<ObjectKey>,
    /// Whether it is shown.
    pub state: State,
    /// Whether it was read.
    pub mark: Mark,
    /// Whom it answers; `None` as long as what it answers is not here.
    pub answered: Option<Author>,
}

/// What an operation on a comment needs to know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommentFacts {
    /// The post.
    pub post: ObjectKey,
    /// Who signed it.
    pub author: Author,
    /// Its object, unless it is deleted.
    pub object: Option<ObjectKey>,
    /// Whether it is shown.
    pub state: State,
}

/// A comment with what a face shows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentRow {
    /// Where it stands.
    pub position: CommentPosition,
    /// The comment it answers.
    pub parent: Option<ObjectId>,
    /// Who signed it.
    pub author: PostingId,
    /// What the author is called, raw.
    pub author_name: Option<String>,
    /// Whether a persona of mine wrote it.
    pub origin: Origin,
    /// When it came in.
    pub received: Timestamp,
    /// Whether it is shown.
    pub state: State,
    /// Whether it was read.
    pub mark: Mark,
    /// Whom it answers.
    pub towards: Towards,
    /// Its signed bytes, unless it is deleted.
    pub bytes: Option<Vec<u8>>,
    /// The signed bytes of the edit whose text is shown.
    pub edit: Option<Vec<u8>>,
}

/// Who wrote something, as far as this device is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A persona of mine.
    Mine,
    /// Somebody else.
    Others,
}

fn comment_row(row: &Row<'_>) -> rusqlite::Result<CommentRow> {
    let (mark, towards, persona): (bool, bool, bool) = (row.get(7)?, row.get(8)?, row.get(9)?);
    Ok(CommentRow {
        position: CommentPosition { created: row.get(0)?, operation_id: row.get(1)? },
        parent: row.get(2)?,
        author: row.get(3)?,
        author_name: row.get(4)?,
        received: row.get(5)?,
        state: State::from_code(row.get(6)?)?,
        mark: if mark { Mark::Unread } else { Mark::Read },
        towards: if towards { Towards::Me } else { Towards::Others },
        origin: if persona { Origin::Mine } else { Origin::Others },
        bytes: row.get(10)?,
        edit: row.get(11)?,
    })
}

/// A page of comments: the range scan drives it, the rest are point reads.
fn page_sql() -> String {
    format!(
        "SELECT comments.created_ms, comments.operation_id, parent_id, posting_id, {name}, comments.received_ms,
                state, unread, answered IN (SELECT author FROM personas) AND comments.author NOT IN (SELECT author FROM personas),
                comments.author IN (SELECT author FROM personas),
                (SELECT bytes FROM objects WHERE objects.object = comments.object),
                (SELECT bytes FROM objects WHERE objects.object =
                    (SELECT edits.object FROM edits
                     WHERE edits.target_id = comments.operation_id AND edits.author = comments.author
                     ORDER BY edits.created_ms DESC, edits.operation_id DESC LIMIT 1))
         FROM comments CROSS JOIN authors ON authors.author = comments.author
         WHERE comments.post = ?1 AND (comments.created_ms, comments.operation_id) > (?2, ?3)
         ORDER BY comments.created_ms, comments.operation_id LIMIT ?4",
        name = name_sql("comments.author"),
    )
}

impl Read<'_> {
    /// Comments of a post behind a position, oldest first, at most `limit`.
    pub fn list_comments(
        &self,
        post: ObjectKey,
        after: Option<CommentPosition>,
        limit: u32,
    ) -> Result<Vec<CommentRow>, DbError> {
        let (created, id) =
            after.map_or((i64::MIN, [0; 32]), |at| (at.created.as_millis(), *at.operation_id.as_bytes()));
        self.list(&page_sql(), params![post, created, id, limit], comment_row)
    }

    /// How a page of comments is read, for the test that asserts it.
    #[cfg(test)]
    pub(super) fn explain_comments(self, post: ObjectKey) -> Result<String, DbError> {
        let sql = format!("EXPLAIN QUERY PLAN {}", page_sql());
        let steps: Vec<String> = self.list(&sql, params![post, 0, [0u8; 32], 50], |row| row.get(3))?;
        Ok(steps.join("\n"))
    }

    /// What is known of a comment.
    pub fn find_comment(&self, operation_id: ObjectId) -> Result<Option<CommentFacts>, DbError> {
        self.find(
            "SELECT post, author, object, state FROM comments WHERE operation_id = ?1",
            [operation_id],
            |row| {
                Ok(CommentFacts {
                    post: row.get(0)?,
                    author: row.get(1)?,
                    object: row.get(2)?,
                    state: State::from_code(row.get(3)?)?,
                })
            },
        )
    }

    /// Everybody who commented on a post.
    pub fn list_commenters(&self, post: ObjectKey) -> Result<Vec<(Author, PostingId)>, DbError> {
        self.list(
            "SELECT DISTINCT comments.author, posting_id FROM comments JOIN authors USING (author) WHERE post = ?1",
            [post],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }
}

impl Write<'_> {
    /// Adds a comment to its post, and counts it.
    pub fn insert_comment(&self, new: &NewComment) -> Result<(), DbError> {
        let unread = new.mark == Mark::Unread;
        self.execute(
            "INSERT INTO comments
             (operation_id, post, parent_id, author, created_ms, received_ms, object, state, unread, answered)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                new.operation_id,
                new.post,
                new.parent,
                new.author,
                new.created,
                new.received,
                new.object,
                new.state.code(),
                unread,
                new.answered.unwrap_or(Author(0))
            ],
        )?;
        if new.state == State::Shown {
            self.execute(
                "UPDATE headers SET comment_count = comment_count + 1, unread_count = unread_count + ?2
                 WHERE post = ?1",
                params![new.post, unread],
            )?;
        }
        Ok(())
    }

    /// Changes whether a comment is shown. The counts are wrong until [`Self::recount_comments`].
    pub fn update_comment_state(&self, operation_id: ObjectId, state: State) -> Result<(), DbError> {
        self.execute(
            "UPDATE comments SET state = ?2, object = CASE WHEN ?2 = 1 THEN NULL ELSE object END
             WHERE operation_id = ?1",
            params![operation_id, state.code()],
        )?;
        Ok(())
    }

    /// Shows or bars the comments of an author that are neither deleted nor hidden.
    pub fn update_comments_barred(
        &self,
        post: ObjectKey,
        author: Author,
        state: State,
    ) -> Result<(), DbError> {
        self.execute(
            "UPDATE comments SET state = ?3 WHERE post = ?1 AND author = ?2 AND state IN (0, 3)",
            params![post, author, state.code()],
        )?;
        Ok(())
    }

    /// Forgets a comment altogether.
    pub fn delete_comment(&self, operation_id: ObjectId) -> Result<(), DbError> {
        self.execute("DELETE FROM comments WHERE operation_id = ?1", [operation_id])?;
        Ok(())
    }

    /// Whom the answers to this comment answer that came before it.
    pub fn update_answers(&self, operation_id: ObjectId, author: Author) -> Result<(), DbError> {
        self.execute(
            "UPDATE comments SET answered = ?2 WHERE parent_id = ?1 AND answered = 0",
            params![operation_id, author],
        )?;
        Ok(())
    }

    /// Marks as read what came as unread while nobody knew whose it was: comments of mine, and those that are older than
    /// the follow of their post's author. Says whether there were any.
    pub fn settle_comments(&self) -> Result<bool, DbError> {
        let posts: Vec<ObjectKey> = self.list(
            "UPDATE comments SET unread = 0 WHERE unread = 1 AND state = 0
             AND (author IN (SELECT author FROM personas)
                  OR created_ms < (SELECT min(followed_ms) FROM objects JOIN follows USING (author)
                                   WHERE objects.object = comments.post))
             RETURNING post",
            [],
            |row| row.get(0),
        )?;
        for post in &posts {
            self.recount_comments(*post)?;
        }
        Ok(!posts.is_empty())
    }

    /// Marks the comments of a post as read that had come in by then; says how many changed.
    pub fn update_comments_read(&self, post: ObjectKey, by: Timestamp) -> Result<usize, DbError> {
        self.execute(
            "UPDATE comments SET unread = 0 WHERE post = ?1 AND unread = 1 AND received_ms <= ?2",
            params![post, by],
        )
    }

    /// Counts the comments of a post anew.
    pub fn recount_comments(&self, post: ObjectKey) -> Result<(), DbError> {
        self.execute(
            "UPDATE headers SET (comment_count, unread_count) =
                 (SELECT count(*), coalesce(sum(unread), 0) FROM comments
                  WHERE comments.post = ?1 AND state = 0)
             WHERE post = ?1",
            [post],
        )?;
        Ok(())
    }
}
