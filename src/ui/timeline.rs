//! The feed in memory: a bounded window of posts, newest first, with a selection and a scroll position. It asks for
//! the pages around it and puts answers in place. It draws nothing.
//!
//! Invariants: at most [`WINDOW_POSTS`] posts; at most one page is being asked for; whatever comes in, the selected
//! post stays selected and, away from the top, on the same row of the screen.

use std::collections::BTreeSet;
use std::time::Duration;

use super::message::{Asked, Request, Wake};
use super::widgets::wrap;
use crate::api::{FeedAnchor, FeedFilter, FeedPage, More, PostView, Query, ReadMark};
use crate::domain::ids::ObjectId;
use crate::domain::ordering::FeedPosition;
use crate::domain::time::Timestamp;
use crate::limits::QUERY_ROWS;

/// Posts held at once: one answer of the node. Lower reloads more often while scrolling; higher is memory for text
/// nobody looks at (at most 16 KiB each).
pub const WINDOW_POSTS: usize = 200;
/// Posts asked for at an end of the window.
const PAGE_POSTS: u32 = 50;
/// Rows of posts left before an end at which the next page is asked for.
const PAGE_AHEAD: usize = 20;
/// New posts counted exactly; more are shown as `99+`.
const COUNTED_POSTS: u32 = 99;
/// Time between two refreshes while posts stream in.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);
/// Rows of text shown of each post.
pub const PREVIEW_ROWS: usize = 6;

/// Columns of the mark behind a text that goes on: a gap and an ellipsis, three dots in ASCII.
const MARK_COLUMNS: usize = 4;

/// Which part of the feed was asked for, and for which state of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedAsk {
    /// Answers for an earlier window are dropped.
    generation: u64,
    part: Part,
}

impl FeedAsk {
    /// Whether it looks for an unread post beyond the window.
    pub fn seeks_unread(self) -> bool {
        self.part == Part::Beyond(Wanted::Unread)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The newest posts, in place of the window.
    Newest,
    /// The oldest posts, in place of the window.
    Oldest,
    /// From what was found beyond the window on to older ones, in place of the window.
    Found,
    /// What follows the window.
    Older,
    /// What precedes the window.
    Newer,
    /// The window again; what is known about posts behind it.
    Refresh(More),
    /// The posts on the screen again, each in its place.
    Visible,
    /// How many posts are newer than what was seen.
    Count,
    /// The next post of a search beyond the window.
    Beyond(Wanted),
}

/// A search for the next post from a place on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Search {
    /// Where it begins. The post there need not stand in the window, nor in the feed any more.
    pub from: FeedPosition,
    /// Which way it goes.
    pub direction: Direction,
    /// Which posts it stops at.
    pub wanted: Wanted,
    /// What the person wants with the post.
    pub purpose: Purpose,
}

/// Which posts a search stops at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Whatever the feed shows.
    Listed,
    /// Those that were not opened or have new comments; beyond the window, where only the node knows, those that were
    /// not opened.
    Unread,
}

/// What the person wants with the post that is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To have it selected.
    Select,
    /// To read it in place of the opened one, at which the search begins.
    Open,
}

/// How a search went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Searched {
    /// The post is selected.
    Selected,
    /// A page is on its way.
    Waiting,
    /// There is no such post.
    Nothing,
}

/// A post with the rows shown of it, wrapped once per width.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The post.
    pub post: PostView,
    preview: Option<Preview>,
}

/// The first rows of a text at one width.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    width: usize,
    /// At most [`PREVIEW_ROWS`].
    pub rows: Vec<String>,
    /// Whether the text goes on.
    pub cut: bool,
    /// Rows about attachments: one, or none.
    notes: usize,
}

impl Preview {
    /// Wraps as much of a post as the feed shows.
    pub fn of(post: &PostView, width: usize) -> Self {
        let mut all = wrap::rows(post.text.as_str().trim_end(), width);
        let mut rows: Vec<String> = all.by_ref().take(PREVIEW_ROWS).map(str::to_owned).collect();
        let cut = all.next().is_some();
        if let Some(last) = rows.last_mut().filter(|_| cut) {
            // Room for a gap and the mark of what was left out.
            let fitting = wrap::rows(last, width.saturating_sub(MARK_COLUMNS)).next();
            *last = fitting.unwrap_or_default().to_owned();
        }
        if post.text.as_str().trim().is_empty() && !post.attachments.is_empty() {
            rows.clear();
        }
        Self { width, rows, cut, notes: usize::from(!post.attachments.is_empty()) }
    }

