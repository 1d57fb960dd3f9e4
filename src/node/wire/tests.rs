//! Golden frames, round trips, and bytes of strangers.

use expect_bytes::check;
use proptest::prelude::*;

use super::*;
use crate::domain::address::PeerAddress;
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::domain::log::Seq;
use crate::limits::{
    CONTROL_FRAME_BYTES, FETCH_IDS, FOUND_PEERS, INTEREST_IDS, PAGE_ITEMS, PULL_GROUPS, PUSH_FRAME_BYTES,
    SEALED_BYTES,
};

/// Golden frames live in a file of their own; every later version has to decode them.
mod expect_bytes {
    use super::*;

    const GOLDEN: &str = include_str!("../../../tests/vectors/wire-0.6.txt");

    /// Asserts that `message` encodes to the golden line of this name, and that the line decodes to it.
    pub(super) fn check(name: &str, message: &Message) {
        let ours = data_encoding::HEXLOWER.encode(&encode_frame(message));
        let line = GOLDEN.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        assert_eq!(line, Some(ours.as_str()), "golden frame `{name}`");
        assert_eq!(Message::decode(&message.encode()), Ok(Decoded::Known(message.clone())));
    }
}

fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap()
}

#[test]
fn golden_frames() {
    check("hello", &Message::Hello(Hello { epoch: Epoch([1; 16]), features: 0, minute: 29_904_480 }));
    check("set-interest", &Message::SetInterest(vec![PostingId::from_bytes([2; 32])]));
    check("interest-accepted", &Message::InterestAccepted(ListHash([3; 16])));
    let group = Group { since: seq(1_000), ranges: vec![Range { start: 0, length: 3 }] };
    let pull =
        |sending| Pull { hash: ListHash([3; 16]), groups: vec![group.clone()], sending, recipients: None };
    check("pull", &Message::Pull(pull(Sending::AtOnce)));
    check("pull-on-request", &Message::Pull(pull(Sending::OnRequest)));
    let page = Page {
        epoch: Epoch([1; 16]),
        ends: vec![
            GroupEnd { upto: seq(1_001), cut: None },
            GroupEnd { upto: seq(1_001), cut: Some(seq(7)) },
        ],
        offers: vec![Offer { id: ObjectId::from_bytes([4; 32]), size: 300 }],
        sealed: None,
    };
    check("page", &Message::Page(page));
    let tag = crate::domain::ids::RecipientTag::from_bytes([0xab; 32]);
    let recipients = Some(Recipients::like(tag, 12, seq(77)));
    check("pull-recipients", &Message::Pull(Pull { recipients, ..pull(Sending::AtOnce) }));
    let page = Page {
        epoch: Epoch([1; 16]),
        ends: vec![],
        offers: vec![Offer { id: ObjectId::from_bytes([4; 32]), size: 1_984 }],
        sealed: Some(SealedEnd { upto: seq(1_001), cut: Some(seq(7)), offers: 1 }),
    };
    check("page-sealed", &Message::Page(page));
    check("need-list", &Message::NeedList);
    check("want", &Message::Want(Want::new(&[true, false, true, false, false, false, false, false, true])));
    let envelope = crate::domain::envelope::Envelope {
        kind: crate::domain::envelope::Kind::Post,
        bytes: vec![0xa0],
        signature: [5; 64],
    };
    check("items", &Message::Items(vec![envelope.into()]));
    check("fetch", &Message::Fetch(vec![ObjectId::from_bytes([6; 32])]));
    let authors = [2, 7].map(|byte| PostingId::from_bytes([byte; 32]));
    check("fetch-profiles", &Message::FetchProfiles(authors.to_vec()));
    let author = Some(PostingId::from_bytes([7; 32]));
    check("find", &Message::Find(Find { author, file: None }));
    check("find-file", &Message::Find(Find { author: None, file: Some(ObjectId::from_bytes([7; 32])) }));
    check("find-anybody", &Message::Find(Find { author: None, file: None }));
    check("found", &Message::Found(Found { holds: true, holders: vec![somebody()] }));
    check("news", &Message::News);
    let push = ManifestPush {
        author: PostingId::from_bytes([2; 32]),
        sequence: 1_795_356_120_000,
        newest: Some(ObjectId::from_bytes([4; 32])),
        manifest: ObjectId::from_bytes([6; 32]),
    };
    check("manifest-push", &Message::ManifestPush(push));
    check("manifest-push-empty", &Message::ManifestPush(ManifestPush { newest: None, ..push }));
    let operation = crate::domain::envelope::Envelope {
        kind: crate::domain::envelope::Kind::Operation,
        bytes: vec![0xa0],
        signature: [5; 64],
    };
    check("header-diff", &Message::HeaderDiff(vec![operation.into()]));
    check("sealed-push", &Message::SealedPush(sealed_push(1, Stage::Stem)));
    check("sealed-push-spread", &Message::SealedPush(sealed_push(1, Stage::Spread)));
    check("link", &Message::Link(every_wish()));
    check("linked", &Message::Linked(every_reply()));
    check("busy", &Message::Busy);
    check("unsupported", &Message::Unsupported { kind: 77 });
}

