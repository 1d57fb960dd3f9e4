//! Conversations of a fake node, in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fake::{NOW, posting_id};
use crate::api::{
    CallError, CircleView, ContactView, ConversationFilter, ConversationKind, ConversationPage,
    ConversationView, Delivery, ErrorKind, Event, GroupDeed, LinkState, MessageAnchor, MessagePreview,
    MessageStored, MessageView, More, Outcome, QueueReason, QuoteView, ReadMark, RequestAnswer, Shelf,
    Standing, Talk, Verification, WordsView,
};
use crate::domain::conversation::{ConversationId, MessageId, Place};
use crate::domain::operation::ReactionSwitch;
use crate::domain::text::SafeText;

/// All conversations.
#[derive(Default)]
pub struct Mail {
    pub talks: Vec<(ConversationView, Vec<MessageView>)>,
    pub circles: Vec<CircleView>,
    written: u64,
}

pub fn thread(number: u8) -> ConversationId {
    ConversationId::from_bytes([number; 16])
}

pub fn contact(number: u8, name: &str) -> ContactView {
    ContactView {
        posting_id: posting_id(number),
        name: SafeText::line(name),
        verification: Verification::Unverified,
    }
}

/// A conversation of ana with this person.
pub fn with(number: u8, name: &str) -> ConversationView {
    ConversationView {
        thread: thread(number),
        persona: posting_id(0xaa),
        kind: ConversationKind::Two,
        people: vec![contact(number, name)],
        admins: Vec::new(),
        title: SafeText::line(name),
        standing: Standing::Accepted,
        unread_count: 0,
        last: NOW,
        last_message: None,
        muted: false,
        pinned: false,
        archived: false,
        keep: crate::domain::conversation::Keep::Forever,
        link: LinkState::Confirmed,
    }
}

/// A group of ana, who founded it, with mo and kim.
pub fn group(number: u8, title: &str) -> ConversationView {
    ConversationView {
        kind: ConversationKind::Group,
        people: vec![contact(0x4d, "mo"), contact(0x31, "kim")],
        admins: vec![posting_id(0xaa)],
        ..with(number, title)
    }
}

/// A message of this age, read. The number is its place and makes its id.
pub fn message(number: i64, from: u8, name: &str, age: Duration, text: &str) -> MessageView {
    let from_me = from == 0xaa;
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    MessageView {
        message_id: MessageId::from_bytes(id),
        thread: thread(0),
        place: Place::from_number(number),
        from: posting_id(from),
        from_name: SafeText::line(name),
        from_me,
        text: SafeText::body(text),
        sent: NOW.before(age),
        received: NOW.before(age),
        quote: None,
        reactions: BTreeMap::new(),
        my_reactions: Vec::new(),
        edited: false,
        deleted: false,
        mark: ReadMark::Read,
        state: if from_me { Delivery::Arrived { people: 1, of: 1 } } else { Delivery::Received },
    }
}

/// The same, not read yet.
pub fn unread(message: MessageView) -> MessageView {
    MessageView { mark: ReadMark::Unread, ..message }
}

impl Mail {
    pub fn put(&mut self, view: ConversationView, messages: impl IntoIterator<Item = MessageView>) {
        let thread = view.thread;
        let messages = messages.into_iter().map(|message| MessageView { thread, ..message }).collect();
        self.talks.push((view, messages));
    }

    /// Something comes in.
    pub fn comes(&mut self, thread: ConversationId, message: MessageView) -> Event {
        if let Some((_, messages)) = self.talks.iter_mut().find(|(view, _)| view.thread == thread) {
            messages.push(MessageView { thread, ..message });
        }
        Event::MessagesChanged { thread }
    }

    pub fn messages(&self, thread: ConversationId) -> &[MessageView] {
        self.talks.iter().find(|(view, _)| view.thread == thread).map_or(&[], |(_, messages)| messages)
    }

    fn viewed(view: &ConversationView, messages: &[MessageView]) -> ConversationView {
        let unread = messages.iter().filter(|message| message.mark == ReadMark::Unread).count();
        let last = messages.last();
        ConversationView {
            unread_count: u64::try_from(unread).unwrap(),
            last: last.map_or(view.last, |message| message.received),
            last_message: last.map(|message| MessagePreview {
                from_me: message.from_me,
                from_name: message.from_name.clone(),
                text: SafeText::line(message.text.as_str().lines().next().unwrap_or_default()),
            }),
            ..view.clone()
        }
    }

    pub fn list(&self, filter: ConversationFilter) -> Vec<ConversationView> {
        let all = self.talks.iter().map(|(view, messages)| Self::viewed(view, messages));
        let is_listed = |view: &ConversationView| match filter {
            ConversationFilter::All => view.standing != Standing::Ignored,
            ConversationFilter::Open => view.standing != Standing::Ignored && !view.archived,
            ConversationFilter::Unread => view.unread_count > 0 && view.standing != Standing::Ignored,
        };
        let mut list: Vec<_> = all.filter(is_listed).collect();
        list.sort_by_key(|view| (!view.pinned, std::cmp::Reverse(view.last)));
        list.truncate(200);
        list
    }

