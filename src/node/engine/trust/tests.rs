//! Offences, cuts and bans as the engine deals with them: with single inputs, over a store.

use std::net::SocketAddr;

use super::super::tests::{Bench, NOW, key};
use super::*;
use crate::api::{Command, ErrorKind};
use crate::limits::BAN_TIME;
use crate::node::engine::{ConnectionId, Direction, Input};

fn node(number: u8) -> NetworkId {
    NetworkId::from_bytes([number; 32])
}

fn at(number: u8, socket: &str) -> PeerAddress {
    PeerAddress { sockets: vec![socket.parse::<SocketAddr>().unwrap()], ..PeerAddress::of(node(number)) }
}

fn connect(bench: &mut Bench, now: Timestamp, id: u64, address: &PeerAddress) -> Vec<Effect> {
    let (connection, peer, direction) = (ConnectionId(id), address.network_id, Direction::Inbound);
    bench.take_at(now, Input::Connected { connection, peer, direction, address: address.clone() })
}

fn offend(bench: &mut Bench, now: Timestamp, id: u64, offence: Offence) -> Vec<Effect> {
    bench.take_at(now, Input::PeerOffended { connection: ConnectionId(id), offence })
}

fn closed(effects: &[Effect]) -> Vec<CloseReason> {
    let reason = |effect: &Effect| match effect {
        Effect::Close { reason, .. } => Some(*reason),
        _ => None,
    };
    effects.iter().filter_map(reason).collect()
}

/// Connects and offends gravely until it is banned: how often that took.
fn get_banned(bench: &mut Bench, now: Timestamp, address: &PeerAddress) -> usize {
    for count in 1..100 {
        if closed(&connect(bench, now, 7, address)) == [CloseReason::Banned] {
            return count - 1;
        }
        offend(bench, now, 7, Offence::Forgery);
    }
    panic!("nobody is ever banned");
}

#[test]
fn five_grave_offences_ban_a_node_over_reconnects_and_restarts_until_the_ban_ends() {
    let mut bench = Bench::new(&[key(1)]);
    let bad = at(5, "127.0.0.1:4000");
    assert_eq!(get_banned(&mut bench, NOW, &bad), 5);
    assert!(
        closed(&connect(&mut bench, NOW, 8, &at(6, "127.0.0.1:4001"))).is_empty(),
        "a neighbour may come"
    );
    bench.restart();
    let late = NOW.after(BAN_TIME).before(std::time::Duration::from_secs(1));
    assert_eq!(closed(&connect(&mut bench, late, 9, &bad)), [CloseReason::Banned]);
    assert!(closed(&connect(&mut bench, NOW.after(BAN_TIME), 9, &bad)).is_empty());
}

#[test]
fn those_who_take_connections_learn_of_bans() {
    let mut bench = Bench::new(&[key(1)]);
    let bad = at(5, "198.41.0.4:4000");
    connect(&mut bench, NOW, 7, &bad);
    let mut told = None;
    for id in 0..5 {
        let effects = offend(&mut bench, NOW, 7 + id, Offence::NoMessage);
        told = effects.into_iter().find_map(|effect| match effect {
            Effect::KeepOut(bans) => Some(bans),
            _ => None,
        });
        connect(&mut bench, NOW, 8 + id, &bad);
    }
    let bans = told.expect("the fifth one bans");
    assert!(bans.refuse_node(node(5), NOW) && !bans.refuse_node(node(6), NOW));
    assert!(!bans.refuse_address("198.41.0.4".parse().unwrap(), NOW), "one node is not its prefix");
    assert!(!bans.refuse_node(node(5), NOW.after(BAN_TIME)));
}

#[test]
fn three_banned_nodes_take_their_public_prefix_with_them_and_no_private_one() {
    let mut bench = Bench::new(&[key(1)]);
    for number in 5..8 {
        get_banned(&mut bench, NOW, &at(number, &format!("198.41.0.{number}:4000")));
        get_banned(&mut bench, NOW, &at(number + 10, &format!("192.168.0.{number}:4000")));
    }
    assert_eq!(closed(&connect(&mut bench, NOW, 50, &at(30, "198.41.0.99:4000"))), [CloseReason::Banned]);
    assert!(closed(&connect(&mut bench, NOW, 51, &at(31, "198.41.1.99:4000"))).is_empty());
    assert!(closed(&connect(&mut bench, NOW, 52, &at(32, "192.168.0.99:4000"))).is_empty());
    assert!(bench.engine.trust.bans().refuse_address("198.41.0.1".parse().unwrap(), NOW));
}

