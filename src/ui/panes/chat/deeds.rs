//! What is done to a message or a conversation beside writing: quoting, reacting, deleting, looking closer, comparing
//! words, answering a stranger's request.

use super::{Chat, input, name_of, protection};
use crate::api::{
    Command, ConversationKind, MessageKey, MessageView, Query, QuoteView, RequestAnswer, Standing, Talk,
    Verification, WordsView,
};
use crate::domain::conversation::ConversationId;
use crate::domain::operation::ReactionSwitch;
use crate::domain::text::SafeText;
use crate::ui::action::Action;
use crate::ui::keymap::Context;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{Model, Overlay, Place};
use crate::ui::panes::question::Question;
use crate::ui::panes::reaction;

/// Runs an action about the selected message or the conversation; `None` when it is none.
pub fn perform(model: &mut Model, thread: ConversationId, action: Action) -> Option<Vec<Request>> {
    let chat = model.chats.get(&thread)?;
    let is_request = chat.is_request();
    let answers = matches!(action, Action::Accept | Action::Ignore | Action::Block);
    if answers {
        return Some(if is_request { answer(model, thread, action) } else { model.say("nobody asks here") });
    }
    let is_deed = matches!(
        action,
        Action::Quote | Action::React | Action::PickReaction | Action::Edit | Action::Delete | Action::Verify
    );
    if is_request && is_deed {
        return Some(offer_to_accept(model, thread));
    }
    if action == Action::Verify {
        return Some(ask_for_words(model, thread));
    }
    if action == Action::Edit {
        return Some(input::correct(model, thread));
    }
    if !is_deed && action != Action::Info {
        return None;
    }
    let Some(message) = chat.log.selected().cloned() else {
        return Some(model.say("there is no message yet"));
    };
    if action == Action::Info {
        model.overlay = Some(Overlay::Facts(facts(model, thread, &message)));
        return Some(Vec::new());
    }
    if message.deleted {
        return Some(model.say("this message was deleted"));
    }
    Some(match action {
        Action::Quote => quote(model, thread, &message),
        Action::React => {
            let emoji = SafeText::line(&model.emoji);
            toggle_reaction(thread, message.key(), &message.my_reactions, &emoji)
        }
        Action::PickReaction => reaction::pick_for_message(model, thread, &message),
        _ => {
            let question = Question::DeleteMessage(thread, message.key(), message.from_me);
            model.overlay = Some(Overlay::Question(question));
            Vec::new()
        }
    })
}

/// Puts an emoji on a message, or takes it back.
pub fn toggle_reaction(
    thread: ConversationId,
    message: MessageKey,
    mine: &[SafeText],
    emoji: &SafeText,
) -> Vec<Request> {
    let switch = if mine.contains(emoji) { ReactionSwitch::Off } else { ReactionSwitch::On };
    let command = Talk::React { thread, message, emoji: emoji.to_string(), switch };
    vec![Request::Command(Asked::Talk(thread), Command::Talk(command))]
}

/// A message as it stands above the one that answers it.
pub fn quote_of(message: &MessageView) -> QuoteView {
    let first = message.text.as_str().trim().lines().next().unwrap_or_default();
    QuoteView { message: message.key(), from_name: message.from_name.clone(), text: SafeText::line(first) }
}

/// Quotes a message and goes on to write; the same one again is quoted no longer.
fn quote(model: &mut Model, thread: ConversationId, message: &MessageView) -> Vec<Request> {
    let Some(chat) = model.chats.get_mut(&thread) else {
        return Vec::new();
    };
    if chat.quote.as_ref().is_some_and(|quote| quote.message == message.key()) {
        chat.quote = None;
        return model.say("the message is not quoted any more");
    }
    chat.quote = Some(quote_of(message));
    input::write(model, thread)
}

/// What a person can know about a message.
fn facts(model: &Model, thread: ConversationId, message: &MessageView) -> Vec<String> {
    let view = model.chats.get(&thread).and_then(Chat::view);
    let mut facts = Vec::new();
    if message.from_me {
        facts.push(format!("How far it got: {}.", message.state.sentence()));
        facts.push(advice(message).to_owned());
        facts.push(format!("Written {}.", message.received.format_utc()));
    } else {
        facts.push(format!("Key {}", message.from));
        facts.push(format!("Says it was sent {}.", message.sent.format_utc()));
        facts.push(format!("Came in here {}.", message.received.format_utc()));
    }
    if message.edited {
        facts.push("Its text was changed since.".to_owned());
    }
    facts.extend(view.map(|view| format!("This conversation: {}.", protection(view))));
    facts
}

