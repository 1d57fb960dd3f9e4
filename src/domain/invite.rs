//! Invites and tickets: base32 text a person can send over any channel.
//!
//! An *invite* names a posting id, a hint for its name and at most three nodes where it can be found; a *ticket*
//! names a node and no persona. Neither is signed: a signature would tie a network id to a posting id (P1), and
//! whoever is dialled proves its network id anyway. Text form: prefix ‖ base32(CBOR ‖ first 4 bytes of its BLAKE3).

use minicbor::{Decode, Encode};
use thiserror::Error;

use super::address::PeerAddress;
use super::cbor;
use super::envelope::usable_key;
use super::ids::PostingId;
use crate::limits::{INVITE_ADDRESSES, INVITE_CHARS, NAME_BYTES};

const INVITE_PREFIX: &str = "itsgoin1";
const TICKET_PREFIX: &str = "itsgoinpeer1";
const CHECKSUM_BYTES: usize = 4;

/// Lets someone find and address a persona.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Invite {
    /// Whom to follow.
    #[n(0)]
    pub posting_id: PostingId,
    /// What the persona calls itself, until its signed profile arrives. Empty when unknown.
    #[n(1)]
    pub name_hint: String,
    /// Nodes to ask, at most [`INVITE_ADDRESSES`].
    #[n(2)]
    pub addresses: Vec<PeerAddress>,
}

/// Why a text is no invite or ticket. The text is for the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InviteError {
    /// It does not begin like one.
    #[error("this is not an invite: one begins with {INVITE_PREFIX}")]
    NotAnInvite,
    /// It does not begin like one.
    #[error("this is not a ticket: one begins with {TICKET_PREFIX}")]
    NotATicket,
    /// Longer than any real one.
    #[error("this is too long to be an invite")]
    TooLong,
    /// A character is missing or changed.
    #[error("a part is missing or was changed: copy all of it again")]
    Damaged,
    /// Well-formed, but with values that cannot be.
    #[error("it holds values this version does not understand: ask for a new one")]
    Unusable,
}

impl Invite {
    /// The text to be sent.
    #[must_use]
    pub fn format(&self) -> String {
        armor(INVITE_PREFIX, &cbor::encode(self))
    }

    /// Reads an invite. White space anywhere is ignored: terminals and mailers break long lines.
    ///
    /// # Errors
    /// [`InviteError`].
    pub fn parse(text: &str) -> Result<Self, InviteError> {
        let invite: Self = unarmor(INVITE_PREFIX, text, InviteError::NotAnInvite)?;
        let fits = invite.addresses.len() <= INVITE_ADDRESSES && invite.name_hint.len() <= NAME_BYTES;
        if fits && usable_key(invite.posting_id).is_ok() { Ok(invite) } else { Err(InviteError::Unusable) }
    }
}

/// The text that lets someone connect to a node without following anybody.
#[must_use]
pub fn format_ticket(address: &PeerAddress) -> String {
    armor(TICKET_PREFIX, &cbor::encode(address))
}

/// Reads a ticket.
///
/// # Errors
/// [`InviteError`].
pub fn parse_ticket(text: &str) -> Result<PeerAddress, InviteError> {
    unarmor(TICKET_PREFIX, text, InviteError::NotATicket)
}

fn checksum(payload: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let [a, b, c, d, ..] = *blake3::hash(payload).as_bytes();
    [a, b, c, d]
}

fn armor(prefix: &str, payload: &[u8]) -> String {
    let bytes = [payload, &checksum(payload)].concat();
    format!("{prefix}{}", data_encoding::BASE32_NOPAD.encode(&bytes).to_lowercase())
}

fn unarmor<T>(prefix: &str, text: &str, wrong_prefix: InviteError) -> Result<T, InviteError>
where
    T: for<'b> Decode<'b, ()>,
{
    if text.len() > INVITE_CHARS {
        return Err(InviteError::TooLong);
    }
    let text: String = text.split_whitespace().collect::<String>().to_lowercase();
    let rest = text.strip_prefix(prefix).ok_or(wrong_prefix)?;
    let bytes = data_encoding::BASE32_NOPAD
        .decode(rest.to_uppercase().as_bytes())
        .map_err(|_not_base32| InviteError::Damaged)?;
    let (payload, sum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(InviteError::Damaged)?;
    if *sum != checksum(payload) {
        return Err(InviteError::Damaged);
    }
    cbor::decode_whole(payload).map_err(|_malformed| InviteError::Unusable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::NetworkId;

    fn invite() -> Invite {
        // The Ed25519 base point: a valid key that belongs to nobody.
        let mut key = [0x66; 32];
        key[0] = 0x58;
        Invite {
            posting_id: PostingId::from_bytes(key),
            name_hint: "ana".to_owned(),
            addresses: vec![PeerAddress {
                network_id: NetworkId::from_bytes([3; 32]),
                sockets: vec!["127.0.0.1:4000".parse().unwrap(), "[::1]:4001".parse().unwrap()],
                relay: Some("https://relay.example/".to_owned()),
            }],
        }
    }

    #[test]
    fn an_invite_survives_broken_lines_and_capitals() {
        let text = invite().format();
        assert_eq!(Invite::parse(&text), Ok(invite()));
        let (head, tail) = text.split_at(40);
        assert_eq!(Invite::parse(&format!(" {}\n  {tail}\n", head.to_uppercase())), Ok(invite()));
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let text = invite().format();
        for position in INVITE_PREFIX.len()..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[position] = if bytes[position] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(Invite::parse(&changed), Err(InviteError::Damaged), "at {position}");
        }
        assert_eq!(Invite::parse(text.get(..text.len() - 3).unwrap()), Err(InviteError::Damaged));
    }

    #[test]
    fn other_texts_are_refused_with_their_reason() {
        assert_eq!(Invite::parse("hello"), Err(InviteError::NotAnInvite));
        assert_eq!(Invite::parse(&"x".repeat(5_000)), Err(InviteError::TooLong));
        let ticket = format_ticket(&invite().addresses[0]);
        assert_eq!(Invite::parse(&ticket), Err(InviteError::NotAnInvite));
        assert_eq!(parse_ticket(&ticket), Ok(invite().addresses[0].clone()));
        assert_eq!(parse_ticket(&invite().format()), Err(InviteError::NotATicket));
    }

    #[test]
    fn a_relay_that_is_no_url_is_refused() {
        for relay in ["\u{1b}]52;c;cm0=\u{7}", "https://a b", "https://\u{202e}moc", "a\nb"] {
            let mut invite = invite();
            invite.addresses[0].relay = Some(relay.to_owned());
            assert_eq!(Invite::parse(&invite.format()), Err(InviteError::Unusable), "{relay:?}");
            assert_eq!(parse_ticket(&format_ticket(&invite.addresses[0])), Err(InviteError::Unusable));
        }
    }

    #[test]
    fn more_addresses_than_allowed_are_refused() {
        let mut many = invite();
        many.addresses = vec![many.addresses[0].clone(); INVITE_ADDRESSES + 1];
        assert_eq!(Invite::parse(&many.format()), Err(InviteError::Unusable));
    }
}
