//! Golden objects: signed bytes, invites and tickets from fixed keys. Every later version has to read them, and
//! another implementation can check itself by them. The file says what each line is.

use data_encoding::HEXLOWER;

use super::keys::{NetworkKey, PostingKey};
use crate::domain::address::PeerAddress;
use crate::domain::attachment::{Attachment, Attachments};
use crate::domain::envelope::{Content, ContentError, Envelope, Kind, Object, Verified};
use crate::domain::ids::{BlobHash, ObjectId, PostingId};
use crate::domain::invite::{Invite, format_ticket, parse_ticket};
use crate::domain::manifest::Manifest;
use crate::domain::operation::{Action, CommentPolicy, Operation, ReactionSwitch, Target};
use crate::domain::post::Post;
use crate::domain::profile::Profile;
use crate::domain::sealed::{SLOT, Sealed};
use crate::domain::time::Timestamp;

const GOLDEN: &str = include_str!("../../tests/vectors/objects-0.6.txt");

/// 2026-11-22 14:02 UTC.
const CREATED: Timestamp = Timestamp::from_millis(1_795_356_120_000);

/// What stands behind a name in the file.
fn line(name: &str) -> &'static str {
    GOLDEN.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap_or_default()
}

fn bytes(name: &str) -> Vec<u8> {
    HEXLOWER.decode(line(name).as_bytes()).unwrap()
}

fn posting_key() -> PostingKey {
    PostingKey::from_secret(&bytes("posting-secret").try_into().unwrap())
}

/// The envelope the file holds for an object.
fn envelope(name: &str, kind: Kind) -> Envelope {
    let signature = bytes(&format!("{name}-signature")).try_into().unwrap();
    Envelope { kind, bytes: bytes(&format!("{name}-bytes")), signature }
}

/// Asserts that what we sign is what the file holds, and that what the file holds verifies under its id.
fn check<T: Content>(name: &str, signed: &Verified<T>) -> Object {
    let ours = signed.envelope();
    let hex = |bytes: &[u8]| HEXLOWER.encode(bytes);
    assert_eq!(hex(&ours.bytes), line(&format!("{name}-bytes")), "the bytes of `{name}`");
    assert_eq!(hex(&ours.signature), line(&format!("{name}-signature")), "the signature of `{name}`");
    assert_eq!(signed.id().to_string(), line(&format!("{name}-id")), "the id of `{name}`");
    let object = Object::verify(envelope(name, T::KIND)).unwrap();
    assert_eq!(object.id(), signed.id());
    object
}

#[test]
fn golden_post() {
    let key = posting_key();
    let text = "Grüße from the golden file.\nSecond line.";
    let post = key.sign(&Post::new(key.posting_id(), CREATED, text.to_owned()).unwrap());
    let Object::Post(read) = check("post", &post) else { unreachable!("a post was checked") };
    assert_eq!((read.content().text(), read.content().created()), (text, CREATED));
    assert_eq!(read.content().author().to_string(), line("posting-id"));
}

#[test]
fn golden_post_with_attachments() {
    let key = posting_key();
    let attachment = |number: u8, alt: Option<&str>| Attachment {
        blob: BlobHash::from_bytes([number; 32]),
        size_bytes: 1_048_576,
        media_type: "image/png".to_owned(),
        name: format!("picture {number}.png"),
        alt: alt.map(str::to_owned),
    };
    let list = vec![attachment(1, Some("a cat")), attachment(2, None)];
    let attachments = Attachments::new(list.clone()).unwrap();
    let post = Post::with_attachments(key.posting_id(), CREATED, String::new(), attachments).unwrap();
    let Object::Post(read) = check("post-with-attachments", &key.sign(&post)) else {
        unreachable!("a post was checked")
    };
    assert_eq!((read.content().text(), read.content().attachments()), ("", list.as_slice()));
}

#[test]
fn a_post_of_nothing_is_none_and_too_many_attachments_are_refused_for_good() {
    let key = posting_key();
    assert_eq!(Post::new(key.posting_id(), CREATED, " ".to_owned()), Err(ContentError::Empty));
    let encode = |count: u64| {
        let mut bytes = Vec::new();
        let mut encoder = minicbor::Encoder::new(&mut bytes);
        encoder.map(5).unwrap().u8(0).unwrap().u8(1).unwrap().u8(1).unwrap();
        encoder.bytes(key.posting_id().as_bytes()).unwrap().u8(2).unwrap().u8(7).unwrap();
        encoder.u8(3).unwrap().str("text").unwrap().u8(4).unwrap().array(count).unwrap();
        for _ in 0..count {
            encoder.map(4).unwrap().u8(0).unwrap().bytes(&[1; 32]).unwrap().u8(1).unwrap().u8(9).unwrap();
            encoder.u8(2).unwrap().str("a/b").unwrap().u8(3).unwrap().str("c").unwrap();
        }
        bytes
    };
    assert_eq!(Post::decode(&encode(8)).unwrap().attachments().len(), 8);
    assert_eq!(Post::decode(&encode(0)).unwrap().attachments().len(), 0);
    assert_eq!(Post::decode(&encode(9)), Err(ContentError::Malformed));
}

