//! Golden conversations: every derivation, every inner part and the first posts of a session, made from the inputs that
//! stand in the file. The second implementation (`tests/second`) wrote the file and is held to it as well.

use std::convert::Infallible;

use data_encoding::HEXLOWER;
use rand::{TryCryptoRng, TryRng};

use super::dh::{DhPublic, DhSecret};
use super::kdf::{KeptKey, MessageChain, TagChain, root};
use super::keys::PostingKey;
use super::ratchet::Ratchet;
use super::sealing::{OneTimeKey, SlotKeys, inner_bytes, open_body, open_header, seal, size_for, unwrap_key};
use super::session::{Begun, ContactSearch, begin, contact_slot, prekey_id, respond};
use crate::domain::conversation::{MessageId, ThreadId};
use crate::domain::envelope::{Content, Envelope, Kind, Object, Verified};
use crate::domain::ids::RecipientTag;
use crate::domain::inner::{BESIDE_TEXT, Inner, Said, ack_of};
use crate::domain::profile::{Profile, PublishedPrekey};
use crate::domain::sealed::{SEALED_SIZES, SLOT, Sealed};
use crate::domain::time::Timestamp;
use crate::domain::words::verification_words;

const GOLDEN: &str = include_str!("../../tests/vectors/conversations-0.6.txt");

/// What stands behind a name in the file.
fn line(name: &str) -> &'static str {
    let found = GOLDEN.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("the file has no {name}"))
}

fn bytes(name: &str) -> Vec<u8> {
    HEXLOWER.decode(line(name).as_bytes()).unwrap()
}

fn fixed<const N: usize>(name: &str) -> [u8; N] {
    bytes(name).try_into().unwrap()
}

fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(name: &str) -> T {
    line(name).parse().unwrap()
}

/// Asserts that these parts, one behind the other, are what the file holds.
fn check(name: &str, parts: &[&[u8]]) {
    assert_eq!(HEXLOWER.encode(&parts.concat()), line(name), "{name}");
}

fn key(name: &str) -> PostingKey {
    PostingKey::from_secret(&fixed(name))
}

fn secret(name: &str) -> DhSecret {
    DhSecret::from_bytes(&fixed(name))
}

/// Random bytes that stand in the file, each given out once.
struct Tape(Vec<u8>);

impl Tape {
    fn of(names: &[&str]) -> Self {
        Self(names.iter().flat_map(|name| bytes(name)).collect())
    }
}

impl TryRng for Tape {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        assert!(to.len() <= self.0.len(), "more is drawn than the file holds");
        let drawn: Vec<u8> = self.0.drain(..to.len()).collect();
        to.copy_from_slice(&drawn);
        Ok(())
    }
}

impl TryCryptoRng for Tape {}

#[test]
fn the_second_implementation_makes_the_same_file() {
    assert_eq!(super::second::vectors::text().unwrap(), GOLDEN);
}

#[test]
fn golden_people() {
    for name in ["a", "b"] {
        let (key, secret) = (key(&format!("seed-{name}")), bytes(&format!("agreement-secret-{name}")));
        check(&format!("id-{name}"), &[key.posting_id().as_bytes()]);
        let agreement = DhPublic::of_posting_id(key.posting_id()).unwrap();
        check(&format!("agreement-key-{name}"), &[agreement.as_bytes()]);
        let given = DhSecret::from_bytes(&secret.try_into().unwrap());
        assert_eq!((given.public(), DhSecret::of_posting_key(&key).public()), (agreement, agreement));
    }
    let (a, b) = (key("seed-a").posting_id(), key("seed-b").posting_id());
    let prekey = secret("prekey-secret").public();
    check("prekey", &[prekey.as_bytes()]);
    check("prekey-id", &[&prekey_id(prekey)]);
    let thread = ThreadId::between(b, a);
    check("thread", &[thread.as_bytes()]);
    assert_eq!(verification_words(a, b).join(" "), line("words"));
    let ack = ack_of(thread, a, MessageId::from_bytes([1; 16]));
    check("confirmation-of-a-message-1", &[ack.as_slice()]);
}

