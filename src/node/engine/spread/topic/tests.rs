//! Many machines in a small world of lost, repeated and late messages, restarts and crossed offers.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::limits::{AUTHOR_SEATS, SEATS_WANTED};
use crate::limits::{FILE_HOLDERS, INBOUND_SEATS};
use crate::node::wire::Room;

const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// An id that looks like one, with the number in its last bytes.
fn id(number: usize) -> NetworkId {
    let mut bytes = *blake3::hash(&number.to_be_bytes()).as_bytes();
    bytes[24..].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
    NetworkId::from_bytes(bytes)
}

#[derive(Clone, Copy)]
enum Event {
    Request { from: usize, to: usize, ask: Ask },
    Reply { from: usize, to: usize, ask: Ask, answer: Option<Answer> },
    Dialled { from: usize, to: usize },
    Deadline(usize),
    Start(usize),
}

struct Machine {
    topic: Topic,
    stored: BTreeMap<NetworkId, SeatRecord>,
    near: BTreeMap<NetworkId, Option<Prefix>>,
    is_on: bool,
}

struct Net {
    now: Timestamp,
    dice: StdRng,
    machines: Vec<Machine>,
    events: Vec<Option<Event>>,
    queue: BinaryHeap<Reverse<(Timestamp, usize)>>,
    loss: u32,
    repeat: u32,
    sent: usize,
    prefixes: BTreeMap<usize, Prefix>,
    capacity: usize,
}

impl Net {
    fn new(count: usize, seed: u64, capacity: usize) -> Self {
        let machine = |number| Machine {
            topic: Topic::new(id(number), capacity, &[]),
            stored: BTreeMap::new(),
            near: BTreeMap::new(),
            is_on: true,
        };
        Self {
            now: START,
            dice: StdRng::seed_from_u64(seed),
            machines: (0..count).map(machine).collect(),
            events: Vec::new(),
            queue: BinaryHeap::new(),
            loss: 0,
            repeat: 0,
            sent: 0,
            prefixes: BTreeMap::new(),
            capacity,
        }
    }

    fn index(peer: NetworkId) -> usize {
        usize::try_from(u64::from_be_bytes(peer.as_bytes()[24..].try_into().unwrap())).unwrap()
    }

    fn plan(&mut self, after_ms: u64, event: Event) {
        self.queue.push(Reverse((self.now.after(Duration::from_millis(after_ms)), self.events.len())));
        self.events.push(Some(event));
    }

    fn delay(&mut self) -> u64 {
        if self.dice.random_ratio(1, 10) {
            self.dice.random_range(0..2_000)
        } else {
            self.dice.random_range(5..80)
        }
    }

    fn tell(&mut self, at: usize, happened: Happened) -> Option<Answer> {
        let Machine { topic, near, .. } = &mut self.machines[at];
        let mut around = Around { now: self.now, rng: &mut self.dice, near, dialling: Dialling::Free };
        let outs = topic.handle(&mut around, happened);
        assert!(topic.taken() <= self.capacity, "{topic:?}");
        let peers: Vec<_> = topic.peers().collect();
        assert_eq!(peers.iter().collect::<BTreeSet<_>>().len(), peers.len());
        assert!(!peers.contains(&id(at)));
        let deadline = topic.next_deadline();
        let mut answer = None;
        for out in outs {
            match out {
                Out::Ask(to, ask) => self.send(at, Self::index(to), ask),
                Out::Answer(given) => assert!(answer.replace(given).is_none(), "one answer"),
                Out::Reach(to) => {
                    let after = self.delay();
                    self.plan(after, Event::Dialled { from: at, to: Self::index(to) });
                }
                Out::Seated(record) => {
                    self.machines[at].stored.insert(record.peer, record);
                }
                Out::Unseated(peer) => {
                    self.machines[at].stored.remove(&peer);
                }
            }
        }
        let stored: BTreeSet<_> = self.machines[at].stored.keys().copied().collect();
        assert_eq!(stored, self.machines[at].topic.peers().collect(), "the store knows every seat");
        if let Some(due) = deadline {
            let after = u64::try_from(due.since(self.now).as_millis()).unwrap().max(1);
            self.plan(after, Event::Deadline(at));
        }
        answer
    }

