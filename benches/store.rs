//! What the store costs: taking posts in, knowing what is here, pages of the feed, commits, answers to pulls.
//!
//! Every round does the floor's work and then ours, so that both see the same disk, caches and load; criterion
//! judges ours against the run before, and the table at the end sets it beside its floor. Run it with
//! `cargo bench --bench store`.

#[path = "support/pool.rs"]
mod pool;
mod support;

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::{Seek, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use criterion::{Criterion, SamplingMode};
use itsgoin::api::{Command, FeedAnchor, FeedFilter, FeedPage};
use itsgoin::crypto::keys::PostingKey;
use itsgoin::db::timeline::{Feed, FeedRow, Mark, PageStart, RowFilter};
use itsgoin::db::{Author, Database, DbError, Durability, objects::Have, protected::Protected};
use itsgoin::domain::address::PeerAddress;
use itsgoin::domain::envelope::{Content, Envelope, Kind, Object};
use itsgoin::domain::ids::{NetworkId, ObjectId, PostingId};
use itsgoin::domain::log::Seq;
use itsgoin::domain::ordering::FeedPosition;
use itsgoin::domain::post::Post;
use itsgoin::domain::time::Timestamp;
use itsgoin::node::committer::Committer;
use itsgoin::node::engine::answer::{
    PageBudget, PullAnswer, answer_pull, check_received, epoch_for, next_items, wanted,
};
use itsgoin::node::engine::interest::InterestList;
use itsgoin::node::engine::{
    CallId, ConnectionId, Delivery, Direction, Effect, Exchange, Faults, Input, PullEnd, PulledPage, Quotas,
    RequestId, Setup,
};
use itsgoin::node::engine::{QueryError, open_book};
use itsgoin::node::queries;
use itsgoin::node::wire::{
    Decoded, Epoch, Group, GroupEnd, HEADER_BYTES, Hello, Item, Message, Offer, Page, Pull, Range, Sending,
    encode_frame,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rusqlite::{Connection, OpenFlags};

use self::support::data::{self, AUTHORS, Spec};
use self::support::figures::{Measure, Table, now, number};

/// Posts of one page while catching up.
const GROUP: u32 = 64;
/// Posts of a page of the feed.
const PAGE: u32 = 50;
/// A thousandth of the large store: what the peer that pulls lacks.
const NEW_ARRIVALS: u64 = 1_000;

const SMALL: Spec = Spec { posts: 10_000, unread: 500 };
const UNREAD: Spec = Spec { posts: 10_000, unread: 10_000 };
const LARGE: Spec = Spec { posts: 1_000_000, unread: 500 };

fn main() -> Result<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let mut bench = Bench { criterion: Criterion::default().configure_from_args(), table: Table::default() };
    pool::measure(&mut bench)?;
    ingest(&mut bench)?;
    duplicates(&mut bench)?;
    feed_pages(&mut bench, "10 thousand posts", &SMALL)?;
    feed_pages(&mut bench, "10 thousand posts, all unread", &UNREAD)?;
    feed_pages(&mut bench, "1 million posts", &LARGE)?;
    other_queries(&mut bench)?;
    commits(&mut bench)?;
    pulls(&mut bench)?;
    bench.criterion.final_summary();
    bench.table.print();
    Ok(())
}

struct Bench {
    criterion: Criterion,
    table: Table,
}

/// How a figure is taken.
#[derive(Clone, Copy)]
struct Figure {
    name: &'static str,
    goal: &'static str,
    /// How many pieces of work one round of the floor is.
    floor_pieces: u32,
    /// How many pieces of work one round of ours is.
    our_pieces: u32,
}

impl Figure {
    const fn of(name: &'static str, goal: &'static str) -> Self {
        Self { name, goal, floor_pieces: 1, our_pieces: 1 }
    }
}

impl Bench {
    /// Takes turns between the floor and ours. Each closure prepares what it needs and returns the time that counts.
    fn compare(
        &mut self,
        figure: Figure,
        mut floor: impl FnMut() -> Duration,
        mut ours: impl FnMut() -> Duration,
    ) {
        let (mut floors, mut others) = (Vec::new(), Vec::new());
        let mut group = self.criterion.benchmark_group("store");
        group.sampling_mode(SamplingMode::Flat).sample_size(20);
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
        group.bench_function(figure.name, |bencher| {
            bencher.iter_custom(|rounds| {
                let mut total = Duration::ZERO;
                for _ in 0..rounds {
                    floors.push(floor() / figure.floor_pieces);
                    let time = ours() / figure.our_pieces;
                    others.push(time);
                    total += time;
                }
                total
            });
        });
        group.finish();
        let (floor, ours) = (Measure::of_times(&floors), Measure::of_times(&others));
        self.table.add(figure.name, floor, ours, figure.goal);
    }
}

/// The time of one call.
fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let begun = now();
    black_box(work());
    begun.elapsed()
}

