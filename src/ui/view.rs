//! The picture of a model. Draws and changes nothing: the same model is always the same picture.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::action::Action;
use super::keymap::show;
use super::layout::{Areas, banners, notice_rows};
use super::model::{Model, Overlay, Place, Tone};
use super::panes::{compose, feed, first_run, help, network, people, reaction, thread};
use super::widgets::editor::Editor;
use super::widgets::lines;
use super::widgets::wrap;
use crate::api::{FeedFilter, More, NetworkState};

/// Draws everything.
pub fn draw(model: &Model, buffer: &mut Buffer) {
    let areas = Areas::within(model, buffer.area);
    draw_top(model, &areas, buffer);
    let theme = model.theme;
    let warnings = banners(model).into_iter().map(|text| {
        let text = wrap::clip(&format!("! {text}"), usize::from(areas.banners.width), theme.ellipsis());
        lines::plain(text, theme.bad())
    });
    lines::draw(buffer, areas.banners, warnings);
    match (&model.overlay, model.place) {
        (Some(Overlay::Help(_)), _) => help::draw(model, areas.body, buffer),
        (_, Place::FirstRun) => first_run::draw(model, areas.body, buffer),
        (_, Place::Feed | Place::Thread) => draw_reading(model, &areas, buffer),
        (_, Place::Compose) => compose::draw(model, areas.body, buffer),
        (_, Place::People) => people::draw(model, areas.body, buffer),
        (_, Place::Network) => network::draw(model, areas.body, buffer),
    }
    if let Some(Overlay::Picker(picker)) = &model.overlay {
        reaction::draw(model, picker, areas.body, buffer);
    }
    draw_status(model, areas.status, buffer);
    draw_hints(model, areas.hints, buffer);
}

/// `itsgoin · Feed · 3 unread · 2 new ↑` and, at the right, `as ana · ● 6 peers`.
fn draw_top(model: &Model, areas: &Areas, buffer: &mut Buffer) {
    let theme = model.theme;
    let row = areas.top;
    lines::fill(buffer, row, theme.frame());
    let mut parts = whereabouts(model);
    if !areas.is_narrow() || parts.is_empty() {
        parts.insert(0, "itsgoin".to_owned());
    }
    let first = format!(" {}", parts.remove(0));
    let mut left = Line::from(Span::styled(first, theme.strong()));
    for part in parts {
        left.push_span(format!("{}{part}", theme.dot()));
    }
    let mut right = Vec::new();
    if let Some(persona) = model.persona().filter(|_| !areas.is_narrow()) {
        let name = wrap::clip(persona.name.as_str(), usize::from(row.width / 4), theme.ellipsis());
        right.push(format!("as {name}"));
    }
    right.extend(network_state(model));
    let right = format!(" {} ", right.join(theme.dot()));
    lines::draw_both_ends(buffer, row, &left, &Line::raw(right));
}

fn whereabouts(model: &Model) -> Vec<String> {
    let title = match (&model.overlay, model.place) {
        (Some(Overlay::Help(_)), _) => "Keys",
        (_, Place::FirstRun) => return Vec::new(),
        (_, Place::Feed) => "Feed",
        (_, Place::Thread) => "Post",
        (_, Place::People) => "People",
        (_, Place::Network) => "Network",
        (_, Place::Compose) => compose::title(model),
    };
    let mut parts = vec![title.to_owned()];
    if matches!(model.place, Place::Feed | Place::Thread) {
        if model.feed.filter() == FeedFilter::Unread {
            parts.push("only unread".to_owned());
        } else if model.feed.unread_count() > 0 {
            parts.push(format!("{} unread", model.feed.unread_count()));
        }
        let above = model.feed.above();
        let more = if above.more == More::Follows { "+" } else { "" };
        if above.count > 0 {
            parts.push(format!("{}{more} new {}", above.count, model.theme.up()));
        }
    }
    parts
}

fn network_state(model: &Model) -> Option<String> {
    let theme = model.theme;
    let status = model.status.as_ref()?;
    Some(match &status.network {
        NetworkState::Off => "offline".to_owned(),
        NetworkState::Starting => "starting".to_owned(),
        NetworkState::Failed(_) => "no network".to_owned(),
        NetworkState::Up => match status.connected_peers {
            0 => format!("{} no peers", theme.unconnected()),
            1 => format!("{} 1 peer", theme.connected()),
            many => format!("{} {many} peers", theme.connected()),
        },
    })
}

fn draw_reading(model: &Model, areas: &Areas, buffer: &mut Buffer) {
    if areas.is_wide() {
        draw_titles(model, areas, buffer);
    }
    if areas.feed.width > 0 {
        feed::draw(model, areas.feed, buffer);
    }
    if areas.thread.width > 0 {
        thread::draw(model, areas.thread, buffer);
    }
}