    fn send(&mut self, from: usize, to: usize, ask: Ask) {
        self.sent += 1;
        let copies = if self.repeat > 0 && self.dice.random_ratio(self.repeat, 100) { 2 } else { 1 };
        for _ in 0..copies {
            let after = self.delay();
            if self.dice.random_ratio(self.loss, 100) || !self.machines[from].near.contains_key(&id(to)) {
                self.plan(after + 2_000, Event::Reply { from: to, to: from, ask, answer: None });
            } else {
                self.plan(after, Event::Request { from, to, ask });
            }
        }
    }

    fn connect(&mut self, a: usize, b: usize) {
        if a == b || !self.machines[a].is_on || !self.machines[b].is_on {
            return;
        }
        for (at, other) in [(a, b), (b, a)] {
            let prefix = self.prefixes.get(&other).copied();
            self.machines[at].near.insert(id(other), prefix);
        }
        for (at, other) in [(a, b), (b, a)] {
            self.tell(at, Happened::Reached(id(other)));
            self.tell(at, Happened::Carries(id(other)));
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Request { from, to, ask } => {
                let is_heard = self.machines[to].near.contains_key(&id(from));
                let answer =
                    if is_heard { self.tell(to, Happened::Asked { from: id(from), ask }) } else { None };
                let after = self.delay();
                let is_lost = self.dice.random_ratio(self.loss, 100);
                let answer = answer.filter(|_| !is_lost);
                self.plan(after, Event::Reply { from: to, to: from, ask, answer });
            }
            Event::Reply { from, to, ask, answer } => {
                if self.machines[to].is_on {
                    self.tell(to, Happened::Replied { from: id(from), ask, answer });
                }
            }
            Event::Dialled { from, to } => {
                if self.machines[from].is_on && self.machines[to].is_on {
                    self.connect(from, to);
                } else if self.machines[from].is_on {
                    self.tell(from, Happened::Unreachable(id(to)));
                }
            }
            Event::Deadline(at) => {
                if self.machines[at].is_on {
                    self.tell(at, Happened::TimePassed);
                }
            }
            Event::Start(at) => {
                if !self.machines[at].is_on {
                    self.start(at);
                }
            }
        }
    }

    fn run(&mut self, seconds: u64) {
        let end = self.now.after(Duration::from_secs(seconds));
        while let Some(Reverse((at, index))) = self.queue.peek().copied() {
            if at > end {
                break;
            }
            self.queue.pop();
            self.now = at;
            if let Some(event) = self.events[index].take() {
                self.happen(event);
            }
        }
        self.now = end;
    }

    fn stop(&mut self, at: usize) {
        self.machines[at].is_on = false;
        self.machines[at].near.clear();
        for other in 0..self.machines.len() {
            if self.machines[other].near.remove(&id(at)).is_some() {
                self.tell(other, Happened::Parted(id(at)));
                self.plan(1_000, Event::Dialled { from: other, to: at });
            }
        }
    }

    fn start(&mut self, at: usize) {
        let stored: Vec<SeatRecord> = self.machines[at].stored.values().copied().collect();
        self.machines[at].topic = Topic::new(id(at), self.capacity, &stored);
        self.machines[at].is_on = true;
        self.tell(at, Happened::Begun);
    }

    /// A newcomer knows one node that is on.
    fn join(&mut self, at: usize) {
        let on: Vec<usize> = (0..at).filter(|other| self.machines[*other].is_on).collect();
        let via = on[self.dice.random_range(0..on.len())];
        self.plan(0, Event::Dialled { from: at, to: via });
    }

