//! Places where an archive may come to harm: network file systems, whose locks may not hold between
//! machines, and folders that a program copies elsewhere while the file is written.

use std::path::{Component, Path};

/// Folders that are synced, by how they are called, and by whom.
const SYNCED: &[(&str, &str)] = &[
    ("Dropbox", "Dropbox"),
    ("OneDrive", "OneDrive"),
    ("Google Drive", "Google Drive"),
    ("GoogleDrive", "Google Drive"),
    ("iCloud Drive", "iCloud"),
    ("com~apple~CloudDocs", "iCloud"),
    ("CloudStorage", "a cloud storage"),
    ("Nextcloud", "Nextcloud"),
    ("ownCloud", "ownCloud"),
    ("pCloudDrive", "pCloud"),
    ("MEGA", "MEGA"),
];

/// What an open folder of Syncthing has in it.
const SYNCTHING: &str = ".stfolder";

/// What may harm a file at the path, in words; `None` if nothing is known.
pub(crate) fn harm(path: &Path) -> Option<String> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    network(&path).or_else(|| synced(&path))
}

fn synced(path: &Path) -> Option<String> {
    let folder = path.parent()?;
    let by_name = folder.components().find_map(|part| {
        let Component::Normal(name) = part else {
            return None;
        };
        let name = name.to_str()?;
        // As in `OneDrive - Some Company`.
        let of = |(folder, _): &&(&str, &str)| {
            let rest = name.strip_prefix(folder);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '-']))
        };
        SYNCED.iter().find(of).map(|(_, by)| *by)
    });
    let by_content = || {
        let mut folders = folder.ancestors();
        folders.find(|folder| folder.join(SYNCTHING).is_dir())?;
        Some("Syncthing")
    };
    let by = by_name.or_else(by_content)?;
    Some(format!(
        "a folder that {by} syncs: it may copy the file while it is written, or put another in its place"
    ))
}

#[cfg(target_os = "linux")]
fn network(path: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let kind = file_system(&mounts, path)?;
    let is_remote = kind.starts_with("fuse.") || REMOTE.contains(&kind);
    is_remote
        .then(|| format!("a network file system ({kind}): its locks may not hold between machines"))
}

/// File systems whose files others may write to, or that pass calls on to one that is not known.
#[cfg(target_os = "linux")]
const REMOTE: &[&str] = &[
    "9p", "afs", "ceph", "cifs", "fuse", "fuseblk", "gfs2", "lustre", "ncpfs", "nfs", "nfs4",
    "ocfs2", "smb3", "smbfs", "vboxsf", "virtiofs",
];

/// The kind of the file system that a path is on, by the list of what is mounted. What was mounted last
/// lies on top.
#[cfg(target_os = "linux")]
fn file_system<'m>(mounts: &'m str, path: &Path) -> Option<&'m str> {
    let mounts = mounts.lines().filter_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let at = unescaped(mount.split(' ').nth(4)?);
        let kind = file_system.split(' ').next()?;
        path.starts_with(&at).then_some((at.len(), kind))
    });
    let longest = mounts.max_by_key(|(len, _)| *len)?;
    Some(longest.1)
}

/// A name as the system lists it: spaces and the like as octal numbers.
#[cfg(target_os = "linux")]
fn unescaped(name: &str) -> String {
    let replace = |name: String, (code, character)| name.replace(code, character);
    let codes = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    codes.into_iter().fold(name.to_owned(), replace)
}

#[cfg(windows)]
fn network(path: &Path) -> Option<String> {
    use std::path::Prefix;
    let Some(Component::Prefix(prefix)) = path.components().next() else {
        return None;
    };
    let is_share = matches!(prefix.kind(), Prefix::UNC(..) | Prefix::VerbatimUNC(..));
    is_share.then(|| "a network share: its locks may not hold between machines".to_owned())
}

#[cfg(not(any(target_os = "linux", windows)))]
fn network(_path: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_are_synced_are_known_by_name_or_content() {
        let scratch = tempfile::tempdir().unwrap();
        let file = |folder: &str| {
            let folder = scratch.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            folder.join("a.sessiondb")
        };
        assert_eq!(synced(&file("plain/MEGAphone/Dropboxes")), None);
        for folder in [
            "Dropbox",
            "a/OneDrive - Some Company/b",
            "com~apple~CloudDocs/c",
        ] {
            assert!(synced(&file(folder)).is_some(), "{folder}");
        }
        std::fs::create_dir_all(scratch.path().join("shared/.stfolder")).unwrap();
        let said = synced(&file("shared/deep/er")).unwrap();
        assert!(said.contains("Syncthing"), "{said}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_is_on_what_was_mounted_nearest_to_it() {
        let mounts = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
                      40 22 0:30 / /home rw - nfs4 server:/home rw,vers=4.2\n\
                      41 40 0:31 / /home/ann/my\\040disk rw - tmpfs tmpfs rw\n";
        for (path, kind) in [
            ("/srv/a", "ext4"),
            ("/homes/a", "ext4"),
            ("/home/ann/a", "nfs4"),
            ("/home/ann/my disk/a", "tmpfs"),
        ] {
            assert_eq!(file_system(mounts, Path::new(path)), Some(kind), "{path}");
        }
    }
}
