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
        let cause = "it is no URL of a store; give one as in file:///folder or s3://bucket/prefix";
        return Err(refused("the remote", cause));
    };
    let name = name_of(&url);
    match url.scheme() {
        "file" => folder(&url, name),
        "s3" | "gs" | "az" => bucket(&url, &name),
        _ => Err(refused(
            &name,
            "there is no such store; give file://, s3://, gs:// or az://",
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

#[cfg(feature = "cloud")]
fn bucket(url: &Url, name: &str) -> Result<Opened, RemoteError> {
    let path = Path::from_url_path(url.path()).map_err(|error| refused(name, &harmless(&error)))?;
    let refuse = |error: object_store::Error| refused(name, &harmless(&error));
    let bucket = url.host_str().unwrap_or("");
    let store: Arc<dyn ObjectStore> = match url.scheme() {
        "s3" => {
            let builder = object_store::aws::AmazonS3Builder::from_env();
            Arc::new(builder.with_bucket_name(bucket).build().map_err(refuse)?)
        }
        "gs" => {
            let builder = object_store::gcp::GoogleCloudStorageBuilder::from_env();
            Arc::new(builder.with_bucket_name(bucket).build().map_err(refuse)?)
        }
        _ => {
            let builder = object_store::azure::MicrosoftAzureBuilder::from_env();
            Arc::new(
                builder
                    .with_container_name(bucket)
                    .build()
                    .map_err(refuse)?,
            )
        }
    };
    Ok((store, path, name.to_owned()))
}

#[cfg(not(feature = "cloud"))]
fn bucket(_url: &Url, name: &str) -> Result<Opened, RemoteError> {
    let cause =
        "this program was built without stores of clouds; build it with the feature `cloud`";
    Err(refused(name, cause))
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