/// What a state means, and what to do about it.
const fn advice(message: &MessageView) -> &'static str {
    use crate::api::{Delivery, QueueReason};
    match message.state {
        Delivery::Queued { reason: QueueReason::NoPeer } => {
            "It leaves as soon as another node is connected: the network pane shows which are known."
        }
        Delivery::Queued { reason: QueueReason::TooManyOpen } => {
            "Nothing more leaves before the other side has answered once."
        }
        Delivery::Queued { .. } => "Nothing has to be done: it leaves by itself.",
        Delivery::Published { .. } => {
            "Other nodes carry it, not knowing for whom. So many confirmations would tell when it was written."
        }
        Delivery::Sent { .. } => {
            "Other nodes carry it, not knowing for whom. The receipt comes when the other side has been there and \
             has something to say, or hours later. It is sent again by itself."
        }
        Delivery::Arrived { .. } => "Whoever it arrived at may not have read it yet.",
        Delivery::Lost => "Nodes keep a message for 30 days only.",
        Delivery::Received => "",
    }
}

fn ask_for_words(model: &mut Model, thread: ConversationId) -> Vec<Request> {
    let kind = model.chats.get(&thread).and_then(Chat::view).map(|view| view.kind);
    if kind != Some(ConversationKind::Two) {
        return model.say("words can be compared in a conversation of two");
    }
    vec![Request::Query(Asked::Words, Query::Words { thread })]
}

/// The words are known: shows them, if the conversation still has the focus.
pub fn words_known(model: &mut Model, words: WordsView) {
    if model.place == Place::Chat(words.thread) && model.overlay.is_none() {
        model.overlay = Some(Overlay::Words(Box::new(words)));
    }
}

/// What the person says about the words.
pub fn verify_answered(model: &mut Model, verified: Verification) -> Vec<Request> {
    let Some(Overlay::Words(words)) = model.overlay.take() else {
        return Vec::new();
    };
    let thread = words.thread;
    let command = Command::Talk(Talk::Verify { thread, verified });
    vec![Request::Command(Asked::Verify(thread, verified), command)]
}

/// Offers to accept a request that somebody wants to answer.
pub fn offer_to_accept(model: &mut Model, thread: ConversationId) -> Vec<Request> {
    ask(model, thread, RequestAnswer::Accept);
    Vec::new()
}

fn ask(model: &mut Model, thread: ConversationId, answer: RequestAnswer) {
    let Some(view) = model.chats.get(&thread).and_then(Chat::view) else { return };
    let question = Question::Request(thread, answer, SafeText::line(&name_of(view)));
    model.overlay = Some(Overlay::Question(question));
}

fn answer(model: &mut Model, thread: ConversationId, action: Action) -> Vec<Request> {
    if action == Action::Block && !model.chats.get(&thread).is_some_and(Chat::can_be_blocked) {
        let key = model.key_in(Context::Request, Action::Ignore);
        return model.say(&format!("a group cannot be blocked: {key} ignores it"));
    }
    let answer = match action {
        Action::Ignore => RequestAnswer::Ignore,
        Action::Block => RequestAnswer::Block,
        _ => {
            let answer = RequestAnswer::Accept;
            let command = Command::Talk(Talk::Answer { thread, answer });
            return vec![Request::Command(Asked::AnswerRequest(thread, answer), command)];
        }
    };
    ask(model, thread, answer);
    Vec::new()
}

/// The node has noted what becomes of a request.
pub fn request_answered(model: &mut Model, thread: ConversationId, answer: RequestAnswer) -> Vec<Request> {
    if answer == RequestAnswer::Accept {
        if let Some(view) = model.chats.get_mut(&thread).and_then(|chat| chat.view.as_mut()) {
            view.standing = Standing::Accepted;
        }
        super::changed(model, thread);
        return model.say("accepted: you can write now. Nothing was sent by that");
    }
    if model.place == Place::Chat(thread) {
        (model.place, model.messages.open) = (Place::Messages, None);
    }
    model.say(match answer {
        RequestAnswer::Block => "blocked: nothing of this person is shown any more",
        _ => "ignored: more of the same person goes the same way",
    })
}
