//! PNG: chunks that are on the list are copied with their checksums; the others, and what stands behind the end, go.
//! Of those about colour only what is chosen from a few values stays: measured ones can be those of one screen.

use super::reader::{Reader, index};

pub(super) const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

const KEPT: [&[u8; 4]; 12] = [
    b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", // the picture
    b"sRGB", b"gAMA", b"cICP", b"bKGD", // how colours are meant
    b"acTL", b"fcTL", b"fdAT", // further pictures of an animation
];

pub(super) fn clean(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut input = Reader::new(bytes.strip_prefix(MAGIC)?);
    let mut out = MAGIC.to_vec();
    let mut is_first = true;
    loop {
        let length = u32::from_be_bytes(input.array()?);
        let kind: [u8; 4] = input.array()?;
        let inside = input.take(index(length)?)?;
        let checksum = input.take(4)?;
        if is_first && &kind != b"IHDR" {
            return None;
        }
        is_first = false;
        if KEPT.contains(&&kind) {
            out.extend(length.to_be_bytes());
            out.extend(kind);
            out.extend(inside);
            out.extend(checksum);
        }
        if &kind == b"IEND" {
            return Some(out);
        }
    }
}