fn database_of(directory: &Path) -> std::path::PathBuf {
    directory.join("itsgoin.db")
}

fn open(directory: &Path) -> Result<Database> {
    Ok(Database::open(&database_of(directory), &[0; 32])?)
}

/// A connection that reads, as faces have it.
fn open_reader(directory: &Path) -> Result<Database> {
    let mut reader = open(directory)?.open_reader()?;
    reader.read(|read| read.show_book(&open_book(read, &data::data_key())?))?;
    Ok(reader)
}

fn open_bare(directory: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(database_of(directory), flags)?)
}

/// Taking posts in: what a page of a pull costs, what one live post costs, what a post of our own costs.
fn ingest(bench: &mut Bench) -> Result<()> {
    let (floor_copy, our_copy) = (data::copy(&LARGE)?, data::copy(&LARGE)?);
    let mut floor = Pieces::open(floor_copy.path())?;
    let mut node = Node::open(our_copy.path())?;
    let mut floor_posts = Writers::new(1);
    let mut our_posts = Writers::new(2);
    let grouped = Figure { floor_pieces: GROUP, ..Figure::of("", "") };

    bench.compare(
        Figure {
            name: "ingest, a page of 64 posts, per post",
            goal: "≤ 1.5 ×",
            our_pieces: GROUP,
            ..grouped
        },
        || floor.take_in(floor_posts.write(GROUP)),
        || node.pull(&our_posts.write(GROUP), More::Follows),
    );
    node.pull(&our_posts.write(1), More::End);
    bench.compare(
        Figure { name: "ingest, one live post with its news", goal: "≤ 3 ×", ..grouped },
        || floor.take_in(floor_posts.write(GROUP)),
        || {
            node.later();
            let news = node.news();
            news + node.pull(&our_posts.write(1), More::End)
        },
    );
    bench.compare(
        Figure::of("ingest, one live post with its news (floor: a group of one)", ""),
        || floor.take_in(floor_posts.write(1)),
        || {
            node.later();
            let news = node.news();
            news + node.pull(&our_posts.write(1), More::End)
        },
    );
    let persona = data::persona_key(0);
    let mut file = scratch_file(floor_copy.path())?;
    bench.compare(
        Figure::of("publishing a post of my own (floor: sign, write 4 KiB, sync)", ""),
        || timed(|| (sign(&persona, node_time(), "mine".to_owned()), write_synced(&mut file))),
        || {
            node.later();
            let text = "A post of my own.".to_owned();
            let command = Command::PublishPost { persona: None, text, draft: None };
            timed(|| node.commit(Input::CommandReceived { call: CallId(1), command }))
        },
    );
    Ok(())
}

fn node_time() -> Timestamp {
    data::end()
}

fn sign(key: &PostingKey, created: Timestamp, text: String) -> Envelope {
    let post = Post::new(key.posting_id(), created, text).expect("the texts here are good ones");
    key.sign(&post).envelope().clone()
}

/// Makes posts nobody has seen.
struct Writers {
    keys: Vec<PostingKey>,
    rng: StdRng,
    created: Timestamp,
}

impl Writers {
    fn new(seed: u64) -> Self {
        let keys = (0..AUTHORS).map(data::author_key).collect();
        Self { keys, rng: StdRng::seed_from_u64(seed), created: data::end() }
    }