/// Every kind of wish, of both kinds of topics.
fn every_wish() -> Vec<LinkAsk> {
    let author = TopicId::Author(PostingId::from_bytes([2; 32]));
    let file = TopicId::File(ObjectId::from_bytes([4; 32]));
    let (nonce, peer) = (Nonce([7; 8]), NetworkId::from_bytes([8; 32]));
    let pass = Some(SplitPass { from: peer, nonce: Nonce([9; 8]) });
    let offer = |hops, room, pass| Ask::Offer { nonce, hops, room, pass };
    let asks = [
        (author, offer(4, Room::More, None)),
        (file, offer(0, Room::One, None)),
        (author, offer(0, Room::One, pass)),
        (author, Ask::Confirm { nonce }),
        (author, Ask::Moved { to: peer, nonce }),
        (file, Ask::Leave),
    ];
    asks.into_iter().map(|(topic, ask)| LinkAsk { topic, ask }).collect()
}

fn every_reply() -> Vec<Reply> {
    let nonce = Nonce([7; 8]);
    let peer = PeerAddress {
        network_id: NetworkId::from_bytes([8; 32]),
        sockets: vec!["192.0.2.1:4000".parse().unwrap()],
        relay: None,
    };
    vec![
        Reply::Accept { nonce },
        Reply::Seated,
        Reply::Wait,
        Reply::Split { peer: peer.clone(), nonce },
        Reply::Onward { peer },
        Reply::Leave,
    ]
}

#[test]
fn walks_longer_than_allowed_and_too_many_wishes_are_refused() {
    let author = TopicId::Author(PostingId::from_bytes([2; 32]));
    let wish = |hops| LinkAsk {
        topic: author,
        ask: Ask::Offer { nonce: Nonce([7; 8]), hops, room: Room::One, pass: None },
    };
    let long = Message::Link(vec![wish(crate::limits::WALK_HOPS + 1)]);
    assert_eq!(Message::decode(&long.encode()), Err(WireError::Malformed));
    let many = Message::Link(vec![wish(0); crate::limits::LINK_ENTRIES + 1]);
    assert_eq!(Message::decode(&many.encode()), Err(WireError::TooMuch));
}

#[test]
fn diffs_above_their_bounds_are_refused() {
    let item = |bytes: usize| {
        let kind = crate::domain::envelope::Kind::Operation;
        Item::from(crate::domain::envelope::Envelope { kind, bytes: vec![0; bytes], signature: [5; 64] })
    };
    let many = Message::HeaderDiff(vec![item(1); crate::limits::DIFF_ITEMS + 1]);
    assert_eq!(Message::decode(&many.encode()), Err(WireError::TooMuch));
    let large = Message::HeaderDiff(vec![item(crate::limits::DIFF_BYTES), item(1)]);
    assert_eq!(Message::decode(&large.encode()), Err(WireError::TooMuch));
}

fn sealed_push(bytes: usize, stage: Stage) -> SealedPush {
    let kind = crate::domain::envelope::Kind::Sealed;
    let envelope = crate::domain::envelope::Envelope { kind, bytes: vec![0xa0; bytes], signature: [5; 64] };
    SealedPush { item: envelope.into(), stage }
}

