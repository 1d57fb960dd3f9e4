//! The stem: how a sealed post gets away from where it was made (PROTOCOL.md §22).
//!
//! Each node on it has the post stored and shows it to nobody: it stands in no log and is neither offered nor served, and
//! whoever offers it is asked for it like for one that is not here. What a node does with a post is the same whether it
//! was made here or handed over: it goes to the peer of the epoch; one that comes back goes once to another; if it does
//! not come from elsewhere within a random time, some other peer is asked to spread it; after another such time it is
//! spread from here. Only what a peer handed over may be spread at once, when this is an epoch for that, or when there
//! is nobody else to hand it to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand::CryptoRng;

use super::super::answer::Checked;
use super::super::{ConnectionId, Direction, Effect, Engine, Fault, Offence, Step};
use super::route::{Reachable, Relaying, Route};
use super::{Age, SealedIntake, age, exponential};
use crate::db::introducers::Introducer;
use crate::db::objects::Have;
use crate::db::{DbError, Read};
use crate::domain::envelope::{Envelope, Object, Verified};
use crate::domain::ids::{NetworkId, ObjectId};
use crate::domain::sealed::Sealed;
use crate::domain::time::Timestamp;
use crate::limits::{
    SEALED_TRACKED, SPREAD_PEERS, STEM_BYTES, STEM_EMBARGO, STEM_EMBARGO_LONGEST, STEM_PEER_BYTES,
    STEM_RESUME,
};
use crate::node::wire::{SealedPush, Stage};

/// Where a sealed post is that was made here, or handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedProgress {
    /// On the stem; nobody took it from us since the start.
    Waiting,
    /// So many peers took it from us, on the stem or spread.
    Handed {
        /// At least one.
        peers: u32,
    },
}

/// How a push of a sealed post ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandOver {
    /// The peer has its bytes. What it does with them nobody can tell.
    Taken,
    /// The connection broke: perhaps it has them.
    Broken,
}

/// What is on the stem here.
#[derive(Debug, Default)]
pub(super) struct Stem {
    posts: BTreeMap<ObjectId, Stemmed>,
    pub(super) route: Option<Route>,
    tracked: Tracked,
}

/// A post on the stem.
#[derive(Debug)]
struct Stemmed {
    size: u64,
    /// Under whom it stands.
    introducer: Introducer,
    /// Who handed it over, since the start; nobody for one made here.
    source: Option<NetworkId>,
    /// To whom it went, taken or not.
    tried: Vec<NetworkId>,
    way: Way,
    /// Until when it has to come from elsewhere; from the first hand-over on.
    embargo: Option<Timestamp>,
    patience: Patience,
    /// Whether it came back before.
    circling: Circling,
}

/// What happens to it next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Nobody is there to take it.
    Parked,
    /// It is handed on then.
    Due(Timestamp),
    /// A peer has it, or is about to.
    Given,
}

/// How often it did not come from elsewhere in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    Fresh,
    /// Somebody was asked to spread it.
    Last,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Circling {
    No,
    Once,
}

/// To how many peers sealed posts went, the newest ones.
#[derive(Debug, Default)]
struct Tracked {
    counts: BTreeMap<ObjectId, u32>,
    order: VecDeque<ObjectId>,
    changed: BTreeSet<ObjectId>,
}

impl Tracked {
    fn count(&mut self, id: ObjectId) {
        if !self.counts.contains_key(&id) {
            self.order.push_back(id);
        }
        let count = self.counts.entry(id).or_default();
        *count = count.saturating_add(1);
        self.changed.insert(id);
        while self.order.len() > SEALED_TRACKED {
            if let Some(oldest) = self.order.pop_front() {
                self.counts.remove(&oldest);
                self.changed.remove(&oldest);
            }
        }
    }
}

impl Stemmed {
    fn new(size: u64, introducer: Introducer, source: Option<NetworkId>, way: Way) -> Self {
        let (tried, embargo) = (Vec::new(), None);
        let (patience, circling) = (Patience::Fresh, Circling::No);
        Self { size, introducer, source, tried, way, embargo, patience, circling }
    }

    /// Who has it, as far as we know.
    fn knowing(&self) -> Vec<NetworkId> {
        self.tried.iter().copied().chain(self.source).collect()
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        let due = match self.way {
            Way::Due(due) => Some(due),
            Way::Parked | Way::Given => None,
        };
        due.into_iter().chain(self.embargo).min()
    }
}

