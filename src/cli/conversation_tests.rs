//! What the verbs of conversations ask a node that the test plays.

use clap::Parser;
use tokio::task::JoinSet;

use super::args::{Args, DmRead, OfPersona, Verb};
use super::conversations::{check_persona, pages_of_messages};
use super::messages::{Writer, find};
use crate::api::{
    Call, CallError, ConversationKind, ConversationPage, ConversationView, Delivery, ErrorKind, LinkState,
    MessageAnchor, MessageView, More, NodeHandle, PersonaView, Query, ReadMark, Standing, View, calls,
};
use crate::domain::conversation::{ConversationId, Keep, MessageId, Place};
use crate::domain::ids::PostingId;
use crate::domain::text::SafeText;
use crate::domain::time::Timestamp;

const THREAD: ConversationId = ConversationId::from_bytes([9; 16]);
const ANA: PostingId = PostingId::from_bytes([0xaa; 32]);
const MO: PostingId = PostingId::from_bytes([0x4d; 32]);
const NOW: Timestamp = Timestamp::from_millis(0);
/// Messages the played node gives at once, however many were asked for.
const AT_ONCE: usize = 3;

fn conversation() -> ConversationView {
    ConversationView {
        thread: THREAD,
        persona: ANA,
        kind: ConversationKind::Two,
        people: Vec::new(),
        admins: Vec::new(),
        title: SafeText::line("mo"),
        standing: Standing::Accepted,
        unread_count: 0,
        last: NOW,
        last_message: None,
        muted: false,
        pinned: false,
        archived: false,
        keep: Keep::Forever,
        link: LinkState::Confirmed,
    }
}

/// The number is the place, the id is named.
fn message(number: i64, from: PostingId, id: u8) -> MessageView {
    MessageView {
        message_id: MessageId::from_bytes([id; 16]),
        thread: THREAD,
        place: Place::from_number(number),
        from,
        from_name: SafeText::default(),
        from_me: from == ANA,
        text: SafeText::line("text"),
        sent: NOW,
        received: NOW,
        quote: None,
        reactions: std::collections::BTreeMap::new(),
        my_reactions: Vec::new(),
        edited: false,
        deleted: false,
        mark: ReadMark::Read,
        state: Delivery::Received,
    }
}

/// A node of ana and bea that has these messages of ana's.
fn played(messages: Vec<MessageView>) -> (NodeHandle, JoinSet<()>) {
    let (node, mut received, _told) = calls();
    let persona =
        |posting_id, name: &str, default| PersonaView { posting_id, name: SafeText::line(name), default };
    let personas = vec![persona(ANA, "ana", true), persona(PostingId::from_bytes([0xbe; 32]), "bea", false)];
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Some(Call::Query(query, answer)) = received.recv().await {
            let view = match query {
                Query::Personas => View::Personas(personas.clone()),
                Query::Messages { page, limit, .. } => {
                    let before = if let MessageAnchor::Before(place) = page { place } else { Place::END };
                    let older = messages.iter().filter(|message| message.place < before);
                    let mut older: Vec<MessageView> = older.cloned().collect();
                    let first = older.len().saturating_sub(AT_ONCE.min(usize::try_from(limit).unwrap()));
                    let messages = older.split_off(first);
                    let older = if first > 0 { More::Follows } else { More::End };
                    let conversation = conversation();
                    View::Messages(Box::new(ConversationPage {
                        conversation,
                        messages,
                        older,
                        newer: More::End,
                    }))
                }
                other => panic!("{other:?}"),
            };
            answer.send(Ok(view)).unwrap();
        }
    });
    (node, tasks)
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, super::error::CliError>) -> CallError {
    outcome.unwrap_err().as_call_error()
}

#[tokio::test]
async fn messages_are_read_in_as_many_pages_as_the_node_makes_of_them() {
    let all: Vec<MessageView> = (1..=10).map(|number| message(number, MO, 1)).collect();
    let (node, _tasks) = played(all);
    for (limit, before, expected) in [
        (200, None, 1..=10),
        (7, None, 4..=10),
        (3, None, 8..=10),
        (200, Some(6), 1..=5),
        (4, Some(6), 2..=5),
    ] {
        let read = DmRead { thread: THREAD, limit, before: before.map(Place::from_number), mark: false };
        let found = pages_of_messages(&read, &node).await.unwrap();
        let numbers: Vec<i64> = found.iter().map(|message| message.place.number()).collect();
        assert_eq!(numbers, expected.collect::<Vec<_>>(), "{limit} before {before:?}");
    }
}

#[tokio::test]
async fn a_message_is_that_of_the_writer_who_is_meant() {
    let old = (3..10).map(|number| message(number, MO, 7));
    let all = [message(1, ANA, 1), message(2, MO, 2)].into_iter().chain(old);
    // mo took the id of a message of ana's for a later one.
    let (node, _tasks) = played(all.chain([message(10, MO, 1)]).collect());
    let id = |id: u8| MessageId::from_bytes([id; 16]);
    let from = async |message: u8, writer: Writer| {
        find(THREAD, id(message), writer, &node).await.map(|found| found.from)
    };
    assert_eq!(from(1, Writer::Me).await.unwrap(), ANA);
    assert_eq!(from(1, Writer::Person(ANA)).await.unwrap(), ANA);
    assert_eq!(from(1, Writer::Person(MO)).await.unwrap(), MO);
    let several = refused(from(1, Writer::Anybody).await);
    assert_eq!(
        (several.kind, several.message.as_str()),
        (ErrorKind::Invalid, "several messages have this id")
    );
    assert_eq!(several.hint, "name the writer: --from POSTING_ID");
    assert_eq!(from(2, Writer::Anybody).await.unwrap(), MO);
    assert_eq!(refused(from(2, Writer::Me).await).message, "only messages of your own can be edited");
    assert_eq!(refused(from(2, Writer::Person(ANA)).await).kind, ErrorKind::NotFound);
    assert_eq!(refused(from(9, Writer::Anybody).await).kind, ErrorKind::NotFound);
}

#[test]
fn a_writer_can_be_named_where_a_message_is() {
    let id = "0".repeat(32);
    let from = "aa".repeat(32);
    for verb in [
        vec!["dm", "delete", &id, &id, "--from", &from],
        vec!["dm", "react", &id, &id, "x", "--from", &from],
        vec!["dm", "send", "--thread", &id, "--quote", &id, "--from", &from, "text"],
    ] {
        let args = Args::try_parse_from(["itsgoin"].into_iter().chain(verb)).unwrap();
        assert!(matches!(args.verb, Some(Verb::Dm(_))));
    }
}

#[tokio::test]
async fn a_persona_that_is_not_that_of_the_conversation_is_refused() {
    let (node, _tasks) = played(Vec::new());
    let check = async |named: Option<&str>| {
        check_persona(THREAD, &OfPersona { persona: named.map(str::to_owned) }, &node).await
    };
    check(None).await.unwrap();
    check(Some("ana")).await.unwrap();
    check(Some(&ANA.to_string())).await.unwrap();
    let other = refused(check(Some("bea")).await);
    assert_eq!((other.kind, other.message.as_str()), (ErrorKind::Invalid, "this conversation is ana's"));
    assert_eq!(refused(check(Some("anna")).await).kind, ErrorKind::NotFound);
}