    fn half_open(&self) -> Vec<(usize, usize)> {
        let on = |at: &usize| self.machines[*at].is_on;
        // What was dialled in vain only waits for somebody who takes its place.
        let live =
            |at: usize| self.machines[at].topic.seats.iter().filter(|seat| seat.reach != Reach::Failed);
        let seats = |at: usize| live(at).map(|seat| Self::index(seat.peer)).collect::<Vec<_>>();
        let pairs =
            (0..self.machines.len()).filter(on).flat_map(|at| seats(at).into_iter().map(move |to| (at, to)));
        pairs.filter(|(at, to)| on(to) && !seats(*to).contains(at)).collect()
    }

    /// How many of those that are on a push from one of them reaches over seats.
    fn reached_from(&self, first: usize) -> usize {
        let mut reached = BTreeSet::from([first]);
        let mut next = vec![first];
        while let Some(at) = next.pop() {
            for to in self.machines[at].topic.peers().map(Self::index) {
                if self.machines[to].is_on && reached.insert(to) {
                    next.push(to);
                }
            }
        }
        reached.len()
    }
}

fn grown(count: usize, seed: u64) -> Net {
    let mut net = Net::new(count, seed, AUTHOR_SEATS);
    for at in 1..count {
        net.join(at);
        net.run(1);
    }
    net.run(60);
    net
}

#[test]
fn two_nodes_that_offer_at_once_agree() {
    for seed in 0..50 {
        let mut net = Net::new(2, seed, AUTHOR_SEATS);
        net.connect(0, 1);
        net.run(5);
        assert_eq!(net.machines.iter().map(|one| one.topic.peers().count()).collect::<Vec<_>>(), [1, 1]);
        net.run(60);
        let sent = net.sent;
        net.run(3_600);
        assert!(net.sent - sent < 60, "{} messages in a quiet hour", net.sent - sent);
    }
}

#[test]
fn newcomers_are_seated_within_seconds_and_everybody_is_reached() {
    for seed in 0..3 {
        let net = grown(200, seed);
        assert_eq!(net.half_open(), []);
        let seats: Vec<usize> = net.machines.iter().map(|one| one.topic.peers().count()).collect();
        let poor = seats.iter().filter(|count| **count < SEATS_WANTED).count();
        assert!(poor <= 10, "{poor} of 200 have fewer than {SEATS_WANTED} seats: {seats:?}");
        assert_eq!(net.reached_from(0), 200);
    }
}

#[test]
fn half_of_them_leave_and_the_others_find_each_other() {
    for seed in 0..3 {
        let mut net = grown(200, seed);
        for at in 0..200 {
            if net.dice.random_ratio(1, 2) {
                net.stop(at);
            }
        }
        net.run(30);
        let on: Vec<usize> = (0..200).filter(|at| net.machines[*at].is_on).collect();
        let reached = on.iter().map(|at| net.reached_from(*at)).max().unwrap();
        assert!(reached * 100 >= on.len() * 95, "{reached} of {}", on.len());
    }
}

#[test]
fn no_seat_is_half_open_after_a_quiet_minute_with_a_tenth_lost() {
    for seed in 0..40 {
        let mut net = Net::new(24, seed, AUTHOR_SEATS);
        net.loss = 10;
        for at in 1..24 {
            net.join(at);
            net.run(1);
        }
        for _ in 0..10 {
            let at = net.dice.random_range(1..24);
            net.stop(at);
            let after = net.dice.random_range(100..4_000);
            net.plan(after, Event::Start(at));
            net.run(3);
        }
        net.run(10);
        net.run(60);
        assert_eq!(net.half_open(), [], "seed {seed}");
    }
}

