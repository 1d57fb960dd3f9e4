//! Histories, and proof that a broken promise would be noticed.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::node::Crash;
use super::world::{Weather, World};
use super::*;
use crate::node::engine::Faults;
use crate::node::engine::answer::PageBudget;

/// Histories of the test. The long form plays two thousand.
const SEEDS: u64 = 100;
/// Histories of people who write to each other.
const MAIL_SEEDS: u64 = 12;
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
        Ok(report) => {
            println!("{SEEDS} histories: {report:?}");
            let hundredths = report.received_bytes * 100 / report.needed_bytes;
            println!("received {hundredths} bytes for every 100 needed, with a fifth of all streams cut");
            println!("besides {} bytes of pushed sealed posts", report.pushed_bytes);
            assert!(hundredths <= 120, "{hundredths} for 100");
        }
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
    // It loses sealed posts as well: the check of what was acknowledged has to see it by itself.
    let mut violations =
        (0..FAULT_SEEDS).filter_map(|seed| play(seed, Some(Fault::ToldBeforeCommitted)).err());
    let is_lost = |violation: &Violation| matches!(violation.what, Broken::AcknowledgedLost { .. });
    assert!(violations.any(|violation| is_lost(&violation)));
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
            world.nodes[1].read(|read| read.count_unread(crate::db::timeline::Feed::Merged)).unwrap();
        let feed = world.nodes[1].read(|read| read.list_feed_ids()).unwrap();
        assert_eq!((feed.len(), unread), (2, 0));
        world.run_for(minutes(60)).unwrap();
        world.check_end().unwrap();
    }
}

/// What came to a node in one life: bytes of all frames, of all objects, and of the objects that came for the first time.
fn came(world: &World, node: usize) -> [u64; 3] {
    let received = &world.nodes[node].received;
    [received.frame_bytes, received.object_bytes, received.needed_bytes]
}

/// Received bytes for every 100 needed: of objects alone, and of all frames.
fn for_every_hundred(before: [u64; 3], after: [u64; 3]) -> [u64; 2] {
    let [frames, objects, needed] = [0, 1, 2].map(|index: usize| after[index] - before[index]);
    [objects * 100 / needed, frames * 100 / needed]
}

/// Four nodes that have the same of four authors and of the pool, and a fifth that joins all of them at once; afterwards all
/// go on writing.
#[test]
fn of_what_overlapping_peers_offer_little_comes_twice() {
    let mut world = World::of(1, Faults::default(), 5, StdRng::seed_from_u64(1));
    world.weather = Weather::Calm;
    world.nodes.iter_mut().for_each(|node| node.pages = PageBudget::default());
    (0..5).for_each(|index| world.make_persona(index));
    let authors: Vec<_> = (0..5).map(|index| world.nodes[index].personas()[0]).collect();
    let join = |world: &mut World, index: usize| {
        for other in (0..index).chain(index + 1..4) {
            world.follow(index, authors[other], None);
            world.add_peer(index, other);
        }
    };
    (0..4).for_each(|index| join(&mut world, index));
    let write = |world: &mut World, rounds: u64| {
        for _ in 0..rounds {
            (0..4).for_each(|index| world.publish(index));
            (0..4).for_each(|index| world.seal(index));
            world.run_for(Duration::from_secs(7)).unwrap();
        }
        world.run_for(Duration::from_mins(5)).unwrap();
    };
    write(&mut world, 100);
    let before = came(&world, 4);
    join(&mut world, 4);
    world.run_for(Duration::from_mins(5)).unwrap();
    let joined = came(&world, 4);
    write(&mut world, 100);
    let afterwards = came(&world, 4);
    let (joining, writing) = (for_every_hundred(before, joined), for_every_hundred(joined, afterwards));
    println!("joining four peers: received {joining:?} for 100 needed (objects, all frames)");
    println!(
        "while they write: received {writing:?} for 100 needed (objects, all frames); bytes {afterwards:?}"
    );
    // It is off while they go on writing, and comes back to all of them at once.
    world.crash(4, Crash::Stopped, None);
    for _ in 0..100 {
        (0..4).for_each(|index| world.publish(index));
        (0..4).for_each(|index| world.seal(index));
    }
    world.run_for(Duration::from_mins(10)).unwrap();
    let back = for_every_hundred([0; 3], came(&world, 4));
    println!("and {} bytes of sealed posts were pushed to it", world.nodes[4].received.pushed_bytes);
    println!("coming back: received {back:?} for 100 needed (objects, all frames)");
    world.check_end().unwrap();
    assert!(
        [joining, writing, back].iter().all(|[objects, _]| *objects <= 120),
        "{joining:?} {writing:?} {back:?}"
    );
}

