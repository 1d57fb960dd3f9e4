//! What is being written: the new post, and an answer or a change per post and comment, each with a draft of its own
//! that the node keeps. One of them is in the editor; others may still be on their way to the disk. Draws nothing.
//!
//! Invariant: a text leaves memory only when the node has it, as a draft or as what it became.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::message::{Asked, Request, Wake};
use super::model::Place;
use super::panes::target::{Kind, Target};
use super::widgets::editor::Editor;
use crate::api::{Command, DraftSlot, MessageKey, Query};
use crate::domain::conversation::{ConversationId, MessageId};
use crate::domain::ids::PostingId;
use crate::domain::text::SafeText;
use crate::limits::{COMMENT_TEXT_BYTES, MESSAGE_TEXT_BYTES, POST_TEXT_BYTES};

/// Time from a change to its saving. More risks more text; less writes to the disk with every word.
const SAVE_PAUSE: Duration = Duration::from_millis(700);

/// How far a text is.
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
pub enum Draft {
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

/// Whether the draft of an earlier time is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Past {
    /// The node is asked: until it answers nothing is saved over it.
    Asked,
    /// It stands in the text, or there was none.
    Known,
}

/// What a text is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A new post.
    Post,
    /// An answer to this, by one of my personas.
    Answer(Target, Option<PostingId>),
    /// A new text for this.
    Change(Target),
    /// A message.
    Message(ConversationId),
    /// A new text for a message of mine, which says this so far.
    Correction(ConversationId, MessageId, SafeText),
}

impl Subject {
    /// The most bytes the text may have.
    pub const fn limit(&self) -> usize {
        match self {
            Self::Post => POST_TEXT_BYTES,
            Self::Change(target) if matches!(target.kind, Kind::Post) => POST_TEXT_BYTES,
            Self::Answer(..) | Self::Change(_) => COMMENT_TEXT_BYTES,
            Self::Message(_) | Self::Correction(..) => MESSAGE_TEXT_BYTES,
        }
    }

    /// Where its draft belongs.
    pub const fn slot(&self) -> DraftSlot {
        match self {
            Self::Post => DraftSlot::NewPost,
            Self::Answer(target, _) => DraftSlot::Reply(target.id),
            Self::Change(target) => DraftSlot::Edit(target.id),
            Self::Message(thread) => DraftSlot::Message(*thread),
            Self::Correction(thread, message, _) => DraftSlot::Correction(*thread, *message),
        }
    }

    /// What a sentence calls the text.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Answer(..) => "answer",
            Self::Change(_) | Self::Correction(..) => "new text",
            Self::Message(_) => "message",
        }
    }
}

/// A text being written.
#[derive(Debug, Clone, PartialEq)]
pub struct Writing {
    /// What it is about.
    pub subject: Subject,
    /// The text.
    pub editor: Editor,
    /// How far it is.
    pub phase: Phase,
    /// Whether the node has the draft.
    pub draft: Draft,
    past: Past,
    /// What the node was given as messages and has not answered for.
    under_way: BTreeMap<u64, UnderWay>,
    /// The text nobody has typed in: empty, or the one that is to be changed.
    begin: String,
    /// The text the node was last given, or gave; in the beginning, that one.
    known: String,
}

impl Writing {
    /// One nobody has touched; the node is asked for its draft.
    fn new(subject: Subject) -> Self {
        let begin = match &subject {
            Subject::Change(target) => target.text.to_string(),
            Subject::Correction(_, _, text) => text.to_string(),
            Subject::Post | Subject::Answer(..) | Subject::Message(_) => String::new(),
        };
        let editor = Editor::text(&begin);
        let begin = editor.content();
        let known = begin.clone();
        let (phase, draft, past) = (Phase::Writing, Draft::Kept, Past::Asked);
        Self { subject, editor, phase, draft, past, under_way: BTreeMap::new(), begin, known }
    }

