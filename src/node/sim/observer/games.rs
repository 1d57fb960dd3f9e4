//! Games: somebody who sees everything guesses, and the guesses are counted.
//!
//! **Which is a message?** Posts of conversations against all other sealed posts, within each size: every byte, the gap
//! before it, how many hold it half a minute later, by the chance that a random message has the higher value; and all bytes at
//! once in a logistic regression that learns on half of the posts and guesses on the other half. **Which is the next one?** For
//! every post of a conversation the true next one and another sealed post of the same hour. By the bytes nobody may do
//! better than chance; what time and the first peer give away is only told.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::checks::{DEEDS, HEAD, auc, bytes_of, deeds_after, number};
use super::record::{Holds, PostIndex, Recorder, SIGNATURE};
use super::world::Truth;
use crate::domain::sealed::SEALED_SIZES;
use crate::domain::time::Timestamp;
use crate::node::sim::node::NodeIndex;
use crate::node::wire::Stage;

/// Bytes of a post that are looked at: head, beginning of the body, signature.
const BYTES: usize = HEAD + SIGNATURE;
/// Fewer of either kind are no game.
const FEWEST: usize = 30;
/// Standard deviations of a good program's chance: 10^-4 over some 1,500 bytes and sizes, on both sides.
const DEVIATIONS: f64 = 5.6;
/// The same for the guesses of the next post, which are few.
const NEXT_DEVIATIONS: f64 = 4.5;
/// What guesses of the next post may be off in any case.
const NEXT_LEAST: f64 = 0.045;
/// Rounds of the regression over what it learns from.
const ROUNDS: usize = 40;

/// A game.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Game {
    /// The byte that tells most, among posts of this size.
    Byte(usize),
    /// All bytes at once, among posts of this size.
    Regression(usize),
    /// The day, of all posts.
    Day,
    /// The time since the last sealed post.
    Gap,
    /// How many hold it after half a minute.
    Holders,
    /// Whether what just came is for the node it came to, by how many frames it sends within six seconds.
    FramesAfter,
    /// The same by their bytes.
    BytesAfter,
    /// The same by frames that are no exchange of objects.
    AsidesAfter,
    /// The same by questions for sealed posts.
    QuestionsAfter,
    /// Next post: as many bytes as possible are the same at their place.
    NextSameBytes,
    /// Next post: as many runs of four bytes as possible are in both.
    NextShared,
    /// Next post: the size is the same.
    NextSize,
    /// Next post: the one that is nearer in time.
    NextTime,
    /// Next post: the one that was handed to the same first peer.
    NextFirstPeer,
    /// Next post: the one that came from the same node, for whoever is every other node.
    NextSender,
}

/// What came of a game.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// How often the guess was right, a half being chance.
    pub right: f64,
    /// How far from a half it may be; without a bound it is only told.
    pub bound: Option<f64>,
    /// How many of the first and of the second kind, or guesses.
    pub count: usize,
}

impl Score {
    /// Whether it is what chance gives, or nothing was promised.
    #[must_use]
    pub fn is_chance(&self) -> bool {
        self.bound.is_none_or(|bound| (self.right - 0.5).abs() < bound)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bound {
            Some(bound) => write!(f, "{:.3} (0.5 ± {bound:.3}, {} guesses)", self.right, self.count),
            None => write!(f, "{:.3} ({} guesses, no bound)", self.right, self.count),
        }
    }
}

/// One post as the games see it.
struct Row {
    is_message: bool,
    is_to_learn: bool,
    size: usize,
    bytes: Vec<u8>,
    /// Of a post of somebody who talks: what the line shows besides, against all posts of the same node.
    besides: Option<Besides>,
}

/// What the line shows besides bytes, less the mean over all posts of the node that made it: where a node stands decides about
/// it as well, and nodes do not talk equally much.
#[derive(Debug, Clone, Copy, Default)]
struct Besides {
    gap: f64,
    holders: f64,
}

