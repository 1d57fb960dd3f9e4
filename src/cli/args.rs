//! The arguments. Help texts are written for the person who runs the program.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use thiserror::Error;

use crate::api::RelayChoice;
use crate::domain::conversation::{ConversationId, Keep, MessageId, Place};
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::domain::ordering::FeedPosition;

/// A terminal client with its own node for a social network without servers.
///
/// Without a command the interface starts.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 in use, or locked by a passphrase, 5 offline."
)]
pub struct Args {
    /// Where keys and posts are kept
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Print JSON: one object per line
    #[arg(long, global = true)]
    pub json: bool,
    /// Read and write locally, without the network
    #[arg(long, global = true)]
    pub offline: bool,
    /// Address and UDP port to listen on (port 0: the kept one)
    #[arg(long, global = true, value_name = "ADDR:PORT")]
    pub bind: Option<SocketAddr>,
    /// Relays and address lookup: none, default (iroh's public ones), or the URL of one relay
    #[arg(long, global = true, value_name = "none|default|URL", default_value = "default", value_parser = parse_relay)]
    pub relay: RelayChoice,
    /// Whether nodes of the local network find each other and connect
    #[arg(long, global = true, value_name = "on|off", default_value = "on")]
    pub lan: Switch,
    /// Whether your peers may tell others where this node is, and are asked where others are
    #[arg(long, global = true, value_name = "on|off", default_value = "on")]
    pub exchange: Switch,
    /// How many connections to keep at most: 1 to 64
    #[arg(long, global = true, value_name = "NUMBER", default_value_t = 24,
        value_parser = clap::value_parser!(u8).range(1..=64))]
    pub connections: u8,
    /// How much is written to itsgoin.log in the data directory
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn")]
    pub log: LogLevel,
    /// Read the passphrase from this open descriptor, one line: --passphrase-fd 3 3<FILE
    #[arg(long, global = true, value_name = "N")]
    pub passphrase_fd: Option<u32>,
    /// Draw the interface with ASCII characters only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// What to do; the interface without one
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What went wrong here.
    Error,
    /// And what is odd.
    Warn,
    /// And what happens.
    Info,
    /// And what peers do wrong.
    Debug,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a data directory with a first persona
    Init(Init),
    /// Run the node without interface until it is told to stop; prints one JSON line when it listens
    Serve,
    /// Show the node: its id, ticket, addresses, counts
    Status,
    /// Other nodes
    #[command(subcommand)]
    Peer(PeerVerb),
    /// Print an invite that lets others follow a persona
    Invite(OfPersona),
    /// Follow somebody
    Follow(Follow),
    /// Stop following somebody; posts already here stay
    Unfollow(Unfollow),
    /// List the people you follow
    People,
    /// Write a post
    Post(Post),
    /// Read the feed, newest first
    Feed(Feed),
    /// Read a post with its comments
    Thread(Thread),
    /// Comment on a post, or answer a comment
    Reply(Reply),
    /// React to a post or comment with an emoji
    React(React),
    /// Change the text of a post or comment of yours
    Edit(Edit),
    /// Delete a post or comment of yours, here and wherever the request arrives
    Delete(Delete),
    /// Hide somebody's comment on a post of yours
    Hide(Hide),
    /// Say whose comments are shown on a post of yours
    Policy(Policy),
    /// Attachments of posts: fetch, save, cancel
    #[command(subcommand)]
    Blob(BlobVerb),
    /// Private messages: nobody between can tell who writes to whom
    #[command(subcommand)]
    Dm(DmVerb),
    /// Circles: people you choose, who hear from you without hearing of each other
    #[command(subcommand)]
    Circle(CircleVerb),
    /// List conversations with unread messages
    Inbox(OfPersona),
    /// Print what happens as JSON lines until it is interrupted
    Watch,
    /// Pull now from all peers and say what came
    Sync(Sync),
    /// Your personas
    #[command(subcommand)]
    Persona(PersonaVerb),
    /// Give the passphrase to a node that runs locked
    Unlock,
    /// The passphrase of this data directory
    #[command(subcommand)]
    Vault(VaultVerb),
}

