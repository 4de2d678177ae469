//! What is done with logs without a store: copies, zstd of whole files, and what they take on disk.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zstd::bulk::{Compressor, Decompressor};

use super::Logs;
use crate::Result;

/// The level that the figures of other people's logs are given for.
const LEVEL: i32 = 3;

/// Copies each file; each copy is on the disk before the next one begins.
pub(crate) fn copy_synced(logs: &Logs, out: &Path) -> Result<()> {
    for file in &logs.files {
        let path = file.new_path_in(out)?;
        fs::copy(file.path_in(&logs.folder), &path)?;
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

/// Compresses each file by itself.
pub(crate) fn pack(logs: &Logs, packed: &Path) -> Result<()> {
    let mut zstd = Compressor::new(LEVEL)?;
    for file in &logs.files {
        let frame = zstd.compress(&fs::read(file.path_in(&logs.folder))?)?;
        fs::write(file.new_path_in(packed)?, frame)?;
    }
    Ok(())
}

/// Takes the files of `pack` apart again.
pub(crate) fn unpack(logs: &Logs, packed: &Path, out: &Path) -> Result<()> {
    let mut zstd = Decompressor::new()?;
    for file in &logs.files {
        let len = usize::try_from(file.len_bytes)?;
        let text = zstd.decompress(&fs::read(file.path_in(packed))?, len)?;
        File::create(file.new_path_in(out)?)?.write_all(&text)?;
    }
    Ok(())
}

/// All files below a folder, sorted.
pub(crate) fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Syncs all files below a folder, which would otherwise be written back in the middle of what is
/// measured next.
pub(crate) fn settle(folder: &Path) -> Result<()> {
    for path in below(folder)? {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

/// Has the system hold the files below a folder in memory, as far as they fit.
pub(crate) fn warm(folder: &Path) -> Result<()> {
    let mut buffer = vec![0; 1 << 20];
    for path in below(folder)? {
        let mut file = File::open(path)?;
        while file.read(&mut buffer)? > 0 {}
    }
    Ok(())
}

/// How long the files below a path are together, and what they take on the disk.
pub(crate) fn size(path: &Path) -> Result<(u64, u64)> {
    let files = if path.is_dir() {
        below(path)?
    } else {
        vec![path.to_owned()]
    };
    let (mut len, mut blocks) = (0, 0);
    for file in files {
        let metadata = fs::metadata(file)?;
        len += metadata.len();
        blocks += metadata.blocks() * 512;
    }
    Ok((len, blocks))
}

/// How much of the files below a folder is in use: pages of zeros are not.
pub(crate) fn used_bytes(folder: &Path) -> Result<u64> {
    const PAGE_BYTES: usize = 4096;
    let mut used = 0;
    for path in below(folder)? {
        let file = fs::read(path)?;
        let pages = file.chunks(PAGE_BYTES);
        let full = pages.filter(|page| page.iter().any(|byte| *byte != 0));
        used += full.map(<[u8]>::len).sum::<usize>() as u64;
    }
    Ok(used)
}
