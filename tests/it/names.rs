//! Somebody whom nobody here reads comments: the name comes from the peer that brought the comment, and is told on.

use std::sync::Arc;
use std::time::Duration;

use iroh::endpoint::{Connection, RecvStream, SendStream};
use itsgoin::clock::{fresh_rng, now};
use itsgoin::crypto::keys::PostingKey;
use itsgoin::domain::envelope::Envelope;
use itsgoin::domain::ids::NetworkId;
use itsgoin::domain::operation::{Action, Operation, Target as Meant};
use itsgoin::domain::profile::Profile;
use itsgoin::node::engine::interest::InterestList;
use itsgoin::node::wire::{Message, encode_frame};

use super::hostile_peers::client::{Attacker, Target, ask, read_frame};
use super::program::{Home, field, wait_until};

/// How long the node has for an answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Answers what a node asks of a peer that has nothing but this profile; its interest list is accepted.
async fn be_a_peer(connection: Connection, node: NetworkId, us: NetworkId, profile: Arc<Envelope>) {
    while let Ok((send, receive)) = connection.accept_bi().await {
        // A node that goes away in the middle of a question needs no answer.
        drop(answer(send, receive, [node, us], &profile).await);
    }
}

async fn answer(
    mut send: SendStream,
    mut receive: RecvStream,
    [node, us]: [NetworkId; 2],
    profile: &Envelope,
) -> Result<(), String> {
    let answer = match read_frame(&mut receive).await? {
        Some(Message::SetInterest(ids)) => Message::InterestAccepted(InterestList::new(ids).hash(node, us)),
        Some(Message::FetchProfiles(_)) => Message::Items(vec![profile.clone().into()]),
        _ => Message::Busy,
    };
    send.write_all(&encode_frame(&answer)).await.map_err(|error| error.to_string())?;
    send.finish().map_err(|error| error.to_string())
}

#[test]
fn who_only_comments_gets_a_name_from_whoever_brought_the_comment() {
    let ana = Home::of("ana");
    let of_ana = ana.serve();
    let post_id = ana.post("Who is there?");
    let kim = PostingKey::generate(&mut fresh_rng());
    let profile =
        kim.sign(&Profile::new(kim.posting_id(), now(), 1_000, "kim of the hills".to_owned()).unwrap());
    let meant =
        Meant { post: post_id.parse().unwrap(), author: ana.posting_id().parse().unwrap(), operation: None };
    let comment = Action::Comment("It is me.".to_owned());
    let comment = kim.sign(&Operation::new(kim.posting_id(), now(), meant, comment).unwrap());
    let target = Target {
        network_id: field(&of_ana.ready, "network_id").parse().unwrap(),
        socket: of_ana.addresses()[0].parse().unwrap(),
        patience: PATIENCE,
    };
    let names = || -> Vec<String> {
        ana.list(&["thread", &post_id]).iter().skip(1).map(|line| field(line, "author_name")).collect()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (peer, connection) = runtime.block_on(async {
        let peer = Attacker::new(&target).await;
        let connection = peer.greeted().await.unwrap();
        let mut push = connection.open_uni().await.unwrap();
        let diff = Message::HeaderDiff(vec![comment.envelope().clone().into()]);
        push.write_all(&encode_frame(&diff)).await.unwrap();
        push.finish().unwrap();
        (peer, connection)
    });
    wait_until("the comment", || names().len() == 1);
    assert_eq!(names(), [""], "nobody told the name yet");
    let envelope = Arc::new(profile.envelope().clone());
    let being = be_a_peer(connection.clone(), target.network_id, peer.id(), envelope);
    let being = runtime.spawn(being);
    wait_until("the name", || names() == ["kim of the hills"]);

    let question = encode_frame(&Message::FetchProfiles(vec![kim.posting_id()]));
    let told = runtime.block_on(ask(&connection, &question, PATIENCE)).unwrap();
    assert_eq!(told, Message::Items(vec![profile.envelope().clone().into()]), "told on as it came");
    being.abort();
    of_ana.stop();
}
