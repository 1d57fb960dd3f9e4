//! The first screens of all: the name of the first persona, and how its keys are protected. Enter alone passes the second.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{draw_field, draw_secret, sentence};
use crate::api::{CallError, Command, ErrorKind, Passphrase, PersonaView, Protection, VaultState};
use crate::domain::profile::parse_name;
use crate::ui::Reach;
use crate::ui::action::Action;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{self, Field, FieldState, Model, Place};
use crate::ui::update;
use crate::ui::watch::Watch;
use crate::ui::widgets::editor::Editor;
use crate::ui::widgets::lines;
use crate::ui::widgets::secret::Secret;

/// What the name is for.
const ABOUT: &str = "Others see it beside what you write. You can have more personas later.";
/// What a passphrase is good for, and what having none means.
const PROTECTION: &str = "Nobody can give it back when it is lost.\nEnter for none: then whoever gets at the files here can \
     write as you and read your messages.";
/// Why it is typed twice.
const AGAIN: &str = "Nothing shows what you type. A slip would lock you out.";
/// The passphrase, what is wrong with it, and an empty row.
const SECRET_ROWS: u16 = 3;
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

/// What is asked first of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Step {
    /// The name.
    #[default]
    Name,
    /// A passphrase, or none.
    Protection,
    /// The passphrase once more.
    Again,
}

/// The answers so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FirstRun {
    /// Which question stands on the screen.
    pub step: Step,
    /// The name.
    pub field: Field,
    /// The passphrase that is typed, for the first or second time.
    secret: Secret,
    /// What was typed the first time.
    first: Option<Passphrase>,
    /// What is wrong with the passphrase, or that it is being set.
    state: FieldState,
}

impl FirstRun {
    /// The name, while it is typed.
    pub fn name(&mut self) -> Option<&mut Editor> {
        (self.step == Step::Name).then_some(&mut self.field.editor)
    }

    /// The passphrase, while it is typed.
    pub fn secret(&mut self) -> Option<&mut Secret> {
        (self.step != Step::Name).then_some(&mut self.secret)
    }

    fn is_asking(&self) -> bool {
        [&self.field.state, &self.state].contains(&&FieldState::Asked)
    }

    /// Asks for the passphrase, with what was wrong before.
    fn ask_for_passphrase(&mut self, state: FieldState) {
        (self.step, self.first, self.state) = (Step::Protection, None, state);
    }
}

/// Runs an action of this pane; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    match action {
        Action::Submit if model.first_run.is_asking() => Some(Vec::new()),
        Action::Submit => Some(match model.first_run.step {
            Step::Name => named(model),
            Step::Protection => passphrase_typed(model),
            Step::Again => typed_again(model),
        }),
        Action::Quit => Some(vec![Request::Quit]),
        _ => None,
    }
}

/// A name that can be used; the passphrase comes next, unless there is one already.
fn named(model: &mut Model) -> Vec<Request> {
    let field = &mut model.first_run.field;
    if let Err(error) = parse_name(&field.editor.content()) {
        refused(model, &CallError::new(ErrorKind::Invalid, error.to_string(), "choose another name"));
        return Vec::new();
    }
    field.state = FieldState::Typing;
    if model.status.as_ref().is_some_and(|status| status.vault != VaultState::Open) {
        return create(model);
    }
    model.first_run.ask_for_passphrase(FieldState::Typing);
    Vec::new()
}

/// Nothing typed means no passphrase: the screen says so.
fn passphrase_typed(model: &mut Model) -> Vec<Request> {
    if model.first_run.secret.is_empty() {
        return create(model);
    }
    match Passphrase::new(model.first_run.secret.take()) {
        Ok(passphrase) => {
            let first_run = &mut model.first_run;
            (first_run.step, first_run.first, first_run.state) =
                (Step::Again, Some(passphrase), FieldState::Typing);
        }
        Err(error) => unprotected(model, &error),
    }
    Vec::new()
}

fn typed_again(model: &mut Model) -> Vec<Request> {
    let again = Passphrase::new(model.first_run.secret.take()).ok();
    match model.first_run.first.take() {
        Some(first) if Some(&first) == again.as_ref() => {
            model.first_run.state = FieldState::Asked;
            let change = Protection::Passphrase(first);
            vec![Request::Command(Asked::Protect, Command::Protect { current: None, change })]
        }
        _ => {
            let different = "these were two different passphrases";
            unprotected(model, &CallError::new(ErrorKind::Invalid, different, "type one again"));
            Vec::new()
        }
    }
}

/// The passphrase is set: the persona is made under it.
pub fn protected(model: &mut Model) -> Vec<Request> {
    let mut requests = model.watches.ask_all(&[Watch::Status]);
    requests.extend(create(model));
    requests
}

/// It is not: it is asked for again.
pub fn unprotected(model: &mut Model, error: &CallError) {
    let why = model::sentence(error, model.theme);
    model.first_run.ask_for_passphrase(FieldState::Refused(why));
}

fn create(model: &mut Model) -> Vec<Request> {
    let first_run = &mut model.first_run;
    (first_run.field.state, first_run.state) = (FieldState::Asked, FieldState::Asked);
    let name = first_run.field.editor.content();
    vec![Request::Command(Asked::CreatePersona, Command::CreatePersona { name })]
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

/// The name was refused: it stays in the field.
pub fn refused(model: &mut Model, error: &CallError) {
    let why = FieldState::Refused(model::sentence(error, model.theme));
    let first_run = &mut model.first_run;
    (first_run.step, first_run.field.state, first_run.state) = (Step::Name, why, FieldState::Typing);
}

/// Draws the screen.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    match model.first_run.step {
        Step::Name => draw_name(model, area, buffer),
        Step::Protection => {
            draw_passphrase(model, area, buffer, "A passphrase for your keys and messages?", PROTECTION);
        }
        Step::Again => draw_passphrase(model, area, buffer, "The same passphrase once more, please.", AGAIN),
    }
}

fn draw_passphrase(model: &Model, area: Rect, buffer: &mut Buffer, question: &str, about: &str) {
    let theme = model.theme;
    let column = lines::middle(area, 60, 12);
    let (title, rest) = lines::split_top(column, TITLE_ROWS);
    lines::draw(buffer, title, [lines::plain(question.to_owned(), theme.strong())]);
    let (field, rest) = lines::split_top(rest, SECRET_ROWS);
    draw_secret(buffer, field, theme, &model.first_run.secret, &model.first_run.state);
    lines::draw(buffer, rest, sentence(about, rest.width, theme.faint()));
}

/// Draws the screen: on a small one, what is nice to know gives way to what must be known.
fn draw_name(model: &Model, area: Rect, buffer: &mut Buffer) {
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
