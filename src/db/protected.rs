//! Rows that are encrypted before they come here, and messages among them. This layer has no key: it sees names that are
//! keyed hashes, and bytes.

use rusqlite::{Row, params};

use super::{DbError, Read, Write};
use crate::domain::conversation::Place;

/// What a protected row is. The number is its code in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protected {
    /// How far sealed posts were looked through.
    Progress,
    /// The secret half of a prekey.
    Prekey,
    /// What is known about somebody a persona writes with.
    Relation,
    /// A ratchet.
    Session,
    /// A conversation.
    Conversation,
    /// A message that waits to be sent, or to be confirmed.
    Outgoing,
    /// The roster of a group.
    Group,
    /// A sender chain of ours.
    OwnChain,
    /// A sender chain of somebody else.
    HeardChain,
    /// A circle.
    Circle,
    /// Unfinished text.
    Draft,
    /// A message that was here.
    Gone,
    /// Personas and follows.
    Book,
}

impl Protected {
    const fn code(self) -> i64 {
        match self {
            Self::Progress => 1,
            Self::Prekey => 2,
            Self::Relation => 3,
            Self::Session => 4,
            Self::Conversation => 5,
            Self::Outgoing => 6,
            Self::Group => 7,
            Self::OwnChain => 8,
            Self::HeardChain => 9,
            Self::Circle => 10,
            Self::Draft => 11,
            Self::Gone => 12,
            Self::Book => 13,
        }
    }
}

/// The name of a protected row: a keyed hash.
pub type RowName = [u8; 32];

/// A message as it is stored.
pub struct StoredMessage {
    /// The name of its conversation.
    pub conversation: RowName,
    /// Where it stands.
    pub place: Place,
    /// Its name.
    pub name: RowName,
    /// What it is, encrypted.
    pub value: Vec<u8>,
}

/// From where a page of messages is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageFrom {
    /// Those before this place, the last of them first.
    Before(Place),
    /// Those after this place, the first of them first.
    After(Place),
}

fn message(row: &Row<'_>) -> rusqlite::Result<StoredMessage> {
    Ok(StoredMessage {
        conversation: row.get(0)?,
        place: Place::from_number(row.get(1)?),
        name: row.get(2)?,
        value: row.get(3)?,
    })
}

pub(super) const MESSAGES_BEFORE: &str = "SELECT conversation, place, name, value FROM messages
     WHERE conversation = ?1 AND place < ?2 ORDER BY place DESC LIMIT ?3";
pub(super) const MESSAGES_AFTER: &str = "SELECT conversation, place, name, value FROM messages
     WHERE conversation = ?1 AND place > ?2 ORDER BY place LIMIT ?3";

impl Read<'_> {
    /// All rows of a kind.
    pub fn list_protected(&self, kind: Protected) -> Result<Vec<(RowName, Vec<u8>)>, DbError> {
        self.list("SELECT name, value FROM protected WHERE kind = ?1", [kind.code()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    /// One row.
    pub fn find_protected(&self, kind: Protected, name: &RowName) -> Result<Option<Vec<u8>>, DbError> {
        self.find(
            "SELECT value FROM protected WHERE kind = ?1 AND name = ?2",
            params![kind.code(), name],
            |row| row.get(0),
        )
    }

    /// Whether there is anything that only the data key opens.
    pub fn has_protected(&self) -> Result<bool, DbError> {
        self.get("SELECT EXISTS (SELECT 1 FROM protected)", [], |row| row.get(0))
    }

    /// Messages of a conversation, at most `limit`.
    pub fn list_messages(
        &self,
        conversation: &RowName,
        from: PageFrom,
        limit: u32,
    ) -> Result<Vec<StoredMessage>, DbError> {
        let (sql, place) = match from {
            PageFrom::Before(place) => (MESSAGES_BEFORE, place),
            PageFrom::After(place) => (MESSAGES_AFTER, place),
        };
        self.list(sql, params![conversation, place.number(), limit], message)
    }

    /// The message with this name.
    pub fn find_message(&self, name: &RowName) -> Result<Option<StoredMessage>, DbError> {
        self.find("SELECT conversation, place, name, value FROM messages WHERE name = ?1", [name], message)
    }
}

impl Write<'_> {
    /// Writes a row, in place of the one with its name.
    pub fn replace_protected(&self, kind: Protected, name: &RowName, value: &[u8]) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO protected (kind, name, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (kind, name) DO UPDATE SET value = ?3",
            params![kind.code(), name, value],
        )?;
        Ok(())
    }

    /// Removes a row.
    pub fn delete_protected(&self, kind: Protected, name: &RowName) -> Result<(), DbError> {
        self.execute("DELETE FROM protected WHERE kind = ?1 AND name = ?2", params![kind.code(), name])?;
        Ok(())
    }

    /// Puts a message where no other one stands.
    pub fn insert_message(&self, message: &StoredMessage) -> Result<(), DbError> {
        let StoredMessage { conversation, place, name, value } = message;
        self.execute(
            "INSERT INTO messages (conversation, place, name, value) VALUES (?1, ?2, ?3, ?4)",
            params![conversation, place.number(), name, value],
        )?;
        Ok(())
    }

    /// Gives a message another content.
    pub fn update_message(&self, name: &RowName, value: &[u8]) -> Result<(), DbError> {
        self.execute("UPDATE messages SET value = ?2 WHERE name = ?1", params![name, value])?;
        Ok(())
    }

    /// Removes a message.
    pub fn delete_message(&self, name: &RowName) -> Result<(), DbError> {
        self.execute("DELETE FROM messages WHERE name = ?1", [name])?;
        Ok(())
    }
}
