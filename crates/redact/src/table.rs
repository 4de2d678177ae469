//! The table of all kinds: what each looks like, and what it is.

mod issuers;

use self::issuers::ISSUERS;
use crate::rule::{Check, Row};

/// A kind of what is redacted.
///
/// ```
/// use sessiondb_redact::kinds;
///
/// let jwt = kinds().find(|kind| kind.name == "jwt").expect("it is in the table");
/// assert!(jwt.is_default);
/// assert!(!kinds().find(|kind| kind.name == "email").expect("it is in the table").is_default);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kind {
    /// The name, which stands in the place of what was redacted.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Whether it is looked for unless somebody says otherwise.
    pub is_default: bool,
}

/// All kinds, by their names.
pub fn kinds() -> impl Iterator<Item = Kind> {
    KINDS.iter().map(|(name, about)| Kind {
        name,
        about,
        is_default: !OPT_IN.contains(name),
    })
}

/// Kinds that have to be asked for.
const OPT_IN: &[&str] = &["email", "path"];

/// The names in their order, and what each is.
const KINDS: &[(&str, &str)] = &[
    ("age-key", "secret keys of age"),
    ("anthropic-key", "API keys of Anthropic"),
    ("atlassian-token", "API tokens of Atlassian"),
    (
        "authorization",
        "what an `Authorization` header says behind `Bearer`, `Basic` or `Bot`",
    ),
    ("aws-access-key-id", "ids of access keys of AWS"),
    (
        "aws-secret-key",
        "secret access keys of AWS, behind their name",
    ),
    (
        "azure-key",
        "account keys, shared access signatures of Azure",
    ),
    (
        "connection-string",
        "passwords in `Key=value;` lists of a database or queue",
    ),
    ("crates-io-token", "API tokens of crates.io"),
    ("databricks-token", "personal access tokens of Databricks"),
    ("digitalocean-token", "tokens of DigitalOcean"),
    ("discord-token", "tokens of bots, and webhooks, of Discord"),
    ("docker-token", "access tokens of Docker Hub"),
    ("doppler-token", "tokens of Doppler"),
    ("email", "e-mail addresses"),
    ("fly-token", "tokens of Fly.io"),
    ("gcp-api-key", "API keys of Google"),
    ("github-token", "tokens of GitHub, of all kinds"),
    ("gitlab-token", "tokens of GitLab"),
    ("google-oauth", "OAuth secrets and tokens of Google"),
    ("grafana-token", "tokens of Grafana"),
    ("groq-key", "API keys of Groq"),
    ("huggingface-token", "tokens of Hugging Face"),
    ("jwt", "JSON web tokens"),
    ("linear-key", "API keys of Linear"),
    ("mailgun-key", "private keys of Mailgun"),
    ("new-relic-key", "keys of New Relic"),
    ("notion-token", "tokens of Notion"),
    ("npm-token", "access tokens of npm"),
    ("openai-key", "API keys of OpenAI and OpenRouter"),
    ("password", "values of what is called a password"),
    ("path", "the user's name in the path of a home folder"),
    ("perplexity-key", "API keys of Perplexity"),
    ("postman-key", "API keys of Postman"),
    (
        "private-key",
        "private keys as PEM, OpenSSH or PGP write them",
    ),
    ("pypi-token", "upload tokens of PyPI"),
    ("replicate-token", "API tokens of Replicate"),
    (
        "secret",
        "values of what is called a secret, a token or an API key",
    ),
    ("sendgrid-key", "API keys of SendGrid"),
    ("sentry-token", "tokens of Sentry"),
    ("shopify-token", "tokens of Shopify"),
    ("slack-token", "tokens of Slack"),
    ("slack-webhook", "webhooks of Slack"),
    (
        "stripe-key",
        "live keys, and secrets of webhooks, of Stripe",
    ),
    ("supabase-key", "tokens and secret keys of Supabase"),
    ("telegram-token", "tokens of bots of Telegram"),
    ("twilio-key", "ids of accounts and API keys of Twilio"),
    (
        "url-password",
        "the password in a URL with user and password",
    ),
    ("vault-token", "tokens of HashiCorp Vault"),
    ("xai-key", "API keys of xAI"),
];

/// All rows; of two that find the same the first counts.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    ISSUERS.iter().chain(SHAPES)
}

const fn row(
    kind: &'static str,
    triggers: &'static [&'static str],
    pattern: &'static str,
    check: Check,
    public: usize,
) -> Row {
    Row {
        kind,
        triggers,
        pattern,
        check,
        public,
    }
}

/// What stands around the name of a secret and its value: `NAME=value`, `name: "value"`, `"name" => 'value'`.
macro_rules! assigned {
    ($names:literal, $value:literal) => {
        concat!(
            r"(?i)(?:^|[^a-z0-9])(?:[a-z0-9]+[_.-]){0,4}[a-z0-9]{0,24}(?:",
            $names,
            r#")["'`]{0,2}\]?[ \t]{0,4}(?::=|=>|[:=])[ \t]{0,4}["'`]?("#,
            $value,
            r")"
        )
    };
}

