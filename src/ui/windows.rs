//! The windows the body of the screen is split into: a tree of panes side by side and one below the other, one of
//! which has the focus. Pure: knows places and shares, draws nothing, asks nothing.
//!
//! Invariants: at least one window and at most [`WINDOWS`]; a place stands in one window at a time, so that what one
//! does in it is seen wherever one looks. Going to a place that has its window goes to that window.

use std::collections::BTreeSet;

use ratatui::layout::Rect;
use serde::{Deserialize, Serialize};

use super::action::Action;
use super::layout::WALL;
use super::model::Place;

/// Windows there can be. More would be too small to read on any screen.
pub const WINDOWS: usize = 8;
/// The least columns and rows a window needs to be legible, its title included.
pub const LEAST: (u16, u16) = (24, 5);
/// What the shares of the parts of one split come to at most.
const MOST_SHARES: u32 = 1 << 16;
/// A canvas on which every window has some size, for finding neighbours on screens of any size.
const CANVAS: Rect = Rect { x: 0, y: 0, width: 60_000, height: 60_000 };

/// How two windows stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// One left, one right.
    Beside,
    /// One above, one below.
    Below,
}

/// Which way to another window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the left.
    Left,
    /// Down.
    Down,
    /// Up.
    Up,
    /// To the right.
    Right,
    /// To the next one, and from the last to the first.
    Next,
    /// To the one before, and from the first to the last.
    Previous,
}

impl Way {
    /// The way an action goes, if it goes to another window.
    pub const fn of(action: Action) -> Option<Self> {
        Some(match action {
            Action::WindowLeft => Self::Left,
            Action::WindowDown => Self::Down,
            Action::WindowUp => Self::Up,
            Action::WindowRight => Self::Right,
            Action::WindowNext => Self::Next,
            _ => return None,
        })
    }
}

/// Whether the window with the focus has all of the body for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zoom {
    Off,
    On,
}

/// One window, or several that share its room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Node {
    Window(Place),
    Split(Axis, Vec<Part>),
}

/// A part of a split and its share of the room, compared with those of the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    share: u32,
    node: Node,
}

/// The windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    root: Node,
    /// The window with the focus, counted from the upper left.
    focus: usize,
    zoom: Zoom,
}

/// A window on the screen, with the row of its title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// What it shows.
    pub place: Place,
    /// Whether it has the focus.
    pub has_focus: bool,
    /// Where it stands.
    pub area: Rect,
}

impl Windows {
    /// One window.
    pub const fn new(place: Place) -> Self {
        Self { root: Node::Window(place), focus: 0, zoom: Zoom::Off }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.root.count()
    }

    /// The one with the focus, counted from the upper left.
    pub const fn focus(&self) -> usize {
        self.focus
    }

