//! Writing a post, an answer, or a new text for what stands already: type, look it over, send. The draft is saved
//! while it is typed; nothing is sent but by the key of the review, and the text stays until the node has it on disk.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::chat::Chat;
use super::target::{Kind, Target};
use super::{attachments, reaction, sentence, signature, thread};
use crate::api::{CircleDeed, Command, DraftSlot, Linkage, Outcome};
use crate::domain::ids::PostingId;
use crate::domain::text::SafeText;
use crate::ui::action::Action;
use crate::ui::desk::{Draft, Phase, Subject, Writing};
use crate::ui::layout::Areas;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{Model, Place};
use crate::ui::theme::Theme;
use crate::ui::watch::Watch;
use crate::ui::widgets::scroll::scrolled;
use crate::ui::widgets::{lines, wrap};

/// Columns a name and its fingerprint have beside the audience, where there are few.
const NAME_ROOM: usize = 14;
/// Columns left of the text in a review.
const MARGIN: u16 = 2;

/// Opens the editor for the new post, with whatever stands in its draft, or shows that it is being sent.
pub fn open(model: &mut Model) -> Vec<Request> {
    let mut requests = take_up(model, Subject::Post);
    requests.extend(model.watches.ask(Watch::Circles));
    requests
}

/// Opens the editor for an answer.
pub fn reply(model: &mut Model, target: &Target) -> Vec<Request> {
    let persona = reaction::acting(model, target);
    take_up(model, Subject::Answer(target.clone(), persona))
}

/// Opens the editor for a new text of an own post or comment.
pub fn edit(model: &mut Model, target: &Target) -> Vec<Request> {
    if target.mine.is_none() {
        return model.say("only your own can be changed");
    }
    take_up(model, Subject::Change(target.clone()))
}

fn take_up(model: &mut Model, subject: Subject) -> Vec<Request> {
    let back = model.place;
    model.place = Place::Compose;
    model.desk.take_up(subject, back)
}

/// Something may have been typed.
pub fn touched(model: &mut Model) -> Vec<Request> {
    match model.place {
        Place::Compose => model.desk.touched(),
        Place::Chat(thread) if model.overlay.is_none() => {
            let slot = model.chats.get(&thread).and_then(Chat::typed_into);
            slot.map_or_else(Vec::new, |slot| model.desk.touched_in(slot))
        }
        _ => Vec::new(),
    }
}

/// A text is on disk as what it was written for.
pub fn sent(model: &mut Model, slot: DraftSlot, outcome: &Outcome) -> Vec<Request> {
    let is_open = model.desk.open().is_some_and(|writing| writing.subject.slot() == slot);
    if is_open && model.place == Place::Compose {
        model.place = model.desk.back;
    }
    let subject = model.desk.sent(slot);
    let (mut requests, said) = match (subject, outcome) {
        (Some(Subject::Answer(target, _)), Outcome::OperationPublished(id)) => {
            (thread::seek(model, target.post_id, *id), "answered: whoever has the post gets it")
        }
        (Some(Subject::Change(_)), _) => {
            (Vec::new(), "changed here; readers see the new text when it reaches them")
        }
        (Some(Subject::Correction(thread, ..)), _) => {
            super::chat::changed(model, thread);
            (model.desk.drop_text(slot), "changed here; the others see the new text when it reaches them")
        }
        (Some(Subject::Post), Outcome::Message(_)) => {
            model.audience.forget();
            (Vec::new(), "queued: it leaves within a minute, sealed for the people of the circle")
        }
        (Some(Subject::Post), _) => {
            attachments::sent(model);
            (model.feed.changed(), "posted: connected followers are told now, others when they ask")
        }
        _ => (model.feed.changed(), "posted: connected followers are told now, others when they ask"),
    };
    requests.extend(model.say(said));
    requests
}

