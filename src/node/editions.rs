//! Where the writer puts the book of personas and follows after a commit, for readers. In memory only.

use std::sync::{Arc, Mutex, PoisonError};

use crate::db::book::Book;

/// A book with the number of its edition.
type Edition = (u64, Arc<Book>);

/// The present book; none while nobody knows it.
#[derive(Clone, Default)]
pub struct Editions(Arc<Mutex<Option<Edition>>>);

impl Editions {
    /// Puts a book in the place of the one that is there.
    pub fn put(&self, book: Book) {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let edition = place.as_ref().map_or(0, |(edition, _)| edition.wrapping_add(1));
        *place = Some((edition, Arc::new(book)));
    }

    /// The present book, unless it is this edition.
    #[must_use]
    pub fn newer_than(&self, edition: Option<u64>) -> Option<Edition> {
        let place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        place.as_ref().filter(|(present, _)| Some(*present) != edition).cloned()
    }
}
