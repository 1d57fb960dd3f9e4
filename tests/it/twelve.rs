//! Twelve real nodes that know each other along a ring with chords, four connections each: what is said at one end is
//! known at the other, by people who never met, and still after a third of the nodes was killed.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::program::{Home, Serve, field, now, wait_until};

const NODES: usize = 12;
/// Neighbours in the ring are one and three places away on both sides.
const STRIDES: [usize; 2] = [1, 3];
const ROUNDS: usize = 3;
/// Rows the store may keep of one file's holders.
const HOLDERS: i64 = 5;

struct Mesh {
    homes: Vec<Home>,
    nodes: Vec<Option<Serve>>,
}

impl Mesh {
    fn start() -> Self {
        let homes: Vec<Home> = (0..NODES).map(|number| Home::of(&format!("person {number}"))).collect();
        let nodes = homes.iter().map(|home| Some(home.serve_with(&["--connections", "4"]))).collect();
        let tickets: Vec<String> = homes.iter().map(|home| field(&home.one(&["status"]), "ticket")).collect();
        for (number, home) in homes.iter().enumerate() {
            for stride in STRIDES {
                home.one(&["peer", "add", &tickets[(number + stride) % NODES]]);
            }
        }
        for home in &homes {
            home.wait_for_peers(2);
        }
        Self { homes, nodes }
    }

    fn running(&self) -> impl Iterator<Item = (usize, &Home)> {
        let is_on = |number: &usize| self.nodes[*number].is_some();
        self.homes.iter().enumerate().filter(move |(number, _)| is_on(number))
    }

    /// How long it takes from `start` until every node that runs shows this.
    fn spread(&self, what: &str, start: Instant, shows: impl Fn(&Home) -> bool) -> Vec<Duration> {
        let mut missing: Vec<usize> = self.running().map(|(number, _)| number).collect();
        let mut took = Vec::new();
        wait_until(what, || {
            missing.retain(|number| {
                let is_there = shows(&self.homes[*number]);
                if is_there {
                    took.push(start.elapsed());
                }
                !is_there
            });
            missing.is_empty()
        });
        took
    }

    /// The network ids a node ever had a connection with or heard of.
    fn known_to(&self, number: usize) -> Vec<String> {
        let peers = self.homes[number].list(&["peer", "list"]);
        peers.iter().map(|peer| field(peer, "network_id")).collect()
    }

    fn network_id(&self, number: usize) -> String {
        field(&self.nodes[number].as_ref().unwrap().ready, "network_id")
    }
}

fn lines(home: &Home, post: &str) -> Vec<Value> {
    let said = home.run(&["thread", post, "--json"]);
    said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn holds_comment(home: &Home, post: &str, comment: &str) -> bool {
    lines(home, post).iter().skip(1).any(|line| field(line, "operation_id") == comment)
}

fn holds_reaction(home: &Home, post: &str, comment: &str) -> bool {
    let lines = lines(home, post);
    let found = lines.iter().skip(1).find(|line| field(line, "operation_id") == comment);
    found.is_some_and(|line| line["reactions"]["👍"] == 1)
}

fn print(what: &str, took: &mut [Duration]) {
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    println!("{what}: p50 {:?}, p95 {:?}, of {}", at(50), at(95), took.len());
}

/// One post, a comment on it by somebody far away, a reaction to that comment by a third.
fn round(mesh: &Mesh, [author, commenter, third]: [usize; 3], took: &mut [Vec<Duration>; 3]) {
    let start = now();
    let post = mesh.homes[author].post(&format!("post at {author}"));
    let has_post = |home: &Home| home.feed().iter().any(|found| field(found, "post_id") == post);
    took[0].extend(mesh.spread("the post everywhere", start, has_post));
    let start = now();
    let comment = field(&mesh.homes[commenter].one(&["reply", &post, "from afar"]), "operation_id");
    took[1].extend(mesh.spread("the comment everywhere", start, |home| holds_comment(home, &post, &comment)));
    let start = now();
    mesh.homes[third].one(&["react", &comment, "👍"]);
    let has_reaction = |home: &Home| holds_reaction(home, &post, &comment);
    took[2].extend(mesh.spread("the reaction everywhere", start, has_reaction));
}

#[test]
fn what_is_said_at_one_of_twelve_nodes_is_known_at_all() {
    let mut mesh = Mesh::start();
    let author = 0;
    let posting_id = mesh.homes[author].posting_id();
    for (number, home) in mesh.homes.iter().enumerate() {
        if number != author {
            home.one(&["follow", &posting_id]);
        }
    }
    // Whoever is six places away shares no connection with the author.
    let far = [author, NODES / 2, NODES / 2 - 1];
    assert!(!mesh.known_to(author).contains(&mesh.network_id(far[1])), "they met");
    let mut took = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        round(&mesh, far, &mut took);
    }
    for (what, took) in ["post", "comment", "reaction"].iter().zip(&mut took) {
        print(&format!("twelve nodes, {what} at all of them"), took);
    }
    let met = mesh.known_to(author).contains(&mesh.network_id(far[1]));
    println!("the commenter and the author {}", if met { "met meanwhile" } else { "never met" });

    for killed in [1, 4, 8, 11] {
        mesh.nodes[killed].take().unwrap().kill();
    }
    let mut after = [Vec::new(), Vec::new(), Vec::new()];
    round(&mesh, far, &mut after);
    print("eight of twelve nodes, reaction at all of them", &mut after[2]);

    for node in mesh.nodes.iter_mut().filter_map(Option::take) {
        node.stop();
    }
    for home in &mesh.homes {
        let store = rusqlite::Connection::open(home.file("itsgoin.db")).unwrap();
        let most: i64 = store
            .query_row(
                "SELECT coalesce(max(rows), 0) FROM (SELECT count(*) AS rows FROM file_holders GROUP BY file_id)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert!(most <= HOLDERS, "{most} holders of one file");
    }
}
