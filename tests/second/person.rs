//! Somebody who writes to people and is written to (PROTOCOL.md §24): sessions, confirmations, which session is sent on.

use super::dice::Dice;
use super::first_contact;
use super::inner::{Beginning, Inner, MessageId, Said, confirmation, thread};
use super::post::{Post, seal, size_for};
use super::primitives::{Key, agreement_key, agreement_secret, posting_id, public};
use super::ratchet::Ratchet;
use super::session::{answer, begin};

/// Confirmations that go with one message.
const ACKS_AT_ONCE: usize = 16;

/// Messages on one chain, after which a new session is begun.
const CHAIN_LENGTH: u32 = 64;

const DAY_MS: i64 = 86_400_000;

/// A session with somebody.
struct Session {
    sid: [u8; 16],
    stamp: i64,
    lives: (i64, i64),
    /// The `ek` of one that was begun here, with the prekey it was begun with.
    begun: Option<(Key, Key)>,
    is_confirmed: bool,
    ratchet: Ratchet,
}

/// Somebody who is written to.
struct Other {
    id: Key,
    prekey: Option<(Key, u32)>,
    life: i64,
    sessions: Vec<Session>,
    sent: Vec<MessageId>,
    confirmed: Vec<MessageId>,
    came: Vec<MessageId>,
    owed: Vec<[u8; 8]>,
}

/// One persona with everything it knows.
pub struct Person {
    seed: Key,
    name: String,
    prekey: Option<(Key, u32)>,
    life: i64,
    others: Vec<Other>,
}

/// What a post said.
pub struct Taken {
    /// Who wrote it.
    pub from: Key,
    /// The session it came on.
    pub sid: [u8; 16],
    /// The key its header names.
    pub key: Key,
    /// What is inside.
    pub inner: Inner,
    /// Whether this message came before.
    pub is_again: bool,
}

impl Person {
    /// A persona of this seed and name, with the secret of its prekey and the prekey's day.
    pub fn new(seed: Key, name: &str, prekey: Option<(Key, u32)>) -> Self {
        Self { seed, name: name.to_owned(), prekey, life: 0, others: Vec::new() }
    }

    /// Its posting id.
    pub fn id(&self) -> Key {
        posting_id(&self.seed)
    }

    /// Is put back from a copy: nothing is sent any more on the sessions it has.
    pub fn restore(&mut self, now_ms: i64) {
        self.life = now_ms.max(self.life + 1);
    }

    /// The key that the next post to somebody names, on the session that is sent on.
    pub fn own_key(&mut self, to: &Key) -> Option<Key> {
        let life = self.life;
        let other = self.other(to);
        preferred(other, life).map(|at| other.sessions[at].ratchet.own_key())
    }

    /// Learns the prekey that somebody's profile names.
    pub fn learn_prekey(&mut self, of: &Key, prekey: Key, day: u32) {
        self.other(of).prekey = Some((prekey, day));
    }

    /// Whether the other side said that it has this message.
    pub fn is_confirmed(&mut self, to: &Key, message: &MessageId) -> bool {
        self.other(to).confirmed.contains(message)
    }

    /// The sessions with somebody, in the order they came to be here.
    pub fn sids(&mut self, with: &Key) -> Vec<[u8; 16]> {
        self.other(with).sessions.iter().map(|session| session.sid).collect()
    }

    fn other(&mut self, id: &Key) -> &mut Other {
        let at = self.others.iter().position(|other| other.id == *id).unwrap_or_else(|| {
            self.others.push(Other {
                id: *id,
                prekey: None,
                life: 0,
                sessions: Vec::new(),
                sent: Vec::new(),
                confirmed: Vec::new(),
                came: Vec::new(),
                owed: Vec::new(),
            });
            self.others.len() - 1
        });
        &mut self.others[at]
    }

    /// A post to somebody, and the message's id.
    pub fn write(&mut self, to: &Key, said: Said, now_ms: i64, dice: &mut Dice) -> Option<(Post, MessageId)> {
        let message = dice.bytes();
        self.write_as(to, message, said, now_ms, dice).map(|post| (post, message))
    }

    /// The same with an id that is known, as when a message is sealed anew.
    pub fn write_as(
        &mut self,
        to: &Key,
        message: MessageId,
        said: Said,
        now_ms: i64,
        dice: &mut Dice,
    ) -> Option<Post> {
        let (seed, id, name, life) = (self.seed, self.id(), self.name.clone(), self.life);
        let own_prekey = self.prekey.map(|(secret, day)| (public(&secret), day));
        let other = self.other(to);
        let at = match preferred(other, life) {
            Some(at) => at,
            None => begin_one(&seed, life, other, now_ms, dice)?,
        };
        let session = &mut other.sessions[at];
        let draws = dice.draws();
        let mut slots = vec![session.ratchet.send()?];
        let mut beginning = None;
        if let (Some((ek, prekey)), false) = (session.begun, session.is_confirmed) {
            slots.push(first_contact::slot(&draws.author, &seed, to, &prekey)?);
            let (life, your_life) = session.lives;
            beginning =
                Some(Beginning { ek, stamp: session.stamp, life, your_life, name, prekey: own_prekey });
        }
        let confirmations = other.owed.drain(..other.owed.len().min(ACKS_AT_ONCE)).collect();
        let size = size_for(said.text_bytes())?;
        let inner =
            Inner { message, thread: thread(&id, to), sent_ms: now_ms, confirmations, beginning, said };
        if !other.sent.contains(&message) {
            other.sent.push(message);
        }
        seal(&draws, u32::try_from(now_ms / DAY_MS).ok()?, size, &slots, &inner.encode()?)
    }

