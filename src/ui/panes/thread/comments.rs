//! The comments of an opened post in memory: asked for page by page, kept as a tree with folds and a selection.
//!
//! Invariants: at most [`THREAD_COMMENTS`] comments; at most one page is being asked for; what comes in once the
//! comments are there is held back until the person wants it, unless it is the person's own; what was new when the
//! post was opened stays marked so, whatever the store says by then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::tree::{Node, Tree};
use crate::api::{Addressee, CommentState, CommentView, More, Query, ReadMark};
use crate::domain::ids::ObjectId;
use crate::domain::time::Timestamp;
use crate::limits::QUERY_ROWS;
use crate::ui::message::{Asked, Request, Wake};

/// Comments held at once: as many operations as a node keeps for a post.
pub const THREAD_COMMENTS: usize = 10_000;
/// Comments of the first page of the first look: more than a screen shows. Lower asks once more before the screen is
/// full; higher lets the person wait for what is not on it.
const FIRST_PAGE: u32 = 64;
/// Time between two looks at one page of comments that change all the time; more pages wait longer.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);

/// Which page was asked for, and for which opening of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadAsk {
    /// The post.
    pub post_id: ObjectId,
    /// Answers to earlier openings are dropped.
    opening: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paging {
    Idle,
    /// A page is on its way.
    Asked,
    /// As before, and something has changed since.
    AskedAndChanged,
    /// The next look waits for its timer.
    Pausing,
}

/// How far the comments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Pages of the first look come in.
    Coming,
    /// The first look is over.
    Here,
}

/// What is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    /// The post.
    Post,
    /// A place in the tree.
    Place(usize),
}

/// Which way through the comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Down.
    On,
    /// Up.
    Back,
}

/// What came of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// A page; others follow.
    Page,
    /// The last one of the first look.
    All,
    /// The last one of a later look.
    News,
}

/// The comments and the person's place among them.
#[derive(Debug, Clone, PartialEq)]
pub struct Comments {
    post_id: ObjectId,
    opening: u64,
    list: Vec<CommentView>,
    /// What came in since the comments were last read before this opening.
    fresh: BTreeSet<ObjectId>,
    /// What came in while they are read.
    held: BTreeSet<ObjectId>,
    folded: BTreeSet<ObjectId>,
    tree: Tree,
    /// The places that no fold hides.
    open: Vec<usize>,
    /// 0 for the post, then the open places.
    selected: usize,
    stage: Stage,
    paging: Paging,
    /// Pages of a later look, until it is complete.
    coming: Vec<CommentView>,
    /// A comment of the person's own, to be selected once it is there.
    sought: Option<ObjectId>,
}

impl Comments {
    /// None yet, of a post that is opened for the `opening`th time.
    pub fn new(post_id: ObjectId, opening: u64) -> Self {
        Self {
            post_id,
            opening,
            list: Vec::new(),
            fresh: BTreeSet::new(),
            held: BTreeSet::new(),
            folded: BTreeSet::new(),
            tree: Tree::default(),
            open: Vec::new(),
            selected: 0,
            stage: Stage::Coming,
            paging: Paging::Idle,
            coming: Vec::new(),
            sought: None,
        }
    }

    /// How far they are.
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// The tree.
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Items one below the other: the post, then the places that no fold hides.
    pub fn item_count(&self) -> usize {
        self.open.len() + 1
    }

    /// The place of an item; `None` for the post.
    pub fn place(&self, item: usize) -> Option<usize> {
        self.open.get(item.checked_sub(1)?).copied()
    }

    /// The node of an item.
    pub fn node(&self, item: usize) -> Option<&Node> {
        self.tree.node(self.place(item)?)
    }

    /// The comment at a place of the tree; `None` where it is not here.
    pub fn comment(&self, node: &Node) -> Option<&CommentView> {
        self.list.get(node.comment?)
    }

    /// The selected item.
    pub const fn selected_item(&self) -> usize {
        self.selected
    }

    /// What is selected.
    pub fn selected(&self) -> Selected {
        self.place(self.selected).map_or(Selected::Post, Selected::Place)
    }

    /// The selected comment; `None` for the post.
    pub fn selected_id(&self) -> Option<ObjectId> {
        self.node(self.selected).map(|node| node.id)
    }

