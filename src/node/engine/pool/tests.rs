//! Sealed posts as a peer meets them, and what they cause here: nothing.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::tests::{Bench, NOW, US, key};
use super::*;
use crate::crypto::keys::PostingKey;
use crate::domain::envelope::{Object, Verified};
use crate::domain::ids::{NetworkId, ObjectId, RecipientTag};
use crate::domain::log::Seq;
use crate::domain::sealed::{SLOT, SLOTS, Sealed};
use crate::limits::SEALED_EVERY;
use crate::node::engine::answer::{Checked, PageBudget, PullAnswer, answer_pull};
use crate::node::engine::interest::InterestList;
use crate::node::engine::{ConnectionId, Delivery, Effect, Input, PullEnd, PulledPage, Quotas, RequestId};
use crate::node::wire::{Epoch, GroupEnd, Message, Page, Pull, Recipients, SealedEnd, Sending, Stage};

const PEER: NetworkId = NetworkId::from_bytes([2; 32]);

/// A sealed post of a one-time author with these first bytes in the tags of its slots.
pub(super) fn sealed(seed: u64, first: [u8; SLOTS], day: u32) -> Verified<Sealed> {
    let rng = &mut StdRng::seed_from_u64(seed);
    let mut slots = [[0; SLOT]; SLOTS];
    for (slot, first) in slots.iter_mut().zip(first) {
        rng.fill_bytes(slot);
        slot[0] = first;
    }
    let mut body = vec![0; Sealed::body_bytes(2_048)];
    rng.fill_bytes(&mut body);
    let author = PostingKey::generate(rng);
    author.sign(&Sealed::new(author.posting_id(), day, &slots, &body).unwrap())
}

/// One of any size.
pub(super) fn sealed_of(seed: u64, size: usize) -> Verified<Sealed> {
    let rng = &mut StdRng::seed_from_u64(seed);
    let (mut slots, mut body) = ([[0; SLOT]; SLOTS], vec![0; Sealed::body_bytes(size)]);
    for slot in &mut slots {
        rng.fill_bytes(slot);
    }
    rng.fill_bytes(&mut body);
    let author = PostingKey::generate(rng);
    author.sign(&Sealed::new(author.posting_id(), today(), &slots, &body).unwrap())
}

pub(super) fn today() -> u32 {
    day_of(NOW)
}

fn make(bench: &mut Bench, post: &Verified<Sealed>) {
    bench.takes_in(vec![Object::Sealed(Box::new(post.clone()))]);
}

/// The page a peer gets that asks for these, and nothing by authors.
fn asks(bench: &mut Bench, recipients: Recipients, items: usize) -> Page {
    match answers(bench, recipients, items) {
        PullAnswer::Page(page) => page,
        other => panic!("{other:?}"),
    }
}

fn answers(bench: &mut Bench, recipients: Recipients, items: usize) -> PullAnswer {
    let list = InterestList::new(Vec::new());
    let (hash, sending) = (list.hash(PEER, US), Sending::AtOnce);
    let pull = Pull { hash, groups: Vec::new(), sending, recipients: Some(recipients) };
    let budget = PageBudget { items, bytes: 1 << 20 };
    bench.database.read(|read| answer_pull(read, US, PEER, &list, &pull, budget)).unwrap()
}

fn ids(page: &Page) -> Vec<ObjectId> {
    page.offers.iter().map(|offer| offer.id).collect()
}