#[test]
fn golden_profile() {
    let key = posting_key();
    let profile = Profile::new(key.posting_id(), CREATED, 1_795_356_120_000, "ana".to_owned()).unwrap();
    let Object::Profile(read) = check("profile", &key.sign(&profile)) else {
        unreachable!("a profile was checked")
    };
    assert_eq!((read.content().name(), read.content().sequence()), ("ana", 1_795_356_120_000));
}

#[test]
fn golden_operations() {
    let key = posting_key();
    let somebody = PostingId::from_bytes([3; 32]);
    let on_post = Target { post: ObjectId::from_bytes([4; 32]), author: key.posting_id(), operation: None };
    let on_comment = Target { operation: Some(ObjectId::from_bytes([5; 32])), ..on_post };
    let react = |switch| Action::React { emoji: "👍".to_owned(), switch };
    let cases = [
        ("react", on_post, react(ReactionSwitch::On)),
        ("react-off", on_comment, react(ReactionSwitch::Off)),
        ("comment", on_post, Action::Comment("Why?".to_owned())),
        ("answer", on_comment, Action::Comment("Because.".to_owned())),
        ("edit", on_post, Action::Edit("Better.".to_owned())),
        ("hide", on_comment, Action::Hide),
        ("tombstone", on_post, Action::Tombstone),
        ("policy-everyone", on_post, Action::Policy(CommentPolicy::Everyone)),
        ("policy-nobody", on_post, Action::Policy(CommentPolicy::Nobody)),
        ("policy-listed", on_post, Action::Policy(CommentPolicy::Listed(vec![somebody]))),
    ];
    for (name, target, action) in cases {
        let operation = Operation::new(key.posting_id(), CREATED, target, action.clone()).unwrap();
        let Object::Operation(read) = check(name, &key.sign(&operation)) else {
            unreachable!("an operation was checked")
        };
        assert_eq!((read.content().target(), read.content().action()), (target, &action));
    }
}

#[test]
fn golden_manifest() {
    let key = posting_key();
    let ids = [ObjectId::from_bytes([4; 32]), ObjectId::from_bytes([5; 32])];
    let (sequence, previous) = (1_795_356_120_000, Some(ObjectId::from_bytes([6; 32])));
    let manifest = Manifest::new(key.posting_id(), CREATED, sequence, ids.to_vec(), previous);
    let Object::Manifest(read) = check("manifest", &key.sign(&manifest)) else {
        unreachable!("a manifest was checked")
    };
    assert_eq!((read.content().newest(), read.content().sequence()), (ids.as_slice(), sequence));
    assert_eq!(read.content().previous(), previous);
    let first = Manifest::new(key.posting_id(), CREATED, sequence, Vec::new(), None);
    check("manifest-first", &key.sign(&first));
}

#[test]
fn golden_sealed_post() {
    let key = posting_key();
    let slots = [[1; SLOT], [2; SLOT], [3; SLOT], [4; SLOT]];
    let body = vec![7; Sealed::body_bytes(2_048)];
    let post = Sealed::new(key.posting_id(), 20_780, &slots, &body).unwrap();
    let Object::Sealed(read) = check("sealed", &key.sign(&post)) else {
        unreachable!("a sealed post was checked")
    };
    assert_eq!((read.content(), read.content().day()), (&post, 20_780));
}

#[test]
fn golden_invite_and_ticket() {
    let network = NetworkKey::from_secret(&bytes("network-secret").try_into().unwrap());
    assert_eq!(network.network_id().to_string(), line("network-id"));
    let address = PeerAddress {
        network_id: network.network_id(),
        sockets: vec!["192.0.2.1:4000".parse().unwrap(), "[2001:db8::1]:4001".parse().unwrap()],
        relay: Some("https://relay.example/".to_owned()),
    };
    assert_eq!(format_ticket(&address), line("ticket"));
    assert_eq!(parse_ticket(line("ticket")), Ok(address.clone()));
    let invite = Invite {
        posting_id: posting_key().posting_id(),
        name_hint: "ana".to_owned(),
        addresses: vec![address],
    };
    assert_eq!(invite.format(), line("invite"));
    assert_eq!(Invite::parse(line("invite")), Ok(invite));
}

#[test]
fn a_field_given_twice_counts_as_it_stands_last() {
    let key = posting_key();
    let mut twice = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut twice);
    encoder.map(5).unwrap().u8(0).unwrap().u8(1).unwrap().u8(1).unwrap();
    encoder.bytes(key.posting_id().as_bytes()).unwrap().u8(2).unwrap().u8(7).unwrap();
    encoder.u8(3).unwrap().str("first").unwrap().u8(3).unwrap().str("last").unwrap();
    assert_eq!(Post::decode(&twice).unwrap().text(), "last");
}