/// `vault …`.
#[derive(Debug, Subcommand)]
pub enum VaultVerb {
    /// Set or change the passphrase; --passphrase-fd names the present one
    Passphrase {
        /// Read the new passphrase from this open descriptor; with the same N as --passphrase-fd, from its second line
        #[arg(long, value_name = "N")]
        new_passphrase_fd: Option<u32>,
    },
    /// Keep the key in a file that only you can read, without a passphrase
    Remove,
    /// Say whether a passphrase is set, and whether it was given
    Status,
}

/// `init`.
#[derive(Debug, ClapArgs)]
pub struct Init {
    /// Name of the first persona
    #[arg(long)]
    pub name: String,
    /// Keep the keys in files that only you can read, without a passphrase; else --passphrase-fd, or it is asked for
    #[arg(long, conflicts_with = "passphrase_fd")]
    pub no_passphrase: bool,
}

/// A verb that only needs a persona.
#[derive(Debug, ClapArgs)]
pub struct OfPersona {
    /// Which persona, by name or posting id; the default one if not named
    #[arg(long)]
    pub persona: Option<String>,
}

/// `follow`.
#[derive(Debug, ClapArgs)]
pub struct Follow {
    /// An invite or a posting id of 64 hex digits
    #[arg(value_name = "INVITE|POSTING_ID")]
    pub target: String,
    /// Which of your personas follows
    #[command(flatten)]
    pub of: OfPersona,
}

/// `unfollow`.
#[derive(Debug, ClapArgs)]
pub struct Unfollow {
    /// Posting id or unambiguous name
    #[arg(value_name = "PERSON")]
    pub person: String,
    /// Which of your personas stops; all if not named
    #[command(flatten)]
    pub of: OfPersona,
}

/// `post`.
#[derive(Debug, ClapArgs)]
pub struct Post {
    /// The text; `-` reads it from the standard input; may be left out with attachments
    #[arg(value_name = "TEXT", required_unless_present = "attach")]
    pub text: Option<String>,
    /// Only for the people of this circle, sealed; leaves within a minute, at a random moment, while a node runs
    #[arg(long, value_name = "CIRCLE", conflicts_with = "attach")]
    pub circle: Option<String>,
    /// Post to the circle though its people then see that another persona is yours as well
    #[arg(long, requires = "circle")]
    pub link_personas: bool,
    /// Attach a file, up to eight; place, time and device are removed from pictures
    #[arg(long, value_name = "FILE")]
    pub attach: Vec<PathBuf>,
    /// Say what can be seen in an attachment; the first one belongs to the first file
    #[arg(long, value_name = "TEXT")]
    pub alt: Vec<String>,
    /// Attach files as they are, with everything they tell about their making
    #[arg(long)]
    pub keep_metadata: bool,
    /// Which of your personas writes
    #[command(flatten)]
    pub of: OfPersona,
}

/// `feed`.
#[derive(Debug, ClapArgs)]
pub struct Feed {
    /// Only what this persona surfaced
    #[command(flatten)]
    pub of: OfPersona,
    /// How many posts, at most 200
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub limit: u32,
    /// Only posts older than this one: the `position` of a post in `--json`
    #[arg(long, value_name = "CURSOR")]
    pub before: Option<FeedPosition>,
    /// Only posts that were not opened
    #[arg(long)]
    pub unread: bool,
}

/// `thread`.
#[derive(Debug, ClapArgs)]
pub struct Thread {
    /// The id of a post or of a comment on it
    #[arg(value_name = "ID")]
    pub post_id: ObjectId,
}

/// `dm`.
#[derive(Debug, Subcommand)]
pub enum DmVerb {
    /// Write a message; it leaves within a minute, at a random moment, while a node runs
    Send(DmSend),
    /// List conversations, the last one first
    List(OfPersona),
    /// Read a conversation, oldest first
    Read(DmRead),
    /// Begin a group of three to 32 people; all of them are told
    NewGroup(NewGroup),
    /// Change a group
    #[command(flatten)]
    Group(DmGroup),
    /// Do something to a message
    #[command(flatten)]
    Message(DmMessage),
    /// Arrange conversations
    #[command(flatten)]
    Arrange(DmArrange),
    /// Show the words to compare with somebody over another way
    Verify {
        /// Posting id, unambiguous name, or the id of a conversation
        #[arg(value_name = "PERSON")]
        person: String,
        /// Note that the words were the same
        #[arg(long, conflicts_with = "differ")]
        same: bool,
        /// Note that they were not
        #[arg(long)]
        differ: bool,
        /// Which of your personas
        #[command(flatten)]
        of: OfPersona,
    },
}

