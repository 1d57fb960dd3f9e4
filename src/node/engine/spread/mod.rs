//! How news spread beside the pull (PROTOCOL.md §17 to §19): mutual seats per author, manifests that are pushed over
//! them and passed on once, and who is known to hold a file.
//!
//! Here the pure machine of `topic/` is bound to connections and to the store. What is kept in memory (connected peers,
//! wishes and fetches under way, pushes that wait) can be lost at any time; seats are in the store. P2 holds for
//! everything that starts by itself: in one step at most one of our own personas is the cause of anything that is
//! sent, and each waits for a random time of its own.

mod diffs;
mod holders;
mod links;
mod manifests;
#[cfg(test)]
mod tests;
pub mod topic;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use self::diffs::DueDiff;
use self::manifests::Fetching;
pub(super) use self::manifests::manifest_due;
use self::topic::{Around, Dialling, Happened, Origin, Proof, SeatRecord, Topic};
use super::{ConnectionId, Engine, Fault, RequestId, Step};
use crate::db::{DbError, Read};
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::domain::standing::Prefix;
use crate::domain::time::Timestamp;
use crate::limits::{AUTHOR_SEATS, LINK_WAITING};
use crate::node::wire::LinkAsk;

/// A dial that is put off for no longer than this only keeps its distance to another one.
pub(super) const SPACED_DIAL: Duration = Duration::from_secs(5);
/// Longest wait of what one of our own personas has to put off for another one.
const OWN_WAIT: Duration = Duration::from_secs(2);
/// Things put off at once.
const PUT_OFF: usize = 1_024;

/// What the engine remembers for spreading.
#[derive(Default)]
pub(super) struct Spread {
    topics: BTreeMap<PostingId, Topic>,
    /// Greeted peers with the public prefix they are seen in.
    near: BTreeMap<NetworkId, Option<Prefix>>,
    /// Wishes that wait to be sent together, by peer.
    wishes: BTreeMap<NetworkId, Vec<LinkAsk>>,
    /// When wishes may be sent again, for peers that got some of late.
    next_wishes: BTreeMap<NetworkId, Timestamp>,
    /// Carried authors of whom something is here now, so that they become topics.
    found: Vec<PostingId>,
    /// Wishes under way.
    sent: BTreeMap<RequestId, SentLink>,
    fetches: BTreeMap<RequestId, Fetching>,
    /// Manifests to be pushed to the author's seats.
    pushes: BTreeMap<PostingId, DuePush>,
    /// Personas whose manifest may have to be made anew, each at its own time.
    merges: BTreeMap<PostingId, Timestamp>,
    put_off: Vec<(Timestamp, PutOff)>,
    /// Operations to be pushed to who holds their post.
    diffs: Vec<DueDiff>,
    /// Operations that were, the newest last.
    diffs_seen: VecDeque<ObjectId>,
    /// Until when each connected peer has used up its right to name new addresses.
    named: BTreeMap<NetworkId, Timestamp>,
    /// Which of our own personas is the cause of what this step sends: never two.
    cause: Option<PostingId>,
    state: State,
}

/// Whether the topics were told that the node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Loaded,
    Begun,
}

struct SentLink {
    connection: ConnectionId,
    peer: NetworkId,
    asks: Vec<LinkAsk>,
}

#[derive(Debug, Clone, Copy)]
struct DuePush {
    due: Timestamp,
    /// Who has it already.
    source: Option<NetworkId>,
}

/// Something that waits for a time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PutOff {
    /// A wish.
    Wish(NetworkId, LinkAsk),
    /// The manifest of an author, for one peer.
    Push(NetworkId, PostingId),
}

impl Spread {
    /// Seats of all authors of interest, from the store.
    pub(super) fn load(read: Read<'_>, us: NetworkId, authors: &[PostingId]) -> Result<Self, DbError> {
        let mut spread = Self::default();
        for author in authors {
            spread.topics.insert(*author, load_topic(read, us, *author)?);
        }
        Ok(spread)
    }

