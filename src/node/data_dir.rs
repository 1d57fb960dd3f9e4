//! The data directory: made 0700, held by one process at a time, home of the key files (0600).
//!
//! A key file is written beside its place, synced and renamed, and the directory synced, before anything names the
//! key. A posting key is *staged* first: it counts once its persona is committed, so that a crash in between leaves
//! no persona without a name and no persona without a key.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

use crate::crypto::data_key::DataKey;
use crate::crypto::keys::{NetworkKey, PostingKey};
use crate::domain::ids::PostingId;
use crate::node::start_mark::StartMark;

const STAGED: &str = "key.new";
const KEPT: &str = "key";
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
    /// What kind of failure the system reported: unlike the sentence it names no file, and a key's file is named after
    /// a posting id.
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

    /// Where the key is that conversations are encrypted under.
    #[must_use]
    pub fn data_key_path(&self) -> PathBuf {
        self.path.join("data.key")
    }

    /// That key, if there is one.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn find_data_key(&self) -> Result<Option<DataKey>, DataDirError> {
        let path = self.data_key_path();
        if !path.exists() {
            return Ok(None);
        }
        let secret = read_secret(&path)?;
        Ok(Some(DataKey::from_secret(&secret)))
    }

    /// Keeps a new one.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn write_data_key(&self, key: &DataKey) -> Result<(), DataDirError> {
        write_private(&self.data_key_path(), key.secret().as_slice())
    }

    /// The keys of all personas. Staged ones are kept if their persona is in the store, else removed.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn posting_keys(&self, personas: &[PostingId]) -> Result<Vec<PostingKey>, DataDirError> {
        let keys = self.path.join("keys");
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&keys).map_err(io_error(&keys))? {
            let path = entry.map_err(io_error(&keys))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            match name.split_once('.') {
                Some((_, KEPT)) => found.push(read_posting_key(&path)?),
                Some((id, STAGED)) if personas.iter().any(|persona| persona.to_string() == id) => {
                    let key = read_posting_key(&path)?;
                    self.keep_posting_key(key.posting_id())?;
                    found.push(key);
                }
                Some((_, STAGED)) => std::fs::remove_file(&path).map_err(io_error(&path))?,
                _ => {}
            }
        }
        Ok(found)
    }

    /// Writes a new persona's key, not counting yet.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn stage_posting_key(&self, key: &PostingKey) -> Result<(), DataDirError> {
        write_private(&self.key_path(key.posting_id(), STAGED), key.secret().as_slice())
    }

    /// Makes a staged key count: its persona is committed.
    ///
    /// # Errors
    /// [`DataDirError`]; the staged file is still there then and counts at the next start.
    pub fn keep_posting_key(&self, posting_id: PostingId) -> Result<(), DataDirError> {
        let (staged, kept) = (self.key_path(posting_id, STAGED), self.key_path(posting_id, KEPT));
        std::fs::rename(&staged, &kept).map_err(io_error(&staged))?;
        sync_directory(&kept)
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

    fn key_path(&self, posting_id: PostingId, state: &str) -> PathBuf {
        self.path.join("keys").join(format!("{posting_id}.{state}"))
    }
}

fn read_posting_key(path: &Path) -> Result<PostingKey, DataDirError> {
    let secret = read_secret(path)?;
    Ok(PostingKey::from_secret(&secret))
}

fn read_secret(path: &Path) -> Result<Zeroizing<[u8; 32]>, DataDirError> {
    let mut file = File::open(path).map_err(io_error(path))?;
    let mode = file.metadata().map_err(io_error(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(DataDirError::Exposed { path: path.to_owned() });
    }
    let mut secret = Zeroizing::new([0; 32]);
    let mut rest = [0; 1];
    let is_whole =
        file.read_exact(secret.as_mut_slice()).is_ok() && file.read(&mut rest).is_ok_and(|more| more == 0);
    if is_whole { Ok(secret) } else { Err(DataDirError::DamagedKey { path: path.to_owned() }) }
}

/// Writes a file beside its place, syncs it and renames it, so that it is there whole or not at all.
fn write_private(path: &Path, content: &[u8]) -> Result<(), DataDirError> {
    let beside = path.with_extension("tmp");
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .map_err(io_error(&beside))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(io_error(&beside))?;
    std::fs::rename(&beside, path).map_err(io_error(path))?;
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

    fn key(seed: u64) -> PostingKey {
        PostingKey::generate(&mut StdRng::seed_from_u64(seed))
    }

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

    #[test]
    fn a_staged_key_counts_only_with_its_persona() {
        let home = tempfile::tempdir().unwrap();
        let directory = DataDir::open(home.path()).unwrap();
        let (committed, lost) = (key(1), key(2));
        directory.stage_posting_key(&committed).unwrap();
        directory.stage_posting_key(&lost).unwrap();
        let found = directory.posting_keys(&[committed.posting_id()]).unwrap();
        assert_eq!(found.iter().map(PostingKey::posting_id).collect::<Vec<_>>(), [committed.posting_id()]);
        let again = directory.posting_keys(&[]).unwrap();
        assert_eq!(again.len(), 1, "a kept key counts even when the database was lost");
    }
}
