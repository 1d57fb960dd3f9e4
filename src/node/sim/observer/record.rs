//! What a line shows: every frame of a history with its time, its two ends and what it holds. Nothing in here says which
//! sealed post is a message, and of whom; that is [`Truth`](super::world::Truth), which is only read to score.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::ledger::Ledger;
use crate::domain::envelope::{Envelope, Kind};
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::time::Timestamp;
use crate::node::sim::node::NodeIndex;
use crate::node::sim::traffic::Traffic;
use crate::node::wire::{Item, Message, Offer, Page, Recipients, Stage};

/// Number of a sealed post, in the order in which they were first seen on any line.
pub(super) type PostIndex = usize;

/// A sealed post as it is seen.
#[derive(Debug, Clone)]
pub(super) struct Post {
    /// The signed bytes and the signature behind them; empty until it was seen whole.
    pub(super) bytes: Vec<u8>,
    /// When it was first named on any line.
    pub(super) first: Timestamp,
    /// By whom.
    pub(super) from: NodeIndex,
}

/// What a frame holds.
#[derive(Debug, Clone)]
pub(super) enum Holds {
    /// A pushed sealed post.
    Pushed(PostIndex, Stage),
    /// Objects: sealed posts, and the frame without them.
    Items(Vec<PostIndex>, Vec<u8>),
    /// Offers: of sealed posts, and the frame without them.
    Page(Vec<PostIndex>, Vec<u8>),
    /// Which of the offered sealed posts are wanted.
    Want(Vec<(PostIndex, bool)>),
    /// A question for what is new, with what is asked of the sealed posts, and its bytes.
    Pull(Option<Recipients>, Vec<u8>),
    /// Anything else: its bytes.
    Other(Vec<u8>),
}

/// One frame.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// When it left.
    pub(super) sent: Timestamp,
    /// When it came.
    pub(super) arrives: Timestamp,
    /// Who sent it.
    pub(super) from: NodeIndex,
    /// To whom.
    pub(super) to: NodeIndex,
    /// The number of the message's kind.
    pub(super) kind: u16,
    /// Its length on the line.
    pub(super) length: usize,
    /// What is in it.
    pub(super) holds: Holds,
}

impl Frame {
    /// Whether anybody but these two sees it.
    pub(super) fn is_seen_besides(&self, ends: [NodeIndex; 2]) -> bool {
        !(ends.contains(&self.from) && ends.contains(&self.to))
    }

    /// The sealed posts whose bytes are in it.
    pub(super) fn carried(&self) -> &[PostIndex] {
        match &self.holds {
            Holds::Pushed(post, _) => std::slice::from_ref(post),
            Holds::Items(posts, _) => posts,
            _ => &[],
        }
    }

    /// Its bytes without sealed posts and what names them in the log of sealed posts.
    pub(super) fn rest(&self) -> &[u8] {
        match &self.holds {
            Holds::Items(_, rest) | Holds::Page(_, rest) | Holds::Pull(_, rest) | Holds::Other(rest) => rest,
            Holds::Pushed(..) | Holds::Want(_) => &[],
        }
    }
}

/// Everything that went over the lines of a history.
#[derive(Debug, Clone, Default)]
pub(in crate::node::sim) struct Recorder {
    /// In the order in which they left.
    pub(super) frames: Vec<Frame>,
    pub(super) posts: Vec<Post>,
    /// The public names of all personas.
    pub(super) personas: Vec<PostingId>,
    /// From when to when both ends of all conversations write.
    pub(super) talking: Option<[Timestamp; 2]>,
    /// Nodes that show at once what they are handed on the stem.
    pub(super) probers: BTreeSet<NodeIndex>,
    index: BTreeMap<ObjectId, PostIndex>,
}

impl Recorder {
    /// Writes a frame down.
    pub(in crate::node::sim) fn note(
        &mut self,
        sent: Timestamp,
        arrives: Timestamp,
        [from, to]: [NodeIndex; 2],
        traffic: &Traffic,
    ) {
        let Some(message) = traffic.frame() else { return };
        let (kind, length) = (message.kind(), message.encode().len());
        let seen = |recorder: &mut Self, id: ObjectId| recorder.seen(id, sent, from);
        let holds = match (traffic, message) {
            (Traffic::SealedPush { id, push }, _) => {
                let post = seen(self, *id);
                self.keep(post, push.item.clone());
                Holds::Pushed(post, push.stage)
            }
            (Traffic::Want { page, wanted, .. }, _) => {
                let offers = page.offers.iter().zip(wanted).skip(page.first_sealed());
                let offers = offers.map(|(offer, wanted)| (offer.id, *wanted)).collect::<Vec<_>>();
                Holds::Want(offers.into_iter().map(|(id, wanted)| (seen(self, id), wanted)).collect())
            }
            (_, Message::Pull(pull)) => {
                let recipients = pull.recipients.clone();
                Holds::Pull(recipients, Message::Pull(pull).encode())
            }
            (_, Message::Page(page)) => self.page(page, sent, from),
            (_, Message::Items(items)) => self.items(items, sent, from),
            (_, other) => Holds::Other(other.encode()),
        };
        self.frames.push(Frame { sent, arrives, from, to, kind, length, holds });
    }

