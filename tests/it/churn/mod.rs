//! A soak: twelve real nodes for twenty minutes, of which some are killed and started again all the time while people
//! on them post, comment and react. At the end everything that was acknowledged is, once, wherever somebody follows
//! its author.
//!
//! `ITSGOIN_CHURN_SECONDS` makes it shorter, to try it; `ITSGOIN_CHURN_SEED` chooses what happens. The same seed gives
//! the same choices, not the same moments: the nodes run in real time.

mod ledger;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{ScopedJoinHandle, scope, sleep};
use std::time::{Duration, Instant};

use itsgoin::clock;
use itsgoin::domain::time::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use self::ledger::{Complaint, EMOJI, Ledger, Written, judge_feed, judge_thread};
use super::program::{Home, Serve, field, now};

const NODES: usize = 12;
/// Neighbours in the ring are one and three places away on both sides: four connections each.
const STRIDES: [usize; 2] = [1, 3];
/// Whom one person follows.
const FOLLOWED: usize = 6;
/// How long people write and nodes die.
const CHURN_TIME: Duration = Duration::from_mins(20);
/// How long everything may be on its way when all nodes run again.
const SETTLE_TIME: Duration = Duration::from_mins(3);
/// Nodes that are off at the same time.
const OFF_AT_MOST: usize = 4;
/// Milliseconds from one kill to the next, and those a node stays off.
const BETWEEN_KILLS_MS: (u64, u64) = (500, 4_000);
const OFF_MS: (u64, u64) = (200, 15_000);
/// People who write at the same time, and milliseconds from one act of theirs to the next.
const WRITERS: u64 = 2;
const BETWEEN_ACTS_MS: (u64, u64) = (500, 2_000);
/// People deal with the newest posts.
const TALKED_ABOUT: usize = 30;
/// A node counts as on for a latency when it has been for so long.
const WARM: Duration = Duration::from_secs(10);

/// A person with a node that comes and goes.
struct Person {
    home: Home,
    /// Numbers of persons, their own among them.
    reads: BTreeSet<usize>,
    is_on: AtomicBool,
}

/// What happened to the nodes.
#[derive(Default)]
struct Fates {
    kills: usize,
    /// The most memory a node took, in KiB.
    peak_kib: u64,
    /// From when till when each node was on.
    on: [Vec<(Timestamp, Timestamp)>; NODES],
}

/// A node of the soak.
enum Node {
    On(Serve, Timestamp),
    Off { until: Instant },
}

