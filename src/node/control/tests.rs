//! Both ends of the socket, with a node that the test plays.

use std::collections::BTreeMap;

use tempfile::TempDir;

use super::*;
use crate::api::{
    Audience, ConversationKind, ConversationView, Delivery, ErrorKind, FeedFilter, LinkState, MessageView,
    PostView, ReadMark, Standing,
};
use crate::domain::conversation::{ConversationId, Keep, MessageId, Place};
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::ordering::FeedPosition;
use crate::domain::text::SafeText;
use crate::domain::time::Timestamp;
use crate::limits::{MESSAGE_TEXT_BYTES, POST_TEXT_BYTES, QUERY_ROWS};

/// A data directory whose socket serves a node that the test plays.
struct Served {
    home: TempDir,
    calls: mpsc::Receiver<Call>,
    door: watch::Sender<()>,
    tasks: JoinSet<()>,
}

impl Served {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (node, calls, _events) = calls();
        let listener = bind(home.path(), Homes { runtime: None, temporary: home.path() }).unwrap();
        let (door, closing) = watch::channel(());
        let mut tasks = JoinSet::new();
        tasks.spawn(listener.serve(node, closing));
        Self { home, calls, door, tasks }
    }

    async fn attach(&mut self) -> io::Result<NodeHandle> {
        let (node, attached) = attach(&find(self.home.path()).unwrap()).await?;
        self.tasks.spawn(attached.run());
        Ok(node)
    }
}

#[tokio::test]
async fn what_was_asked_before_the_end_is_answered_and_nobody_new_is_taken() {
    let mut served = Served::new();
    let socket = find(served.home.path()).unwrap();
    let client = served.attach().await.unwrap();
    let outcome =
        client.command(Command::SaveDraft { slot: crate::api::DraftSlot::NewPost, text: "x".into() });
    let Some(Call::Command(_, answer)) = served.calls.recv().await else { panic!("no command came") };
    served.door.send(()).unwrap();
    served.door.closed().await;
    assert!(!socket.exists() && find(served.home.path()).is_err(), "both are gone while the lock is held");
    assert!(attach(&socket).await.is_err());
    answer.send(Ok(Outcome::Done)).unwrap();
    assert_eq!(outcome.await, Ok(Outcome::Done));
    // Server and client end by themselves.
    while served.tasks.join_next().await.is_some() {}
    assert_eq!(client.query(Query::Status).await.unwrap_err().kind, ErrorKind::Stopped);
}

#[tokio::test]
async fn a_client_too_many_does_not_wait_for_ever() {
    let mut served = Served::new();
    let mut clients = Vec::new();
    for _ in 0..CONTROL_CLIENTS {
        clients.push(served.attach().await.unwrap());
    }
    let refused = served.attach().await.map(|_node| ()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
    drop(clients);
    served.attach().await.unwrap();
}

#[tokio::test]
async fn another_version_is_told_apart_from_nobody() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("socket");
    assert_eq!(attach(&path).await.map(|_node| ()).unwrap_err().kind(), io::ErrorKind::NotFound);
    let listener = UnixListener::bind(&path).unwrap();
    let mut other = JoinSet::new();
    other.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (mut lines, mut out) = split(stream);
        write_line(&mut out, &Handshake { itsgoin_control: VERSION + 1 }).await.unwrap();
        read_line(&mut lines).await.unwrap();
    });
    assert_eq!(attach(&path).await.map(|_node| ()).unwrap_err().kind(), io::ErrorKind::Unsupported);
}

/// Newest first, each with a text that becomes as long as it can.
fn hostile_page() -> FeedPage {
    let text = SafeText::body(&"\t".repeat(POST_TEXT_BYTES));
    let post = |number: u32| {
        let post_id = ObjectId::from_bytes([7; 32]);
        let created = Timestamp::from_millis(i64::from(QUERY_ROWS - number));
        PostView {
            post_id,
            author: PostingId::from_bytes([1; 32]),
            author_name: SafeText::line("mallory"),
            persona: None,
            text: text.clone(),
            created,
            received: created,
            position: FeedPosition::new(created, created, post_id),
            edited: None,
            reactions: BTreeMap::new(),
            my_reactions: Vec::new(),
            comment_count: 0,
            unread_comment_count: 0,
            unread_to_me_count: 0,
            mark: ReadMark::Unread,
            audience: Audience::Public,
            attachments: Vec::new(),
        }
    };
    FeedPage { posts: (0..QUERY_ROWS).map(post).collect(), more: More::End, unread_count: 7 }
}

