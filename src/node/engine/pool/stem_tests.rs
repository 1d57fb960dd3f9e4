//! How sealed posts leave a node and go on.
