//! Quotas, eviction and what is asked for again, over a store.

use std::sync::Arc;
use std::time::Duration;

use super::super::tests::{Bench, NOW, key};
use super::*;
use crate::api::Command;
use crate::crypto::keys::PostingKey;
use crate::db::objects::Have;
use crate::domain::envelope::Object;
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::post::Post;
use crate::domain::profile::Profile;
use crate::limits::STORED_OVERHEAD_BYTES;
use crate::node::engine::{ConnectionId, Effect, Input, ReplyId};
use crate::node::wire::Message;

const TEXT_BYTES: usize = 1_000;

/// Posts of an author, the oldest first.
fn posts(by: &PostingKey, numbers: std::ops::Range<u64>) -> Vec<Object> {
    let post = |number| {
        let created = NOW.before(Duration::from_secs(10_000 - number));
        let text = format!("{number:0>TEXT_BYTES$}");
        Object::Post(by.sign(&Post::new(by.posting_id(), created, text).unwrap()))
    };
    numbers.map(post).collect()
}

/// What one of these posts takes.
fn size(by: &PostingKey) -> u64 {
    let Some(Object::Post(post)) = posts(by, 0..1).pop() else { unreachable!("one post was made") };
    u64::try_from(post.envelope().bytes.len()).unwrap() + STORED_OVERHEAD_BYTES.unsigned_abs()
}

fn ids(objects: &[Object]) -> Vec<ObjectId> {
    objects.iter().map(Object::id).collect()
}

/// How many of these are here, and how many are remembered as having made room.
fn here_and_gone(bench: &mut Bench, objects: &[Object]) -> (usize, usize) {
    let have = |bench: &mut Bench, id| bench.database.read(|read| read.have(id)).unwrap();
    let all: Vec<Have> = ids(objects).into_iter().map(|id| have(bench, id)).collect();
    let count = |what| all.iter().filter(|have| **have == what).count();
    (count(Have::Stored), count(Have::Refused))
}

fn counts_are_right(bench: &mut Bench) -> bool {
    bench.database.read(|read| read.counts_are_right()).unwrap()
}

fn follow(bench: &mut Bench, author: PostingId) {
    bench.command(Command::Follow { target: author.to_string(), persona: None }).unwrap();
}

/// A peer that wants these authors, so that they are carried.
fn carry(bench: &mut Bench, authors: &[&Arc<PostingKey>]) {
    let connection = ConnectionId(1);
    bench.connects(connection);
    let message = Message::SetInterest(authors.iter().map(|key| key.posting_id()).collect());
    bench.take(Input::RequestReceived { connection, reply: ReplyId(2), message });
    bench.take_at(NOW.after(crate::limits::CARRY_DELAY), Input::TimePassed);
}

fn little(author: &PostingKey) -> Quotas {
    let size = size(author);
    Quotas {
        followed: 6 * size,
        stranger: 4 * size,
        strangers: 6 * size,
        pool: 0,
        pool_peer: 0,
        pool_prefix: 0,
        store: u64::MAX,
    }
}

#[test]
fn the_oldest_of_a_carried_author_make_room_and_are_not_fetched_again() {
    let author = key(5);
    let mut bench = Bench::with_room(&[key(1)], little(&author));
    carry(&mut bench, &[&author]);
    let all = posts(&author, 0..10);
    bench.takes_in(all.clone());
    assert_eq!(here_and_gone(&mut bench, &all[..6]), (0, 6));
    assert_eq!(here_and_gone(&mut bench, &all[6..]), (4, 0));
    assert!(counts_are_right(&mut bench));
    assert!(bench.database.read::<_, DbError>(|read| read.list_feed_ids()).unwrap().is_empty());
    bench.takes_in(all[..6].to_vec());
    assert_eq!(here_and_gone(&mut bench, &all[6..]), (4, 0), "what is offered again pushes nothing out");
}

#[test]
fn following_makes_room_for_what_was_evicted_and_shows_what_is_here_as_read() {
    let author = key(5);
    let mut bench = Bench::with_room(&[key(1)], little(&author));
    carry(&mut bench, &[&author]);
    let all = posts(&author, 0..6);
    bench.takes_in(all.clone());
    assert_eq!(here_and_gone(&mut bench, &all), (4, 2));
    follow(&mut bench, author.posting_id());
    assert_eq!(here_and_gone(&mut bench, &all), (4, 0), "nothing is refused any more");
    let feed = bench.database.read::<_, DbError>(|read| {
        let unread = read.count_unread(crate::db::timeline::Feed::Merged)?;
        Ok((read.list_feed_ids()?.len(), unread))
    });
    assert_eq!(feed.unwrap(), (4, 0));
    bench.takes_in(all.clone());
    assert_eq!(here_and_gone(&mut bench, &all), (6, 0));
    // A seventh: the followed author's own quota. Its row leaves the feed with it.
    bench.takes_in(posts(&author, 6..7));
    assert_eq!(here_and_gone(&mut bench, &all), (5, 1));
    let feed = bench.database.read::<_, DbError>(|read| read.list_feed_ids()).unwrap();
    assert!(feed.len() == 6 && !feed.contains(&all[2].id()), "the one that came in first is gone");
    assert!(counts_are_right(&mut bench));
}

