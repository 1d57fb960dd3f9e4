//! The book: which posting ids are mine, and whom each of them follows.
//!
//! In the file it is one encrypted value, which this layer cannot open. Who can shows it to a connection, which then has
//! it in temporary tables, in memory; a connection that was shown nothing knows neither personas nor follows. What is
//! written to those tables is kept by writing the book anew; it is not this layer's business.

use minicbor::{Decode, Encode};
use rusqlite::{Connection, params};

use super::{Author, DbError, Read, Write};
use crate::domain::time::Timestamp;

/// All personas and follows. Rows of authors are numbers of this store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Book {
    /// My personas, the default one first.
    #[n(0)]
    pub personas: Vec<BookPersona>,
    /// Whom they follow.
    #[n(1)]
    pub follows: Vec<BookFollow>,
}

/// A persona of mine.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct BookPersona {
    /// Its row among the authors.
    #[n(0)]
    pub author: Author,
    /// What I call it.
    #[n(1)]
    pub label: String,
}

/// A follow.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct BookFollow {
    /// The row of my persona among the authors.
    #[n(0)]
    pub persona: Author,
    /// The row of who is followed.
    #[n(1)]
    pub author: Author,
    /// What an invite called them; empty when none did.
    #[n(2)]
    pub name_hint: String,
    /// Since when.
    #[n(3)]
    pub followed: Timestamp,
}

/// Makes the tables of the book, empty: what no file ever holds.
pub(super) fn make_tables(connection: &Connection) -> Result<(), DbError> {
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.execute_batch(
        "CREATE TEMP TABLE personas (
             author INTEGER PRIMARY KEY,
             place  INTEGER NOT NULL UNIQUE,  -- the default persona has the lowest
             label  TEXT    NOT NULL
         ) STRICT;
         CREATE TEMP TABLE follows (
             persona     INTEGER NOT NULL,
             author      INTEGER NOT NULL,
             name_hint   TEXT    NOT NULL,
             followed_ms INTEGER NOT NULL,
             PRIMARY KEY (persona, author)
         ) STRICT, WITHOUT ROWID;
         -- 'Which personas follow this author'.
         CREATE INDEX temp.follows_by_author ON follows (author);
         -- Who may be me: without the book, anybody of those I am or follow.
         CREATE TEMP VIEW perhaps_mine AS
             SELECT author FROM personas
             UNION ALL SELECT author FROM authors WHERE class = 1 AND NOT EXISTS (SELECT 1 FROM personas);",
    )?;
    Ok(())
}

impl Read<'_> {
    /// Lets this connection know these personas and follows, and no others; of two for the same the first counts. No file is
    /// written.
    pub fn show_book(&self, book: &Book) -> Result<(), DbError> {
        self.statement("DELETE FROM personas")?.execute([])?;
        self.statement("DELETE FROM follows")?.execute([])?;
        let mut insert = self.statement(
            "INSERT INTO personas (author, place, label) VALUES (?1, ?2, ?3) ON CONFLICT (author) DO NOTHING",
        )?;
        for (place, persona) in (1_i64..).zip(&book.personas) {
            insert.execute(params![persona.author, place, persona.label])?;
        }
        let mut insert = self.statement(
            "INSERT INTO follows (persona, author, name_hint, followed_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (persona, author) DO NOTHING",
        )?;
        for BookFollow { persona, author, name_hint, followed } in &book.follows {
            insert.execute(params![persona, author, name_hint, followed])?;
        }
        Ok(())
    }

    /// What this connection knows.
    pub fn book(&self) -> Result<Book, DbError> {
        self.read_book("personas", "place", "follows")
    }

    /// What earlier versions kept in the clear; empty once [`Write::delete_clear_book`] was there.
    pub fn clear_book(&self) -> Result<Book, DbError> {
        self.read_book("clear_personas", "pill", "clear_follows")
    }

    fn read_book(self, personas: &str, place: &str, follows: &str) -> Result<Book, DbError> {
        Ok(Book {
            personas: self.list(
                &format!("SELECT author, label FROM {personas} ORDER BY {place}"),
                [],
                |row| Ok(BookPersona { author: row.get(0)?, label: row.get(1)? }),
            )?,
            follows: self.list(
                &format!(
                    "SELECT persona, author, name_hint, followed_ms FROM {follows} ORDER BY persona, author"
                ),
                [],
                |row| {
                    Ok(BookFollow {
                        persona: row.get(0)?,
                        author: row.get(1)?,
                        name_hint: row.get(2)?,
                        followed: row.get(3)?,
                    })
                },
            )?,
        })
    }
}

impl Write<'_> {
    /// Overwrites what earlier versions kept in the clear.
    pub fn delete_clear_book(&self) -> Result<(), DbError> {
        self.execute("DELETE FROM clear_follows", [])?;
        self.execute("DELETE FROM clear_personas", [])?;
        Ok(())
    }
}