    /// Peers with a seat for an author.
    pub(super) fn seats(&self, author: PostingId) -> impl Iterator<Item = NetworkId> {
        self.topics.get(&author).into_iter().flat_map(Topic::peers)
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        if self.state == State::Loaded && !self.topics.is_empty() {
            return Some(Timestamp::ZERO);
        }
        let topics = self.topics.values().filter_map(Topic::next_deadline);
        let pushes = self.pushes.values().map(|push| push.due);
        let put_off = self.put_off.iter().map(|(due, _)| *due);
        let diffs = self.diffs.iter().map(|diff| diff.due);
        let may_be_sent = |peer| self.next_wishes.get(peer).copied().unwrap_or(Timestamp::ZERO);
        let wishes = self.wishes.keys().map(may_be_sent);
        let merges = self.merges.values().copied();
        topics.chain(pushes).chain(put_off).chain(diffs).chain(wishes).chain(merges).min()
    }

    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        self.topics.values_mut().for_each(|topic| topic.clock_stepped_back(now));
        self.pushes.values_mut().for_each(|push| push.due = push.due.min(now));
        self.put_off.iter_mut().for_each(|(due, _)| *due = (*due).min(now));
        self.merges.values_mut().for_each(|due| *due = (*due).min(now));
        self.diffs.iter_mut().for_each(|diff| diff.due = diff.due.min(now));
        self.named.clear();
        self.next_wishes.clear();
    }

    /// Lets a wish wait for the next request to its peer.
    fn wish(&mut self, peer: NetworkId, wish: LinkAsk) {
        let waiting = self.wishes.entry(peer).or_default();
        // The topic hears nothing and asks again.
        if waiting.len() < LINK_WAITING && !waiting.contains(&wish) {
            waiting.push(wish);
        }
    }

    /// Something of a carried author is here for the first time.
    pub(super) fn topic_found(&mut self, author: PostingId) {
        self.found.push(author);
    }
}

fn load_topic(read: Read<'_>, us: NetworkId, author: PostingId) -> Result<Topic, DbError> {
    let rows = read.list_seats(author)?;
    let record = |row: crate::db::holders::AuthorSeat| SeatRecord {
        peer: row.network_id,
        origin: if row.is_chosen == 1 { Origin::Chosen } else { Origin::Inbound },
        proof: if row.is_proven == 1 { Proof::Proven } else { Proof::Unproven },
        since: row.since,
    };
    Ok(Topic::new(us, AUTHOR_SEATS, &rows.into_iter().map(record).collect::<Vec<_>>()))
}

impl Engine {
    /// Whether holders are chosen by plain LRU, as the control of the measurements.
    pub(super) fn is_plain_lru(&self) -> bool {
        self.faults.has(Fault::PlainLru)
    }

    /// Whether what this peer has news of should come by a push: it has a seat, or every topic has enough of them.
    pub(super) fn hears_by_push(&self, peer: NetworkId) -> bool {
        let mut topics = self.spread.topics.values();
        topics.clone().any(|topic| topic.is_seat(peer))
            || topics.all(|topic| topic.is_warm(&self.spread.near))
    }

    /// Whether a connection with this peer is of use for a topic.
    pub(super) fn is_needed(&self, peer: NetworkId) -> bool {
        self.spread.topics.values().any(|topic| topic.needs(peer, &self.spread.near))
    }

    /// Whether a dial for a seat would leave room for others.
    fn dialling(&self) -> Dialling {
        let free = self.places.free(self.connections.len());
        if free == 0 {
            Dialling::Impossible
        } else if free > self.places.kept_outbound() {
            Dialling::Free
        } else {
            Dialling::Scarce
        }
    }

    /// Does what is due for spreading, and sends what this step wished.
    pub(super) fn proceed_spread(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        self.spread.cause = None;
        self.begin_spread(step)?;
        if !std::mem::take(&mut self.spread.found).is_empty() {
            self.topics_changed(step)?;
        }
        self.tend_topics(step)?;
        self.merge_due(step)?;
        self.push_due(step)?;
        self.resume_put_off(step)?;
        self.send_diffs(step)?;
        self.send_wishes(step);
        Ok(())
    }

    fn begin_spread(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if self.spread.state == State::Begun || self.is_plain_lru() {
            return Ok(());
        }
        self.spread.state = State::Begun;
        for author in self.spread.topics.keys().copied().collect::<Vec<_>>() {
            self.topic_happens(step, author, Happened::Begun)?;
        }
        self.raise_missing_manifests(step)
    }

    /// Personas with posts and without a manifest get one, each at a time of its own.
    pub(super) fn raise_missing_manifests(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        for persona in step.store.list_personas()? {
            let has_posts = step.store.count_posts(persona.author)? > 0;
            if has_posts && step.store.find_manifest(persona.author)?.is_none() {
                self.merge_later(step, persona.posting_id);
            }
        }
        Ok(())
    }

    /// Topics whose time has come; of our own personas one, the others a little later.
    fn tend_topics(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let is_due = |topic: &Topic| topic.next_deadline().is_some_and(|due| due <= step.now);
        let due: Vec<PostingId> =
            self.spread.topics.iter().filter(|(_, topic)| is_due(topic)).map(|(author, _)| *author).collect();
        for author in due {
            self.topic_happens(step, author, Happened::TimePassed)?;
        }
        Ok(())
    }

    fn put_off(&mut self, due: Timestamp, what: PutOff) {
        let is_new = !self.spread.put_off.iter().any(|(_, other)| *other == what);
        if is_new && self.spread.put_off.len() < PUT_OFF {
            self.spread.put_off.push((due, what));
        }
    }

