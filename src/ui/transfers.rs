//! Attachments on their way, for the status line: what the node told last of each that has not ended.

use super::widgets::size;
use crate::api::{TransferState, TransferView};

/// Transfers remembered at once; the status line names one and counts the others.
const MOST: usize = 64;

/// The transfers that go on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transfers(Vec<TransferView>);

impl Transfers {
    /// Takes in what the node told.
    pub fn take(&mut self, told: TransferView) {
        if told.state != TransferState::Running {
            self.0.retain(|known| known.blob != told.blob);
        } else if let Some(known) = self.0.iter_mut().find(|known| known.blob == told.blob) {
            *known = told;
        } else if self.0.len() < MOST {
            self.0.push(told);
        }
    }

    /// What the status line says; `None` when nothing is on its way.
    pub fn status(&self) -> Option<String> {
        let first = self.0.first()?;
        let name = if first.name.is_empty() { "an attachment" } else { first.name.as_str() };
        let percent = first.done_bytes.saturating_mul(100).checked_div(first.size_bytes).unwrap_or(0);
        let others = match self.0.len().saturating_sub(1) {
            0 => String::new(),
            others => format!(", and {others} more"),
        };
        let of = size::format(first.size_bytes);
        Some(format!("fetching {name}: {} of {of}, {percent} %{others}", size::format(first.done_bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::BlobHash;
    use crate::domain::text::SafeText;

    fn transfer(number: u8, done_bytes: u64, state: TransferState) -> TransferView {
        let name = SafeText::line(&format!("{number}.png"));
        TransferView {
            blob: BlobHash::from_bytes([number; 32]),
            name,
            size_bytes: 2_000_000,
            done_bytes,
            state,
        }
    }

    #[test]
    fn what_is_on_its_way_is_named_until_it_ends() {
        let mut transfers = Transfers::default();
        assert_eq!(transfers.status(), None);
        transfers.take(transfer(1, 0, TransferState::Running));
        transfers.take(transfer(1, 500_000, TransferState::Running));
        assert_eq!(transfers.status().unwrap(), "fetching 1.png: 488 KiB of 1.9 MiB, 25 %");
        transfers.take(transfer(2, 0, TransferState::Running));
        assert!(transfers.status().unwrap().ends_with(", and 1 more"));
        transfers.take(transfer(1, 500_000, TransferState::Waiting));
        assert!(transfers.status().unwrap().starts_with("fetching 2.png"));
        transfers.take(transfer(2, 2_000_000, TransferState::Complete));
        assert_eq!(transfers.status(), None);
    }
}
