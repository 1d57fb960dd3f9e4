//! Answers the questions of faces about conversations. Rows are opened here, with the data key, from one snapshot; names
//! and texts of others leave as `SafeText`.

use std::collections::BTreeMap;

use super::group_rows::Circle;
use super::rows::{
    Conversation, Message, StoredDelivery, StoredKind, StoredStanding, conversation_name, find, load_all,
    message_name, open_message,
};
use super::views::{Names, contact, view_of};
use crate::api::{
    CallError, CircleView, ConversationFilter, ConversationPage, ConversationView, Delivery, ErrorKind,
    MessageAnchor, MessageKey, MessageView, More, QueueReason, QuoteView, ReadMark, WordsView,
};
use crate::crypto::data_key::DataKey;
use crate::db::protected::PageFrom;
use crate::db::{DbError, Read};
use crate::domain::conversation::{ConversationId, Place};
use crate::domain::ids::PostingId;
use crate::domain::text::SafeText;
use crate::limits::QUERY_ROWS;

/// Why a question has no answer.
pub enum QueryError {
    /// The person asked for something that is not there.
    Person(CallError),
    /// The store failed.
    Disk(DbError),
}

impl From<DbError> for QueryError {
    fn from(error: DbError) -> Self {
        Self::Disk(error)
    }
}

fn not_found() -> QueryError {
    QueryError::Person(CallError::new(
        ErrorKind::NotFound,
        "there is no such conversation",
        "`itsgoin dm list` lists them",
    ))
}

fn no_words() -> QueryError {
    QueryError::Person(CallError::new(
        ErrorKind::Invalid,
        "words are compared between two",
        "begin a conversation with the person",
    ))
}

/// Conversations as the list shows them: pinned ones first, then by their last message.
///
/// # Errors
/// [`DbError`] when the store cannot be read.
pub(crate) fn conversations(
    read: Read<'_>,
    key: &DataKey,
    persona: Option<PostingId>,
    filter: ConversationFilter,
) -> Result<Vec<ConversationView>, DbError> {
    let is_shown = |row: &Conversation| match filter {
        ConversationFilter::Open => row.standing != StoredStanding::Ignored && !row.is_archived,
        ConversationFilter::Unread => row.standing != StoredStanding::Ignored && row.unread > 0,
        ConversationFilter::All => row.standing != StoredStanding::Ignored,
    };
    let mut rows: Vec<Conversation> = load_all(read, key)?;
    rows.retain(|row| persona.is_none_or(|persona| row.me == persona) && is_shown(row));
    rows.sort_unstable_by_key(|row| (std::cmp::Reverse((row.is_pinned, row.last)), row.id));
    rows.truncate(usize::try_from(QUERY_ROWS).unwrap_or(usize::MAX));
    rows.iter().map(|row| view_of(read, key, row)).collect()
}

/// A page of one conversation, oldest first.
///
/// # Errors
/// [`QueryError`].
pub(crate) fn messages(
    read: Read<'_>,
    key: &DataKey,
    id: ConversationId,
    anchor: MessageAnchor,
    limit: u32,
) -> Result<ConversationPage, QueryError> {
    let name = conversation_name(key, id);
    let row: Conversation = find(read, key, &name)?.ok_or_else(not_found)?;
    let limit = limit.clamp(1, QUERY_ROWS);
    let page = read_page(read, key, &row, anchor, limit)?;
    let mut names = Names::of(read, key, &row)?;
    for (_, message) in &page.messages {
        names.add(read, key, row.me, message.from)?;
    }
    let mut views = Vec::new();
    for (place, message) in &page.messages {
        views.push(message_view(read, key, &row, &names, *place, message)?);
    }
    let conversation = view_of(read, key, &row)?;
    Ok(ConversationPage { conversation, messages: views, older: page.older, newer: page.newer })
}

/// My circles, by name.
///
/// # Errors
/// [`DbError`] when the store cannot be read.
pub(crate) fn circles(read: Read<'_>, key: &DataKey) -> Result<Vec<CircleView>, DbError> {
    let mut rows: Vec<Circle> = load_all(read, key)?;
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    // People stand in no relation to a persona here: their names are those everybody sees.
    let me = read.find_persona(None)?.map(|persona| persona.posting_id);
    let mut views = Vec::new();
    for row in rows {
        let people = row.people.iter().map(|person| contact(read, key, me.unwrap_or(*person), *person));
        let people = people.collect::<Result<_, DbError>>()?;
        views.push(CircleView { name: SafeText::line(&row.name), people });
    }
    Ok(views)
}

/// The words to compare with the other person of a conversation.
///
/// # Errors
/// [`QueryError`].
pub(crate) fn words(read: Read<'_>, key: &DataKey, id: ConversationId) -> Result<WordsView, QueryError> {
    let row: Conversation = find(read, key, &conversation_name(key, id))?.ok_or_else(not_found)?;
    let peer = *row.people.first().filter(|_| row.kind == StoredKind::Two).ok_or_else(no_words)?;
    let words = crate::domain::words::verification_words(row.me, peer);
    Ok(WordsView { thread: id, contact: contact(read, key, row.me, peer)?, words })
}

struct Page {
    messages: Vec<(Place, Message)>,
    older: More,
    newer: More,
}