    /// Whether nothing would be lost by leaving.
    pub fn is_kept(&self) -> bool {
        self.draft == Draft::Kept && !self.is_under_way()
    }

    /// Whether the node has this, or something written before it in its place, and has not answered.
    pub fn is_under_way(&self) -> bool {
        self.phase == Phase::Sending || !self.under_way.is_empty()
    }

    /// Whether unfinished text waits.
    pub fn has_text(&self) -> bool {
        !self.editor.is_blank()
    }

    /// Whether it says what stands there already.
    pub fn is_unchanged(&self) -> bool {
        matches!(self.subject, Subject::Change(_) | Subject::Correction(..))
            && self.editor.content() == self.begin
    }

    /// Takes the draft of an earlier time. What was typed meanwhile stays behind it.
    fn restore(&mut self, text: &str) -> Vec<Request> {
        self.past = Past::Known;
        let typed = self.editor.content();
        if !text.is_empty() && typed == self.known {
            self.editor.replace(text);
            self.known = self.editor.content();
        } else if !text.is_empty() && typed != text {
            self.editor.replace(&format!("{text}\n{typed}"));
        }
        if self.draft == Draft::Changed { self.wait() } else { self.touched() }
    }

    /// The text may have changed: starts the timer of the draft if it has.
    fn touched(&mut self) -> Vec<Request> {
        if self.editor.content() == self.known {
            return Vec::new();
        }
        match self.draft {
            Draft::Kept | Draft::Unsaved => self.wait(),
            Draft::Saving => {
                self.draft = Draft::SavingOlder;
                Vec::new()
            }
            Draft::Changed | Draft::SavingOlder => Vec::new(),
        }
    }

    fn wait(&mut self) -> Vec<Request> {
        self.draft = Draft::Changed;
        vec![Request::Wake(SAVE_PAUSE, Wake::SaveDraft(self.subject.slot()))]
    }

    /// Gives the draft to the node, unless that is going on. A text that is being sent is not saved: it would stay
    /// behind what it becomes and could be sent again.
    pub fn save(&mut self) -> Vec<Request> {
        let is_due = matches!(self.draft, Draft::Changed | Draft::Unsaved);
        if self.is_under_way() || self.past == Past::Asked || !is_due {
            return Vec::new();
        }
        self.draft = Draft::Saving;
        self.known = self.editor.content();
        let slot = self.subject.slot();
        let text = if self.is_unchanged() { String::new() } else { self.known.clone() };
        vec![Request::Command(Asked::SaveDraft(slot), Command::SaveDraft { slot, text })]
    }

    fn saved(&mut self, kept: Kept) -> Vec<Request> {
        match (self.draft, kept) {
            (Draft::Saving, Kept::Yes) => self.draft = Draft::Kept,
            (Draft::Saving | Draft::SavingOlder, Kept::No) => {
                self.draft = Draft::Unsaved;
                self.known.clear();
            }
            (Draft::SavingOlder, Kept::Yes) => return self.wait(),
            _ => {}
        }
        Vec::new()
    }
}

/// Whether the node saved a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It did.
    Yes,
    /// It could not.
    No,
}

/// A message on its way to the node. Typing goes on meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// What it says.
    pub text: String,
    /// What it answers.
    pub quote: Option<MessageKey>,
}

/// Everything that is being written.
#[derive(Debug, Clone, PartialEq)]
pub struct Desk {
    texts: BTreeMap<DraftSlot, Writing>,
    open: DraftSlot,
    /// Conversations on the screen: their texts stay, whatever else is written.
    held: BTreeSet<ConversationId>,
    /// Messages given to the node so far.
    given: u64,
    /// Where the person was before.
    pub back: Place,
}

impl Default for Desk {
    fn default() -> Self {
        let post = Writing::new(Subject::Post);
        Self {
            texts: BTreeMap::from([(DraftSlot::NewPost, post)]),
            open: DraftSlot::NewPost,
            held: BTreeSet::new(),
            given: 0,
            back: Place::Feed,
        }
    }
}