    /// What a post says, if it is valid and for this persona.
    pub fn take(&mut self, post: &Post, dice: &mut Dice) -> Option<Taken> {
        if !post.is_valid() {
            return None;
        }
        let fresh = dice.bytes();
        self.take_known(post, fresh).or_else(|| self.take_first(post, fresh))
    }

    fn take_known(&mut self, post: &Post, fresh: Key) -> Option<Taken> {
        let own = self.id();
        for at in 0..self.others.len() {
            let other = &mut self.others[at];
            let opened = other.sessions.iter().enumerate().find_map(|(number, session)| {
                let (content, ratchet) = session.ratchet.receive(post, fresh)?;
                Some((number, ratchet, Inner::decode(&post.inner(&content)?)?))
            });
            let Some((number, ratchet, inner)) = opened else { continue };
            if inner.thread != thread(&own, &other.id) {
                return None;
            }
            let session = &mut other.sessions[number];
            let key = ratchet.other_key()?;
            session.ratchet = ratchet;
            session.is_confirmed = true;
            let sid = session.sid;
            return Some(heard(own, other, (sid, key), inner));
        }
        None
    }

    fn take_first(&mut self, post: &Post, fresh: Key) -> Option<Taken> {
        let (own, seed) = (self.id(), self.seed);
        let secrets = self.prekey.iter().map(|(secret, _)| *secret).chain([agreement_secret(&seed)]);
        let opened = secrets.collect::<Vec<_>>().into_iter().find_map(|secret| {
            first_contact::open(post, &seed, &secret).map(|(from, content)| (secret, from, content))
        });
        let (secret, from, content) = opened?;
        let inner = Inner::decode(&post.inner(&content)?)?;
        let beginning = inner.beginning.clone()?;
        let shared = answer(&seed, &from, &secret, &beginning.ek)?;
        let other = self.other(&from);
        let is_known = other.sessions.iter().any(|session| session.sid == shared.sid);
        if is_known || inner.thread != thread(&own, &from) {
            return None;
        }
        let (same, ratchet) = shared.second(secret).receive(post, fresh)?;
        let key = ratchet.other_key()?;
        if same != content {
            return None;
        }
        other.sessions.push(Session {
            sid: shared.sid,
            stamp: beginning.stamp,
            lives: (beginning.your_life, beginning.life),
            begun: None,
            is_confirmed: true,
            ratchet,
        });
        Some(heard(own, other, (shared.sid, key), inner))
    }
}

/// The session that is sent on: of those whose lives hold and whose chain has room, the confirmed one with the highest
/// stamp, else the newest that was begun here.
fn preferred(other: &Other, life: i64) -> Option<usize> {
    let usable = |session: &Session| {
        let sent = session.ratchet.sent_count();
        session.lives == (life, other.life) && sent.is_some_and(|count| count < CHAIN_LENGTH)
    };
    let numbered = || other.sessions.iter().enumerate().filter(|(_, session)| usable(session));
    let standing = numbered()
        .filter(|(_, session)| session.is_confirmed)
        .max_by(|(_, one), (_, two)| one.stamp.cmp(&two.stamp).then(two.sid.cmp(&one.sid)));
    let begun = || numbered().filter(|(_, session)| session.begun.is_some()).max_by_key(|(_, one)| one.stamp);
    standing.or_else(begun).map(|(at, _)| at)
}

/// Begins a session and says where it stands.
fn begin_one(seed: &Key, life: i64, other: &mut Other, now_ms: i64, dice: &mut Dice) -> Option<usize> {
    let prekey = match other.prekey {
        Some((prekey, _)) => prekey,
        None => agreement_key(&other.id)?,
    };
    let ek = dice.bytes();
    let shared = begin(seed, &other.id, &prekey, &ek)?;
    let ratchet = shared.first(&prekey, dice.bytes())?;
    let highest = other.sessions.iter().map(|session| session.stamp).max();
    other.sessions.push(Session {
        sid: shared.sid,
        stamp: highest.map_or(now_ms, |highest| now_ms.max(highest + 1)),
        lives: (life, other.life),
        begun: Some((public(&ek), prekey)),
        is_confirmed: false,
        ratchet,
    });
    Some(other.sessions.len() - 1)
}

/// Takes note of what an opened message tells besides what it says.
fn heard(own: Key, other: &mut Other, (sid, key): ([u8; 16], Key), inner: Inner) -> Taken {
    if let Some(beginning) = &inner.beginning {
        other.life = other.life.max(beginning.life);
        let is_newer = |(_, day): &(Key, u32)| other.prekey.is_none_or(|(_, known)| known < *day);
        other.prekey = beginning.prekey.filter(is_newer).or(other.prekey);
    }
    let sent = other
        .sent
        .iter()
        .filter(|message| inner.confirmations.contains(&confirmation(&inner.thread, &own, message)));
    let confirmed: Vec<MessageId> = sent.copied().collect();
    other.confirmed.extend(confirmed);
    let is_again = other.came.contains(&inner.message);
    if !is_again {
        other.came.push(inner.message);
    }
    if inner.said != Said::Nothing {
        other.owed.push(confirmation(&inner.thread, &other.id, &inner.message));
    }
    Taken { from: other.id, sid, key, inner, is_again }
}
