//! The keys of personas: one file each in `keys`, sealed under the data key and named by a keyed hash, so that neither
//! content nor name of a file says which posting ids are ours.
//!
//! A key is *staged* first: it counts once its persona is committed, so that a crash in between leaves no persona
//! without a name and no persona without a key. Earlier versions kept keys in the clear, in files named after their
//! posting ids; those are sealed when they are found.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use rand::CryptoRng;
use zeroize::Zeroizing;

use super::vault::erase;
use super::{DataDir, DataDirError, io_error, open_private, read_secret, sync_directory, write_private};
use crate::crypto::data_key::DataKey;
use crate::crypto::keys::PostingKey;
use crate::domain::ids::PostingId;

/// What a key's ciphertext is bound to, besides its name.
const TABLE: &str = "posting keys";
const STAGED: &str = "sealed.new";
const KEPT: &str = "sealed";
/// As earlier versions named them.
const CLEAR_STAGED: &str = "key.new";
const CLEAR_KEPT: &str = "key";
/// Bytes of a sealed key: nonce, key, seal.
const SEALED_BYTES: u64 = 24 + 32 + 16;

/// By what a persona's key is known.
fn name(data_key: &DataKey, posting_id: PostingId) -> [u8; 32] {
    data_key.name(TABLE, &[posting_id.as_bytes()])
}

fn file_name(data_key: &DataKey, posting_id: PostingId) -> String {
    data_encoding::HEXLOWER.encode(&name(data_key, posting_id))
}

impl DataDir {
    /// Whether there are keys that only the data key opens.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn has_sealed_keys(&self) -> Result<bool, DataDirError> {
        let is_sealed = |file: &KeyFile| matches!(file.state.as_str(), KEPT | STAGED);
        Ok(self.key_files()?.iter().any(is_sealed))
    }

    /// The keys of all personas. Staged ones are kept if their persona is in the store, else removed; those in the clear
    /// are sealed.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn posting_keys<R: CryptoRng + ?Sized>(
        &self,
        data_key: &DataKey,
        personas: &[PostingId],
        rng: &mut R,
    ) -> Result<Vec<PostingKey>, DataDirError> {
        let mut found = BTreeMap::new();
        for KeyFile { path, name, state } in self.key_files()? {
            let is_committed = |id: &PostingId| id.to_string() == name || file_name(data_key, *id) == name;
            let key = match state.as_str() {
                KEPT => read_sealed(&path, &name, data_key)?,
                CLEAR_KEPT => self.seal_clear(&path, data_key, rng)?,
                STAGED if personas.iter().any(is_committed) => {
                    let key = read_sealed(&path, &name, data_key)?;
                    self.keep_posting_key(key.posting_id(), data_key)?;
                    key
                }
                CLEAR_STAGED if personas.iter().any(is_committed) => self.seal_clear(&path, data_key, rng)?,
                _ => {
                    erase(&path)?;
                    continue;
                }
            };
            found.insert(key.posting_id(), key);
        }
        Ok(found.into_values().collect())
    }

    /// Writes a new persona's key, not counting yet.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn stage_posting_key<R: CryptoRng + ?Sized>(
        &self,
        key: &PostingKey,
        data_key: &DataKey,
        rng: &mut R,
    ) -> Result<(), DataDirError> {
        self.write_sealed(key, data_key, STAGED, rng)
    }

    /// Makes a staged key count: its persona is committed.
    ///
    /// # Errors
    /// [`DataDirError`]; the staged file is still there then and counts at the next start.
    pub fn keep_posting_key(&self, posting_id: PostingId, data_key: &DataKey) -> Result<(), DataDirError> {
        let name = file_name(data_key, posting_id);
        let (staged, kept) = (self.key_path(&name, STAGED), self.key_path(&name, KEPT));
        std::fs::rename(&staged, &kept).map_err(io_error(&staged))?;
        sync_directory(&kept)
    }

    /// Seals a key that was in the clear. The clear file goes when the sealed one is on disk.
    fn seal_clear<R: CryptoRng + ?Sized>(
        &self,
        path: &Path,
        data_key: &DataKey,
        rng: &mut R,
    ) -> Result<PostingKey, DataDirError> {
        let secret = read_secret(path)?;
        let key = PostingKey::from_secret(&secret);
        self.write_sealed(&key, data_key, KEPT, rng)?;
        erase(path)?;
        Ok(key)
    }

    fn write_sealed<R: CryptoRng + ?Sized>(
        &self,
        key: &PostingKey,
        data_key: &DataKey,
        state: &str,
        rng: &mut R,
    ) -> Result<(), DataDirError> {
        let name = name(data_key, key.posting_id());
        let sealed = data_key.seal(TABLE, &name, key.secret().as_slice(), rng);
        write_private(&self.key_path(&data_encoding::HEXLOWER.encode(&name), state), &sealed)
    }

    fn key_path(&self, name: &str, state: &str) -> PathBuf {
        self.path.join("keys").join(format!("{name}.{state}"))
    }

    fn key_files(&self) -> Result<Vec<KeyFile>, DataDirError> {
        let keys = self.path.join("keys");
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&keys).map_err(io_error(&keys))? {
            let path = entry.map_err(io_error(&keys))?.path();
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some((name, state)) = file.split_once('.')
                && [KEPT, STAGED, CLEAR_KEPT, CLEAR_STAGED, "tmp", "sealed.tmp", "key.tmp"].contains(&state)
            {
                let (name, state) = (name.to_owned(), state.to_owned());
                files.push(KeyFile { path, name, state });
            }
        }
        Ok(files)
    }
}