    /// Whether a comment was new when the post was opened, or came in since.
    pub fn is_fresh(&self, id: ObjectId) -> bool {
        self.fresh.contains(&id)
    }

    /// Whether what lies below a place is folded away.
    pub fn is_folded(&self, node: &Node) -> bool {
        node.below.shown > 0 && self.folded.contains(&node.id)
    }

    /// Comments that came in while these are read.
    pub fn held_count(&self) -> usize {
        self.held.len()
    }

    /// Whether there are more comments than are held.
    pub fn is_full(&self) -> bool {
        self.list.len() >= THREAD_COMMENTS
    }

    /// Asks for the first page, or for all of them again.
    pub fn ask(&mut self) -> Vec<Request> {
        self.coming.clear();
        self.ask_behind(None)
    }

    fn ask_behind(&mut self, last: Option<&CommentView>) -> Vec<Request> {
        self.paging = Paging::Asked;
        let asked = ThreadAsk { post_id: self.post_id, opening: self.opening };
        let after = last.map(CommentView::position);
        let is_first = last.is_none() && self.stage == Stage::Coming;
        let limit = if is_first { FIRST_PAGE } else { QUERY_ROWS };
        let query = Query::Thread { post_id: self.post_id, after, limit };
        vec![Request::Query(Asked::Thread(asked), query)]
    }

    /// Something about the post or its comments has changed.
    pub fn changed(&mut self) -> Vec<Request> {
        match self.paging {
            Paging::Idle => self.ask(),
            Paging::Asked => {
                self.paging = Paging::AskedAndChanged;
                Vec::new()
            }
            Paging::AskedAndChanged | Paging::Pausing => Vec::new(),
        }
    }

    /// The pause between two looks is over.
    pub fn woken(&mut self, opening: u64) -> Vec<Request> {
        if self.paging == Paging::Pausing && self.opening == opening { self.ask() } else { Vec::new() }
    }

    /// Looks for a comment of the person's own that was just written, and selects it.
    pub fn seek(&mut self, id: ObjectId) -> Vec<Request> {
        self.sought = Some(id);
        if self.find_sought() { Vec::new() } else { self.changed() }
    }

    fn find_sought(&mut self) -> bool {
        let found = self.sought.and_then(|id| self.tree.place_of(id));
        if let Some(place) = found {
            self.sought = None;
            self.select_place(place);
        }
        found.is_some()
    }

    /// Whether an answer belongs to this opening.
    pub fn asked(&self, asked: ThreadAsk) -> bool {
        asked == ThreadAsk { post_id: self.post_id, opening: self.opening }
            && matches!(self.paging, Paging::Asked | Paging::AskedAndChanged)
    }

    /// The node could not answer: what came so far is all there is until something changes.
    pub fn failed(&mut self) {
        self.paging = Paging::Idle;
        self.coming.clear();
    }

    /// Puts a page in place, and asks for the next one.
    pub fn answered(&mut self, page: Vec<CommentView>, more: More) -> (Came, Vec<Request>) {
        let was_changed = self.paging == Paging::AskedAndChanged;
        self.paging = Paging::Idle;
        let mut coming = match self.stage {
            Stage::Coming => std::mem::take(&mut self.list),
            Stage::Here => std::mem::take(&mut self.coming),
        };
        let before = coming.len();
        coming.extend(page);
        coming.truncate(THREAD_COMMENTS);
        let goes_on = more == More::Follows && coming.len() > before && coming.len() < THREAD_COMMENTS;
        if goes_on {
            let requests = self.ask_behind(coming.last());
            self.take_part(coming, before);
            if was_changed {
                self.paging = Paging::AskedAndChanged;
            }
            return (Came::Page, requests);
        }
        let came = if self.stage == Stage::Coming { Came::All } else { Came::News };
        let pages = u32::try_from(coming.len().div_ceil(usize::try_from(QUERY_ROWS).unwrap_or(1)))
            .unwrap_or(u32::MAX);
        match self.stage {
            Stage::Coming => self.take_part(coming, before),
            Stage::Here => self.take_news(coming),
        }
        self.stage = Stage::Here;
        if !was_changed {
            return (came, Vec::new());
        }
        self.paging = Paging::Pausing;
        let pause = REFRESH_PAUSE.saturating_mul(pages.max(1));
        (came, vec![Request::Wake(pause, Wake::RefreshThread(self.opening))])
    }

