//! The mutual seats of one topic, as a state machine: what happens goes in with the time and randomness, wishes to
//! peers and changes of the stored seats come out. No store, no connection, no clock, so that it can be played by the
//! thousand.
//!
//! A seat is mutual: both ends count each other. Seats and reservations together never exceed the capacity. A seat
//! only one end knows of is found by confirming: after it was made, after every reconnection, after a move whose answer
//! was lost; whoever does not know it adopts it or says `Leave`. The rules against capture are in `asks.rs`: strangers
//! never fill all places, and two seats that we chose or that brought news never make room for anybody.

mod asks;
mod replies;
mod tending;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::CryptoRng;

use crate::domain::ids::NetworkId;
use crate::domain::standing::Prefix;
use crate::domain::time::Timestamp;
use crate::limits::{KEPT_SEATS, OFFER_TIME, WARM_SEATS};
use crate::node::wire::{Ask, Nonce, SplitPass};

/// Time between two tries of something whose answer was lost.
const RETRY: Duration = Duration::from_secs(3);
/// Tries before a peer is given up that does not answer.
const TRIES: u8 = 5;
/// Longest time after which a new seat is confirmed by the end that did not ask for it.
const CHECK_AFTER: Duration = Duration::from_secs(20);
/// A peer that refused is not asked again for so long.
const REFUSED_FOR: Duration = Duration::from_secs(20);
/// Peers that refused, remembered.
const REFUSALS: usize = 16;
/// Wait before a cold seat is dialled again.
const DIAL_AGAIN: Duration = Duration::from_secs(30);
/// First wait after nothing could be done for a missing seat; doubles.
const IDLE_FIRST: Duration = Duration::from_secs(10);
/// Longest such wait.
const IDLE_LONGEST: Duration = Duration::from_mins(15);
/// Walks of a newcomer that follow each other at once.
const JOINING_WALKS: u32 = 3;
/// Wait after the first later walk that seats nobody; doubles.
const WALK_REST: Duration = Duration::from_secs(3);
/// Splits that one walk tries, one after the other, when the far end of each keeps its seat.
const SPLITS: u8 = 4;
/// Other nodes of the topic that are remembered, to start a walk from where none of our seats leads.
const MET: usize = 16;
/// Carriers of one topic that are remembered: as many as there can be connections.
const CARRIERS: usize = 64;

/// Whether connections are to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialling {
    /// There is room.
    Free,
    /// Only for a topic that has too few connected seats.
    Scarce,
    /// No.
    Impossible,
}

/// What a step of the machine works with.
pub struct Around<'a> {
    /// The time.
    pub now: Timestamp,
    /// Randomness.
    pub rng: &'a mut dyn CryptoRng,
    /// Connected peers with their prefixes.
    pub near: &'a BTreeMap<NetworkId, Option<Prefix>>,
    /// Whether walks may lead to peers that are not connected.
    pub dialling: Dialling,
}

impl Around<'_> {
    fn is_near(&self, peer: NetworkId) -> bool {
        self.near.contains_key(&peer)
    }

    fn prefix(&self, peer: NetworkId) -> Option<Prefix> {
        self.near.get(&peer).copied().flatten()
    }

    /// A random time of up to `most`.
    fn within(&mut self, most: Duration) -> Duration {
        most.saturating_mul(self.rng.next_u32() % 1_001) / 1_000
    }

    fn nonce(&mut self) -> Nonce {
        let mut nonce = [0; 8];
        self.rng.fill_bytes(&mut nonce);
        Nonce(nonce)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        pick(self.rng, from)
    }
}

/// One of these, by chance.
pub(in crate::node::engine) fn pick<T: Copy>(rng: &mut dyn CryptoRng, from: &[T]) -> Option<T> {
    let count = u32::try_from(from.len()).ok().filter(|count| *count > 0)?;
    from.get(usize::try_from(rng.next_u32() % count).ok()?).copied()
}

/// Who wanted a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// We did.
    Chosen,
    /// The peer, or a newcomer a split let in.
    Inbound,
}

/// Whether a seat was worth it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It delivered nothing yet.
    Unproven,
    /// It delivered valid news of the topic, first or soon after.
    Proven,
}

