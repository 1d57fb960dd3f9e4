//! My posting identities. Their secret keys are in files, not here.

use rusqlite::params;

use super::timeline::Pill;
use super::{Author, DbError, Read, Write};
use crate::domain::ids::PostingId;

/// One of my posting identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonaRow {
    /// Its row among the authors.
    pub author: Author,
    /// Its public id.
    pub posting_id: PostingId,
    /// Its feed. The default persona has the lowest.
    pub pill: Pill,
    /// What I call it.
    pub label: String,
}

impl Read<'_> {
    /// All personas, the default one first.
    pub fn list_personas(&self) -> Result<Vec<PersonaRow>, DbError> {
        self.list(
            "SELECT author, posting_id, pill, label FROM personas JOIN authors USING (author) ORDER BY pill",
            [],
            |row| {
                Ok(PersonaRow {
                    author: row.get(0)?,
                    posting_id: row.get(1)?,
                    pill: Pill(row.get(2)?),
                    label: row.get(3)?,
                })
            },
        )
    }

    /// The persona with this id, or the default one.
    pub fn find_persona(&self, id: Option<PostingId>) -> Result<Option<PersonaRow>, DbError> {
        let personas = self.list_personas()?;
        Ok(personas.into_iter().find(|persona| id.is_none_or(|id| persona.posting_id == id)))
    }
}

impl Write<'_> {
    /// Adds a persona with the next free feed.
    pub fn insert_persona(&self, author: Author, label: &str) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO personas (author, pill, label)
             VALUES (?1, (SELECT coalesce(max(pill), 0) + 1 FROM personas), ?2)",
            params![author, label],
        )?;
        self.update_class(author)
    }
}
