//! Carrying: what connected nodes want is kept and served for them, so that interest goes on from node to node.
//!
//! A carried author stands on our interest list like any other; its posts are stored and served and stand in no feed.
//! Followed authors come first; the places that are left are shared out evenly among the nodes that want something,
//! so that one with a thousand made-up ids takes what nobody else asks for and no more. What no connected node has
//! wanted for [`CARRIED_KEPT`] is let go, and where there are more wishes than places a few of the oldest are exchanged
//! every [`CARRY_TURN`].
//!
//! Deliberately absent is any mark of how far away an author's readers are: it would tell followed from carried. So an
//! id that two neighbours carry for each other stays until somebody needs its place.

use std::collections::{BTreeMap, BTreeSet};

use rand::{CryptoRng, RngExt};

use super::interest::Interest;
use super::{Engine, Fault, Step, jittered};
use crate::db::carried::CarriedRow;
use crate::db::{DbError, Peer, Read};
use crate::domain::ids::PostingId;
use crate::domain::time::Timestamp;
use crate::limits::{CARRIED_KEPT, CARRY_CHANGES, CARRY_DELAY, CARRY_EVERY, CARRY_TURN, INTEREST_IDS};

/// The part of all places that is exchanged in one turn.
const TURN_PART: usize = 16;

/// When to look again whom to carry, and how often the list may still change: each change is sent to every peer.
#[derive(Debug)]
pub(super) struct Carrying {
    /// Somebody wants something else than before.
    wish: Option<Timestamp>,
    /// The next turn.
    turn: Option<Timestamp>,
    /// Changes that may still be made.
    changes: u32,
    /// Since when they are counted.
    counted: Timestamp,
}

/// What each connected node wants and nobody here follows, by the node's row.
type Wishes = BTreeMap<Peer, BTreeSet<PostingId>>;

/// Who is carried.
type Carried = BTreeMap<PostingId, CarriedRow>;

/// Whether a few of the oldest are to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occasion {
    Wish,
    Turn,
}

impl Carrying {
    /// After a start: who was carried before is looked at soon.
    pub(super) fn load(read: Read<'_>) -> Result<Self, DbError> {
        let turn = (!read.list_carried(1)?.is_empty()).then_some(Timestamp::ZERO);
        Ok(Self { wish: None, turn, changes: CARRY_CHANGES, counted: Timestamp::ZERO })
    }

    /// Lets no look be due before this: the store has just failed.
    pub(super) fn rest_until(&mut self, earliest: Timestamp) {
        self.turn = self.turn.map(|turn| turn.max(earliest));
    }

    /// A node wants something else than before.
    pub(super) fn wished(&mut self, now: Timestamp) {
        let soon = now.after(CARRY_DELAY);
        self.wish = Some(self.wish.map_or(soon, |wish| wish.min(soon)));
    }

    /// When the next look is due.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        let wish = self.wish.map(|wish| {
            let next_change = self.counted.after(CARRY_EVERY);
            if self.changes > 0 { wish } else { wish.max(next_change) }
        });
        wish.into_iter().chain(self.turn).min()
    }

    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        self.counted = self.counted.min(now);
        self.wish = self.wish.map(|wish| wish.min(now.after(CARRY_DELAY)));
        self.turn = self.turn.map(|turn| turn.min(now.after(CARRY_TURN)));
    }

    fn count_changes(&mut self, now: Timestamp) {
        while self.changes < CARRY_CHANGES && self.counted.after(CARRY_EVERY) <= now {
            self.changes = self.changes.saturating_add(1);
            self.counted = self.counted.after(CARRY_EVERY);
        }
        if self.changes == CARRY_CHANGES {
            self.counted = now;
        }
    }

    /// What a look now is about; `None` when none is due.
    fn occasion(&mut self, now: Timestamp) -> Option<Occasion> {
        self.count_changes(now);
        if self.turn.is_some_and(|turn| turn <= now) {
            return Some(Occasion::Turn);
        }
        let may_change = self.changes > 0;
        self.wish.filter(|wish| *wish <= now && may_change).map(|_| Occasion::Wish)
    }
}

