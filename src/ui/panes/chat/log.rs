//! The messages of an open conversation in memory: a bounded window, oldest first, asked for page by page. It draws
//! nothing.
//!
//! Invariants: at most [`WINDOW_MESSAGES`] messages; at most one page is being asked for; whatever comes in, the
//! selected message stays selected and on its row, unless the person stands at the end.

use std::time::Duration;

use crate::api::{ConversationPage, MessageAnchor, MessageKey, MessageView, More, Query, ReadMark};
use crate::domain::conversation::{ConversationId, Place};
use crate::limits::QUERY_ROWS;
use crate::ui::message::{Asked, Request, Wake};
use crate::ui::widgets::column::Column;

/// Messages held at once: one answer of the node. Lower asks more often while scrolling; higher is memory for text
/// nobody looks at.
pub const WINDOW_MESSAGES: usize = 200;
/// Messages asked for at an end of the window.
const PAGE_MESSAGES: u32 = 60;
/// Messages left before an end at which the next page is asked for.
const PAGE_AHEAD: usize = 20;
/// Messages kept above the screen when the window is asked for again.
const KEPT_ABOVE: usize = 80;
/// Time between two looks while a conversation changes all the time.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);

/// Which part of a conversation was asked for, and for which state of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatAsk {
    /// Which conversation.
    pub thread: ConversationId,
    /// Answers for an earlier window are dropped.
    generation: u64,
    part: Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// What stands around the first unread message, in place of the window.
    Opening,
    /// The newest, in place of the window.
    Newest,
    /// The oldest, in place of the window.
    Oldest,
    /// What precedes the window.
    Older,
    /// What follows it.
    Newer,
    /// The window again; what is known about messages before it.
    Refresh(More),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paging {
    Idle,
    Asked,
    /// A page is on its way, and something has changed since.
    AskedAndChanged,
    /// The next look waits for its timer.
    Pausing,
    /// Something has changed while nobody saw the conversation.
    Stale,
    /// The node could not answer: it is asked again when something changes or the person does something.
    Failed,
}

/// What came of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It was for an earlier window.
    Nothing,
    /// The first messages.
    First,
    /// Others, or the same again.
    More,
}

/// The window and the person's place in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    thread: ConversationId,
    list: Vec<MessageView>,
    older: More,
    newer: More,
    generation: u64,
    paging: Paging,
    /// The selection and the scroll position.
    pub column: Column,
    /// The first message that was unread when the conversation was opened.
    unread_from: Option<Place>,
    is_loaded: bool,
}

impl Log {
    /// Knows nothing yet.
    pub fn new(thread: ConversationId, generation: u64) -> Self {
        Self {
            thread,
            list: Vec::new(),
            older: More::End,
            newer: More::End,
            generation: generation.saturating_mul(1 << 32),
            paging: Paging::Idle,
            column: Column::default(),
            unread_from: None,
            is_loaded: false,
        }
    }

    /// The messages, oldest first.
    pub fn list(&self) -> &[MessageView] {
        &self.list
    }

    /// The same, to be changed where the store is about to say the same.
    pub fn list_mut(&mut self) -> &mut [MessageView] {
        &mut self.list
    }

    /// Whether the first answer has come.
    pub const fn is_loaded(&self) -> bool {
        self.is_loaded
    }

    /// Whether messages behind the window are known to exist.
    pub fn has_newer(&self) -> bool {
        self.newer == More::Follows
    }

    /// The first message that was unread when the conversation was opened.
    pub const fn unread_from(&self) -> Option<Place> {
        self.unread_from
    }

    /// The person has answered: what was unread is not set apart any more.
    pub const fn forget_unread(&mut self) {
        self.unread_from = None;
    }

    /// The selected message.
    pub fn selected(&self) -> Option<&MessageView> {
        self.list.get(self.column.selected)
    }

    /// A message of the window.
    pub fn find(&self, key: MessageKey) -> Option<&MessageView> {
        self.list.iter().find(|message| message.key() == key)
    }

    /// Whether the person stands at the newest message.
    pub fn is_at_end(&self) -> bool {
        self.newer == More::End && self.column.selected + 1 >= self.list.len()
    }

    /// Asks for the first page.
    pub fn open(&mut self) -> Request {
        self.ask(Part::Opening, MessageAnchor::FirstUnread, PAGE_MESSAGES)
    }

    /// Goes to the newest message.
    pub fn go_newest(&mut self) -> Vec<Request> {
        if self.newer == More::End {
            self.column.select_end(self.list.len());
            return Vec::new();
        }
        self.generation += 1;
        vec![self.ask(Part::Newest, MessageAnchor::Newest, PAGE_MESSAGES)]
    }

    /// Goes to the first message of all.
    pub fn go_oldest(&mut self) -> Vec<Request> {
        if self.older == More::End {
            self.column.select(0);
            return Vec::new();
        }
        self.generation += 1;
        vec![self.ask(Part::Oldest, MessageAnchor::After(Place::START), PAGE_MESSAGES)]
    }

    /// Something has changed: asks again at the next look.
    pub const fn changed(&mut self) {
        self.paging = match self.paging {
            Paging::Idle | Paging::Stale | Paging::Failed => Paging::Stale,
            Paging::Asked | Paging::AskedAndChanged => Paging::AskedAndChanged,
            Paging::Pausing => Paging::Pausing,
        };
    }

    /// The person does something here: what could not be had is asked for once more.
    pub fn touched(&mut self) {
        if self.paging == Paging::Failed {
            self.paging = Paging::Stale;
        }
    }