    /// Rows of the screen, with the line of the author before and an empty one behind.
    fn height(&self) -> usize {
        self.rows.len() + self.notes + 2
    }
}

impl Entry {
    const fn new(post: PostView) -> Self {
        Self { post, preview: None }
    }

    /// The rows at this width, if they were wrapped for it.
    pub fn preview(&self, width: usize) -> Option<&Preview> {
        self.preview.as_ref().filter(|preview| preview.width == width)
    }

    fn height(&mut self, width: usize) -> usize {
        if self.preview(width).is_none() {
            self.preview = Some(Preview::of(&self.post, width));
        }
        self.preview.as_ref().map_or(0, Preview::height)
    }
}

/// What is known about posts above the screen that nobody has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Above {
    /// How many.
    pub count: usize,
    /// Whether there are even more.
    pub more: More,
}

/// The window and the person's place in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    entries: Vec<Entry>,
    selected: usize,
    top: usize,
    newer: More,
    older: More,
    /// Whether the first answer has come.
    loaded: bool,
    filter: FeedFilter,
    unread_count: u64,
    /// The newest post that was on the screen with nothing above it.
    seen: Option<FeedPosition>,
    above: Above,
    generation: u64,
    paging: Paging,
    /// The last search beyond the window: the opened post that gives way to what it finds, and what it found.
    opener: Option<FeedPosition>,
    found: Option<FeedPosition>,
    /// Posts of the window beside which something has changed.
    stale: BTreeSet<ObjectId>,
    pause: Pause,
    /// Posts on the screen.
    visible: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paging {
    Idle,
    /// A page is on its way.
    Asked,
    /// As before, and what it shows has changed since.
    AskedAndChanged,
    /// A refresh waits for its timer.
    Pausing,
}

/// Whether the next look at the posts on the screen waits for its timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    Over,
    Running,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            selected: 0,
            top: 0,
            newer: More::End,
            older: More::End,
            loaded: false,
            filter: FeedFilter::All,
            unread_count: 0,
            seen: None,
            above: Above::default(),
            generation: 0,
            paging: Paging::Idle,
            opener: None,
            found: None,
            stale: BTreeSet::new(),
            pause: Pause::Over,
            visible: 0,
        }
    }
}

impl Timeline {
    /// The posts of the window, newest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The selected post.
    pub fn selected(&self) -> Option<&PostView> {
        self.entries.get(self.selected).map(|entry| &entry.post)
    }

    /// The selected post's place in the window.
    pub const fn selected_index(&self) -> usize {
        self.selected
    }

    /// The first post on the screen.
    pub const fn top(&self) -> usize {
        self.top
    }

    /// Whether the first answer has come.
    pub const fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Which posts it shows.
    pub const fn filter(&self) -> FeedFilter {
        self.filter
    }

    /// Posts of the whole feed that were not opened.
    pub const fn unread_count(&self) -> u64 {
        self.unread_count
    }

    /// Posts newer than all that was seen.
    pub fn above(&self) -> Above {
        if self.is_at_top() { Above::default() } else { self.above }
    }

    fn is_at_top(&self) -> bool {
        self.top == 0 && self.newer == More::End
    }

    /// Goes to the newest post.
    pub fn go_newest(&mut self) -> Vec<Request> {
        if self.newer == More::End && self.loaded {
            (self.selected, self.top) = (0, 0);
            let was_idle = self.paging == Paging::Idle;
            // What is still on its way belongs to where the person was.
            self.generation += 1;
            self.paging = Paging::Idle;
            return if was_idle { Vec::new() } else { self.refresh() };
        }
        self.replace(Part::Newest, FeedAnchor::Newest)
    }

    /// Goes to the oldest post.
    pub fn go_oldest(&mut self) -> Vec<Request> {
        if self.older == More::End {
            self.selected = self.entries.len().saturating_sub(1);
            return Vec::new();
        }
        self.replace(Part::Oldest, FeedAnchor::After(bottom()))
    }

