//! Cases about connections: floods, half handshakes, wrong names of the protocol, streams that hardly move.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use iroh::endpoint::Connection;
use itsgoin::limits::{CONNECTIONS, PENDING_CONNECTIONS};
use itsgoin::node::wire::{Epoch, Page};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::client::{ALPN, Answer, Attacker, Seen, Target, close_code, ends_after, open, serve_pulls};

/// A name that is not the protocol's.
pub const OTHER_ALPN: &[u8] = b"itsgoin/9.9";

/// Ids that take part in the flood, and connections each of them opens.
const FLOOD: (usize, usize) = (40, 4);

/// Many ids open many connections and hold them: only so many are kept.
pub async fn flood(target: &Target) -> Seen {
    let mut attackers = Vec::new();
    for _ in 0..FLOOD.0 {
        attackers.push(Attacker::new(target).await);
    }
    let mut connections: Vec<Connection> = Vec::new();
    for attacker in &attackers {
        for _ in 0..FLOOD.1 {
            connections.extend(attacker.greeted().await);
        }
    }
    let opened = connections.len();
    let is_open = |connection: &&Connection| connection.close_reason().is_none();
    let open = connections.iter().filter(is_open).count();
    let mut closing = JoinSet::new();
    for attacker in attackers {
        closing.spawn(async move { attacker.endpoint.close().await });
    }
    closing.join_all().await;
    if open > CONNECTIONS {
        return Err(format!("{open} connections stand"));
    }
    Ok(format!("{opened} of {} greeted, {open} kept", FLOOD.0 * FLOOD.1))
}

/// A way to the node that lets nothing come back: whoever dials through it never completes a handshake.
struct OneWay {
    socket: std::net::SocketAddr,
    forwarded: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl OneWay {
    fn to(target: &Target) -> Self {
        let (inside, outside) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        inside.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let socket = inside.local_addr().unwrap();
        let (forwarded, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, is_over, node) = (Arc::clone(&forwarded), Arc::clone(&stop), target.socket);
        let thread = std::thread::spawn(move || {
            let mut packet = [0; 2_048];
            while !is_over.load(Ordering::Relaxed) {
                if let Ok((length, _)) = inside.recv_from(&mut packet) {
                    outside.send_to(&packet[..length], node).unwrap();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self { socket, forwarded, stop, thread: Some(thread) }
    }
}

impl Drop for OneWay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// More handshakes are begun than may be under way, and none is completed: somebody who means it still gets in.
pub async fn half_handshakes(target: &Target) -> Seen {
    let way = OneWay::to(target);
    let attacker = Arc::new(Attacker::new(target).await);
    let mut begun = JoinSet::new();
    for number in 0..4 * PENDING_CONNECTIONS {
        let address = target.address_by(way.socket);
        // An endpoint dials one node once at a time: every dial is made by one of its own.
        let dialler = if number == 0 { Arc::clone(&attacker) } else { Arc::new(Attacker::new(target).await) };
        begun.spawn(async move { dialler.endpoint.connect(address, ALPN).await.is_ok() });
    }
    let enough = async {
        while way.forwarded.load(Ordering::Relaxed) < 4 * PENDING_CONNECTIONS {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(target.patience, enough).await.map_err(|_elapsed| "the flood did not begin".to_owned())?;
    let newcomer = Attacker::new(target).await;
    let connection = newcomer.greeted().await.map_err(|why| format!("nobody gets in: {why}"))?;
    connection.close(0_u32.into(), b"");
    let packets = way.forwarded.load(Ordering::Relaxed);
    begun.abort_all();
    Ok(format!("{packets} first packets without a second; a newcomer got in"))
}

/// Another name of the protocol is refused in the handshake.
pub async fn wrong_alpn(target: &Target) -> Seen {
    let attacker = Attacker::new(target).await;
    for _ in 0..20 {
        if attacker.connect_as(OTHER_ALPN).await.is_ok() {
            return Err("a connection under another protocol's name stands".to_owned());
        }
    }
    Ok("20 refused in the handshake".to_owned())
}

/// Fills every stream it gets with one byte every five seconds, until it is closed: the code it is closed with.
pub async fn one_byte_every_five_seconds(target: Target) -> Result<u64, String> {
    let attacker = Attacker::new(&target).await;
    let connection = attacker.greeted().await?;
    let crawling = crawl(connection.clone());
    // In all else it behaves: it takes the list of the other side and has nothing new.
    let behaving = serve_pulls(&connection, attacker.id(), |_, pull| {
        let ends = ends_after(&pull.groups, None);
        Some(Answer {
            page: Page { epoch: Epoch([7; 16]), ends, offers: Vec::new(), sealed: None },
            items: Vec::new(),
        })
    });
    let closed = close_code(&connection, Duration::from_mins(2));
    let (code, (), _served) = tokio::join!(closed, crawling, behaving);
    code
}

/// Fills every stream it is given; the next one is given when the node gave up another.
async fn crawl(connection: Connection) {
    let mut streams = JoinSet::new();
    while let Ok((mut send, receive)) = open(&connection, &[9]).await {
        streams.spawn(async move {
            let _receive = receive;
            loop {
                tokio::time::sleep(Duration::from_secs(5)).await;
                if send.write_all(&[0]).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// The slow one was cut by now, or is within the time that takes.
pub async fn is_over(slow: &mut JoinHandle<Result<u64, String>>) -> Seen {
    match timeout(Duration::from_secs(20), slow).await {
        Ok(Ok(Ok(4))) => Ok("cut off meanwhile, with 4".to_owned()),
        Ok(ended) => Err(format!("it ended otherwise: {ended:?}")),
        Err(_elapsed) => Err("it goes on".to_owned()),
    }
}
