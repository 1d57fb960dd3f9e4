//! A node that a person bans is cut off, refused and not dialled, also after a restart, until the person forgives it.

use serde_json::{Value, json};

use super::program::{Home, field, wait_until};

/// How a node sees another one.
fn seen(home: &Home, network_id: &str) -> Value {
    let peers = home.list(&["peer", "list"]);
    peers
        .into_iter()
        .find(|peer| field(peer, "network_id") == network_id)
        .unwrap_or_else(|| panic!("no peer"))
}

#[test]
fn a_banned_peer_is_cut_off_until_it_is_forgiven() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let (of_ana, _of_ben) = (ana.serve(), ben.serve());
    ben.one(&["follow", &ana.invite()]);
    ana.wait_for_peers(1);
    let network_id = field(&ben.one(&["status"]), "network_id");
    assert_eq!(seen(&ana, &network_id)["standing"], "ok");

    let banned = ana.one(&["peer", "ban", &network_id]);
    assert_eq!(banned, json!({"network_id": network_id, "standing": "banned"}));
    wait_until("a cut connection", || seen(&ana, &network_id)["connected"] == false);
    let peer = seen(&ana, &network_id);
    assert_eq!((&peer["standing"], &peer["banned_until_ms"]), (&json!("banned"), &json!(null)));
    assert!(ana.run(&["peer", "list"]).stdout.contains("banned by you"));
    of_ana.stop();
    let _of_ana = ana.serve();
    let post_id = ana.post("not for ben");
    let refused = ben.refused(&["sync", "--wait", "3"]);
    assert_eq!((refused.code, refused.kind.as_str()), (Some(5), "offline"), "it is turned away");
    assert!(ben.texts().is_empty());

    assert_eq!(ana.one(&["peer", "unban", &network_id])["standing"], "ok");
    ben.wait_for_post(&post_id);
    assert_eq!(seen(&ana, &network_id)["standing"], "ok");
}

#[test]
fn a_node_that_was_never_met_can_be_banned_and_is_listed() {
    let home = Home::of("ana");
    let network_id = "ab".repeat(32);
    home.one(&["peer", "ban", &network_id]);
    assert_eq!(seen(&home, &network_id)["standing"], "banned");
    home.one(&["peer", "unban", &network_id]);
    assert!(home.list(&["peer", "list"]).is_empty());
}

#[test]
fn bans_that_cannot_be_are_told() {
    let home = Home::of("ana");
    let own = field(&home.one(&["status"]), "network_id");
    let told = home.refused(&["peer", "ban", &own]);
    assert_eq!((told.code, told.kind.as_str()), (Some(1), "invalid"), "{told:?}");
    let told = home.refused(&["peer", "unban", &"cd".repeat(32)]);
    assert_eq!((told.code, told.kind.as_str()), (Some(3), "not_found"), "{told:?}");
    let said = home.run(&["peer", "ban", "somebody"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("64 hex digits"), "{said:?}");
}
