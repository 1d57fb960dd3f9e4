//! The picture of an opened post: the post, below it the comments between the lines of their tree. Only what stands
//! in the window is drawn.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::comments::{Stage, THREAD_COMMENTS};
use super::shape::{GUTTER, Shape};
use super::tree::{Count, Node};
use super::{Standing, Thread};
use crate::api::{Addressee, Audience, CommentState, CommentView, ReadMark};
use crate::domain::operation::CommentPolicy;
use crate::ui::action::Action;
use crate::ui::model::Model;
use crate::ui::panes::{attachments, reaction, sentence, signature, target};
use crate::ui::theme::Theme;
use crate::ui::widgets::{lines, when, wrap};

/// Columns of a name that facts beside it leave to it.
const NAME_ROOM: usize = 12;

/// Who, when, for whom: what stands above the text of the post.
pub fn head(model: &Model, thread: &Thread, shape: Shape) -> Vec<Line<'static>> {
    let theme = model.theme;
    let (post, columns) = (&thread.post, shape.room());
    let Audience::Public = post.audience;
    let mut facts = vec![post.created.format_utc(), "public".to_owned()];
    facts.extend(post.edited.map(|edited| format!("edited {}", edited.format_utc())));
    let room = usize::from(columns);
    let mut head = vec![Line::from(signature(theme, &post.author_name, post.author, room, theme.strong()))];
    head.extend(sentence(&facts.join(theme.dot()), columns, theme.faint()));
    if post.mark == ReadMark::Unread {
        head.push(lines::plain(format!("{} marked unread", theme.unread()), theme.fresh()));
    }
    let policy = match &thread.policy {
        CommentPolicy::Everyone => None,
        CommentPolicy::Nobody => Some("Only its author's comments are shown.".to_owned()),
        CommentPolicy::Listed(ids) => Some(format!("Only comments of {} people are shown.", ids.len())),
    };
    head.extend(policy.iter().flat_map(|policy| sentence(policy, columns, theme.faint())));
    head.push(Line::default());
    head
}

/// Reactions, the number of comments, and its id, in one row where that fits: what stands below the text of the post.
pub fn foot(model: &Model, thread: &Thread, shape: Shape) -> Vec<Line<'static>> {
    let theme = model.theme;
    let (post, columns) = (&thread.post, shape.room());
    let mut foot = vec![Line::default()];
    foot.extend(attachments::rows(theme, post, usize::from(columns)));
    if !post.reactions.is_empty() {
        foot.push(reaction::row(theme, &post.reactions, &post.my_reactions, usize::from(columns)));
    }
    let Count { shown, fresh } = thread.comments.tree().all();
    let replies = match thread.comments.stage() {
        // What the node counted stands until all of them are here.
        Stage::Coming => replies(usize::try_from(post.comment_count).unwrap_or(usize::MAX), 0),
        Stage::Here if thread.comments.is_full() => {
            format!("{}, the first {THREAD_COMMENTS} are here", replies(shown, fresh))
        }
        Stage::Here => replies(shown, fresh),
    };
    if !replies.is_empty() {
        let style = if fresh > 0 { theme.strong() } else { theme.faint() };
        foot.extend(sentence(&replies, columns, style));
    }
    let id = post.post_id.to_string();
    let named = format!("id {id}");
    let id = if named.len() <= usize::from(columns) { named } else { id };
    foot.extend(sentence(&id, columns, theme.faint()));
    if thread.comments.item_count() > 1 {
        foot.push(Line::default());
    }
    foot
}

/// `2 replies, 1 new`; nothing for none.
pub fn replies(count: usize, fresh: usize) -> String {
    let replies = match count {
        0 => return String::new(),
        1 => "1 reply".to_owned(),
        many => format!("{many} replies"),
    };
    if fresh > 0 { format!("{replies}, {fresh} new") } else { replies }
}

