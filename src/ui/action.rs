//! Everything a person can do, as named commands. Keys are bound to these names, `:name` runs them, and the help
//! is made of their sentences; nothing here knows a key or a pane.

macro_rules! actions {
    ($($variant:ident $name:literal $sentence:literal;)*) => {
        /// A named command of the interface.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action {
            $(#[doc = $sentence] $variant,)*
        }

        impl Action {
            /// All of them, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// What `:` calls it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it does, in one line.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }
    };
}

actions! {
    MoveDown "move-down" "one step down";
    MoveUp "move-up" "one step up";
    MoveLeft "move-left" "one step left";
    MoveRight "move-right" "one step right";
    GoFirst "go-first" "to the first";
    GoLast "go-last" "to the last";
    HalfPageDown "half-page-down" "half a page down";
    HalfPageUp "half-page-up" "half a page up";
    PageDown "page-down" "a page down";
    PageUp "page-up" "a page up";
    Open "open" "open the post and mark it read";
    NextPost "next-post" "open the next post";
    PreviousPost "previous-post" "open the previous post";
    NextUnread "next-unread" "to the next new comment, unread post or conversation";
    PreviousUnread "previous-unread" "to the previous new comment, unread post or conversation";
    NextSibling "next-sibling" "to the next answer to the same; at the post, to the next post";
    PreviousSibling "previous-sibling" "to the answer to the same before it; at the post, to the post before it";
    NextAnswer "next-answer-to-me" "to the next answer to me";
    PreviousAnswer "previous-answer-to-me" "to the previous answer to me";
    Collapse "collapse" "fold the answers; folded, to what it answers; at the post, back";
    Expand "expand" "unfold the answers; unfolded, to the first of them";
    ToggleFold "toggle-fold" "fold or unfold the answers";
    FoldAll "fold-all" "fold all answers";
    UnfoldAll "unfold-all" "unfold all answers";
    ShowNew "show-new" "show the comments that came in meanwhile";
    Reply "reply" "answer the selected post or comment";
    ReplyToPost "reply-to-post" "answer the post";
    React "react" "put the emoji used last, or take it back";
    PickReaction "pick-reaction" "choose an emoji";
    Edit "edit" "change a post, comment or message of my own";
    Delete "delete" "delete a post, comment or message of my own";
    HideComment "hide-comment" "hide somebody's comment on my post";
    CommentsOfAll "comments-of-everyone" "show everybody's comments on my post";
    CommentsOfNobody "comments-of-nobody" "show only my own comments on my post";
    CommentsOfPresent "comments-of-those-here" "show only comments of those who have commented on my post so far";
    FilterUnread "filter-unread" "show only unread posts, or all again";
    ToggleRead "toggle-read" "mark the post read or unread";
    ReadAbove "read-above" "mark this post and all loaded ones above as read";
    CopyText "copy" "copy the text to the clipboard";
    Sync "sync" "pull from all connected peers now";
    Compose "compose" "write a post";
    Review "review" "look over the text before sending it";
    Send "send" "send the text";
    Discard "discard" "throw the draft away";
    ViewAttachment "view" "look at the next attachment with another program";
    SaveAttachments "save" "save the attachments to the folder for downloads";
    CancelFetches "cancel-fetch" "stop fetching the attachments of the post";
    AttachFile "attach" "attach a file to the new post";
    Add "add" "add somebody or a peer";
    ShowInvite "show-invite" "show the invite that lets others follow me";
    Unfollow "unfollow" "stop following";
    Ban "ban" "cut the peer off and keep it out, or lift that";
    Write "write" "write a message";
    Quote "quote" "answer the selected message, or drop that";
    Info "info" "everything about the selected message: how far it got, and why";
    Verify "verify" "compare words with the other person, to know that nobody stands between";
    WordsDiffer "words-differ" "note that the words were not the same";
    Pin "pin" "keep the conversation on top, or end that";
    Mute "mute" "let the conversation call no attention, or end that";
    Archive "archive" "leave the conversation out of the list until something new comes, or end that";
    FilterTalks "filter-conversations" "show those in use, only unread ones, or archived ones too";
    OpenBeside "open-beside" "open the conversation in a window of its own";
    Accept "accept" "accept the request: it becomes a conversation";
    Ignore "ignore" "ignore the request and more of the same person";
    Block "block" "remove the request and show nothing of this person again";
    NewGroup "new-group" "begin a group: :new-group NAME: mo, kim";
    AddMember "add-member" "take somebody into the group: :add-member NAME";
    RemoveMember "remove-member" "put somebody out of the group: :remove-member NAME";
    MakeAdmin "make-admin" "let somebody change the group, too: :make-admin NAME";
    RenameGroup "rename-group" "call the group something else: :rename-group NAME";
    LeaveGroup "leave-group" "leave the group";
    Members "members" "who is in the conversation, and for how long its messages are kept";
    Keep "keep" "say for how long messages are kept here: :keep forever, none, or a number of days";
    ChooseAudience "audience" "for whom the post is: everybody, or the next circle";
    MessagePerson "message" "write to somebody: the selected person, or :message NAME";
    GoFeed "feed" "go to the feed";
    GoMessages "messages" "go to the messages";
    GoPeople "people" "go to the people";
    GoNetwork "network" "go to the network";
    NextPane "next-pane" "to the next pane";
    PreviousPane "previous-pane" "to the previous pane";
    SplitBelow "split-below" "split the window: a new one below";
    SplitBeside "split-beside" "split the window: a new one beside it";
    WindowLeft "window-left" "to the window on the left";
    WindowDown "window-down" "to the window below";
    WindowUp "window-up" "to the window above";
    WindowRight "window-right" "to the window on the right";
    WindowNext "window-next" "to the next window";
    CloseWindow "close-window" "close the window";
    OnlyWindow "only-window" "close all other windows";
    ZoomWindow "zoom-window" "let the window have all of the screen, or end that";
    EqualWindows "equal-windows" "give all windows the same room";
    Cancel "cancel" "cancel, or leave the input";
    Back "back" "back, then quit";
    Quit "quit" "leave the program";
    Confirm "confirm" "yes, do it";
    Submit "submit" "take what is in the field";
    Complete "complete" "complete the name";
    Help "help" "the keys of this pane";
    CommandLine "command-line" "run a command by its name";
    Redraw "redraw" "draw the whole screen again";
    Suspend "suspend" "stop and return to the shell";
    NewLine "new-line" "begin a new line";
    CursorLeft "cursor-left" "one character left";
    CursorRight "cursor-right" "one character right";
    CursorUp "cursor-up" "one line up";
    CursorDown "cursor-down" "one line down";
    CursorWordLeft "cursor-word-left" "one word left";
    CursorWordRight "cursor-word-right" "one word right";
    CursorLineStart "cursor-line-start" "to the start of the line";
    CursorLineEnd "cursor-line-end" "to the end of the line";
    CursorTop "cursor-top" "to the start of the text";
    CursorBottom "cursor-bottom" "to the end of the text";
    DeleteBack "delete-back" "delete the character before the cursor";
    DeleteForward "delete-forward" "delete the character under the cursor";
    DeleteWord "delete-word" "delete the word before the cursor";
    DeleteToStart "delete-to-start" "delete to the start of the line";
    DeleteToEnd "delete-to-end" "delete to the end of the line";
    Undo "undo" "take back the last change of the text";
    Redo "redo" "make the change again";
}

impl Action {
    /// The command with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }

    /// Whether it can send, delete or leave something, so that the rest of a paste must not run it.
    pub const fn is_weighty(self) -> bool {
        matches!(
            self,
            Self::Review
                | Self::Send
                | Self::Discard
                | Self::Confirm
                | Self::Submit
                | Self::Unfollow
                | Self::Ban
                | Self::Quit
                | Self::Back
                | Self::Suspend
                | Self::DeleteWord
                | Self::DeleteToStart
                | Self::DeleteToEnd
                | Self::CopyText
                | Self::ReadAbove
                | Self::ViewAttachment
                | Self::SaveAttachments
                | Self::CancelFetches
                | Self::ToggleRead
                | Self::React
                | Self::Delete
                | Self::HideComment
                | Self::CommentsOfAll
                | Self::CommentsOfNobody
                | Self::CommentsOfPresent
                | Self::ShowNew
                | Self::Accept
                | Self::Ignore
                | Self::Block
                | Self::WordsDiffer
                | Self::Pin
                | Self::Mute
                | Self::Archive
                | Self::CloseWindow
                | Self::OnlyWindow
        )
    }
}
