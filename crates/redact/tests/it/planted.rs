use std::fmt::Write;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sessiondb_redact::{Rules, kinds};

/// Of each kind: what stands before the secret, the form of the secret, what stands behind. All but the
/// form are texts.
const FORMS: &[(&str, &str, &str, &str)] = &[
    ("age-key", "", "AGE-SECRET-KEY-1[0-9A-Z]{58}", ""),
    ("anthropic-key", "", "sk-ant-api03-[A-Za-z0-9_-]{80,95}", ""),
    ("atlassian-token", "", "ATATT3x[A-Za-z0-9_=-]{150,180}", ""),
    (
        "authorization",
        "Authorization: Bearer ",
        "[a-z][0-9][A-Za-z0-9_.~-]{30,60}",
        "",
    ),
    (
        "authorization",
        "-H 'authorization: Basic ",
        "[a-z][0-9][A-Za-z0-9]{30,60}",
        "'",
    ),
    ("aws-access-key-id", "", "(AKIA|ASIA)[A-Z2-7]{16}", ""),
    (
        "aws-secret-key",
        "AWS_SECRET_ACCESS_KEY=",
        "[a-z][0-9][A-Za-z0-9/+]{38}",
        "",
    ),
    (
        "aws-secret-key",
        "\"SecretAccessKey\": \"",
        "[a-z][0-9][A-Za-z0-9/+]{38}",
        "\"",
    ),
    (
        "azure-key",
        "AccountName=a;AccountKey=",
        "[A-Za-z0-9+/]{86}==",
        ";EndpointSuffix=x",
    ),
    (
        "azure-key",
        "https://a.blob.core.windows.net/b?sv=2024&sig=",
        "[a-z][0-9][A-Za-z0-9]{41}%3D",
        "",
    ),
    (
        "connection-string",
        "Server=db;User Id=sa;Password=",
        "[a-z][0-9][A-Za-z0-9!#%]{6,20}",
        ";Encrypt=true",
    ),
    ("crates-io-token", "", "cio[a-z][0-9][A-Za-z0-9]{30}", ""),
    ("databricks-token", "", "dapi[a-f][0-9][0-9a-f]{30}", ""),
    ("digitalocean-token", "", "dop_v1_[0-9a-f]{64}", ""),
    (
        "discord-token",
        "https://discord.com/api/webhooks/123456789012345678/",
        "[A-Za-z0-9_-]{68}",
        "",
    ),
    ("docker-token", "", "dckr_pat_[A-Za-z0-9_-]{27}", ""),
    ("doppler-token", "", "dp\\.pt\\.[A-Za-z0-9]{43}", ""),
    (
        "email",
        "",
        "[a-z]{3,9}\\.[a-z]{3,9}@[a-z]{3,9}\\.(com|io|org)",
        "",
    ),
    ("fly-token", "", "fm2_[A-Za-z0-9+/]{100}", ""),
    ("gcp-api-key", "", "AIza[0-9A-Za-z_-]{35}", ""),
    ("github-token", "", "gh[pousr]_[A-Za-z0-9]{36}", ""),
    (
        "github-token",
        "",
        "github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
        "",
    ),
    ("gitlab-token", "", "glpat-[A-Za-z0-9]{20}", ""),
    ("google-oauth", "", "GOCSPX-[A-Za-z0-9_-]{28}", ""),
    ("grafana-token", "", "glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}", ""),
    ("groq-key", "", "gsk_[A-Za-z0-9]{52}", ""),
    ("huggingface-token", "", "hf_[A-Za-z]{34}", ""),
    (
        "jwt",
        "",
        "eyJhbGci[A-Za-z0-9_-]{20}\\.eyJ[A-Za-z0-9_-]{40}\\.[A-Za-z0-9_-]{43}",
        "",
    ),
    ("linear-key", "", "lin_api_[A-Za-z0-9]{40}", ""),
    ("mailgun-key", "", "key-[a-f][0-9][0-9a-f]{30}", ""),
    ("new-relic-key", "", "NRAK-[A-Z0-9]{27}", ""),
    ("notion-token", "", "ntn_[a-z][0-9][A-Za-z0-9]{44}", ""),
    ("npm-token", "", "npm_[A-Za-z0-9]{36}", ""),
    (
        "openai-key",
        "",
        "sk-proj-[a-z][0-9][A-Za-z0-9_-]{60,90}",
        "",
    ),
    ("openai-key", "", "sk-[a-z][0-9][A-Za-z0-9]{46}", ""),
    (
        "password",
        "DB_PASSWORD=",
        "[a-z][0-9][A-Z][A-Za-z0-9!#%+]{8,20}",
        "",
    ),
    (
        "password",
        "password: \"",
        "[a-z][0-9][A-Z][A-Za-z0-9!#%+]{8,20}",
        "\"",
    ),
    ("path", "/home/", "[a-z]{3,12}", "/project"),
    ("path", "C:\\Users\\", "[a-z]{3,12}", "\\project"),
    ("perplexity-key", "", "pplx-[A-Za-z0-9]{48}", ""),
    ("postman-key", "", "PMAK-[0-9a-f]{24}-[0-9a-f]{34}", ""),
    (
        "private-key",
        "",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n([A-Za-z0-9+/]{70}\n){3}-----END OPENSSH PRIVATE KEY-----",
        "",
    ),
    (
        "private-key",
        "",
        "-----BEGIN RSA PRIVATE KEY-----\r\n([A-Za-z0-9+/]{64}\r\n){3}-----END RSA PRIVATE KEY-----",
        "",
    ),
    (
        "private-key",
        "",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n([A-Za-z0-9+/]{64}\n){3}=Ab1c\n-----END PGP PRIVATE KEY BLOCK-----",
        "",
    ),
    (
        "pypi-token",
        "",
        "pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{100}",
        "",
    ),
    ("replicate-token", "", "r8_[a-z][0-9][A-Za-z0-9]{35}", ""),
    (
        "secret",
        "API_KEY=",
        "[a-z][0-9][A-Z][0-9][A-Za-z0-9]{26}",
        "",
    ),
    (
        "secret",
        "clientSecret: '",
        "[a-z][0-9][A-Z][0-9][A-Za-z0-9]{26}",
        "'",
    ),
    (
        "secret",
        "export MY_APP_TOKEN=\"",
        "[a-z][0-9][A-Z][0-9][A-Za-z0-9]{26}",
        "\"",
    ),
    (
        "sendgrid-key",
        "",
        "SG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}",
        "",
    ),
    ("sentry-token", "", "sntrys_[A-Za-z0-9+/]{80}", ""),
    ("shopify-token", "", "shpat_[0-9a-f]{32}", ""),
    (
        "slack-token",
        "",
        "xoxb-[0-9]{12}-[0-9]{12}-[A-Za-z0-9]{24}",
        "",
    ),
    (
        "slack-webhook",
        "https://hooks.slack.com/services/",
        "T[A-Z0-9]{8}/B[A-Z0-9]{8}/[A-Za-z0-9]{24}",
        "",
    ),
    ("stripe-key", "", "sk_live_[A-Za-z0-9]{24}", ""),
    ("supabase-key", "", "sbp_[0-9a-f]{40}", ""),
    (
        "telegram-token",
        "",
        "[0-9]{10}:AA[a-z][0-9][A-Za-z0-9_-]{31}",
        "",
    ),
    ("twilio-key", "", "SK[a-f][0-9][0-9a-f]{30}", ""),
    (
        "url-password",
        "postgres://app:",
        "[a-z][0-9][A-Za-z0-9!$%]{6,20}",
        "@db.firm.io:5432/x",
    ),
    (
        "url-password",
        "redis://:",
        "[a-z][0-9][A-Za-z0-9!$%]{6,20}",
        "@cache:6379",
    ),
    ("vault-token", "", "hvs\\.[A-Za-z0-9_-]{90}", ""),
    ("xai-key", "", "xai-[A-Za-z0-9]{80}", ""),
];

