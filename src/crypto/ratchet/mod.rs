//! The double ratchet with encrypted headers (Signal, 'The Double Ratchet Algorithm', rev. 1, §4), with one change: the
//! constant header key of a chain is a chain of its own, whose every step gives a tag and a header key. The tag stands
//! in the clear and tells the recipient, and nobody else, which key opens the slot; the chain forgets what came before.
//!
//! Every step leaves the old state as it is and returns the new one, so that a failure consumes nothing and a commit
//! decides. Invariant: no tag, header key or message key is ever given out twice by states that follow each other.

pub(super) mod window;

#[cfg(test)]
mod tests;

use minicbor::{Decode, Encode};
use rand::CryptoRng;

use self::window::TagWindow;
use super::dh::{DhPublic, DhSecret};
use super::kdf::{KeptKey, MessageChain, TagChain, root};
use super::sealing::{ContentKey, HEADER, NotOurs, SlotKeys, open_header, unwrap_key};
use crate::domain::ids::{PostingId, RecipientTag};
use crate::domain::sealed::SLOT;
use crate::domain::time::Timestamp;
use crate::limits::{SKIPPED_AT_ONCE, SKIPPED_KEYS, SKIPPED_TIME, TAGS_AHEAD};

/// One side of a conversation between two devices.
#[derive(Encode, Decode)]
#[cbor(map)]
pub struct Ratchet {
    #[n(0)]
    root: KeptKey,
    /// The secret half of the key our next headers carry.
    #[n(1)]
    own: KeptKey,
    /// The key the peer's last headers carried.
    #[n(2)]
    peer: Option<DhPublic>,
    #[n(3)]
    sending: Option<Sending>,
    /// Tags of our next sending chain.
    #[n(4)]
    next_sending: TagChain,
    /// How many messages our last sending chain had.
    #[n(5)]
    previous_count: u32,
    #[n(6)]
    receiving: Option<Receiving>,
    /// Tags of the peer's next chain, known before its key is.
    #[n(7)]
    next: TagWindow,
    #[n(8)]
    skipped: Vec<Skipped>,
}

/// A chain we send on.
#[derive(Clone, Encode, Decode)]
struct Sending {
    #[n(0)]
    messages: MessageChain,
    #[n(1)]
    tags: TagChain,
    #[n(2)]
    count: u32,
}

/// A chain of the peer.
#[derive(Clone, Encode, Decode)]
struct Receiving {
    #[n(0)]
    messages: MessageChain,
    #[n(1)]
    window: TagWindow,
}

/// The keys of a message that others of its chain overtook.
#[derive(Clone, Encode, Decode)]
pub(super) struct Skipped {
    #[n(0)]
    pub(super) tag: RecipientTag,
    #[n(1)]
    pub(super) header_key: KeptKey,
    #[n(2)]
    pub(super) message_key: KeptKey,
    #[n(3)]
    pub(super) number: u32,
    #[n(4)]
    pub(super) since: Timestamp,
}

/// What is inside an encrypted header of a ratchet's slot.
struct Header {
    key: DhPublic,
    previous_count: u32,
    number: u32,
}

impl Header {
    fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let (previous, number) = (self.previous_count.to_le_bytes(), self.number.to_le_bytes());
        let fields = self.key.as_bytes().iter().chain(&previous).chain(&number);
        for (place, byte) in bytes.iter_mut().zip(fields) {
            *place = *byte;
        }
        bytes
    }

    fn decode(bytes: &[u8; HEADER]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk()?;
        let (previous, rest) = rest.split_first_chunk()?;
        let number = rest.first_chunk()?;
        Some(Self {
            key: DhPublic::from_bytes(*key),
            previous_count: u32::from_le_bytes(*previous),
            number: u32::from_le_bytes(*number),
        })
    }
}

/// A slot that was opened.
pub struct Opened {
    /// The state afterwards.
    pub ratchet: Ratchet,
    /// Opens the body.
    pub content_key: ContentKey,
}

/// Why a slot with one of our tags was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unopened {
    /// The header is not the peer's: anybody can copy a tag.
    Foreign,
    /// The header is the peer's, the rest does not fit it: the two sides have lost each other.
    Broken,
}

