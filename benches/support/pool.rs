//! What the recipient arm of a pull adds to the arm of authors, over a million posts and 125,000 sealed ones.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use itsgoin::crypto::data_key::DataKey;
use itsgoin::crypto::keys::PostingKey;
use itsgoin::db::introducers::Introducer;
use itsgoin::db::{Database, DbError, Durability};
use itsgoin::domain::address::PeerAddress;
use itsgoin::domain::envelope::{Content, Envelope, Kind, Object};
use itsgoin::domain::ids::{NetworkId, PostingId, RecipientTag};
use itsgoin::domain::log::Seq;
use itsgoin::domain::sealed::{SEALED_SIZES, SLOT, SLOTS, Sealed, day_of};
use itsgoin::domain::time::Timestamp;
use itsgoin::limits::{
    CONNECTIONS, POOL_BYTES, SEALED_DAYS, SEALED_EVERY, SPREAD_PEERS, STORED_OVERHEAD_BYTES,
};
use itsgoin::node::committer::Committer;
use itsgoin::node::engine::answer::Checked;
use itsgoin::node::engine::interest::InterestList;
use itsgoin::node::engine::{ConnectionId, Direction, Exchange, Faults, Input, Quotas, ReplyId, Setup};
use itsgoin::node::wire::{
    Epoch, Group, Hello, Message, Pull, Range, Recipients, Sending, Stage, encode_frame,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::support::data::{self, AUTHORS};
use super::support::figures::{Measure, now, number};
use super::{Bench, Figure, LARGE, NEW_ARRIVALS, answer_frame, database_of, open, them, timed, us};

/// Sealed posts of the large store, and a thousandth of them.
const SEALED_POSTS: u32 = 125_000;
const NEW_SEALED: u64 = 125;

/// Every figure of the pool; what needs no large store comes first.
pub fn measure(bench: &mut Bench) -> Result<()> {
    sealed_day(bench)?;
    sealed_life(bench)?;
    sealed_pulls(bench)
}

/// What sealed posts add to the same question.
fn sealed_pulls(bench: &mut Bench) -> Result<()> {
    let copy = data::copy(&LARGE)?;
    let exact = fill_pool(&database_of(copy.path()), SEALED_POSTS)?;
    let mut reader = open(copy.path())?.open_reader()?;
    let list = InterestList::new((0..AUTHORS).map(|number| data::author_key(number).posting_id()).collect());
    let (end, end_of_pool) =
        reader.read::<_, DbError>(|read| Ok((read.get_last_seq()?, read.get_last_sealed_seq()?)))?;
    let before = |end: Seq, new: u64| Seq::new(end.get() - new).context("the store is smaller than that");
    let (since, since_sealed) = (before(end, NEW_ARRIVALS)?, before(end_of_pool, NEW_SEALED)?);
    let with = |since, recipients| {
        let length = u16::try_from(list.ids().len()).expect("a list is short");
        let groups = vec![Group { since, ranges: vec![Range { start: 0, length }] }];
        let (hash, sending) = (list.hash(them(), us()), Sending::AtOnce);
        encode_frame(&Message::Pull(Pull { hash, groups, sending, recipients }))
    };
    let all = |since| Some(Recipients::everything(since));
    let cases = [
        (
            "pull, newest 0.1 %, with all sealed posts, none new (floor: authors alone)",
            since,
            all(end_of_pool),
        ),
        ("… newest 0.1 % of 125,000 sealed posts", since, all(since_sealed)),
        ("… of one tag (256 bits), none new", since, Some(Recipients::like(exact, 256, end_of_pool))),
        ("… of one tag, newest 0.1 %", since, Some(Recipients::like(exact, 256, since_sealed))),
        ("… of one tag, from the start", since, Some(Recipients::like(exact, 256, Seq::START))),
    ];
    let alone = with(since, None);
    for (name, since, recipients) in cases {
        let asked = with(since, recipients);
        let mut floor_reader = open(copy.path())?.open_reader()?;
        bench.compare(
            Figure::of(name, "≤ 1.1 ×"),
            || timed(|| answer_frame(&mut floor_reader, &list, &alone)),
            || timed(|| answer_frame(&mut reader, &list, &asked)),
        );
    }
    Ok(())
}

/// Puts so many sealed posts into a store; gives back a tag of the last one. Their signatures are zeros.
fn fill_pool(path: &Path, count: u32) -> Result<RecipientTag> {
    let mut database = Database::open(path, &[0; 32])?;
    let mut rng = StdRng::seed_from_u64(u64::from(count));
    let mut tag = None;
    let mut left = count;
    while left > 0 {
        let some = left.min(5_000);
        left -= some;
        database.transaction(Durability::Normal, |batch| {
            batch.step(|store| {
                for _ in 0..some {
                    let (mut slots, mut body) = ([[0; SLOT]; SLOTS], vec![0; Sealed::body_bytes(2_048)]);
                    for slot in &mut slots {
                        rng.fill_bytes(slot);
                    }
                    rng.fill_bytes(&mut body);
                    let mut author = [0; 32];
                    rng.fill_bytes(&mut author);
                    let author = PostingId::from_bytes(author);
                    let post =
                        Sealed::new(author, day_of(data::end()), &slots, &body).expect("the form is right");
                    let envelope = Envelope { kind: Kind::Sealed, bytes: post.encode(), signature: [0; 64] };
                    store.insert_sealed(envelope.id(), &post, &envelope, &Introducer::UNKNOWN)?;
                    tag = Some(post.tags()[0]);
                }
                Ok(())
            })
        })?;
    }
    tag.context("there is no sealed post")
}

/// Sealed posts made in a day, in a network of so many nodes with so many connections each.
const DAY_POSTS: u32 = 5_000;
const DAY_NODES: u64 = 1_000;
const DAY_PEERS: u64 = 8;
/// How often each size is among 64 posts.
const SIZES: [u32; SEALED_SIZES.len()] = [52, 8, 3, 1];
/// Nodes on a stem, on average.
const STEM_NODES: u64 = 10;
/// Bytes of an offer, and of a question that finds nothing with its answer.
const OFFER_BYTES: u64 = 38;
const QUESTION_BYTES: u64 = 90;
/// A packet around a frame with its acknowledgement, as in docs/spread.md.
const PACKET_BYTES: u64 = 120;

/// The sizes of 64 posts, again and again.
fn sealed_size(number: u32) -> usize {
    let mut place = number % SIZES.iter().sum::<u32>();
    for (size, count) in SEALED_SIZES.into_iter().zip(SIZES) {
        match place.checked_sub(count) {
            Some(further) => place = further,
            None => return size,
        }
    }
    SEALED_SIZES[0]
}

/// A sealed post of this day that holds nothing.
fn sealed_post(number: u32, made: Timestamp, rng: &mut StdRng) -> Result<Envelope> {
    let (mut slots, mut body) = ([[0; SLOT]; SLOTS], vec![0; Sealed::body_bytes(sealed_size(number))]);
    for slot in &mut slots {
        rng.fill_bytes(slot);
    }
    rng.fill_bytes(&mut body);
    let author = PostingKey::generate(rng);
    let post = Sealed::new(author.posting_id(), day_of(made), &slots, &body)?;
    Ok(author.sign(&post).envelope().clone())
}

/// What the pool costs a node that takes in, keeps and serves a day of it once: measured is the work with posts of the
/// usual sizes, counted are the bytes.
fn sealed_day(bench: &mut Bench) -> Result<()> {
    const SAMPLE: u32 = 320;
    let home = tempfile::tempdir()?;
    let path = home.path().join("pool.db");
    let mut database = Database::open(&path, &[0; 32])?;
    let mut rng = StdRng::seed_from_u64(1);
    let posts: Vec<Envelope> =
        (0..SAMPLE).map(|number| sealed_post(number, data::end(), &mut rng)).collect::<Result<_>>()?;
    let begun = now();
    let mut ids = std::collections::VecDeque::new();
    for page in posts.chunks(64) {
        database.transaction(Durability::Normal, |batch| {
            batch.step(|store| {
                for envelope in page {
                    let Ok(Object::Sealed(post)) = Object::verify(envelope.clone()) else { continue };
                    store.insert_sealed(post.id(), post.content(), envelope, &Introducer::UNKNOWN)?;
                    ids.push_back(post.id());
                }
                Ok(())
            })
        })?;
    }
    while !ids.is_empty() {
        let items = database.read(|read| itsgoin::node::engine::answer::next_items(read, &mut ids))?;
        std::hint::black_box(encode_frame(&Message::Items(items)));
    }
    let cpu = begun.elapsed().as_secs_f64() / f64::from(SAMPLE) * f64::from(DAY_POSTS);
    let mean: u64 = posts.iter().map(|post| u64::try_from(post.bytes.len()).unwrap_or(0)).sum::<u64>()
        / u64::from(SAMPLE);
    let pushed = STEM_NODES + u64::try_from(SPREAD_PEERS)?;
    // Each post comes once and goes once, is offered both ways, and is pushed by a few of all nodes.
    let copies = 2 * mean + 2 * DAY_PEERS * OFFER_BYTES + 2 * pushed * mean / DAY_NODES;
    let asked = 2 * DAY_PEERS * (86_400 / SEALED_EVERY.as_secs());
    let wire = u64::from(DAY_POSTS) * copies + asked * QUESTION_BYTES;
    let stored = u64::from(DAY_POSTS) * (mean + STORED_OVERHEAD_BYTES.unsigned_abs());
    let kept = (POOL_BYTES / stored).min(u64::from(SEALED_DAYS));
    for (name, value, unit) in [
        ("pool, 5,000 posts a day, 1,000 nodes, 8 peers: bytes a day, both ways", number(wire / 1_000), "kB"),
        (
            "… of these, questions and answers that bring nothing",
            number(asked * QUESTION_BYTES / 1_000),
            "kB",
        ),
        ("… packets around questions and answers", number(asked * 2 * PACKET_BYTES / 1_000), "kB"),
        ("… time to verify, store and serve a day", cpu, "s"),
        ("… disk a day", number(stored / 1_000), "kB"),
        ("… kept for", number(kept), "days"),
    ] {
        bench.table.add(name, None, Measure::of(vec![value], unit), "");
    }
    Ok(())
}

/// Days that are lived through: longer than the pool has room for.
const LIFE_DAYS: u32 = 12;
/// Posts that come in one commit.
const TOGETHER: u32 = 2;

/// What the engine of a node makes of so many days of that, each post pushed by one of its peers: time, the file, how old the
/// oldest is that is still there.
fn sealed_life(bench: &mut Bench) -> Result<()> {
    let home = tempfile::tempdir()?;
    let path = home.path().join("life.db");
    let mut rng = StdRng::seed_from_u64(2);
    let mut time = data::end();
    let mut committer = node_with_peers(Database::open(&path, &[0; 32])?, time, &mut rng)?;
    let begun_at = time;
    let between = Duration::from_hours(24) / DAY_POSTS;
    let mut spent = Duration::ZERO;
    for first in (0..LIFE_DAYS * DAY_POSTS).step_by(usize::try_from(TOGETHER)?) {
        time = time.after(between * TOGETHER);
        let posts = (first..first + TOGETHER).map(|number| sealed_post(number, time, &mut rng));
        let posts = posts.collect::<Result<Vec<_>>>()?;
        // Who brings which is chance: else one peer would bring all the large ones, and they would be its only loss.
        let peers: Vec<u64> = posts.iter().map(|_| 1 + rng.next_u64() % DAY_PEERS).collect();
        let begun = now();
        let inputs = peers.into_iter().zip(posts).map(|(peer, envelope)| {
            let post =
                Box::new(Checked::Object(Object::verify(envelope).expect("it was signed a moment ago")));
            Input::SealedPushed { connection: ConnectionId(peer), stage: Stage::Spread, post }
        });
        committer.commit(inputs.collect(), time, &mut rng).expect("the store takes it");
        // What is looked through later has its turn.
        committer.commit(vec![Input::TimePassed], time.after(between), &mut rng).expect("the store takes it");
        spent += begun.elapsed();
    }
    drop(committer);
    let store = rusqlite::Connection::open(&path)?;
    let kept: u32 = store.query_row("SELECT count(*) FROM sealed_log", [], |row| row.get(0))?;
    let oldest: u32 = store.query_row("SELECT min(day) FROM sealed_log", [], |row| row.get(0))?;
    let pages: u32 = store.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let page: u32 = store.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    anyhow::ensure!(day_of(begun_at) < oldest, "the pool was never full");
    for (name, value, unit) in [
        (
            "pool, 12 days of 5,000 posts through the engine: time a day",
            spent.as_secs_f64() / f64::from(LIFE_DAYS),
            "s",
        ),
        ("… posts that are kept, in days of 5,000", f64::from(kept) / f64::from(DAY_POSTS), "days"),
        ("… age of the oldest one", f64::from(day_of(time) - oldest), "days"),
        ("… the file", number(u64::from(pages) * u64::from(page) / 1_000_000), "MB"),
    ] {
        bench.table.add(name, None, Measure::of(vec![value], unit), "");
    }
    Ok(())
}

/// A node with a persona, and peers that greeted it, each in a network of its own.
fn node_with_peers(database: Database, time: Timestamp, rng: &mut StdRng) -> Result<Committer> {
    let setup = Setup {
        data_key: Some(Arc::new(DataKey::from_secret(&[7; 32]))),
        network_id: us(),
        keys: vec![Arc::new(PostingKey::generate(rng))],
        connections: CONNECTIONS,
        quotas: Quotas::default(),
        exchange: Exchange::default(),
        decoys_per_hour: 0,
        faults: Faults::default(),
    };
    let mut committer = Committer::load(database, setup)?;
    committer.commit(vec![Input::Started], time, rng).expect("the store takes it");
    for number in 1..=DAY_PEERS {
        let peer = NetworkId::from_bytes([u8::try_from(number)? + 2; 32]);
        let sockets = vec![format!("20.{number}.0.1:4000").parse()?];
        let address = PeerAddress { sockets, ..PeerAddress::of(peer) };
        let (connection, direction) = (ConnectionId(number), Direction::Outbound);
        let hello = Hello { epoch: Epoch([1; 16]), features: 0, minute: time.as_minutes() };
        let hello =
            Input::RequestReceived { connection, reply: ReplyId(number), message: Message::Hello(hello) };
        let inputs = vec![Input::Connected { connection, peer, direction, address }, hello];
        committer.commit(inputs, time, rng).expect("the store takes it");
    }
    Ok(committer)
}
