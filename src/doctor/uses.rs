//! The index of the sessions by their last use: each session is in it once, where its row says.

use super::findings::Findings;
use super::problem::{Part, Problem};
use crate::engine::{LastUse, Outcome, TablesView};

/// What to do about an index that is not as it should be.
const REMEDY: &str = "; lists by last use may fail until `sessiondb compact` has made it anew";

/// Holds the index and the rows of the sessions against each other.
pub(super) fn check(tables: &TablesView, findings: &mut Findings<'_>) -> Outcome<()> {
    if !tables.has_sessions_by_use()? {
        return Ok(());
    }
    let problem = |session| Problem::new(Part::LastUse, "").of_session(session);
    tables.for_each_session(|session, row| {
        // A damaged row has been reported.
        let Ok(row) = row else {
            return Ok(());
        };
        match tables.is_used_at(LastUse::new(row.updated_ms, session)) {
            Ok(true) => {}
            Ok(false) => {
                let message = format!("it does not have the session at its time{REMEDY}");
                findings.problem(problem(session).saying(message));
            }
            Err(fault) => findings.note(fault, problem(session))?,
        }
        Ok(())
    })?;
    tables.for_each_use(|session, place| {
        let place = match place {
            Ok(place) => place,
            Err(fault) => return findings.note(fault, problem(session)),
        };
        let message = match tables.session(session) {
            Ok(Some(row)) if row.updated_ms == place.updated_ms => return Ok(()),
            Ok(Some(_)) => "it has the session at another time too",
            Ok(None) => "it has a session that is not there",
            // A damaged row has been reported.
            Err(_) => return Ok(()),
        };
        findings.problem(problem(session).saying(format!("{message}{REMEDY}")));
        Ok(())
    })
}
