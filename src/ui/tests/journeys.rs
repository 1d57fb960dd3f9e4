//! Whole ways through the interface, key by key.

use super::fake::{FakeNode, NOW, peer, person, post, posting_id};
use super::session::{Link, Session};
use crate::api::{
    CallError, Command, DraftSlot, ErrorKind, Event, NetworkState, Passphrase, PeerStanding, Protection,
    ReadMark, VaultState,
};
use crate::domain::ids::NetworkId;
use crate::limits::{PASTE_BYTES, POST_TEXT_BYTES};
use crate::ui::Reach;
use crate::ui::message::{Message, Request};
use crate::ui::model::Place;
use crate::ui::update::update;

fn is_publish(command: &Command) -> bool {
    matches!(command, Command::PublishPost { .. })
}

fn disk_full() -> CallError {
    CallError::new(ErrorKind::Store, "the disk is full", "make room and try again")
}

#[test]
fn from_the_first_start_to_the_first_post() {
    let mut session = Session::new(FakeNode::new());
    session.sees("What is your name?").sees("--relay none");
    session.keys("Enter").sees("a name needs at least one visible character");
    session.types("ana").keys("Enter");
    session.sees("A passphrase for your keys").sees("Nobody can give it back").keys("Enter");
    assert_eq!(session.node.count(|command| matches!(command, Command::Protect { .. })), 0);
    session.sees("Paste an invite (a), or show yours (s).").sees("as ana");
    session.pastes("itsgoin1mvqx\ngzldn5wgk43b").sees("then press Enter").waits().keys("Enter");
    session.sees("you follow lea 1e1e1e1e");
    session.keys("g f c").types("good morning").keys("Enter").types("all");
    session.waits().sees("draft saved");
    session.keys("Ctrl-s").sees("as ana aaaaaaaa → public").sees("16 of 16384 bytes");
    session.keys("y").sees("posted").sees("good morning");
    assert_eq!(session.model.place, Place::Feed);
    assert_eq!(
        session.node.commands.last(),
        Some(&Command::PublishPost {
            persona: Some(posting_id(0xaa)),
            text: "good morning\nall".to_owned(),
            draft: Some(DraftSlot::NewPost),
        })
    );
    session.keys("c").sees("0 of 16384");
}

#[test]
fn a_refused_name_stays_in_the_field() {
    let mut session = Session::new(FakeNode::new());
    session.pastes(&"n".repeat(65)).waits().keys("Enter");
    session.sees("a name may have at most 64 bytes — choose another name");
    session.keys("Backspace Enter Enter");
    assert_eq!(session.model.place, Place::People);
}

#[test]
fn a_passphrase_is_typed_twice_and_set_before_the_persona_is_made() {
    let mut session = Session::new(FakeNode::new());
    session.types("ana").keys("Enter").types("open sesame").does_not_see("sesame").keys("Enter");
    session.sees("once more").types("open sesam").keys("Enter").sees("two different passphrases");
    assert!(session.node.commands.is_empty());
    session
        .types("open sesame")
        .keys("Enter")
        .pastes("open sesame")
        .waits()
        .does_not_see("sesame")
        .keys("Enter");
    assert_eq!(session.model.place, Place::People);
    let change = Protection::Passphrase(Passphrase::new("open sesame".to_owned()).unwrap());
    let expected =
        [Command::Protect { current: None, change }, Command::CreatePersona { name: "ana".to_owned() }];
    assert_eq!(session.node.commands[..2], expected);
}

#[test]
fn a_locked_start_shows_nothing_until_the_passphrase_is_given() {
    let mut node = FakeNode::in_use();
    node.status.vault = VaultState::Locked;
    node.draft = "half a thought".to_owned();
    let mut session = Session::new(node);
    session.sees("What is the passphrase?").does_not_see("as ana").does_not_see("The boat");
    session.types("open sesam").does_not_see("sesam").keys("Enter");
    session.sees("the passphrase does not open the vault").does_not_see("The boat");
    session.keys("Enter").sees("the passphrase is empty");
    // Every key of the keyboard belongs to the passphrase.
    session.types("q?:").keys("Ctrl-u").types("open sesamee").keys("Backspace Enter");
    session.sees("The boat is back").sees("as ana").keys("c").sees("half a thought");
    let opened = session.node.count(|command| matches!(command, Command::Unlock { .. }));
    assert_eq!(opened, 2);
}

