//! Plans of the hot queries, cursors and refusals.

use super::open::Durability;
use super::peers::AddressSource;
use super::protected::Protected;
use super::timeline::{Direction, Feed, PageStart, RowFilter, Way};
use super::*;
use crate::domain::envelope::Kind;
use crate::domain::ids::NetworkId;

fn store() -> Database {
    Database::in_memory(&[7; 32]).unwrap()
}

#[test]
fn feed_pages_are_range_scans_without_sorting() {
    let mut store = store();
    for direction in [Direction::Older, Direction::Newer] {
        for filter in [RowFilter::All, RowFilter::Unread] {
            let [page, line] = store.read(|read| read.explain_feed(Way { direction, filter })).unwrap();
            assert!(page.starts_with("SEARCH timeline USING"), "{page}");
            assert!(page.contains("((sort_ms,post_id)"), "{page}");
            assert_eq!(page.contains("timeline_unread"), filter == RowFilter::Unread, "{page}");
            // The follows of one author are sorted, in memory, by the order of my personas.
            let sorts = page.matches("TEMP B-TREE").count();
            assert!(sorts <= 1, "{page}");
            assert!(line.starts_with("SEARCH timeline USING COVERING INDEX timeline_"), "{line}");
            assert!(line.contains("(author=? AND (sort_ms,post_id)"), "{line}");
            assert!(!line.contains("TEMP B-TREE"), "{line}");
        }
    }
}

/// How a statement is run.
fn plan(store: &mut Database, sql: &str, params: &[&dyn rusqlite::ToSql]) -> String {
    let explain = format!("EXPLAIN QUERY PLAN {sql}");
    let steps: Vec<String> =
        store.read::<_, DbError>(|read| read.list(&explain, params, |row| row.get(3))).unwrap();
    steps.join("\n")
}

#[test]
fn sealed_posts_are_found_by_scans_of_their_narrow_log_and_single_tags_by_index() {
    let mut store = store();
    for scan in [sealed::LIST_SEALED, sealed::LIST_SEALED_TAGS] {
        let plan = plan(&mut store, scan, &[&0, &9, &7]);
        assert_eq!(plan, "SEARCH sealed_log USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)");
    }
    let exact = plan(&mut store, sealed::LIST_SEALED_FOR, &[&[0_u8; 32], &0, &9, &7]);
    assert!(exact.starts_with("SEARCH sealed_tags USING PRIMARY KEY (tag=? AND seq>? AND seq<?)"), "{exact}");
    assert!(exact.contains("SEARCH sealed_log USING INTEGER PRIMARY KEY"), "{exact}");
    assert!(!exact.contains("TEMP B-TREE"), "{exact}");
    let expired = plan(&mut store, sealed::EXPIRED_SEALED, &[&0, &7]);
    assert!(expired.starts_with("SEARCH sealed_log USING INDEX sealed_by_day"), "{expired}");
    assert!(!expired.contains("TEMP B-TREE"), "{expired}");
    let authors = plan(&mut store, arrivals::LIST_ARRIVALS, &[&1, &0, &9, &7]);
    assert!(authors.starts_with("SEARCH arrivals USING COVERING INDEX arrivals_by_author"), "{authors}");
    assert!(!authors.contains("TEMP B-TREE"), "{authors}");
}

#[test]
fn what_makes_room_is_found_by_index_without_sorting() {
    let mut store = store();
    let largest = plan(&mut store, space::LARGEST_STRANGERS, &[&8]);
    assert!(largest.contains("authors_by_bytes") && !largest.contains("TEMP B-TREE"), "{largest}");
    let oldest = plan(&mut store, space::OLDEST_POSTS, &[&1, &8]);
    assert!(oldest.starts_with("SEARCH arrivals USING COVERING INDEX arrivals_by_author"), "{oldest}");
    assert!(oldest.contains("SEARCH objects USING INTEGER PRIMARY KEY"), "{oldest}");
    assert!(!oldest.contains("TEMP B-TREE"), "{oldest}");
}

#[test]
fn the_profile_of_a_posting_id_is_found_by_three_point_reads() {
    let plan = plan(&mut store(), profiles::FIND_PROFILE_ID, &[&[1_u8; 32]]);
    let searches = plan.lines().filter(|line| line.starts_with("SEARCH")).count();
    assert_eq!((searches, plan.contains("SCAN")), (3, false), "{plan}");
}

#[test]
fn the_seats_of_a_peer_are_found_by_index() {
    let plan = plan(&mut store(), holders::LIST_SEATED_AUTHORS, &[&1]);
    assert!(plan.contains("author_seats_by_peer") && !plan.contains("TEMP B-TREE"), "{plan}");
}

#[test]
fn a_page_of_comments_is_a_range_scan_without_sorting() {
    let plan = store().read(|read| read.explain_comments(ObjectKey(1))).unwrap();
    assert!(plan.starts_with("SEARCH comments USING"), "{plan}");
    assert!(plan.contains("post=? AND (created_ms,operation_id)>"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{plan}");
}

#[test]
fn a_newer_or_foreign_file_is_refused_and_stays_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("newer.db");
    drop(Database::open(&path, &[1; 32]).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(
        Database::open(&path, &[1; 32]),
        Err(OpenError::Newer { found: 99, known: SCHEMA_VERSION })
    ));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let foreign = directory.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(Database::open(&foreign, &[1; 32]), Err(OpenError::Foreign)));

    let text = directory.path().join("text.db");
    std::fs::write(&text, "this is not a database, but long enough to be taken for one at first").unwrap();
    assert!(matches!(Database::open(&text, &[1; 32]), Err(OpenError::Damaged(_))));
}

