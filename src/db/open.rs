//! Opening a database: refuse what is newer (byte-identical), migrate what is older, never start empty in silence.
//!
//! Also the only place that begins and ends transactions. Grouped commit: [`Database::transaction`] runs a batch of
//! steps under one commit. A step fails only when the disk or a row does, and then the whole batch is given up.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use thiserror::Error;

use super::{DbError, Read, Write, book};

/// 'IGO6' in the file's header: this is our kind of file.
const APPLICATION_ID: i32 = 0x4947_4f36;

/// Every migration in order; the schema version of a file is how many of them it has seen.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_attention.sql"),
    include_str!("migrations/0003_pool.sql"),
    include_str!("migrations/0004_conversations.sql"),
    include_str!("migrations/0005_book.sql"),
];

/// The schema version this program writes.
pub const SCHEMA_VERSION: usize = MIGRATIONS.len();

/// Why a database cannot be used. Nothing was changed in any of these cases.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A later program wrote it.
    #[error("the database has schema {found}, this program knows up to {known}")]
    Newer {
        /// The file's schema version.
        found: usize,
        /// Ours.
        known: usize,
    },
    /// It is an SQLite file of another program.
    #[error("the file is not a database of itsgoin")]
    Foreign,
    /// It is damaged or no SQLite file at all.
    #[error("the database is damaged")]
    Damaged(#[source] DbError),
    /// It cannot be made.
    #[error("the database cannot be made: {0}")]
    Create(#[source] std::io::Error),
    /// It cannot be read or written.
    #[error("the database cannot be opened")]
    Failed(#[source] DbError),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        DbError::from(error).into()
    }
}

impl From<DbError> for OpenError {
    fn from(error: DbError) -> Self {
        if error.is_corruption() { Self::Damaged(error) } else { Self::Failed(error) }
    }
}

/// Prepared statements a connection keeps: more than there are, so none is ever prepared twice.
const PREPARED_STATEMENTS: usize = 512;

/// How a commit reaches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// With the next checkpoint: survives a killed process, not a lost power supply. 0.03 ms.
    Normal,
    /// Synced before the commit returns: for what is ours and cannot be fetched again. 4 ms.
    Full,
}

/// A connection to the store. One writes, others read.
pub struct Database {
    connection: Connection,
    path: Option<PathBuf>,
    /// How the last transaction was to reach the disk: the connection is still set to it.
    durability: Option<Durability>,
}

impl Database {
    /// Opens the file for writing, making or migrating it as needed. `epoch` names the log of a new file.
    ///
    /// # Errors
    /// [`OpenError`]; the file is then as it was.
    pub fn open(path: &Path, epoch: &[u8; 32]) -> Result<Self, OpenError> {
        if path.exists() {
            check_before_writing(path)?;
        } else {
            create_private(path)?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let mut database = Self { connection, path: Some(path.to_owned()), durability: None };
        database.prepare(epoch)?;
        Ok(database)
    }

    /// A store without a file, for simulations and tests.
    ///
    /// # Errors
    /// [`OpenError`] when SQLite has no memory.
    pub fn in_memory(epoch: &[u8; 32]) -> Result<Self, OpenError> {
        let mut database = Self { connection: Connection::open_in_memory()?, path: None, durability: None };
        database.prepare(epoch)?;
        Ok(database)
    }

    fn prepare(&mut self, epoch: &[u8; 32]) -> Result<(), OpenError> {
        harden(&self.connection)?;
        let found = schema_version(&self.connection)?;
        for (done, migration) in MIGRATIONS.iter().enumerate().skip(found) {
            let transaction = self.connection.transaction()?;
            transaction.execute_batch(migration)?;
            if done == 0 {
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
                transaction.execute(
                    "INSERT INTO store (id, epoch, start, stop, udp_port) VALUES (1, ?1, zeroblob(16), 'clean', 0)",
                    [epoch],
                )?;
            }
            transaction.pragma_update(None, "user_version", i64::try_from(done + 1).unwrap_or(0))?;
            transaction.commit()?;
        }
        // After the migrations: those mean tables of the file by the same names.
        book::make_tables(&self.connection)?;
        self.connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        Ok(())
    }

    /// A second connection to the same file that only reads.
    ///
    /// # Errors
    /// [`OpenError`] when the file cannot be opened once more.
    pub fn open_reader(&self) -> Result<Self, OpenError> {
        let path = self.path.as_deref().ok_or(OpenError::Foreign)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        harden(&connection)?;
        book::make_tables(&connection)?;
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        Ok(Self { connection, path: Some(path.to_owned()), durability: None })
    }

    /// Reads one snapshot.
    ///
    /// # Errors
    /// What `read` returns, or [`DbError`] when no snapshot can be taken.
    pub fn read<T, E: From<DbError>>(&mut self, read: impl FnOnce(Read<'_>) -> Result<T, E>) -> Result<T, E> {
        // Nothing of the file changes; what the connection was shown (`book`) stays.
        within(&self.connection, "BEGIN DEFERRED", |connection| read(Read(connection)))
    }

    /// Runs `steps` in one write transaction and commits.
    ///
    /// # Errors
    /// [`DbError`] of a step or of the commit; nothing is written then.
    pub fn transaction<T>(
        &mut self,
        durability: Durability,
        steps: impl FnOnce(&Batch<'_>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        if self.durability != Some(durability) {
            let synchronous = match durability {
                Durability::Normal => "NORMAL",
                Durability::Full => "FULL",
            };
            self.connection.pragma_update(None, "synchronous", synchronous)?;
            self.durability = Some(durability);
        }
        within(&self.connection, "BEGIN IMMEDIATE", |connection| steps(&Batch(connection)))
    }

    /// Has everything committed so far written to the disk.
    ///
    /// # Errors
    /// [`DbError`] when the disk does not take it.
    pub fn sync(&mut self) -> Result<(), DbError> {
        // A commit without a change would write nothing, and sync nothing.
        self.transaction(Durability::Full, |batch| {
            batch.step(|store| store.execute("UPDATE store SET id = id", []).map(drop))
        })
    }

    /// Lets the store grow no more, as on a full disk, or again.
    #[cfg(test)]
    pub(crate) fn limit_growth(&mut self, pages: Option<u32>) -> Result<(), DbError> {
        let most = pages.unwrap_or(u32::MAX - 1);
        Ok(self.connection.pragma_update(None, "max_page_count", most)?)
    }

    /// The whole store as bytes: what a sync would have left on disk.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn snapshot(&mut self) -> Result<Vec<u8>, DbError> {
        Ok(self.connection.serialize("main")?.to_vec())
    }

    /// A store in memory as an earlier version left it, migrated.
    #[cfg(test)]
    pub(crate) fn of_dump(dump: &str) -> Result<Self, OpenError> {
        let mut database = Self { connection: Connection::open_in_memory()?, path: None, durability: None };
        database.connection.execute_batch(dump)?;
        database.prepare(&[0; 32])?;
        Ok(database)
    }

    /// [`Self::in_memory`] with pages of this many bytes: where most tables hold a few rows, small ones save memory.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn in_small_memory(epoch: &[u8; 32], page_bytes: u32) -> Result<Self, OpenError> {
        let mut database = Self { connection: Connection::open_in_memory()?, path: None, durability: None };
        database.connection.pragma_update(None, "page_size", page_bytes)?;
        database.prepare(epoch)?;
        Ok(database)
    }

