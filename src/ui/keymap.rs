//! Which keys run which action, per context. The only place that names a key of the keyboard; the hint bar, the
//! help and the list of what a half-typed sequence can become are all read from here, so they cannot be wrong.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::action::Action;

/// Where a key press lands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// Everywhere, also while text is typed.
    Always,
    /// Every pane where no text is typed.
    Global,
    /// Whatever can be walked through.
    List,
    /// The feed.
    Feed,
    /// An opened post.
    Thread,
    /// Whatever can be answered.
    Item,
    /// Emoji to choose from.
    Picker,
    /// The list of people.
    People,
    /// My invite on the screen.
    Invite,
    /// The list of conversations.
    Messages,
    /// A conversation.
    Chat,
    /// A conversation a stranger asks for.
    Request,
    /// A message that is being typed.
    Message,
    /// Words to compare.
    Words,
    /// Facts about a message.
    Facts,
    /// The list of peers.
    Network,
    /// The help.
    Help,
    /// The name of the first persona.
    FirstRun,
    /// The passphrase of a locked directory.
    Locked,
    /// Any text that is being typed.
    Text,
    /// A text of several lines that becomes a post, an answer, or the new text of one.
    Compose,
    /// The same when it becomes a post.
    NewPost,
    /// That text before it is sent.
    Review,
    /// That text while the node has not answered yet.
    Sending,
    /// A field of one line.
    Field,
    /// The command line.
    CommandLine,
    /// A question that is answered with yes or anything else.
    Question,
}

impl Context {
    /// What the help calls it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Always => "Everywhere",
            Self::Global => "In every pane",
            Self::List => "Moving",
            Self::Feed => "Feed",
            Self::Thread => "Post and comments",
            Self::Item => "Post or comment",
            Self::Picker => "Reaction",
            Self::People => "People",
            Self::Invite => "Invite",
            Self::Messages => "Messages",
            Self::Chat => "Conversation",
            Self::Request => "Request of a stranger",
            Self::Message => "Writing a message",
            Self::Words => "Comparing words",
            Self::Facts => "About a message",
            Self::Network => "Network",
            Self::Help => "Help",
            Self::FirstRun => "Welcome",
            Self::Locked => "Locked",
            Self::Text => "Typing",
            Self::Compose | Self::NewPost => "Writing",
            Self::Sending => "Sending",
            Self::Review => "Review",
            Self::Field => "Field",
            Self::CommandLine => "Command line",
            Self::Question => "Question",
        }
    }
}

/// One key press, as far as bindings can tell keys apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    code: KeyCode,
    ctrl: bool,
    /// Only with Enter: some hands know it as the key of a new line.
    alt: bool,
}

impl Key {
    /// The key of a terminal's event; `None` for releases and for modifiers nothing is bound to.
    pub fn from_event(event: KeyEvent) -> Option<Self> {
        let foreign = KeyModifiers::SUPER | KeyModifiers::HYPER | KeyModifiers::META;
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        let is_bound = !alt || event.code == KeyCode::Enter;
        if event.kind == KeyEventKind::Release || event.modifiers.intersects(foreign) || !is_bound {
            return None;
        }
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let code = match event.code {
            KeyCode::Char(letter) if ctrl => KeyCode::Char(letter.to_ascii_lowercase()),
            other => other,
        };
        Some(Self { code, ctrl, alt })
    }

    /// The key with this name, as help and bindings write it.
    pub fn parse(name: &str) -> Option<Self> {
        if name == ALT_ENTER {
            return Some(Self { code: KeyCode::Enter, ctrl: false, alt: true });
        }
        let (ctrl, name) = match name.strip_prefix("Ctrl-") {
            Some(rest) => (true, rest),
            None => (false, name),
        };
        let mut letters = name.chars();
        let code = match (letters.next(), letters.next()) {
            (Some(letter), None) => KeyCode::Char(letter),
            _ => NAMED.iter().find(|(_, known)| *known == name)?.0,
        };
        Some(Self { code, ctrl, alt: false })
    }

