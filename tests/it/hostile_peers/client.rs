//! A peer that does what it likes: a raw endpoint with our ALPN that writes any bytes. It uses the program's own types
//! only to say well-formed things where a case needs them.

use std::net::SocketAddr;
use std::time::Duration;

use iroh::endpoint::{
    Connection, ConnectionError, Endpoint, QuicTransportConfig, RecvStream, RelayMode, SendStream, VarInt,
    presets,
};
use iroh::{EndpointAddr, EndpointId, TransportAddr};
use itsgoin::domain::ids::NetworkId;
use itsgoin::node::engine::answer::is_inline;
use itsgoin::node::engine::interest::InterestList;
use itsgoin::node::wire::{Decoded, Epoch, Group, Hello, Item, Message, Page, Pull, encode_frame};
use tokio::time::timeout;

/// The protocol's name in the handshake.
pub const ALPN: &[u8] = b"itsgoin/0.6";
/// What a case found out, or how the attacked node failed it.
pub type Seen = Result<String, String>;

/// Whom a case attacks.
#[derive(Clone)]
pub struct Target {
    pub network_id: NetworkId,
    pub socket: SocketAddr,
    /// How long it may take to do what it has to do.
    pub patience: Duration,
}

impl Target {
    pub fn address(&self) -> EndpointAddr {
        self.address_by(self.socket)
    }

    /// The same node behind another socket.
    pub fn address_by(&self, socket: SocketAddr) -> EndpointAddr {
        let id = EndpointId::from_bytes(self.network_id.as_bytes()).unwrap();
        EndpointAddr::from_parts(id, [TransportAddr::Ip(socket)])
    }
}

/// An endpoint under an id of its own.
pub struct Attacker {
    pub endpoint: Endpoint,
    target: Target,
}

impl Attacker {
    pub async fn new(target: &Target) -> Self {
        Self::with(target, QuicTransportConfig::builder().build()).await
    }

    /// One that takes next to nothing of what is sent to it.
    pub async fn narrow(target: &Target) -> Self {
        let narrow = QuicTransportConfig::builder()
            .stream_receive_window(VarInt::from_u32(2_048))
            .receive_window(VarInt::from_u32(16_384));
        Self::with(target, narrow.build()).await
    }

    async fn with(target: &Target, transport: QuicTransportConfig) -> Self {
        let endpoint = Endpoint::builder(presets::Minimal)
            .relay_mode(RelayMode::Disabled)
            .clear_ip_transports()
            .bind_addr("127.0.0.1:0")
            .unwrap()
            .alpns(vec![ALPN.to_vec()])
            .transport_config(transport)
            .bind()
            .await
            .unwrap();
        Self { endpoint, target: target.clone() }
    }

    pub fn id(&self) -> NetworkId {
        NetworkId::from_bytes(*self.endpoint.id().as_bytes())
    }

    pub async fn connect(&self) -> Result<Connection, String> {
        self.connect_as(ALPN).await
    }

    pub async fn connect_as(&self, alpn: &[u8]) -> Result<Connection, String> {
        let connecting = self.endpoint.connect(self.target.address(), alpn);
        let connected = timeout(self.target.patience, connecting).await;
        connected.map_err(|_elapsed| "no handshake in time".to_owned())?.map_err(|error| error.to_string())
    }

    /// A connection on which both sides said `Hello`.
    pub async fn greeted(&self) -> Result<Connection, String> {
        let connection = self.connect().await?;
        match ask(&connection, &encode_frame(&Message::Hello(hello())), self.target.patience).await? {
            Message::Hello(_) => Ok(connection),
            other => Err(format!("{other:?} instead of Hello")),
        }
    }
}

pub fn hello() -> Hello {
    Hello { epoch: Epoch([7; 16]), features: 0, minute: itsgoin::clock::now().as_minutes() }
}

/// Opens a stream and writes these bytes; it stays open.
pub async fn open(connection: &Connection, bytes: &[u8]) -> Result<(SendStream, RecvStream), String> {
    let (mut send, receive) = connection.open_bi().await.map_err(|error| error.to_string())?;
    send.write_all(bytes).await.map_err(|error| error.to_string())?;
    Ok((send, receive))
}

/// Reads one frame; `None` at the orderly end.
pub async fn read_frame(receive: &mut RecvStream) -> Result<Option<Message>, String> {
    let mut header = [0; 4];
    match receive.read_exact(&mut header).await {
        Ok(()) => {}
        Err(iroh::endpoint::ReadExactError::FinishedEarly(0)) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    }
    let mut body = vec![0; usize::try_from(u32::from_le_bytes(header)).unwrap()];
    receive.read_exact(&mut body).await.map_err(|error| error.to_string())?;
    match Message::decode(&body) {
        Ok(Decoded::Known(message)) => Ok(Some(message)),
        other => Err(format!("{other:?}")),
    }
}

/// Asks with a frame of any bytes, and reads the first frame of the answer.
pub async fn ask(connection: &Connection, frame: &[u8], patience: Duration) -> Result<Message, String> {
    let asking = async {
        let (mut send, mut receive) = open(connection, frame).await?;
        send.finish().map_err(|error| error.to_string())?;
        read_frame(&mut receive).await?.ok_or_else(|| "no answer".to_owned())
    };
    timeout(patience, asking).await.map_err(|_elapsed| "no answer in time".to_owned())?
}

