//! What kind of file some bytes are, and pictures without what they tell about their making.
//!
//! Cleaning copies what is needed to show the picture and nothing else: parts are kept because they are on a list, so
//! that what is unknown goes. Pixels are not touched and nothing is decoded, so there is nothing to bound but the size.
//! What stays can still tell something: how it was compressed, what can be seen in it, the name of the file.

mod gif;
mod jpeg;
mod png;
mod reader;
#[cfg(test)]
mod tests;
mod tiff;
mod webp;

use thiserror::Error;

/// A kind of file, as its first bytes show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JPEG picture.
    Jpeg,
    /// A PNG picture, perhaps an animated one.
    Png,
    /// A WebP picture.
    WebP,
    /// A GIF picture.
    Gif,
    /// Plain text: UTF-8 without control characters.
    Text,
    /// A picture or film in boxes: HEIC, AVIF, MP4, MOV.
    Boxes,
    /// TIFF, and the raw formats of cameras that are built like it.
    Tiff,
    /// A PDF document.
    Pdf,
    /// A ZIP archive, which most office documents are.
    Zip,
    /// Anything else.
    Unknown,
}

/// Why a file cannot be cleaned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CleanError {
    /// Its kind holds facts about its making that this program cannot remove.
    #[error("may tell when, where and with what it was made, and that cannot be removed from {kind}")]
    Unsupported {
        /// What it is, for people.
        kind: &'static str,
    },
    /// It looks like a picture, but is not built like one.
    #[error("is damaged: it is not built like {kind}")]
    Damaged {
        /// What it seems to be, for people.
        kind: &'static str,
    },
}

impl CleanError {
    /// What a person can do.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Unsupported { .. } => {
                "export it as JPEG or PNG, which are cleaned; or attach it as it is with --keep-metadata, \
                 and everybody can read those facts"
            }
            Self::Damaged { .. } => {
                "open it in a picture program and save it again; or attach it as it is with --keep-metadata, \
                 and everybody can read what is in it"
            }
        }
    }
}

impl Format {
    /// The kind these bytes are.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let begins = |magic: &[u8]| bytes.starts_with(magic);
        match bytes {
            _ if begins(b"\xff\xd8\xff") => Self::Jpeg,
            _ if begins(png::MAGIC) => Self::Png,
            _ if begins(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") => Self::WebP,
            _ if begins(b"GIF87a") || begins(b"GIF89a") => Self::Gif,
            _ if bytes.get(4..8) == Some(b"ftyp") => Self::Boxes,
            _ if begins(b"II*\0") || begins(b"MM\0*") || begins(b"II+\0") || begins(b"MM\0+") => Self::Tiff,
            _ if begins(b"%PDF-") => Self::Pdf,
            _ if begins(b"PK\x03\x04") => Self::Zip,
            _ if is_text(bytes) => Self::Text,
            _ => Self::Unknown,
        }
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Tiff => "image/tiff",
            Self::Text => "text/plain",
            Self::Pdf => "application/pdf",
            Self::Zip => "application/zip",
            Self::Boxes | Self::Unknown => "application/octet-stream",
        }
    }

    /// The ending files of this kind have; `None` when the kind does not say it.
    #[must_use]
    pub const fn ending(self) -> Option<&'static str> {
        match self {
            Self::Jpeg => Some("jpg"),
            Self::Png => Some("png"),
            Self::WebP => Some("webp"),
            Self::Gif => Some("gif"),
            Self::Tiff => Some("tiff"),
            Self::Text => Some("txt"),
            Self::Pdf => Some("pdf"),
            Self::Boxes | Self::Zip | Self::Unknown => None,
        }
    }

    /// Whether it is shown without anything in it being run.
    #[must_use]
    pub const fn is_inert(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::WebP | Self::Gif | Self::Text)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "a JPEG picture",
            Self::Png => "a PNG picture",
            Self::WebP => "a WebP picture",
            Self::Gif => "a GIF picture",
            Self::Text => "text",
            Self::Boxes => "HEIC, AVIF or video files",
            Self::Tiff => "TIFF and raw pictures",
            Self::Pdf => "PDF documents",
            Self::Zip => "archives and office documents",
            Self::Unknown => "files of an unknown kind",
        }
    }
}

/// Whether a file is text a person can read: no control characters but line breaks and tabs.
fn is_text(bytes: &[u8]) -> bool {
    let is_odd = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(is_odd))
}

/// The file without what it tells about its making: place, time, device, author, comments, previews, and whatever
/// stands behind its end. How a picture is to be turned stays.
///
/// # Errors
/// [`CleanError`] when that cannot be done.
pub fn clean(format: Format, bytes: Vec<u8>) -> Result<Vec<u8>, CleanError> {
    let cleaned = match format {
        Format::Jpeg => jpeg::clean(&bytes),
        Format::Png => png::clean(&bytes),
        Format::WebP => webp::clean(&bytes),
        Format::Gif => gif::clean(&bytes),
        Format::Text => return Ok(bytes),
        Format::Boxes | Format::Tiff | Format::Pdf | Format::Zip | Format::Unknown => {
            return Err(CleanError::Unsupported { kind: format.name() });
        }
    };
    cleaned.ok_or(CleanError::Damaged { kind: format.name() })
}
