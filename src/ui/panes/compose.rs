//! Writing a post: type, look it over, send. The draft is saved while it is typed; nothing is sent but by the key of
//! the review, and the text stays until the node has the post on disk.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{sentence, signature};
use crate::api::{Command, DraftSlot};
use crate::domain::text::SafeText;
use crate::limits::POST_TEXT_BYTES;
use crate::ui::action::Action;
use crate::ui::layout::Areas;
use crate::ui::message::{Asked, Request, Wake};
use crate::ui::model::{Model, Place};
use crate::ui::widgets::editor::Editor;
use crate::ui::widgets::scroll::scrolled;
use crate::ui::widgets::{lines, wrap};

/// Time from a change to its saving. More risks more text; less writes to the disk with every word.
const SAVE_PAUSE: Duration = Duration::from_millis(700);

/// Columns left of the text in a review.
const MARGIN: u16 = 2;
/// Rows above it: as whom, for whom, and an empty one.
const HEAD_ROWS: u16 = 2;

/// How far the post is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Being typed.
    #[default]
    Writing,
    /// Shown as it will be, from this row on.
    Reviewing(usize),
    /// The node has it.
    Sending,
    /// Asked whether to throw it away.
    Discarding,
}

/// Whether the node has the draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Draft {
    /// As it is.
    #[default]
    Kept,
    /// An older one; a timer runs.
    Changed,
    /// This one is on its way.
    Saving,
    /// One is on its way and the text has changed since.
    SavingOlder,
    /// The node could not save it.
    Unsaved,
}

/// A post being written.
#[derive(Debug, Clone, PartialEq)]
pub struct Compose {
    /// The text.
    pub editor: Editor,
    /// How far it is.
    pub phase: Phase,
    /// The text the node was last given, or gave.
    known: String,
    draft: Draft,
    back: Place,
}

impl Default for Compose {
    fn default() -> Self {
        Self {
            editor: Editor::text(""),
            phase: Phase::Writing,
            known: String::new(),
            draft: Draft::Kept,
            back: Place::Feed,
        }
    }
}

impl Compose {
    /// Whether nothing would be lost by leaving.
    pub fn is_kept(&self) -> bool {
        self.draft == Draft::Kept && self.phase != Phase::Sending
    }

    /// Whether unfinished text waits.
    pub fn has_text(&self) -> bool {
        !self.editor.is_blank()
    }

    /// Takes the draft of an earlier session, unless something was typed already.
    pub fn restore(&mut self, text: &str) {
        if self.editor.bytes() == 0 && !text.is_empty() {
            self.editor.replace(text);
            self.known = self.editor.content();
        }
    }

    fn clear(&mut self) {
        *self = Self { back: self.back, ..Self::default() };
    }
}

/// Opens the editor with whatever stands in the draft, or shows that it is being sent.
pub fn open(model: &mut Model) -> Vec<Request> {
    model.compose.back = model.place;
    if model.compose.phase != Phase::Sending {
        model.compose.phase = Phase::Writing;
    }
    model.place = Place::Compose;
    Vec::new()
}

/// Something may have been typed: starts the timer of the draft if it was.
pub fn touched(model: &mut Model) -> Vec<Request> {
    let compose = &mut model.compose;
    if model.place != Place::Compose || compose.editor.content() == compose.known {
        return Vec::new();
    }
    match compose.draft {
        Draft::Kept | Draft::Unsaved => {
            compose.draft = Draft::Changed;
            vec![Request::Wake(SAVE_PAUSE, Wake::SaveDraft)]
        }
        Draft::Saving => {
            compose.draft = Draft::SavingOlder;
            Vec::new()
        }
        Draft::Changed | Draft::SavingOlder => Vec::new(),
    }
}

/// The timer of the draft ran out.
pub fn woken(model: &mut Model) -> Vec<Request> {
    if model.compose.draft == Draft::Changed { save(model) } else { Vec::new() }
}

