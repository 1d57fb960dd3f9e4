//! The one place where inputs become commits: a batch of inputs, one transaction, and only then the effects.
//!
//! The writer thread and the simulator both drive this, so that what is simulated is what runs.

use rand::CryptoRng;

use super::engine::{Effect, Engine, Input, Setup};
use crate::api::Command;
use crate::db::store::LastStop;
use crate::db::{Database, DbError, Durability};
use crate::domain::time::Timestamp;

/// A store with the engine that decides what is written to it.
pub struct Committer {
    database: Database,
    engine: Engine,
    setup: Setup,
}

impl Committer {
    /// Loads an engine for what is in the store.
    ///
    /// # Errors
    /// [`DbError`] when the store cannot be read.
    pub fn load(mut database: Database, setup: Setup) -> Result<Self, DbError> {
        let engine = database.read(|read| Engine::load(read, &setup))?;
        Ok(Self { database, engine, setup })
    }

    /// Takes a batch of inputs. The returned effects may be performed: what they tell is committed.
    ///
    /// # Errors
    /// [`DbError`] of a step or the commit. Nothing of the batch is written then; the engine was built anew from what
    /// is on disk and knows no connections any more: close them all.
    pub fn commit(
        &mut self,
        inputs: Vec<Input>,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<Effect>, DbError> {
        let durability = inputs.iter().map(durability).max().unwrap_or(Durability::Normal);
        let engine = &mut self.engine;
        let committed = self.database.transaction(durability, |batch| {
            let mut effects = Vec::new();
            for input in inputs {
                effects.extend(batch.step(|store| engine.handle(store, now, rng, input))?);
            }
            Ok(effects)
        });
        if committed.is_err() {
            let setup = &self.setup;
            self.engine = self.database.read(|read| Engine::load(read, setup))?;
        }
        committed
    }

    /// When the next input is due at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.engine.next_deadline()
    }

    /// The deciding part, for what only it knows.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The store as it was last committed, for the simulator that answers peers from it and audits it.
    #[cfg(any(test, feature = "sim"))]
    pub(super) const fn database(&mut self) -> &mut Database {
        &mut self.database
    }

    /// Notes an orderly end: everything said so far is on disk.
    ///
    /// # Errors
    /// [`DbError`] when that cannot be written.
    pub fn stop(&mut self) -> Result<(), DbError> {
        self.database
            .transaction(Durability::Full, |batch| batch.step(|store| store.update_stop(LastStop::Clean)))
    }
}

/// How an input's changes have to reach the disk: what is ours cannot be fetched again.
pub(super) fn durability(input: &Input) -> Durability {
    match input {
        // The jump of the log's numbers after an unclean stop, and the log's new name, must not be lost either.
        Input::PersonaRequested { .. } | Input::Started | Input::CursorBeyondLog { .. } => Durability::Full,
        Input::CommandReceived { command, .. } => match command {
            Command::CreatePersona { .. }
            | Command::PublishPost { .. }
            | Command::Follow { .. }
            | Command::Unfollow { .. }
            | Command::AddPeer { .. } => Durability::Full,
            Command::MarkPost { .. } | Command::SaveDraft { .. } | Command::Sync { .. } | Command::Stop => {
                Durability::Normal
            }
        },
        _ => Durability::Normal,
    }
}
