//! Answers the questions of faces from one snapshot of the store. Names and texts of others leave here as `SafeText`.

use std::collections::BTreeMap;

use crate::api::{
    Addressee, AttachmentState, AttachmentView, Audience, CallError, CommentState, CommentView, DraftSlot,
    DraftView, ErrorKind, FeedAnchor, FeedFilter, FeedPage, More, PersonView, PersonaView, PostView,
    ReadMark, SpaceView, ThreadView,
};
use crate::crypto::data_key::DataKey;
use crate::db::blobs::{BlobState, StoredBlob};
use crate::db::comments::{CommentRow, Origin, State, Towards};
use crate::db::personas::PersonaRow;
use crate::db::space::Class;
use crate::db::timeline::{Feed, FeedPost, Mark, PageStart, RowFilter};
use crate::db::{Author, DbError, Read};
use crate::domain::address::PeerAddress;
use crate::domain::attachment::Attachment;
use crate::domain::envelope::{Content, Kind};
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::invite::Invite;
use crate::domain::operation::{Action, CommentPolicy, Operation};
use crate::domain::ordering::{CommentPosition, FeedPosition};
use crate::domain::post::Post;
use crate::domain::text::SafeText;
use crate::domain::time::Timestamp;
use crate::limits::{INTEREST_IDS, QUERY_ROWS};
use crate::node::engine::talk_rows::{self, Draft, draft_name};
use crate::node::engine::{QueryError, no_persona, policy_in, slot_name};

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
    let feed = match persona {
        None => Feed::Merged,
        Some(id) => Feed::Of(find_persona(read, Some(id))?.author),
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
    let mut rows = read.list_feed(feed, start, filter, limit.saturating_add(1))?;
    let more =
        if rows.len() > usize::try_from(limit).unwrap_or(usize::MAX) { More::Follows } else { More::End };
    if more == More::Follows {
        // The one too many stands at the far end of the direction that was asked for.
        match anchor {
            FeedAnchor::After(_) => drop(rows.remove(0)),
            FeedAnchor::Newest | FeedAnchor::Before(_) => drop(rows.pop()),
        }
    }
    let posts = rows.into_iter().map(|row| post_view(read, row)).collect::<Result<_, _>>()?;
    Ok(FeedPage { posts, more, unread_count: read.count_unread(feed)? })
}

/// A post as it stands in a feed. `read` is asked only about posts with reactions, for those of mine.
fn post_view(read: Read<'_>, row: FeedPost) -> Result<PostView, DbError> {
    let damaged = |table| move |_was_good_once| DbError::DamagedRow { table };
    let post = Post::decode(&row.bytes).map_err(damaged("objects"))?;
    let edit = row.edit.as_deref().map(edited_text).transpose()?;
    let (edited, text) = edit.map_or((None, None), |(when, text)| (Some(when), Some(text)));
    let [comment_count, unread_comment_count, unread_to_me_count] = row.comment_counts;
    let reactions: Vec<(String, u64)> = match row.reactions.as_str() {
        "" => Vec::new(),
        json => serde_json::from_str(json).map_err(|_not_ours| DbError::DamagedRow { table: "headers" })?,
    };
    let my_reactions =
        if reactions.is_empty() { Vec::new() } else { read.list_my_reactions(row.position.post_id)? };
    Ok(PostView {
        post_id: row.position.post_id,
        author: row.author,
        author_name: SafeText::line(&row.author_name.unwrap_or_default()),
        persona: row.persona,
        text: SafeText::body(text.as_deref().unwrap_or_else(|| post.text())),
        edited,
        reactions: safe_reactions(reactions),
        my_reactions: my_reactions.iter().map(|emoji| SafeText::line(emoji)).collect(),
        comment_count,
        unread_comment_count,
        unread_to_me_count,
        created: row.created,
        received: row.received,
        position: row.position,
        mark: read_mark(row.mark),
        audience: Audience::Public,
        attachments: attachments(read, row.position.post_id, &post)?,
    })
}

const fn read_mark(mark: Mark) -> ReadMark {
    match mark {
        Mark::Unread => ReadMark::Unread,
        Mark::Read => ReadMark::Read,
    }
}

/// When an edit was written, and its raw text.
fn edited_text(bytes: &[u8]) -> Result<(Timestamp, String), DbError> {
    match Operation::decode(bytes) {
        Ok(operation) => match operation.action() {
            Action::Edit(text) => Ok((operation.created(), text.clone())),
            _ => Err(DbError::DamagedRow { table: "edits" }),
        },
        Err(_) => Err(DbError::DamagedRow { table: "edits" }),
    }
}

/// Two raw emojis that look the same once they are safe are counted together.
fn safe_reactions(raw: impl IntoIterator<Item = (String, u64)>) -> BTreeMap<SafeText, u64> {
    let mut reactions = BTreeMap::new();
    for (emoji, count) in raw {
        let sum: &mut u64 = reactions.entry(SafeText::line(&emoji)).or_default();
        *sum = sum.saturating_add(count);
    }
    reactions
}