#[test]
fn golden_profile_with_a_prekey() {
    let (created, day) = (number::<i64>("profile-created"), number("profile-prekey-day"));
    let author = key("seed-b").posting_id();
    let prekey = PublishedPrekey { key: fixed::<32>("prekey").into(), day };
    let sequence = u64::try_from(created).unwrap();
    let profile = Profile::new(author, Timestamp::from_millis(created), sequence, "bea".to_owned()).unwrap();
    let ours = key("seed-b").sign(&profile.with_prekey(prekey));
    check("profile-bytes", &[&ours.envelope().bytes]);
    check("profile-signature", &[&ours.envelope().signature]);
    let signature = fixed("profile-signature");
    let envelope = Envelope { kind: Kind::Profile, bytes: bytes("profile-bytes"), signature };
    let Object::Profile(read) = Object::verify(envelope).unwrap() else { panic!("a profile was checked") };
    assert_eq!(read.content().prekey(), Some(prekey));
}

#[test]
fn golden_steps() {
    let step = root(&KeptKey(fixed("root-step-root")), &fixed("root-step-agreement"));
    check("root-step", &[&step.root.0, &step.messages.0, &step.next_tags.0]);
    let mut messages = MessageChain(fixed("chain"));
    let message_key = messages.step();
    check("message-step", &[&messages.0, message_key.as_slice()]);
    let mut tags = TagChain(fixed("chain"));
    let step = tags.step();
    check("tag-step", &[&tags.0, &step.tag, step.header_key.as_slice()]);
}

/// The tags of the chain whose key stands at this offset of a line, the first two of them.
fn tags_from(name: &str, offset: usize) -> [RecipientTag; 2] {
    let keys = bytes(name);
    let mut chain = TagChain(*keys[offset..].first_chunk().unwrap());
    [(); 2].map(|()| RecipientTag::from_bytes(chain.step().tag))
}

fn begun(prekey: DhPublic) -> Begun {
    let tape = &mut Tape::of(&["ek-secret", "fresh-secret-a-0"]);
    let begun = begin(&key("seed-a"), key("seed-b").posting_id(), prekey, tape).unwrap();
    assert!(tape.0.is_empty(), "all that stands there is used");
    begun
}

fn answering(prekey: &DhSecret) -> ([u8; 16], Ratchet) {
    let beginning = DhPublic::from_bytes(fixed("ek"));
    respond(&key("seed-b"), key("seed-a").posting_id(), prekey, beginning).unwrap()
}

#[test]
fn golden_sessions_with_a_prekey_and_without() {
    for (weak, prekey) in [("", secret("prekey-secret")), ("-weak", DhSecret::of_posting_key(&key("seed-b")))]
    {
        let (begun, (sid, answering)) = (begun(prekey.public()), answering(&prekey));
        check("ek", &[begun.beginning.as_bytes()]);
        check(&format!("sid{weak}"), &[&begun.sid]);
        assert_eq!(sid, begun.sid);
        let keys = format!("session-keys{weak}");
        let (own, expected) = (tags_from(&keys, 32), tags_from(&keys, 64));
        assert_eq!(begun.ratchet.tags_to_send(2)[..2], own);
        assert_eq!(answering.tags().take(2).collect::<Vec<_>>(), own);
        assert_eq!(begun.ratchet.tags().take(2).collect::<Vec<_>>(), expected);
        // The root key shows in the first message: its key is that of the first step from it.
        let fresh = secret("fresh-secret-a-0");
        let mut chain =
            root(&KeptKey(*bytes(&keys).first_chunk().unwrap()), &fresh.agree(prekey.public()).unwrap())
                .messages;
        let (_, keys) = begun.ratchet.seal_next().unwrap();
        assert_eq!(*keys.message_key, *chain.step(), "with a prekey{weak}");
    }
}

