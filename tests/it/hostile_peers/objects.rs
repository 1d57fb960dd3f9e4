//! Cases about what is inside of items: signatures, keys, times, and posts that come again and again. Here the attacked
//! node asks, and the attacker answers.

use itsgoin::clock::fresh_rng;
use itsgoin::crypto::keys::PostingKey;
use itsgoin::domain::envelope::{Content, Envelope, Kind};
use itsgoin::domain::ids::{ObjectId, PostingId};
use itsgoin::domain::post::Post;
use itsgoin::domain::time::Timestamp;
use itsgoin::limits::{BARREN_PAGES, CLOCK_AHEAD, PAGE_ITEMS};
use itsgoin::node::wire::{Epoch, Item, Offer, Page};
use tokio::time::timeout;

use super::super::program::{Home, field};
use super::client::{Answer, Attacker, Seen, Target, ends_after, must_be_cut, serve_pulls};

/// The order of the group, little endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
/// The neutral point: of order 1.
const NEUTRAL: [u8; 32] = {
    let mut point = [0; 32];
    point[0] = 1;
    point
};

/// Somebody the attacked node follows, and whose key the attacker has.
fn followed(victim: &Home) -> PostingKey {
    let key = PostingKey::generate(&mut fresh_rng());
    victim.one(&["follow", &key.posting_id().to_string()]);
    key
}

fn signed(key: &PostingKey, created: Timestamp, text: &str) -> Envelope {
    let post = Post::new(key.posting_id(), created, text.to_owned()).unwrap();
    key.sign(&post).envelope().clone()
}

fn offer(envelope: &Envelope) -> Offer {
    Offer { id: envelope.id(), size: u32::try_from(envelope.bytes.len()).unwrap() }
}

/// Answers the first pull with this item: what becomes of the connection.
async fn deliver(target: &Target, envelope: Envelope) -> Seen {
    let attacker = Attacker::new(target).await;
    let connection = attacker.greeted().await?;
    let serving = serve_pulls(&connection, attacker.id(), |_, pull| {
        let page = Page {
            sealed: None,
            epoch: Epoch([7; 16]),
            ends: ends_after(&pull.groups, None),
            offers: vec![offer(&envelope)],
        };
        Some(Answer { page, items: vec![Item::from(envelope.clone())] })
    });
    let (seen, _) = tokio::join!(must_be_cut(&connection, target.patience), serving);
    seen
}

/// A signature with one flipped bit.
pub async fn bad_signature(target: &Target, victim: &Home) -> Seen {
    let mut envelope = signed(&followed(victim), itsgoin::clock::now(), "forged");
    envelope.signature[3] ^= 1;
    let seen = deliver(target, envelope).await?;
    lacks(victim, "forged").map(|()| seen)
}

/// The same signature with another number for the same residue: valid by the equation, refused by the strict rule.
pub async fn malleable_signature(target: &Target, victim: &Home) -> Seen {
    let mut envelope = signed(&followed(victim), itsgoin::clock::now(), "malleable");
    let mut carry = 0_u16;
    for (byte, add) in envelope.signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (u8::try_from(sum & 0xff).unwrap(), sum >> 8);
    }
    let seen = deliver(target, envelope).await?;
    lacks(victim, "malleable").map(|()| seen)
}

/// A signature whose point is of small order, and an author who is one: under it every text would be signed.
pub async fn small_order(target: &Target, victim: &Home) -> Seen {
    let mut envelope = signed(&followed(victim), itsgoin::clock::now(), "small point");
    envelope.signature = [0; 64];
    envelope.signature[..32].copy_from_slice(&NEUTRAL);
    let of_point = deliver(target, envelope).await?;

    let nobody = PostingId::from_bytes(NEUTRAL);
    let post = Post::new(nobody, itsgoin::clock::now(), "small author".to_owned()).unwrap();
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&NEUTRAL);
    let envelope = Envelope { kind: Kind::Post, bytes: post.encode(), signature };
    let attacker = Attacker::new(target).await;
    let connection = attacker.greeted().await?;
    let serving = serve_pulls(&connection, attacker.id(), |number, pull| {
        let page = Page {
            sealed: None,
            epoch: Epoch([7; 16]),
            ends: ends_after(&pull.groups, Some(1)),
            offers: vec![offer(&envelope); 4],
        };
        (number < 2).then(|| Answer {
            page,
            items: vec![Item::from(envelope.clone()); if number == 0 { 4 } else { 0 }],
        })
    });
    let served = timeout(target.patience, serving).await.map_err(|_elapsed| "it does not ask".to_owned())?;
    if !served[0].wanted.iter().all(|wanted| *wanted) || served[1].wanted.iter().any(|wanted| *wanted) {
        return Err(format!("what is refused for good is asked for again: {served:?}"));
    }
    lacks(victim, "small")?;
    Ok(format!("point: {of_point}; author: refused for good"))
}

