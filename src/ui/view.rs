//! The picture of a model. Draws and changes nothing: the same model is always the same picture.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::action::Action;
use super::keymap::{Context, show};
use super::layout::{Areas, Pane, banners, notice_rows};
use super::model::{Model, Overlay, Place, Tone};
use super::panes::{
    chat, compose, feed, first_run, help, locked, messages, network, people, reaction, sheet, thread,
};
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
    match &model.overlay {
        Some(Overlay::Help(_)) => help::draw(model, areas.body, buffer),
        _ => draw_body(model, &areas, buffer),
    }
    match &model.overlay {
        Some(Overlay::Picker(picker)) => reaction::draw(model, picker, areas.body, buffer),
        Some(Overlay::Words(words)) => sheet::draw_words(model, words, areas.body, buffer),
        Some(Overlay::Facts(facts)) => {
            sheet::draw_facts(model, "About this message", facts, areas.body, buffer);
        }
        Some(Overlay::Members(members)) => {
            sheet::draw_facts(model, "Who is in this conversation", members, areas.body, buffer);
        }
        _ => {}
    }
    draw_status(model, areas.status, buffer);
    draw_hints(model, areas.hints, buffer);
}

/// `itsgoin · Feed · 3 unread · 2 new ↑` and, at the right, `as ana · ● 6 peers`.
fn draw_top(model: &Model, areas: &Areas, buffer: &mut Buffer) {
    let theme = model.theme;
    let row = areas.top;
    lines::fill(buffer, row, theme.frame());
    let mut parts = whereabouts(model, areas);
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
    let with_news = |room: Room| {
        let parts: Vec<String> = news(model, room).into_iter().chain(right.iter().cloned()).collect();
        Line::raw(format!(" {} ", parts.join(theme.dot())))
    };
    let long = with_news(if areas.is_narrow() { Room::Scarce } else { Room::Ample });
    let fits = left.width() + long.width() <= usize::from(row.width);
    lines::draw_both_ends(buffer, row, &left, &if fits { long } else { with_news(Room::Scarce) });
}

fn whereabouts(model: &Model, areas: &Areas) -> Vec<String> {
    let title = match (&model.overlay, model.place) {
        (Some(Overlay::Help(_)), _) => "Keys",
        (_, Place::FirstRun | Place::Locked) => return Vec::new(),
        (_, Place::Feed) => "Feed",
        (_, Place::Thread) => "Post",
        (_, Place::People) => "People",
        (_, Place::Network) => "Network",
        (_, Place::Messages) => "Messages",
        (_, Place::Chat(_)) => "Conversation",
        (_, Place::Compose) => compose::title(model),
    };
    let mut parts = vec![title.to_owned()];
    let (all, shown) = (model.windows.count(), areas.panes.len());
    if all > 1 && shown == 1 {
        let number = model.windows.focus() + 1;
        if areas.is_narrow() {
            parts.insert(0, format!("{number}/{all}"));
        } else {
            parts.push(format!("window {number} of {all}"));
        }
    }
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

/// How much room there is for words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Ample,
    Scarce,
}

/// Unread messages and requests, wherever one is.
fn news(model: &Model, room: Room) -> Vec<String> {
    let (messages, requests) = model.messages.unread();
    let (one, many) = if room == Room::Scarce { ("msg", "msgs") } else { ("new message", "new messages") };
    let mut news = Vec::new();
    match messages {
        0 => {}
        1 => news.push(format!("1 {one}")),
        count => news.push(format!("{count} {many}")),
    }
    match requests {
        0 => {}
        _ if room == Room::Scarce => news.push(format!("{requests} req")),
        1 => news.push("1 request".to_owned()),
        count => news.push(format!("{count} requests")),
    }
    news
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

/// Every pane, with its title where there are others, and the walls between them.
fn draw_body(model: &Model, areas: &Areas, buffer: &mut Buffer) {
    let theme = model.theme;
    for wall in &areas.walls {
        let (first, below) = lines::split_top(*wall, 1);
        lines::draw(
            buffer,
            first,
            [lines::plain(theme.rule().repeat(usize::from(first.width)), theme.faint())],
        );
        let line = lines::indent(Rect { width: wall.width.min(2), ..below }, 1);
        let pieces = std::iter::repeat_n(lines::plain(theme.wall(), theme.faint()), usize::from(line.height));
        lines::draw(buffer, line, pieces);
    }
    for pane in &areas.panes {
        draw_title(model, pane, buffer);
        match pane.place {
            Some(Place::FirstRun) => first_run::draw(model, pane.area, buffer),
            Some(Place::Locked) => locked::draw(model, pane.area, buffer),
            Some(Place::Feed) => feed::draw(model, pane.area, buffer),
            Some(Place::Thread) => thread::draw(model, pane.area, buffer),
            Some(Place::Compose) => compose::draw(model, pane.area, buffer),
            Some(Place::People) => people::draw(model, pane.area, buffer),
            Some(Place::Network) => network::draw(model, pane.area, buffer),
            Some(Place::Messages) => messages::draw(model, pane.area, buffer),
            Some(Place::Chat(thread)) => chat::draw(model, thread, pane.area, buffer),
            None => {
                let key = model.key_in(Context::Messages, Action::Open);
                let text = format!("{key} opens the selected conversation here.");
                lines::draw(buffer, pane.area, [lines::plain(text, theme.faint())]);
            }
        }
    }
}

/// The title of a pane; the one with the focus stands out.
fn draw_title(model: &Model, pane: &Pane, buffer: &mut Buffer) {
    let theme = model.theme;
    let row = pane.title;
    if row.is_empty() {
        return;
    }
    lines::draw(buffer, row, [lines::plain(theme.rule().repeat(usize::from(row.width)), theme.faint())]);
    let title = match pane.place {
        Some(Place::Feed) => "Feed".to_owned(),
        Some(Place::Thread) => "Post".to_owned(),
        Some(Place::People) => "People".to_owned(),
        Some(Place::Network) => "Network".to_owned(),
        Some(Place::Messages) => "Messages".to_owned(),
        Some(Place::Compose) => compose::title(model).to_owned(),
        Some(Place::Chat(thread)) => chat_title(model, thread),
        Some(Place::FirstRun) => "Welcome".to_owned(),
        Some(Place::Locked) => "Locked".to_owned(),
        None => "Conversation".to_owned(),
    };
    let title = wrap::clip(&title, usize::from(row.width).saturating_sub(4), theme.ellipsis());
    let style = if pane.has_focus { theme.frame() } else { theme.faint() };
    lines::draw(buffer, lines::indent(row, 1), [lines::plain(format!(" {title} "), style)]);
}

/// `with mo 4d4d4d4d`.
fn chat_title(model: &Model, thread: crate::domain::conversation::ConversationId) -> String {
    let view = model.chats.get(&thread).and_then(|chat| chat.view());
    view.or_else(|| model.messages.find(thread))
        .map_or_else(|| "Conversation".to_owned(), |view| format!("with {}", chat::name_of(view)))
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
    if let Place::Chat(thread) = model.place {
        let status = chat::status(model, thread);
        if !status.is_empty() {
            return status;
        }
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