/// What is done to one message.
#[derive(Debug, Subcommand)]
pub enum DmMessage {
    /// Put an emoji on a message, or take it back
    React {
        /// Which message
        #[command(flatten)]
        of: OfMessage,
        /// One emoji
        #[arg(value_name = "EMOJI")]
        emoji: String,
        /// Take it back
        #[arg(long)]
        remove: bool,
        /// Who wrote the message, where several have one id
        #[arg(long, value_name = "POSTING_ID")]
        from: Option<PostingId>,
    },
    /// Replace the text of a message of your own
    Edit {
        /// Which message
        #[command(flatten)]
        of: OfMessage,
        /// The new text; `-` reads it from the standard input
        #[arg(value_name = "TEXT")]
        text: String,
    },
    /// Delete a message: your own for all who are asked and comply, one of others on this device
    Delete {
        /// Which message
        #[command(flatten)]
        of: OfMessage,
        /// Who wrote the message, where several have one id
        #[arg(long, value_name = "POSTING_ID")]
        from: Option<PostingId>,
    },
}

/// A message of a conversation.
#[derive(Debug, ClapArgs)]
pub struct OfMessage {
    /// The id of the conversation
    #[arg(value_name = "THREAD")]
    pub thread: ConversationId,
    /// The id of the message, as `dm read` prints it
    #[arg(value_name = "MESSAGE")]
    pub message: MessageId,
}

/// What is done to a whole conversation, on this device only.
#[derive(Debug, Subcommand)]
pub enum DmArrange {
    /// Accept a stranger's request; nothing is sent by that
    Accept {
        /// The id of the conversation
        #[arg(value_name = "THREAD")]
        thread: ConversationId,
    },
    /// Ignore a stranger's request, and more of the same person
    Ignore {
        /// The id of the conversation
        #[arg(value_name = "THREAD")]
        thread: ConversationId,
    },
    /// Remove a stranger's request and show nothing of this person again
    Block {
        /// The id of the conversation
        #[arg(value_name = "THREAD")]
        thread: ConversationId,
    },
    /// Say for how long messages are kept here: what is older goes at once, and the others hear nothing of it
    Keep {
        /// The id of the conversation
        #[arg(value_name = "THREAD")]
        thread: ConversationId,
        /// `forever`, `none` (they go an hour after they came, once they were read), or a number of days
        #[arg(value_name = "TIME")]
        keep: Keep,
    },
    /// Keep a conversation on top of the list
    Pin(OnShelf),
    /// Let a conversation call no attention
    Mute(OnShelf),
    /// Leave a conversation out of the list until something new comes
    Archive(OnShelf),
}

/// Where a conversation is put, or taken from.
#[derive(Debug, ClapArgs)]
pub struct OnShelf {
    /// The id of the conversation
    #[arg(value_name = "THREAD")]
    pub thread: ConversationId,
    /// End that
    #[arg(long)]
    pub off: bool,
}

/// `dm new-group`.
#[derive(Debug, ClapArgs)]
pub struct NewGroup {
    /// What it is called; everybody in it sees that
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The others: posting ids or unambiguous names of people you follow
    #[arg(value_name = "PERSON", required = true)]
    pub people: Vec<String>,
    /// Which of your personas founds it
    #[command(flatten)]
    pub of: OfPersona,
}

