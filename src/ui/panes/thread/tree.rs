//! Comments as a tree in reading order: what answers what, how deep it stands, what lies below it. Built once per
//! change, by loops only: a chain of ten thousand answers is as deep as the list is long.
//!
//! What is deleted or hidden stands in it only where something shown hangs on it. Answers to a comment that is not
//! here hang on a place of its own. Parents are claims: whatever they say, no comment stands in the tree twice, and
//! every shown one stands in it once.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{CommentState, CommentView};
use crate::domain::ids::ObjectId;

/// Levels whose lines are known; deeper ones are never drawn apart.
pub const GUIDED_LEVELS: usize = 16;

/// A place in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// The comment that stands or would stand here.
    pub id: ObjectId,
    /// Its place in the list; `None` when it is not here.
    pub comment: Option<usize>,
    /// 0 for an answer to the post.
    pub depth: usize,
    /// What it answers, as a place in the tree; `None` for the post.
    pub parent: Option<usize>,
    /// The place behind everything below it.
    pub end: usize,
    /// What lies below it.
    pub below: Count,
    /// Bit `n` says that the line of level `n` goes on below this place.
    guides: u16,
}

/// How many shown comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// All.
    pub shown: usize,
    /// Those of them that are new.
    pub fresh: usize,
}

impl Node {
    /// Whether the line of a level goes on below this place.
    pub const fn goes_on(&self, level: usize) -> bool {
        level < GUIDED_LEVELS && (self.guides >> level) & 1 == 1
    }
}

/// All places, each before those below it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    places: BTreeMap<ObjectId, usize>,
    all: Count,
}

impl Tree {
    /// Of the comments that are not held back, given in the order they were written.
    pub fn of(list: &[CommentView], held: &BTreeSet<ObjectId>, fresh: &BTreeSet<ObjectId>) -> Self {
        let steps = walk(list, held);
        let counts = counts(&steps, list, fresh);
        let mut tree = Self::default();
        // Where each step stands now. Whoever has somebody kept below is kept.
        let mut places: Vec<Option<usize>> = Vec::with_capacity(steps.len());
        for (step, (own, all)) in steps.iter().zip(counts) {
            if all.shown == 0 {
                places.push(None);
                continue;
            }
            let parent = step.parent.and_then(|parent| places.get(parent).copied().flatten());
            let depth = parent.and_then(|parent| tree.nodes.get(parent)).map_or(0, |parent| parent.depth + 1);
            if step.parent.is_none() {
                tree.all.shown += all.shown;
                tree.all.fresh += all.fresh;
            }
            let below = Count { shown: all.shown - own.shown, fresh: all.fresh - own.fresh };
            let place = tree.nodes.len();
            let Step { id, comment, .. } = *step;
            tree.nodes.push(Node { id, comment, depth, parent, end: place + 1, below, guides: 0 });
            tree.places.insert(id, place);
            places.push(Some(place));
        }
        tree.close();
        tree
    }

    /// The places in reading order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Shown comments.
    pub const fn all(&self) -> Count {
        self.all
    }

    /// One of them.
    pub fn node(&self, place: usize) -> Option<&Node> {
        self.nodes.get(place)
    }

    /// Where a comment stands.
    pub fn place_of(&self, id: ObjectId) -> Option<usize> {
        self.places.get(&id).copied()
    }

    /// The next answer to the same.
    pub fn next_sibling(&self, place: usize) -> Option<usize> {
        let node = self.node(place)?;
        let next = self.node(node.end)?;
        (next.parent == node.parent).then_some(node.end)
    }

    /// The answer to the same before it.
    pub fn previous_sibling(&self, place: usize) -> Option<usize> {
        let parent = self.node(place)?.parent;
        let mut before = place.checked_sub(1).filter(|before| parent != Some(*before))?;
        while self.node(before)?.parent != parent {
            before = self.node(before)?.parent?;
        }
        Some(before)
    }

    /// Finds the ends of what lies below each place, and which lines go on.
    fn close(&mut self) {
        let mut has_later = vec![false; self.nodes.len() + 1];
        let root = self.nodes.len();
        let mut goes_on = vec![false; self.nodes.len()];
        for place in (0..self.nodes.len()).rev() {
            let Some(Node { parent, end, .. }) = self.nodes.get(place).copied() else { continue };
            if let (Some(goes_on), Some(later)) =
                (goes_on.get_mut(place), has_later.get_mut(parent.unwrap_or(root)))
            {
                *goes_on = std::mem::replace(later, true);
            }
            if let Some(parent) = parent.and_then(|parent| self.nodes.get_mut(parent)) {
                parent.end = parent.end.max(end);
            }
        }
        for (place, goes_on) in goes_on.into_iter().enumerate() {
            let Some(Node { parent, depth, .. }) = self.nodes.get(place).copied() else { continue };
            let above = parent.and_then(|parent| self.nodes.get(parent)).map_or(0, |parent| parent.guides);
            let own = if goes_on && depth < GUIDED_LEVELS { 1 << depth } else { 0 };
            if let Some(node) = self.nodes.get_mut(place) {
                node.guides = above | own;
            }
        }
    }
}

