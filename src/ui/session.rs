//! The loop: waits for the terminal, the node and timers, hands messages to [`update`], performs what it asks for,
//! and draws. It decides nothing about the interface itself.

use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use ratatui::crossterm::event::{Event as TerminalEvent, EventStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Interval, MissedTickBehavior, Sleep, interval, sleep};

use super::keymap::Key;
use super::message::{Answer, Message, Request};
use super::model::Model;
use super::terminal::Screen;
use super::theme::Theme;
use super::update::{start, update};
use super::{Setup, UiError};
use crate::api::{Event, NodeHandle};

/// Time the first frame waits for stored content, so that it does not paint an empty screen before it.
const FIRST_FRAME: Duration = Duration::from_millis(20);
/// How often ages are looked at.
const MINUTE: Duration = Duration::from_mins(1);
/// Messages handled before a draw is due, so that a flood of them cannot keep the screen still.
const BATCH: usize = 512;

/// Everything the loop owns.
pub struct Session {
    setup: Setup,
    node: NodeHandle,
    model: Model,
    screen: Screen,
    keys: EventStream,
    farewells: [Signal; 3],
    /// The terminal has another size. Crossterm tells that too, but loses it when keys come at the same time.
    resized: Signal,
    events: broadcast::Receiver<Event>,
    /// Calls to the node and timers: each ends in a message.
    tasks: JoinSet<Message>,
    minutes: Interval,
    /// Until when no frame may be drawn, and what the one before was drawn for.
    pause: Option<Pin<Box<Sleep>>>,
    last: Cause,
    frame: Frame,
    course: Course,
}

/// Whether the screen shows the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// Nothing was drawn yet.
    First,
    /// It does.
    Shown,
    /// It does not.
    Due(Cause),
}

/// What a frame is drawn for. Both kinds keep to the rate, each on its own: a person who types never waits for the
/// posts that stream in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    /// Something came in or time passed.
    News,
    /// The person did something.
    Hand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Going,
    /// The terminal is gone: the draft is saved, nothing is drawn.
    HangingUp,
    Over,
}

impl Session {
    /// Takes the terminal and asks the node for the first frame.
    pub fn begin(setup: Setup, node: NodeHandle) -> Result<Self, UiError> {
        let listen = || {
            let farewells = [
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
                signal(SignalKind::interrupt())?,
            ];
            Ok((farewells, signal(SignalKind::window_change())?))
        };
        let (farewells, resized) = listen().map_err(UiError::Signals)?;
        let events = node.events();
        let theme = Theme { colours: setup.colours, glyphs: setup.glyphs };
        let mut model = Model::new(theme, setup.reach, (setup.now)());
        (model.shelf.viewer, model.shelf.downloads) = (setup.viewer, (setup.downloads)());
        let requests = start(&mut model);
        let screen = Screen::take().map_err(UiError::Terminal)?;
        model.size = screen.size().map_err(UiError::Terminal)?;
        let mut minutes = interval(MINUTE);
        minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut session = Self {
            setup,
            node,
            model,
            screen,
            keys: EventStream::new(),
            farewells,
            resized,
            events,
            tasks: JoinSet::new(),
            minutes,
            pause: Some(Box::pin(sleep(FIRST_FRAME))),
            last: Cause::News,
            frame: Frame::First,
            course: Course::Going,
        };
        session.perform(requests, Cause::News).map_err(UiError::Terminal)?;
        Ok(session)
    }

    /// Goes on until the person or the system ends it, or the terminal fails.
    pub async fn run(mut self) -> Result<(), UiError> {
        let mut result = Ok(());
        while self.course != Course::Over {
            if let Err(error) = self.round().await {
                // A terminal that is gone may fail before its hang-up is told: what was typed is saved all the same.
                self.hang_up();
                result = Err(UiError::Terminal(error));
            }
        }
        result
    }

    async fn round(&mut self) -> io::Result<()> {
        let message = self.next().await;
        self.take(message)?;
        self.take_waiting().await?;
        self.draw_if_due()
    }

    fn hang_up(&mut self) {
        let taken = self.take(Some(Message::HungUp));
        if taken.is_err() {
            // Nothing that a hang-up asks for needs the terminal.
            self.course = Course::Over;
        }
    }

    /// Waits for whatever comes next; `None` for what is nothing to the model.
    async fn next(&mut self) -> Option<Message> {
        if self.course == Course::HangingUp {
            return self.tasks.join_next().await.and_then(done);
        }
        let [ended, hung_up, interrupted] = &mut self.farewells;
        tokio::select! {
            event = self.keys.next() => from_terminal(event),
            event = self.events.recv() => Some(from_node(event)),
            Some(task) = self.tasks.join_next() => done(task),
            _ = ended.recv() => Some(Message::HungUp),
            _ = hung_up.recv() => Some(Message::HungUp),
            _ = interrupted.recv() => Some(Message::HungUp),
            _ = self.resized.recv() => {
                // A terminal without a size is gone: its end comes as an event of its own.
                self.screen.size().ok().map(|(columns, rows)| Message::Resize(columns, rows))
            }
            _ = self.minutes.tick() => Some(Message::MinutePassed),
            () = elapse(&mut self.pause) => {
                self.pause = None;
                None
            }
        }
    }

