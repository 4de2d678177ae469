//! The `sessiondb` command.
fn main() {}