    fn write(&mut self, count: u32) -> Vec<Envelope> {
        (0..count)
            .map(|_| {
                self.created = self.created.after(Duration::from_millis(1));
                let key = self.keys.get(self.rng.random_range(0..self.keys.len())).expect("in range");
                sign(key, self.created, data::text(&mut self.rng))
            })
            .collect()
    }
}

/// The floor of taking in: the pieces it cannot do without, in one loop, with everything known beforehand.
struct Pieces {
    database: Database,
    authors: std::collections::BTreeMap<PostingId, Author>,
}

impl Pieces {
    fn open(directory: &Path) -> Result<Self> {
        let mut database = open(directory)?;
        let authors = database.read(|read| {
            (0..AUTHORS)
                .map(|number| {
                    let id = data::author_key(number).posting_id();
                    Ok(read.find_author(id)?.map(|author| (id, author)))
                })
                .collect::<Result<Vec<_>, DbError>>()
        })?;
        Ok(Self { database, authors: authors.into_iter().flatten().collect() })
    }

    /// Decodes, hashes, verifies, and inserts into the four tables a post stands in.
    fn take_in(&mut self, envelopes: Vec<Envelope>) -> Duration {
        timed(|| {
            let verified = envelopes.into_iter().map(Object::verify).collect::<Result<Vec<_>, _>>();
            let objects = verified.expect("they were signed a moment ago");
            let inserted = self.database.transaction(Durability::Normal, |batch| {
                batch.step(|store| {
                    for object in &objects {
                        let Object::Post(post) = object else { continue };
                        let created = post.content().created();
                        let author = self.authors.get(&object.author()).copied();
                        let author = author.ok_or(DbError::MissingRow { table: "authors" })?;
                        let row =
                            store.insert_object(post.id(), post.envelope(), author, created, created)?;
                        let object = row.ok_or(DbError::MissingRow { table: "objects" })?;
                        store.insert_arrival(author, object, Kind::Post)?;
                        let position = FeedPosition::new(created, created, post.id());
                        store.insert_feed_row(&FeedRow { position, object, author, mark: Mark::Unread })?;
                    }
                    Ok(())
                })
            });
            inserted.expect("the store takes them");
        })
    }
}

/// Whether the peer has more for us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum More {
    Follows,
    End,
}

/// A node that pulls from a peer which exists only here: the same steps as the driver's, without the network.
struct Node {
    committer: Committer,
    reader: Database,
    rng: StdRng,
    now: Timestamp,
    epoch: Epoch,
    /// How far the peer's log goes.
    peer_log: u64,
    /// The pull that runs, and how many groups it asks for.
    running: Option<(RequestId, usize)>,
}

const CONNECTION: ConnectionId = ConnectionId(1);

fn us() -> NetworkId {
    NetworkId::from_bytes([1; 32])
}

fn them() -> NetworkId {
    NetworkId::from_bytes([2; 32])
}

impl Node {
    /// Greets the peer and has it accept the list, so that the first pull runs.
    fn open(directory: &Path) -> Result<Self> {
        let database = open(directory)?;
        let reader = database.open_reader()?;
        let keys = (0..2).map(|number| Arc::new(data::persona_key(number))).collect();
        let committer = Committer::load(
            database,
            Setup {
                data_key: Some(Arc::new(data::data_key())),
                network_id: us(),
                keys,
                connections: itsgoin::limits::CONNECTIONS,
                quotas: Quotas::default(),
                exchange: Exchange::default(),
                decoys_per_hour: 0,
                faults: Faults::default(),
            },
        )?;
        let epoch = epoch_for(&[3; 32], us());
        let rng = StdRng::seed_from_u64(4);
        let now = node_time().after(Duration::from_mins(1));
        let mut node = Self { committer, reader, rng, now, epoch, peer_log: 0, running: None };
        node.commit(Input::Started);
        let (peer, direction) = (them(), Direction::Outbound);
        let address = PeerAddress::of(peer);
        let asked = node.commit(Input::Connected { connection: CONNECTION, peer, direction, address });
        let hello = Message::Hello(Hello { epoch, features: 0, minute: node.now.as_minutes() });
        let asked = node.answer(&asked, &hello)?;
        let list = node.reader.read::<_, DbError>(|read| read.list_interest(usize::MAX))?;
        let list = InterestList::new(list.into_iter().map(|(id, _)| id).collect());
        node.answer(&asked, &Message::InterestAccepted(list.hash(us(), them())))?;
        ensure!(node.running.is_some(), "no pull was started");
        Ok(node)
    }

