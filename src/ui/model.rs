//! Everything the interface knows: what the node last answered, where the person is, what is being typed.
//! Plain data; [`super::update`] is the only one to change it, [`super::view`] the only one to draw it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Reach;
use super::action::Action;
use super::desk::{Desk, Phase};
use super::keymap::{Context, Key, Keymap};
use super::message::Request;
use super::panes::attachments::Shelf;
use super::panes::audience::Audience;
use super::panes::chat::Chat;
use super::panes::first_run::FirstRun;
use super::panes::locked::Locked;
use super::panes::messages::Messages;
use super::panes::network::{self, Network};
use super::panes::people::{self, People};
use super::panes::question::Question;
use super::panes::reaction::{self, Picker};
use super::panes::thread::Thread;
use super::theme::Theme;
use super::timeline::Timeline;
use super::transfers::Transfers;
use super::watch::Watches;
use super::widgets::editor::Editor;
use super::widgets::secret::Secret;
use super::windows::Windows;
use crate::api::{CallError, PersonaView, StatusView, WordsView};
use crate::domain::conversation::ConversationId;
use crate::domain::text::SafeText;
use crate::domain::time::Timestamp;

/// Where the person is. The pane that has the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// No persona exists yet: its name is asked for.
    FirstRun,
    /// The passphrase is asked for.
    Locked,
    /// The feed.
    Feed,
    /// An opened post.
    Thread,
    /// The people.
    People,
    /// The peers.
    Network,
    /// The conversations.
    Messages,
    /// One of them.
    Chat(ConversationId),
    /// A post, an answer, or a new text being written.
    Compose,
}

/// What lies over the pane and takes the keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Overlay {
    /// The keys, from this row on.
    Help(usize),
    /// The name of an action is being typed.
    CommandLine(Editor),
    /// The path of a file to attach.
    AttachFile(Editor),
    /// Emoji to choose from.
    Picker(Box<Picker>),
    /// Words to compare with somebody.
    Words(Box<WordsView>),
    /// What is known about a message.
    Facts(Vec<String>),
    /// Who is in a conversation.
    Members(Vec<String>),
    /// Something that cannot be taken back: do it?
    Question(Question),
    /// The draft could not be saved, or the post is not sent yet: leave all the same?
    QuitUnsaved,
}

/// How bad a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Something is so.
    Calm,
    /// Something went wrong.
    Bad,
}

/// A sentence in the status line, kept until the next key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How bad it is.
    pub tone: Tone,
    /// The sentence.
    pub text: SafeText,
}

/// Whether the program is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// It is not.
    Staying,
    /// As soon as the draft is saved and the post sent.
    WhenSaved,
    /// The same, or as soon as that fails or takes too long.
    InAnyCase,
}

/// Protection of what follows a paste: crossterm ends one at the first `ESC[201~`, the rest comes as keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasteGuard {
    /// No paste lately.
    Open,
    /// A paste came, and no key since the timer was set.
    Quiet,
    /// Keys came since the timer was set: they may belong to the paste.
    Busy,
}

/// What the interface knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Columns and rows.
    pub size: (u16, u16),
    /// The wall clock of the last message.
    pub now: Timestamp,
    /// Colours and glyphs.
    pub theme: Theme,
    /// How the node reaches others.
    pub reach: Reach,
    /// The live bindings.
    pub keymap: Keymap,
    /// Where the person is.
    pub place: Place,
    /// What lies over it.
    pub overlay: Option<Overlay>,
    /// Keys of a sequence that is not complete.
    pub typed: Vec<Key>,
    /// The sentence in the status line.
    pub notice: Option<Notice>,
    /// Whether a paste came just now.
    pub guard: PasteGuard,
    /// Whether the program is on its way out.
    pub leaving: Leaving,
    /// Questions about what is kept up to date.
    pub watches: Watches,
    /// My personas, once known; the default one first.
    pub personas: Option<Vec<PersonaView>>,
    /// The node at a glance, once known.
    pub status: Option<StatusView>,
    /// Why the store refuses to write.
    pub store_failure: Option<SafeText>,
    /// Whether the node is gone.
    pub node: NodeState,
    /// What stands beside and below each other.
    pub windows: Windows,
    /// How they stand as the node keeps it; `None` until it said how they stood.
    pub windows_kept: Option<String>,
    /// The list of conversations.
    pub messages: Messages,
    /// The conversations that are open.
    pub chats: BTreeMap<ConversationId, Chat>,
    /// The feed.
    pub feed: Timeline,
    /// The opened post.
    pub thread: Option<Thread>,
    /// How often a post was opened.
    pub openings: u64,
    /// The emoji used last.
    pub emoji: String,
    /// What is being written.
    pub desk: Desk,
    /// The people.
    pub people: People,
    /// The peers.
    pub network: Network,
    /// The first persona's name.
    pub first_run: FirstRun,
    /// The passphrase of a locked directory.
    pub locked: Locked,
    /// Attachments on their way.
    pub transfers: Transfers,
    /// Files: those of the new post, and where others go.
    pub shelf: Shelf,
    /// For whom the new post is.
    pub audience: Audience,
}

