//! What somebody reads who has set something wrong: bucket, cause, no credential, and not after minutes.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use sessiondb::{Archive, new_segment_id, new_session_id};
use sessiondb_remote::{Remote, push};
use sessiondb_remote_s3::wait;

use crate::server::{KEY, SECRET, Server, settings};

/// What a push says, and how long that took.
fn refusal(url: &str, settings: Vec<(&'static str, String)>) -> (String, Duration) {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    log.append("words").unwrap();
    let begun = Instant::now();
    let remote = Remote::open_with(url, settings);
    let error = match remote {
        Ok(remote) => wait(push(&archive, &remote, None)).unwrap().unwrap_err(),
        Err(error) => error,
    };
    let (told, took) = (error.to_string(), begun.elapsed());
    println!("{took:?}: {told}");
    assert!(told.starts_with(url), "{told}");
    assert!(!told.contains(SECRET) && !told.contains(KEY), "{told}");
    (told, took)
}

/// The settings with one of them changed, or left out where it is empty.
fn with(address: SocketAddr, name: &'static str, value: &str) -> Vec<(&'static str, String)> {
    let mut settings = settings(address);
    settings.retain(|setting| setting.0 != name);
    settings.push((name, value.to_owned()));
    settings
}

#[test]
fn a_wrong_bucket_or_key_is_told() {
    let server = Server::start();
    let (told, took) = refusal("s3://nowhere/of/us", settings(server.address));
    assert!(told.contains("NoSuchBucket"), "{told}");
    assert!(took < Duration::from_secs(5));
    let wrong = with(server.address, "AWS_SECRET_ACCESS_KEY", "another");
    let (told, took) = refusal("s3://bucket/of/us", wrong);
    assert!(
        told.contains("403 Forbidden: SignatureDoesNotMatch"),
        "{told}"
    );
    assert!(took < Duration::from_secs(5));
    let unknown = with(server.address, "AWS_ACCESS_KEY_ID", "unknown");
    let (told, _) = refusal("s3://bucket/of/us", unknown);
    assert!(told.contains("403"), "{told}");
}

#[test]
fn an_endpoint_that_cannot_be_used_is_refused_at_once() {
    let server = Server::start();
    let (told, took) = refusal("s3://bucket", with(server.address, "AWS_ALLOW_HTTP", ""));
    assert!(told.contains("AWS_ALLOW_HTTP=true"), "{told}");
    assert!(took < Duration::from_secs(1));
    let bare = with(server.address, "AWS_ENDPOINT_URL", "localhost:9000");
    assert!(refusal("s3://bucket", bare).0.contains("AWS_ENDPOINT_URL"));
}

#[test]
fn a_host_that_cannot_be_reached_is_told_soon() {
    // A port that nobody listens at any more.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (told, took) = refusal("s3://bucket/of/us", settings(address));
    assert!(
        told.contains(&address.to_string()) && told.contains("refused"),
        "{told}"
    );
    assert!(took < Duration::from_secs(60), "{took:?}");
    let unknown = with(address, "AWS_ENDPOINT_URL", "http://no-such-host.invalid");
    let (told, took) = refusal("s3://bucket/of/us", unknown);
    assert!(told.contains("no-such-host.invalid"), "{told}");
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[test]
fn who_has_no_credentials_is_told_which_to_set_and_does_not_wait() {
    let server = Server::start();
    // A metadata service that takes the connection, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut none = settings(server.address);
    none.retain(|(name, _)| !name.contains("KEY"));
    none.push((
        "AWS_METADATA_ENDPOINT",
        format!("http://{}", silent.local_addr().unwrap()),
    ));
    let (told, took) = refusal("s3://bucket/of/us", none);
    assert!(
        told.contains("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        "{told}"
    );
    assert!(took < Duration::from_secs(20), "{took:?}");
    let half = with(server.address, "AWS_SECRET_ACCESS_KEY", "");
    let (told, took) = refusal("s3://bucket/of/us", half);
    assert!(told.to_lowercase().contains("secret"), "{told}");
    assert!(took < Duration::from_secs(1));
}

#[test]
fn the_other_providers_say_what_to_set() {
    let (told, _) = refusal("az://container/of/us", Vec::new());
    assert!(told.contains("AZURE_STORAGE_ACCOUNT_NAME"), "{told}");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let service = format!("http://{}/token", silent.local_addr().unwrap());
    let account = vec![
        ("AZURE_STORAGE_ACCOUNT_NAME", "account".to_owned()),
        ("AZURE_MSI_ENDPOINT", service),
    ];
    let (told, took) = refusal("az://container/of/us", account);
    assert!(told.contains("AZURE_STORAGE_ACCOUNT_KEY"), "{told}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}
