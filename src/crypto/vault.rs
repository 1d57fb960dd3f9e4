//! The vault: the data key wrapped under a passphrase, in 109 bytes that say nothing without it.
//!
//! ```text
//! off  len  field
//! 0    8    magic "itsgoinV"
//! 8    1    version = 1
//! 9    12   Argon2id: memory in KiB, passes, lanes (u32, little endian each)
//! 21   16   salt
//! 37   24   nonce
//! 61   48   data key under XChaCha20-Poly1305; bytes 0..61 are authenticated with it
//! ```
//! The cost of a passphrase stands in the file, so that it can rise in later versions; a file that asks for more than
//! the limits is refused before anything is computed. What keeps the file is not this file's business.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use super::data_key::DataKey;
use crate::limits::{
    KDF_LANES, KDF_LANES_MOST, KDF_MEMORY_KIB, KDF_MEMORY_KIB_MOST, KDF_PASSES, KDF_PASSES_MOST,
};

const MAGIC: &[u8; 8] = b"itsgoinV";
const VERSION: u8 = 1;
const SALT: usize = 16;
const NONCE: usize = 24;
/// Bytes before the wrapped key.
const HEADER: usize = 8 + 1 + 12 + SALT + NONCE;
const WRAPPED: usize = 32 + 16;

/// Bytes of a vault.
pub const VAULT_BYTES: usize = HEADER + WRAPPED;

/// Why a vault does not give its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VaultError {
    /// These bytes are no vault, or one of a later version.
    #[error("this is no vault that this version knows")]
    Unknown,
    /// Opening it would take more memory or time than any vault we write.
    #[error("the vault asks for more work than is allowed")]
    TooCostly,
    /// Nothing was typed: that protects nothing.
    #[error("an empty passphrase protects nothing")]
    Empty,
    /// Another passphrase, or damaged bytes: they cannot be told apart.
    #[error("the passphrase does not open the vault")]
    WrongPassphrase,
}

/// What a guess at the passphrase costs.
#[derive(Clone, Copy)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    const NOW: Self = Self { memory_kib: KDF_MEMORY_KIB, passes: KDF_PASSES, lanes: KDF_LANES };

    /// The key that wraps.
    fn derive(self, passphrase: &[u8], salt: [u8; SALT]) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let is_bearable = self.memory_kib <= KDF_MEMORY_KIB_MOST
            && self.passes <= KDF_PASSES_MOST
            && self.lanes <= KDF_LANES_MOST;
        if !is_bearable {
            return Err(VaultError::TooCostly);
        }
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32));
        let params = params.map_err(|_out_of_range| VaultError::Unknown)?;
        let mut key = Zeroizing::new([0; 32]);
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let derived = argon.hash_password_into(passphrase, &salt, key.as_mut_slice());
        derived.map_err(|_too_long| VaultError::WrongPassphrase)?;
        Ok(key)
    }
}

/// A wrapped data key.
pub struct Vault {
    cost: Cost,
    salt: [u8; SALT],
    nonce: [u8; NONCE],
    wrapped: [u8; WRAPPED],
}

impl Vault {
    /// Wraps a data key. Takes about the time one guess shall take: a few tenths of a second, 64 MiB.
    ///
    /// # Errors
    /// [`VaultError::Empty`].
    ///
    /// # Panics
    /// Never: 32 bytes are below the cipher's bound.
    pub fn wrap<R: CryptoRng + ?Sized>(
        data_key: &DataKey,
        passphrase: &[u8],
        rng: &mut R,
    ) -> Result<Self, VaultError> {
        Self::wrap_at(Cost::NOW, data_key, passphrase, rng)
    }