#[test]
fn a_pushed_sealed_post_has_at_most_the_largest_size_and_fits_its_frame() {
    let largest = Message::SealedPush(sealed_push(SEALED_BYTES - 64, Stage::Stem));
    assert_eq!(Message::decode(&largest.encode()), Ok(Decoded::Known(largest.clone())));
    assert!(encode_frame(&largest).len() <= PUSH_FRAME_BYTES);
    let larger = Message::SealedPush(sealed_push(SEALED_BYTES - 63, Stage::Stem));
    assert_eq!(Message::decode(&larger.encode()), Err(WireError::TooMuch));
    let mut bytes = Message::SealedPush(sealed_push(1, Stage::Spread)).encode();
    *bytes.last_mut().unwrap() = 2;
    assert_eq!(Message::decode(&bytes), Err(WireError::Malformed), "no such stage");
}

#[test]
fn fields_a_later_version_adds_to_a_wish_are_skipped() {
    let mut bytes = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    encoder.array(2).unwrap().u16(16).unwrap().array(1).unwrap().array(4).unwrap();
    encoder.array(2).unwrap().u8(0).unwrap().bytes(&[2; 32]).unwrap().u8(1).unwrap();
    encoder.bytes(&[7; 8]).unwrap().str("new").unwrap();
    let ask = Ask::Confirm { nonce: Nonce([7; 8]) };
    let wish = LinkAsk { topic: TopicId::Author(PostingId::from_bytes([2; 32])), ask };
    assert_eq!(Message::decode(&bytes), Ok(Decoded::Known(Message::Link(vec![wish]))));
}

fn somebody() -> PeerAddress {
    let sockets = vec!["192.0.2.1:4000".parse().unwrap()];
    PeerAddress { sockets, ..PeerAddress::of(NetworkId::from_bytes([8; 32])) }
}

#[test]
fn unknown_kinds_are_named_not_fatal() {
    let mut bytes = Vec::new();
    minicbor::Encoder::new(&mut bytes).array(2).unwrap().u16(999).unwrap().str("later").unwrap();
    assert_eq!(Message::decode(&bytes), Ok(Decoded::Unknown { kind: 999 }));
}

#[test]
fn a_later_hello_with_more_fields_is_understood() {
    let mut bytes = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    encoder.array(2).unwrap().u16(1).unwrap().map(4).unwrap();
    encoder.u8(0).unwrap().bytes(&[1; 16]).unwrap().u8(1).unwrap().u8(0).unwrap();
    encoder.u8(2).unwrap().u8(9).unwrap().u8(3).unwrap().str("new").unwrap();
    let hello = Hello { epoch: Epoch([1; 16]), features: 0, minute: 9 };
    assert_eq!(Message::decode(&bytes), Ok(Decoded::Known(Message::Hello(hello))));
}

#[test]
fn lengths_are_refused_before_anything_is_allocated() {
    assert_eq!(frame_length([0; 4], 100), Err(WireError::Malformed));
    assert_eq!(frame_length([101, 0, 0, 0], 100), Err(WireError::TooLarge));
    assert_eq!(frame_length([0xff; 4], CONTROL_FRAME_BYTES), Err(WireError::TooLarge));
    assert_eq!(frame_length([100, 0, 0, 0], 100), Ok(100));
}

#[test]
fn lists_above_their_bound_are_refused() {
    let id = PostingId::from_bytes([1; 32]);
    let too_many = Message::SetInterest(vec![id; INTEREST_IDS + 1]).encode();
    assert_eq!(Message::decode(&too_many), Err(WireError::TooMuch));
    let fetch = Message::Fetch(vec![ObjectId::from_bytes([1; 32]); FETCH_IDS + 1]).encode();
    assert_eq!(Message::decode(&fetch), Err(WireError::TooMuch));
    let profiles = Message::FetchProfiles(vec![id; FETCH_IDS + 1]).encode();
    assert_eq!(Message::decode(&profiles), Err(WireError::TooMuch));
    let offer = Offer { id: ObjectId::from_bytes([1; 32]), size: 1 };
    let page =
        Page { epoch: Epoch([0; 16]), ends: vec![], offers: vec![offer; PAGE_ITEMS + 1], sealed: None };
    assert_eq!(Message::decode(&Message::Page(page).encode()), Err(WireError::TooMuch));
    let group = Group { since: Seq::START, ranges: vec![] };
    let pull = Pull {
        hash: ListHash([0; 16]),
        groups: vec![group; PULL_GROUPS + 1],
        sending: Sending::AtOnce,
        recipients: None,
    };
    assert_eq!(Message::decode(&Message::Pull(pull).encode()), Err(WireError::TooMuch));
    let found = Message::Found(Found { holds: false, holders: vec![somebody(); FOUND_PEERS + 1] }).encode();
    assert_eq!(Message::decode(&found), Err(WireError::TooMuch));
    let (author, file) = (Some(id), Some(ObjectId::from_bytes([1; 32])));
    let both = Message::Find(Find { author, file }).encode();
    assert_eq!(Message::decode(&both), Err(WireError::Malformed));
    // A list that claims 2^60 entries and has none.
    let mut bytes = Vec::new();
    minicbor::Encoder::new(&mut bytes).array(2).unwrap().u16(2).unwrap().array(1 << 60).unwrap();
    assert_eq!(Message::decode(&bytes), Err(WireError::TooMuch));
}

