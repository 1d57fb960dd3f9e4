//! Answers the questions of faces from one snapshot of the store. Names and texts of others leave here as `SafeText`.

use crate::api::{
    Audience, CallError, DraftView, ErrorKind, FeedAnchor, FeedFilter, FeedPage, More, PersonView,
    PersonaView, PostView, ReadMark, ThreadView,
};
use crate::db::personas::PersonaRow;
use crate::db::timeline::{FeedPost, Mark, PageStart, Pill, RowFilter};
use crate::db::{Author, DbError, Read};
use crate::domain::address::PeerAddress;
use crate::domain::envelope::{Content, Kind};
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::invite::Invite;
use crate::domain::ordering::FeedPosition;
use crate::domain::post::Post;
use crate::domain::text::SafeText;
use crate::limits::{INTEREST_IDS, QUERY_ROWS};
use crate::node::engine::no_persona;

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

fn not_found(message: &str, hint: &str) -> QueryError {
    QueryError::Person(CallError::new(ErrorKind::NotFound, message, hint))
}

/// A page of a feed.
///
/// # Errors
/// [`QueryError`].
pub fn feed(
    read: Read<'_>,
    persona: Option<PostingId>,
    anchor: FeedAnchor,
    filter: FeedFilter,
    limit: u32,
) -> Result<FeedPage, QueryError> {
    let pill = match persona {
        None => Pill::MERGED,
        Some(id) => find_persona(read, Some(id))?.pill,
    };
    let limit = limit.clamp(1, QUERY_ROWS);
    let start = match anchor {
        FeedAnchor::Newest => PageStart::Newest,
        FeedAnchor::Before(position) => PageStart::Before(position),
        FeedAnchor::After(position) => PageStart::After(position),
    };
    let filter = match filter {
        FeedFilter::All => RowFilter::All,
        FeedFilter::Unread => RowFilter::Unread,
    };
    let mut rows = read.list_feed(pill, start, filter, limit.saturating_add(1))?;
    let more =
        if rows.len() > usize::try_from(limit).unwrap_or(usize::MAX) { More::Follows } else { More::End };
    if more == More::Follows {
        // The one too many stands at the far end of the direction that was asked for.
        match anchor {
            FeedAnchor::After(_) => drop(rows.remove(0)),
            FeedAnchor::Newest | FeedAnchor::Before(_) => drop(rows.pop()),
        }
    }
    let posts = rows.into_iter().map(post_view).collect::<Result<_, _>>()?;
    Ok(FeedPage { posts, more, unread_count: read.count_unread(pill)? })
}

fn post_view(row: FeedPost) -> Result<PostView, DbError> {
    let post = Post::decode(&row.bytes).map_err(|_was_good_once| DbError::DamagedRow { table: "objects" })?;
    Ok(PostView {
        post_id: row.position.post_id,
        author: row.author,
        author_name: SafeText::line(&row.author_name.unwrap_or_default()),
        persona: Some(row.persona),
        text: SafeText::body(post.text()),
        created: row.created,
        received: row.received,
        position: row.position,
        mark: match row.mark {
            Mark::Unread => ReadMark::Unread,
            Mark::Read => ReadMark::Read,
        },
        audience: Audience::Public,
    })
}

fn name_of(read: Read<'_>, author: Author) -> Result<SafeText, DbError> {
    Ok(SafeText::line(&read.find_name(author)?.unwrap_or_default()))
}

/// One post.
///
/// # Errors
/// [`QueryError`].
pub fn thread(read: Read<'_>, post_id: ObjectId) -> Result<ThreadView, QueryError> {
    let nothing = || not_found("there is no such post here", "`itsgoin feed --json` lists the ids of posts");
    let key = read.find_object(post_id)?.ok_or_else(nothing)?;
    let object = read.get_object(key)?;
    if object.kind != Kind::Post {
        return Err(nothing());
    }
    let position = FeedPosition::new(object.created, object.received, post_id);
    let row = read.find_feed_post(Pill::MERGED, position)?.ok_or_else(nothing)?;
    Ok(ThreadView { post: post_view(row)? })
}