#[test]
fn golden_inner_parts_are_written_and_read() {
    let names = [
        "first",
        "first-without-prekey",
        "quoting",
        "text",
        "reaction",
        "reaction-off",
        "edit",
        "deletion",
        "nothing",
    ];
    let (a, b) = (key("seed-a").posting_id(), key("seed-b").posting_id());
    let message = |number: u8| MessageId::from_bytes([number; 16]);
    let text = |text: &str, quote| Said::Text { text: text.to_owned(), quote };
    let reaction = |is_on| Said::Reaction { target: (b, message(3)), emoji: "👍".to_owned(), is_on };
    let said = [
        text("Hello, Bea.", None),
        text("x", None),
        text("Grüße 👍", Some((a, message(1)))),
        text("one\ntwo", None),
        reaction(true),
        reaction(false),
        Said::Edit { target: message(1), text: "Hello, Bea!".to_owned() },
        Said::Delete { target: message(1) },
        Said::Acks,
    ];
    for ((name, said), number) in names.into_iter().zip(said).zip(1_u8..) {
        let name = format!("inner-{name}");
        let read = Inner::decode(&bytes(&name)).unwrap();
        assert_eq!((&read.said, read.message_id), (&said, message(number)), "{name}");
        assert_eq!(read.thread, ThreadId::between(a, b), "{name}");
        check(&name, &[&read.encode()]);
    }
    let [first, lives, quoting] = ["first", "first-without-prekey", "quoting"]
        .map(|name| Inner::decode(&bytes(&format!("inner-{name}"))).unwrap());
    let (first, lives) = (first.beginning.unwrap(), lives.beginning.unwrap());
    assert_eq!(first.key.as_slice(), bytes("ek"));
    assert_eq!((first.life, first.your_life, first.name.as_str()), (0, 0, "ana"));
    assert_eq!((first.stamp, first.prekey.unwrap().1), (number("profile-created"), number("post-1-day")));
    assert_eq!((lives.life, lives.your_life, lives.prekey), (300, number("profile-created"), None));
    let ack = ack_of(quoting.thread, a, message(1));
    assert_eq!((quoting.acks[0], quoting.acks.len()), (ack, 2));
}

/// Asserts that a slot is made of what the file says.
fn check_slot(name: &str, keys: &SlotKeys) {
    let header = keys.header.as_slice();
    check(name, &[keys.tag.as_bytes(), keys.header_key.as_slice(), header, keys.message_key.as_slice()]);
}

/// Seals a post again from its draws, and asserts that it is the file's to the last byte.
fn check_post(name: &str, one_time: &OneTimeKey, tape: &mut Tape, slots: &[SlotKeys]) -> Verified<Sealed> {
    let line_of = |part: &str| format!("{name}-{part}");
    let (day, size) = (number(&line_of("day")), number(&line_of("size")));
    let inner = bytes(line(&line_of("inner")));
    let post = seal(one_time, day, size, slots, &inner, tape).unwrap();
    assert!(tape.0.is_empty(), "all that stands there is used");
    check(&line_of("id"), &[post.id().as_bytes()]);
    check(&line_of("signature"), &[&post.envelope().signature]);
    if size == SEALED_SIZES[3] {
        check(&line_of("head"), &[post.content().head()]);
    } else {
        check(&line_of("bytes"), &[&post.envelope().bytes]);
        let read = Sealed::decode(&bytes(&line_of("bytes"))).unwrap();
        assert_eq!(&read, post.content());
    }
    post
}

fn one_time(name: &str) -> (OneTimeKey, Tape) {
    let mut tape = Tape::of(&[&format!("{name}-draws")]);
    let one_time = OneTimeKey::generate(&mut tape);
    (one_time, tape)
}

/// Sends on a ratchet what the file says of this post.
fn send(ratchet: &Ratchet, name: &str) -> (Ratchet, Sealed) {
    let (ratchet, keys) = ratchet.seal_next().unwrap();
    check_slot(&format!("{name}-session-slot"), &keys);
    let (one_time, mut tape) = one_time(name);
    let post = check_post(name, &one_time, &mut tape, &[keys]);
    (ratchet, post.content().clone())
}

