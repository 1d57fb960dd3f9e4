//! The one place where inputs become commits: a batch of inputs, one transaction, and only then the effects.
//!
//! The writer thread and the simulator both drive this, so that what is simulated is what runs.

use rand::CryptoRng;

use super::editions::Editions;
use super::engine::{CallId, Effect, Engine, Input, Setup, redial_wait};
use crate::api::Command;
use crate::db::store::LastStop;
use crate::db::{Database, DbError, Durability};
use crate::domain::time::Timestamp;

/// A store with the engine that decides what is written to it.
pub struct Committer {
    database: Database,
    /// None while the store cannot even be read.
    engine: Option<Engine>,
    setup: Setup,
    /// Commits that failed in a row.
    failures: u32,
    disk: Disk,
    /// How the last commit reached the disk.
    durability: Durability,
    /// Where readers find the book.
    editions: Editions,
    /// What the next commit fails with.
    #[cfg(test)]
    planted: Option<DbError>,
}

/// Whether the disk keeps what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    /// As far as we know.
    Keeps,
    /// It failed to save once. The system may since believe that it did not, so only a new process, which reads what is
    /// there, may write again.
    Failed,
}

/// A batch that was given up. Nothing of it is written; the engine was built anew from what is on disk and knows no
/// connections any more: close them all.
#[derive(Debug)]
pub struct CommitFailure {
    /// Why.
    pub error: DbError,
    /// Calls that nobody will answer any more.
    pub lost_calls: Vec<CallId>,
}

impl Committer {
    /// Loads an engine for what is in the store.
    ///
    /// # Errors
    /// [`DbError`] when the store cannot be read.
    pub fn load(mut database: Database, setup: Setup) -> Result<Self, DbError> {
        let engine = database.read(|read| Engine::load(read, &setup))?;
        Ok(Self {
            database,
            engine: Some(engine),
            setup,
            failures: 0,
            disk: Disk::Keeps,
            durability: Durability::Normal,
            editions: Editions::default(),
            #[cfg(test)]
            planted: None,
        })
    }

    /// The same; every new book is put there.
    #[must_use]
    pub fn with_editions(self, editions: Editions) -> Self {
        Self { editions, ..self }
    }

    /// Takes a batch of inputs. The returned effects may be performed: what they tell is committed.
    ///
    /// # Errors
    /// [`CommitFailure`] when a step or the commit fails.
    pub fn commit(
        &mut self,
        inputs: Vec<Input>,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<Effect>, CommitFailure> {
        let mut lost_calls: Vec<CallId> = inputs.iter().filter_map(Input::call).collect();
        if self.disk == Disk::Failed {
            return Err(CommitFailure { error: DbError::NotSynced, lost_calls });
        }
        let mut engine = match self.engine.take().map_or_else(|| self.load_engine(now), Ok) {
            Ok(engine) => engine,
            Err(error) => return Err(CommitFailure { error, lost_calls }),
        };
        let durability = inputs.iter().map(durability).max().unwrap_or(Durability::Normal);
        let brings_keys = inputs.iter().any(Input::brings_keys);
        let mut committed = self.database.transaction(durability, |batch| {
            let mut effects = Vec::new();
            for input in inputs {
                effects.extend(batch.step(|store| engine.handle(store, now, rng, input))?);
            }
            Ok(effects)
        });
        self.durability = durability;
        // Both are asked, so that neither is left for a later commit.
        let must_stay = [engine.take_made_room(), engine.take_published()].contains(&true);
        if must_stay && durability < Durability::Full {
            committed = committed.and_then(|effects| self.database.sync().map(|()| effects));
            self.durability = Durability::Full;
        }
        #[cfg(test)]
        let committed = self.planted.take().map_or(committed, Err);
        match committed {
            Ok(effects) => {
                // Readers know it before anybody is told.
                if let Some(book) = engine.take_new_book() {
                    self.editions.put(book);
                }
                if brings_keys {
                    // Keys stand outside the store: an engine that is built anew after a failed commit has them as well.
                    (self.setup.data_key, self.setup.keys) = engine.secrets();
                }
                (self.engine, self.failures) = (Some(engine), 0);
                Ok(effects)
            }
            Err(error) => {
                lost_calls.extend(engine.unanswered());
                self.failures = self.failures.saturating_add(1);
                if error.is_sync_failure() {
                    self.disk = Disk::Failed;
                    return Err(CommitFailure { error, lost_calls });
                }
                // Without one the next commit tries again.
                self.engine = self.load_engine(now).ok();
                Err(CommitFailure { error, lost_calls })
            }
        }
    }

    /// An engine for what is on disk, that dials nobody for a while: it may fail again.
    fn load_engine(&mut self, now: Timestamp) -> Result<Engine, DbError> {
        let setup = &self.setup;
        let mut engine = self.database.read(|read| Engine::load(read, setup))?;
        engine.rest_until(now, now.after(redial_wait(self.failures)));
        Ok(engine)
    }

    /// When the next input is due at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.engine.as_ref().and_then(Engine::next_deadline)
    }

