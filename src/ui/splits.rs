//! What the keys of windows do: splitting, going from one to another, closing, zooming; and how they stand again after a
//! start as they stood before.

use super::action::Action;
use super::message::{Asked, Request};
use super::model::{Model, Place};
use super::panes::chat;
use super::windows::{Axis, Way, Windows};
use crate::api::{Command, DraftSlot};

/// Runs an action about windows; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    let is_split = model.windows.count() > 1;
    let way = match action {
        Action::NextPane if is_split => Some(Way::Next),
        Action::PreviousPane if is_split => Some(Way::Previous),
        _ => Way::of(action),
    };
    if let Some(way) = way {
        return Some(go(model, way));
    }
    match action {
        Action::SplitBelow => return Some(split(model, Axis::Below)),
        Action::SplitBeside => return Some(split(model, Axis::Beside)),
        Action::CloseWindow => return Some(close(model)),
        Action::Back if is_split && model.place == Place::Feed => return Some(close(model)),
        Action::OnlyWindow => model.windows.only(),
        Action::ZoomWindow => model.windows.zoom(),
        Action::EqualWindows => model.windows.equalize(),
        _ => return None,
    }
    Some(Vec::new())
}

fn go(model: &mut Model, way: Way) -> Vec<Request> {
    if !model.windows.go(way) {
        return model.say("there is no window this way");
    }
    land(model);
    Vec::new()
}

/// The person is where the focus is.
fn land(model: &mut Model) {
    model.place = model.windows.place().unwrap_or(Place::Feed);
}

fn close(model: &mut Model) -> Vec<Request> {
    if !model.windows.close() {
        return model.say("this is the only window");
    }
    land(model);
    Vec::new()
}

/// A new window beside or below this one, with the first place that has none; for a conversation that is the list, from
/// which another one is opened there.
fn split(model: &mut Model, axis: Axis) -> Vec<Request> {
    let order = match model.place {
        Place::Thread => [Place::Feed, Place::Messages, Place::People, Place::Network],
        _ => [Place::Messages, Place::Feed, Place::People, Place::Network],
    };
    let is_free = |place: &Place| *place != model.place && !model.windows.shows(*place);
    let Some(place) = order.into_iter().find(is_free) else {
        return model.say("everything has its window already");
    };
    if !model.windows.split(axis, place) {
        return model.say("there are as many windows as there can be");
    }
    super::update::go(model, place)
}

/// Keeps how the windows stand, if that is another way than the node keeps.
pub fn keep(model: &mut Model) -> Vec<Request> {
    let Some(text) =
        model.windows.to_text().filter(|_| !matches!(model.place, Place::FirstRun | Place::Locked))
    else {
        return Vec::new();
    };
    match &mut model.windows_kept {
        Some(kept) if *kept != text => {
            kept.clone_from(&text);
            vec![Request::Command(Asked::Windows, Command::SaveDraft { slot: DraftSlot::Windows, text })]
        }
        _ => Vec::new(),
    }
}

/// How the windows stood is known: they stand so again, unless the person has begun to do something. Nothing in them counts
/// as seen by that.
pub fn stood(model: &mut Model, text: &str) -> Vec<Request> {
    let is_first = model.windows_kept.is_none();
    model.windows_kept = Some(text.to_owned());
    let is_untouched = model.windows.count() == 1 && model.place == Place::Feed && model.overlay.is_none();
    let Some(windows) = Windows::from_text(text).filter(|_| is_first && is_untouched) else {
        return Vec::new();
    };
    let mut requests = Vec::new();
    for place in windows.places() {
        requests.extend(match place {
            Place::Chat(thread) => chat::open_unseen(model, thread),
            place => super::update::go(model, place),
        });
    }
    model.windows = windows;
    land(model);
    requests
}
