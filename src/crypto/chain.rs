//! Sender chains: one persona's keys towards everybody in a group or circle. Who has a key of the chain can follow it from
//! there on; so that none of them can speak as the sender, every message is signed with a key of the chain as well, and
//! nothing is consumed before that was checked.
//!
//! A chain is an *epoch*: it ends after [`CHAIN_MESSAGES`] messages, after a time, or when somebody is put out. Messages
//! are fewer than the tags that are watched for, so a receiver that has the key needs nothing else to find them all.

use ed25519_dalek::{Signature, Signer, SigningKey};
use minicbor::{Decode, Encode};
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::kdf::{KeptKey, MessageChain, TagChain};
use super::ratchet::Skipped;
use super::ratchet::window::TagWindow;
use super::sealing::{HEADER, NotOurs, SlotKeys, open_body, open_header, unwrap_key};
use crate::domain::conversation::ThreadId;
use crate::domain::envelope::{Content, usable_key};
use crate::domain::ids::{PostingId, RecipientTag};
use crate::domain::inner::ChainKey;
use crate::domain::sealed::{SLOT, Sealed};
use crate::domain::time::Timestamp;
use crate::limits::{CHAIN_MESSAGES, SKIPPED_TIME};

/// Bytes behind what is said: the signature of the chain.
pub const CHAIN_SIGNATURE: usize = 64;

/// What a signature of a chain is about besides what is said.
#[derive(Debug, Clone, Copy)]
pub struct ChainPlace {
    /// The group or circle.
    pub thread: ThreadId,
    /// Whose chain it is.
    pub sender: PostingId,
    /// The one-time author of the post.
    pub author: PostingId,
}

impl ChainPlace {
    fn message(&self, epoch: u32, number: u32, payload: &[u8]) -> Vec<u8> {
        [
            b"itsgoin/dm/1 chain\0".as_slice(),
            self.thread.as_bytes(),
            &epoch.to_le_bytes(),
            self.sender.as_bytes(),
            self.author.as_bytes(),
            &number.to_le_bytes(),
            blake3::hash(payload).as_bytes(),
        ]
        .concat()
    }
}

/// What a header calls the group: 8 bytes.
fn short_name(thread: ThreadId) -> [u8; 8] {
    let mut name = [0; 8];
    let mut hasher = blake3::Hasher::new_derive_key("itsgoin/dm/1 gid");
    hasher.update(thread.as_bytes()).finalize_xof().fill(&mut name);
    name
}

fn header(thread: ThreadId, epoch: u32, number: u32) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    let (name, epoch, number) = (short_name(thread), epoch.to_le_bytes(), number.to_le_bytes());
    for (place, byte) in bytes.iter_mut().zip(name.iter().chain(&epoch).chain(&number)) {
        *place = *byte;
    }
    bytes
}

/// The fields of a header; what follows them is not looked at.
fn is_header_of(bytes: &[u8; HEADER], thread: ThreadId, epoch: u32, number: u32) -> bool {
    bytes.iter().zip(&header(thread, epoch, number)).take(16).all(|(one, other)| one == other)
}

/// A chain we send on.
#[derive(Encode, Decode)]
#[cbor(map)]
pub struct SendingChain {
    #[n(0)]
    epoch: u32,
    #[n(1)]
    number: u32,
    #[n(2)]
    messages: MessageChain,
    #[n(3)]
    tags: TagChain,
    #[n(4)]
    signer: KeptKey,
}

impl SendingChain {
    /// A new one.
    pub fn generate<R: CryptoRng + ?Sized>(epoch: u32, rng: &mut R) -> Self {
        let mut secret = || {
            let mut bytes = Zeroizing::new([0; 32]);
            rng.fill_bytes(bytes.as_mut_slice());
            *bytes
        };
        Self {
            epoch,
            number: 0,
            messages: MessageChain(secret()),
            tags: TagChain(secret()),
            signer: KeptKey(secret()),
        }
    }

    /// Which chain of its sender it is.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether nothing more is sent on it.
    #[must_use]
    pub const fn is_used_up(&self) -> bool {
        self.number >= CHAIN_MESSAGES
    }

    /// What somebody needs to follow it from the next message on.
    #[must_use]
    pub fn offer(&self) -> ChainKey {
        ChainKey {
            epoch: self.epoch,
            number: self.number,
            messages: self.messages.0.into(),
            tags: self.tags.0.into(),
            signer: PostingId::from_bytes(self.signing_key().verifying_key().to_bytes()),
        }
    }