/// Guesses of the next post by one rule.
#[derive(Debug, Clone, Copy, Default)]
struct Guesses {
    right: f64,
    count: usize,
}

/// What a node does after something came to it, in the order of [`DEEDS`].
const AFTER: [Game; DEEDS.len()] =
    [Game::FramesAfter, Game::BytesAfter, Game::AsidesAfter, Game::QuestionsAfter];

/// Rules for the next post, with whether a good program keeps them to chance.
const NEXT: [(Game, bool); 6] = [
    (Game::NextSameBytes, true),
    (Game::NextShared, true),
    (Game::NextSize, true),
    (Game::NextTime, false),
    (Game::NextFirstPeer, false),
    (Game::NextSender, false),
];

/// Posts of some histories.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    next: [Guesses; NEXT.len()],
    after: [Vec<(bool, f64)>; AFTER.len()],
    histories: u64,
}

impl Table {
    /// Adds the posts of a history.
    pub(super) fn add(&mut self, record: &Recorder, truth: &Truth) {
        self.histories += 1;
        let holders = record.holders_after(&truth.pools, Duration::from_secs(30));
        let mut last: Option<Timestamp> = None;
        let mut besides: Vec<Besides> = Vec::new();
        for (post, holders) in record.posts.iter().zip(holders) {
            let gap = last.replace(post.first).map_or(0.0, |last| post.first.since(last).as_secs_f64());
            besides.push(Besides { gap, holders: number(holders) });
        }
        center(record, &mut besides);
        for ((index, post), besides) in record.posts.iter().enumerate().zip(besides) {
            let is_of_end = truth.conversations.iter().any(|talk| talk.ends.contains(&post.from));
            let signature = post.bytes.len().saturating_sub(SIGNATURE);
            let head = post.bytes.iter().take(HEAD).chain(post.bytes.iter().skip(signature.max(HEAD)));
            self.rows.push(Row {
                is_message: truth.conversations.iter().any(|talk| talk.posts.contains(&index)),
                // One history has both halves; of several every second is to learn from.
                is_to_learn: if self.histories == 1 {
                    index % 2 == 0
                } else {
                    self.histories.is_multiple_of(2)
                },
                size: post.bytes.len(),
                bytes: head.copied().collect(),
                besides: is_of_end.then_some(besides),
            });
        }
        for (values, deed) in self.after.iter_mut().zip(DEEDS) {
            for (mail, others) in truth.conversations.iter().flat_map(|talk| deeds_after(record, talk, deed))
            {
                // Nodes differ in how much they do at all.
                let mean = mail.iter().chain(&others).sum::<f64>() / number(mail.len() + others.len());
                values.extend(mail.into_iter().map(|value| (true, value - mean)));
                values.extend(others.into_iter().map(|value| (false, value - mean)));
            }
        }
        self.guess_next(record, truth);
    }

    /// Posts of conversations, and others.
    pub(super) fn posts(&self) -> [usize; 2] {
        let messages = self.rows.iter().filter(|row| row.is_message).count();
        [messages, self.rows.len() - messages]
    }