#[test]
fn a_flood_of_one_pushes_out_no_other_stranger() {
    let (flood, quiet) = (key(5), key(6));
    let quotas = Quotas { stranger: u64::MAX, ..little(&flood) };
    let mut bench = Bench::with_room(&[key(1)], quotas);
    carry(&mut bench, &[&flood, &quiet]);
    let few = posts(&quiet, 0..2);
    bench.takes_in(few.clone());
    let many = posts(&flood, 0..50);
    bench.takes_in(many.clone());
    assert_eq!(here_and_gone(&mut bench, &few), (2, 0));
    assert!(here_and_gone(&mut bench, &many).0 <= 4);
    assert!(counts_are_right(&mut bench));
}

#[test]
fn strangers_make_room_before_followed_authors_and_own_posts_never() {
    let (mine, friend, stranger) = (key(1), key(5), key(6));
    let all = Quotas { store: 20 * size(&friend), followed: u64::MAX, ..little(&friend) };
    let mut bench = Bench::with_room(&[Arc::clone(&mine)], all);
    carry(&mut bench, &[&stranger]);
    follow(&mut bench, friend.posting_id());
    for number in 0..12 {
        bench.publish(&mine, &format!("{number:0>TEXT_BYTES$}"));
    }
    let theirs = posts(&stranger, 0..4);
    bench.takes_in(theirs.clone());
    let followed = posts(&friend, 0..6);
    bench.takes_in(followed.clone());
    assert_eq!(here_and_gone(&mut bench, &theirs).0, 0, "strangers first");
    let left = here_and_gone(&mut bench, &followed).0;
    assert_eq!(left, 6);
    bench.takes_in(posts(&friend, 6..9));
    assert!(here_and_gone(&mut bench, &followed).0 < 6, "then the oldest of those followed");
    let own = bench.database.read(|read| {
        let author = read.find_author(mine.posting_id())?;
        read.count_posts(author.ok_or(DbError::MissingRow { table: "authors" })?)
    });
    assert_eq!(own.unwrap(), 12);
    assert!(counts_are_right(&mut bench));
}

#[test]
fn a_raised_quota_asks_for_what_made_room_again() {
    let author = key(5);
    let mut bench = Bench::with_room(&[key(1)], little(&author));
    follow(&mut bench, author.posting_id());
    let all = posts(&author, 0..8);
    bench.takes_in(all.clone());
    assert_eq!(here_and_gone(&mut bench, &all), (6, 2));
    bench.restart_with_room(little(&author));
    assert_eq!(here_and_gone(&mut bench, &all), (6, 2));
    bench.restart_with_room(Quotas::default());
    assert_eq!(here_and_gone(&mut bench, &all), (6, 0));
    bench.restart_with_room(little(&author));
    bench.takes_in(all.clone());
    assert_eq!(here_and_gone(&mut bench, &all), (6, 2));
}

#[test]
fn unfollowing_leaves_what_strangers_may_have() {
    let author = key(5);
    let mut bench = Bench::with_room(&[key(1)], little(&author));
    follow(&mut bench, author.posting_id());
    let all = posts(&author, 0..6);
    bench.takes_in(all.clone());
    assert_eq!(here_and_gone(&mut bench, &all).0, 6);
    bench.command(Command::Unfollow { author: author.posting_id(), persona: None }).unwrap();
    assert_eq!(here_and_gone(&mut bench, &all), (4, 2));
    assert!(counts_are_right(&mut bench));
}

#[test]
fn much_makes_room_in_many_steps() {
    let author = key(5);
    let mut bench = Bench::new(&[key(1)]);
    follow(&mut bench, author.posting_id());
    let all = posts(&author, 0..600);
    bench.takes_in(all.clone());
    bench.restart_with_room(little(&author));
    follow(&mut bench, key(7).posting_id());
    bench.command(Command::Unfollow { author: author.posting_id(), persona: None }).unwrap();
    let mut steps = 0;
    while bench.engine.next_deadline() == Some(NOW) {
        bench.take(Input::TimePassed);
        steps += 1;
    }
    assert!(steps >= 2, "{steps}");
    assert_eq!(here_and_gone(&mut bench, &all), (4, 596));
    assert!(counts_are_right(&mut bench));
}