/// Runs an action of this pane; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    let height = Areas::of(model).pane(Place::Compose).height;
    let back = model.desk.back;
    let writing = model.desk.open_mut()?;
    match (writing.phase, action) {
        (Phase::Writing, Action::Review) => return Some(review(model)),
        (Phase::Writing, Action::AttachFile) if writing.subject == Subject::Post => {
            return Some(attachments::ask_for_file(model));
        }
        (Phase::Writing, Action::ChooseAudience) if writing.subject == Subject::Post => {
            if !model.audience.next() {
                return Some(model.say("there is no circle yet: `itsgoin circle new` makes one"));
            }
        }
        (Phase::Writing, Action::ChooseAudience) => return Some(model.say("only a post has an audience")),
        (Phase::Writing, Action::AttachFile) => return Some(model.say("only a post can have files")),
        (Phase::Writing, Action::Cancel) => {
            model.place = back;
            return Some(writing.save());
        }
        (Phase::Writing, Action::Discard) => writing.phase = Phase::Discarding,
        (Phase::Discarding, Action::Confirm) => {
            if writing.subject == Subject::Post {
                model.audience.forget();
            }
            model.place = back;
            return Some(model.desk.discard());
        }
        (Phase::Reviewing(_), Action::Send) => return Some(send(model)),
        (Phase::Sending, Action::Cancel | Action::Back) => model.place = back,
        (Phase::Reviewing(_) | Phase::Discarding, Action::Cancel) => writing.phase = Phase::Writing,
        (Phase::Reviewing(top), _) => {
            let height = height.saturating_sub(head_rows(&writing.subject));
            writing.phase = Phase::Reviewing(scrolled(top, action, height)?);
        }
        _ => return None,
    }
    Some(Vec::new())
}

/// Shows the text as it will be, if it can be that.
fn review(model: &mut Model) -> Vec<Request> {
    let has_files = attachments::has_files(model);
    let is_for_circle = model.audience.circle().is_some();
    let (is_known, is_gone) = (model.audience.is_known(), model.audience.is_gone());
    let Some(writing) = model.desk.open_mut() else {
        return Vec::new();
    };
    let (bytes, most, name) = (writing.editor.bytes(), writing.subject.limit(), writing.subject.name());
    let has_files = has_files && writing.subject == Subject::Post;
    if writing.subject == Subject::Post && !is_known {
        let key = model.key(Action::ChooseAudience);
        return model
            .say(&format!("for whom the draft is meant is not known yet: wait, or choose with {key}"));
    }
    if writing.subject == Subject::Post && is_gone {
        let key = model.key(Action::ChooseAudience);
        return model.say(&format!("the circle it is for is deleted: choose another one with {key}"));
    }
    if has_files && is_for_circle {
        return model.say("a post to a circle can have no files yet");
    }
    if writing.editor.is_blank() && !has_files {
        return model.say("there is nothing to send yet");
    }
    if bytes > most {
        let surplus = bytes - most;
        let hint = if writing.subject == Subject::Post { "make two of it" } else { "make a post of it" };
        return model.say(&format!("the {name} is {surplus} bytes too long: shorten it, or {hint}"));
    }
    if writing.is_unchanged() && !has_files {
        return model.say("nothing is changed yet");
    }
    writing.phase = Phase::Reviewing(0);
    writing.save()
}

fn send(model: &mut Model) -> Vec<Request> {
    let (persona, files) = (acting(model), attachments::files_to_send(model));
    let circle = model.audience.circle().map(ToString::to_string);
    let Some(writing) = model.desk.open_mut() else {
        return Vec::new();
    };
    writing.phase = Phase::Sending;
    let text = writing.editor.content();
    let slot = writing.subject.slot();
    let draft = Some(slot);
    let command = match &writing.subject {
        Subject::Post if circle.is_some() => {
            let (name, linkage) = (circle.unwrap_or_default(), Linkage::Avoid);
            Command::Circle(CircleDeed::Publish { name, text, persona, linkage, draft })
        }
        Subject::Post if files.is_empty() => Command::PublishPost { persona, text, draft },
        Subject::Post => Command::PublishWithFiles { persona, text, draft, files },
        Subject::Answer(target, _) => Command::Reply { target: target.id, text, persona, draft },
        Subject::Change(target) => Command::Edit { target: target.id, text, draft },
        // Those are written in their conversation.
        Subject::Message(_) | Subject::Correction(..) => return Vec::new(),
    };
    vec![Request::Command(Asked::Publish(slot), command)]
}

