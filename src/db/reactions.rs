//! Reactions: of one author, target and emoji the last one counts, `(created, id)` deciding, in whatever order they come.

use std::collections::BTreeMap;

use rusqlite::params;

use super::{Author, DbError, ObjectKey, Read, Write};
use crate::domain::ids::ObjectId;
use crate::domain::operation::ReactionSwitch;
use crate::domain::time::Timestamp;

/// Different emojis of one target that are shown, the most frequent first. More than a screen holds; what is beyond
/// stays stored.
const SHOWN_EMOJIS: u32 = 32;

/// A reaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReactionRow {
    /// On what: a post or a comment.
    pub target_id: ObjectId,
    /// By whom.
    pub author: Author,
    /// With what, raw.
    pub emoji: String,
    /// The post it belongs to.
    pub post: ObjectKey,
    /// The time it claims.
    pub created: Timestamp,
    /// Its id.
    pub operation_id: ObjectId,
    /// Its object; `None` when it is deleted already.
    pub object: Option<ObjectKey>,
    /// Put or taken back.
    pub switch: ReactionSwitch,
}

const COLUMNS: &str =
    "SELECT target_id, author, emoji, post, created_ms, operation_id, object, is_on FROM reactions";

fn reaction_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<ReactionRow> {
    let is_on: bool = row.get(7)?;
    Ok(ReactionRow {
        target_id: row.get(0)?,
        author: row.get(1)?,
        emoji: row.get(2)?,
        post: row.get(3)?,
        created: row.get(4)?,
        operation_id: row.get(5)?,
        object: row.get(6)?,
        switch: if is_on { ReactionSwitch::On } else { ReactionSwitch::Off },
    })
}

impl Read<'_> {
    /// The reaction that counts for an author, target and emoji.
    pub fn find_reaction(
        &self,
        target_id: ObjectId,
        author: Author,
        emoji: &str,
    ) -> Result<Option<ReactionRow>, DbError> {
        let sql = format!("{COLUMNS} WHERE target_id = ?1 AND author = ?2 AND emoji = ?3");
        self.find(&sql, params![target_id, author, emoji], reaction_row)
    }

    /// The reaction that is this operation, if it counts.
    pub fn find_reaction_of(&self, operation_id: ObjectId) -> Result<Option<ReactionRow>, DbError> {
        self.find(&format!("{COLUMNS} WHERE operation_id = ?1"), [operation_id], reaction_row)
    }

    /// Emojis on a target with how many people put them, the most frequent ones.
    pub fn list_reactions(&self, target_id: ObjectId) -> Result<BTreeMap<String, u64>, DbError> {
        let rows = self.list(
            "SELECT emoji, count FROM reaction_counts WHERE target_id = ?1 ORDER BY count DESC, emoji LIMIT ?2",
            params![target_id, SHOWN_EMOJIS],
            |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())),
        )?;
        Ok(rows.into_iter().collect())
    }

    /// Emojis my personas put on a target.
    pub fn list_my_reactions(&self, target_id: ObjectId) -> Result<Vec<String>, DbError> {
        self.list(
            "SELECT DISTINCT emoji FROM personas CROSS JOIN reactions USING (author)
             WHERE target_id = ?1 AND is_on = 1 ORDER BY emoji",
            [target_id],
            |row| row.get(0),
        )
    }
}

impl Write<'_> {
    /// Makes a reaction the one that counts, keeping the counts of its target.
    pub fn replace_reaction(&self, new: &ReactionRow) -> Result<(), DbError> {
        let before = self.find_reaction(new.target_id, new.author, &new.emoji)?;
        let is_on = |row: &ReactionRow| i64::from(row.switch == ReactionSwitch::On);
        self.execute(
            "INSERT INTO reactions (target_id, author, emoji, post, created_ms, operation_id, object, is_on)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (target_id, author, emoji) DO UPDATE
             SET created_ms = ?5, operation_id = ?6, object = ?7, is_on = ?8",
            params![
                new.target_id,
                new.author,
                new.emoji,
                new.post,
                new.created,
                new.operation_id,
                new.object,
                is_on(new)
            ],
        )?;
        self.change_reaction_count(new, is_on(new).saturating_sub(before.as_ref().map_or(0, is_on)))
    }

    /// Forgets a reaction altogether.
    pub fn delete_reaction(&self, row: &ReactionRow) -> Result<(), DbError> {
        self.execute(
            "DELETE FROM reactions WHERE target_id = ?1 AND author = ?2 AND emoji = ?3",
            params![row.target_id, row.author, row.emoji],
        )?;
        let by = if row.switch == ReactionSwitch::On { -1 } else { 0 };
        self.change_reaction_count(row, by)
    }

    fn change_reaction_count(&self, row: &ReactionRow, by: i64) -> Result<(), DbError> {
        if by == 0 {
            return Ok(());
        }
        self.execute(
            "INSERT INTO reaction_counts (target_id, emoji, post, count) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (target_id, emoji) DO UPDATE SET count = count + ?4",
            params![row.target_id, row.emoji, row.post, by],
        )?;
        self.execute(
            "DELETE FROM reaction_counts WHERE target_id = ?1 AND emoji = ?2 AND count <= 0",
            params![row.target_id, row.emoji],
        )?;
        // What a feed shows stands beside the post's counts, so that a page needs no further scan.
        self.execute(
            "UPDATE headers SET reactions = (SELECT CASE count(*) WHEN 0 THEN ''
                 ELSE json_group_array(json_array(emoji, count)) END FROM
                 (SELECT emoji, count FROM reaction_counts WHERE target_id = ?2
                  ORDER BY count DESC, emoji LIMIT ?3))
             WHERE post = ?1 AND EXISTS (SELECT 1 FROM objects WHERE object = ?1 AND object_id = ?2)",
            params![row.post, row.target_id, SHOWN_EMOJIS],
        )?;
        Ok(())
    }
}