#[tokio::test]
async fn a_page_of_hostile_posts_is_cut_at_its_far_end() {
    let mut served = Served::new();
    let client = served.attach().await.unwrap();
    let whole = hostile_page();
    let position = whole.posts[100].position;
    for anchor in [FeedAnchor::Newest, FeedAnchor::Before(position), FeedAnchor::After(position)] {
        let query = Query::Feed { persona: None, page: anchor, filter: FeedFilter::All, limit: QUERY_ROWS };
        let view = client.query(query);
        let Some(Call::Query(_, answer)) = served.calls.recv().await else { panic!("no query came") };
        answer.send(Ok(View::Feed(whole.clone()))).unwrap();
        let Ok(View::Feed(page)) = view.await else { panic!("no page came") };
        assert!(page.posts.len() > 20 && page.posts.len() < whole.posts.len(), "{}", page.posts.len());
        assert_eq!((page.more, page.unread_count), (More::Follows, 7));
        let kept = match anchor {
            FeedAnchor::After(_) => &whole.posts[whole.posts.len() - page.posts.len()..],
            FeedAnchor::Newest | FeedAnchor::Before(_) => &whole.posts[..page.posts.len()],
        };
        assert_eq!(page.posts, kept);
    }
}

/// Oldest first, each with a text that becomes as long as it can.
fn hostile_messages() -> ConversationPage {
    let thread = ConversationId::from_bytes([9; 16]);
    let text = SafeText::body(&"\t".repeat(MESSAGE_TEXT_BYTES));
    let message = |number: u32| {
        let when = Timestamp::from_millis(i64::from(number));
        MessageView {
            message_id: MessageId::from_bytes([1; 16]),
            thread,
            place: Place::from_number(i64::from(number)),
            from: PostingId::from_bytes([1; 32]),
            from_name: SafeText::line("mallory"),
            from_me: false,
            text: text.clone(),
            sent: when,
            received: when,
            quote: None,
            reactions: BTreeMap::new(),
            my_reactions: Vec::new(),
            edited: false,
            deleted: false,
            mark: ReadMark::Unread,
            state: Delivery::Received,
        }
    };
    let conversation = ConversationView {
        thread,
        persona: PostingId::from_bytes([2; 32]),
        kind: ConversationKind::Two,
        people: Vec::new(),
        admins: Vec::new(),
        title: SafeText::line("mallory"),
        standing: Standing::Accepted,
        unread_count: 7,
        last: Timestamp::from_millis(0),
        last_message: None,
        muted: false,
        pinned: false,
        archived: false,
        keep: Keep::Forever,
        link: LinkState::Confirmed,
    };
    let messages = (0..QUERY_ROWS).map(message).collect();
    ConversationPage { conversation, messages, older: More::End, newer: More::End }
}

#[tokio::test]
async fn a_page_of_hostile_messages_is_cut_at_its_far_end() {
    let mut served = Served::new();
    let client = served.attach().await.unwrap();
    let whole = hostile_messages();
    let place = Place::from_number(100);
    for anchor in [
        MessageAnchor::Newest,
        MessageAnchor::Before(place),
        MessageAnchor::After(place),
        MessageAnchor::FirstUnread,
    ] {
        let thread = whole.conversation.thread;
        let view = client.query(Query::Messages { thread, page: anchor, limit: QUERY_ROWS });
        let Some(Call::Query(_, answer)) = served.calls.recv().await else { panic!("no query came") };
        answer.send(Ok(View::Messages(Box::new(whole.clone())))).unwrap();
        let Ok(View::Messages(page)) = view.await else { panic!("no page came") };
        let count = page.messages.len();
        assert!(count > 20 && count < whole.messages.len(), "{count}");
        let (kept, more) = match anchor {
            MessageAnchor::Newest | MessageAnchor::Before(_) => {
                (&whole.messages[whole.messages.len() - count..], (More::Follows, More::End))
            }
            MessageAnchor::After(_) | MessageAnchor::FirstUnread => {
                (&whole.messages[..count], (More::End, More::Follows))
            }
        };
        assert_eq!((page.older, page.newer), more);
        assert!(page.messages == kept, "{anchor:?}");
    }
}