/// A place on the way through everything, kept or not.
struct Step {
    id: ObjectId,
    comment: Option<usize>,
    /// As a place on this way.
    parent: Option<usize>,
}

/// A comment, or the place of one that is not here, before the way through them is known.
struct Slot {
    id: ObjectId,
    comment: Option<usize>,
    answers: Vec<usize>,
    is_passed: bool,
}

impl Slot {
    const fn new(id: ObjectId, comment: Option<usize>) -> Self {
        Self { id, comment, answers: Vec::new(), is_passed: false }
    }
}

fn walk(list: &[CommentView], held: &BTreeSet<ObjectId>) -> Vec<Step> {
    let is_in = |comment: &&CommentView| !held.contains(&comment.operation_id);
    let numbered = || list.iter().enumerate().filter(|(_, comment)| is_in(comment));
    let mut slots: Vec<Slot> =
        numbered().map(|(at, comment)| Slot::new(comment.operation_id, Some(at))).collect();
    let mut known: BTreeMap<ObjectId, usize> =
        slots.iter().enumerate().map(|(at, slot)| (slot.id, at)).collect();
    let mut first = Vec::new();
    for (slot, (_, comment)) in numbered().enumerate() {
        let Some(parent) = comment.parent else {
            first.push(slot);
            continue;
        };
        let above = *known.entry(parent).or_insert_with(|| {
            first.push(slots.len());
            slots.push(Slot::new(parent, None));
            slots.len() - 1
        });
        if let Some(above) = slots.get_mut(above) {
            above.answers.push(slot);
        }
    }
    let mut steps = Vec::with_capacity(slots.len());
    // What no way from the post leads to answers itself in a circle: it begins somewhere.
    for start in first.into_iter().chain(0..slots.len()).collect::<Vec<usize>>() {
        pass(start, &mut slots, &mut steps);
    }
    steps
}

/// Goes through a slot and everything below it, unless that was done.
fn pass(start: usize, slots: &mut [Slot], steps: &mut Vec<Step>) {
    let mut waiting = vec![(start, None)];
    while let Some((at, parent)) = waiting.pop() {
        let Some(slot) = slots.get_mut(at).filter(|slot| !slot.is_passed) else { continue };
        slot.is_passed = true;
        let step = steps.len();
        steps.push(Step { id: slot.id, comment: slot.comment, parent });
        waiting.extend(slot.answers.iter().rev().map(|answer| (*answer, Some(step))));
    }
}

