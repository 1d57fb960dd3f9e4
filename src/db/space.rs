//! How much room things take, by author and by class, and what made room for others. The counts are kept where objects
//! enter and leave the log; `audit` compares them with the rows.

use rusqlite::params;

use super::{Author, DbError, ObjectKey, Read, Write};
use crate::domain::envelope::Kind;
use crate::domain::ids::ObjectId;
use crate::domain::ordering::FeedPosition;
use crate::limits::{EVICTED_OBJECTS, STORED_OVERHEAD_BYTES};

/// On whose account something is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// One of my personas, or somebody one of them follows: which of both, only the book says.
    Ours,
    /// Somebody nobody here follows: carried, or followed once.
    Stranger,
    /// Sealed posts.
    Pool,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ours, Self::Stranger, Self::Pool];

    const fn code(self) -> i64 {
        match self {
            Self::Ours => 1,
            Self::Stranger => 2,
            Self::Pool => 3,
        }
    }
}

/// A post that can make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvictablePost {
    /// Its row.
    pub object: ObjectKey,
    /// Its id.
    pub object_id: ObjectId,
    /// Where it stands in feeds, if it stands there.
    pub position: FeedPosition,
}

pub(super) const LARGEST_STRANGERS: &str = "SELECT author FROM authors WHERE class = 2 AND bytes > 0 AND post_count > 0 ORDER BY bytes DESC LIMIT ?1";
pub(super) const OLDEST_POSTS: &str = "SELECT arrivals.object, object_id, created_ms, received_ms
     FROM arrivals CROSS JOIN objects USING (object)
     WHERE arrivals.author = ?1 AND kind = 1 AND NOT EXISTS
         (SELECT 1 FROM operations WHERE post = arrivals.object AND author IN (SELECT author FROM perhaps_mine))
     ORDER BY seq LIMIT ?2";

impl Read<'_> {
    /// On whose account an author's things are stored.
    pub fn get_class(&self, author: Author) -> Result<Class, DbError> {
        let code: i64 =
            self.get("SELECT class FROM authors WHERE author = ?1", [author], |row| row.get(0))?;
        Class::ALL
            .into_iter()
            .find(|class| class.code() == code)
            .ok_or(DbError::DamagedRow { table: "authors" })
    }

    /// How much room an author takes.
    pub fn get_author_bytes(&self, author: Author) -> Result<u64, DbError> {
        self.get("SELECT bytes FROM authors WHERE author = ?1", [author], |row| row.get::<_, i64>(0))
            .map(i64::unsigned_abs)
    }

    /// How much room my personas take.
    pub fn get_own_bytes(&self) -> Result<u64, DbError> {
        let sum = "SELECT coalesce(sum(bytes), 0) FROM personas JOIN authors USING (author)";
        self.get(sum, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
    }

    /// Authors of a class, at most `limit`.
    pub fn list_class(&self, class: Class, limit: usize) -> Result<Vec<Author>, DbError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.list(
            "SELECT author FROM authors WHERE class = ?1 LIMIT ?2",
            params![class.code(), limit],
            |row| row.get(0),
        )
    }

    /// How much room a class takes.
    pub fn get_class_bytes(&self, class: Class) -> Result<u64, DbError> {
        self.get("SELECT bytes FROM space WHERE class = ?1", [class.code()], |row| row.get::<_, i64>(0))
            .map(i64::unsigned_abs)
    }

    /// The quota of a class at the last start.
    pub fn get_last_quota(&self, class: Class) -> Result<u64, DbError> {
        self.get("SELECT quota FROM space WHERE class = ?1", [class.code()], |row| row.get::<_, i64>(0))
            .map(i64::unsigned_abs)
    }

    /// Whether an id made room.
    pub fn is_evicted(&self, object_id: ObjectId) -> Result<bool, DbError> {
        self.get("SELECT EXISTS (SELECT 1 FROM evicted WHERE object_id = ?1)", [object_id], |row| row.get(0))
    }

    /// Those nobody here follows who take most room, at most `limit`.
    pub fn list_largest_strangers(&self, limit: u32) -> Result<Vec<Author>, DbError> {
        self.list(LARGEST_STRANGERS, [limit], |row| row.get(0))
    }

    /// The followed authors who take most room, at most `limit`; nobody without the book. Reads all authors: for stores that
    /// are full.
    pub fn list_largest_followed(&self, limit: u32) -> Result<Vec<Author>, DbError> {
        self.list(
            "SELECT author FROM authors WHERE class = 1 AND post_count > 0
             AND author NOT IN (SELECT author FROM perhaps_mine) ORDER BY bytes DESC LIMIT ?1",
            [limit],
            |row| row.get(0),
        )
    }

    /// An author's posts that came first and that no persona of mine answered or reacted to, at most `limit`. Without the
    /// book, none that somebody followed did either.
    pub fn list_oldest_posts(&self, author: Author, limit: u32) -> Result<Vec<EvictablePost>, DbError> {
        self.list(OLDEST_POSTS, params![author, limit], |row| {
            let object_id = row.get(1)?;
            let position = FeedPosition::new(row.get(2)?, row.get(3)?, object_id);
            Ok(EvictablePost { object: row.get(0)?, object_id, position })
        })
    }

    /// Authors of a class of whom something made room, at most `limit`.
    pub fn list_evicted_authors(&self, class: Class, limit: u32) -> Result<Vec<Author>, DbError> {
        self.list(
            "SELECT author FROM authors WHERE class = ?1 AND author IN (SELECT author FROM evicted) LIMIT ?2",
            params![class.code(), limit],
            |row| row.get(0),
        )
    }

    /// What a stored object takes; nothing for one that is not stored.
    pub(super) fn size_of(self, object: ObjectKey) -> Result<i64, DbError> {
        let bytes: Option<i64> =
            self.find("SELECT length(bytes) FROM objects WHERE object = ?1", [object], |row| row.get(0))?;
        Ok(bytes.map_or(0, |bytes| bytes.saturating_add(STORED_OVERHEAD_BYTES)))
    }
}