    /// Answers the request among these effects.
    fn answer(&mut self, effects: &[Effect], message: &Message) -> Result<Vec<Effect>> {
        let request = effects.iter().find_map(|effect| match effect {
            Effect::Request { request, .. } => Some(*request),
            _ => None,
        });
        let request = request.context("nothing was asked")?;
        let message = Some(message.clone());
        Ok(self.commit(Input::Answered { connection: CONNECTION, request, message }))
    }

    fn commit(&mut self, input: Input) -> Vec<Effect> {
        let effects = self.committer.commit(vec![input], self.now, &mut self.rng);
        let effects = effects.expect("the store takes it");
        for effect in &effects {
            if let Effect::Pull { request, pull, .. } = effect {
                self.running = Some((*request, pull.groups.len()));
            }
        }
        effects
    }

    fn later(&mut self) {
        self.now = self.now.after(Duration::from_secs(2));
    }

    /// The peer says that it has something: the pull that follows is started.
    fn news(&mut self) -> Duration {
        timed(|| self.commit(Input::PushReceived { connection: CONNECTION, message: Message::News }))
    }

    /// Receives a page with these posts: from the bytes of its frames to the commit.
    fn pull(&mut self, envelopes: &[Envelope], more: More) -> Duration {
        let (request, groups) = self.running.take().expect("a pull runs");
        let count = u64::try_from(envelopes.len()).expect("a page is small");
        self.peer_log += count;
        let done = Seq::new(self.peer_log).expect("the log is short");
        let end = match more {
            More::End => GroupEnd { upto: done, cut: None },
            More::Follows => GroupEnd { upto: Seq::new(self.peer_log * 2).expect("short"), cut: Some(done) },
        };
        let offers = envelopes.iter().map(|envelope| Offer { id: envelope.id(), size: size(envelope) });
        let page =
            Page { epoch: self.epoch, ends: vec![end; groups], offers: offers.collect(), sealed: None };
        let items = envelopes.iter().cloned().map(Item::from).collect();
        let (page, items) = (encode_frame(&Message::Page(page)), encode_frame(&Message::Items(items)));
        timed(|| {
            let (Message::Page(page), Message::Items(items)) = (decode(&page), decode(&items)) else {
                unreachable!("a page and its items were encoded");
            };
            let lacked = self.reader.read(|read| wanted(read, &page)).expect("the store answers");
            let checked = check_received(items, &page, &lacked);
            let Page { epoch, ends, offers, .. } = page;
            let (offered, delivery) = (offers.len(), Delivery::Whole);
            let page = PulledPage { epoch, ends, sealed: None, offered, items: checked, delivery };
            self.commit(Input::PullEnded { connection: CONNECTION, request, end: PullEnd::Page(page) })
        })
    }
}

fn size(envelope: &Envelope) -> u32 {
    u32::try_from(envelope.bytes.len()).expect("a post is small")
}

fn decode(frame: &[u8]) -> Message {
    let body = frame.get(HEADER_BYTES..).expect("a frame has a header");
    match Message::decode(body) {
        Ok(Decoded::Known(message)) => message,
        _ => unreachable!("it was encoded a moment ago"),
    }
}

