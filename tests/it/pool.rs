//! A sealed post on its way over real connections: handed over by a peer, handed on, and spread behind it.

use std::time::Duration;

use itsgoin::clock::{fresh_rng, now};
use itsgoin::crypto::sealing::{OneTimeKey, seal};
use itsgoin::domain::sealed::day_of;
use itsgoin::node::wire::{Message, SealedPush, Stage, encode_frame};

use super::hostile_peers::client::{Attacker, Target};
use super::program::{Home, field, wait_until};

#[test]
fn a_sealed_post_handed_over_on_the_stem_is_handed_on_and_spread() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let of_ana = ana.serve();
    let of_ben = ben.serve();
    ben.run(&["follow", &ana.invite()]);
    ana.wait_for_peers(1);
    let rng = &mut fresh_rng();
    let post = seal(&OneTimeKey::generate(rng), day_of(now()), 8_192, &[], b"", rng).unwrap();
    let target = Target {
        network_id: field(&of_ana.ready, "network_id").parse().unwrap(),
        socket: of_ana.addresses()[0].parse().unwrap(),
        patience: Duration::from_secs(15),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let pushing = runtime.block_on(async {
        let peer = Attacker::new(&target).await;
        let connection = peer.greeted().await.unwrap();
        let mut push = connection.open_uni().await.unwrap();
        let item = post.envelope().clone().into();
        let frame = encode_frame(&Message::SealedPush(SealedPush { item, stage: Stage::Stem }));
        push.write_all(&frame).await.unwrap();
        push.finish().unwrap();
        (peer, connection)
    });
    // Nobody told it but the node in between. That one has it from a pull at the latest, a minute later.
    let sealed = || ben.one(&["status"])["space"]["sealed_bytes"].as_u64().unwrap();
    wait_until("the sealed post in the pool", || sealed() >= 8_000);
    drop(pushing);
    of_ben.stop();
    of_ana.stop();
}
