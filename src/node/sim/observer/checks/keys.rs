//! Checks of everything that is a key or could be one.

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::montgomery::MontgomeryPoint;
use sha2::{Digest, Sha256, Sha512};

use super::{Check, Depth, HEAD, Verdict, author_of, bytes_of, judge, number, tags_of};
use crate::domain::ids::PostingId;
use crate::node::sim::observer::record::{PostIndex, Recorder};
use crate::node::sim::observer::world::{Conversation, Truth};

/// What can be looked up by its first eight bytes.
struct Known(Vec<u64>);

impl Known {
    fn new(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        Self(values)
    }

    fn of_keys<'k>(keys: impl IntoIterator<Item = &'k [u8; 32]>) -> Self {
        Self::new(keys.into_iter().map(first_eight).collect())
    }

    fn has(&self, key: &[u8; 32]) -> bool {
        self.0.binary_search(&first_eight(key)).is_ok()
    }
}

fn first_eight(key: &[u8; 32]) -> u64 {
    key.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// A public key of Ed25519 in its other form.
fn montgomery(key: &[u8; 32]) -> Option<[u8; 32]> {
    CompressedEdwardsY(*key).decompress().map(|point| point.to_montgomery().to_bytes())
}

fn authors(record: &Recorder, posts: &[PostIndex]) -> Vec<[u8; 32]> {
    posts.iter().filter_map(|post| author_of(bytes_of(record, *post))).collect()
}

fn tags(record: &Recorder, posts: &[PostIndex]) -> Vec<[u8; 32]> {
    posts.iter().flat_map(|post| tags_of(bytes_of(record, *post))).collect()
}

/// L2: no two sealed posts have one author; no author or tag is a known persona or another author, in either form of the key;
/// and no two differences between the authors of a conversation and its personas are the same.
pub(in crate::node::sim::observer) fn check_l2(record: &Recorder, truth: &Truth) -> Verdict {
    let everything: Vec<PostIndex> = (0..record.posts.len()).collect();
    let (authors_seen, tags_seen) = (authors(record, &everything), tags(record, &everything));
    let personas: Vec<[u8; 32]> = record.personas.iter().map(|persona| *persona.as_bytes()).collect();
    let both_forms = |keys: &[[u8; 32]]| -> Vec<[u8; 32]> {
        keys.iter().copied().chain(keys.iter().filter_map(montgomery)).collect()
    };
    let mut own_forms = both_forms(&authors_seen);
    let once = own_forms.len();
    own_forms.sort_unstable();
    own_forms.dedup();
    let repeated = once - own_forms.len();
    let personas_known = Known::of_keys(&both_forms(&personas));
    let authors_known = Known::of_keys(&own_forms);
    let related = own_forms.iter().filter(|key| personas_known.has(key)).count()
        + tags_seen.iter().filter(|tag| personas_known.has(tag) || authors_known.has(tag)).count();
    let blinded =
        truth.conversations.iter().map(|talk| equal_differences(record, talk, &personas)).sum::<usize>();
    judge(Check::L2, "keys that are the same, or related", number(repeated + related + blinded), 1.0)
}

/// Differences between the authors of a conversation, and to personas, that occur more than once.
fn equal_differences(record: &Recorder, talk: &Conversation, personas: &[[u8; 32]]) -> usize {
    let keys = personas.iter().copied().chain(authors(record, &talk.posts));
    let points: Vec<EdwardsPoint> = keys.filter_map(|key| CompressedEdwardsY(key).decompress()).collect();
    let mut differences = Vec::new();
    for (place, point) in points.iter().enumerate() {
        // Two personas have nothing to do with the conversation.
        let later = points.iter().skip((place + 1).max(personas.len()));
        differences.extend(later.map(|other| other - point));
    }
    let mut found: Vec<[u8; 32]> =
        EdwardsPoint::compress_batch_alloc(&differences).iter().map(CompressedEdwardsY::to_bytes).collect();
    found.sort_unstable();
    let all = found.len();
    found.dedup();
    all - found.len()
}

/// Windows that are tried at once: points of a batch share the costly part of their encoding.
const BATCH: usize = 1_024;

/// L3: no 32 bytes of a post of a conversation are the secret half of a key that stands anywhere in a sealed post, or of a
/// persona.
///
/// Beginnings of eight bytes are compared: even among all bytes of a history two are the same by chance once in 10^6 histories.
pub(in crate::node::sim::observer) fn check_l3(record: &Recorder, truth: &Truth, depth: Depth) -> Verdict {
    let tried = |post: PostIndex| {
        let bytes = bytes_of(record, post);
        let end = if depth == Depth::Heads { bytes.len().min(HEAD) } else { bytes.len() };
        bytes.get(..end).unwrap_or_default()
    };
    let personas: Vec<[u8; 32]> = record.personas.iter().map(|persona| *persona.as_bytes()).collect();
    let forms = personas.iter().copied().chain(personas.iter().filter_map(montgomery));
    let mut known: Vec<u64> = forms.map(|key| first_eight(&key)).collect();
    for post in 0..record.posts.len() {
        let windows = tried(post).windows(8).filter_map(<[u8]>::first_chunk);
        known.extend(windows.map(|window| u64::from_be_bytes(*window)));
    }
    let known = Known::new(known);
    // Of heads the longest conversation has to do for all: of the others there are fewer of the same.
    let longest = truth.conversations.iter().map(|talk| talk.posts.len()).max();
    let is_tried = |talk: &&Conversation| depth == Depth::Whole || Some(talk.posts.len()) == longest;
    let mut found = 0;
    for post in truth.conversations.iter().filter(is_tried).flat_map(|talk| &talk.posts) {
        let windows = tried(*post).windows(32).filter_map(<[u8]>::first_chunk);
        let secrets: Vec<&[u8; 32]> = windows.collect();
        let public = secrets.chunks(BATCH).flat_map(public_halves);
        found += public.filter(|key| known.has(key)).count();
    }
    judge(Check::L3, "secret halves of keys in the clear", number(found), 1.0)
}

/// The public keys of secrets, in the ways keys are made here and in both of their forms.
fn public_halves(secrets: &[&[u8; 32]]) -> Vec<[u8; 32]> {
    let signing = secrets.iter().filter_map(|secret| Sha512::digest(secret).first_chunk().copied());
    let bare = secrets.iter().map(|secret| **secret);
    let points: Vec<EdwardsPoint> = signing.chain(bare).map(EdwardsPoint::mul_base_clamped).collect();
    let encoded = EdwardsPoint::compress_batch_alloc(&points);
    let other_form = points.iter().map(|point| point.to_montgomery().to_bytes());
    encoded.iter().map(CompressedEdwardsY::to_bytes).chain(other_form).collect()
}

/// L4: no field of a post is what usual hashes, applied once or twice, make of a field of another post or of a persona.
pub(in crate::node::sim::observer) fn check_l4(record: &Recorder, truth: &Truth) -> Verdict {
    let mut found = 0;
    for talk in &truth.conversations {
        let fields = fields(record, talk);
        let known = known_windows(record, talk);
        let once: Vec<[u8; 32]> = fields.iter().flat_map(hashes).collect();
        let twice = once.iter().flat_map(hashes);
        found += once.iter().copied().chain(twice).filter(|hash| known.has(hash)).count();
    }
    judge(Check::L4, "fields that are the hash of another one", number(found), 1.0)
}

/// Everything of 32 bytes that has a place of its own.
fn fields(record: &Recorder, talk: &Conversation) -> Vec<[u8; 32]> {
    let ids = record.ids();
    let mut fields = authors(record, &talk.posts);
    fields.extend(tags(record, &talk.posts));
    fields.extend(talk.posts.iter().filter_map(|post| ids.get(*post)).map(|id| *id.as_bytes()));
    fields.extend(record.personas.iter().map(|persona| *PostingId::as_bytes(persona)));
    fields
}

/// The beginnings of all windows of the heads.
fn known_windows(record: &Recorder, talk: &Conversation) -> Known {
    let heads = talk.posts.iter().map(|post| bytes_of(record, *post));
    let windows = heads.flat_map(|bytes| bytes.get(..HEAD).unwrap_or_default().windows(8));
    Known::new(windows.filter_map(<[u8]>::first_chunk).map(|window| u64::from_be_bytes(*window)).collect())
}

/// What hashes make of 32 bytes, also with a number behind them.
fn hashes(of: &[u8; 32]) -> Vec<[u8; 32]> {
    let mut hashes = vec![*blake3::hash(of).as_bytes(), Sha256::digest(of).into()];
    hashes.extend(Sha512::digest(of).first_chunk().copied());
    for number in [0_u8, 1] {
        hashes.push(*blake3::Hasher::new().update(of).update(&[number]).finalize().as_bytes());
        hashes.push(Sha256::new().chain_update(of).chain_update([number]).finalize().into());
    }
    hashes
}

/// L10: as many of the tags are points of the curve, in either form, as of random bytes: half of them.
///
/// Two forms, three conversations and everything else, 20 seeds: 10^-4 / 160 is 5 standard deviations.
pub(in crate::node::sim::observer) fn check_l10(record: &Recorder, truth: &Truth) -> Verdict {
    const BOUND: f64 = 5.0;
    let classes = truth.conversations.iter().map(|talk| &talk.posts).chain([&truth.others]);
    let mut worst: f64 = 0.0;
    for posts in classes {
        let tags = tags(record, posts);
        let edwards = tags.iter().filter(|tag| CompressedEdwardsY(**tag).decompress().is_some()).count();
        let other = tags.iter().filter(|tag| MontgomeryPoint(**tag).to_edwards(0).is_some()).count();
        for valid in [edwards, other] {
            let half = number(tags.len()) / 2.0;
            worst = worst.max((number(valid) - half).abs() / (number(tags.len()) / 4.0).sqrt());
        }
    }
    judge(Check::L10, "tags that are points of the curve", worst, BOUND)
}
