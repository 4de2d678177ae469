//! The superblock: the first 4 KiB, written once at creation. `docs/format.md` has the byte map.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use redb::StorageBackend;
use uuid::Uuid;

use crate::engine::fault::system::{named, of_file};
use crate::engine::model::compress;
use crate::engine::model::row::{Reader, plain_checksum};
use crate::error::StoreError;

/// The format version of new archives.
pub(crate) const FORMAT_VERSION: u32 = 4;
/// The oldest one that is read. Whoever writes makes an archive of it one of the new format.
pub(crate) const OLDEST_VERSION: u32 = 2;
/// The first one with the locks of today. From here on versions are written to as they are.
const LOCKS_VERSION: u32 = 3;
/// The bit of the features that says that runs may be compressed with zstd.
const FEATURE_ZSTD: u32 = 1;
/// The bit that says that values which repeat are stored once.
const FEATURE_SHARED_VALUES: u32 = 1 << 1;
/// The bit that says that each run of entries has a word filter beside it, and the one that says that the archive
/// is to have none.
const FEATURE_WORD_FILTERS: u32 = 1 << 16;
const FEATURE_NO_WORD_FILTERS: u32 = 1 << 24;
/// The bit that says that sessions are indexed by their last use.
const FEATURE_SESSIONS_BY_USE: u32 = 1 << 17;
/// Of the features, those that a reader must know. What it does not know of the next eight it must not
/// write beside, and the last eight it may ignore.
const MUST_BE_KNOWN: u32 = 0xffff;
const MUST_BE_KNOWN_TO_WRITE: u32 = 0xff_0000;
/// Those of these that are known here.
const KNOWN: u32 = FEATURE_ZSTD | FEATURE_SHARED_VALUES;
const KNOWN_TO_WRITE: u32 = FEATURE_WORD_FILTERS | FEATURE_SESSIONS_BY_USE;

/// Those of new archives, but for word filters.
const FEATURES: u32 = if compress::IS_AVAILABLE {
    FEATURE_ZSTD | FEATURE_SHARED_VALUES | FEATURE_SESSIONS_BY_USE
} else {
    FEATURE_SHARED_VALUES | FEATURE_SESSIONS_BY_USE
};

/// Those that say whether there are to be word filters.
const fn about_filters(wanted: bool) -> u32 {
    if wanted {
        FEATURE_WORD_FILTERS
    } else {
        FEATURE_NO_WORD_FILTERS
    }
}

const LEN: usize = 4096;
pub(crate) const SUPERBLOCK_BYTES: u64 = LEN as u64;
const CHECKSUM_AT: usize = LEN - 8;
const MAGIC: [u8; 16] = *b"sessiondb\0\r\n\x1a\n\0\xff";

/// The shared page: what live processes tell each other.
pub(crate) const SHARED_PAGE_OFFSET: u64 = 4096;
/// Where the journal begins; redb's image follows it.
pub(crate) const JOURNAL_OFFSET: u64 = 8192;
/// The journal of an archive that is made with default options, in bytes.
pub(crate) const DEFAULT_JOURNAL_BYTES: u64 = 2 << 20;
/// The shortest that a fresh copy gives itself: an empty archive is a quarter as long with it, and asks for a checkpoint four
/// times as often.
const LEAST_COPIED_JOURNAL_BYTES: u64 = 512 << 10;
/// The bounds of a journal's length, in bytes; it is a multiple of the lower one.
pub(crate) const MIN_JOURNAL_BYTES: u64 = 16 << 10;
pub(crate) const MAX_JOURNAL_BYTES: u64 = 1 << 30;

/// What the superblock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub(crate) version: u32,
    features: u32,
    pub(crate) archive_id: Uuid,
    pub(crate) created_ms: u64,
    pub(crate) journal_bytes: u64,
}

impl Superblock {
    pub(crate) fn new(journal_bytes: u64) -> Self {
        Self {
            version: FORMAT_VERSION,
            features: FEATURES | about_filters(true),
            archive_id: Uuid::now_v7(),
            created_ms: crate::ids::now_ms(),
            journal_bytes,
        }
    }