/// Made once, since the expressions are compiled when they are needed first.
fn all() -> &'static Rules {
    static ALL: LazyLock<Rules> =
        LazyLock::new(|| Rules::builder().emails(true).paths(true).build());
    &ALL
}

#[derive(Debug, Clone)]
struct Planted {
    kind: &'static str,
    secret: String,
    /// The secret with what stands around it.
    text: String,
}

fn planted() -> impl Strategy<Value = Planted> {
    (0..FORMS.len()).prop_flat_map(|number| {
        let (kind, before, form, behind) = FORMS[number];
        proptest::string::string_regex(form)
            .unwrap()
            .prop_map(move |secret| Planted {
                kind,
                text: format!("{before}{secret}{behind}"),
                secret,
            })
    })
}

/// Text around a secret that is no part of one.
fn around() -> impl Strategy<Value = String> {
    "[a-z ä\n\t\"\\\\{}:,😀.]{0,40}"
}

/// Writes a string in one of several ways that all mean the same.
fn written(text: &str, way: u8) -> String {
    let escaped = |c: char, all: bool| {
        let mut out = String::new();
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(out, "\\u{unit:04x}").unwrap();
        }
        if all { out } else { c.to_string() }
    };
    match way % 4 {
        0 => Value::from(text).to_string(),
        1 => format!(
            "\"{}\"",
            text.chars().map(|c| escaped(c, true)).collect::<String>()
        ),
        2 => Value::from(text).to_string().replace('/', "\\/"),
        _ => {
            let every_third = text.chars().enumerate();
            let parts = every_third.map(|(number, c)| match c {
                '"' | '\\' | '\n' | '\r' | '\t' => escaped(c, true),
                c => escaped(c, number % 3 == 0 || c.is_control()),
            });
            format!("\"{}\"", parts.collect::<String>())
        }
    }
}

