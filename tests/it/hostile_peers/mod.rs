//! Hostile peers against a real node, one case after another, while the node and a friend go on writing to each other.
//! What a case has to do with the node is in the case; what must hold in all of them is here: honest posts arrive within
//! seconds, and the memory of the attacked process stays within its bound.

pub mod client;
mod connections;
mod frames;
mod objects;

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use itsgoin::domain::ids::NetworkId;

use self::client::{Seen, Target};
use super::program::{Home, Serve, field, now, wait_until};

/// The longest an honest post may be on its way, for 95 of a hundred.
const DELIVERY: Duration = Duration::from_secs(5);
/// The most memory the attacked process may ever have had.
const MEMORY_BYTES: u64 = 250 * 1024 * 1024;
/// Honest posts that have to arrive while a case is under way.
const POSTS_PER_CASE: usize = 2;
/// How long the node has for what it has to do to an attacker.
const PATIENCE: Duration = Duration::from_secs(15);

/// A node that is attacked and a friend of it; both run.
struct Ring {
    victim: Home,
    friend: Home,
    of_victim: Serve,
    _of_friend: Serve,
}

impl Ring {
    fn new() -> Self {
        let (victim, friend) = (Home::of("victim"), Home::of("friend"));
        let (of_victim, of_friend) = (victim.serve(), friend.serve());
        friend.one(&["follow", &victim.invite()]);
        victim.one(&["follow", &friend.invite()]);
        victim.wait_for_peers(1);
        Self { victim, friend, of_victim, _of_friend: of_friend }
    }

    fn target(&self) -> Target {
        let socket: SocketAddr = self.of_victim.addresses()[0].parse().unwrap();
        let network_id: NetworkId = field(&self.victim.one(&["status"]), "network_id").parse().unwrap();
        Target { network_id, socket, patience: PATIENCE }
    }

    /// The most memory the attacked process ever had.
    fn peak_memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.of_victim.process())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        kilobytes * 1024
    }
}

/// Honest posts in both directions, for as long as nobody says stop.
struct Exchange {
    stop: AtomicBool,
    /// When each began and how long it took, in order.
    delivered: Mutex<Vec<(Instant, Duration)>>,
}

impl Exchange {
    const fn new() -> Self {
        Self { stop: AtomicBool::new(false), delivered: Mutex::new(Vec::new()) }
    }

    fn run(&self, ring: &Ring) {
        let mut number = 0_u32;
        while !self.stop.load(Ordering::Relaxed) {
            let (writer, reader) = if number.is_multiple_of(2) {
                (&ring.victim, &ring.friend)
            } else {
                (&ring.friend, &ring.victim)
            };
            number += 1;
            let start = now();
            // A node that stands still answers no command either.
            let is_late = || start.elapsed() > 3 * DELIVERY || self.stop.load(Ordering::Relaxed);
            let written = || written(writer, &format!("honest {number}"));
            if let Some(post_id) = until(is_late, written) {
                until(is_late, || has(reader, &post_id).then_some(()));
            }
            if !self.stop.load(Ordering::Relaxed) {
                self.delivered.lock().unwrap().push((start, start.elapsed()));
            }
        }
    }

    /// How long those took that were under way then or later.
    fn since(&self, start: Instant) -> Vec<Duration> {
        let delivered = self.delivered.lock().unwrap();
        delivered.iter().filter(|(began, took)| *began + *took >= start).map(|(_, took)| *took).collect()
    }
}

