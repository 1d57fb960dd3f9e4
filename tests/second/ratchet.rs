//! The ratchet (PROTOCOL.md §23): two chains of message keys, and tags that come out of chains of their own.

use super::post::{Post, SlotKeys};
use super::primitives::{Key, dh, hkdf, key_at, public};

/// Tags of a chain that are looked for, and messages it carries at most.
pub const TAGS_AHEAD: u32 = 128;

/// Messages of one chain that are skipped at once at most.
const SKIPPED_AT_ONCE: u32 = 256;

/// Keys of skipped messages that are kept.
const SKIPPED_KEYS: usize = 512;

/// What a root step gives: root, chain of message keys, the tags of the chain after it.
pub fn root_step(root: &Key, shared: &Key) -> (Key, Key, Key) {
    let output: [u8; 96] = hkdf(root, &[shared], "itsgoin/dm/1 root", &[]);
    (key_at(&output, 0), key_at(&output, 32), key_at(&output, 64))
}

/// What a message step gives: the chain's next key, the message's key.
pub fn message_step(chain: &Key) -> (Key, Key) {
    let output: [u8; 64] = hkdf(&[], &[chain], "itsgoin/dm/1 msg", &[]);
    (key_at(&output, 0), key_at(&output, 32))
}

/// What a tag step gives: the chain's next key, a tag, its header's key.
pub fn tag_step(chain: &Key) -> (Key, Key, Key) {
    let output: [u8; 96] = hkdf(&[], &[chain], "itsgoin/dm/1 tag", &[]);
    (key_at(&output, 0), key_at(&output, 32), key_at(&output, 64))
}

/// All keys of one message.
#[derive(Clone)]
struct Link {
    tag: Key,
    header_key: Key,
    message_key: Key,
    number: u32,
}

/// A chain at the message that comes next.
#[derive(Clone)]
struct Chain {
    messages: Key,
    tags: Key,
    number: u32,
}

impl Chain {
    fn step(&mut self) -> Link {
        let (tags, tag, header_key) = tag_step(&self.tags);
        let (messages, message_key) = message_step(&self.messages);
        let link = Link { tag, header_key, message_key, number: self.number };
        *self = Self { messages, tags, number: self.number + 1 };
        link
    }
}

/// What is encrypted in a slot's header: the key, the length of the previous chain, the number.
struct Header {
    key: Key,
    previous: u32,
    number: u32,
}

impl Header {
    fn bytes(&self) -> [u8; 48] {
        let parts =
            [self.key.as_slice(), &self.previous.to_le_bytes(), &self.number.to_le_bytes(), &[0; 8]].concat();
        parts.try_into().unwrap()
    }

    /// The header of a slot, if this key opens it and it has the number that the tag stands for.
    fn open(post: &Post, slot: &[u8], header_key: &Key, number: u32) -> Option<Self> {
        let bytes = post.header(slot, header_key)?;
        let count = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let header = Self { key: key_at(&bytes, 0), previous: count(32), number: count(36) };
        (header.number == number).then_some(header)
    }
}

/// One side of a session.
#[derive(Clone)]
pub struct Ratchet {
    root: Key,
    own: Key,
    sending: Option<Chain>,
    next_sent_tags: Key,
    previous: u32,
    receiving: Option<(Key, Chain)>,
    expected_tags: Key,
    kept: Vec<(Key, Link)>,
}

impl Ratchet {
    /// Of who begins: with the other side's prekey, a fresh secret, and the tags both sides begin with.
    pub fn begun(root: &Key, prekey: &Key, fresh: Key, tags: Key, expected_tags: Key) -> Option<Self> {
        let (root, messages, next_sent_tags) = root_step(root, &dh(&fresh, prekey)?);
        let sending = Some(Chain { messages, tags, number: 0 });
        let (receiving, kept) = (None, Vec::new());
        Some(Self { root, own: fresh, sending, next_sent_tags, previous: 0, receiving, expected_tags, kept })
    }

    /// Of who is written to: with the secret of the prekey.
    pub fn answering(root: Key, prekey_secret: Key, next_sent_tags: Key, expected_tags: Key) -> Self {
        let (sending, receiving, kept) = (None, None, Vec::new());
        Self {
            root,
            own: prekey_secret,
            sending,
            next_sent_tags,
            previous: 0,
            receiving,
            expected_tags,
            kept,
        }
    }

