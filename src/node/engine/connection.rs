//! What the engine remembers about one connection: how far the greeting is, whose lists are accepted, whether a pull
//! runs, whether news wait. All of it can be lost at any time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::CryptoRng;

use super::find::{Exchange, Seeking};
use super::interest::InterestList;
use super::{Direction, RequestId};
use crate::db::Peer;
use crate::domain::address::PeerAddress;
use crate::domain::ids::{NetworkId, PostingId};
use crate::domain::log::Seq;
use crate::domain::time::Timestamp;
use crate::limits::{HANDSHAKE_TIME, NEWS_SPACING, PULL_EVERY, PULL_SPACING, SEALED_EVERY};

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: NetworkId,
    pub(super) direction: Direction,
    pub(super) address: PeerAddress,
    pub(super) greeting: Greeting,
    pub(super) listing: Listing,
    pub(super) pulling: Pulling,
    /// When the last pull was started; the next one keeps a distance.
    pub(super) last_pull: Timestamp,
    /// When sealed posts are asked for again: always after the same time, whatever is found and whoever waits.
    pub(super) sealed_due: Timestamp,
    pub(super) sealed_pace: SealedPace,
    /// The wait after a pull that finds nothing; grows while nothing is found.
    pub(super) pull_every: Duration,
    pub(super) usefulness: Usefulness,
    /// Whether the peer may be named to others.
    pub(super) exchange: Exchange,
    /// What we ask it about others.
    pub(super) seeking: Seeking,
    /// Cut pages in a row that brought nothing new.
    pub(super) barren: u32,
    pub(super) subscription: Option<Arc<InterestList>>,
    /// How far the peer's log was read for authors of whom nothing is stored; lost with the connection.
    pub(super) unstored: BTreeMap<PostingId, Seq>,
    pub(super) news: News,
    pub(super) prompt: Prompt,
    /// Since when it stands.
    pub(super) since: Timestamp,
}

/// Whether the moments of the questions for sealed posts are set. Connections that began together would ask together for
/// ever, and a post would wait for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SealedPace {
    /// Not yet asked: the second question follows after a random part of the time between two.
    Unset,
    /// All others follow after the whole time.
    Set,
}

/// What the next pull is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    /// It is time for one.
    Time,
    /// The peer said that there is something.
    News,
    /// A peer said so, but it should have come by the push of a seat.
    LateNews,
}

/// Whether the connection was of any use: if not, its end counts as a failed dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usefulness {
    /// No pull came to an honest page, or the peer broke the protocol afterwards.
    Unproven,
    /// A page came.
    Proven,
}

/// Whether the peer introduced itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greeting {
    /// `Hello` is under way; without it the connection ends at `deadline`.
    Expected { deadline: Timestamp },
    /// The peer said `Hello`.
    Done {
        /// Its row.
        row: Peer,
        /// Its clock minus ours, in minutes.
        clock_ahead: i64,
    },
}

/// Whether the peer accepted our list.
#[derive(Debug, Clone)]
pub(super) enum Listing {
    /// Not sent, or another one has to be sent.
    Stale,
    /// Sent, not answered.
    Sent { request: RequestId, list: Arc<InterestList> },
    /// Accepted: pulls may name it.
    Accepted { list: Arc<InterestList> },
}

/// Whether a pull runs.
#[derive(Debug)]
pub(super) enum Pulling {
    /// The next one starts at `due`.
    Resting { due: Timestamp },
    /// One runs.
    Running { request: RequestId, asked: Asked, then: Then },
}

/// What follows a pull that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// What its page says.
    AsFound,
    /// Another pull: news came meanwhile, perhaps later than the page's snapshot.
    Again,
}

/// What a pull that runs asks for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) groups: Vec<AskedGroup>,
    /// From where sealed posts are read, when they are asked for.
    pub(super) sealed: Option<Seq>,
}

/// A group of a pull that runs: which authors, read from where.
#[derive(Debug)]
pub(super) struct AskedGroup {
    pub(super) since: Seq,
    pub(super) ids: Vec<PostingId>,
}

/// Whether the peer has to be told of arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing to tell; the last time was `last`.
    None { last: Timestamp },
    /// To be told at `due`.
    Waiting { due: Timestamp },
}

