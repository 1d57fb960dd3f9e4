//! A connection with one peer.

use std::net::IpAddr;
use std::time::Duration;

use iroh::endpoint::{Connection, VarInt};
use tokio::time::timeout;

use super::blobs::{self, BlobConnection};
use super::{NetError, Stream};
use crate::domain::address::PeerAddress;
use crate::domain::ids::NetworkId;
use crate::limits::{CONTROL_FRAME_BYTES, FRAME_TIME, HANDSHAKE_TIME};
use crate::node::engine::CloseReason;
use crate::node::wire::{Decoded, Message};

/// A connection that somebody opens, before its handshake.
pub struct Incoming(iroh::endpoint::Incoming);

impl Incoming {
    pub(super) const fn new(incoming: iroh::endpoint::Incoming) -> Self {
        Self(incoming)
    }

    /// Completes the handshake.
    ///
    /// # Errors
    /// [`NetError`] when the peer does not.
    pub async fn complete(self) -> Result<Arrived, NetError> {
        match timeout(HANDSHAKE_TIME, self.0).await {
            Ok(Ok(connection)) if connection.alpn() == blobs::ALPN => {
                Ok(Arrived::ForBlobs(BlobConnection::new(connection)))
            }
            Ok(Ok(connection)) => Ok(Arrived::Link(Link::new(connection))),
            Ok(Err(_detail)) => Err(NetError::Lost),
            Err(_elapsed) => Err(NetError::Timeout),
        }
    }

    /// The address it claims to come from; `None` through a relay.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.0.remote_addr() {
            iroh::endpoint::IncomingAddr::Ip(socket) => Some(socket.ip()),
            _ => None,
        }
    }

    /// Whether it showed that it receives what is sent there.
    #[must_use]
    pub fn is_address_proven(&self) -> bool {
        self.0.remote_addr_validated()
    }

    /// Lets it come again with what is sent to its address.
    pub fn ask_for_proof(self) {
        // It fails only for an address that is proven already; then there was nothing to ask.
        self.0.retry().unwrap_or_default();
    }

    /// Answers that there is no room.
    pub fn refuse(self) {
        self.0.refuse();
    }
}

/// What a peer opened a connection for.
pub enum Arrived {
    /// To speak the protocol.
    Link(Link),
    /// To fetch blobs.
    ForBlobs(BlobConnection),
}

/// A connection with a peer whose network id the handshake proved. Cheap to clone.
#[derive(Clone)]
pub struct Link {
    connection: Connection,
}

/// What a connection did so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkStats {
    /// Whether the chosen path goes through a relay.
    pub is_relayed: bool,
    /// Its round trip.
    pub latency: Duration,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

impl Link {
    pub(super) const fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Who is there.
    #[must_use]
    pub fn peer(&self) -> NetworkId {
        NetworkId::from_bytes(*self.connection.remote_id().as_bytes())
    }

    /// Where the peer is seen to be. One socket serves both directions, so it can be dialled there.
    #[must_use]
    pub fn address(&self) -> PeerAddress {
        let mut address = PeerAddress::of(self.peer());
        for path in self.connection.paths().iter() {
            match path.remote_addr() {
                iroh::TransportAddr::Ip(socket) => address.sockets.push(*socket),
                iroh::TransportAddr::Relay(url) => address.relay = Some(url.to_string()),
                _ => {}
            }
        }
        address
    }

    /// What the connection did so far.
    #[must_use]
    pub fn stats(&self) -> LinkStats {
        let paths = self.connection.paths();
        let chosen = paths.iter().find(iroh::endpoint::Path::is_selected);
        let stats = self.connection.stats();
        LinkStats {
            is_relayed: chosen.as_ref().is_some_and(iroh::endpoint::Path::is_relay),
            latency: chosen.as_ref().map(iroh::endpoint::Path::rtt).unwrap_or_default(),
            bytes_in: stats.udp_rx.bytes,
            bytes_out: stats.udp_tx.bytes,
        }
    }

    /// Opens a stream for a request and writes it.
    ///
    /// # Errors
    /// [`NetError`] when the connection is lost or the peer takes no more streams.
    pub async fn open(&self, request: &Message) -> Result<Stream, NetError> {
        let opened = timeout(HANDSHAKE_TIME, self.connection.open_bi()).await;
        let (send, receive) =
            opened.map_err(|_elapsed| NetError::Timeout)?.map_err(|_detail| NetError::Lost)?;
        let mut stream = Stream::both(send, receive);
        stream.send(request).await?;
        Ok(stream)
    }

    /// Asks, and waits for the one frame of the answer.
    ///
    /// # Errors
    /// [`NetError`] when there is none.
    pub async fn request(&self, request: &Message) -> Result<Message, NetError> {
        let mut stream = self.open(request).await?;
        stream.finish();
        match stream.receive(CONTROL_FRAME_BYTES).await? {
            Some(Decoded::Known(message)) => Ok(message),
            Some(Decoded::Unknown { .. }) | None => Err(NetError::Cut),
        }
    }

    /// Writes a push and forgets it.
    ///
    /// # Errors
    /// [`NetError`] when the connection is lost or the peer takes no more streams.
    pub async fn push(&self, message: &Message) -> Result<(), NetError> {
        let opened = timeout(HANDSHAKE_TIME, self.connection.open_uni()).await;
        let mut send = opened.map_err(|_elapsed| NetError::Timeout)?.map_err(|_detail| NetError::Lost)?;
        send.write_all(&crate::node::wire::encode_frame(message)).await.map_err(|_detail| NetError::Cut)?;
        send.finish().map_err(|_closed| NetError::Cut)
    }

    /// Writes a push and waits until the peer has all of it, or wants no more of it.
    ///
    /// # Errors
    /// [`NetError`] when that cannot be known: the connection is lost, or nothing moves.
    pub async fn push_through(&self, message: &Message) -> Result<(), NetError> {
        let sent = async {
            let mut send = self.connection.open_uni().await.map_err(|_detail| NetError::Lost)?;
            let frame = crate::node::wire::encode_frame(message);
            send.write_all(&frame).await.map_err(|_detail| NetError::Cut)?;
            send.finish().map_err(|_closed| NetError::Cut)?;
            send.stopped().await.map(drop).map_err(|_detail| NetError::Lost)
        };
        timeout(FRAME_TIME, sent).await.map_err(|_elapsed| NetError::Timeout)?
    }

    /// The next request of the peer.
    ///
    /// # Errors
    /// [`NetError::Lost`] when the connection has ended.
    pub async fn accept_request(&self) -> Result<Stream, NetError> {
        let (send, receive) = self.connection.accept_bi().await.map_err(|_detail| NetError::Lost)?;
        Ok(Stream::both(send, receive))
    }

    /// The next push of the peer.
    ///
    /// # Errors
    /// [`NetError::Lost`] when the connection has ended.
    pub async fn accept_push(&self) -> Result<Stream, NetError> {
        let receive = self.connection.accept_uni().await.map_err(|_detail| NetError::Lost)?;
        Ok(Stream::only_receive(receive))
    }

    /// Ends the connection.
    pub fn close(&self, reason: CloseReason) {
        self.connection.close(VarInt::from_u32(reason.code()), b"");
    }
}