#[test]
fn a_locked_start_is_left_with_esc_and_opened_from_elsewhere() {
    let mut node = FakeNode::in_use();
    node.status.vault = VaultState::Locked;
    let mut session = Session::new(node).sized(40, 12);
    session.types("open").node.status.vault = VaultState::Unlocked;
    session.hears(Event::StatusChanged).sees("The boat is back");
    let mut node = FakeNode::in_use();
    node.status.vault = VaultState::Locked;
    let mut session = Session::new(node);
    session.types("q");
    assert!(!session.has_quit, "a passphrase may begin with it");
    session.keys("Esc");
    assert!(session.has_quit);
}

#[test]
fn the_counts_of_people_follow_what_comes_in() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("g p");
    session.node.people[0].post_count = 1_234;
    session.hears(Event::FeedChanged).sees("1234 posts");
}

#[test]
fn a_draft_survives_leaving_the_editor_and_the_program() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("c").types("half a thought").keys("Esc");
    assert_eq!(session.node.draft, "half a thought");
    session.sees("an unfinished post waits: c");
    let mut again = Session::new(session.node);
    again.keys("c").sees("half a thought").types("!").waits();
    assert_eq!(again.node.draft, "half a thought!");
}

#[test]
fn leaving_waits_for_the_draft_and_asks_when_it_cannot_be_saved() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("c").types("text");
    session.node.refusals.push(disk_full());
    session.keys("Esc").sees("the disk is full — make room and try again");
    session.node.refusals.push(disk_full());
    session.keys("q").sees("Leave all the same?");
    assert!(!session.has_quit);
    session.keys("n").keys("q");
    assert!(session.has_quit);
    assert_eq!(session.node.draft, "text");
}

#[test]
fn a_hang_up_saves_the_draft_and_leaves() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("c").types("text");
    session.send(Message::HungUp);
    assert!(session.has_quit);
    assert_eq!(session.node.draft, "text");
}

#[test]
fn text_typed_while_a_draft_is_being_saved_is_saved_too() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("c").types("one");
    session.link = Link::Held;
    session.waits().types(" two");
    session.deliver();
    session.link = Link::Quick;
    session.waits();
    assert_eq!(session.node.draft, "one two");
}

#[test]
fn a_refused_post_stays_in_the_editor() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("c").types("precious").keys("Ctrl-s");
    session.node.refusals.push(disk_full());
    session.keys("y").sees("the disk is full").sees("precious");
    session.waits().keys("Ctrl-s y").sees("posted");
}

#[test]
fn a_post_that_is_too_long_is_not_sent() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("c").pastes(&"x".repeat(POST_TEXT_BYTES + 3)).waits();
    session.sees("too long: 16387 of 16384").keys("Ctrl-s").sees("3 bytes too long").keys("y");
    assert_eq!(session.node.count(is_publish), 0);
}

#[test]
fn a_draft_is_discarded_only_after_a_question() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("c").types("text").keys("Ctrl-x k").sees("Throw this draft away?").keys("n").sees("text");
    session.keys("Ctrl-x k y");
    assert_eq!(session.node.draft, "");
    session.keys("c").sees("0 of 16384");
}

#[test]
fn a_paste_never_sends_and_neither_do_the_keys_behind_it() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("c").pastes("text").keys("Ctrl-s y");
    assert_eq!(session.node.count(is_publish), 0);
    assert_eq!(session.model.place, Place::Compose);
    // Keys that go on arriving keep the guard up; only silence ends it.
    session.waits().keys("Ctrl-s").pastes("y").keys("y");
    assert_eq!(session.node.count(is_publish), 0);
    session.waits().keys("y");
    assert_eq!(session.node.count(is_publish), 1);
}

#[test]
fn a_paste_that_is_too_long_changes_nothing() {
    let mut session = Session::new(FakeNode::in_use());
    session
        .keys("c")
        .types("kept")
        .pastes(&"x".repeat(PASTE_BYTES))
        .sees("that is more than 64 KiB")
        .sees("kept");
}