    /// Shows all posts, or only unread ones.
    pub fn toggle_filter(&mut self) -> Vec<Request> {
        self.filter = match self.filter {
            FeedFilter::All => FeedFilter::Unread,
            FeedFilter::Unread => FeedFilter::All,
        };
        self.replace(Part::Newest, FeedAnchor::Newest)
    }

    /// Moves the selection by posts.
    pub fn step(&mut self, posts: isize) -> Vec<Request> {
        let last = self.entries.len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(posts).min(last);
        self.fill()
    }

    /// Moves the selection by about so many rows of the screen, at least by one post.
    pub fn scroll(&mut self, down: Direction, rows: usize, width: usize) -> Vec<Request> {
        let mut gone = 0;
        let start = self.selected;
        while gone < rows {
            let next = down.next(self.selected).filter(|next| *next < self.entries.len());
            let (Some(next), Some(entry)) = (next, self.entries.get_mut(self.selected)) else {
                break;
            };
            gone += entry.height(width);
            if gone > rows && self.selected != start {
                break;
            }
            self.selected = next;
        }
        self.fill()
    }

    /// Selects the next post of a search, beyond the window if it must.
    pub fn search(&mut self, search: Search) -> (Searched, Vec<Request>) {
        let Search { from, direction, wanted, purpose } = search;
        let (newest, oldest) = (self.first(), self.last());
        // Only next to a place inside the window nothing can be missing.
        let (is_inside, more) = match direction {
            Direction::Older => (self.newer == More::End || newest >= Some(from), self.older),
            Direction::Newer => {
                (self.older == More::End || oldest.is_some_and(|last| last <= from), self.newer)
            }
        };
        let is_next = |entry: &Entry| {
            let position = entry.post.position;
            let is_beyond = match direction {
                Direction::Older => position < from,
                Direction::Newer => position > from,
            };
            let is_unread = entry.post.mark == ReadMark::Unread || entry.post.unread_comment_count > 0;
            is_beyond && (wanted == Wanted::Listed || is_unread)
        };
        let found = match direction {
            Direction::Older => self.entries.iter().position(is_next),
            Direction::Newer => self.entries.iter().rposition(is_next),
        };
        if let Some(found) = found.filter(|_| is_inside) {
            self.selected = found;
            return (Searched::Selected, self.fill());
        }
        if self.paging != Paging::Idle {
            return (Searched::Waiting, Vec::new());
        }
        if is_inside && more == More::End {
            return (Searched::Nothing, Vec::new());
        }
        let page = match direction {
            Direction::Older => {
                FeedAnchor::Before(oldest.filter(|_| is_inside).map_or(from, |at| at.min(from)))
            }
            Direction::Newer => {
                FeedAnchor::After(newest.filter(|_| is_inside).map_or(from, |at| at.max(from)))
            }
        };
        let filter = if wanted == Wanted::Unread { FeedFilter::Unread } else { self.filter };
        self.paging = Paging::Asked;
        self.opener = (purpose == Purpose::Open).then_some(from);
        (Searched::Waiting, vec![self.ask(Part::Beyond(wanted), page, filter, 1)])
    }

    /// The opened post in whose place the answer's post is wanted; `None` for other and outdated answers.
    pub fn replaces(&self, asked: FeedAsk) -> Option<FeedPosition> {
        let is_found = asked.part == Part::Found && asked.generation == self.generation;
        self.opener.filter(|_| is_found)
    }

    /// Posts came in or changed: asks for the window again.
    pub fn changed(&mut self) -> Vec<Request> {
        match self.paging {
            Paging::Idle => self.refresh(),
            Paging::Asked => {
                self.paging = Paging::AskedAndChanged;
                Vec::new()
            }
            Paging::AskedAndChanged | Paging::Pausing => Vec::new(),
        }
    }

    /// The pause between two refreshes is over.
    pub fn woken(&mut self) -> Vec<Request> {
        if self.paging == Paging::Pausing { self.refresh() } else { Vec::new() }
    }

    /// Comments, reactions or the text of a post have changed: it is asked for again in a moment, if it is on the screen
    /// then, or as soon as it is.
    pub fn beside_changed(&mut self, post_id: ObjectId) -> Vec<Request> {
        if !self.entries.iter().any(|entry| entry.post.post_id == post_id) {
            return Vec::new();
        }
        self.stale.insert(post_id);
        match std::mem::replace(&mut self.pause, Pause::Running) {
            Pause::Over => vec![Request::Wake(REFRESH_PAUSE, Wake::RefreshBeside)],
            Pause::Running => Vec::new(),
        }
    }

