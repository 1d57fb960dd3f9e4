//! Personas and follows with and without the key, and what finds its place once it is known.

use std::time::Duration;

use super::super::tests::{Bench, NOW, key};
use super::*;
use crate::api::Command;
use crate::crypto::keys::PostingKey;
use crate::db::Database;
use crate::db::timeline::{Feed, FeedPost, Mark, PageStart, RowFilter};
use crate::domain::envelope::Object;
use crate::domain::ids::ObjectId;
use crate::domain::operation::{Action, Operation, Target};
use crate::domain::post::Post;
use crate::domain::time::Timestamp;
use crate::node::engine::Quotas;

fn post(by: &PostingKey, created: Timestamp) -> Object {
    Object::Post(by.sign(&Post::new(by.posting_id(), created, "text".to_owned()).unwrap()))
}

fn comment(by: &PostingKey, post: ObjectId, author: PostingId, created: Timestamp) -> Object {
    let target = Target { post, author, operation: None };
    let said = Operation::new(by.posting_id(), created, target, Action::Comment("said".to_owned()));
    Object::Operation(Box::new(by.sign(&said.unwrap())))
}

fn before(seconds: u64) -> Timestamp {
    NOW.before(Duration::from_secs(seconds))
}

fn follow(bench: &mut Bench, author: PostingId, persona: PostingId) {
    let command = Command::Follow { target: author.to_string(), persona: Some(persona) };
    bench.command(command).unwrap();
}

fn feed(bench: &mut Bench, feed: Feed, start: PageStart, filter: RowFilter, limit: u32) -> Vec<FeedPost> {
    bench.database.read(|read| read.list_feed(feed, start, filter, limit)).unwrap()
}

fn marks(bench: &mut Bench) -> Vec<(ObjectId, Mark)> {
    let rows = feed(bench, Feed::Merged, PageStart::Newest, RowFilter::All, 100);
    rows.iter().map(|row| (row.position.post_id, row.mark)).collect()
}

fn counts_are_right(bench: &mut Bench) -> bool {
    bench.database.read(|read| read.counts_are_right()).unwrap()
}

/// How many personas and follows a connection knows, and how long the interest list is.
fn known(bench: &mut Bench) -> [usize; 3] {
    let known = |read: Read<'_>| {
        let book = read.book()?;
        Ok::<_, DbError>([book.personas.len(), book.follows.len(), read.list_interest(99)?.len()])
    };
    bench.database.read(known).unwrap()
}

#[test]
fn without_the_key_only_the_union_is_known() {
    let [me, other, ben, cleo] = [1, 2, 5, 6].map(key);
    let mut bench = Bench::new(&[me.clone(), other.clone()]);
    follow(&mut bench, ben.posting_id(), me.posting_id());
    follow(&mut bench, cleo.posting_id(), other.posting_id());
    let book = bench.database.read(|read| read.book()).unwrap();
    assert_eq!(known(&mut bench), [2, 2, 4]);
    bench.restart_locked(Quotas::default());
    assert_eq!(known(&mut bench), [0, 0, 4]);
    let data_key = DataKey::from_secret(&[7; 32]);
    let personas = bench.database.read(|read| personas_of(read, &data_key)).unwrap();
    assert_eq!(personas, [me.posting_id(), other.posting_id()]);
    let wrong = bench.database.read(|read| open_book(read, &DataKey::from_secret(&[8; 32])));
    assert_eq!(wrong.unwrap(), Book::default(), "another key finds no book");
    bench.unlock(&[me, other]);
    assert_eq!(bench.database.read(|read| read.book()).unwrap(), book);
    bench.restart();
    assert_eq!(bench.database.read(|read| read.book()).unwrap(), book);
}

#[test]
fn a_refused_or_failed_change_of_the_book_changes_nothing() {
    let me = key(1);
    let mut bench = Bench::new(std::slice::from_ref(&me));
    follow(&mut bench, key(5).posting_id(), me.posting_id());
    let before = bench.database.read(|read| read.book()).unwrap();
    let failed = bench.database.transaction(crate::db::Durability::Normal, |batch| {
        batch.step(|store| {
            store.delete_follow(None, before.follows[0].author)?;
            store.insert_persona(before.follows[0].author, "nobody")?;
            Err::<(), _>(DbError::NoReader)
        })
    });
    failed.unwrap_err();
    assert_eq!(bench.database.read(|read| read.book()).unwrap(), before);
}

