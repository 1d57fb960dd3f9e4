//! Every key derivation of `dm/1`: HKDF-SHA256 (RFC 5869) with one label per purpose. The equations are the protocol
//! (PROTOCOL.md, 'Keys of a conversation').

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// 32 secret bytes.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// `N` bytes from HKDF with this salt, input and label, the label continued by `context`.
///
/// # Panics
/// Never: all lengths asked for are far below HKDF's bound of 8,160 bytes.
pub(super) fn derive<const N: usize>(
    salt: &[u8],
    input: &[u8],
    label: &[u8],
    context: &[&[u8]],
) -> Zeroizing<[u8; N]> {
    let mut output = Zeroizing::new([0; N]);
    let mut info = vec![label];
    info.extend_from_slice(context);
    Hkdf::<Sha256>::new(Some(salt), input)
        .expand_multi_info(&info, output.as_mut_slice())
        .expect("fewer than 255 blocks are asked for");
    output
}

/// Bytes `[at, at + N)` of what was derived.
///
/// # Panics
/// Never for a range inside; all ranges are constants.
pub(super) fn part<const N: usize>(of: &[u8], at: usize) -> Zeroizing<[u8; N]> {
    let bytes = of.get(at..).and_then(|rest| rest.first_chunk()).expect("a constant range inside");
    Zeroizing::new(*bytes)
}

impl KeptKey {
    /// A secret half, to be kept.
    #[must_use]
    pub fn of(secret: &super::dh::DhSecret) -> Self {
        Self(*secret.to_bytes())
    }

    /// The secret half that was kept.
    #[must_use]
    pub fn to_secret(&self) -> super::dh::DhSecret {
        super::dh::DhSecret::from_bytes(&self.0)
    }
}

/// What a step of the root gives: the next root key, a chain of message keys, and the other side's next chain of tags.
pub(super) struct RootStep {
    pub(super) root: KeptKey,
    pub(super) messages: MessageChain,
    pub(super) next_tags: TagChain,
}

/// `root(RK, DH)`.
pub(super) fn root(root: &KeptKey, agreed: &[u8; 32]) -> RootStep {
    let derived = derive::<96>(&root.0, agreed, b"itsgoin/dm/1 root\0", &[]);
    RootStep {
        root: KeptKey(*part(derived.as_slice(), 0)),
        messages: MessageChain(*part(derived.as_slice(), 32)),
        next_tags: TagChain(*part(derived.as_slice(), 64)),
    }
}

macro_rules! chain_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $name(pub(super) [u8; 32]);

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                encoder: &mut minicbor::Encoder<W>,
                _context: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                encoder.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                decoder: &mut minicbor::Decoder<'b>,
                context: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                minicbor::bytes::ByteArray::<32>::decode(decoder, context).map(|bytes| Self(bytes.into()))
            }
        }
    };
}

chain_type! {
    /// 32 bytes that are kept: a root key, a secret half.
    KeptKey
}
chain_type! {
    /// A chain of message keys at one of its places. A step forgets what came before.
    MessageChain
}
chain_type! {
    /// A chain of tags with their header keys, at one of its places. A step forgets what came before.
    TagChain
}

/// What a step of a tag chain gives.
pub(super) struct TagStep {
    pub(super) tag: [u8; 32],
    pub(super) header_key: Key,
}

impl MessageChain {
    /// `step_msg(CK)`: the key at this place; the chain stands at the next one afterwards.
    pub(super) fn step(&mut self) -> Key {
        let derived = derive::<64>(b"", &self.0, b"itsgoin/dm/1 msg\0", &[]);
        self.0 = *part(derived.as_slice(), 0);
        part(derived.as_slice(), 32)
    }
}

impl TagChain {
    /// `step_tag(TK)`: tag and header key at this place; the chain stands at the next one afterwards.
    pub(super) fn step(&mut self) -> TagStep {
        let derived = derive::<96>(b"", &self.0, b"itsgoin/dm/1 tag\0", &[]);
        self.0 = *part(derived.as_slice(), 0);
        TagStep { tag: *part(derived.as_slice(), 32), header_key: part(derived.as_slice(), 64) }
    }
}
