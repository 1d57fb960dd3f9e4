//! GIF: pictures, their times and how often they repeat are kept; comments, texts and what other applications left go.

use super::reader::Reader;

const EXTENSION: u8 = 0x21;
const PICTURE: u8 = 0x2c;
const END: u8 = 0x3b;
const CONTROL: u8 = 0xf9;
const APPLICATION: u8 = 0xff;
/// Applications whose block says how often an animation repeats.
const REPEATING: [&[u8]; 2] = [b"NETSCAPE2.0", b"ANIMEXTS1.0"];

pub(super) fn clean(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut input = Reader::new(bytes);
    let mut out = input.take(6)?.to_vec();
    let screen = input.take(7)?;
    out.extend(screen);
    out.extend(input.take(table_bytes(*screen.get(4)?))?);
    loop {
        match input.byte()? {
            END => {
                out.push(END);
                return Some(out);
            }
            PICTURE => {
                let place = input.take(9)?;
                out.push(PICTURE);
                out.extend(place);
                out.extend(input.take(table_bytes(*place.get(8)?))?);
                out.push(input.byte()?);
                out.extend(blocks(&mut input)?);
            }
            EXTENSION => {
                let label = input.byte()?;
                let inside = blocks(&mut input)?;
                let repeats = || REPEATING.iter().any(|name| inside.get(1..12) == Some(*name));
                if label == CONTROL || (label == APPLICATION && repeats()) {
                    out.extend([EXTENSION, label]);
                    out.extend(inside);
                }
            }
            _ => return None,
        }
    }
}

/// Bytes of a table of colours, as the flags before it say.
fn table_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << (usize::from(flags & 7) + 1) }
}

/// Blocks of at most 255 bytes up to and with the empty one, as they stand.
fn blocks<'b>(input: &mut Reader<'b>) -> Option<&'b [u8]> {
    let all = input.rest();
    let mut length = 0_usize;
    loop {
        let size = input.byte()?;
        input.take(usize::from(size))?;
        length = length.checked_add(usize::from(size))?.checked_add(1)?;
        if size == 0 {
            return all.get(..length);
        }
    }
}