#[test]
fn the_length_of_the_book_says_little() {
    let me = key(1);
    let mut bench = Bench::new(std::slice::from_ref(&me));
    let name = name(&DataKey::from_secret(&[7; 32]));
    let mut length = || {
        let value = bench.database.read(|read| read.find_protected(Protected::Book, &name)).unwrap();
        value.unwrap().len()
    };
    let short = length();
    assert_eq!(short, SHORTEST + 24 + 16, "nonce and seal besides");
    let mut bench = bench;
    for number in 10..60 {
        follow(&mut bench, key(number).posting_id(), me.posting_id());
    }
    let value = bench.database.read(|read| read.find_protected(Protected::Book, &name)).unwrap();
    assert_eq!(value.unwrap().len(), short, "fifty follows are as long as none");
}

#[test]
fn what_came_while_locked_enters_the_feed_as_if_it_had_not_been() {
    let [me, ben] = [1, 5].map(key);
    let objects = [
        post(&ben, before(100)),
        post(&ben, NOW.after(Duration::from_secs(1))),
        post(&me, NOW.after(Duration::from_secs(2))),
    ];
    let mut played = [false, true].map(|is_locked| {
        let mut bench = Bench::new(std::slice::from_ref(&me));
        follow(&mut bench, ben.posting_id(), me.posting_id());
        if is_locked {
            bench.restart_locked(Quotas::default());
        }
        for object in &objects {
            bench.take_in(object);
        }
        let said = |by, target: &Object, created| comment(by, target.id(), target.author(), created);
        // To a post of ben's: by himself, older than the follow; newer; and mine from another device.
        for one in [
            said(&ben, &objects[0], before(50)),
            said(&ben, &objects[0], NOW.after(Duration::from_secs(3))),
            said(&me, &objects[0], NOW.after(Duration::from_secs(4))),
            said(&ben, &objects[2], NOW.after(Duration::from_secs(5))),
        ] {
            bench.take_in(&one);
        }
        if is_locked {
            assert_eq!(marks(&mut bench), [], "nobody knows whose they are");
            assert!(counts_are_right(&mut bench));
            bench.unlock(std::slice::from_ref(&me));
        }
        bench
    });
    for bench in &mut played {
        let [oldest, unread, mine] = objects.each_ref().map(Object::id);
        assert_eq!(marks(bench), [(mine, Mark::Read), (unread, Mark::Unread), (oldest, Mark::Read)]);
        let counts = feed(bench, Feed::Merged, PageStart::Newest, RowFilter::All, 9);
        let counts: Vec<_> = counts.iter().map(|row| row.comment_counts).collect();
        assert_eq!(counts, [[1, 1, 1], [0, 0, 0], [3, 1, 0]]);
        assert_eq!(bench.database.read(|read| read.count_unread(Feed::Merged)).unwrap(), 1);
        assert!(counts_are_right(bench));
    }
}

#[test]
fn what_was_deleted_or_made_room_while_locked_does_not_come_back() {
    let [me, ben] = [1, 5].map(key);
    let mut bench = Bench::new(std::slice::from_ref(&me));
    follow(&mut bench, ben.posting_id(), me.posting_id());
    bench.restart_locked(Quotas::default());
    let said = post(&ben, NOW);
    bench.take_in(&said);
    let target = Target { post: said.id(), author: ben.posting_id(), operation: None };
    let gone = Operation::new(ben.posting_id(), NOW, target, Action::Tombstone).unwrap();
    bench.take_in(&Object::Operation(Box::new(ben.sign(&gone))));
    assert!(counts_are_right(&mut bench));
    bench.unlock(&[me]);
    assert_eq!(marks(&mut bench), []);
    assert!(counts_are_right(&mut bench));
}

