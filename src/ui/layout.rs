//! Where everything stands, for a terminal of any size. Pure arithmetic on the model; both the step that scrolls and
//! the drawing ask here, so that they never disagree.

use ratatui::layout::Rect;

use super::model::{Model, NodeState, Notice, Overlay, Place, Tone};
use super::panes::compose;
use super::widgets::lines::split_top;
use super::widgets::wrap;
use super::windows::Window;
use crate::domain::text::SafeText;

/// Columns from which on feed and post stand side by side: two times the fifty that text needs to be legible.
const WIDE: u16 = 100;
/// Columns between them: a gap, the wall, a gap.
pub const WALL: u16 = 3;
/// Columns below which only what cannot be missed is named.
const NARROW: u16 = 60;
/// Rows from which on there is a status line above the hints.
const TALL: u16 = 10;
/// Rows a long notice may take.
const NOTICE_ROWS: usize = 3;
/// Rows a question may take: whoever answers has to have read all of it.
const QUESTION_ROWS: usize = 6;

/// The parts of the screen. Any of them may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Areas {
    /// The line that says where one is.
    pub top: Rect,
    /// What is wrong with the node.
    pub banners: Rect,
    /// The pane or panes.
    pub body: Rect,
    /// The status line, or a notice.
    pub status: Rect,
    /// The hint bar.
    pub hints: Rect,
    /// What stands in the body.
    pub panes: Vec<Pane>,
    /// Gaps between panes beside each other.
    pub walls: Vec<Rect>,
}

/// Something that stands in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pane {
    /// What it shows; `None` where a conversation would stand.
    pub place: Option<Place>,
    /// Whether it has the focus.
    pub has_focus: bool,
    /// The row of its title; empty where it has all of the body.
    pub title: Rect,
    /// Where its content stands.
    pub area: Rect,
}

impl Areas {
    /// The parts for this model.
    pub fn of(model: &Model) -> Self {
        let (columns, rows) = model.size;
        Self::within(model, Rect::new(0, 0, columns, rows))
    }

    /// The parts of this screen.
    pub fn within(model: &Model, screen: Rect) -> Self {
        let (top, rest) = split_top(screen, u16::from(screen.height > 2));
        let (banners, rest) = split_top(rest, count(banners(model).len()));
        let status_rows = count(notice_rows(model, screen.width).len()).max(u16::from(screen.height >= TALL));
        let hint_rows = u16::from(screen.height > 1);
        let body_rows = rest.height.saturating_sub(status_rows + hint_rows);
        let (body, rest) = split_top(rest, body_rows);
        let (status, hints) = split_top(rest, rest.height.saturating_sub(hint_rows));
        let (panes, walls) = panes(model, body);
        Self { top, banners, body, status, hints, panes, walls }
    }

    /// Where a place's content stands; without columns where it is not on the screen.
    pub fn pane(&self, place: Place) -> Rect {
        let pane = self.panes.iter().find(|pane| pane.place == Some(place));
        pane.map_or(Rect { width: 0, ..self.body }, |pane| pane.area)
    }

    /// Whether there is only room for what cannot be missed.
    pub const fn is_narrow(&self) -> bool {
        self.top.width < NARROW
    }
}

/// What stands in the body: the windows; of a single one that is wide enough two places that belong together.
fn panes(model: &Model, body: Rect) -> (Vec<Pane>, Vec<Rect>) {
    if model.windows.count() == 1 {
        let pair = match model.place {
            Place::Feed | Place::Thread => Some((Place::Feed, Some(Place::Thread))),
            Place::Messages => Some((Place::Messages, model.messages.open.map(Place::Chat))),
            Place::Chat(thread) => Some((Place::Messages, Some(Place::Chat(thread)))),
            _ => None,
        };
        if let Some(pair) = pair.filter(|_| body.width >= WIDE) {
            return side_by_side(model.place, pair, body);
        }
        let title = Rect { height: 0, ..body };
        return (vec![Pane { place: Some(model.place), has_focus: true, title, area: body }], Vec::new());
    }
    let (windows, walls) = model.windows.areas(body, NARROW);
    let is_alone = windows.len() == 1;
    let pane = |window: Window| {
        let (title, area) = split_top(window.area, u16::from(!is_alone));
        let place = if window.has_focus { model.place } else { window.place };
        Pane { place: Some(place), has_focus: window.has_focus, title, area }
    };
    (windows.into_iter().map(pane).collect(), walls)
}

fn side_by_side(place: Place, pair: (Place, Option<Place>), body: Rect) -> (Vec<Pane>, Vec<Rect>) {
    let left = body.width * 2 / 5;
    let pane = |shows: Option<Place>, x, width| {
        let (title, area) = split_top(Rect { x, width, ..body }, 1);
        Pane { place: shows, has_focus: shows == Some(place), title, area }
    };
    let wall = Rect { x: body.x + left, width: WALL, ..body };
    let right = pane(pair.1, body.x + left + WALL, body.width - left - WALL);
    (vec![pane(Some(pair.0), body.x, left), right], vec![wall])
}

/// The rows of the notice at this width, and below it those of a question that lies over the pane.
pub fn notice_rows(model: &Model, columns: u16) -> Vec<(Tone, String)> {
    let width = usize::from(columns).saturating_sub(2);
    let question = match &model.overlay {
        Some(Overlay::QuitUnsaved) => Some(format!("{} Leave all the same?", compose::unkept(model))),
        Some(Overlay::Question(question)) => Some(question.text()),
        _ => None,
    };
    let question = question.map(|text| Notice { tone: Tone::Bad, text: SafeText::line(&text) });
    let rows = |(notice, most): (&Notice, usize)| {
        let mark = if notice.tone == Tone::Bad { "!" } else { " " };
        wrap::rows(notice.text.as_str(), width)
            .take(most)
            .enumerate()
            .map(|(at, row)| (notice.tone, format!("{} {row}", if at == 0 { mark } else { " " })))
            .collect::<Vec<_>>()
    };
    let notices = model.notice.iter().map(|notice| (notice, NOTICE_ROWS));
    notices.chain(question.iter().map(|question| (question, QUESTION_ROWS))).flat_map(rows).collect()
}

/// What is wrong with the node, one sentence a row.
pub fn banners(model: &Model) -> Vec<SafeText> {
    let stopped = (model.node == NodeState::Stopped)
        .then(|| SafeText::line("the node has stopped: leave and start itsgoin again"));
    let network = model.status.as_ref().and_then(|status| match &status.network {
        crate::api::NetworkState::Failed(why) => Some(SafeText::line(why)),
        _ => None,
    });
    let clock = model.status.as_ref().and_then(|status| status.clock_off_minutes).map(|minutes| {
        let side = if minutes < 0 { "behind" } else { "ahead of" };
        SafeText::line(&format!(
            "this computer's clock is {} min {side} its peers': set it right",
            minutes.unsigned_abs()
        ))
    });
    let is_short = model.status.as_ref().is_some_and(|status| status.space.is_short());
    let space = is_short.then(|| SafeText::line(&crate::api::SpaceView::warning()));
    [model.store_failure.clone(), stopped, network, clock, space].into_iter().flatten().collect()
}

fn count(rows: usize) -> u16 {
    u16::try_from(rows).unwrap_or(u16::MAX)
}