#[test]
fn all_of_them_ranges_and_single_tags_are_found() {
    let mut bench = Bench::new(&[]);
    let posts = [
        sealed(1, [0x10, 0x20, 0x30, 0x40], today()),
        sealed(2, [0x11, 0xff, 0xf0, 0xf8], today()),
        sealed(3, [0x99, 0x98, 0x97, 0x96], today()),
    ];
    for post in &posts {
        make(&mut bench, post);
    }
    let [one, two, three] = [0, 1, 2].map(|index: usize| posts[index].id());
    let start = Seq::START;
    assert_eq!(ids(&asks(&mut bench, Recipients::everything(start), 9)), [one, two, three]);
    let (first, last) = (RecipientTag::from_bytes([0x1f; 32]), RecipientTag::from_bytes([0x9f; 32]));
    let cases = [
        (first, 1, vec![one, two]),
        (first, 4, vec![one, two]),
        (first, 5, vec![]),
        (last, 1, vec![two, three]),
        (last, 3, vec![three]),
    ];
    for (tag, bits, expected) in cases {
        let found = ids(&asks(&mut bench, Recipients::like(tag, bits, start), 9));
        assert_eq!(found, expected, "{bits} bits");
    }
    let exact = posts[1].content().tags()[2];
    assert_eq!(ids(&asks(&mut bench, Recipients::like(exact, 256, start), 9)), [two]);
    assert_eq!(ids(&asks(&mut bench, Recipients::like(exact, 255, start), 9)), [two]);
    assert!(ids(&asks(&mut bench, Recipients::like(first, 256, start), 9)).is_empty());
    // Page by page, from where the last one ended, to the end of the log.
    let mut since = start;
    for id in [one, two, three] {
        let page = asks(&mut bench, Recipients::everything(since), 1);
        let end = page.sealed.unwrap();
        assert_eq!((ids(&page), end.offers, page.first_sealed()), (vec![id], 1, 0));
        since = end.cursor();
    }
    let end = asks(&mut bench, Recipients::everything(since), 1).sealed.unwrap();
    assert_eq!(end, SealedEnd { upto: since, cut: None, offers: 0 });
    let beyond = Recipients::everything(Seq::new(since.get() + 1).unwrap());
    assert_eq!(answers(&mut bench, beyond, 1), PullAnswer::BeyondLog);
}

#[test]
fn p7_a_sealed_post_causes_no_traffic_and_no_event() {
    let connection = ConnectionId(1);
    let mut bench = Bench::new(&[key(1)]);
    let greeted = bench.connects(connection);
    bench.accepts(connection, &greeted);
    let post = Checked::Object(Object::Sealed(Box::new(sealed(1, [1, 2, 3, 4], today()))));
    let pushed = Input::SealedPushed { connection, stage: Stage::Spread, post: Box::new(post) };
    assert_eq!(bench.take(pushed), []);
}

#[test]
fn days_decide_what_is_kept() {
    let mut bench = Bench::new(&[]);
    let cases = [
        (today() - SEALED_DAYS - 1, Have::Refused),
        (today() - SEALED_DAYS, Have::Stored),
        (today() + 1, Have::Stored),
        (today() + 2, Have::Missing),
        (u32::MAX, Have::Missing),
    ];
    for (seed, (day, expected)) in (0..).zip(cases) {
        let post = sealed(seed, [1, 2, 3, 4], day);
        bench.takes_in(vec![Object::Sealed(Box::new(post.clone()))]);
        assert_eq!(bench.database.read(|read| read.have(post.id())).unwrap(), expected, "{day}");
    }
    // The next day the oldest of them is let go.
    let old = sealed(1, [1, 2, 3, 4], today() - SEALED_DAYS);
    bench.take_at(NOW.after(Duration::from_hours(24)), Input::TimePassed);
    assert_eq!(bench.database.read(|read| read.have(old.id())).unwrap(), Have::Refused);
    assert!(bench.database.read(|read| read.counts_are_right()).unwrap());
}

