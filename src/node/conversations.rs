//! Answers the questions of faces about conversations. Rows are opened here, with the data key, from one snapshot; names
//! and texts of others leave as `SafeText`.

use std::collections::BTreeMap;

use crate::api::{
    CallError, ConversationFilter, ConversationPage, ConversationView, Delivery, ErrorKind, MessageAnchor,
    MessageKey, MessageView, More, QueueReason, QuoteView, ReadMark, WordsView,
};
use crate::crypto::data_key::DataKey;
use crate::db::protected::PageFrom;
use crate::db::{DbError, Read};
use crate::domain::conversation::{ConversationId, Place};
use crate::domain::ids::PostingId;
use crate::domain::text::SafeText;
use crate::limits::QUERY_ROWS;
use crate::node::engine::talk_rows::{
    Conversation, Message, StoredDelivery, StoredStanding, conversation_name, find, load_all, message_name,
    open_message,
};
use crate::node::engine::talk_views::{Names, contact, view_of};
use crate::node::queries::QueryError;

fn not_found() -> QueryError {
    QueryError::Person(CallError::new(
        ErrorKind::NotFound,
        "there is no such conversation",
        "`itsgoin dm list` lists them",
    ))
}

/// Conversations as the list shows them: pinned ones first, then by their last message.
///
/// # Errors
/// [`DbError`] when the store cannot be read.
pub fn conversations(
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
pub fn messages(
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
    let names = Names::of(read, key, &row)?;
    let mut views = Vec::new();
    for (place, message) in &page.messages {
        views.push(message_view(read, key, &row, &names, *place, message)?);
    }
    let conversation = view_of(read, key, &row)?;
    Ok(ConversationPage { conversation, messages: views, older: page.older, newer: page.newer })
}

/// The words to compare with the other person of a conversation.
///
/// # Errors
/// [`QueryError`].
pub fn words(read: Read<'_>, key: &DataKey, id: ConversationId) -> Result<WordsView, QueryError> {
    let row: Conversation = find(read, key, &conversation_name(key, id))?.ok_or_else(not_found)?;
    let peer = *row.people.first().ok_or_else(not_found)?;
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
    let end = Place::from_number(i64::MAX);
    let from = match anchor {
        MessageAnchor::Newest => PageFrom::Before(end),
        MessageAnchor::Before(place) => PageFrom::Before(place),
        MessageAnchor::After(place) => PageFrom::After(place),
        MessageAnchor::FirstUnread => match first_unread(read, key, row)? {
            Some(place) => PageFrom::After(Place::from_number(place.number().saturating_sub(1))),
            None => PageFrom::Before(end),
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
            (is_more, place != end && there_is(PageFrom::After(after))?)
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
    let mut before = Place::from_number(i64::MAX);
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
            StoredDelivery::Received => Delivery::Received,
            StoredDelivery::Queued(reason) => Delivery::Queued { reason: QueueReason::from(reason) },
            StoredDelivery::Sent { peers } => Delivery::Sent { peers },
            StoredDelivery::Arrived => Delivery::Arrived { people: 1, of: 1 },
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