    /// What the windows show, from the upper left on.
    pub fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        self.root.collect(&mut places);
        places
    }

    /// What the window with the focus shows.
    pub fn place(&self) -> Option<Place> {
        self.places().get(self.focus).copied()
    }

    /// How they stand, as text that [`Self::from_text`] reads: nothing for a single one, and `None` while one shows what is
    /// there for a moment only.
    pub fn to_text(&self) -> Option<String> {
        if self.count() < 2 {
            return Some(String::new());
        }
        let stays = self.places().into_iter().all(stays);
        stays.then(|| serde_json::to_string(&(&self.root, self.focus)).ok()).flatten()
    }

    /// Several windows as they stood; `None` when the text says nothing of the kind.
    pub fn from_text(text: &str) -> Option<Self> {
        let (root, focus): (Node, usize) = serde_json::from_str(text).ok()?;
        let windows = Self { root, focus, zoom: Zoom::Off };
        let places = windows.places();
        let different: BTreeSet<Place> = places.iter().copied().collect();
        let is_sound = (2..=WINDOWS).contains(&places.len())
            && different.len() == places.len()
            && focus < places.len()
            && places.into_iter().all(stays)
            && windows.root.is_sound();
        is_sound.then_some(windows)
    }

    /// Whether a window shows this.
    pub fn shows(&self, place: Place) -> bool {
        self.places().contains(&place)
    }

    /// The person went to a place: the window that has it gets the focus, or the one with the focus shows it.
    pub fn follow(&mut self, place: Place) {
        if let Some(at) = self.places().iter().position(|shown| *shown == place) {
            self.focus = at;
        } else if let Some(shown) = self.root.leaf_mut(self.focus) {
            *shown = place;
        }
    }

    /// Splits the window with the focus; the new one shows `place` and has the focus. Whether there was room.
    pub fn split(&mut self, axis: Axis, place: Place) -> bool {
        if self.count() >= WINDOWS || self.shows(place) {
            return false;
        }
        self.root.split(self.focus, axis, place);
        (self.focus, self.zoom) = (self.focus + 1, Zoom::Off);
        true
    }

    /// Closes the window with the focus, if there are others: the one before it gets the focus. Whether it did.
    pub fn close(&mut self) -> bool {
        if self.count() < 2 {
            return false;
        }
        self.root.remove(self.focus);
        (self.focus, self.zoom) = (self.focus.saturating_sub(1), Zoom::Off);
        true
    }

    /// Closes all others.
    pub fn only(&mut self) {
        if let Some(place) = self.place() {
            *self = Self::new(place);
        }
    }

    /// Gives all windows of a row or column the same room.
    pub fn equalize(&mut self) {
        self.root.equalize();
    }

    /// Gives the window with the focus all of the body, or its own room again.
    pub const fn zoom(&mut self) {
        self.zoom = match self.zoom {
            Zoom::Off => Zoom::On,
            Zoom::On => Zoom::Off,
        };
    }

    /// Goes to another window; whether there is one that way.
    pub fn go(&mut self, way: Way) -> bool {
        let count = self.count();
        let found = match way {
            Way::Next => Some((self.focus + 1) % count),
            Way::Previous => Some((self.focus + count - 1) % count),
            _ => self.neighbour(way),
        };
        let moves = found.filter(|found| *found != self.focus);
        self.focus = moves.unwrap_or(self.focus);
        moves.is_some()
    }

    /// The nearest window that way, at the height of the middle of this one.
    fn neighbour(&self, way: Way) -> Option<usize> {
        let (mut areas, mut walls) = (Vec::new(), Vec::new());
        self.root.place(CANVAS, 0, &mut areas, &mut walls);
        let from = areas.get(self.focus).map(|(_, area)| *area)?;
        let (column, row) = (from.x + from.width / 2, from.y + from.height / 2);
        let beside = areas.iter().enumerate().map(|(at, (_, area))| (at, *area));
        let (same_rows, same_columns) = (
            |area: &Rect| area.top() <= row && row < area.bottom(),
            |area: &Rect| area.left() <= column && column < area.right(),
        );
        match way {
            Way::Left => beside
                .filter(|(_, area)| same_rows(area) && area.right() <= from.left())
                .max_by_key(|(_, area)| area.right()),
            Way::Right => beside
                .filter(|(_, area)| same_rows(area) && area.left() >= from.right())
                .min_by_key(|(_, area)| area.left()),
            Way::Up => beside
                .filter(|(_, area)| same_columns(area) && area.bottom() <= from.top())
                .max_by_key(|(_, area)| area.bottom()),
            _ => beside
                .filter(|(_, area)| same_columns(area) && area.top() >= from.bottom())
                .min_by_key(|(_, area)| area.top()),
        }
        .map(|(at, _)| at)
    }

    /// The windows in this area and the gaps between those that stand beside each other; only the one with the focus
    /// where it is zoomed, or where `narrow` columns or the least room of a window would not be reached.
    pub fn areas(&self, body: Rect, narrow: u16) -> (Vec<Window>, Vec<Rect>) {
        let (mut areas, mut walls) = (Vec::new(), Vec::new());
        self.root.place(body, WALL, &mut areas, &mut walls);
        let fits = |area: &Rect| area.width >= LEAST.0 && area.height >= LEAST.1;
        let is_legible = body.width >= narrow && areas.iter().all(|(_, area)| fits(area));
        let windows = areas.into_iter().enumerate();
        let windows = windows.map(|(at, (place, area))| Window { place, has_focus: at == self.focus, area });
        if self.zoom == Zoom::Off && is_legible {
            return (windows.collect(), walls);
        }
        let focused = windows.filter(|window| window.has_focus);
        (focused.map(|window| Window { area: body, ..window }).collect(), Vec::new())
    }
}

/// Keeps shares small however often windows are split and closed; what is too small to be seen may grow by that.
fn bound(parts: &mut [Part]) {
    let sum = |parts: &[Part]| parts.iter().fold(0_u32, |sum, part| sum.saturating_add(part.share));
    let is_even = |parts: &[Part]| parts.iter().all(|part| part.share.is_multiple_of(2));
    while is_even(parts) || sum(parts) > MOST_SHARES {
        for part in &mut *parts {
            part.share = (part.share / 2).max(1);
        }
    }
}

