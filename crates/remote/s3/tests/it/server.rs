//! The server: s3s-fs, which speaks S3's protocol over HTTP and checks signatures, and can be stopped and started.

use std::net::SocketAddr;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use sessiondb_remote::Remote;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::bucket::Bucket;

pub(crate) const KEY: &str = "a-key";
pub(crate) const SECRET: &str = "a-secret-that-nobody-tells";

pub(crate) struct Server {
    pub(crate) bucket: Bucket,
    pub(crate) address: SocketAddr,
    /// Whether it checks signatures.
    is_closed: bool,
    runtime: Option<Runtime>,
}

impl Server {
    /// One with an empty bucket.
    pub(crate) fn start() -> Self {
        Self::new(true)
    }

    /// The same for whoever asks.
    pub(crate) fn open_for_all() -> Self {
        Self::new(false)
    }

    fn new(is_closed: bool) -> Self {
        let mut server = Self {
            is_closed,
            bucket: Bucket::new(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            runtime: None,
        };
        server.start_again();
        server
    }

    /// Under the address that it had.
    pub(crate) fn start_again(&mut self) {
        let mut service = S3ServiceBuilder::new(self.bucket.clone());
        if self.is_closed {
            service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        }
        let service = service.build();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind(self.address)).unwrap();
        self.address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    let _ = builder
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        self.runtime = Some(runtime);
    }

    pub(crate) fn stop(&mut self) {
        let runtime = self.runtime.take().unwrap();
        runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The settings of a client of the server at this address.
pub(crate) fn settings(address: SocketAddr) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
    ]
}

pub(crate) fn remote(address: SocketAddr) -> Remote {
    Remote::open_with("s3://bucket/of/us", settings(address)).unwrap()
}

/// The same as a bucket of Google Cloud Storage, whose XML is that of S3.
pub(crate) fn google(address: SocketAddr) -> Remote {
    let file = format!(
        r#"{{"gcs_base_url":"http://{address}","disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}}"#
    );
    let settings = [("GOOGLE_SERVICE_ACCOUNT_KEY", file)];
    Remote::open_with("gs://bucket/of/us", settings).unwrap()
}
