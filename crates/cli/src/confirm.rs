//! The one question before something is taken away.

use std::io::{self, IsTerminal};

use clap::builder::styling::Style;

use crate::args::ConsentArgs;
use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::output;

/// Whether somebody can be asked.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Goes on with `yes`, or if the one at the terminal says so. Without a terminal nothing is done. `verb`
/// and `what` say what would be: "remove", "session ...".
pub(crate) fn confirm(yes: bool, verb: &str, what: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !can_ask() {
        return Err(Failure::new(
            Code::Usage,
            format_args!(
                "this would {verb} {what}; give --yes, since there is no terminal to ask on"
            ),
        ));
    }
    if ask(verb, what)? {
        Ok(())
    } else {
        Err(Failure::Declined)
    }
}

/// For a command that has listed what would go: whether it is to go on. Without a terminal, or where nobody
/// reads the list, that takes `--yes`.
pub(crate) fn goes_on(context: &Context, question: Question<'_>) -> Result<bool, Failure> {
    let ConsentArgs { yes, dry_run } = question.consent;
    if yes || dry_run || !question.is_read || context.is_quiet() || !can_ask() {
        return Ok(yes);
    }
    ask(question.verb, question.what)
}

/// What a command has listed and asks about, and what it was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) verb: &'a str,
    pub(crate) what: &'a str,
    pub(crate) consent: ConsentArgs,
    /// Whether there is a list, and it is one for a person.
    pub(crate) is_read: bool,
}

/// Asks on standard error. No answer is a no.
fn ask(verb: &str, what: &str) -> Result<bool, Failure> {
    let question = format_args!("About to {verb} {what}. Go on? [y/N] ");
    output::tell(Style::new(), "", question);
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::new(Code::Other, format_args!("standard input: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
