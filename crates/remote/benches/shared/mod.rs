//! What the measurements have in common: archives of machines, and a store that counts what is asked of it.

pub(crate) mod counted;
pub(crate) mod machine;