impl Stem {
    pub(super) fn load(read: Read<'_>) -> Result<Self, DbError> {
        let posts = read.list_stem()?.into_iter();
        let posts =
            posts.map(|row| (row.object_id, Stemmed::new(row.size, row.introducer, None, Way::Parked)));
        Ok(Self { posts: posts.collect(), ..Self::default() })
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.posts.values().filter_map(Stemmed::next_deadline).min()
    }

    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        for post in self.posts.values_mut() {
            if let Way::Due(due) = &mut post.way {
                *due = (*due).min(now.after(STEM_RESUME));
            }
            post.embargo = post.embargo.map(|until| until.min(now.after(STEM_EMBARGO_LONGEST)));
        }
        if let Some(route) = &mut self.route {
            route.clock_stepped_back(now);
        }
    }

    /// Whether a peer may put so much more on the stem.
    fn has_room(&self, node: NetworkId, size: u64) -> bool {
        let taken = |posts: &mut dyn Iterator<Item = &Stemmed>| {
            posts.map(|post| post.size).fold(size, u64::saturating_add)
        };
        let mut of_node = self.posts.values().filter(|post| post.introducer.node == Some(node));
        taken(&mut self.posts.values()) <= STEM_BYTES && taken(&mut of_node) <= STEM_PEER_BYTES
    }
}

impl Engine {
    /// How far a sealed post got; `None` for one that is not on the stem and of which it is not known any more to whom we
    /// gave it.
    #[must_use]
    pub fn sealed_progress(&self, id: ObjectId) -> Option<SealedProgress> {
        match self.pool.stem.tracked.counts.get(&id) {
            Some(peers) => Some(SealedProgress::Handed { peers: *peers }),
            None => self.pool.stem.posts.contains_key(&id).then_some(SealedProgress::Waiting),
        }
    }

    /// The sealed posts more peers took from us since this was last asked: own ones and others'.
    pub fn take_handed(&mut self) -> Vec<ObjectId> {
        std::mem::take(&mut self.pool.stem.tracked.changed).into_iter().collect()
    }

    /// A sealed post was made here: the only way one gets out. It is on the disk before anybody is given it.
    pub(in crate::node::engine) fn publish_sealed(
        &mut self,
        step: &mut Step<'_, '_>,
        post: &Verified<Sealed>,
    ) -> Result<(), DbError> {
        if step.store.have(post.id())? != Have::Missing || self.pool.stem.posts.contains_key(&post.id()) {
            return Ok(());
        }
        self.note_published(step.now);
        self.pool.is_unsynced = true;
        let introducer = self.cover(step);
        if self.faults.has(Fault::SpreadsAtOnce) {
            return self.spread_sealed(step, post, &introducer, None);
        }
        if self.faults.has(Fault::ShowsItsStem) {
            self.pool.last =
                step.store.insert_sealed(post.id(), post.content(), post.envelope(), &introducer)?;
        }
        self.put_on_stem(step, post.envelope(), &introducer, None)
    }

    fn put_on_stem(
        &mut self,
        step: &Step<'_, '_>,
        envelope: &Envelope,
        introducer: &Introducer,
        source: Option<NetworkId>,
    ) -> Result<(), DbError> {
        let (id, size) = (envelope.id(), u64::try_from(envelope.bytes.len()).unwrap_or(u64::MAX));
        step.store.insert_stem(id, envelope, introducer)?;
        self.pool.stem.posts.insert(id, Stemmed::new(size, *introducer, source, Way::Due(step.now)));
        Ok(())
    }

    /// On whose account a post made here stands: a peer that might have handed it over. So no row says which are ours, and
    /// ours have no more room than others.
    fn cover(&self, step: &mut Step<'_, '_>) -> Introducer {
        let reachable = self.reachable();
        let those = |direction: Direction| {
            let those = reachable.iter().filter(|known| known.direction == direction);
            those.map(|known| known.connection).collect::<Vec<_>>()
        };
        let inbound = step.pick(&those(Direction::Inbound));
        if let Some(connection) = inbound.or_else(|| step.pick(&those(Direction::Outbound))) {
            return self.introducer(Some(connection));
        }
        let known: Vec<NetworkId> = self.peers.keys().copied().collect();
        Introducer { node: step.pick(&known), prefix: None }
    }