    /// The same with word filters, or without.
    pub(crate) fn with_word_filters(self, wanted: bool) -> Self {
        let features = self.features & !(FEATURE_WORD_FILTERS | FEATURE_NO_WORD_FILTERS);
        Self {
            features: features | about_filters(wanted),
            ..self
        }
    }

    /// Whether the archive is to have word filters once it is written anew.
    pub(crate) fn wants_word_filters(&self) -> bool {
        self.features & FEATURE_NO_WORD_FILTERS == 0
    }

    /// The same with a journal for an image of so many bytes: a quarter of it, so that a small archive is a small file. One
    /// that was made as small as can be stays so.
    pub(crate) fn with_journal_for(self, image_bytes: u64) -> Self {
        if self.journal_bytes < LEAST_COPIED_JOURNAL_BYTES {
            return self;
        }
        let most = DEFAULT_JOURNAL_BYTES.max(self.journal_bytes);
        let wanted = (image_bytes / 4).next_multiple_of(MIN_JOURNAL_BYTES);
        Self {
            journal_bytes: wanted.clamp(LEAST_COPIED_JOURNAL_BYTES, most),
            ..self
        }
    }

    /// That of a fresh copy: with all features but those that the archive is to be without.
    pub(crate) fn renewed(self) -> Self {
        Self {
            features: FEATURES | about_filters(self.wants_word_filters()),
            ..self.of_this_format()
        }
    }

    /// Whether its runs may be compressed.
    pub(crate) fn is_compressed(&self) -> bool {
        self.features & FEATURE_ZSTD != 0
    }

    /// Whether values that repeat are stored once.
    pub(crate) fn shares_values(&self) -> bool {
        self.features & FEATURE_SHARED_VALUES != 0
    }

    /// Whether each run of entries has a word filter.
    pub(crate) fn has_word_filters(&self) -> bool {
        self.features & FEATURE_WORD_FILTERS != 0
    }

    /// Whether sessions are indexed by their last use.
    pub(crate) fn has_sessions_by_use(&self) -> bool {
        self.features & FEATURE_SESSIONS_BY_USE != 0
    }

    /// Refuses to write to an archive with features that ask for it where they are not known.
    pub(crate) fn must_be_writable(&self, path: &Path) -> Result<(), StoreError> {
        let unknown = self.features & MUST_BE_KNOWN_TO_WRITE & !KNOWN_TO_WRITE;
        if unknown == 0 {
            return Ok(());
        }
        let what = format!(
            "features that this version may read and not write beside ({unknown:#x}); open it for \
             reading only, or update this program"
        );
        let path = path.to_owned();
        Err(StoreError::UnsupportedFeature { path, what })
    }

    /// The same in the format that is written.
    pub(crate) fn of_this_format(self) -> Self {
        Self {
            version: FORMAT_VERSION,
            ..self
        }
    }

    /// Whether its programs keep to the locks of today.
    pub(crate) fn has_these_locks(&self) -> bool {
        self.version >= LOCKS_VERSION
    }

    /// Where redb's image begins.
    pub(crate) fn image_offset(&self) -> u64 {
        JOURNAL_OFFSET + self.journal_bytes
    }

    /// The checksum of the page: what tells this archive from any other.
    pub(crate) fn mark(&self) -> u64 {
        let page = self.encode();
        let mark = page.last_chunk::<8>();
        mark.map_or(0, |mark| u64::from_le_bytes(*mark))
    }

    /// To what the first frame of the journal is chained.
    pub(crate) fn first_chain(&self) -> u64 {
        plain_checksum(self.archive_id.as_bytes())
    }

    /// Writes superblock, shared page and journal into empty storage. The journal is written, not
    /// left a hole, so that no later sync has to find space for it.
    pub(crate) fn write(&self, file: &dyn StorageBackend) -> io::Result<()> {
        file.set_len(self.image_offset())?;
        self.write_page(file)?;
        let zeros = vec![0; LEN];
        let pages = (SHARED_PAGE_OFFSET..self.image_offset()).step_by(LEN);
        pages
            .into_iter()
            .try_for_each(|page| file.write(page, &zeros))
    }

    /// Writes the superblock alone.
    pub(crate) fn write_page(&self, file: &dyn StorageBackend) -> io::Result<()> {
        file.write(0, &self.encode())
    }