#[test]
fn a_persona_s_feed_is_the_part_of_the_whole_that_it_follows() {
    let [me, other] = [1, 2].map(key);
    let authors = [5, 6, 7, 8].map(key);
    let mut bench = Bench::new(&[me.clone(), other.clone()]);
    for (number, author) in authors.iter().enumerate() {
        if number < 3 {
            follow(&mut bench, author.posting_id(), me.posting_id());
        }
        if number > 1 {
            follow(&mut bench, author.posting_id(), other.posting_id());
        }
    }
    // The first writes most, the last one post; some are older than the follow, some newer.
    for number in 0..160_u64 {
        let by = match number {
            80 => &authors[3],
            _ if number % 7 == 0 => &authors[1],
            _ if number % 11 == 0 => &authors[2],
            _ if number % 13 == 0 => &me,
            _ => &authors[0],
        };
        let at = NOW.before(Duration::from_secs(80)).after(Duration::from_secs(number * 3 / 2));
        bench.take_in(&post(by, at));
    }
    let row = |bench: &mut Bench, id| bench.database.read(|read| read.find_author(id)).unwrap().unwrap();
    for (persona, follows) in [(&me, &authors[..3]), (&other, &authors[2..])] {
        let of = Feed::Of(row(&mut bench, persona.posting_id()));
        let is_theirs = |one: &FeedPost| {
            one.author == persona.posting_id() || follows.iter().any(|key| key.posting_id() == one.author)
        };
        for filter in [RowFilter::All, RowFilter::Unread] {
            let all = feed(&mut bench, Feed::Merged, PageStart::Newest, filter, 999);
            let expected: Vec<_> = all.iter().filter(|one| is_theirs(one)).map(|one| one.position).collect();
            assert!(!expected.is_empty());
            for limit in [1, 7, 50, 999] {
                let (mut older, mut start) = (Vec::new(), PageStart::Newest);
                loop {
                    let page = feed(&mut bench, of, start, filter, limit);
                    assert!(page.iter().all(|one| one.persona == Some(persona.posting_id())));
                    let Some(last) = page.last() else { break };
                    start = PageStart::Before(last.position);
                    older.extend(page.iter().map(|one| one.position));
                }
                assert_eq!(older, expected, "{filter:?}, pages of {limit}");
                let middle = expected[expected.len() / 2];
                let newer = feed(&mut bench, of, PageStart::After(middle), filter, limit);
                let newer: Vec<_> = newer.iter().map(|one| one.position).collect();
                let above = &expected[..expected.len() / 2];
                let nearest = &above[above.len().saturating_sub(usize::try_from(limit).unwrap())..];
                assert_eq!(newer, nearest, "{filter:?}, {limit} newer ones");
            }
            let unread = bench.database.read(|read| read.count_unread(of)).unwrap();
            if filter == RowFilter::Unread {
                assert_eq!(unread, u64::try_from(expected.len()).unwrap());
            }
        }
    }
    // In the whole feed the default persona stands for what both follow.
    let whole = feed(&mut bench, Feed::Merged, PageStart::Newest, RowFilter::All, 999);
    for one in &whole {
        let only_others = one.author == authors[3].posting_id();
        let expected = if only_others { &other } else { &me };
        assert_eq!(one.persona, Some(expected.posting_id()));
    }
    bench.command(Command::Unfollow { author: authors[3].posting_id(), persona: None }).unwrap();
    let whole = feed(&mut bench, Feed::Merged, PageStart::Newest, RowFilter::All, 999);
    assert!(whole.iter().any(|one| one.persona.is_none()), "nobody follows its author any more");
}

#[test]
fn what_stood_in_the_clear_is_taken_over_once_the_key_is_known() {
    let mut database = Database::of_dump(include_str!("../../../../tests/databases/1.sql")).unwrap();
    let clear = database.read(|read| read.clear_book()).unwrap();
    assert_eq!((clear.personas.len(), clear.follows.len()), (1, 1));
    let mut bench = Bench::over(database);
    assert_eq!(bench.database.read(|read| read.clear_book()).unwrap(), clear, "a locked start leaves it");
    bench.unlock(&[]);
    assert_eq!(bench.database.read(|read| read.clear_book()).unwrap(), Book::default());
    assert_eq!(bench.database.read(|read| read.book()).unwrap(), clear);
    bench.restart();
    assert_eq!(bench.database.read(|read| read.book()).unwrap(), clear);
    assert!(counts_are_right(&mut bench));
}