    /// [`Self::restore`] for thousands of stores in one process: few statements stay prepared, few pages cached.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn restore_small(snapshot: &[u8], statements: usize) -> Result<Self, DbError> {
        let database = Self::restore(snapshot)?;
        database.connection.set_prepared_statement_cache_capacity(statements);
        database.connection.pragma_update(None, "cache_size", 64)?;
        Ok(database)
    }

    /// A store in memory as [`Self::snapshot`] saw it.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn restore(snapshot: &[u8]) -> Result<Self, DbError> {
        let mut connection = Connection::open_in_memory()?;
        connection.deserialize_read_exact("main", snapshot, snapshot.len(), false)?;
        harden(&connection)?;
        book::make_tables(&connection)?;
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        Ok(Self { connection, path: None, durability: None })
    }
}

/// Runs `steps` between `begin` and a commit, or takes back what they did. These statements stay prepared as all do:
/// there are two around everything that is read or written.
fn within<T, E: From<DbError>>(
    connection: &Connection,
    begin: &str,
    steps: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, E> {
    let run =
        |sql: &str| -> Result<(), DbError> { Ok(connection.prepare_cached(sql)?.execute([]).map(drop)?) };
    run(begin)?;
    let open = OpenTransaction(connection);
    let result = steps(connection)?;
    run("COMMIT")?;
    drop(open);
    Ok(result)
}

/// What is begun on this connection and neither committed nor taken back when this goes is taken back.
struct OpenTransaction<'c>(&'c Connection);

impl Drop for OpenTransaction<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // Where even this fails the next BEGIN says so.
            drop(self.0.execute_batch("ROLLBACK"));
        }
    }
}

/// A write transaction that holds several steps.
pub struct Batch<'c>(&'c Connection);

impl Batch<'_> {
    /// Runs one step.
    ///
    /// # Errors
    /// What the step returns: the caller gives up the whole batch then.
    pub fn step<T>(&self, step: impl FnOnce(&Write<'_>) -> Result<T, DbError>) -> Result<T, DbError> {
        step(&Write(Read(self.0)))
    }
}

fn schema_version(connection: &Connection) -> Result<usize, OpenError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Makes an empty file that only its owner can read; SQLite's companion files take over its rights.
fn create_private(path: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::OpenOptionsExt;
    let created = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    created.map(drop).map_err(OpenError::Create)
}

/// Looks at a file without being able to change it.
fn check_before_writing(path: &Path) -> Result<(), OpenError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found = schema_version(&connection)?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_new = application == 0 && found == 0 && tables == 0;
    if !is_new && application != APPLICATION_ID {
        return Err(OpenError::Foreign);
    }
    if found > SCHEMA_VERSION {
        return Err(OpenError::Newer { found, known: SCHEMA_VERSION });
    }
    Ok(())
}

fn harden(connection: &Connection) -> Result<(), DbError> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Without it SQLite plans with the values of some parameters and prepares the statement anew when others are
    // bound, which costs more than most answers.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.pragma_update(None, "cell_size_check", "ON")?;
    // What somebody deleted is overwritten in the file, not only forgotten.
    connection.pragma_update(None, "secure_delete", "ON")?;
    Ok(())
}
