//! The network: this node and the nodes it knows.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{draw_question, feed, sentence};
use crate::api::{CallError, Command, NetworkState, PeerStanding, PeerView};
use crate::domain::text::SafeText;
use crate::ui::action::Action;
use crate::ui::layout::Areas;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{self, Field, FieldState, Model, Place};
use crate::ui::watch::Watch;
use crate::ui::widgets::cursor::Cursor;
use crate::ui::widgets::lines;

/// Rows about this node, above the list.
const HEAD_ROWS: u16 = 4;

/// What the pane is doing.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Mode {
    /// Showing the list.
    #[default]
    List,
    /// A ticket is being pasted or typed.
    Adding(Field),
}

/// The peers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Network {
    /// All known nodes, connected ones first; once asked for.
    peers: Option<Vec<PeerView>>,
    /// What the pane is doing.
    pub mode: Mode,
    cursor: Cursor,
}

impl Network {
    /// Takes the answer of the node; the selected peer stays selected.
    pub fn take(&mut self, peers: Vec<PeerView>) {
        let before = self.peers.as_deref().unwrap_or_default();
        self.cursor.follow(before, &peers, |peer| peer.network_id);
        self.peers = Some(peers);
    }

    fn selected(&self) -> Option<&PeerView> {
        self.peers.as_ref()?.get(self.cursor.selected)
    }
}

/// Keeps the selection in the list and on the screen.
pub fn settle(model: &mut Model, body: Rect) {
    let rows = usize::from(lines::split_top(body, HEAD_ROWS).1.height);
    let count = model.network.peers.as_ref().map_or(0, Vec::len);
    model.network.cursor.settle(count, rows);
}

/// Runs an action of this pane; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    let rows = lines::split_top(Areas::of(model).pane(Place::Network), HEAD_ROWS).1.height;
    let count = model.network.peers.as_ref().map_or(0, Vec::len);
    let Network { mode, cursor, .. } = &mut model.network;
    if *mode == Mode::List && cursor.perform(action, count, rows) {
        return Some(Vec::new());
    }
    match (mode, action) {
        (Mode::Adding(field), Action::Submit) => {
            if field.state == FieldState::Asked {
                return Some(Vec::new());
            }
            field.state = FieldState::Asked;
            let ticket = field.editor.content().trim().to_owned();
            return Some(vec![Request::Command(Asked::AddPeer, Command::AddPeer { ticket })]);
        }
        (Mode::Adding(_), Action::Cancel) => model.network.mode = Mode::List,
        (Mode::List, Action::Add) => model.network.mode = Mode::Adding(Field::default()),
        (Mode::List, Action::CopyText) => {
            let ticket = model.status.as_ref().and_then(|status| status.ticket.clone());
            return Some(match ticket {
                Some(ticket) => feed::copy(model, &ticket),
                None => model.say("there is no ticket before the network is up"),
            });
        }
        (Mode::List, Action::Ban) => return Some(ban_or_unban(model)),
        _ => return None,
    }
    Some(Vec::new())
}

/// Keeps the selected peer out, or lets it in again: one key for both, so that a slip is taken back by the same key.
fn ban_or_unban(model: &mut Model) -> Vec<Request> {
    let Some(selected) = model.network.selected() else {
        return model.say("no other node is known yet");
    };
    let peer = selected.network_id;
    vec![match selected.standing {
        PeerStanding::Ok => Request::Command(Asked::Ban, Command::BanPeer { peer }),
        PeerStanding::Banned { .. } => Request::Command(Asked::Unban, Command::UnbanPeer { peer }),
    }]
}

/// The node keeps a peer out.
pub fn banned(model: &mut Model) -> Vec<Request> {
    let key = model.key(Action::Ban);
    let mut requests = model.say(&format!("banned: it is cut off and refused. {key} lifts that"));
    requests.extend(model.watches.ask(Watch::Peers));
    requests
}

/// The node lets a peer in again.
pub fn unbanned(model: &mut Model) -> Vec<Request> {
    let mut requests = model.say("the ban is lifted: it may connect again");
    requests.extend(model.watches.ask(Watch::Peers));
    requests
}