    pub(crate) fn read(file: &dyn StorageBackend, path: &Path) -> Result<Self, StoreError> {
        let len = file.len().map_err(|err| named(path, &err))?;
        let mut page = vec![0; usize::try_from(len).unwrap_or(LEN).min(LEN)];
        file.read(0, &mut page).map_err(|err| of_file(path, &err))?;
        Self::decode(&page, len, path)
    }

    /// The same, of a file that may end before its database.
    pub(crate) fn read_first(
        file: &dyn StorageBackend,
        len: u64,
        path: &Path,
    ) -> Result<Self, StoreError> {
        let mut page = vec![0; usize::try_from(len).unwrap_or(LEN).min(LEN)];
        file.read(0, &mut page).map_err(|err| of_file(path, &err))?;
        Self::decode(&page, u64::MAX, path)
    }

    /// Refuses what this build does not read.
    fn must_be_known(&self, path: &Path) -> Result<(), StoreError> {
        let (path, found) = (path.to_owned(), self.version);
        if !(OLDEST_VERSION..=FORMAT_VERSION).contains(&found) {
            let supported = FORMAT_VERSION;
            return Err(StoreError::UnsupportedVersion {
                path,
                found,
                supported,
            });
        }
        let unknown = self.features & MUST_BE_KNOWN & !KNOWN;
        if unknown != 0 {
            let what = format!(
                "features that this version does not know ({unknown:#x}); update this program"
            );
            return Err(StoreError::UnsupportedFeature { path, what });
        }
        if self.is_compressed() && !compress::IS_AVAILABLE {
            let what = "runs compressed with zstd, and this program was built without the \
                        feature `zstd` of sessiondb; use one that has it"
                .to_owned();
            return Err(StoreError::UnsupportedFeature { path, what });
        }
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        let mut page = Vec::with_capacity(LEN);
        page.extend_from_slice(&MAGIC);
        page.extend_from_slice(&self.version.to_le_bytes());
        page.extend_from_slice(&self.features.to_le_bytes());
        page.extend_from_slice(self.archive_id.as_bytes());
        page.extend_from_slice(&self.created_ms.to_le_bytes());
        page.extend_from_slice(&self.journal_bytes.to_le_bytes());
        page.extend_from_slice(&self.image_offset().to_le_bytes());
        page.resize(CHECKSUM_AT, 0);
        let checksum = plain_checksum(&page);
        page.extend_from_slice(&checksum.to_le_bytes());
        page
    }

    fn decode(page: &[u8], len: u64, path: &Path) -> Result<Self, StoreError> {
        let refuse = |reason: String| {
            Err(StoreError::NotAnArchive {
                path: path.to_owned(),
                reason,
            })
        };
        let damaged = |message: &str| StoreError::Damaged {
            path: path.to_owned(),
            place: "superblock".to_owned(),
            message: message.to_owned(),
        };
        if page.is_empty() {
            return refuse("it is empty".to_owned());
        }
        if !page.starts_with(&MAGIC) {
            return refuse("it does not begin with the mark of one".to_owned());
        }
        let Some((body, checksum)) = page.split_last_chunk::<8>().filter(|_| page.len() == LEN)
        else {
            return Err(damaged(&format!(
                "the file ends within it, after {len} bytes"
            )));
        };
        let whole = with_checksum(body, u64::from_le_bytes(*checksum))
            .ok_or_else(|| damaged("its checksum does not match"))?;
        let mut fields = Reader::new(&whole);
        let parsed = (|| {
            let _magic: [u8; 16] = fields.array()?;
            let (version, features) = (fields.u32()?, fields.u32()?);
            let (archive_id, created_ms) = (fields.uuid()?, fields.u64()?);
            let superblock = Self {
                version,
                features,
                archive_id,
                created_ms,
                journal_bytes: fields.u64()?,
            };
            Ok::<_, String>((superblock, fields.u64()?))
        })();
        let (superblock, image_offset) = parsed.map_err(|message| damaged(&message))?;
        superblock.must_be_known(path)?;
        let journal_bytes = superblock.journal_bytes;
        if !(MIN_JOURNAL_BYTES..=MAX_JOURNAL_BYTES).contains(&journal_bytes)
            || journal_bytes % MIN_JOURNAL_BYTES != 0
            || image_offset != superblock.image_offset()
        {
            return Err(damaged("its lengths do not agree"));
        }
        if len <= image_offset {
            return Err(damaged(&format!(
                "the file ends after {len} bytes, before its database"
            )));
        }
        Ok(superblock)
    }
}