/// Knowing what is here: before anything is asked for, and for what comes unasked with a small page.
fn duplicates(bench: &mut Bench) -> Result<()> {
    const OFFERS: u32 = 200;
    let directory = data::kept(&LARGE)?;
    let mut reader = open_reader(&directory)?;
    let bare = open_bare(&directory)?;
    let sample = stored_sample(&bare, OFFERS)?;
    let ids: Vec<ObjectId> = sample.iter().map(Envelope::id).collect();
    let missing: Vec<ObjectId> = (0..OFFERS).map(|number| ObjectId::of(&number.to_le_bytes())).collect();
    let page = |ids: &[ObjectId]| Page {
        sealed: None,
        epoch: Epoch([0; 16]),
        ends: Vec::new(),
        offers: ids.iter().map(|id| Offer { id: *id, size: 100 }).collect(),
    };
    let mut find = bare.prepare("SELECT object FROM objects WHERE object_id = ?1")?;
    let mut point_reads = |ids: &[ObjectId]| {
        timed(|| ids.iter().filter(|id| find.exists([id.as_bytes()]).expect("the store answers")).count())
    };
    for (name, ids) in [("have-check, an id that is here", &ids), ("have-check, an id that is not", &missing)]
    {
        let page = page(ids);
        bench.compare(
            Figure { floor_pieces: OFFERS, our_pieces: OFFERS, ..Figure::of(name, "") },
            || point_reads(ids),
            || timed(|| reader.read(|read| wanted(read, &page)).expect("the store answers")),
        );
    }
    let inline: Vec<Envelope> = sample.into_iter().take(3).collect();
    let ids: Vec<ObjectId> = inline.iter().map(Envelope::id).collect();
    let page = page(&ids);
    let frame = encode_frame(&Message::Items(inline.iter().cloned().map(Item::from).collect()));
    bench.compare(
        Figure {
            floor_pieces: 3,
            our_pieces: 3,
            ..Figure::of("a duplicate that came along, dropped (floor: point read)", "before verifying")
        },
        || point_reads(&ids),
        || {
            timed(|| {
                let Message::Items(items) = decode(&frame) else { unreachable!("items were encoded") };
                let lacked = reader.read(|read| wanted(read, &page)).expect("the store answers");
                check_received(items, &page, &lacked)
            })
        },
    );
    let here =
        reader.read(|read| ids.iter().map(|id| read.have(*id)).collect::<Result<Vec<_>, DbError>>())?;
    ensure!(here.iter().all(|have| *have == Have::Stored), "what was read from the store is in the store");
    Ok(())
}

/// Posts from all over the store.
fn stored_sample(bare: &Connection, count: u32) -> Result<Vec<Envelope>> {
    let last: u32 = bare.query_row("SELECT max(object) FROM objects", [], |row| row.get(0))?;
    let mut select = bare.prepare("SELECT bytes, signature FROM objects WHERE object = ?1")?;
    let mut rng = StdRng::seed_from_u64(5);
    (0..count)
        .map(|_| {
            // The first objects are profiles.
            let object = rng.random_range(2 + AUTHORS + 1..=last);
            let kind = Kind::Post;
            Ok(select.query_row([object], |row| {
                Ok(Envelope { kind, bytes: row.get(0)?, signature: row.get(1)? })
            })?)
        })
        .collect()
}

/// Pages of the feed, beside a bare read of the same rows of the timeline with their bytes.
fn feed_pages(bench: &mut Bench, size: &str, spec: &Spec) -> Result<()> {
    let directory = data::kept(spec)?;
    let mut reader = open_reader(&directory)?;
    let bare = open_bare(&directory)?;
    let middle = middle_of(&bare)?;
    let persona = data::persona_key(0).posting_id();
    let pages = [
        ("newest page", None, FeedAnchor::Newest),
        ("newest page of one persona", Some(persona), FeedAnchor::Newest),
        ("page in the middle", None, FeedAnchor::Before(middle)),
    ];
    for (what, persona, anchor) in pages {
        let name: &'static str = format!("feed, {size}, {what}").leak();
        let mut floor = BarePage::prepare(&bare)?;
        bench.compare(
            Figure::of(name, "≤ 0.12 ms, flat"),
            || timed(|| floor.read(anchor)),
            || timed(|| page_of(&mut reader, persona, anchor)),
        );
    }
    let name: &'static str = format!("feed, {size}, rows without their texts made safe").leak();
    let mut floor = BarePage::prepare(&bare)?;
    bench.compare(
        Figure::of(name, ""),
        || timed(|| floor.read(FeedAnchor::Newest)),
        || {
            timed(|| {
                let rows = |read: itsgoin::db::Read<'_>| {
                    read.list_feed(Feed::Merged, PageStart::Newest, RowFilter::All, PAGE + 1)
                };
                reader.read(rows).expect("the store answers")
            })
        },
    );
    Ok(())
}