    /// A peer pushed a sealed post that is not in the pool.
    pub(in crate::node::engine) fn sealed_pushed(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        stage: Stage,
        pushed: Checked,
    ) -> Result<(), DbError> {
        let Some(peer) =
            self.connections.get(&id).filter(|known| known.row().is_some()).map(|known| known.peer)
        else {
            return Ok(());
        };
        match pushed {
            Checked::Object(Object::Sealed(_)) if self.space.is_short() => Ok(()),
            // One of a day to come is not asked for again: pulls bring it when its day is there.
            Checked::Object(Object::Sealed(post)) if stage == Stage::Spread => {
                self.take_in_sealed(step, &post, Some(id)).map(drop)
            }
            Checked::Object(Object::Sealed(post)) => self.stem_received(step, id, peer, &post),
            // Nobody pushes anything else as a sealed post.
            Checked::Object(_) => self.offended(step, id, Offence::Unasked),
            Checked::Forged => self.offended(step, id, Offence::Forgery),
            // Whoever passed it on could not know what we cannot read.
            Checked::Refused(_) | Checked::UnknownKind(_) | Checked::Unasked => Ok(()),
        }
    }

    fn stem_received(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        peer: NetworkId,
        post: &Verified<Sealed>,
    ) -> Result<(), DbError> {
        let is_good = age(post.content().day(), step.now) == Age::Good;
        if !is_good || step.store.have(post.id())? != Have::Missing || self.faults.has(Fault::DropsStem) {
            return Ok(());
        }
        if self.pool.stem.posts.contains_key(&post.id()) {
            return self.came_back(step, peer, post.id());
        }
        let introducer = self.introducer(Some(id));
        if self.relaying(step) == Relaying::Spread {
            return self.spread_sealed(step, post, &introducer, Some(peer));
        }
        let size = u64::try_from(post.envelope().bytes.len()).unwrap_or(u64::MAX);
        if !self.pool.stem.has_room(peer, size) {
            return Ok(());
        }
        self.put_on_stem(step, post.envelope(), &introducer, Some(peer))
    }

    /// What is on the stem here was handed to us: the way leads in a circle.
    fn came_back(&mut self, step: &mut Step<'_, '_>, from: NetworkId, id: ObjectId) -> Result<(), DbError> {
        let Some(post) = self.pool.stem.posts.get_mut(&id) else { return Ok(()) };
        if !post.tried.contains(&from) {
            post.tried.push(from);
        }
        match post.circling {
            Circling::No => {
                (post.circling, post.way) = (Circling::Once, Way::Due(step.now));
                Ok(())
            }
            Circling::Once => self.spread_from_stem(step, id),
        }
    }

    /// A push of ours ended.
    pub(in crate::node::engine) fn sealed_handed(&mut self, now: Timestamp, id: ObjectId, end: HandOver) {
        match end {
            HandOver::Taken => self.pool.stem.tracked.count(id),
            HandOver::Broken => {
                if let Some(post) = self.pool.stem.posts.get_mut(&id).filter(|post| post.way == Way::Given) {
                    post.way = Way::Due(now);
                }
            }
        }
    }

    /// Hands on what is due, and looks after what did not come from elsewhere.
    pub(super) fn proceed_stem(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if self.has_stem_peer() {
            let parked = self.pool.stem.posts.values_mut().filter(|post| post.way == Way::Parked);
            for post in parked {
                post.way = Way::Due(step.now.after(within(step.rng)));
            }
        }
        let is_due = |at: Timestamp| at <= step.now;
        let posts = self.pool.stem.posts.iter();
        let due: Vec<(ObjectId, bool)> = posts
            .filter(|(_, post)| post.next_deadline().is_some_and(is_due))
            .map(|(id, post)| (*id, matches!(post.way, Way::Due(due) if is_due(due))))
            .collect();
        for (id, is_to_go_on) in due {
            if is_to_go_on {
                self.hand_on(step, id)?;
            } else {
                self.lose_patience(step, id)?;
            }
        }
        Ok(())
    }

    fn hand_on(&mut self, step: &mut Step<'_, '_>, id: ObjectId) -> Result<(), DbError> {
        let Some(knowing) = self.pool.stem.posts.get(&id).map(Stemmed::knowing) else { return Ok(()) };
        let hop = self.next_hop(step, &knowing);
        let Some(post) = self.pool.stem.posts.get_mut(&id) else { return Ok(()) };
        let Some(hop) = hop else {
            if post.source.is_some() || post.circling == Circling::Once {
                return self.spread_from_stem(step, id);
            }
            post.tried.clear();
            (post.way, post.embargo) = (Way::Parked, None);
            return Ok(());
        };
        post.tried.push(hop.peer);
        post.way = Way::Given;
        let wait = exponential(step.rng, STEM_EMBARGO, STEM_EMBARGO_LONGEST);
        post.embargo.get_or_insert(step.now.after(wait));
        push(step, hop.connection, id, Stage::Stem)
    }

