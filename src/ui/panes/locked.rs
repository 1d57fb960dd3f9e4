//! The screen of a locked directory: it asks for the passphrase and shows nothing that was read.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{draw_secret, sentence};
use crate::api::{CallError, Command, Passphrase};
use crate::ui::action::Action;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{self, FieldState, Model, Place};
use crate::ui::update;
use crate::ui::widgets::lines;
use crate::ui::widgets::secret::Secret;

/// What happens meanwhile.
const ABOUT: &str = "Until then this node carries what others say, and nothing of yours is read or sent.";

/// The passphrase.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Locked {
    /// What is typed.
    pub secret: Secret,
    /// How far it came.
    pub state: FieldState,
}

/// Runs an action of this screen; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    match action {
        Action::Submit if model.locked.state == FieldState::Asked => Some(Vec::new()),
        Action::Submit => Some(match Passphrase::new(model.locked.secret.take()) {
            Ok(passphrase) => {
                model.locked.state = FieldState::Asked;
                vec![Request::Command(Asked::Unlock, Command::Unlock { passphrase })]
            }
            Err(error) => {
                refused(model, &error);
                Vec::new()
            }
        }),
        Action::Quit | Action::Cancel => Some(vec![Request::Quit]),
        _ => None,
    }
}

/// It does not open.
pub fn refused(model: &mut Model, error: &CallError) {
    model.locked.state = FieldState::Refused(model::sentence(error, model.theme));
}

/// The node is locked: nothing of it is shown.
pub fn shut(model: &mut Model) {
    if model.place != Place::Locked {
        *model = model.reborn();
        model.place = Place::Locked;
    }
}

/// It is not any more: everything is asked for anew.
pub fn opened(model: &mut Model) -> Vec<Request> {
    *model = model.reborn();
    update::start(model)
}

/// Draws the screen.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let column = lines::middle(area, 60, 10);
    let (title, rest) = lines::split_top(column, 2);
    lines::draw(buffer, title, [lines::plain("Locked. What is the passphrase?", theme.strong())]);
    let (field, rest) = lines::split_top(rest, 4);
    draw_secret(buffer, field, theme, &model.locked.secret, &model.locked.state);
    lines::draw(buffer, rest, sentence(ABOUT, rest.width, theme.faint()));
}
