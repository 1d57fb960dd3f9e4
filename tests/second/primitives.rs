//! HKDF, X25519, BLAKE3, Ed25519 and ChaCha20-Poly1305, each in the one way PROTOCOL.md §23 uses them.

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use sha2::{Digest, Sha256, Sha512};
use x25519_dalek::{PublicKey, StaticSecret};

/// A secret, a public key, a tag or a posting id.
pub type Key = [u8; 32];

/// Bytes of a slot.
pub const SLOT: usize = 144;

/// HKDF-SHA256 over the parts of the input, with the label, a zero byte and the fields as info.
pub fn hkdf<const N: usize>(salt: &[u8], input: &[&[u8]], label: &str, fields: &[&[u8]]) -> [u8; N] {
    let info = [label.as_bytes(), &[0], &fields.concat()].concat();
    let mut output = [0; N];
    Hkdf::<Sha256>::new(Some(salt), &input.concat()).expand(&info, &mut output).unwrap();
    output
}

/// The 32 bytes that begin at this offset.
pub fn key_at(bytes: &[u8], offset: usize) -> Key {
    bytes[offset..offset + 32].try_into().unwrap()
}

/// BLAKE3 in its mode for deriving keys.
pub fn derived(context: &str, fields: &[&[u8]]) -> Key {
    blake3::derive_key(context, &fields.concat())
}

/// The first bytes of what [`derived`] gives.
pub fn derived_head<const N: usize>(context: &str, fields: &[&[u8]]) -> [u8; N] {
    derived(context, fields)[..N].try_into().unwrap()
}

/// X25519; nothing where the result is zero.
pub fn dh(secret: &Key, public: &Key) -> Option<Key> {
    let shared = StaticSecret::from(*secret).diffie_hellman(&PublicKey::from(*public)).to_bytes();
    (shared != [0; 32]).then_some(shared)
}

/// The public half of an X25519 secret.
pub fn public(secret: &Key) -> Key {
    PublicKey::from(&StaticSecret::from(*secret)).to_bytes()
}

/// The posting id of this seed.
pub fn posting_id(seed: &Key) -> Key {
    SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

/// The secret for agreements that belongs to this seed: the lower half of its SHA-512, which X25519 clamps.
pub fn agreement_secret(seed: &Key) -> Key {
    key_at(&Sha512::digest(seed), 0)
}

/// The Montgomery form of a posting id; nothing if it is no point or of small order.
pub fn agreement_key(id: &Key) -> Option<Key> {
    let point = VerifyingKey::from_bytes(id).ok()?;
    (!point.is_weak()).then(|| point.to_montgomery().to_bytes())
}

/// Signs these bytes.
pub fn sign(seed: &Key, bytes: &[u8]) -> [u8; 64] {
    SigningKey::from_bytes(seed).sign(bytes).to_bytes()
}

/// Whether this is the id's signature of these bytes, by the strict rule.
pub fn verifies(id: &Key, bytes: &[u8], signature: &[u8; 64]) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(id) else { return false };
    !key.is_weak() && key.verify_strict(bytes, &Signature::from_bytes(signature)).is_ok()
}

/// Encrypts; the nonce is that of this author and letter.
pub fn encrypt(key: &Key, author: &Key, letter: u8, beside: &[u8], plain: &[u8]) -> Vec<u8> {
    let nonce: [u8; 12] = derived_head("itsgoin/dm/1 nonce", &[author, &[letter]]);
    let payload = Payload { msg: plain, aad: beside };
    ChaCha20Poly1305::new(&(*key).into()).encrypt(&nonce.into(), payload).unwrap()
}

/// Decrypts what [`encrypt`] made; nothing if a byte of it is another one.
pub fn decrypt(key: &Key, author: &Key, letter: u8, beside: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let nonce: [u8; 12] = derived_head("itsgoin/dm/1 nonce", &[author, &[letter]]);
    let payload = Payload { msg: sealed, aad: beside };
    ChaCha20Poly1305::new(&(*key).into()).decrypt(&nonce.into(), payload).ok()
}
