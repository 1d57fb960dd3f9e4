//! An opened post and what was said about it. Opening marks both read; nothing else does. The comments live in
//! [`comments`], how they stand below each other in [`tree`], how wide in [`shape`]; [`draw`] is the picture.

pub mod comments;
mod draw;
mod shape;
mod tree;

use ratatui::layout::Rect;

use self::comments::{Came, Comments, Selected, ThreadAsk, Way};
pub use self::draw::{draw, replies};
use self::shape::Shape;
use super::target::{self, Target};
use super::{compose, feed};
use crate::api::{CallError, Command, CommentView, ErrorKind, PostView, ReadMark, ThreadView};
use crate::domain::ids::ObjectId;
use crate::domain::operation::CommentPolicy;
use crate::domain::ordering::FeedPosition;
use crate::domain::time::Timestamp;
use crate::ui::action::Action;
use crate::ui::layout::Areas;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{Model, Place};
use crate::ui::timeline::{Direction, Purpose, Search, Searched, Wanted};
use crate::ui::widgets::stack::{Heights, Top};
use crate::ui::widgets::wraps::Wraps;

/// Whether the post can still be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Here,
    /// It was deleted or evicted while it is read.
    Gone,
}

/// An opened post and the person's place in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Thread {
    post: PostView,
    policy: CommentPolicy,
    comments: Comments,
    standing: Standing,
    wraps: Wraps<ObjectId>,
    shape: Shape,
    /// Rows of the post above its text and below it, at the last look.
    around: (usize, usize),
    top: Top,
    /// Where the selected item began at the last look.
    row: isize,
    /// Whether it has to begin there again.
    hold: Hold,
}

/// What keeps its place when heights have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// The window.
    Window,
    /// The selected item.
    Selected,
    /// The selected item, as far as all of it fits.
    Whole,
    /// Nothing: another item was gone to.
    Nothing,
}

impl Thread {
    /// A post to be shown from its beginning.
    fn new(post: PostView, opening: u64) -> Self {
        Self {
            comments: Comments::new(post.post_id, opening),
            post,
            policy: CommentPolicy::Everyone,
            standing: Standing::Here,
            wraps: Wraps::default(),
            shape: Shape::default(),
            around: (0, 0),
            top: Top::default(),
            row: 0,
            hold: Hold::Window,
        }
    }

    /// The post.
    pub const fn post(&self) -> &PostView {
        &self.post
    }

    /// The comments.
    pub const fn comments(&self) -> &Comments {
        &self.comments
    }

    /// The post and a comment of it with this id, to be changed where the store is about to say the same.
    pub fn parts_mut(&mut self, id: ObjectId) -> (Option<&mut PostView>, Option<&mut CommentView>) {
        (Some(&mut self.post).filter(|post| post.post_id == id), self.comments.comment_mut(id))
    }

    /// Rows of the pane for items: one less where a line about the comments stands below them.
    fn window(&self, height: u16) -> usize {
        usize::from(height).saturating_sub(usize::from(self.has_note()))
    }

    fn has_note(&self) -> bool {
        matches!(self.standing, Standing::Gone) || self.comments.held_count() > 0
    }

    /// What can measure the items, beside the window.
    const fn measured(&mut self) -> (Measure<'_>, &mut Top) {
        let Self { post, comments, wraps, shape, around, top, .. } = self;
        (Measure { post, comments, wraps, shape: *shape, around: *around }, top)
    }
}

/// Measures the post and its comments, and keeps their texts in rows.
struct Measure<'a> {
    post: &'a PostView,
    comments: &'a Comments,
    wraps: &'a mut Wraps<ObjectId>,
    shape: Shape,
    around: (usize, usize),
}

