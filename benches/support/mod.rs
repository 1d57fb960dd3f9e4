//! What both benches share: stores filled with plausible posts, and the table the figures are printed as.

pub mod data;
pub mod figures;