#[test]
fn a_paste_where_nothing_can_be_typed_does_nothing() {
    let mut session = Session::new(FakeNode::in_use());
    session.pastes("q\nc\nhello").sees("no place for a paste");
    assert!(!session.has_quit && session.model.place == Place::Feed);
}

#[test]
fn opening_marks_read_and_moving_does_not() {
    let mut session = Session::new(FakeNode::in_use());
    session.sees("3 unread").keys("j k j").sees("3 unread").keys("Enter").sees("2 unread");
    session.sees("2026-11-21 13:02 UTC · public");
    assert_eq!(session.node.posts()[1].mark, ReadMark::Read);
    session.keys("m").sees("3 unread").sees("marked unread");
    session.keys("q M").sees("1 unread");
    assert_eq!(session.node.commands.len(), 4);
}

#[test]
fn a_mark_the_node_refuses_is_taken_back() {
    let mut session = Session::new(FakeNode::in_use());
    session.node.refusals.push(disk_full());
    session.keys("m").sees("the disk is full").sees("3 unread");
}

#[test]
fn one_can_read_through_all_unread_posts_without_leaving_the_post() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("Enter").sees("The boat is back").keys("] u").sees("lichens");
    session.keys("J").sees("A long one").keys("K").sees("lichens").keys("h");
    assert_eq!(session.model.place, Place::Feed);
    session.sees("Feed").does_not_see("1 unread");
    session.keys("] u").sees("nothing unread this way").keys("[ u").sees("nothing unread this way");
}

#[test]
fn copying_is_bounded_and_says_so() {
    let mut node = FakeNode::in_use();
    node.insert(post(9, 1, "long", std::time::Duration::ZERO, &"日日\n".repeat(2_000)));
    let mut session = Session::new(node);
    session.keys("y").sees("copied the first 5999 of 14000 bytes").keys("j y").sees("copied");
    assert!(session.copied[0].len() <= 6_000);
    assert!(session.copied[1].starts_with("The boat"));
}

#[test]
fn people_are_followed_and_unfollowed() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("g p").sees("You follow 3.").keys("a").types("nonsense").keys("Enter");
    session.sees("this is not an invite").keys("Esc j d").sees("Stop following").keys("n");
    assert_eq!(session.node.people.len(), 3);
    session.keys("d y").sees("not followed any more").sees("You follow 2.").does_not_see("lea");
    session.keys("s").sees("itsgoin1mvqx").keys("y").sees("copied");
    assert!(session.copied[0].starts_with("itsgoin1") && !session.copied[0].contains('\n'));
    session.keys("q q");
    assert_eq!(session.model.place, Place::Feed);
}

#[test]
fn a_peer_is_added_by_its_ticket() {
    let mut session = Session::new(FakeNode::in_use());
    session
        .keys("g w")
        .sees("No other node is known")
        .keys("a")
        .pastes("itsgoinpeer1abc")
        .waits()
        .keys("Enter");
    session.sees("added: connecting");
    let added =
        |command: &Command| matches!(command, Command::AddPeer { ticket } if ticket == "itsgoinpeer1abc");
    assert_eq!(session.node.count(added), 1);
}

#[test]
fn a_peer_is_banned_and_let_in_again_by_one_key() {
    let mut node = FakeNode::in_use();
    node.peers = vec![peer(3, true), peer(4, false)];
    node.peers[1].standing = PeerStanding::Banned { until: Some(NOW) };
    let mut session = Session::new(node);
    session.keys("g w").sees("direct · ok").sees("banned until 2026-11-21 14:02 UTC");
    session.keys("b").sees("banned by you").sees("refused. b lifts that");
    session.keys("b").sees("not connected · ok").sees("may connect again").does_not_see("banned by you");
    session.keys("j b").does_not_see("banned until");
    let was_said = |ban: bool, number| {
        let peer = NetworkId::from_bytes([number; 32]);
        if ban { Command::BanPeer { peer } } else { Command::UnbanPeer { peer } }
    };
    let said = [was_said(true, 3), was_said(false, 3), was_said(false, 4)];
    let bans = |command: &&Command| matches!(command, Command::BanPeer { .. } | Command::UnbanPeer { .. });
    assert!(session.node.commands.iter().filter(bans).eq(&said));
}

