//! JPEG: tables, frames and scans are kept; of the application segments only what decides how colours are meant and how
//! the picture is turned, both written anew. Colour profiles go: those of calibrated screens name the device.

use super::reader::Reader;
use super::tiff::Orientation;

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const EXIF: u8 = 0xe1;
const ADOBE: u8 = 0xee;
const JFIF: u8 = 0xe0;

/// A picture of ours says that it is JFIF with square pixels and no preview.
const PLAIN_JFIF: &[u8] = b"\xff\xe0\x00\x10JFIF\0\x01\x01\x00\x00\x01\x00\x01\x00\x00";

pub(super) fn clean(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut input = Reader::new(bytes);
    if input.take(2)? != [0xff, START] {
        return None;
    }
    let mut kept = Vec::with_capacity(bytes.len());
    let (mut is_jfif, mut adobe, mut orientation) = (false, None, None);
    loop {
        let marker = marker(&mut input)?;
        match marker {
            END => break,
            SCAN => {
                keep(&mut kept, marker, segment(&mut input)?);
                copy_scan(&mut input, &mut kept)?;
            }
            JFIF => is_jfif |= segment(&mut input)?.starts_with(b"JFIF\0"),
            EXIF => {
                let tiff = segment(&mut input)?.strip_prefix(b"Exif\0\0");
                orientation = orientation.or(tiff.and_then(Orientation::of));
            }
            // The last byte says how colours are stored; without it inks are taken for light.
            ADOBE => {
                let told = segment(&mut input)?;
                adobe = adobe.or(told.strip_prefix(b"Adobe").and_then(|rest| rest.get(6).copied()));
            }
            marker if is_needed(marker) => keep(&mut kept, marker, segment(&mut input)?),
            // Other applications', comments, and whatever nobody knows.
            0xc0..=0xcf | 0xdb..=0xfe => {
                segment(&mut input)?;
            }
            _ => return None,
        }
    }
    let mut out = vec![0xff, START];
    if is_jfif && adobe.is_none() {
        out.extend(PLAIN_JFIF);
    }
    if let Some(orientation) = orientation {
        keep(&mut out, EXIF, &[b"Exif\0\0", orientation.to_tiff().as_slice()].concat());
    }
    if let Some(colours) = adobe {
        keep(&mut out, ADOBE, &[b"Adobe\0\x64\0\0\0\0".as_slice(), &[colours]].concat());
    }
    out.extend(kept);
    out.extend([0xff, END]);
    Some(out)
}

/// Frames, tables of Huffman and arithmetic codes, quantisation, restarts, and the number of lines.
const fn is_needed(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xc7 | 0xc9..=0xcf | 0xdb..=0xdd)
}

/// The next marker, behind any number of filling bytes.
fn marker(input: &mut Reader<'_>) -> Option<u8> {
    if input.byte()? != 0xff {
        return None;
    }
    loop {
        match input.byte()? {
            0xff => {}
            marker => return Some(marker),
        }
    }
}

/// The inside of a segment.
fn segment<'b>(input: &mut Reader<'b>) -> Option<&'b [u8]> {
    let length = usize::from(u16::from_be_bytes(input.array()?));
    input.take(length.checked_sub(2)?)
}

fn keep(out: &mut Vec<u8>, marker: u8, inside: &[u8]) {
    let length = u16::try_from(inside.len().saturating_add(2)).unwrap_or(u16::MAX);
    out.extend([0xff, marker]);
    out.extend(length.to_be_bytes());
    out.extend(inside);
}

/// Copies coded data up to the marker behind it, which is left.
fn copy_scan(input: &mut Reader<'_>, kept: &mut Vec<u8>) -> Option<()> {
    let data = input.rest();
    // Inside of it a marker is hidden by a zero behind its first byte, or restarts the decoder.
    let is_end = |pair: &[u8]| matches!(pair, [0xff, marker] if !matches!(marker, 0 | 0xd0..=0xd7 | 0xff));
    let length = data.windows(2).position(is_end)?;
    kept.extend(input.take(length)?);
    Some(())
}