    fn wrap_at<R: CryptoRng + ?Sized>(
        cost: Cost,
        data_key: &DataKey,
        passphrase: &[u8],
        rng: &mut R,
    ) -> Result<Self, VaultError> {
        if passphrase.is_empty() {
            return Err(VaultError::Empty);
        }
        let (mut salt, mut nonce) = ([0; SALT], [0; NONCE]);
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut nonce);
        let mut vault = Self { cost, salt, nonce, wrapped: [0; WRAPPED] };
        let key = cost.derive(passphrase, salt)?;
        let payload = Payload { msg: data_key.secret().as_slice(), aad: &vault.header() };
        let wrapped = XChaCha20Poly1305::new(&(*key).into()).encrypt(&XNonce::from(nonce), payload);
        let wrapped = wrapped.expect("32 bytes are below the cipher's bound");
        vault.wrapped.copy_from_slice(&wrapped);
        Ok(vault)
    }

    /// The data key. As slow as [`Self::wrap`].
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn unwrap(&self, passphrase: &[u8]) -> Result<DataKey, VaultError> {
        let key = self.cost.derive(passphrase, self.salt)?;
        let payload = Payload { msg: &self.wrapped, aad: &self.header() };
        let opened = XChaCha20Poly1305::new(&(*key).into()).decrypt(&XNonce::from(self.nonce), payload);
        let opened = opened.map(Zeroizing::new).map_err(|_not_ours| VaultError::WrongPassphrase)?;
        let secret = opened.first_chunk().ok_or(VaultError::WrongPassphrase)?;
        Ok(DataKey::from_secret(secret))
    }

    fn header(&self) -> Vec<u8> {
        let Cost { memory_kib, passes, lanes } = self.cost;
        let numbers = [memory_kib, passes, lanes].map(u32::to_le_bytes).concat();
        [MAGIC.as_slice(), &[VERSION], &numbers, &self.salt, &self.nonce].concat()
    }

    /// The [`VAULT_BYTES`] of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [self.header().as_slice(), &self.wrapped].concat()
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`VaultError::Unknown`] when they are none of ours.
    pub fn decode(bytes: &[u8]) -> Result<Self, VaultError> {
        Self::split(bytes).ok_or(VaultError::Unknown)
    }

    fn split(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?.strip_prefix(&[VERSION])?;
        let (memory_kib, rest) = rest.split_first_chunk()?;
        let (passes, rest) = rest.split_first_chunk()?;
        let (lanes, rest) = rest.split_first_chunk()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let number = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
        let cost = Cost { memory_kib: number(memory_kib), passes: number(passes), lanes: number(lanes) };
        Some(Self { cost, salt: *salt, nonce: *nonce, wrapped: rest.try_into().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    /// Cheap enough to try hundreds.
    const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

    /// A vault of the key of 32 bytes 7 under "open sesame", made by another program (with Python's `cryptography`):
    /// salt 0, 1, 2, … and nonce 100, 101, ….
    const GOLDEN: &str = "697473676f696e5601000001000300000001000000000102030405060708090a0b0c0d0e0f6465666768696a6b6c6d6e6f707172737475767778797a7b\
        88b28b0b81b85feaf7ab6d159a44dca189262fec2a9019067030d1ce950f3d3497b75ebfff74e2decd5ac205d70880eb";

    #[test]
    fn the_golden_vault_opens_as_ever_and_is_what_is_written() {
        let bytes = data_encoding::HEXLOWER.decode(GOLDEN.as_bytes()).unwrap();
        let golden = Vault::decode(&bytes).unwrap();
        assert_eq!(golden.unwrap(b"open sesame").unwrap().secret().as_slice(), [7; 32]);
        assert_eq!(golden.encode(), bytes);
        let written = Vault::wrap(&DataKey::from_secret(&[7; 32]), b"x", &mut StdRng::seed_from_u64(1))
            .unwrap()
            .encode();
        assert_eq!(written[..21], bytes[..21], "form and cost");
        assert_eq!(written.len(), VAULT_BYTES);
    }

    #[test]
    fn another_passphrase_is_one_clear_error() {
        let rng = &mut StdRng::seed_from_u64(1);
        let vault = Vault::wrap_at(CHEAP, &DataKey::generate(rng), b"right", rng).unwrap();
        for wrong in ["", "Right", "right ", "righ"] {
            assert_eq!(vault.unwrap(wrong.as_bytes()).err(), Some(VaultError::WrongPassphrase));
        }
        assert!(vault.unwrap(b"right").is_ok());
        assert_eq!(Vault::wrap_at(CHEAP, &DataKey::generate(rng), b"", rng).err(), Some(VaultError::Empty));
    }

    #[test]
    fn every_flipped_bit_and_every_other_length_is_refused() {
        let rng = &mut StdRng::seed_from_u64(1);
        let bytes = Vault::wrap_at(CHEAP, &DataKey::generate(rng), b"right", rng).unwrap().encode();
        // Bits of the memory that ask for more than 64 MiB and no more than the limit only cost the test time.
        let costly = 9 * 8 + 17..=9 * 8 + 20;
        for bit in (0..bytes.len() * 8).filter(|bit| !costly.contains(bit)) {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let opened = Vault::decode(&bad).and_then(|vault| vault.unwrap(b"right").map(|_| ()));
            assert!(opened.is_err(), "bit {bit}");
        }
        assert!(Vault::decode(&bytes[..VAULT_BYTES - 1]).is_err());
        assert!(Vault::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
        assert!(Vault::decode(&[]).is_err());
    }

    #[test]
    fn a_vault_that_asks_for_too_much_is_refused_before_the_work() {
        let rng = &mut StdRng::seed_from_u64(1);
        let vault = Vault::wrap_at(CHEAP, &DataKey::generate(rng), b"right", rng).unwrap();
        let costs = [
            Cost { memory_kib: KDF_MEMORY_KIB_MOST + 1, ..CHEAP },
            Cost { passes: KDF_PASSES_MOST + 1, ..CHEAP },
            Cost { lanes: KDF_LANES_MOST + 1, ..CHEAP },
        ];
        for cost in costs {
            let bytes = Vault { cost, salt: vault.salt, nonce: vault.nonce, wrapped: vault.wrapped }.encode();
            let refused = Vault::decode(&bytes).unwrap().unwrap(b"right");
            assert_eq!(refused.err(), Some(VaultError::TooCostly));
        }
    }
}
