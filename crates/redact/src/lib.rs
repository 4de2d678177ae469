//! Finds secrets in JSON entries, and takes just those parts out.
//!
//! [`Rules`] are made once, and looked for in one entry after the other. What is found is a part of a string, a
//! value or the name of a member, as a person reads it: with escapes undone, also those of JSON that stands in a
//! string. In its place comes `[redacted:KIND]`. The entry stays valid JSON, and all else in it stays byte for
//! byte. What was redacted once holds nothing that is found again.
//!
//! ```
//! use sessiondb_redact::Rules;
//!
//! let rules = Rules::default();
//! let token = format!("ghp_{}", "4Fz9Qw7Lr2Kx".repeat(3));
//! let entry = format!(r#"{{"cmd":"export GH=\"{token}\"\n", "n": 1.0}}"#);
//! let redacted = rules.redact(&entry).expect("a token is found");
//! assert_eq!(redacted.text, r#"{"cmd":"export GH=\"[redacted:github-token]\"\n", "n": 1.0}"#);
//! assert_eq!(redacted.findings[0].kind, "github-token");
//! assert!(rules.redact(&redacted.text).is_none());
//! ```
//!
//! Each kind is a row of [`kinds`]. A finding is a text of the form that the issuer of a key gives it, or the value of
//! something that is called a password, secret, token or key, if it looks like one. Sums, hashes of commits, ids of calls and
//! sessions, UUIDs, pictures and signatures are none; nor are the examples of documentation, and what stands for a secret,
//! such as `<your-key>` or `${TOKEN}`.

mod builder;
mod rule;
mod rules;
mod scan;
mod table;
mod values;
mod view;

pub use self::builder::{Builder, PatternError};
pub use self::rules::{Finding, Redacted, Rules};
pub use self::table::{Kind, kinds};

/// The examples of the README are tested as the documentation is.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
