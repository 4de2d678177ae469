//! URLs of remotes: which store they name.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use url::Url;

use crate::cause;
#[cfg(feature = "_http")]
use crate::cloud::open as open_bucket;
use crate::error::RemoteError;
use crate::settings::Settings;

type Opened = (Arc<dyn ObjectStore>, Path, String);

/// What can be given.
const FORMS: &str =
    "file:///folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix";

pub(crate) fn open(text: &str, settings: &Settings) -> Result<Opened, RemoteError> {
    let url = Url::parse(text).ok().filter(|url| !url.cannot_be_a_base());
    let Some(url) = url else {
        // What it says is not repeated, since no part of it is known to be harmless.
        let cause = format!("it is no URL of a store; give {FORMS}");
        return Err(refused("the remote", &cause));
    };
    let name = name_of(&url);
    match url.scheme() {
        "file" => folder(&url, name),
        "s3" | "gs" | "az" => bucket(&url, name, settings),
        _ => Err(refused(
            &name,
            &format!("there is no such store; give {FORMS}"),
        )),
    }
}

/// The URL without user, password, query and fragment.
fn name_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("");
    let path = url.path().trim_end_matches('/');
    format!("{}://{host}{path}", url.scheme())
}

fn bucket(url: &Url, name: String, settings: &Settings) -> Result<Opened, RemoteError> {
    let is_bare = url.username().is_empty() && url.password().is_none() && url.port().is_none();
    if !is_bare || url.query().is_some() || url.fragment().is_some() {
        let cause = "a bucket has a name and a prefix; all else is set by environment variables";
        return Err(refused(&name, cause));
    }
    let Some(bucket) = url.host_str().filter(|host| !host.is_empty()) else {
        return Err(refused(&name, &format!("it names no bucket; give {FORMS}")));
    };
    let Ok(prefix) = Path::from_url_path(url.path()) else {
        let cause = "the prefix has a part that is empty, `.` or `..`";
        return Err(refused(&name, cause));
    };
    let store = open_bucket(url.scheme(), bucket, settings);
    let store = store.map_err(|error| refused(&name, &cause::told(&error)))?;
    Ok((store, prefix, name))
}

#[cfg(not(feature = "_http"))]
fn open_bucket(_: &str, _: &str, _: &Settings) -> object_store::Result<Arc<dyn ObjectStore>> {
    Err(object_store::Error::Generic {
        store: "bucket",
        source: "this build has no buckets; build it with the feature `cloud`".into(),
    })
}

fn folder(url: &Url, name: String) -> Result<Opened, RemoteError> {
    let Ok(path) = url.to_file_path() else {
        let cause =
            "it names no folder of this machine; give an absolute path, as in file:///folder";
        return Err(refused(&name, cause));
    };
    let made = std::fs::create_dir_all(&path).map_err(|error| error.to_string());
    let store = made.and_then(|()| {
        LocalFileSystem::new_with_prefix(&path).map_err(|error| cause::told(&error))
    });
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
    fn a_bucket_that_is_half_named_is_refused() {
        for url in ["s3:///prefix", "gs://bucket/a//b", "az://container:80/a"] {
            let error = open(url, &Settings::default()).unwrap_err();
            assert!(error.to_string().starts_with(&url[..5]), "{error}");
        }
    }

    #[test]
    fn no_credential_is_told() {
        for url in [
            "ftp://user:secret@host/folder?token=secret#secret",
            "s3://user:secret@",
            "s3://user:secret@bucket/prefix",
            "s3://bucket/prefix?token=secret#secret",
            "az://user:secret@bucket",
            "user:secret@host/folder?secret",
        ] {
            let error = open(url, &Settings::default()).unwrap_err().to_string();
            assert!(
                !error.contains("user") && !error.contains("token=secret"),
                "{error}"
            );
            assert!(!error.contains(":secret"), "{error}");
        }
    }
}
