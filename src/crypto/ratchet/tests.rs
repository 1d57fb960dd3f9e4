//! Two sides of a session, with whatever a network can do to what is between them.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::crypto::keys::PostingKey;
use crate::crypto::sealing::{OneTimeKey, open_body, seal};
use crate::crypto::session::{ContactSearch, begin, contact_slot, prekey_id, respond};
use crate::domain::envelope::Content;
use crate::domain::sealed::Sealed;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Two sides of one session.
struct Pair {
    rng: StdRng,
    sides: [Ratchet; 2],
    tags: BTreeSet<RecipientTag>,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let (a, b) = (PostingKey::generate(&mut rng), PostingKey::generate(&mut rng));
        let prekey = DhSecret::generate(&mut rng);
        let begun = begin(&a, b.posting_id(), prekey.public(), &mut rng).unwrap();
        let (sid, answering) = respond(&b, a.posting_id(), &prekey, begun.beginning).unwrap();
        assert_eq!(sid, begun.sid);
        Self { rng, sides: [begun.ratchet, answering], tags: BTreeSet::new() }
    }

    fn send(&mut self, side: usize, text: &str) -> Sealed {
        let (next, keys) = self.sides[side].seal_next().expect("may send");
        assert!(self.tags.insert(keys.tag), "a tag is used once");
        self.sides[side] = stored(&next);
        let one_time = OneTimeKey::generate(&mut self.rng);
        seal(&one_time, 1, 2_048, &[keys], text.as_bytes(), &mut self.rng).unwrap().content().clone()
    }

    fn receive(&mut self, side: usize, post: &Sealed) -> Result<String, Unopened> {
        let known: BTreeSet<RecipientTag> = self.sides[side].tags().collect();
        let index = post.tags().iter().position(|tag| known.contains(tag)).ok_or(Unopened::Foreign)?;
        let opened = self.sides[side].open(post.author(), &post.slots()[index], NOW, &mut self.rng)?;
        let inner = open_body(post, &opened.content_key).map_err(|_not_ours| Unopened::Broken)?;
        self.sides[side] = stored(&opened.ratchet);
        Ok(String::from_utf8(inner.to_vec()).unwrap())
    }

    fn key(&self, side: usize) -> DhPublic {
        DhSecret::from_bytes(&self.sides[side].own.0).public()
    }
}

/// The state as it comes back from the store.
fn stored(ratchet: &Ratchet) -> Ratchet {
    let mut read: Ratchet = minicbor::decode(&minicbor::to_vec(ratchet).unwrap()).unwrap();
    read.watch();
    read
}

#[test]
fn a_hundred_alternating_messages_have_fresh_keys_on_both_sides() {
    let mut pair = Pair::new(1);
    let mut keys = BTreeSet::new();
    for turn in 0..100 {
        let side = turn % 2;
        let post = pair.send(side, &format!("message {turn}"));
        assert_eq!(pair.receive(1 - side, &post).unwrap(), format!("message {turn}"));
        assert!(keys.insert(*pair.key(1 - side).as_bytes()), "turn {turn}");
    }
}

#[test]
fn a_replay_is_refused() {
    let mut pair = Pair::new(2);
    let post = pair.send(0, "once");
    pair.receive(1, &post).unwrap();
    assert_eq!(pair.receive(1, &post), Err(Unopened::Foreign));
}

#[test]
fn messages_in_any_order_with_losses_are_opened_once() {
    for seed in 0..40 {
        let mut pair = Pair::new(seed);
        let mut under_way: Vec<(usize, Sealed, String)> = Vec::new();
        let mut opened = 0;
        let first = pair.send(0, "first");
        pair.receive(1, &first).unwrap();
        for number in 0..100 {
            let side = usize::from(pair.rng.random_bool(0.5));
            if pair.sides[side].sent_count() < TAGS_AHEAD / 2 {
                let text = format!("{side} {number}");
                let post = pair.send(side, &text);
                if pair.rng.random_bool(0.88) {
                    under_way.push((1 - side, post, text));
                }
            }
            under_way.shuffle(&mut pair.rng);
            if pair.rng.random_bool(0.7)
                && let Some((side, post, text)) = under_way.pop()
            {
                assert_eq!(pair.receive(side, &post), Ok(text), "seed {seed}");
                assert_eq!(pair.receive(side, &post), Err(Unopened::Foreign));
                opened += 1;
            }
        }
        for (side, post, text) in under_way {
            assert_eq!(pair.receive(side, &post), Ok(text), "seed {seed}, late");
            opened += 1;
        }
        assert!(opened > 50, "{opened}");
    }
}

