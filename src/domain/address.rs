//! Where a node can be reached. Addresses are hints: whoever answers proves its network id in the handshake.

use std::net::{IpAddr, SocketAddr};

use minicbor::decode::Error as DecodeError;
use minicbor::{Decode, Decoder, Encode, Encoder};
use serde::{Deserialize, Serialize};

use super::ids::NetworkId;
use crate::limits::{PEER_SOCKETS, SHORT_FIELD_BYTES};

/// A node and the ways to it: socket addresses, newest first, and at most one relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerAddress {
    /// Whom to expect there.
    pub network_id: NetworkId,
    /// At most [`PEER_SOCKETS`].
    pub sockets: Vec<SocketAddr>,
    /// URL of the relay the node uses, at most [`SHORT_FIELD_BYTES`].
    pub relay: Option<String>,
}

impl PeerAddress {
    /// An address without any way to it yet: the lookup services may know one.
    #[must_use]
    pub const fn of(network_id: NetworkId) -> Self {
        Self { network_id, sockets: Vec::new(), relay: None }
    }
}

impl<C> Encode<C> for PeerAddress {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.array(3)?.encode_with(self.network_id, context)?;
        encoder.array(u64::try_from(self.sockets.len()).unwrap_or(0))?;
        for socket in &self.sockets {
            let mut bytes = match socket.ip() {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            bytes.extend(socket.port().to_be_bytes());
            encoder.bytes(&bytes)?;
        }
        encoder.encode_with(&self.relay, context)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for PeerAddress {
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, DecodeError> {
        let refuse = |what| DecodeError::message(what).at(decoder.position());
        let too_many = refuse("too many addresses");
        let too_long = refuse("relay too long");
        let no_url = refuse("relay is no URL");
        let not_three = refuse("a peer address has three fields");
        if decoder.array()? != Some(3) {
            return Err(not_three);
        }
        let network_id = decoder.decode_with(context)?;
        let count = decoder.array()?.and_then(|count| usize::try_from(count).ok());
        let Some(count) = count.filter(|count| *count <= PEER_SOCKETS) else {
            return Err(too_many);
        };
        let mut sockets = Vec::with_capacity(count);
        for _ in 0..count {
            sockets.push(decode_socket(decoder)?);
        }
        let relay: Option<String> = decoder.decode_with(context)?;
        if relay.as_ref().is_some_and(|url| url.len() > SHORT_FIELD_BYTES) {
            return Err(too_long);
        }
        // A URL holds nothing else; and what is no URL must not travel on to terminals.
        if relay.as_ref().is_some_and(|url| !url.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(no_url);
        }
        Ok(Self { network_id, sockets, relay })
    }
}

fn decode_socket(decoder: &mut Decoder<'_>) -> Result<SocketAddr, DecodeError> {
    let position = decoder.position();
    let bytes = decoder.bytes()?;
    let (ip, port) = match bytes.split_last_chunk::<2>() {
        Some((ip, port)) => (ip, u16::from_be_bytes(*port)),
        None => (bytes, 0),
    };
    let ip: Option<IpAddr> = <[u8; 4]>::try_from(ip)
        .map(IpAddr::from)
        .ok()
        .or_else(|| <[u8; 16]>::try_from(ip).map(IpAddr::from).ok());
    match ip {
        Some(ip) if port != 0 => Ok(SocketAddr::new(ip, port)),
        _ => Err(DecodeError::message("not a socket address").at(position)),
    }
}