    /// It did not come from elsewhere: somebody else is asked to spread it, and the next time it is spread from here.
    fn lose_patience(&mut self, step: &mut Step<'_, '_>, id: ObjectId) -> Result<(), DbError> {
        let Some(post) = self.pool.stem.posts.get_mut(&id) else { return Ok(()) };
        if self.faults.has(Fault::WaitsForEver) {
            post.embargo = None;
            return Ok(());
        }
        if post.patience == Patience::Last {
            return self.spread_from_stem(step, id);
        }
        let (knowing, source) = (post.knowing(), post.source);
        let mut others = self.reachable();
        if others.iter().any(|known| !knowing.contains(&known.peer)) {
            others.retain(|known| !knowing.contains(&known.peer));
        } else {
            others.retain(|known| Some(known.peer) != source);
        }
        let asked = step.pick(&others);
        let wait = exponential(step.rng, STEM_EMBARGO, STEM_EMBARGO_LONGEST);
        let Some(post) = self.pool.stem.posts.get_mut(&id) else { return Ok(()) };
        let Some(Reachable { peer, connection, .. }) = asked else {
            (post.way, post.embargo) = (Way::Parked, None);
            post.tried.clear();
            return Ok(());
        };
        post.tried.push(peer);
        (post.patience, post.embargo) = (Patience::Last, Some(step.now.after(wait)));
        push(step, connection, id, Stage::Spread)
    }

    /// A post is off the stem.
    pub(super) fn take_off_stem(&mut self, step: &Step<'_, '_>, id: ObjectId) -> Result<(), DbError> {
        if self.pool.stem.posts.remove(&id).is_some() {
            step.store.delete_stem(id)?;
        }
        Ok(())
    }

    /// It is too early for it by our clock: it stays, and is handed on again later.
    fn rest_on_stem(&mut self, now: Timestamp, id: ObjectId) {
        if let Some(post) = self.pool.stem.posts.get_mut(&id) {
            post.tried.clear();
            (post.way, post.embargo) = (Way::Due(now.after(STEM_EMBARGO_LONGEST)), None);
        }
    }

    fn spread_from_stem(&mut self, step: &mut Step<'_, '_>, id: ObjectId) -> Result<(), DbError> {
        let Some(post) = self.pool.stem.posts.get(&id) else { return Ok(()) };
        let (introducer, source) = (post.introducer, post.source);
        let envelope = step.store.find_stemmed(id)?.ok_or(DbError::MissingRow { table: "sealed_stem" })?;
        match Object::verify(envelope) {
            Ok(Object::Sealed(post)) => self.spread_sealed(step, &post, &introducer, source),
            _ => Err(DbError::DamagedRow { table: "sealed_stem" }),
        }
    }

    /// A sealed post becomes part of the pool here, and a few peers hear of it at once: any, but not who had it.
    fn spread_sealed(
        &mut self,
        step: &mut Step<'_, '_>,
        post: &Verified<Sealed>,
        introducer: &Introducer,
        source: Option<NetworkId>,
    ) -> Result<(), DbError> {
        match self.enter_pool(step, post, introducer)? {
            SealedIntake::New => {}
            SealedIntake::Known => return Ok(()),
            SealedIntake::Ahead { .. } => {
                self.rest_on_stem(step.now, post.id());
                return Ok(());
            }
        }
        let mut others = self.reachable();
        others.retain(|known| Some(known.peer) != source);
        for _ in 0..SPREAD_PEERS {
            let Some(chosen) = step.pick(&others) else { break };
            others.retain(|known| known.peer != chosen.peer);
            let push = SealedPush { item: post.envelope().clone().into(), stage: Stage::Spread };
            step.push(Effect::PushSealed { connection: chosen.connection, id: post.id(), push });
        }
        Ok(())
    }
}

/// A random time after which something that waited goes on.
fn within(rng: &mut dyn CryptoRng) -> std::time::Duration {
    STEM_RESUME.saturating_mul(rng.next_u32() % 1_001) / 1_000
}

fn push(
    step: &mut Step<'_, '_>,
    connection: ConnectionId,
    id: ObjectId,
    stage: Stage,
) -> Result<(), DbError> {
    let envelope = step.store.find_stemmed(id)?.ok_or(DbError::MissingRow { table: "sealed_stem" })?;
    let push = SealedPush { item: envelope.into(), stage };
    step.push(Effect::PushSealed { connection, id, push });
    Ok(())
}
