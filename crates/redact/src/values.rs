//! Whether a text looks like a secret: how evenly its characters are spread, of which kinds they are, and
//! whether it only stands for one.

/// What stands in texts that only stand for a secret, or are no secret at all.
const STAND_INS: &[&str] = &[
    "example",
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "your",
    "xxxx",
    "redacted",
    "dummy",
    "sample",
    "fake",
    "mock",
    "todo",
    "insert",
    "replace",
    "****",
    "....",
    "----",
    "____",
    "${",
    "{{",
    "}}",
    "$(",
    "%(",
    "<",
    ">",
    "[",
    "]",
    "process.env",
    "environ",
    "getenv",
    "env.",
    "secrets.",
    "vault:",
    "12345678",
    "abcdef",
    "foobar",
    "deadbeef",
    "hidden",
    "masked",
    "undefined",
    "0000000",
    "aaaaaa",
    "…",
    "•••",
];

/// Whether a text of a form that only secrets have is one.
pub(crate) fn is_token(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    // Eight letters in a row may stand in a token by chance, whole words that warn do not.
    let warns = [
        "example",
        "xxxxxx",
        "placeholder",
        "your_",
        "your-",
        "redacted",
        "......",
        "******",
    ];
    !warns.iter().any(|word| lower.contains(word)) && bits_per_char(text) >= 2.5
}

/// Whether it looks as if it was drawn by chance.
pub(crate) fn is_random(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    is_token(text) && digits > 0 && has_letter(text) && bits_per_char(text) >= 3.2
}

/// Whether the value of something that is called a secret, a token or a key is one.
pub(crate) fn is_secret(text: &str) -> bool {
    (16..=512).contains(&text.len())
        && text.bytes().all(is_of_a_key)
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && has_letter(text)
        && !stands_in(text)
        && !is_id(text)
        && !is_words(text)
        && bits_per_char(text) >= 3.3
}

/// Whether what stands in the place of a password is one.
pub(crate) fn is_given(text: &str) -> bool {
    !stands_in(text) && bits_per_char(text) >= 1.5
}

/// Whether the value of something that is called a password is one.
pub(crate) fn is_password(text: &str) -> bool {
    let is_of_letters = text.chars().all(char::is_alphabetic);
    let is_of_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (6..=128).contains(&text.len())
        && text.chars().all(|c| !c.is_whitespace() && !c.is_control())
        && !is_of_letters
        && !is_of_digits
        && !stands_in(text)
        && !is_id(text)
        && !is_words(text)
        && !is_code(text)
        && bits_per_char(text) >= 2.3
}

fn is_of_a_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_-.~:!@#%^&*".contains(&byte)
}

fn has_letter(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn stands_in(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let words = [
        "test", "secret", "password", "passwd", "token", "null", "none", "true", "false",
    ];
    text.starts_with(['$', '%', '{', '@', '*', '/', '.', '#', '-', '(', '&'])
        || STAND_INS.iter().any(|word| lower.contains(word))
        || words.iter().any(|word| lower.contains(word))
}

/// Ids that programs give: UUIDs, those of calls, messages and requests, versions, hashes with their name.
fn is_id(text: &str) -> bool {
    const BEFORE: &[&str] = &[
        "toolu_",
        "call_",
        "msg_",
        "req_",
        "resp_",
        "rs_",
        "fc_",
        "chatcmpl-",
        "run_",
        "thread_",
        "ses_",
        "prt_",
        "sha1-",
        "sha256-",
        "sha384-",
        "sha512-",
        "sha256:",
        "sha512:",
        "http:",
        "https:",
        "file:",
        "ctx_",
        "item_",
        "asst_",
    ];
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lens = [8, 4, 4, 4, 12];
    let is_uuid = text.split('-').map(str::len).eq(lens) && text.split('-').all(is_hex);
    is_uuid || text.contains("://") || BEFORE.iter().any(|before| text.starts_with(before))
}

/// Names of programs, such as `auth_token_v2` or `kubernetes.io/tls-1`: words between separators, of which one has
/// at most two digits at its end.
fn is_words(text: &str) -> bool {
    let parts = text.split(['_', '-', '.', '/', ':', '=', '+']);
    let is_word = |part: &str| {
        let word = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = part.len() - word.len();
        let is_of_one_case = word.bytes().all(|byte| byte.is_ascii_lowercase())
            || word.bytes().all(|byte| byte.is_ascii_uppercase())
            || is_camel(word);
        is_of_one_case && digits <= 4 && (digits <= 2 || word.is_empty())
    };
    let mut parts = parts.peekable();
    parts.peek().is_some() && parts.all(is_word)
}

/// Words that begin with capitals, each long enough to be one.
fn is_camel(word: &str) -> bool {
    let capitals = word.bytes().filter(u8::is_ascii_uppercase).count();
    word.bytes().all(|byte| byte.is_ascii_alphabetic()) && capitals * 3 <= word.len()
}

/// A piece of a program in place of a value.
fn is_code(text: &str) -> bool {
    text.contains(['(', ')', '`', ';', '{', '}', '\\', '|', '"', '\''])
        || text.contains("::")
        || text.contains("->")
        || text.contains("=>")
        || text.contains("...")
        || text.ends_with([',', ':', '=', '?'])
}

/// Shannon's entropy of the characters.
pub(crate) fn bits_per_char(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let total = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    let counts = counts.iter().filter(|count| **count > 0);
    counts
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_secret_is_none() {
        for text in [
            "<your-api-key-1234>",
            "${API_KEY_1234567}",
            "process.env.API_KEY1",
            "xxxxxxxxxxxxxxxx1",
            "changeme123",
            "auth_token_v2",
            "user_input_2",
            "0198c1f2-0000-7000-8000-00000000000a",
            "toolu_01A09q90qw90lq917835lq9",
            "self.next_token(1)",
            "AKIAIOSFODNN7EXAMPLE",
            "kubernetes.io/tls-1",
            "MyClassName12",
        ] {
            assert!(!is_secret(text) && !is_password(text), "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_secret_is_one() {
        for text in [
            "hK8x2Lq9ZpW4vT7nR3",
            "a3f5c9e1b7d2486f90c1",
            "Zm9v9mJhcjE5cXV4N2E=",
        ] {
            assert!(is_secret(text), "{text}");
        }
        for text in ["Tr0ub4dor&3", "s3cr.t-P4ss", "p@ssw0rdQ7"] {
            assert!(is_password(text), "{text}");
        }
    }
}