impl Write<'_> {
    /// Counts what an object takes, or does not take any more, for the author it stands under.
    pub(super) fn change_bytes(&self, author: Author, by: i64) -> Result<(), DbError> {
        self.execute("UPDATE authors SET bytes = bytes + ?2 WHERE author = ?1", params![author, by])?;
        self.execute(
            "UPDATE space SET bytes = bytes + ?2 WHERE class = (SELECT class FROM authors WHERE author = ?1)",
            params![author, by],
        )?;
        Ok(())
    }

    /// The same for a class without authors.
    pub(super) fn change_class_bytes(&self, class: Class, by: i64) -> Result<(), DbError> {
        self.execute("UPDATE space SET bytes = bytes + ?2 WHERE class = ?1", params![class.code(), by])?;
        Ok(())
    }

    /// Notes anew on whose account an author's things are stored: it is followed, or not any more.
    pub(super) fn update_class(&self, author: Author) -> Result<(), DbError> {
        let bytes = i64::try_from(self.get_author_bytes(author)?).unwrap_or(i64::MAX);
        self.change_bytes(author, bytes.saturating_neg())?;
        self.execute(
            "UPDATE authors SET class = CASE
                 WHEN author IN (SELECT author FROM personas UNION SELECT author FROM follows) THEN 1 ELSE 2 END
             WHERE author = ?1",
            [author],
        )?;
        self.change_bytes(author, bytes)
    }

    /// Keeps the quota of a class, to be compared with at the next start.
    pub fn update_quota(&self, class: Class, quota: u64) -> Result<(), DbError> {
        let quota = i64::try_from(quota).unwrap_or(i64::MAX);
        self.execute("UPDATE space SET quota = ?2 WHERE class = ?1", params![class.code(), quota])?;
        Ok(())
    }

    /// Remembers that an id made room, forgetting the oldest above [`EVICTED_OBJECTS`]. No author: a sealed post.
    pub fn insert_evicted(&self, object_id: ObjectId, author: Option<Author>) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO evicted (object_id, author) VALUES (?1, ?2) ON CONFLICT (object_id) DO NOTHING",
            params![object_id, author.unwrap_or(Author(0))],
        )?;
        self.trim_evicted()
    }

    pub(super) fn trim_evicted(&self) -> Result<(), DbError> {
        self.execute(
            "DELETE FROM evicted WHERE evicted <= (SELECT max(evicted) FROM evicted) - ?1",
            [EVICTED_OBJECTS],
        )?;
        Ok(())
    }

    /// Forgets what made room of this author: it gets more room now. No author: the sealed posts.
    pub fn delete_evicted_of(&self, author: Option<Author>) -> Result<(), DbError> {
        self.execute("DELETE FROM evicted WHERE author = ?1", [author.unwrap_or(Author(0))])?;
        Ok(())
    }

    /// Counts an object that enters the log.
    pub(super) fn count_arrival(&self, author: Author, object: ObjectKey, kind: Kind) -> Result<(), DbError> {
        let size = self.size_of(object)?;
        let posts = i64::from(kind == Kind::Post);
        self.execute(
            "UPDATE authors SET post_count = post_count + ?2, bytes = bytes + ?3 WHERE author = ?1",
            params![author, posts, size],
        )?;
        self.execute(
            "UPDATE space SET bytes = bytes + ?2 WHERE class = (SELECT class FROM authors WHERE author = ?1)",
            params![author, size],
        )?;
        Ok(())
    }
}