/// Whether there is somebody to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// It answers.
    Running,
    /// It is gone.
    Stopped,
}

impl Model {
    /// Knows nothing yet.
    pub fn new(theme: Theme, reach: Reach, now: Timestamp) -> Self {
        Self {
            size: (80, 24),
            now,
            theme,
            reach,
            keymap: Keymap::standard(),
            place: Place::Feed,
            overlay: None,
            typed: Vec::new(),
            notice: None,
            guard: PasteGuard::Open,
            leaving: Leaving::Staying,
            watches: Watches::default(),
            personas: None,
            status: None,
            store_failure: None,
            node: NodeState::Running,
            windows: Windows::new(Place::Feed),
            windows_kept: None,
            messages: Messages::default(),
            chats: BTreeMap::new(),
            feed: Timeline::default(),
            thread: None,
            openings: 0,
            emoji: reaction::FIRST.to_owned(),
            desk: Desk::default(),
            people: People::default(),
            network: Network::default(),
            first_run: FirstRun::default(),
            locked: Locked::default(),
            transfers: Transfers::default(),
            shelf: Shelf::default(),
            audience: Audience::default(),
        }
    }

    /// Knows nothing any more but what the program was started with, and how the node stands.
    pub fn reborn(&self) -> Self {
        Self {
            size: self.size,
            keymap: self.keymap.clone(),
            status: self.status.clone(),
            node: self.node,
            leaving: self.leaving,
            shelf: self.shelf.emptied(),
            ..Self::new(self.theme, self.reach, self.now)
        }
    }

    /// The passphrase that takes what is typed.
    pub fn secret(&mut self) -> Option<&mut Secret> {
        match self.place {
            Place::Locked => Some(&mut self.locked.secret),
            Place::FirstRun => self.first_run.secret(),
            _ => None,
        }
    }

    /// Whether there is enough to paint a first frame that will not be replaced at once.
    pub const fn is_loaded(&self) -> bool {
        self.personas.is_some() && self.feed.is_loaded()
    }

