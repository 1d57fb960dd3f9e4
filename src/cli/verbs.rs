//! What each verb does with the node it finds.

use std::io::{IsTerminal, Read};
use std::time::Duration;

use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::broadcast;
use tracing::level_filters::LevelFilter;

use super::args::{
    Args, BlobVerb, Feed, Follow, Init, LogLevel, OfPersona, PeerVerb, PersonaVerb, Post, Switch, Unfollow,
    Verb,
};
use super::attachments;
use super::conversations;
use super::error::CliError;
use super::groups;
use super::lines::{PersonLine, PostLine};
use super::output::Output;
use super::responses;
use super::vault::{self, Asking};
use crate::api::{
    CallError, Command, ErrorKind, Event, FeedAnchor, FeedFilter, LanDiscovery, Linkage, More, NetSettings,
    NetworkState, NodeHandle, NodeRequest, OpenNode, Outcome, PeerExchange, PeerView, PersonView,
    PersonaView, Protection, Query, ReadMark, Source, SpaceView, StatusView, VaultState, View,
};
use crate::domain::ids::PostingId;
use crate::domain::profile::parse_name;
use crate::domain::text::SafeText;
use crate::{clock, config, logging, ui};

/// Text read from the standard input is cut off here: the node refuses it long before, and a running one still gets it
/// in one line, whatever it becomes as JSON (six bytes from one at most).
const STDIN_BYTES: u64 = 256 * 1024;

/// What a person is told who serves without the passphrase.
const LOCKED_SERVE: &str =
    "Locked: this node carries what others say, and does nothing of yours until `itsgoin unlock`.";

/// Runs the verb of the arguments.
pub(super) async fn run(mut args: Args, output: &Output, open_node: OpenNode) -> Result<(), CliError> {
    let verb = args.verb.take();
    if verb.is_none() && !std::io::stdout().is_terminal() {
        let message = "the interface needs a terminal";
        return Err(CallError::new(ErrorKind::Invalid, message, "name a command: itsgoin --help").into());
    }
    let request = node_request(&args, verb.as_ref())?;
    let data_dir = request.data_dir.clone();
    let reach = ui::Reach::of(request.network.as_ref());
    // Without a log the program works as well. Before the node starts, if its directory is there already.
    let begin_log = || logging::begin(&data_dir, log_level(args.log)).unwrap_or_default();
    begin_log();
    let mut session = open_node(request).await?;
    begin_log();
    let events = session.events();
    let node = session.node();
    let asking = Asking { descriptor: args.passphrase_fd };
    let result = match vault::unlock_for(verb.as_ref(), asking, node).await {
        Ok(()) => run_verb(verb, &args, reach, node, events, output).await,
        Err(error) => Err(error),
    };
    session.end().await;
    result
}

async fn run_verb(
    verb: Option<Verb>,
    args: &Args,
    reach: ui::Reach,
    node: &NodeHandle,
    events: broadcast::Receiver<Event>,
    output: &Output,
) -> Result<(), CliError> {
    let asking = Asking { descriptor: args.passphrase_fd };
    match verb {
        None => interface(args, reach, node).await,
        Some(Verb::Serve) => {
            if vault::state(node).await? == VaultState::Locked {
                output.remark(LOCKED_SERVE);
            }
            serve(args, node, events).await
        }
        Some(Verb::Watch) => attachments::watch(events).await,
        Some(Verb::Blob(verb)) => Box::pin(attachments::blob(verb, node, events, output)).await,
        Some(Verb::Init(init)) => Box::pin(self::init(init, asking, node, output)).await,
        Some(Verb::Unlock) => vault::unlock(asking, node, output).await,
        Some(Verb::Vault(verb)) => vault::vault(verb, asking, node, output).await,
        Some(verb) => Box::pin(one_shot(verb, node, output)).await,
    }
}

/// What kind of node a verb needs: the long-running ones their own, and only they and `sync` a network.
fn node_request(args: &Args, verb: Option<&Verb>) -> Result<NodeRequest, CliError> {
    let (source, needs_network) = match verb {
        None | Some(Verb::Serve) => (Source::Own, true),
        Some(Verb::Unlock) => (Source::Running, false),
        Some(Verb::Sync(_) | Verb::Watch | Verb::Blob(BlobVerb::Get { .. })) => (Source::Any, true),
        Some(_) => (Source::Any, false),
    };
    let network = || NetSettings {
        bind: args.bind,
        relay: args.relay.clone(),
        lan: match args.lan {
            Switch::On => LanDiscovery::On,
            Switch::Off => LanDiscovery::Off,
        },
        connections: args.connections.into(),
        exchange: match args.exchange {
            Switch::On => PeerExchange::On,
            Switch::Off => PeerExchange::Off,
        },
    };
    Ok(NodeRequest {
        data_dir: args.data_dir.clone().or_else(config::default_data_dir).ok_or(CliError::NoHome)?,
        runtime_dir: config::runtime_dir(),
        temporary_dir: config::temporary_dir(),
        source,
        network: (needs_network && !args.offline).then(network),
    })
}

