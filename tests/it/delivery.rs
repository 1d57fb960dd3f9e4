//! How long messages take among twelve real nodes whose packets are delayed, and what a connection costs that nobody uses.
//! Every packet between two nodes goes over a `detour`: there is no other way.

use std::time::{Duration, Instant};

use super::conversations::wait_long;
use super::detour::{Detour, Family, Passed, connect, round_trips};
use super::mail::{assert_tags_differ, read_all, send};
use super::program::{Home, Serve, field, now};

const NODES: usize = 12;
/// Neighbours in the ring are one and three places away on both sides: an even and an odd one.
const STRIDES: [usize; 2] = [1, 3];
/// How far away those are who are written to, in each round. No two ever write to each other: who has not accepted somebody's
/// request cannot write to them.
const ROUNDS: [usize; 4] = [5, 4, 2, 1];
/// Who is off while it is written to, by whom, in each pass.
const AWAY: [[[usize; 2]; 4]; 2] = [[[0, 6], [1, 7], [2, 8], [3, 9]], [[4, 10], [5, 11], [8, 11], [9, 0]]];

struct Mesh {
    homes: Vec<Home>,
    nodes: Vec<Option<Serve>>,
    ids: Vec<String>,
    detours: Vec<Detour>,
    added: Duration,
    /// What has to be there at the end: at whom, which.
    written: Vec<(usize, String)>,
}

/// A message under way: since when, to whom, which.
type UnderWay = (Instant, usize, String);

impl Mesh {
    fn start(added: Duration) -> Self {
        let homes: Vec<Home> = (0..NODES).map(|number| Home::of(&format!("person {number}"))).collect();
        let nodes: Vec<Option<Serve>> =
            homes.iter().enumerate().map(|(number, home)| Some(serve(number, home))).collect();
        let mut detours = Vec::new();
        for (number, home) in homes.iter().enumerate() {
            for stride in STRIDES {
                let target = (number + stride) % NODES;
                detours.push(connect(home, (&homes[target], nodes[target].as_ref().unwrap()), added));
            }
        }
        for home in &homes {
            home.wait_for_peers(STRIDES.len());
        }
        let ids = homes.iter().map(Home::posting_id).collect();
        Self { homes, nodes, ids, detours, added, written: Vec::new() }
    }

    fn write(&mut self, from: usize, to: usize, text: String) -> UnderWay {
        let since = now();
        assert!(send(&self.homes[from], &self.ids[to], &text));
        self.written.push((to, text.clone()));
        (since, to, text)
    }

    /// Waits for messages that are under way: how long each took.
    fn come(&self, mut under_way: Vec<UnderWay>) -> Vec<Duration> {
        let mut took = Vec::new();
        wait_long("all messages", || {
            under_way.retain(|(since, to, text)| {
                let is_there = received(&self.homes[*to]).contains(text);
                if is_there {
                    took.push(since.elapsed());
                }
                !is_there
            });
            under_way.is_empty()
        });
        took
    }

    /// All write at once, round after round, to somebody they are not connected with in most of them.
    fn connected(&mut self) -> Vec<Duration> {
        let mut took = Vec::new();
        for (round, distance) in ROUNDS.into_iter().enumerate() {
            let write =
                |number| self.write(number, (number + distance) % NODES, format!("{round}: {number}"));
            let under_way = (0..NODES).map(write).collect();
            took.extend(self.come(under_way));
        }
        took
    }

    /// A third is off while it is written to: the times from its start on.
    fn away(&mut self) -> Vec<Duration> {
        let mut took = Vec::new();
        for pass in &AWAY {
            for [to, _] in pass {
                self.nodes[*to].take().unwrap().stop();
            }
            for [to, from] in pass {
                self.write(*from, *to, format!("away, {from} to {to}"));
            }
            wait_long("what was written has left", || {
                pass.iter().all(|[_, from]| has_left(&self.homes[*from]))
            });
            let mut under_way = Vec::new();
            for [to, from] in pass {
                under_way.push((now(), *to, format!("away, {from} to {to}")));
                self.nodes[*to] = Some(serve(*to, &self.homes[*to]));
            }
            took.extend(self.come(under_way));
        }
        took
    }