#[test]
fn a_seat_only_one_end_knows_of_is_noticed() {
    let mut net = grown(6, 1);
    let record = *net.machines[0].stored.values().next().unwrap();
    // The other end loses it without a word.
    let other = Net::index(record.peer);
    net.machines[other].stored.remove(&id(0));
    let stored: Vec<SeatRecord> = net.machines[other].stored.values().copied().collect();
    net.machines[other].topic = Topic::new(id(other), AUTHOR_SEATS, &stored);
    assert_eq!(net.half_open(), [(0, other)], "the check is not blind");
    net.machines[0].near.remove(&record.peer);
    net.tell(0, Happened::Parted(record.peer));
    net.connect(0, other);
    net.run(30);
    assert_eq!(net.half_open(), []);
}

#[test]
fn a_forged_pass_moves_nobody() {
    let mut net = grown(8, 3);
    let (victim, seats) = (0, net.machines[0].topic.peers().collect::<Vec<_>>());
    let stranger = 7;
    net.connect(stranger, victim);
    for from in seats.clone() {
        let pass = Some(SplitPass { from, nonce: Nonce([9; 8]) });
        let ask = Ask::Offer { nonce: Nonce([1; 8]), hops: 0, room: Room::More, pass };
        net.tell(victim, Happened::Asked { from: id(stranger), ask });
    }
    net.run(60);
    let after: BTreeSet<_> = net.machines[0].topic.peers().collect();
    assert!(seats.iter().all(|seat| after.contains(seat)), "{seats:?} {after:?}");
}

#[test]
fn who_comes_in_vain_for_a_kept_seat_is_led_on_to_another() {
    let mut net = grown(30, 5);
    let full = |machine: &Machine| {
        let topic = &machine.topic;
        let inbound = topic.seats.iter().filter(|seat| seat.origin == Origin::Inbound).count();
        topic.seats.len() == AUTHOR_SEATS && !topic.kept().is_empty() && inbound < INBOUND_SEATS
    };
    let at = net.machines.iter().position(full).unwrap();
    let from = net.machines[at].topic.kept()[0];
    let stranger =
        (0..30).find(|other| *other != at && !net.machines[at].topic.is_known(id(*other))).unwrap();
    net.connect(at, stranger);
    let pass = Some(SplitPass { from, nonce: Nonce([9; 8]) });
    let ask = Ask::Offer { nonce: Nonce([1; 8]), hops: 0, room: Room::More, pass };
    let answer = net.tell(at, Happened::Asked { from: id(stranger), ask });
    assert!(matches!(answer, Some(Answer::Split(other, _)) if other != from), "{answer:?}");
    net.run(60);
    assert!(net.machines[at].topic.is_seat(from), "it stays");
    assert_eq!(net.half_open(), []);
}

/// Fifty that offer, confirm, push and come with passes all the time, against three honest holders who were first.
#[test]
fn fifty_strangers_never_push_out_two_honest_seats_that_were_first() {
    for seed in 0..20 {
        let mut net = Net::new(60, seed, AUTHOR_SEATS);
        for honest in 1..4 {
            net.connect(0, honest);
            net.connect(honest, (honest % 3) + 1);
        }
        net.run(30);
        // They were first, so they have brought something.
        for honest in 1..4 {
            net.tell(0, Happened::Delivered(id(honest), NewsCopy::First));
        }
        let honest = |net: &Net| net.machines[0].topic.peers().filter(|peer| Net::index(*peer) < 4).count();
        assert!(honest(&net) >= 2);
        for round in 0..600 {
            let sybil = net.dice.random_range(10..60);
            net.machines[0].near.insert(id(sybil), None);
            let nonce = Nonce([u8::try_from(round % 250).unwrap(); 8]);
            let seat = net.machines[0].topic.peers().next();
            let pass = seat.filter(|_| round % 3 == 0).map(|from| SplitPass { from, nonce });
            let happened = match net.dice.random_range(0..4) {
                0 => Happened::Asked { from: id(sybil), ask: Ask::Confirm { nonce } },
                1 => Happened::Pushed(id(sybil)),
                2 => Happened::Reached(id(sybil)),
                _ => Happened::Asked {
                    from: id(sybil),
                    ask: Ask::Offer { nonce, hops: u8::try_from(round % 5).unwrap(), room: Room::More, pass },
                },
            };
            net.tell(0, happened);
            net.run(1);
            assert!(honest(&net) >= 2, "seed {seed}, round {round}");
            let inbound = net.machines[0].topic.seats.iter().filter(|seat| seat.origin == Origin::Inbound);
            assert!(inbound.count() <= INBOUND_SEATS);
        }
    }
}

