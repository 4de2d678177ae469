use std::fs;
use std::path::Path;

use sessiondb_redact::{Finding, Rules, kinds};

/// Texts of which none holds a secret.
const CLEAN: &[&str] = &[
    r#"{"commit":"7068931a4f0c9d1b2e3f4a5b6c7d8e9f0a1b2c3d","tree":"444bafd0c9d1b2e3f4a5b6c7d8e9f0a1b2c3d4e5"}"#,
    r#"{"sessionId":"0198c1f2-0000-7000-8000-00000000000a","token":"0198c1f2-0000-7000-8000-00000000000a"}"#,
    r#"{"id":"toolu_01A09q90qw90lq917835lq9","tool_use_id":"call_1uJ8x2Lq9ZpW4vT7nR3","m":"msg_01XFDUDYJgAACzvnptvVoYEL","r":"req_011CSHoEeqs5C35K2UUqR7Fy"}"#,
    r#"{"type":"thinking","signature":"EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds5hK8x2Lq9ZpW4vT7nR3akcR8QWm0sTzLq"}"#,
    r#"{"type":"image","data":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="}"#,
    r#"{"usage":{"input_tokens":12,"output_tokens":7},"max_tokens":4096,"tokenizer":"cl100k_base_v2_large"}"#,
    r#"{"t":"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nAWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}"#,
    r#"{"t":"API_KEY=<your-api-key>\nTOKEN=${GITHUB_TOKEN}\nPASSWORD=changeme\nSECRET=xxxxxxxxxxxxxxxxxxxx"}"#,
    r#"{"t":"const token = process.env.GITHUB_TOKEN; let password = self.next_password(1)?;"}"#,
    r#"{"t":"postgres://user:<password>@host/db and https://example.com:8080/a@b and git@github.com:a/b.git"}"#,
    r#"{"t":"checksum = \"b4fe8a1d2c3b4a5968778695a4b3c2d1e0f90817263544536271809fa0b1c2d3\""}"#,
    r#"{"t":"\"integrity\": \"sha512-Zm9v9mJhcjE5cXV4N2EhK8x2Lq9ZpW4vT7nR3akcR8QWm0sTzLq==\""}"#,
    r#"{"t":"sk-learn, task-force-123, risk-averse-investment-strategies-for-the-long-term-horizon-2024"}"#,
    r#"{"t":"Authorization: Bearer <token>\nauthorization: Bearer $TOKEN\nBearer authentication-is-required"}"#,
    r#"{"t":"fn token_of(name: &str) -> Token { token: token_of_name_v2, secret_key: SecretKey::new() }"}"#,
    r#"{"t":"-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ\n-----END CERTIFICATE-----"}"#,
    r#"{"t":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHK8x2Lq9ZpW4vT7nR3akcR8QWm0sTzLqhK8x2Lq9 ann@desk"}"#,
    r#"{"t":"[redacted:github-token] password=[redacted:password] https://a:[redacted:url-password]@b"}"#,
    r#"{"path":"/home/ann/project","mail":"ann@firm.io"}"#,
];

#[test]
fn what_is_no_secret_is_not_found() {
    let rules = Rules::default();
    for entry in CLEAN {
        assert_eq!(told(entry, &rules.find(entry)), [""; 0], "{entry}");
    }
}

fn told<'e>(entry: &'e str, found: &[Finding]) -> Vec<&'e str> {
    found
        .iter()
        .map(|found| &entry[found.range.clone()])
        .collect()
}

fn files_below(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    let Ok(inside) = fs::read_dir(folder) else {
        return;
    };
    for entry in inside {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files_below(&path, files);
        } else if path.is_file() {
            files.push(path);
        }
    }
}

/// What is found in the files, by file: as lines of JSON, and as a text in an entry.
fn findings(folder: &Path) -> (usize, Vec<String>) {
    let rules = Rules::default();
    let (mut files, mut all, mut bytes) = (Vec::new(), Vec::new(), 0);
    files_below(folder, &mut files);
    for path in files {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        bytes += text.len();
        let entry = serde_json::Value::from(&*text).to_string();
        let lines = text.lines().map(str::to_owned);
        for entry in lines.chain([entry]) {
            for found in rules.find(&entry) {
                let secret = &entry[found.range.clone()];
                all.push(format!("{}: {} {secret:.60}", path.display(), found.kind));
            }
        }
    }
    all.sort();
    all.dedup();
    (bytes, all)
}

#[test]
fn the_sources_of_this_project_hold_no_secret() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // The tests of this crate plant some.
    for (folder, least) in [
        ("src", 1_000_000),
        ("crates/cli", 300_000),
        ("docs", 100_000),
        ("crates/logs", 100_000),
    ] {
        let (bytes, found) = findings(&root.join(folder));
        assert!(bytes > least, "{folder} was not read: {bytes} bytes");
        let planted = |line: &&String| !line.contains("tests/it/redact");
        let found: Vec<_> = found.iter().filter(planted).collect();
        assert!(found.is_empty(), "{found:#?}");
    }
}

#[test]
fn real_sessions_of_agents_hold_no_secret() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !data.exists() {
        eprintln!("SKIPPED: ../shared/data is not there, so real sessions were not tried");
        return;
    }
    let (bytes, found) = findings(&data);
    assert!(bytes > 500_000, "the data was not read: {bytes} bytes");
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_page_of_kinds_has_each_of_them() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/redact.md");
    let page = fs::read_to_string(page).unwrap();
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(str::to_owned);
    let kinds = kinds().map(|kind| format!("| `{}` | {} |", kind.name, kind.about));
    assert_eq!(rows.collect::<Vec<_>>(), kinds.collect::<Vec<_>>());
}