    /// The pause before a look at the posts on the screen is over.
    pub fn rested(&mut self) -> Vec<Request> {
        self.pause = Pause::Over;
        self.ask_visible()
    }

    /// Asks for the posts on the screen again if one of them is stale and nothing else is asked for.
    fn ask_visible(&mut self) -> Vec<Request> {
        let shown = || self.entries.iter().skip(self.top).take(self.visible.max(1));
        let is_stale = shown().any(|entry| self.stale.contains(&entry.post.post_id));
        let (Some(first), true) = (shown().next(), is_stale && self.paging == Paging::Idle) else {
            return Vec::new();
        };
        let page = FeedAnchor::Before(just_above(first.post.position));
        // Others of the same moment may stand above.
        let limit = u32::try_from(self.visible).unwrap_or(QUERY_ROWS).saturating_add(2).min(QUERY_ROWS);
        self.paging = Paging::Asked;
        vec![self.ask(Part::Visible, page, self.filter, limit)]
    }

    fn take_visible(&mut self, page: FeedPage) {
        // Whoever is not in the answer is no longer in the feed: the next refresh shows that.
        let shown = self.entries.iter().skip(self.top).take(self.visible.max(1));
        let shown: Vec<ObjectId> = shown.map(|entry| entry.post.post_id).collect();
        self.stale.retain(|post_id| !shown.contains(post_id));
        for post in page.posts {
            self.stale.remove(&post.post_id);
            self.update(&post);
        }
    }