impl Connection {
    pub(super) fn new(peer: NetworkId, direction: Direction, address: PeerAddress, now: Timestamp) -> Self {
        Self {
            peer,
            direction,
            address,
            greeting: Greeting::Expected { deadline: now.after(HANDSHAKE_TIME) },
            listing: Listing::Stale,
            pulling: Pulling::Resting { due: now },
            last_pull: now.before(PULL_SPACING),
            sealed_due: now,
            sealed_pace: SealedPace::Unset,
            pull_every: PULL_EVERY,
            usefulness: Usefulness::Unproven,
            exchange: Exchange::Off,
            seeking: Seeking::new(now, Exchange::Off),
            barren: 0,
            subscription: None,
            unstored: BTreeMap::new(),
            news: News::None { last: now.before(NEWS_SPACING) },
            prompt: Prompt::Time,
            since: now,
        }
    }

    /// The peer's row, once it said `Hello`.
    pub(super) const fn row(&self) -> Option<Peer> {
        match self.greeting {
            Greeting::Done { row, .. } => Some(row),
            Greeting::Expected { .. } => None,
        }
    }

    /// When the next pull is due, for authors or sealed posts; `None` while one runs.
    pub(super) fn pulls_at(&self) -> Option<Timestamp> {
        match self.pulling {
            Pulling::Resting { due } => Some(due.min(self.sealed_due)),
            Pulling::Running { .. } => None,
        }
    }

    /// When the next pull may start: now, or a little after the last one.
    pub(super) fn pull_soon(&mut self, now: Timestamp) {
        if let Pulling::Resting { due } = &mut self.pulling {
            *due = (*due).min(now.max(self.last_pull.after(PULL_SPACING)));
        }
    }

    /// Sealed posts are being asked for, now.
    pub(super) fn sealed_asked(&mut self, rng: &mut dyn CryptoRng, now: Timestamp) {
        let wait = match std::mem::replace(&mut self.sealed_pace, SealedPace::Set) {
            SealedPace::Unset => {
                SEALED_EVERY.saturating_mul((rng.next_u32() % 1_000).saturating_add(1)) / 1_000
            }
            SealedPace::Set => SEALED_EVERY,
        };
        self.sealed_due = now.after(wait);
    }

    /// The peer has something new.
    pub(super) fn news_received(&mut self, now: Timestamp, prompt: Prompt) {
        self.pull_every = PULL_EVERY;
        self.prompt = prompt;
        match &mut self.pulling {
            Pulling::Running { then, .. } => *then = Then::Again,
            Pulling::Resting { .. } => self.pull_soon(now),
        }
    }

    /// Notes an arrival the peer may want to hear of.
    pub(super) fn note_arrival(&mut self, author: PostingId, now: Timestamp) {
        let wants = self.subscription.as_ref().is_some_and(|list| list.contains(author));
        self.news = match (self.news, wants) {
            (News::None { last }, true) => News::Waiting { due: now.max(last.after(NEWS_SPACING)) },
            (News::Waiting { due }, true) => News::Waiting { due: due.min(now.after(NEWS_SPACING)) },
            (news, false) => news,
        };
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        let greeting = match self.greeting {
            Greeting::Expected { deadline } => Some(deadline),
            Greeting::Done { .. } => None,
        };
        let pull = match (&self.pulling, &self.listing) {
            (Pulling::Resting { due }, Listing::Accepted { .. }) => Some((*due).min(self.sealed_due)),
            _ => None,
        };
        let news = match self.news {
            News::Waiting { due } => Some(due),
            News::None { .. } => None,
        };
        let seek = match &self.listing {
            Listing::Accepted { .. } => self.seeking.next_deadline(),
            _ => None,
        };
        [greeting, pull, news, seek].into_iter().flatten().min()
    }

    /// Our clock was set by so many minutes: the peer's is that much less ahead.
    pub(super) const fn clock_moved(&mut self, minutes: i64) {
        if let Greeting::Done { clock_ahead, .. } = &mut self.greeting {
            *clock_ahead = clock_ahead.saturating_sub(minutes);
        }
    }

    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        self.last_pull = now.before(PULL_SPACING);
        self.seeking.clock_stepped_back(now);
        self.sealed_due = self.sealed_due.min(now.after(SEALED_EVERY));
        if let Pulling::Resting { due } = &mut self.pulling {
            *due = (*due).min(now);
        }
        match &mut self.news {
            News::None { last } => *last = now.before(NEWS_SPACING),
            News::Waiting { due } => *due = now,
        }
        if let Greeting::Expected { deadline } = &mut self.greeting {
            *deadline = now.after(HANDSHAKE_TIME);
        }
    }
}