impl Heights for Measure<'_> {
    fn count(&self) -> usize {
        self.comments.item_count()
    }

    fn height(&mut self, item: usize) -> usize {
        let Some(node) = self.comments.node(item) else {
            let text = self.post.text.as_str();
            return self.around.0
                + self.wraps.count(self.post.post_id, text, self.shape.post_text())
                + self.around.1;
        };
        let folded = usize::from(self.comments.is_folded(node));
        let Some(comment) = self.comments.comment(node).filter(|comment| target::is_shown(comment)) else {
            return 1 + folded;
        };
        let rows = self.wraps.count(node.id, comment.text.as_str(), self.shape.text(node.depth));
        1 + rows + usize::from(!comment.reactions.is_empty()) + folded
    }
}

/// Fits the scroll position to the area, and wraps what will be drawn.
pub fn settle(model: &mut Model, area: Rect) {
    if area.width == 0 {
        return;
    }
    let shape = Shape::of(area.width);
    let Some(around) = model
        .thread
        .as_ref()
        .map(|thread| (draw::head(model, thread, shape).len(), draw::foot(model, thread, shape).len()))
    else {
        return;
    };
    let Some(thread) = &mut model.thread else { return };
    if thread.shape != shape && thread.shape != Shape::default() {
        thread.hold = Hold::Selected;
    }
    (thread.shape, thread.around) = (shape, around);
    let (window, selected, row) = (thread.window(area.height), thread.comments.selected_item(), thread.row);
    let hold = std::mem::replace(&mut thread.hold, Hold::Window);
    let (mut measure, top) = thread.measured();
    match hold {
        Hold::Selected => *top = Top::place(selected, row, &mut measure),
        Hold::Whole => {
            *top = Top::place(selected, row, &mut measure);
            top.reveal(selected, window, &mut measure);
        }
        Hold::Nothing => top.reveal(selected, window, &mut measure),
        Hold::Window => {}
    }
    top.settle(window, &mut measure);
    // What is drawn is measured here, and so wrapped.
    let (first, last) = top.items(window, &mut measure);
    if !(first..=last).contains(&selected) {
        top.reveal(selected, window, &mut measure);
        top.items(window, &mut measure);
    }
    let row = top.row_of(selected, window, &mut measure);
    thread.row = row.unwrap_or(0);
}

/// Opens the selected post: asks for all of it and marks it read.
pub fn open_selected(model: &mut Model) -> Vec<Request> {
    let Some(post) = model.feed.selected().cloned() else {
        return Vec::new();
    };
    let post_id = post.post_id;
    model.openings += 1;
    let mut thread = Thread::new(post, model.openings);
    let mut requests = thread.comments.ask();
    model.thread = Some(thread);
    model.place = Place::Thread;
    requests.extend(feed::mark(model, post_id, ReadMark::Read));
    requests
}

/// The node's answer: the post, and a page of its comments.
pub fn show(model: &mut Model, asked: ThreadAsk, view: ThreadView) -> Vec<Request> {
    let Some(thread) = model.thread.as_mut().filter(|thread| thread.comments.asked(asked)) else {
        return Vec::new();
    };
    let mark = thread.post.mark;
    if thread.post.text != view.post.text {
        thread.wraps.forget(view.post.post_id);
    }
    let post = PostView { mark, ..view.post };
    (thread.post, thread.policy, thread.standing) = (post.clone(), view.policy, Standing::Here);
    let selected = thread.comments.selected_id();
    let (came, mut requests) = thread.comments.answered(view.comments, view.more);
    let is_same = thread.comments.selected_id() == selected;
    thread.hold = if is_same { Hold::Selected } else { Hold::Nothing };
    match came {
        Came::Page => {}
        Came::All => requests.extend(read(model)),
        // Any of the texts may have been edited.
        Came::News => thread.wraps = Wraps::default(),
    }
    model.feed.update(&post);
    requests
}

/// Tells the node that the shown comments were read.
fn read(model: &mut Model) -> Vec<Request> {
    let Some(thread) = &mut model.thread else {
        return Vec::new();
    };
    let post_id = thread.post.post_id;
    let Some(received_by) = thread.comments.read_by() else {
        return Vec::new();
    };
    thread.comments.mark_read();
    vec![Request::Command(Asked::ReadComments(post_id), Command::ReadComments { post_id, received_by })]
}