    /// Handles what else has come in already, so that one draw shows all of it.
    async fn take_waiting(&mut self) -> io::Result<()> {
        for _ in 0..BATCH {
            if self.course != Course::Going {
                break;
            }
            let message = if let Some(event) = ready(&mut self.keys).await {
                from_terminal(event)
            } else if let Some(task) = self.tasks.try_join_next() {
                done(task)
            } else {
                match self.events.try_recv() {
                    Ok(event) => Some(from_node(Ok(event))),
                    Err(TryRecvError::Lagged(missed)) => Some(from_node(Err(RecvError::Lagged(missed)))),
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            };
            self.take(message)?;
        }
        Ok(())
    }

    fn take(&mut self, message: Option<Message>) -> io::Result<()> {
        let Some(message) = message else {
            return Ok(());
        };
        if matches!(message, Message::HungUp) {
            self.course = Course::HangingUp;
        }
        let cause = match message {
            Message::Key(_) | Message::Paste(_) | Message::Resize(..) => Cause::Hand,
            _ => Cause::News,
        };
        let requests = update(&mut self.model, (self.setup.now)(), message);
        self.perform(requests, cause)
    }

    fn perform(&mut self, requests: Vec<Request>, cause: Cause) -> io::Result<()> {
        for request in requests {
            match request {
                Request::Draw => self.ask_for_frame(cause),
                Request::DrawAll => {
                    self.screen.forget();
                    self.ask_for_frame(cause);
                }
                Request::Query(asked, query) => {
                    let answer = self.node.query(query);
                    self.tasks.spawn(async move { Message::Answered(asked, answer.await.map(Answer::View)) });
                }
                Request::Command(asked, command) => {
                    let answer = self.node.command(command);
                    self.tasks
                        .spawn(async move { Message::Answered(asked, answer.await.map(Answer::Outcome)) });
                }
                Request::Wake(after, wake) => {
                    self.tasks.spawn(async move {
                        sleep(after).await;
                        Message::Woken(wake)
                    });
                }
                Request::Copy(text) => self.screen.copy(&text)?,
                Request::Show(path) => {
                    if let Err(_no_program) = show(&path) {
                        self.model.say("the system has no viewer for it: it is in the folder `viewing` of the data directory");
                        self.ask_for_frame(cause);
                    }
                }
                Request::Suspend => {
                    self.screen.suspend()?;
                    self.model.size = self.screen.size()?;
                    self.ask_for_frame(cause);
                }
                Request::Quit => self.course = Course::Over,
            }
        }
        Ok(())
    }

    fn ask_for_frame(&mut self, cause: Cause) {
        self.frame = match self.frame {
            Frame::First => Frame::First,
            Frame::Shown => Frame::Due(cause),
            Frame::Due(other) => Frame::Due(cause.max(other)),
        };
    }

    fn draw_if_due(&mut self) -> io::Result<()> {
        let due = match self.frame {
            Frame::Shown => false,
            Frame::Due(cause) => self.pause.is_none() || cause > self.last,
            Frame::First => self.pause.is_none() || self.model.is_loaded(),
        };
        if due && self.course == Course::Going {
            self.screen.draw(&self.model)?;
            self.last = if let Frame::Due(cause) = self.frame { cause } else { Cause::News };
            self.frame = Frame::Shown;
            let rate = self.setup.frames_per_second.max(1);
            self.pause = Some(Box::pin(sleep(Duration::from_secs(1) / rate)));
        }
        Ok(())
    }
}

fn from_terminal(event: Option<io::Result<TerminalEvent>>) -> Option<Message> {
    match event {
        Some(Ok(TerminalEvent::Key(event))) => Key::from_event(event).map(Message::Key),
        Some(Ok(TerminalEvent::Paste(text))) => Some(Message::Paste(text)),
        // Changes of size come by their signal.
        Some(Ok(_)) => None,
        // Nobody can type any more: the terminal was closed.
        Some(Err(_)) | None => Some(Message::HungUp),
    }
}

fn from_node(event: Result<Event, RecvError>) -> Message {
    Message::Event(match event {
        Ok(event) => event,
        Err(RecvError::Lagged(_)) => Event::Missed,
        Err(RecvError::Closed) => Event::Stopped,
    })
}

/// Opens a file with the program the system has for it, which lives on without us.
fn show(path: &std::path::Path) -> io::Result<()> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let null = std::process::Stdio::null;
    let mut child =
        std::process::Command::new(opener).arg(path).stdin(null()).stdout(null()).stderr(null()).spawn()?;
    // Its end is of no interest, but somebody has to take note of it.
    std::thread::Builder::new().name("viewer".to_owned()).spawn(move || child.wait()).map(drop)
}

/// A task's message; `None` for one that was cut off with the runtime.
fn done(task: Result<Message, JoinError>) -> Option<Message> {
    task.ok()
}

/// The next item if there is one already. Asks with the waker of the present task: `EventStream` keeps the first
/// waker it is asked with, so one that wakes nobody would leave later keys unnoticed.
async fn ready<S: Stream + Unpin>(stream: &mut S) -> Option<Option<S::Item>> {
    poll_fn(|context| {
        Poll::Ready(match stream.poll_next_unpin(context) {
            Poll::Ready(item) => Some(item),
            Poll::Pending => None,
        })
    })
    .await
}

/// Waits for the end of a pause, forever if there is none.
async fn elapse(pause: &mut Option<Pin<Box<Sleep>>>) {
    match pause {
        Some(sleep) => sleep.await,
        None => pending().await,
    }
}