const fn log_level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    }
}

async fn one_shot(verb: Verb, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    match verb {
        Verb::Status => status(node, output).await,
        Verb::Peer(PeerVerb::Add { ticket }) => peer_add(ticket, node, output).await,
        Verb::Peer(PeerVerb::List) => peer_list(node, output).await,
        Verb::Peer(PeerVerb::Ban { peer }) => {
            node.command(Command::BanPeer { peer }).await?;
            let banned = json!({"network_id": peer, "standing": "banned"});
            output.one(&banned, |_| format!("banned; `itsgoin peer unban {peer}` lifts it"))
        }
        Verb::Peer(PeerVerb::Unban { peer }) => {
            node.command(Command::UnbanPeer { peer }).await?;
            output.one(&json!({"network_id": peer, "standing": "ok"}), |_| "it may connect again".to_owned())
        }
        Verb::Invite(of) => invite(of, node, output).await,
        Verb::Follow(follow) => self::follow(follow, node, output).await,
        Verb::Unfollow(unfollow) => self::unfollow(unfollow, node, output).await,
        Verb::People => {
            let lines: Vec<PersonLine> = people(node).await?.into_iter().map(PersonLine::from).collect();
            output.all(&lines, plain_person)
        }
        Verb::Post(post) => self::post(post, node, output).await,
        Verb::Feed(feed) => self::feed(feed, node, output).await,
        Verb::Thread(thread) => responses::thread(thread.post_id, node, output).await,
        Verb::Reply(reply) => responses::reply(reply, node, output).await,
        Verb::React(react) => responses::react(react, node, output).await,
        Verb::Edit(edit) => responses::edit(edit, node, output).await,
        Verb::Delete(delete) => responses::delete(delete, node, output).await,
        Verb::Hide(hide) => responses::hide(&hide, node, output).await,
        Verb::Policy(policy) => responses::policy(policy, node, output).await,
        Verb::Dm(verb) => Box::pin(conversations::dm(verb, node, output)).await,
        Verb::Circle(verb) => Box::pin(groups::circle(verb, node, output)).await,
        Verb::Inbox(of) => conversations::inbox(&of, node, output).await,
        Verb::Sync(sync) => self::sync(sync.wait, node, output).await,
        Verb::Persona(PersonaVerb::List) => output.all(&personas(node).await?, |persona: &PersonaView| {
            let mark = if persona.default { " (default)" } else { "" };
            format!("{}  {}{mark}", persona.posting_id, persona.name)
        }),
        // Handled before: they wait for events, or for a passphrase.
        Verb::Serve | Verb::Watch | Verb::Blob(_) | Verb::Init(_) | Verb::Unlock | Verb::Vault(_) => Ok(()),
    }
}

async fn interface(args: &Args, reach: ui::Reach, node: &NodeHandle) -> Result<(), CliError> {
    let setup = ui::Setup {
        now: clock::now,
        colours: if config::wants_no_colour() { ui::Colours::None } else { ui::Colours::Ansi },
        glyphs: if args.ascii { ui::Glyphs::Ascii } else { ui::Glyphs::Unicode },
        frames_per_second: if config::is_over_ssh() { 10 } else { 30 },
        reach,
        viewer: if config::is_over_ssh() { ui::Viewer::None } else { ui::Viewer::System },
        downloads: config::downloads_dir,
    };
    Ok(ui::run(setup, node.clone()).await?)
}

