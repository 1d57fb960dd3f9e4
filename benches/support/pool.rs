//! What the recipient arm of a pull adds to the arm of authors, over a million posts and 125,000 sealed ones.

use std::path::Path;

use anyhow::{Context, Result};
use itsgoin::db::introducers::Introducer;
use itsgoin::db::{Database, DbError, Durability};
use itsgoin::domain::envelope::{Content, Envelope, Kind};
use itsgoin::domain::ids::{PostingId, RecipientTag};
use itsgoin::domain::log::Seq;
use itsgoin::domain::sealed::{SLOT, SLOTS, Sealed, day_of};
use itsgoin::node::engine::interest::InterestList;
use itsgoin::node::wire::{Group, Message, Pull, Range, Recipients, Sending, encode_frame};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::support::data::{self, AUTHORS};
use super::{Bench, Figure, LARGE, NEW_ARRIVALS, answer_frame, database_of, open, them, timed, us};

/// Sealed posts of the large store, and a thousandth of them.
const SEALED_POSTS: u32 = 125_000;
const NEW_SEALED: u64 = 125;

/// What sealed posts add to the same question.
pub fn sealed_pulls(bench: &mut Bench) -> Result<()> {
    let copy = data::copy(&LARGE)?;
    let exact = fill_pool(&database_of(copy.path()), SEALED_POSTS)?;
    let mut reader = open(copy.path())?.open_reader()?;
    let list = InterestList::new((0..AUTHORS).map(|number| data::author_key(number).posting_id()).collect());
    let (end, end_of_pool) =
        reader.read::<_, DbError>(|read| Ok((read.get_last_seq()?, read.get_last_sealed_seq()?)))?;
    let before = |end: Seq, new: u64| Seq::new(end.get() - new).context("the store is smaller than that");
    let (since, since_sealed) = (before(end, NEW_ARRIVALS)?, before(end_of_pool, NEW_SEALED)?);
    let with = |since, recipients| {
        let length = u16::try_from(list.ids().len()).expect("a list is short");
        let groups = vec![Group { since, ranges: vec![Range { start: 0, length }] }];
        let (hash, sending) = (list.hash(them(), us()), Sending::AtOnce);
        encode_frame(&Message::Pull(Pull { hash, groups, sending, recipients }))
    };
    let all = |since| Some(Recipients::everything(since));
    let cases = [
        (
            "pull, newest 0.1 %, with all sealed posts, none new (floor: authors alone)",
            since,
            all(end_of_pool),
        ),
        ("… newest 0.1 % of 125,000 sealed posts", since, all(since_sealed)),
        ("… of one tag (256 bits), none new", since, Some(Recipients::like(exact, 256, end_of_pool))),
        ("… of one tag, newest 0.1 %", since, Some(Recipients::like(exact, 256, since_sealed))),
        ("… of one tag, from the start", since, Some(Recipients::like(exact, 256, Seq::START))),
    ];
    let alone = with(since, None);
    for (name, since, recipients) in cases {
        let asked = with(since, recipients);
        let mut floor_reader = open(copy.path())?.open_reader()?;
        bench.compare(
            Figure::of(name, "≤ 1.1 ×"),
            || timed(|| answer_frame(&mut floor_reader, &list, &alone)),
            || timed(|| answer_frame(&mut reader, &list, &asked)),
        );
    }
    Ok(())
}

/// Puts so many sealed posts into a store; gives back a tag of the last one. Their signatures are zeros.
fn fill_pool(path: &Path, count: u32) -> Result<RecipientTag> {
    let mut database = Database::open(path, &[0; 32])?;
    let mut rng = StdRng::seed_from_u64(u64::from(count));
    let mut tag = None;
    let mut left = count;
    while left > 0 {
        let some = left.min(5_000);
        left -= some;
        database.transaction(Durability::Normal, |batch| {
            batch.step(|store| {
                for _ in 0..some {
                    let (mut slots, mut body) = ([[0; SLOT]; SLOTS], vec![0; Sealed::body_bytes(2_048)]);
                    for slot in &mut slots {
                        rng.fill_bytes(slot);
                    }
                    rng.fill_bytes(&mut body);
                    let mut author = [0; 32];
                    rng.fill_bytes(&mut author);
                    let author = PostingId::from_bytes(author);
                    let post =
                        Sealed::new(author, day_of(data::end()), &slots, &body).expect("the form is right");
                    let envelope = Envelope { kind: Kind::Sealed, bytes: post.encode(), signature: [0; 64] };
                    store.insert_sealed(envelope.id(), &post, &envelope, &Introducer::UNKNOWN)?;
                    tag = Some(post.tags()[0]);
                }
                Ok(())
            })
        })?;
    }
    tag.context("there is no sealed post")
}
