//! SQLite: the truth for everything but blob bytes. The only place that contains SQL; knows no network, no faces.
//!
//! [`Read`] borrows a connection inside a read transaction (one snapshot), [`Write`] the writer's connection inside
//! the batch transaction. Each file beside this one holds one thing that is stored, as functions on these two.

#![expect(
    clippy::missing_errors_doc,
    reason = "every function on Read and Write fails with DbError when the store itself fails, and in no other case"
)]

mod columns;
mod open;

pub mod arrivals;
#[cfg(any(test, feature = "sim"))]
pub mod audit;
pub mod blobs;
pub mod book;
pub mod carried;
pub mod comments;
pub mod deferred;
pub mod drafts;
pub mod follows;
pub mod headers;
pub mod holders;
pub mod introducers;
pub mod manifests;
pub mod objects;
pub mod operations;
pub mod peers;
pub mod personas;
pub mod profiles;
pub mod protected;
pub mod reactions;
pub mod sealed;
pub mod space;
pub mod standings;
pub mod stem;
pub mod store;
pub mod timeline;

use std::ops::Deref;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row};
use thiserror::Error;

pub use self::columns::{Author, Blob, ObjectKey, Peer};
pub use self::open::{Batch, Database, Durability, OpenError, SCHEMA_VERSION};

/// SQLite failed, or a row holds what it never should.
#[derive(Debug, Error)]
pub enum DbError {
    /// What SQLite says.
    #[error("the database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// Stored bytes that were checked before they were written do not decode any more.
    #[error("the database holds a damaged row in {table}")]
    DamagedRow {
        /// Where.
        table: &'static str,
    },
    /// No connection is left to read with: the node stops, or a read of ours went wrong.
    #[error("the database is not being read any more")]
    NoReader,
    /// The disk failed while it saved: nothing is written over this connection any more.
    #[error("the disk failed while it saved")]
    NotSynced,
    /// A protected row was to be read or written without its key. Nothing was changed.
    #[error("the data key is not known")]
    Locked,
    /// A row that must exist is missing.
    #[error("the database lacks a row in {table}")]
    MissingRow {
        /// Where.
        table: &'static str,
    },
}

impl DbError {
    /// Whether the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Sqlite(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull))
    }

    /// Whether the disk failed to save what it had taken. What it holds then is not what SQLite believes: nothing more
    /// may be written over this connection.
    #[must_use]
    pub fn is_sync_failure(&self) -> bool {
        use rusqlite::ffi;
        const CODES: [i32; 2] = [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC];
        match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => CODES.contains(&error.extended_code),
            Self::NotSynced => true,
            _ => false,
        }
    }

    /// What SQLite says when a sync fails.
    #[cfg(test)]
    pub(crate) const fn sync_failure() -> Self {
        let code = rusqlite::ffi::SQLITE_IOERR_FSYNC;
        Self::Sqlite(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error { code: rusqlite::ErrorCode::SystemIoFailure, extended_code: code },
            None,
        ))
    }

    /// Whether the file itself is damaged, rather than the disk full or a lock held.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        match self {
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            ),
            Self::DamagedRow { .. } | Self::MissingRow { .. } => true,
            Self::NoReader | Self::NotSynced | Self::Locked => false,
        }
    }
}

/// One snapshot of the store.
#[derive(Clone, Copy)]
pub struct Read<'c>(&'c Connection);

impl<'c> Read<'c> {
    fn statement(self, sql: &str) -> Result<CachedStatement<'c>, DbError> {
        Ok(self.0.prepare_cached(sql)?)
    }

    /// The first row of the answer, mapped; `None` when there is none.
    fn find<T>(
        self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, DbError> {
        Ok(self.statement(sql)?.query_row(params, map).optional()?)
    }

    /// The one row of the answer, mapped.
    fn get<T>(
        self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, DbError> {
        Ok(self.statement(sql)?.query_row(params, map)?)
    }

    /// All rows of the answer, mapped. The caller bounds them in the statement.
    fn list<T>(
        self,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, DbError> {
        let mut statement = self.statement(sql)?;
        let rows = statement.query_map(params, map)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The writer's view of the store, inside a transaction. Reads see what was written before.
pub struct Write<'c>(Read<'c>);

impl<'c> Deref for Write<'c> {
    type Target = Read<'c>;

    fn deref(&self) -> &Read<'c> {
        &self.0
    }
}

impl Write<'_> {
    /// Runs one statement and says how many rows it changed.
    fn execute(&self, sql: &str, params: impl Params) -> Result<usize, DbError> {
        Ok(self.statement(sql)?.execute(params)?)
    }
}

#[cfg(test)]
mod blob_tests;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;