/// A seat as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatRecord {
    /// Who.
    pub peer: NetworkId,
    /// Who wanted it.
    pub origin: Origin,
    /// Whether it was worth it.
    pub proof: Proof,
    /// Since when.
    pub since: Timestamp,
}

/// Which copy of some news a peer delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewsCopy {
    /// The first one.
    First,
    /// One that came soon after.
    Later,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// The node runs; comes first.
    Begun,
    /// A peer wishes something; leads to exactly one [`Out::Answer`].
    Asked {
        /// Who.
        from: NetworkId,
        /// What.
        ask: Ask,
    },
    /// A peer answered a wish of ours, or nothing came.
    Replied {
        /// Who.
        from: NetworkId,
        /// To what.
        ask: Ask,
        /// What.
        answer: Option<Answer>,
    },
    /// A connected peer carries the topic.
    Carries(NetworkId),
    /// A peer is connected.
    Reached(NetworkId),
    /// A peer is not connected any more.
    Parted(NetworkId),
    /// A peer could not be dialled.
    Unreachable(NetworkId),
    /// A peer pushed news of the topic, as to a seat.
    Pushed(NetworkId),
    /// News a peer delivered turned out valid.
    Delivered(NetworkId, NewsCopy),
    /// A deadline may have passed.
    TimePassed,
    /// We do not carry the topic any more.
    Abandoned,
}

/// An answer, with peers by name: the engine adds or takes off their addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// See [`crate::node::wire::Reply::Accept`].
    Accept(Nonce),
    /// See [`crate::node::wire::Reply::Seated`].
    Seated,
    /// See [`crate::node::wire::Reply::Wait`].
    Wait,
    /// See [`crate::node::wire::Reply::Split`].
    Split(NetworkId, Nonce),
    /// See [`crate::node::wire::Reply::Onward`].
    Onward(NetworkId),
    /// See [`crate::node::wire::Reply::Leave`].
    Leave,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Out {
    /// Ask a connected peer; leads to [`Happened::Replied`].
    Ask(NetworkId, Ask),
    /// Answer the wish that is being handled.
    Answer(Answer),
    /// Connect to a peer, if there is room.
    Reach(NetworkId),
    /// Keep a seat, or what changed about it.
    Seated(SeatRecord),
    /// Forget a seat.
    Unseated(NetworkId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seat {
    peer: NetworkId,
    prefix: Option<Prefix>,
    origin: Origin,
    proof: Proof,
    since: Timestamp,
    hold: Hold,
    reach: Reach,
    check: Option<Check>,
    /// Until when it has to deliver what another seat delivered; afterwards it may be replaced.
    owes: Option<Timestamp>,
}

impl Seat {
    /// Whether it should have delivered something and did not.
    fn is_idle(&self, now: Timestamp) -> bool {
        self.proof == Proof::Unproven && self.owes.is_some_and(|owes| owes < now)
    }
}

/// Whether a seat is about to be given to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Firm,
    /// We named it to a newcomer.
    Locked {
        to: NetworkId,
        nonce: Nonce,
        until: Timestamp,
    },
    /// A newcomer came with its pass; we asked it.
    Moving {
        to: NetworkId,
        nonce: Nonce,
        next: Due,
    },
}

/// Whether a seat that is not connected was dialled in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Not since it was last connected.
    Untried,
    /// It is being dialled; again at the time.
    Tried { again: Timestamp },
    /// It makes room for others.
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Due {
    at: Timestamp,
    tries: u8,
}

/// A seat that is to be confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Check {
    due: Due,
    /// What the question was asked with, once it was; no answer to an earlier one counts.
    asked: Option<Nonce>,
}

impl Check {
    const fn at(at: Timestamp) -> Self {
        Self { due: Due { at, tries: 0 }, asked: None }
    }
}

/// Room that is kept for a seat to be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pending {
    peer: NetworkId,
    nonce: Nonce,
    origin: Origin,
    hops: u8,
    pass: Option<SplitPass>,
    /// How many splits its walk has tried.
    splits: u8,
    stage: Stage,
    until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// To be offered once it is connected.
    Reaching,
    /// Offered.
    Offered { tries: u8 },
    /// Its offer was accepted.
    Granted,
    /// It is going to offer, as one end of a split.
    Promised,
    /// It accepted, and has to be told that we have the seat.
    Confirming { next: Due },
}