fn page_of(reader: &mut Database, persona: Option<PostingId>, anchor: FeedAnchor) -> FeedPage {
    let page = reader.read(|read| queries::feed(read, persona, anchor, FeedFilter::All, PAGE));
    let page: Result<FeedPage, QueryError> = page;
    page.map_err(|_refused| "the store did not answer").expect("there is a feed")
}

fn middle_of(bare: &Connection) -> Result<FeedPosition> {
    let count: i64 = bare.query_row("SELECT count(*) FROM timeline", [], |row| row.get(0))?;
    let select = "SELECT sort_ms, post_id FROM timeline ORDER BY sort_ms LIMIT 1 OFFSET ?1";
    Ok(bare.query_row(select, [count / 2], |row| {
        let (sort, id): (i64, [u8; 32]) = (row.get(0)?, row.get(1)?);
        Ok(FeedPosition { sort: Timestamp::from_millis(sort), post_id: ObjectId::from_bytes(id) })
    })?)
}

/// The least a page of the feed can be: one range of the timeline, the bytes of its posts.
struct BarePage<'c>(rusqlite::Statement<'c>);

impl<'c> BarePage<'c> {
    fn prepare(bare: &'c Connection) -> Result<Self> {
        Ok(Self(bare.prepare(
            "SELECT timeline.sort_ms, timeline.post_id, timeline.unread, objects.bytes
             FROM timeline CROSS JOIN objects USING (object)
             WHERE (sort_ms, post_id) < (?1, ?2)
             ORDER BY sort_ms DESC, post_id DESC LIMIT ?3",
        )?))
    }

    fn read(&mut self, anchor: FeedAnchor) -> Vec<(i64, [u8; 32], i64, Vec<u8>)> {
        let (sort, id) = match anchor {
            FeedAnchor::Before(at) => (at.sort.as_millis(), *at.post_id.as_bytes()),
            FeedAnchor::Newest | FeedAnchor::After(_) => (i64::MAX, [0xff; 32]),
        };
        let rows = self
            .0
            .query_map((sort, id, PAGE + 1), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
        rows.and_then(Iterator::collect).expect("the store answers")
    }
}

/// What else the interface asks while it starts or when something changes.
fn other_queries(bench: &mut Bench) -> Result<()> {
    let directory = data::kept(&LARGE)?;
    let mut reader = open_reader(&directory)?;
    let bare = open_bare(&directory)?;
    let mut one = bare.prepare("SELECT udp_port FROM store")?;
    let mut point_read = || timed(|| one.query_row([], |row| row.get::<_, i64>(0)).expect("one row"));
    bench.compare(
        Figure::of("posts of the status, 1 million posts (floor: point read)", ""),
        &mut point_read,
        || timed(|| reader.read::<_, DbError>(|read| read.count_all_posts()).expect("the store answers")),
    );
    let middle = middle_of(&bare)?;
    bench.compare(
        Figure::of("next unread post, none is left, 1 million posts (floor: point read)", ""),
        &mut point_read,
        || {
            timed(|| {
                let rows = |read: itsgoin::db::Read<'_>| {
                    read.list_feed(Feed::Merged, PageStart::Before(middle), RowFilter::Unread, 2)
                };
                reader.read(rows).expect("the store answers")
            })
        },
    );
    bench.compare(
        Figure::of("people, 200 followed, 1 million posts (floor: point read)", ""),
        &mut point_read,
        || {
            timed(|| {
                let people = reader.read(queries::people);
                people.map_err(|_refused: QueryError| "no answer").expect("the store answers")
            })
        },
    );
    Ok(())
}