#[test]
fn one_public_prefix_gets_one_seat() {
    let mut net = Net::new(8, 1, AUTHOR_SEATS);
    for at in 1..6 {
        net.prefixes.insert(at, Prefix::V4([203, 0, 114]));
    }
    for at in 1..6 {
        net.connect(0, at);
    }
    net.run(60);
    assert_eq!(net.machines[0].topic.peers().count(), 1);
    net.connect(0, 6);
    net.run(10);
    assert_eq!(net.machines[0].topic.peers().count(), 2, "another network has room");
}

#[test]
fn who_brings_news_takes_the_place_of_a_stranger_who_never_did() {
    let mut net = Net::new(6, 5, AUTHOR_SEATS);
    for sybil in 1..4 {
        net.machines[0].near.insert(id(sybil), None);
        net.tell(0, Happened::Asked { from: id(sybil), ask: Ask::Confirm { nonce: Nonce([1; 8]) } });
    }
    assert_eq!(net.machines[0].topic.peers().count(), 3);
    net.machines[0].near.insert(id(5), None);
    net.machines[5].near.insert(id(0), None);
    net.tell(0, Happened::Delivered(id(5), NewsCopy::First));
    net.now = net.now.after(Duration::from_secs(90));
    net.machines[0].topic.pending.clear();
    net.tell(0, Happened::Delivered(id(5), NewsCopy::First));
    net.run(10);
    assert!(net.machines[0].topic.is_seat(id(5)));
    assert!((1..4).any(|sybil| !net.machines[0].topic.is_seat(id(sybil))));
}

/// Plays anything for a minute, with lost and repeated questions, then nothing, and looks for seats only one end knows of.
/// `tell` asserts after every step that seats and reservations never exceed the capacity.
fn half_open_after_anything(
    seed: u64,
    count: usize,
    loss: u32,
    repeat: u32,
    capacity: usize,
) -> Vec<(usize, usize)> {
    let mut net = Net::new(count, seed, capacity);
    (net.loss, net.repeat) = (loss, repeat);
    for _ in 0..60 {
        let at = net.dice.random_range(0..count);
        let other = net.dice.random_range(0..count);
        match net.dice.random_range(0..6) {
            0 => {
                net.stop(at);
                let after = net.dice.random_range(1..9_000);
                net.plan(after, Event::Start(at));
            }
            1 if net.machines[at].near.contains_key(&id(other)) => {
                net.tell(at, Happened::Pushed(id(other)));
            }
            2 => {
                net.tell(at, Happened::Delivered(id(other), NewsCopy::First));
            }
            _ => net.connect(at, other),
        }
        net.run(1);
    }
    (net.loss, net.repeat) = (0, 0);
    net.run(200);
    net.half_open()
}

#[test]
fn a_move_asked_again_does_not_end_a_seat_made_since_at_one_end_alone() {
    assert_eq!(half_open_after_anything(727_736_785_750_034_330, 19, 15, 16, 4), []);
}

#[test]
fn a_late_answer_to_an_earlier_question_confirms_no_seat() {
    assert_eq!(half_open_after_anything(3_294_550_959_193_494_696, 17, 6, 13, 4), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn seats_and_reservations_never_exceed_the_cap(
        seed in any::<u64>(),
        count in 2_usize..20,
        loss in 0_u32..40,
        repeat in 0_u32..40,
        capacity in AUTHOR_SEATS..=FILE_HOLDERS,
    ) {
        prop_assert_eq!(half_open_after_anything(seed, count, loss, repeat, capacity), []);
    }
}
