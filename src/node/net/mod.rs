//! The network: an iroh endpoint, connections and framed streams. The only place that names iroh.
//!
//! What leaves here is in our own words: [`PeerAddress`], [`Link`], [`Stream`], [`NetError`]. A request is one
//! bidirectional stream, a push one unidirectional stream.

mod blobs;
mod link;
mod stream;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use iroh::endpoint::{
    ConnectOptions, Endpoint, IdleTimeout, QuicTransportConfig, RelayMode, VarInt, presets,
};
use iroh::{EndpointAddr, EndpointId, RelayMap, RelayUrl, SecretKey, TransportAddr};
use iroh_mdns_address_lookup::MdnsAddressLookup;
use thiserror::Error;

pub use self::blobs::{
    BlobConnection, BlobStore, BlobStoreError, BlobStream, NotServed, Pinned, PlainRequest, SweepAsked,
};
pub use self::link::{Arrived, Incoming, Link, LinkStats};
pub use self::stream::Stream;

use super::wire::WireError;
use crate::api::{LanDiscovery, NetSettings, RelayChoice};
use crate::crypto::keys::NetworkKey;
use crate::domain::address::PeerAddress;
use crate::domain::ids::NetworkId;
use crate::limits::{
    BIDI_STREAMS, BLOB_WINDOW_BYTES, CONNECTION_WINDOW_BYTES, HANDSHAKE_TIME, HEARTBEAT, IDLE_TIME,
    PEER_SOCKETS, STREAM_WINDOW_BYTES, UNI_STREAMS,
};

/// The protocol's name in the handshake.
const ALPN: &[u8] = b"itsgoin/0.6";

/// Why the network does not do what it should.
#[derive(Debug, Error)]
pub enum NetError {
    /// The socket cannot be bound.
    #[error("the network cannot be started: {detail}")]
    Bind {
        /// What the system says.
        detail: String,
    },
    /// The relay is no URL.
    #[error("`{url}` is not the URL of a relay")]
    RelayUrl {
        /// What was given.
        url: String,
    },
    /// A connection, a stream or an answer did not come in time.
    #[error("it took too long")]
    Timeout,
    /// A dial or a connection broke.
    #[error("the connection is lost")]
    Lost,
    /// A stream ended in the middle of a frame or was reset.
    #[error("the stream is cut")]
    Cut,
    /// The peer sent what is no frame.
    #[error("the peer broke the protocol")]
    Protocol(#[from] WireError),
}

/// A bound endpoint.
#[derive(Clone)]
pub struct Network {
    endpoint: Endpoint,
}

impl Network {
    /// Binds the endpoint. A kept port that is taken meanwhile is replaced by a free one for this run.
    ///
    /// # Errors
    /// [`NetError::Bind`] or [`NetError::RelayUrl`].
    pub async fn bind(
        settings: &NetSettings,
        key: &NetworkKey,
        kept_port: Option<u16>,
    ) -> Result<Self, NetError> {
        let chosen = bind_addresses(settings.bind, kept_port);
        let is_ours_to_choose = settings.bind.is_none_or(|bind| bind.port() == 0);
        match Self::bind_to(settings, key, &chosen).await {
            Err(NetError::Bind { .. }) if is_ours_to_choose && kept_port.is_some() => {
                tracing::warn!("the kept UDP port is taken; using another one for this run");
                Self::bind_to(settings, key, &bind_addresses(settings.bind, None)).await
            }
            result => result,
        }
    }

    async fn bind_to(settings: &NetSettings, key: &NetworkKey, to: &[SocketAddr]) -> Result<Self, NetError> {
        let builder = match &settings.relay {
            RelayChoice::None => Endpoint::builder(presets::Minimal).relay_mode(RelayMode::Disabled),
            RelayChoice::Default => Endpoint::builder(presets::N0),
            RelayChoice::Url(url) => {
                let relay: RelayUrl =
                    url.parse().map_err(|_detail| NetError::RelayUrl { url: url.clone() })?;
                Endpoint::builder(presets::Minimal).relay_mode(RelayMode::Custom(RelayMap::from(relay)))
            }
        };
        let mut builder = builder
            .secret_key(SecretKey::from_bytes(key.secret()))
            .alpns(vec![ALPN.to_vec(), blobs::ALPN.to_vec()])
            .transport_config(transport())
            .clear_ip_transports();
        if settings.lan == LanDiscovery::On {
            builder = builder.address_lookup(MdnsAddressLookup::builder());
        }
        for address in to {
            builder =
                builder.bind_addr(*address).map_err(|error| NetError::Bind { detail: error.to_string() })?;
        }
        let endpoint = builder.bind().await.map_err(|error| NetError::Bind { detail: error.to_string() })?;
        Ok(Self { endpoint })
    }

    /// The UDP port that is to be kept.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.endpoint.bound_sockets().first().map(SocketAddr::port)
    }