impl Desk {
    /// The text in the editor.
    pub fn open(&self) -> Option<&Writing> {
        self.texts.get(&self.open)
    }

    /// The same, to be changed.
    pub fn open_mut(&mut self) -> Option<&mut Writing> {
        self.texts.get_mut(&self.open)
    }

    /// How far the text in the editor is.
    pub fn phase(&self) -> Phase {
        self.open().map_or(Phase::Writing, |writing| writing.phase)
    }

    /// Whether the text in the editor becomes a post.
    pub fn is_post(&self) -> bool {
        self.open().is_some_and(|writing| writing.subject == Subject::Post)
    }

    /// The new post, wherever the person is.
    pub fn post(&self) -> Option<&Writing> {
        self.texts.get(&DraftSlot::NewPost)
    }

    /// Whether nothing would be lost by leaving.
    pub fn is_kept(&self) -> bool {
        self.texts.values().all(Writing::is_kept)
    }

    /// The first text that would be lost.
    pub fn unkept(&self) -> Option<&Writing> {
        self.texts.values().find(|writing| !writing.is_kept())
    }

    /// A text that is on its way.
    pub fn sending(&self) -> Option<&Writing> {
        self.texts.values().find(|writing| writing.is_under_way())
    }

    /// Puts a text into the editor, with its draft, or as it was left.
    pub fn take_up(&mut self, subject: Subject, back: Place) -> Vec<Request> {
        (self.open, self.back) = (subject.slot(), back);
        self.tidy();
        if let Some(writing) = self.texts.get_mut(&self.open) {
            if writing.phase != Phase::Sending {
                writing.phase = Phase::Writing;
            }
            return Vec::new();
        }
        self.texts.insert(self.open, Writing::new(subject));
        ask(self.open)
    }

    /// Forgets what the node has: it comes back with its draft.
    fn tidy(&mut self) {
        let (open, held) = (self.open, &self.held);
        self.texts.retain(|slot, writing| {
            let is_held = match slot {
                DraftSlot::Message(thread) | DraftSlot::Correction(thread, _) => held.contains(thread),
                _ => *slot == DraftSlot::NewPost,
            };
            is_held || *slot == open || !writing.is_kept()
        });
    }

    /// The text of a slot, if it is here.
    pub fn text(&self, slot: DraftSlot) -> Option<&Writing> {
        self.texts.get(&slot)
    }

    /// The same, to be changed.
    pub fn text_mut(&mut self, slot: DraftSlot) -> Option<&mut Writing> {
        self.texts.get_mut(&slot)
    }

    /// Has a text of a conversation at hand, with its draft or as it was left.
    pub fn have(&mut self, subject: Subject) -> Vec<Request> {
        let slot = subject.slot();
        if self.texts.contains_key(&slot) {
            return Vec::new();
        }
        self.texts.insert(slot, Writing::new(subject));
        ask(slot)
    }

    /// These conversations are on the screen: texts of others are forgotten, once the node has them.
    pub fn hold(&mut self, threads: BTreeSet<ConversationId>) {
        if self.held != threads {
            self.held = threads;
            self.tidy();
        }
    }

    /// Something may have been typed into a text of a conversation.
    pub fn touched_in(&mut self, slot: DraftSlot) -> Vec<Request> {
        self.texts.get_mut(&slot).map_or_else(Vec::new, Writing::touched)
    }

    /// Takes the text out of its editor to be sent as a message: its number, and what it says.
    pub fn give(&mut self, slot: DraftSlot, quote: Option<MessageKey>) -> Option<(u64, String)> {
        let writing = self.texts.get_mut(&slot)?;
        self.given += 1;
        let text = writing.editor.content();
        writing.editor.replace("");
        writing.under_way.insert(self.given, UnderWay { text: text.clone(), quote });
        Some((self.given, text))
    }

