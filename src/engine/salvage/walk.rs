//! Down a tree from its root: which rows are in it for sure, and which parts of it are lost.
//!
//! A page is believed if its checksum is the one that its link says. Of a page that is not, one
//! bit is put right if that is all that is wrong; else its parts are believed that prove
//! themselves: rows by their own checksums, links by the pages that they lead to.

use std::sync::Arc;

use super::image::{Image, Page};
use super::rows::{Place, Proved, Table, place_of, prove, rows_of_damaged_leaf, shows_damage};
use crate::engine::redb_format::page::{Branch, Leaf, Link, Node, TableRow, Widths, mend_one_bit};

/// No tree is deeper, and no cycle of links is followed further.
const MAX_DEPTH: u32 = 32;
/// Pages up to this length are tried for a bit that changed.
const MAX_MENDED_BYTES: usize = 4096;
/// How many pages are tried. Each takes some ten milliseconds.
const MAX_TRIES: u32 = 200;

/// A part of a table that could not be read.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
    pub(crate) table: Table,
    /// The part begins behind this place; `None`: with the table.
    pub(crate) after: Option<Place>,
    /// The last place that may be in it; `None`: to the end of the table.
    pub(crate) up_to: Option<Place>,
    /// Where in the file the damage is, if that is known.
    pub(crate) at: Option<u64>,
    pub(crate) message: String,
}

impl Lost {
    /// All of a table.
    pub(crate) fn whole(table: Table, message: &str) -> Self {
        Self {
            table,
            after: None,
            up_to: None,
            at: None,
            message: message.to_owned(),
        }
    }

    /// Whether a row from `from` to `to` may be in it.
    pub(crate) fn may_hold(&self, table: Table, from: Place, to: Place) -> bool {
        self.table == table
            && self.after.is_none_or(|after| after < to)
            && self.up_to.is_none_or(|up_to| from <= up_to)
    }
}

/// What a walk hands over.
pub(crate) struct Row {
    pub(crate) proved: Proved,
    pub(crate) at: RowAt,
}

/// Where a row is read from.
#[derive(Debug, Clone)]
pub(crate) enum RowAt {
    /// From the image: where it begins there, and its length.
    Image(u64, u64),
    /// As it was before a bit of its page changed.
    Memory(Arc<Vec<u8>>),
}