/// Whether a place is there again after a start.
const fn stays(place: Place) -> bool {
    matches!(place, Place::Feed | Place::People | Place::Network | Place::Messages | Place::Chat(_))
}

impl Node {
    /// Whether every split has parts, and every part some room.
    fn is_sound(&self) -> bool {
        match self {
            Self::Window(_) => true,
            Self::Split(_, parts) => {
                let has_room = |part: &Part| (1..=MOST_SHARES).contains(&part.share) && part.node.is_sound();
                parts.len() >= 2 && parts.iter().all(has_room)
            }
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Window(_) => 1,
            Self::Split(_, parts) => parts.iter().map(|part| part.node.count()).sum(),
        }
    }

    fn collect(&self, places: &mut Vec<Place>) {
        match self {
            Self::Window(place) => places.push(*place),
            Self::Split(_, parts) => parts.iter().for_each(|part| part.node.collect(places)),
        }
    }

    fn leaf_mut(&mut self, at: usize) -> Option<&mut Place> {
        match self {
            Self::Window(place) => (at == 0).then_some(place),
            Self::Split(_, parts) => {
                let (part, inside) = find(parts, at)?;
                parts.get_mut(part)?.node.leaf_mut(inside)
            }
        }
    }

    /// Puts a new window behind the one at this place.
    fn split(&mut self, at: usize, axis: Axis, place: Place) {
        match self {
            Self::Window(old) => {
                let nodes = [Self::Window(*old), Self::Window(place)];
                *self = Self::Split(axis, nodes.map(|node| Part { share: 1, node }).into());
            }
            Self::Split(own, parts) => {
                let Some((index, inside)) = find(parts, at) else { return };
                let is_window = parts.get(index).is_some_and(|part| matches!(part.node, Self::Window(_)));
                if *own == axis && is_window {
                    // The new one gets half of the room of the old one.
                    let share = parts.get(index).map_or(1, |part| part.share);
                    for (_, other) in parts.iter_mut().enumerate().filter(|(other, _)| *other != index) {
                        other.share = other.share.saturating_mul(2);
                    }
                    parts.insert(index + 1, Part { share, node: Self::Window(place) });
                    bound(parts);
                } else if let Some(part) = parts.get_mut(index) {
                    part.node.split(inside, axis, place);
                }
            }
        }
    }

    /// Takes a window out; its room goes to the one before it, or else to the one behind it.
    fn remove(&mut self, at: usize) {
        let Self::Split(_, parts) = self else { return };
        let Some((index, inside)) = find(parts, at) else { return };
        match parts.get_mut(index) {
            Some(Part { node: node @ Self::Split(..), .. }) => node.remove(inside),
            Some(_) => {
                let removed = parts.remove(index);
                if let Some(neighbour) = parts.get_mut(index.saturating_sub(1)) {
                    neighbour.share = neighbour.share.saturating_add(removed.share);
                }
                bound(parts);
            }
            None => {}
        }
        if parts.len() == 1
            && let Some(last) = parts.pop()
        {
            *self = last.node;
        }
    }

    fn equalize(&mut self) {
        if let Self::Split(axis, parts) = self {
            for part in parts {
                part.share = part.node.along(*axis);
                part.node.equalize();
            }
        }
    }

    /// How many windows stand one behind the other along an axis.
    fn along(&self, axis: Axis) -> u32 {
        match self {
            Self::Window(_) => 1,
            Self::Split(own, parts) => {
                let counts = parts.iter().map(|part| part.node.along(axis));
                if *own == axis { counts.sum() } else { counts.max().unwrap_or(1) }
            }
        }
    }

    /// Where each window stands, with gaps of so many columns between those beside each other.
    fn place(&self, area: Rect, wall: u16, areas: &mut Vec<(Place, Rect)>, walls: &mut Vec<Rect>) {
        let (axis, parts) = match self {
            Self::Window(place) => return areas.push((*place, area)),
            Self::Split(axis, parts) => (*axis, parts),
        };
        let gap = if axis == Axis::Beside { wall } else { 0 };
        let gaps = u16::try_from(parts.len().saturating_sub(1)).unwrap_or(0).saturating_mul(gap);
        let mut left = match axis {
            Axis::Beside => area.width.saturating_sub(gaps),
            Axis::Below => area.height,
        };
        let mut shares: u32 = parts.iter().map(|part| part.share).sum();
        let mut rest = area;
        for (index, part) in parts.iter().enumerate() {
            if index > 0 && gap > 0 {
                let (between, behind) = cut(rest, axis, gap);
                walls.push(between);
                rest = behind;
            }
            // Each takes its share of what is left, so that nothing is lost by rounding.
            let mine = u32::from(left).saturating_mul(part.share).div_ceil(shares.max(1));
            let mine = u16::try_from(mine).unwrap_or(left).min(left);
            (left, shares) = (left - mine, shares.saturating_sub(part.share));
            let (own, behind) = cut(rest, axis, mine);
            part.node.place(own, wall, areas, walls);
            rest = behind;
        }
    }
}

