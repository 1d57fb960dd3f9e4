//! Unfinished text. It survives every crash of the program.

use rusqlite::params;

use super::{DbError, Read, Write};
use crate::domain::time::Timestamp;

impl Read<'_> {
    /// The text in a slot.
    pub fn find_draft(&self, slot: &str) -> Result<Option<String>, DbError> {
        self.find("SELECT text FROM drafts WHERE slot = ?1", [slot], |row| row.get(0))
    }
}

impl Write<'_> {
    /// Keeps text in a slot.
    pub fn replace_draft(&self, slot: &str, text: &str, now: Timestamp) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO drafts (slot, text, saved_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (slot) DO UPDATE SET text = ?2, saved_ms = ?3",
            params![slot, text, now],
        )?;
        Ok(())
    }

    /// Empties a slot.
    pub fn delete_draft(&self, slot: &str) -> Result<(), DbError> {
        self.execute("DELETE FROM drafts WHERE slot = ?1", [slot])?;
        Ok(())
    }
}
