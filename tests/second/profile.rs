//! Profiles, as far as they give out prekeys (PROTOCOL.md §5, §24).

use minicbor::{Decoder, Encoder};

use super::primitives::{Key, posting_id, sign, verifies};

/// The version of the format.
const VERSION: u8 = 1;

/// What is signed.
fn signed(bytes: &[u8]) -> Vec<u8> {
    [b"itsgoin/0.6/profile\0".as_slice(), blake3::hash(bytes).as_bytes()].concat()
}

/// Bytes and signature of a profile with a prekey and its day.
pub fn publish(seed: &Key, created_ms: i64, name: &str, prekey: &(Key, u32)) -> Option<(Vec<u8>, [u8; 64])> {
    let mut bytes = Vec::new();
    let mut to = Encoder::new(&mut bytes);
    to.map(6).ok()?.u8(0).ok()?.u8(VERSION).ok()?;
    to.u8(1).ok()?.bytes(&posting_id(seed)).ok()?;
    to.u8(2).ok()?.i64(created_ms).ok()?;
    to.u8(3).ok()?.i64(created_ms).ok()?;
    to.u8(4).ok()?.str(name).ok()?;
    to.u8(5).ok()?.map(2).ok()?.u8(0).ok()?.bytes(&prekey.0).ok()?.u8(1).ok()?.u32(prekey.1).ok()?;
    let signature = sign(seed, &signed(&bytes));
    Some((bytes, signature))
}

/// The prekey, and its day, that a profile of this posting id gives out.
pub fn prekey_of(id: &Key, bytes: &[u8], signature: &[u8; 64]) -> Option<(Key, u32)> {
    if !verifies(id, &signed(bytes), signature) {
        return None;
    }
    let (mut from, mut author, mut prekey) = (Decoder::new(bytes), None, None);
    for _ in 0..from.map().ok()?? {
        match from.u32().ok()? {
            1 => author = Some(Key::try_from(from.bytes().ok()?).ok()?),
            5 => prekey = read_prekey(&mut from),
            _ => from.skip().ok()?,
        }
    }
    prekey.filter(|_| author == Some(*id))
}

fn read_prekey(from: &mut Decoder<'_>) -> Option<(Key, u32)> {
    let (mut key, mut day) = (None, None);
    for _ in 0..from.map().ok()?? {
        match from.u32().ok()? {
            0 => key = Some(Key::try_from(from.bytes().ok()?).ok()?),
            1 => day = Some(from.u32().ok()?),
            _ => from.skip().ok()?,
        }
    }
    key.zip(day)
}