/// Runs until it is told to stop. The line it prints is JSON in every case: scripts wait for it.
async fn serve(
    args: &Args,
    node: &NodeHandle,
    mut events: broadcast::Receiver<Event>,
) -> Result<(), CliError> {
    let mut farewells = Farewells::listen()?;
    let script = Output::new(true);
    let mut is_ready = false;
    if args.offline {
        let View::Status(StatusView { network_id, .. }) = node.query(Query::Status).await? else {
            return Err(unexpected());
        };
        script.one(&Event::Ready { network_id, addresses: Vec::new() }, |_| String::new())?;
    }
    loop {
        tokio::select! {
            () = farewells.said() => return Ok(()),
            event = events.recv() => match event {
                Ok(ready @ Event::Ready { .. }) if !is_ready => {
                    is_ready = true;
                    script.one(&ready, |_| String::new())?;
                }
                Ok(Event::StatusChanged) => network_failure(node).await?,
                Ok(Event::Stopped) | Err(broadcast::error::RecvError::Closed) => return Err(ended_by_itself()),
                Ok(_) | Err(_) => {}
            },
        }
    }
}

/// The signals that ask a program to end.
pub(super) struct Farewells([Signal; 3]);

impl Farewells {
    pub(super) fn listen() -> Result<Self, CliError> {
        let listen = |kind| signal(kind).map_err(|source| CliError::Io { what: "signals", source });
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let [terminate, interrupt, hangup] = kinds.map(listen);
        Ok(Self([terminate?, interrupt?, hangup?]))
    }

