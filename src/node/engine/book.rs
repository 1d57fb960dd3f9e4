//! The book of personas and follows, as it is kept: one value under the data key, its length rounded up so that it says
//! little about how many there are. Everything else in the store knows only the union of both.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::CryptoRng;
use zeroize::Zeroizing;

use super::{Engine, Step};
use crate::api::Event;
use crate::crypto::data_key::DataKey;
use crate::db::book::Book;
use crate::db::protected::{Protected, RowName};
use crate::db::space::Class;
use crate::db::{DbError, Read, Write};
use crate::domain::cbor;
use crate::domain::ids::PostingId;
use crate::limits::{CLOCK_AHEAD, INTEREST_IDS};

/// What the ciphertext is bound to.
pub(super) const TABLE: &str = "book";
/// The shortest it ever is, in bytes; longer ones are powers of two.
const SHORTEST: usize = 4_096;
/// Bytes of the length that stands before the content.
const LENGTH: usize = 4;

fn name(key: &DataKey) -> RowName {
    key.name(TABLE, &[])
}

/// The book of a store; what an earlier version kept in the clear is part of it.
///
/// # Errors
/// [`DbError`] when the store cannot be read, or its book not be opened with this key.
pub fn open_book(read: Read<'_>, key: &DataKey) -> Result<Book, DbError> {
    let damaged = || DbError::DamagedRow { table: TABLE };
    let name = name(key);
    let mut book = match read.find_protected(Protected::Book, &name)? {
        Some(value) => {
            let plain = key.open(TABLE, &name, &value).map_err(|_unopened| damaged())?;
            let (length, rest) = plain.split_first_chunk::<LENGTH>().ok_or_else(damaged)?;
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let content = rest.get(..length).ok_or_else(damaged)?;
            cbor::decode_whole(content).map_err(|_malformed| damaged())?
        }
        None => Book::default(),
    };
    let clear = read.clear_book()?;
    book.personas.extend(clear.personas);
    book.follows.extend(clear.follows);
    Ok(book)
}

/// Keeps what the connection of `write` knows of personas and follows, and says what that is.
///
/// # Errors
/// [`DbError`] when the store cannot be written.
pub fn keep_book(write: &Write<'_>, key: &DataKey, rng: &mut dyn CryptoRng) -> Result<Book, DbError> {
    let book = write.book()?;
    let content = Zeroizing::new(cbor::encode(&book));
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let room = content.len().saturating_add(LENGTH).max(SHORTEST).next_power_of_two();
    let mut plain = Zeroizing::new(Vec::with_capacity(room));
    plain.extend_from_slice(&length.to_le_bytes());
    plain.extend_from_slice(&content);
    plain.resize(room, 0);
    let name = name(key);
    write.replace_protected(Protected::Book, &name, &key.seal(TABLE, &name, &plain, rng))?;
    Ok(book)
}

impl Engine {
    /// Personas or follows changed: they are kept, and what follows from them is done.
    pub(super) fn book_changed(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        self.new_book = Some(keep_book(step.store, &*self.talks.key()?, step.rng)?);
        self.interest_changed(step)
    }

    /// The book is known, at a start or because the passphrase was given: what came without it finds its place.
    pub(super) fn begin_book(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if self.talks.is_locked() {
            return Ok(());
        }
        self.new_book = Some(step.store.book()?);
        if step.store.clear_book()? != Book::default() {
            keep_book(step.store, &*self.talks.key()?, step.rng)?;
            step.store.delete_clear_book()?;
        }
        let found = [step.store.place_unplaced(CLOCK_AHEAD)?, step.store.settle_comments()?];
        if found.contains(&true) {
            step.tell(Event::FeedChanged);
        }
        self.adopt_orphan_keys(step)
    }

    /// The passphrase was given.
    pub(super) fn book_unlocked(
        &mut self,
        step: &mut Step<'_, '_>,
        key: &Arc<DataKey>,
    ) -> Result<(), DbError> {
        self.personas = show_book(**step.store, Some(key))?;
        // Their quotas could not be kept while some of them might have been mine.
        for author in step.store.list_class(Class::Ours, INTEREST_IDS)? {
            self.space.changed(author);
        }
        self.begin_book(step)?;
        self.raise_missing_manifests(step)
    }

    /// The book, if it is another one since this was last asked: once it is committed, whoever reads for faces needs it.
    pub const fn take_new_book(&mut self) -> Option<Book> {
        self.new_book.take()
    }

    /// Whether this author may be one of my personas. Without the book, anybody on our list may be.
    pub(super) fn is_perhaps_mine(&self, author: PostingId) -> bool {
        if self.talks.is_locked() { self.interest.is_ours(author) } else { self.personas.contains(&author) }
    }
}

/// Shows a connection what it may know, and names the personas: none without the key.
pub(super) fn show_book(read: Read<'_>, key: Option<&Arc<DataKey>>) -> Result<BTreeSet<PostingId>, DbError> {
    let book = key.map(|key| open_book(read, key)).transpose()?;
    read.show_book(&book.unwrap_or_default())?;
    Ok(read.list_personas()?.into_iter().map(|persona| persona.posting_id).collect())
}

/// The personas of a store, whatever its connection was shown.
///
/// # Errors
/// As [`open_book`].
pub fn personas_of(read: Read<'_>, key: &DataKey) -> Result<Vec<PostingId>, DbError> {
    open_book(read, key)?.personas.iter().map(|persona| read.get_posting_id(persona.author)).collect()
}

#[cfg(test)]
mod tests;
