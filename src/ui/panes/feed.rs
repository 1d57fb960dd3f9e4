//! The feed: posts of everybody followed, newest first. What it shows lives in [`crate::ui::timeline`].

use std::borrow::Cow;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{attachments, reaction, sentence, signature, target, thread};
use crate::api::{Command, FeedFilter, FeedPage, PostView, ReadMark, SyncReport};
use crate::domain::ids::ObjectId;
use crate::ui::action::Action;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{Model, Place};
use crate::ui::timeline::{Direction, Entry, FeedAsk, Preview, Purpose, Search, Searched, Wanted};
use crate::ui::widgets::{lines, when, wrap};

/// Text put into the clipboard at once: as base64 with its frame it stays below 8 KiB, which terminals take.
const COPY_BYTES: usize = 6_000;
/// How long `R` waits for peers.
const SYNC_WAIT: Duration = Duration::from_secs(10);
/// Columns left of the text: the bar of the selection, the unread mark, a gap.
const GUTTER: u16 = 3;
/// Columns of a name that facts beside it leave to it.
const NAME_ROOM: usize = 10;
/// Emoji shown beside a post.
const SHOWN_EMOJI: usize = 3;

/// What an empty feed teaches.
const WELCOME: &str = include_str!("../../../assets/welcome.txt");

/// Fits the scroll position to the area.
pub fn settle(model: &mut Model, area: Rect) {
    if area.width > 0 {
        model.feed.settle(text_width(area), usize::from(area.height));
    }
}

fn text_width(area: Rect) -> usize {
    usize::from(area.width.saturating_sub(GUTTER).min(super::TEXT_COLUMNS))
}

/// Runs an action of this pane; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    let area = crate::ui::layout::Areas::of(model).pane(Place::Feed);
    let (rows, width) = (usize::from(area.height), text_width(area));
    let feed = &mut model.feed;
    Some(match action {
        Action::MoveDown => feed.step(1),
        Action::MoveUp => feed.step(-1),
        Action::GoFirst => feed.go_newest(),
        Action::GoLast => feed.go_oldest(),
        Action::HalfPageDown => feed.scroll(Direction::Older, rows / 2, width),
        Action::HalfPageUp => feed.scroll(Direction::Newer, rows / 2, width),
        Action::PageDown => feed.scroll(Direction::Older, rows, width),
        Action::PageUp => feed.scroll(Direction::Newer, rows, width),
        Action::NextUnread => return Some(seek_unread(model, Direction::Older)),
        Action::PreviousUnread => return Some(seek_unread(model, Direction::Newer)),
        Action::FilterUnread => feed.toggle_filter(),
        Action::Open => return Some(thread::open_selected(model)),
        Action::ToggleRead => {
            let selected = feed.selected().map(|post| (post.post_id, toggled(post.mark)));
            selected.map_or_else(Vec::new, |(post_id, mark)| self::mark(model, post_id, mark))
        }
        Action::ReadAbove => {
            let unread = feed.unread_above();
            unread.into_iter().flat_map(|post_id| self::mark(model, post_id, ReadMark::Read)).collect()
        }
        Action::NextPane | Action::PreviousPane if model.thread.is_some() => {
            model.place = Place::Thread;
            Vec::new()
        }
        _ => return target::perform(model, action),
    })
}

/// What is said when there is no unread post where one was looked for.
pub const NOTHING_UNREAD: &str = "nothing unread this way";

/// Selects the next unread post in a direction, or says that there is none.
fn seek_unread(model: &mut Model, direction: Direction) -> Vec<Request> {
    let Some(from) = model.feed.selected().map(|post| post.position) else {
        return if model.feed.is_loaded() { model.say(NOTHING_UNREAD) } else { Vec::new() };
    };
    let search = Search { from, direction, wanted: Wanted::Unread, purpose: Purpose::Select };
    let (searched, requests) = model.feed.search(search);
    if searched == Searched::Nothing {
        model.say(NOTHING_UNREAD);
    }
    requests
}

/// Puts a part of the feed in place, and opens the post that was searched for.
pub fn answered(model: &mut Model, asked: FeedAsk, page: FeedPage) -> Vec<Request> {
    if asked.seeks_unread() && page.posts.is_empty() {
        model.say(NOTHING_UNREAD);
    }
    let replaced = model.feed.replaces(asked);
    let mut requests = model.feed.answered(asked, page);
    if let Some(position) = replaced {
        requests.extend(thread::open_in_place_of(model, position));
    }
    requests
}

/// The other mark.
pub const fn toggled(mark: ReadMark) -> ReadMark {
    match mark {
        ReadMark::Read => ReadMark::Unread,
        ReadMark::Unread => ReadMark::Read,
    }
}

