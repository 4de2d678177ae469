//! Buckets by URL, with the settings that their providers' own programs read from the environment. Every way
//! has an end: so many retries, and so long for one request.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::{
    BackoffConfig, ClientOptions, CredentialProvider, Error, ObjectStore, Result, RetryConfig,
};

use crate::cause::{self, Plain};
use crate::settings::Settings;

/// A request that is not answered for so long has failed. Four packs of 8 MiB at once need 1.5 Mbit/s for it.
const REQUEST: Duration = Duration::from_secs(180);
/// The same for one that asks for credentials.
const CREDENTIALS: &str = "5 seconds";

/// Opens a bucket of the provider that the scheme names, or says that this build has none.
pub(crate) fn open(
    scheme: &str,
    bucket: &str,
    settings: &Settings,
) -> Result<Arc<dyn ObjectStore>> {
    // A program that has chosen its provider keeps it.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    match scheme {
        #[cfg(feature = "aws")]
        "s3" => s3(bucket, settings),
        #[cfg(feature = "gcp")]
        "gs" => gs(bucket, settings),
        #[cfg(feature = "azure")]
        "az" => az(bucket, settings),
        _ => plain("this build has no such buckets; build it with the feature `cloud`".to_owned()),
    }
}

/// The builder with all settings of its provider, and the one that asks for credentials: it soon gives up, so that
/// nobody waits for a metadata service that is not there.
macro_rules! builders {
    ($builder:ty, $key:ty, $begins:literal, $settings:expr) => {{
        let options = ClientOptions::new()
            .with_timeout(REQUEST)
            .with_connect_timeout(Duration::from_secs(5));
        let begun = <$builder>::new().with_client_options(options);
        let builder = $settings.of($begins).fold(begun, |builder, (name, value)| {
            match name.parse::<$key>() {
                Ok(key) => builder.with_config(key, value),
                Err(_) => builder,
            }
        });
        let timeout = <$key>::Client(object_store::ClientConfigKey::Timeout);
        let asking = builder
            .clone()
            .with_config(timeout, CREDENTIALS)
            .with_retry(retries(1));
        (builder.with_retry(retries(8)), asking)
    }};
}

#[cfg(feature = "aws")]
fn s3(bucket: &str, settings: &Settings) -> Result<Arc<dyn ObjectStore>> {
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};

    let (builder, asking) = builders!(AmazonS3Builder, Key, "AWS_", settings);
    let endpoint = builder
        .get_config_value(&Key::S3Endpoint)
        .or_else(|| builder.get_config_value(&Key::Endpoint));
    let allow = Key::Client(object_store::ClientConfigKey::AllowHttp);
    check_endpoint(
        "AWS_ENDPOINT_URL",
        endpoint.as_deref(),
        "AWS_ALLOW_HTTP",
        builder.get_config_value(&allow).as_deref(),
    )?;
    let hint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    let has = |key: Key| builder.get_config_value(&key).is_some();
    if has(Key::AccessKeyId) != has(Key::SecretAccessKey) {
        return plain(format!("one of two keys is missing; {hint}"));
    }
    let asking = asking.with_bucket_name(bucket).build()?;
    let credentials = Asking {
        inner: asking.credentials().clone(),
        hint,
    };
    let store = builder
        .with_bucket_name(bucket)
        .with_credentials(Arc::new(credentials));
    Ok(Arc::new(store.build()?))
}

#[cfg(feature = "gcp")]
fn gs(bucket: &str, settings: &Settings) -> Result<Arc<dyn ObjectStore>> {
    use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as Key};

    let (builder, asking) = builders!(GoogleCloudStorageBuilder, Key, "GOOGLE_", settings);
    // The address is Google's own, unless a key file names another one, as those of emulators do.
    let allow = Key::Client(object_store::ClientConfigKey::AllowHttp);
    let [builder, asking] = [builder, asking].map(|of| of.with_config(allow, "true"));
    let asking = asking.with_bucket_name(bucket).build()?;
    let credentials = Asking {
        inner: asking.credentials().clone(),
        hint: "set GOOGLE_APPLICATION_CREDENTIALS to the path of a key file",
    };
    let store = builder
        .with_bucket_name(bucket)
        .with_credentials(Arc::new(credentials));
    Ok(Arc::new(store.build()?))
}

#[cfg(feature = "azure")]
fn az(container: &str, settings: &Settings) -> Result<Arc<dyn ObjectStore>> {
    use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};

    let (builder, asking) = builders!(MicrosoftAzureBuilder, Key, "AZURE_", settings);
    let uses_emulator = builder.get_config_value(&Key::UseEmulator).as_deref() == Some("true");
    if builder.get_config_value(&Key::AccountName).is_none() && !uses_emulator {
        return plain(
            "set AZURE_STORAGE_ACCOUNT_NAME to the account that has the container".to_owned(),
        );
    }
    let allow = Key::Client(object_store::ClientConfigKey::AllowHttp);
    check_endpoint(
        "AZURE_ENDPOINT",
        builder.get_config_value(&Key::Endpoint).as_deref(),
        "AZURE_ALLOW_HTTP",
        builder.get_config_value(&allow).as_deref(),
    )?;
    let asking = asking.with_container_name(container).build()?;
    let credentials = Asking {
        inner: asking.credentials().clone(),
        hint: "set AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_KEY",
    };
    let store = builder
        .with_container_name(container)
        .with_credentials(Arc::new(credentials));
    Ok(Arc::new(store.build()?))
}

/// Refuses an endpoint that no request could be sent to, before one is tried.
#[cfg(any(feature = "aws", feature = "azure"))]
fn check_endpoint(
    name: &str,
    endpoint: Option<&str>,
    allow_name: &str,
    allow: Option<&str>,
) -> Result<()> {
    match endpoint {
        Some(endpoint) if endpoint.starts_with("http://") => {
            let is_allowed = matches!(
                allow.map(str::to_ascii_lowercase).as_deref(),
                Some("true" | "1" | "yes" | "on" | "y")
            );
            if is_allowed {
                return Ok(());
            }
            plain(format!(
                "{name} is http://, which encrypts nothing; give https://, or set {allow_name}=true"
            ))
        }
        Some(endpoint) if !endpoint.starts_with("https://") => {
            plain(format!("{name} is no address; give it as https://host"))
        }
        _ => Ok(()),
    }
}

/// At most so many, begun within half a minute. Eight take two seconds at least and twenty at most.
fn retries(max_retries: usize) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(250),
            max_backoff: Duration::from_secs(3),
            base: 2.5,
        },
        max_retries,
        retry_timeout: Duration::from_secs(30),
    }
}

/// Who asks for credentials, and says what to do where there are none.
#[derive(Debug)]
struct Asking<C> {
    inner: Arc<dyn CredentialProvider<Credential = C>>,
    hint: &'static str,
}

#[async_trait]
impl<C: Send + Sync + std::fmt::Debug> CredentialProvider for Asking<C> {
    type Credential = C;

    async fn get_credential(&self) -> Result<Arc<C>> {
        self.inner.get_credential().await.or_else(|error| {
            let (hint, told) = (self.hint, cause::told(&error));
            plain(format!("there are no credentials; {hint} ({told})"))
        })
    }
}

fn plain<T>(text: String) -> Result<T> {
    Err(Error::Generic {
        store: "bucket",
        source: Plain(text).into(),
    })
}