    /// Each message is there once and nothing else is; every way was used, and none was shorter than it should be.
    fn end(self) {
        let mut all_trips = Vec::new();
        for (number, home) in self.homes.iter().enumerate() {
            let mut expected: Vec<&String> =
                self.written.iter().filter(|(to, _)| *to == number).map(|(_, text)| text).collect();
            expected.sort_unstable();
            assert_eq!(received(home).iter().collect::<Vec<_>>(), expected, "at {number}");
            let trips = round_trips(home);
            assert!(!trips.is_empty() && trips.iter().all(|trip| *trip >= 2 * self.added), "{trips:?}");
            all_trips.extend(trips);
        }
        let (least, most) = (all_trips.iter().min().unwrap(), all_trips.iter().max().unwrap());
        let passed: Vec<[Passed; 2]> = self.detours.iter().map(Detour::passed).collect();
        assert!(passed.iter().flatten().all(|passed| passed.packets > 0), "{passed:?}");
        let packets: u64 = passed.iter().flatten().map(|passed| passed.packets).sum();
        println!("{packets} packets over {} detours; round trips {least:?} to {most:?}", passed.len());
        self.nodes.into_iter().flatten().for_each(Serve::stop);
        self.homes.iter().for_each(assert_tags_differ);
    }
}

fn serve(number: usize, home: &Home) -> Serve {
    home.serve_with(&["--connections", "4", "--bind", Family::of(number).bind()])
}

/// What others wrote to one, in all conversations, sorted.
fn received(home: &Home) -> Vec<String> {
    let of = home.list(&["dm", "list"]);
    let messages = of.iter().flat_map(|conversation| read_all(home, &field(conversation, "thread")));
    let from_others = messages.filter(|message| message["from_me"] == false);
    let mut texts: Vec<String> = from_others.map(|message| field(&message, "text")).collect();
    texts.sort_unstable();
    texts
}

/// Whether some peer took everything one wrote.
fn has_left(home: &Home) -> bool {
    let of = home.list(&["dm", "list"]);
    let mut messages = of.iter().flat_map(|conversation| read_all(home, &field(conversation, "thread")));
    messages.all(|message| message["from_me"] == false || message["state"].get("queued").is_none())
}

fn print(what: &str, took: &mut [Duration]) {
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)].as_secs_f64();
    println!("{what}: p50 {:.1} s, p95 {:.1} s, of {}", at(50), at(95), took.len());
}

fn measure(added: Duration) {
    if !Family::are_there() {
        return;
    }
    let mut mesh = Mesh::start(added);
    print(&format!("twelve nodes, {added:?} added each way, connected"), &mut mesh.connected());
    print(&format!("{added:?} added, off while written to, from the start on"), &mut mesh.away());
    mesh.end();
}

#[test]
fn messages_among_twelve_nodes() {
    measure(Duration::ZERO);
}

#[test]
fn messages_among_twelve_nodes_with_50_ms_added() {
    measure(Duration::from_millis(50));
}

#[test]
fn messages_among_twelve_nodes_with_300_ms_added() {
    measure(Duration::from_millis(300));
}

/// Two nodes that say nothing: what keeps the connection, and the questions for sealed posts, without decoys.
#[test]
fn what_an_idle_connection_costs() {
    const TIME: Duration = Duration::from_mins(4);
    if !Family::are_there() {
        return;
    }
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let of_ana = serve(0, &ana);
    let of_ben = serve(1, &ben);
    let detour = connect(&ben, (&ana, &of_ana), Duration::ZERO);
    ben.wait_for_peers(1);
    let before = detour.passed();
    std::thread::sleep(TIME);
    let after = detour.passed();
    let [there, back] = [0, 1].map(|way: usize| Passed {
        packets: after[way].packets - before[way].packets,
        bytes: after[way].bytes - before[way].bytes,
    });
    let a_day = (there.bytes + back.bytes) * 24 * 3_600 / TIME.as_secs();
    println!("{TIME:?} idle: {there:?} {back:?}, {a_day} B a day both ways");
    assert!(there.packets > 0 && back.packets > 0);
    of_ben.stop();
    of_ana.stop();
}
