//! Every derivation, every kind of inner part and the first posts of a session, from fixed inputs: what stands in
//! `tests/vectors/conversations-0.6.txt`.

use std::fmt::Write as _;

use super::dice::{DRAWS, Dice, Draws};
use super::first_contact;
use super::inner::{Beginning, Inner, MessageId, Said, confirmation, thread, words};
use super::post::{Post, SIZES, SlotKeys, room, seal};
use super::primitives::{Key, agreement_key, agreement_secret, derived_head, dh, posting_id, public};
use super::profile::publish;
use super::ratchet::{message_step, root_step, tag_step};
use super::session::{Shared, answer, begin, prekey_id};

/// Who begins.
const SEED_A: Key = [1; 32];
/// Who is written to.
const SEED_B: Key = [2; 32];
/// The secret of the prekey of `b`.
const PREKEY_SECRET: Key = [3; 32];
/// The key of the moment.
const EK_SECRET: Key = [4; 32];
/// The secrets of the first three ratchet keys: of `a`, of `b`, of `a` again.
const FRESH: [Key; 3] = [[5; 32], [6; 32], [7; 32]];
/// 2026-11-22 14:02 UTC, and its day.
const CREATED_MS: i64 = 1_795_356_120_000;
const DAY: u32 = 20_779;

const HEAD: &str = "\
# Golden conversations of itsgoin/0.6 (PROTOCOL.md §23, §24): a name, a space, a value. Bytes are lower-case hex, the words
# are text, sizes, days and times are numbers. `a` begins and `b` is written to. Draws are the random bytes of one post in
# this order: seed of the author's key, content key, four empty slots of 144, three little-endian numbers of 64 bits. Own
# slots take the place of the first empty ones, that of the session before that of the first contact; then, for i = 1, 2, 3,
# slot i changes places with the slot whose number is the i-th number modulo i + 1. Of the largest post only head, signature
# and id stand here: all else follows from its inner part and its draws.
";

/// Lines of the file.
struct Lines(String);

impl Lines {
    fn put(&mut self, name: &str, value: impl std::fmt::Display) {
        writeln!(self.0, "{name} {value}").unwrap();
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.put(name, data_encoding::HEXLOWER.encode(bytes));
    }
}

/// All of the file; nothing if an agreement fails.
pub fn text() -> Option<String> {
    let mut lines = Lines(HEAD.to_owned());
    people(&mut lines)?;
    steps(&mut lines);
    let shared = session(&mut lines)?;
    inner_parts(&mut lines)?;
    posts(&mut lines, &shared)?;
    for size in SIZES {
        lines.put(&format!("largest-text-{size}"), room(size) - 480);
    }
    Some(lines.0)
}

fn people(lines: &mut Lines) -> Option<()> {
    let (a, b, prekey) = (posting_id(&SEED_A), posting_id(&SEED_B), public(&PREKEY_SECRET));
    for (name, seed, id) in [("a", SEED_A, a), ("b", SEED_B, b)] {
        lines.bytes(&format!("seed-{name}"), &seed);
        lines.bytes(&format!("id-{name}"), &id);
        lines.bytes(&format!("agreement-secret-{name}"), &agreement_secret(&seed));
        lines.bytes(&format!("agreement-key-{name}"), &agreement_key(&id)?);
    }
    lines.bytes("prekey-secret", &PREKEY_SECRET);
    lines.bytes("prekey", &prekey);
    lines.bytes("prekey-id", &prekey_id(&prekey));
    lines.put("profile-created", CREATED_MS);
    lines.put("profile-prekey-day", DAY);
    let (bytes, signature) = publish(&SEED_B, CREATED_MS, "bea", &(prekey, DAY))?;
    lines.bytes("profile-bytes", &bytes);
    lines.bytes("profile-signature", &signature);
    lines.bytes("thread", &thread(&a, &b));
    lines.put("words", words(&a, &b));
    lines.bytes("confirmation-of-a-message-1", &confirmation(&thread(&a, &b), &a, &message(1)));
    Some(())
}

/// One step of each chain.
fn steps(lines: &mut Lines) {
    let (root, agreement, chain) = ([0x11; 32], [0x22; 32], [0x33; 32]);
    lines.bytes("root-step-root", &root);
    lines.bytes("root-step-agreement", &agreement);
    let (next, messages, tags) = root_step(&root, &agreement);
    lines.bytes("root-step", &[next, messages, tags].concat());
    lines.bytes("chain", &chain);
    let (next, message_key) = message_step(&chain);
    lines.bytes("message-step", &[next, message_key].concat());
    let (next, tag, header_key) = tag_step(&chain);
    lines.bytes("tag-step", &[next, tag, header_key].concat());
}

fn session(lines: &mut Lines) -> Option<Shared> {
    let (a, b, prekey) = (posting_id(&SEED_A), posting_id(&SEED_B), public(&PREKEY_SECRET));
    lines.bytes("ek-secret", &EK_SECRET);
    lines.bytes("ek", &public(&EK_SECRET));
    let shared = begin(&SEED_A, &b, &prekey, &EK_SECRET)?;
    let other = answer(&SEED_B, &a, &PREKEY_SECRET, &public(&EK_SECRET))?;
    let keys = |shared: &Shared| [shared.root, shared.tags_a, shared.tags_b].concat();
    lines.bytes("session-keys", &keys(&shared));
    lines.bytes("sid", &shared.sid);
    let identity = agreement_key(&b)?;
    let weak = begin(&SEED_A, &b, &identity, &EK_SECRET)?;
    lines.bytes("session-keys-weak", &keys(&weak));
    lines.bytes("sid-weak", &weak.sid);
    (keys(&other) == keys(&shared)).then_some(shared)
}

