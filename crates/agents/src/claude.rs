//! Claude Code: a line a record, the records of a session a tree.

use crate::agent::{Agent, By, Home, Probe, Sealed};
use crate::fold::{Fold, State};
use crate::identity::Subagent;
use crate::item::Item;
use crate::json::{List, Raw, Read, Text, decoded, object};
use crate::summary::{Summary, TitleSource};
use crate::text::{file_stem, folders, is_uuid};

mod fold;
mod items;
mod said;
mod settle;

pub(crate) use fold::Kept;

/// Claude Code.
#[derive(Debug)]
pub(crate) struct Claude;

object! {
    /// A line of a log.
    with lists;
    Record {
        kind: "type",
        subtype: "subtype",
        uuid: "uuid",
        parent: "parentUuid",
        logical_parent: "logicalParentUuid",
        session: "sessionId",
        forked_from: "forkedFrom",
        is_sidechain: "isSidechain",
        agent_id: "agentId",
        is_meta: "isMeta",
        is_compact_summary: "isCompactSummary",
        cwd: "cwd",
        version: "version",
        branch: "gitBranch",
        timestamp: "timestamp",
        message: "message" as Message,
        message_id: "messageId",
        tool_use_result: "toolUseResult",
        content: "content",
        summary: "summary",
        leaf: "leafUuid",
        custom_title: "customTitle",
        ai_title: "aiTitle",
        pr_number: "prNumber",
        pr_url: "prUrl",
        pr_repository: "prRepository",
        worktree: "worktreeSession",
        relocated: "relocatedCwd",
    }
}

object! {
    /// What a record says in the words of the model's interface.
    with lists;
    Message {
        id: "id",
        model: "model",
        content: "content" as Content,
        usage: "usage" as Usage,
    }
}

object! {
    /// What an answer took.
    Usage {
        input: "input_tokens",
        written: "cache_creation_input_tokens",
        cached: "cache_read_input_tokens",
        output: "output_tokens",
    }
}

/// What is said: a text, or parts.
type Content<'a> = List<'a, Block<'a>>;

object! {
    /// A part of a content.
    Block {
        kind: "type",
        text: "text",
        thinking: "thinking",
        id: "id",
        name: "name",
        input: "input",
        tool_use_id: "tool_use_id",
        content: "content",
        is_error: "is_error",
        source: "source",
    }
}

impl Sealed for Claude {
    fn fold(&self, entry: Text<'_>, fold: &mut Fold) {
        fold::fold(&Record::read_first(entry), fold);
    }
}

impl Agent for Claude {
    fn name(&self) -> &'static str {
        "claude"
    }

    fn title(&self) -> &'static str {
        "Claude Code"
    }

    fn recognise(&self, probe: &Probe<'_>) -> Option<By> {
        let told = [r#""sessionId""#, r#""leafUuid""#, r#""messageId""#];
        if probe.may_have(&told) && probe.any_line(is_record) {
            return Some(By::Content);
        }
        probe.by_folder(".claude/projects/")
    }

    /// The header of a subagent's log is the `.meta.json` beside it.
    fn fold_header(&self, header: &str, fold: &mut Fold) {
        if let Some(task) = Raw::new(header).get("description").text() {
            fold.title(TitleSource::Agent, &task);
        }
    }

    fn items(&self, entry: &[u8], index: u64, items: &mut Vec<Item>) {
        items::items(Raw::new(&decoded(entry)), index, items);
    }

    fn settle(&self, items: &mut Vec<Item>) {
        settle::settle(items);
    }

    fn subagent_in_path(&self, path: &str) -> Option<Subagent> {
        let id = file_stem(path).strip_prefix("agent-")?;
        let mut folders = folders(path);
        let parent = (folders.next() == Some("subagents"))
            .then(|| folders.next())
            .flatten();
        Some(Subagent {
            id: id.to_owned(),
            parent: parent.map(ToOwned::to_owned),
        })
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            variable: Some("CLAUDE_CONFIG_DIR"),
            folder: ".claude",
            below: "projects",
        })
    }

    fn native_path(&self, summary: &Summary) -> Option<String> {
        let folder = project_folder(summary.cwd.as_deref()?)?;
        let id = summary.native_id.as_deref()?;
        Some(match parent_of_subagent(summary) {
            Some(parent) => format!("{folder}/{parent}/subagents/agent-{id}.jsonl"),
            None => format!("{folder}/{id}.jsonl"),
        })
    }

    fn resumes_in_folder(&self) -> bool {
        true
    }

    fn resume_command(&self, summary: &Summary) -> Option<Vec<String>> {
        if parent_of_subagent(summary).is_some() {
            return None;
        }
        let id = summary.native_id.as_deref()?;
        Some(["claude", "--resume", id].map(ToOwned::to_owned).to_vec())
    }
}

/// Whether only Claude Code writes such a line.
fn is_record(line: Raw<'_>) -> bool {
    let record = Record::read(line);
    let Some(kind) = record.kind.short_text() else {
        return false;
    };
    match kind.as_ref() {
        "summary" => record.leaf.is_string(),
        "file-history-snapshot" => record.message_id.is_string(),
        "queue-operation" | "custom-title" | "ai-title" | "agent-name" | "last-prompt" | "mode"
        | "permission-mode" | "pr-link" | "worktree-state" | "relocated" => {
            record.session.is_string()
        }
        // Qwen Code's records are the same but for the parts of their messages.
        "user" | "assistant" | "system" | "progress" | "attachment" => {
            record.session.is_string() && !record.is_sidechain.is_missing()
        }
        _ => false,
    }
}

/// Sessions are named by a UUID, subagents are not.
fn parent_of_subagent(summary: &Summary) -> Option<&str> {
    let parent = summary.parent.as_ref()?;
    let id = summary.native_id.as_deref()?;
    (is_uuid(&parent.id) && !is_uuid(id)).then_some(parent.id.as_str())
}

/// The folder of a project is its path with a hyphen for each unit of UTF-16 that is no letter or
/// digit of ASCII. Longer names end in a number that only the agent can tell.
fn project_folder(cwd: &str) -> Option<String> {
    let plain = |unit: u16| char::from_u32(u32::from(unit)).filter(char::is_ascii_alphanumeric);
    let folder: String = cwd
        .encode_utf16()
        .map(|unit| plain(unit).unwrap_or('-'))
        .collect();
    (1..=200).contains(&folder.len()).then_some(folder)
}

impl Record<'_> {
    /// Whether it is of a subagent whose records stand in its parent's log.
    fn is_aside(&self, fold: &Fold) -> bool {
        self.is_sidechain.is_true() && fold.facts.subagent.is_none()
    }
}

fn kept(fold: &mut Fold) -> &mut Kept {
    if !matches!(fold.state, State::Claude(_)) {
        fold.state = State::Claude(Box::default());
    }
    let State::Claude(kept) = &mut fold.state else {
        unreachable!("the state was just made");
    };
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_projects() {
        assert_eq!(
            project_folder("/src/my_shop.v2").as_deref(),
            Some("-src-my-shop-v2")
        );
        assert_eq!(project_folder("/é/😀").as_deref(), Some("-----"));
        assert_eq!(project_folder(&"a".repeat(201)), None);
    }
}