/// Waits until the other side closes the connection, and says with which code.
pub async fn close_code(connection: &Connection, patience: Duration) -> Result<u64, String> {
    match timeout(patience, connection.closed()).await {
        Ok(ConnectionError::ApplicationClosed(close)) => Ok(close.error_code.into_inner()),
        Ok(other) => Err(format!("the connection ended otherwise: {other}")),
        Err(_elapsed) => Err("the connection was not closed".to_owned()),
    }
}

/// Waits for close `4`: broke the protocol.
pub async fn must_be_cut(connection: &Connection, patience: Duration) -> Seen {
    match close_code(connection, patience).await? {
        4 => Ok("closed with 4".to_owned()),
        other => Err(format!("closed with {other} instead of 4")),
    }
}

/// One answer to a pull.
pub struct Answer {
    pub page: Page,
    pub items: Vec<Item>,
}

/// What a served pull came to.
#[derive(Debug)]
pub struct Served {
    /// Which offers were wanted; of a small page all, unasked.
    pub wanted: Vec<bool>,
}

/// Answers what the other side asks on this connection, pulls with what `answer` makes of their number. Ends when
/// `answer` has nothing more to say, or with the connection.
pub async fn serve_pulls(
    connection: &Connection,
    us: NetworkId,
    mut answer: impl FnMut(usize, &Pull) -> Option<Answer>,
) -> Vec<Served> {
    let them = NetworkId::from_bytes(*connection.remote_id().as_bytes());
    let mut served = Vec::new();
    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
        let Ok(Some(request)) = read_frame(&mut receive).await else { continue };
        let reply = match request {
            Message::SetInterest(ids) => Message::InterestAccepted(InterestList::new(ids).hash(them, us)),
            Message::Pull(pull) => {
                let Some(Answer { page, items }) = answer(served.len(), &pull) else { return served };
                let (offered, is_inline) = (page.offers.len(), is_inline(&page, pull.sending));
                drop(send.write_all(&encode_frame(&Message::Page(page))).await);
                let mut wanted = vec![true; offered];
                if !is_inline {
                    match read_frame(&mut receive).await {
                        Ok(Some(Message::Want(want))) => {
                            wanted = (0..offered).map(|at| want.contains(at)).collect();
                        }
                        _ => wanted.fill(false),
                    }
                }
                if !items.is_empty() {
                    drop(send.write_all(&encode_frame(&Message::Items(items))).await);
                }
                drop(send.finish());
                served.push(Served { wanted });
                continue;
            }
            _ => Message::Busy,
        };
        drop(send.write_all(&encode_frame(&reply)).await);
        drop(send.finish());
    }
    served
}

/// Positions for a page that goes on behind every group's.
pub fn ends_after(groups: &[Group], cut: Option<u64>) -> Vec<itsgoin::node::wire::GroupEnd> {
    use itsgoin::domain::log::Seq;
    let far = Seq::new(1 << 40).unwrap();
    let end = |group: &Group| itsgoin::node::wire::GroupEnd {
        upto: far,
        cut: cut.and_then(|step| Seq::new(group.since.get() + step)),
    };
    groups.iter().map(end).collect()
}

/// A node that takes every connection and every byte, answers `Busy` to everything, and never closes anything.
pub struct Naive {
    pub target: Target,
    _endpoint: Endpoint,
    _accepting: tokio::task::JoinSet<()>,
}

impl Naive {
    pub async fn start() -> Self {
        let endpoint = Endpoint::builder(presets::Minimal)
            .relay_mode(RelayMode::Disabled)
            .clear_ip_transports()
            .bind_addr("127.0.0.1:0")
            .unwrap()
            .alpns(vec![ALPN.to_vec(), super::connections::OTHER_ALPN.to_vec()])
            .bind()
            .await
            .unwrap();
        let target = Target {
            network_id: NetworkId::from_bytes(*endpoint.id().as_bytes()),
            socket: endpoint.bound_sockets()[0],
            patience: Duration::from_secs(1),
        };
        let mut accepting = tokio::task::JoinSet::new();
        let listener = endpoint.clone();
        accepting.spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Some(incoming) = listener.accept().await {
                connections.spawn(async move {
                    let Ok(connection) = incoming.await else { return };
                    let mut streams = tokio::task::JoinSet::new();
                    while let Ok((send, receive)) = connection.accept_bi().await {
                        streams.spawn(answer_anything(send, receive));
                    }
                });
            }
        });
        Self { target, _endpoint: endpoint, _accepting: accepting }
    }
}

/// Says `Hello` to a `Hello` and `Busy` to all else, and holds on to the stream.
async fn answer_anything(mut send: SendStream, mut receive: RecvStream) {
    let asked = read_frame(&mut receive).await;
    let answer = match asked {
        Ok(Some(Message::Hello(_))) => Message::Hello(hello()),
        _ => Message::Busy,
    };
    drop(send.write_all(&encode_frame(&answer)).await);
    drop(send.finish());
    std::future::pending::<()>().await;
}
