//! The data key: what everything at rest that says who, when and with whom is encrypted under.
//!
//! A row is known by a keyed hash and holds ciphertext that is bound to its table and key, so that rows can neither be
//! read nor moved elsewhere without the key. Where the key itself is kept is not this file's business.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

/// Bytes of a nonce; it stands before the ciphertext.
const NONCE: usize = 24;
/// The version of the form, part of what is authenticated.
const VERSION: u8 = 1;

/// A row was written under another key, for another place, or is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a protected row cannot be opened with this key")]
pub struct UnopenedRow;

/// Encrypts rows at rest.
pub struct DataKey {
    secret: Zeroizing<[u8; 32]>,
    cipher: XChaCha20Poly1305,
    hash_key: Zeroizing<[u8; 32]>,
}

impl DataKey {
    /// A new key.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        rng.fill_bytes(secret.as_mut_slice());
        Self::from_secret(&secret)
    }

    /// From its 32 secret bytes.
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        let derive = |context: &str| Zeroizing::new(blake3::derive_key(context, secret));
        let cipher_key = derive("itsgoin data key, rows 1");
        let cipher = XChaCha20Poly1305::new(&(*cipher_key).into());
        Self { secret: Zeroizing::new(*secret), cipher, hash_key: derive("itsgoin data key, names 1") }
    }

    /// The 32 secret bytes, for whoever keeps them.
    #[must_use]
    pub const fn secret(&self) -> &Zeroizing<[u8; 32]> {
        &self.secret
    }

    /// By what a row of a table is known: 32 bytes that say nothing without the key.
    #[must_use]
    pub fn name(&self, table: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.hash_key);
        for part in std::iter::once(table.as_bytes()).chain(parts.iter().copied()) {
            // Each part with its length: no two lists of parts are the same bytes.
            hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes()).update(part);
        }
        *hasher.finalize().as_bytes()
    }

    /// Encrypts what a row of a table holds. `key` is what the row is known by.
    ///
    /// # Panics
    /// Never: rows are far shorter than the cipher's bound.
    pub fn seal<R: CryptoRng + ?Sized>(&self, table: &str, key: &[u8], plain: &[u8], rng: &mut R) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        rng.fill_bytes(&mut nonce);
        let payload = Payload { msg: plain, aad: &associated(table, key) };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        [nonce.as_slice(), &sealed.expect("a row is shorter than the cipher's bound")].concat()
    }

    /// Decrypts it.
    ///
    /// # Errors
    /// [`UnopenedRow`].
    pub fn open(&self, table: &str, key: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, UnopenedRow> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(UnopenedRow)?;
        let payload = Payload { msg: sealed, aad: &associated(table, key) };
        let opened = self.cipher.decrypt(&XNonce::from(*nonce), payload);
        opened.map(Zeroizing::new).map_err(|_not_ours| UnopenedRow)
    }
}

/// What a row's ciphertext is bound to.
fn associated(table: &str, key: &[u8]) -> Vec<u8> {
    [table.as_bytes(), &[0], key, &[0, VERSION]].concat()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_row_opens_in_its_place_under_its_key_and_nowhere_else() {
        let rng = &mut StdRng::seed_from_u64(1);
        let (key, other) = (DataKey::generate(rng), DataKey::generate(rng));
        let sealed = key.seal("messages", b"row", b"hello", rng);
        assert_eq!(key.open("messages", b"row", &sealed).unwrap().as_slice(), b"hello");
        let again = DataKey::from_secret(key.secret());
        assert!(again.open("messages", b"row", &sealed).is_ok());
        assert!(other.open("messages", b"row", &sealed).is_err());
        assert!(key.open("sessions", b"row", &sealed).is_err());
        assert!(key.open("messages", b"rov", &sealed).is_err());
        assert!(key.open("messages", b"row", &sealed[..NONCE - 1]).is_err());
        for bit in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open("messages", b"row", &bad).is_err(), "bit {bit}");
        }
        assert_ne!(sealed, key.seal("messages", b"row", b"hello", rng), "a nonce is used once");
    }

    #[test]
    fn names_depend_on_key_table_and_parts() {
        let rng = &mut StdRng::seed_from_u64(1);
        let (key, other) = (DataKey::generate(rng), DataKey::generate(rng));
        let name = key.name("a", &[b"bc", b"d"]);
        assert_eq!(name, key.name("a", &[b"bc", b"d"]));
        assert_ne!(name, key.name("a", &[b"b", b"cd"]));
        assert_ne!(name, key.name("ab", &[b"c", b"d"]));
        assert_ne!(name, other.name("a", &[b"bc", b"d"]));
    }
}
