//! URLs of remotes: which store they name.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use url::Url;

use crate::error::{RemoteError, harmless};

type Opened = (Arc<dyn ObjectStore>, Path, String);

pub(crate) fn open(text: &str) -> Result<Opened, RemoteError> {
    let url = Url::parse(text).ok().filter(|url| !url.cannot_be_a_base());
    let Some(url) = url else {
        // What it says is not repeated, since no part of it is known to be harmless.
        let cause = "it is no URL of a store; give one as in file:///folder";
        return Err(refused("the remote", cause));
    };
    let name = name_of(&url);
    match url.scheme() {
        "file" => folder(&url, name),
        "s3" | "gs" | "az" => Err(refused(
            &name,
            "buckets cannot be given by a URL yet; give file:///folder",
        )),
        _ => Err(refused(
            &name,
            "there is no such store; give file:///folder",
        )),
    }
}

/// The URL without user, password, query and fragment.
fn name_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("");
    let path = url.path().trim_end_matches('/');
    format!("{}://{host}{path}", url.scheme())
}

fn folder(url: &Url, name: String) -> Result<Opened, RemoteError> {
    let Ok(path) = url.to_file_path() else {
        let cause =
            "it names no folder of this machine; give an absolute path, as in file:///folder";
        return Err(refused(&name, cause));
    };
    let made = std::fs::create_dir_all(&path).map_err(|error| error.to_string());
    let store = made
        .and_then(|()| LocalFileSystem::new_with_prefix(&path).map_err(|error| harmless(&error)));
    let store = store.map_err(|cause| refused(&name, &cause))?;
    Ok((Arc::new(store.with_fsync(true)), Path::default(), name))
}

fn refused(url: &str, cause: &str) -> RemoteError {
    RemoteError::Url {
        url: url.to_owned(),
        cause: cause.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_is_told() {
        for url in [
            "ftp://user:secret@host/folder?token=secret#secret",
            "s3://user:secret@",
            "user:secret@host/folder?secret",
        ] {
            let error = open(url).unwrap_err().to_string();
            assert!(
                !error.contains("user") && !error.contains("token=secret"),
                "{error}"
            );
            assert!(!error.contains(":secret"), "{error}");
        }
    }
}