/// One small change, committed both ways.
fn commits(bench: &mut Bench) -> Result<()> {
    let copy = data::copy(&SMALL)?;
    let mut database = open(copy.path())?;
    let scratch = tempfile::tempdir_in(copy.path())?;
    let mut bare = Connection::open(scratch.path().join("bare.db"))?;
    bare.pragma_update(None, "journal_mode", "WAL")?;
    bare.execute_batch(
        "CREATE TABLE drafts (slot TEXT PRIMARY KEY, text TEXT, saved_ms INTEGER) WITHOUT ROWID",
    )?;
    let mut saved = 0_i64;
    let mut bare_commit = |bare: &mut Connection| {
        // A row that does not differ is not written.
        saved += 1;
        timed(|| {
            let transaction = bare.transaction().expect("a transaction");
            let insert = "INSERT OR REPLACE INTO drafts VALUES ('new_post', 'text', ?1)";
            transaction.prepare_cached(insert).and_then(|mut insert| insert.execute([saved])).expect("a row");
            transaction.commit().expect("a commit");
        })
    };
    let mut now = data::end();
    let mut commit = |durability| {
        now = now.after(Duration::from_millis(1));
        let value = now.as_millis().to_be_bytes();
        timed(|| {
            database
                .transaction(durability, |batch| {
                    batch.step(|store| store.replace_protected(Protected::Draft, &[1; 32], &value))
                })
                .expect("the store takes it");
        })
    };
    bare.pragma_update(None, "synchronous", "NORMAL")?;
    bench.compare(
        Figure::of("commit, NORMAL (floor: bare rusqlite)", ""),
        || bare_commit(&mut bare),
        || commit(Durability::Normal),
    );
    bare.pragma_update(None, "synchronous", "FULL")?;
    bench.compare(
        Figure::of("commit, FULL (floor: bare rusqlite)", ""),
        || bare_commit(&mut bare),
        || commit(Durability::Full),
    );
    let mut file = scratch_file(copy.path())?;
    bench.compare(
        Figure::of("commit, FULL (floor: write 4 KiB, sync)", ""),
        || timed(|| write_synced(&mut file)),
        || commit(Durability::Full),
    );
    Ok(())
}

fn scratch_file(directory: &Path) -> Result<File> {
    let path = directory.join("synced");
    Ok(OpenOptions::new().create(true).truncate(true).write(true).open(path)?)
}

fn write_synced(file: &mut File) {
    let written = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&[7; 4096]));
    written.and_then(|()| file.sync_data()).expect("the disk takes it");
}

/// What a peer gets that pulls from a node with a million posts.
fn pulls(bench: &mut Bench) -> Result<()> {
    let directory = data::kept(&LARGE)?;
    let mut reader = open_reader(&directory)?;
    let bare = open_bare(&directory)?;
    let list = InterestList::new((0..AUTHORS).map(|number| data::author_key(number).posting_id()).collect());
    let end_of_log = reader.read::<_, DbError>(|read| read.get_last_seq())?;
    let since = Seq::new(end_of_log.get() - NEW_ARRIVALS).context("the store is smaller than that")?;

    let mut last_seq = bare.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'arrivals'")?;
    let nothing = ask(&list, end_of_log);
    let answer = answer_frame(&mut reader, &list, &nothing);
    let both = number(u64::try_from(nothing.len() + answer.len())?);
    let bytes = Measure::of(vec![both], "B");
    bench.table.add("pull, nothing new: request and answer", None, bytes, "≤ 100 B");
    bench.compare(
        Figure::of("pull, nothing new: answering (floor: point read)", ""),
        || timed(|| last_seq.query_row([], |row| row.get::<_, i64>(0)).expect("one row")),
        || timed(|| answer_frame(&mut reader, &list, &nothing)),
    );

    let union = union_of_arms(&bare)?;
    let mut arms = bare.prepare(&union)?;
    let something = ask(&list, since);
    let Message::Page(page) = decode(&answer_frame(&mut reader, &list, &something)) else {
        unreachable!("the answer is a page")
    };
    let since_number = i64::try_from(since.get())?;
    let floor_rows = newest_arrivals(&mut arms, since_number);
    ensure!(floor_rows.len() == page.offers.len(), "{} and {}", floor_rows.len(), page.offers.len());
    ensure!(
        floor_rows.iter().zip(&page.offers).all(|(floor, ours)| floor.0 == *ours.id.as_bytes()),
        "the floor found other posts"
    );
    bench.compare(
        Figure::of("pull, 200 ids, newest 0.1 % (floor: one UNION of 200 arms)", ""),
        || timed(|| newest_arrivals(&mut arms, since_number)),
        || timed(|| answer_frame(&mut reader, &list, &something)),
    );
    items_of_page(bench, &mut reader, &bare, &page)
}

