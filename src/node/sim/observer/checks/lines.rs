//! Checks of what nodes do: what they ask, what they show, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Check, Lot, Verdict, author_of, by_lot, bytes_of, judge, number, tags_of};
use crate::domain::ids::PostingId;
use crate::domain::time::Timestamp;
use crate::node::sim::node::NodeIndex;
use crate::node::sim::observer::record::{Frame, Holds, PostIndex, Recorder, Since};
use crate::node::sim::observer::world::{Conversation, Truth};

/// What follows an arrival is looked for within this time: a little longer than the program waits before it looks at a post.
const AFTER: Duration = Duration::from_secs(6);
/// Standard deviations. Four figures of three conversations and of all, 20 seeds: 10^-4 / 320 is 5.1; the rest is for counts that
/// are skewed.
const BOUND: f64 = 6.0;
/// Posts so young at the end may not have been offered everywhere.
const YOUNG: Duration = Duration::from_mins(5);

/// How many frames of some kind a node sent within [`AFTER`] of each of these moments.
fn after(
    record: &Recorder,
    node: NodeIndex,
    arrivals: &[(PostIndex, Timestamp)],
    counts: fn(&Frame, PostIndex) -> f64,
) -> Vec<f64> {
    let sent: Vec<&Frame> = record.frames.iter().filter(|frame| frame.from == node).collect();
    let of = |(post, at): &(PostIndex, Timestamp)| {
        let from = sent.partition_point(|frame| frame.sent <= *at);
        let upto = sent.partition_point(|frame| frame.sent <= at.after(AFTER));
        sent.get(from..upto).unwrap_or_default().iter().map(|frame| counts(frame, *post)).sum()
    };
    arrivals.iter().map(of).collect()
}

/// What a node does within [`AFTER`] of an arrival.
pub(in crate::node::sim::observer) const DEEDS: [fn(&Frame, PostIndex) -> f64; 4] = [
    |frame, post| if frame.carried().contains(&post) { 0.0 } else { 1.0 },
    |frame, post| if frame.carried().contains(&post) { 0.0 } else { number(frame.length) },
    |frame, _| if matches!(frame.holds, Holds::Other(_)) { 1.0 } else { 0.0 },
    |frame, _| if matches!(frame.holds, Holds::Pull(Some(_), _)) { 1.0 } else { 0.0 },
];

/// How much of a deed followed what came for each end, and what else came to it.
pub(in crate::node::sim::observer) fn deeds_after(
    record: &Recorder,
    talk: &Conversation,
    deed: fn(&Frame, PostIndex) -> f64,
) -> [Lot; 2] {
    talk.ends.map(|end| {
        let (mail, others) = arrivals_at(record, talk, end);
        (after(record, end, &mail, deed), after(record, end, &others, deed))
    })
}

/// Sealed posts that came to an end, with the time.
type Arrivals = Vec<(PostIndex, Timestamp)>;

/// What came for an end, and what else came to it from elsewhere.
fn arrivals_at(record: &Recorder, talk: &Conversation, end: NodeIndex) -> (Arrivals, Arrivals) {
    let own: BTreeSet<PostIndex> = talk.posts.iter().copied().collect();
    let from_elsewhere = |post: PostIndex| record.posts.get(post).is_some_and(|post| post.from != end);
    // Before and after there is nothing for anybody, and less of everything else.
    let in_time = |at: Timestamp| record.talking.is_some_and(|[from, upto]| from <= at && at <= upto);
    let arrivals = record.arrivals(end).into_iter();
    let arrivals = arrivals.filter(|(post, at)| from_elsewhere(*post) && in_time(*at));
    arrivals.partition(|(post, _)| own.contains(post))
}

/// How differently ends behave after what came for them and after everything else, in standard deviations: those of each
/// conversation, and all together.
fn difference(record: &Recorder, truth: &Truth, deed: fn(&Frame, PostIndex) -> f64) -> f64 {
    let talks = truth.conversations.iter().map(|talk| deeds_after(record, talk, deed));
    let lots: Vec<[Lot; 2]> = talks.collect();
    lots.iter().map(|lots| by_lot(lots)).fold(by_lot(lots.as_flattened()), f64::max)
}

/// L7: every question for sealed posts is for all of them, and a node asks no more often after something came for it than
/// after anything else.
pub(in crate::node::sim::observer) fn check_l7(record: &Recorder, truth: &Truth) -> Verdict {
    let is_narrow = |frame: &&Frame| matches!(&frame.holds, Holds::Pull(Some(recipients), _) if !recipients.is_everything());
    let narrow = record.frames.iter().filter(is_narrow).count();
    judge(Check::L7, "questions for only some sealed posts", number(narrow), 1.0)?;
    let [.., asks] = DEEDS;
    let worst = difference(record, truth, asks);
    judge(Check::L7, "questions after what came for a node, against others", worst, BOUND)
}

/// L8: nothing but the exchange of sealed posts ever names one of a conversation, its author or its tags.
pub(in crate::node::sim::observer) fn check_l8(record: &Recorder, truth: &Truth) -> Verdict {
    let ids = record.ids();
    let mut names: Vec<u64> = Vec::new();
    for post in truth.conversations.iter().flat_map(|talk| &talk.posts) {
        let bytes = bytes_of(record, *post);
        let keys = author_of(bytes).into_iter().chain(tags_of(bytes));
        let keys = keys.chain(ids.get(*post).map(|id| *id.as_bytes()));
        names.extend(keys.filter_map(|key| key.first_chunk().copied()).map(u64::from_be_bytes));
    }
    names.sort_unstable();
    let refers = |frame: &&Frame| {
        let windows = frame.rest().windows(8).filter_map(<[u8]>::first_chunk);
        windows.map(|window| u64::from_be_bytes(*window)).any(|window| names.binary_search(&window).is_ok())
    };
    let referring = record.frames.iter().filter(refers).count();
    judge(Check::L8, "frames that refer to a post of a conversation", number(referring), 1.0)
}