/// The node could not answer.
pub fn failed(model: &mut Model, asked: ThreadAsk, error: &CallError) {
    let Some(thread) = model.thread.as_mut().filter(|thread| thread.comments.asked(asked)) else {
        return;
    };
    thread.comments.failed();
    if error.kind == ErrorKind::NotFound {
        thread.standing = Standing::Gone;
        thread.hold = Hold::Selected;
    } else {
        model.complain(error);
    }
}

/// A post, its comments or its reactions have changed.
pub fn changed(model: &mut Model, post_id: ObjectId) -> Vec<Request> {
    let thread = model.thread.as_mut().filter(|thread| thread.post.post_id == post_id);
    thread.map_or_else(Vec::new, |thread| thread.comments.changed())
}

/// Asks for the opened post again, and for it in the feed.
pub fn refresh(model: &mut Model) -> Vec<Request> {
    let Some(post_id) = model.thread.as_ref().map(|thread| thread.post.post_id) else {
        return Vec::new();
    };
    let mut requests = changed(model, post_id);
    requests.extend(model.feed.beside_changed(post_id));
    requests
}

/// The pause between two looks is over.
pub fn woken(model: &mut Model, opening: u64) -> Vec<Request> {
    model.thread.as_mut().map_or_else(Vec::new, |thread| thread.comments.woken(opening))
}

/// Selects a comment of the person's own as soon as it is there.
pub fn seek(model: &mut Model, post_id: ObjectId, comment: ObjectId) -> Vec<Request> {
    let Some(thread) = model.thread.as_mut().filter(|thread| thread.post.post_id == post_id) else {
        return Vec::new();
    };
    thread.hold = Hold::Nothing;
    thread.comments.seek(comment)
}

/// When the comments on the screen were written.
pub fn shown_times(model: &Model) -> Vec<Timestamp> {
    let Some(thread) = &model.thread else {
        return Vec::new();
    };
    let items = thread.top.item..thread.comments.item_count();
    let nodes = items.take(usize::from(model.size.1)).filter_map(|item| thread.comments.node(item));
    nodes.filter_map(|node| thread.comments.comment(node)).map(|comment| comment.created).collect()
}

/// Marks the opened post; what it was marked before, if that differs.
pub fn mark(model: &mut Model, post_id: ObjectId, mark: ReadMark) -> Option<ReadMark> {
    let thread = model.thread.as_mut().filter(|thread| thread.post.post_id == post_id)?;
    let before = std::mem::replace(&mut thread.post.mark, mark);
    (before != mark).then_some(before)
}

/// The selected post or comment of the opened thread.
pub fn selected(model: &Model) -> Result<Target, &'static str> {
    let thread = model.thread.as_ref().ok_or(target::NOTHING)?;
    match thread.comments.selected() {
        Selected::Post => Ok(Target::post(&thread.post)),
        Selected::Place(place) => {
            let node = thread.comments.tree().node(place).ok_or(target::NOTHING)?;
            let comment = thread.comments.comment(node).ok_or(target::NOT_HERE)?;
            Target::comment(&thread.post, comment)
        }
    }
}