/// The seats of one topic at one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    us: NetworkId,
    capacity: usize,
    seats: Vec<Seat>,
    pending: Vec<Pending>,
    carriers: Vec<NetworkId>,
    refused: Vec<(NetworkId, Timestamp)>,
    /// Nodes that were named or asked for a seat, the newest last.
    met: Vec<NetworkId>,
    /// Moves that were done, so that a repeated question gets the same answer.
    moved: Vec<(NetworkId, Nonce)>,
    leaving: Vec<(NetworkId, Due)>,
    walks: Vec<Timestamp>,
    barren: u32,
    next_try: Option<Timestamp>,
    idle: Duration,
}

impl Topic {
    /// The seats of a topic, as they were stored.
    #[must_use]
    pub fn new(us: NetworkId, capacity: usize, stored: &[SeatRecord]) -> Self {
        let seat = |record: &SeatRecord| Seat {
            peer: record.peer,
            prefix: None,
            origin: record.origin,
            proof: record.proof,
            since: record.since,
            hold: Hold::Firm,
            reach: Reach::Untried,
            check: None,
            owes: None,
        };
        Self {
            us,
            capacity,
            seats: stored.iter().take(capacity).map(seat).collect(),
            pending: Vec::new(),
            carriers: Vec::new(),
            refused: Vec::new(),
            met: Vec::new(),
            moved: Vec::new(),
            leaving: Vec::new(),
            walks: Vec::new(),
            barren: 0,
            next_try: None,
            idle: IDLE_FIRST,
        }
    }

    /// Takes what happened.
    pub fn handle(&mut self, around: &mut Around<'_>, happened: Happened) -> Vec<Out> {
        let mut out = Vec::new();
        self.meet(happened);
        match happened {
            Happened::Asked { from, ask } => {
                let answer = self.asked(around, from, ask, &mut out);
                out.push(Out::Answer(answer));
            }
            Happened::Replied { from, ask, answer } => self.replied(around, from, ask, answer, &mut out),
            Happened::Carries(peer) => self.carries(around, peer),
            Happened::Reached(peer) => self.reached(around, peer, &mut out),
            Happened::Parted(peer) => self.parted(around, peer),
            Happened::Unreachable(peer) => self.unreachable(around, peer),
            Happened::Pushed(peer) => self.pushed(around, peer, &mut out),
            Happened::Delivered(peer, copy) => self.delivered(around, peer, copy, &mut out),
            Happened::Begun => self.seek_soon(around),
            Happened::TimePassed => {}
            Happened::Abandoned => {
                for seat in std::mem::take(&mut self.seats) {
                    out.extend([Out::Ask(seat.peer, Ask::Leave), Out::Unseated(seat.peer)]);
                }
                self.pending.clear();
                return out;
            }
        }
        self.tend(around, &mut out);
        out
    }

