//! A person in front of the interface: presses keys, pastes, waits, looks.

use std::collections::VecDeque;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::fake::{FakeNode, NOW};
use crate::api::Event;
use crate::domain::time::Timestamp;
use crate::ui::keymap::Key;
use crate::ui::message::{Answer, Message, Request, Wake};
use crate::ui::model::Model;
use crate::ui::terminal::Net;
use crate::ui::theme::Theme;
use crate::ui::{Reach, update, view};

/// Whether answers of the node arrive at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Quick,
    /// They wait until [`Session::deliver`].
    Held,
}

pub struct Session {
    pub model: Model,
    pub node: FakeNode,
    pub link: Link,
    pub now: Timestamp,
    pub copied: Vec<String>,
    pub shown: Vec<std::path::PathBuf>,
    pub draws: usize,
    pub has_quit: bool,
    timers: Vec<Wake>,
    waiting: VecDeque<Message>,
}

impl Session {
    pub fn new(node: FakeNode) -> Self {
        Self::themed(node, Theme::default())
    }

    pub fn themed(node: FakeNode, theme: Theme) -> Self {
        Self::begin(node, theme, Reach::Public)
    }

    /// Of a node that reaches others like this.
    pub fn reaching(node: FakeNode, reach: Reach) -> Self {
        Self::begin(node, Theme::default(), reach)
    }

    fn begin(node: FakeNode, theme: Theme, reach: Reach) -> Self {
        let mut session = Self {
            model: Model::new(theme, reach, NOW),
            node,
            link: Link::Quick,
            now: NOW,
            copied: Vec::new(),
            shown: Vec::new(),
            draws: 0,
            has_quit: false,
            timers: Vec::new(),
            waiting: VecDeque::new(),
        };
        let requests = update::start(&mut session.model);
        session.perform(requests);
        session.deliver();
        session
    }

    /// The same at another size.
    pub fn sized(mut self, columns: u16, rows: u16) -> Self {
        self.send(Message::Resize(columns, rows));
        self
    }

    /// Presses keys, named as in the help, separated by spaces.
    pub fn keys(&mut self, names: &str) -> &mut Self {
        for name in names.split(' ') {
            let key = Key::parse(name).unwrap_or_else(|| panic!("no key {name}"));
            self.send(Message::Key(key));
        }
        self
    }

    /// Types text key by key.
    pub fn types(&mut self, text: &str) -> &mut Self {
        for letter in text.chars() {
            let name = if letter == ' ' { "Space".to_owned() } else { letter.to_string() };
            self.keys(&name);
        }
        self
    }

    pub fn pastes(&mut self, text: &str) -> &mut Self {
        self.send(Message::Paste(text.to_owned()));
        self
    }

    pub fn hears(&mut self, event: Event) -> &mut Self {
        self.send(Message::Event(event));
        self
    }

    /// Lets all timers run out, and those they set once more.
    pub fn waits(&mut self) -> &mut Self {
        self.now = self.now.after(Duration::from_secs(1));
        for _ in 0..3 {
            for timer in std::mem::take(&mut self.timers) {
                self.send(Message::Woken(timer));
            }
        }
        self
    }

    pub fn send(&mut self, message: Message) {
        let requests = update::update(&mut self.model, self.now, message);
        self.perform(requests);
        if self.link == Link::Quick {
            self.deliver();
        }
    }

    /// Lets everything arrive that the node has answered.
    pub fn deliver(&mut self) {
        let mut answers = 0;
        while let Some(answer) = self.waiting.pop_front() {
            answers += 1;
            assert!(answers < 10_000, "it asks without end: {answer:?}");
            let requests = update::update(&mut self.model, self.now, answer);
            self.perform(requests);
        }
    }

    fn perform(&mut self, requests: Vec<Request>) {
        for request in requests {
            match request {
                Request::Draw | Request::DrawAll => self.draws += 1,
                Request::Query(asked, query) => {
                    let answer = self.node.query(&query).map(Answer::View);
                    self.waiting.push_back(Message::Answered(asked, answer));
                }
                Request::Command(asked, command) => {
                    let answer = self.node.command(&command).map(Answer::Outcome);
                    self.waiting.extend(self.node.events.drain(..).map(Message::Event));
                    self.waiting.push_back(Message::Answered(asked, answer));
                }
                Request::Wake(_, wake) => self.timers.push(wake),
                Request::Copy(text) => self.copied.push(text),
                Request::Show(path) => self.shown.push(path),
                Request::Suspend => {}
                Request::Quit => self.has_quit = true,
            }
        }
    }

    /// What the person sees, as cells.
    pub fn buffer(&self) -> Buffer {
        let (columns, rows) = self.model.size;
        let mut terminal = Terminal::new(Net(TestBackend::new(columns, rows))).unwrap();
        terminal.draw(|frame| view::draw(&self.model, frame.buffer_mut())).unwrap();
        terminal.backend().0.buffer().clone()
    }

    /// What the person sees, row by row.
    pub fn picture(&self) -> String {
        let buffer = self.buffer();
        let mut picture = String::new();
        for row in 0..buffer.area.height {
            let mut line = String::new();
            let mut covered = 0;
            for column in 0..buffer.area.width {
                let symbol = buffer[(column, row)].symbol();
                if covered == 0 {
                    line.push_str(symbol);
                    covered = crate::ui::widgets::wrap::cells(symbol).max(1);
                }
                covered -= 1;
            }
            picture.push_str(line.trim_end());
            picture.push('\n');
        }
        picture
    }

    /// Fails with the picture when the person cannot read this.
    pub fn sees(&mut self, text: &str) -> &mut Self {
        let picture = self.picture();
        assert!(picture.contains(text), "no {text:?} in\n{picture}");
        self
    }

    pub fn does_not_see(&mut self, text: &str) -> &mut Self {
        let picture = self.picture();
        assert!(!picture.contains(text), "{text:?} in\n{picture}");
        self
    }
}
