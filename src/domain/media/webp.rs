//! WebP: chunks that are on the list are copied, also inside of the pictures of an animation; the header is told which
//! of the others are gone. How a picture is to be turned is written anew.

use super::reader::{Reader, index};
use super::tiff::Orientation;

/// Bits of the extended header: a profile of colours, EXIF, XMP.
const PROFILE: u8 = 0x20;
const EXIF: u8 = 0x08;
const XMP: u8 = 0x04;
/// Bytes of a picture of an animation before its chunks.
const FRAME_HEADER: usize = 16;

pub(super) fn clean(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut file = Reader::new(bytes);
    file.take(4)?;
    let length = index(u32::from_le_bytes(file.array()?))?;
    // What stands behind the length the file claims is no part of the picture.
    let mut input = Reader::new(file.take(length.min(file.rest().len()))?);
    input.take(4)?;
    let orientation = find_orientation(input);
    let mut inside = b"WEBP".to_vec();
    while let Some((kind, chunk)) = next_chunk(&mut input)? {
        match &kind {
            b"VP8X" => {
                let (flags, rest) = chunk.split_first()?;
                let told = if orientation.is_some() { EXIF } else { 0 };
                let flags = flags & !(PROFILE | EXIF | XMP) | told;
                keep(&mut inside, kind, &[&[flags], rest].concat())?;
            }
            b"VP8 " | b"VP8L" | b"ALPH" | b"ANIM" => keep(&mut inside, kind, chunk)?,
            b"ANMF" => keep(&mut inside, kind, &clean_frame(chunk)?)?,
            _ => {}
        }
    }
    if let Some(orientation) = orientation {
        keep(&mut inside, *b"EXIF", &orientation.to_tiff())?;
    }
    let mut out = b"RIFF".to_vec();
    out.extend(u32::try_from(inside.len()).ok()?.to_le_bytes());
    out.extend(inside);
    Some(out)
}

/// Only the extended kind of file has a place for it.
fn find_orientation(mut input: Reader<'_>) -> Option<Orientation> {
    let mut is_extended = false;
    while let Some((kind, chunk)) = next_chunk(&mut input)? {
        match &kind {
            b"VP8X" => is_extended = true,
            b"EXIF" if is_extended => {
                return Orientation::of(chunk.strip_prefix(b"Exif\0\0").unwrap_or(chunk));
            }
            _ => {}
        }
    }
    None
}

/// One picture of an animation: its place and time, and the chunks that are its pixels.
fn clean_frame(frame: &[u8]) -> Option<Vec<u8>> {
    let mut input = Reader::new(frame);
    let mut out = input.take(FRAME_HEADER)?.to_vec();
    while let Some((kind, chunk)) = next_chunk(&mut input)? {
        if matches!(&kind, b"VP8 " | b"VP8L" | b"ALPH") {
            keep(&mut out, kind, chunk)?;
        }
    }
    Some(out)
}

type Chunk<'b> = ([u8; 4], &'b [u8]);

/// The next chunk: `Some(None)` at the end, `None` when it is cut.
#[expect(clippy::option_option, reason = "the outer one is damage, the inner one the end")]
fn next_chunk<'b>(input: &mut Reader<'b>) -> Option<Option<Chunk<'b>>> {
    if input.is_empty() {
        return Some(None);
    }
    let kind = input.array()?;
    let length = index(u32::from_le_bytes(input.array()?))?;
    let inside = input.take(length)?;
    if length % 2 == 1 {
        // The last one may lack its filling byte.
        input.byte();
    }
    Some(Some((kind, inside)))
}

fn keep(out: &mut Vec<u8>, kind: [u8; 4], inside: &[u8]) -> Option<()> {
    out.extend(kind);
    out.extend(u32::try_from(inside.len()).ok()?.to_le_bytes());
    out.extend(inside);
    if inside.len() % 2 == 1 {
        out.push(0);
    }
    Some(())
}
