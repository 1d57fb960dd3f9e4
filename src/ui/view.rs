//! The picture of a model. Draws and changes nothing: the same model is always the same picture.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::keymap::show;
use super::layout::{Areas, banners, notice_rows};
use super::model::{Model, Overlay, Place, Tone};
use super::panes::{compose, feed, first_run, help, network, people, thread};
use super::widgets::lines;
use super::widgets::wrap;
use crate::api::{FeedFilter, More, NetworkState};

/// Draws everything.
pub fn draw(model: &Model, buffer: &mut Buffer) {
    let areas = Areas::within(model, buffer.area);
    draw_top(model, areas.top, buffer);
    let theme = model.theme;
    let warnings = banners(model).into_iter().map(|text| {
        let text = wrap::clip(
            &format!("! {text}"),
            usize::from(areas.banners.width),
            theme.ellipsis(),
        );
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
    draw_status(model, areas.status, buffer);
    draw_hints(model, areas.hints, buffer);
}

/// `itsgoin · Feed · 3 unread · 2 new ↑` and, at the right, `as ana · ● 6 peers`.
fn draw_top(model: &Model, row: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    lines::fill(buffer, row, theme.frame());
    let mut left = vec![Span::styled(" itsgoin", theme.strong())];
    left.extend(
        whereabouts(model)
            .into_iter()
            .flat_map(|part| [Span::raw(theme.dot()), Span::raw(part)]),
    );
    let mut right = Vec::new();
    if let Some(persona) = model.persona() {
        let name = wrap::clip(
            persona.name.as_str(),
            usize::from(row.width / 4),
            theme.ellipsis(),
        );
        right.push(format!("as {name}"));
    }
    right.extend(network_state(model));
    let right = format!(" {} ", right.join(theme.dot()));
    lines::draw_both_ends(buffer, row, &Line::from(left), &Line::raw(right));
}

fn whereabouts(model: &Model) -> Vec<String> {
    let title = match (&model.overlay, model.place) {
        (Some(Overlay::Help(_)), _) => "Keys",
        (_, Place::FirstRun) => return Vec::new(),
        (_, Place::Feed) => "Feed",
        (_, Place::Thread) => "Post",
        (_, Place::People) => "People",
        (_, Place::Network) => "Network",
        (_, Place::Compose) => "New post",
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
    lines::draw(
        buffer,
        row,
        [lines::plain(
            theme.rule().repeat(usize::from(row.width)),
            theme.faint(),
        )],
    );
    let titles = [
        (areas.feed, "Feed", model.place == Place::Feed),
        (areas.thread, "Post", model.place == Place::Thread),
    ];
    for (area, title, focused) in titles {
        let at = lines::indent(
            Rect {
                y: row.y,
                height: row.height,
                ..area
            },
            1,
        );
        let line = if focused {
            lines::plain(format!(" {title} "), theme.frame())
        } else {
            lines::plain(format!(" {title} "), theme.faint())
        };
        lines::draw(buffer, at, [line]);
    }
    let wall = Rect {
        x: areas.feed.right(),
        width: 1,
        ..below
    };
    let pieces = std::iter::repeat_n(
        lines::plain(theme.wall(), theme.faint()),
        usize::from(wall.height),
    );
    lines::draw(buffer, wall, pieces);
}

/// A notice, a half-typed sequence with what it can become, or what is going on.
fn draw_status(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    if let Some(notice) = &model.notice {
        let (mark, style) = match notice.tone {
            Tone::Calm => (" ", theme.strong()),
            Tone::Bad => ("!", theme.bad()),
        };
        let rows = notice_rows(model, area.width);
        let rows = rows.iter().enumerate().map(|(at, row)| {
            let mark = if at == 0 { mark } else { " " };
            lines::plain(format!("{mark} {row}"), style)
        });
        return lines::draw(buffer, area, rows);
    }
    let line = if model.typed.is_empty() {
        lines::plain(format!("  {}", going_on(model)), theme.faint())
    } else {
        begun(model)
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
    match model.place {
        Place::Compose => compose::status(model).to_owned(),
        _ if model.compose.has_text() => {
            let keys = model
                .keymap
                .keys_of(model.contexts(), super::action::Action::Compose);
            keys.map_or_else(String::new, |keys| format!("an unfinished post waits: {keys}"))
        }
        _ => String::new(),
    }
}

/// The command line, a question, or the keys that work here.
fn draw_hints(model: &Model, row: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    match &model.overlay {
        Some(Overlay::CommandLine(field)) => {
            lines::draw(buffer, row, [lines::plain(":", theme.accent())]);
            return field.draw(buffer, lines::indent(row, 1));
        }
        Some(Overlay::QuitUnsaved) => {
            let question = " The draft could not be saved. Leave all the same? y or any other key";
            return lines::draw(buffer, row, [lines::plain(question, theme.bad())]);
        }
        _ => {}
    }
    let mut spans = Vec::new();
    let mut used = 0;
    for (keys, word) in model.keymap.hints(model.contexts()) {
        let hint = [
            Span::styled(format!(" {keys} "), theme.strong()),
            Span::styled(format!("{word} "), theme.faint()),
        ];
        used += hint.iter().map(Span::width).sum::<usize>();
        if used > usize::from(row.width) {
            break;
        }
        spans.extend(hint);
    }
    lines::draw(buffer, row, [Line::from(spans)]);
}