#[test]
fn recipients_that_contradict_themselves_are_refused() {
    let ask = |bits: u16, value: &[u8]| {
        let mut bytes = Vec::new();
        let mut encoder = minicbor::Encoder::new(&mut bytes);
        encoder.array(2).unwrap().u16(4).unwrap().map(3).unwrap().u8(0).unwrap().bytes(&[0; 16]).unwrap();
        encoder.u8(1).unwrap().array(0).unwrap().u8(3).unwrap().map(3).unwrap();
        encoder.u8(0).unwrap().u16(bits).unwrap().u8(1).unwrap().bytes(value).unwrap();
        encoder.u8(2).unwrap().u8(0).unwrap();
        Message::decode(&bytes)
    };
    for (bits, value) in [(0, &[][..]), (1, &[0x80]), (12, &[0xab, 0xa0]), (256, &[7; 32])] {
        assert!(ask(bits, value).is_ok(), "{bits}");
    }
    for (bits, value) in [(0, &[0][..]), (1, &[0xc0]), (12, &[0xab]), (256, &[7; 31]), (257, &[7; 33])] {
        assert_eq!(ask(bits, value), Err(WireError::Malformed), "{bits}");
    }
}

#[test]
fn positions_above_what_a_store_can_hold_are_refused() {
    let mut bytes = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    encoder.array(2).unwrap().u16(4).unwrap().map(2).unwrap().u8(0).unwrap().bytes(&[0; 16]).unwrap();
    encoder.u8(1).unwrap().array(1).unwrap().map(2).unwrap().u8(0).unwrap().u64(u64::MAX).unwrap();
    encoder.u8(1).unwrap().array(0).unwrap();
    assert_eq!(Message::decode(&bytes), Err(WireError::Malformed));
}

#[test]
fn a_pull_without_news_is_small() {
    let group = Group { since: seq(1 << 40), ranges: vec![Range { start: 0, length: 200 }] };
    let ask = encode_frame(&Message::Pull(Pull {
        hash: ListHash([3; 16]),
        groups: vec![group],
        sending: Sending::OnRequest,
        recipients: None,
    }))
    .len();
    let end = GroupEnd { upto: seq(1 << 40), cut: None };
    let answer = encode_frame(&Message::Page(Page {
        epoch: Epoch([0; 16]),
        ends: vec![end],
        offers: vec![],
        sealed: None,
    }))
    .len();
    assert!(ask + answer <= 100, "{ask} + {answer} bytes");
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(Decoded::Known(message)) = Message::decode(&bytes) {
            prop_assert_eq!(Message::decode(&message.encode()), Ok(Decoded::Known(message)));
        }
    }

    #[test]
    fn any_body_of_a_known_kind_gives_an_answer(
        kind in 0_u8..24,
        body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [&[0x82, kind][..], &body].concat();
        if let Ok(Decoded::Known(message)) = Message::decode(&bytes) {
            prop_assert_eq!(Message::decode(&message.encode()), Ok(Decoded::Known(message)));
        }
    }

    #[test]
    fn a_want_names_exactly_what_was_wanted(wanted in proptest::collection::vec(any::<bool>(), 0..200)) {
        let want = Want::new(&wanted);
        for (index, wanted) in wanted.iter().enumerate() {
            prop_assert_eq!(want.contains(index), *wanted);
        }
        prop_assert!(!want.contains(PAGE_ITEMS * 2));
    }
}
