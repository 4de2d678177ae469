//! Verifies every page of the image on its way to redb, which compares no checksum when it reads.
//! A page is let through if a page above it, one that was itself verified, says that it has this
//! checksum, or if redb has written it so; what nobody says is looked for from the header down.

mod known;
mod search;
mod tree;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::engine::fault::carried::Damage;
use crate::engine::redb_format::page::{FORMAT, Geometry, HEADER_LEN, Header, Node};
use crate::engine::redb_format::verify::known::{Known, Pages};
use crate::engine::redb_format::verify::search::{Read, Search};
use crate::engine::redb_format::verify::tree::{Claim, Kind, Tree, claims_of, is_readable};

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::model::table::{Content, Table};

/// Where the header is.
const HEADER: u64 = 0;

/// What is known of the pages of an open image.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Where the image begins in the file.
    image_offset: u64,
    pages: Mutex<Pages>,
    suspects: Mutex<Vec<(Table, Damage)>>,
    /// Why redb reads nothing more.
    first: OnceLock<Damage>,
    panicked: OnceLock<()>,
}

/// Keeps the roots of one commit, which somebody reads, until it is dropped.
pub(crate) struct Pin {
    watch: Arc<Watch>,
    number: u64,
}

impl Pin {
    /// Whether no commit has come since. If one has, a reader that began meanwhile may read it.
    pub(crate) fn is_of_newest(&self) -> bool {
        self.watch.pages().commits().is_newest(self.number)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.watch.pages().commits().end(self.number);
    }
}

impl Watch {
    pub(crate) fn new(image_offset: u64) -> Self {
        Self {
            image_offset,
            ..Self::default()
        }
    }

    /// Reads for redb what is at `offset`, and verifies it if it is a page that is known.
    pub(crate) fn read(&self, offset: u64, out: &mut [u8], read: Read<'_>) -> io::Result<()> {
        let done = if offset == HEADER {
            self.read_header(out, read)
        } else {
            read(offset, out).and_then(|()| self.verify(offset, out, read))
        };
        done.map_err(|err| match err.kind() {
            io::ErrorKind::UnexpectedEof => self.fail(
                self.place(offset, "database image"),
                "the file ends before it",
            ),
            _ => err,
        })
    }