/// The text as a string in JSON, in JSON that stands in a string, and so on.
fn nested(text: &str, ways: &[u8]) -> String {
    let mut entry = written(text, ways[0]);
    for (depth, way) in ways.iter().enumerate().skip(1) {
        let inner = format!("{{\"n{depth}\": [1.0, {entry}]}}");
        entry = written(&inner, *way);
    }
    format!("{{\"kind\" :\"x\",\"n\":1e400,\"v\":{entry}, \"z\":[]}}")
}

/// Undoes escapes until none is left.
fn read(entry: &str) -> String {
    let mut all = entry.to_owned();
    let mut texts = vec![entry.to_owned()];
    while let Some(json) = texts.pop() {
        let Ok(value) = serde_json::from_str::<Value>(&json) else {
            continue;
        };
        let mut values = vec![value];
        while let Some(value) = values.pop() {
            match value {
                Value::String(text) => {
                    all += &text;
                    texts.push(text);
                }
                Value::Array(items) => values.extend(items),
                Value::Object(members) => values.extend(
                    members
                        .into_iter()
                        .flat_map(|(name, value)| [Value::from(name), value]),
                ),
                _ => {}
            }
        }
    }
    all
}

/// What is redacted is as it was but for what was found, valid, and holds nothing more.
fn check(rules: &Rules, entry: &str) -> Result<Option<String>, TestCaseError> {
    let found = rules.find(entry);
    let Some(redacted) = rules.redact(entry) else {
        prop_assert!(found.is_empty());
        return Ok(None);
    };
    prop_assert_eq!(&redacted.findings, &found);
    prop_assert!(!found.is_empty());
    prop_assert!(rules.redact(&redacted.text).is_none(), "{}", redacted.text);
    let mut rest = redacted.text.as_str();
    let mut at = 0;
    for finding in &found {
        prop_assert!(finding.range.start >= at, "{found:?} overlap");
        if let Some(left) = rest.strip_prefix(&entry[at..finding.range.start]) {
            let mark = format!("[redacted:{}]", finding.kind);
            rest = left.strip_prefix(mark.as_str()).unwrap_or_default();
        }
        at = finding.range.end;
    }
    Ok(Some(redacted.text))
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_planted_secret_is_found_wherever_it_stands(
        planted in planted(), before in around(), behind in around(), ways in prop::collection::vec(0_u8..4, 1..5),
    ) {
        let rules = all();
        let text = format!("{before} {}\n{behind}", planted.text);
        let entry = nested(&text, &ways);
        serde_json::from_str::<&RawValue>(&entry).unwrap();
        let redacted = check(rules, &entry)?;
        let redacted = redacted.ok_or_else(|| TestCaseError::fail(format!("nothing found in {entry}")))?;
        serde_json::from_str::<&RawValue>(&redacted).unwrap();
        let left = read(&redacted);
        prop_assert!(!left.contains(&planted.secret), "{} is left in {redacted}", planted.secret);
        let kinds: Vec<_> = rules.find(&entry).into_iter().map(|found| found.kind).collect();
        prop_assert!(kinds.iter().any(|kind| kind == planted.kind), "{kinds:?} for {}", planted.kind);
        // All else is as it was.
        let start = entry.find(":\"x\"").unwrap();
        prop_assert!(redacted.starts_with(&entry[..start]));
        prop_assert!(redacted.ends_with("[]}"), "{}", redacted);
    }

    #[test]
    fn the_name_of_a_member_is_searched_too(planted in planted(), way in 0_u8..4) {
        let rules = all();
        let entry = format!("{{{}:1}}", written(&format!("a {} b", planted.text), way));
        let redacted = check(rules, &entry)?.unwrap_or_default();
        serde_json::from_str::<&RawValue>(&redacted).unwrap();
        prop_assert!(!read(&redacted).contains(&planted.secret));
    }

    #[test]
    fn any_text_is_looked_through(text in any::<String>(), pieces in prop::collection::vec((any::<Index>(), planted()), 0..3)) {
        let rules = all();
        let mut text = text;
        for (at, piece) in pieces {
            let places: Vec<_> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
            text.insert_str(places[at.index(places.len())], &piece.text);
        }
        check(rules, &text)?;
        rules.redact_text(&text);
        let entry = Value::from(&*text).to_string();
        if let Some(redacted) = check(rules, &entry)? {
            serde_json::from_str::<&RawValue>(&redacted).unwrap();
        }
    }

    #[test]
    fn any_json_stays_json(json in any_json(), own in "[a-c.]{1,3}") {
        let rules = &Rules::builder().pattern(&format!("own={own}")).unwrap().build();
        let entry = json.to_string();
        if let Some(redacted) = check(rules, &entry)? {
            serde_json::from_str::<&RawValue>(&redacted).unwrap();
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        planted().prop_map(|planted| Value::from(planted.text)),
        planted().prop_map(|planted| Value::from(json!({ "text": planted.text }).to_string())),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn every_kind_is_planted_by_these_tests() {
    for kind in kinds() {
        assert!(
            FORMS.iter().any(|(name, ..)| *name == kind.name),
            "{}",
            kind.name
        );
    }
}

#[test]
fn the_value_of_what_is_called_a_secret_is_found() {
    let rules = Rules::default();
    for (entry, expected) in [
        (
            r#"{"password":"Tr0ub4dor&3x"}"#,
            r#"{"password":"[redacted:password]"}"#,
        ),
        (
            r#"{"db":{"apiKey":"hK8x2Lq9ZpW4vT7nR3"}}"#,
            r#"{"db":{"apiKey":"[redacted:secret]"}}"#,
        ),
        (
            r#"{"refresh_token" : "hK8x2Lq9ZpW4vT7nR3"}"#,
            r#"{"refresh_token" : "[redacted:secret]"}"#,
        ),
        (
            r#"{"args":"{\"secret\":\"hK8x2Lq9ZpW4vT7nR3\"}"}"#,
            r#"{"args":"{\"secret\":\"[redacted:secret]\"}"}"#,
        ),
    ] {
        assert_eq!(rules.redact(entry).unwrap().text, expected);
    }
}

#[test]
fn a_key_that_is_cut_off_is_redacted_to_its_end() {
    let rules = Rules::default();
    let key = "MIIEowIBAAKCAQEAtestkeybytes0123456789";
    let entry = format!(r#"{{"t":"-----BEGIN RSA PRIVATE KEY-----\n{key}\n{key}"}}"#);
    let redacted = rules.redact(&entry).unwrap();
    assert_eq!(redacted.text, r#"{"t":"[redacted:private-key]"}"#);
}
