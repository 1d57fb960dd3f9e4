//! Headers end the same whatever the order of their operations, and nobody can do to them what is not theirs to do.

use proptest::prelude::*;

use super::tests::{Bench, NOW, key};
use super::*;
use crate::api::Outcome;
use crate::api::{Command, DraftSlot, ErrorKind};
use crate::db::comments::{CommentRow, State};
use crate::db::timeline::{Feed, FeedPost, PageStart, RowFilter};
use crate::domain::envelope::{Content, Object};
use crate::domain::ids::ObjectId;
use crate::domain::operation::{Action, CommentPolicy, Operation, ReactionSwitch, Target};
use crate::domain::post::Post;
use crate::limits::{AUTHOR_OPERATIONS, WAITING_OPERATIONS, WAITING_TIME};

/// Who acts: 0 wrote the post, 3 reads, and the others comment.
fn actor(number: u8) -> Arc<PostingKey> {
    key(100 + u64::from(number))
}

const READER: u8 = 3;

fn post() -> Object {
    let author = actor(0);
    let post = Post::new(author.posting_id(), NOW.before(Duration::from_hours(1)), "the post".to_owned());
    Object::Post(author.sign(&post.unwrap()))
}

fn operation(by: u8, created: Timestamp, operation: Option<ObjectId>, action: Action) -> Option<Object> {
    let key = actor(by);
    let target = Target { post: post().id(), author: actor(0).posting_id(), operation };
    let operation = Operation::new(key.posting_id(), created, target, action).ok()?;
    Some(Object::Operation(Box::new(key.sign(&operation))))
}

fn comment(by: u8, parent: Option<&Object>, text: &str) -> Object {
    operation(by, NOW, parent.map(Object::id), Action::Comment(text.to_owned())).unwrap()
}

/// A node whose only persona is the reader, who follows the author of the post.
fn reader() -> Bench {
    let mut bench = Bench::new(&[actor(READER)]);
    let target = actor(0).posting_id().to_string();
    bench.command(Command::Follow { target, persona: None }).unwrap();
    bench
}

/// What anybody sees of the post.
#[derive(Debug, PartialEq)]
struct Seen {
    feed: Vec<FeedPost>,
    comments: Vec<CommentRow>,
    reactions: Vec<std::collections::BTreeMap<String, u64>>,
}

fn seen(bench: &mut Bench, ids: &[ObjectId]) -> Seen {
    let counts_are_right = bench.database.read(|read| read.counts_are_right()).unwrap();
    assert!(counts_are_right);
    bench
        .database
        .read::<_, DbError>(|read| {
            let comments = match read.find_object(post().id())? {
                Some(key) => read.list_comments(key, None, 1_000)?,
                None => Vec::new(),
            };
            Ok(Seen {
                feed: read.list_feed(Feed::Merged, PageStart::Newest, RowFilter::All, 10)?,
                comments,
                reactions: ids.iter().map(|id| read.list_reactions(*id)).collect::<Result<_, _>>()?,
            })
        })
        .unwrap()
}

/// One thing somebody does, in numbers that a test can draw.
#[derive(Debug, Clone)]
struct Deed {
    by: u8,
    what: u8,
    /// Which of the things before it is meant; the post for 0.
    on: usize,
    seconds_ago: u64,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = (0..4_u8, 0..12_u8, 0..8_usize, 0..3_u64).prop_map(|(by, what, on, seconds_ago)| Deed {
        by,
        what,
        on,
        seconds_ago,
    });
    proptest::collection::vec(deed, 1..14)
}

/// The post and what was done to it.
fn objects(deeds: &[Deed]) -> Vec<Object> {
    let mut objects = vec![post()];
    for deed in deeds {
        let on = objects.get(deed.on % objects.len()).filter(|object| object.id() != post().id());
        let text = format!("text {}", objects.len());
        let emoji = if deed.by.is_multiple_of(2) { "👍" } else { "❤" }.to_owned();
        let action = match deed.what {
            0..=3 => Action::Comment(text),
            4 => Action::React { emoji, switch: ReactionSwitch::On },
            5 => Action::React { emoji, switch: ReactionSwitch::Off },
            6 | 7 => Action::Edit(text),
            8 => Action::Hide,
            9 => Action::Policy(CommentPolicy::Listed(vec![actor(1).posting_id()])),
            10 if on.is_none() && deed.seconds_ago > 0 => Action::Policy(CommentPolicy::Everyone),
            _ => Action::Tombstone,
        };
        let created = NOW.before(Duration::from_secs(deed.seconds_ago));
        objects.extend(operation(deed.by, created, on.map(Object::id), action));
    }
    objects
}