    pub fn page(
        &self,
        thread: ConversationId,
        anchor: MessageAnchor,
        limit: u32,
    ) -> Result<ConversationPage, CallError> {
        let (view, messages) = self.talks.iter().find(|(view, _)| view.thread == thread).ok_or_else(gone)?;
        let limit = usize::try_from(limit).unwrap();
        let count = messages.len();
        let behind = |place: Place| messages.partition_point(|message| message.place <= place);
        let first_unread = messages.iter().position(|message| message.mark == ReadMark::Unread);
        let range = match (anchor, first_unread) {
            (MessageAnchor::Newest, _) | (MessageAnchor::FirstUnread, None) => {
                count.saturating_sub(limit)..count
            }
            (MessageAnchor::Before(place), _) => {
                let end = messages.partition_point(|message| message.place < place);
                end.saturating_sub(limit)..end
            }
            (MessageAnchor::After(place), _) => behind(place)..(behind(place) + limit).min(count),
            (MessageAnchor::FirstUnread, Some(first)) => {
                let begin = first.saturating_sub(limit / 2);
                begin..(begin + limit).min(count)
            }
        };
        let more = |is_so| if is_so { More::Follows } else { More::End };
        Ok(ConversationPage {
            conversation: Self::viewed(view, messages),
            older: more(range.start > 0),
            newer: more(range.end < count),
            messages: messages[range].to_vec(),
        })
    }

    pub fn words(&self, thread: ConversationId) -> Result<WordsView, CallError> {
        let (view, _) = self.talks.iter().find(|(view, _)| view.thread == thread).ok_or_else(gone)?;
        let words = ["amber", "boat", "cedar", "dune", "ember", "fjord"].map(str::to_owned).to_vec();
        Ok(WordsView { thread, contact: view.people[0].clone(), words })
    }

    fn place_of(messages: &[MessageView], key: crate::api::MessageKey) -> Option<usize> {
        messages.iter().position(|message| message.key() == key)
    }

    /// Does what a node would do; what it tells by that.
    pub fn perform(&mut self, talk: &Talk) -> Result<(Outcome, Vec<Event>), CallError> {
        let thread = match talk {
            Talk::Open { people, .. } => return Ok(self.open(people[0].as_bytes()[0])),
            Talk::NewGroup { title, people, .. } => return Ok(self.found(title, people)),
            talk => thread_of(talk),
        };
        self.written += 1;
        let number = i64::try_from(1_000_000 + self.written).unwrap();
        let (view, messages) =
            self.talks.iter_mut().find(|(view, _)| view.thread == thread).ok_or_else(gone)?;
        let events = vec![Event::MessagesChanged { thread }, Event::ConversationsChanged];
        match talk {
            Talk::Send { text, quote, .. } => {
                let quote = quote.and_then(|key| Self::place_of(messages, key)).map(|at| QuoteView {
                    message: messages[at].key(),
                    from_name: messages[at].from_name.clone(),
                    text: SafeText::line(messages[at].text.as_str()),
                });
                let new = message(number, 0xaa, "ana", Duration::ZERO, text);
                let state = Delivery::Queued { reason: QueueReason::Moment };
                messages.push(MessageView { thread, quote, state, ..new });
                let message_id = messages[messages.len() - 1].message_id;
                return Ok((Outcome::Message(MessageStored { thread, message_id }), events));
            }
            Talk::React { message, emoji, switch, .. } => {
                let at = Self::place_of(messages, *message).ok_or_else(gone)?;
                let emoji = SafeText::line(emoji);
                let MessageView { reactions, my_reactions, .. } = &mut messages[at];
                let count = reactions.entry(emoji.clone()).or_default();
                if *switch == ReactionSwitch::On {
                    *count += 1;
                    my_reactions.push(emoji);
                } else {
                    *count -= 1;
                    my_reactions.retain(|other| *other != emoji);
                }
                reactions.retain(|_, count| *count > 0);
            }
            Talk::Edit { message, text, .. } => {
                let at = Self::place_of(messages, *message).ok_or_else(gone)?;
                (messages[at].text, messages[at].edited) = (SafeText::body(text), true);
            }
            Talk::Delete { message, .. } => {
                let at = Self::place_of(messages, *message).ok_or_else(gone)?;
                (messages[at].text, messages[at].deleted) = (SafeText::default(), true);
            }
            Talk::Read { from, upto, .. } => {
                let from = from.unwrap_or(Place::START);
                for message in messages.iter_mut().filter(|message| (from..=*upto).contains(&message.place)) {
                    message.mark = ReadMark::Read;
                }
            }
            Talk::Answer { answer, .. } => match answer {
                RequestAnswer::Accept => view.standing = Standing::Accepted,
                RequestAnswer::Ignore => view.standing = Standing::Ignored,
                RequestAnswer::Block => self.talks.retain(|(view, _)| view.thread != thread),
            },
            Talk::Verify { verified, .. } => view.people[0].verification = *verified,
            Talk::Keep { keep, .. } => view.keep = *keep,
            Talk::Arrange { shelf, switch, .. } => arrange(view, *shelf, switch.is_on()),
            Talk::InGroup { deed: GroupDeed::Leave, .. } => view.standing = Standing::Left,
            Talk::Open { .. } | Talk::NewGroup { .. } | Talk::InGroup { .. } => {}
        }
        Ok((Outcome::Done, events))
    }

