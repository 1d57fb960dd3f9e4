//! A way between two real nodes that takes longer: a proxy for UDP packets in this process that keeps each for a fixed
//! time and counts them.
//!
//! One end has nothing but IPv4 and the other nothing but IPv6, so no packet can go round it, whatever the transport
//! learns of other addresses: it is this way or none.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use itsgoin::domain::address::PeerAddress;
use itsgoin::domain::invite::{format_ticket, parse_ticket};

use super::program::{Home, Serve, field, now};

/// Packets under way in one direction; of more the newest are lost, as on a line that is full.
const UNDER_WAY: usize = 4_096;
/// The largest packet there is.
const PACKET_BYTES: usize = 65_535;
/// How soon it is noticed that a detour is given up.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What one node is bound to, so that the other cannot reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    /// Nodes with even and with odd numbers.
    pub const fn of(number: usize) -> Self {
        if number.is_multiple_of(2) { Self::V4 } else { Self::V6 }
    }

    /// What a node of this family is started with.
    pub const fn bind(self) -> &'static str {
        match self {
            Self::V4 => "127.0.0.1:0",
            Self::V6 => "[::1]:0",
        }
    }

    fn loopback(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::LOCALHOST.into(),
            Self::V6 => Ipv6Addr::LOCALHOST.into(),
        }
    }

    fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }

    /// Whether this machine has both: else nodes cannot be kept apart, and the reason is printed.
    pub fn are_there() -> bool {
        let can = [Self::V4, Self::V6].map(|family| UdpSocket::bind((family.loopback(), 0)).is_ok());
        if can != [true, true] {
            println!("skipped: this machine has no IPv6, so there is no way to keep two nodes apart");
        }
        can == [true, true]
    }
}

/// What went over a detour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    pub packets: u64,
    pub bytes: u64,
}

