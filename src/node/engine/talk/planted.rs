//! Mistakes the observer test plants where messages are sealed and asked for. In a released program none of them is
//! made: [`Faults::has`](crate::node::engine::Faults) is never true there.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::rows::Outgoing;
use super::{Engine, Step};
use crate::crypto::sealing::{OneTimeKey, SlotKeys};
use crate::domain::ids::RecipientTag;
use crate::domain::log::Seq;
use crate::node::engine::Fault;
use crate::node::wire::Recipients;

impl Engine {
    /// The key of the next sealed post: a new one.
    pub(super) fn one_time_key(&self, step: &mut Step<'_, '_>) -> OneTimeKey {
        if self.faults.has(Fault::AuthorReused) {
            return OneTimeKey::generate(&mut StdRng::from_seed(*self.network_id.as_bytes()));
        }
        OneTimeKey::generate(step.rng)
    }

    /// The slot of a message, as the ratchet made it.
    pub(super) fn planted(&self, row: &Outgoing, mut slot: SlotKeys) -> SlotKeys {
        if self.faults.has(Fault::TagIsPersona) {
            slot.tag = RecipientTag::from_bytes(*row.peer.as_bytes());
        }
        slot
    }

    /// What a node that names what it waits for would ask: the first tag of any of its sessions, else everything.
    pub(in crate::node::engine) fn asked_tag(&self, since: Seq) -> Recipients {
        let tag = self.talks.tags.keys().next();
        tag.map_or_else(|| Recipients::everything(since), |tag| Recipients::like(*tag, 256, since))
    }
}