/// Ends the exchange also when a case panics: its thread is waited for.
struct StopAtEnd<'e>(&'e Exchange);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// Looks until there is something, or until it is too late.
fn until<T>(is_late: impl Fn() -> bool, look: impl Fn() -> Option<T>) -> Option<T> {
    while !is_late() {
        if let Some(found) = look() {
            return Some(found);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}

/// Writes a post, if the node takes commands.
fn written(home: &Home, text: &str) -> Option<String> {
    let said = home.run(&["post", text, "--json"]);
    let posted: serde_json::Value = serde_json::from_str(&said.stdout).ok()?;
    Some(field(&posted, "post_id"))
}

/// Whether a post is in the feed, as far as the node says.
fn has(home: &Home, post_id: &str) -> bool {
    home.run(&["feed", "--limit", "20", "--json"]).stdout.contains(post_id)
}

/// The value that 95 of a hundred do not exceed.
fn p95(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    durations.get(durations.len().saturating_sub(1) * 95 / 100).copied().unwrap_or(Duration::MAX)
}

/// Plays one case while honest posts go on: what it saw, or what did not hold.
fn play(ring: &Ring, exchange: &Exchange, most_bytes: u64, case: impl FnOnce() -> Seen) -> Seen {
    let start = now();
    let seen = case()?;
    while exchange.since(start).len() < POSTS_PER_CASE {
        std::thread::sleep(Duration::from_millis(20));
    }
    let slowest = exchange.since(start).into_iter().max().unwrap_or_default();
    let memory = ring.peak_memory_bytes();
    if memory > most_bytes {
        return Err(format!("{seen}; but the node had {} MiB", memory >> 20));
    }
    if slowest > DELIVERY {
        return Err(format!("{seen}; but an honest post took {slowest:?}"));
    }
    Ok(format!("{seen}; honest posts at most {slowest:.2?}, memory at most {} MiB", memory >> 20))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn hostile_peers_neither_stop_honest_posts_nor_fill_the_memory() {
    let (ring, exchange, runtime) = (Ring::new(), Exchange::new(), runtime());
    for number in 0..20 {
        ring.victim.post(&format!("{number} {}", "long ".repeat(3_000)));
    }
    let target = ring.target();
    let (mut report, mut failed) = (Vec::new(), Vec::new());
    let begun = now();
    std::thread::scope(|scope| {
        let (ring, exchange) = (&ring, &exchange);
        scope.spawn(move || exchange.run(ring));
        let _stop = StopAtEnd(exchange);
        // From here on it sends a byte every five seconds, beside all other cases.
        let mut slow = runtime.spawn(connections::one_byte_every_five_seconds(target.clone()));
        let mut play_one = |name: &str, case: &mut dyn FnMut() -> Seen| {
            let seen = play(ring, exchange, MEMORY_BYTES, case);
            report.push(format!("{name}: {}", seen.as_ref().unwrap_or_else(|why| why)));
            failed.extend(seen.err().map(|why| format!("{name}: {why}")));
        };
        macro_rules! cases {
            ($($name:literal => $case:expr;)*) => {$( play_one($name, &mut || runtime.block_on($case)); )*};
        }
        cases! {
            "connection flood" => connections::flood(&target);
            "half handshakes" => connections::half_handshakes(&target);
            "wrong ALPN" => connections::wrong_alpn(&target);
            "length 0" => frames::length(&target, 0);
            "length max + 1" => frames::length(&target, 64 * 1024 + 1);
            "length 2^32 - 1, then silence" => frames::length(&target, u32::MAX);
            "never reading the answer" => frames::never_reading(&target, &ring.victim);
            "a million ids" => frames::a_million_ids(&target);
            "the same id a thousand times" => frames::duplicates(&target, &ring.victim);
            "its own id" => frames::own_id(&target, &ring.victim);
            "bad signatures" => objects::bad_signature(&target, &ring.victim);
            "malleable signatures" => objects::malleable_signature(&target, &ring.victim);
            "keys and points of small order" => objects::small_order(&target, &ring.victim);
            "a post replayed a thousand times" => objects::replayed(&target, &ring.victim);
            "offers for ever" => objects::endless_offers(&target);
            "pulls without a pause" => frames::hasty_pulls(&target);
            "posts from both ends of time" => objects::far_times(&target, &ring.victim);
            "one byte every five seconds" => connections::is_over(&mut slow);
        }
    });
    let all = exchange.since(begun);
    println!("{}", report.join("\n"));
    println!(
        "{} cases in {:.1?}: {} honest posts, p95 {:.2?}, memory at most {} MiB",
        report.len(),
        begun.elapsed(),
        all.len(),
        p95(all.clone()),
        ring.peak_memory_bytes() >> 20
    );
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(p95(all) <= DELIVERY);
}

/// What must hold is noticed when it does not: a node that stands still delivers nothing, and one that has more memory
/// than it may is told.
#[test]
fn a_planted_standstill_and_a_planted_bound_are_noticed() {
    let (ring, exchange) = (Ring::new(), Exchange::new());
    std::thread::scope(|scope| {
        let (ring, exchange) = (&ring, &exchange);
        scope.spawn(move || exchange.run(ring));
        let _stop = StopAtEnd(exchange);
        let nothing = || Ok("nothing".to_owned());
        let fine = play(ring, exchange, MEMORY_BYTES, nothing);
        assert!(fine.is_ok(), "{fine:?}");
        let told = play(ring, exchange, 1 << 20, nothing).unwrap_err();
        assert!(told.contains("the node had"), "{told}");
        let stands_still = || {
            let start = now();
            ring.of_victim.suspend();
            wait_until("a standstill that is too long", || {
                start.elapsed() > DELIVERY + Duration::from_secs(2)
            });
            ring.of_victim.resume();
            Ok("stood still".to_owned())
        };
        let told = play(ring, exchange, MEMORY_BYTES, stands_still).unwrap_err();
        assert!(told.contains("an honest post took"), "{told}");
    });
}

/// The same cases against a node without any limit: each must fail there, or it could not fail here.
#[test]
fn a_planted_node_without_limits_fails_the_cases() {
    let runtime = runtime();
    runtime.block_on(async {
        let naive = client::Naive::start().await;
        let target = &naive.target;
        let cases: [(&str, Seen); 7] = [
            ("flood", connections::flood(target).await),
            ("wrong ALPN", connections::wrong_alpn(target).await),
            ("length 0", frames::length(target, 0).await),
            ("length max + 1", frames::length(target, 64 * 1024 + 1).await),
            ("length 2^32 - 1", frames::length(target, u32::MAX).await),
            ("a million ids", frames::a_million_ids(target).await),
            ("hasty pulls", frames::hasty_pulls(target).await),
        ];
        for (name, seen) in cases {
            println!("{name}: {seen:?}");
            assert!(seen.is_err(), "{name} cannot fail: {seen:?}");
        }
    });
}
