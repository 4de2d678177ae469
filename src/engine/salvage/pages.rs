//! The checksums of the pages that the tables are in, for a check.

use std::time::Duration;

use super::found::Found;
use super::image::Image;
use super::rows::{Table, prove};
use super::tables::tables_below;
use super::walk::tables_of;
use crate::engine::fault::{Fault, Outcome};
use crate::engine::file::ArchiveFile;
use crate::engine::redb_format::page::{Header, Link, Node, Slot, Widths};

/// Verifies every page below the last commit's root; see [`Engine`](crate::engine::open::handle::Engine).
pub(crate) fn check_pages(
    file: &ArchiveFile,
    each: &mut dyn FnMut(Option<(Table, u64)>),
) -> Outcome<()> {
    let mut image = Image::new(file.storage(), file.image_offset(), file.len()?);
    let (slot, header) = published(&image)?;
    image.geometry = header.geometry;
    let start = file.image_offset();
    let mut each = |damage: Option<(Table, u64)>| {
        each(damage.map(|(table, at)| (table, start + at)));
    };
    let Some(root) = slot.tables else {
        return Ok(());
    };
    let Some(page) = image.exact_page(root.link, Widths::OF_TABLES) else {
        image.must_have_been_read()?;
        let at = image.place_of(root.link).unwrap_or(0);
        each(Some((Table::Meta, at)));
        return Ok(());
    };
    each(None);
    for (table, row) in tables_of(&page.bytes) {
        if let Some(root) = row.root {
            descend(&image, table, root.link, 0, &mut each);
        }
    }
    Ok(image.must_have_been_read()?)
}

/// What can be read of the tables as of the last commit, without redb.
pub(crate) fn read_tables(file: &ArchiveFile) -> Outcome<Found> {
    let mut image = Image::new(file.storage(), file.image_offset(), file.len()?);
    let (slot, header) = published(&image)?;
    image.geometry = header.geometry;
    let root = slot.tables.map(|root| root.link);
    let found = tables_below(&image, root, &mut |_| {});
    image.must_have_been_read()?;
    Ok(found)
}

/// The last commit, and the header that tells of it. Beside a writer a read may find half of it,
/// which lasts for the moment of a write.
fn published(image: &Image<'_>) -> Outcome<(Slot, Header)> {
    const ATTEMPTS: u32 = 100;
    let mut message = String::new();
    for attempt in 0..ATTEMPTS {
        if attempt > 10 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let header = image.header();
        image.must_have_been_read()?;
        match Header::parse(&header) {
            Ok(header) if header.primary().sound => {
                return Ok((header.primary().clone(), header));
            }
            Ok(_) => "the checksum of its last commit does not match".clone_into(&mut message),
            Err(reason) => message = reason,
        }
    }
    Err(Fault::damaged("database header", message))
}

fn descend(
    image: &Image<'_>,
    table: Table,
    link: Link,
    depth: u32,
    each: &mut dyn FnMut(Option<(Table, u64)>),
) {
    let Some(page) = image.exact_page(link, table.widths()) else {
        let at = image.place_of(link).unwrap_or(0);
        let shown = image
            .bytes_of(link)
            .is_some_and(|page| rows_show_damage(table, &page.bytes));
        return each((!shown).then_some((table, at)));
    };
    each(None);
    if let Ok(Node::Branch(branch)) = Node::parse(&page.bytes, table.widths())
        && depth < 32
    {
        for link in branch.links() {
            descend(image, table, link, depth + 1, each);
        }
    }
}

/// Whether a damaged leaf has a row that a look at the rows finds damaged.
fn rows_show_damage(table: Table, page: &[u8]) -> bool {
    let Ok(Node::Leaf(leaf)) = Node::parse(page, table.widths()) else {
        return false;
    };
    let mut rows = leaf.rows();
    rows.any(|(key, value)| prove(table, key, value).is_err())
}