    /// Writes what redb has at `offset`, and takes down what that is.
    pub(crate) fn write(
        &self,
        offset: u64,
        bytes: &[u8],
        write: impl FnOnce(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if offset == HEADER {
            return self.write_header(bytes, write);
        }
        self.pages().written(offset, bytes);
        write(bytes)
    }

    /// Forgets the pages from `len` on, where the image ends from now on.
    pub(crate) fn cut(&self, len: u64) {
        self.pages().cut(len);
    }

    /// Keeps the roots of the newest commit.
    pub(crate) fn pin(self: &Arc<Self>) -> Pin {
        Pin {
            number: self.pages().commits().begin(),
            watch: Arc::clone(self),
        }
    }

    /// Fails if rows of the table may be missing, since one of its pages is damaged. Whoever
    /// finds nothing asks this afterwards.
    pub(crate) fn complete(&self, table: Table) -> Result<(), Damage> {
        let suspects = self.suspects();
        let found = suspects.iter().find(|(suspect, _)| *suspect == table);
        found.map_or(Ok(()), |(_, damage)| Err(damage.clone()))
    }

    /// What has made redb useless, if something has.
    pub(crate) fn first(&self) -> Option<&Damage> {
        self.first.get()
    }

    /// The same, if redb must not even be called any more.
    pub(crate) fn panicked(&self) -> Option<&Damage> {
        self.panicked.get().and_then(|()| self.first.get())
    }

    /// Takes down that redb panicked, and what it said.
    pub(crate) fn panic(&self, said: &str) -> Damage {
        let damage = Damage {
            place: "database image".to_owned(),
            message: format!("reading it failed: {said}"),
        };
        self.panicked.get_or_init(|| ());
        self.first.get_or_init(|| damage).clone()
    }

    /// Reads the header and learns the roots, as one step: were it taken up again later, the
    /// pages of the roots could be others.
    fn read_header(&self, out: &mut [u8], read: Read<'_>) -> io::Result<()> {
        let mut pages = self.pages();
        read(HEADER, out)?;
        if out.len() < HEADER_LEN {
            return Ok(());
        }
        // What it does not understand redb refuses by itself.
        let Ok(header) = Header::parse(out) else {
            return Ok(());
        };
        let slot = header.published();
        let judged = sound(&header).and_then(|()| {
            if slot.sound && slot.transaction < pages.commits().newest() {
                return Err("it shows an earlier commit than it did before".to_owned());
            }
            Ok(())
        });
        if let Err(message) = judged {
            let place = self.place(HEADER, "header of the database image");
            return Err(self.fail(place, &message));
        }
        pages.learn_roots(&header);
        Ok(())
    }

    fn write_header(
        &self,
        bytes: &[u8],
        write: impl FnOnce(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut pages = self.pages();
        let Ok(header) = Header::parse(bytes) else {
            return write(bytes);
        };
        if !header.recovery_required && header.unpublished_is_newer() {
            // A commit that power loss cut off and that was given up. In a file that is closed it
            // would look like the last one.
            write(&header.without_unpublished(bytes))?;
        } else {
            write(bytes)?;
        }
        pages.learn_roots(&header);
        if seeded(Bug::BelieveUnproven) {
            pages.forget();
        }
        Ok(())
    }

    fn verify(&self, offset: u64, page: &[u8], read: Read<'_>) -> io::Result<()> {
        let known = self.pages().get(offset, page.len());
        match known {
            Some(Known::Claimed(claim)) => {
                if let Ok(node) = Node::parse(page, claim.tree.widths)
                    && claim.is(&node)
                {
                    self.learn_below(&node, claim.tree);
                    return Ok(());
                }
            }
            Some(Known::Written(written)) if written.is(page) => return Ok(()),
            None if seeded(Bug::BelieveUnproven) => return Ok(()),
            _ => {}
        }
        let claim = match known {
            Some(Known::Claimed(claim)) => Some(claim),
            _ => None,
        };
        match self.look_for(offset, page, read).or(claim) {
            Some(claim) => self.judge(offset, page, &claim),
            None => Err(self.fail(
                self.place(offset, "database image"),
                "no page above it says what it must be",
            )),
        }
    }

    /// What the commits say that the page at this place must be.
    fn look_for(&self, offset: u64, page: &[u8], read: Read<'_>) -> Option<Claim> {
        let commits = self.pages().commits().roots();
        let found = Search::new(offset, page, read).run(&commits)?;
        self.pages().learn(found.beside);
        Some(found.says)
    }

    /// Lets a page through if it is what it must be, and also if what is wrong with it shows in its
    /// rows whenever they are read.
    fn judge(&self, offset: u64, page: &[u8], claim: &Claim) -> io::Result<()> {
        let Tree { kind, widths } = claim.tree;
        match Node::parse(page, widths) {
            Ok(node) if claim.is(&node) => {
                self.learn_below(&node, claim.tree);
                Ok(())
            }
            Ok(Node::Leaf(leaf)) if is_readable(leaf, kind) => {
                if let Kind::Ours(name, Content::Rows(table)) = kind {
                    self.suspect(table, self.place(offset, name));
                }
                Ok(())
            }
            Ok(_) => Err(self.fail(
                self.place(offset, kind.name()),
                "its checksum does not match",
            )),
            Err(message) => Err(self.fail(self.place(offset, kind.name()), &message)),
        }
    }

    /// Learns what the pages must be that a page leads to.
    fn learn_below(&self, node: &Node<'_>, tree: Tree) {
        let mut below = claims_of(node, tree).peekable();
        if below.peek().is_some() {
            self.pages().learn(below);
        }
    }

    fn suspect(&self, table: Table, place: String) {
        let damage = Damage {
            place,
            message: "its checksum does not match, so rows of it may be missing".to_owned(),
        };
        let mut suspects = self.suspects();
        if !suspects.iter().any(|(_, known)| *known == damage) {
            suspects.push((table, damage));
        }
    }

    fn fail(&self, place: String, message: &str) -> io::Error {
        let message = message.to_owned();
        let damage = Damage { place, message };
        self.first.get_or_init(|| damage.clone());
        io::Error::new(io::ErrorKind::InvalidData, damage)
    }

    fn place(&self, offset: u64, name: &str) -> String {
        let offset = self.image_offset.saturating_add(offset);
        format!("{name}, page at byte {offset}")
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn suspects(&self) -> MutexGuard<'_, Vec<(Table, Damage)>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What must hold in a header besides the checksums of its slots. A file that has been closed
/// shows its last commit; in others a commit may be under way.
fn sound(header: &Header) -> Result<(), String> {
    if header.geometry != Geometry::OF_NEW_IMAGES {
        return Err("its regions have another size than all images have".to_owned());
    }
    if let Some(format) = header.other_format() {
        return Err(format!(
            "its pages are of redb's format {format}, and this version of sessiondb verifies those \
             of format {FORMAT} alone"
        ));
    }
    let closed = !header.recovery_required;
    if closed && (header.primary_unflushed || header.unpublished_is_newer()) {
        let message = "the archive was closed, and this does not show its last commit";
        return Err(message.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
