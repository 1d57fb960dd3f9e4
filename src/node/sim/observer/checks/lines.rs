//! Checks of what nodes do: what they ask, what they show, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Check, Lot, Verdict, author_of, by_lot, bytes_of, judge, number, tags_of};
use crate::domain::ids::PostingId;
use crate::domain::time::Timestamp;
use crate::node::sim::node::NodeIndex;
use crate::node::sim::observer::record::{Frame, Holds, PostIndex, Recorder, Since};
use crate::node::sim::observer::world::{Conversation, Truth};
use crate::node::wire::Stage;

/// What follows an arrival is looked for within this time: a little longer than the program waits before it looks at a post.
const AFTER: Duration = Duration::from_secs(6);
/// Parts of that time that are also looked at by themselves.
const PARTS: u32 = 6;
/// Standard deviations. Four deeds, seven times, 20 seeds: 10^-4 / 560 is 5.2; the rest is for counts that are skewed.
const BOUND: f64 = 6.0;
/// Bytes of a frame that count: a few large ones would say more than all others.
const FRAME_BYTES: usize = 1_024;
/// Posts so young at the end may not have been offered everywhere.
const YOUNG: Duration = Duration::from_mins(5);

/// How much of a deed a node did between these times after each of these arrivals.
fn after(
    record: &Recorder,
    node: NodeIndex,
    arrivals: &[(PostIndex, Timestamp)],
    deed: fn(&Frame, PostIndex) -> f64,
    [from, upto]: [Duration; 2],
) -> Vec<f64> {
    let sent: Vec<&Frame> = record.frames.iter().filter(|frame| frame.from == node).collect();
    let of = |(post, at): &(PostIndex, Timestamp)| {
        let from = sent.partition_point(|frame| frame.sent <= at.after(from));
        let upto = sent.partition_point(|frame| frame.sent <= at.after(upto));
        sent.get(from..upto).unwrap_or_default().iter().map(|frame| deed(frame, *post)).sum()
    };
    arrivals.iter().map(of).collect()
}

/// What a node does within [`AFTER`] of an arrival.
pub(in crate::node::sim::observer) const DEEDS: [fn(&Frame, PostIndex) -> f64; 4] = [
    |frame, post| if frame.carried().contains(&post) { 0.0 } else { 1.0 },
    |frame, post| if frame.carried().contains(&post) { 0.0 } else { number(frame.length.min(FRAME_BYTES)) },
    |frame, _| if matches!(frame.holds, Holds::Other(_)) { 1.0 } else { 0.0 },
    |frame, _| if matches!(frame.holds, Holds::Pull(Some(_), _)) { 1.0 } else { 0.0 },
];

/// How much of a deed followed what came for each end, and what else came to it, within [`AFTER`].
pub(in crate::node::sim::observer) fn deeds_after(
    record: &Recorder,
    talk: &Conversation,
    deed: fn(&Frame, PostIndex) -> f64,
) -> [Lot; 2] {
    deeds_between(record, talk, deed, [Duration::ZERO, AFTER])
}

fn deeds_between(
    record: &Recorder,
    talk: &Conversation,
    deed: fn(&Frame, PostIndex) -> f64,
    times: [Duration; 2],
) -> [Lot; 2] {
    talk.ends.map(|end| {
        let (mail, others) = arrivals_at(record, talk, end);
        (after(record, end, &mail, deed, times), after(record, end, &others, deed, times))
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

/// How differently the ends of all conversations behave after what came for them and after everything else, in standard
/// deviations: within the whole time and each of its parts. What happens at a moment of its own is seen in its part.
fn difference(record: &Recorder, truth: &Truth, deed: fn(&Frame, PostIndex) -> f64) -> f64 {
    let part = AFTER / PARTS;
    let parts = (0..PARTS).map(|number| [part * number, part * (number + 1)]);
    let within = |times: [Duration; 2]| {
        let talks = truth.conversations.iter();
        let lots: Vec<Lot> = talks.flat_map(|talk| deeds_between(record, talk, deed, times)).collect();
        by_lot(&lots)
    };
    parts.map(within).fold(within([Duration::ZERO, AFTER]), f64::max)
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
    let since = record.public_since(&truth.pools);
    judge(
        Check::L11,
        "posts offered or declined by somebody in whose pool they are not",
        number(shown_early(record, &since)),
        1.0,
    )?;
    judge(
        Check::L11,
        "posts that who made them spreads for no reason",
        number(spread_where_made(record, &since)),
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

/// Offers, and wants that say 'I have it', by a node to which the post did not come and in whose pool it is not. A peer on
/// the stem that offers what it was handed sees no more.
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

/// Posts that became part of the pool where they were made though neither anybody sent them there nor somebody else had been
/// asked to spread them, which is a push of that stage by itself.
fn spread_where_made(record: &Recorder, since: &BTreeMap<(NodeIndex, PostIndex), Since>) -> usize {
    let maker = |post: PostIndex| record.posts.get(post).map(|post| post.from);
    let mut reasons: BTreeMap<PostIndex, Timestamp> = BTreeMap::new();
    let mut asked: BTreeMap<(PostIndex, Timestamp), usize> = BTreeMap::new();
    for frame in &record.frames {
        for post in frame.carried() {
            if maker(*post) == Some(frame.to) {
                let first = reasons.entry(*post).or_insert(frame.arrives);
                *first = (*first).min(frame.arrives);
            }
            if maker(*post) == Some(frame.from) && matches!(frame.holds, Holds::Pushed(_, Stage::Spread)) {
                *asked.entry((*post, frame.sent)).or_default() += 1;
            }
        }
    }
    let was_asked = |post: PostIndex, before: Timestamp| {
        asked.iter().any(|((of, at), count)| (*of, *count) == (post, 1) && *at < before)
    };
    let is_unreasoned = |((node, post), (at, ..)): &(&(NodeIndex, PostIndex), &Since)| {
        maker(*post) == Some(*node)
            && reasons.get(post).is_none_or(|reason| reason > at)
            && !was_asked(*post, *at)
    };
    since.iter().filter(is_unreasoned).count()
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