fn read_page(
    read: Read<'_>,
    key: &DataKey,
    row: &Conversation,
    anchor: MessageAnchor,
    limit: u32,
) -> Result<Page, DbError> {
    let name = conversation_name(key, row.id);
    let from = match anchor {
        MessageAnchor::Newest => PageFrom::Before(Place::END),
        MessageAnchor::Before(place) => PageFrom::Before(place),
        MessageAnchor::After(place) => PageFrom::After(place),
        MessageAnchor::FirstUnread => match first_unread(read, key, row)? {
            Some(place) => PageFrom::After(Place::from_number(place.number().saturating_sub(1))),
            None => PageFrom::Before(Place::END),
        },
    };
    let mut stored = read.list_messages(&name, from, limit.saturating_add(1))?;
    let is_more = stored.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    stored.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    if matches!(from, PageFrom::Before(_)) {
        stored.reverse();
    }
    let more = |is_more| if is_more { More::Follows } else { More::End };
    let there_is =
        |from: PageFrom| -> Result<bool, DbError> { Ok(!read.list_messages(&name, from, 1)?.is_empty()) };
    let (first, last) = (stored.first().map(|row| row.place), stored.last().map(|row| row.place));
    let (older, newer) = match from {
        PageFrom::Before(place) => {
            let after = last.unwrap_or(Place::from_number(place.number().saturating_sub(1)));
            (is_more, place != Place::END && there_is(PageFrom::After(after))?)
        }
        PageFrom::After(place) => {
            let before = first.unwrap_or(Place::from_number(place.number().saturating_add(1)));
            (there_is(PageFrom::Before(before))?, is_more)
        }
    };
    let open =
        |row: crate::db::protected::StoredMessage| Ok((row.place, open_message(key, &row.name, &row.value)?));
    let messages = stored.into_iter().map(open).collect::<Result<_, DbError>>()?;
    Ok(Page { messages, older: more(older), newer: more(newer) })
}

/// The place of the first message that was not read.
fn first_unread(read: Read<'_>, key: &DataKey, row: &Conversation) -> Result<Option<Place>, DbError> {
    let name = conversation_name(key, row.id);
    let (mut left, mut first) = (row.unread, None);
    let mut before = Place::END;
    while left > 0 {
        let page = read.list_messages(&name, PageFrom::Before(before), QUERY_ROWS)?;
        let Some(last) = page.last() else { break };
        before = last.place;
        for stored in &page {
            if open_message(key, &stored.name, &stored.value)?.is_unread {
                (left, first) = (left.saturating_sub(1), Some(stored.place));
            }
        }
    }
    Ok(first)
}

fn message_view(
    read: Read<'_>,
    key: &DataKey,
    row: &Conversation,
    names: &Names,
    place: Place,
    message: &Message,
) -> Result<MessageView, DbError> {
    let mut reactions = BTreeMap::new();
    let mut my_reactions = Vec::new();
    for reaction in message.reactions.iter().filter(|reaction| reaction.is_on) {
        let emoji = SafeText::line(&reaction.emoji);
        let count: &mut u64 = reactions.entry(emoji.clone()).or_default();
        *count = count.saturating_add(1);
        if reaction.from == row.me {
            my_reactions.push(emoji);
        }
    }
    Ok(MessageView {
        message_id: message.message_id,
        thread: row.id,
        place,
        from: message.from,
        from_name: names.get(message.from),
        from_me: message.from == row.me,
        text: SafeText::body(&message.text),
        sent: message.sent,
        received: message.received,
        quote: quote_of(read, key, row, names, message)?,
        reactions,
        my_reactions,
        edited: message.edited.is_some(),
        deleted: message.is_deleted,
        mark: if message.is_unread { ReadMark::Unread } else { ReadMark::Read },
        state: match message.state {
            // Who confirmed it counts, whatever became of the others.
            StoredDelivery::Queued(_) | StoredDelivery::Sent { .. } | StoredDelivery::Lost
                if !message.arrived.is_empty() =>
            {
                let people = u32::try_from(message.arrived.len()).unwrap_or(u32::MAX);
                Delivery::Arrived { people, of: message.to.max(1) }
            }
            StoredDelivery::Received => Delivery::Received,
            StoredDelivery::Queued(reason) => Delivery::Queued { reason: QueueReason::from(reason) },
            StoredDelivery::Sent { peers } if row.kind == StoredKind::OwnCircle => {
                Delivery::Published { peers }
            }
            StoredDelivery::Sent { peers } => Delivery::Sent { peers },
            StoredDelivery::Arrived => Delivery::Arrived { people: message.to.max(1), of: message.to.max(1) },
            StoredDelivery::Lost => Delivery::Lost,
        },
    })
}

fn quote_of(
    read: Read<'_>,
    key: &DataKey,
    row: &Conversation,
    names: &Names,
    message: &Message,
) -> Result<Option<QuoteView>, DbError> {
    let Some((from, message_id)) = message.quote else { return Ok(None) };
    let name = message_name(key, row.id, from, message_id);
    let quoted = read.find_message(&name)?;
    let quoted = quoted.map(|stored| open_message(key, &name, &stored.value)).transpose()?;
    let text = quoted.map(|quoted| quoted.text.lines().next().unwrap_or_default().to_owned());
    Ok(Some(QuoteView {
        message: MessageKey { from, message_id },
        from_name: if text.is_some() { names.get(from) } else { SafeText::default() },
        text: SafeText::line(&text.unwrap_or_default()),
    }))
}