#[test]
fn commands_run_by_name_and_are_completed() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys(":").types("peo").keys("Tab Enter");
    assert_eq!(session.model.place, Place::People);
    session.keys(":").types("send").keys("Enter").sees("send can not be done here");
    session.keys(":").types("dance").keys("Enter").sees("there is no command dance");
    session.keys(": Esc ?").sees("the invite that lets others follow me").keys("q");
    session.keys("q R").sees("3 new posts from 2 peers").keys("j").does_not_see("3 new posts");
}

#[test]
fn what_a_sequence_can_become_is_shown() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("g").sees("p people").sees("w network").keys("x").sees("gx does nothing").keys("x");
}

#[test]
fn trouble_of_the_node_stays_on_the_screen() {
    let mut node = FakeNode::in_use();
    node.status.clock_off_minutes = Some(-42);
    node.status.network = NetworkState::Failed("the port is in use".to_owned());
    node.status.space.free_bytes = Some(crate::limits::DISK_FREE_BYTES - 1);
    let mut session = Session::new(node);
    session.sees("clock is 42 min behind").sees("! the port is in use").sees("less than 500 MiB are free");
    session.hears(Event::StoreFailed { message: "the disk is full: make room".to_owned() });
    session.keys("j j").sees("! the disk is full: make room");
    session.hears(Event::Stopped).sees("the node has stopped");
}

#[test]
fn every_change_of_size_repaints_everything() {
    let mut session = Session::new(FakeNode::in_use());
    let (columns, rows) = session.model.size;
    let requests = update(&mut session.model, NOW, Message::Resize(columns, rows));
    assert_eq!(requests, [Request::DrawAll]);
}

#[test]
fn what_changes_while_it_is_asked_for_is_asked_for_again() {
    let mut session = Session::new(FakeNode::in_use());
    session.link = Link::Held;
    session.node.status.network = NetworkState::Starting;
    session.hears(Event::StatusChanged);
    session.node.status.network = NetworkState::Up;
    session.hears(Event::StatusChanged).hears(Event::PeersChanged);
    session.deliver();
    session.sees("6 peers").does_not_see("starting");
}

#[test]
fn nothing_is_drawn_while_nothing_changes() {
    let mut session = Session::new(FakeNode::in_use());
    let before = session.draws;
    session.hears(Event::StatusChanged).hears(Event::PeersChanged).waits();
    session.send(Message::MinutePassed);
    assert_eq!(session.draws, before);
    session.now = NOW.after(std::time::Duration::from_mins(1));
    session.send(Message::MinutePassed);
    assert_eq!(session.draws, before + 1);
    session.sees("· 3m");
}

#[test]
fn what_is_typed_while_an_older_text_is_saved_survives_a_hang_up() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("c").types("one");
    session.link = Link::Held;
    session.waits().types(" two");
    session.send(Message::HungUp);
    session.deliver();
    assert!(session.has_quit);
    assert_eq!(session.node.draft, "one two");
}

#[test]
fn one_can_leave_while_a_post_is_being_sent() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("Enter c").types("hello").keys("Ctrl-s");
    session.link = Link::Held;
    session.keys("y").sees("Esc leave").keys("Esc").sees("a post is being sent");
    assert_eq!(session.model.place, Place::Thread);
    session.keys("c").sees("handing it to the node").keys("Esc q j");
    session.deliver();
    session.sees("posted").keys("c").sees("0 of 16384");
    assert_eq!(session.node.count(is_publish), 1);
}

#[test]
fn a_post_refused_while_one_is_elsewhere_is_in_the_editor_again() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("c").types("precious").keys("Ctrl-s");
    session.link = Link::Held;
    session.node.refusals.push(disk_full());
    session.keys("y Esc g p");
    session.deliver();
    session.link = Link::Quick;
    session.sees("the disk is full").keys("j").sees("an unfinished post waits: c");
    session.keys("c").sees("precious").waits().keys("Ctrl-s y").sees("posted");
    assert_eq!(session.node.posts().iter().filter(|post| post.text.as_str() == "precious").count(), 1);
    assert_eq!(session.model.place, Place::People);
}

