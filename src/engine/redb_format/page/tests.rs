//! Tests of the format on images that redb made, and on bytes that nobody made.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use redb::{Database, ReadableDatabase, TableDefinition};
use uuid::Uuid;

use super::link::PageNumber;
use super::*;
use crate::engine::tests::memory::Memory;

const WIDE: TableDefinition<'_, (Uuid, Uuid, u64), &[u8]> = TableDefinition::new("wide");
const NAMES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("names");
const EMPTY: TableDefinition<'_, Uuid, &[u8]> = TableDefinition::new("empty");

fn value_of(number: u64) -> Vec<u8> {
    let len = if number.is_multiple_of(97) {
        20_000
    } else {
        90
    };
    vec![u8::try_from(number % 251).unwrap(); len]
}

/// An image with branch pages, large pages, and tables of both kinds of keys.
fn image() -> Vec<u8> {
    let memory = Memory::default();
    let db = Database::builder()
        .create_with_backend(memory.clone())
        .unwrap();
    for round in 0..3 {
        let mut txn = db.begin_write().unwrap();
        txn.set_quick_repair(true);
        let mut wide = txn.open_table(WIDE).unwrap();
        let mut names = txn.open_table(NAMES).unwrap();
        txn.open_table(EMPTY).unwrap();
        for number in round * 300..(round + 1) * 300 {
            let key = (
                Uuid::from_u128(7),
                Uuid::from_u128(u128::from(number)),
                number,
            );
            wide.insert(key, value_of(number).as_slice()).unwrap();
            let name = format!("name {number:03}");
            names.insert(name.as_str(), name.as_bytes()).unwrap();
        }
        drop((wide, names));
        txn.commit().unwrap();
    }
    db.close().unwrap();
    Arc::try_unwrap(memory.0).unwrap().into_inner().unwrap()
}

struct Walk<'i> {
    image: &'i [u8],
    geometry: Geometry,
    branches: u32,
}

impl<'i> Walk<'i> {
    /// The rows behind a link, each page of which has the checksum that its link says.
    fn rows(&mut self, link: Link, widths: Widths) -> Vec<(&'i [u8], &'i [u8])> {
        let range = self.geometry.range(link.page).unwrap();
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        let node = Node::parse(&self.image[range], widths).unwrap();
        assert_eq!(node.checksum(), link.checksum, "{link:?}");
        match node {
            Node::Leaf(leaf) => leaf.rows().collect(),
            Node::Branch(branch) => {
                self.branches += 1;
                assert_eq!(branch.links().count(), branch.keys().count() + 1);
                branch
                    .links()
                    .flat_map(|link| self.rows(link, widths))
                    .collect()
            }
        }
    }

    fn tables(&mut self, root: Root) -> Vec<(String, TableRow)> {
        let rows = self.rows(root.link, Widths::OF_TABLES);
        assert_eq!(rows.len() as u64, root.rows);
        let table = |(key, value): (&[u8], &[u8])| {
            let name = String::from_utf8(key.to_vec()).unwrap();
            (name, TableRow::parse(value).unwrap())
        };
        rows.into_iter().map(table).collect()
    }
}

#[test]
fn a_walk_finds_every_row_and_every_checksum_matches() {
    let image = image();
    let header = Header::parse(&image).unwrap();
    assert!(!header.recovery_required && !header.primary_unflushed);
    assert_eq!(header.geometry, Geometry::OF_NEW_IMAGES);
    let slot = header.published();
    assert!(slot.sound);
    assert!(slot.transaction > header.unpublished().transaction);
    let mut walk = Walk {
        image: &image,
        geometry: header.geometry,
        branches: 0,
    };
    let tables = walk.tables(slot.tables.unwrap());
    let names: Vec<_> = tables.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["empty", "names", "wide"]);
    assert_eq!(tables[0].1.root, None);
    for (name, table) in &tables[1..] {
        let rows = walk.rows(table.root.unwrap().link, table.widths);
        assert_eq!((rows.len(), table.rows), (900, 900), "{name}");
        for ((key, value), number) in rows.into_iter().zip(0_u64..) {
            if name == "wide" {
                assert_eq!(table.widths.key, Some(40));
                assert_eq!(key[32..], number.to_le_bytes());
                assert_eq!(value, value_of(number));
            } else {
                assert_eq!(table.widths.key, None);
                assert_eq!(key, format!("name {number:03}").as_bytes());
                assert_eq!(key, value);
            }
        }
    }
    assert!(walk.branches >= 2);
    for (_, table) in walk.tables(slot.system_tables.unwrap()) {
        let rows = table.root.map(|root| walk.rows(root.link, table.widths));
        assert_eq!(rows.map_or(0, |rows| rows.len()) as u64, table.rows);
    }
}