    /// Plays all games.
    pub(super) fn play(&self) -> Vec<(Game, Score)> {
        let mut games = Vec::new();
        for size in SEALED_SIZES {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.size == size).collect();
            games.extend(best_byte(&rows).map(|score| (Game::Byte(size), score)));
            games.extend(regression(&rows).map(|score| (Game::Regression(size), score)));
        }
        let rows: Vec<&Row> = self.rows.iter().collect();
        let day = |row: &Row| {
            let day = row.bytes.get(34..).and_then(|rest| rest.first_chunk()).copied();
            f64::from(u32::from_le_bytes(day.unwrap_or_default()))
        };
        games.extend(compare(&rows, day).map(|score| (Game::Day, score)));
        let rows: Vec<&Row> = rows.into_iter().filter(|row| row.besides.is_some()).collect();
        let besides = |row: &Row| row.besides.unwrap_or_default();
        games.extend(compare(&rows, |row| besides(row).gap).map(|score| (Game::Gap, score)));
        games.extend(compare(&rows, |row| besides(row).holders).map(|score| (Game::Holders, score)));
        for (game, values) in AFTER.into_iter().zip(&self.after) {
            let of = |wanted: bool| -> Vec<f64> {
                values.iter().filter(|(is_mail, _)| *is_mail == wanted).map(|(_, value)| *value).collect()
            };
            let (mail, others) = (of(true), of(false));
            games.extend(judge(&mail, &others).map(|score| (game, score)));
        }
        for ((game, is_bound), Guesses { right, count }) in NEXT.into_iter().zip(self.next) {
            let deviation = NEXT_DEVIATIONS * 0.5 / number(count).sqrt();
            let bound = is_bound.then_some(deviation.max(NEXT_LEAST));
            games.push((game, Score { right: right / number(count.max(1)), bound, count }));
        }
        games
    }

    fn guess_next(&mut self, record: &Recorder, truth: &Truth) {
        let hour = Duration::from_mins(30);
        let first_hops = first_hops(record);
        let mut dice = StdRng::seed_from_u64(self.histories);
        for talk in &truth.conversations {
            for pair in talk.posts.windows(2) {
                let [post, next] = *pair else { continue };
                let Some(at) = record.posts.get(next).map(|next| next.first) else { continue };
                let is_near = |other: &&PostIndex| {
                    record
                        .posts
                        .get(**other)
                        .is_some_and(|other| other.first.since(at).max(at.since(other.first)) <= hour)
                };
                let others: Vec<PostIndex> = truth.others.iter().filter(is_near).copied().collect();
                if others.is_empty() {
                    continue;
                }
                let other = others[dice.random_range(0..others.len())];
                for (guesses, (game, _)) in self.next.iter_mut().zip(NEXT) {
                    let like = |candidate| alike(game, record, &first_hops, post, candidate);
                    guesses.count += 1;
                    guesses.right += match like(next).total_cmp(&like(other)) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
        }
    }
}

/// Takes from every value the mean of its node.
fn center(record: &Recorder, besides: &mut [Besides]) {
    let mut sums: BTreeMap<NodeIndex, (Besides, f64)> = BTreeMap::new();
    for (post, value) in record.posts.iter().zip(besides.iter()) {
        let (sum, count) = sums.entry(post.from).or_default();
        *sum = Besides { gap: sum.gap + value.gap, holders: sum.holders + value.holders };
        *count += 1.0;
    }
    for (post, value) in record.posts.iter().zip(besides) {
        if let Some((sum, count)) = sums.get(&post.from) {
            value.gap -= sum.gap / count;
            value.holders -= sum.holders / count;
        }
    }
}

/// To whom each post went first on the stem.
fn first_hops(record: &Recorder) -> Vec<Option<NodeIndex>> {
    let mut hops = vec![None; record.posts.len()];
    for frame in &record.frames {
        if let Holds::Pushed(post, Stage::Stem) = &frame.holds
            && let Some(hop) = hops.get_mut(*post)
        {
            hop.get_or_insert(frame.to);
        }
    }
    hops
}

/// How alike two posts are by one rule.
fn alike(game: Game, record: &Recorder, hops: &[Option<NodeIndex>], one: PostIndex, other: PostIndex) -> f64 {
    let (bytes, other_bytes) = (bytes_of(record, one), bytes_of(record, other));
    let (post, other_post) = (record.posts.get(one), record.posts.get(other));
    let agree = |same: bool| if same { 1.0 } else { 0.0 };
    match game {
        Game::NextSameBytes => {
            let pairs = bytes.iter().zip(other_bytes).take(HEAD);
            number(pairs.filter(|(byte, other)| byte == other).count())
        }
        Game::NextShared => shared_runs(bytes, other_bytes),
        Game::NextSize => agree(bytes.len() == other_bytes.len()),
        Game::NextTime => match (post, other_post) {
            (Some(post), Some(other)) => {
                -post.first.since(other.first).max(other.first.since(post.first)).as_secs_f64()
            }
            _ => f64::MIN,
        },
        Game::NextFirstPeer => agree(hops.get(one) == hops.get(other)),
        Game::NextSender => agree(post.map(|post| post.from) == other_post.map(|post| post.from)),
        _ => 0.0,
    }
}

/// Runs of four bytes that are in both heads.
fn shared_runs(one: &[u8], other: &[u8]) -> f64 {
    let runs = |bytes: &[u8]| {
        let head = bytes.get(..HEAD.min(bytes.len())).unwrap_or_default();
        let mut runs: Vec<u32> =
            head.windows(4).filter_map(<[u8]>::first_chunk).map(|run| u32::from_be_bytes(*run)).collect();
        runs.sort_unstable();
        runs
    };
    let other = runs(other);
    number(runs(one).into_iter().filter(|run| other.binary_search(run).is_ok()).count())
}

/// The chance that a message has the higher value.
fn compare(rows: &[&Row], value: impl Fn(&Row) -> f64) -> Option<Score> {
    let values = |is_message| -> Vec<f64> {
        rows.iter().filter(|row| row.is_message == is_message).map(|row| value(row)).collect()
    };
    judge(&values(true), &values(false))
}

/// The chance that a value of the one kind is above one of the other.
fn judge(ours: &[f64], others: &[f64]) -> Option<Score> {
    (ours.len().min(others.len()) >= FEWEST).then(|| {
        let (m, n) = (number(ours.len()), number(others.len()));
        let bound = DEVIATIONS * ((m + n + 1.0) / (12.0 * m * n)).sqrt();
        Score { right: auc(ours, others), bound: Some(bound), count: ours.len() + others.len() }
    })
}

/// The byte that tells most.
fn best_byte(rows: &[&Row]) -> Option<Score> {
    let scores =
        (0..BYTES).filter_map(|at| compare(rows, |row| f64::from(row.bytes.get(at).copied().unwrap_or(0))));
    scores.max_by(|one, other| (one.right - 0.5).abs().total_cmp(&(other.right - 0.5).abs()))
}

/// A logistic regression over all bytes and their squares, so that bytes that are extreme on both sides count as well.
fn regression(rows: &[&Row]) -> Option<Score> {
    let (learn, guess): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.is_to_learn);
    let messages = learn.iter().filter(|row| row.is_message).count();
    if messages.min(learn.len() - messages) < FEWEST {
        return None;
    }
    // Both kinds count as much, whatever there is more of.
    let weights = [messages, learn.len() - messages].map(|count| number(learn.len()) / (2.0 * number(count)));
    let mut model = vec![0.0; 2 * BYTES + 1];
    for round in 0..ROUNDS {
        let rate = 0.02 / (1.0 + number(round) / 10.0) / number(2 * BYTES).sqrt();
        for row in &learn {
            let inputs = inputs(row);
            let chance = 1.0 / (1.0 + (-dot(&model, &inputs)).exp());
            let (wanted, weight) = if row.is_message { (1.0, weights[0]) } else { (0.0, weights[1]) };
            for (part, input) in model.iter_mut().zip(&inputs) {
                *part += rate * weight * (wanted - chance) * input - rate * 0.01 * *part;
            }
        }
    }
    compare(&guess, |row| dot(&model, &inputs(row)))
}

/// The bytes of a post as numbers around zero.
fn inputs(row: &Row) -> Vec<f64> {
    let scaled = (0..BYTES).map(|at| (f64::from(row.bytes.get(at).copied().unwrap_or(0)) - 127.5) / 73.9);
    let mut inputs: Vec<f64> = scaled.collect();
    inputs.extend(inputs.clone().into_iter().map(|value| value * value - 1.0));
    inputs.push(1.0);
    inputs
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}
