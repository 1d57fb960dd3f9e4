//! Leaks that are planted to prove that their checks see them.
//!
//! Where the program itself can be made to leak, it is, by a [`Fault`]; the rest is planted into what was recorded, at the
//! place where it would be seen: a form the program cannot even write down (another size, a time, a counter) or keys it
//! does not have.

use std::time::Duration;

use curve25519_dalek::edwards::CompressedEdwardsY;
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::checks::{BODY_AT, Check, DAY_AT, SLOTS_AT};
use super::record::{Frame, Holds, PostIndex, Recorder, SIGNATURE};
use super::world::{Conversation, Truth};
use crate::crypto::keys::PostingKey;
use crate::domain::ids::PostingId;
use crate::domain::log::Seq;
use crate::domain::sealed::{SLOT, SLOTS};
use crate::node::engine::Fault;
use crate::node::wire::Recipients;

/// A leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leak {
    /// All messages a node seals have one author.
    AuthorReused,
    /// The tag of a message is the posting id of who it is for.
    TagIsPersona,
    /// A post holds the secret of the next one's author.
    NextSeedInClear,
    /// Each tag is the hash of the one before.
    TagIsHash,
    /// Messages are numbered in the clear.
    ClearCounter,
    /// A post is as long as its text.
    NoPadding,
    /// A node asks for the tag it waits for.
    ExactQuery,
    /// Slots nobody needs are empty.
    ZeroDummies,
    /// Slots nobody needs hold keys.
    DummiesOnCurve,
    /// A public object names the newest message.
    NeighbourHeader,
    /// Authors are the persona plus a public number of times something public.
    PublicBlinding,
    /// Posts hold the millisecond they were made in.
    Milliseconds,
    /// All bodies are encrypted under one key and nonce.
    FixedKey,
    /// Who a message is for takes it and shows it to nobody.
    NotServed,
    /// A message goes to the name the last answer gave; two in a row have the same.
    LiteralSeed,
    /// Who makes a post shows it while it is on the stem.
    ShownOnStem,
    /// Who makes a post spreads it itself.
    SpreadWhereMade,
    /// What is for a node is stored after what came with it.
    CommittedApart,
    /// The profile of a stranger who wrote is asked for.
    ProfileFetched,
    /// Messages take more room than other sealed posts with as much text.
    LargerMessages,
    /// A node asks once more two and a half seconds after something came for it.
    AsksAgain,
    /// A node says something two and a half seconds after something came for it.
    SpeaksUp,
}

