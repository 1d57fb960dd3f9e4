//! What reaches the interface and what it asks for. Both are plain data: the loop in [`super`] turns key presses,
//! answers and timers into messages, and requests into calls, bytes and sleeps.

use std::path::PathBuf;
use std::time::Duration;

use super::keymap::Key;
use super::model::Place;
use super::panes::chat::log::ChatAsk;
use super::panes::target::Kind;
use super::panes::thread::comments::ThreadAsk;
use super::timeline::FeedAsk;
use super::watch::Watch;
use crate::api::{
    CallError, Command, DraftSlot, Event, Outcome, Query, ReadMark, RequestAnswer, Verification, View,
};
use crate::domain::conversation::ConversationId;
use crate::domain::ids::ObjectId;

/// Something that happened.
#[derive(Debug)]
pub enum Message {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted, as it came.
    Paste(String),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// The node says what changed.
    Event(Event),
    /// The node's answer to a request.
    Answered(Asked, Result<Answer, CallError>),
    /// A timer asked for by [`Request::Wake`] ran out.
    Woken(Wake),
    /// A minute went by: ages may read differently.
    MinutePassed,
    /// The terminal or the system asks the program to leave.
    HungUp,
}

/// What the node answered.
#[derive(Debug)]
pub enum Answer {
    /// To a query.
    View(View),
    /// To a command.
    Outcome(Outcome),
}

/// Which question an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A part of the feed.
    Feed(FeedAsk),
    /// The post of the thread pane and a page of its comments.
    Thread(ThreadAsk),
    /// Something that is kept up to date.
    Watched(Watch),
    /// My invite.
    Invite,
    /// A draft.
    Draft(DraftSlot),
    /// How the windows stood, and keeping how they stand.
    Windows,
    /// For whom the new post was, and keeping for whom it is.
    Audience,
    /// Giving the passphrase of a locked directory.
    Unlock,
    /// Setting the first passphrase.
    Protect,
    /// The first persona.
    CreatePersona,
    /// Following somebody.
    Follow,
    /// Ending a follow.
    Unfollow,
    /// Remembering a peer.
    AddPeer,
    /// Keeping a peer out.
    Ban,
    /// Letting a peer in again.
    Unban,
    /// Marking a post.
    Mark(ObjectId, ReadMark),
    /// Keeping a draft.
    SaveDraft(DraftSlot),
    /// Sending the text of a draft.
    Publish(DraftSlot),
    /// Putting a reaction, or taking it back.
    React,
    /// Deleting a post or comment.
    Delete(Kind, ObjectId),
    /// Hiding a comment.
    Hide,
    /// Saying whose comments are shown.
    Policy,
    /// Marking the comments of a post as read.
    ReadComments(ObjectId),
    /// Fetching an attachment.
    FetchFile,
    /// Ending that.
    CancelFetch,
    /// Saving an attachment.
    SaveFile,
    /// Putting an attachment where it can be looked at.
    ViewFile,
    /// Pulling from peers.
    Sync,
    /// Messages of a conversation.
    Chat(ChatAsk),
    /// The words to compare.
    Words,
    /// A conversation with somebody, and where the person was.
    OpenTalk(Place),
    /// Sending a message: in which conversation, and which of its texts under way.
    SendMessage(ConversationId, u64),
    /// Marking messages as read.
    ReadMessages(ConversationId),
    /// Answering a stranger's request.
    AnswerRequest(ConversationId, RequestAnswer),
    /// Noting what the comparison of words showed.
    Verify(ConversationId, Verification),
    /// Anything else in a conversation.
    Talk(ConversationId),
}

/// Which timer ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// A draft has waited long enough.
    SaveDraft(DraftSlot),
    /// Nothing more comes from the last paste, perhaps.
    PasteOver,
    /// The feed may be asked for again.
    RefreshFeed,
    /// The posts on the screen may be asked for again.
    RefreshBeside,
    /// The opened post may be asked for again, if it is still this opening.
    RefreshThread(u64),
    /// Messages of an open conversation may be asked for again.
    RefreshChat(ConversationId),
    /// The node had its time for the last save.
    LeaveAnyway,
}

/// Something the interface wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Show the model: it may look different now.
    Draw,
    /// Show everything, whatever the terminal holds.
    DrawAll,
    /// Read something.
    Query(Asked, Query),
    /// Change something.
    Command(Asked, Command),
    /// Send [`Message::Woken`] after this time.
    Wake(Duration, Wake),
    /// Put text into the clipboard of the person's terminal.
    Copy(String),
    /// Open a file with the program the system has for it.
    Show(PathBuf),
    /// Return to the shell until the person comes back.
    Suspend,
    /// Leave the program.
    Quit,
}