/// Draws what stands in the window.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    let Some(thread) = &model.thread else {
        let text = format!("{} opens the selected post here.", model.key(Action::Open));
        return lines::draw(buffer, area, sentence(&text, area.width, model.theme.faint()));
    };
    let shape = Shape::of(area.width);
    let note = note(model, thread);
    let (mut rest, below) = lines::split_top(area, area.height.saturating_sub(u16::from(note.is_some())));
    lines::draw(buffer, below, note);
    let mut above = thread.top.row;
    for item in thread.top.item..thread.comments.item_count() {
        if rest.is_empty() {
            break;
        }
        let rows = rows(model, thread, shape, item, above, usize::from(rest.height));
        let (at, below) = lines::split_top(rest, u16::try_from(rows.len()).unwrap_or(u16::MAX));
        if item == thread.comments.selected_item() && thread.comments.item_count() > 1 {
            let theme = model.theme;
            let bars = std::iter::repeat_n(lines::plain(theme.bar(), theme.accent()), usize::from(at.height));
            lines::draw(buffer, at, bars);
        }
        lines::draw(buffer, lines::indent(at, GUTTER), rows);
        (rest, above) = (below, 0);
    }
}

/// What is said below the comments.
fn note(model: &Model, thread: &Thread) -> Option<Line<'static>> {
    let theme = model.theme;
    if thread.standing == Standing::Gone {
        return Some(lines::plain("! this post is not here any more", theme.bad()));
    }
    let count = match thread.comments.held_count() {
        0 => return None,
        1 => "1 new comment".to_owned(),
        many => format!("{many} new comments"),
    };
    let text = format!("  {} {count}: {} shows", theme.unread(), model.key(Action::ShowNew));
    Some(lines::plain(text, theme.fresh()))
}

/// At most `most` rows of an item, without the first `above`.
fn rows<'a>(
    model: &'a Model,
    thread: &'a Thread,
    shape: Shape,
    item: usize,
    above: usize,
    most: usize,
) -> Vec<Line<'a>> {
    let Some(node) = thread.comments.node(item) else {
        let post = &thread.post;
        let text = thread.wraps.rows(post.post_id, post.text.as_str(), shape.post_text());
        let is_cut = text.len() > above.saturating_add(most);
        let text = text_rows(text, above.saturating_add(most), Line::default);
        let head = head(model, thread, shape).into_iter();
        let foot = if is_cut { Vec::new() } else { foot(model, thread, shape) };
        return head.chain(text).chain(foot).skip(above).take(most).collect();
    };
    let branch = Branch::of(model.theme, shape, node);
    let mut rows = vec![branch.begin(heading(model, thread, shape, node))];
    if let Some(comment) = thread.comments.comment(node).filter(|comment| target::is_shown(comment)) {
        let text = thread.wraps.rows(node.id, comment.text.as_str(), shape.text(node.depth));
        rows.extend(text_rows(text, above.saturating_add(most), || branch.line()));
        if !comment.reactions.is_empty() {
            let columns = shape.text(node.depth);
            let reactions = reaction::row(model.theme, &comment.reactions, &comment.my_reactions, columns);
            rows.push(branch.go_on(reactions));
        }
    }
    if thread.comments.is_folded(node) {
        rows.push(branch.go_on(folded(model.theme, node.below)));
    }
    rows.into_iter().skip(above).take(most).collect()
}

/// At most `most` rows of a text, each behind what `begin` makes.
fn text_rows<'a>(text: Cow<'a, [String]>, most: usize, begin: impl Fn() -> Line<'a>) -> Vec<Line<'a>> {
    let line = |row: Cow<'a, str>| {
        let mut line = begin();
        line.push_span(Span::raw(row));
        line
    };
    match text {
        Cow::Borrowed(rows) => rows.iter().take(most).map(|row| line(row.as_str().into())).collect(),
        Cow::Owned(rows) => rows.into_iter().take(most).map(|row| line(row.into())).collect(),
    }
}

/// The lines of the tree in front of a comment.
struct Branch {
    first: String,
    others: String,
    style: Style,
}

impl Branch {
    fn of(theme: Theme, shape: Shape, node: &Node) -> Self {
        let style = theme.faint();
        if shape.indent(node.depth) == 0 {
            return Self { first: String::new(), others: String::new(), style };
        }
        let gap = " ".repeat(shape.step() - 1);
        let level = node.depth.min(shape.levels());
        let mut above = String::new();
        for level in 0..level {
            above.push_str(if node.goes_on(level) { theme.wall() } else { " " });
            above.push_str(&gap);
        }
        let is_apart = node.depth == level;
        let (corner, line) = match (is_apart, node.goes_on(node.depth)) {
            (true, true) => (theme.tee(), theme.wall()),
            (true, false) => (theme.corner(), " "),
            (false, _) => (theme.deeper(), " "),
        };
        let dashes =
            if is_apart { theme.rule().repeat(shape.step() - 2) } else { " ".repeat(shape.step() - 2) };
        Self { first: format!("{above}{corner}{dashes} "), others: format!("{above}{line}{gap}"), style }
    }