/// Marks a post wherever it is shown, and tells the node.
pub fn mark(model: &mut Model, post_id: ObjectId, mark: ReadMark) -> Vec<Request> {
    let in_thread = thread::mark(model, post_id, mark);
    let Some(before) = model.feed.mark(post_id, mark).or(in_thread) else {
        return Vec::new();
    };
    vec![Request::Command(Asked::Mark(post_id, before), Command::MarkPost { post_id, mark })]
}

/// Puts text into the clipboard, as much as terminals take, and says so.
pub fn copy(model: &mut Model, text: &str) -> Vec<Request> {
    let end = (0..=COPY_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    let copied = text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned();
    let said = if copied.len() < text.len() {
        format!("copied the first {} of {} bytes", copied.len(), text.len())
    } else {
        "copied".to_owned()
    };
    model.say(&said);
    vec![Request::Copy(copied)]
}

/// Pulls from all peers.
pub fn sync(model: &mut Model) -> Vec<Request> {
    model.say("asking all connected peers");
    vec![Request::Command(Asked::Sync, Command::Sync { wait: SYNC_WAIT })]
}

/// Says what a pull brought.
pub fn synced(model: &mut Model, report: SyncReport) -> Vec<Request> {
    let posts = match report.new_posts {
        0 => "nothing new".to_owned(),
        1 => "1 new post".to_owned(),
        many => format!("{many} new posts"),
    };
    let peers = match report.peers {
        0 => return model.say("no peer answered"),
        1 => "1 peer".to_owned(),
        many => format!("{many} peers"),
    };
    model.say(&format!("{posts} from {peers}"))
}

/// Draws the posts that fit.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    if model.feed.entries().is_empty() {
        if model.feed.is_loaded() {
            draw_empty(model, area, buffer);
        }
        return;
    }
    let mut rest = area;
    let top = model.feed.top();
    for (at, entry) in model.feed.entries().iter().enumerate().skip(top) {
        if rest.is_empty() {
            break;
        }
        let selected = at == model.feed.selected_index();
        let (used, below) = draw_post(model, entry, selected, rest, buffer);
        let gap = u16::from(used < rest.height);
        rest = lines::split_top(below, gap).1;
    }
}

/// Draws one post at the top of the area; the rows it took, and the area below.
fn draw_post(model: &Model, entry: &Entry, selected: bool, area: Rect, buffer: &mut Buffer) -> (u16, Rect) {
    let theme = model.theme;
    let width = text_width(area);
    let preview =
        entry.preview(width).map_or_else(|| Cow::Owned(Preview::of(&entry.post, width)), Cow::Borrowed);
    let note = attachments::summary(theme, &entry.post, width);
    let rows = u16::try_from(preview.rows.len() + usize::from(note.is_some()) + 1).unwrap_or(u16::MAX);
    let (post, below) = lines::split_top(area, rows);
    if selected {
        let bars = std::iter::repeat_n(lines::plain(theme.bar(), theme.accent()), usize::from(post.height));
        lines::draw(buffer, post, bars);
    }
    let glyph = match entry.post.mark {
        ReadMark::Unread => theme.unread(),
        ReadMark::Read if entry.post.unread_to_me_count > 0 => theme.to_me(),
        ReadMark::Read => " ",
    };
    let mark = lines::indent(Rect { height: post.height.min(1), ..post }, 1);
    lines::draw(buffer, mark, [lines::plain(glyph, theme.fresh())]);
    let text = lines::indent(post, GUTTER);
    let head = head(model, &entry.post, selected, usize::from(text.width));
    let last = preview.rows.len().saturating_sub(1);
    let body = preview.rows.iter().enumerate().map(|(at, row)| {
        let mut line = Line::raw(row.as_str());
        if preview.cut && at == last {
            line.push_span(Span::styled(format!(" {}", theme.ellipsis()), theme.faint()));
        }
        line
    });
    let note = note.map(|note| lines::plain(note, theme.faint()));
    lines::draw(buffer, text, std::iter::once(head).chain(body).chain(note));
    (rows.min(area.height), below)
}

/// `ana 58666666 · 2m · edited · 2 replies, 1 new · ♥ 3`; where there is no room for all of it, less.
fn head(model: &Model, post: &PostView, selected: bool, columns: usize) -> Line<'static> {
    let theme = model.theme;
    let style = match (selected, post.mark) {
        (true, _) => theme.accent(),
        (false, ReadMark::Unread) => theme.strong(),
        (false, ReadMark::Read) => ratatui::style::Style::new(),
    };
    let name = wrap::cells(post.author_name.as_str()).clamp(1, NAME_ROOM);
    let room = columns.saturating_sub(name + post.author.fingerprint().len() + 1);
    let facts = facts(model, post, room);
    let news = if post.unread_comment_count > 0 { theme.strong() } else { theme.faint() };
    let width = facts.iter().map(|fact| wrap::cells(theme.dot()) + wrap::cells(fact)).sum();
    let mut spans = signature(theme, &post.author_name, post.author, columns.saturating_sub(width), style);
    for (at, fact) in facts.into_iter().enumerate() {
        spans.push(Span::styled(theme.dot(), theme.faint()));
        spans.push(Span::styled(fact, if at == 0 { theme.faint() } else { news }));
    }
    Line::from(spans)
}

