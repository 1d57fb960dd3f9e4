//! Where the data key is kept: in the clear (`data.key`) or wrapped under a passphrase (`vault`), never in both for long.
//!
//! Every change writes the new file whole before it removes the old one, so there is a key after a crash at any point.
//! Where both are found the vault counts and the clear key is erased: a person who asked for a passphrase gets one,
//! and one whose passphrase was about to be taken away still knows it.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use rand::CryptoRng;
use thiserror::Error;

use super::{
    DataDir, DataDirError, beside, io_error, open_private, read_secret, rename, sync_directory, write_beside,
};
use crate::crypto::data_key::DataKey;
use crate::crypto::vault::{VAULT_BYTES, Vault, VaultError};

const CLEAR: &str = "data.key";
const VAULT: &str = "vault";

/// The data key as it was found.
pub enum FoundKey {
    /// No passphrase: here it is.
    Clear(DataKey),
    /// A passphrase opens it.
    Wrapped(Vault),
}

/// Why the passphrase was not set, changed or removed. Nothing changed then.
#[derive(Debug, Error)]
pub enum ProtectError {
    /// The passphrase.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The files.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
}

/// One thing done to a file; each is on disk before the next one begins.
enum Move {
    /// Writes a file beside its place.
    WriteBeside(PathBuf, Vec<u8>),
    /// Puts it there.
    Rename(PathBuf),
    /// Overwrites a file that is there with zeros.
    Blank(PathBuf),
    /// Removes it.
    Remove(PathBuf),
}

impl Move {
    fn perform(&self) -> Result<(), DataDirError> {
        match self {
            Self::WriteBeside(path, content) => write_beside(path, content),
            Self::Rename(path) => rename(path),
            Self::Blank(path) => blank(path),
            Self::Remove(path) => remove(path),
        }
    }
}

impl Drop for Move {
    fn drop(&mut self) {
        if let Self::WriteBeside(_, content) = self {
            zeroize::Zeroize::zeroize(content);
        }
    }
}

impl DataDir {
    /// Where the data key is while there is no passphrase.
    #[must_use]
    pub fn data_key_path(&self) -> PathBuf {
        self.path.join(CLEAR)
    }

    fn vault_path(&self) -> PathBuf {
        self.path.join(VAULT)
    }

    /// Whether a passphrase is set.
    #[must_use]
    pub fn has_vault(&self) -> bool {
        self.vault_path().exists()
    }

    /// The data key, if there is one. What a crash left of a change of its protection is cleared away.
    ///
    /// # Errors
    /// [`DataDirError`]; a vault that cannot be read is one, never a reason for a new key.
    pub fn find_data_key(&self) -> Result<Option<FoundKey>, DataDirError> {
        let (clear, vault) = (self.data_key_path(), self.vault_path());
        for path in [&clear, &vault] {
            erase(&beside(path))?;
        }
        if is_there(&vault)? {
            let found = read_vault(&vault)?;
            erase(&clear)?;
            return Ok(Some(FoundKey::Wrapped(found)));
        }
        if is_there(&clear)? {
            let secret = read_secret(&clear)?;
            return Ok(Some(FoundKey::Clear(DataKey::from_secret(&secret))));
        }
        Ok(None)
    }

    /// Keeps a new key, in the clear.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn write_data_key(&self, key: &DataKey) -> Result<(), DataDirError> {
        super::write_private(&self.data_key_path(), key.secret().as_slice())
    }

    /// Keeps the data key under a passphrase from now on: a first one, or another. Takes a few tenths of a second.
    ///
    /// # Errors
    /// [`ProtectError`]; what held the key before still does then.
    pub fn set_passphrase<R: CryptoRng + ?Sized>(
        &self,
        key: &DataKey,
        passphrase: &[u8],
        rng: &mut R,
    ) -> Result<(), ProtectError> {
        let vault = Vault::wrap(key, passphrase, rng)?;
        Ok(self.wrapping(&vault).iter().try_for_each(Move::perform)?)
    }

    /// Keeps the data key in the clear from now on.
    ///
    /// # Errors
    /// [`DataDirError`]; the vault counts still then.
    pub fn remove_passphrase(&self, key: &DataKey) -> Result<(), DataDirError> {
        self.unwrapping(key).iter().try_for_each(Move::perform)
    }

    fn wrapping(&self, vault: &Vault) -> Vec<Move> {
        let (to, from) = (self.vault_path(), self.data_key_path());
        let blank = Move::Blank(from.clone());
        vec![Move::WriteBeside(to.clone(), vault.encode()), Move::Rename(to), blank, Move::Remove(from)]
    }

    /// The vault is not overwritten: half of it beside the clear key would look like damage.
    fn unwrapping(&self, key: &DataKey) -> Vec<Move> {
        let to = self.data_key_path();
        let write = Move::WriteBeside(to.clone(), key.secret().to_vec());
        vec![write, Move::Rename(to), Move::Remove(self.vault_path())]
    }
}

fn is_there(path: &Path) -> Result<bool, DataDirError> {
    path.try_exists().map_err(io_error(path))
}

/// Overwrites and removes a file, if it is there. What an SSD keeps of it is out of our reach.
pub(super) fn erase(path: &Path) -> Result<(), DataDirError> {
    if is_there(path)? {
        blank(path)?;
        remove(path)?;
    }
    Ok(())
}

fn blank(path: &Path) -> Result<(), DataDirError> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error(path)(error)),
    };
    let length = file.metadata().map_err(io_error(path))?.len();
    let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
    file.write_all(&zeros).and_then(|()| file.sync_all()).map_err(io_error(path))
}