    /// The character it types, if it does.
    pub const fn typed(self) -> Option<char> {
        match (self.code, self.ctrl) {
            (KeyCode::Char(letter), false) => Some(letter),
            _ => None,
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.alt {
            return f.write_str(ALT_ENTER);
        }
        if self.ctrl {
            f.write_str("Ctrl-")?;
        }
        match self.code {
            KeyCode::Char(letter) if letter != ' ' => write!(f, "{letter}"),
            code => f.write_str(NAMED.iter().find(|(known, _)| *known == code).map_or("?", |(_, name)| name)),
        }
    }
}

/// The one key with Alt that is told apart.
const ALT_ENTER: &str = "Alt-Enter";

const NAMED: &[(KeyCode, &str)] = &[
    (KeyCode::Char(' '), "Space"),
    (KeyCode::Enter, "Enter"),
    (KeyCode::Esc, "Esc"),
    (KeyCode::Tab, "Tab"),
    (KeyCode::BackTab, "Shift-Tab"),
    (KeyCode::Backspace, "Backspace"),
    (KeyCode::Delete, "Delete"),
    (KeyCode::Up, "Up"),
    (KeyCode::Down, "Down"),
    (KeyCode::Left, "Left"),
    (KeyCode::Right, "Right"),
    (KeyCode::Home, "Home"),
    (KeyCode::End, "End"),
    (KeyCode::PageUp, "PageUp"),
    (KeyCode::PageDown, "PageDown"),
];

/// Context, keys one after another, action. Within a context the first binding of an action is the one hints show.
const BINDINGS: &[(Context, &str, Action)] = &[
    (Context::Always, "Ctrl-l", Action::Redraw),
    (Context::Always, "Ctrl-z", Action::Suspend),
    (Context::Always, "Ctrl-c", Action::Cancel),
    (Context::Global, "?", Action::Help),
    (Context::Global, ":", Action::CommandLine),
    (Context::Global, "c", Action::Compose),
    (Context::Global, "R", Action::Sync),
    (Context::Global, "g f", Action::GoFeed),
    (Context::Global, "g p", Action::GoPeople),
    (Context::Global, "g w", Action::GoNetwork),
    (Context::Global, "g d", Action::GoMessages),
    (Context::Global, "Tab", Action::NextPane),
    (Context::Global, "Shift-Tab", Action::PreviousPane),
    (Context::Global, "Ctrl-w s", Action::SplitBelow),
    (Context::Global, "Ctrl-w v", Action::SplitBeside),
    (Context::Global, "Ctrl-w h", Action::WindowLeft),
    (Context::Global, "Ctrl-w j", Action::WindowDown),
    (Context::Global, "Ctrl-w k", Action::WindowUp),
    (Context::Global, "Ctrl-w l", Action::WindowRight),
    (Context::Global, "Ctrl-w w", Action::WindowNext),
    (Context::Global, "Ctrl-w q", Action::CloseWindow),
    (Context::Global, "Ctrl-w o", Action::OnlyWindow),
    (Context::Global, "Ctrl-w z", Action::ZoomWindow),
    (Context::Global, "Ctrl-w =", Action::EqualWindows),
    (Context::Global, "Esc", Action::Cancel),
    (Context::Global, "q", Action::Back),
    (Context::List, "j", Action::MoveDown),
    (Context::List, "Down", Action::MoveDown),
    (Context::List, "k", Action::MoveUp),
    (Context::List, "Up", Action::MoveUp),
    (Context::List, "g g", Action::GoFirst),
    (Context::List, "Home", Action::GoFirst),
    (Context::List, "G", Action::GoLast),
    (Context::List, "End", Action::GoLast),
    (Context::List, "Ctrl-d", Action::HalfPageDown),
    (Context::List, "Ctrl-u", Action::HalfPageUp),
    (Context::List, "PageDown", Action::PageDown),
    (Context::List, "PageUp", Action::PageUp),
    (Context::Feed, "Enter", Action::Open),
    (Context::Feed, "t", Action::Open),
    (Context::Feed, "l", Action::Open),
    (Context::Item, "r", Action::Reply),
    (Context::Item, "f", Action::React),
    (Context::Item, "F", Action::PickReaction),
    (Context::Item, "e", Action::Edit),
    (Context::Item, "d", Action::Delete),
    (Context::Item, "y", Action::CopyText),
    (Context::Item, "m", Action::ToggleRead),
    (Context::Item, "v", Action::ViewAttachment),
    (Context::Item, "s", Action::SaveAttachments),
    (Context::Item, "X", Action::CancelFetches),
    (Context::Feed, "M", Action::ReadAbove),
    (Context::Feed, "] u", Action::NextUnread),
    (Context::Feed, "[ u", Action::PreviousUnread),
    (Context::Feed, "\\", Action::FilterUnread),
    (Context::Thread, "J", Action::NextSibling),
    (Context::Thread, "K", Action::PreviousSibling),
    (Context::Thread, "h", Action::Collapse),
    (Context::Thread, "Left", Action::Collapse),
    (Context::Thread, "l", Action::Expand),
    (Context::Thread, "Right", Action::Expand),
    (Context::Thread, "z a", Action::ToggleFold),
    (Context::Thread, "Enter", Action::ToggleFold),
    (Context::Thread, "z M", Action::FoldAll),
    (Context::Thread, "z R", Action::UnfoldAll),
    (Context::Thread, "] u", Action::NextUnread),
    (Context::Thread, "[ u", Action::PreviousUnread),
    (Context::Thread, "] m", Action::NextAnswer),
    (Context::Thread, "[ m", Action::PreviousAnswer),
    (Context::Thread, "] p", Action::NextPost),
    (Context::Thread, "[ p", Action::PreviousPost),
    (Context::Thread, ".", Action::ShowNew),
    (Context::Thread, "g R", Action::ReplyToPost),
    (Context::Thread, "x", Action::HideComment),
    (Context::Thread, "Space", Action::PageDown),
    (Context::Picker, "h", Action::MoveLeft),
    (Context::Picker, "Left", Action::MoveLeft),
    (Context::Picker, "l", Action::MoveRight),
    (Context::Picker, "Right", Action::MoveRight),
    (Context::Picker, "j", Action::MoveDown),
    (Context::Picker, "Down", Action::MoveDown),
    (Context::Picker, "k", Action::MoveUp),
    (Context::Picker, "Up", Action::MoveUp),
    (Context::Picker, "Enter", Action::Submit),
    (Context::Picker, "Esc", Action::Cancel),
    (Context::People, "a", Action::Add),
    (Context::People, "s", Action::ShowInvite),
    (Context::People, "d", Action::Unfollow),
    (Context::People, "x", Action::Unfollow),
    (Context::People, "m", Action::MessagePerson),
    (Context::Invite, "y", Action::CopyText),
    (Context::Messages, "Enter", Action::Open),
    (Context::Messages, "l", Action::Open),
    (Context::Messages, "o", Action::OpenBeside),
    (Context::Messages, "P", Action::Pin),
    (Context::Messages, "X", Action::Mute),
    (Context::Messages, "a", Action::Archive),
    (Context::Messages, "] u", Action::NextUnread),
    (Context::Messages, "[ u", Action::PreviousUnread),
    (Context::Messages, "\\", Action::FilterTalks),
    (Context::Chat, "Enter", Action::Write),
    (Context::Chat, "i", Action::Write),
    (Context::Chat, "r", Action::Quote),
    (Context::Chat, "f", Action::React),
    (Context::Chat, "F", Action::PickReaction),
    (Context::Chat, "e", Action::Edit),
    (Context::Chat, "d", Action::Delete),
    (Context::Chat, "y", Action::CopyText),
    (Context::Chat, "I", Action::Info),
    (Context::Chat, "V", Action::Verify),
    (Context::Chat, "M", Action::Members),
    (Context::Chat, "P", Action::Pin),
    (Context::Chat, "X", Action::Mute),
    (Context::Chat, "h", Action::Back),
    (Context::Chat, "] u", Action::NextUnread),
    (Context::Chat, "[ u", Action::PreviousUnread),
    (Context::Chat, "Space", Action::PageDown),
    (Context::Request, "Enter", Action::Write),
    (Context::Request, "i", Action::Write),
    (Context::Request, "a", Action::Accept),
    (Context::Request, "x", Action::Ignore),
    (Context::Request, "b", Action::Block),
    (Context::Request, "I", Action::Info),
    (Context::Request, "M", Action::Members),
    (Context::Request, "y", Action::CopyText),
    (Context::Request, "h", Action::Back),
    (Context::Request, "Space", Action::PageDown),
    (Context::Message, "Enter", Action::Send),
    (Context::Message, "Ctrl-j", Action::NewLine),
    (Context::Message, "Alt-Enter", Action::NewLine),
    (Context::Message, "Esc", Action::Cancel),
    (Context::Words, "y", Action::Confirm),
    (Context::Words, "n", Action::WordsDiffer),
    (Context::Words, "Esc", Action::Cancel),
    (Context::Words, "q", Action::Cancel),
    (Context::Facts, "I", Action::Cancel),
    (Context::Facts, "M", Action::Cancel),
    (Context::Facts, "q", Action::Cancel),
    (Context::Facts, "Esc", Action::Cancel),
    (Context::Network, "a", Action::Add),
    (Context::Network, "y", Action::CopyText),
    (Context::Network, "b", Action::Ban),
    (Context::Help, "?", Action::Cancel),
    (Context::Help, "q", Action::Cancel),
    (Context::Help, "Esc", Action::Cancel),
    (Context::Text, "Left", Action::CursorLeft),
    (Context::Text, "Right", Action::CursorRight),
    (Context::Text, "Up", Action::CursorUp),
    (Context::Text, "Down", Action::CursorDown),
    (Context::Text, "Ctrl-Left", Action::CursorWordLeft),
    (Context::Text, "Ctrl-Right", Action::CursorWordRight),
    (Context::Text, "Home", Action::CursorLineStart),
    (Context::Text, "Ctrl-a", Action::CursorLineStart),
    (Context::Text, "End", Action::CursorLineEnd),
    (Context::Text, "Ctrl-e", Action::CursorLineEnd),
    (Context::Text, "Ctrl-Home", Action::CursorTop),
    (Context::Text, "Ctrl-End", Action::CursorBottom),
    (Context::Text, "Backspace", Action::DeleteBack),
    (Context::Text, "Ctrl-h", Action::DeleteBack),
    (Context::Text, "Delete", Action::DeleteForward),
    (Context::Text, "Ctrl-w", Action::DeleteWord),
    (Context::Text, "Ctrl-u", Action::DeleteToStart),
    (Context::Text, "Ctrl-k", Action::DeleteToEnd),
    (Context::Text, "Ctrl-_", Action::Undo),
    // What terminals send for it.
    (Context::Text, "Ctrl-7", Action::Undo),
    (Context::Text, "Ctrl-r", Action::Redo),
    (Context::Compose, "Enter", Action::NewLine),
    (Context::Compose, "Ctrl-j", Action::NewLine),
    (Context::Compose, "Ctrl-s", Action::Review),
    (Context::Compose, "Esc", Action::Cancel),
    (Context::Compose, "Ctrl-x k", Action::Discard),
    (Context::Compose, "Ctrl-x f", Action::AttachFile),
    (Context::Compose, "Ctrl-x a", Action::ChooseAudience),
    (Context::Review, "y", Action::Send),
    (Context::Review, "Esc", Action::Cancel),
    (Context::Review, "q", Action::Cancel),
    (Context::Sending, "Esc", Action::Cancel),
    (Context::Sending, "q", Action::Cancel),
    (Context::FirstRun, "Enter", Action::Submit),
    (Context::FirstRun, "Esc", Action::Quit),
    (Context::Locked, "Enter", Action::Submit),
    (Context::Locked, "Esc", Action::Quit),
    (Context::Field, "Enter", Action::Submit),
    (Context::Field, "Esc", Action::Cancel),
    (Context::CommandLine, "Enter", Action::Submit),
    (Context::CommandLine, "Tab", Action::Complete),
    (Context::CommandLine, "Esc", Action::Cancel),
    (Context::Question, "y", Action::Confirm),
];

/// What the hint bar offers in a context: actions that belong together, and one word for them.
const HINTS: &[(Context, &[Action], &str)] = &[
    (Context::Feed, &[Action::MoveDown, Action::MoveUp], "move"),
    (Context::Feed, &[Action::Open], "open"),
    (Context::Feed, &[Action::Reply], "reply"),
    (Context::Feed, &[Action::React], "react"),
    (Context::Feed, &[Action::Compose], "compose"),
    (Context::Feed, &[Action::NextUnread], "next unread"),
    (Context::Feed, &[Action::ToggleRead], "read/unread"),
    (Context::Feed, &[Action::GoPeople], "people"),
    (Context::Feed, &[Action::GoMessages], "messages"),
    (Context::Thread, &[Action::MoveDown, Action::MoveUp], "move"),
    (Context::Thread, &[Action::Back], "back"),
    (Context::Thread, &[Action::Reply], "reply"),
    (Context::Thread, &[Action::React], "react"),
    (Context::Thread, &[Action::NextUnread], "next unread"),
    (Context::Thread, &[Action::ToggleFold], "fold"),
    (Context::Thread, &[Action::NextSibling, Action::PreviousSibling], "next/previous"),
    (Context::Thread, &[Action::CopyText], "copy"),
    (Context::Picker, &[Action::Submit], "react"),
    (Context::Picker, &[Action::MoveLeft, Action::MoveDown, Action::MoveUp, Action::MoveRight], "choose"),
    (Context::Picker, &[Action::Cancel], "cancel"),
    (Context::People, &[Action::Add], "add"),
    (Context::People, &[Action::ShowInvite], "my invite"),
    (Context::People, &[Action::Unfollow], "unfollow"),
    (Context::People, &[Action::GoFeed], "feed"),
    (Context::People, &[Action::MessagePerson], "message"),
    (Context::Messages, &[Action::MoveDown, Action::MoveUp], "move"),
    (Context::Messages, &[Action::Open], "open"),
    (Context::Messages, &[Action::OpenBeside], "open beside"),
    (Context::Messages, &[Action::Pin], "pin"),
    (Context::Messages, &[Action::Mute], "mute"),
    (Context::Messages, &[Action::Archive], "archive"),
    (Context::Messages, &[Action::GoPeople], "people"),
    (Context::Chat, &[Action::Write], "write"),
    (Context::Chat, &[Action::MoveDown, Action::MoveUp], "move"),
    (Context::Chat, &[Action::Quote], "quote"),
    (Context::Chat, &[Action::React], "react"),
    (Context::Chat, &[Action::Info], "info"),
    (Context::Chat, &[Action::Verify], "verify"),
    (Context::Chat, &[Action::Back], "back"),
    (Context::Chat, &[Action::Members], "who"),
    (Context::Request, &[Action::Accept], "accept"),
    (Context::Request, &[Action::Ignore], "ignore"),
    (Context::Request, &[Action::Block], "block"),
    (Context::Request, &[Action::Back], "back"),
    (Context::Message, &[Action::Send], "send"),
    (Context::Message, &[Action::NewLine], "new line"),
    (Context::Message, &[Action::Cancel], "leave (the draft stays)"),
    (Context::Words, &[Action::Confirm], "they are the same"),
    (Context::Words, &[Action::WordsDiffer], "they differ"),
    (Context::Words, &[Action::Cancel], "not now"),
    (Context::Facts, &[Action::Cancel], "close"),
    (Context::Invite, &[Action::MoveDown, Action::MoveUp], "scroll"),
    (Context::Invite, &[Action::CopyText], "copy"),
    (Context::Invite, &[Action::Back], "back"),
    (Context::Network, &[Action::Add], "add a peer"),
    (Context::Network, &[Action::CopyText], "copy my ticket"),
    (Context::Network, &[Action::Ban], "ban/unban"),
    (Context::Network, &[Action::Sync], "sync"),
    (Context::Network, &[Action::GoFeed], "feed"),
    (Context::Compose, &[Action::Review], "review"),
    (Context::Compose, &[Action::Cancel], "leave (the draft stays)"),
    (Context::NewPost, &[Action::AttachFile], "attach"),
    (Context::Compose, &[Action::Discard], "discard"),
    (Context::NewPost, &[Action::ChooseAudience], "audience"),
    (Context::Review, &[Action::Send], "send"),
    (Context::Review, &[Action::Cancel], "back to the text"),
    (Context::Sending, &[Action::Cancel], "leave (it is sent all the same)"),
    (Context::FirstRun, &[Action::Submit], "begin"),
    (Context::FirstRun, &[Action::Quit], "leave"),
    (Context::Locked, &[Action::Submit], "unlock"),
    (Context::Locked, &[Action::Quit], "leave"),
    (Context::Field, &[Action::Submit], "ok"),
    (Context::Field, &[Action::Cancel], "cancel"),
    (Context::CommandLine, &[Action::Submit], "run"),
    (Context::CommandLine, &[Action::Complete], "complete"),
    (Context::CommandLine, &[Action::Cancel], "cancel"),
    (Context::Question, &[Action::Confirm], "yes, any other key: no"),
    (Context::Help, &[Action::MoveDown, Action::MoveUp], "scroll"),
    (Context::Help, &[Action::Cancel], "close"),
    (Context::Global, &[Action::CommandLine], "command"),
];
/// The hint that is never left out: it leads to all others.
const LAST_HINT: (Action, &str) = (Action::Help, "keys");

/// Keys bound to an action in a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    context: Context,
    keys: Vec<Key>,
    action: Action,
}