fn message(number: u8) -> MessageId {
    [number; 16]
}

fn inner(number: u8, said: Said) -> Inner {
    let thread = thread(&posting_id(&SEED_A), &posting_id(&SEED_B));
    let sent_ms = CREATED_MS + i64::from(number) * 1_000;
    Inner { message: message(number), thread, sent_ms, confirmations: Vec::new(), beginning: None, said }
}

/// One inner part of each kind, by name.
fn kinds() -> Vec<(&'static str, Inner)> {
    let (a, b) = (posting_id(&SEED_A), posting_id(&SEED_B));
    let beginning = Beginning {
        ek: public(&EK_SECRET),
        stamp: CREATED_MS,
        life: 0,
        your_life: 0,
        name: "ana".to_owned(),
        prekey: Some((public(&[8; 32]), DAY)),
    };
    let lives = Beginning { life: 300, your_life: CREATED_MS, prekey: None, ..beginning.clone() };
    let first = Inner { beginning: Some(beginning), ..inner(1, Said::Text("Hello, Bea.".to_owned(), None)) };
    let quoted = Said::Text("Grüße 👍".to_owned(), Some((a, message(1))));
    let confirms = vec![confirmation(&first.thread, &a, &message(1)), [0xff; 8]];
    vec![
        ("first", first),
        (
            "first-without-prekey",
            Inner { beginning: Some(lives), ..inner(2, Said::Text("x".to_owned(), None)) },
        ),
        ("quoting", Inner { confirmations: confirms, ..inner(3, quoted) }),
        ("text", inner(4, Said::Text("one\ntwo".to_owned(), None))),
        ("reaction", inner(5, Said::Reaction((b, message(3)), "👍".to_owned(), true))),
        ("reaction-off", inner(6, Said::Reaction((b, message(3)), "👍".to_owned(), false))),
        ("edit", inner(7, Said::Edit(message(1), "Hello, Bea!".to_owned()))),
        ("deletion", inner(8, Said::Deletion(message(1)))),
        ("nothing", Inner { confirmations: vec![[9; 8]], ..inner(9, Said::Nothing) }),
    ]
}

fn inner_parts(lines: &mut Lines) -> Option<()> {
    for (name, inner) in kinds() {
        lines.bytes(&format!("inner-{name}"), &inner.encode()?);
    }
    Some(())
}

/// Puts a post of the session, made of these slots.
fn put_post(lines: &mut Lines, name: &str, size: usize, kind: &str, slots: &[SlotKeys]) -> Option<Post> {
    let random: [u8; DRAWS] = Dice::new(&format!("draws of {name}")).bytes();
    let draws = Draws::new(&random);
    let (_, inner) = kinds().into_iter().find(|(known, _)| *known == kind)?;
    let post = seal(&draws, DAY, size, slots, &inner.encode()?)?;
    let author = posting_id(&draws.author);
    lines.bytes(&format!("{name}-draws"), &random);
    lines.put(&format!("{name}-size"), size);
    lines.put(&format!("{name}-day"), DAY);
    lines.put(&format!("{name}-inner"), format_args!("inner-{kind}"));
    for (slot, keys) in ["session", "first-contact"].into_iter().zip(slots) {
        let keys = [keys.tag.as_slice(), &keys.header_key, &keys.header, &keys.message_key].concat();
        lines.bytes(&format!("{name}-{slot}-slot"), &keys);
    }
    for letter in ["h", "w", "b"] {
        let nonce: [u8; 12] = derived_head("itsgoin/dm/1 nonce", &[&author, letter.as_bytes()]);
        lines.bytes(&format!("{name}-nonce-{letter}"), &nonce);
    }
    if size == SIZES[3] {
        lines.bytes(&format!("{name}-head"), &post.bytes[..622]);
    } else {
        lines.bytes(&format!("{name}-bytes"), &post.bytes);
    }
    lines.bytes(&format!("{name}-signature"), &post.signature);
    lines.bytes(&format!("{name}-id"), blake3::hash(&post.bytes).as_bytes());
    Some(post)
}

/// A first contact, the answer, and two more, each in another size.
fn posts(lines: &mut Lines, shared: &Shared) -> Option<()> {
    let (b, prekey) = (posting_id(&SEED_B), public(&PREKEY_SECRET));
    for (name, secret) in ["a-0", "b-1", "a-2"].into_iter().zip(FRESH) {
        lines.bytes(&format!("fresh-secret-{name}"), &secret);
    }
    let mut a = shared.first(&prekey, FRESH[0])?;
    let author: Key = Dice::new("draws of post-1").bytes();
    let once = agreement_secret(&author);
    let agreed = [dh(&once, &agreement_key(&b)?)?, dh(&once, &prekey)?].concat();
    lines.bytes("post-1-first-contact-agreements", &agreed);
    let slots = [a.send()?, first_contact::slot(&author, &SEED_A, &b, &prekey)?];
    let first = put_post(lines, "post-1", SIZES[0], "first", &slots)?;
    let (_, mut b) = shared.second(PREKEY_SECRET).receive(&first, FRESH[1])?;
    let second = put_post(lines, "post-2", SIZES[1], "quoting", &[b.send()?])?;
    let (_, mut a) = a.receive(&second, FRESH[2])?;
    put_post(lines, "post-3", SIZES[2], "text", &[a.send()?])?;
    put_post(lines, "post-4", SIZES[3], "edit", &[a.send()?])?;
    Some(())
}