/// A pull for the whole list from one position.
fn ask(list: &InterestList, since: Seq) -> Vec<u8> {
    let length = u16::try_from(list.ids().len()).expect("a list is short");
    let groups = vec![Group { since, ranges: vec![Range { start: 0, length }] }];
    encode_frame(&Message::Pull(Pull {
        hash: list.hash(them(), us()),
        groups,
        sending: Sending::AtOnce,
        recipients: None,
    }))
}

/// From the bytes of the request to the bytes of the answer.
fn answer_frame(reader: &mut Database, heard: &InterestList, request: &[u8]) -> Vec<u8> {
    let Message::Pull(pull) = decode(request) else { unreachable!("a pull was encoded") };
    let answer = reader.read(|read| answer_pull(read, us(), them(), heard, &pull, PageBudget::default()));
    match answer.expect("the store answers") {
        PullAnswer::Page(page) => encode_frame(&Message::Page(page)),
        other => unreachable!("the pull is a good one: {other:?}"),
    }
}

fn union_of_arms(bare: &Connection) -> Result<String> {
    let mut author = bare.prepare("SELECT author FROM authors WHERE posting_id = ?1")?;
    let arms = (0..AUTHORS)
        .map(|number| {
            let id = data::author_key(number).posting_id();
            let author: i64 = author.query_row([id.as_bytes()], |row| row.get(0))?;
            Ok(format!(
                "SELECT * FROM (SELECT seq, object FROM arrivals
                 WHERE author = {author} AND seq > ?1 ORDER BY seq LIMIT 201)"
            ))
        })
        .collect::<Result<Vec<_>>>()?
        .join(" UNION ALL ");
    Ok(format!(
        "SELECT object_id, length(bytes) FROM (SELECT seq, object FROM ({arms}) ORDER BY seq LIMIT 200) AS newest
         CROSS JOIN objects USING (object) ORDER BY seq"
    ))
}

fn newest_arrivals(arms: &mut rusqlite::Statement<'_>, since: i64) -> Vec<([u8; 32], i64)> {
    let rows = arms.query_map([since], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.and_then(Iterator::collect).expect("the store answers")
}

/// The items of a whole page, as they are sent after a `Want`.
fn items_of_page(bench: &mut Bench, reader: &mut Database, bare: &Connection, page: &Page) -> Result<()> {
    let count = u32::try_from(page.offers.len())?;
    let mut select = bare.prepare("SELECT kind, bytes, signature FROM objects WHERE object_id = ?1")?;
    let mut read_bare = |id: &ObjectId| -> (i64, Vec<u8>, [u8; 64]) {
        let row = select.query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        row.expect("the store has it")
    };
    bench.compare(
        Figure {
            floor_pieces: count,
            our_pieces: count,
            ..Figure::of("sending an item of that page (floor: point read)", "")
        },
        || timed(|| page.offers.iter().map(|offer| read_bare(&offer.id)).collect::<Vec<_>>()),
        || {
            timed(|| {
                let mut ids: VecDeque<ObjectId> = page.offers.iter().map(|offer| offer.id).collect();
                let mut frames = Vec::new();
                while !ids.is_empty() {
                    let items = reader.read(|read| next_items(read, &mut ids)).expect("the store answers");
                    frames.push(encode_frame(&Message::Items(items)));
                }
                frames
            })
        },
    );
    Ok(())
}
