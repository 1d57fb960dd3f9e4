//! The first screen of all: the name of the first persona. Nothing else has to be decided to begin.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{draw_field, sentence};
use crate::api::{CallError, Command, PersonaView};
use crate::ui::Reach;
use crate::ui::action::Action;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{self, Field, FieldState, Model, Place};
use crate::ui::update;
use crate::ui::widgets::lines;

/// What the name is for.
const ABOUT: &str = "Others see it beside what you write. You can have more personas later.";
/// The title and an empty row.
const TITLE_ROWS: u16 = 2;
/// The field, what is wrong with it, and an empty row; at least the first two.
const FIELD_ROWS: (u16, u16) = (2, 4);
/// What the program talks to, and how to change that.
const fn about_network(reach: Reach) -> &'static str {
    match reach {
        Reach::Public => {
            "itsgoin talks directly to its peers and reaches them with iroh's public relays and address lookup.\n\
             itsgoin --relay none does without both."
        }
        Reach::OwnRelay => {
            "itsgoin talks directly to its peers and reaches them with the relay you named, without address \
             lookup.\nitsgoin --relay none does without the relay too."
        }
        Reach::Direct => {
            "itsgoin talks directly to its peers, without relays and address lookup.\n\
             Without --relay none it uses iroh's public ones."
        }
        Reach::Nobody => {
            "itsgoin is offline and talks to nobody.\nStart it without --offline to reach others."
        }
    }
}

/// The field of the name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FirstRun {
    /// What is typed.
    pub field: Field,
}

/// Runs an action of this pane; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    match action {
        Action::Submit if model.first_run.field.state == FieldState::Asked => Some(Vec::new()),
        Action::Submit => {
            let field = &mut model.first_run.field;
            field.state = FieldState::Asked;
            let name = field.editor.content();
            Some(vec![Request::Command(Asked::CreatePersona, Command::CreatePersona { name })])
        }
        Action::Quit => Some(vec![Request::Quit]),
        _ => None,
    }
}

/// The persona exists: goes on to the people.
pub fn created(model: &mut Model, persona: PersonaView) -> Vec<Request> {
    model.first_run = FirstRun::default();
    let personas = model.personas.get_or_insert_default();
    if !personas.iter().any(|known| known.posting_id == persona.posting_id) {
        personas.push(persona);
    }
    update::go(model, Place::People)
}

/// The node refused the name: it stays in the field.
pub fn refused(model: &mut Model, error: &CallError) {
    model.first_run.field.state = FieldState::Refused(model::sentence(error, model.theme));
}

/// Draws the screen: on a small one, what is nice to know gives way to what must be known.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let column = lines::middle(area, 60, 12);
    let about = sentence(ABOUT, column.width, theme.faint());
    let network = sentence(about_network(model.reach), column.width, theme.faint());
    let count = |lines: usize| u16::try_from(lines).unwrap_or(u16::MAX);
    let needed = TITLE_ROWS + FIELD_ROWS.1 + count(network.len());
    let (title, rest) = lines::split_top(column, TITLE_ROWS);
    lines::draw(buffer, title, [lines::plain("Welcome. What is your name?", theme.strong())]);
    let about_rows = count(about.len() + 1);
    let about_fits = needed.saturating_add(about_rows) <= column.height;
    let (text, rest) = lines::split_top(rest, if about_fits { about_rows } else { 0 });
    lines::draw(buffer, text, about);
    let field_rows = rest.height.saturating_sub(count(network.len()));
    let (field, foot) = lines::split_top(rest, field_rows.clamp(FIELD_ROWS.0, FIELD_ROWS.1));
    draw_field(buffer, field, theme, &model.first_run.field);
    lines::draw(buffer, foot, network);
}
