//! The first screen of all: the name of the first persona. Nothing else has to be decided to begin.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{draw_field, sentence};
use crate::api::{CallError, Command, PersonaView};
use crate::ui::action::Action;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{self, Field, FieldState, Model, Place};
use crate::ui::update;
use crate::ui::widgets::lines;

/// What the program talks to, and how to change that.
const NETWORK: &str = "itsgoin talks directly to its peers. To find them, and where no direct way exists, it uses \
                       iroh's public relays and address lookup; `itsgoin --relay none` does without both.";

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
            Some(vec![Request::Command(
                Asked::CreatePersona,
                Command::CreatePersona { name },
            )])
        }
        Action::Cancel => Some(vec![Request::Quit]),
        _ => None,
    }
}

/// The persona exists: goes on to the people.
pub fn created(model: &mut Model, persona: PersonaView) -> Vec<Request> {
    model.first_run = FirstRun::default();
    let personas = model.personas.get_or_insert_default();
    if !personas
        .iter()
        .any(|known| known.posting_id == persona.posting_id)
    {
        personas.push(persona);
    }
    update::go(model, Place::People)
}

/// The node refused the name: it stays in the field.
pub fn refused(model: &mut Model, error: &CallError) {
    model.first_run.field.state = FieldState::Refused(model::sentence(error, model.theme));
}

/// Draws the screen.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let column = lines::middle(area, 60, 14);
    let (title, rest) = lines::split_top(column, 2);
    lines::draw(
        buffer,
        title,
        [lines::plain("Welcome. What is your name?", theme.strong())],
    );
    let about = "Others see it beside what you write. You can have more personas later; nobody can tell that they \
                 belong together.";
    let about = sentence(about, rest.width, theme.faint());
    let (text, rest) = lines::split_top(rest, u16::try_from(about.len() + 1).unwrap_or(u16::MAX));
    let roomy = rest.height > 2;
    if roomy {
        lines::draw(buffer, text, about);
    }
    let rest = if roomy {
        rest
    } else {
        lines::split_top(column, 1).1
    };
    draw_field(buffer, rest, theme, &model.first_run.field, 1);
    let (_, foot) = lines::split_top(rest, 4);
    let foot_lines = std::iter::once(Line::default()).chain(sentence(NETWORK, foot.width, theme.faint()));
    lines::draw(buffer, foot, foot_lines);
}