    fn found(&mut self, title: &str, people: &[crate::domain::ids::PostingId]) -> (Outcome, Vec<Event>) {
        let people = people.iter().map(|person| contact(person.as_bytes()[0], "somebody")).collect();
        let view = ConversationView { people, ..group(0x77, title) };
        self.put(view.clone(), []);
        (Outcome::Conversation(Box::new(view)), vec![Event::ConversationsChanged])
    }

    fn open(&mut self, number: u8) -> (Outcome, Vec<Event>) {
        if self.messages(thread(number)).is_empty() {
            self.put(ConversationView { link: LinkState::None, ..with(number, "lea") }, []);
        }
        let (view, _) = self.talks.iter().find(|(view, _)| view.thread == thread(number)).unwrap();
        (Outcome::Conversation(Box::new(view.clone())), vec![Event::ConversationsChanged])
    }
}

fn arrange(view: &mut ConversationView, shelf: Shelf, is_on: bool) {
    match shelf {
        Shelf::Muted => view.muted = is_on,
        Shelf::Pinned => view.pinned = is_on,
        Shelf::Archived => view.archived = is_on,
    }
}

/// Something was said to a circle.
pub fn published() -> Outcome {
    Outcome::Message(MessageStored { thread: thread(0x77), message_id: MessageId::from_bytes([1; 16]) })
}

fn gone() -> CallError {
    CallError::new(ErrorKind::NotFound, "there is no such conversation", "it may have been removed")
}

/// What is used in most tests: mo (two unread), kim (pinned, a long one), zoe (a stranger).
pub fn some() -> Mail {
    let minutes = Duration::from_mins;
    let mut mail = Mail::default();
    mail.put(
        with(0x4d, "mo"),
        [
            message(
                1,
                0x4d,
                "mo",
                minutes(2_000),
                "Is the boat still yours? I would like to borrow it for a day.",
            ),
            message(2, 0xaa, "ana", minutes(1_990), "It is. It leaks a little."),
            MessageView {
                reactions: [(SafeText::line("♥"), 1)].into(),
                my_reactions: vec![SafeText::line("♥")],
                ..message(3, 0x4d, "mo", minutes(90), "Where does it leak?")
            },
            MessageView {
                quote: Some(QuoteView {
                    message: message(3, 0x4d, "mo", minutes(90), "").key(),
                    from_name: SafeText::line("mo"),
                    text: SafeText::line("Where does it leak?"),
                }),
                state: Delivery::Sent { peers: 3 },
                ..message(
                    4,
                    0xaa,
                    "ana",
                    minutes(80),
                    "Only where it always did: at the stern, a hand below the waterline.",
                )
            },
            unread(message(5, 0x4d, "mo", minutes(12), "Good. I bring tar.")),
            unread(message(6, 0x4d, "mo", minutes(2), "And bread.")),
        ],
    );
    mail.put(
        ConversationView { pinned: true, muted: true, ..with(0x31, "kim") },
        (0..30).map(|number| {
            let (from, name) = if number % 3 == 0 { (0xaa, "ana") } else { (0x31, "kim") };
            let age = minutes(600 - 10 * u64::try_from(number).unwrap());
            message(number, from, name, age, &format!("message {number}"))
        }),
    );
    mail.put(
        ConversationView { standing: Standing::Request, ..with(0x07, "zoe") },
        [unread(message(
            1,
            0x07,
            "zoe",
            minutes(30),
            "Hello ana, we met at the harbour. Do you still have the spanner?",
        ))],
    );
    mail
}

/// Where something is done that needs a conversation.
fn thread_of(talk: &Talk) -> ConversationId {
    match talk {
        Talk::Send { thread, .. }
        | Talk::React { thread, .. }
        | Talk::Edit { thread, .. }
        | Talk::Delete { thread, .. }
        | Talk::Read { thread, .. }
        | Talk::Answer { thread, .. }
        | Talk::Verify { thread, .. }
        | Talk::InGroup { thread, .. }
        | Talk::Keep { thread, .. }
        | Talk::Arrange { thread, .. } => *thread,
        Talk::Open { .. } | Talk::NewGroup { .. } => panic!("these make one: {talk:?}"),
    }
}