impl Engine {
    /// Looks whom to carry, if that is due.
    pub(super) fn carry(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let Some(occasion) = self.carrying.occasion(step.now) else {
            return Ok(());
        };
        let before: Carried =
            step.store.list_carried(INTEREST_IDS)?.into_iter().map(|row| (row.posting_id, row)).collect();
        let wishes = self.wishes();
        self.carrying.wish = None;
        // Without anybody to carry for there is nothing to look at again.
        let goes_on = !wishes.is_empty() || !before.is_empty();
        self.carrying.turn = goes_on.then(|| step.now.after(jittered(step.rng, CARRY_TURN)));
        let ours = |interest: &Interest, id: &PostingId| interest.is_ours(*id);
        let current = before.iter().filter(|(id, _)| !ours(&self.interest, id)).map(|(_, row)| *row);
        let carries_nobody =
            [Fault::CarriesNobody, Fault::AsksNoNames].iter().any(|fault| self.faults.has(*fault));
        let most = if carries_nobody { 0 } else { INTEREST_IDS };
        let places = most.saturating_sub(self.interest.count_ours());
        let after = choose(step.now, step.rng, current.collect(), &wishes, places, occasion);
        self.carry_these(step, &before, &after)
    }

    /// What connected nodes want, without what is ours.
    fn wishes(&self) -> Wishes {
        let mut wishes = Wishes::new();
        for connection in self.connections.values() {
            if let (Some(peer), Some(list)) = (connection.row(), &connection.subscription) {
                let wanted = list.ids().iter().copied().filter(|id| !self.interest.is_ours(*id));
                wishes.entry(peer).or_default().extend(wanted);
            }
        }
        wishes
    }

    fn carry_these(
        &mut self,
        step: &mut Step<'_, '_>,
        before: &Carried,
        after: &Carried,
    ) -> Result<(), DbError> {
        for id in before.keys().filter(|id| !after.contains_key(*id)) {
            step.store.delete_carried(*id)?;
            self.forget_unstored_cursors(*id);
        }
        for (id, row) in after {
            let known = before.get(id);
            let is_fresh = known.is_some_and(|known| {
                known.peer == row.peer && known.wanted.after(CARRY_TURN / 2) > row.wanted
            });
            if !is_fresh {
                step.store.replace_carried(row)?;
            }
            if known.is_none()
                && let Some(author) = step.store.find_author(*id)?
            {
                self.read_from_start(step, *id, author)?;
            }
        }
        let is_changed = before.len() != after.len() || before.keys().any(|id| !after.contains_key(id));
        if is_changed {
            self.carrying.changes = self.carrying.changes.saturating_sub(1);
            self.interest_changed(step)?;
        }
        Ok(())
    }
}

/// Who is to be carried, of those carried now and those wanted, in `places` places.
fn choose(
    now: Timestamp,
    rng: &mut dyn CryptoRng,
    current: Vec<CarriedRow>,
    wishes: &Wishes,
    places: usize,
    occasion: Occasion,
) -> Carried {
    let mut round = Round::new(now, rng, current, wishes);
    while round.kept.len() > places {
        let Some(victim) = round.any_victim() else { break };
        round.remove(victim);
    }
    if occasion == Occasion::Turn && round.kept.len() >= places {
        round.exchange_oldest(places.div_ceil(TURN_PART));
    }
    // Whoever has fewest goes first, so that all come to the same number, as far as they want as many.
    while let Some((peer, id)) = round.next_wish() {
        if round.kept.contains_key(&id) {
            continue;
        }
        if round.kept.len() >= places {
            let Some(victim) = round.victim_for(peer) else {
                round.gives_up(peer);
                continue;
            };
            round.remove(victim);
        }
        round.take(peer, id);
    }
    round.kept
}

/// One sharing out of the places.
struct Round {
    now: Timestamp,
    kept: Carried,
    /// Everything a connected node wants.
    wanted: BTreeSet<PostingId>,
    /// How many places each connected node has.
    shares: BTreeMap<Peer, usize>,
    /// What each of them wants besides, in random order.
    waiting: BTreeMap<Peer, Vec<PostingId>>,
}

impl Round {
    fn new(now: Timestamp, rng: &mut dyn CryptoRng, current: Vec<CarriedRow>, wishes: &Wishes) -> Self {
        let wanted: BTreeSet<PostingId> = wishes.values().flatten().copied().collect();
        let mut kept = Carried::new();
        let mut shares: BTreeMap<Peer, usize> = wishes.keys().map(|peer| (*peer, 0)).collect();
        for mut row in current {
            // A clock that was ahead must not keep it for ever.
            row.wanted = row.wanted.min(now);
            if wanted.contains(&row.posting_id) {
                row.wanted = now;
                // Whoever wants it pays for it, when the one it was taken up for does not any more.
                let wants = |peer: &Peer| wishes.get(peer).is_some_and(|ids| ids.contains(&row.posting_id));
                if !wants(&row.peer)
                    && let Some(other) = wishes.keys().find(|peer| wants(peer))
                {
                    row.peer = *other;
                }
            } else if row.wanted.after(CARRIED_KEPT) <= now {
                continue;
            }
            if let Some(share) = shares.get_mut(&row.peer) {
                *share = share.saturating_add(1);
            }
            kept.insert(row.posting_id, row);
        }
        let waiting = wishes.iter().map(|(peer, ids)| {
            let mut ids: Vec<PostingId> = ids.iter().copied().filter(|id| !kept.contains_key(id)).collect();
            shuffle(rng, &mut ids);
            (*peer, ids)
        });
        let waiting = waiting.collect();
        Self { now, kept, wanted, shares, waiting }
    }