    /// Minutes our clock is off, when the peers agree that it is.
    #[must_use]
    pub fn clock_off_minutes(&self) -> Option<i64> {
        self.engine.as_ref().and_then(Engine::clock_off_minutes)
    }

    /// How the last commit reached the disk.
    #[cfg(any(test, feature = "sim"))]
    pub(super) const fn durability(&self) -> Durability {
        self.durability
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
        if self.disk == Disk::Failed {
            return Err(DbError::NotSynced);
        }
        self.database.transaction(Durability::Full, |batch| {
            batch.step(|store| {
                store.trust_fresh_blobs()?;
                store.update_stop(LastStop::Clean)
            })
        })
    }
}

/// How an input's changes have to reach the disk: what is ours cannot be fetched again.
fn durability(input: &Input) -> Durability {
    match input {
        // The jump of the log's numbers after an unclean stop, and the log's new name, must not be lost either.
        Input::PersonaRequested { .. }
        | Input::PostPrepared { .. }
        | Input::Unlocked { .. }
        | Input::Started
        | Input::CursorBeyondLog { .. } => Durability::Full,
        Input::CommandReceived { command, .. } => match command {
            Command::CreatePersona { .. }
            | Command::PublishPost { .. }
            | Command::Reply { .. }
            | Command::React { .. }
            | Command::Edit { .. }
            | Command::Delete { .. }
            | Command::HideComment { .. }
            | Command::SetPolicy { .. }
            | Command::PublishWithFiles { .. }
            | Command::Follow { .. }
            | Command::Unfollow { .. }
            | Command::AddPeer { .. }
            | Command::BanPeer { .. }
            | Command::UnbanPeer { .. }
            | Command::Talk(_)
            | Command::Circle(_) => Durability::Full,
            Command::MarkPost { .. }
            | Command::ReadComments { .. }
            | Command::SaveDraft { .. }
            | Command::FetchBlob { .. }
            | Command::CancelFetch { .. }
            | Command::SaveBlob { .. }
            | Command::Sync { .. }
            | Command::Unlock { .. }
            | Command::Protect { .. }
            | Command::Stop => Durability::Normal,
        },
        _ => Durability::Normal,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::api::DraftSlot;
    use crate::domain::address::PeerAddress;
    use crate::domain::ids::NetworkId;
    use crate::domain::invite::format_ticket;
    use crate::node::engine::{Faults, Quotas};

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn setup() -> Setup {
        Setup {
            data_key: Some(std::sync::Arc::new(crate::crypto::data_key::DataKey::from_secret(&[7; 32]))),
            network_id: NetworkId::from_bytes([1; 32]),
            keys: Vec::new(),
            connections: crate::limits::CONNECTIONS,
            quotas: Quotas::default(),
            exchange: crate::node::engine::Exchange::default(),
            decoys_per_hour: 0,
            faults: Faults::default(),
        }
    }

    #[test]
    fn after_a_failed_sync_nothing_is_written_any_more_and_the_person_is_told() {
        let rng = &mut StdRng::seed_from_u64(1);
        let setup = setup();
        let mut committer = Committer::load(Database::in_memory(&[0; 32]).unwrap(), setup).unwrap();
        let draft = |call| {
            let command = Command::SaveDraft { slot: DraftSlot::NewPost, text: "x".to_owned() };
            vec![Input::CommandReceived { call: CallId(call), command }]
        };
        committer.commit(draft(1), NOW, rng).unwrap();
        committer.planted = Some(DbError::sync_failure());
        let failure = committer.commit(draft(2), NOW, rng).unwrap_err();
        let told = crate::node::store::store_error(&failure.error);
        assert!(told.hint.contains("start itsgoin again"), "{told:?}");
        let before = committer.database().snapshot().unwrap();
        let failure = committer.commit(draft(3), NOW, rng).unwrap_err();
        assert!(failure.error.is_sync_failure());
        assert_eq!(failure.lost_calls, [CallId(3)]);
        committer.stop().unwrap_err();
        assert!(committer.database().snapshot().unwrap() == before, "not even that it stopped");
        assert_eq!(committer.next_deadline(), None, "nothing is tried again");
    }

    #[test]
    fn after_a_full_disk_nobody_waits_for_ever_and_nobody_is_dialled_at_once() {
        let rng = &mut StdRng::seed_from_u64(1);
        let setup = setup();
        let mut committer = Committer::load(Database::in_memory(&[0; 32]).unwrap(), setup).unwrap();
        let ticket = format_ticket(&PeerAddress::of(NetworkId::from_bytes([2; 32])));
        let command = |call, command| Input::CommandReceived { call: CallId(call), command };
        let first = vec![Input::Started, command(1, Command::AddPeer { ticket })];
        assert!(committer.commit(first, NOW, rng).unwrap().iter().any(|e| matches!(e, Effect::Dial(_))));
        let sync = command(2, Command::Sync { wait: Duration::from_mins(1) });
        committer.commit(vec![sync], NOW, rng).unwrap();

        let draft = |call| {
            let text = "x".repeat(60_000);
            command(call, Command::SaveDraft { slot: DraftSlot::NewPost, text })
        };
        committer.database.limit_growth(Some(1)).unwrap();
        let failure = committer.commit(vec![draft(3)], NOW, rng).unwrap_err();
        assert!(failure.error.is_full());
        assert_eq!(failure.lost_calls, [CallId(3), CallId(2)], "the sync is lost with its engine");
        let next = committer.next_deadline().unwrap();
        assert!(next > NOW.after(Duration::from_secs(1)), "a dial waits");
        committer.commit(vec![draft(4)], NOW, rng).unwrap_err();
        assert!(committer.next_deadline().unwrap() > next, "longer each time");

        committer.database.limit_growth(None).unwrap();
        committer.commit(vec![draft(5)], NOW, rng).unwrap();
    }

    #[test]
    fn a_persona_made_since_the_start_keeps_its_key_when_a_commit_fails() {
        let rng = &mut StdRng::seed_from_u64(1);
        let setup = setup();
        let mut committer = Committer::load(Database::in_memory(&[0; 32]).unwrap(), setup).unwrap();
        let key = std::sync::Arc::new(crate::crypto::keys::PostingKey::generate(rng));
        let persona = |call| Input::PersonaRequested {
            call: CallId(call),
            name: "ana".to_owned(),
            key: std::sync::Arc::clone(&key),
        };
        committer.commit(vec![Input::Started, persona(1)], NOW, rng).unwrap();
        committer.planted = Some(DbError::NoReader);
        let post = |call, text: &str| Input::CommandReceived {
            call: CallId(call),
            command: Command::PublishPost { persona: None, text: text.to_owned(), draft: None },
        };
        committer.commit(vec![post(2, "lost")], NOW, rng).unwrap_err();
        let effects = committer.commit(vec![post(3, "signed")], NOW, rng).unwrap();
        let is_published = |effect: &Effect| {
            matches!(effect, Effect::Answer { outcome: Ok(crate::api::Outcome::PostPublished(_)), .. })
        };
        assert!(effects.iter().any(is_published), "its key is still known");
    }
}
