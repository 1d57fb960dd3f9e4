//! Cases about single frames and requests: lengths that lie, lists without measure, answers nobody takes, questions
//! without a pause.

use std::time::Duration;

use itsgoin::domain::ids::{ObjectId, PostingId};
use itsgoin::domain::log::Seq;
use itsgoin::limits::{BIDI_STREAMS, FETCH_IDS, INTEREST_IDS};
use itsgoin::node::engine::interest::InterestList;
use itsgoin::node::wire::{Group, ListHash, Message, Pull, Range, Sending, encode_frame};
use tokio::time::timeout;

use super::super::program::{Home, field};
use super::client::{Attacker, Seen, Target, ask, must_be_cut, open};

/// A frame that claims this length and never comes.
pub async fn length(target: &Target, length: u32) -> Seen {
    let attacker = Attacker::new(target).await;
    let connection = attacker.greeted().await?;
    let _stream = open(&connection, &length.to_le_bytes()).await?;
    must_be_cut(&connection, target.patience).await
}

/// Asks for as much as can be asked at once, and reads nothing of it: no stream more is given meanwhile.
pub async fn never_reading(target: &Target, victim: &Home) -> Seen {
    let long = victim.list(&["feed", "--limit", "200"]);
    let longest = long.iter().max_by_key(|post| field(post, "text").len()).unwrap();
    let post_id: ObjectId = field(longest, "post_id").parse().unwrap();
    let fetch = encode_frame(&Message::Fetch(vec![post_id; FETCH_IDS]));
    let (mut attackers, mut asked) = (Vec::new(), 0);
    for _ in 0..8 {
        let attacker = Attacker::narrow(target).await;
        let connection = attacker.greeted().await?;
        // As many streams as are given: the next one is waited for in vain.
        let mut streams = Vec::new();
        while let Ok(stream) = timeout(Duration::from_millis(200), open(&connection, &fetch)).await {
            streams.push(stream?);
            if streams.len() > usize::try_from(BIDI_STREAMS).unwrap() {
                return Err(format!("more than {BIDI_STREAMS} streams"));
            }
        }
        asked += streams.len() * FETCH_IDS;
        attackers.push((attacker, connection, streams));
    }
    Ok(format!("{asked} posts of 15 KiB asked for and not taken"))
}

/// A list of a million ids, once as a frame of that length, once as a small frame that claims them.
pub async fn a_million_ids(target: &Target) -> Seen {
    let claimed = [0x82, 0x02, 0x9a, 0x00, 0x0f, 0x42, 0x40];
    let attacker = Attacker::new(target).await;
    let connection = attacker.greeted().await?;
    let small = [&u32::try_from(claimed.len()).unwrap().to_le_bytes()[..], &claimed].concat();
    let _stream = open(&connection, &small).await?;
    must_be_cut(&connection, target.patience).await?;

    let connection = attacker.greeted().await?;
    let (mut send, _receive) = open(&connection, &33_000_010_u32.to_le_bytes()).await?;
    let ids = async {
        let chunk = vec![0x58; 33_000];
        // It ends when the node closes.
        while send.write_all(&chunk).await.is_ok() {}
    };
    let (seen, ()) = tokio::join!(must_be_cut(&connection, target.patience), async {
        drop(timeout(target.patience, ids).await);
    });
    seen.map(|_| "both closed with 4".to_owned())
}

/// The longest list there may be, all of it one id: it counts as a list of one, and naming it twice in a pull is false.
pub async fn duplicates(target: &Target, victim: &Home) -> Seen {
    let attacker = Attacker::new(target).await;
    let connection = attacker.greeted().await?;
    let author: PostingId = victim.posting_id().parse().unwrap();
    let list = encode_frame(&Message::SetInterest(vec![author; INTEREST_IDS]));
    let hash = InterestList::new(vec![author]).hash(attacker.id(), target.network_id);
    match ask(&connection, &list, target.patience).await? {
        Message::InterestAccepted(accepted) if accepted == hash => {}
        other => return Err(format!("{other:?}")),
    }
    let ranges = vec![Range { start: 0, length: 1 }; 2];
    let groups = vec![Group { since: Seq::START, ranges }];
    let pull = Pull { hash, groups, sending: Sending::AtOnce, recipients: None };
    let _stream = open(&connection, &encode_frame(&Message::Pull(pull))).await?;
    must_be_cut(&connection, target.patience)
        .await
        .map(|_| "counted once; named twice: closed with 4".to_owned())
}

/// The attacked node's own posting id in a list is an id like any other, and nothing in the answer marks it.
pub async fn own_id(target: &Target, victim: &Home) -> Seen {
    let attacker = Attacker::new(target).await;
    let connection = attacker.greeted().await?;
    let mut ids: Vec<PostingId> = (0..50).map(|number| PostingId::from_bytes([number; 32])).collect();
    ids.push(victim.posting_id().parse().unwrap());
    let hash = InterestList::new(ids.clone()).hash(attacker.id(), target.network_id);
    match ask(&connection, &encode_frame(&Message::SetInterest(ids)), target.patience).await? {
        Message::InterestAccepted(accepted) if accepted == hash => Ok("accepted like any other".to_owned()),
        other => Err(format!("{other:?}")),
    }
}

/// New pulls as fast as they go: above the rate they are not answered, and who does not stop is cut.
pub async fn hasty_pulls(target: &Target) -> Seen {
    let attacker = Attacker::new(target).await;
    let connection = attacker.greeted().await?;
    let ids = vec![PostingId::from_bytes([1; 32])];
    let hash = match ask(&connection, &encode_frame(&Message::SetInterest(ids)), target.patience).await? {
        Message::InterestAccepted(hash) => hash,
        _ => ListHash([0; 16]),
    };
    let group = Group { since: Seq::START, ranges: vec![Range { start: 0, length: 1 }] };
    let pull = encode_frame(&Message::Pull(Pull {
        hash,
        groups: vec![group],
        sending: Sending::AtOnce,
        recipients: None,
    }));
    let mut pages = 0;
    for _ in 0..100 {
        match ask(&connection, &pull, target.patience).await {
            Ok(Message::Page(_)) => pages += 1,
            Ok(_) => {}
            Err(_closed) => break,
        }
    }
    must_be_cut(&connection, target.patience).await.map(|cut| format!("{pages} pages, then {cut}"))
}