    /// Whether the last answer was that there is none.
    pub fn has_failed(&self) -> bool {
        self.paging == Paging::Failed
    }

    /// The pause between two looks is over.
    pub fn woken(&mut self) {
        if self.paging == Paging::Pausing {
            self.paging = Paging::Stale;
        }
    }

    /// The conversation is on the screen: asks for what is missing there.
    pub fn look(&mut self) -> Vec<Request> {
        match self.paging {
            Paging::Stale => vec![self.refresh()],
            Paging::Idle => self.fill(),
            _ => Vec::new(),
        }
    }

    fn fill(&mut self) -> Vec<Request> {
        let (Some(first), Some(last)) = (self.list.first(), self.list.last()) else {
            return Vec::new();
        };
        let (first, last) = (first.place, last.place);
        let near = self.column.selected.max(self.column.top.item);
        if self.newer == More::Follows && self.list.len().saturating_sub(near) <= PAGE_AHEAD {
            return vec![self.ask(Part::Newer, MessageAnchor::After(last), PAGE_MESSAGES)];
        }
        if self.older == More::Follows && self.column.top.item.min(self.column.selected) < PAGE_AHEAD {
            return vec![self.ask(Part::Older, MessageAnchor::Before(first), PAGE_MESSAGES)];
        }
        Vec::new()
    }

    fn refresh(&mut self) -> Request {
        let first = self.column.top.item.min(self.column.selected).saturating_sub(KEPT_ABOVE);
        let older = if first > 0 { More::Follows } else { self.older };
        match self.list.get(first).map(|message| message.place.number()) {
            Some(number) => {
                let before = Place::from_number(number.saturating_sub(1));
                self.ask(Part::Refresh(older), MessageAnchor::After(before), QUERY_ROWS)
            }
            None if !self.is_loaded => self.open(),
            None => self.ask(Part::Newest, MessageAnchor::Newest, PAGE_MESSAGES),
        }
    }

    fn ask(&mut self, part: Part, page: MessageAnchor, limit: u32) -> Request {
        self.paging = Paging::Asked;
        let asked = ChatAsk { thread: self.thread, generation: self.generation, part };
        Request::Query(Asked::Chat(asked), Query::Messages { thread: self.thread, page, limit })
    }

    /// The node could not answer.
    pub fn failed(&mut self, asked: ChatAsk) -> bool {
        let is_mine = asked.generation == self.generation;
        if is_mine {
            self.paging = Paging::Failed;
        }
        is_mine
    }

    /// Puts an answer in place.
    pub fn answered(&mut self, asked: ChatAsk, page: ConversationPage) -> (Came, Vec<Request>) {
        if asked.generation != self.generation {
            return (Came::Nothing, Vec::new());
        }
        let was_changed = self.paging == Paging::AskedAndChanged;
        self.paging = Paging::Idle;
        let is_first = !self.is_loaded;
        self.is_loaded = true;
        self.place(asked.part, page);
        let came = if is_first { Came::First } else { Came::More };
        if was_changed {
            self.paging = Paging::Pausing;
            return (came, vec![Request::Wake(REFRESH_PAUSE, Wake::RefreshChat(self.thread))]);
        }
        (came, Vec::new())
    }

    fn place(&mut self, part: Part, page: ConversationPage) {
        let ConversationPage { messages, older, newer, .. } = page;
        match part {
            Part::Opening => {
                (self.list, self.older, self.newer) = (messages, older, newer);
                let is_unread = |message: &MessageView| message.mark == ReadMark::Unread && !message.from_me;
                match self.list.iter().position(is_unread) {
                    Some(first) => {
                        self.unread_from = self.list.get(first).map(|message| message.place);
                        self.column.select(first);
                    }
                    None => self.column.select_end(self.list.len()),
                }
            }
            Part::Newest => {
                (self.list, self.older, self.newer) = (messages, older, newer);
                self.column.select_end(self.list.len());
            }
            Part::Oldest => {
                (self.list, self.older, self.newer) = (messages, older, newer);
                self.column.select(0);
            }
            Part::Older => {
                let count = messages.len();
                self.list.splice(0..0, messages);
                self.older = older;
                self.column.top.item += count;
                self.column.moved_to(self.column.selected + count);
                if self.list.len() > WINDOW_MESSAGES {
                    self.list.truncate(WINDOW_MESSAGES);
                    self.newer = More::Follows;
                }
            }
            Part::Newer => {
                self.list.extend(messages);
                self.newer = newer;
                self.drop_oldest();
            }
            Part::Refresh(older) => self.take_again(messages, older, newer),
        }
    }

    fn drop_oldest(&mut self) {
        let surplus = self.list.len().saturating_sub(WINDOW_MESSAGES);
        let surplus = surplus.min(self.column.top.item).min(self.column.selected);
        if surplus > 0 {
            self.list.drain(..surplus);
            self.column.top.item -= surplus;
            self.column.moved_to(self.column.selected - surplus);
            self.older = More::Follows;
        }
    }

    fn take_again(&mut self, messages: Vec<MessageView>, older: More, newer: More) {
        let was_at_end = self.is_at_end();
        let selected = self.selected().map(|message| message.place);
        let top = self.list.get(self.column.top.item).map(|message| message.place);
        (self.list, self.older, self.newer) = (messages, older, newer);
        if was_at_end {
            return self.column.select_end(self.list.len());
        }
        let index = |place: Option<Place>| {
            let behind = self.list.partition_point(|message| Some(message.place) < place);
            behind.min(self.list.len().saturating_sub(1))
        };
        let (top, selected) = (index(top), index(selected));
        self.column.top.item = top;
        self.column.moved_to(selected);
    }
}
