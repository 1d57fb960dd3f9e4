//! Every schema that was ever released, as a dump of a store that was in use: it must be taken over, and afterwards
//! look like a new one.

use super::*;
use crate::db::timeline::{Feed, PageStart, RowFilter};
use crate::domain::envelope::Object;

/// By schema version, beginning with 1.
const DUMPS: &[&str] = &[include_str!("../../tests/databases/1.sql")];

/// Schemas of this program that no release has yet.
const UNRELEASED: usize = 4;

/// Tables and indices with their statements, white space made equal.
fn schema(store: &mut Database) -> Vec<String> {
    let words = |sql: String| sql.split_whitespace().collect::<Vec<_>>().join(" ");
    let list = |read: Read<'_>| {
        read.list("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name", [], |row| row.get(0))
    };
    store.read(list).unwrap().into_iter().map(words).collect()
}

#[test]
fn every_released_schema_is_taken_over_and_looks_like_a_new_one() {
    assert_eq!(DUMPS.len() + UNRELEASED, SCHEMA_VERSION, "a released schema is missing here");
    let mut new = Database::in_memory(&[0; 32]).unwrap();
    for dump in DUMPS {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("itsgoin.db");
        rusqlite::Connection::open(&path).unwrap().execute_batch(dump).unwrap();
        let mut store = Database::open(&path, &[0; 32]).unwrap();
        assert_eq!(schema(&mut store), schema(&mut new));
        assert_eq!(store.read(|read| read.list_follows(9)).unwrap(), [], "nobody showed it the book");
        store.read(|read| read.show_book(&read.clear_book()?)).unwrap();
        let feed = |read: Read<'_>| read.list_feed(Feed::Merged, PageStart::Newest, RowFilter::All, 9);
        let posts = store.read(feed).unwrap();
        let names: Vec<_> = posts.iter().map(|post| post.author_name.as_deref()).collect();
        assert_eq!(names, [Some("ana"), Some("ana")]);
        for post in posts {
            let envelope = store
                .read::<_, DbError>(|read| {
                    let key = read.find_object(post.position.post_id)?;
                    read.get_envelope(key.ok_or(DbError::MissingRow { table: "objects" })?)
                })
                .unwrap();
            assert!(matches!(Object::verify(envelope), Ok(Object::Post(_))));
        }
        assert_eq!(store.read(|read| read.list_follows(9)).unwrap().len(), 1);
    }
}
