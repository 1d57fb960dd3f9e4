//! A conversation as faces see it: with names, which leave as `SafeText`.

use std::collections::BTreeMap;

use super::rows::{Conversation, Relation, StoredKind, StoredStanding, find, relation_name};
use crate::api::{
    ContactView, ConversationKind, ConversationView, LinkState, MessagePreview, Standing, Verification,
};
use crate::crypto::data_key::DataKey;
use crate::db::{DbError, Read};
use crate::domain::ids::PostingId;
use crate::domain::text::SafeText;

/// What the people of a conversation are called.
pub(crate) struct Names(BTreeMap<PostingId, SafeText>);

impl Names {
    /// Those of all its people.
    pub(crate) fn of(read: Read<'_>, key: &DataKey, row: &Conversation) -> Result<Self, DbError> {
        let mut names = BTreeMap::from([(row.me, name_of(read, key, row.me, row.me)?)]);
        for peer in &row.people {
            names.insert(*peer, name_of(read, key, row.me, *peer)?);
        }
        Ok(Self(names))
    }

    /// Somebody who is not in the conversation any more, or is known by a comment only.
    pub(crate) fn add(
        &mut self,
        read: Read<'_>,
        key: &DataKey,
        me: PostingId,
        of: PostingId,
    ) -> Result<(), DbError> {
        if let std::collections::btree_map::Entry::Vacant(free) = self.0.entry(of) {
            free.insert(name_of(read, key, me, of)?);
        }
        Ok(())
    }

    /// Somebody's; nothing for who is not in it.
    pub(crate) fn get(&self, of: PostingId) -> SafeText {
        self.0.get(&of).cloned().unwrap_or_default()
    }
}

/// What somebody's profile or own label says.
pub(super) fn signed_name(read: Read<'_>, of: PostingId) -> Result<Option<String>, DbError> {
    let author = read.find_author(of)?;
    Ok(author.map(|author| read.find_name(author)).transpose()?.flatten())
}

/// What somebody is called: signed profile or own label, else what was said in the first message.
fn name_of(read: Read<'_>, key: &DataKey, me: PostingId, of: PostingId) -> Result<SafeText, DbError> {
    if let Some(name) = signed_name(read, of)?.filter(|name| !name.is_empty()) {
        return Ok(SafeText::line(&name));
    }
    let relation: Option<Relation> = find(read, key, &relation_name(key, me, of))?;
    Ok(SafeText::line(&relation.map(|relation| relation.name).unwrap_or_default()))
}

/// Somebody a persona writes with.
pub(crate) fn contact(
    read: Read<'_>,
    key: &DataKey,
    me: PostingId,
    peer: PostingId,
) -> Result<ContactView, DbError> {
    let relation: Option<Relation> = find(read, key, &relation_name(key, me, peer))?;
    let is_verified = relation.is_some_and(|relation| relation.is_verified);
    let verification = if is_verified { Verification::Verified } else { Verification::Unverified };
    Ok(ContactView { posting_id: peer, name: name_of(read, key, me, peer)?, verification })
}

/// A conversation as the list shows it.
///
/// # Errors
/// [`DbError`] when the store cannot be read.
pub(crate) fn view_of(
    read: Read<'_>,
    key: &DataKey,
    row: &Conversation,
) -> Result<ConversationView, DbError> {
    let names = Names::of(read, key, row)?;
    let mut people = Vec::new();
    for peer in &row.people {
        people.push(contact(read, key, row.me, *peer)?);
    }
    let standing = match row.standing {
        StoredStanding::Accepted => Standing::Accepted,
        StoredStanding::Request => Standing::Request,
        StoredStanding::Ignored => Standing::Ignored,
        StoredStanding::Left => Standing::Left,
    };
    let last_message = row.preview.as_ref().map(|(from, text)| MessagePreview {
        from_me: *from == row.me,
        from_name: names.get(*from),
        text: SafeText::line(text),
    });
    Ok(ConversationView {
        thread: row.id,
        persona: row.me,
        kind: match row.kind {
            StoredKind::Two => ConversationKind::Two,
            StoredKind::Group => ConversationKind::Group,
            StoredKind::OwnCircle => ConversationKind::Circle,
            StoredKind::HeardCircle => ConversationKind::CircleOfOther,
        },
        title: match row.kind {
            StoredKind::Two | StoredKind::HeardCircle => {
                people.first().map(|contact| contact.name.clone()).unwrap_or_default()
            }
            StoredKind::Group | StoredKind::OwnCircle => SafeText::line(&row.title),
        },
        people,
        admins: row.admins.clone(),
        standing,
        unread_count: u64::from(row.unread),
        last: row.last,
        last_message,
        muted: row.is_muted,
        pinned: row.is_pinned,
        archived: row.is_archived,
        keep: row.keep,
        link: link_state(read, key, row)?,
    })
}

fn link_state(read: Read<'_>, key: &DataKey, row: &Conversation) -> Result<LinkState, DbError> {
    let Some(peer) = row.people.first().filter(|_| row.kind == StoredKind::Two) else {
        return Ok(if row.kind == StoredKind::Two { LinkState::None } else { LinkState::Confirmed });
    };
    let relation: Option<Relation> = find(read, key, &relation_name(key, row.me, *peer))?;
    Ok(relation.map_or(LinkState::None, |relation| relation.link()))
}
