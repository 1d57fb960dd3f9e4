//! Data directories as they look after months of use, made once under `target/bench-data` and kept.
//!
//! The same specification always gives the same posts. In a large store their signatures are zeros, since nothing
//! verifies what it reads from its own disk; those of a small one are real, so that another node can pull from it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use itsgoin::crypto::data_key::DataKey;
use itsgoin::crypto::keys::{NetworkKey, PostingKey};
use itsgoin::db::timeline::{FeedRow, Mark};
use itsgoin::db::{Author, Database, DbError, Durability, SCHEMA_VERSION, Write};
use itsgoin::domain::envelope::{Content, Envelope, Kind};
use itsgoin::domain::ordering::FeedPosition;
use itsgoin::domain::post::Post;
use itsgoin::domain::profile::Profile;
use itsgoin::domain::time::Timestamp;
use itsgoin::node::data_dir::DataDir;
use itsgoin::node::engine::keep_book;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Raised when the same specification gives other posts than before.
const FORMAT: u32 = 1;
/// People followed.
pub const AUTHORS: u32 = 200;
/// The second persona follows every tenth of them.
const SHARED: u32 = 10;
/// Time between two posts: a million of them are two years.
const SPACING_MS: i64 = 60_000;
/// Most posts a store has with signatures of their authors, which take 0.15 ms each.
const SIGNED_POSTS: u64 = 100_000;
/// Posts of one transaction while filling.
const BATCH: u64 = 10_000;
/// The text of the newest post, by which a screen that shows it is known.
pub const NEWEST_TEXT: &str = "This one is the newest of all.";

/// What a store holds.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// How many posts.
    pub posts: u64,
    /// How many of them, from the newest, were not opened.
    pub unread: u64,
}

impl Spec {
    fn name(&self) -> String {
        let Self { posts, unread } = self;
        format!("{posts}-posts-{unread}-unread-{FORMAT}.{SCHEMA_VERSION}")
    }
}

/// The moment after the newest post of every store.
pub const fn end() -> Timestamp {
    Timestamp::from_millis(1_793_000_000_000)
}

/// The key of somebody followed.
pub fn author_key(number: u32) -> PostingKey {
    PostingKey::from_secret(&secret("author", number))
}

/// The key of one of the two personas.
pub fn persona_key(number: u32) -> PostingKey {
    PostingKey::from_secret(&secret("persona", number))
}

/// The key of the node behind a store.
pub fn network_key(spec: &Spec) -> NetworkKey {
    NetworkKey::from_secret(&secret("network", posts(spec)))
}

fn posts(spec: &Spec) -> u32 {
    u32::try_from(spec.posts).expect("no store here has that many posts")
}

fn secret(what: &str, number: u32) -> [u8; 32] {
    *blake3::hash(format!("itsgoin bench {what} {number}").as_bytes()).as_bytes()
}

/// A copy that may be written to, gone with the value.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-data")
}