/// Everybody who is followed, by name.
///
/// # Errors
/// [`QueryError`].
pub fn people(read: Read<'_>) -> Result<Vec<PersonView>, QueryError> {
    let limit = u32::try_from(INTEREST_IDS).unwrap_or(u32::MAX);
    let view = |follow: crate::db::follows::FollowRow| {
        Ok(PersonView {
            posting_id: follow.posting_id,
            name: name_of(read, follow.author)?,
            persona: follow.persona,
            following: true,
            post_count: read.count_posts(follow.author)?,
            followed: follow.followed,
        })
    };
    let mut people = read.list_follows(limit)?.into_iter().map(view).collect::<Result<Vec<_>, DbError>>()?;
    people.sort_by_cached_key(|person| {
        (person.name.as_str().to_lowercase(), person.posting_id, person.persona)
    });
    Ok(people)
}

/// My personas, the default one first.
///
/// # Errors
/// [`QueryError`].
pub fn personas(read: Read<'_>) -> Result<Vec<PersonaView>, QueryError> {
    let rows = read.list_personas()?;
    let default = rows.first().map(|persona| persona.posting_id);
    let view = |persona: PersonaRow| {
        let name = name_of(read, persona.author)?;
        Ok(PersonaView { posting_id: persona.posting_id, name, default: Some(persona.posting_id) == default })
    };
    rows.into_iter().map(view).collect()
}

/// What is kept in a draft's slot.
///
/// # Errors
/// [`QueryError`].
pub fn draft(read: Read<'_>, slot: &str) -> Result<DraftView, QueryError> {
    Ok(DraftView { text: read.find_draft(slot)?.unwrap_or_default() })
}

/// An invite for a persona. The first persona's names this node; a further one's names nobody, so that the receiver
/// cannot tie both personas to one device.
///
/// # Errors
/// [`QueryError`].
pub fn invite(
    read: Read<'_>,
    persona: Option<PostingId>,
    own_address: Option<PeerAddress>,
) -> Result<Invite, QueryError> {
    let first = find_persona(read, None)?;
    let chosen = find_persona(read, persona)?;
    let name_hint = read.find_name(chosen.author)?.unwrap_or_default();
    let own_address = match own_address {
        Some(address) => Some(address),
        None => read.find_own_address()?,
    };
    let addresses =
        if chosen.posting_id == first.posting_id { own_address.into_iter().collect() } else { Vec::new() };
    Ok(Invite { posting_id: chosen.posting_id, name_hint, addresses })
}

fn find_persona(read: Read<'_>, id: Option<PostingId>) -> Result<PersonaRow, QueryError> {
    read.find_persona(id)?.ok_or_else(|| QueryError::Person(no_persona(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Database, Durability};
    use crate::domain::ids::NetworkId;

    #[test]
    fn p2_only_the_first_personas_invite_names_this_node() {
        let mut database = Database::in_memory(&[1; 32]).unwrap();
        let personas = [1, 2].map(|number| PostingId::from_bytes([number; 32]));
        for posting_id in personas {
            let insert = |batch: &crate::db::Batch<'_>| {
                batch.step(|write| write.insert_persona(write.intern_author(posting_id)?, "name"))
            };
            database.transaction(Durability::Normal, insert).unwrap();
        }
        let mut addresses_for = |persona| {
            let address = PeerAddress::of(NetworkId::from_bytes([3; 32]));
            let made = database.read(|read| invite(read, persona, Some(address)));
            made.map_or(usize::MAX, |invite| invite.addresses.len())
        };
        assert_eq!(addresses_for(None), 1);
        assert_eq!(addresses_for(Some(personas[0])), 1);
        assert_eq!(addresses_for(Some(personas[1])), 0);
    }
}