    /// A page of the first look is shown at once; one of a later look waits for the others.
    fn take_part(&mut self, coming: Vec<CommentView>, before: usize) {
        if self.stage == Stage::Here {
            self.coming = coming;
            return;
        }
        self.list = coming;
        let new = self.list.iter().skip(before).filter(|comment| is_new(comment));
        self.fresh.extend(new.map(|comment| comment.operation_id));
        self.rebuild();
    }

    fn take_news(&mut self, coming: Vec<CommentView>) {
        let known: BTreeSet<ObjectId> = self.list.iter().map(|comment| comment.operation_id).collect();
        self.list = coming;
        let unknown = || self.list.iter().filter(|comment| !known.contains(&comment.operation_id));
        self.fresh.extend(unknown().filter(|comment| is_new(comment)).map(|comment| comment.operation_id));
        let foreign = unknown().filter(|comment| comment.persona.is_none());
        let foreign = foreign.filter(|comment| comment.state == CommentState::Shown);
        self.held.extend(foreign.map(|comment| comment.operation_id));
        self.release_below_own();
        let here: BTreeSet<ObjectId> = self.list.iter().map(|comment| comment.operation_id).collect();
        for kept in [&mut self.held, &mut self.fresh, &mut self.folded] {
            kept.retain(|id| here.contains(id));
        }
        self.rebuild();
        self.find_sought();
    }

    /// What an own comment answers is not held back, and what was deleted meanwhile neither.
    fn release_below_own(&mut self) {
        let by_id: BTreeMap<ObjectId, &CommentView> =
            self.list.iter().map(|comment| (comment.operation_id, comment)).collect();
        let mut released = BTreeSet::new();
        for own in self.list.iter().filter(|comment| comment.persona.is_some()) {
            let mut above = own.parent;
            while let Some(id) = above.filter(|id| released.insert(*id)) {
                above = by_id.get(&id).and_then(|comment| comment.parent);
            }
        }
        let is_shown =
            |id: &ObjectId| by_id.get(id).is_some_and(|comment| comment.state == CommentState::Shown);
        self.held.retain(|id| !released.contains(id) && is_shown(id));
    }

