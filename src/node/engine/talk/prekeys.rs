//! Prekeys: fresh keys a persona gives out, so that a first message cannot be opened by whoever steals its identity key
//! later. Each persona renews its own at its own random moments (P2).

use std::time::Duration;

use super::rows::{Prekey, remove};
use super::{Engine, Step, between};
use crate::crypto::dh::{DhPublic, DhSecret};
use crate::crypto::kdf::KeptKey;
use crate::db::DbError;
use crate::domain::envelope::{Content, Object};
use crate::domain::ids::PostingId;
use crate::domain::profile::{Profile, PublishedPrekey, next_sequence};
use crate::domain::sealed::day_of;
use crate::domain::time::Timestamp;
use crate::limits::{PREKEY_KEPT, PREKEY_OLDEST, PREKEY_TIME};

/// By how much a renewal is put off at random.
const RENEWAL_SPREAD: Duration = Duration::from_hours(12);
/// The same for a persona that has none yet.
const FIRST_SPREAD: Duration = Duration::from_mins(10);

impl Engine {
    /// Makes a prekey for a persona; it is given out with the next profile.
    pub(in crate::node::engine) fn make_prekey(
        &mut self,
        step: &mut Step<'_, '_>,
        persona: PostingId,
    ) -> Result<PublishedPrekey, DbError> {
        let secret = DhSecret::generate(step.rng);
        let prekey =
            Prekey { persona, secret: KeptKey::of(&secret), public: secret.public(), made: step.now };
        self.save_row(step, &prekey)?;
        let published = PublishedPrekey { key: (*prekey.public.as_bytes()).into(), day: day_of(step.now) };
        self.talks.prekeys.push(prekey);
        let spread = between(step.rng, Duration::ZERO, RENEWAL_SPREAD);
        self.talks.renewals.insert(persona, step.now.after(PREKEY_TIME).after(spread));
        Ok(published)
    }

    /// Renews what is due and forgets secrets nobody can have written to any more.
    pub(super) fn renew_prekeys(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let is_due =
            |persona: &PostingId| self.talks.renewals.get(persona).is_none_or(|due| *due <= step.now);
        // At rest, so in nearly every step, nothing is.
        let due: Vec<PostingId> = self.keys.keys().filter(|persona| is_due(persona)).copied().collect();
        for persona in due {
            let due = match self.talks.renewals.get(&persona) {
                Some(due) => *due,
                None => self.first_renewal(step, persona),
            };
            if due <= step.now {
                self.renew_prekey(step, persona)?;
            }
        }
        let now = step.now;
        if self.talks.prekeys.iter().all(|prekey| now.since(prekey.made) <= PREKEY_KEPT) {
            return Ok(());
        }
        let (old, kept): (Vec<Prekey>, Vec<Prekey>) = std::mem::take(&mut self.talks.prekeys)
            .into_iter()
            .partition(|prekey| now.since(prekey.made) > PREKEY_KEPT);
        self.talks.prekeys = kept;
        let key = self.talks.key()?;
        old.iter().try_for_each(|prekey| remove(step.store, &key, prekey))
    }

    /// After a start: when the newest one is to be renewed, or the first one made.
    fn first_renewal(&mut self, step: &mut Step<'_, '_>, persona: PostingId) -> Timestamp {
        let made = self.talks.prekeys.iter().filter(|prekey| prekey.persona == persona);
        // One that was made while the clock was ahead is as old as it can be.
        let due = match made.map(|prekey| prekey.made.min(step.now)).max() {
            Some(made) => made.after(PREKEY_TIME).max(step.now),
            None => step.now,
        };
        let due = due.after(between(step.rng, Duration::ZERO, FIRST_SPREAD));
        self.talks.renewals.insert(persona, due);
        due
    }

    /// What was given out since the copy was made cannot be read with what is here: there are new ones soon.
    pub(super) fn renew_soon(&mut self, step: &mut Step<'_, '_>) {
        for persona in self.keys.keys() {
            let due = step.now.after(between(step.rng, Duration::ZERO, FIRST_SPREAD));
            self.talks.renewals.insert(*persona, due);
        }
    }

    fn renew_prekey(&mut self, step: &mut Step<'_, '_>, persona: PostingId) -> Result<(), DbError> {
        let Some(key) = self.keys.get(&persona).cloned() else { return Ok(()) };
        let author = step.store.intern_author(persona)?;
        let current = step.store.find_profile(author)?;
        let name = step.store.find_name(author)?.unwrap_or_default();
        let published = self.make_prekey(step, persona)?;
        self.sync_commit();
        let sequence = next_sequence(current.map(|profile| profile.sequence), step.now);
        // A persona taken up again after its database was lost has no name yet, and so no profile.
        if let Ok(profile) = Profile::new(persona, step.now, sequence, name) {
            self.take_in(step, &Object::Profile(key.sign(&profile.with_prekey(published))), None)?;
        }
        Ok(())
    }

    /// The prekey to write to somebody with, if a fresh one is known: from the last message or the profile.
    pub(super) fn find_prekey(
        &self,
        step: &Step<'_, '_>,
        me: PostingId,
        peer: PostingId,
    ) -> Result<Option<DhPublic>, DbError> {
        let oldest = day_of(step.now.before(PREKEY_OLDEST));
        let said = self.talks.relations.get(&(me, peer)).and_then(|relation| relation.prekey);
        let published =
            published_prekey(step, peer)?.map(|prekey| (DhPublic::from_bytes(prekey.key.into()), prekey.day));
        let usable = oldest..=day_of(step.now).saturating_add(1);
        let found = said.into_iter().chain(published).filter(|(_, day)| usable.contains(day));
        Ok(found.max_by_key(|(_, day)| *day).map(|(key, _)| key))
    }
}

/// The prekey in somebody's newest profile here.
fn published_prekey(step: &Step<'_, '_>, of: PostingId) -> Result<Option<PublishedPrekey>, DbError> {
    let Some(id) = step.store.find_profile_id(of)? else { return Ok(None) };
    let Some(object) = step.store.find_object(id)? else { return Ok(None) };
    let profile = Profile::decode(&step.store.get_envelope(object)?.bytes);
    Ok(profile.ok().and_then(|profile| profile.prekey()))
}