/// Gives the draft to the node, unless that is going on. A text that is being sent is not saved: it would stay behind
/// its post as a draft and could be sent again.
pub fn save(model: &mut Model) -> Vec<Request> {
    let compose = &mut model.compose;
    if compose.phase == Phase::Sending || !matches!(compose.draft, Draft::Changed | Draft::Unsaved) {
        return Vec::new();
    }
    compose.draft = Draft::Saving;
    compose.known = compose.editor.content();
    let (slot, text) = (DraftSlot::NewPost, compose.known.clone());
    vec![Request::Command(Asked::SaveDraft, Command::SaveDraft { slot, text })]
}

/// The node has saved the draft, or could not.
pub fn saved(model: &mut Model, is_saved: bool) -> Vec<Request> {
    let compose = &mut model.compose;
    match (compose.draft, is_saved) {
        (Draft::Saving, true) => compose.draft = Draft::Kept,
        (Draft::Saving | Draft::SavingOlder, false) => {
            compose.draft = Draft::Unsaved;
            compose.known.clear();
        }
        (Draft::SavingOlder, true) => {
            compose.draft = Draft::Changed;
            return vec![Request::Wake(SAVE_PAUSE, Wake::SaveDraft)];
        }
        _ => {}
    }
    Vec::new()
}

/// The post is on disk.
pub fn sent(model: &mut Model) -> Vec<Request> {
    model.compose.clear();
    if model.place == Place::Compose {
        model.place = model.compose.back;
    }
    let mut requests = model.feed.changed();
    requests.extend(model.say("posted: connected followers are told now, others when they ask"));
    requests
}

/// The node refused the post: the text stays.
pub fn not_sent(model: &mut Model) -> Vec<Request> {
    model.compose.phase = Phase::Writing;
    model.compose.draft = Draft::Unsaved;
    touched_again(model)
}

fn touched_again(model: &mut Model) -> Vec<Request> {
    model.compose.draft = Draft::Changed;
    vec![Request::Wake(SAVE_PAUSE, Wake::SaveDraft)]
}

/// Runs an action of this pane; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    match (model.compose.phase, action) {
        (Phase::Writing, Action::Review) => Some(review(model)),
        (Phase::Writing, Action::Cancel) => {
            model.place = model.compose.back;
            Some(save(model))
        }
        (Phase::Writing, Action::Discard) => {
            model.compose.phase = Phase::Discarding;
            Some(Vec::new())
        }
        (Phase::Discarding, Action::Confirm) => Some(discard(model)),
        (Phase::Reviewing(_), Action::Send) => Some(send(model)),
        (Phase::Sending, Action::Cancel | Action::Back) => {
            model.place = model.compose.back;
            Some(Vec::new())
        }
        (Phase::Reviewing(_) | Phase::Discarding, Action::Cancel) => {
            model.compose.phase = Phase::Writing;
            Some(Vec::new())
        }
        (Phase::Reviewing(top), _) => {
            let height = Areas::of(model).body.height.saturating_sub(HEAD_ROWS);
            model.compose.phase = Phase::Reviewing(scrolled(top, action, height)?);
            Some(Vec::new())
        }
        _ => None,
    }
}

/// Shows the post as it will be, if it can be one.
fn review(model: &mut Model) -> Vec<Request> {
    let compose = &mut model.compose;
    let bytes = compose.editor.bytes();
    if compose.editor.is_blank() {
        return model.say("there is nothing to send yet");
    }
    if bytes > POST_TEXT_BYTES {
        let surplus = bytes - POST_TEXT_BYTES;
        return model.say(&format!("the post is {surplus} bytes too long: shorten it, or make two of it"));
    }
    compose.phase = Phase::Reviewing(0);
    save(model)
}

fn send(model: &mut Model) -> Vec<Request> {
    let compose = &mut model.compose;
    compose.phase = Phase::Sending;
    let text = compose.editor.content();
    let persona = model.persona().map(|persona| persona.posting_id);
    let draft = Some(DraftSlot::NewPost);
    vec![Request::Command(Asked::Publish, Command::PublishPost { persona, text, draft })]
}

