//! Unfinished text as earlier versions kept it, in the clear. Today drafts are protected rows; what is found here is
//! sealed and removed.

use super::{DbError, Read, Write};

impl Read<'_> {
    /// All slots with their texts.
    pub fn list_clear_drafts(&self) -> Result<Vec<(String, String)>, DbError> {
        self.list("SELECT slot, text FROM drafts", [], |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

impl Write<'_> {
    /// Keeps one as earlier versions did.
    #[cfg(test)]
    pub(crate) fn insert_clear_draft(&self, slot: &str, text: &str) -> Result<(), DbError> {
        self.execute("INSERT INTO drafts (slot, text, saved_ms) VALUES (?1, ?2, 0)", [slot, text])?;
        Ok(())
    }

    /// Empties all slots.
    pub fn delete_clear_drafts(&self) -> Result<(), DbError> {
        self.execute("DELETE FROM drafts", [])?;
        Ok(())
    }
}
