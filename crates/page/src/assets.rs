//! What is the same on every page: its style, its script, its HTML, and the policy that allows these alone.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

const HEAD: &str = include_str!("../assets/head.html");
const BODY: &str = include_str!("../assets/body.html");

const STYLES: [&str; 3] = [
    include_str!("../assets/page.css"),
    include_str!("../assets/transcript.css"),
    include_str!("../assets/print.css"),
];

/// In the order in which they need each other.
const SCRIPTS: [&str; 11] = [
    include_str!("../assets/nodes.js"),
    include_str!("../assets/blocks.js"),
    include_str!("../assets/markdown.js"),
    include_str!("../assets/charts.js"),
    include_str!("../assets/filters.js"),
    include_str!("../assets/list.js"),
    include_str!("../assets/items.js"),
    include_str!("../assets/transcript.js"),
    include_str!("../assets/search.js"),
    include_str!("../assets/keys.js"),
    include_str!("../assets/main.js"),
];

/// Writes all that stands before the list.
pub(crate) fn write_head(to: &mut impl Write) -> io::Result<()> {
    let style = style();
    let policy = policy(&style, &script());
    let head = HEAD.trim_end().replace("{policy}", &policy);
    write!(to, "{head}\n<style>{style}</style>\n</head>\n{BODY}")
}

/// Writes the script, which stands between the list and the sessions.
pub(crate) fn write_script(to: &mut impl Write) -> io::Result<()> {
    writeln!(to, "<script>{}</script>", script())
}

/// Writes all that stands behind the sessions.
pub(crate) fn write_tail(to: &mut impl Write) -> io::Result<()> {
    to.write_all(b"</body>\n</html>\n")
}

fn style() -> String {
    STYLES.concat()
}

/// One function, so that nothing of it is a global.
fn script() -> String {
    format!("(() => {{\n'use strict';\n{}}})();\n", SCRIPTS.concat())
}

/// Nothing but this style, this script, and pictures that are in the page. No text can become HTML by a
/// mistake of the script either: that asks for a trusted type, of which there are none.
fn policy(style: &str, script: &str) -> String {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; connect-src 'none'; \
         base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'",
        hash(script),
        hash(style)
    )
}

fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A browser hashes what it has parsed: no end of the element may stand inside it, and line ends
    /// are `\n` to it.
    #[test]
    fn a_browser_takes_style_and_script_as_they_are_hashed() {
        for text in [style(), script()] {
            let lower = text.to_lowercase();
            for end in ["</script", "</style", "<!--", "\r", "\0"] {
                assert!(!lower.contains(end), "{end}");
            }
        }
    }

    /// The script makes nodes of text, and has no way to do anything else.
    #[test]
    fn no_text_becomes_html() {
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "DOMParser",
            "createContextualFragment",
            "setHTML",
            "srcdoc",
            "fetch(",
            "XMLHttpRequest",
            "WebSocket",
            "import(",
            "http:",
            "https:",
        ] {
            let script = script().replace("http://www.w3.org/2000/svg", "");
            assert!(!script.contains(way), "{way}");
            assert!(!BODY.contains(way), "{way}");
        }
        assert!(!BODY.contains("href") && !BODY.contains("<form") && !BODY.contains("onclick"));
    }
}