fn between(rng: &mut StdRng, (least, most): (u64, u64)) -> Duration {
    Duration::from_millis(rng.random_range(least..=most))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a soak is tried in a shorter form before it runs for twenty minutes"
)]
fn asked_for(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

/// Persons who do not know each other yet, each with whom they are going to read.
fn people(rng: &mut StdRng) -> Vec<Person> {
    let person = |number| {
        let mut reads = BTreeSet::from([number]);
        while reads.len() <= FOLLOWED {
            reads.insert(rng.random_range(0..NODES));
        }
        Person { home: Home::of(&format!("person {number}")), reads, is_on: AtomicBool::new(true) }
    };
    (0..NODES).map(person).collect()
}

fn serve(person: &Person) -> Node {
    Node::On(person.home.serve_with(&["--connections", "4"]), clock::now())
}

/// Starts all nodes, and makes them neighbours and readers.
fn start(people: &[Person]) -> Vec<Node> {
    let nodes = people.iter().map(serve).collect();
    let tickets: Vec<String> =
        people.iter().map(|person| field(&person.home.one(&["status"]), "ticket")).collect();
    for (number, person) in people.iter().enumerate() {
        for stride in STRIDES {
            person.home.one(&["peer", "add", &tickets[(number + stride) % NODES]]);
        }
    }
    let ids: Vec<String> = people.iter().map(|person| person.home.posting_id()).collect();
    for (number, person) in people.iter().enumerate() {
        person.home.wait_for_peers(2);
        for author in person.reads.iter().filter(|author| **author != number) {
            person.home.one(&["follow", &ids[*author]]);
        }
    }
    nodes
}

/// The most memory a process took, in KiB.
fn peak_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Takes a node's measures before it ends.
fn note_end(fates: &mut Fates, number: usize, node: &Serve, since: Timestamp) {
    fates.peak_kib = fates.peak_kib.max(peak_kib(node.process()));
    fates.on[number].push((since, clock::now()));
}

/// Kills and starts nodes until the time is over or a writer gave up, and starts those that are off then.
fn churn(
    people: &[Person],
    mut nodes: Vec<Node>,
    rng: &mut StdRng,
    time: Duration,
    writers: &[ScopedJoinHandle<'_, ()>],
) -> (Vec<Node>, Fates) {
    let (start, mut fates) = (now(), Fates::default());
    while start.elapsed() < time && !writers.iter().any(ScopedJoinHandle::is_finished) {
        sleep(between(rng, BETWEEN_KILLS_MS));
        start_due(people, &mut nodes, now());
        let victim = rng.random_range(0..NODES);
        let off = nodes.iter().filter(|node| matches!(node, Node::Off { .. })).count();
        let until = now() + between(rng, OFF_MS);
        if off < OFF_AT_MOST
            && let Node::On(node, since) = &mut nodes[victim]
        {
            note_end(&mut fates, victim, node, *since);
            people[victim].is_on.store(false, Ordering::SeqCst);
            node.kill();
            nodes[victim] = Node::Off { until };
            fates.kills += 1;
        }
    }
    start_due(people, &mut nodes, now() + Duration::from_millis(OFF_MS.1));
    (nodes, fates)
}

fn start_due(people: &[Person], nodes: &mut [Node], by: Instant) {
    for (person, node) in people.iter().zip(nodes) {
        if matches!(node, Node::Off { until } if *until <= by) {
            *node = serve(person);
            person.is_on.store(true, Ordering::SeqCst);
        }
    }
}

/// Writes one thing after another as persons whose nodes are on, until it is over.
fn write(people: &[Person], ledger: &Mutex<Ledger>, is_over: &AtomicBool, writer: u64, rng: &mut StdRng) {
    for number in 0.. {
        sleep(between(rng, BETWEEN_ACTS_MS));
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        let (who, text) = (rng.random_range(0..NODES), format!("{writer}, {number}"));
        if people[who].is_on.load(Ordering::SeqCst) {
            act(&people[who], who, &text, ledger, rng);
        }
    }
}

/// One act of one person: a post, or an answer or a reaction to something new by somebody they read.
fn act(person: &Person, who: usize, text: &str, ledger: &Mutex<Ledger>, rng: &mut StdRng) {
    let choice = rng.random_range(0..5);
    let Some((post, target)) = (choice > 0).then(|| topic(person, &ledger.lock().unwrap(), rng)).flatten()
    else {
        if let Some(posted) = run(person, &["post", text], ledger) {
            let post_id = field(&posted, "post_id");
            ledger.lock().unwrap().posts.push(Written { post_id, author: who, ..Written::default() });
        }
        return;
    };
    let arguments = if choice < 3 { ["reply", &target, text] } else { ["react", &target, EMOJI[who]] };
    if let Some(said) = run(person, &arguments, ledger) {
        let post = &mut ledger.lock().unwrap().posts[post];
        if choice < 3 {
            post.comments.push(field(&said, "operation_id"));
        } else {
            post.reactions.insert((target, who));
        }
    }
}

/// A post of somebody this person reads, and the post itself or a comment on it.
fn topic(person: &Person, ledger: &Ledger, rng: &mut StdRng) -> Option<(usize, String)> {
    let read = ledger.posts.iter().enumerate().rev().filter(|(_, post)| person.reads.contains(&post.author));
    let read: Vec<_> = read.take(TALKED_ABOUT).collect();
    let (index, post) = read.get(rng.random_range(0..TALKED_ABOUT))?;
    let target = rng.random_range(0..=post.comments.len());
    Some((*index, post.comments.get(target).unwrap_or(&post.post_id).clone()))
}

/// Runs a verb: what it said when it is done. What failed may be stored or not, and only a kill, or that the target is
/// not here yet, may be in its way.
fn run(person: &Person, arguments: &[&str], ledger: &Mutex<Ledger>) -> Option<Value> {
    let said = person.home.run(&[arguments, &["--json"]].concat());
    if let Ok(done) = serde_json::from_str(&said.stdout) {
        return Some(done);
    }
    let told: Value = serde_json::from_str(said.stderr.trim_end()).unwrap_or_else(|_| panic!("{said:?}"));
    let class = field(&told["error"], "kind");
    assert!(["stopped", "not_found", "locked"].contains(&class.as_str()), "{arguments:?}: {said:?}");
    *ledger.lock().unwrap().refused.entry(class).or_default() += 1;
    None
}

fn thread(person: &Person, post: &Written) -> Vec<Value> {
    let said = person.home.run(&["thread", &post.post_id, "--json"]);
    said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What this person should have.
fn owed<'a>(person: &'a Person, ledger: &'a Ledger) -> impl Iterator<Item = &'a Written> {
    ledger.posts.iter().filter(|post| person.reads.contains(&post.author))
}

/// Looks until a node has everything, and how long that took; else what is wrong when the time is over.
fn settle(person: &Person, ledger: &Ledger, start: Instant) -> Result<Duration, Vec<Complaint>> {
    let mut open: Vec<&Written> = owed(person, ledger).collect();
    loop {
        let mut complaints = judge_feed(owed(person, ledger), &person.home.feed());
        open.retain(|post| {
            let wrong = judge_thread(post, &thread(person, post));
            complaints.extend(wrong.iter().cloned());
            !wrong.is_empty()
        });
        if complaints.is_empty() {
            return Ok(start.elapsed());
        }
        let is_double = complaints.iter().any(|complaint| matches!(complaint, Complaint::Double(_)));
        if is_double || start.elapsed() > SETTLE_TIME {
            return Err(complaints);
        }
        sleep(Duration::from_millis(500));
    }
}

/// The comments of every post as a node shows them in the end, unacknowledged ones, too. Nothing may be wrong any more.
fn look_over(person: &Person, ledger: &Ledger) -> Result<BTreeMap<String, Vec<String>>, Vec<Complaint>> {
    let mut complaints = judge_feed(owed(person, ledger), &person.home.feed());
    let mut shown = BTreeMap::new();
    for post in owed(person, ledger) {
        let lines = thread(person, post);
        complaints.extend(judge_thread(post, &lines));
        let comments = lines.iter().skip(1).map(|line| field(line, "operation_id")).collect();
        shown.insert(post.post_id.clone(), comments);
    }
    if complaints.is_empty() { Ok(shown) } else { Err(complaints) }
}

/// The same for all persons at the same time; what is wrong is printed and fails.
fn at_all<T: Send>(
    people: &[Person],
    what: &str,
    look: impl Fn(&Person) -> Result<T, Vec<Complaint>> + Sync,
) -> Vec<T> {
    let looks: Vec<_> = scope(|threads| {
        let looking: Vec<_> = people.iter().map(|person| threads.spawn(|| look(person))).collect();
        looking.into_iter().map(|look| look.join().unwrap()).collect()
    });
    for (number, look) in looks.iter().enumerate() {
        for complaint in look.as_ref().err().into_iter().flatten() {
            println!("{what}, node {number}: {complaint:?}");
        }
    }
    assert!(looks.iter().all(Result::is_ok), "{what}: something is missing or double");
    looks.into_iter().filter_map(Result::ok).collect()
}

/// How long after it was made something of others came to a node that had been on for a while and stayed so.
fn latencies(people: &[Person], fates: &Fates, sql: &str) -> Vec<Duration> {
    let mut took = Vec::new();
    for (person, on) in people.iter().zip(&fates.on) {
        let store = rusqlite::Connection::open(person.home.file("itsgoin.db")).unwrap();
        let mut statement = store.prepare(sql).unwrap();
        let times = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        for (made, came) in times.map(Result::unwrap) {
            let (made, came) = (Timestamp::from_millis(made), Timestamp::from_millis(came));
            if on.iter().any(|(from, till)| from.after(WARM) <= made && came <= *till) {
                took.push(came.since(made));
            }
        }
    }
    took.sort_unstable();
    took
}

const POSTS_OF_OTHERS: &str = "SELECT created_ms, received_ms FROM objects \
    WHERE kind = 1 AND author NOT IN (SELECT author FROM personas)";
const COMMENTS_OF_OTHERS: &str = "SELECT created_ms, received_ms FROM comments \
    WHERE author NOT IN (SELECT author FROM personas)";

fn print_latency(what: &str, took: &[Duration]) {
    let at = |percent: usize| took.get((took.len() * percent / 100).min(took.len().saturating_sub(1)));
    println!("{what} at nodes that were on: p50 {:?}, p95 {:?}, of {}", at(50), at(95), took.len());
}

#[test]
fn nothing_is_missing_after_twenty_minutes_of_kills() {
    let seed = asked_for("ITSGOIN_CHURN_SEED").unwrap_or_else(|| clock::fresh_rng().random());
    let time = asked_for("ITSGOIN_CHURN_SECONDS").map_or(CHURN_TIME, Duration::from_secs);
    println!("churn of {time:?}, seed {seed}");
    let rng = &mut StdRng::seed_from_u64(seed);
    let people = &people(rng);
    let nodes = start(people);
    let (ledger, is_over) = (Mutex::<Ledger>::default(), AtomicBool::new(false));
    let (nodes, mut fates) = scope(|threads| {
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            let (ledger, is_over) = (&ledger, &is_over);
            let mut rng = StdRng::seed_from_u64(seed.wrapping_add(1 + writer));
            writers.push(threads.spawn(move || write(people, ledger, is_over, writer, &mut rng)));
        }
        let churned = churn(people, nodes, rng, time, &writers);
        is_over.store(true, Ordering::SeqCst);
        churned
    });
    let (ledger, start) = (ledger.into_inner().unwrap(), now());
    let comments: usize = ledger.posts.iter().map(|post| post.comments.len()).sum();
    let reactions: usize = ledger.posts.iter().map(|post| post.reactions.len()).sum();
    println!(
        "{} kills; acknowledged: {} posts, {comments} comments, {reactions} reactions; not: {:?}",
        fates.kills,
        ledger.posts.len(),
        ledger.refused
    );
    let settled = at_all(people, "settled", |person| settle(person, &ledger, start));
    println!("everything everywhere {:?} after the last node started", settled.iter().max().unwrap());
    let shown = at_all(people, "looked over", |person| look_over(person, &ledger));
    let mut threads = BTreeMap::new();
    for (post, comments) in shown.into_iter().flatten() {
        let first = threads.entry(post).or_insert_with(|| comments.clone());
        assert_eq!(*first, comments, "a thread looks the same at all nodes");
    }
    for (number, node) in nodes.into_iter().enumerate() {
        let Node::On(node, since) = node else { panic!("node {number} is off") };
        note_end(&mut fates, number, &node, since);
        node.stop();
    }
    println!("most memory of a node: {} bytes", fates.peak_kib * 1024);
    print_latency("posts", &latencies(people, &fates, POSTS_OF_OTHERS));
    print_latency("comments", &latencies(people, &fates, COMMENTS_OF_OTHERS));
    assert!(fates.kills > 0 && comments > 0 && reactions > 0, "nothing happened");
}

/// What the soak must notice, planted: something acknowledged that is not there, and something that is there twice.
#[test]
fn a_planted_loss_and_a_planted_double_are_noticed() {
    let person = Person { home: Home::of("ana"), reads: BTreeSet::from([0]), is_on: AtomicBool::new(true) };
    let ledger = Mutex::<Ledger>::default();
    let mut rng = StdRng::seed_from_u64(1);
    while ledger
        .lock()
        .unwrap()
        .posts
        .iter()
        .all(|post| post.comments.is_empty() || post.reactions.is_empty())
    {
        let text = format!("text {}", rng.random::<u64>());
        act(&person, 0, &text, &ledger, &mut rng);
    }
    let ledger = ledger.into_inner().unwrap();
    look_over(&person, &ledger).unwrap();
    let full = |post: &&Written| !post.comments.is_empty() && !post.reactions.is_empty();
    let post = ledger.posts.iter().find(full).unwrap();
    let (feed, lines) = (person.home.feed(), thread(&person, post));

    let mut more = post.clone();
    more.comments.push("a comment".to_owned());
    more.reactions.insert((post.comments[0].clone(), 1));
    assert_eq!(judge_thread(&more, &lines).len(), 2);
    assert_eq!(judge_feed(&[Written::default()], &feed), [Complaint::Missing("post ".to_owned())]);
    assert!(judge_thread(post, &[]).contains(&Complaint::Missing(format!("thread of {}", post.post_id))));

    let last = lines.last().unwrap();
    let twice = [&lines[..], std::slice::from_ref(last)].concat();
    let double = Complaint::Double(format!("operation_id {}", field(last, "operation_id")));
    assert!(judge_thread(post, &twice).contains(&double));
    assert!(!judge_feed(&[], &[&feed[..], &feed[..]].concat()).is_empty());
    let mut reacted = lines.clone();
    reacted[0]["reactions"][EMOJI[0]] = Value::from(2);
    assert!(
        judge_thread(post, &reacted)
            .contains(&Complaint::Double(format!("{} on {}", EMOJI[0], post.post_id)))
    );
}