#[test]
fn a_gap_of_all_but_one_of_the_watched_tags_is_bridged() {
    let mut pair = Pair::new(3);
    let posts: Vec<Sealed> = (0..TAGS_AHEAD).map(|number| pair.send(0, &number.to_string())).collect();
    assert!(pair.sides[0].seal_next().is_none(), "the peer watches for no more");
    assert_eq!(pair.receive(1, posts.last().unwrap()).unwrap(), (TAGS_AHEAD - 1).to_string());
    assert_eq!(pair.receive(1, &posts[0]).unwrap(), "0", "what was skipped comes late");
    let answer = pair.send(1, "answer");
    pair.receive(0, &answer).unwrap();
    let post = pair.send(0, "on the new chain");
    assert_eq!(pair.receive(1, &post).unwrap(), "on the new chain");
    assert_eq!(pair.receive(1, &posts[5]).unwrap(), "5", "of the old chain");
}

#[test]
fn a_copied_tag_consumes_nothing() {
    let mut pair = Pair::new(4);
    let post = pair.send(0, "mine");
    let thief = OneTimeKey::generate(&mut pair.rng);
    let mut slots: [[u8; SLOT]; 4] = post.slots().try_into().unwrap();
    let copied = Sealed::new(thief.author(), 1, &slots, post.body()).unwrap();
    assert_eq!(pair.receive(1, &copied), Err(Unopened::Foreign));
    for slot in &mut slots {
        slot[60] ^= 1;
    }
    let damaged = Sealed::new(post.author(), 1, &slots, post.body()).unwrap();
    assert_eq!(pair.receive(1, &damaged), Err(Unopened::Foreign));
    assert_eq!(pair.receive(1, &post).unwrap(), "mine");
}

#[test]
fn skipped_keys_are_bounded_and_forgotten() {
    let mut pair = Pair::new(5);
    for round in 0..12 {
        for _ in 0..100 {
            pair.send(0, "lost");
        }
        let post = pair.send(0, "found");
        assert_eq!(pair.receive(1, &post).unwrap(), "found", "round {round}");
        assert!(pair.sides[1].skipped.len() <= SKIPPED_KEYS);
        let answer = pair.send(1, "answer");
        pair.receive(0, &answer).unwrap();
    }
    assert_eq!(pair.sides[1].skipped.len(), SKIPPED_KEYS);
    assert_eq!(pair.sides[1].forget_skipped(NOW), []);
    assert!(!pair.sides[1].forget_skipped(NOW.after(SKIPPED_TIME)).is_empty());
    assert!(pair.sides[1].skipped.is_empty());
}

#[test]
fn a_first_contact_is_found_by_its_persona_and_proves_who_wrote() {
    let rng = &mut StdRng::seed_from_u64(6);
    let (a, b, c) = (PostingKey::generate(rng), PostingKey::generate(rng), PostingKey::generate(rng));
    let (prekey, other) = (DhSecret::generate(rng), DhSecret::generate(rng));
    for used in [&prekey, &DhSecret::of_posting_key(&b)] {
        let one_time = OneTimeKey::generate(rng);
        let keys = contact_slot(&one_time, &a, b.posting_id(), used.public()).unwrap();
        let post = seal(&one_time, 1, 2_048, &[keys], b"hello", rng).unwrap();
        let post = post.content();
        let search = ContactSearch::new(&b, post.author()).unwrap();
        let tag = search.tag(prekey_id(used.public()));
        let index = post.tags().iter().position(|known| *known == tag).expect("its tag is there");
        let (from, key) = search.open(&post.slots()[index], used).unwrap();
        assert_eq!(from, a.posting_id());
        assert_eq!(open_body(post, &key).unwrap().as_slice(), b"hello");
        assert!(search.open(&post.slots()[index], &other).is_err());
        let stranger = ContactSearch::new(&c, post.author()).unwrap();
        assert!(!post.tags().contains(&stranger.tag(prekey_id(used.public()))));
    }
}

#[test]
fn both_sides_of_a_session_depend_on_every_key() {
    let rng = &mut StdRng::seed_from_u64(7);
    let (a, b, c) = (PostingKey::generate(rng), PostingKey::generate(rng), PostingKey::generate(rng));
    let (prekey, other) = (DhSecret::generate(rng), DhSecret::generate(rng));
    let begun = begin(&a, b.posting_id(), prekey.public(), rng).unwrap();
    let sid = |me: &PostingKey, peer: &PostingKey, prekey: &DhSecret, beginning| {
        respond(me, peer.posting_id(), prekey, beginning).unwrap().0
    };
    assert_eq!(sid(&b, &a, &prekey, begun.beginning), begun.sid);
    assert_ne!(sid(&c, &a, &prekey, begun.beginning), begun.sid);
    assert_ne!(sid(&b, &c, &prekey, begun.beginning), begun.sid);
    assert_ne!(sid(&b, &a, &other, begun.beginning), begun.sid);
    assert_ne!(sid(&b, &a, &prekey, other.public()), begun.sid);
}