fn discard(model: &mut Model) -> Vec<Request> {
    model.compose.clear();
    model.compose.draft = Draft::Unsaved;
    model.place = model.compose.back;
    save(model)
}

/// Keeps the review inside the text.
pub fn settle(model: &mut Model, body: Rect) {
    if let Phase::Reviewing(top) = model.compose.phase {
        let rows = review_rows(model, body.width).len();
        let height = usize::from(body.height.saturating_sub(HEAD_ROWS));
        model.compose.phase = Phase::Reviewing(top.min(rows.saturating_sub(height)));
    }
}

/// The text as readers will see it.
fn review_rows(model: &Model, columns: u16) -> Vec<String> {
    let text = SafeText::body(&model.compose.editor.content());
    let width = usize::from(columns.saturating_sub(MARGIN).min(super::TEXT_COLUMNS));
    wrap::rows(text.as_str().trim_end(), width).map(str::to_owned).collect()
}

/// Draws the editor, or the review.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let (head, rest) = lines::split_top(area, 1);
    let (_, rest) = lines::split_top(rest, u16::from(rest.height > 3));
    draw_head(model, head, buffer);
    match model.compose.phase {
        Phase::Reviewing(top) => {
            let rows = review_rows(model, rest.width);
            let walls = std::iter::repeat_n(lines::plain(theme.wall(), theme.faint()), rows.len());
            lines::draw(buffer, rest, walls.skip(top));
            let text = lines::indent(rest, MARGIN);
            lines::draw(buffer, text, rows.into_iter().skip(top).map(Line::raw));
        }
        Phase::Sending => lines::draw(buffer, rest, [lines::plain("handing it to the node", theme.faint())]),
        Phase::Discarding => {
            let question = format!(
                "Throw this draft away? It cannot be brought back. {} or any other key",
                model.key(Action::Confirm)
            );
            lines::draw(buffer, rest, sentence(&question, rest.width, theme.bad()));
        }
        Phase::Writing => {
            let width = rest.width.min(super::TEXT_COLUMNS);
            model.compose.editor.draw(buffer, Rect { width, ..rest });
        }
    }
}

/// `as ana 58666666 → public` and the size.
fn draw_head(model: &Model, row: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let bytes = model.compose.editor.bytes();
    let style = if bytes > POST_TEXT_BYTES { theme.bad() } else { theme.faint() };
    let over = if bytes > POST_TEXT_BYTES { "too long: " } else { "" };
    let size = if row.width < 60 {
        format!("{over}{bytes}/{POST_TEXT_BYTES}")
    } else {
        format!("{over}{bytes} of {POST_TEXT_BYTES} bytes")
    };
    let audience = format!(" {} ", theme.to());
    let room = usize::from(row.width).saturating_sub(size.len() + audience.len() + "as public ".len());
    let mut spans = vec![Span::raw("as ")];
    match model.persona() {
        Some(persona) => {
            spans.extend(signature(theme, &persona.name, persona.posting_id, room, theme.strong()));
        }
        None => spans.push(Span::raw("nobody yet")),
    }
    spans.push(Span::raw(audience));
    spans.push(Span::styled("public", theme.strong()));
    lines::draw_both_ends(buffer, row, &Line::from(spans), &lines::plain(size, style));
}

/// What the status line says about the draft.
pub fn status(model: &Model) -> String {
    if let (Phase::Reviewing(_), Some(persona)) = (model.compose.phase, model.persona()) {
        return format!("{} sends this as {} to everybody", model.key(Action::Send), persona.name);
    }
    if model.compose.phase == Phase::Sending {
        return String::new();
    }
    let status = match (model.compose.has_text(), model.compose.draft) {
        (false, _) => "",
        (true, Draft::Kept) => "draft saved",
        (true, Draft::Unsaved) => "draft not saved",
        (true, _) => "draft changed",
    };
    status.to_owned()
}

/// What would be lost by leaving.
pub fn unkept(model: &Model) -> &'static str {
    match model.compose.phase {
        Phase::Sending => "The post is not sent yet.",
        _ => "The draft could not be saved.",
    }
}