#[test]
fn slight_offences_cut_all_connections_only_when_many_come_together() {
    let mut bench = Bench::new(&[key(1)]);
    let slow = at(5, "127.0.0.1:4000");
    connect(&mut bench, NOW, 7, &slow);
    connect(&mut bench, NOW, 8, &slow);
    for _ in 0..19 {
        assert!(closed(&offend(&mut bench, NOW, 7, Offence::Stall)).is_empty());
    }
    let cut = [CloseReason::Misbehaved; 2];
    assert_eq!(closed(&offend(&mut bench, NOW, 8, Offence::HastyPull)), cut);
    assert!(closed(&connect(&mut bench, NOW, 9, &slow)).is_empty(), "it is cut, not banned");
}

#[test]
fn a_banned_node_is_not_dialled_and_a_forgiven_one_is_at_once() {
    let mut bench = Bench::new(&[key(1)]);
    let friend = at(5, "127.0.0.1:4000");
    let dials = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Dial(_)));
    bench.command(Command::BanPeer { peer: friend.network_id }).unwrap();
    let ticket = crate::domain::invite::format_ticket(&friend);
    bench.command(Command::AddPeer { ticket }).unwrap();
    for hours in [0, 24, 24 * 365] {
        let now = NOW.after(std::time::Duration::from_hours(hours));
        assert!(!dials(&bench.take_at(now, Input::TimePassed)), "{hours}");
    }
    assert!(bench.engine.next_dial().is_none_or(|due| due == Timestamp::NEVER));
    bench.command(Command::UnbanPeer { peer: friend.network_id }).unwrap();
    assert!(!bench.engine.trust.bans().refuse_node(friend.network_id, NOW));
    let dialled = bench.last_effects.iter().any(|effect| matches!(effect, Effect::Dial(_)));
    assert!(dialled, "{:?}", bench.last_effects);
}

#[test]
fn bans_that_cannot_be_are_refused_with_a_sentence() {
    let mut bench = Bench::new(&[key(1)]);
    let refuse = |bench: &mut Bench, command| bench.command(command).unwrap_err().kind;
    let own = super::super::tests::US;
    assert_eq!(refuse(&mut bench, Command::BanPeer { peer: own }), ErrorKind::Invalid);
    assert_eq!(refuse(&mut bench, Command::UnbanPeer { peer: node(9) }), ErrorKind::NotFound);
    let numbered = |number: usize| {
        let mut id = [9; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        NetworkId::from_bytes(id)
    };
    for number in 0..BANS_BY_PERSON {
        bench.command(Command::BanPeer { peer: numbered(number) }).unwrap();
    }
    bench.command(Command::BanPeer { peer: numbered(0) }).expect("again is the same");
    assert_eq!(refuse(&mut bench, Command::BanPeer { peer: node(3) }), ErrorKind::Invalid);
}

#[test]
fn there_are_never_more_standings_than_the_bound_and_bans_stay() {
    let mut bench = Bench::new(&[key(1)]);
    bench.command(Command::BanPeer { peer: node(200) }).unwrap();
    let most = u64::from(STANDINGS);
    for number in 0..most + 50 {
        let mut id = [9; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let now = NOW.after(std::time::Duration::from_millis(number));
        connect(&mut bench, now, number, &PeerAddress::of(NetworkId::from_bytes(id)));
        offend(&mut bench, now, number, Offence::Forgery);
    }
    let stored = bench.database.read(|read| read.list_standings(100_000)).unwrap();
    assert_eq!(u64::try_from(stored.len()).unwrap(), most);
    assert_eq!(bench.engine.trust.standings.len(), stored.len());
    assert!(bench.engine.trust.bans().refuse_node(node(200), NOW));
}