#[test]
fn sealed_posts_that_are_passed_over_are_noticed() {
    let violation = notice(Fault::SealedIgnoresMore).unwrap();
    assert!(matches!(violation.what, Broken::CursorPasses { .. }), "{violation}");
}

/// An author, somebody who comments, and a reader; the author's node is the only one the others know. Nobody carries
/// anybody, as it is where lists are full, so that nobody reads what the commenter writes.
fn a_comment_among_readers(fault: Fault) -> (World, PostingId) {
    let mut world = World::of(1, Faults::plant(fault), 3, StdRng::seed_from_u64(1));
    world.weather = Weather::Calm;
    (0..3).for_each(|index| world.make_persona(index));
    let (author, commenter) = (world.nodes[0].personas()[0], world.nodes[1].personas()[0]);
    for index in [1, 2] {
        world.nodes[index].quotas = crate::node::engine::Quotas::default();
        world.add_peer(index, 0);
        world.follow(index, author, None);
    }
    world.publish(0);
    world.run_for(Duration::from_mins(5)).unwrap();
    let post = world.acknowledged[0].1;
    world.reply(1, post, "who am I?".to_owned());
    world.run_for(Duration::from_mins(20)).unwrap();
    (world, commenter)
}

#[test]
fn who_only_comments_has_a_name_everywhere_and_stands_in_no_log() {
    let (mut world, commenter) = a_comment_among_readers(Fault::CarriesNobody);
    for node in [0, 2] {
        let comments = world.nodes[node].read(|read| read.list_comment_ids()).unwrap();
        assert_eq!(comments.len(), 1, "node {node}");
        let profile = world.nodes[node].read(|read| read.find_profile_id(commenter)).unwrap();
        assert!(profile.is_some(), "node {node}");
        let end = Seq::new(1_000_000).unwrap();
        let log = world.nodes[node].read(|read| read.list_log_of(commenter, Seq::START, end)).unwrap();
        assert_eq!(log, []);
    }
    world.check_names(0, 1).unwrap();
    world.check_names(2, 0).unwrap();
}

#[test]
fn a_node_that_asks_for_no_names_is_noticed() {
    let (mut world, commenter) = a_comment_among_readers(Fault::AsksNoNames);
    let violation = world.check_names(0, 1).unwrap_err();
    assert_eq!(violation.what, Broken::Nameless { author: commenter }, "{violation}");
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
fn a_sealed_post_that_is_shown_on_the_stem_is_noticed() {
    let violation = notice(Fault::ShowsItsStem).unwrap();
    assert!(matches!(violation.what, Broken::StemShown { .. }), "{violation}");
}

#[test]
fn a_sealed_post_that_waits_for_ever_is_noticed() {
    let violation = notice(Fault::WaitsForEver).unwrap();
    assert!(matches!(violation.what, Broken::StuckOnStem { .. } | Broken::SealedLost { .. }), "{violation}");
}

#[test]
fn sealed_posts_come_through_although_every_peer_drops_what_it_is_handed() {
    for seed in 0..10 {
        play(seed, Some(Fault::DropsStem)).unwrap();
    }
}

/// Nodes with room in all weathers: what any of them sealed is at all of them.
#[test]
fn sealed_posts_are_everywhere_after_crashes_partitions_and_lost_hand_overs() {
    for seed in 0..8 {
        let mut world = World::new(seed, None);
        for node in &mut world.nodes {
            node.quotas = crate::node::engine::Quotas::default();
        }
        world.run_for(ROUGH).unwrap();
        for index in 0..world.nodes.len() {
            world.seal(index);
            world.run_for(Duration::from_secs(3)).unwrap();
        }
        world.calm_down();
        world.run_for(CALM).unwrap();
        let made: usize = world.nodes.iter().map(|node| node.sealed.len()).sum();
        assert!(made > 0, "seed {seed}");
        world.check_end().unwrap();
    }
}

#[test]
fn a_history_can_be_played_again() {
    assert_eq!(play(7, None), play(7, None));
}

/// Commits and effects end anywhere, streams are cut, connections lost, clocks set: what somebody was told is stored
/// comes, and comes once.
#[test]
fn messages_come_exactly_once_whatever_ends_in_the_middle() {
    let mut all = Report::default();
    for seed in 0..MAIL_SEEDS {
        all += play_talking(seed, Copies::None).unwrap_or_else(|violation| panic!("{violation}"));
    }
    println!("{MAIL_SEEDS} histories: {all:?}");
}

/// The same with old copies of stores put back: nothing is shown twice, no tag is used twice.
#[test]
fn copies_put_back_use_no_tag_twice() {
    for seed in 0..MAIL_SEEDS {
        play_talking(seed, Copies::PutBack).unwrap_or_else(|violation| panic!("{violation}"));
    }
}