impl Ratchet {
    /// The side that begins: it knows the peer's prekey and may send at once.
    pub(super) fn begin<R: CryptoRng + ?Sized>(
        root_key: &KeptKey,
        tags: TagChain,
        peer_tags: TagChain,
        prekey: DhPublic,
        rng: &mut R,
    ) -> Result<Self, super::dh::UselessKey> {
        let own = DhSecret::generate(rng);
        let step = root(root_key, &*own.agree(prekey)?);
        Ok(Self {
            root: step.root,
            own: KeptKey(*own.to_bytes()),
            peer: Some(prekey),
            sending: Some(Sending { messages: step.messages, tags, count: 0 }),
            next_sending: step.next_tags,
            previous_count: 0,
            receiving: None,
            next: TagWindow::new(peer_tags),
            skipped: Vec::new(),
        })
    }

    /// The side that is written to: it can send once it has opened the first message.
    pub(super) fn respond(root_key: KeptKey, peer_tags: TagChain, tags: TagChain, prekey: &DhSecret) -> Self {
        Self {
            root: root_key,
            own: KeptKey(*prekey.to_bytes()),
            peer: None,
            sending: None,
            next_sending: tags,
            previous_count: 0,
            receiving: None,
            next: TagWindow::new(peer_tags),
            skipped: Vec::new(),
        }
    }

    /// Fills in what is not stored. To be called once on what was decoded.
    pub fn watch(&mut self) {
        self.next.fill();
        if let Some(receiving) = &mut self.receiving {
            receiving.window.fill();
        }
    }

    /// The tags the peer may use next, and those of messages that were skipped.
    pub fn tags(&self) -> impl Iterator<Item = RecipientTag> {
        let current = self.receiving.iter().flat_map(|receiving| receiving.window.tags());
        let skipped = self.skipped.iter().map(|skipped| skipped.tag);
        self.next.tags().chain(current).chain(skipped)
    }

    /// How many messages the present sending chain has.
    #[must_use]
    pub fn sent_count(&self) -> u32 {
        self.sending.as_ref().map_or(0, |sending| sending.count)
    }

    /// The tags our next messages may have, on chains of at most `length`: what is left of the present one, and the one that
    /// follows when the peer answers. None of them may be in the pool already.
    #[must_use]
    pub fn tags_to_send(&self, length: u32) -> Vec<RecipientTag> {
        let left = length.saturating_sub(self.sent_count());
        let present = self.sending.as_ref().map(|sending| (sending.tags.clone(), left));
        let following = (self.next_sending.clone(), length);
        let chains = present.into_iter().chain([following]);
        let tags = chains.flat_map(|(mut tags, count)| {
            (0..count).map(move |_| RecipientTag::from_bytes(tags.step().tag)).collect::<Vec<_>>()
        });
        tags.collect()
    }

    /// The keys of our next message; `None` before the first one of the peer was opened, and when the chain is longer
    /// than what the peer watches for.
    #[must_use]
    pub fn seal_next(&self) -> Option<(Self, SlotKeys)> {
        let mut next = self.fork();
        let key = DhSecret::from_bytes(&self.own.0).public();
        let sending = next.sending.as_mut().filter(|sending| sending.count < TAGS_AHEAD)?;
        let header = Header { key, previous_count: next.previous_count, number: sending.count };
        let tag = sending.tags.step();
        let message_key = sending.messages.step();
        sending.count = sending.count.checked_add(1)?;
        let keys = SlotKeys {
            tag: RecipientTag::from_bytes(tag.tag),
            header_key: tag.header_key,
            header: header.encode(),
            message_key,
        };
        Some((next, keys))
    }

