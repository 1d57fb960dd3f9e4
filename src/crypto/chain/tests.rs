//! A sender and members that follow it, with whatever a network or a member can do.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::*;
use crate::crypto::sealing::{OneTimeKey, seal};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const THREAD: ThreadId = ThreadId::from_bytes([3; 16]);
const SENDER: PostingId = PostingId::from_bytes([4; 32]);

fn start() -> (StdRng, SendingChain, ReceivingChain) {
    let mut rng = StdRng::seed_from_u64(1);
    let sending = SendingChain::generate(7, &mut rng);
    let receiving = ReceivingChain::new(&sending.offer()).unwrap();
    (rng, sending, receiving)
}

fn send(rng: &mut StdRng, chain: &mut SendingChain, text: &str) -> Sealed {
    send_as(rng, chain, SENDER, text)
}

fn send_as(rng: &mut StdRng, chain: &mut SendingChain, sender: PostingId, text: &str) -> Sealed {
    let one_time = OneTimeKey::generate(rng);
    let place = ChainPlace { thread: THREAD, sender, author: one_time.author() };
    let (next, slot, body) = chain.seal_next(&place, text.as_bytes()).expect("not used up");
    *chain = stored(&next);
    seal(&one_time, 1, 2_048, &[slot], &body, rng).unwrap().content().clone()
}

/// The state as it comes back from the store.
fn stored<T: Encode<()> + for<'b> Decode<'b, ()>>(of: &T) -> T {
    minicbor::decode(&minicbor::to_vec(of).unwrap()).unwrap()
}

fn receive(chain: &mut ReceivingChain, post: &Sealed) -> Option<String> {
    let known: Vec<RecipientTag> = chain.tags().collect();
    let index = post.tags().iter().position(|tag| known.contains(tag))?;
    let opened = chain.open(THREAD, SENDER, post, &post.slots()[index], NOW).ok()?;
    *chain = stored(&opened.chain);
    chain.watch();
    Some(String::from_utf8(opened.payload.to_vec()).unwrap())
}

#[test]
fn every_message_of_an_epoch_is_found_in_any_order_and_once() {
    let (mut rng, mut sending, mut receiving) = start();
    let mut posts: Vec<(String, Sealed)> = (0..CHAIN_MESSAGES)
        .map(|number| {
            (format!("message {number}"), send(&mut rng, &mut sending, &format!("message {number}")))
        })
        .collect();
    let place = ChainPlace { thread: THREAD, sender: SENDER, author: SENDER };
    assert!(sending.is_used_up() && sending.seal_next(&place, b"").is_none());
    posts.shuffle(&mut rng);
    for (text, post) in &posts {
        assert_eq!(receive(&mut receiving, post).as_ref(), Some(text));
    }
    for (_, post) in &posts {
        assert_eq!(receive(&mut receiving, post), None, "a replay");
    }
    assert_eq!(receiving.tags().count(), 0);
}

#[test]
fn lost_messages_hold_up_nothing() {
    let (mut rng, mut sending, mut receiving) = start();
    for number in 0..CHAIN_MESSAGES {
        let post = send(&mut rng, &mut sending, "x");
        if number % 8 != 0 {
            assert_eq!(receive(&mut receiving, &post).as_deref(), Some("x"));
        }
    }
}

#[test]
fn a_new_member_starts_where_the_chain_stands() {
    let (mut rng, mut sending, _) = start();
    let before = send(&mut rng, &mut sending, "before");
    let mut newcomer = ReceivingChain::new(&sending.offer()).unwrap();
    let after = send(&mut rng, &mut sending, "after");
    assert_eq!(receive(&mut newcomer, &before), None);
    assert_eq!(receive(&mut newcomer, &after).as_deref(), Some("after"));
}