/// Runs an action of this pane; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    let height = Areas::of(model).pane(Place::Thread).height;
    let thread = model.thread.as_mut()?;
    if scroll(thread, action, height) || fold(thread, action) {
        return Some(Vec::new());
    }
    match action {
        Action::NextSibling => return Some(sibling(model, Way::On)),
        Action::PreviousSibling => return Some(sibling(model, Way::Back)),
        Action::NextPost => return Some(go(model, Direction::Older, Wanted::Listed)),
        Action::PreviousPost => return Some(go(model, Direction::Newer, Wanted::Listed)),
        Action::NextUnread => return Some(next_unread(model)),
        Action::PreviousUnread => return Some(previous_unread(model)),
        Action::NextAnswer => return Some(answer_to_me(model, Way::On)),
        Action::PreviousAnswer => return Some(answer_to_me(model, Way::Back)),
        Action::ShowNew => return Some(show_new(model)),
        Action::ReplyToPost => {
            let target = Target::post(&thread.post);
            return Some(compose::reply(model, &target));
        }
        Action::ToggleRead => {
            let (post_id, mark) = (thread.post.post_id, feed::toggled(thread.post.mark));
            return Some(feed::mark(model, post_id, mark));
        }
        Action::Collapse if thread.comments.selected() == Selected::Post => close(model),
        Action::Back => close(model),
        Action::Cancel | Action::NextPane | Action::PreviousPane => model.place = Place::Feed,
        _ => return target::perform(model, action),
    }
    Some(Vec::new())
}

fn close(model: &mut Model) {
    model.thread = None;
    model.place = Place::Feed;
}

/// Moves the window or the selection; `false` when the action moves nothing.
fn scroll(thread: &mut Thread, action: Action, height: u16) -> bool {
    let window = thread.window(height);
    match action {
        Action::MoveDown => step(thread, Way::On, window),
        Action::MoveUp => step(thread, Way::Back, window),
        Action::GoFirst => {
            thread.top = Top::default();
            thread.comments.select(0);
        }
        Action::GoLast => {
            let last = thread.comments.item_count().saturating_sub(1);
            thread.comments.select(last);
            let (mut measure, top) = thread.measured();
            *top = Top { item: last, row: usize::MAX / 2 };
            top.settle(window, &mut measure);
        }
        Action::HalfPageDown => turn(thread, Way::On, window / 2, window),
        Action::HalfPageUp => turn(thread, Way::Back, window / 2, window),
        Action::PageDown => turn(thread, Way::On, window, window),
        Action::PageUp => turn(thread, Way::Back, window, window),
        _ => return false,
    }
    true
}

/// To the next item; through one that does not fit, row by row.
fn step(thread: &mut Thread, way: Way, window: usize) {
    let selected = thread.comments.selected_item();
    let last = thread.comments.item_count().saturating_sub(1);
    let (mut measure, top) = thread.measured();
    let row = top.row_of(selected, window, &mut measure).unwrap_or(0);
    let end = row.saturating_add_unsigned(measure.height(selected));
    let goes_on = match way {
        Way::On => end > isize::try_from(window).unwrap_or(isize::MAX),
        Way::Back => row < 0,
    };
    if goes_on {
        match way {
            Way::On => top.down(1, &mut measure),
            Way::Back => top.up(1, &mut measure),
        }
        return;
    }
    let next = match way {
        Way::On => selected.saturating_add(1).min(last),
        Way::Back => selected.saturating_sub(1),
    };
    if next != selected {
        show_next(&mut measure, top, next, way, window);
    }
    thread.comments.select(next);
}

/// Brings the next item in; one that does not fit from the side it is come to.
fn show_next(measure: &mut Measure<'_>, top: &mut Top, next: usize, way: Way, window: usize) {
    let height = measure.height(next);
    match way {
        Way::Back if height > window => *top = Top { item: next, row: height - window },
        Way::On | Way::Back => top.reveal(next, window, measure),
    }
}

/// Moves the window by so many rows, and takes the selection along where it would leave it.
fn turn(thread: &mut Thread, way: Way, rows: usize, window: usize) {
    let selected = thread.comments.selected_item();
    let (mut measure, top) = thread.measured();
    let before = *top;
    match way {
        Way::On => top.down(rows, &mut measure),
        Way::Back => top.up(rows, &mut measure),
    }
    top.settle(window, &mut measure);
    let (first, last) = top.items(window, &mut measure);
    let at_end = *top == before;
    let item = match way {
        // Nothing more to move: to the very end.
        Way::On if at_end => last,
        Way::Back if at_end => first,
        // Rather one whose beginning is there.
        Way::On if top.row > 0 && first < last => selected.clamp(first + 1, last),
        Way::On | Way::Back => selected.clamp(first, last),
    };
    thread.comments.select(item);
}