#[derive(Default)]
struct Count {
    packets: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    fn passed(&self) -> Passed {
        Passed { packets: self.packets.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}

struct Packet {
    due: Instant,
    bytes: Vec<u8>,
}

/// The way to one node, for one other that dials it.
pub struct Detour {
    /// Where it is entered.
    front: SocketAddr,
    counts: [Arc<Count>; 2],
    is_over: Arc<AtomicBool>,
}

impl Detour {
    /// Opens one that leads to this socket address; each packet takes `added` longer, each way.
    pub fn open(target: SocketAddr, added: Duration) -> Self {
        let family = if target.is_ipv4() { Family::V4 } else { Family::V6 };
        let bind = |family: Family| {
            let socket = UdpSocket::bind((family.loopback(), 0)).unwrap();
            socket.set_read_timeout(Some(LOOK_EVERY)).unwrap();
            Arc::new(socket)
        };
        let (front, back) = (bind(family.other()), bind(family));
        let counts = [Arc::<Count>::default(), Arc::default()];
        let is_over = Arc::new(AtomicBool::new(false));
        // Whoever sent last is the one who dialled: a node keeps its port.
        let dialler = Arc::new(Mutex::new(None));
        let there = {
            let dialler = Arc::clone(&dialler);
            move |from: SocketAddr| {
                *dialler.lock().unwrap() = Some(from);
                true
            }
        };
        let line =
            Line { from: Arc::clone(&front), to: Arc::clone(&back), added, over: Arc::clone(&is_over) };
        line.run(Arc::clone(&counts[0]), there, move || Some(target));
        let entrance = front.local_addr().unwrap();
        let line = Line { from: back, to: front, added, over: Arc::clone(&is_over) };
        line.run(Arc::clone(&counts[1]), move |from| from == target, move || *dialler.lock().unwrap());
        Self { front: entrance, counts, is_over }
    }

    /// What went to the target, and what came back.
    pub fn passed(&self) -> [Passed; 2] {
        [self.counts[0].passed(), self.counts[1].passed()]
    }
}

impl Drop for Detour {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// One direction.
struct Line {
    from: Arc<UdpSocket>,
    to: Arc<UdpSocket>,
    added: Duration,
    over: Arc<AtomicBool>,
}

impl Line {
    /// Takes what comes from those that may send, and sends it on when its time is over.
    fn run(
        self,
        count: Arc<Count>,
        may_send: impl Fn(SocketAddr) -> bool + Send + 'static,
        target: impl Fn() -> Option<SocketAddr> + Send + 'static,
    ) {
        let (taken, packets) = sync_channel(UNDER_WAY);
        let to = Arc::clone(&self.to);
        thread::spawn(move || self.take(&taken, may_send));
        thread::spawn(move || pass_on(&packets, &to, &count, target));
    }

    fn take(&self, taken: &SyncSender<Packet>, may_send: impl Fn(SocketAddr) -> bool) {
        let mut buffer = vec![0; PACKET_BYTES];
        while !self.over.load(Ordering::Relaxed) {
            match self.from.recv_from(&mut buffer) {
                Ok((length, from)) if may_send(from) => {
                    let packet = Packet { due: now() + self.added, bytes: buffer[..length].to_vec() };
                    // A line that is full loses packets.
                    drop(taken.try_send(packet));
                }
                Ok(_) => {}
                Err(error) if is_passing(&error) => {}
                Err(error) => panic!("a detour does not receive: {error}"),
            }
        }
    }
}

/// Nothing came for a while, or what was sent before found nobody: both are usual where nodes come and go.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted | ConnectionRefused)
}

fn pass_on(
    packets: &Receiver<Packet>,
    to: &UdpSocket,
    count: &Count,
    target: impl Fn() -> Option<SocketAddr>,
) {
    for packet in packets {
        // All wait equally long, so the first is the next.
        thread::sleep(packet.due.saturating_duration_since(now()));
        let Some(target) = target() else { continue };
        // Counted before it is sent: whoever sees what it brought finds it in the count.
        count.packets.fetch_add(1, Ordering::Relaxed);
        count.bytes.fetch_add(u64::try_from(packet.bytes.len()).unwrap(), Ordering::Relaxed);
        // What cannot be sent is lost, as on any line.
        drop(to.send_to(&packet.bytes, target));
    }
}

/// The only way from one node to another: it is told of the other by a ticket that names this and nothing else.
pub fn connect(dialler: &Home, target: (&Home, &Serve), added: Duration) -> Detour {
    let (home, node) = target;
    let socket = node.addresses().first().unwrap().parse().unwrap();
    let detour = Detour::open(socket, added);
    let known = parse_ticket(&field(&home.one(&["status"]), "ticket")).unwrap();
    let by_detour = PeerAddress { network_id: known.network_id, sockets: vec![detour.front], relay: None };
    dialler.one(&["peer", "add", &format_ticket(&by_detour)]);
    detour
}

/// The round trip a node sees to each peer it is connected with.
pub fn round_trips(home: &Home) -> Vec<Duration> {
    let peers = home.list(&["peer", "list"]);
    let connected = peers.iter().filter(|peer| peer["connected"] == true);
    connected.map(|peer| Duration::from_millis(peer["latency_ms"].as_u64().unwrap())).collect()
}

/// What is measured here is a way that takes longer, and the only one: this is what the measured tests stand on.
#[test]
fn packets_of_two_nodes_that_cannot_reach_each_other_take_the_detour() {
    const ADDED: Duration = Duration::from_millis(40);
    if !Family::are_there() {
        return;
    }
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let of_ana = ana.serve_with(&["--bind", Family::of(0).bind()]);
    let of_ben = ben.serve_with(&["--bind", Family::of(1).bind()]);
    let detour = connect(&ben, (&ana, &of_ana), ADDED);
    ana.wait_for_peers(1);
    ben.wait_for_peers(1);
    for home in [&ana, &ben] {
        assert!(round_trips(home).iter().all(|trip| *trip >= 2 * ADDED), "{:?}", round_trips(home));
    }
    ben.one(&["follow", &ana.invite()]);
    let text = "all of it comes this way;".repeat(600);
    let post_id = ana.post(&text);
    ben.wait_for_post(&post_id);
    let [there, back] = detour.passed();
    // Nothing on the way makes a post shorter than its text.
    assert!(there.packets > 0 && back.bytes > u64::try_from(text.len()).unwrap(), "{there:?} {back:?}");
    of_ben.stop();
    of_ana.stop();
}