/// What stands behind the name, in at most so many columns: first all of it, then in fewer words, then without what
/// can wait longest. The age is always there.
fn facts(model: &Model, post: &PostView, columns: usize) -> Vec<String> {
    let age = when::age(model.now, post.created);
    let edited = post.edited.map_or(String::new(), |_| "edited".to_owned());
    let reactions = |most| reaction::summary(&post.reactions, &post.my_reactions, columns, most);
    let (all, few) = (reactions(SHOWN_EMOJI), reactions(1));
    let (long, short) = (replies(post), news(post));
    let attempts =
        [[&age, &edited, &long, &all], [&age, &edited, &long, &few], [&age, &edited, &short, &few]];
    let without = [vec![&age, &short, &few], vec![&age, &short]];
    let dot = wrap::cells(model.theme.dot());
    let attempts = attempts.into_iter().map(Vec::from).chain(without);
    let mut attempts =
        attempts.map(|facts| facts.into_iter().filter(|fact| !fact.is_empty()).collect::<Vec<_>>());
    let fits =
        |facts: &Vec<&String>| facts.iter().map(|fact| dot + wrap::cells(fact)).sum::<usize>() <= columns;
    let found: Option<Vec<String>> = attempts.find(fits).map(|facts| facts.into_iter().cloned().collect());
    found.unwrap_or_else(|| vec![age.clone()])
}

/// `2 replies, 1 new, 1 to you`.
fn replies(post: &PostView) -> String {
    let count = |count| usize::try_from(count).unwrap_or(usize::MAX);
    let replies = thread::replies(count(post.comment_count), count(post.unread_comment_count));
    match post.unread_to_me_count {
        0 => replies,
        to_me => format!("{replies}, {to_me} to you"),
    }
}

/// The same in few words: what is new of it, if anything is.
fn news(post: &PostView) -> String {
    match (post.unread_to_me_count, post.unread_comment_count, post.comment_count) {
        (1.., ..) => format!("{} new to you", post.unread_to_me_count),
        (0, 1.., _) => format!("{} new", post.unread_comment_count),
        (0, 0, _) => replies(post),
    }
}

/// A text of ours in which `{name}` stands for the keys of the action with this name.
fn with_keys(model: &Model, text: &str) -> String {
    Action::ALL.iter().fold(text.to_owned(), |text, action| {
        let name = format!("{{{}}}", action.name());
        if text.contains(&name) { text.replace(&name, &model.key(*action)) } else { text }
    })
}

fn draw_empty(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let (title, rest) = match model.feed.filter() {
        FeedFilter::Unread => {
            ("Nothing unread.", format!("{} shows all posts again.", model.key(Action::FilterUnread)))
        }
        FeedFilter::All => ("No posts yet.", with_keys(model, WELCOME)),
    };
    let column = lines::middle(area, 60, u16::MAX);
    let mut said: Vec<Vec<Line<'_>>> =
        rest.trim_end().lines().map(|line| sentence(line, column.width, theme.faint())).collect();
    // The title and the empty row below it, which is the first thing to give way.
    let rows = |said: &[Vec<Line<'_>>]| said.iter().map(Vec::len).sum::<usize>() + 1;
    let height = usize::from(area.height);
    while said.len() > 1 && rows(&said) > height {
        // The last line leads to everything that is left out; the one before it can wait longest.
        said.remove(said.len() - 2);
    }
    let gap = (rows(&said) < height).then(Line::default);
    let text: Vec<Line<'_>> = std::iter::once(lines::plain(title, theme.strong()))
        .chain(gap)
        .chain(said.into_iter().flatten())
        .collect();
    lines::draw(buffer, lines::middle(area, 60, u16::try_from(text.len()).unwrap_or(u16::MAX)), text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;
    use crate::ui::Reach;
    use crate::ui::theme::Theme;

    #[test]
    fn the_welcome_names_five_keys_that_work() {
        let model = Model::new(Theme::default(), Reach::Public, Timestamp::ZERO);
        let names: Vec<&str> =
            WELCOME.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect();
        assert_eq!(names.len(), 5);
        for name in names {
            let action = Action::named(name).unwrap();
            assert!(model.keymap.keys_of(model.contexts(), action).is_some(), "{name}");
        }
        assert!(!with_keys(&model, WELCOME).contains(['{', '}']));
    }
}
