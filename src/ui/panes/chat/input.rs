//! Writing in a conversation: the next message, or a new text for an older one. Enter sends; the text stays in memory
//! until the node has it, and is in the editor again if the node refuses.

use super::{Chat, Mode, deeds};
use crate::api::{CallError, Command, DraftSlot, MessageKey, Talk};
use crate::domain::conversation::{ConversationId, MessageId};
use crate::ui::action::Action;
use crate::ui::desk::{Draft, Phase, Subject};
use crate::ui::keymap::Context;
use crate::ui::message::{Asked, Request};
use crate::ui::model::Model;

/// Begins to type the next message. To a stranger nothing can be written: offers to accept.
pub fn write(model: &mut Model, thread: ConversationId) -> Vec<Request> {
    let Some(chat) = model.chats.get_mut(&thread) else {
        return Vec::new();
    };
    if chat.is_gone || chat.view.is_none() {
        return model.say("this conversation is not here");
    }
    if chat.is_request() {
        return deeds::offer_to_accept(model, thread);
    }
    if chat.is_left() {
        return model.say("nothing more can be written here");
    }
    if chat.is_circle_of_other() && chat.quote.is_none() {
        let key = model.key_in(Context::Chat, Action::Quote);
        return model.say(&format!("only its owner posts to a circle: {key} comments on a post"));
    }
    chat.mode = Mode::Writing;
    model.desk.have(Subject::Message(thread))
}

/// Begins to type a new text for the selected message.
pub fn correct(model: &mut Model, thread: ConversationId) -> Vec<Request> {
    let selected = model.chats.get(&thread).and_then(|chat| chat.log.selected()).cloned();
    let Some(message) = selected else {
        return model.say("there is no message yet");
    };
    if !message.from_me || message.deleted {
        return model.say("only your own messages can be changed");
    }
    if let Some(chat) = model.chats.get_mut(&thread) {
        chat.mode = Mode::Correcting(message.message_id);
    }
    model.desk.have(Subject::Correction(thread, message.message_id, message.text))
}

/// Runs an action while text is typed.
pub fn perform(model: &mut Model, thread: ConversationId, action: Action) -> Vec<Request> {
    match action {
        Action::Send => send(model, thread),
        Action::Cancel => leave(model, thread),
        _ => Vec::new(),
    }
}

/// Stops typing: the draft stays.
fn leave(model: &mut Model, thread: ConversationId) -> Vec<Request> {
    let Some(chat) = model.chats.get_mut(&thread) else {
        return Vec::new();
    };
    let slot = chat.typed_into();
    chat.mode = Mode::Reading;
    let Some(writing) = slot.and_then(|slot| model.desk.text_mut(slot)) else {
        return Vec::new();
    };
    writing.save()
}

fn send(model: &mut Model, thread: ConversationId) -> Vec<Request> {
    let Some(chat) = model.chats.get(&thread) else {
        return Vec::new();
    };
    let (Some(slot), quote) = (chat.typed_into(), chat.quote.as_ref().map(|quote| quote.message)) else {
        return Vec::new();
    };
    let Some(writing) = model.desk.text_mut(slot) else {
        return Vec::new();
    };
    let (bytes, most) = (writing.editor.bytes(), writing.subject.limit());
    if writing.editor.is_blank() {
        return model.say("there is nothing to send yet");
    }
    if bytes > most {
        return model.say(&format!("the message is {} bytes too long: make two of it", bytes - most));
    }
    if let DraftSlot::Correction(_, message_id) = slot {
        return correction(model, thread, slot, message_id);
    }
    let Some((number, text)) = model.desk.give(slot, quote) else {
        return Vec::new();
    };
    let mut requests = Vec::new();
    if let Some(chat) = model.chats.get_mut(&thread) {
        chat.quote = None;
        chat.log.forget_unread();
        requests.extend(chat.log.go_newest());
    }
    let command = Command::Talk(Talk::Send { thread, text, quote, draft: Some(slot) });
    requests.push(Request::Command(Asked::SendMessage(thread, number), command));
    requests
}

fn correction(
    model: &mut Model,
    thread: ConversationId,
    slot: DraftSlot,
    message_id: MessageId,
) -> Vec<Request> {
    let persona = model.chats.get(&thread).and_then(Chat::view).map(|view| view.persona);
    let (Some(writing), Some(from)) = (model.desk.text_mut(slot), persona) else {
        return Vec::new();
    };
    if writing.is_unchanged() {
        return model.say("nothing is changed yet");
    }
    writing.phase = Phase::Sending;
    let text = writing.editor.content();
    if let Some(chat) = model.chats.get_mut(&thread) {
        chat.mode = Mode::Reading;
    }
    let message = MessageKey { from, message_id };
    let command = Command::Talk(Talk::Edit { thread, message, text, draft: Some(slot) });
    vec![Request::Command(Asked::Publish(slot), command)]
}

/// The node has stored a message.
pub fn sent(model: &mut Model, thread: ConversationId, number: u64) -> Vec<Request> {
    super::changed(model, thread);
    model.desk.taken(DraftSlot::Message(thread), number)
}

/// The node has refused a message: it stands in the editor again.
pub fn not_sent(model: &mut Model, thread: ConversationId, number: u64, error: &CallError) -> Vec<Request> {
    model.complain(error);
    let (back, requests) = model.desk.refused(DraftSlot::Message(thread), number);
    let quoted = back.and_then(|back| back.quote);
    if let Some(chat) = model.chats.get_mut(&thread)
        && chat.quote.is_none()
    {
        chat.quote = quoted.and_then(|key| chat.log.find(key)).map(deeds::quote_of);
    }
    requests
}

/// What the status line says: about the draft while typing, else how far the selected message got.
pub fn status(model: &Model, thread: ConversationId) -> String {
    let Some(chat) = model.chats.get(&thread) else {
        return String::new();
    };
    let Some(writing) = chat.typed_into().and_then(|slot| model.desk.text(slot)) else {
        let selected = chat.log.selected().filter(|message| message.from_me && !message.deleted);
        return selected.map_or_else(String::new, |message| message.state.sentence());
    };
    let (bytes, most) = (writing.editor.bytes(), writing.subject.limit());
    if bytes > most {
        return format!("too long: {bytes} of {most} bytes");
    }
    if writing.is_under_way() {
        return "handing it to the node".to_owned();
    }
    match (writing.has_text() && !writing.is_unchanged(), writing.draft) {
        (false, _) => "",
        (true, Draft::Kept) => "draft saved",
        (true, Draft::Unsaved) => "draft not saved",
        (true, _) => "draft changed",
    }
    .to_owned()
}