/// The node remembers the peer.
pub fn added(model: &mut Model) -> Vec<Request> {
    model.network.mode = Mode::List;
    let network = model.status.as_ref().map(|status| &status.network);
    let mut requests = model.say(match network {
        Some(NetworkState::Off) => "added: the next start without --offline connects to it",
        Some(NetworkState::Failed(_)) => "added: the next start with a network connects to it",
        Some(NetworkState::Starting | NetworkState::Up) | None => "added: connecting to it",
    });
    requests.extend(model.watches.ask(Watch::Peers));
    requests
}

/// The node refused the ticket: it stays in the field.
pub fn refused(model: &mut Model, error: &CallError) {
    let why = model::sentence(error, model.theme);
    match &mut model.network.mode {
        Mode::Adding(field) => field.state = FieldState::Refused(why),
        Mode::List => model.complain(error),
    }
}

/// Draws this node and the list, or the field.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    if let Mode::Adding(field) = &model.network.mode {
        return draw_question(model, area, buffer, "Paste a ticket", field);
    }
    let (head, list) = lines::split_top(area, HEAD_ROWS);
    lines::draw(buffer, head, this_node(model));
    let Some(peers) = &model.network.peers else { return };
    if peers.is_empty() {
        let text = "No other node is known yet: follow somebody by invite, or add a ticket.";
        return lines::draw(buffer, list, sentence(text, list.width, theme.faint()));
    }
    let cursor = model.network.cursor;
    let rows =
        peers.iter().enumerate().skip(cursor.top).map(|(at, peer)| row(model, peer, at == cursor.selected));
    lines::draw(buffer, list, rows);
}

fn this_node(model: &Model) -> Vec<Line<'static>> {
    let theme = model.theme;
    let Some(status) = &model.status else {
        return Vec::new();
    };
    let state = match &status.network {
        NetworkState::Off => "switched off",
        NetworkState::Starting => "starting",
        NetworkState::Up => "listening",
        NetworkState::Failed(_) => "failed",
    };
    let addresses = match status.addresses.as_slice() {
        [] => "no address yet".to_owned(),
        addresses => SafeText::line(&addresses.join(", ")).to_string(),
    };
    let known = format!("{} connected of {} known", status.connected_peers, status.known_peers);
    vec![
        Line::from(vec![
            Span::styled("this node ", theme.strong()),
            Span::styled(status.network_id.fingerprint(), theme.faint()),
            Span::raw(format!("{}{state}", theme.dot())),
        ]),
        lines::plain(addresses, theme.faint()),
        lines::plain(known, theme.faint()),
    ]
}

/// `▌ ● 03030303 · direct · ok · 12 ms · in 3.1 KiB · out 812 B · 192.0.2.1:4000`.
fn row(model: &Model, peer: &PeerView, selected: bool) -> Line<'static> {
    let theme = model.theme;
    let bar = if selected { theme.bar() } else { " " };
    let (glyph, glyph_style) =
        if peer.connected { (theme.connected(), theme.good()) } else { (theme.unconnected(), theme.faint()) };
    let mut facts = Vec::new();
    match (peer.connected, peer.relayed) {
        (false, _) => facts.push("not connected".to_owned()),
        (true, Some(true)) => facts.push("through a relay".to_owned()),
        (true, _) => facts.push("direct".to_owned()),
    }
    facts.push(peer.standing.sentence());
    facts.extend(peer.latency_ms.map(|latency| format!("{latency} ms")));
    if peer.connected {
        facts.push(format!("in {}", size(peer.bytes_in)));
        facts.push(format!("out {}", size(peer.bytes_out)));
    }
    facts.extend(peer.addresses.first().map(|address| SafeText::line(address).to_string()));
    let id_style = if selected { theme.accent() } else { theme.strong() };
    Line::from(vec![
        Span::styled(format!("{bar} "), theme.accent()),
        Span::styled(format!("{glyph} "), glyph_style),
        Span::styled(peer.network_id.fingerprint(), id_style),
        Span::styled(format!("{}{}", theme.dot(), facts.join(theme.dot())), theme.faint()),
    ])
}

/// A number of bytes with three digits.
fn size(bytes: u64) -> String {
    let mut unit = "B";
    let mut tenths = bytes.saturating_mul(10);
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1_024;
        unit = larger;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}
