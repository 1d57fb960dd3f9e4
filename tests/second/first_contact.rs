//! The slot by which somebody is found who shares no key yet (PROTOCOL.md §23).

use super::post::{Post, SlotKeys};
use super::primitives::{Key, agreement_key, agreement_secret, dh, hkdf, key_at, posting_id, public};
use super::session::prekey_id;

/// What both sides derive from the author's key: tag, key of the header, and what the message key comes from.
pub struct Meeting {
    /// The tag of the slot.
    pub tag: Key,
    /// The key its header is encrypted under.
    pub header_key: Key,
    /// From which, with one more agreement, the message key comes.
    pub chain: Key,
}

fn meeting(with_identity: &Key, with_prekey: &Key, author: &Key, b: &Key, prekey: &Key) -> Meeting {
    let fields: [&[u8]; 3] = [author, b, prekey];
    let output: [u8; 96] = hkdf(&[], &[with_identity, with_prekey], "itsgoin/dm/1 fc", &fields);
    let tag = hkdf(author, &[with_identity], "itsgoin/dm/1 fc-tag", &[b, &prekey_id(prekey)]);
    Meeting { tag, header_key: key_at(&output, 0), chain: key_at(&output, 32) }
}

/// The key of the content key.
fn message_key(chain: &Key, agreement: &Key, a: &Key, b: &Key) -> Key {
    hkdf(chain, &[agreement], "itsgoin/dm/1 fc-wrap", &[a, b])
}

/// The slot from the persona of this seed to `b`, in a post whose author has this seed.
pub fn slot(author_seed: &Key, seed: &Key, b: &Key, prekey: &Key) -> Option<SlotKeys> {
    let (once, author) = (agreement_secret(author_seed), posting_id(author_seed));
    let met = meeting(&dh(&once, &agreement_key(b)?)?, &dh(&once, prekey)?, &author, b, prekey);
    let a = posting_id(seed);
    let header = [a.as_slice(), &prekey_id(prekey), &[0; 8]].concat().try_into().unwrap();
    let message_key = message_key(&met.chain, &dh(&agreement_secret(seed), prekey)?, &a, b);
    Some(SlotKeys { tag: met.tag, header_key: met.header_key, header, message_key })
}

/// Who wrote, and the content key, if a slot of the post is a first contact to the persona of this seed by this prekey.
pub fn open(post: &Post, seed: &Key, prekey_secret: &Key) -> Option<(Key, Key)> {
    let (author, b, prekey) = (post.author(), posting_id(seed), public(prekey_secret));
    let once = agreement_key(&author)?;
    let met = meeting(&dh(&agreement_secret(seed), &once)?, &dh(prekey_secret, &once)?, &author, &b, &prekey);
    let slot = post.slots().into_iter().find(|slot| slot[..32] == met.tag)?;
    let header = post.header(slot, &met.header_key)?;
    if header[32..40] != prekey_id(&prekey) {
        return None;
    }
    let a = key_at(&header, 0);
    let message_key = message_key(&met.chain, &dh(prekey_secret, &agreement_key(&a)?)?, &a, &b);
    Some((a, post.content_key(slot, &message_key)?))
}
