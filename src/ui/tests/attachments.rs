//! Attachments by key: shown, looked at, saved, fetched, given up, and attached.

use std::path::PathBuf;
use std::time::Duration;

use super::fake::{FakeNode, post, transfer};
use super::session::Session;
use crate::api::{AttachmentState, AttachmentView, Command, Event, SaveTarget, TransferState};
use crate::domain::ids::BlobHash;
use crate::domain::text::SafeText;
use crate::ui::Viewer;

fn attachment(name: &str, state: AttachmentState) -> AttachmentView {
    AttachmentView {
        blob: BlobHash::from_bytes([0xb0; 32]),
        name: SafeText::line(name),
        media_type: SafeText::line("image/png"),
        size_bytes: 2_000_000,
        alt: SafeText::line("a boat that leaks"),
        state,
        held_bytes: 500_000,
    }
}

/// The newest post has these attachments and this text.
fn session(text: &str, attachments: Vec<AttachmentView>) -> Session {
    let mut node = FakeNode::in_use();
    let mut newest = post(900, 0x4d, "mo", Duration::ZERO, text);
    newest.attachments = attachments;
    node.insert(newest);
    let mut session = Session::new(node);
    session.model.shelf.downloads = Some(PathBuf::from("/home/ana/Downloads"));
    session
}

#[test]
fn attachments_stand_in_feed_and_post_with_name_kind_size_and_state() {
    let two = vec![
        attachment("boat.png", AttachmentState::Wanted),
        attachment("\u{1b}[2Jevil\u{202e}.png", AttachmentState::Complete),
    ];
    let mut session = session("", two);
    session.sees("[boat.png · image/png · 1.9 MiB · being fetched, 25 % here, and 1 more]");
    session.keys("Enter").sees("[1] boat.png · image/png · 1.9 MiB · being fetched, 25 % here");
    session.sees("[2] ␛[2Jevil.png · image/png · 1.9 MiB · here").sees("a boat that leaks");
    session.sized(40, 12).keys("Enter").sees("boat.png");
}

#[test]
fn what_is_here_is_looked_at_one_after_another_and_saved_all_at_once() {
    let here = || attachment("boat.png", AttachmentState::Complete);
    let mut session = session("two", vec![here(), here()]);
    let viewed = |session: &Session| match session.node.commands.last() {
        Some(Command::SaveBlob { position, target: SaveTarget::Viewing, .. }) => *position,
        other => panic!("{other:?}"),
    };
    session.keys("v").sees("opened with the system's viewer: /home/ana/boat.png");
    assert_eq!((viewed(&session), session.shown.len()), (0, 1));
    session.keys("v");
    assert_eq!(viewed(&session), 1);
    session.keys("v");
    assert_eq!(viewed(&session), 0, "and from the beginning");
    session.keys("s").sees("saved /home/ana/boat.png");
    let is_save = |command: &&Command| {
        matches!(command, Command::SaveBlob { target: SaveTarget::Folder { path }, .. }
            if path.as_path() == "/home/ana/Downloads")
    };
    assert_eq!(session.node.commands.iter().filter(is_save).count(), 2);
    session.model.shelf.viewer = Viewer::None;
    session.keys("Enter v").sees("there is no viewer over SSH; it is in /home/ana/boat.png");
    assert_eq!(session.shown.len(), 3, "nothing is opened there");
}

#[test]
fn what_is_not_here_is_fetched_when_it_is_needed_and_given_up_by_key() {
    let mut session = session("one", vec![attachment("boat.png", AttachmentState::Absent)]);
    session.keys("v").sees("boat.png is not here yet: it is being fetched");
    assert!(matches!(session.node.commands.last(), Some(Command::FetchBlob { position: 0, .. })));
    assert!(session.shown.is_empty(), "nothing is opened by itself, then or later");
    session.keys("s").sees("1 of 1 are not here yet");
    session.keys("X").sees("nothing is being fetched for this post");
    session.hears(Event::Transfer(transfer(TransferState::Running)));
    session.keys("j").sees("fetching boat.png: 488 KiB of 1.9 MiB, 25 %");
    session.hears(Event::Transfer(transfer(TransferState::Cancelled))).does_not_see("fetching boat.png");
    session.keys("v").sees("nothing is attached to this post");
}

#[test]
fn a_fetch_is_given_up_by_key() {
    let mut session = session("one", vec![attachment("boat.png", AttachmentState::Wanted)]);
    session.keys("X").sees("not fetched any more; what came stays");
    let blob = BlobHash::from_bytes([0xb0; 32]);
    assert_eq!(session.node.commands.last(), Some(&Command::CancelFetch { blob }));
}

#[test]
fn a_file_is_attached_by_its_path_and_goes_with_the_post() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("c Ctrl-s").sees("there is nothing to send yet");
    session.keys("Ctrl-x f").sees("file to attach").types("/tmp/cat.png").keys("Enter");
    session.sees("attached; place, time and device are removed");
    session.keys("Ctrl-s").sees("with cat.png").keys("y").sees("posted");
    match session.node.commands.last() {
        Some(Command::PublishWithFiles { text, files, .. }) => {
            let paths: Vec<&PathBuf> = files.iter().map(|file| &file.path).collect();
            assert_eq!((text.as_str(), paths), ("", vec![&PathBuf::from("/tmp/cat.png")]));
        }
        other => panic!("{other:?}"),
    }
    session.keys("c").does_not_see("cat.png");
    session.keys("Ctrl-x f").types("/tmp/dog.png").keys("Enter").sees("attached");
    session.keys("Ctrl-x f Enter").sees("no file is attached now").keys("Ctrl-s");
    session.sees("there is nothing to send yet");
}

#[test]
fn attaching_is_hinted_at_where_it_can_be_done() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("c").sees("Ctrl-x f attach").keys("Esc");
    session.keys("r").sees("review").does_not_see("attach");
    session.keys("Ctrl-x f").sees("only a post can have files");
}
