//! What the records are for a reader.

use crate::claude::fold::usage;
use crate::claude::said::Said;
use crate::claude::{Block, Record};
use crate::item::{Item, ItemKind, Items};
use crate::json::Raw;
use crate::text::{base64_len, content_text};
use crate::time::time_ms;

pub(super) fn items(entry: Raw<'_>, index: u64, items: &mut Vec<Item>) {
    let record = Record::read(entry);
    let mut items = Items::new(items, index);
    items.at_ms = time_ms(record.timestamp);
    items.id = record.uuid.string();
    items.parent = record
        .parent
        .string()
        .or_else(|| record.logical_parent.string());
    // In a log of its own, the conversation of a subagent is shown: `settle` sees to that.
    items.hidden = record.is_sidechain.is_true();
    match record.kind.short_text().as_deref() {
        Some("user") => user(&record, &mut items),
        Some("assistant") => assistant(&record, &mut items),
        Some("system") => system(&record, &mut items),
        Some("summary") => title("Summary", record.summary, &mut items),
        Some("custom-title") => title("Title", record.custom_title, &mut items),
        Some("ai-title") => title("Title", record.ai_title, &mut items),
        Some("pr-link") => pull_request(&record, &mut items),
        Some("worktree-state") => worktree(&record, &mut items),
        Some("relocated") => {
            let folder = record.relocated.text().unwrap_or_default();
            items.push(ItemKind::Notice {
                text: format!("Moved to {folder}"),
            });
        }
        Some(
            "progress"
            | "file-history-snapshot"
            | "queue-operation"
            | "attachment"
            | "mode"
            | "permission-mode"
            | "agent-name"
            | "last-prompt",
        ) => items.push_hidden(ItemKind::Raw),
        _ => items.push_unknown(entry),
    }
}

fn user(record: &Record<'_>, items: &mut Items<'_>) {
    let content = &record.message.content;
    let text = || content_text(content.raw, &["text"], usize::MAX);
    match Said::of(record) {
        Said::Prompt => {
            let text = text();
            if !text.is_empty() {
                items.push(ItemKind::Prompt { text });
            }
            content.items.iter().for_each(|block| image(block, items));
        }
        Said::Results => results(record, items),
        Said::Summary => items.push(ItemKind::Compaction {
            summary: Some(text()),
        }),
        Said::Interrupted => items.push(ItemKind::Notice { text: text() }),
        Said::ByProgram => items.push_hidden(ItemKind::Notice { text: text() }),
    }
}

fn results(record: &Record<'_>, items: &mut Items<'_>) {
    for block in &record.message.content.items {
        match block.kind.short_text().as_deref() {
            Some("tool_result") => {
                items.push(ItemKind::ToolResult {
                    call_id: block.tool_use_id.string(),
                    text: content_text(block.content, &["text"], usize::MAX),
                    is_error: block.is_error.is_true(),
                });
                block
                    .content
                    .elements()
                    .for_each(|inner| image(&Block::read(inner), items));
            }
            Some("text") => {
                let text = block.text.string().unwrap_or_default();
                items.push_hidden(ItemKind::Notice { text });
            }
            _ => image(block, items),
        }
    }
    if let Some(id) = record.tool_use_result.get("agentId").string() {
        let task = record.tool_use_result.get("prompt");
        let title = task
            .text()
            .map(|task| crate::text::one_line(&task, crate::text::TITLE_CHARS));
        items.push(ItemKind::Subagent { id, title });
    }
}

fn image(block: &Block<'_>, items: &mut Items<'_>) {
    if block.kind.is("image") {
        let data = block.source.get("data").text();
        items.push(ItemKind::Image {
            media_type: block.source.get("media_type").string(),
            bytes: data.map(|data| base64_len(&data)),
            url: block.source.get("url").string(),
        });
    }
}

fn assistant(record: &Record<'_>, items: &mut Items<'_>) {
    let message = &record.message;
    if message.model.is("<synthetic>") {
        let text = content_text(message.content.raw, &["text"], usize::MAX);
        items.push(ItemKind::Notice { text });
        return;
    }
    let model = message.model.string();
    let answer = |text: String| ItemKind::Answer {
        text,
        model: model.clone(),
    };
    if let Some(text) = message.content.raw.string() {
        items.push(answer(text));
    }
    for block in &message.content.items {
        match block.kind.short_text().as_deref() {
            Some("text") => items.push(answer(block.text.string().unwrap_or_default())),
            Some("thinking") => {
                let text = block.thinking.string().unwrap_or_default();
                items.push(ItemKind::Thinking { text });
            }
            Some("redacted_thinking") => items.push(ItemKind::Thinking {
                text: String::new(),
            }),
            Some("tool_use" | "server_tool_use") => items.push(ItemKind::ToolCall {
                call_id: block.id.string(),
                name: block.name.string().unwrap_or_default(),
                input: block.input.as_str().to_owned(),
            }),
            Some("image") => image(block, items),
            _ => items.push_unknown(block.raw),
        }
    }
    if let Some(tokens) = usage(&message.usage) {
        items.push_hidden(ItemKind::Usage { tokens });
    }
}

fn system(record: &Record<'_>, items: &mut Items<'_>) {
    match record.subtype.short_text().as_deref() {
        Some("compact_boundary") => {
            let text = record
                .content
                .full_text()
                .unwrap_or("Conversation compacted".into());
            items.push(ItemKind::Notice {
                text: text.into_owned(),
            });
        }
        _ => match record.content.full_text() {
            Some(text) => items.push_hidden(ItemKind::Notice {
                text: text.into_owned(),
            }),
            None => items.push_hidden(ItemKind::Raw),
        },
    }
}

fn title(what: &str, title: Raw<'_>, items: &mut Items<'_>) {
    let title = title.text().unwrap_or_default();
    items.push_hidden(ItemKind::Notice {
        text: format!("{what}: {title}"),
    });
}

fn pull_request(record: &Record<'_>, items: &mut Items<'_>) {
    let repository = record.pr_repository.text().unwrap_or_default();
    let url = record.pr_url.text().unwrap_or_default();
    let text = match record.pr_number.count() {
        Some(number) => format!("Pull request {repository}#{number} {url}"),
        None => format!("Pull request {repository} {url}"),
    };
    items.push(ItemKind::Notice {
        text: text.trim_end().to_owned(),
    });
}

fn worktree(record: &Record<'_>, items: &mut Items<'_>) {
    let text = match record.worktree.get("worktreePath").text() {
        Some(path) => format!("In the worktree {path}"),
        None => "Out of the worktree".to_owned(),
    };
    items.push(ItemKind::Notice { text });
}
