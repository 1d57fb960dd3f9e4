//! The people: whom I follow, adding somebody, my own invite.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{draw_question, feed, messages, sentence, signature};
use crate::api::{CallError, Command, InviteView, PersonView, Query};
use crate::domain::text::SafeText;
use crate::limits::NAME_COLUMNS;
use crate::ui::action::Action;
use crate::ui::layout::Areas;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{self, Field, FieldState, Model, Place};
use crate::ui::theme::Theme;
use crate::ui::watch::Watch;
use crate::ui::widgets::cursor::Cursor;
use crate::ui::widgets::scroll::scrolled;
use crate::ui::widgets::{lines, wrap};

/// What the pane is doing.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Mode {
    /// Showing the list.
    #[default]
    List,
    /// An invite is being pasted or typed.
    Adding(Field),
    /// My invite is on the screen, once the node has made it.
    Invite(Option<Shown>),
    /// Asked whether to stop following this one.
    Unfollowing(PersonView),
}

/// My invite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    text: SafeText,
    has_addresses: bool,
    /// The first row on the screen.
    top: usize,
}

/// The people.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct People {
    /// Whom I follow, once known.
    list: Option<Vec<PersonView>>,
    /// What the pane is doing.
    pub mode: Mode,
    cursor: Cursor,
}

impl People {
    /// Takes the answer of the node. Whoever is selected stays selected, wherever the name now stands.
    pub fn take(&mut self, list: Vec<PersonView>) {
        let before = self.list.as_deref().unwrap_or_default();
        self.cursor.follow(before, &list, |person| (person.posting_id, person.persona));
        self.list = Some(list);
    }

    fn selected(&self) -> Option<&PersonView> {
        self.list.as_ref()?.get(self.cursor.selected)
    }

    /// Those whose name, or the beginning of whose fingerprint, was typed.
    pub fn named(&self, typed: &str) -> Vec<PersonView> {
        let typed = typed.trim().to_lowercase();
        let is_meant = |person: &&PersonView| {
            let (name, fingerprint) =
                (person.name.as_str().trim().to_lowercase(), person.posting_id.fingerprint());
            let both = format!("{name} {fingerprint}");
            name == typed
                || (typed.len() >= 4 && fingerprint.starts_with(&typed))
                || (!name.is_empty() && typed.len() > name.len() + 1 && both.starts_with(&typed))
        };
        let all = self.list.as_deref().unwrap_or_default();
        let mut found: Vec<PersonView> = all.iter().filter(is_meant).cloned().collect();
        found.dedup_by_key(|person| person.posting_id);
        found
    }

    fn count(&self) -> usize {
        self.list.as_ref().map_or(0, Vec::len)
    }
}

/// Keeps the selection in the list and on the screen, and the scroll position inside the invite.
pub fn settle(model: &mut Model, body: Rect) {
    let rows = usize::from(list_area(body).height);
    let count = model.people.count();
    model.people.cursor.settle(count, rows);
    let theme = model.theme;
    if let Mode::Invite(Some(shown)) = &mut model.people.mode {
        let rows = invite_text(theme, shown, body.width).len();
        shown.top = shown.top.min(rows.saturating_sub(usize::from(body.height)));
    }
}

fn list_area(body: Rect) -> Rect {
    lines::split_top(body, 2).1
}

/// A paste over the list is meant for the field: opens it. Only Enter sends what stands there.
pub fn open_for_paste(model: &mut Model) {
    let over_list = model.place == Place::People && model.people.mode == Mode::List;
    if over_list && model.overlay.is_none() {
        model.people.mode = Mode::Adding(Field::default());
    }
}

/// Runs an action of this pane; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    let height = Areas::of(model).pane(Place::People).height;
    match &mut model.people.mode {
        Mode::List => in_list(model, action),
        Mode::Adding(field) => match action {
            Action::Submit if field.state == FieldState::Asked => Some(Vec::new()),
            Action::Submit => {
                field.state = FieldState::Asked;
                let target = field.editor.content().trim().to_owned();
                let command = Command::Follow { target, persona: None };
                Some(vec![Request::Command(Asked::Follow, command)])
            }
            _ => leave_mode(model, action),
        },
        Mode::Invite(shown) => match (action, shown) {
            (Action::CopyText, Some(shown)) => {
                let text = shown.text.to_string();
                Some(feed::copy(model, &text))
            }
            (_, Some(shown)) if let Some(top) = scrolled(shown.top, action, height) => {
                shown.top = top;
                Some(Vec::new())
            }
            _ => leave_mode(model, action),
        },
        Mode::Unfollowing(person) => {
            let author = person.posting_id;
            if action != Action::Confirm {
                return leave_mode(model, action);
            }
            model.people.mode = Mode::List;
            let command = Command::Unfollow { author, persona: None };
            Some(vec![Request::Command(Asked::Unfollow, command)])
        }
    }
}

fn leave_mode(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    if !matches!(action, Action::Cancel | Action::Back) {
        return None;
    }
    model.people.mode = Mode::List;
    Some(Vec::new())
}

fn in_list(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    let rows = list_area(Areas::of(model).pane(Place::People)).height;
    let count = model.people.count();
    if model.people.cursor.perform(action, count, rows) {
        return Some(Vec::new());
    }
    match action {
        Action::Add => model.people.mode = Mode::Adding(Field::default()),
        Action::ShowInvite => {
            model.people.mode = Mode::Invite(None);
            return Some(vec![Request::Query(Asked::Invite, Query::Invite { persona: None })]);
        }
        Action::MessagePerson => {
            let selected = model.people.selected().map(|person| (person.posting_id, person.persona));
            return Some(match selected {
                Some((person, persona)) => messages::with(model, person, Some(persona)),
                None => model.say("you follow nobody yet"),
            });
        }
        Action::Unfollow => {
            let Some(selected) = model.people.selected().cloned() else {
                return Some(model.say("you follow nobody"));
            };
            model.people.mode = Mode::Unfollowing(selected);
        }
        _ => return None,
    }
    Some(Vec::new())
}