    /// Waits for one of them.
    pub(super) async fn said(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Nobody told it to.
pub(super) fn ended_by_itself() -> CliError {
    let hint = "start it again; itsgoin.log in the data directory may say why";
    CallError::new(ErrorKind::Stopped, "the node ended by itself", hint).into()
}

/// A node without interface is of no use without its network.
async fn network_failure(node: &NodeHandle) -> Result<(), CliError> {
    match node.query(Query::Status).await? {
        View::Status(StatusView { network: NetworkState::Failed(why), .. }) => Err(CallError::new(
            ErrorKind::Offline,
            why,
            "choose another address with --bind, or stop the program that uses it; check what --relay names",
        )
        .into()),
        _ => Ok(()),
    }
}

/// Everything that can be wrong is looked at first, and the persona is made last: its key is protected from the start.
/// One that was cut short is gone on with.
async fn init(init: Init, asking: Asking, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    parse_name(&init.name)
        .map_err(|error| CallError::new(ErrorKind::Invalid, error.to_string(), "choose another name"))?;
    vault::unlock_for(Some(&Verb::People), asking, node).await?;
    if !personas(node).await?.is_empty() {
        let message = "this data directory has a persona already";
        return Err(CallError::new(ErrorKind::Invalid, message, "`itsgoin persona list` lists it").into());
    }
    if !init.no_passphrase && vault::state(node).await? == VaultState::Open {
        let change = Protection::Passphrase(asking.fresh()?);
        node.command(Command::Protect { current: None, change }).await?;
    }
    let Outcome::PersonaCreated(persona) = node.command(Command::CreatePersona { name: init.name }).await?
    else {
        return Err(unexpected());
    };
    output.remark(if init.no_passphrase {
        "There is no passphrase: whoever can read the files of this directory can write as you and read your messages."
    } else {
        "Every start needs the passphrase. Nobody can give it back when it is forgotten."
    });
    output.one(&persona, |persona| format!("{} is {}", persona.name, persona.posting_id))
}

async fn status(node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let View::Status(status) = node.query(Query::Status).await? else { return Err(unexpected()) };
    output.one(&status, |status| {
        let network = match &status.network {
            NetworkState::Off => "off (it is on while itsgoin runs here without --offline)".to_owned(),
            NetworkState::Starting => "starting".to_owned(),
            NetworkState::Up => status.addresses.join(" "),
            NetworkState::Failed(why) => why.clone(),
        };
        let mut lines = vec![
            format!("node      {}", status.network_id),
            format!("network   {network}"),
            format!("peers     {} connected, {} known", status.connected_peers, status.known_peers),
            format!("posts     {}", status.post_count),
            match status.persona_count {
                Some(count) => format!("personas  {count}"),
                None => "personas  not known before `itsgoin unlock`".to_owned(),
            },
            format!("space     {}", status.space.sentence()),
        ];
        lines.extend(status.ticket.iter().map(|ticket| format!("ticket    {ticket}")));
        lines.extend(status.space.is_short().then(|| format!("disk      {}", SpaceView::warning())));
        lines.extend(status.clock_off_minutes.map(|minutes| format!("clock     {}", clock_warning(minutes))));
        lines.join("\n")
    })
}

fn clock_warning(minutes: i64) -> String {
    let side = if minutes > 0 { "ahead of" } else { "behind" };
    format!("about {} minutes {side} your peers: set it right", minutes.abs())
}

async fn peer_add(ticket: String, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    node.command(Command::AddPeer { ticket }).await?;
    let View::Status(status) = node.query(Query::Status).await? else { return Err(unexpected()) };
    output.one(&json!({}), |_| {
        let who = if status.network == NetworkState::Off { "the next node to run here" } else { "this node" };
        format!("added; {who} connects to it")
    })
}

async fn peer_list(node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let View::Peers(peers) = node.query(Query::Peers).await? else { return Err(unexpected()) };
    output.all(&peers, |peer: &PeerView| {
        let state = match (peer.connected, peer.latency_ms) {
            (true, Some(latency)) => format!("connected, {latency} ms"),
            (true, None) => "connected".to_owned(),
            (false, _) => "not connected".to_owned(),
        };
        let standing = peer.standing.sentence();
        format!("{}  {state}  {standing}  {}", peer.network_id, peer.addresses.join(" "))
    })
}

async fn invite(of: OfPersona, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let persona = resolve_persona(&of, node).await?;
    let View::Invite(invite) = node.query(Query::Invite { persona }).await? else { return Err(unexpected()) };
    if invite.address_count == 0 {
        output.remark(
            "This invite names no node: its receiver needs another way to reach one that carries you.",
        );
    }
    output.one(&invite, |invite| invite.invite.clone())
}

async fn follow(follow: Follow, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let persona = resolve_persona(&follow.of, node).await?;
    let target = text_or_stdin(follow.target)?;
    let Outcome::Followed(person) = node.command(Command::Follow { target, persona }).await? else {
        return Err(unexpected());
    };
    output.one(&PersonLine::from(person), plain_person)
}

async fn unfollow(unfollow: Unfollow, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let persona = resolve_persona(&unfollow.of, node).await?;
    let author = resolve_person(&unfollow.person, node).await?;
    node.command(Command::Unfollow { author, persona }).await?;
    output.one(&json!({"posting_id": author, "following": false}), |_| "unfollowed".to_owned())
}

async fn post(post: Post, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let persona = resolve_persona(&post.of, node).await?;
    let files = attachments::files_of(&post)?;
    let text = text_or_stdin(post.text.unwrap_or_default())?;
    if let Some(name) = post.circle {
        let linkage = if post.link_personas { Linkage::Accept } else { Linkage::Avoid };
        return groups::publish(name, text, &post.of, linkage, node, output).await;
    }
    let command = if files.is_empty() {
        Command::PublishPost { persona, text, draft: None }
    } else {
        Command::PublishWithFiles { persona, text, draft: None, files }
    };
    let Outcome::PostPublished(post_id) = node.command(command).await? else { return Err(unexpected()) };
    output.one(&json!({"post_id": post_id}), |_| format!("posted {post_id}"))
}

async fn feed(feed: Feed, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let posts = pages_of_feed(&feed, node).await?;
    if posts.is_empty() {
        output.remark(match (feed.unread, feed.before) {
            (true, None) => "Everything is read.",
            (true, Some(_)) => "Everything older is read.",
            (false, Some(_)) => "Nothing is older.",
            (false, None) => {
                "Nothing here yet: write with `itsgoin post TEXT`, or follow somebody by their invite."
            }
        });
    }
    output.all(&posts, plain_post)
}

/// As many posts as were asked for, or all there are: a node of another process sends long ones in several pages.
async fn pages_of_feed(feed: &Feed, node: &NodeHandle) -> Result<Vec<PostLine>, CliError> {
    let persona = resolve_persona(&feed.of, node).await?;
    let filter = if feed.unread { FeedFilter::Unread } else { FeedFilter::All };
    let mut page = feed.before.map_or(FeedAnchor::Newest, FeedAnchor::Before);
    let mut limit = feed.limit;
    let mut lines: Vec<PostLine> = Vec::new();
    loop {
        let query = Query::Feed { persona, page, filter, limit };
        let View::Feed(found) = node.query(query).await? else { return Err(unexpected()) };
        limit = limit.saturating_sub(u32::try_from(found.posts.len()).unwrap_or(u32::MAX));
        let Some(last) = found.posts.last() else { return Ok(lines) };
        page = FeedAnchor::Before(last.position);
        lines.extend(found.posts.into_iter().map(PostLine::from));
        if limit == 0 || found.more == More::End {
            return Ok(lines);
        }
    }
}

async fn sync(seconds: u64, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let command = Command::Sync { wait: Duration::from_secs(seconds) };
    let Outcome::Synced(report) = node.command(command).await? else { return Err(unexpected()) };
    output.one(&report, |report| format!("{} new posts from {} peers", report.new_posts, report.peers))
}

fn plain_person(PersonLine { person, .. }: &PersonLine) -> String {
    let posts = if person.post_count == 1 { "post" } else { "posts" };
    format!("{}  {}  {} {posts}", person.posting_id, shown_name(&person.name), person.post_count)
}

pub(super) fn plain_post(PostLine { post, .. }: &PostLine) -> String {
    let unread = if post.mark == ReadMark::Unread { "* " } else { "" };
    let text = post.text.as_str().lines().collect::<Vec<_>>().join("\n  ");
    let when = post.created.format_utc();
    let author = post.author.fingerprint();
    let name = shown_name(&post.author_name);
    let attachments = attachments::plain_attachments(post);
    let edited = if post.edited.is_some() { " · edited" } else { "" };
    let around = [
        responses::plain_counts(post.comment_count, post.unread_comment_count),
        responses::plain_reactions(&post.reactions),
    ];
    let around = around.into_iter().flatten().fold(attachments, |lines, part| lines + "  " + &part + "\n");
    format!("{unread}{name} {author} · {when}{edited}\n  {text}\n{around}  {}\n", post.post_id)
}

pub(super) fn shown_name(name: &SafeText) -> &str {
    if name.is_empty() { "(no name yet)" } else { name.as_str() }
}

async fn people(node: &NodeHandle) -> Result<Vec<PersonView>, CliError> {
    match node.query(Query::People).await? {
        View::People(people) => Ok(people),
        _ => Err(unexpected()),
    }
}

pub(super) async fn personas(node: &NodeHandle) -> Result<Vec<PersonaView>, CliError> {
    match node.query(Query::Personas).await? {
        View::Personas(personas) => Ok(personas),
        _ => Err(unexpected()),
    }
}

pub(super) async fn resolve_persona(
    of: &OfPersona,
    node: &NodeHandle,
) -> Result<Option<PostingId>, CliError> {
    let Some(named) = &of.persona else { return Ok(None) };
    if let Ok(id) = named.parse() {
        return Ok(Some(id));
    }
    let known = personas(node).await?.into_iter().map(|persona| (persona.posting_id, persona.name));
    find_by_name(known, named, "`itsgoin persona list` lists your personas").map(Some)
}

/// Whom somebody means by a posting id or the name of somebody followed.
pub(super) async fn resolve_person(named: &str, node: &NodeHandle) -> Result<PostingId, CliError> {
    if let Ok(id) = named.parse() {
        return Ok(id);
    }
    let known = people(node).await?.into_iter().map(|person| (person.posting_id, person.name));
    find_by_name(known, named, "`itsgoin people` lists who is followed")
}

/// The one id with this name.
fn find_by_name(
    known: impl Iterator<Item = (PostingId, SafeText)>,
    name: &str,
    hint: &str,
) -> Result<PostingId, CliError> {
    let mut found: Vec<PostingId> =
        known.filter(|(_, known)| known.as_str() == name).map(|(posting_id, _)| posting_id).collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [posting_id] => Ok(*posting_id),
        [] => Err(CallError::new(ErrorKind::NotFound, "nobody has this name", hint).into()),
        _ => {
            Err(CallError::new(ErrorKind::NotFound, "several have this name", "name the posting id instead")
                .into())
        }
    }
}

pub(super) fn text_or_stdin(text: String) -> Result<String, CliError> {
    if text != "-" {
        return Ok(text);
    }
    let mut text = String::new();
    let read = std::io::stdin().lock().take(STDIN_BYTES).read_to_string(&mut text);
    read.map_err(|source| match source.kind() {
        std::io::ErrorKind::InvalidData => {
            let message = "the standard input is not UTF-8 text";
            CallError::new(ErrorKind::Invalid, message, "convert it first, for example with `iconv`").into()
        }
        _ => CliError::Io { what: "the standard input", source },
    })?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// The node answers each call with its own kind; anything else is a bug of ours.
pub(super) fn unexpected() -> CliError {
    CallError::new(ErrorKind::Stopped, "the node gave an unexpected answer", "report this as a bug").into()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::api::calls;

    #[tokio::test]
    async fn a_node_that_ends_by_itself_is_no_success() {
        let args = Args::try_parse_from(["itsgoin", "serve"]).unwrap();
        let (node, _received, told) = calls();
        let events = node.events();
        told.send(Event::Stopped).unwrap();
        let error = serve(&args, &node, events).await.unwrap_err();
        assert_eq!((error.exit_code(), error.as_call_error().kind), (1, ErrorKind::Stopped));
    }
}