#[test]
fn what_waits_for_its_time_takes_no_more_than_its_quota() {
    let author = key(5);
    let mut bench = Bench::with_room(&[key(1)], little(&author));
    carry(&mut bench, &[&author]);
    let later = (0..50_u64).map(|number| {
        let created = NOW.after(Duration::from_hours(24) + Duration::from_secs(number));
        let post = Post::new(author.posting_id(), created, format!("{number:0>TEXT_BYTES$}")).unwrap();
        Object::Post(author.sign(&post))
    });
    let later: Vec<Object> = later.collect();
    bench.takes_in(later.clone());
    assert_eq!(here_and_gone(&mut bench, &later), (4, 0));
    assert!(counts_are_right(&mut bench));
}

#[test]
fn a_replaced_profile_is_gone_and_not_fetched_again() {
    let author = key(5);
    let mut bench = Bench::new(&[key(1)]);
    follow(&mut bench, author.posting_id());
    let profile = |sequence| {
        let name = format!("name {sequence}");
        Object::Profile(author.sign(&Profile::new(author.posting_id(), NOW, sequence, name).unwrap()))
    };
    let versions = [profile(1), profile(3), profile(2)];
    bench.takes_in(versions.to_vec());
    assert_eq!(here_and_gone(&mut bench, &versions), (1, 2));
    assert_eq!(here_and_gone(&mut bench, &versions[1..2]), (1, 0), "the newest stays");
    assert!(counts_are_right(&mut bench));
}

#[test]
fn on_a_full_disk_nothing_is_asked_for_until_there_is_room() {
    let connection = ConnectionId(1);
    let mut bench = Bench::new(&[key(1)]);
    let pulls = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Pull { .. }));
    let effects = bench.take(Input::SpaceMeasured { free_bytes: DISK_FREE_BYTES - 1 });
    assert!(effects.contains(&Effect::Tell(Event::StatusChanged)));
    let greeted = bench.connects(connection);
    assert!(!pulls(&bench.accepts(connection, &greeted)));
    assert!(!pulls(&bench.take_at(NOW.after(Duration::from_hours(1)), Input::TimePassed)));
    let now = NOW.after(Duration::from_hours(2));
    assert!(pulls(&bench.take_at(now, Input::SpaceMeasured { free_bytes: DISK_FREE_BYTES })));
}

#[test]
fn who_is_carried_and_then_followed_is_ours() {
    let author = key(5);
    let mut bench = Bench::new(&[key(1)]);
    carry(&mut bench, &[&author]);
    let list = bench.engine.interest.list.clone();
    assert!(list.contains(author.posting_id()) && !bench.engine.interest.is_ours(author.posting_id()));
    follow(&mut bench, author.posting_id());
    assert!(Arc::ptr_eq(&bench.engine.interest.list, &list), "pulls go on with the list that was accepted");
    assert!(bench.engine.interest.is_ours(author.posting_id()));
}

#[test]
fn while_locked_nobody_who_may_be_me_makes_room_and_too_much_stops_what_is_asked_for() {
    let (me, author, stranger) = (key(1), key(5), key(6));
    let room = little(&author);
    let mut bench = Bench::with_room(&[Arc::clone(&me)], room);
    follow(&mut bench, author.posting_id());
    carry(&mut bench, &[&stranger]);
    // What another device of mine said, or this one before its store was lost.
    let mine = posts(&me, 0..10);
    bench.takes_in(mine.clone());
    bench.restart_locked(room);
    let (theirs, carried) = (posts(&author, 0..10), posts(&stranger, 0..10));
    bench.takes_in(theirs.clone());
    assert_eq!(here_and_gone(&mut bench, &mine), (10, 0));
    assert_eq!(here_and_gone(&mut bench, &theirs), (10, 0));
    assert!(!bench.engine.space.is_short());
    // There is no room for all that.
    bench.restart_locked(Quotas { store: 15 * size(&author), ..room });
    carry(&mut bench, &[&stranger]);
    bench.takes_in(carried.clone());
    assert_eq!(here_and_gone(&mut bench, &carried), (0, 10));
    assert_eq!(here_and_gone(&mut bench, &[mine.clone(), theirs.clone()].concat()), (20, 0));
    assert!(bench.engine.space.is_short(), "nothing more is asked for");
    bench.unlock(&[me]);
    assert_eq!(here_and_gone(&mut bench, &mine), (10, 0));
    assert!(here_and_gone(&mut bench, &theirs).0 <= 5, "followed authors make room again");
    assert!(!bench.engine.space.is_short());
    assert!(counts_are_right(&mut bench));
}