#[test]
fn a_member_cannot_speak_as_the_sender() {
    let (mut rng, mut sending, mut receiving) = start();
    // A member knows all keys of the chain but the one that signs.
    let key = sending.offer();
    let mut forged = SendingChain {
        epoch: key.epoch,
        number: key.number,
        messages: MessageChain(key.messages.into()),
        tags: TagChain(key.tags.into()),
        signer: KeptKey([9; 32]),
    };
    let forgery = send(&mut rng, &mut forged, "I am the sender");
    let before = stored(&receiving);
    assert_eq!(receive(&mut receiving, &forgery), None);
    let bytes = |chain: &ReceivingChain| minicbor::to_vec(chain).unwrap();
    assert_eq!(bytes(&receiving), bytes(&before), "nothing is consumed");
    let real = send(&mut rng, &mut sending, "really");
    assert_eq!(receive(&mut receiving, &real).as_deref(), Some("really"), "though the tag was used before");
}

#[test]
fn a_message_is_bound_to_sender_author_and_thread() {
    let (mut rng, mut sending, mut receiving) = start();
    let other = PostingId::from_bytes([5; 32]);
    let as_other = send_as(&mut rng, &mut sending, other, "x");
    assert_eq!(receive(&mut receiving, &as_other), None);
    let post = send(&mut rng, &mut sending, "y");
    let known: Vec<RecipientTag> = receiving.tags().collect();
    let slot = post.tags().iter().position(|tag| known.contains(tag)).map(|at| post.slots()[at]).unwrap();
    let elsewhere = ThreadId::from_bytes([8; 16]);
    assert!(receiving.open(elsewhere, SENDER, &post, &slot, NOW).is_err());
    // The body under a one-time author of the member's, with the same keys.
    let thief = OneTimeKey::generate(&mut rng);
    let slots: &[[u8; SLOT]; 4] = post.slots().try_into().unwrap();
    let copied = Sealed::new(thief.author(), 1, slots, post.body()).unwrap();
    assert_eq!(receive(&mut receiving, &copied), None);
    assert_eq!(receive(&mut receiving, &post).as_deref(), Some("y"));
}

#[test]
fn who_has_no_key_of_the_next_epoch_reads_nothing_of_it() {
    let (mut rng, sending, mut removed) = start();
    let mut next = SendingChain::generate(sending.epoch() + 1, &mut rng);
    let post = send(&mut rng, &mut next, "without you");
    assert_eq!(receive(&mut removed, &post), None);
    let slots = post.slots();
    assert!(slots.iter().all(|slot| removed.open(THREAD, SENDER, &post, slot, NOW).is_err()));
}

#[test]
fn keys_of_what_never_came_are_forgotten() {
    let (mut rng, mut sending, receiving) = start();
    let lost = send(&mut rng, &mut sending, "late");
    let came = send(&mut rng, &mut sending, "came");
    let mut receiving = receiving;
    receive(&mut receiving, &came).unwrap();
    let slot = |post: &Sealed, chain: &ReceivingChain| {
        let known: Vec<RecipientTag> = chain.tags().collect();
        post.tags().iter().position(|tag| known.contains(tag)).map(|at| post.slots()[at]).unwrap()
    };
    let found = slot(&lost, &receiving);
    assert!(receiving.open(THREAD, SENDER, &lost, &found, NOW).is_ok());
    assert!(receiving.open(THREAD, SENDER, &lost, &found, NOW.after(SKIPPED_TIME)).is_err());
}

#[test]
fn a_key_that_leads_nowhere_is_none() {
    let (_, sending, _) = start();
    let used_up = ChainKey { number: CHAIN_MESSAGES, ..sending.offer() };
    let weak = ChainKey { signer: PostingId::from_bytes([0; 32]), ..sending.offer() };
    assert!(ReceivingChain::new(&used_up).is_none() && ReceivingChain::new(&weak).is_none());
}

/// Fixed keys give fixed tags, headers and signatures: another implementation can check itself by them.
#[test]
fn golden_chain() {
    let chain = SendingChain {
        epoch: 7,
        number: 2,
        messages: MessageChain([1; 32]),
        tags: TagChain([2; 32]),
        signer: KeptKey([5; 32]),
    };
    let place = ChainPlace { thread: THREAD, sender: SENDER, author: PostingId::from_bytes([6; 32]) };
    let (_, slot, body) = chain.seal_next(&place, b"said").unwrap();
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let all = [
        hex(slot.tag.as_bytes()),
        hex(slot.header_key.as_slice()),
        hex(slot.message_key.as_slice()),
        hex(&slot.header),
        hex(&body),
    ];
    insta::assert_snapshot!(all.join("\n"));
}
