//! How a session begins (PROTOCOL.md §23), on both sides.

use super::primitives::{
    Key, agreement_key, agreement_secret, derived_head, dh, hkdf, key_at, posting_id, public,
};
use super::ratchet::Ratchet;

/// What both sides derive.
pub struct Shared {
    /// The first root key.
    pub root: Key,
    /// Tags of the first chain of who began.
    pub tags_a: Key,
    /// Tags of the first chain of who answers.
    pub tags_b: Key,
    /// The name of the session.
    pub sid: [u8; 16],
}

/// The id of a prekey.
pub fn prekey_id(prekey: &Key) -> [u8; 8] {
    derived_head("itsgoin/dm/1 prekey id", &[prekey])
}

fn shared(agreements: &[Key; 3], ek: &Key, a: &Key, b: &Key, prekey: &Key) -> Shared {
    let input: Vec<&[u8]> = agreements.iter().map(Key::as_slice).collect();
    let output: [u8; 112] = hkdf(&[], &input, "itsgoin/dm/1 session", &[ek, a, b, prekey]);
    let sid = output[96..].try_into().unwrap();
    Shared { root: key_at(&output, 0), tags_a: key_at(&output, 32), tags_b: key_at(&output, 64), sid }
}

/// Begins one as the persona of this seed with posting id `b`, whose prekey this is, with a secret of the moment.
pub fn begin(seed: &Key, b: &Key, prekey: &Key, ek: &Key) -> Option<Shared> {
    let agreements = [dh(ek, &agreement_key(b)?)?, dh(ek, prekey)?, dh(&agreement_secret(seed), prekey)?];
    Some(shared(&agreements, &public(ek), &posting_id(seed), b, prekey))
}

/// The same as the persona of this seed whom `a` wrote to, with the secret of the prekey `a` used.
pub fn answer(seed: &Key, a: &Key, prekey_secret: &Key, ek: &Key) -> Option<Shared> {
    let own = agreement_secret(seed);
    let agreements = [dh(&own, ek)?, dh(prekey_secret, ek)?, dh(prekey_secret, &agreement_key(a)?)?];
    Some(shared(&agreements, ek, a, &posting_id(seed), &public(prekey_secret)))
}

impl Shared {
    /// The ratchet of who began.
    pub fn first(&self, prekey: &Key, fresh: Key) -> Option<Ratchet> {
        Ratchet::begun(&self.root, prekey, fresh, self.tags_a, self.tags_b)
    }

    /// The ratchet of who answers.
    pub fn second(&self, prekey_secret: Key) -> Ratchet {
        Ratchet::answering(self.root, prekey_secret, self.tags_b, self.tags_a)
    }
}