    fn signing_key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.signer.0)
    }

    /// Slot and content of the next message, and the chain behind it; `None` when it is used up.
    #[must_use]
    pub fn seal_next(&self, place: &ChainPlace, payload: &[u8]) -> Option<(Self, SlotKeys, Vec<u8>)> {
        if self.is_used_up() {
            return None;
        }
        let (mut messages, mut tags) = (self.messages.clone(), self.tags.clone());
        let (tag, message_key) = (tags.step(), messages.step());
        let signature = self.signing_key().sign(&place.message(self.epoch, self.number, payload));
        let keys = SlotKeys {
            tag: RecipientTag::from_bytes(tag.tag),
            header_key: tag.header_key,
            header: header(place.thread, self.epoch, self.number),
            message_key,
        };
        let signer = self.signer.clone();
        let next = Self { epoch: self.epoch, number: self.number.checked_add(1)?, messages, tags, signer };
        Some((next, keys, [payload, &signature.to_bytes()].concat()))
    }
}

/// A chain of somebody else.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub struct ReceivingChain {
    #[n(0)]
    epoch: u32,
    #[n(1)]
    signer: PostingId,
    #[n(2)]
    messages: MessageChain,
    #[n(3)]
    window: TagWindow,
    #[n(4)]
    skipped: Vec<Skipped>,
}

/// A message of a chain, proven.
pub struct ChainOpened {
    /// The chain afterwards.
    pub chain: ReceivingChain,
    /// What is said.
    pub payload: Zeroizing<Vec<u8>>,
}

impl ReceivingChain {
    /// A chain by the key its sender gave; `None` when it can have no message, or its signer is no key.
    #[must_use]
    pub fn new(key: &ChainKey) -> Option<Self> {
        let is_usable = key.number < CHAIN_MESSAGES && usable_key(key.signer).is_ok();
        is_usable.then(|| Self {
            epoch: key.epoch,
            signer: key.signer,
            messages: MessageChain(key.messages.into()),
            window: TagWindow::starting_at(TagChain(key.tags.into()), key.number),
            skipped: Vec::new(),
        })
    }

    /// Which chain of its sender it is.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Fills in what is not stored. To be called once on what was decoded.
    pub fn watch(&mut self) {
        self.window.fill();
    }

    /// The tags its messages may have.
    pub fn tags(&self) -> impl Iterator<Item = RecipientTag> {
        let left = CHAIN_MESSAGES.saturating_sub(self.window.position());
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        self.window.tags().take(left).chain(self.skipped.iter().map(|skipped| skipped.tag))
    }

    /// Opens a slot that has one of the [tags](Self::tags), and what is in the post.
    ///
    /// # Errors
    /// [`NotOurs`] when the sender of the chain did not make it; the chain goes on then as if nothing had come.
    pub fn open(
        &self,
        thread: ThreadId,
        sender: PostingId,
        post: &Sealed,
        slot: &[u8; SLOT],
        now: Timestamp,
    ) -> Result<ChainOpened, NotOurs> {
        let tag = slot.first_chunk().map(|tag| RecipientTag::from_bytes(*tag)).ok_or(NotOurs)?;
        let mut chain = self.clone();
        let (number, header_key, message_key) = chain.take_keys(tag, now).ok_or(NotOurs)?;
        let header = open_header(post.author(), slot, &header_key)?;
        if !is_header_of(&header, thread, self.epoch, number) {
            return Err(NotOurs);
        }
        let content_key = unwrap_key(post.author(), slot, &message_key)?;
        let body = open_body(post, &content_key)?;
        let split = body.len().checked_sub(CHAIN_SIGNATURE).ok_or(NotOurs)?;
        let (payload, signature) = body.split_at_checked(split).ok_or(NotOurs)?;
        let signature = Signature::from_slice(signature).map_err(|_not_one| NotOurs)?;
        let message =
            ChainPlace { thread, sender, author: post.author() }.message(self.epoch, number, payload);
        let signer = usable_key(self.signer).map_err(|_weak| NotOurs)?;
        signer.verify_strict(&message, &signature).map_err(|_forged| NotOurs)?;
        Ok(ChainOpened { chain, payload: Zeroizing::new(payload.to_vec()) })
    }

    /// Number and keys of the message with this tag; those before it are kept.
    fn take_keys(
        &mut self,
        tag: RecipientTag,
        now: Timestamp,
    ) -> Option<(u32, super::kdf::Key, super::kdf::Key)> {
        self.skipped.retain(|skipped| now.since(skipped.since) < SKIPPED_TIME);
        if let Some(place) = self.skipped.iter().position(|skipped| skipped.tag == tag) {
            let skipped = self.skipped.remove(place);
            let keys = [skipped.header_key.0, skipped.message_key.0].map(Zeroizing::new);
            let [header_key, message_key] = keys;
            return Some((skipped.number, header_key, message_key));
        }
        let (number, _) = self.window.find(tag).filter(|(number, _)| *number < CHAIN_MESSAGES)?;
        while self.window.position() < number {
            let at = self.window.position();
            let step = self.window.step();
            self.skipped.push(Skipped {
                tag: RecipientTag::from_bytes(step.tag),
                header_key: KeptKey(*step.header_key),
                message_key: KeptKey(*self.messages.step()),
                number: at,
                since: now,
            });
        }
        let step = self.window.step();
        Some((number, step.header_key, self.messages.step()))
    }
}

#[cfg(test)]
mod tests;
