//! What can be read of the tables below one root.

use super::found::Found;
use super::image::Image;
use super::values;
use super::walk::{Lost, Walk};
use crate::engine::redb_format::guard::caught;
use crate::engine::redb_format::page::Link;

/// What is in the tables below one root.
pub(super) fn tables_below(
    image: &Image<'_>,
    root: Option<Link>,
    on_page: &mut dyn FnMut(u64),
) -> Found {
    let mut found = Found::default();
    let mut each = |row| found.take(row);
    let mut walk = Walk::new(image, &mut each, on_page);
    for (table, row) in walk.tables(root) {
        // No bytes are known to make it panic; should some do, the rest can still be read.
        if let Err(said) = caught(|| walk.table(table, &row)) {
            walk.lost.push(Lost::whole(table, &said));
        }
    }
    let lost = std::mem::take(&mut walk.lost);
    let mended = std::mem::take(&mut walk.mended);
    found.lost = lost;
    let remark = |at| {
        let at = image.in_file(at);
        format!("page at byte {at}: one bit of it is wrong, and was put right")
    };
    found.remarks.extend(mended.into_iter().map(remark));
    found.complete();
    values::split(&mut found, image);
    found
}