    /// The keys of the next message; nothing before the first was received, and at the end of a chain.
    pub fn send(&mut self) -> Option<SlotKeys> {
        let chain = self.sending.as_mut().filter(|chain| chain.number < TAGS_AHEAD)?;
        let link = chain.step();
        let header = Header { key: public(&self.own), previous: self.previous, number: link.number };
        let Link { tag, header_key, message_key, .. } = link;
        Some(SlotKeys { tag, header_key, header: header.bytes(), message_key })
    }

    /// The key that the next message names.
    pub fn own_key(&self) -> Key {
        public(&self.own)
    }

    /// The key that the other side's last message named.
    pub fn other_key(&self) -> Option<Key> {
        self.receiving.as_ref().map(|(key, _)| *key)
    }

    /// Messages on the present chain; nothing before there is one.
    pub fn sent_count(&self) -> Option<u32> {
        self.sending.as_ref().map(|chain| chain.number)
    }

    /// The content key of a post that is for this session, and the ratchet after it; `fresh` becomes the own secret
    /// where the other side has a new key.
    pub fn receive(&self, post: &Post, fresh: Key) -> Option<(Key, Self)> {
        post.slots().into_iter().find_map(|slot| {
            self.receive_kept(post, slot)
                .or_else(|| self.receive_present(post, slot))
                .or_else(|| self.receive_next(post, slot, fresh))
        })
    }

    fn receive_kept(&self, post: &Post, slot: &[u8]) -> Option<(Key, Self)> {
        let at = self.kept.iter().position(|(_, link)| link.tag == slot[..32])?;
        let mut after = self.clone();
        let (key, link) = after.kept.remove(at);
        Header::open(post, slot, &link.header_key, link.number).filter(|header| header.key == key)?;
        Some((post.content_key(slot, &link.message_key)?, after))
    }

    fn receive_present(&self, post: &Post, slot: &[u8]) -> Option<(Key, Self)> {
        let mut after = self.clone();
        let (key, mut chain) = after.receiving.take()?;
        let link = after.walk(&mut chain, key, slot)?;
        Header::open(post, slot, &link.header_key, link.number).filter(|header| header.key == key)?;
        after.receiving = Some((key, chain));
        Some((post.content_key(slot, &link.message_key)?, after))
    }

    fn receive_next(&self, post: &Post, slot: &[u8], fresh: Key) -> Option<(Key, Self)> {
        let mut tags = self.expected_tags;
        let header = (0..TAGS_AHEAD).find_map(|number| {
            let (rest, tag, header_key) = tag_step(&tags);
            tags = rest;
            (tag == slot[..32]).then(|| Header::open(post, slot, &header_key, number))
        })??;
        let mut after = self.clone();
        if let Some((key, mut chain)) = after.receiving.take() {
            let end = header.previous.min(chain.number + SKIPPED_AT_ONCE);
            while chain.number < end {
                after.keep(key, chain.step());
            }
        }
        let (root, messages, expected_tags) = root_step(&after.root, &dh(&after.own, &header.key)?);
        let mut chain = Chain { messages, tags: after.expected_tags, number: 0 };
        let link = after.walk(&mut chain, header.key, slot)?;
        after.receiving = Some((header.key, chain));
        after.expected_tags = expected_tags;
        after.previous = after.sending.as_ref().map_or(0, |chain| chain.number);
        let (root, messages, next_sent_tags) = root_step(&root, &dh(&fresh, &header.key)?);
        after.sending = Some(Chain { messages, tags: after.next_sent_tags, number: 0 });
        (after.root, after.own, after.next_sent_tags) = (root, fresh, next_sent_tags);
        Some((post.content_key(slot, &link.message_key)?, after))
    }

    /// Goes on to the message of a slot; what is passed is kept.
    fn walk(&mut self, chain: &mut Chain, key: Key, slot: &[u8]) -> Option<Link> {
        while chain.number < TAGS_AHEAD {
            let link = chain.step();
            if link.tag == slot[..32] {
                return Some(link);
            }
            self.keep(key, link);
        }
        None
    }

    fn keep(&mut self, key: Key, link: Link) {
        self.kept.push((key, link));
        if self.kept.len() > SKIPPED_KEYS {
            self.kept.remove(0);
        }
    }
}
