//! A whole history with every line of the log kept: nothing in it says who wrote what to whom.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt;

use super::play;

/// Every line written.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged meanwhile, at every level.
fn logged(act: impl FnOnce()) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    with_default(tracing_subscriber::registry().with(layer), act);
    String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
}

/// A run of hex digits as long as what `Debug` shows of an id, or a name or text of the simulated persons.
fn tells(log: &str) -> bool {
    let words = || log.split(|letter: char| !letter.is_ascii_alphanumeric());
    words().any(|word| word.len() >= 8 && word.chars().all(|letter| letter.is_ascii_hexdigit()))
        || ["persona ", "post ", "somebody", "unfinished"].iter().any(|word| log.contains(word))
}

#[test]
fn a_history_leaves_no_name_id_or_text_in_the_log() {
    let log = logged(|| {
        for seed in 0..4 {
            play(seed, None).unwrap();
        }
    });
    assert!(!tells(&log), "{log}");
}

#[test]
fn a_planted_line_is_noticed() {
    for planted in ["post 7", "by PostingId(ababababab)", "from persona ana"] {
        assert!(tells(&logged(|| tracing::debug!("{planted}"))), "{planted}");
    }
}