/// The page before its checksum, if that matches. Power may go when the version has changed and the
/// checksum has not, or the other way round: then it is of the older one still.
fn with_checksum(body: &[u8], checksum: u64) -> Option<Cow<'_, [u8]>> {
    if plain_checksum(body) == checksum {
        return Some(Cow::Borrowed(body));
    }
    let (before, rest) = body.split_at_checked(MAGIC.len())?;
    let (version, behind) = rest.split_first_chunk::<4>()?;
    let of_version = |version: u32| [before, &version.to_le_bytes(), behind].concat();
    let mut known = OLDEST_VERSION..=FORMAT_VERSION;
    let is_known = known.contains(&u32::from_le_bytes(*version));
    let was_it = |version| plain_checksum(&of_version(version)) == checksum;
    let torn = is_known && known.any(was_it);
    torn.then(|| Cow::Owned(of_version(OLDEST_VERSION)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_superblock_reads_back_and_each_flipped_bit_is_refused() {
        let superblock = Superblock::new(MIN_JOURNAL_BYTES);
        let page = superblock.encode();
        let path = Path::new("a.sessiondb");
        let decode = |page: &[u8]| Superblock::decode(page, 1 << 20, path);
        assert_eq!(decode(&page).unwrap(), superblock);
        for bit in 0..LEN * 8 {
            let mut flipped = page.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let found = decode(&flipped);
            assert!(found.is_err(), "bit {bit}");
        }
        assert!(matches!(
            decode(&page[..100]),
            Err(StoreError::Damaged { .. })
        ));
        assert!(matches!(decode(&[]), Err(StoreError::NotAnArchive { .. })));
    }

    #[test]
    fn a_change_of_format_is_whole_or_has_not_been() {
        let new = Superblock::new(MIN_JOURNAL_BYTES);
        let old = Superblock {
            version: OLDEST_VERSION,
            ..new
        };
        let (before, after) = (old.encode(), new.encode());
        let path = Path::new("a.sessiondb");
        for sector in (0..=LEN).step_by(512) {
            for (first, rest) in [(&before, &after), (&after, &before)] {
                let torn = [&first[..sector], &rest[sector..]].concat();
                let found = Superblock::decode(&torn, 1 << 20, path).unwrap();
                let expected = if torn == after { new } else { old };
                assert_eq!(found, expected, "at {sector}");
            }
        }
    }

    #[test]
    fn what_a_feature_asks_of_who_does_not_know_it_is_in_its_place() {
        let path = Path::new("a.sessiondb");
        for bit in (1..32).filter(|bit| (KNOWN | KNOWN_TO_WRITE) & 1 << bit == 0) {
            let known = Superblock::new(MIN_JOURNAL_BYTES);
            let features = known.features | 1 << bit;
            let page = Superblock { features, ..known }.encode();
            let found = Superblock::decode(&page, 1 << 20, path);
            match bit {
                0..16 => assert!(found.unwrap_err().to_string().contains("update")),
                16..24 => assert!(found.unwrap().must_be_writable(path).is_err()),
                // What may be ignored stays.
                _ => {
                    let found = found.unwrap();
                    found.must_be_writable(path).unwrap();
                    assert_eq!(found.encode(), page);
                }
            }
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        let mut page = Superblock::new(MIN_JOURNAL_BYTES).encode();
        page[16..20].copy_from_slice(&7_u32.to_le_bytes());
        let checksum = plain_checksum(&page[..CHECKSUM_AT]);
        page[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        let refused = Superblock::decode(&page, 1 << 20, Path::new("new.sessiondb"));
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("new.sessiondb"), "{message}");
        assert!(
            message.contains("version 7") && message.contains("version 4"),
            "{message}"
        );
    }
}