    /// The node has stored a message: once nothing is under way, what was typed since becomes the draft.
    pub fn taken(&mut self, slot: DraftSlot, number: u64) -> Vec<Request> {
        let Some(writing) = self.texts.get_mut(&slot) else {
            return Vec::new();
        };
        writing.under_way.remove(&number);
        if writing.under_way.is_empty() { writing.wait() } else { Vec::new() }
    }

    /// The node has refused a message: it stands in the editor again, before what was typed since.
    pub fn refused(&mut self, slot: DraftSlot, number: u64) -> (Option<UnderWay>, Vec<Request>) {
        let Some(writing) = self.texts.get_mut(&slot) else {
            return (None, Vec::new());
        };
        let back = writing.under_way.remove(&number);
        if let Some(UnderWay { text, .. }) = &back {
            let typed = writing.editor.content();
            let gap = if typed.is_empty() { "" } else { "\n" };
            writing.editor.replace(&format!("{text}{gap}{typed}"));
        }
        let requests = if writing.under_way.is_empty() { writing.wait() } else { Vec::new() };
        (back, requests)
    }

    /// Throws a text of a conversation away, and its draft.
    pub fn drop_text(&mut self, slot: DraftSlot) -> Vec<Request> {
        self.texts.remove(&slot);
        vec![Request::Command(Asked::SaveDraft(slot), Command::SaveDraft { slot, text: String::new() })]
    }

    /// The node's answer about a draft.
    pub fn restore(&mut self, slot: DraftSlot, text: &str) -> Vec<Request> {
        self.texts.get_mut(&slot).map_or_else(Vec::new, |writing| writing.restore(text))
    }

    /// Something may have been typed.
    pub fn touched(&mut self) -> Vec<Request> {
        self.open_mut().map_or_else(Vec::new, Writing::touched)
    }

    /// The timer of a draft ran out.
    pub fn woken(&mut self, slot: DraftSlot) -> Vec<Request> {
        match self.texts.get_mut(&slot) {
            Some(writing) if writing.draft == Draft::Changed => writing.save(),
            _ => Vec::new(),
        }
    }

    /// Gives every draft to the node that it does not have.
    pub fn save(&mut self) -> Vec<Request> {
        self.texts.values_mut().flat_map(Writing::save).collect()
    }

    /// The node has saved a draft, or could not.
    pub fn saved(&mut self, slot: DraftSlot, kept: Kept) -> Vec<Request> {
        self.texts.get_mut(&slot).map_or_else(Vec::new, |writing| writing.saved(kept))
    }

    /// A text became what it was written for: it is gone from here. What it was about.
    pub fn sent(&mut self, slot: DraftSlot) -> Option<Subject> {
        let subject = self.texts.remove(&slot).map(|writing| writing.subject);
        if slot == DraftSlot::NewPost {
            let post = Writing { past: Past::Known, ..Writing::new(Subject::Post) };
            self.texts.insert(slot, post);
        }
        subject
    }

    /// The node refused a text: it stays.
    pub fn not_sent(&mut self, slot: DraftSlot) -> Vec<Request> {
        self.texts.get_mut(&slot).map_or_else(Vec::new, |writing| {
            writing.phase = Phase::Writing;
            writing.wait()
        })
    }

    /// Throws the text in the editor away, and its draft.
    pub fn discard(&mut self) -> Vec<Request> {
        let Some(writing) = self.open_mut() else {
            return Vec::new();
        };
        let subject = writing.subject.clone();
        *writing = Writing { past: Past::Known, draft: Draft::Unsaved, ..Writing::new(subject) };
        writing.save()
    }
}

/// Asks for a draft of an earlier time.
pub fn ask(slot: DraftSlot) -> Vec<Request> {
    vec![Request::Query(Asked::Draft(slot), Query::Draft { slot })]
}