    /// Where keys land, the nearest context first.
    pub fn contexts(&self) -> &'static [Context] {
        use Context as C;
        match &self.overlay {
            Some(Overlay::Help(_)) => return &[C::Help, C::List, C::Always],
            Some(Overlay::CommandLine(_)) => return &[C::CommandLine, C::Text, C::Always],
            Some(Overlay::AttachFile(_)) => return &[C::Field, C::Text, C::Always],
            Some(Overlay::Picker(_)) => return &[C::Picker, C::Text, C::Always],
            Some(Overlay::Words(_)) => return &[C::Words, C::Always],
            Some(Overlay::Facts(_) | Overlay::Members(_)) => return &[C::Facts, C::Always],
            Some(Overlay::QuitUnsaved | Overlay::Question(_)) => return &[C::Question, C::Always],
            None => {}
        }
        self.contexts_below()
    }

    /// Where keys land when nothing lies over the pane.
    pub fn contexts_below(&self) -> &'static [Context] {
        use Context as C;
        match self.place {
            Place::FirstRun => &[C::FirstRun, C::Text, C::Always],
            Place::Locked => &[C::Locked, C::Text, C::Always],
            Place::Feed => &[C::Feed, C::Item, C::List, C::Global, C::Always],
            Place::Thread => &[C::Thread, C::Item, C::List, C::Global, C::Always],
            Place::Compose => match self.desk.phase() {
                Phase::Writing if self.desk.is_post() => &[C::Compose, C::NewPost, C::Text, C::Always],
                Phase::Writing => &[C::Compose, C::Text, C::Always],
                Phase::Reviewing(_) => &[C::Review, C::List, C::Always],
                Phase::Sending => &[C::Sending, C::Always],
                Phase::Discarding => &[C::Question, C::Always],
            },
            Place::People => match &self.people.mode {
                people::Mode::List => &[C::People, C::List, C::Global, C::Always],
                people::Mode::Adding(_) => &[C::Field, C::Text, C::Always],
                people::Mode::Invite(_) => &[C::Invite, C::List, C::Global, C::Always],
                people::Mode::Unfollowing(_) => &[C::Question, C::Always],
            },
            Place::Messages => &[C::Messages, C::List, C::Global, C::Always],
            Place::Chat(thread) => match self.chats.get(&thread) {
                Some(chat) if chat.is_typing() => &[C::Message, C::Text, C::Always],
                Some(chat) if chat.is_request() => &[C::Request, C::List, C::Global, C::Always],
                _ => &[C::Chat, C::List, C::Global, C::Always],
            },
            Place::Network => match &self.network.mode {
                network::Mode::List => &[C::Network, C::List, C::Global, C::Always],
                network::Mode::Adding(_) => &[C::Field, C::Text, C::Always],
            },
        }
    }

    /// The text that takes what is typed.
    pub fn text(&mut self) -> Option<&mut Editor> {
        match &mut self.overlay {
            Some(Overlay::CommandLine(field) | Overlay::AttachFile(field)) => return Some(field),
            Some(Overlay::Picker(picker)) => return Some(&mut picker.line.editor),
            Some(_) => return None,
            None => {}
        }
        match self.place {
            Place::FirstRun => self.first_run.name(),
            Place::Compose if self.desk.phase() == Phase::Writing => {
                self.desk.open_mut().map(|writing| &mut writing.editor)
            }
            Place::People => match &mut self.people.mode {
                people::Mode::Adding(field) => Some(&mut field.editor),
                _ => None,
            },
            Place::Network => match &mut self.network.mode {
                network::Mode::Adding(field) => Some(&mut field.editor),
                network::Mode::List => None,
            },
            Place::Chat(thread) => {
                let slot = self.chats.get(&thread).and_then(Chat::typed_into)?;
                self.desk.text_mut(slot).map(|writing| &mut writing.editor)
            }
            _ => None,
        }
    }

    /// Whether a window shows this.
    pub fn shows(&self, place: Place) -> bool {
        self.place == place || self.windows.shows(place)
    }

    /// The persona that acts where none is chosen.
    pub fn persona(&self) -> Option<&PersonaView> {
        let personas = self.personas.as_deref().unwrap_or_default();
        personas.iter().find(|persona| persona.default).or_else(|| personas.first())
    }

    /// The keys of an action here, for the sentences of panes.
    pub fn key(&self, action: Action) -> String {
        let keys = self.keymap.keys_of(self.contexts(), action);
        keys.unwrap_or_else(|| format!(":{}", action.name()))
    }

    /// The keys of an action in a context, wherever the person is.
    pub fn key_in(&self, context: Context, action: Action) -> String {
        let keys = self.keymap.keys_of(&[context], action);
        keys.unwrap_or_else(|| format!(":{}", action.name()))
    }

    /// Says something in the status line.
    pub fn say(&mut self, text: &str) -> Vec<Request> {
        self.notice = Some(Notice { tone: Tone::Calm, text: SafeText::line(text) });
        Vec::new()
    }

    /// Says in the status line why a call failed.
    pub fn complain(&mut self, error: &CallError) {
        self.notice = Some(Notice { tone: Tone::Bad, text: sentence(error, self.theme) });
    }
}

/// A failed call in one line: `message — hint`.
pub fn sentence(error: &CallError, theme: Theme) -> SafeText {
    SafeText::line(&format!("{}{}{}", error.message, theme.dash(), error.hint))
}

/// A field of one line with what was wrong with its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The text.
    pub editor: Editor,
    /// How far its last submission came.
    pub state: FieldState,
}

/// How far a field's submission came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FieldState {
    /// Being typed.
    #[default]
    Typing,
    /// The node is asked.
    Asked,
    /// The node refused: a sentence for the person.
    Refused(SafeText),
}

impl Default for Field {
    fn default() -> Self {
        Self { editor: Editor::field(), state: FieldState::Typing }
    }
}
