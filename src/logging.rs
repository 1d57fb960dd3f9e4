//! Logs are for us: a file in the data directory that holds no content, names, whole ids or addresses. Other crates
//! log addresses, so only our own lines are kept.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Bytes after which a log file is put aside.
const FILE_BYTES: u64 = 10 * 1024 * 1024;
/// Files put aside, besides the present one.
const KEPT_FILES: u32 = 2;

/// Begins to log into the data directory.
///
/// # Errors
/// When the file cannot be opened. Without a log the program works as well.
pub fn begin(data_dir: &Path, level: LevelFilter) -> io::Result<()> {
    let file = RotatingFile::open(data_dir.join("itsgoin.log"))?;
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Mutex::new(file));
    let ours = Targets::new().with_target("itsgoin", level);
    // A second call in one process keeps the first log.
    tracing_subscriber::registry().with(ours).with(lines).try_init().unwrap_or_default();
    Ok(())
}

struct RotatingFile {
    path: PathBuf,
    file: File,
    written: u64,
}

impl RotatingFile {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        let written = file.metadata()?.len();
        Ok(Self { path, file, written })
    }

    fn aside(&self, number: u32) -> PathBuf {
        self.path.with_extension(format!("log.{number}"))
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..KEPT_FILES).rev() {
            let older = self.aside(number);
            if older.exists() {
                std::fs::rename(older, self.aside(number + 1))?;
            }
        }
        std::fs::rename(&self.path, self.aside(1))?;
        *self = Self::open(self.path.clone())?;
        Ok(())
    }
}

impl Write for RotatingFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.written >= FILE_BYTES {
            self.rotate()?;
        }
        let written = self.file.write(line)?;
        self.written = self.written.saturating_add(u64::try_from(written).unwrap_or(0));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A name for an id in logs: the same within a log's life, not the id.
#[must_use]
pub fn pseudonym(id: &[u8; 32]) -> String {
    let [a, b, c, ..] = blake3::derive_key("itsgoin log names", id);
    format!("{a:02x}{b:02x}{c:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_files_are_put_aside_and_their_number_is_bounded() {
        let home = tempfile::tempdir().unwrap();
        let mut log = RotatingFile::open(home.path().join("itsgoin.log")).unwrap();
        for _ in 0..5 {
            log.written = FILE_BYTES;
            log.write_all(b"line\n").unwrap();
        }
        let mut names: Vec<_> =
            std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["itsgoin.log", "itsgoin.log.1", "itsgoin.log.2"]);
        log.flush().unwrap();
    }
}