/// The persona that signs what is in the editor.
fn acting(model: &Model) -> Option<PostingId> {
    let default = || model.persona().map(|persona| persona.posting_id);
    match model.desk.open().map(|writing| &writing.subject) {
        Some(Subject::Answer(_, persona)) => persona.or_else(default),
        Some(Subject::Change(target)) => target.mine.or_else(default),
        Some(_) | None => default(),
    }
}

/// Keeps the review inside the text.
pub fn settle(model: &mut Model, body: Rect) {
    let Some(writing) = model.desk.open_mut() else { return };
    if let Phase::Reviewing(top) = writing.phase {
        let rows = review_rows(writing, body.width).len();
        let height = usize::from(body.height.saturating_sub(head_rows(&writing.subject)));
        writing.phase = Phase::Reviewing(top.min(rows.saturating_sub(height)));
    }
}

/// Rows above the text: as whom, for whom, what it is about, and an empty one.
const fn head_rows(subject: &Subject) -> u16 {
    match subject {
        Subject::Answer(..) | Subject::Change(_) => 3,
        _ => 2,
    }
}

/// The text as readers will see it.
fn review_rows(writing: &Writing, columns: u16) -> Vec<String> {
    let text = SafeText::body(&writing.editor.content());
    let width = usize::from(columns.saturating_sub(MARGIN).min(super::TEXT_COLUMNS));
    wrap::rows(text.as_str().trim_end(), width).map(str::to_owned).collect()
}

/// Draws the editor, or the review.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let Some(writing) = model.desk.open() else { return };
    let about = about(theme, &writing.subject, usize::from(area.width));
    let (head, rest) = lines::split_top(area, 1 + u16::from(about.is_some()));
    let (_, rest) = lines::split_top(rest, u16::from(rest.height > 3));
    draw_head(model, writing, Rect { height: head.height.min(1), ..head }, buffer);
    lines::draw(buffer, lines::split_top(head, 1).1, about);
    match writing.phase {
        Phase::Reviewing(top) => {
            let rows = review_rows(writing, rest.width);
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
            writing.editor.draw(buffer, Rect { width, ..rest });
        }
    }
}

/// `answers mo 4d4d4d4d: The boat is back in the …`.
fn about(theme: Theme, subject: &Subject, columns: usize) -> Option<Line<'static>> {
    let (word, target) = match subject {
        Subject::Post | Subject::Message(_) | Subject::Correction(..) => return None,
        Subject::Answer(target, _) => ("answers ", target),
        Subject::Change(target) if target.kind == Kind::Post => ("changes your post", target),
        Subject::Change(target) => ("changes your comment", target),
    };
    let mut spans = vec![Span::styled(word, theme.faint())];
    if matches!(subject, Subject::Answer(..)) {
        let room = columns.saturating_sub(word.len() + 2).min(columns / 2);
        spans.extend(signature(theme, &target.author_name, target.author, room, theme.strong()));
    }
    spans.push(Span::styled(": ", theme.faint()));
    let room = columns.saturating_sub(spans.iter().map(Span::width).sum());
    let first = target.text.as_str().trim().lines().next().unwrap_or_default();
    spans.push(Span::styled(wrap::clip(first, room, theme.ellipsis()), theme.faint()));
    Some(Line::from(spans))
}