    /// Frames written down so far.
    pub(in crate::node::sim) const fn frames_count(&self) -> usize {
        self.frames.len()
    }

    fn page(&mut self, mut page: Page, sent: Timestamp, from: NodeIndex) -> Holds {
        let sealed: Vec<Offer> = page.offers.split_off(page.first_sealed());
        let offers = sealed.into_iter().map(|offer| self.seen(offer.id, sent, from)).collect();
        Holds::Page(offers, Message::Page(page).encode())
    }

    fn items(&mut self, items: Vec<Item>, sent: Timestamp, from: NodeIndex) -> Holds {
        let (mut posts, mut rest) = (Vec::new(), Vec::new());
        for item in items {
            match item.clone().into_envelope() {
                Some(envelope) if envelope.kind == Kind::Sealed => {
                    let post = self.seen(envelope.id(), sent, from);
                    self.keep(post, item);
                    posts.push(post);
                }
                _ => rest.push(item),
            }
        }
        Holds::Items(posts, Message::Items(rest).encode())
    }

    /// The number of a sealed post that is named now.
    fn seen(&mut self, id: ObjectId, first: Timestamp, from: NodeIndex) -> PostIndex {
        let next = self.posts.len();
        let index = *self.index.entry(id).or_insert(next);
        if index == next {
            self.posts.push(Post { bytes: Vec::new(), first, from });
        }
        index
    }

    fn keep(&mut self, post: PostIndex, item: Item) {
        if let (Some(post), Some(envelope)) = (self.posts.get_mut(post), item.into_envelope())
            && post.bytes.is_empty()
        {
            let Envelope { bytes, signature, .. } = envelope;
            post.bytes = [bytes.as_slice(), &signature].concat();
        }
    }

    /// The number of a sealed post that was seen.
    pub(super) fn find(&self, id: ObjectId) -> Option<PostIndex> {
        self.index.get(&id).copied()
    }

    /// The names by which sealed posts go on the line: of a post in the record, the hash of its signed bytes.
    pub(super) fn ids(&self) -> Vec<ObjectId> {
        let signed = |post: &Post| post.bytes.len().saturating_sub(SIGNATURE);
        self.posts
            .iter()
            .map(|post| ObjectId::of(post.bytes.get(..signed(post)).unwrap_or_default()))
            .collect()
    }

    /// Since when each node has had each sealed post, so that others may know: because it came to it, or because it became
    /// part of the pool there. With it, where in the record that was.
    pub(super) fn public_since(&self, pools: &Ledger) -> BTreeMap<(NodeIndex, PostIndex), Since> {
        let mut since: BTreeMap<(NodeIndex, PostIndex), Since> = BTreeMap::new();
        let mut note = |node, post, since_then: Since| {
            let known = since.entry((node, post)).or_insert(since_then);
            *known = (*known).min(since_then);
        };
        for (node, id, entered) in pools.entered() {
            if let Some(post) = self.find(id) {
                note(node, post, entered);
            }
        }
        for (number, frame) in self.frames.iter().enumerate() {
            for (place, post) in frame.carried().iter().enumerate() {
                let is_hidden =
                    matches!(frame.holds, Holds::Pushed(_, Stage::Stem)) && !self.probers.contains(&frame.to);
                if !is_hidden {
                    note(frame.to, *post, (frame.arrives, number, place));
                }
            }
        }
        since
    }

    /// Of each node the sealed posts that came to it, with the time of the first copy; none of those it spread itself.
    pub(super) fn arrivals(&self, node: NodeIndex) -> Vec<(PostIndex, Timestamp)> {
        let mut arrivals: BTreeMap<PostIndex, Timestamp> = BTreeMap::new();
        let comes =
            |frame: &&Frame| frame.to == node && !matches!(frame.holds, Holds::Pushed(_, Stage::Stem));
        for frame in self.frames.iter().filter(comes) {
            for post in frame.carried() {
                let first = arrivals.entry(*post).or_insert(frame.arrives);
                *first = (*first).min(frame.arrives);
            }
        }
        arrivals.into_iter().collect()
    }

    /// When a sealed post was spread to so many nodes after it was first seen.
    pub(super) fn holders_after(&self, pools: &Ledger, time: Duration) -> Vec<usize> {
        let mut holders = vec![0; self.posts.len()];
        for ((_, post), (at, ..)) in self.public_since(pools) {
            if let (Some(count), Some(known)) = (holders.get_mut(post), self.posts.get(post))
                && at <= known.first.after(time)
            {
                *count += 1;
            }
        }
        holders
    }
}

/// Time, number of the frame, and place in it.
pub(super) type Since = (Timestamp, usize, usize);

/// Bytes of the signature at the end of a post.
pub(super) const SIGNATURE: usize = 64;
