//! Files of the person outside the data directory: those that are attached, and those attachments are written into.
//!
//! A name of a stranger is never a path: only a harmless form of its last part is used. Nothing that is there is
//! overwritten unless the person said so.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::api::{CallError, ErrorKind, Existing, FileToAttach, Metadata, SaveTarget};
use crate::domain::ids::BlobHash;
use crate::domain::media::{self, CleanError, Format};
use crate::domain::text::SafeText;
use crate::limits::{BLOB_BYTES, SHORT_FIELD_BYTES};

/// Bytes of a file's name that is made from what a stranger wrote. Lower cuts honest names; higher exceeds what file
/// systems take once a number is added.
const NAME_BYTES: usize = 120;
/// Numbers tried behind a name that is taken.
const NUMBERED: u32 = 1_000;
/// Bytes a file may lose by the removal of what it tells about its making, and still be read.
const REMOVABLE_BYTES: u64 = 4 * 1024 * 1024;

/// A file that can be attached.
#[derive(Debug)]
pub struct ReadFile {
    /// What will be published.
    pub bytes: Vec<u8>,
    /// What it is.
    pub media_type: &'static str,
    /// What it is called.
    pub name: String,
    /// What can be seen in it.
    pub alt: Option<String>,
}

/// Why a file cannot be attached or written.
#[derive(Debug, Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("`{name}` cannot be read: {source}")]
    Unreadable {
        /// Which.
        name: SafeText,
        /// Why.
        source: io::Error,
    },
    /// It is a folder, a device or a pipe.
    #[error("`{name}` is no ordinary file")]
    NoFile {
        /// Which.
        name: SafeText,
    },
    /// It is empty.
    #[error("`{name}` is empty")]
    Empty {
        /// Which.
        name: SafeText,
    },
    /// It is too large.
    #[error("`{name}` is larger than {} MiB", BLOB_BYTES / 1024 / 1024)]
    TooLarge {
        /// Which.
        name: SafeText,
    },
    /// Its description is too long.
    #[error("a description may have at most {SHORT_FIELD_BYTES} bytes")]
    LongAlt,
    /// It may tell about its making what cannot be removed.
    #[error("`{name}` {source}")]
    Unclean {
        /// Which.
        name: SafeText,
        /// Why.
        source: CleanError,
    },
    /// A file stands where it should go.
    #[error("`{path}` exists")]
    Exists {
        /// Where.
        path: SafeText,
    },
    /// It cannot be written.
    #[error("`{path}` cannot be written: {source}")]
    Unwritable {
        /// Where.
        path: SafeText,
        /// Why.
        source: io::Error,
    },
}

impl From<FileError> for CallError {
    fn from(error: FileError) -> Self {
        let (kind, hint) = match &error {
            FileError::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                (ErrorKind::NotFound, "check the path")
            }
            FileError::Unreadable { .. } => (ErrorKind::Invalid, "check its rights"),
            FileError::NoFile { .. } => (ErrorKind::Invalid, "name a file; a folder can be packed into one"),
            FileError::Empty { .. } => (ErrorKind::Invalid, "attach something else"),
            FileError::TooLarge { .. } => (ErrorKind::Invalid, "make it smaller"),
            FileError::LongAlt => (ErrorKind::Invalid, "shorten it"),
            FileError::Unclean { source, .. } => (ErrorKind::Invalid, source.hint()),
            FileError::Exists { .. } => {
                (ErrorKind::Invalid, "choose another place with --to, or replace the file with --force")
            }
            FileError::Unwritable { .. } => (ErrorKind::Store, "choose another place, or free some space"),
        };
        Self::new(kind, error.to_string(), hint)
    }
}

fn shown(path: &Path) -> SafeText {
    SafeText::line(&path.to_string_lossy())
}

/// Reads a file and removes what it tells about its making.
///
/// # Errors
/// [`FileError`].
pub fn read_for_post(file: &FileToAttach) -> Result<ReadFile, FileError> {
    let name = || shown(&file.path);
    let unreadable = |source| FileError::Unreadable { name: name(), source };
    let alt = file.alt.clone().filter(|alt| !alt.trim().is_empty());
    if alt.as_ref().is_some_and(|alt| alt.len() > SHORT_FIELD_BYTES) {
        return Err(FileError::LongAlt);
    }
    // Looked at before it is opened: opening a pipe would wait for whoever writes into it.
    if !std::fs::metadata(&file.path).map_err(unreadable)?.is_file() {
        return Err(FileError::NoFile { name: name() });
    }
    let opened = File::open(&file.path).map_err(unreadable)?;
    let most = BLOB_BYTES.saturating_add(REMOVABLE_BYTES);
    let mut bytes = Vec::new();
    opened.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    let too_many = |bytes: &Vec<u8>, most| u64::try_from(bytes.len()).map_or(true, |length| length > most);
    if too_many(&bytes, most) {
        return Err(FileError::TooLarge { name: name() });
    }
    if bytes.is_empty() {
        return Err(FileError::Empty { name: name() });
    }
    let format = Format::of(&bytes);
    if file.metadata == Metadata::Remove {
        bytes = media::clean(format, bytes).map_err(|source| FileError::Unclean { name: name(), source })?;
    }
    if too_many(&bytes, BLOB_BYTES) {
        return Err(FileError::TooLarge { name: name() });
    }
    let own_name = file.path.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(ReadFile { bytes, media_type: format.media_type(), name: short(&own_name.unwrap_or_default()), alt })
}