impl RowAt {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Image(_, len) => *len,
            Self::Memory(row) => row.len() as u64,
        }
    }

    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Image(one, _), Self::Image(other, _)) => one == other,
            (Self::Memory(one), Self::Memory(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// The bounds of the keys behind a link.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds {
    after: Option<Place>,
    up_to: Option<Place>,
}

/// One walk.
pub(crate) struct Walk<'w, 'f> {
    image: &'w Image<'f>,
    pub(crate) lost: Vec<Lost>,
    /// Pages of which one bit was put right.
    pub(crate) mended: Vec<u64>,
    tries: u32,
    each: &'w mut dyn FnMut(Row),
    on_page: &'w mut dyn FnMut(u64),
}

impl<'w, 'f> Walk<'w, 'f> {
    pub(crate) fn new(
        image: &'w Image<'f>,
        each: &'w mut dyn FnMut(Row),
        on_page: &'w mut dyn FnMut(u64),
    ) -> Self {
        Self {
            image,
            lost: Vec::new(),
            mended: Vec::new(),
            tries: 0,
            each,
            on_page,
        }
    }

    /// The tables that a tree of tables has, those that cannot be made out put down as lost.
    pub(crate) fn tables(&mut self, link: Option<Link>) -> Vec<(Table, TableRow)> {
        let page = link.and_then(|link| self.whole_page(link, Widths::OF_TABLES));
        let mut tables = page.map_or_else(Vec::new, |(page, _)| tables_of(&page.bytes));
        tables.sort_by_key(|(table, _)| *table);
        for table in Table::ALL {
            if !tables.iter().any(|(found, _)| *found == table) {
                self.lose(
                    table,
                    Bounds::default(),
                    None,
                    "the table is not to be found",
                );
            }
        }
        tables
    }

    /// All rows of a table that can be found.
    pub(crate) fn table(&mut self, table: Table, row: &TableRow) {
        match row.root {
            Some(root) => self.descend(table, root.link, Bounds::default(), 0),
            None if row.rows == 0 => {}
            None => self.lose(table, Bounds::default(), None, "it has rows and no root"),
        }
    }

    fn descend(&mut self, table: Table, link: Link, bounds: Bounds, depth: u32) {
        if depth > MAX_DEPTH {
            return self.lose(table, bounds, None, "its pages lead in a circle");
        }
        match self.whole_page(link, table.widths()) {
            Some((page, as_stored)) => self.node(table, &page, as_stored, bounds, depth),
            None => self.damaged(table, link, bounds, depth),
        }
    }

    /// The page that has the link's checksum, and whether it stands so in the file.
    fn whole_page(&mut self, link: Link, widths: Widths) -> Option<(Page, bool)> {
        if let Some(page) = self.image.sound_page(link, widths) {
            (self.on_page)(page.bytes.len() as u64);
            return Some((page, true));
        }
        let mut page = self.image.bytes_of(link)?;
        if page.bytes.len() > MAX_MENDED_BYTES || self.tries >= MAX_TRIES {
            return None;
        }
        self.tries += 1;
        let bits = 0..8 * page.bytes.len();
        let mended = mend_one_bit(&mut page.bytes, bits, |bytes| {
            Node::parse(bytes, widths).is_ok_and(|node| node.checksum() == link.checksum)
        });
        mended.then(|| {
            self.mended.push(page.at);
            (page, false)
        })
    }

    fn node(&mut self, table: Table, page: &Page, as_stored: bool, bounds: Bounds, depth: u32) {
        match Node::parse(&page.bytes, table.widths()) {
            Ok(Node::Leaf(leaf)) => self.leaf(table, leaf, as_stored.then_some(page.at), bounds),
            Ok(Node::Branch(branch)) => self.branch(table, branch, bounds, depth),
            Err(message) => self.lose(table, bounds, Some(page.at), &message),
        }
    }

    fn leaf(&mut self, table: Table, leaf: Leaf<'_>, at: Option<u64>, bounds: Bounds) {
        let mut next = leaf.values_start() as u64;
        let mut after = bounds.after;
        for (key, value) in leaf.rows() {
            let (start, len) = (next, value.len() as u64);
            next += len;
            match prove(table, key, value) {
                Ok(proved) => (self.each)(Row {
                    proved,
                    at: match at {
                        Some(at) => RowAt::Image(at + start, len),
                        None => RowAt::Memory(Arc::new(value.to_vec())),
                    },
                }),
                Err(message) => {
                    let up_to = place_of(key);
                    let at = at.map(|at| at + start);
                    self.lose(table, Bounds { after, up_to }, at, &message);
                }
            }
            after = place_of(key);
        }
    }

    fn branch(&mut self, table: Table, branch: Branch<'_>, bounds: Bounds, depth: u32) {
        let mut after = bounds.after;
        let mut keys = branch.keys();
        for link in branch.links() {
            let up_to = keys.next().map_or(bounds.up_to, place_of);
            self.descend(table, link, Bounds { after, up_to }, depth + 1);
            after = up_to;
        }
    }

    fn damaged(&mut self, table: Table, link: Link, bounds: Bounds, depth: u32) {
        let Some(page) = self.image.bytes_of(link) else {
            return self.lose(table, bounds, None, "a page of it is not in the file");
        };
        if page.bytes.first() == Some(&2) {
            self.damaged_branch(table, link, &page, bounds, depth);
        } else {
            self.lose(table, bounds, Some(page.at), "a page of it is damaged");
            for (proved, range) in rows_of_damaged_leaf(table, &page.bytes) {
                let at = RowAt::Image(page.at + range.start as u64, range.len() as u64);
                if is_within(&proved, bounds) {
                    (self.each)(Row { proved, at });
                }
            }
        }
    }

    fn damaged_branch(
        &mut self,
        table: Table,
        link: Link,
        page: &Page,
        bounds: Bounds,
        depth: u32,
    ) {
        if let Some(whole) = self.with_checksums_put_right(page, table.widths(), link.checksum) {
            return self.node(table, &whole, false, bounds, depth);
        }
        self.lose(table, bounds, Some(page.at), "a branch of it is damaged");
        if shows_damage(&page.bytes, table.widths()) {
            self.sound_links(table, page, bounds, depth);
        }
    }

    /// The branch with the checksums of the pages that are there in the place of those that match
    /// nothing, if it is then what its link says.
    fn with_checksums_put_right(
        &self,
        page: &Page,
        widths: Widths,
        checksum: u128,
    ) -> Option<Page> {
        let mut bytes = page.bytes.clone();
        for (number, link) in links_of(&page.bytes).into_iter().enumerate() {
            if self.image.sound_page(link, widths).is_some() {
                continue;
            }
            let there = self.image.checksum_at(link, widths)?;
            let place = bytes.get_mut(Branch::CHECKSUMS + 16 * number..)?;
            *place.first_chunk_mut::<16>()? = there.to_le_bytes();
        }
        let sound = Node::parse(&bytes, widths).is_ok_and(|node| node.checksum() == checksum);
        sound.then_some(Page { at: page.at, bytes })
    }

    /// What is behind those links of a damaged branch that lead to the pages that they say.
    fn sound_links(&mut self, table: Table, page: &Page, bounds: Bounds, depth: u32) {
        for link in links_of(&page.bytes) {
            if self.image.sound_page(link, table.widths()).is_some() {
                self.descend(table, link, bounds, depth + 1);
            }
        }
    }

    fn lose(&mut self, table: Table, bounds: Bounds, at: Option<u64>, message: &str) {
        self.lost.push(Lost {
            table,
            after: bounds.after,
            up_to: bounds.up_to,
            at: at.map(|at| self.image.in_file(at)),
            message: message.to_owned(),
        });
    }
}

/// The tables that a page of the tree of tables names.
pub(crate) fn tables_of(page: &[u8]) -> Vec<(Table, TableRow)> {
    let Ok(Node::Leaf(leaf)) = Node::parse(page, Widths::OF_TABLES) else {
        return Vec::new();
    };
    let tables = leaf.rows().filter_map(|(name, row)| {
        let (table, row) = (Table::named(name)?, TableRow::parse(row).ok()?);
        (row.widths == table.widths()).then_some((table, row))
    });
    tables.collect()
}

/// The links of a branch, of which nothing need be true.
fn links_of(page: &[u8]) -> Vec<Link> {
    let count = page.get(2..).and_then(|rest| rest.first_chunk());
    let count = count.map_or(0, |count| usize::from(u16::from_le_bytes(*count)));
    Link::all_of(page, count + 1).collect()
}

fn is_within(proved: &Proved, bounds: Bounds) -> bool {
    let place = match proved {
        Proved::Run(run) => (run.log.session, run.log.segment, run.number),
        Proved::Head(session, segment, _) => (*session, *segment, 0),
        Proved::Index(segment, session) => (*segment, *session, 0),
        Proved::Session(session, _) | Proved::Metadata(session, _) => {
            (*session, uuid::Uuid::nil(), 0)
        }
        Proved::Value(name) => {
            let (first, second) = name.halves();
            (first, second, 0)
        }
        Proved::Group(group, number) => (*group, uuid::Uuid::nil(), *number),
        Proved::Name(..) | Proved::Checkpointed(_) => return true,
    };
    bounds.after.is_none_or(|after| after < place)
        && bounds.up_to.is_none_or(|up_to| place <= up_to)
}