/// A copy of a store, on the same disk as the store itself.
pub fn copy(spec: &Spec) -> Result<Scratch> {
    let kept = kept(spec)?;
    let scratch = tempfile::Builder::new().prefix("scratch-").tempdir_in(home())?;
    copy_files(&kept, scratch.path())?;
    Ok(Scratch(scratch))
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy_files(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// The store of a specification, for reading only; made if it is not there.
pub fn kept(spec: &Spec) -> Result<PathBuf> {
    let path = home().join(spec.name());
    if !path.exists() {
        let part = path.with_extension("part");
        if part.exists() {
            fs::remove_dir_all(&part)?;
        }
        fs::create_dir_all(&part)?;
        fill(&part, spec).with_context(|| format!("filling {}", part.display()))?;
        fs::rename(&part, &path)?;
    }
    Ok(path)
}

/// Somebody whose posts are in the store.
struct Known {
    key: PostingKey,
    author: Author,
}

/// What every store is encrypted under.
pub fn data_key() -> DataKey {
    DataKey::from_secret(&[7; 32])
}

fn fill(path: &Path, spec: &Spec) -> Result<()> {
    let data_dir = DataDir::open(path)?;
    data_dir.network_key(|| network_key(spec))?;
    let (data_key, mut rng) = (data_key(), StdRng::seed_from_u64(7));
    data_dir.write_data_key(&data_key)?;
    for number in 0..2 {
        let key = persona_key(number);
        data_dir.stage_posting_key(&key, &data_key, &mut rng)?;
        data_dir.keep_posting_key(key.posting_id(), &data_key)?;
    }
    let mut database = Database::open(&data_dir.database_path(), &secret("epoch", posts(spec)))?;
    let begin = end().as_millis() - SPACING_MS * i64::try_from(spec.posts)?;
    let followed = end().as_millis() - SPACING_MS * i64::try_from(spec.unread)?;
    let people = database.transaction(Durability::Normal, |batch| {
        batch.step(|store| {
            let personas = insert_personas(store, Timestamp::from_millis(begin))?;
            let people = insert_people(store, &personas, Timestamp::from_millis(followed))?;
            keep_book(store, &data_key, &mut rng).map(drop)?;
            Ok(people)
        })
    })?;
    let mut rng = StdRng::seed_from_u64(spec.posts);
    let mut done = 0;
    while done < spec.posts {
        let until = spec.posts.min(done + BATCH);
        let posts: Vec<_> = (done..until)
            .map(|number| {
                let created = begin.saturating_add_unsigned(number * SPACING_MS.unsigned_abs());
                let newest = number + 1 == spec.posts;
                let mark = if number + spec.unread >= spec.posts { Mark::Unread } else { Mark::Read };
                let text = if newest { NEWEST_TEXT.to_owned() } else { text(&mut rng) };
                (somebody(&mut rng, &people), Timestamp::from_millis(created), mark, text)
            })
            .collect();
        database.transaction(Durability::Normal, |batch| {
            batch.step(|store| {
                for (known, created, mark, text) in posts {
                    insert_post(store, known, mark, sign(&known.key, created, text, spec.posts))?;
                }
                Ok(())
            })
        })?;
        done = until;
    }
    Ok(())
}

fn insert_personas(store: &Write<'_>, created: Timestamp) -> Result<Vec<Author>, DbError> {
    for (number, name) in (0..).zip(["ana", "bea"]) {
        let key = persona_key(number);
        let author = store.intern_author(key.posting_id())?;
        store.insert_persona(author, name)?;
        insert_profile(store, &key, author, name, created)?;
    }
    Ok(store.list_personas()?.iter().map(|persona| persona.author).collect())
}

fn insert_people(store: &Write<'_>, personas: &[Author], followed: Timestamp) -> Result<Vec<Known>, DbError> {
    let mut people = Vec::new();
    for number in 0..AUTHORS {
        let key = author_key(number);
        let author = store.intern_author(key.posting_id())?;
        insert_profile(store, &key, author, &format!("person {number}"), followed)?;
        let share = if number % SHARED == 0 { personas.len() } else { 1 };
        for persona in personas.iter().take(share) {
            store.insert_follow(*persona, author, "", followed)?;
        }
        people.push(Known { key, author });
    }
    Ok(people)
}

fn insert_profile(
    store: &Write<'_>,
    key: &PostingKey,
    author: Author,
    name: &str,
    created: Timestamp,
) -> Result<(), DbError> {
    let sequence = created.as_millis().unsigned_abs();
    let profile = Profile::new(key.posting_id(), created, sequence, name.to_owned());
    let signed = key.sign(&profile.expect("the names here are good ones"));
    let object = store.insert_object(signed.id(), signed.envelope(), author, created, created)?;
    let object = object.expect("every profile is another");
    store.insert_arrival(author, object, Kind::Profile)?;
    store.replace_profile(author, sequence, object, name)
}

/// A post with its envelope.
fn sign(key: &PostingKey, created: Timestamp, text: String, posts: u64) -> (Timestamp, Envelope) {
    let post = Post::new(key.posting_id(), created, text).expect("the texts here are good ones");
    let envelope = if posts <= SIGNED_POSTS {
        key.sign(&post).envelope().clone()
    } else {
        Envelope { kind: Kind::Post, bytes: post.encode(), signature: [0; 64] }
    };
    (created, envelope)
}

fn insert_post(
    store: &Write<'_>,
    known: &Known,
    mark: Mark,
    (created, envelope): (Timestamp, Envelope),
) -> Result<(), DbError> {
    let id = envelope.id();
    let object = store.insert_object(id, &envelope, known.author, created, created)?;
    let object = object.expect("every post has its own time");
    store.insert_arrival(known.author, object, Kind::Post)?;
    let position = FeedPosition::new(created, created, id);
    store.insert_feed_row(&FeedRow { position, object, author: known.author, mark })
}

/// Some write more than others: the lower of two dice.
fn somebody<'a>(rng: &mut StdRng, people: &'a [Known]) -> &'a Known {
    let number = rng.random_range(0..people.len()).min(rng.random_range(0..people.len()));
    people.get(number).expect("the dice have as many sides as there are people")
}

const WORDS: &[&str] = &[
    "the",
    "a",
    "and",
    "of",
    "to",
    "in",
    "it",
    "is",
    "was",
    "on",
    "for",
    "with",
    "not",
    "but",
    "we",
    "you",
    "they",
    "morning",
    "river",
    "bridge",
    "garden",
    "bread",
    "coffee",
    "letter",
    "window",
    "train",
    "station",
    "friend",
    "mountain",
    "summer",
    "winter",
    "music",
    "story",
    "question",
    "answer",
    "kitchen",
    "street",
    "light",
    "rain",
    "walked",
    "found",
    "wrote",
    "heard",
    "opened",
    "closed",
    "remembered",
    "tomorrow",
    "yesterday",
    "quietly",
    "slowly",
    "again",
    "almost",
    "never",
    "always",
    "Zürich",
    "café",
    "naïve",
    "Dvořák",
    "東京",
    "🌿",
    "🎻",
];

/// A post's text: mostly a sentence or two, sometimes a page.
pub fn text(rng: &mut StdRng) -> String {
    let words = match rng.random_range(0..10_u32) {
        0..6 => rng.random_range(4..25_usize),
        6..9 => rng.random_range(25..80),
        _ => rng.random_range(80..300),
    };
    let mut text = String::new();
    for number in 0..words {
        let word = WORDS.get(rng.random_range(0..WORDS.len())).expect("the range ends with the list");
        let gap = if number > 0 && number % 40 == 0 { "\n\n" } else { " " };
        text.push_str(if number == 0 { "" } else { gap });
        text.push_str(word);
    }
    text.push('.');
    text
}