#[test]
fn redb_itself_reads_the_same() {
    let memory = Memory(Arc::new(Mutex::new(image())));
    let db = Database::builder().create_with_backend(memory).unwrap();
    let wide = db.begin_read().unwrap().open_table(WIDE).unwrap();
    let key = (Uuid::from_u128(7), Uuid::from_u128(97), 97);
    assert_eq!(wide.get(key).unwrap().unwrap().value(), value_of(97));
}

#[test]
fn a_page_number_that_leads_nowhere_has_no_range() {
    let geometry = Geometry::OF_NEW_IMAGES;
    assert_eq!(geometry.range(PageNumber::from_bits(0)), Some(4096..8192));
    let order = |order: u64| PageNumber::from_bits(order << 59 | 1);
    assert_eq!(geometry.range(order(2)), Some(20_480..36_864));
    assert_eq!(geometry.range(order(21)), None);
    assert!(
        geometry
            .range(PageNumber::from_bits(u64::MAX >> 5))
            .is_some()
    );
    let none = Geometry {
        region_data_pages: 0,
        ..geometry
    };
    assert_eq!(none.range(order(0)), None);
}

fn read_everything(bytes: &[u8], widths: Widths) {
    if let Ok(header) = Header::parse(bytes) {
        let roots = [header.published(), header.unpublished()].map(|slot| slot.tables);
        for root in roots.into_iter().flatten() {
            header.geometry.range(root.link.page);
        }
    }
    let _ = TableRow::parse(bytes);
    match Node::parse(bytes, widths) {
        Ok(node @ Node::Leaf(leaf)) => {
            node.checksum();
            assert_eq!(leaf.rows().count(), leaf.keys.count);
        }
        Ok(node @ Node::Branch(branch)) => {
            node.checksum();
            assert_eq!(branch.keys().count(), branch.keys.count);
            assert_eq!(branch.links().count(), branch.keys.count + 1);
        }
        Err(_) => {}
    }
}

fn widths() -> impl Strategy<Value = Widths> {
    let width = || prop::option::of(prop_oneof![0_usize..64, Just(usize::MAX)]);
    (width(), width()).prop_map(|(key, value)| Widths { key, value })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..600),
        kind in 0_u8..3,
        count in 0_u8..8,
        widths in widths(),
    ) {
        read_everything(&bytes, widths);
        if let Some(start) = bytes.first_chunk_mut() {
            *start = [kind, 0, count, 0];
        }
        read_everything(&bytes, widths);
    }

    #[test]
    fn no_change_of_an_image_makes_it_panic(
        page in 0_usize..60,
        changes in prop::collection::vec((0_usize..4096, any::<u8>()), 1..4),
        widths in widths(),
    ) {
        static IMAGE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(image);
        let mut page = IMAGE[page * 4096..(page + 1) * 4096].to_vec();
        for (at, byte) in changes {
            page[at] = byte;
            page[at % 64] ^= byte;
        }
        read_everything(&page, widths);
    }
}

/// redb's pages are read here by what its source says of them. Before another version is taken, compare
/// `header.rs`, `btree_base.rs` and `tables.rs` below its `tree_store` with those of this one, and
/// where it writes pages with the checksums of `verify.rs`; run all rows of the scoreboard in their
/// deep form; then write the new version here and in `Cargo.toml`, exactly.
#[test]
fn the_redb_that_is_locked_is_the_one_whose_pages_these_are() {
    let root = env!("CARGO_MANIFEST_DIR");
    let read = |file: &str| std::fs::read_to_string(format!("{root}/{file}")).unwrap();
    let locked = "name = \"redb\"\nversion = \"4.6.0\"";
    assert!(read("Cargo.lock").replace('\r', "").contains(locked));
    // As it is written, and as a package has it.
    let forms = [
        "redb = { version = \"=4.6.0\"",
        "[dependencies.redb]\nversion = \"=4.6.0\"",
    ];
    assert!(forms.iter().any(|form| read("Cargo.toml").contains(form)));
}