#[test]
fn a_hang_up_waits_for_the_post_that_is_being_sent() {
    for refused in [false, true] {
        let mut session = Session::new(FakeNode::in_use());
        session.keys("c").types("precious");
        session.node.refusals.push(disk_full());
        session.keys("Ctrl-s").sees("the disk is full");
        session.link = Link::Held;
        if refused {
            session.node.refusals.push(disk_full());
        }
        session.keys("y");
        session.send(Message::HungUp);
        assert!(!session.has_quit);
        session.deliver();
        assert!(session.has_quit);
        assert_eq!(session.node.draft, if refused { "precious" } else { "" });
    }
}

#[test]
fn leaving_waits_for_the_post_that_is_being_sent() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("c").types("precious").keys("Ctrl-s");
    session.link = Link::Held;
    session.keys("y Esc q").waits().sees("The post is not sent yet. Leave all the same?");
    session.deliver();
    session.sees("posted").does_not_see("Leave all the same?");
    session.keys("c").types("more").keys("Ctrl-s");
    session.deliver();
    session.node.refusals.push(disk_full());
    session.keys("y Esc q");
    session.deliver();
    assert!(!session.has_quit);
    session.sees("the disk is full").waits();
    session.deliver();
    session.keys("q");
    assert!(session.has_quit);
    assert_eq!(session.node.draft, "more");
}

#[test]
fn a_store_that_writes_again_is_no_trouble_any_more() {
    let mut session = Session::new(FakeNode::in_use());
    session.hears(Event::StoreFailed { message: "the disk is full: make room".to_owned() });
    session.node.refusals.push(disk_full());
    session.keys("m R").sees("! the disk is full: make room").keys("m").does_not_see("disk is full");
}

#[test]
fn the_first_screen_says_how_others_are_reached() {
    let sentences = [
        (Reach::Public, "public relays", "itsgoin --relay none does without both"),
        (Reach::OwnRelay, "the relay you named", "itsgoin --relay none does without the relay"),
        (Reach::Direct, "without relays", "Without --relay none it uses iroh's public ones"),
        (Reach::Nobody, "itsgoin is offline", "without --offline"),
    ];
    for (reach, says, names) in sentences {
        let mut session = Session::reaching(FakeNode::new(), reach);
        session.sees(says).sees(names);
        assert_eq!(session.picture().contains("public relays"), reach == Reach::Public);
        let small = session.sized(40, 12).picture();
        assert!(small.contains(names.rsplit(' ').next().unwrap()), "{small}");
    }
}

#[test]
fn a_peer_added_without_a_network_is_not_being_connected_to() {
    let states = [
        (NetworkState::Off, "the next start without --offline connects to it"),
        (
            NetworkState::Failed("the port is in use".to_owned()),
            "the next start with a network connects to it",
        ),
    ];
    for (state, says) in states {
        let mut node = FakeNode::in_use();
        node.status.network = state;
        let mut session = Session::new(node);
        session.keys("g w a").types("ticket").keys("Enter").sees(says).does_not_see("connecting to it");
    }
}

#[test]
fn the_selected_peer_stays_selected_when_others_connect() {
    let mut node = FakeNode::in_use();
    node.peers = vec![peer(3, true), peer(4, false), peer(5, false)];
    let mut session = Session::new(node);
    session.keys("g w j").sees("▌ ○ 04040404");
    session.node.peers = vec![peer(3, true), peer(5, true), peer(4, false)];
    session.hears(Event::PeersChanged).sees("▌ ○ 04040404");
}

#[test]
fn the_one_asked_about_is_the_one_unfollowed() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("g p j d").sees("Stop following lea 1e1e1e1e?");
    session.node.people = vec![person(0x31, "kim"), person(0x4d, "mo"), person(0x1e, "zoe")];
    session.hears(Event::PeopleChanged).sees("Stop following lea 1e1e1e1e?").sees("▌ zoe");
    session.keys("y").does_not_see("zoe").sees("You follow 2.");
}
