//! An opened post, in full. Opening marks it read; nothing else does.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{feed, sentence, signature};
use crate::api::{Audience, PostView, Query, ReadMark, ThreadView};
use crate::domain::ids::ObjectId;
use crate::domain::ordering::FeedPosition;
use crate::limits::QUERY_ROWS;
use crate::ui::action::Action;
use crate::ui::layout::Areas;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{Model, Place};
use crate::ui::timeline::{Direction, Purpose, Search, Searched, Wanted};
use crate::ui::widgets::scroll::scrolled;
use crate::ui::widgets::{lines, wrap};

/// An opened post and how far it is scrolled.
#[derive(Debug, Clone, PartialEq)]
pub struct Thread {
    post: PostView,
    scroll: usize,
    /// The text in rows, and the width it was wrapped for.
    wrapped: (usize, Vec<String>),
}

impl Thread {
    /// A post to be shown from its beginning.
    pub const fn new(post: PostView) -> Self {
        Self { post, scroll: 0, wrapped: (0, Vec::new()) }
    }

    fn rows(&self, width: usize) -> std::borrow::Cow<'_, [String]> {
        if self.wrapped.0 == width {
            return (&self.wrapped.1).into();
        }
        wrap::rows(self.post.text.as_str().trim_end(), width)
            .map(str::to_owned)
            .collect::<Vec<String>>()
            .into()
    }
}

/// Wraps the text for the area and keeps the scroll position inside it.
pub fn settle(model: &mut Model, area: Rect) {
    let Some(thread) = &mut model.thread else { return };
    if area.width == 0 {
        return;
    }
    let width = text_width(area);
    if thread.wrapped.0 != width {
        thread.wrapped = (width, thread.rows(width).into_owned());
    }
    let text_rows = thread.wrapped.1.len();
    let post = thread.post.clone();
    let rows = head(model, area.width).len() + text_rows + foot(model, &post, area.width).len();
    if let Some(thread) = &mut model.thread {
        thread.scroll = thread.scroll.min(rows.saturating_sub(usize::from(area.height)));
    }
}

fn text_width(area: Rect) -> usize {
    usize::from(area.width.min(super::TEXT_COLUMNS)).max(1)
}

/// Opens the selected post: asks for all of it and marks it read.
pub fn open_selected(model: &mut Model) -> Vec<Request> {
    let Some(post) = model.feed.selected().cloned() else {
        return Vec::new();
    };
    let post_id = post.post_id;
    model.thread = Some(Thread::new(post));
    model.place = Place::Thread;
    let query = Query::Thread { post_id, after: None, limit: QUERY_ROWS };
    let mut requests = vec![Request::Query(Asked::Thread(post_id), query)];
    requests.extend(feed::mark(model, post_id, ReadMark::Read));
    requests
}

/// The node's answer: everything about the opened post.
pub fn show(model: &mut Model, view: ThreadView) {
    if let Some(thread) = &mut model.thread
        && thread.post.post_id == view.post.post_id
    {
        let mark = thread.post.mark;
        if thread.post.text != view.post.text {
            thread.wrapped = (0, Vec::new());
        }
        thread.post = view.post;
        // The node may have answered before it marked the post.
        thread.post.mark = mark;
    }
}

/// Marks the opened post; what it was marked before, if that differs.
pub fn mark(model: &mut Model, post_id: ObjectId, mark: ReadMark) -> Option<ReadMark> {
    let thread = model.thread.as_mut().filter(|thread| thread.post.post_id == post_id)?;
    let before = std::mem::replace(&mut thread.post.mark, mark);
    (before != mark).then_some(before)
}

/// Runs an action of this pane; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    let height = Areas::of(model).thread.height;
    let thread = model.thread.as_mut()?;
    if let Some(scrolled) = scrolled(thread.scroll, action, height) {
        thread.scroll = scrolled;
        return Some(Vec::new());
    }
    match action {
        Action::CopyText => {
            let text = thread.post.text.to_string();
            return Some(feed::copy(model, &text));
        }
        Action::ToggleRead => {
            let (post_id, mark) = (thread.post.post_id, feed::toggled(thread.post.mark));
            return Some(feed::mark(model, post_id, mark));
        }
        Action::NextPost => return Some(go(model, Direction::Older, Wanted::Listed)),
        Action::PreviousPost => return Some(go(model, Direction::Newer, Wanted::Listed)),
        Action::NextUnread => return Some(go(model, Direction::Older, Wanted::Unread)),
        Action::PreviousUnread => return Some(go(model, Direction::Newer, Wanted::Unread)),
        Action::Back => {
            model.thread = None;
            model.place = Place::Feed;
        }
        Action::Cancel | Action::NextPane => model.place = Place::Feed,
        _ => return None,
    }
    Some(Vec::new())
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

/// Who, when, for whom.
fn head(model: &Model, columns: u16) -> Vec<Line<'static>> {
    let theme = model.theme;
    let Some(thread) = &model.thread else {
        return Vec::new();
    };
    let post = &thread.post;
    let Audience::Public = post.audience;
    let facts = format!("{}{}public", post.created.format_utc(), theme.dot());
    let mut head = vec![Line::from(signature(
        theme,
        &post.author_name,
        post.author,
        usize::from(columns),
        theme.strong(),
    ))];
    head.extend(sentence(&facts, columns, theme.faint()));
    if post.mark == ReadMark::Unread {
        head.push(lines::plain(format!("{} marked unread", theme.unread()), theme.fresh()));
    }
    head.push(Line::default());
    head
}

/// Its id, in one row where that fits.
fn foot(model: &Model, post: &PostView, columns: u16) -> Vec<Line<'static>> {
    let faint = model.theme.faint();
    let id = post.post_id.to_string();
    let named = format!("id {id}");
    let id = if named.len() <= usize::from(columns) { named } else { id };
    let mut foot = vec![Line::default()];
    foot.extend(sentence(&id, columns, faint));
    foot
}

/// Draws the post from its scroll position on.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let Some(thread) = &model.thread else {
        let text = format!("{} opens the selected post here.", model.key(Action::Open));
        return lines::draw(buffer, area, sentence(&text, area.width, model.theme.faint()));
    };
    let rows = thread.rows(text_width(area));
    let text = rows.iter().map(|row| Line::raw(row.as_str()));
    let foot = foot(model, &thread.post, area.width);
    let all = head(model, area.width).into_iter().chain(text).chain(foot);
    lines::draw(buffer, area, all.skip(thread.scroll));
}