fn attachments(read: Read<'_>, post_id: ObjectId, post: &Post) -> Result<Vec<AttachmentView>, DbError> {
    if post.attachments().is_empty() {
        return Ok(Vec::new());
    }
    let object = read.find_object(post_id)?.ok_or(DbError::MissingRow { table: "objects" })?;
    let stored = read.list_blobs_of(object)?;
    let view = |(attachment, blob): (&Attachment, &StoredBlob)| AttachmentView {
        blob: attachment.blob,
        name: SafeText::line(&attachment.name),
        media_type: SafeText::line(&attachment.media_type),
        size_bytes: attachment.size_bytes,
        alt: SafeText::line(attachment.alt.as_deref().unwrap_or_default()),
        state: match blob.state {
            BlobState::Absent => AttachmentState::Absent,
            BlobState::Wanted | BlobState::Damaged => AttachmentState::Wanted,
            BlobState::Partial => AttachmentState::Partial,
            BlobState::Complete | BlobState::Doubtful => AttachmentState::Complete,
        },
        held_bytes: blob.held_bytes,
    };
    Ok(post.attachments().iter().zip(&stored).map(view).collect())
}

fn name_of(read: Read<'_>, author: Author) -> Result<SafeText, DbError> {
    Ok(SafeText::line(&read.find_name(author)?.unwrap_or_default()))
}

/// One post, named by its id or that of a comment on it, and a page of its comments.
///
/// # Errors
/// [`QueryError`].
pub fn thread(
    read: Read<'_>,
    id: ObjectId,
    after: Option<CommentPosition>,
    limit: u32,
) -> Result<ThreadView, QueryError> {
    let nothing = || not_found("there is no such post here", "`itsgoin feed --json` lists the ids of posts");
    let key = match read.find_comment(id)? {
        Some(comment) => comment.post,
        None => read.find_object(id)?.ok_or_else(nothing)?,
    };
    let object = read.get_object(key)?;
    if object.kind != Kind::Post {
        return Err(nothing());
    }
    let position = FeedPosition::new(object.created, object.received, object.object_id);
    let row = read.find_feed_post(position)?.ok_or_else(nothing)?;
    let policy = match read.find_header(key)?.policy {
        Some(policy) => policy_in(&read.get_envelope(policy)?.bytes)?,
        None => CommentPolicy::Everyone,
    };
    let limit = limit.clamp(1, QUERY_ROWS);
    let mut rows = read.list_comments(key, after, limit.saturating_add(1))?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = if rows.len() > most { More::Follows } else { More::End };
    rows.truncate(most);
    let comments = rows.into_iter().map(|row| comment_view(read, row)).collect::<Result<_, _>>()?;
    Ok(ThreadView { post: post_view(read, row)?, policy, comments, more })
}

fn comment_view(read: Read<'_>, row: CommentRow) -> Result<CommentView, DbError> {
    let state = match row.state {
        State::Shown => CommentState::Shown,
        State::Deleted => CommentState::Deleted,
        State::Hidden | State::Barred => CommentState::Hidden,
    };
    let id = row.position.operation_id;
    let (mut text, mut edited) = (SafeText::default(), None);
    let (mut reactions, mut my_reactions) = (BTreeMap::new(), Vec::new());
    if let (CommentState::Shown, Some(bytes)) = (state, &row.bytes) {
        if let Some((when, edit)) = row.edit.as_deref().map(edited_text).transpose()? {
            (text, edited) = (SafeText::body(&edit), Some(when));
        } else {
            text = SafeText::body(&comment_text(bytes)?);
        }
        reactions = safe_reactions(read.list_reactions(id)?);
        if !reactions.is_empty() {
            my_reactions = read.list_my_reactions(id)?.iter().map(|emoji| SafeText::line(emoji)).collect();
        }
    }
    Ok(CommentView {
        operation_id: id,
        parent: row.parent,
        author: row.author,
        author_name: SafeText::line(&row.author_name.unwrap_or_default()),
        persona: (row.origin == Origin::Mine).then_some(row.author),
        text,
        state,
        created: row.position.created,
        received: row.received,
        edited,
        reactions,
        my_reactions,
        mark: read_mark(row.mark),
        addressee: match row.towards {
            Towards::Me => Addressee::Me,
            Towards::Others => Addressee::Others,
        },
    })
}

fn comment_text(bytes: &[u8]) -> Result<String, DbError> {
    match Operation::decode(bytes).as_ref().map(Operation::action) {
        Ok(Action::Comment(text)) => Ok(text.clone()),
        _ => Err(DbError::DamagedRow { table: "comments" }),
    }
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

/// How much room things take.
///
/// # Errors
/// [`QueryError`].
pub fn space(read: Read<'_>, free_bytes: Option<u64>) -> Result<SpaceView, QueryError> {
    let bytes = |class| read.get_class_bytes(class);
    // While locked nobody knows which of them are mine.
    let own_bytes = read.get_own_bytes()?;
    Ok(SpaceView {
        own_bytes,
        followed_bytes: bytes(Class::Ours)?.saturating_sub(own_bytes),
        carried_bytes: bytes(Class::Stranger)?,
        sealed_bytes: bytes(Class::Pool)?,
        free_bytes,
    })
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
pub fn draft(read: Read<'_>, key: &DataKey, slot: DraftSlot) -> Result<DraftView, QueryError> {
    let name = draft_name(key, &slot_name(slot));
    let draft = talk_rows::find::<Draft>(read, key, &name)?;
    Ok(DraftView { text: draft.map(|draft| draft.text).unwrap_or_default() })
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