/// The part that holds a window, and the window's number in it.
fn find(parts: &[Part], at: usize) -> Option<(usize, usize)> {
    let mut inside = at;
    for (index, part) in parts.iter().enumerate() {
        let count = part.node.count();
        if inside < count {
            return Some((index, inside));
        }
        inside -= count;
    }
    None
}

/// The first columns or rows of an area, and the rest.
const fn cut(area: Rect, axis: Axis, length: u16) -> (Rect, Rect) {
    match axis {
        Axis::Beside => {
            let length = if length < area.width { length } else { area.width };
            let rest = Rect { x: area.x + length, width: area.width - length, ..area };
            (Rect { width: length, ..area }, rest)
        }
        Axis::Below => {
            let length = if length < area.height { length } else { area.height };
            let rest = Rect { y: area.y + length, height: area.height - length, ..area };
            (Rect { height: length, ..area }, rest)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::conversation::ConversationId;

    const BODY: Rect = Rect { x: 0, y: 1, width: 123, height: 40 };

    fn chat(number: u8) -> Place {
        Place::Chat(ConversationId::from_bytes([number; 16]))
    }

    fn columns(windows: &Windows) -> Vec<u16> {
        windows.areas(BODY, 0).0.iter().map(|window| window.area.width).collect()
    }

    #[test]
    fn a_new_window_takes_half_of_the_one_it_came_from_until_all_are_equal() {
        let mut windows = Windows::new(Place::Messages);
        assert!(windows.split(Axis::Beside, chat(1)));
        assert_eq!(columns(&windows), [60, 60]);
        assert!(windows.split(Axis::Beside, chat(2)));
        assert_eq!(columns(&windows), [59, 29, 29]);
        windows.equalize();
        assert_eq!(columns(&windows), [39, 39, 39]);
        assert!(windows.split(Axis::Below, chat(3)));
        windows.equalize();
        assert_eq!(columns(&windows), [39, 39, 39, 39]);
        assert_eq!(windows.place(), Some(chat(3)));
    }

    #[test]
    fn the_room_of_a_closed_window_goes_back_to_where_it_came_from() {
        let mut windows = Windows::new(Place::Messages);
        windows.split(Axis::Beside, chat(1));
        let before = windows.clone();
        for _ in 0..100 {
            windows.split(Axis::Beside, chat(2));
            windows.close();
            assert_eq!(windows, before);
        }
        // Half of a half of a half: in the end all have some room still.
        for number in 2..102 {
            windows.split(Axis::Beside, chat(number));
            windows.go(Way::Previous);
            windows.close();
            windows.follow(chat(number));
        }
        let Node::Split(_, parts) = &windows.root else { panic!("there are two") };
        assert!(parts.iter().all(|part| (1..=MOST_SHARES).contains(&part.share)), "{parts:?}");
        assert_eq!(windows.count(), 2);
    }

    #[test]
    fn windows_that_stood_stand_again_and_nothing_else_does() {
        let mut windows = Windows::new(Place::Messages);
        assert_eq!(windows.to_text().as_deref(), Some(""));
        windows.split(Axis::Beside, chat(1));
        windows.split(Axis::Below, chat(2));
        windows.go(Way::Left);
        let text = windows.to_text().unwrap();
        assert_eq!(Windows::from_text(&text), Some(windows.clone()));
        let id = "01".repeat(16);
        for (part, other) in [
            (format!("{{\"chat\":\"{id}\"}}"), "\"messages\"".to_owned()),
            ("messages".to_owned(), "compose".to_owned()),
            (",0]".to_owned(), ",3]".to_owned()),
            ("\"share\":1".to_owned(), "\"share\":0".to_owned()),
            ("\"share\":1".to_owned(), "\"share\":65537".to_owned()),
            ("beside".to_owned(), "behind".to_owned()),
        ] {
            assert!(text.contains(&part), "{part} in {text}");
            assert_eq!(Windows::from_text(&text.replacen(&part, &other, 1)), None, "{other}");
        }
        assert!([Windows::from_text(""), Windows::from_text("[\"feed\",0]")].iter().all(Option::is_none));
        windows.follow(Place::Compose);
        assert_eq!(windows.to_text(), None, "a text that is written is not there after a start");
    }

    #[test]
    fn one_goes_to_the_neighbour_one_sees() {
        let mut windows = Windows::new(Place::Feed);
        windows.split(Axis::Beside, Place::Messages);
        windows.split(Axis::Below, Place::People);
        assert!(windows.go(Way::Left));
        assert_eq!(windows.place(), Some(Place::Feed));
        assert!(!windows.go(Way::Left) && !windows.go(Way::Up) && !windows.go(Way::Down));
        assert!(windows.go(Way::Right));
        assert_ne!(windows.place(), Some(Place::Feed));
        windows.go(Way::Up);
        assert_eq!(windows.place(), Some(Place::Messages));
        assert!(windows.go(Way::Down) && windows.go(Way::Next));
        assert_eq!(windows.place(), Some(Place::Feed), "behind the last is the first");
        assert!(windows.go(Way::Previous));
        assert_eq!(windows.place(), Some(Place::People));
    }

    #[test]
    fn what_has_its_window_is_gone_to_and_not_shown_twice() {
        let mut windows = Windows::new(Place::Feed);
        windows.split(Axis::Beside, Place::Messages);
        windows.follow(Place::Feed);
        assert_eq!((windows.focus(), windows.count()), (0, 2));
        windows.follow(Place::People);
        assert_eq!(windows.places(), [Place::People, Place::Messages]);
        assert!(!windows.split(Axis::Below, Place::Messages));
    }

    #[test]
    fn only_the_one_with_the_focus_is_shown_where_there_is_no_room_or_it_is_zoomed() {
        let mut windows = Windows::new(Place::Feed);
        windows.split(Axis::Beside, Place::Messages);
        let shown = |windows: &Windows, body, narrow| windows.areas(body, narrow).0.len();
        assert_eq!(shown(&windows, BODY, 60), 2);
        assert_eq!(shown(&windows, Rect { width: 59, ..BODY }, 60), 1);
        assert_eq!(shown(&windows, Rect { height: 4, ..BODY }, 60), 1);
        windows.zoom();
        let (zoomed, walls) = windows.areas(BODY, 60);
        assert_eq!((zoomed.len(), walls.len(), zoomed[0].area), (1, 0, BODY));
        windows.zoom();
        assert_eq!(shown(&windows, BODY, 60), 2);
    }

    fn step() -> impl Strategy<Value = (u8, u8)> {
        (0_u8..12, 0_u8..30)
    }

    proptest! {
        #[test]
        fn whatever_is_done_the_windows_tile_the_body(steps in prop::collection::vec(step(), 1..40), width in 0_u16..250, height in 0_u16..70) {
            let mut windows = Windows::new(Place::Feed);
            for (step, number) in steps {
                match step {
                    0 | 1 => drop(windows.split(Axis::Beside, chat(number))),
                    2 | 3 => drop(windows.split(Axis::Below, chat(number))),
                    4 => drop(windows.close()),
                    5 => windows.equalize(),
                    6 => windows.follow(chat(number)),
                    7 => windows.zoom(),
                    8 => drop(windows.go(Way::Next)),
                    9 => drop(windows.go(Way::Left)),
                    10 => drop(windows.go(Way::Down)),
                    _ => drop(windows.go(Way::Previous)),
                }
                let places = windows.places();
                prop_assert!((1..=WINDOWS).contains(&places.len()));
                prop_assert!(windows.place().is_some());
                prop_assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), places.len(), "each once");
            }
            let kept = windows.to_text().and_then(|text| Windows::from_text(&text));
            prop_assert_eq!(kept, (windows.count() > 1).then(|| Windows { zoom: Zoom::Off, ..windows.clone() }));
            let body = Rect { x: 0, y: 1, width, height };
            let (shown, walls) = windows.areas(body, 0);
            prop_assert!(shown.iter().any(|window| window.has_focus));
            let cells = |area: Rect| u32::from(area.width) * u32::from(area.height);
            let all = shown.iter().map(|window| cells(window.area)).chain(walls.into_iter().map(cells)).sum::<u32>();
            prop_assert_eq!(all, cells(body));
            for window in &shown {
                prop_assert_eq!(window.area.intersection(body), window.area);
            }
        }
    }
}