/// `as ana 58666666 → public` and the size.
fn draw_head(model: &Model, writing: &Writing, row: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let (bytes, most) = (writing.editor.bytes(), writing.subject.limit());
    let style = if bytes > most { theme.bad() } else { theme.faint() };
    let over = if bytes > most { "too long: " } else { "" };
    let size = if row.width < 60 {
        format!("{over}{bytes}/{most}")
    } else {
        format!("{over}{bytes} of {most} bytes")
    };
    let audience = format!(" {} ", theme.to());
    let whom = match writing.subject {
        Subject::Post => model.audience.label(theme.dot()),
        _ => "public".to_owned(),
    };
    let room = usize::from(row.width).saturating_sub(size.len() + audience.len() + "as  ".len());
    // The person's own name gives way before the number of those who will read it.
    let room_for_whom = wrap::cells(&whom).min(room.saturating_sub(NAME_ROOM));
    let room = room.saturating_sub(room_for_whom);
    let mut spans = vec![Span::raw("as ")];
    let known = model.personas.as_deref().unwrap_or_default();
    match acting(model).and_then(|acting| known.iter().find(|persona| persona.posting_id == acting)) {
        Some(persona) => {
            spans.extend(signature(theme, &persona.name, persona.posting_id, room, theme.strong()));
        }
        None => spans.push(Span::raw("nobody yet")),
    }
    spans.push(Span::raw(audience));
    spans.push(Span::styled(wrap::clip(&whom, room_for_whom, theme.ellipsis()), theme.strong()));
    lines::draw_both_ends(buffer, row, &Line::from(spans), &lines::plain(size, style));
}

/// The title of the pane.
pub fn title(model: &Model) -> &'static str {
    match model.desk.open().map(|writing| (writing.phase, &writing.subject)) {
        Some((Phase::Reviewing(_), _)) => "Review",
        Some((_, Subject::Answer(..))) => "Answer",
        Some((_, Subject::Change(_))) => "Change",
        Some(_) | None => "New post",
    }
}

/// What the status line says about the draft.
pub fn status(model: &Model) -> String {
    let Some(writing) = model.desk.open() else {
        return String::new();
    };
    let known = model.personas.as_deref().unwrap_or_default();
    let persona = acting(model).and_then(|acting| known.iter().find(|persona| persona.posting_id == acting));
    if let (Phase::Reviewing(_), Some(persona)) = (writing.phase, persona) {
        let whom = match &writing.subject {
            Subject::Answer(target, _) => {
                let name = target.author_name.as_str().trim();
                let name = if name.is_empty() { target.author.fingerprint() } else { name.to_owned() };
                format!("in answer to {name}, to everybody who has the post")
            }
            Subject::Post if model.audience.circle().is_some() => {
                format!("to {}", model.audience.label(model.theme.dot()))
            }
            _ => "to everybody".to_owned(),
        };
        let with =
            if writing.subject == Subject::Post { attachments::with_files(model) } else { String::new() };
        return format!("{} sends this as {} {whom}{with}", model.key(Action::Send), persona.name);
    }
    if writing.phase == Phase::Sending {
        return String::new();
    }
    let status = match (writing.has_text() && !writing.is_unchanged(), writing.draft) {
        (false, _) => "",
        (true, Draft::Kept) => "draft saved",
        (true, Draft::Unsaved) => "draft not saved",
        (true, _) => "draft changed",
    };
    let with = if writing.subject == Subject::Post { attachments::with_files(model) } else { String::new() };
    format!("{status}{with}")
}

/// What the status line says elsewhere about texts that are not finished.
pub fn waiting(model: &Model) -> String {
    if let Some(sending) = model.desk.sending() {
        let article = if matches!(sending.subject, Subject::Answer(..)) { "an" } else { "a" };
        return format!("{article} {} is being sent", sending.subject.name());
    }
    match model.desk.post() {
        Some(post) if post.has_text() => {
            format!("an unfinished post waits: {}", model.key(Action::Compose))
        }
        _ => String::new(),
    }
}

/// What would be lost by leaving.
pub fn unkept(model: &Model) -> String {
    match model.desk.unkept() {
        Some(writing) if writing.is_under_way() => {
            format!("The {} is not sent yet.", writing.subject.name())
        }
        _ => "The draft could not be saved.".to_owned(),
    }
}
