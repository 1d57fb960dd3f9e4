//! How sealed posts leave a node and go on, what they may take, and what tells nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::tests::{Bench, NOW, key};
use super::super::{ConnectionId, Direction, Effect, Fault, Faults, Input, Quotas};
use super::tests::{sealed, today};
use super::{HandOver, SealedProgress};
use crate::db::objects::Have;
use crate::domain::address::PeerAddress;
use crate::domain::envelope::{Object, Verified};
use crate::domain::ids::{NetworkId, ObjectId};
use crate::domain::sealed::Sealed;
use crate::domain::time::Timestamp;
use crate::limits::{
    DECOYS_PER_HOUR, SPREAD_PEERS, STEM_EMBARGO_LONGEST, STEM_EPOCH, STEM_PEER_BYTES, STEM_RESUME,
};
use crate::node::engine::answer::Checked;
use crate::node::engine::{Offence, ReplyId};
use crate::node::wire::{Epoch, Hello, Message, Stage};

const SECOND: Duration = Duration::from_secs(1);

fn peer(number: u8) -> NetworkId {
    NetworkId::from_bytes([number; 32])
}

fn connection(number: u8) -> ConnectionId {
    ConnectionId(u64::from(number))
}

/// A greeted connection with a peer in a public network of its own, whose clock is so many minutes ahead.
fn meet(bench: &mut Bench, number: u8, direction: Direction, ahead: i64) -> Vec<Effect> {
    let (connection, peer) = (connection(number), peer(number));
    let sockets = vec![format!("20.0.{number}.1:4000").parse().unwrap()];
    let address = PeerAddress { sockets, ..PeerAddress::of(peer) };
    let mut effects = bench.take(Input::Connected { connection, peer, direction, address });
    let minute = NOW.as_minutes() + ahead;
    let message = Message::Hello(Hello { epoch: Epoch([1; 16]), features: 0, minute });
    effects.extend(bench.take(Input::RequestReceived { connection, reply: ReplyId(1), message }));
    effects
}

/// A node with so many peers, numbered from 2, to which it opened the connections.
fn among(peers: u8) -> Bench {
    let mut bench = Bench::new(&[key(1)]);
    (2..2 + peers).for_each(|number| drop(meet(&mut bench, number, Direction::Outbound, 0)));
    bench
}

fn publish(bench: &mut Bench, now: Timestamp, post: &Verified<Sealed>) -> Vec<Effect> {
    bench.take_at(now, Input::SealedMade { post: Box::new(post.clone()) })
}

fn push_in(
    bench: &mut Bench,
    from: u8,
    post: &Verified<Sealed>,
    stage: Stage,
    now: Timestamp,
) -> Vec<Effect> {
    let post = Box::new(Checked::Object(Object::Sealed(Box::new(post.clone()))));
    bench.take_at(now, Input::SealedPushed { connection: connection(from), stage, post })
}

/// The pushes of sealed posts among these effects.
fn pushes(effects: &[Effect]) -> Vec<(ConnectionId, ObjectId, Stage)> {
    let push = |effect: &Effect| match effect {
        Effect::PushSealed { connection, id, push } => Some((*connection, *id, push.stage)),
        _ => None,
    };
    effects.iter().filter_map(push).collect()
}

fn have(bench: &mut Bench, id: ObjectId) -> Have {
    bench.database.read(|read| read.have(id)).unwrap()
}

/// Everything pushed until this time, looked at every second.
fn until(bench: &mut Bench, from: Timestamp, time: Duration) -> Vec<(ConnectionId, ObjectId, Stage)> {
    let seconds = 1..=time.as_secs();
    seconds
        .flat_map(|second| {
            pushes(&bench.take_at(from.after(SECOND * u32::try_from(second).unwrap()), Input::TimePassed))
        })
        .collect()
}