/// Changes of a group.
#[derive(Debug, Subcommand)]
pub enum DmGroup {
    /// Take somebody into a group; they read what is written from now on
    Add {
        /// The id of the group
        #[arg(value_name = "THREAD")]
        thread: ConversationId,
        /// Posting id or unambiguous name
        #[arg(value_name = "PERSON")]
        person: String,
    },
    /// Put somebody out of a group; they read nothing that is written once the others know
    Remove {
        /// The id of the group
        #[arg(value_name = "THREAD")]
        thread: ConversationId,
        /// Posting id or unambiguous name
        #[arg(value_name = "PERSON")]
        person: String,
    },
    /// Let somebody in a group add and remove people, too
    Promote {
        /// The id of the group
        #[arg(value_name = "THREAD")]
        thread: ConversationId,
        /// Posting id or unambiguous name
        #[arg(value_name = "PERSON")]
        person: String,
    },
    /// Call a group something else
    Rename {
        /// The id of the group
        #[arg(value_name = "THREAD")]
        thread: ConversationId,
        /// The new name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Leave a group; what is here stays
    Leave {
        /// The id of the group
        #[arg(value_name = "THREAD")]
        thread: ConversationId,
    },
}

/// `circle …`.
#[derive(Debug, Subcommand)]
pub enum CircleVerb {
    /// Make a circle; nobody is told
    New {
        /// What you call it; the name stays here
        #[arg(value_name = "NAME")]
        name: String,
        /// Posting ids or unambiguous names of people you follow
        #[arg(value_name = "PERSON")]
        people: Vec<String>,
    },
    /// Add people to a circle; they read what you post from now on
    Add {
        /// Which circle
        #[arg(value_name = "NAME")]
        name: String,
        /// Posting ids or unambiguous names of people you follow
        #[arg(value_name = "PERSON", required = true)]
        people: Vec<String>,
    },
    /// Remove people from a circle; they read nothing you post from now on
    Remove {
        /// Which circle
        #[arg(value_name = "NAME")]
        name: String,
        /// Posting ids or unambiguous names of people you follow
        #[arg(value_name = "PERSON", required = true)]
        people: Vec<String>,
    },
    /// List your circles and who is in them
    List,
    /// Delete a circle here; what you published stays with its readers
    Delete {
        /// Which circle
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// `dm send`.
#[derive(Debug, ClapArgs)]
pub struct DmSend {
    /// To whom: a posting id or the unambiguous name of somebody you follow
    #[arg(long, value_name = "PERSON", required_unless_present = "thread", conflicts_with = "thread")]
    pub to: Option<String>,
    /// In which conversation
    #[arg(long, value_name = "THREAD")]
    pub thread: Option<ConversationId>,
    /// Which message of the conversation it answers
    #[arg(long, value_name = "MESSAGE", requires = "thread")]
    pub quote: Option<MessageId>,
    /// Who wrote that message, where several have one id
    #[arg(long, value_name = "POSTING_ID", requires = "quote")]
    pub from: Option<PostingId>,
    /// The text; `-` reads it from the standard input
    #[arg(value_name = "TEXT")]
    pub text: String,
    /// Which of your personas writes
    #[command(flatten)]
    pub of: OfPersona,
}

/// `dm read`.
#[derive(Debug, ClapArgs)]
pub struct DmRead {
    /// The id of the conversation
    #[arg(value_name = "THREAD")]
    pub thread: ConversationId,
    /// How many messages, at most 200
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// Only messages before this place
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    pub before: Option<Place>,
    /// Mark them, and all before them, as read
    #[arg(long)]
    pub mark: bool,
}

/// `reply`.
#[derive(Debug, ClapArgs)]
pub struct Reply {
    /// The id of a post or comment
    #[arg(value_name = "ID")]
    pub target: ObjectId,
    /// The text; `-` reads it from the standard input
    #[arg(value_name = "TEXT")]
    pub text: String,
    /// Which of your personas writes; if not named, the one that follows the post's author
    #[command(flatten)]
    pub of: OfPersona,
}

/// `react`.
#[derive(Debug, ClapArgs)]
pub struct React {
    /// The id of a post or comment
    #[arg(value_name = "ID")]
    pub target: ObjectId,
    /// One emoji
    #[arg(value_name = "EMOJI")]
    pub emoji: String,
    /// Take the reaction back
    #[arg(long)]
    pub remove: bool,
    /// Which of your personas reacts; if not named, the one that follows the post's author
    #[command(flatten)]
    pub of: OfPersona,
}

/// `edit`.
#[derive(Debug, ClapArgs)]
pub struct Edit {
    /// The id of a post or comment of yours
    #[arg(value_name = "ID")]
    pub target: ObjectId,
    /// The new text; `-` reads it from the standard input
    #[arg(value_name = "TEXT")]
    pub text: String,
}

/// `delete`.
#[derive(Debug, ClapArgs)]
pub struct Delete {
    /// The id of a post or comment of yours
    #[arg(value_name = "ID")]
    pub target: ObjectId,
}

/// `hide`.
#[derive(Debug, ClapArgs)]
pub struct Hide {
    /// The id of a comment on a post of yours
    #[arg(value_name = "ID")]
    pub comment: ObjectId,
}

/// `policy`.
#[derive(Debug, ClapArgs)]
pub struct Policy {
    /// The id of a post of yours
    #[arg(value_name = "ID")]
    pub post_id: ObjectId,
    /// `everyone`, `nobody`, or the posting ids of those who may comment
    #[arg(value_name = "everyone|nobody|POSTING_ID", required = true)]
    pub who: Vec<String>,
}

/// `blob …`.
#[derive(Debug, Subcommand)]
pub enum BlobVerb {
    /// Fetch an attachment from whoever has it
    Get {
        /// Which
        #[command(flatten)]
        which: Which,
        /// How long to wait for it
        #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
        wait: u64,
    },
    /// Write an attachment that is here into a file
    Save {
        /// Which
        #[command(flatten)]
        which: Which,
        /// The file to write; without it the folder you are in, under the attachment's name
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        /// Replace a file that is there
        #[arg(long, requires = "to")]
        force: bool,
    },
    /// End a fetch; what came stays
    Cancel {
        /// Which
        #[command(flatten)]
        which: Which,
    },
}

/// An attachment of a post.
#[derive(Debug, ClapArgs)]
pub struct Which {
    /// The id of the post
    #[arg(value_name = "ID")]
    pub post_id: ObjectId,
    /// Which of its attachments, counted from 1
    #[arg(value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=255))]
    pub number: u32,
}

/// `sync`.
#[derive(Debug, ClapArgs)]
pub struct Sync {
    /// How long to wait for peers
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub wait: u64,
}

/// `peer …`.
#[derive(Debug, Subcommand)]
pub enum PeerVerb {
    /// Connect to a node without following anybody: paste the ticket its `status` prints
    Add {
        /// The ticket
        ticket: String,
    },
    /// List known nodes, connected ones first, with their standing
    List,
    /// Cut a node off and refuse it until you lift the ban
    Ban {
        /// Its network id, as `peer list` prints it
        #[arg(value_name = "ID")]
        peer: NetworkId,
    },
    /// Lift a ban, whoever made it
    Unban {
        /// Its network id, as `peer list` prints it
        #[arg(value_name = "ID")]
        peer: NetworkId,
    },
}

/// `persona …`.
#[derive(Debug, Subcommand)]
pub enum PersonaVerb {
    /// List your personas, the default one first
    List,
}

/// The text names no relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("neither `none` nor `default` nor a URL like https://relay.example.org")]
struct RelayParseError;

fn parse_relay(text: &str) -> Result<RelayChoice, RelayParseError> {
    match text {
        "none" => Ok(RelayChoice::None),
        "default" => Ok(RelayChoice::Default),
        url if names_host(url) => Ok(RelayChoice::Url(url.to_owned())),
        _ => Err(RelayParseError),
    }
}

/// Whether it is a URL of http or https with a host, as far as can be seen before it is used.
fn names_host(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return false;
    };
    let host_and_port = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = match host_and_port.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (host_and_port, None),
    };
    let of_name = |scalar: char| scalar.is_ascii_alphanumeric() || ".-_".contains(scalar);
    let is_name = !host.is_empty() && !host.starts_with('.') && host.chars().all(of_name);
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = address.map_or(is_name, |address| address.parse::<Ipv6Addr>().is_ok());
    is_host
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
        && rest.chars().all(|scalar| scalar.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_none_default_or_a_url_with_a_host() {
        assert_eq!(parse_relay("none"), Ok(RelayChoice::None));
        assert_eq!(parse_relay("default"), Ok(RelayChoice::Default));
        let fine = [
            "https://relay.example.org",
            "http://127.0.0.1:3340/",
            "https://[::1]:443/path?query",
            "https://relay.example.org./",
        ];
        for url in fine {
            assert_eq!(parse_relay(url), Ok(RelayChoice::Url(url.to_owned())));
        }
        let wrong = [
            "",
            "foo",
            "relay.example.org",
            "ftp://relay.example.org",
            "https://",
            "https:///path",
            "https://relay.example.org:port",
            "https://relay example.org",
            "https://[::1",
            "https://relay.example.org/\u{1b}[2J",
        ];
        for url in wrong {
            assert_eq!(parse_relay(url), Err(RelayParseError), "{url}");
        }
    }
}