fn remove(path: &Path) -> Result<(), DataDirError> {
    match std::fs::remove_file(path) {
        Ok(()) => sync_directory(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error(path)(error)),
    }
}

fn read_vault(path: &Path) -> Result<Vault, DataDirError> {
    // One byte more than a vault has: what is longer is none, and is not read to its end.
    let most = u64::try_from(VAULT_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    open_private(path)?.take(most).read_to_end(&mut bytes).map_err(io_error(path))?;
    Vault::decode(&bytes).map_err(|_unknown| DataDirError::DamagedKey { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    struct Place {
        home: tempfile::TempDir,
        directory: DataDir,
        key: DataKey,
        rng: StdRng,
    }

    impl Place {
        /// With a key in the clear.
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let directory = DataDir::open(home.path()).unwrap();
            let mut rng = StdRng::seed_from_u64(1);
            let key = DataKey::generate(&mut rng);
            assert!(directory.find_data_key().unwrap().is_none());
            directory.write_data_key(&key).unwrap();
            Self { home, directory, key, rng }
        }

        fn set(&mut self, passphrase: &str) {
            self.directory.set_passphrase(&self.key, passphrase.as_bytes(), &mut self.rng).unwrap();
        }

        /// Asserts that the key is there in this form, once and whole.
        fn holds(&self, passphrase: Option<&str>, when: &str) {
            let found = self.directory.find_data_key().unwrap().unwrap();
            let key = match (found, passphrase) {
                (FoundKey::Clear(key), None) => key,
                (FoundKey::Wrapped(vault), Some(passphrase)) => vault.unwrap(passphrase.as_bytes()).unwrap(),
                (FoundKey::Clear(_), Some(_)) => panic!("{when}: the key is in the clear"),
                (FoundKey::Wrapped(_), None) => panic!("{when}: the key is under a passphrase"),
            };
            assert_eq!(**key.secret(), **self.key.secret(), "{when}");
            let mut names: Vec<_> =
                fs::read_dir(self.home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            let file = if passphrase.is_some() { VAULT } else { CLEAR };
            let mut expected = [file, "keys", "lock"];
            expected.sort_unstable();
            assert_eq!(names, expected, "{when}");
        }
    }

    #[test]
    fn the_key_stays_the_same_when_its_passphrase_is_set_changed_and_removed() {
        let mut place = Place::new();
        place.holds(None, "at first");
        assert!(matches!(
            place.directory.set_passphrase(&place.key, b"", &mut place.rng),
            Err(ProtectError::Vault(VaultError::Empty))
        ));
        place.holds(None, "after nothing was typed");
        place.set("one");
        place.holds(Some("one"), "set");
        place.set("two");
        place.holds(Some("two"), "changed");
        let Some(FoundKey::Wrapped(vault)) = place.directory.find_data_key().unwrap() else {
            panic!("it was set")
        };
        assert_eq!(vault.unwrap(b"one").err(), Some(VaultError::WrongPassphrase));
        place.directory.remove_passphrase(&place.key).unwrap();
        place.holds(None, "removed");
    }

    #[test]
    fn a_crash_between_any_two_steps_leaves_a_directory_that_opens() {
        for done in 0..=4 {
            let mut place = Place::new();
            let vault = Vault::wrap(&place.key, b"one", &mut place.rng).unwrap();
            let first = place.directory.wrapping(&vault);
            first.iter().take(done).for_each(|step| step.perform().unwrap());
            place.holds((done >= 2).then_some("one"), &format!("setting, {done} steps"));

            place.set("one");
            let vault = Vault::wrap(&place.key, b"two", &mut place.rng).unwrap();
            let change = place.directory.wrapping(&vault);
            change.iter().take(done).for_each(|step| step.perform().unwrap());
            place.holds(Some(if done >= 2 { "two" } else { "one" }), &format!("changing, {done} steps"));

            place.set("two");
            let removal = place.directory.unwrapping(&place.key);
            removal.iter().take(done).for_each(|step| step.perform().unwrap());
            place.holds((done < 3).then_some("two"), &format!("removing, {done} steps"));
        }
    }

    #[test]
    fn a_crash_in_the_middle_of_a_file_leaves_a_directory_that_opens() {
        let mut place = Place::new();
        for name in ["vault.tmp", "data.tmp"] {
            fs::write(place.home.path().join(name), b"half").unwrap();
        }
        place.holds(None, "half a file beside the clear key");
        place.set("one");
        fs::write(place.home.path().join("data.tmp"), place.key.secret().as_slice()).unwrap();
        fs::write(place.home.path().join("vault.tmp"), b"half").unwrap();
        place.holds(Some("one"), "half a file beside the vault");
    }

    #[test]
    fn exposed_and_damaged_files_are_refused_and_nothing_is_made_anew() {
        let mut place = Place::new();
        let expose = |name: &str| {
            fs::set_permissions(place.home.path().join(name), fs::Permissions::from_mode(0o640)).unwrap();
        };
        expose(CLEAR);
        assert!(matches!(place.directory.find_data_key(), Err(DataDirError::Exposed { .. })));
        place.directory.set_passphrase(&place.key, b"one", &mut place.rng).unwrap();
        let mode = fs::metadata(place.home.path().join(VAULT)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        expose(VAULT);
        assert!(matches!(place.directory.find_data_key(), Err(DataDirError::Exposed { .. })));
        super::super::write_private(&place.home.path().join(VAULT), &[0; VAULT_BYTES]).unwrap();
        assert!(matches!(place.directory.find_data_key(), Err(DataDirError::DamagedKey { .. })));
    }
}