    /// The first row.
    fn begin(&self, line: Line<'static>) -> Line<'static> {
        self.before(&self.first, line)
    }

    /// A further row.
    fn go_on(&self, line: Line<'static>) -> Line<'static> {
        self.before(&self.others, line)
    }

    /// The beginning of a further row.
    fn line(&self) -> Line<'static> {
        self.go_on(Line::default())
    }

    fn before(&self, branch: &str, mut line: Line<'static>) -> Line<'static> {
        line.spans.insert(0, Span::styled(branch.to_owned(), self.style));
        line
    }
}

/// `● kim 31313131 · to you · 2h`, or what stands in place of a comment.
fn heading(model: &Model, thread: &Thread, shape: Shape, node: &Node) -> Line<'static> {
    let theme = model.theme;
    let columns = shape.text(node.depth);
    let comment = thread.comments.comment(node);
    let instead = match comment.map(|comment| comment.state) {
        None => "(a comment that is not here yet)",
        Some(CommentState::Deleted) => "(deleted by its author)",
        Some(CommentState::Hidden) => "(hidden by the post's author)",
        Some(CommentState::Shown) => "",
    };
    let Some(comment) = comment.filter(|_| instead.is_empty()) else {
        return lines::plain(wrap::clip(instead, columns, theme.ellipsis()), theme.faint());
    };
    let is_fresh = thread.comments.is_fresh(node.id);
    let mut spans = Vec::new();
    if is_fresh {
        spans.push(Span::styled(format!("{} ", theme.unread()), theme.fresh()));
    }
    let room = columns.saturating_sub(spans.iter().map(Span::width).sum());
    let mut facts: Vec<(String, Style)> = Vec::new();
    if comment.addressee == Addressee::Me && comment.persona.is_none() {
        facts.push(("to you".to_owned(), theme.accent()));
    }
    facts.push((when::age(model.now, comment.created), theme.faint()));
    if comment.edited.is_some() {
        facts.push(("edited".to_owned(), theme.faint()));
    }
    facts.extend(answered(thread, shape, node).map(|whom| (format!("to {whom}"), theme.faint())));
    let width = |facts: &[(String, Style)]| {
        facts.iter().map(|(fact, _)| wrap::cells(theme.dot()) + wrap::cells(fact)).sum::<usize>()
    };
    let needed = wrap::cells(comment.author_name.as_str()).clamp(1, NAME_ROOM)
        + comment.author.fingerprint().len()
        + 1;
    while facts.len() > 1 && needed + width(&facts) > room {
        facts.pop();
    }
    let style = if is_fresh { theme.strong() } else { Style::new() };
    let name_room = room.saturating_sub(width(&facts));
    spans.extend(signature(theme, &comment.author_name, comment.author, name_room, style));
    for (fact, style) in facts {
        spans.push(Span::styled(theme.dot(), theme.faint()));
        spans.push(Span::styled(fact, style));
    }
    Line::from(spans)
}

/// Whom a comment answers, where the lines do not show it: the name of the one above, cut short.
fn answered(thread: &Thread, shape: Shape, node: &Node) -> Option<String> {
    if node.depth <= shape.levels() {
        return None;
    }
    let above = thread.comments.tree().node(node.parent?)?;
    let above: &CommentView = thread.comments.comment(above)?;
    let name = above.author_name.as_str().trim();
    let name = if name.is_empty() { above.author.fingerprint() } else { name.replace('\n', " ") };
    Some(wrap::clip(&name, NAME_ROOM, "."))
}

/// `+ 12 answers, 3 new`.
fn folded(theme: Theme, below: Count) -> Line<'static> {
    let answers = if below.shown == 1 { "answer" } else { "answers" };
    let mut line = lines::plain(format!("+ {} {answers}", below.shown), theme.faint());
    if below.fresh > 0 {
        line.push_span(Span::styled(format!(", {} new", below.fresh), theme.fresh()));
    }
    line
}