    fn share_of(&self, peer: Peer) -> usize {
        self.shares.get(&peer).copied().unwrap_or(0)
    }

    /// The next wish of whoever has fewest places.
    fn next_wish(&mut self) -> Option<(Peer, PostingId)> {
        let shares = &self.shares;
        let wishing = self.waiting.iter_mut().filter(|(_, ids)| !ids.is_empty());
        let (peer, ids) = wishing.min_by_key(|(peer, _)| shares.get(peer).copied().unwrap_or(0))?;
        ids.pop().map(|id| (*peer, id))
    }

    fn gives_up(&mut self, peer: Peer) {
        self.waiting.remove(&peer);
    }

    fn take(&mut self, peer: Peer, posting_id: PostingId) {
        let row = CarriedRow { posting_id, peer, taken: self.now, wanted: self.now };
        self.kept.insert(posting_id, row);
        let share = self.shares.entry(peer).or_default();
        *share = share.saturating_add(1);
    }

    fn remove(&mut self, id: PostingId) {
        if let Some(row) = self.kept.remove(&id)
            && let Some(share) = self.shares.get_mut(&row.peer)
        {
            *share = share.saturating_sub(1);
        }
    }

    /// The one longest unwanted, of the accounts of others.
    fn unwanted(&self, except: Option<Peer>) -> Option<PostingId> {
        let unwanted = self.kept.values().filter(|row| !self.wanted.contains(&row.posting_id));
        let others = unwanted.filter(|row| Some(row.peer) != except);
        others.min_by_key(|row| (row.wanted, row.posting_id)).map(|row| row.posting_id)
    }

    fn oldest_of(&self, peer: Peer) -> Option<PostingId> {
        let theirs = self.kept.values().filter(|row| row.peer == peer);
        theirs.min_by_key(|row| (row.taken, row.posting_id)).map(|row| row.posting_id)
    }

    fn richest(&self) -> Option<Peer> {
        self.shares.iter().max_by_key(|(_, share)| **share).map(|(peer, _)| *peer)
    }

    /// Who makes room for a wish of this node: what nobody wants any more, but for its own, so that nobody can exchange
    /// its ids all the time; else the oldest of whoever has most.
    fn victim_for(&self, peer: Peer) -> Option<PostingId> {
        let from_richest = || {
            let richest = self.richest()?;
            let has_more = self.share_of(richest) > self.share_of(peer).saturating_add(1);
            has_more.then(|| self.oldest_of(richest)).flatten()
        };
        self.unwanted(Some(peer)).or_else(from_richest)
    }

    /// Who makes room when there are fewer places.
    fn any_victim(&self) -> Option<PostingId> {
        let from_richest = || self.oldest_of(self.richest()?);
        let first = || self.kept.keys().next().copied();
        self.unwanted(None).or_else(from_richest).or_else(first)
    }

    /// Lets the oldest go of those whose node has other wishes.
    fn exchange_oldest(&mut self, count: usize) {
        let waits = |row: &&CarriedRow| self.waiting.get(&row.peer).is_some_and(|ids| !ids.is_empty());
        let mut oldest: Vec<(Timestamp, PostingId)> =
            self.kept.values().filter(waits).map(|row| (row.taken, row.posting_id)).collect();
        oldest.sort_unstable();
        for (_, id) in oldest.into_iter().take(count) {
            self.remove(id);
        }
    }
}