/// One good post, offered 200 times a page, on five pages: it is taken once, and asked for once.
pub async fn replayed(target: &Target, victim: &Home) -> Seen {
    let envelope = signed(&followed(victim), itsgoin::clock::now(), "again and again");
    let attacker = Attacker::new(target).await;
    let connection = attacker.greeted().await?;
    let pages = 1_000 / PAGE_ITEMS;
    let serving = serve_pulls(&connection, attacker.id(), |number, pull| {
        let page = Page {
            sealed: None,
            epoch: Epoch([7; 16]),
            ends: ends_after(&pull.groups, Some(1)),
            offers: vec![offer(&envelope); PAGE_ITEMS],
        };
        (number < pages).then(|| Answer { page, items: vec![Item::from(envelope.clone()); PAGE_ITEMS] })
    });
    let served = timeout(target.patience, serving).await.map_err(|_elapsed| "it does not ask".to_owned())?;
    let again = served.iter().skip(1).filter(|page| page.wanted.iter().any(|wanted| *wanted)).count();
    let texts = victim.list(&["feed", "--limit", "50"]);
    let shown = texts.iter().filter(|post| field(post, "text") == "again and again").count();
    if again > 0 || shown != 1 {
        return Err(format!("shown {shown} times, asked for on {again} more pages"));
    }
    Ok(format!("offered {} times, taken once", served.len() * PAGE_ITEMS))
}

/// Cut pages of posts that do not exist, for ever: asked for at a walk, not at a run.
pub async fn endless_offers(target: &Target) -> Seen {
    let attacker = Attacker::new(target).await;
    let connection = attacker.greeted().await?;
    let mut number = 0_u64;
    let serving = serve_pulls(&connection, attacker.id(), |_, pull| {
        let offers = (0..PAGE_ITEMS).map(|_| {
            number += 1;
            Offer { id: ObjectId::of(&number.to_le_bytes()), size: 100 }
        });
        let offers = offers.collect();
        Some(Answer {
            page: Page {
                epoch: Epoch([7; 16]),
                ends: ends_after(&pull.groups, Some(1)),
                offers,
                sealed: None,
            },
            items: Vec::new(),
        })
    });
    // Nothing else is waited for here: how often it asks in this time is the question.
    let watched = std::time::Duration::from_secs(3);
    drop(timeout(watched, serving).await);
    let pages = usize::try_from(number).unwrap() / PAGE_ITEMS;
    let most = usize::try_from(BARREN_PAGES).unwrap() + 6;
    if pages == 0 || pages > most {
        return Err(format!("asked {pages} times in {watched:?}"));
    }
    Ok(format!("asked {pages} times in {watched:?}"))
}

/// Posts that claim to be from the ends of time: the past is taken as it is, the future waits.
pub async fn far_times(target: &Target, victim: &Home) -> Seen {
    let key = followed(victim);
    let beyond = itsgoin::clock::now().after(CLOCK_AHEAD).after(CLOCK_AHEAD);
    let envelopes = [
        signed(&key, Timestamp::from_millis(i64::MIN), "the first day"),
        signed(&key, Timestamp::from_millis(i64::MAX), "the last day"),
        signed(&key, beyond, "in half an hour"),
    ];
    let attacker = Attacker::new(target).await;
    let connection = attacker.greeted().await?;
    let serving = serve_pulls(&connection, attacker.id(), |number, pull| {
        let offers = envelopes.iter().map(offer).collect();
        let page =
            Page { epoch: Epoch([7; 16]), ends: ends_after(&pull.groups, Some(1)), offers, sealed: None };
        let items = envelopes.iter().cloned().map(Item::from).collect();
        (number < 1).then_some(Answer { page, items })
    });
    let served = timeout(target.patience, serving).await.map_err(|_elapsed| "it does not ask".to_owned())?;
    drop(served);
    lacks(victim, "the last day")?;
    lacks(victim, "in half an hour")?;
    match connection.close_reason() {
        None => Ok("the past is taken, the future waits".to_owned()),
        Some(reason) => Err(format!("closed: {reason}")),
    }
}

/// Whether nothing in the feed has this text.
fn lacks(victim: &Home, text: &str) -> Result<(), String> {
    let posts = victim.list(&["feed", "--limit", "50"]);
    match posts.iter().find(|post| field(post, "text").contains(text)) {
        None => Ok(()),
        Some(post) => Err(format!("it is in the feed: {post}")),
    }
}