/// Receives a post of the file; what is inside has to be what the file says.
fn receive(ratchet: &Ratchet, name: &str, post: &Sealed, fresh: &[&str]) -> Ratchet {
    let known: Vec<RecipientTag> = ratchet.tags().collect();
    let slot = post.slots().iter().find(|slot| known.iter().any(|tag| slot[..32] == *tag.as_bytes()));
    let tape = &mut Tape::of(fresh);
    let now = Timestamp::from_millis(number("profile-created"));
    let opened = ratchet.open(post.author(), slot.unwrap(), now, tape).ok().unwrap();
    assert!(tape.0.is_empty(), "all that stands there is used");
    let inner = open_body(post, &opened.content_key).unwrap();
    assert_eq!(*inner, bytes(line(&format!("{name}-inner"))), "{name}");
    opened.ratchet
}

#[test]
fn golden_posts_of_every_size_are_sealed_and_opened_to_the_last_byte() {
    let (a, b, prekey) = (key("seed-a"), key("seed-b"), secret("prekey-secret"));
    let (alpha, keys) = begun(prekey.public()).ratchet.seal_next().unwrap();
    let (author, mut tape) = one_time("post-1");
    let contact = contact_slot(&author, &a, b.posting_id(), prekey.public()).unwrap();
    check_slot("post-1-session-slot", &keys);
    check_slot("post-1-first-contact-slot", &contact);
    let tag = contact.tag;
    let first = check_post("post-1", &author, &mut tape, &[keys, contact]).content().clone();

    let search = ContactSearch::new(&b, first.author()).unwrap();
    assert_eq!(search.tag(prekey_id(prekey.public())), tag);
    let slot: &[u8; SLOT] = first.slots().iter().find(|slot| slot[..32] == *tag.as_bytes()).unwrap();
    let (from, content_key) = search.open(slot, &prekey).unwrap();
    assert_eq!(from, a.posting_id());
    assert_eq!(*open_body(&first, &content_key).unwrap(), bytes(line("post-1-inner")));
    let beta = receive(&answering(&prekey).1, "post-1", &first, &["fresh-secret-b-1"]);

    let (beta, second) = send(&beta, "post-2");
    let alpha = receive(&alpha, "post-2", &second, &["fresh-secret-a-2"]);
    let (alpha, third) = send(&alpha, "post-3");
    let (_, fourth) = send(&alpha, "post-4");
    // The fourth overtakes the third.
    let fresh: [u8; 32] = [9; 32];
    let tags: Vec<RecipientTag> = beta.tags().collect();
    let slot = fourth.slots().iter().find(|slot| tags.iter().any(|tag| slot[..32] == *tag.as_bytes()));
    let now = Timestamp::from_millis(number("profile-created"));
    let opened = beta.open(fourth.author(), slot.unwrap(), now, &mut Tape(fresh.to_vec())).ok().unwrap();
    assert_eq!(*open_body(&fourth, &opened.content_key).unwrap(), bytes(line("post-4-inner")));
    receive(&opened.ratchet, "post-3", &third, &[]);
}

#[test]
fn golden_slots_open_with_the_keys_that_stand_beside_them() {
    for (post, slot) in
        [("post-1", "session"), ("post-1", "first-contact"), ("post-2", "session"), ("post-3", "session")]
    {
        let sealed = Sealed::decode(&bytes(&format!("{post}-bytes"))).unwrap();
        let keys = bytes(&format!("{post}-{slot}-slot"));
        let key = |at: usize| zeroize::Zeroizing::new(*keys[at..].first_chunk::<32>().unwrap());
        let place = sealed.slots().iter().find(|slot| slot[..32] == keys[..32]).unwrap();
        assert_eq!(open_header(sealed.author(), place, &key(32)).unwrap()[..], keys[64..112]);
        let content_key = unwrap_key(sealed.author(), place, &key(112)).unwrap();
        let inner = open_body(&sealed, &content_key).unwrap();
        assert_eq!(*inner, bytes(line(&format!("{post}-inner"))), "{post} {slot}");
    }
}

#[test]
fn golden_sizes() {
    for size in SEALED_SIZES {
        let largest: usize = number(&format!("largest-text-{size}"));
        assert_eq!((inner_bytes(size) - BESIDE_TEXT, size_for(largest)), (largest, Ok(size)));
        assert_ne!(size_for(largest + 1), Ok(size));
    }
}