fn shuffle(rng: &mut dyn CryptoRng, ids: &mut [PostingId]) {
    for last in (1..ids.len()).rev() {
        ids.swap(last, rng.random_range(0..=last));
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::db::Database;
    use crate::db::peers::AddressSource;
    use crate::domain::address::PeerAddress;
    use crate::domain::ids::NetworkId;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn id(number: u32) -> PostingId {
        PostingId::from_bytes(*blake3::hash(&number.to_be_bytes()).as_bytes())
    }

    fn ids(numbers: std::ops::Range<u32>) -> BTreeSet<PostingId> {
        numbers.map(id).collect()
    }

    /// Rows of so many nodes.
    fn peers<const N: usize>() -> [Peer; N] {
        let mut store = Database::in_memory(&[0; 32]).unwrap();
        std::array::from_fn(|number| {
            let number = u8::try_from(number).unwrap();
            let address = PeerAddress::of(NetworkId::from_bytes([number; 32]));
            let insert = |batch: &crate::db::Batch<'_>| {
                batch.step(|store| {
                    for other in 0..number {
                        let other = PeerAddress::of(NetworkId::from_bytes([other; 32]));
                        store.insert_peer(&other, NOW, AddressSource::Named)?;
                    }
                    store.insert_peer(&address, NOW, AddressSource::Named)
                })
            };
            store.transaction(crate::db::Durability::Normal, insert).unwrap()
        })
    }

    fn pick(now: Timestamp, before: &Carried, wishes: &Wishes, places: usize, occasion: Occasion) -> Carried {
        let rng = &mut StdRng::seed_from_u64(1);
        choose(now, rng, before.values().copied().collect(), wishes, places, occasion)
    }

    fn count(carried: &Carried, wanted: &BTreeSet<PostingId>) -> usize {
        carried.keys().filter(|id| wanted.contains(id)).count()
    }

    #[test]
    fn a_node_with_a_thousand_ids_gets_what_others_leave_and_no_more() {
        let [flood, honest, late] = peers();
        let (many, few, some) = (ids(0..1_024), ids(2_000..2_040), ids(3_000..3_300));
        let wishes = Wishes::from([(flood, many.clone())]);
        let first = pick(NOW, &Carried::new(), &wishes, 600, Occasion::Wish);
        assert_eq!(first.len(), 600, "nobody else wants anything");
        let wishes = Wishes::from([(flood, many.clone()), (honest, few.clone())]);
        let second = pick(NOW, &first, &wishes, 600, Occasion::Wish);
        assert_eq!((count(&second, &few), second.len()), (40, 600), "all of the few, however late");
        let wishes = Wishes::from([(flood, many.clone()), (honest, few.clone()), (late, some.clone())]);
        let third = pick(NOW, &second, &wishes, 600, Occasion::Wish);
        assert_eq!((count(&third, &few), third.len()), (40, 600));
        assert!(count(&third, &some).abs_diff(count(&third, &many)) <= 1, "the rest is shared evenly");
        assert_eq!(pick(NOW, &third, &wishes, 600, Occasion::Wish), third, "and then it rests");
    }

    #[test]
    fn nobody_exchanges_its_own_ids_by_naming_others() {
        let [flood, honest] = peers();
        let wishes = Wishes::from([(flood, ids(0..900)), (honest, ids(2_000..2_050))]);
        let first = pick(NOW, &Carried::new(), &wishes, 500, Occasion::Wish);
        let other = Wishes::from([(flood, ids(5_000..5_900)), (honest, ids(2_000..2_050))]);
        assert!(pick(NOW, &first, &other, 500, Occasion::Wish).keys().eq(first.keys()));
        let turned = pick(NOW, &first, &other, 500, Occasion::Turn);
        assert_eq!(count(&turned, &ids(5_000..5_900)), 500_usize.div_ceil(TURN_PART), "but a few every turn");
        assert_eq!(count(&turned, &ids(2_000..2_050)), 50);
    }

    #[test]
    fn what_nobody_wants_is_let_go_after_a_while() {
        let [peer] = peers();
        let wishes = Wishes::from([(peer, ids(0..10))]);
        let first = pick(NOW, &Carried::new(), &wishes, 100, Occasion::Wish);
        let gone = Wishes::new();
        let soon = NOW.after(CARRIED_KEPT / 2);
        assert_eq!(pick(soon, &first, &gone, 100, Occasion::Turn).len(), 10);
        let late = NOW.after(CARRIED_KEPT);
        assert_eq!(pick(late, &first, &gone, 100, Occasion::Turn).len(), 0);
        assert_eq!(pick(late, &first, &wishes, 100, Occasion::Turn).len(), 10, "unless it is wanted again");
        assert_eq!(pick(NOW, &first, &wishes, 4, Occasion::Wish).len(), 4, "follows take their places");
    }

    #[test]
    fn changes_are_few_when_there_are_many() {
        let mut store = Database::in_memory(&[0; 32]).unwrap();
        let mut carrying = store.read(Carrying::load).unwrap();
        carrying.counted = NOW;
        let mut made = 0_u32;
        for second in 0..3_600_u64 {
            let now = NOW.after(std::time::Duration::from_secs(second));
            carrying.wished(now);
            if carrying.occasion(now).is_some() {
                (carrying.changes, carrying.wish) = (carrying.changes - 1, None);
                made += 1;
            }
        }
        assert_eq!(made, CARRY_CHANGES + 3, "one every quarter of an hour after the first few");
    }
}