    /// Opens a slot that has one of our [tags](Self::tags).
    ///
    /// # Errors
    /// [`Unopened`]; this state goes on then as if nothing had come.
    pub fn open<R: CryptoRng + ?Sized>(
        &self,
        author: PostingId,
        slot: &[u8; SLOT],
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Opened, Unopened> {
        let tag = slot.first_chunk().map(|tag| RecipientTag::from_bytes(*tag)).ok_or(Unopened::Foreign)?;
        if let Some(place) = self.skipped.iter().position(|skipped| skipped.tag == tag) {
            return self.open_skipped(place, author, slot);
        }
        if let Some(receiving) = &self.receiving
            && let Some((number, header_key)) = receiving.window.find(tag)
        {
            let header = read_header(author, slot, &header_key, number)?;
            if Some(header.key) != self.peer {
                return Err(Unopened::Broken);
            }
            let next = self.fork();
            return next.open_current(number, author, slot, now);
        }
        let (number, header_key) = self.next.find(tag).ok_or(Unopened::Foreign)?;
        let header = read_header(author, slot, &header_key, number)?;
        let next = self.fork().turn(&header, now, rng).ok_or(Unopened::Broken)?;
        next.open_current(number, author, slot, now)
    }

    fn open_skipped(&self, place: usize, author: PostingId, slot: &[u8; SLOT]) -> Result<Opened, Unopened> {
        let mut ratchet = self.fork();
        let skipped = ratchet.skipped.remove(place);
        read_header(author, slot, &zeroize::Zeroizing::new(skipped.header_key.0), skipped.number)?;
        let message_key = zeroize::Zeroizing::new(skipped.message_key.0);
        let content_key = unwrap_key(author, slot, &message_key).map_err(|NotOurs| Unopened::Broken)?;
        Ok(Opened { ratchet, content_key })
    }

    /// Opens message `number` of the present receiving chain, keeping the keys of those before it.
    fn open_current(
        mut self,
        number: u32,
        author: PostingId,
        slot: &[u8; SLOT],
        now: Timestamp,
    ) -> Result<Opened, Unopened> {
        self.skip_to(number, now);
        let receiving = self.receiving.as_mut().ok_or(Unopened::Broken)?;
        let message_key = receiving.messages.step();
        receiving.window.step();
        let content_key = unwrap_key(author, slot, &message_key).map_err(|NotOurs| Unopened::Broken)?;
        Ok(Opened { ratchet: self, content_key })
    }

    /// Keeps the keys of all messages of the present receiving chain before `number`.
    fn skip_to(&mut self, number: u32, now: Timestamp) {
        let Some(receiving) = &mut self.receiving else { return };
        let last = number.min(receiving.window.position().saturating_add(SKIPPED_AT_ONCE));
        while receiving.window.position() < last {
            let at = receiving.window.position();
            let tag = receiving.window.step();
            self.skipped.push(Skipped {
                tag: RecipientTag::from_bytes(tag.tag),
                header_key: KeptKey(*tag.header_key),
                message_key: KeptKey(*receiving.messages.step()),
                number: at,
                since: now,
            });
        }
        let excess = self.skipped.len().saturating_sub(SKIPPED_KEYS);
        self.skipped.drain(..excess);
    }

    /// The peer has begun a new chain: so do we. `None` when its key is of no use.
    fn turn<R: CryptoRng + ?Sized>(mut self, header: &Header, now: Timestamp, rng: &mut R) -> Option<Self> {
        self.skip_to(header.previous_count, now);
        let own = DhSecret::from_bytes(&self.own.0);
        let received = root(&self.root, &*own.agree(header.key).ok()?);
        let fresh = DhSecret::generate(rng);
        let sent = root(&received.root, &*fresh.agree(header.key).ok()?);
        let window = std::mem::replace(&mut self.next, TagWindow::new(received.next_tags));
        self.receiving = Some(Receiving { messages: received.messages, window });
        self.previous_count = self.sending.as_ref().map_or(0, |sending| sending.count);
        let tags = std::mem::replace(&mut self.next_sending, sent.next_tags);
        self.sending = Some(Sending { messages: sent.messages, tags, count: 0 });
        (self.root, self.own, self.peer) = (sent.root, KeptKey(*fresh.to_bytes()), Some(header.key));
        Some(self)
    }

    /// Forgets keys of skipped messages that cannot come any more; names the tags that are not watched for by that.
    pub fn forget_skipped(&mut self, now: Timestamp) -> Vec<RecipientTag> {
        let old = self.skipped.extract_if(.., |skipped| now.since(skipped.since) >= SKIPPED_TIME);
        old.map(|skipped| skipped.tag).collect()
    }

    /// How many keys of skipped messages are kept.
    #[cfg(test)]
    pub(crate) const fn skipped_count(&self) -> usize {
        self.skipped.len()
    }

    /// The state a step works on.
    fn fork(&self) -> Self {
        Self {
            root: self.root.clone(),
            own: self.own.clone(),
            peer: self.peer,
            sending: self.sending.clone(),
            next_sending: self.next_sending.clone(),
            previous_count: self.previous_count,
            receiving: self.receiving.clone(),
            next: self.next.clone(),
            skipped: self.skipped.clone(),
        }
    }
}

/// The header of a slot, which has to say the number its tag stands for.
fn read_header(
    author: PostingId,
    slot: &[u8; SLOT],
    header_key: &super::kdf::Key,
    number: u32,
) -> Result<Header, Unopened> {
    let bytes = open_header(author, slot, header_key).map_err(|NotOurs| Unopened::Foreign)?;
    Header::decode(&bytes).filter(|header| header.number == number).ok_or(Unopened::Broken)
}
