//! The data directory: made 0700, held by one process at a time, home of the key files (0600).
//!
//! A key file is written beside its place, synced and renamed, and the directory synced, before anything names the
//! key. The network key is in the clear, so that a locked node connects; posting keys are under the data key.

mod posting_keys;
mod vault;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

pub use self::vault::{FoundKey, ProtectError};
use crate::crypto::keys::NetworkKey;
use crate::node::start_mark::StartMark;

const START_MARK: &str = "start";

/// Why a data directory cannot be used.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// Another process holds it.
    #[error("another itsgoin uses {path}")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A file or the directory cannot be made, read or written.
    #[error("cannot use {path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A key file that others can read.
    #[error("{path} can be read by other users")]
    Exposed {
        /// Which file.
        path: PathBuf,
    },
    /// A key file that holds no key.
    #[error("{path} does not hold a key")]
    DamagedKey {
        /// Which file.
        path: PathBuf,
    },
}

impl DataDirError {
    /// What kind of failure the system reported: unlike the sentence it names no file, and an old key's file is named
    /// after a posting id.
    #[must_use]
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } => Some(source.kind()),
            Self::InUse { .. } | Self::Exposed { .. } | Self::DamagedKey { .. } => None,
        }
    }
}

/// A data directory this process holds. The lock ends with the value.
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.to_owned();
    move |source| DataDirError::Io { path, source }
}

impl DataDir {
    /// Makes the directory if needed and takes its lock.
    ///
    /// # Errors
    /// [`DataDirError`]; nothing inside was changed.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error(path))?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .map_err(io_error(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(DataDirError::InUse { path: path.to_owned() });
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(io_error(&lock_path)(error)),
        }
        let keys = path.join("keys");
        DirBuilder::new().recursive(true).mode(0o700).create(&keys).map_err(io_error(&keys))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where the database is.
    #[must_use]
    pub fn database_path(&self) -> PathBuf {
        self.path.join("itsgoin.db")
    }

    /// Where the bytes of blobs are.
    #[must_use]
    pub fn blobs_path(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// Where attachments are put that a person looks at with another program.
    #[must_use]
    pub fn viewing_path(&self) -> PathBuf {
        self.path.join("viewing")
    }

    /// The network key, made by `generate` at the first start.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn network_key(&self, generate: impl FnOnce() -> NetworkKey) -> Result<NetworkKey, DataDirError> {
        let path = self.path.join("network.key");
        if path.exists() {
            let secret = read_secret(&path)?;
            return Ok(NetworkKey::from_secret(&secret));
        }
        let key = generate();
        write_private(&path, key.secret().as_slice())?;
        Ok(key)
    }

    /// What stands beside the database about its last start; `None` when nothing does that can be read.
    ///
    /// # Errors
    /// [`DataDirError`] when the file is there and cannot be read.
    pub fn start_mark(&self) -> Result<Option<StartMark>, DataDirError> {
        let path = self.path.join(START_MARK);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(StartMark::parse(&text)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                Ok(None)
            }
            Err(error) => Err(io_error(&path)(error)),
        }
    }

    /// Writes beside the database what its token is.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn write_start_mark(&self, mark: &StartMark) -> Result<(), DataDirError> {
        write_private(&self.path.join(START_MARK), mark.format().as_bytes())
    }

    /// Bytes that are free for us on its disk; `None` when the system does not say.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(&self.path).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

/// Opens a file that only its owner may read.
fn open_private(path: &Path) -> Result<File, DataDirError> {
    let file = File::open(path).map_err(io_error(path))?;
    let mode = file.metadata().map_err(io_error(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(DataDirError::Exposed { path: path.to_owned() });
    }
    Ok(file)
}

fn read_secret(path: &Path) -> Result<Zeroizing<[u8; 32]>, DataDirError> {
    let mut file = open_private(path)?;
    let mut secret = Zeroizing::new([0; 32]);
    let mut rest = [0; 1];
    let is_whole =
        file.read_exact(secret.as_mut_slice()).is_ok() && file.read(&mut rest).is_ok_and(|more| more == 0);
    if is_whole { Ok(secret) } else { Err(DataDirError::DamagedKey { path: path.to_owned() }) }
}

/// Where a file is written before it is there.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("tmp")
}

/// Writes a file beside its place, syncs it and renames it, so that it is there whole or not at all.
fn write_private(path: &Path, content: &[u8]) -> Result<(), DataDirError> {
    write_beside(path, content)?;
    rename(path)
}

fn write_beside(path: &Path, content: &[u8]) -> Result<(), DataDirError> {
    let beside = beside(path);
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .map_err(io_error(&beside))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(io_error(&beside))
}

fn rename(path: &Path) -> Result<(), DataDirError> {
    std::fs::rename(beside(path), path).map_err(io_error(path))?;
    sync_directory(path)
}

fn sync_directory(of: &Path) -> Result<(), DataDirError> {
    let directory = of.parent().unwrap_or(of);
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(io_error(directory))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn one_process_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let first = DataDir::open(home.path()).unwrap();
        assert!(matches!(DataDir::open(home.path()), Err(DataDirError::InUse { .. })));
        drop(first);
        assert!(DataDir::open(home.path()).is_ok());
    }

    #[test]
    fn the_network_key_stays_the_same_and_is_private() {
        let home = tempfile::tempdir().unwrap();
        let generate = || NetworkKey::generate(&mut StdRng::seed_from_u64(1));
        let id = DataDir::open(home.path()).unwrap().network_key(generate).unwrap().network_id();
        let directory = DataDir::open(home.path()).unwrap();
        let never = || NetworkKey::generate(&mut StdRng::seed_from_u64(2));
        assert_eq!(directory.network_key(never).unwrap().network_id(), id);
        let path = home.path().join("network.key");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(directory.network_key(never), Err(DataDirError::Exposed { .. })));
    }
}
