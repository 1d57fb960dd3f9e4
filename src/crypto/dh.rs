//! Diffie-Hellman on Curve25519: secrets, public keys, and what two of them agree on.
//!
//! A persona's key serves both for signing and for agreement (joint use: eprint 2021/509). `P` and `-P` have the same
//! public key here, so every derivation binds the posting id itself. A point of small order, with which everybody
//! would agree on the same, is refused where it would be used.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Decoder, Encode, Encoder};
use rand::CryptoRng;
use thiserror::Error;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::keys::PostingKey;
use crate::domain::envelope::usable_key;
use crate::domain::ids::PostingId;

/// A public key with which nobody agrees on a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a usable key for an agreement")]
pub struct UselessKey;

/// The public half of a [`DhSecret`]. Any 32 bytes; whether they are of use shows when they are used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DhPublic([u8; 32]);

impl std::fmt::Debug for DhPublic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, ..] = self.0;
        write!(f, "DhPublic({a:02x}{b:02x})")
    }
}

impl DhPublic {
    /// Wraps 32 raw bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A posting id as a key for agreements.
    ///
    /// # Errors
    /// [`UselessKey`] when it is not a usable signing key.
    pub fn of_posting_id(id: PostingId) -> Result<Self, UselessKey> {
        let key = usable_key(id).map_err(|_weak| UselessKey)?;
        Ok(Self(key.to_montgomery().to_bytes()))
    }
}

impl<C> Encode<C> for DhPublic {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut Encoder<W>,
        _context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for DhPublic {
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, minicbor::decode::Error> {
        ByteArray::<32>::decode(decoder, context).map(|bytes| Self(bytes.into()))
    }
}

/// The secret half. Erased when dropped.
pub struct DhSecret(StaticSecret);

impl DhSecret {
    /// A new one.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut_slice());
        Self::from_bytes(&bytes)
    }

    /// From its 32 secret bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(StaticSecret::from(*bytes))
    }

    /// A persona's key, or a one-time author's, as a secret for agreements.
    #[must_use]
    pub fn of_posting_key(key: &PostingKey) -> Self {
        Self::from_bytes(&key.agreement_secret())
    }

    /// The 32 secret bytes, for whoever keeps them.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> DhPublic {
        DhPublic(PublicKey::from(&self.0).to_bytes())
    }

    /// What this secret and that key agree on.
    ///
    /// # Errors
    /// [`UselessKey`] for a point of small order.
    pub fn agree(&self, with: DhPublic) -> Result<Zeroizing<[u8; 32]>, UselessKey> {
        let shared = self.0.diffie_hellman(&PublicKey::from(with.0));
        if shared.was_contributory() { Ok(Zeroizing::new(shared.to_bytes())) } else { Err(UselessKey) }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_persona_agrees_with_its_signing_key() {
        let rng = &mut StdRng::seed_from_u64(1);
        let (persona, other) = (PostingKey::generate(rng), DhSecret::generate(rng));
        let secret = DhSecret::of_posting_key(&persona);
        let public = DhPublic::of_posting_id(persona.posting_id()).unwrap();
        assert_eq!(secret.public(), public);
        assert_eq!(*secret.agree(other.public()).unwrap(), *other.agree(public).unwrap());
    }

    #[test]
    fn points_of_small_order_are_refused() {
        let secret = DhSecret::generate(&mut StdRng::seed_from_u64(1));
        for low in [[0; 32], {
            let mut one = [0; 32];
            one[0] = 1;
            one
        }] {
            assert_eq!(secret.agree(DhPublic::from_bytes(low)).err(), Some(UselessKey));
        }
        assert_eq!(DhPublic::of_posting_id(PostingId::from_bytes([0; 32])), Err(UselessKey));
    }
}