/// L11: the two ends hold, serve and want what they write and get like everybody else, when everybody else would, and do nothing
/// after what came for them that they do not after other posts.
pub(in crate::node::sim::observer) fn check_l11(record: &Recorder, truth: &Truth) -> Verdict {
    let since = record.public_since();
    judge(
        Check::L11,
        "posts offered or declined while only their maker has them",
        number(shown_early(record, &since)),
        1.0,
    )?;
    judge(
        Check::L11,
        "posts of a conversation that a node does not serve",
        number(not_served(record, truth)),
        1.0,
    )?;
    judge(
        Check::L11,
        "offers out of the order in which they came",
        number(out_of_order(record, &since)),
        1.0,
    )?;
    let asked: usize = truth.conversations.iter().map(|talk| asked_about(record, talk)).sum();
    judge(Check::L11, "questions of an end about the other one", number(asked), 1.0)?;
    let [deeds @ .., _] = DEEDS;
    let worst = deeds.map(|deed| difference(record, truth, deed)).into_iter().fold(0.0, f64::max);
    judge(Check::L11, "frames after what came for a node, against others", worst, BOUND)
}

/// Offers, and wants that say 'I have it', by a node to which the post did not come and from which it was not spread. A peer
/// on the stem that offers what it was handed sees no more.
fn shown_early(record: &Recorder, since: &BTreeMap<(NodeIndex, PostIndex), Since>) -> usize {
    let is_early = |node, post, at: Timestamp| since.get(&(node, post)).is_none_or(|(from, ..)| *from > at);
    let shown = |frame: &Frame| match &frame.holds {
        Holds::Page(offers, _) => {
            offers.iter().filter(|post| is_early(frame.from, **post, frame.sent)).count()
        }
        Holds::Want(offers) => {
            offers.iter().filter(|(post, wanted)| !wanted && is_early(frame.from, *post, frame.sent)).count()
        }
        _ => 0,
    };
    record.frames.iter().map(shown).sum()
}

/// Posts of conversations that a node never offered to a peer that reads it to the end, though it offers nearly all others.
fn not_served(record: &Recorder, truth: &Truth) -> usize {
    let end = record.frames.iter().map(|frame| frame.sent).max().unwrap_or(Timestamp::ZERO);
    let mut offered: BTreeMap<(NodeIndex, NodeIndex), (BTreeSet<PostIndex>, Timestamp)> = BTreeMap::new();
    for frame in &record.frames {
        if let Holds::Page(offers, _) = &frame.holds {
            let (posts, last) =
                offered.entry((frame.from, frame.to)).or_insert_with(|| (BTreeSet::new(), frame.sent));
            posts.extend(offers);
            *last = frame.sent;
        }
    }
    let is_old =
        |post: &&PostIndex| record.posts.get(**post).is_some_and(|post| post.first.after(YOUNG) < end);
    let others: BTreeSet<PostIndex> = truth.others.iter().filter(is_old).copied().collect();
    let talked = truth.conversations.iter().flat_map(|talk| &talk.posts).filter(is_old);
    let talked: BTreeSet<PostIndex> = talked.copied().collect();
    let still_read = offered.values().filter(|(_, last)| last.after(YOUNG) > end);
    // A connection that stood from the start on shows all.
    let whole = still_read.filter(|(posts, _)| others.difference(posts).count() * 100 <= others.len());
    whole.map(|(posts, _)| talked.difference(posts).count()).sum()
}

/// Two posts in a row in one page, the later one of which came first.
fn out_of_order(record: &Recorder, since: &BTreeMap<(NodeIndex, PostIndex), Since>) -> usize {
    let wrong = |frame: &Frame| match &frame.holds {
        Holds::Page(offers, _) => {
            let came: Vec<&Since> =
                offers.iter().filter_map(|post| since.get(&(frame.from, *post))).collect();
            let is_wrong = |pair: &&[&Since]| match pair {
                // Of two frames of one moment nobody knows which was first.
                [(at, number, place), (next, next_number, next_place)] => {
                    next < at || (next, next_number) == (at, number) && next_place < place
                }
                _ => false,
            };
            came.windows(2).filter(is_wrong).count()
        }
        _ => 0,
    };
    record.frames.iter().map(wrong).sum()
}

/// Frames of an end, other than its list of authors and what it publishes, that name the other end's persona although nothing
/// public is a reason for it.
fn asked_about(record: &Recorder, talk: &Conversation) -> usize {
    use crate::node::wire::{Decoded, Message};
    let names = |bytes: &[u8], id: PostingId| match Message::decode(bytes) {
        Ok(Decoded::Known(Message::FetchProfiles(ids))) => ids.contains(&id),
        Ok(Decoded::Known(Message::Find(find))) => find.author == Some(id),
        _ => false,
    };
    let other = |frame: &Frame| {
        let pairs = talk.ends.iter().zip(talk.personas.iter().rev());
        pairs.filter(|(end, _)| **end == frame.from).map(|(_, persona)| *persona).next()
    };
    let asks = |frame: &&Frame| match (&frame.holds, other(frame)) {
        (Holds::Other(bytes), Some(persona)) if frame.is_seen_besides(talk.ends) => names(bytes, persona),
        _ => false,
    };
    record.frames.iter().filter(asks).count()
}