    /// Shows what was held back; the first place of it, if there was any.
    pub fn show_held(&mut self) -> Option<usize> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return None;
        }
        self.rebuild();
        held.iter().filter_map(|id| self.tree.place_of(*id)).min()
    }

    /// When the newest of the shown comments came in; `None` when none of them is unread in the store.
    pub fn read_by(&self) -> Option<Timestamp> {
        let shown = || self.list.iter().filter(|comment| !self.held.contains(&comment.operation_id));
        shown()
            .any(|comment| comment.mark == ReadMark::Unread)
            .then(|| shown().map(|comment| comment.received).max())?
    }

    /// The store knows by now that the shown comments were read.
    pub fn mark_read(&mut self) {
        for comment in self.list.iter_mut().filter(|comment| !self.held.contains(&comment.operation_id)) {
            comment.mark = ReadMark::Read;
        }
    }

    /// A comment of the list, to be changed where the store is about to say the same.
    pub fn comment_mut(&mut self, id: ObjectId) -> Option<&mut CommentView> {
        self.list.iter_mut().find(|comment| comment.operation_id == id)
    }

    fn rebuild(&mut self) {
        let selected = self.selected_id();
        self.tree = Tree::of(&self.list, &self.held, &self.fresh);
        self.unroll();
        let place = selected.and_then(|id| self.tree.place_of(id));
        match place {
            Some(place) => self.selected = self.item_of(place),
            None if selected.is_some() => self.selected = self.selected.min(self.open.len()),
            None => {}
        }
    }

    /// Lists the places that no fold hides.
    fn unroll(&mut self) {
        self.open.clear();
        let mut place = 0;
        while let Some(node) = self.tree.node(place) {
            self.open.push(place);
            place = if self.is_folded(node) { node.end } else { place + 1 };
        }
    }

    /// The item of a place, or of the fold that hides it.
    fn item_of(&self, place: usize) -> usize {
        match self.open.binary_search(&place) {
            Ok(at) => at + 1,
            Err(at) => at,
        }
    }

    /// Selects an item.
    pub fn select(&mut self, item: usize) {
        self.selected = item.min(self.open.len());
    }

    /// Selects a place, and opens the folds that hide it.
    pub fn select_place(&mut self, place: usize) {
        let mut above = self.tree.node(place).and_then(|node| node.parent);
        let mut is_opened = false;
        while let Some(node) = above.and_then(|above| self.tree.node(above)) {
            is_opened |= self.folded.remove(&node.id);
            above = node.parent;
        }
        if is_opened {
            self.unroll();
        }
        self.selected = self.item_of(place);
    }

    /// Folds or unfolds what lies below the selected comment; of one without answers, what it is part of.
    pub fn toggle_fold(&mut self) {
        let Some(node) = self.node(self.selected).copied() else { return };
        if node.below.shown == 0 {
            if let Some(parent) = node.parent.and_then(|parent| self.tree.node(parent)) {
                self.folded.insert(parent.id);
            }
        } else if !self.folded.remove(&node.id) {
            self.folded.insert(node.id);
        }
        self.refold();
    }

    /// Folds everything.
    pub fn fold_all(&mut self) {
        let with_answers = self.tree.nodes().iter().filter(|node| node.below.shown > 0);
        self.folded = with_answers.map(|node| node.id).collect();
        self.refold();
    }

    /// Opens all folds.
    pub fn unfold_all(&mut self) {
        self.folded.clear();
        self.refold();
    }

    fn refold(&mut self) {
        let place = self.place(self.selected);
        self.unroll();
        self.selected = place.map_or(0, |place| self.item_of(place));
    }

    /// Folds the selected comment, or goes to what it answers.
    pub fn collapse(&mut self) {
        let Some(node) = self.node(self.selected).copied() else { return };
        if node.below.shown > 0 && self.folded.insert(node.id) {
            self.refold();
        } else {
            self.selected = node.parent.map_or(0, |parent| self.item_of(parent));
        }
    }

    /// Unfolds the selected comment, or goes to the first answer to it.
    pub fn expand(&mut self) {
        let Some(node) = self.node(self.selected).copied() else {
            return self.select(1);
        };
        if self.folded.remove(&node.id) {
            self.refold();
        } else if node.below.shown > 0 {
            self.select(self.selected + 1);
        }
    }

    /// Selects the next or previous answer to the same; `false` when there is none.
    pub fn go_sibling(&mut self, way: Way) -> bool {
        let Selected::Place(place) = self.selected() else {
            return false;
        };
        let found = match way {
            Way::On => self.tree.next_sibling(place),
            Way::Back => self.tree.previous_sibling(place),
        };
        let item = found.map(|place| self.item_of(place));
        self.selected = item.unwrap_or(self.selected);
        item.is_some()
    }

    /// Selects the next or previous new comment; `false` when there is none.
    pub fn go_fresh(&mut self, way: Way) -> bool {
        self.go_to(way, |comments, comment| comments.is_fresh(comment.operation_id))
    }

    /// Selects the next or previous answer to the person; `false` when there is none.
    pub fn go_to_me(&mut self, way: Way) -> bool {
        self.go_to(way, |_, comment| comment.addressee == Addressee::Me && comment.persona.is_none())
    }

    fn go_to(&mut self, way: Way, is_wanted: impl Fn(&Self, &CommentView) -> bool) -> bool {
        let count = self.tree.nodes().len();
        let wanted = |place: &usize| {
            let comment = self.tree.node(*place).and_then(|node| self.comment(node));
            comment.is_some_and(|comment| comment.state == CommentState::Shown && is_wanted(self, comment))
        };
        let found = match (way, self.selected()) {
            (Way::On, Selected::Post) => (0..count).find(wanted),
            (Way::On, Selected::Place(place)) => (place + 1..count).find(wanted),
            (Way::Back, Selected::Post) => None,
            (Way::Back, Selected::Place(place)) => (0..place).rev().find(wanted),
        };
        if let Some(place) = found {
            self.select_place(place);
        }
        found.is_some()
    }
}

fn is_new(comment: &CommentView) -> bool {
    comment.mark == ReadMark::Unread && comment.state == CommentState::Shown && comment.persona.is_none()
}