/// The end of a name that is too long for a post's field: its ending says more than its beginning.
fn short(name: &str) -> String {
    let mut start = name.len().saturating_sub(SHORT_FIELD_BYTES);
    while !name.is_char_boundary(start) {
        start = start.saturating_add(1);
    }
    name.get(start..).unwrap_or_default().to_owned()
}

/// Whether other programs show files of this kind without running what is in them.
#[must_use]
pub fn can_be_shown(bytes: &[u8]) -> bool {
    Format::of(bytes).is_inert()
}

/// A harmless name for a file: the last part of what a stranger calls it, without anything a file system or a shell
/// takes for more than a letter, ending as its content is.
#[must_use]
pub fn harmless_name(name: &str, hash: BlobHash, bytes: &[u8]) -> String {
    let format = Format::of(bytes);
    let name = SafeText::line(name);
    let last = name.as_str().rsplit(['/', '\\']).next().unwrap_or_default();
    let is_harmless = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | ' ');
    let letters: String = last.chars().map(|letter| if is_harmless(letter) { letter } else { '_' }).collect();
    let letters = letters.trim_start_matches('.');
    let (stem, ending) = letters.rsplit_once('.').unwrap_or((letters, ""));
    let stem = stem.trim_matches(['.', ' ', '-']);
    let mut stem: String = match stem {
        "" => format!("attachment-{}", hash.fingerprint()),
        stem => stem.to_owned(),
    };
    while stem.len() > NAME_BYTES {
        stem.pop();
    }
    // What is known by its content gets the ending of that; an unknown ending would decide what opens it.
    let is_plain =
        (1..=8).contains(&ending.len()) && ending.chars().all(|letter| letter.is_ascii_alphanumeric());
    let claimed = if is_plain { ending.to_ascii_lowercase() } else { "bin".to_owned() };
    let ending = format.ending().map_or(claimed, str::to_owned);
    format!("{}.{ending}", stem.trim_end())
}

/// Writes an attachment. It is there whole or not at all.
///
/// # Errors
/// [`FileError::Exists`] or [`FileError::Unwritable`].
pub fn write(
    bytes: &[u8],
    name: &str,
    hash: BlobHash,
    target: &SaveTarget,
    viewing: &Path,
) -> Result<PathBuf, FileError> {
    match target {
        SaveTarget::File { path, existing } => write_one(path, bytes, *existing).map(|()| path.clone()),
        SaveTarget::Folder { path } => write_numbered(path, &harmless_name(name, hash, bytes), bytes),
        SaveTarget::Viewing => {
            let folder = viewing.join(hash.fingerprint());
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.map_err(|source| FileError::Unwritable { path: shown(&folder), source })?;
            let path = folder.join(harmless_name(name, hash, bytes));
            write_one(&path, bytes, Existing::Goes).map(|()| path)
        }
    }
}

fn write_numbered(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, FileError> {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, "bin"));
    let mut path = folder.join(name);
    for number in 2..NUMBERED {
        match write_one(&path, bytes, Existing::Stays) {
            Err(FileError::Exists { .. }) => path = folder.join(format!("{stem} ({number}).{ending}")),
            other => return other.map(|()| path),
        }
    }
    Err(FileError::Exists { path: shown(&path) })
}