#[test]
fn a_log_with_posts_of_a_day_to_come_is_read_on_and_from_the_start_once_it_has_come() {
    let connection = ConnectionId(1);
    let mut bench = Bench::new(&[key(1)]);
    let greeted = bench.connects(connection);
    let (request, _) = pull_of(&bench.accepts(connection, &greeted)).unwrap();
    let (near, far) = (sealed(1, [1, 2, 3, 4], today() + 3), sealed(2, [1, 2, 3, 4], u32::MAX));
    bench.take(Input::PullEnded { connection, request, end: brings(vec![near.clone(), far]) });
    let asked = |bench: &mut Bench, days: u64| {
        for second in 1..200 {
            let now = NOW.after(Duration::from_hours(24 * days) + Duration::from_secs(second));
            let pull = pull_of(&bench.take_at(now, Input::TimePassed));
            let Some((request, pull)) = pull else { continue };
            if let Some(recipients) = pull.recipients {
                return (request, recipients.since);
            }
            bench.take_at(now, Input::PullEnded { connection, request, end: PullEnd::Lost });
        }
        unreachable!("sealed posts are asked for again")
    };
    let (request, since) = asked(&mut bench, 0);
    assert_eq!(since, UPTO, "what comes after them is not held up");
    bench.take(Input::PullEnded { connection, request, end: PullEnd::Lost });
    let (request, since) = asked(&mut bench, 1);
    assert_eq!(since, UPTO, "it is two days away");
    bench.take(Input::PullEnded { connection, request, end: PullEnd::Lost });
    let (request, since) = asked(&mut bench, 2);
    assert_eq!(since, Seq::START);
    let now = NOW.after(Duration::from_hours(48) + Duration::from_mins(4));
    bench.take_at(now, Input::PullEnded { connection, request, end: brings(vec![near.clone()]) });
    assert_eq!(bench.database.read(|read| read.have(near.id())).unwrap(), Have::Stored);
}

#[test]
fn the_pool_takes_no_more_than_its_quota_and_a_higher_one_asks_again() {
    let quotas = |posts: u64| Quotas { pool: posts * 2_400, ..Quotas::default() };
    let mut bench = Bench::with_room(&[], quotas(3));
    let posts: Vec<_> = (0..5).map(|seed| sealed(seed, [1, 2, 3, 4], today())).collect();
    bench.takes_in(posts.iter().cloned().map(Box::new).map(Object::Sealed).collect());
    let have = |bench: &mut Bench| {
        let mut have = |id| bench.database.read(|read| read.have(id)).unwrap();
        posts.iter().map(|post| have(post.id())).collect::<Vec<_>>()
    };
    assert_eq!(have(&mut bench), [Have::Refused, Have::Refused, Have::Stored, Have::Stored, Have::Stored]);
    bench.restart_with_room(quotas(5));
    assert_eq!(have(&mut bench), [Have::Missing, Have::Missing, Have::Stored, Have::Stored, Have::Stored]);
    bench.takes_in(posts.iter().cloned().map(Box::new).map(Object::Sealed).collect());
    assert_eq!(have(&mut bench), [Have::Stored; 5]);
    assert!(bench.database.read(|read| read.counts_are_right()).unwrap());
}

fn pull_of(effects: &[Effect]) -> Option<(RequestId, Pull)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Pull { request, pull, .. } => Some((*request, pull.clone())),
        _ => None,
    })
}

/// Where the log of sealed posts ends that the pages of these tests are of.
const UPTO: Seq = match Seq::new(9) {
    Some(upto) => upto,
    None => Seq::START,
};

/// The whole of that log.
fn brings(posts: Vec<Verified<Sealed>>) -> PullEnd {
    let count = posts.len();
    PullEnd::Page(PulledPage {
        epoch: Epoch([1; 16]),
        ends: vec![GroupEnd { upto: UPTO, cut: None }],
        sealed: Some(SealedEnd { upto: UPTO, cut: None, offers: u16::try_from(count).unwrap() }),
        offered: count,
        items: posts.into_iter().map(|post| Checked::Object(Object::Sealed(Box::new(post)))).collect(),
        delivery: Delivery::Whole,
    })
}

