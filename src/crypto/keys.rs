//! The two kinds of keys (PROTOCOL.md §1), kept apart by their types.
//!
//! A [`PostingKey`] signs content and [statements](crate::domain::statement) and nothing else. A [`NetworkKey`]
//! proves who is at the end of a connection and nothing else: it has no function that takes content; the handshake
//! of the transport signs with it. So no code path can tie a network id to a posting id by a signature (P1).
//!
//! ```compile_fail
//! # use itsgoin::crypto::keys::NetworkKey;
//! # fn f(key: &NetworkKey, post: &itsgoin::domain::post::Post) {
//! key.sign(post); // a network key signs no content
//! # }
//! ```
//!
//! Secrets have no `Debug`, `Clone` or `PartialEq`, and are zeroized when dropped.

use ed25519_dalek::{Signer, SigningKey};
use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::domain::envelope::{Content, Envelope, Signed, Verified, signed_message};
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::domain::statement::{Statement, statement_message};

/// Signs content as a persona.
pub struct PostingKey(SigningKey);

impl PostingKey {
    /// A new key.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::from_secret(&random_secret(rng))
    }

    /// From its 32 secret bytes.
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// The 32 secret bytes, for the key file.
    #[must_use]
    pub fn secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn posting_id(&self) -> PostingId {
        PostingId::from_bytes(self.0.verifying_key().to_bytes())
    }

    /// The same key as a secret scalar for agreements.
    pub(super) fn agreement_secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_scalar_bytes())
    }

    /// Signs content whose author is this key.
    ///
    /// # Panics
    /// When `content` names another author or would not decode: a bug of the caller, never a matter of input.
    #[must_use]
    pub fn sign<T: Content>(&self, content: &T) -> Verified<T> {
        let bytes = content.encode();
        let message = signed_message(T::KIND, ObjectId::of(&bytes));
        let envelope = Envelope { kind: T::KIND, bytes, signature: self.0.sign(&message).to_bytes() };
        Signed::decode(envelope)
            .expect("what was built by its constructor decodes")
            .verify()
            .expect("a persona signs only content that names it as author")
    }

    /// Signs something that is said inside of a conversation and has to hold before others.
    #[must_use]
    pub fn state(&self, statement: Statement, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(&statement_message(statement, bytes)).to_bytes()
    }
}

/// Identifies this device to other nodes.
pub struct NetworkKey(Zeroizing<[u8; 32]>);

impl NetworkKey {
    /// A new key, independent of every posting key.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(random_secret(rng))
    }

    /// From its 32 secret bytes.
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*secret))
    }

    /// The 32 secret bytes, for the key file and the transport's handshake.
    #[must_use]
    pub const fn secret(&self) -> &Zeroizing<[u8; 32]> {
        &self.0
    }

    /// The public half.
    #[must_use]
    pub fn network_id(&self) -> NetworkId {
        NetworkId::from_bytes(SigningKey::from_bytes(&self.0).verifying_key().to_bytes())
    }
}

fn random_secret<R: CryptoRng + ?Sized>(rng: &mut R) -> Zeroizing<[u8; 32]> {
    let mut secret = Zeroizing::new([0; 32]);
    rng.fill_bytes(secret.as_mut_slice());
    secret
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::domain::envelope::{ContentError, Kind, Object, ObjectError, SignatureError};
    use crate::domain::post::Post;
    use crate::domain::time::Timestamp;

    fn post(seed: u64) -> (PostingKey, Verified<Post>) {
        let key = PostingKey::generate(&mut StdRng::seed_from_u64(seed));
        let post = Post::new(key.posting_id(), Timestamp::from_millis(1), "hello".to_owned()).unwrap();
        let signed = key.sign(&post);
        (key, signed)
    }

    #[test]
    fn what_is_signed_verifies_and_keeps_its_id() {
        let (_, signed) = post(1);
        let object = Object::verify(signed.envelope().clone()).unwrap();
        assert_eq!(object.id(), signed.id());
    }

    #[test]
    fn every_flipped_bit_of_bytes_or_signature_is_refused() {
        let (_, signed) = post(1);
        let good = signed.envelope();
        for bit in 0..good.bytes.len() * 8 {
            let mut bad = good.clone();
            bad.bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Object::verify(bad).is_err(), "bit {bit} of the bytes");
        }
        for bit in 0..512 {
            let mut bad = good.clone();
            bad.signature[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Object::verify(bad), Err(ObjectError::Signature(SignatureError)), "bit {bit}");
        }
    }

    #[test]
    fn a_signature_for_one_kind_is_none_for_another() {
        let (_, signed) = post(1);
        let other = Envelope { kind: Kind::Profile, ..signed.envelope().clone() };
        assert!(Object::verify(other).is_err());
    }

    #[test]
    fn weak_authors_are_refused_for_good() {
        let identity_point = PostingId::from_bytes({
            let mut bytes = [0; 32];
            bytes[0] = 1;
            bytes
        });
        let post = Post::new(identity_point, Timestamp::ZERO, "x".to_owned()).unwrap();
        let envelope = Envelope { kind: Kind::Post, bytes: post.encode(), signature: [0; 64] };
        assert_eq!(Object::verify(envelope), Err(ObjectError::Content(ContentError::WeakAuthor)));
    }

    #[test]
    fn trailing_bytes_and_unknown_fields() {
        let (key, signed) = post(1);
        let mut longer = signed.envelope().clone();
        longer.bytes.push(0);
        assert_eq!(Object::verify(longer), Err(ObjectError::Content(ContentError::Malformed)));

        // A later version adds field 9: it decodes, and its bytes stay as they were signed.
        let mut bytes = Vec::new();
        let mut encoder = minicbor::Encoder::new(&mut bytes);
        encoder.map(5).unwrap().u8(0).unwrap().u8(1).unwrap().u8(1).unwrap();
        encoder.bytes(key.posting_id().as_bytes()).unwrap();
        encoder.u8(2).unwrap().u8(7).unwrap().u8(3).unwrap().str("later").unwrap();
        encoder.u8(9).unwrap().str("new").unwrap();
        let message = signed_message(Kind::Post, ObjectId::of(&bytes));
        let signature = key.0.sign(&message).to_bytes();
        let object = Object::verify(Envelope { kind: Kind::Post, bytes: bytes.clone(), signature }).unwrap();
        let Object::Post(post) = object else { unreachable!("a post was signed") };
        assert_eq!(post.content().text(), "later");
        assert_eq!(post.envelope().bytes, bytes);
    }
}