/// Folds, unfolds, and goes up and down by levels; `false` when the action does not.
fn fold(thread: &mut Thread, action: Action) -> bool {
    let before = thread.comments.selected();
    match action {
        Action::ToggleFold => thread.comments.toggle_fold(),
        Action::FoldAll => thread.comments.fold_all(),
        Action::UnfoldAll => thread.comments.unfold_all(),
        Action::Collapse if before != Selected::Post => thread.comments.collapse(),
        Action::Expand => thread.comments.expand(),
        _ => return false,
    }
    let is_same = thread.comments.selected() == before;
    thread.hold = if is_same { Hold::Whole } else { Hold::Nothing };
    true
}

/// To the next answer to the same; at the post, to the next post.
fn sibling(model: &mut Model, way: Way) -> Vec<Request> {
    let Some(thread) = &mut model.thread else {
        return Vec::new();
    };
    if thread.comments.selected() == Selected::Post {
        let direction = if way == Way::On { Direction::Older } else { Direction::Newer };
        return go(model, direction, Wanted::Listed);
    }
    thread.comments.go_sibling(way);
    thread.hold = Hold::Nothing;
    Vec::new()
}

/// To the next new comment, then to those that came in meanwhile, then to the next unread post.
fn next_unread(model: &mut Model) -> Vec<Request> {
    let Some(thread) = &mut model.thread else {
        return Vec::new();
    };
    if thread.comments.go_fresh(Way::On) {
        thread.hold = Hold::Nothing;
        return Vec::new();
    }
    if let Some(place) = thread.comments.show_held() {
        thread.comments.select_place(place);
        thread.hold = Hold::Nothing;
        return read(model);
    }
    go(model, Direction::Older, Wanted::Unread)
}

fn previous_unread(model: &mut Model) -> Vec<Request> {
    let Some(thread) = &mut model.thread else {
        return Vec::new();
    };
    if thread.comments.go_fresh(Way::Back) {
        thread.hold = Hold::Nothing;
        return Vec::new();
    }
    go(model, Direction::Newer, Wanted::Unread)
}

fn answer_to_me(model: &mut Model, way: Way) -> Vec<Request> {
    let Some(thread) = &mut model.thread else {
        return Vec::new();
    };
    if thread.comments.go_to_me(way) {
        thread.hold = Hold::Nothing;
        return Vec::new();
    }
    model.say("no answer to you this way")
}

/// Shows the comments that came in, and moves nothing that is being read.
fn show_new(model: &mut Model) -> Vec<Request> {
    let Some(thread) = &mut model.thread else {
        return Vec::new();
    };
    if thread.comments.show_held().is_none() {
        return model.say("nothing new has come in");
    }
    thread.hold = Hold::Selected;
    read(model)
}

/// Opens the next post from the opened one on, wherever the selection of the feed is; if it has to be asked for, as
/// soon as it is there.
fn go(model: &mut Model, direction: Direction, wanted: Wanted) -> Vec<Request> {
    let Some(from) = model.thread.as_ref().map(|thread| thread.post.position) else {
        return Vec::new();
    };
    let (searched, mut requests) =
        model.feed.search(Search { from, direction, wanted, purpose: Purpose::Open });
    match searched {
        Searched::Selected => requests.extend(open_selected(model)),
        Searched::Nothing if wanted == Wanted::Unread => return model.say(feed::NOTHING_UNREAD),
        Searched::Nothing | Searched::Waiting => {}
    }
    requests
}

/// Opens the selected post, which was searched for, if the person still reads the one the search began at.
pub fn open_in_place_of(model: &mut Model, position: FeedPosition) -> Vec<Request> {
    let is_read = model.thread.as_ref().is_some_and(|thread| thread.post.position == position);
    if is_read && model.place == Place::Thread { open_selected(model) } else { Vec::new() }
}