    fn resume_put_off(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let now = step.now;
        let (due, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.spread.put_off).into_iter().partition(|(due, _)| *due <= now);
        self.spread.put_off = waiting;
        for (_, what) in due {
            match what {
                PutOff::Wish(peer, ask) => self.spread.wish(peer, ask),
                PutOff::Push(peer, author) if self.may_cause(author) => {
                    self.push_to(step, author, &[peer])?;
                }
                PutOff::Push(..) => {
                    let due = now.after(step.within(OWN_WAIT));
                    self.put_off(due, what);
                }
            }
        }
        Ok(())
    }

    /// The union of authors changed: topics come and go.
    pub(super) fn topics_changed(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        if self.is_plain_lru() {
            return Ok(());
        }
        let wanted: BTreeSet<PostingId> = self.interest.topics().collect();
        let gone: Vec<PostingId> =
            self.spread.topics.keys().filter(|author| !wanted.contains(*author)).copied().collect();
        for author in gone {
            self.topic_happens(step, author, Happened::Abandoned)?;
            self.spread.topics.remove(&author);
            self.spread.pushes.remove(&author);
            self.spread.merges.remove(&author);
        }
        for author in &wanted {
            if self.spread.topics.contains_key(author) {
                continue;
            }
            let topic = load_topic(**step.store, self.network_id, *author)?;
            self.spread.topics.insert(*author, topic);
            self.topic_happens(step, *author, Happened::Begun)?;
            let carriers: Vec<NetworkId> = self.carriers(*author).collect();
            for peer in carriers {
                self.topic_happens(step, *author, Happened::Carries(peer))?;
            }
        }
        Ok(())
    }

    /// Greeted peers whose list holds the author.
    fn carriers(&self, author: PostingId) -> impl Iterator<Item = NetworkId> {
        let carries = move |connection: &&super::connection::Connection| {
            connection.row().is_some()
                && connection.subscription.as_ref().is_some_and(|list| list.contains(author))
        };
        self.connections.values().filter(carries).map(|connection| connection.peer)
    }

    /// A peer said `Hello`.
    pub(super) fn peer_reached(&mut self, step: &mut Step<'_, '_>, id: ConnectionId) -> Result<(), DbError> {
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        let peer = connection.peer;
        let prefix = connection.address.sockets.iter().find_map(|socket| Prefix::of(socket.ip()));
        let is_new = self.spread.near.insert(peer, prefix).is_none();
        if is_new {
            self.tell_topics(step, peer, Happened::Reached(peer))?;
        }
        self.peer_carries(step, id)
    }

    /// A greeted peer named the authors it carries.
    pub(super) fn peer_carries(&mut self, step: &mut Step<'_, '_>, id: ConnectionId) -> Result<(), DbError> {
        let Some(connection) = self.connections.get(&id).filter(|known| known.row().is_some()) else {
            return Ok(());
        };
        let (peer, Some(list)) = (connection.peer, connection.subscription.clone()) else { return Ok(()) };
        let shared: Vec<PostingId> =
            self.spread.topics.keys().filter(|author| list.contains(**author)).copied().collect();
        for author in shared {
            self.topic_happens(step, author, Happened::Carries(peer))?;
        }
        Ok(())
    }

    /// The last connection with a peer is gone, or a dial came to nothing.
    pub(super) fn peer_lost(&mut self, step: &mut Step<'_, '_>, peer: NetworkId) -> Result<(), DbError> {
        let was_near = self.spread.near.remove(&peer).is_some();
        self.spread.named.remove(&peer);
        let happened = if was_near { Happened::Parted(peer) } else { Happened::Unreachable(peer) };
        self.tell_topics(step, peer, happened)
    }

    /// Tells every topic the peer has to do with.
    fn tell_topics(
        &mut self,
        step: &mut Step<'_, '_>,
        peer: NetworkId,
        happened: Happened,
    ) -> Result<(), DbError> {
        let concerned: Vec<PostingId> = self
            .spread
            .topics
            .iter()
            .filter(|(_, topic)| topic.concerns(peer))
            .map(|(author, _)| *author)
            .collect();
        for author in concerned {
            self.topic_happens(step, author, happened)?;
        }
        Ok(())
    }

    /// Whether an author may be the cause of something this step sends. Of our own personas the first one may, the
    /// others have to wait for a time of their own (P2).
    fn may_cause(&mut self, author: PostingId) -> bool {
        !self.is_perhaps_mine(author) || *self.spread.cause.get_or_insert(author) == author
    }
}

impl Step<'_, '_> {
    /// A random time of up to `most`.
    fn within(&mut self, most: Duration) -> Duration {
        most.saturating_mul(self.rng.next_u32() % 1_001) / 1_000
    }

    /// One of these, by chance.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        topic::pick(self.rng, from)
    }
}