/// A file of the folder.
struct KeyFile {
    path: PathBuf,
    name: String,
    state: String,
}

fn read_sealed(path: &Path, name: &str, data_key: &DataKey) -> Result<PostingKey, DataDirError> {
    let damaged = || DataDirError::DamagedKey { path: path.to_owned() };
    let mut sealed = Vec::new();
    open_private(path)?.take(SEALED_BYTES + 1).read_to_end(&mut sealed).map_err(io_error(path))?;
    let name = data_encoding::HEXLOWER.decode(name.as_bytes()).map_err(|_not_hex| damaged())?;
    let opened = data_key.open(TABLE, &name, &sealed).map_err(|_unopened| damaged())?;
    let secret = opened.first_chunk::<32>().filter(|_| opened.len() == 32).ok_or_else(damaged)?;
    let key = PostingKey::from_secret(&Zeroizing::new(*secret));
    if self::name(data_key, key.posting_id()).as_slice() == name { Ok(key) } else { Err(damaged()) }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn key(seed: u64) -> PostingKey {
        PostingKey::generate(&mut StdRng::seed_from_u64(seed))
    }

    fn data_key() -> DataKey {
        DataKey::from_secret(&[7; 32])
    }

    fn ids(directory: &DataDir, personas: &[PostingId]) -> Vec<PostingId> {
        let keys = directory.posting_keys(&data_key(), personas, &mut StdRng::seed_from_u64(9)).unwrap();
        keys.iter().map(PostingKey::posting_id).collect()
    }

    /// All that stands in names and contents of the folder.
    fn everything(home: &Path) -> Vec<u8> {
        let files = std::fs::read_dir(home.join("keys")).unwrap().map(|entry| entry.unwrap().path());
        files
            .flat_map(|path| {
                [path.display().to_string().into_bytes(), std::fs::read(&path).unwrap()].concat()
            })
            .collect()
    }

    fn holds(all: &[u8], part: &[u8]) -> bool {
        all.windows(part.len()).any(|window| window == part)
    }

    #[test]
    fn a_staged_key_counts_only_with_its_persona() {
        let home = tempfile::tempdir().unwrap();
        let directory = DataDir::open(home.path()).unwrap();
        let (committed, lost, rng) = (key(1), key(2), &mut StdRng::seed_from_u64(3));
        directory.stage_posting_key(&committed, &data_key(), rng).unwrap();
        directory.stage_posting_key(&lost, &data_key(), rng).unwrap();
        assert_eq!(ids(&directory, &[committed.posting_id()]), [committed.posting_id()]);
        assert_eq!(ids(&directory, &[]).len(), 1, "a kept key counts even when the database was lost");
    }

    #[test]
    fn neither_name_nor_content_of_a_file_says_whose_key_it_is() {
        let home = tempfile::tempdir().unwrap();
        let directory = DataDir::open(home.path()).unwrap();
        let key = key(1);
        assert!(!directory.has_sealed_keys().unwrap());
        directory.stage_posting_key(&key, &data_key(), &mut StdRng::seed_from_u64(3)).unwrap();
        assert!(directory.has_sealed_keys().unwrap());
        assert_eq!(ids(&directory, &[key.posting_id()]), [key.posting_id()]);
        let all = everything(home.path());
        assert!(
            !holds(&all, key.posting_id().to_string().as_bytes()) && !holds(&all, key.secret().as_slice())
        );
        let other = DataKey::from_secret(&[8; 32]);
        let opened = directory.posting_keys(&other, &[], &mut StdRng::seed_from_u64(4));
        assert!(matches!(opened, Err(DataDirError::DamagedKey { .. })), "another data key opens nothing");
    }

    #[test]
    fn keys_of_earlier_versions_are_sealed_whenever_the_program_ends() {
        let (kept, staged, lost) = (key(1), key(2), key(3));
        let home = tempfile::tempdir().unwrap();
        let directory = DataDir::open(home.path()).unwrap();
        let clear = |key: &PostingKey, state: &str| {
            let path = directory.key_path(&key.posting_id().to_string(), state);
            write_private(&path, key.secret().as_slice()).unwrap();
        };
        let mut expected = [kept.posting_id(), staged.posting_id()];
        expected.sort_unstable();
        // As they were; then as a crash leaves them after the sealed file and before the end of the clear one.
        for round in 0..2 {
            clear(&kept, "key");
            clear(&staged, "key.new");
            clear(&lost, "key.new");
            assert_eq!(ids(&directory, &[staged.posting_id()]), expected, "round {round}");
            let all = everything(home.path());
            for key in [&kept, &staged, &lost] {
                let id = key.posting_id().to_string();
                assert!(
                    !holds(&all, id.as_bytes()) && !holds(&all, key.secret().as_slice()),
                    "round {round}"
                );
            }
        }
        // Half a sealed file is nothing; the clear one counts.
        clear(&lost, "key");
        let half = directory.key_path(&file_name(&data_key(), lost.posting_id()), "tmp");
        std::fs::write(&half, b"half").unwrap();
        assert_eq!(ids(&directory, &[]).len(), 3);
        assert!(!half.exists());
    }
}