/// The node has made my invite.
pub fn show_invite(model: &mut Model, invite: &InviteView) {
    if let Mode::Invite(shown) = &mut model.people.mode {
        let text = SafeText::line(&invite.invite);
        *shown = Some(Shown { text, has_addresses: invite.address_count > 0, top: 0 });
    }
}

/// Somebody is followed now.
pub fn followed(model: &mut Model, person: &PersonView) -> Vec<Request> {
    if matches!(model.people.mode, Mode::Adding(_)) {
        model.people.mode = Mode::List;
    }
    let name = match person.name.as_str() {
        "" => person.posting_id.fingerprint(),
        name => format!("{name} {}", person.posting_id.fingerprint()),
    };
    let mut requests = model.say(&format!("you follow {name}"));
    requests.extend(model.watches.ask(Watch::People));
    requests
}

/// The node refused what was pasted: it stays in the field.
pub fn refused(model: &mut Model, error: &CallError) {
    let why = model::sentence(error, model.theme);
    match &mut model.people.mode {
        Mode::Adding(field) => field.state = FieldState::Refused(why),
        _ => model.complain(error),
    }
}

/// Draws the list, the field, or the invite.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    match &model.people.mode {
        Mode::Adding(field) => {
            draw_question(model, area, buffer, "Paste an invite or a posting id", field);
        }
        Mode::Invite(None) => {
            lines::draw(buffer, area, [lines::plain("making an invite", model.theme.faint())]);
        }
        Mode::Invite(Some(shown)) => {
            let text = invite_text(model.theme, shown, area.width);
            lines::draw(buffer, area, text.into_iter().skip(shown.top));
        }
        Mode::List | Mode::Unfollowing(_) => draw_list(model, area, buffer),
    }
}

fn invite_text(theme: Theme, shown: &Shown, columns: u16) -> Vec<Line<'static>> {
    let mut text = sentence("Send this to whom you want to have as a reader:", columns, theme.strong());
    text.push(Line::default());
    text.extend(sentence(shown.text.as_str(), columns, ratatui::style::Style::new()));
    text.push(Line::default());
    let note = if shown.has_addresses {
        "It names your persona and a way to reach this computer. Whoever has it can read what you post publicly."
    } else {
        "It names no address yet, because the network is not up: whoever gets it needs another way to reach you."
    };
    text.extend(sentence(note, columns, theme.faint()));
    text
}

fn draw_list(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let people = &model.people;
    let Some(list) = &people.list else { return };
    let (head, _) = lines::split_top(area, 2);
    let head_line = match &people.mode {
        Mode::Unfollowing(person) => unfollow_question(theme, person, usize::from(area.width)),
        _ if list.is_empty() => {
            let (add, invite) = (model.key(Action::Add), model.key(Action::ShowInvite));
            lines::plain(format!("Paste an invite ({add}), or show yours ({invite})."), theme.strong())
        }
        _ => lines::plain(format!("You follow {}.", list.len()), theme.faint()),
    };
    lines::draw(buffer, head, [head_line]);
    let rows = list
        .iter()
        .enumerate()
        .skip(people.cursor.top)
        .map(|(at, person)| row(model, person, at == people.cursor.selected, usize::from(area.width)));
    lines::draw(buffer, list_area(area), rows);
}

/// `Stop following ana 58666666?`; the keys of the answer stand in the hint bar.
fn unfollow_question(theme: Theme, person: &PersonView, columns: usize) -> Line<'static> {
    const ASKED: &str = "Stop following ";
    let mut spans = vec![Span::styled(ASKED, theme.bad())];
    let room = columns.saturating_sub(ASKED.len() + 1);
    spans.extend(signature(theme, &person.name, person.posting_id, room, theme.bad()));
    spans.push(Span::styled("?", theme.bad()));
    Line::from(spans)
}

/// `▌ ana 58666666 · 12 posts · since 2026-11-18`; where there is no room for all of it, the name wins.
fn row(model: &Model, person: &PersonView, selected: bool, columns: usize) -> Line<'static> {
    let theme = model.theme;
    let posts = match person.post_count {
        1 => "1 post".to_owned(),
        many => format!("{many} posts"),
    };
    let posts = format!("{}{posts}", theme.dot());
    let since = format!("{posts}{}since {}", theme.dot(), person.followed.format_date());
    let name = wrap::cells(person.name.as_str()).clamp(1, NAME_COLUMNS);
    let needed = name + person.posting_id.fingerprint().len() + 3;
    let fits = |facts: &String| needed + wrap::cells(facts) <= columns;
    let facts = [since, posts].into_iter().find(fits).unwrap_or_default();
    let (bar, style) = if selected { (theme.bar(), theme.accent()) } else { (" ", theme.strong()) };
    let mut spans = vec![Span::styled(format!("{bar} "), theme.accent())];
    let room = columns.saturating_sub(wrap::cells(&facts) + 2);
    spans.extend(signature(theme, &person.name, person.posting_id, room, style));
    spans.push(Span::styled(facts, theme.faint()));
    Line::from(spans)
}