    /// Where this node can be reached, as far as it knows now.
    #[must_use]
    pub fn address(&self) -> PeerAddress {
        let address = self.endpoint.addr();
        let mut sockets: Vec<SocketAddr> = address.ip_addrs().copied().collect();
        sockets.sort_by_key(|socket| (socket.ip().is_loopback(), socket.is_ipv6()));
        sockets.truncate(PEER_SOCKETS);
        PeerAddress {
            network_id: NetworkId::from_bytes(*self.endpoint.id().as_bytes()),
            sockets,
            relay: address.relay_urls().next().map(ToString::to_string),
        }
    }

    /// Changes of the addresses from now on.
    #[must_use]
    pub fn address_changes(&self) -> AddressChanges<impl iroh::Watcher<Value = EndpointAddr>> {
        AddressChanges(self.endpoint.watch_addr())
    }

    /// The next connection somebody opens; `None` when the endpoint is closed. Its handshake is still to come.
    pub async fn accept(&self) -> Option<Incoming> {
        self.endpoint.accept().await.map(Incoming::new)
    }

    /// Connects to a node.
    ///
    /// # Errors
    /// [`NetError::Lost`] or [`NetError::Timeout`].
    pub async fn dial(&self, address: &PeerAddress) -> Result<Link, NetError> {
        let connecting = self.endpoint.connect(target(address)?, ALPN);
        match tokio::time::timeout(HANDSHAKE_TIME, connecting).await {
            Ok(Ok(connection)) => Ok(Link::new(connection)),
            Ok(Err(_detail)) => Err(NetError::Lost),
            Err(_elapsed) => Err(NetError::Timeout),
        }
    }

    /// Connects to a node to fetch blobs from it.
    ///
    /// # Errors
    /// [`NetError::Lost`] or [`NetError::Timeout`].
    pub async fn dial_for_blobs(&self, address: &PeerAddress) -> Result<BlobConnection, NetError> {
        let target = target(address)?;
        let options = ConnectOptions::new().with_transport_config(fetching_transport());
        let dialled = async {
            let connecting = self.endpoint.connect_with_opts(target, blobs::ALPN, options).await;
            connecting.map_err(|_detail| NetError::Lost)?.await.map_err(|_detail| NetError::Lost)
        };
        match tokio::time::timeout(HANDSHAKE_TIME, dialled).await {
            Ok(connected) => connected.map(BlobConnection::new),
            Err(_elapsed) => Err(NetError::Timeout),
        }
    }

    /// Closes all connections in order and the socket with them.
    pub async fn close(&self) {
        self.endpoint.close().await;
    }
}

/// Waits for changes of a node's own addresses; misses none in between.
pub struct AddressChanges<W>(W);

impl<W: iroh::Watcher<Value = EndpointAddr>> AddressChanges<W> {
    /// The next change.
    pub async fn next(&mut self) {
        if self.0.updated().await.is_err() {
            // The endpoint is closed: nothing will ever change again.
            std::future::pending::<()>().await;
        }
    }
}

fn bind_addresses(bind: Option<SocketAddr>, kept_port: Option<u16>) -> Vec<SocketAddr> {
    let port = kept_port.unwrap_or(0);
    match bind {
        Some(address) if address.port() == 0 => vec![SocketAddr::new(address.ip(), port)],
        Some(address) => vec![address],
        None => vec![(Ipv4Addr::UNSPECIFIED, port).into(), (Ipv6Addr::UNSPECIFIED, port).into()],
    }
}

fn target(address: &PeerAddress) -> Result<EndpointAddr, NetError> {
    let id = EndpointId::from_bytes(address.network_id.as_bytes()).map_err(|_no_key| NetError::Lost)?;
    let sockets = address.sockets.iter().copied().map(TransportAddr::Ip);
    let relay = address.relay.as_ref().and_then(|url| url.parse().ok()).map(TransportAddr::Relay);
    Ok(EndpointAddr::from_parts(id, sockets.chain(relay)))
}

/// For a connection on which we only ask: a wide window for what we want, and no streams of the peer.
fn fetching_transport() -> QuicTransportConfig {
    let idle = IdleTimeout::try_from(IDLE_TIME).ok();
    QuicTransportConfig::builder()
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(BLOB_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(BLOB_WINDOW_BYTES))
        .max_idle_timeout(idle)
        .keep_alive_interval(HEARTBEAT)
        .default_path_keep_alive_interval(HEARTBEAT)
        .default_path_max_idle_timeout(IDLE_TIME)
        .build()
}

fn transport() -> QuicTransportConfig {
    let idle = IdleTimeout::try_from(IDLE_TIME).ok();
    QuicTransportConfig::builder()
        .max_concurrent_bidi_streams(VarInt::from_u32(BIDI_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(UNI_STREAMS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .max_idle_timeout(idle)
        .keep_alive_interval(HEARTBEAT)
        .default_path_keep_alive_interval(HEARTBEAT)
        .default_path_max_idle_timeout(IDLE_TIME)
        .build()
}
