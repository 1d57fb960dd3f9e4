//! My posting identities, for connections that were shown the book. Their secret keys are in files, not here.

use rusqlite::params;

use super::{Author, DbError, Read, Write};
use crate::domain::ids::PostingId;

/// One of my posting identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonaRow {
    /// Its row among the authors.
    pub author: Author,
    /// Its public id.
    pub posting_id: PostingId,
    /// What I call it.
    pub label: String,
}

impl Read<'_> {
    /// All personas, the default one first.
    pub fn list_personas(&self) -> Result<Vec<PersonaRow>, DbError> {
        self.list(
            "SELECT author, posting_id, label FROM personas JOIN authors USING (author) ORDER BY place",
            [],
            |row| Ok(PersonaRow { author: row.get(0)?, posting_id: row.get(1)?, label: row.get(2)? }),
        )
    }

    /// Whether an author is a persona of mine.
    pub fn is_persona(&self, author: Author) -> Result<bool, DbError> {
        self.get("SELECT EXISTS (SELECT 1 FROM personas WHERE author = ?1)", [author], |row| row.get(0))
    }

    /// The persona with this id, or the default one.
    pub fn find_persona(&self, id: Option<PostingId>) -> Result<Option<PersonaRow>, DbError> {
        let personas = self.list_personas()?;
        Ok(personas.into_iter().find(|persona| id.is_none_or(|id| persona.posting_id == id)))
    }
}

impl Write<'_> {
    /// Adds a persona behind the others. The book has to be kept afterwards.
    pub fn insert_persona(&self, author: Author, label: &str) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO personas (author, place, label)
             VALUES (?1, (SELECT coalesce(max(place), 0) + 1 FROM personas), ?2)",
            params![author, label],
        )?;
        self.update_class(author)
    }
}
