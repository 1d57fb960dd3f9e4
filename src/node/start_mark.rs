//! Noticing that the database is an old copy: a token in the database and beside it, renewed at every start.
//!
//! Peers read our log by position, so a database put back from a backup would give numbers again that peers have
//! passed. The file `start` beside the database names the token the database must hold, and which file (device and
//! inode) it must be. What does not fit is a copy: its log goes on under a new name, and peers read it from its
//! beginning. A start writes 'a, then b' beside the database, commits b, and writes 'b': a crash between any two
//! of these fits as well.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use data_encoding::HEXLOWER;
use rand::CryptoRng;

use crate::db::{Database, DbError, Durability};

/// A random name of one start.
pub type StartToken = [u8; 16];

/// Which file a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    /// Of the file at this path.
    ///
    /// # Errors
    /// When there is none, or it cannot be looked at.
    pub fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        Ok(Self { device: found.dev(), inode: found.ino() })
    }

    /// Of a simulated disk.
    #[cfg(any(test, feature = "sim"))]
    #[must_use]
    pub const fn simulated(inode: u64) -> Self {
        Self { device: 0, inode }
    }
}

/// What stands beside the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartMark {
    /// The token of the last finished start.
    pub last: StartToken,
    /// The token of the start under way, or the same.
    pub next: StartToken,
    /// The database.
    pub database: FileIdentity,
}

impl StartMark {
    /// Whether a database with this token, in this file, is the one that ran last.
    #[must_use]
    pub fn fits(&self, token: StartToken, database: FileIdentity) -> bool {
        (token == self.last || token == self.next) && database == self.database
    }

    /// As it stands in the file.
    #[must_use]
    pub fn format(&self) -> String {
        let FileIdentity { device, inode } = self.database;
        format!("{} {} {device} {inode}\n", HEXLOWER.encode(&self.last), HEXLOWER.encode(&self.next))
    }

    /// Reads what stands in the file; `None` for anything else, which is then no mark.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let token = |hex: &str| HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok();
        let mut words = text.split_whitespace();
        let (last, next) = (token(words.next()?)?, token(words.next()?)?);
        let database =
            FileIdentity { device: words.next()?.parse().ok()?, inode: words.next()?.parse().ok()? };
        words.next().is_none().then_some(Self { last, next, database })
    }
}

/// A start under way: a mark beside the database, a commit in it, and a mark again, in this order.
pub struct BegunStart {
    last: StartToken,
    next: StartToken,
    database: FileIdentity,
    /// The secret that names the log from now on, when the database is a copy.
    new_epoch: Option<[u8; 32]>,
}

impl BegunStart {
    /// Looks at a database and at what was found beside it.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be read.
    pub fn of<R: CryptoRng + ?Sized>(
        database: &mut Database,
        found: Option<StartMark>,
        file: FileIdentity,
        rng: &mut R,
    ) -> Result<Self, DbError> {
        let last = database.read(|read| read.get_start_token())?;
        let mut next = [0; 16];
        rng.fill_bytes(&mut next);
        let new_epoch = (!found.is_some_and(|mark| mark.fits(last, file))).then(|| {
            let mut epoch = [0; 32];
            rng.fill_bytes(&mut epoch);
            epoch
        });
        Ok(Self { last, next, database: file, new_epoch })
    }

    /// What stands beside the database before it is changed.
    #[must_use]
    pub const fn mark_before(&self) -> StartMark {
        StartMark { last: self.last, next: self.next, database: self.database }
    }

    /// Notes the start in the database. [`Self::mark_after`] may be written once a later commit has synced this one.
    ///
    /// # Errors
    /// [`DbError`]; nothing was changed then.
    pub fn commit(&self, database: &mut Database) -> Result<(), DbError> {
        database.transaction(Durability::Normal, |batch| {
            batch.step(|store| {
                if let Some(epoch) = &self.new_epoch {
                    store.update_epoch_secret(epoch)?;
                    store.update_lives(epoch)?;
                }
                store.update_start_token(&self.next)
            })
        })
    }

    /// What stands beside the database afterwards.
    #[must_use]
    pub const fn mark_after(&self) -> StartMark {
        StartMark { last: self.next, next: self.next, database: self.database }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: FileIdentity = FileIdentity { device: 1, inode: 2 };

    #[test]
    fn a_mark_survives_its_text_form_and_nothing_else_is_one() {
        let mark = StartMark { last: [1; 16], next: [0xfe; 16], database: HERE };
        assert_eq!(StartMark::parse(&mark.format()), Some(mark));
        for text in ["", "01 02 3 4", &mark.format().replace(' ', ""), &format!("{}5", mark.format())] {
            assert_eq!(StartMark::parse(text), None, "{text}");
        }
    }

    #[test]
    fn both_tokens_of_a_start_under_way_fit_and_no_other_file_does() {
        let mark = StartMark { last: [1; 16], next: [2; 16], database: HERE };
        assert!(mark.fits([1; 16], HERE) && mark.fits([2; 16], HERE));
        assert!(!mark.fits([3; 16], HERE));
        assert!(!mark.fits([1; 16], FileIdentity { device: 1, inode: 3 }));
    }
}