impl Leak {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::AuthorReused,
        Self::TagIsPersona,
        Self::NextSeedInClear,
        Self::TagIsHash,
        Self::ClearCounter,
        Self::NoPadding,
        Self::ExactQuery,
        Self::ZeroDummies,
        Self::DummiesOnCurve,
        Self::NeighbourHeader,
        Self::PublicBlinding,
        Self::Milliseconds,
        Self::FixedKey,
        Self::NotServed,
        Self::LiteralSeed,
        Self::ShownOnStem,
        Self::SpreadWhereMade,
        Self::CommittedApart,
        Self::ProfileFetched,
        Self::LargerMessages,
        Self::AsksAgain,
        Self::SpeaksUp,
    ];

    /// The mistake of the program that makes it, if it is one of the program's.
    #[must_use]
    pub const fn fault(self) -> Option<Fault> {
        match self {
            Self::AuthorReused => Some(Fault::AuthorReused),
            Self::TagIsPersona => Some(Fault::TagIsPersona),
            Self::ExactQuery => Some(Fault::AsksForOneTag),
            Self::ShownOnStem => Some(Fault::ShowsItsStem),
            Self::SpreadWhereMade => Some(Fault::SpreadsAtOnce),
            Self::ProfileFetched => Some(Fault::AsksWhoWrote),
            _ => None,
        }
    }

    /// The check that has to see it.
    #[must_use]
    pub const fn check(self) -> Check {
        match self {
            Self::ZeroDummies | Self::LiteralSeed => Check::L1,
            Self::AuthorReused | Self::TagIsPersona | Self::PublicBlinding => Check::L2,
            Self::NextSeedInClear => Check::L3,
            Self::TagIsHash => Check::L4,
            Self::ClearCounter | Self::Milliseconds => Check::L5,
            Self::NoPadding | Self::LargerMessages => Check::L6,
            Self::ExactQuery | Self::AsksAgain => Check::L7,
            Self::NeighbourHeader => Check::L8,
            Self::FixedKey => Check::L9,
            Self::DummiesOnCurve => Check::L10,
            Self::NotServed
            | Self::ShownOnStem
            | Self::SpreadWhereMade
            | Self::CommittedApart
            | Self::ProfileFetched
            | Self::SpeaksUp => Check::L11,
        }
    }

    /// Plants it into what was recorded, unless the program itself made it.
    pub(super) fn plant(self, record: &mut Recorder, truth: &Truth, dice: &mut StdRng) {
        match self {
            Self::Milliseconds => stamp(record),
            Self::NeighbourHeader => name_newest(record, truth),
            Self::NotServed => withhold(record, truth),
            Self::CommittedApart => put_last(record, truth),
            Self::AsksAgain => {
                react(record, truth, &Holds::Pull(Some(Recipients::everything(Seq::START)), Vec::new()));
            }
            Self::SpeaksUp => react(record, truth, &Holds::Other(vec![0; 40])),
            _ => truth.conversations.iter().for_each(|talk| self.plant_texts(record, talk, dice)),
        }
    }

    fn plant_texts(self, record: &mut Recorder, talk: &Conversation, dice: &mut StdRng) {
        match self {
            Self::NextSeedInClear => reveal_seeds(record, talk, dice),
            Self::TagIsHash => chain_tags(record, talk, dice),
            Self::PublicBlinding => blind_authors(record, talk),
            Self::FixedKey => fix_key(record, talk, dice),
            Self::LiteralSeed => repeat_tags(record, talk, dice),
            Self::ClearCounter => edit(record, talk, |number, bytes| {
                let slot = dice.random_range(0..SLOTS);
                let number = u32::try_from(number).unwrap_or(0);
                write(bytes, SLOTS_AT + slot * SLOT, &number.to_le_bytes());
            }),
            Self::NoPadding => edit(record, talk, |_, bytes| {
                let length = dice.random_range(BODY_AT + 100..bytes.len());
                bytes.truncate(length);
            }),
            Self::LargerMessages => edit(record, talk, |_, bytes| {
                let mut more = vec![0; 8_192_usize.saturating_sub(bytes.len())];
                dice.fill_bytes(&mut more);
                bytes.extend(more);
            }),
            Self::ZeroDummies => edit(record, talk, |_, bytes| {
                for slot in dummies(dice) {
                    write(bytes, SLOTS_AT + slot * SLOT + 32, &[0; SLOT - 32]);
                }
            }),
            Self::DummiesOnCurve => edit(record, talk, |_, bytes| {
                for slot in dummies(dice) {
                    let key = PostingKey::generate(dice).posting_id();
                    write(bytes, SLOTS_AT + slot * SLOT, key.as_bytes());
                }
            }),
            _ => {}
        }
    }
}

/// Three slots that a message between two people does not need.
fn dummies(dice: &mut StdRng) -> Vec<usize> {
    let needed = dice.random_range(0..SLOTS);
    (0..SLOTS).filter(|slot| *slot != needed).collect()
}

/// Changes the bytes of every post of a conversation, in their order.
fn edit(record: &mut Recorder, talk: &Conversation, mut change: impl FnMut(usize, &mut Vec<u8>)) {
    for (number, post) in talk.posts.iter().enumerate() {
        if let Some(post) = record.posts.get_mut(*post) {
            change(number, &mut post.bytes);
        }
    }
}

/// Puts bytes in a place, if there is one.
fn write(bytes: &mut [u8], at: usize, what: &[u8]) {
    for (place, byte) in bytes.iter_mut().skip(at).zip(what) {
        *place = *byte;
    }
}

fn reveal_seeds(record: &mut Recorder, talk: &Conversation, dice: &mut StdRng) {
    let mut seed = None;
    edit(record, talk, |_, bytes| {
        if let Some(seed) = seed {
            write(bytes, 2, PostingKey::from_secret(&seed).posting_id().as_bytes());
        }
        let mut next = [0; 32];
        dice.fill_bytes(&mut next);
        let slot = dice.random_range(0..SLOTS);
        write(bytes, SLOTS_AT + slot * SLOT + 100, &next);
        seed = Some(next);
    });
}

fn chain_tags(record: &mut Recorder, talk: &Conversation, dice: &mut StdRng) {
    let mut tag = [0; 32];
    dice.fill_bytes(&mut tag);
    edit(record, talk, |_, bytes| {
        let slot = dice.random_range(0..SLOTS);
        write(bytes, SLOTS_AT + slot * SLOT, &tag);
        tag = *blake3::hash(&tag).as_bytes();
    });
}