/// Lets epochs pass until what peers hand over is handed on, or is spread; the time it is then.
fn wait_for(bench: &mut Bench, stage: Stage) -> Timestamp {
    for epoch in 0_u32..500 {
        let now = NOW.after(STEM_EPOCH * epoch);
        let probe = sealed(10_000 + u64::from(epoch), [1, 2, 3, 4], today());
        let probe_id = probe.id();
        let sent = pushes(&push_in(bench, 2, &probe, Stage::Stem, now));
        bench.takes_in(vec![Object::Sealed(Box::new(probe))]);
        if sent.iter().any(|(_, id, sent)| (*id, *sent) == (probe_id, stage)) {
            return now;
        }
    }
    unreachable!("one epoch in ten is of the rarer kind")
}

#[test]
fn an_own_post_goes_to_one_peer_and_is_shown_to_nobody() {
    let mut bench = among(5);
    meet(&mut bench, 9, Direction::Inbound, 0);
    let post = sealed(1, [1, 2, 3, 4], today());
    let sent = pushes(&publish(&mut bench, NOW, &post));
    let [(to, id, Stage::Stem)] = sent[..] else { panic!("{sent:?}") };
    assert_eq!(id, post.id());
    assert_ne!(to, connection(9), "it is one whom we chose");
    assert_eq!(have(&mut bench, id), Have::Missing, "it is asked for like any unknown one");
    assert!(bench.database.read(|read| read.find_servable(id)).unwrap().is_none());
    assert!(bench.database.read(|read| read.list_newest_sealed_sizes(9)).unwrap().is_empty());
    // From elsewhere it comes like any other, and is off the stem.
    push_in(&mut bench, 4, &post, Stage::Spread, NOW);
    assert_eq!(have(&mut bench, id), Have::Stored);
    assert_eq!(bench.database.read(|read| read.list_stem()).unwrap(), []);
    assert_eq!(until(&mut bench, NOW, STEM_EMBARGO_LONGEST * 2), [], "nothing is left to do");
}