/// Per step what it counts itself, and that together with everything below it.
fn counts(steps: &[Step], list: &[CommentView], fresh: &BTreeSet<ObjectId>) -> Vec<(Count, Count)> {
    let mut counts: Vec<(Count, Count)> = steps
        .iter()
        .map(|step| {
            let comment = step.comment.and_then(|at| list.get(at));
            let is_shown = comment.is_some_and(|comment| comment.state == CommentState::Shown);
            let own = Count {
                shown: usize::from(is_shown),
                fresh: usize::from(is_shown && fresh.contains(&step.id)),
            };
            (own, own)
        })
        .collect();
    for (at, step) in steps.iter().enumerate().rev() {
        let all = counts.get(at).map_or_else(Count::default, |(_, all)| *all);
        if let Some((_, above)) = step.parent.and_then(|parent| counts.get_mut(parent)) {
            above.shown += all.shown;
            above.fresh += all.fresh;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ids::PostingId;
    use crate::domain::text::SafeText;
    use crate::ui::tests::talk::{comment, comment_id};

    /// Comments as `(number, parent)`; number and parent make ids.
    fn listed(comments: &[(u16, Option<u16>)]) -> Vec<CommentView> {
        comments
            .iter()
            .map(|(number, parent)| CommentView {
                author: PostingId::from_bytes([1; 32]),
                text: SafeText::line("text"),
                ..comment(*number, parent.map(comment_id))
            })
            .collect()
    }

    fn tree(list: &[CommentView]) -> Tree {
        Tree::of(list, &BTreeSet::new(), &BTreeSet::new())
    }

    /// The tree as text: a number and, in front of it, its depth in dashes.
    fn drawn(tree: &Tree) -> String {
        let shown = tree.nodes().iter().map(|node| {
            let [_, high, low, ..] = *node.id.as_bytes();
            let sign = if node.comment.is_none() { "?" } else { "" };
            format!("{}{}{sign}", "-".repeat(node.depth), u16::from_be_bytes([high, low]))
        });
        shown.collect::<Vec<String>>().join(" ")
    }

    #[test]
    fn answers_stand_below_what_they_answer_in_the_order_they_were_written() {
        let list = listed(&[(1, None), (2, None), (3, Some(1)), (4, Some(3)), (5, Some(1)), (6, None)]);
        let tree = tree(&list);
        assert_eq!(drawn(&tree), "1 -3 --4 -5 2 6");
        assert_eq!(tree.nodes()[0].below.shown, 3);
        let ends: Vec<usize> = tree.nodes().iter().map(|node| node.end).collect();
        assert_eq!(ends, [4, 3, 3, 4, 5, 6]);
    }

    #[test]
    fn an_answer_to_what_is_not_here_hangs_on_a_place_for_it() {
        let list = listed(&[(1, None), (3, Some(2)), (4, Some(3)), (5, Some(2)), (6, None)]);
        assert_eq!(drawn(&tree(&list)), "1 2? -3 --4 -5 6");
    }

    #[test]
    fn what_is_not_shown_stands_only_where_something_shown_hangs_on_it() {
        let mut list =
            listed(&[(1, None), (2, Some(1)), (3, None), (4, Some(3)), (5, Some(9)), (6, Some(4))]);
        for (at, state) in [(0, CommentState::Deleted), (2, CommentState::Hidden), (3, CommentState::Deleted)]
        {
            list[at].state = state;
        }
        assert_eq!(drawn(&tree(&list)), "1 -2 3 -4 --6 9? -5");
        list[5].state = CommentState::Deleted;
        list[4].state = CommentState::Deleted;
        assert_eq!(drawn(&tree(&list)), "1 -2");
        list[1].state = CommentState::Hidden;
        assert_eq!(drawn(&tree(&list)), "");
    }

    #[test]
    fn circles_of_answers_lose_nobody_and_end() {
        let list = listed(&[(1, Some(2)), (2, Some(1)), (3, Some(3)), (4, None)]);
        let tree = tree(&list);
        assert_eq!(drawn(&tree), "4 1 -2 3");
    }

    #[test]
    fn siblings_are_one_step_away() {
        let list = listed(&[(1, None), (2, Some(1)), (3, Some(2)), (4, Some(1)), (5, None)]);
        let tree = tree(&list);
        assert_eq!(drawn(&tree), "1 -2 --3 -4 5");
        assert_eq!(
            (0..5).map(|place| tree.next_sibling(place)).collect::<Vec<_>>(),
            [Some(4), Some(3), None, None, None]
        );
        assert_eq!(
            (0..5).map(|place| tree.previous_sibling(place)).collect::<Vec<_>>(),
            [None, None, None, Some(1), Some(0)]
        );
    }

    #[test]
    fn what_is_held_back_is_not_there_and_what_is_new_is_counted() {
        let list = listed(&[(1, None), (2, Some(1)), (3, Some(2)), (4, Some(1))]);
        let fresh = BTreeSet::from([comment_id(3), comment_id(4)]);
        let tree = Tree::of(&list, &BTreeSet::from([comment_id(4)]), &fresh);
        assert_eq!(drawn(&tree), "1 -2 --3");
        assert_eq!(tree.nodes()[0].below, Count { shown: 2, fresh: 1 });
        assert_eq!(tree.all(), Count { shown: 3, fresh: 1 });
    }

    #[test]
    fn a_chain_of_ten_thousand_answers_is_built() {
        let chain: Vec<(u16, Option<u16>)> =
            (0_u16..10_000).map(|number| (number, number.checked_sub(1))).collect();
        let tree = tree(&listed(&chain));
        assert_eq!(tree.nodes().last().map(|node| node.depth), Some(9_999));
        assert_eq!(tree.nodes().first().map(|node| node.below.shown), Some(9_999));
    }

    proptest! {
        #[test]
        fn whatever_parents_claim_every_comment_stands_in_the_tree_once(
            parents in prop::collection::vec(prop::option::of(0_u16..40), 0..30)
        ) {
            let comments: Vec<(u16, Option<u16>)> =
                (0_u16..).zip(parents).collect();
            let list = listed(&comments);
            let tree = tree(&list);
            let mut found: Vec<usize> = tree.nodes().iter().filter_map(|node| node.comment).collect();
            found.sort_unstable();
            prop_assert_eq!(found, (0..list.len()).collect::<Vec<_>>());
            for (place, node) in tree.nodes().iter().enumerate() {
                prop_assert!(node.parent.is_none_or(|parent| parent < place));
                prop_assert!(node.end > place && node.end <= tree.nodes().len());
                prop_assert_eq!(node.below.shown, tree.nodes()[place + 1..node.end].iter().filter(|below| below.comment.is_some()).count());
                if let Some(next) = tree.next_sibling(place) {
                    prop_assert_eq!(tree.previous_sibling(next), Some(place));
                    prop_assert!(node.goes_on(node.depth) || node.depth >= GUIDED_LEVELS);
                }
                prop_assert_eq!(tree.place_of(node.id), Some(place));
            }
        }
    }
}
