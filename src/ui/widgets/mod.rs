//! Small pieces that panes are made of. They know nothing of the node.

pub mod column;
pub mod cursor;
pub mod editor;
pub mod lines;
pub mod scroll;
pub mod secret;
pub mod size;
pub mod stack;
pub mod when;
pub mod wrap;
pub mod wraps;
