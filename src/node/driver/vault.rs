//! Passphrases: a key is derived on a thread of its own, one at a time, and what it opens goes to the engine.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::{Answer, Driver};
use crate::api::{CallError, ErrorKind, Outcome, Passphrase, Protection};
use crate::clock::fresh_rng;
use crate::crypto::data_key::DataKey;
use crate::crypto::keys::PostingKey;
use crate::crypto::vault::{Vault, VaultError};
use crate::node::data_dir::{DataDir, DataDirError, FoundKey, ProtectError};
use crate::node::engine::{CallId, Input, personas_of};
use crate::node::store::{Readers, store_error};

impl Driver {
    /// Opens the vault and gives the engine what it needs.
    pub(super) fn unlock(&mut self, passphrase: Passphrase, answer: Answer<Outcome>) {
        if self.data_key.is_some() {
            return answer.send(Ok(Outcome::Done)).unwrap_or_default();
        }
        let Some(turn) = self.turn() else {
            return answer.send(Err(CallError::busy())).unwrap_or_default();
        };
        self.last_call = self.last_call.wrapping_add(1);
        let call = CallId(self.last_call);
        self.pending.insert(call, answer);
        let (shared, data_dir, readers) =
            (Arc::clone(&self.shared), Arc::clone(&self.data_dir), self.readers.clone());
        self.tasks.spawn(async move {
            let input = match open(data_dir, readers, passphrase).await {
                Ok((data_key, keys)) => Input::Unlocked { call, data_key, keys },
                Err(error) => Input::CallRefused { call, error },
            };
            shared.input(input).await;
            drop(turn);
            None
        });
    }

    /// Sets, changes or removes the passphrase. The files change; what runs goes on as it is.
    pub(super) fn protect(
        &mut self,
        current: Option<Passphrase>,
        change: Protection,
        answer: Answer<Outcome>,
    ) {
        let Some(turn) = self.turn() else {
            return answer.send(Err(CallError::busy())).unwrap_or_default();
        };
        let data_dir = Arc::clone(&self.data_dir);
        self.tasks.spawn(async move {
            let work = move || protect(&data_dir, current.as_ref(), &change);
            let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|_cut| Err(CallError::busy()));
            drop(turn);
            answer.send(done.map(|()| Outcome::Done)).unwrap_or_default();
            None
        });
    }

    fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.key_work).try_acquire_owned().ok()
    }
}

/// The data key and all posting keys.
async fn open(
    data_dir: Arc<DataDir>,
    readers: Readers,
    passphrase: Passphrase,
) -> Result<(Arc<DataKey>, Vec<Arc<PostingKey>>), CallError> {
    let directory = Arc::clone(&data_dir);
    let unwrapped = blocking(move || match find(&directory)? {
        FoundKey::Clear(key) => Ok(Arc::new(key)),
        FoundKey::Wrapped(vault) => unwrap(&vault, &passphrase).map(Arc::new),
    });
    let data_key = unwrapped.await?;
    let key = Arc::clone(&data_key);
    let personas = readers.read(move |read| personas_of(read, &key)).await;
    let personas = personas.map_err(|error| store_error(&error))?;
    let key = Arc::clone(&data_key);
    let keys = blocking(move || {
        let keys = data_dir.posting_keys(&key, &personas, &mut fresh_rng());
        keys.map_err(|error| file_failure(&error))
    });
    Ok((data_key, keys.await?.into_iter().map(Arc::new).collect()))
}

/// Does what takes long, or reads files, on a thread for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CallError> + Send + 'static,
) -> Result<T, CallError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_cut| Err(CallError::busy()))
}

fn protect(data_dir: &DataDir, current: Option<&Passphrase>, change: &Protection) -> Result<(), CallError> {
    let data_key = match (find(data_dir)?, current) {
        (FoundKey::Clear(key), _) => key,
        (FoundKey::Wrapped(vault), Some(current)) => unwrap(&vault, current)?,
        (FoundKey::Wrapped(_), None) => {
            let hint = "give it with --passphrase-fd, or type it in a terminal";
            return Err(CallError::new(ErrorKind::Passphrase, "the present passphrase is needed", hint));
        }
    };
    match change {
        Protection::Passphrase(new) => {
            let set = data_dir.set_passphrase(&data_key, new.as_bytes(), &mut fresh_rng());
            set.map_err(|error| match error {
                ProtectError::Vault(error) => vault_failure(error),
                ProtectError::DataDir(error) => file_failure(&error),
            })
        }
        Protection::None => data_dir.remove_passphrase(&data_key).map_err(|error| file_failure(&error)),
    }
}

fn find(data_dir: &DataDir) -> Result<FoundKey, CallError> {
    let found = data_dir.find_data_key().map_err(|error| file_failure(&error))?;
    found.ok_or_else(|| {
        let hint = "put `vault` or `data.key` back from a backup; nothing was changed";
        CallError::new(ErrorKind::Store, "the file with the data key is gone", hint)
    })
}

fn unwrap(vault: &Vault, passphrase: &Passphrase) -> Result<DataKey, CallError> {
    vault.unwrap(passphrase.as_bytes()).map_err(vault_failure)
}

fn vault_failure(error: VaultError) -> CallError {
    let (kind, hint) = match error {
        VaultError::WrongPassphrase => {
            (ErrorKind::Passphrase, "type it again; nobody can give back one that is forgotten")
        }
        VaultError::Empty => (ErrorKind::Invalid, "type at least a few words"),
        VaultError::Unknown | VaultError::TooCostly => {
            (ErrorKind::Store, "put the file `vault` back from a backup; nothing was changed")
        }
    };
    CallError::new(kind, error.to_string(), hint)
}

/// What a person is told when a key file cannot be read or written.
pub(super) fn file_failure(error: &DataDirError) -> CallError {
    let hint = match error {
        DataDirError::DamagedKey { .. } => "put the file back from a backup; nothing was changed",
        DataDirError::Exposed { .. } => "make it private again with `chmod 600`; nothing was changed",
        _ => "check the disk and the rights of the data directory",
    };
    CallError::new(ErrorKind::Store, error.to_string(), hint)
}
