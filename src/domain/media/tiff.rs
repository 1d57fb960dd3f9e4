//! The one fact of EXIF that is kept: how a picture is to be turned. It is read from what a camera wrote and written
//! into a block of our own, which is the same for every picture turned that way.

use super::reader::{Reader, index};

/// The tag for it.
const ORIENTATION: u16 = 0x0112;
/// Entries of the first directory that are looked at; cameras write about fifteen.
const ENTRIES: u16 = 512;

/// How a picture is to be turned or mirrored: 2 to 8; 1, as it is, is no value of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orientation(u8);

impl Orientation {
    /// What a TIFF block (the inside of EXIF) says; `None` when it says nothing, nothing that is needed, or cannot be
    /// read.
    pub(super) fn of(tiff: &[u8]) -> Option<Self> {
        let order = match tiff.get(..4)? {
            b"II*\0" => Order::Little,
            b"MM\0*" => Order::Big,
            _ => return None,
        };
        let offset = index(order.long(tiff.get(4..8)?)?)?;
        let mut directory = Reader::new(tiff.get(offset..)?);
        let count = order.short(directory.take(2)?)?.min(ENTRIES);
        for _ in 0..count {
            let entry = directory.take(12)?;
            if order.short(entry.get(..2)?)? == ORIENTATION {
                let value = order.short(entry.get(8..10)?)?;
                return u8::try_from(value).ok().filter(|value| (2..=8).contains(value)).map(Self);
            }
        }
        None
    }

    /// A TIFF block that says this and nothing else.
    pub(super) fn to_tiff(self) -> [u8; 26] {
        let [high, low] = ORIENTATION.to_be_bytes();
        [
            b'M', b'M', 0, b'*', 0, 0, 0, 8, // big endian, the directory follows
            0, 1, // one entry
            high, low, 0, 3, 0, 0, 0, 1, 0, self.0, 0, 0, // a short
            0, 0, 0, 0, // no further directory
        ]
    }
}

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn short(self, bytes: &[u8]) -> Option<u16> {
        let bytes = bytes.try_into().ok()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    fn long(self, bytes: &[u8]) -> Option<u32> {
        let bytes = bytes.try_into().ok()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }
}