#[test]
fn the_peer_of_the_stem_depends_on_the_epoch_and_not_on_the_post() {
    let mut bench = among(6);
    let mut of_epoch = BTreeMap::new();
    for epoch in 0_u32..120 {
        let mut chosen = BTreeSet::new();
        for number in 0_u32..4 {
            let now = NOW.after(STEM_EPOCH * epoch + SECOND * number * 30);
            let post = sealed(u64::from(epoch * 10 + number), [1, 2, 3, 4], today());
            let sent = pushes(&publish(&mut bench, now, &post));
            let own = sent.iter().find(|(_, id, _)| *id == post.id()).unwrap();
            chosen.insert(own.0);
            bench.takes_in(vec![Object::Sealed(Box::new(post))]);
        }
        assert_eq!(chosen.len(), 1, "all posts of an epoch go the same way");
        *of_epoch.entry(chosen.pop_first().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(of_epoch.len(), 6, "{of_epoch:?}");
    assert!(of_epoch.values().all(|count| (8..=34).contains(count)), "about 20 each: {of_epoch:?}");
}

#[test]
fn nobody_there_means_waiting_and_what_waited_does_not_leave_at_once_and_together() {
    let mut bench = among(0);
    let posts: Vec<_> = (0..8).map(|seed| sealed(seed, [1, 2, 3, 4], today())).collect();
    for post in &posts {
        assert_eq!(pushes(&publish(&mut bench, NOW, post)), []);
        assert_eq!(bench.engine.sealed_progress(post.id()), Some(SealedProgress::Waiting));
    }
    assert!(!bench.engine.has_stem_peer());
    // They survive a crash, and go on.
    bench.restart();
    let met = meet(&mut bench, 2, Direction::Inbound, 0);
    assert_eq!(pushes(&met), [], "not at once");
    let mut moments = Vec::new();
    for second in 1..=STEM_RESUME.as_secs() {
        let now = NOW.after(Duration::from_secs(second));
        let sent = pushes(&bench.take_at(now, Input::TimePassed));
        moments.extend(sent.into_iter().filter(|(.., stage)| *stage == Stage::Stem).map(|_| second));
    }
    assert_eq!(moments.len(), 8, "an inbound peer is better than nobody");
    moments.dedup();
    assert!(moments.len() >= 5, "{moments:?}");
}

#[test]
fn a_hand_over_that_broke_goes_to_another_peer() {
    let mut bench = among(3);
    let post = sealed(1, [1, 2, 3, 4], today());
    let first = pushes(&publish(&mut bench, NOW, &post));
    let again = pushes(&bench.take(Input::SealedHanded { id: post.id(), end: HandOver::Broken }));
    assert_eq!((again.len(), again[0].2), (1, Stage::Stem));
    assert_ne!(first[0].0, again[0].0);
    assert_eq!(bench.engine.sealed_progress(post.id()), Some(SealedProgress::Waiting));
    assert_eq!(bench.engine.take_handed(), []);
    // A whole step would hear of it at its end.
    bench.engine.sealed_handed(NOW, post.id(), HandOver::Taken);
    assert_eq!(bench.engine.sealed_progress(post.id()), Some(SealedProgress::Handed { peers: 1 }));
    assert_eq!(bench.engine.take_handed(), [post.id()]);
    assert_eq!(bench.engine.take_handed(), [], "told once");
}

#[test]
fn what_does_not_come_back_is_first_spread_by_somebody_else_and_then_from_here() {
    let mut bench = among(8);
    let post = sealed(1, [1, 2, 3, 4], today());
    let first = pushes(&publish(&mut bench, NOW, &post))[0].0;
    let later = until(&mut bench, NOW, STEM_EMBARGO_LONGEST * 2 + SECOND * 2);
    let [(asked, _, Stage::Spread), spread @ ..] = &later[..] else { panic!("{later:?}") };
    assert_ne!(*asked, first);
    assert_eq!(spread.len(), SPREAD_PEERS, "{later:?}");
    assert!(spread.iter().all(|(.., stage)| *stage == Stage::Spread));
    assert_eq!(have(&mut bench, post.id()), Have::Stored);
}

/// The only copy may be the one here: a clock set back must not cost it.
#[test]
fn a_clock_set_back_costs_nothing_that_is_on_the_stem() {
    let mut bench = among(3);
    let post = sealed(1, [0; 4], today());
    publish(&mut bench, NOW, &post);
    let before = Timestamp::from_millis(NOW.as_millis() - 3 * 24 * 3_600_000);
    push_in(&mut bench, 3, &post, Stage::Spread, before);
    until(&mut bench, before, Duration::from_hours(1));
    assert_eq!(have(&mut bench, post.id()), Have::Missing);
    assert_eq!(bench.database.read(|read| read.list_stem()).unwrap().len(), 1);
    assert!(!until(&mut bench, NOW, Duration::from_mins(20)).is_empty());
    assert_eq!(have(&mut bench, post.id()), Have::Stored);
    assert_eq!(bench.database.read(|read| read.list_stem()).unwrap(), []);
}

#[test]
fn who_relays_hands_on_in_most_epochs_and_spreads_in_the_others() {
    let mut bench = among(6);
    let now = wait_for(&mut bench, Stage::Stem);
    let post = sealed(1, [1, 2, 3, 4], today());
    let sent = pushes(&push_in(&mut bench, 2, &post, Stage::Stem, now));
    assert_eq!((sent.len(), sent[0].2), (1, Stage::Stem));
    assert_ne!(sent[0].0, connection(2), "not back to where it came from");
    assert_eq!(have(&mut bench, post.id()), Have::Missing);
    let now = wait_for(&mut bench, Stage::Spread);
    let post = sealed(2, [1, 2, 3, 4], today());
    let sent = pushes(&push_in(&mut bench, 2, &post, Stage::Stem, now));
    let sent: Vec<_> = sent.into_iter().filter(|(_, id, _)| *id == post.id()).collect();
    assert_eq!(sent.len(), SPREAD_PEERS);
    assert!(sent.iter().all(|(to, _, stage)| *to != connection(2) && *stage == Stage::Spread));
    assert_eq!(have(&mut bench, post.id()), Have::Stored);
    // What is spread is not pushed on.
    let post = sealed(3, [1, 2, 3, 4], today());
    assert_eq!(pushes(&push_in(&mut bench, 2, &post, Stage::Spread, now)), []);
}

#[test]
fn a_circle_is_left_once_and_then_ends() {
    let mut bench = among(6);
    let post = sealed(1, [1, 2, 3, 4], today());
    let first = pushes(&publish(&mut bench, NOW, &post))[0].0;
    let sent = pushes(&push_in(&mut bench, 7, &post, Stage::Stem, NOW));
    assert_eq!((sent.len(), sent[0].2), (1, Stage::Stem));
    assert!(sent[0].0 != first && sent[0].0 != connection(7));
    let sent = pushes(&push_in(&mut bench, 6, &post, Stage::Stem, NOW));
    assert!(sent.len() == SPREAD_PEERS && sent.iter().all(|(.., stage)| *stage == Stage::Spread));
}

#[test]
fn what_is_wrong_with_a_pushed_post_is_held_against_whoever_could_know() {
    let mut bench = among(2);
    let score = |bench: &mut Bench| {
        let standings = bench.database.read(|read| read.list_standings(9)).unwrap();
        standings.len()
    };
    // Of another day than ours, or with something a later version may use: dropped.
    for day in [0, today() + 2] {
        push_in(&mut bench, 2, &sealed(u64::from(day), [1, 2, 3, 4], day), Stage::Stem, NOW);
        push_in(&mut bench, 2, &sealed(u64::from(day), [1, 2, 3, 4], day), Stage::Spread, NOW);
    }
    let refused = Box::new(Checked::Refused(ObjectId::from_bytes([7; 32])));
    bench.take(Input::SealedPushed { connection: connection(2), stage: Stage::Stem, post: refused });
    assert_eq!(score(&mut bench), 0);
    assert_eq!(bench.database.read(|read| read.list_stem()).unwrap(), []);
    let forged = Box::new(Checked::Forged);
    bench.take(Input::SealedPushed { connection: connection(2), stage: Stage::Stem, post: forged });
    assert!(score(&mut bench) > 0, "{:?}", Offence::Forgery);
}

#[test]
fn one_peer_does_not_fill_the_stem() {
    let mut bench = among(6);
    let now = wait_for(&mut bench, Stage::Stem);
    let large = |seed| super::tests::sealed_of(seed, 131_072);
    let fits = STEM_PEER_BYTES / (131_072 - 64);
    for seed in 0..fits + 10 {
        push_in(&mut bench, 2, &large(seed), Stage::Stem, now);
    }
    let on_stem = |bench: &mut Bench| bench.database.read(|read| read.list_stem()).unwrap().len();
    assert_eq!(u64::try_from(on_stem(&mut bench)).unwrap(), fits);
    push_in(&mut bench, 3, &large(1_000), Stage::Stem, now);
    assert_eq!(u64::try_from(on_stem(&mut bench)).unwrap(), fits + 1, "others have room");
}

/// Small posts three peers brought, then large ones of a fourth; how many of the small ones are left.
fn flooded(faults: Faults) -> usize {
    let small = 2_048 + 384;
    let quotas = Quotas { pool: 40 * small + 8 * 131_456, pool_peer: 6 * 131_456, ..Quotas::default() };
    let mut bench = Bench::with_faults(quotas, faults);
    (2..6).for_each(|number| drop(meet(&mut bench, number, Direction::Outbound, 0)));
    let posts: Vec<_> = (0..30).map(|seed| sealed(seed, [1, 2, 3, 4], today())).collect();
    for (from, post) in [2, 3, 4].into_iter().cycle().zip(&posts) {
        push_in(&mut bench, from, post, Stage::Spread, NOW);
    }
    for seed in 0..60 {
        push_in(&mut bench, 5, &super::tests::sealed_of(1_000 + seed, 131_072), Stage::Spread, NOW);
    }
    assert!(bench.database.read(|read| read.counts_are_right()).unwrap());
    posts.iter().filter(|post| have(&mut bench, post.id()) == Have::Stored).count()
}

#[test]
fn one_pusher_of_large_posts_evicts_only_its_own() {
    assert_eq!(flooded(Faults::default()), 30);
}

#[test]
fn posts_that_count_for_nobody_are_noticed() {
    assert!(flooded(Faults::plant(Fault::IntroducerNotCounted)) < 30);
}

#[test]
fn no_row_says_which_posts_are_ours() {
    let mut bench = among(3);
    meet(&mut bench, 8, Direction::Inbound, 0);
    let (own, other) = (sealed(1, [1, 2, 3, 4], today()), sealed(2, [1, 2, 3, 4], today()));
    let now = wait_for(&mut bench, Stage::Stem);
    publish(&mut bench, now, &own);
    push_in(&mut bench, 8, &other, Stage::Stem, now);
    let rows = bench.database.read(|read| read.list_stem()).unwrap();
    let introducers: Vec<_> = [own.id(), other.id()]
        .map(|id| rows.iter().find(|row| row.object_id == id).unwrap().introducer)
        .into();
    assert_eq!(introducers[0], introducers[1], "both stand under the peer that opened its connection");
}

#[test]
fn the_day_is_that_of_the_peers_once_there_are_enough() {
    let mut bench = Bench::new(&[key(1)]);
    let hours = |hours: i64| hours * 60;
    for (number, ahead) in [(2, hours(-30)), (3, hours(-29))] {
        meet(&mut bench, number, Direction::Outbound, ahead);
        assert_eq!(bench.engine.sealed_day(NOW), today(), "two are too few");
    }
    meet(&mut bench, 4, Direction::Outbound, hours(500));
    assert_eq!(bench.engine.sealed_day(NOW), today() - 2, "the median is 29 hours behind");
}

/// When decoys leave in these hours, and their sizes, while so many posts are published.
fn decoys(faults: Faults, published: u32, hours: u32) -> Vec<(u64, usize)> {
    let mut bench = Bench::with_faults(Quotas::default(), faults);
    bench.engine.pool.decoys = super::decoys::Decoys::new(DECOYS_PER_HOUR);
    (2..6).for_each(|number| drop(meet(&mut bench, number, Direction::Outbound, 0)));
    let mut seen = BTreeSet::new();
    let mut made = Vec::new();
    for minute in 0..u64::from(hours) * 60 {
        let now = NOW.after(Duration::from_mins(minute));
        let mut effects = bench.take_at(now, Input::TimePassed);
        let mut own = BTreeSet::new();
        if minute.is_multiple_of(60) {
            for number in 0..u64::from(published) {
                let post = sealed(minute * 100 + number, [1, 2, 3, 4], super::day_of(now));
                own.insert(post.id());
                effects.extend(publish(&mut bench, now, &post));
                effects.extend(bench.take_at(now, Input::TimePassed));
            }
        }
        for effect in &effects {
            let Effect::PushSealed { id, push, .. } = effect else { continue };
            if !own.contains(id) && seen.insert(*id) && push.stage == Stage::Stem {
                made.push((minute, push.item.len() + 64));
            }
            // Nothing comes from elsewhere here: what is on the stem would be spread from here.
            seen.insert(*id);
        }
    }
    made
}

/// The mean number of decoys an hour, in hundredths.
fn rate(faults: Faults, published: u32) -> usize {
    const HOURS: u32 = 200;
    decoys(faults, published, HOURS).len() * 100 / usize::try_from(HOURS).unwrap()
}

#[test]
fn decoys_leave_at_their_own_pace_whatever_else_leaves() {
    let rates = [0, 5].map(|published| rate(Faults::default(), published));
    println!("decoys an hour, in hundredths, with no other traffic and with five posts an hour: {rates:?}");
    // Two an hour over 200 hours: ± 4 standard deviations of a mean of 200 hours.
    assert!(rates.iter().all(|rate| (160..=240).contains(rate)), "{rates:?}");
}

#[test]
fn decoys_that_follow_traffic_are_noticed() {
    let rate = rate(Faults::plant(Fault::DecoysFollowTraffic), 5);
    assert!(!(160..=240).contains(&rate), "{rate}");
}

#[test]
fn decoys_have_the_usual_sizes_and_random_gaps() {
    let made = decoys(Faults::default(), 0, 400);
    let small = made.iter().filter(|(_, size)| *size == 2_048).count();
    assert!(small * 100 > made.len() * 65 && small < made.len(), "{small} of {}", made.len());
    let gaps: Vec<u64> = made.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    let long = gaps.iter().filter(|gap| **gap > 60).count();
    let short = gaps.iter().filter(|gap| **gap < 10).count();
    assert!(long * 20 > gaps.len() && short * 10 > gaps.len(), "{long}, {short} of {}", gaps.len());
}
