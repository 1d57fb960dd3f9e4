//! Rows about blobs: what they protect, when they go, and how the hot questions are answered.

use super::blobs::{BlobState, FIND_SERVABLE, FIND_USED, LIST_PROTECTED, LIST_USED, LIST_WANTED, StoredBlob};
use super::*;
use crate::domain::envelope::{Envelope, Kind};
use crate::domain::ids::{BlobHash, NetworkId, ObjectId, PostingId};
use crate::domain::time::Timestamp;
use crate::limits::BLOB_SOURCES;

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn write<T>(store: &mut Database, step: impl FnOnce(&Write<'_>) -> Result<T, DbError>) -> T {
    store.transaction(Durability::Normal, |batch| batch.step(step)).unwrap()
}

fn hash(number: u8) -> BlobHash {
    BlobHash::from_bytes([number; 32])
}

/// A stored post that does not stand in the log yet.
fn post(write: &Write<'_>, number: u8) -> Result<(Author, ObjectKey), DbError> {
    let author = write.intern_author(PostingId::from_bytes([9; 32]))?;
    let envelope = Envelope { kind: Kind::Post, bytes: vec![number], signature: [0; 64] };
    let key = write.insert_object(ObjectId::from_bytes([number; 32]), &envelope, author, NOW, NOW)?;
    Ok((author, key.ok_or(DbError::MissingRow { table: "objects" })?))
}

fn name(write: &Write<'_>, object: ObjectKey, number: u8, state: BlobState) -> Result<StoredBlob, DbError> {
    write.insert_blob_use(object, u32::from(number), (hash(number), 100), state, NOW)
}

#[test]
fn only_whole_blobs_that_a_post_in_the_log_names_are_served() {
    let mut store = Database::in_memory(&[0; 32]).unwrap();
    let servable = |store: &mut Database| store.read(|read| read.find_servable_blob(hash(1))).unwrap();
    let is_servable = |store: &mut Database| servable(store).is_some();
    assert!(!is_servable(&mut store), "nobody names it");
    let (author, object, blob) = write(&mut store, |write| {
        let (author, object) = post(write, 1)?;
        Ok((author, object, name(write, object, 1, BlobState::Complete)?))
    });
    assert!(!is_servable(&mut store), "its post is not in the log");
    write(&mut store, |write| write.insert_arrival(author, object, Kind::Post));
    assert!(is_servable(&mut store));
    write(&mut store, |write| write.update_blob(blob.key, BlobState::Doubtful, 50));
    assert_eq!(servable(&mut store).unwrap().state, BlobState::Doubtful, "after a second look");
    for state in [BlobState::Wanted, BlobState::Partial, BlobState::Damaged] {
        write(&mut store, |write| write.update_blob(blob.key, state, 50));
        assert!(!is_servable(&mut store), "{state:?}");
    }
}

#[test]
fn a_row_goes_with_the_last_post_that_names_it() {
    let mut store = Database::in_memory(&[0; 32]).unwrap();
    let (first, second) = write(&mut store, |write| {
        let ((_, first), (_, second)) = (post(write, 1)?, post(write, 2)?);
        for object in [first, second] {
            name(write, object, 1, BlobState::Complete)?;
        }
        let only_first = name(write, first, 2, BlobState::Wanted)?;
        write.insert_blob_source(only_first.key, NetworkId::from_bytes([1; 32]), NOW)?;
        Ok((first, second))
    });
    let protected = |store: &mut Database| {
        let mut hashes = store.read(|read| read.list_protected_blobs()).unwrap();
        hashes.sort_unstable();
        hashes
    };
    assert_eq!(protected(&mut store), [hash(1), hash(2)]);
    assert_eq!(write(&mut store, |write| write.delete_blob_uses(first)), [hash(2)]);
    assert_eq!(protected(&mut store), [hash(1)]);
    assert_eq!(write(&mut store, |write| write.delete_blob_uses(second)), [hash(1)]);
    assert!(protected(&mut store).is_empty());
    let left: i64 =
        store.read(|read| read.get("SELECT count(*) FROM blob_sources", [], |row| row.get(0))).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn two_sizes_claimed_for_a_hash_are_two_blobs() {
    let mut store = Database::in_memory(&[0; 32]).unwrap();
    let (honest, false_one) = write(&mut store, |write| {
        let ((_, first), (_, second)) = (post(write, 1)?, post(write, 2)?);
        let false_one = write.insert_blob_use(first, 0, (hash(1), 7), BlobState::Wanted, NOW)?;
        Ok((name(write, second, 1, BlobState::Complete)?, false_one))
    });
    assert_ne!(honest.key, false_one.key);
    let states = |store: &mut Database| {
        let rows = store.read(|read| read.list_blobs_with(hash(1))).unwrap();
        rows.iter().map(|blob| (blob.size_bytes, blob.state)).collect::<Vec<_>>()
    };
    assert_eq!(states(&mut store), [(7, BlobState::Wanted), (100, BlobState::Complete)]);
}

#[test]
fn what_is_wanted_once_stays_wanted_and_what_is_here_stays_here() {
    let mut store = Database::in_memory(&[0; 32]).unwrap();
    write(&mut store, |write| {
        let ((_, first), (_, second)) = (post(write, 1)?, post(write, 2)?);
        assert_eq!(name(write, first, 1, BlobState::Absent)?.state, BlobState::Absent);
        assert_eq!(name(write, second, 1, BlobState::Wanted)?.state, BlobState::Wanted);
        assert_eq!(name(write, first, 1, BlobState::Absent)?.state, BlobState::Wanted);
        assert_eq!(name(write, first, 1, BlobState::Complete)?.state, BlobState::Complete);
        assert_eq!(name(write, second, 1, BlobState::Wanted)?.state, BlobState::Complete);
        Ok(())
    });
}

#[test]
fn what_was_completed_in_a_run_that_did_not_end_in_order_is_looked_at_again() {
    let mut store = Database::in_memory(&[0; 32]).unwrap();
    let state = |store: &mut Database, number| {
        store.read(|read| read.list_blobs_with(hash(number))).unwrap().first().map(|blob| blob.state)
    };
    write(&mut store, |write| {
        let (_, object) = post(write, 1)?;
        name(write, object, 1, BlobState::Complete)?;
        write.trust_fresh_blobs()?;
        name(write, object, 2, BlobState::Complete)?;
        assert_eq!(write.doubt_fresh_blobs()?, 1);
        Ok(())
    });
    assert_eq!(state(&mut store, 1), Some(BlobState::Complete), "the run in which it came ended in order");
    assert_eq!(state(&mut store, 2), Some(BlobState::Doubtful));
    assert_eq!(
        store.read(|read| read.list_protected_blobs()).unwrap().len(),
        2,
        "no sweep takes it meanwhile"
    );
}

#[test]
fn few_sources_are_remembered_the_newest_ones() {
    let mut store = Database::in_memory(&[0; 32]).unwrap();
    let most = u8::try_from(BLOB_SOURCES).unwrap();
    let blob = write(&mut store, |write| {
        let (_, object) = post(write, 1)?;
        let blob = name(write, object, 1, BlobState::Wanted)?;
        for number in 0..=most {
            let seen = Timestamp::from_millis(i64::from(number));
            write.insert_blob_source(blob.key, NetworkId::from_bytes([number; 32]), seen)?;
        }
        Ok(blob)
    });
    let sources = store.read(|read| read.list_blob_sources(blob.key)).unwrap();
    let newest: Vec<NetworkId> = (1..=most).rev().map(|number| NetworkId::from_bytes([number; 32])).collect();
    assert_eq!(sources, newest);
}

#[test]
fn hot_questions_about_blobs_are_answered_by_an_index() {
    let mut store = Database::in_memory(&[0; 32]).unwrap();
    let mut plan = |sql: &str, count: usize| {
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        let steps = store.read(|read| {
            let nulls = rusqlite::params_from_iter(std::iter::repeat_n(rusqlite::types::Null, count));
            read.list(&sql, nulls, |row| row.get::<_, String>(3))
        });
        steps.unwrap().join("\n")
    };
    let servable = plan(FIND_SERVABLE, 1);
    assert!(servable.contains("blobs USING INDEX sqlite_autoindex_blobs_1 (hash=?)"), "{servable}");
    assert!(servable.contains("blob_uses USING COVERING INDEX blob_uses_by_blob (blob=?)"), "{servable}");
    assert!(
        servable.contains("arrivals USING COVERING INDEX sqlite_autoindex_arrivals_1 (object=?)"),
        "{servable}"
    );
    let wanted = plan(LIST_WANTED, 2);
    assert!(wanted.contains("USING INDEX blobs_by_state (state=? AND blob>?)"), "{wanted}");
    let used = plan(LIST_USED, 1);
    assert!(used.contains("blob_uses USING PRIMARY KEY (object=?)"), "{used}");
    let protected = plan(LIST_PROTECTED, 0);
    assert!(protected.contains("USING COVERING INDEX blobs_by_state (state=?)"), "{protected}");
    let first_use = plan(FIND_USED, 1);
    assert!(first_use.contains("USING COVERING INDEX blob_uses_by_blob (blob=?)"), "{first_use}");
    for sql in [FIND_SERVABLE, LIST_WANTED, LIST_USED] {
        let count = sql.matches('?').count();
        assert!(!plan(sql, count).contains("TEMP B-TREE"), "{sql}");
    }
}
