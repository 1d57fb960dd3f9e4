//! Histories, and proof that a broken promise would be noticed.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::node::Crash;
use super::world::{Weather, World};
use super::*;
use crate::node::engine::Faults;

/// Histories of the test. The long form plays two thousand.
const SEEDS: u64 = 100;
/// Histories in which a planted mistake has to show.
const FAULT_SEEDS: u64 = 40;

/// Plays seeds on two threads; the first violation, or everything that happened.
fn play_all(seeds: std::ops::Range<u64>) -> Result<Report, Violation> {
    let half = |odd: u64| {
        let seeds = seeds.clone().filter(move |seed| seed % 2 == odd);
        std::thread::spawn(move || {
            let mut all = Report::default();
            for seed in seeds {
                all += play(seed, None)?;
            }
            Ok(all)
        })
    };
    let halves = [half(0), half(1)].map(|thread| thread.join().unwrap());
    let mut all = Report::default();
    for half in halves {
        all += half?;
    }
    Ok(all)
}

#[test]
fn nodes_converge_exactly_once_and_keep_every_promise() {
    match play_all(0..SEEDS) {
        Ok(report) => println!("{SEEDS} histories: {report:?}"),
        Err(violation) => panic!("{violation}"),
    }
}

/// The first violation a planted mistake leads to.
fn notice(fault: Fault) -> Option<Violation> {
    (0..FAULT_SEEDS).find_map(|seed| play(seed, Some(fault)).err())
}

#[test]
fn a_cursor_at_the_end_of_a_cut_page_is_noticed() {
    let violation = notice(Fault::CursorIgnoresMore).unwrap();
    assert!(matches!(violation.what, Broken::CursorPasses { .. }), "{violation}");
}

#[test]
fn a_cursor_past_undelivered_items_is_noticed() {
    let violation = notice(Fault::CursorPassesUndelivered).unwrap();
    assert!(matches!(violation.what, Broken::CursorPasses { .. }), "{violation}");
}

#[test]
fn a_number_given_twice_is_noticed() {
    let violation = notice(Fault::SeqReuse).unwrap();
    assert!(
        matches!(violation.what, Broken::SeqGivenTwice { .. } | Broken::CursorBeyondLog { .. }),
        "{violation}"
    );
}

#[test]
fn an_author_not_read_from_the_start_is_noticed() {
    let violation = notice(Fault::NoResetOnGrowth).unwrap();
    assert!(matches!(violation.what, Broken::CursorPasses { .. }), "{violation}");
}

#[test]
fn what_is_told_before_it_is_committed_is_noticed() {
    let violation = notice(Fault::ToldBeforeCommitted).unwrap();
    assert!(matches!(violation.what, Broken::AcknowledgedLost { .. }), "{violation}");
}

/// A copy in which not even the mark beside the database is newer: only a peer can know.
#[test]
fn an_old_copy_that_nothing_gives_away_is_noticed_by_a_peer_and_loses_nothing() {
    let mut world = World::of(1, Faults::default(), 2, StdRng::seed_from_u64(1));
    world.weather = Weather::Calm;
    let minutes = Duration::from_mins;
    world.make_persona(0);
    world.make_persona(1);
    let author = world.nodes[0].personas()[0];
    world.follow(1, author, Some(0));
    world.run_for(minutes(2)).unwrap();
    let old = world.nodes[0].whole_copy();
    for _ in 0..5 {
        world.publish(0);
    }
    world.run_for(minutes(2)).unwrap();
    assert_eq!(world.acknowledged.len(), 5);
    // The person knows that the copy is older.
    let written = std::mem::take(&mut world.acknowledged);
    world.crash(0, Crash::Stopped, None);
    world.nodes[0].put_back_unnoticed(old);
    world.run_for(minutes(20)).unwrap();
    let feed = world.nodes[0].read(|read| read.list_feed_ids()).unwrap();
    assert!(written.iter().all(|(_, id)| feed.contains(id)), "one's own posts come back from the reader");
    world.publish(0);
    world.run_for(minutes(20)).unwrap();
    world.check_end().unwrap();
}

/// Three nodes in a line of which the middle one follows nobody.
fn line(seed: u64, fault: Faults) -> (World, PostingId) {
    let mut world = World::of(seed, fault, 3, StdRng::seed_from_u64(seed));
    world.weather = Weather::Calm;
    (0..3).for_each(|index| world.make_persona(index));
    world.add_peer(0, 1);
    world.add_peer(1, 2);
    let author = world.nodes[0].personas()[0];
    (world, author)
}

#[test]
fn interest_goes_on_over_a_node_that_follows_nobody() {
    let minutes = Duration::from_mins;
    for seed in 0..5 {
        let (mut world, author) = line(seed, Faults::default());
        world.publish(0);
        world.run_for(minutes(5)).unwrap();
        world.follow(2, author, None);
        world.run_for(minutes(5)).unwrap();
        world.publish(0);
        world.run_for(minutes(20)).unwrap();
        let posts: Vec<_> = world.acknowledged.iter().map(|(_, id)| *id).collect();
        assert_eq!(posts.len(), 2);
        let feeds = [1, 2].map(|node| world.nodes[node].read(|read| read.list_feed_ids()).unwrap());
        let mut read: Vec<_> = feeds[1].iter().copied().filter(|id| posts.contains(id)).collect();
        read.sort_unstable_by_key(|id| posts.iter().position(|post| post == id));
        assert_eq!(read, posts, "seed {seed}: both came over the middle");
        assert!(feeds[0].is_empty(), "which reads none of them");
        // Once the middle follows, what it carried is in its feed, as read.
        world.follow(1, author, None);
        world.run_for(minutes(1)).unwrap();
        let unread =
            world.nodes[1].read(|read| read.count_unread(crate::db::timeline::Pill::MERGED)).unwrap();
        let feed = world.nodes[1].read(|read| read.list_feed_ids()).unwrap();
        assert_eq!((feed.len(), unread), (2, 0));
        world.run_for(minutes(60)).unwrap();
        world.check_end().unwrap();
    }
}

#[test]
fn what_made_room_and_is_forgotten_is_noticed() {
    let violation = notice(Fault::EvictedIsForgotten).unwrap();
    assert!(matches!(violation.what, Broken::CursorPasses { .. }), "{violation}");
}

#[test]
fn a_node_that_carries_nobody_is_noticed() {
    let (mut world, author) = line(1, Faults::plant(Fault::CarriesNobody));
    world.follow(2, author, None);
    world.publish(0);
    world.run_for(Duration::from_hours(1)).unwrap();
    let violation = world.check_end().unwrap_err();
    assert!(matches!(violation.what, Broken::NotCarried { .. }), "{violation}");
}

#[test]
fn a_history_can_be_played_again() {
    assert_eq!(play(7, None), play(7, None));
}