/// Some time on a connection whose first page brings these sealed posts; the waits before the next two questions for them.
fn waits(posts: Vec<Verified<Sealed>>) -> [Duration; 2] {
    let connection = ConnectionId(1);
    let mut bench = Bench::new(&[key(1)]);
    let greeted = bench.connects(connection);
    let (request, pull) = pull_of(&bench.accepts(connection, &greeted)).unwrap();
    assert_eq!(pull.recipients, Some(Recipients::everything(Seq::START)));
    let upto = UPTO;
    bench.take(Input::PullEnded { connection, request, end: brings(posts) });
    let mut asked = vec![NOW];
    for tenth in 1..600_u32 {
        let now = NOW.after(Duration::from_millis(100) * tenth);
        let mut effects = bench.take_at(now, Input::TimePassed);
        let is_quiet =
            pull_of(&effects).is_none() && asked.last().is_some_and(|last| now.since(*last) == NEWS_AFTER);
        if is_quiet {
            // News of authors meanwhile ask for authors alone.
            effects = bench.take_at(now, Input::PushReceived { connection, message: Message::News });
            assert_eq!(pull_of(&effects).unwrap().1.recipients, None);
        }
        if let Some((request, pull)) = pull_of(&effects) {
            let asks_for_sealed = pull.recipients.is_some();
            if let Some(recipients) = pull.recipients {
                assert_eq!(recipients, Recipients::everything(upto));
                asked.push(now);
            }
            let mut end = brings(Vec::new());
            if let PullEnd::Page(page) = &mut end {
                page.sealed = page.sealed.filter(|_| asks_for_sealed);
            }
            bench.take_at(now, Input::PullEnded { connection, request, end });
        }
        if let [first, second, third] = asked[..] {
            return [second.since(first), third.since(second)];
        }
    }
    unreachable!("sealed posts are asked for again")
}

/// When news come after a question for sealed posts.
const NEWS_AFTER: Duration = Duration::from_secs(5);

#[test]
fn p3_sealed_posts_are_asked_for_at_the_same_pace_whatever_comes() {
    let nothing = waits(Vec::new());
    assert_eq!(nothing, waits(vec![sealed(1, [1, 2, 3, 4], today())]));
    let [first, others] = nothing;
    assert!(first <= SEALED_EVERY && others == SEALED_EVERY, "{nothing:?}");
}

#[test]
fn authors_and_sealed_posts_leave_each_other_room_in_a_page() {
    let me = key(1);
    let mut bench = Bench::new(&[Arc::clone(&me)]);
    for number in 0..20 {
        bench.publish(&me, &format!("{number}"));
        make(&mut bench, &sealed(number, [1, 2, 3, 4], today()));
    }
    let list = InterestList::new(vec![me.posting_id()]);
    let group = |since| crate::node::wire::Group {
        since,
        ranges: vec![crate::node::wire::Range { start: 0, length: 1 }],
    };
    let (mut posts, mut pool, mut pages) = (Seq::START, Seq::START, 0);
    let (mut seen_posts, mut seen_sealed) = (0, 0);
    loop {
        let pull = Pull {
            hash: list.hash(PEER, US),
            groups: vec![group(posts)],
            sending: Sending::AtOnce,
            recipients: Some(Recipients::everything(pool)),
        };
        let budget = PageBudget { items: 8, bytes: 1 << 20 };
        let answer = bench.database.read(|read| answer_pull(read, US, PEER, &list, &pull, budget)).unwrap();
        let PullAnswer::Page(page) = answer else { panic!("{answer:?}") };
        assert!(page.offers.len() <= 8);
        if pages < 2 {
            assert_eq!((page.first_sealed(), page.offers.len()), (6, 8), "a quarter for sealed posts");
        }
        seen_posts += page.first_sealed();
        seen_sealed += page.offers.len() - page.first_sealed();
        (posts, pool, pages) = (page.ends[0].cursor(), page.sealed.unwrap().cursor(), pages + 1);
        if page.offers.is_empty() {
            break;
        }
    }
    assert_eq!((seen_posts, seen_sealed), (22, 20), "posts, profile and manifest");
}