    /// When [`Happened::TimePassed`] is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let pending = self.pending.iter().map(|pending| match pending.stage {
            Stage::Confirming { next } => next.at.min(pending.until),
            _ => pending.until,
        });
        let holds = self.seats.iter().filter_map(|seat| match seat.hold {
            Hold::Firm => None,
            Hold::Locked { until, .. } => Some(until),
            Hold::Moving { next, .. } => Some(next.at),
        });
        let checks = self.seats.iter().filter_map(|seat| seat.check.map(|check| check.due.at));
        let leaving = self.leaving.iter().map(|(_, due)| due.at);
        pending.chain(holds).chain(checks).chain(leaving).chain(self.next_try).min()
    }

    /// The clock was set back: nothing waits longer than it was meant to.
    pub fn clock_stepped_back(&mut self, now: Timestamp) {
        for pending in &mut self.pending {
            pending.until = pending.until.min(now.after(OFFER_TIME));
            if let Stage::Confirming { next } = &mut pending.stage {
                next.at = next.at.min(now);
            }
        }
        for seat in &mut self.seats {
            (seat.hold, seat.owes) = (Hold::Firm, None);
            seat.since = seat.since.min(now);
            if let Some(check) = &mut seat.check {
                check.due.at = check.due.at.min(now);
            }
            if let Reach::Tried { again } = &mut seat.reach {
                *again = now;
            }
        }
        for (_, due) in &mut self.leaving {
            due.at = due.at.min(now);
        }
        self.refused.clear();
        self.walks.clear();
        self.next_try = self.next_try.map(|next| next.min(now));
    }

    /// Peers that have a seat, connected or not.
    pub fn peers(&self) -> impl Iterator<Item = NetworkId> {
        self.seats.iter().map(|seat| seat.peer)
    }

    /// Whether a peer has a seat.
    #[must_use]
    pub fn is_seat(&self, peer: NetworkId) -> bool {
        self.seat(peer).is_some()
    }

    /// Whether a peer has anything to do with this topic.
    #[must_use]
    pub fn concerns(&self, peer: NetworkId) -> bool {
        self.is_known(peer)
            || self.carriers.contains(&peer)
            || self.leaving.iter().any(|(other, _)| *other == peer)
    }

    /// Whether enough seats are connected.
    #[must_use]
    pub fn is_warm(&self, near: &BTreeMap<NetworkId, Option<Prefix>>) -> bool {
        self.warm(near) >= WARM_SEATS
    }

    /// Whether a connection with this peer is of use: for a seat or one to be, or because it is one of the last that carry the
    /// topic. More carriers are of no use even without seats: they would leave no place for whoever has a seat to give.
    #[must_use]
    pub fn needs(&self, peer: NetworkId, near: &BTreeMap<NetworkId, Option<Prefix>>) -> bool {
        let connected = || self.carriers.iter().filter(|carrier| near.contains_key(*carrier)).count();
        self.is_known(peer) || (self.carriers.contains(&peer) && connected() <= WARM_SEATS)
    }

    /// Seats and reservations.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.seats.len().saturating_add(self.pending.len())
    }

    fn seat(&self, peer: NetworkId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.peer == peer)
    }

    fn seat_mut(&mut self, peer: NetworkId) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.peer == peer)
    }

    fn pending_of(&mut self, peer: NetworkId) -> Option<&mut Pending> {
        self.pending.iter_mut().find(|pending| pending.peer == peer)
    }

    fn is_known(&self, peer: NetworkId) -> bool {
        self.seat(peer).is_some() || self.pending.iter().any(|pending| pending.peer == peer)
    }

    /// Seats that were not dialled in vain.
    fn live(&self) -> usize {
        self.seats.iter().filter(|seat| seat.reach != Reach::Failed).count()
    }

    fn warm(&self, near: &BTreeMap<NetworkId, Option<Prefix>>) -> usize {
        self.seats.iter().filter(|seat| near.contains_key(&seat.peer)).count()
    }

    /// Places neither a seat that can be reached nor a reservation has.
    fn room(&self) -> usize {
        self.capacity.saturating_sub(self.live().saturating_add(self.pending.len()))
    }

    /// Makes sure that one more fits, at the cost of a seat that was dialled in vain.
    fn make_room(&mut self, out: &mut Vec<Out>) -> bool {
        if self.taken() < self.capacity {
            return true;
        }
        let Some(failed) = self.seats.iter().position(|seat| seat.reach == Reach::Failed) else {
            return false;
        };
        out.push(Out::Unseated(self.seats.remove(failed).peer));
        true
    }

    /// Whether nobody else of the same public prefix has or gets a seat.
    fn is_prefix_free(&self, around: &Around<'_>, peer: NetworkId) -> bool {
        let Some(prefix) = around.prefix(peer) else { return true };
        let seated = self.seats.iter().filter(|seat| seat.peer != peer).map(|seat| seat.prefix);
        let pending = self.pending.iter().map(|pending| pending.peer).filter(|other| *other != peer);
        let mut taken = seated.chain(pending.map(|other| around.prefix(other)));
        !taken.any(|other| other == Some(prefix))
    }

    /// Seats that never make room for a newcomer: proven ones, and at most one that is merely chosen.
    ///
    /// If every node kept two edges of its own choice, all edges of a grown graph would be kept by one of their ends
    /// and no newcomer would find a place. Therefore both ends rank by the same number and mostly keep the same ones.
    fn kept(&self) -> Vec<NetworkId> {
        let rank = |seat: &&Seat| {
            let pairs = self.us.as_bytes().iter().zip(seat.peer.as_bytes());
            pairs.map(|(ours, theirs)| ours ^ theirs).collect::<Vec<u8>>()
        };
        let mut proven: Vec<&Seat> = self.seats.iter().filter(|seat| seat.proof == Proof::Proven).collect();
        proven.sort_by_key(rank);
        let is_chosen = |seat: &&Seat| seat.proof == Proof::Unproven && seat.origin == Origin::Chosen;
        let chosen = self.seats.iter().filter(is_chosen).min_by_key(rank);
        proven.into_iter().chain(chosen).take(KEPT_SEATS).map(|seat| seat.peer).collect()
    }

    fn add_seat(&mut self, around: &mut Around<'_>, peer: NetworkId, origin: Origin, out: &mut Vec<Out>) {
        let prefix = around.prefix(peer);
        let check_in = CHECK_AFTER / 2 + around.within(CHECK_AFTER / 2);
        let seat = Seat {
            peer,
            prefix,
            origin,
            proof: Proof::Unproven,
            since: around.now,
            hold: Hold::Firm,
            reach: Reach::Untried,
            check: Some(Check::at(around.now.after(check_in))),
            owes: None,
        };
        out.push(Out::Seated(record(&seat)));
        self.seats.push(seat);
        self.leaving.retain(|(leaving, _)| *leaving != peer);
        (self.barren, self.idle) = (0, IDLE_FIRST);
    }

    fn remove_seat(&mut self, around: &mut Around<'_>, peer: NetworkId, out: &mut Vec<Out>) {
        let before = self.seats.len();
        self.seats.retain(|seat| seat.peer != peer);
        if self.seats.len() < before {
            out.push(Out::Unseated(peer));
            self.seek_soon(around);
        }
    }

    fn drop_pending(&mut self, around: &mut Around<'_>, peer: NetworkId) {
        self.pending.retain(|pending| pending.peer != peer);
        self.seek_soon(around);
    }

    /// Tells a peer that it has no seat here, until it knows.
    fn say_leave(&mut self, around: &Around<'_>, peer: NetworkId) {
        let is_new = !self.leaving.iter().any(|(leaving, _)| *leaving == peer);
        if is_new && self.leaving.len() < REFUSALS {
            self.leaving.push((peer, Due { at: around.now, tries: 0 }));
        }
    }

    fn refuse(&mut self, around: &Around<'_>, peer: NetworkId) {
        self.refused.retain(|(refused, until)| *refused != peer && *until > around.now);
        if self.refused.len() >= REFUSALS {
            self.refused.remove(0);
        }
        self.refused.push((peer, around.now.after(REFUSED_FOR)));
    }

    /// Looks for a seat within the next second.
    fn seek_soon(&mut self, around: &mut Around<'_>) {
        let soon =
            around.now.after(Duration::from_millis(100)).after(around.within(Duration::from_millis(700)));
        self.next_try = Some(self.next_try.map_or(soon, |next| next.min(soon)));
    }

    fn carries(&mut self, around: &mut Around<'_>, peer: NetworkId) {
        self.remember_carrier(around, peer);
        (self.barren, self.idle) = (0, IDLE_FIRST);
        self.seek_soon(around);
    }

    /// Remembers who else there is. Seats that fall apart into groups find each other by this again.
    fn meet(&mut self, happened: Happened) {
        let peer = match happened {
            Happened::Asked { from, .. } => from,
            Happened::Replied { answer: Some(Answer::Split(peer, _) | Answer::Onward(peer)), .. } => peer,
            _ => return,
        };
        if peer == self.us {
            return;
        }
        self.met.retain(|met| *met != peer);
        if self.met.len() >= MET {
            self.met.remove(0);
        }
        self.met.push(peer);
    }

    fn remember_carrier(&mut self, around: &Around<'_>, peer: NetworkId) {
        if !self.carriers.contains(&peer) {
            if self.carriers.len() >= CARRIERS {
                self.carriers.retain(|carrier| around.is_near(*carrier));
            }
            self.carriers.truncate(CARRIERS - 1);
            self.carriers.push(peer);
        }
    }

    fn reached(&mut self, around: &mut Around<'_>, peer: NetworkId, out: &mut Vec<Out>) {
        let (prefix, check_in) = (around.prefix(peer), around.within(Duration::from_secs(2)));
        if let Some(seat) = self.seat_mut(peer) {
            seat.prefix = prefix;
            seat.reach = Reach::Untried;
            seat.check = Some(Check::at(around.now.after(check_in)));
        }
        let waits =
            self.pending.iter().any(|pending| pending.peer == peer && pending.stage == Stage::Reaching);
        if waits && self.is_prefix_free(around, peer) {
            self.send_offer(around, peer, out);
        } else if waits {
            self.refuse(around, peer);
            self.drop_pending(around, peer);
        }
        if self.carriers.contains(&peer) {
            self.seek_soon(around);
        }
    }

    fn parted(&mut self, around: &mut Around<'_>, peer: NetworkId) {
        self.carriers.retain(|carrier| *carrier != peer);
        if let Some(seat) = self.seat_mut(peer) {
            seat.check = None;
            seat.reach = Reach::Untried;
            self.idle = IDLE_FIRST;
            self.seek_soon(around);
        }
    }

    fn unreachable(&mut self, around: &mut Around<'_>, peer: NetworkId) {
        if around.is_near(peer) {
            return;
        }
        self.met.retain(|met| *met != peer);
        if let Some(seat) = self.seat_mut(peer) {
            seat.reach = Reach::Failed;
            self.idle = IDLE_FIRST;
            self.seek_soon(around);
        }
        if self.pending.iter().any(|pending| pending.peer == peer) {
            self.refuse(around, peer);
            self.drop_pending(around, peer);
        }
    }

    fn pushed(&mut self, around: &mut Around<'_>, peer: NetworkId, out: &mut Vec<Out>) {
        if self.seat(peer).is_some() {
            return;
        }
        let granted = self.pending_of(peer).map(|pending| pending.origin);
        if let Some(origin) = granted {
            self.pending.retain(|pending| pending.peer != peer);
            self.add_seat(around, peer, origin, out);
        } else if self.may_adopt(around, peer, out) {
            self.add_seat(around, peer, Origin::Inbound, out);
        } else {
            self.say_leave(around, peer);
        }
    }

    fn delivered(&mut self, around: &mut Around<'_>, peer: NetworkId, copy: NewsCopy, out: &mut Vec<Out>) {
        let now = around.now;
        let is_seat = match self.seat_mut(peer) {
            Some(seat) => {
                seat.owes = None;
                if seat.proof == Proof::Unproven {
                    seat.proof = Proof::Proven;
                    out.push(Out::Seated(record(seat)));
                }
                true
            }
            None => false,
        };
        if copy == NewsCopy::Later {
            return;
        }
        let may_go =
            |seat: &&Seat| seat.is_idle(now) && seat.origin == Origin::Inbound && seat.hold == Hold::Firm;
        let idle = self.seats.iter().find(may_go).map(|seat| seat.peer);
        if let (Some(idle), false, true, false) = (idle, is_seat, around.is_near(peer), self.is_known(peer)) {
            // Who brought the news has more use for the place than who never did.
            self.remove_seat(around, idle, out);
            self.say_leave(around, idle);
            if self.is_prefix_free(around, peer) {
                self.offer(around, peer, 0, None, out);
            }
        }
        for seat in &mut self.seats {
            if seat.proof == Proof::Unproven && seat.peer != peer {
                seat.owes.get_or_insert(now.after(crate::limits::PROOF_TIME));
            }
        }
    }
}

const fn record(seat: &Seat) -> SeatRecord {
    SeatRecord { peer: seat.peer, origin: seat.origin, proof: seat.proof, since: seat.since }
}
