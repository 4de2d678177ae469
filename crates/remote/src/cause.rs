//! What a store's error says to a person: which answer or which failure of the way, and nothing that may carry
//! a credential.

use std::error::Error;

use crate::error::harmless;

/// Of an answer that is no document of the store's own, so much is told.
const MAX_CHARS: usize = 200;

/// An error that says what a person needs, however it is wrapped.
#[cfg(feature = "_http")]
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Plain(pub(crate) String);

pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    #[cfg(feature = "_http")]
    if let Some(plain) = chain(error).find_map(|error| error.downcast_ref::<Plain>()) {
        return plain.to_string();
    }
    let text = error.to_string();
    if let Some((status, body)) = answer(&text) {
        return match document(body) {
            Some(said) => format!("the store answers {status}: {said}"),
            None => format!("the store answers {status}"),
        };
    }
    if text.contains("HTTP error: ") {
        let root = chain(error).last().map(harmless);
        // What a timer says of a connection.
        let root = root.filter(|root| root != "deadline has elapsed");
        let root = root.unwrap_or_else(|| "it takes too long to connect".to_owned());
        let request = request(&text).unwrap_or_else(|| "the request".to_owned());
        return format!("{request} failed: {root}");
    }
    harmless(error)
}

/// Whether it is the bucket that is not there, and not the object.
pub(crate) fn is_without_bucket(error: &object_store::Error) -> bool {
    let text = error.to_string();
    ["NoSuchBucket", "ContainerNotFound", "bucket does not exist"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// Whether the answer ended before its end.
pub(crate) fn is_cut(error: &object_store::Error) -> bool {
    #[cfg(feature = "_http")]
    {
        use object_store::client::{HttpError, HttpErrorKind};
        let of_http = chain(error).find_map(|error| error.downcast_ref::<HttpError>());
        of_http.is_some_and(|error| {
            matches!(
                error.kind(),
                HttpErrorKind::Interrupted | HttpErrorKind::Decode
            )
        })
    }
    #[cfg(not(feature = "_http"))]
    {
        let _ = error;
        false
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Status and body of an answer, as `object_store` tells of it.
fn answer(text: &str) -> Option<(&str, &str)> {
    let (_, answer) = text
        .split_once("Server returned non-2xx status code: ")
        .or_else(|| text.split_once("Server returned error response: "))?;
    Some(answer.split_once(": ").unwrap_or((answer, "")))
}

/// Code and message of the XML or JSON that stores answer with, or the beginning of what else it is. What else such
/// a document holds is not told: some repeat the request, with its signature.
fn document(body: &str) -> Option<String> {
    let said = match (
        between(body, "<Code>", "</Code>"),
        between(body, "<Message>", "</Message>"),
    ) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => between(body, "\"message\": \"", "\"")
            .unwrap_or(body)
            .to_owned(),
    };
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let said: String = said.chars().take(MAX_CHARS).collect();
    (!said.is_empty()).then(|| harmless(&std::io::Error::other(said)))
}

/// Method and URL of a request, without the query.
fn request(text: &str) -> Option<String> {
    // The last: some of its callers begin with the same words.
    let (_, request) = text.rsplit_once("Error performing ")?;
    let (request, _) = request.split_once(" in ")?;
    let request = request.split('?').next().unwrap_or(request);
    let is_one = request.contains("://") && !request.contains('@');
    is_one.then(|| request.to_owned())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, behind) = text.split_once(before)?;
    Some(behind.split_once(after)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_of(text: &str) -> String {
        told(&std::io::Error::other(text.to_owned()))
    }

    #[test]
    fn answers_are_told_by_code_and_message_alone() {
        let before = "Generic S3 error: Error performing GET https://host/b?x=1 in 1ms - Server returned non-2xx status code: ";
        let xml = "<Error><Code>SignatureDoesNotMatch</Code><Message>It does\n not match.</Message>\
                   <AWSAccessKeyId>AKIA</AWSAccessKeyId><StringToSign>secret</StringToSign></Error>";
        assert_eq!(
            told_of(&format!("{before}403 Forbidden: {xml}")),
            "the store answers 403 Forbidden: SignatureDoesNotMatch: It does not match."
        );
        let json = r#"{"error": {"code": 404, "message": "No such bucket"}}"#;
        assert_eq!(
            told_of(&format!("{before}404 Not Found: {json}")),
            "the store answers 404 Not Found: No such bucket"
        );
        assert_eq!(
            told_of(&format!("{before}503 Service Unavailable: ")),
            "the store answers 503 Service Unavailable"
        );
    }

    #[test]
    fn failures_of_the_way_name_the_request_and_the_root() {
        let text = "Generic S3 error: Error performing list request: Error performing GET https://host/b?sig=secret \
                    in 3s, after 6 retries  - HTTP error: error sending request";
        let told = told_of(text);
        assert!(told.starts_with("GET https://host/b failed: "), "{told}");
        assert!(!told.contains("secret"), "{told}");
        assert_eq!(told_of("the disk is full?x=1"), "the disk is full?...");
    }
}
