//! Other ways than a known address: two nodes that only a relay connects, and two that find each other in the local
//! network. Where the machine cannot do that, the test says so and skips.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};

use itsgoin::domain::invite::parse_ticket;

use super::program::{Home, PROGRAM, Reach, field, now, wait_until};

/// A relay of our own, on both loopback addresses, for as long as it lives.
struct Relay {
    _server: iroh_relay::server::Server,
    runtime: tokio::runtime::Runtime,
    url: String,
}

impl Relay {
    fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut config = iroh_relay::server::ServerConfig::default();
        // All interfaces of both families: each node reaches it by the one it has.
        let any: SocketAddr = (Ipv6Addr::UNSPECIFIED, 0).into();
        config.relay = Some(iroh_relay::server::RelayConfig::new(any));
        let server = runtime.block_on(iroh_relay::server::Server::spawn(config)).unwrap();
        let port = server.http_addr().unwrap().port();
        Self { _server: server, runtime, url: format!("http://localhost:{port}") }
    }
}

/// Whether this machine has a loopback address of this family.
fn can_bind(address: impl Into<std::net::IpAddr>) -> bool {
    UdpSocket::bind((address.into(), 0)).is_ok()
}

/// One node has nothing but IPv4, the other nothing but IPv6: no packet can go from one to the other.
#[test]
fn two_nodes_with_no_direct_way_meet_through_a_relay() {
    if !can_bind(Ipv6Addr::LOCALHOST) || !can_bind(Ipv4Addr::LOCALHOST) {
        println!("skipped: this machine has no IPv6, so there is no way to keep two nodes apart");
        return;
    }
    let relay = Relay::start();
    let reach = Reach::relay(&relay.url);
    let (ana, ben) = (Home::reached("ana", &reach), Home::reached("ben", &reach));
    let _nodes = (ana.serve(), ben.serve_with(&["--bind", "[::1]:0"]));
    // The ticket names the relay once the node is at home there.
    let home_relay = || parse_ticket(&field(&ana.one(&["status"]), "ticket")).unwrap().relay;
    wait_until("a relay in the ticket", || home_relay().is_some());
    ben.one(&["follow", &ana.invite()]);
    let start = now();
    let post_id = ana.post("by way of others");
    let got = ben.wait_for_post(&post_id);
    assert_eq!(field(&got, "text"), "by way of others");
    println!("through the relay: {:?}", start.elapsed());
    for home in [&ana, &ben] {
        let peers = home.list(&["peer", "list"]);
        assert_eq!(peers.len(), 1);
        assert_eq!((&peers[0]["connected"], &peers[0]["relayed"]), (&true.into(), &true.into()), "{peers:?}");
    }
    drop(relay.runtime);
}

/// One node knows only the one in the middle, which is connected to the author.
#[test]
fn an_author_is_found_by_asking_a_peer() {
    let reach = Reach::exchange();
    let [ana, ben, cleo] = ["ana", "ben", "cleo"].map(|name| Home::reached(name, &reach));
    let _nodes = [&ana, &ben, &cleo].map(Home::serve);
    ben.one(&["follow", &ana.invite()]);
    ben.wait_for_peers(1);
    cleo.one(&["peer", "add", &field(&ben.one(&["status"]), "ticket")]);
    cleo.wait_for_peers(1);
    let start = now();
    cleo.one(&["follow", &ana.posting_id()]);
    let author = field(&ana.one(&["status"]), "network_id");
    let is_author =
        |peer: &serde_json::Value| field(peer, "network_id") == author && peer["connected"] == true;
    wait_until("a connection with the author", || cleo.list(&["peer", "list"]).iter().any(is_author));
    println!("found by asking a peer after {:?}", start.elapsed());
}

/// A network of its own with nothing but a loopback interface that carries multicast.
struct Island {
    keeper: Child,
}

impl Island {
    /// `None`, with the reason printed, where the machine gives none.
    fn new() -> Option<Self> {
        const SETUP: &str = "set -e; ip link set lo up multicast on; ip addr add 10.77.0.1/24 dev lo; \
             ip addr add 10.77.0.2/24 dev lo; ip route add default dev lo; echo ready; exec cat";
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "sh", "-c", SETUP]);
        let keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut keeper) = keeper else {
            println!("skipped: there is no `unshare` here to make a network of its own");
            return None;
        };
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.trim() == "ready" {
            return Some(Self { keeper });
        }
        drop(keeper.stdin.take());
        let why = keeper.wait_with_output().unwrap();
        println!("skipped: no network of its own: {}", String::from_utf8_lossy(&why.stderr).trim());
        None
    }

    /// The command that runs the program inside.
    fn prefix(&self) -> Vec<String> {
        let target = self.keeper.id().to_string();
        let words = ["nsenter", "--target", &target, "--user", "--net", "--preserve-credentials", PROGRAM];
        words.map(str::to_owned).to_vec()
    }
}

impl Drop for Island {
    fn drop(&mut self) {
        // It may be gone already; there is nothing left to do then.
        drop(self.keeper.kill());
        drop(self.keeper.wait());
    }
}

#[test]
fn two_nodes_of_a_local_network_find_each_other_and_nobody_told_them() {
    let Some(island) = Island::new() else { return };
    let reach = Reach::local_network(island.prefix());
    let (ana, ben) = (Home::reached("ana", &reach), Home::reached("ben", &reach));
    let start = now();
    let _nodes = (ana.serve_with(&["--bind", "10.77.0.1:0"]), ben.serve_with(&["--bind", "10.77.0.2:0"]));
    ben.one(&["follow", &ana.posting_id()]);
    let post_id = ana.post("hello, neighbour");
    let got = ben.wait_for_post(&post_id);
    assert_eq!(field(&got, "author_name"), "ana", "the signed profile came, too");
    println!("found in the local network and read after {:?}", start.elapsed());
}