impl Binding {
    fn shown(&self) -> String {
        show(&self.keys)
    }
}

/// Keys as a person reads them: `gg`, `Ctrl-x k`.
pub fn show(keys: &[Key]) -> String {
    let names: Vec<String> = keys.iter().map(Key::to_string).collect();
    let gap = if names.iter().any(|name| name.chars().count() > 1) { " " } else { "" };
    names.join(gap)
}

/// What typed keys mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Run this.
    Run(Action),
    /// The beginning of something: wait for the next key.
    Begun,
    /// Nothing is bound to it.
    Nothing,
}

/// The live bindings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    bindings: Vec<Binding>,
}

impl Keymap {
    /// The bindings the program comes with.
    pub fn standard() -> Self {
        let bindings = BINDINGS
            .iter()
            .filter_map(|(context, keys, action)| {
                let keys = keys.split(' ').map(Key::parse).collect::<Option<Vec<Key>>>()?;
                Some(Binding { context: *context, keys, action: *action })
            })
            .collect();
        Self { bindings }
    }

    /// What these keys mean where the contexts hold, the nearest context first.
    pub fn meaning(&self, contexts: &[Context], typed: &[Key]) -> Meaning {
        let found = contexts.iter().find_map(|context| {
            self.of(*context).find(|binding| binding.keys == typed).map(|binding| binding.action)
        });
        match found {
            Some(action) => Meaning::Run(action),
            None if self.continuations(contexts, typed).next().is_some() => Meaning::Begun,
            None => Meaning::Nothing,
        }
    }