    /// Puts a newer view of a post in the place of the older one.
    pub fn update(&mut self, post: &PostView) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.post.post_id == post.post_id) {
            if entry.post.text != post.text {
                entry.preview = None;
            }
            entry.post = post.clone();
        }
    }

    /// A post of the window, to be changed where the store is about to say the same.
    pub fn post_mut(&mut self, post_id: ObjectId) -> Option<&mut PostView> {
        self.entries.iter_mut().map(|entry| &mut entry.post).find(|post| post.post_id == post_id)
    }

    /// The comments of a post were read.
    pub fn comments_read(&mut self, post_id: ObjectId) {
        if let Some(post) = self.post_mut(post_id) {
            (post.unread_comment_count, post.unread_to_me_count) = (0, 0);
        }
    }

    /// Marks a post of the window; what it was marked before, if that differs.
    pub fn mark(&mut self, post_id: ObjectId, mark: ReadMark) -> Option<ReadMark> {
        let entry = self.entries.iter_mut().find(|entry| entry.post.post_id == post_id)?;
        let before = std::mem::replace(&mut entry.post.mark, mark);
        if before == mark {
            return None;
        }
        self.unread_count = match mark {
            ReadMark::Read => self.unread_count.saturating_sub(1),
            ReadMark::Unread => self.unread_count.saturating_add(1),
        };
        Some(before)
    }

    /// The unread posts from the newest of the window to the selected one.
    pub fn unread_above(&self) -> Vec<ObjectId> {
        self.entries
            .iter()
            .take(self.selected + 1)
            .filter(|entry| entry.post.mark == ReadMark::Unread)
            .map(|entry| entry.post.post_id)
            .collect()
    }

    /// Asks for the newest posts, in place of whatever is there.
    pub fn load(&mut self) -> Vec<Request> {
        self.replace(Part::Newest, FeedAnchor::Newest)
    }

    /// The node could not answer.
    pub fn failed(&mut self, asked: FeedAsk) {
        if asked.generation == self.generation && asked.part != Part::Count {
            self.paging = Paging::Idle;
            self.loaded = true;
        }
    }

    /// Puts an answer in place.
    pub fn answered(&mut self, asked: FeedAsk, page: FeedPage) -> Vec<Request> {
        if asked.generation != self.generation {
            return Vec::new();
        }
        if asked.part == Part::Count {
            self.above = Above { count: page.posts.len(), more: page.more };
            return Vec::new();
        }
        let changed = self.paging == Paging::AskedAndChanged;
        self.paging = Paging::Idle;
        self.loaded = true;
        self.unread_count = page.unread_count;
        let mut requests = self.place(asked.part, page);
        if self.paging == Paging::Idle && changed {
            self.paging = Paging::Pausing;
            requests.push(Request::Wake(REFRESH_PAUSE, Wake::RefreshFeed));
        } else {
            requests.extend(self.fill());
        }
        requests
    }

    fn place(&mut self, part: Part, page: FeedPage) -> Vec<Request> {
        let more = page.more;
        match part {
            Part::Count => {}
            Part::Visible => self.take_visible(page),
            Part::Newest => {
                self.take_window(page);
                (self.newer, self.older) = (More::End, more);
                (self.selected, self.top) = (0, 0);
            }
            Part::Oldest => {
                self.take_window(page);
                (self.newer, self.older) = (more, More::End);
                self.selected = self.entries.len().saturating_sub(1);
            }
            Part::Found => {
                self.take_window(page);
                (self.newer, self.older) = (More::Follows, more);
                // Posts of the same moment may stand above it.
                (self.selected, self.top) = (self.index_of(self.found), 0);
            }
            Part::Older => {
                self.entries.extend(page.posts.into_iter().map(Entry::new));
                self.older = more;
                self.drop_newest();
            }
            Part::Newer => {
                self.selected += page.posts.len();
                self.top += page.posts.len();
                self.entries.splice(0..0, page.posts.into_iter().map(Entry::new));
                self.newer = more;
                self.drop_oldest();
            }
            Part::Refresh(older) => return self.take_refreshed(page, older),
            Part::Beyond(_) => {
                if let Some(position) = page.posts.first().map(|post| post.position) {
                    self.found = Some(position);
                    return self.replace(Part::Found, FeedAnchor::Before(just_above(position)));
                }
            }
        }
        Vec::new()
    }

    fn take_refreshed(&mut self, page: FeedPage, older: More) -> Vec<Request> {
        let was_at_top = self.is_at_top();
        let selected = self.selected().map(|post| post.position);
        let top = self.entries.get(self.top).map(|entry| entry.post.position);
        (self.newer, self.older) = (page.more, older);
        self.take_window(page);
        self.selected = self.index_of(selected);
        self.top = if was_at_top { 0 } else { self.index_of(top) };
        if self.is_at_top() {
            return Vec::new();
        }
        let Some(seen) = self.seen else {
            return Vec::new();
        };
        vec![self.ask(Part::Count, FeedAnchor::After(seen), self.filter, COUNTED_POSTS)]
    }

    /// Takes the posts of an answer as the window and keeps what was wrapped.
    fn take_window(&mut self, page: FeedPage) {
        self.stale.clear();
        let mut before = std::mem::take(&mut self.entries).into_iter().peekable();
        self.entries = page.posts.into_iter().take(WINDOW_POSTS).map(Entry::new).collect();
        for entry in &mut self.entries {
            while before.next_if(|old| old.post.position > entry.post.position).is_some() {}
            if let Some(old) = before.next_if(|old| old.post.post_id == entry.post.post_id) {
                entry.preview = old.preview.filter(|_| old.post.text == entry.post.text);
            }
        }
    }

    /// Where a post stands, or the next older one when it is gone.
    fn index_of(&self, position: Option<FeedPosition>) -> usize {
        let found = position
            .and_then(|position| self.entries.iter().position(|entry| entry.post.position <= position));
        found.unwrap_or(if position.is_some() { self.entries.len().saturating_sub(1) } else { 0 })
    }

    fn drop_newest(&mut self) {
        let surplus = self.entries.len().saturating_sub(WINDOW_POSTS).min(self.top);
        if surplus > 0 {
            self.entries.drain(..surplus);
            self.selected = self.selected.saturating_sub(surplus);
            self.top -= surplus;
            self.newer = More::Follows;
        }
    }

    fn drop_oldest(&mut self) {
        if self.entries.len() > WINDOW_POSTS {
            self.entries.truncate(WINDOW_POSTS);
            self.older = More::Follows;
        }
    }

    /// Asks for the next page where the selection comes near an end of the window.
    fn fill(&mut self) -> Vec<Request> {
        if self.paging != Paging::Idle {
            return Vec::new();
        }
        let near_end = self.entries.len().saturating_sub(self.selected) <= PAGE_AHEAD;
        let wanted = if near_end && self.older == More::Follows {
            self.last().map(|last| (Part::Older, FeedAnchor::Before(last)))
        } else if self.selected < PAGE_AHEAD && self.newer == More::Follows {
            self.first().map(|first| (Part::Newer, FeedAnchor::After(first)))
        } else {
            None
        };
        let Some((part, page)) = wanted else {
            return self.ask_visible();
        };
        self.paging = Paging::Asked;
        vec![self.ask(part, page, self.filter, PAGE_POSTS)]
    }

    /// Asks for the window again: what stands around the selected post, and as much above it as fits.
    fn refresh(&mut self) -> Vec<Request> {
        let last = self.entries.len().saturating_sub(1);
        let keep = last.min(self.selected + WINDOW_POSTS / 2);
        let (floor, older) = match self.entries.get(keep) {
            None => return self.replace(Part::Newest, FeedAnchor::Newest),
            Some(_) if keep == last && self.older == More::End => (bottom(), More::End),
            Some(entry) => (just_below(entry.post.position), More::Follows),
        };
        self.paging = Paging::Asked;
        vec![self.ask(Part::Refresh(older), FeedAnchor::After(floor), self.filter, QUERY_ROWS)]
    }

    fn replace(&mut self, part: Part, page: FeedAnchor) -> Vec<Request> {
        self.generation += 1;
        self.paging = Paging::Asked;
        let limit = if part == Part::Oldest { QUERY_ROWS } else { PAGE_POSTS };
        vec![self.ask(part, page, self.filter, limit)]
    }

    fn ask(&self, part: Part, page: FeedAnchor, filter: FeedFilter, limit: u32) -> Request {
        let asked = FeedAsk { generation: self.generation, part };
        let query = Query::Feed { persona: None, page, filter, limit };
        Request::Query(Asked::Feed(asked), query)
    }

    fn first(&self) -> Option<FeedPosition> {
        self.entries.first().map(|entry| entry.post.position)
    }

    fn last(&self) -> Option<FeedPosition> {
        self.entries.last().map(|entry| entry.post.position)
    }

    /// Brings the selected post onto a screen of this size, moving as little as possible.
    pub fn settle(&mut self, width: usize, height: usize) {
        self.selected = self.selected.min(self.entries.len().saturating_sub(1));
        self.top = self.top.min(self.selected);
        let mut used = 0;
        let mut lowest = self.selected;
        for at in (0..=self.selected).rev() {
            let Some(entry) = self.entries.get_mut(at) else {
                break;
            };
            used += entry.height(width);
            // The empty row behind the last post may hang over.
            if used > height + 1 && at != self.selected {
                break;
            }
            lowest = at;
            if lowest <= self.top {
                break;
            }
        }
        self.top = self.top.max(lowest);
        self.wrap_visible(width, height);
        if self.is_at_top() {
            self.seen = self.first();
            self.above = Above::default();
        }
    }

    fn wrap_visible(&mut self, width: usize, height: usize) {
        let mut used = 0;
        self.visible = 0;
        for entry in self.entries.iter_mut().skip(self.top) {
            if used >= height {
                break;
            }
            used += entry.height(width);
            self.visible += 1;
        }
    }
}

/// Which way through the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Down.
    Older,
    /// Up.
    Newer,
}

impl Direction {
    const fn next(self, at: usize) -> Option<usize> {
        match self {
            Self::Older => at.checked_add(1),
            Self::Newer => at.checked_sub(1),
        }
    }
}

const TICK: Duration = Duration::from_millis(1);

/// A position that every page before it begins with this post, or others of the same moment.
fn just_above(position: FeedPosition) -> FeedPosition {
    FeedPosition { sort: position.sort.after(TICK), post_id: ObjectId::from_bytes([0; 32]) }
}

/// A position that every page after it ends with this post.
fn just_below(position: FeedPosition) -> FeedPosition {
    FeedPosition { sort: position.sort.before(TICK), post_id: ObjectId::from_bytes([0xff; 32]) }
}

/// A position older than every post.
fn bottom() -> FeedPosition {
    FeedPosition { sort: Timestamp::from_millis(i64::MIN), post_id: ObjectId::from_bytes([0; 32]) }
}