/// How the names of passwords end.
pub(crate) const PASSWORD_NAMES: &str =
    r"(?i)^(?:.*[^a-z]|.*[a-z0-9])?(?:password|passwd|passphrase|pwd)(?:[_-]?[0-9])?$";
/// How the names of secrets end.
pub(crate) const SECRET_NAMES: &str = r"(?i)^(?:.*[_.-])?(?:[a-z0-9]*(?:api|access|secret|private|auth|client|encryption|signing|app|account|service|master|admin)[_-]?(?:key|secret|token)(?:[_-](?:key|value))?|secret|(?:refresh|bearer|bot|id|session|csrf|x|my|github|gitlab|slack|npm|hf|deploy|personal)?[_-]?token|(?:access|auth|refresh|api|bot|session|id|user)token|apikey)(?:[_-]?[0-9])?$";

/// What is told by its form or its surroundings, whoever issued it.
const SHAPES: &[Row] = &[
    row(
        "private-key",
        &["PRIVATE KEY"],
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:(?:[^-]|-[^-])*-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----|(?:\s|\\+[nr]|[A-Za-z0-9+/=]){16,})",
        Check::Form,
        0,
    ),
    row(
        "jwt",
        &["eyJ"],
        r"(?:^|[^A-Za-z0-9_-])(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})",
        Check::Form,
        0,
    ),
    row(
        "authorization",
        &["bearer", "authorization"],
        r#"(?i)(?:authorization["'`]?[ \t]*[:=,][ \t]*["'`]?(?:bearer|basic|bot|token|apikey)|\bbearer)[ \t]+([a-z0-9_.~+/=-]{16,})"#,
        Check::Random,
        0,
    ),
    row(
        "url-password",
        &["://"],
        r#"(?i)\b[a-z][a-z0-9+.-]{1,30}://[^\s/@:"'`<>\[\]]{0,128}:([^\s/@"'`<>]{3,})@[a-z0-9\[]"#,
        Check::Given,
        0,
    ),
    row(
        "connection-string",
        &["password=", "pwd="],
        r#"(?i)(?:server|data source|host|addr|address|uid|user id|user|username|database|initial catalog|endpoint|driver)[ ]?=[^;"'\r\n]{1,};(?:[^"'\r\n]{0,};)?[ ]?(?:password|pwd)[ ]?=[ ]?([^;"'\s]{3,})"#,
        Check::Given,
        0,
    ),
    row(
        "password",
        &["passw", "pwd", "passphrase"],
        assigned!(
            "password|passwd|passphrase|pwd",
            r#"[^\s"'`,;\\<>\[\]]{6,128}"#
        ),
        Check::Password,
        0,
    ),
    row(
        "secret",
        &[
            "secret",
            "token\"",
            "token=",
            "token:",
            "token'",
            "token ",
            "token_",
            "_key",
            "-key",
            "apikey",
            "accesskey",
            "apiKey",
            "accessKey",
            "token`",
            "token\\",
            "secretKey",
            "authKey",
        ],
        assigned!(
            "(?:api|access|secret|private|auth|client|encryption|signing|app|account|service|master|admin)[_-]?(?:key|secret|token)|secret|(?:^|[^a-z])token|(?:refresh|bearer|bot|session)_?token|apikey",
            "[A-Za-z0-9+/=_.~-]{16,}"
        ),
        Check::Secret,
        0,
    ),
    row(
        "email",
        &["@"],
        r"(?i)(?:^|[^a-z0-9._%+-])([a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\.)+[a-z]{2,24})",
        Check::Form,
        0,
    ),
    row(
        "path",
        &["home/", "users/", "users\\", "home\\"],
        r#"(?i)(?:^|[^a-z0-9_])(?:/home/|/users/|[a-z]:(?:\\{1,4}|/)users(?:\\{1,4}|/))([^/\\\s"'`<>|:*?\[\](){},;]{1,64})"#,
        Check::Form,
        0,
    ),
];

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn every_row_is_of_a_kind_and_its_pattern_can_be_compiled() {
        for row in rows() {
            assert!(kinds().any(|kind| kind.name == row.kind), "{}", row.kind);
            Regex::new(row.pattern).unwrap();
        }
        for names in [PASSWORD_NAMES, SECRET_NAMES] {
            Regex::new(names).unwrap();
        }
        assert!(rows().count() + 50 <= 128);
    }

    #[test]
    fn kinds_are_sorted_and_each_has_a_row() {
        assert!(KINDS.is_sorted());
        for kind in kinds() {
            assert!(rows().any(|row| row.kind == kind.name), "{}", kind.name);
        }
    }
}