    /// What can follow the keys typed so far: the missing keys and the action.
    pub fn continuations<'a>(
        &'a self,
        contexts: &'a [Context],
        typed: &'a [Key],
    ) -> impl Iterator<Item = (String, Action)> + 'a {
        contexts.iter().flat_map(move |context| {
            self.of(*context).filter_map(move |binding| {
                let rest = binding.keys.strip_prefix(typed)?;
                (!rest.is_empty()).then(|| (show(rest), binding.action))
            })
        })
    }

    /// The hints for the nearest context: keys, and a word for what they do.
    pub fn hints(&self, contexts: &[Context]) -> Vec<(String, &'static str)> {
        contexts
            .iter()
            .flat_map(|context| HINTS.iter().filter(move |(place, ..)| place == context))
            .filter_map(|(_, actions, word)| {
                let keys: Option<Vec<String>> =
                    actions.iter().map(|action| self.keys_of(contexts, *action)).collect();
                Some((keys?.join("/"), *word))
            })
            .collect()
    }

    /// The hint that stands at the end of the bar, where its key works.
    pub fn last_hint(&self, contexts: &[Context]) -> Option<(String, &'static str)> {
        let (action, word) = LAST_HINT;
        self.keys_of(contexts, action).map(|keys| (keys, word))
    }

    /// The keys of an action where the contexts hold.
    pub fn keys_of(&self, contexts: &[Context], action: Action) -> Option<String> {
        contexts.iter().find_map(|context| {
            self.of(*context).find(|binding| binding.action == action).map(Binding::shown)
        })
    }

    /// Everything bound in a context: all keys of an action together, and its sentence.
    pub fn page(&self, context: Context) -> Vec<(String, &'static str)> {
        let mut page: Vec<(String, Action)> = Vec::new();
        for binding in self.of(context) {
            match page.iter_mut().find(|(_, action)| *action == binding.action) {
                Some((keys, _)) => *keys = format!("{keys}, {}", binding.shown()),
                None => page.push((binding.shown(), binding.action)),
            }
        }
        page.into_iter().map(|(keys, action)| (keys, action.sentence())).collect()
    }

    fn of(&self, context: Context) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(move |binding| binding.context == context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_binding_can_be_read_and_none_hides_another() {
        let keymap = Keymap::standard();
        assert_eq!(keymap.bindings.len(), BINDINGS.len());
        for (at, binding) in keymap.bindings.iter().enumerate() {
            for other in keymap.bindings.iter().skip(at + 1) {
                let clash = binding.context == other.context
                    && (binding.keys.starts_with(&other.keys) || other.keys.starts_with(&binding.keys));
                assert!(!clash, "{binding:?} and {other:?}");
            }
        }
    }

    #[test]
    fn names_of_keys_survive_their_text_form() {
        for (_, keys, _) in BINDINGS {
            for name in keys.split(' ') {
                assert_eq!(Key::parse(name).map(|key| key.to_string()).as_deref(), Some(name));
            }
        }
    }

    #[test]
    fn every_hint_names_a_key_that_works_where_it_is_shown() {
        let keymap = Keymap::standard();
        for (context, actions, word) in HINTS {
            let around = [*context, Context::Compose, Context::Item, Context::List, Context::Global];
            for action in *actions {
                assert!(keymap.keys_of(&around, *action).is_some(), "{word} in {context:?}");
            }
        }
    }

    #[test]
    fn a_sequence_begins_continues_and_ends() {
        let keymap = Keymap::standard();
        let contexts = [Context::Feed, Context::List, Context::Global];
        let g = Key::parse("g").unwrap();
        assert_eq!(keymap.meaning(&contexts, &[g]), Meaning::Begun);
        assert_eq!(keymap.meaning(&contexts, &[g, g]), Meaning::Run(Action::GoFirst));
        assert_eq!(keymap.meaning(&contexts, &[g, Key::parse("z").unwrap()]), Meaning::Nothing);
    }
}