/// Written beside its place under a name nobody has, synced, and then put there.
fn write_one(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), FileError> {
    let unwritable = |source| FileError::Unwritable { path: shown(path), source };
    let exists = || FileError::Exists { path: shown(path) };
    if existing == Existing::Stays && path.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.with_file_name(format!(".{}.part", short_stem(&name)));
    let mut open = OpenOptions::new();
    open.create(true).truncate(true).write(true).mode(0o600);
    let written = open.open(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let placed = written.and_then(|()| match existing {
        Existing::Goes => std::fs::rename(&beside, path),
        // Unlike a rename a link refuses a name that was taken meanwhile.
        Existing::Stays => {
            std::fs::hard_link(&beside, path)?;
            std::fs::remove_file(&beside)
        }
    });
    placed.map_err(|source| {
        std::fs::remove_file(&beside).unwrap_or_default();
        if source.kind() == io::ErrorKind::AlreadyExists { exists() } else { unwritable(source) }
    })
}

fn short_stem(name: &str) -> String {
    name.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: BlobHash = BlobHash::from_bytes([0xab; 32]);

    #[test]
    fn a_name_of_a_stranger_is_never_a_path() {
        let cases = [
            ("../../etc/passwd", "passwd.bin"),
            ("/absolute/photo.png", "photo.png"),
            ("..\\..\\windows\\evil.exe", "evil.exe"),
            ("..", "attachment-abababab.bin"),
            ("", "attachment-abababab.bin"),
            (".bashrc", "bashrc.bin"),
            ("a\u{1b}[2Jb;rm -rf.txt", "a\u{241b}_2Jb_rm -rf.txt"),
            ("-rf.png", "rf.png"),
            ("holiday  .JPG", "holiday.jpg"),
            ("x.desktop\u{202e}gnp.", "x.desktopgnp.bin"),
            ("grüße.ogg", "grüße.ogg"),
        ];
        for (name, harmless) in cases {
            let made = harmless_name(name, HASH, b"\x00\x01");
            assert!(!made.contains(['/', '\\', '\0', '\u{1b}']) && !made.starts_with(['.', '-']), "{made:?}");
            assert_eq!(made, harmless.replace('\u{241b}', "_"), "{name:?}");
        }
        assert!(harmless_name(&"ä".repeat(500), HASH, b"").len() <= NAME_BYTES + 4);
        assert_eq!(harmless_name("x.exe", HASH, b"\x89PNG\r\n\x1a\n"), "x.png", "its content decides");
    }

    #[test]
    fn only_what_runs_nothing_is_shown_by_other_programs() {
        let program = b"\x7fELF\x02\x01\x01\0\0\0".as_slice();
        let document = b"%PDF-1.7\n".as_slice();
        for bytes in [program, document, b"PK\x03\x04\0\0", b"\0\0\0\x18ftypisom"] {
            assert!(!can_be_shown(bytes), "{bytes:?}");
        }
        let script = b"#!/bin/sh\nrm -rf ~\n".as_slice();
        assert!(can_be_shown(script) && can_be_shown(b"\x89PNG\r\n\x1a\n"));
        assert_eq!(harmless_name("free.desktop", HASH, script), "free.txt", "a script is shown as text");
    }

    #[test]
    fn nothing_that_is_there_is_overwritten_unasked() {
        let home = tempfile::tempdir().unwrap();
        let folder = SaveTarget::Folder { path: home.path().to_owned() };
        let write_to = |target: &SaveTarget, bytes: &[u8]| write(bytes, "a.txt", HASH, target, home.path());
        assert_eq!(write_to(&folder, b"one").unwrap(), home.path().join("a.txt"));
        assert_eq!(write_to(&folder, b"two").unwrap(), home.path().join("a (2).txt"));
        let file = |existing| SaveTarget::File { path: home.path().join("a.txt"), existing };
        assert!(matches!(write_to(&file(Existing::Stays), b"three"), Err(FileError::Exists { .. })));
        assert_eq!(std::fs::read(home.path().join("a.txt")).unwrap(), b"one");
        write_to(&file(Existing::Goes), b"four").unwrap();
        assert_eq!(std::fs::read(home.path().join("a.txt")).unwrap(), b"four");
        let left: Vec<_> =
            std::fs::read_dir(home.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn what_is_no_ordinary_file_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let read =
            |path: PathBuf| read_for_post(&FileToAttach { path, alt: None, metadata: Metadata::Remove });
        assert!(matches!(read(home.path().to_owned()), Err(FileError::NoFile { .. })));
        assert!(matches!(read("/dev/zero".into()), Err(FileError::NoFile { .. })));
        assert!(matches!(read(home.path().join("none")), Err(FileError::Unreadable { .. })));
        std::fs::write(home.path().join("empty"), b"").unwrap();
        assert!(matches!(read(home.path().join("empty")), Err(FileError::Empty { .. })));
        let large = home.path().join("large.txt");
        std::fs::write(&large, vec![b'a'; usize::try_from(BLOB_BYTES).unwrap() + 1]).unwrap();
        assert!(matches!(read(large), Err(FileError::TooLarge { .. })));
    }
}
