//! A long talk below the newest post of a store. The same number of comments is always the same talk. Signatures are
//! zeros, since nothing verifies what it reads from its own disk.

use std::path::Path;

use anyhow::{Context, Result};
use itsgoin::db::comments::{NewComment, State};
use itsgoin::db::operations::ActionCode;
use itsgoin::db::timeline::{Feed, FeedPost, Mark, PageStart, RowFilter};
use itsgoin::db::{Author, Database, DbError, Durability, Write};
use itsgoin::domain::envelope::{Content, Envelope, Kind};
use itsgoin::domain::ids::ObjectId;
use itsgoin::domain::operation::{Action, Operation, Target};
use itsgoin::domain::time::Timestamp;
use itsgoin::node::data_dir::DataDir;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::data::{AUTHORS, author_key, text};

/// Of so many comments one answers the post, the others what was said lately.
const ROOTS: u32 = 12;
/// How far back 'lately' is.
const RECENT: usize = 40;
/// Of so many comments one was not read.
const UNREAD: u32 = 5;
/// Time between two comments.
const SPACING_MS: i64 = 1_000;

/// Puts so many comments below the newest post of a data directory that may be written to.
pub fn put(path: &Path, comments: u32) -> Result<()> {
    let data_dir = DataDir::open(path)?;
    let mut database = Database::open(&data_dir.database_path(), &[0; 32])?;
    database
        .transaction(Durability::Normal, |batch| {
            batch.step(|store| {
                let newest = store.list_feed(Feed::Merged, PageStart::Newest, RowFilter::All, 1)?;
                newest.first().map(|post| insert(store, post, comments)).transpose()
            })
        })?
        .context("the store has no post")
}

fn insert(store: &Write<'_>, post: &FeedPost, comments: u32) -> Result<(), DbError> {
    let key = store.find_object(post.position.post_id)?.expect("a post of the feed is stored");
    let target = Target { post: post.position.post_id, author: post.author, operation: None };
    let post_author = store.intern_author(post.author)?;
    let mut rng = StdRng::seed_from_u64(u64::from(comments));
    let mut said: Vec<(ObjectId, Author)> = Vec::new();
    for number in 0..comments {
        let writer = author_key(number % AUTHORS);
        let author = store.intern_author(writer.posting_id())?;
        let answered = said.iter().rev().take(RECENT).nth(rng.random_range(0..RECENT)).copied();
        let answered = answered.filter(|_| !number.is_multiple_of(ROOTS));
        let parent = answered.map(|(comment, _)| comment);
        let created = Timestamp::from_millis(post.position.sort.as_millis() + SPACING_MS * i64::from(number));
        let action = Action::Comment(text(&mut rng));
        let operation =
            Operation::new(writer.posting_id(), created, Target { operation: parent, ..target }, action);
        let operation = operation.expect("the texts here are good ones");
        let envelope = Envelope { kind: Kind::Operation, bytes: operation.encode(), signature: [0; 64] };
        let operation_id = envelope.id();
        let object = store.insert_object(operation_id, &envelope, author, created, created)?;
        let object = object.expect("every comment has its own time");
        store.insert_operation(object, key, parent.unwrap_or(target.post), author, ActionCode::Comment)?;
        store.insert_comment(&NewComment {
            operation_id,
            post: key,
            parent,
            author,
            created,
            received: created,
            object: Some(object),
            state: State::Shown,
            mark: if number.is_multiple_of(UNREAD) { Mark::Unread } else { Mark::Read },
            answered: Some(answered.map_or(post_author, |(_, author)| author)),
        })?;
        store.insert_arrival(post_author, object, Kind::Operation)?;
        said.push((operation_id, author));
    }
    Ok(())
}