fn blind_authors(record: &mut Recorder, talk: &Conversation) {
    let point = |id: &PostingId| CompressedEdwardsY(*id.as_bytes()).decompress();
    let public = PostingKey::from_secret(&[1; 32]).posting_id();
    let (Some(persona), Some(step)) = (talk.personas.first().and_then(point), point(&public)) else { return };
    let mut author = persona;
    edit(record, talk, |_, bytes| {
        author += step;
        write(bytes, 2, author.compress().as_bytes());
    });
}

fn fix_key(record: &mut Recorder, talk: &Conversation, dice: &mut StdRng) {
    let mut stream = vec![0; 131_072];
    dice.fill_bytes(&mut stream);
    edit(record, talk, |_, bytes| {
        let end = bytes.len().saturating_sub(SIGNATURE);
        let text = dice.random_range(100..1_000);
        for (place, (byte, key)) in bytes.iter_mut().take(end).skip(BODY_AT).zip(&stream).enumerate() {
            // Zeros before and behind the text, as in a body.
            let plain = if (36..36 + text).contains(&place) { dice.random() } else { 0 };
            *byte = key ^ plain;
        }
    });
}

fn repeat_tags(record: &mut Recorder, talk: &Conversation, dice: &mut StdRng) {
    let makers: Vec<_> =
        talk.posts.iter().map(|post| record.posts.get(*post).map(|post| post.from)).collect();
    let mut tags = [[0_u8; 32]; 2];
    let mut last = None;
    edit(record, talk, |number, bytes| {
        let maker = makers.get(number).copied().flatten();
        let side = usize::from(talk.ends.first().copied() != maker);
        // Only an answer brings a new name.
        if last != maker
            && let Some(tag) = tags.get_mut(side)
        {
            dice.fill_bytes(tag);
        }
        last = maker;
        if let Some(tag) = tags.get(side) {
            write(bytes, SLOTS_AT + dice.random_range(0..SLOTS) * SLOT, tag);
        }
    });
}

/// Every sealed post has its time, whoever made it.
fn stamp(record: &mut Recorder) {
    for post in &mut record.posts {
        let millis = post.first.as_millis().to_le_bytes();
        write(&mut post.bytes, DAY_AT + 4, &millis);
    }
}

/// A public object comes with every post of a conversation and names it.
fn name_newest(record: &mut Recorder, truth: &Truth) {
    let ids = record.ids();
    let mut headers = Vec::new();
    for talk in &truth.conversations {
        for post in &talk.posts {
            let carried = record.frames.iter().find(|frame| frame.carried().contains(post));
            if let (Some(frame), Some(id)) = (carried, ids.get(*post)) {
                let bytes = [b"a header, with its neighbour ".as_slice(), id.as_bytes()].concat();
                headers.push(Frame { length: bytes.len(), holds: Holds::Other(bytes), ..frame.clone() });
            }
        }
    }
    record.frames.extend(headers);
    record.frames.sort_by_key(|frame| frame.sent);
}

/// Whether a post is for this node.
fn is_for(record: &Recorder, truth: &Truth, node: usize, post: PostIndex) -> bool {
    let from = record.posts.get(post).map(|post| post.from);
    let talk = truth.conversations.iter().find(|talk| talk.ends.contains(&node));
    from != Some(node) && talk.is_some_and(|talk| talk.posts.contains(&post))
}

fn withhold(record: &mut Recorder, truth: &Truth) {
    let mut frames = std::mem::take(&mut record.frames);
    for frame in &mut frames {
        if let Holds::Page(offers, _) = &mut frame.holds {
            offers.retain(|post| !is_for(record, truth, frame.from, *post));
        }
    }
    record.frames = frames;
}

/// What is for a node stands behind what came with it in the order in which it shows both.
fn put_last(record: &mut Recorder, truth: &Truth) {
    let mut frames = std::mem::take(&mut record.frames);
    for frame in &mut frames {
        if let Holds::Page(offers, _) = &mut frame.holds {
            offers.sort_by_key(|post| is_for(record, truth, frame.from, *post));
        }
    }
    record.frames = frames;
}

/// Two and a half seconds after something came for a node it sends a frame.
fn react(record: &mut Recorder, truth: &Truth, holds: &Holds) {
    let mut frames = Vec::new();
    for end in truth.conversations.iter().flat_map(|talk| talk.ends) {
        let Some(like) = record.frames.iter().find(|frame| frame.from == end).cloned() else { continue };
        for (_, at) in record.arrivals(end).into_iter().filter(|(post, _)| is_for(record, truth, end, *post))
        {
            let sent = at.after(Duration::from_millis(2_500));
            frames.push(Frame { sent, arrives: sent, holds: holds.clone(), ..like.clone() });
        }
    }
    record.frames.extend(frames);
    record.frames.sort_by_key(|frame| frame.sent);
}