/// The same things in some order, some of them twice.
fn orders() -> impl Strategy<Value = (Vec<Object>, Vec<Object>)> {
    deeds().prop_flat_map(|deeds| {
        let objects = objects(&deeds);
        let twice: Vec<Object> = objects.iter().chain(objects.iter().take(4)).cloned().collect();
        (Just(twice.clone()).prop_shuffle(), Just(twice).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_header_ends_the_same_in_any_order((one, other) in orders()) {
        let ids: Vec<ObjectId> = {
            let mut ids: Vec<ObjectId> = one.iter().map(Object::id).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let end = |order: &[Object]| {
            let mut bench = reader();
            for object in order {
                bench.take_in(object);
            }
            seen(&mut bench, &ids)
        };
        prop_assert_eq!(end(&one), end(&other));
    }
}

#[test]
fn a_deleted_post_never_comes_back_and_takes_everything_with_it() {
    let deleted = operation(0, NOW, None, Action::Tombstone).unwrap();
    let said = comment(1, None, "first");
    for order in [[post(), said.clone(), deleted.clone()], [deleted.clone(), said.clone(), post()]] {
        let mut bench = reader();
        for object in order {
            bench.take_in(&object);
        }
        bench.take_in(&comment(2, Some(&said), "late"));
        bench.take_in(&post());
        let end = seen(&mut bench, &[]);
        assert!(end.feed.is_empty() && end.comments.is_empty());
        let stored = bench.database.read::<_, DbError>(|read| read.find_object(said.id())).unwrap();
        assert_eq!(stored, None, "the comment's text is gone, too");
        let have = bench.database.read(|read| read.have(post().id())).unwrap();
        assert_eq!(have, crate::db::objects::Have::Refused, "nobody asks for the post again");
    }
}

#[test]
fn a_deleted_comment_loses_its_text_and_keeps_its_answers() {
    let said = comment(1, None, "regretted");
    let edit = operation(1, NOW, Some(said.id()), Action::Edit("worse".to_owned())).unwrap();
    let answer = comment(2, Some(&said), "why?");
    let deleted = operation(1, NOW, Some(said.id()), Action::Tombstone).unwrap();
    let mut bench = reader();
    for object in [post(), said.clone(), edit.clone(), answer, deleted] {
        bench.take_in(&object);
    }
    let end = seen(&mut bench, &[]);
    let states: Vec<State> = end.comments.iter().map(|row| row.state).collect();
    assert_eq!(states.iter().filter(|state| **state == State::Deleted).count(), 1);
    assert_eq!((end.comments.len(), end.feed[0].comment_counts[0]), (2, 1));
    let bytes = bench.database.snapshot().unwrap();
    for gone in ["regretted", "worse"] {
        let is_there = bytes.windows(gone.len()).any(|window| window == gone.as_bytes());
        assert!(!is_there, "'{gone}' is still in the file");
    }
    let edits = bench.database.read::<_, DbError>(|read| read.find_object(edit.id())).unwrap();
    assert_eq!(edits, None);
}

#[test]
fn nobody_deletes_edits_or_hides_what_is_not_theirs() {
    let said = comment(1, None, "mine");
    let by_others = [
        operation(2, NOW, Some(said.id()), Action::Tombstone),
        operation(2, NOW, Some(said.id()), Action::Edit("not mine".to_owned())),
        operation(0, NOW, Some(said.id()), Action::Tombstone),
        operation(0, NOW, Some(said.id()), Action::Edit("nor mine".to_owned())),
    ];
    // An author of nothing here claims that the post is theirs.
    let stranger = actor(2);
    let target = Target { post: post().id(), author: stranger.posting_id(), operation: None };
    let claims = [Action::Tombstone, Action::Edit("taken".to_owned())].map(|action| {
        let claim = Operation::new(stranger.posting_id(), NOW, target, action).unwrap();
        Some(Object::Operation(Box::new(stranger.sign(&claim))))
    });
    let mut wanted = reader();
    wanted.take_in(&post());
    wanted.take_in(&said);
    let before = seen(&mut wanted, &[said.id()]);
    for object in by_others.into_iter().chain(claims).flatten() {
        wanted.take_in(&object);
        assert_eq!(seen(&mut wanted, &[said.id()]), before);
    }
}

#[test]
fn a_post_that_is_closed_shows_nobodys_comments_and_an_opened_one_again() {
    let policy = |seconds, policy| {
        operation(0, NOW.after(Duration::from_secs(seconds)), None, Action::Policy(policy)).unwrap()
    };
    let mut bench = reader();
    for object in [post(), comment(1, None, "one"), comment(0, None, "the author's own")] {
        bench.take_in(&object);
    }
    let shown = |bench: &mut Bench| seen(bench, &[]).feed[0].comment_counts[0];
    assert_eq!(shown(&mut bench), 2);
    bench.take_in(&policy(1, CommentPolicy::Nobody));
    assert_eq!(shown(&mut bench), 1);
    bench.take_in(&comment(2, None, "not wanted"));
    assert_eq!(shown(&mut bench), 1);
    let reply = Command::Reply { target: post().id(), text: "may I?".to_owned(), persona: None, draft: None };
    assert_eq!(bench.command(reply).unwrap_err().kind, ErrorKind::Invalid);
    bench.take_in(&policy(2, CommentPolicy::Listed(vec![actor(2).posting_id()])));
    assert_eq!(shown(&mut bench), 2);
    bench.take_in(&policy(3, CommentPolicy::Everyone));
    assert_eq!(shown(&mut bench), 3);
}

#[test]
fn one_author_cannot_fill_a_post_nor_strangers_the_wait_for_one() {
    let mut bench = reader();
    bench.take_in(&post());
    for number in 0..AUTHOR_OPERATIONS + 10 {
        bench.take_in(&comment(1, None, &format!("spam {number}")));
    }
    let kept = seen(&mut bench, &[]).comments.len();
    assert_eq!(u32::try_from(kept).unwrap(), AUTHOR_OPERATIONS);

    let mut bench = reader();
    let unknown = |number: u32| {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let target =
            Target { post: ObjectId::from_bytes(id), author: actor(0).posting_id(), operation: None };
        let operation = Operation::new(actor(1).posting_id(), NOW, target, Action::Comment("?".to_owned()));
        Object::Operation(Box::new(actor(1).sign(&operation.unwrap())))
    };
    for number in 0..WAITING_OPERATIONS + 5 {
        bench.take_in(&unknown(number));
    }
    let waiting = |bench: &mut Bench| bench.database.read(|read| read.count_waiting()).unwrap();
    assert_eq!(waiting(&mut bench), WAITING_OPERATIONS);
    // They do not wait for ever.
    let mut now = NOW.after(WAITING_TIME);
    for _ in 0..40 {
        now = now.after(Duration::from_secs(1));
        bench.take_at(now, Input::TimePassed);
    }
    assert_eq!(waiting(&mut bench), 0);
}

#[test]
fn what_i_do_later_counts_as_later_within_one_millisecond() {
    let mut bench = reader();
    bench.take_in(&post());
    let react = |bench: &mut Bench, switch| {
        let emoji = "👍".to_owned();
        bench.command(Command::React { target: post().id(), emoji, switch, persona: None }).unwrap()
    };
    for _ in 0..20 {
        react(&mut bench, ReactionSwitch::On);
        let on = seen(&mut bench, &[post().id()]);
        assert_eq!(on.reactions[0].get("👍"), Some(&1));
        assert_eq!(on.feed[0].reactions, r#"[["👍",1]]"#);
        react(&mut bench, ReactionSwitch::Off);
        let off = seen(&mut bench, &[post().id()]);
        assert!(off.reactions[0].is_empty() && off.feed[0].reactions.is_empty());
    }
}

#[test]
fn answers_to_me_are_counted_until_they_are_read() {
    let mut bench = reader();
    bench.take_in(&post());
    let draft = Some(DraftSlot::Reply(post().id()));
    let reply = Command::Reply { target: post().id(), text: "mine".to_owned(), persona: None, draft };
    let Outcome::OperationPublished(mine) = bench.command(reply).unwrap() else {
        unreachable!("a reply is an operation")
    };
    let to_me = operation(1, NOW, Some(mine), Action::Comment("to you".to_owned())).unwrap();
    bench.take_in(&to_me);
    bench.take_in(&comment(2, None, "to the post"));
    assert_eq!(seen(&mut bench, &[]).feed[0].comment_counts, [3, 2, 1]);
    bench.command(Command::ReadComments { post_id: post().id(), received_by: NOW }).unwrap();
    assert_eq!(seen(&mut bench, &[]).feed[0].comment_counts, [3, 0, 0]);
}

#[test]
fn answers_to_me_that_came_while_locked_are_counted_once_it_is_over() {
    let mut bench = reader();
    bench.take_in(&post());
    let reply = Command::Reply { target: post().id(), text: "mine".to_owned(), persona: None, draft: None };
    let Outcome::OperationPublished(mine) = bench.command(reply).unwrap() else {
        unreachable!("a reply is an operation")
    };
    bench.restart_locked(Quotas::default());
    bench.take_in(&operation(1, NOW, Some(mine), Action::Comment("to you".to_owned())).unwrap());
    let read = Command::ReadComments { post_id: post().id(), received_by: NOW };
    assert_eq!(bench.command(read).unwrap_err().kind, ErrorKind::Passphrase);
    assert_eq!(seen(&mut bench, &[]).feed[0].comment_counts, [2, 1, 0], "nobody knows who I am");
    bench.unlock(&[]);
    assert_eq!(seen(&mut bench, &[]).feed[0].comment_counts, [2, 1, 1]);
}

#[test]
fn refused_responses_change_nothing() {
    let mut bench = reader();
    let said = comment(1, None, "somebody's");
    bench.take_in(&post());
    bench.take_in(&said);
    let nowhere = ObjectId::from_bytes([9; 32]);
    let (post_id, comment) = (post().id(), said.id());
    let text = |text: &str| text.to_owned();
    let commands = [
        (
            Command::Reply { target: nowhere, text: text("x"), persona: None, draft: None },
            ErrorKind::NotFound,
        ),
        (Command::Reply { target: post_id, text: text(" "), persona: None, draft: None }, ErrorKind::Invalid),
        (
            Command::Reply { target: post_id, text: "x".repeat(4_097), persona: None, draft: None },
            ErrorKind::Invalid,
        ),
        (
            Command::React { target: post_id, emoji: text("no"), switch: ReactionSwitch::On, persona: None },
            ErrorKind::Invalid,
        ),
        (
            Command::React {
                target: post_id, emoji: text("👍"), switch: ReactionSwitch::Off, persona: None
            },
            ErrorKind::NotFound,
        ),
        (Command::Edit { target: post_id, text: text("x"), draft: None }, ErrorKind::Invalid),
        (Command::Edit { target: comment, text: text("x"), draft: None }, ErrorKind::Invalid),
        (Command::Delete { target: post_id }, ErrorKind::Invalid),
        (Command::Delete { target: nowhere }, ErrorKind::NotFound),
        (Command::HideComment { comment }, ErrorKind::Invalid),
        (Command::HideComment { comment: post_id }, ErrorKind::Invalid),
        (Command::SetPolicy { post_id, policy: CommentPolicy::Nobody }, ErrorKind::Invalid),
        (Command::ReadComments { post_id: nowhere, received_by: NOW }, ErrorKind::NotFound),
    ];
    for (command, kind) in commands {
        let before = bench.database.snapshot().unwrap();
        let error = bench.command(command).unwrap_err();
        assert!(!error.message.is_empty() && !error.hint.is_empty());
        assert_eq!(error.kind, kind, "{error}");
        assert!(bench.database.snapshot().unwrap() == before, "{error}");
    }
}

/// The bytes of an operation are bounded by what its fields may hold.
#[test]
fn the_largest_operation_fits() {
    let edit = operation(0, NOW, None, Action::Edit("x".repeat(crate::limits::POST_TEXT_BYTES))).unwrap();
    assert!(Operation::decode(&edit.envelope().bytes).is_ok());
    let listed = vec![actor(1).posting_id(); crate::limits::POLICY_IDS];
    let policy = operation(0, NOW, None, Action::Policy(CommentPolicy::Listed(listed))).unwrap();
    assert!(Operation::decode(&policy.envelope().bytes).is_ok());
}