#[test]
fn numbers_of_the_log_are_never_given_twice() {
    let mut store = store();
    let first = store
        .transaction(Durability::Normal, |batch| {
            batch.step(|write| {
                write.jump_arrivals()?;
                write.get_last_seq()
            })
        })
        .unwrap();
    assert_eq!(first.get(), crate::limits::UNCLEAN_JUMP);
    let second = store
        .transaction(Durability::Normal, |batch| {
            batch.step(|write| {
                let author = write.intern_author(crate::domain::ids::PostingId::from_bytes([1; 32]))?;
                write.insert_arrival(author, ObjectKey(1), Kind::Post)?;
                write.delete_arrival(ObjectKey(1))?;
                write.insert_arrival(author, ObjectKey(2), Kind::Post)?;
                write.get_last_seq()
            })
        })
        .unwrap();
    assert_eq!(second.get(), first.get() + 2);
}

#[test]
fn a_failed_step_leaves_nothing() {
    let mut store = store();
    let failed: Result<(), DbError> = store.transaction(Durability::Full, |batch| {
        batch.step(|write| write.replace_protected(Protected::Draft, &[1; 32], b"text"))?;
        Err(DbError::MissingRow { table: "planted" })
    });
    assert!(failed.is_err());
    assert_eq!(store.read(|read| read.find_protected(Protected::Draft, &[1; 32])).unwrap(), None);
}

#[test]
fn a_peer_with_a_new_epoch_is_read_from_the_start() {
    let mut store = store();
    store
        .transaction(Durability::Normal, |batch| {
            batch.step(|write| {
                let address = crate::domain::address::PeerAddress::of(NetworkId::from_bytes([2; 32]));
                let peer = write.insert_peer(
                    &address,
                    crate::domain::time::Timestamp::ZERO,
                    AddressSource::Reached,
                )?;
                let author = write.intern_author(crate::domain::ids::PostingId::from_bytes([1; 32]))?;
                let five = crate::domain::log::Seq::new(5).unwrap();
                write.replace_epoch(peer, [1; 16])?;
                write.replace_cursor(peer, author, five)?;
                write.replace_epoch(peer, [1; 16])?;
                assert_eq!(write.get_cursor(peer, author)?, five);
                write.replace_epoch(peer, [2; 16])?;
                assert_eq!(write.get_cursor(peer, author)?, crate::domain::log::Seq::START);
                Ok(())
            })
        })
        .unwrap();
}

#[test]
fn no_value_makes_statements_be_prepared_anew() {
    let mut store = store();
    let persona = store
        .transaction(Durability::Normal, |batch| {
            batch.step(|write| write.intern_author(crate::domain::ids::PostingId::from_bytes([1; 32])))
        })
        .unwrap();
    for (feed, limit) in [(Feed::Merged, 50), (Feed::Of(persona), 51), (Feed::Merged, 1)] {
        for filter in [RowFilter::All, RowFilter::Unread] {
            let prepared = store.read(|read| {
                read.list_feed(feed, PageStart::Newest, filter, limit)?;
                read.list_feed(feed, PageStart::Newest, filter, limit)?;
                read.count_feed_preparations(Way { direction: Direction::Older, filter })
            });
            assert_eq!(prepared.unwrap(), 0, "{feed:?} {filter:?}");
        }
    }
    let prepared = store.read(|read| {
        for author in 1..5 {
            let start = crate::domain::log::Seq::START;
            read.list_arrivals(Author(author), start, start, 7)?;
        }
        Ok::<_, DbError>(
            read.statement(arrivals::LIST_ARRIVALS)?.get_status(rusqlite::StatementStatus::RePrepare),
        )
    });
    assert_eq!(prepared.unwrap(), 0);
}

#[test]
fn only_cursors_that_stand_where_the_pull_began_move() {
    let mut store = store();
    store
        .transaction(Durability::Normal, |batch| {
            batch.step(|write| {
                let address = crate::domain::address::PeerAddress::of(NetworkId::from_bytes([2; 32]));
                let peer = write.insert_peer(
                    &address,
                    crate::domain::time::Timestamp::ZERO,
                    AddressSource::Reached,
                )?;
                let seq = |number| crate::domain::log::Seq::new(number).unwrap();
                let authors: Vec<Author> = (1..=4).map(Author).collect();
                write.move_cursors(peer, &authors[..3], seq(0), seq(5))?;
                write.replace_cursor(peer, authors[1], seq(7))?;
                write.move_cursors(peer, &authors[1..], seq(0), seq(6))?;
                write.move_cursors(peer, &authors, seq(5), seq(9))?;
                let found: Vec<u64> = authors
                    .iter()
                    .map(|author| Ok(write.get_cursor(peer, *author)?.get()))
                    .collect::<Result<_, DbError>>()?;
                assert_eq!(found, [9, 7, 9, 6]);
                Ok(())
            })
        })
        .unwrap();
}