/// The titles of two panes side by side and the wall between them; the one with the focus stands out.
fn draw_titles(model: &Model, areas: &Areas, buffer: &mut Buffer) {
    let theme = model.theme;
    let (row, below) = lines::split_top(areas.body, 1);
    lines::draw(buffer, row, [lines::plain(theme.rule().repeat(usize::from(row.width)), theme.faint())]);
    let titles = [
        (areas.feed, "Feed", model.place == Place::Feed),
        (areas.thread, "Post", model.place == Place::Thread),
    ];
    for (area, title, focused) in titles {
        let at = lines::indent(Rect { y: row.y, height: row.height, ..area }, 1);
        let line = if focused {
            lines::plain(format!(" {title} "), theme.frame())
        } else {
            lines::plain(format!(" {title} "), theme.faint())
        };
        lines::draw(buffer, at, [line]);
    }
    let wall = Rect { x: areas.feed.right() + 1, width: 1, ..below };
    let pieces = std::iter::repeat_n(lines::plain(theme.wall(), theme.faint()), usize::from(wall.height));
    lines::draw(buffer, wall, pieces);
}

/// A notice, a half-typed sequence with what it can become, or what is going on.
fn draw_status(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let rows = notice_rows(model, area.width);
    if !rows.is_empty() {
        let styled = |(tone, row)| match tone {
            Tone::Calm => lines::plain(row, theme.strong()),
            Tone::Bad => lines::plain(row, theme.bad()),
        };
        return lines::draw(buffer, area, rows.into_iter().map(styled));
    }
    let line = match &model.overlay {
        Some(Overlay::CommandLine(field)) => completions(model, field),
        _ if !model.typed.is_empty() => begun(model),
        _ => lines::plain(format!("  {}", going_on(model)), theme.faint()),
    };
    lines::draw(buffer, area, [line]);
}

fn begun(model: &Model) -> Line<'static> {
    let theme = model.theme;
    let mut spans = vec![Span::styled(format!("  {} ", show(&model.typed)), theme.accent())];
    for (keys, action) in model.keymap.continuations(model.contexts(), &model.typed) {
        spans.push(Span::styled(format!(" {keys} "), theme.strong()));
        spans.push(Span::styled(action.name().to_owned(), theme.faint()));
    }
    Line::from(spans)
}

fn going_on(model: &Model) -> String {
    if model.place == Place::Compose {
        return compose::status(model);
    }
    let waiting = compose::waiting(model);
    if waiting.is_empty() { model.transfers.status().unwrap_or_default() } else { waiting }
}

/// The command line, or the keys that work here.
fn draw_hints(model: &Model, row: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    if let Some(Overlay::CommandLine(field)) = &model.overlay {
        lines::draw(buffer, row, [lines::plain(":", theme.accent())]);
        return field.draw(buffer, lines::indent(row, 1));
    }
    if let Some(Overlay::AttachFile(field)) = &model.overlay {
        const PROMPT: &str = "file to attach, or nothing for none: ";
        lines::draw(buffer, row, [lines::plain(PROMPT, theme.accent())]);
        return field.draw(buffer, lines::indent(row, u16::try_from(PROMPT.len()).unwrap_or(0)));
    }
    let hint = |keys: String, word: &'static str| {
        [Span::styled(format!(" {keys} "), theme.strong()), Span::styled(format!("{word} "), theme.faint())]
    };
    let contexts = model.contexts();
    let last: Vec<Span<'_>> =
        model.keymap.last_hint(contexts).into_iter().flat_map(|(keys, word)| hint(keys, word)).collect();
    let last = Line::from(last);
    let mut room = usize::from(row.width).saturating_sub(last.width());
    let mut hints = Line::default();
    for (keys, word) in model.keymap.hints(contexts) {
        let hint = hint(keys, word);
        let width = hint.iter().map(Span::width).sum();
        let Some(left) = room.checked_sub(width) else {
            break;
        };
        room = left;
        hints.spans.extend(hint);
    }
    lines::draw_both_ends(buffer, row, &hints, &last);
}

/// The names of actions that begin with what is typed; the sentence of the only one.
fn completions(model: &Model, field: &Editor) -> Line<'static> {
    let theme = model.theme;
    let typed = field.content();
    let found: Vec<Action> =
        Action::ALL.iter().copied().filter(|action| action.name().starts_with(typed.as_str())).collect();
    if let [only] = found.as_slice() {
        return lines::plain(format!("  {}{}{}", only.name(), theme.dash(), only.sentence()), theme.faint());
    }
    let names: Vec<&str> = found.iter().map(|action| action.name()).collect();
    lines::plain(format!("  {}", names.join("  ")), theme.faint())
}
