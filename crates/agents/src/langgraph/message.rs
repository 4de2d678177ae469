//! A message of LangChain, in whichever of its forms it is kept.

use std::borrow::Cow;

use crate::codex::image;
use crate::item::{ItemKind, Items};
use crate::json::{Raw, object};
use crate::summary::Tokens;
use crate::text::content_text;

object! {
    /// The fields of a message.
    Fields {
        kind: "type",
        role: "role",
        content: "content",
        id: "id",
        tool_calls: "tool_calls",
        tool_call_id: "tool_call_id",
        status: "status",
        usage: "usage_metadata",
        response: "response_metadata",
    }
}

/// Who a message is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Person,
    Model,
    Tool,
    Program,
}

pub(super) struct Message<'a> {
    role: Role,
    fields: Fields<'a>,
}

/// The kinds of the parts that are text.
const SAID: &[&str] = &["text", "input_text", "output_text"];

impl<'a> Message<'a> {
    /// A message as an object of the program (`$ext`, of MessagePack), as LangChain writes one (`lc`), as a plain
    /// object with a role, or as a pair of role and text.
    pub(super) fn of(value: Raw<'a>) -> Option<Self> {
        let of_program = value.get("$ext").elements().nth(1);
        if let Some(object) = of_program.filter(|object| object.is_array()) {
            let mut parts = object.elements().skip(1);
            let (class, fields) = (parts.next()?, Fields::read(parts.next()?));
            let role = named(&fields).or_else(|| role_of(&class.short_text()?))?;
            return Some(Self { role, fields });
        }
        if !value.get("lc").is_missing() {
            let fields = Fields::read(value.get("kwargs"));
            let class = value.get("id").elements().last();
            let role = class.and_then(|class| role_of(&class.short_text()?));
            let role = role.or_else(|| named(&fields))?;
            return Some(Self { role, fields });
        }
        if value.is_array() {
            let mut parts = value.elements();
            let role = role_of(&parts.next()?.short_text()?)?;
            let fields = Fields {
                content: parts.next()?,
                ..Fields::default()
            };
            return Some(Self { role, fields });
        }
        let fields = Fields::read(value);
        let role = named(&fields).filter(|_| !fields.content.is_missing())?;
        Some(Self { role, fields })
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn id(&self) -> Option<String> {
        self.fields.id.string()
    }

    pub(super) fn text(&self, chars: usize) -> String {
        content_text(self.fields.content, SAID, chars)
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = Raw<'a>> + use<'a> {
        self.fields.tool_calls.elements()
    }

    pub(super) fn model(&self) -> Option<Cow<'a, str>> {
        let response = self.fields.response;
        let name = response.get("model_name").full_text();
        name.or_else(|| response.get("model").full_text())
    }

    pub(super) fn tokens(&self) -> Option<Tokens> {
        let usage = self.fields.usage;
        let (input, output) = (
            usage.get("input_tokens").count(),
            usage.get("output_tokens").count(),
        );
        if input.is_none() && output.is_none() {
            return None;
        }
        let cached = usage
            .get("input_token_details")
            .get("cache_read")
            .count()
            .unwrap_or(0);
        Some(Tokens {
            input: input.unwrap_or(0).saturating_sub(cached),
            cached,
            output: output.unwrap_or(0),
            reasoning: usage.get("output_token_details").get("reasoning").count(),
        })
    }

    pub(super) fn items(&self, items: &mut Items<'_>) {
        let text = self.text(usize::MAX);
        match self.role {
            Role::Person => items.push(ItemKind::Prompt { text }),
            Role::Program => items.push_hidden(ItemKind::Notice { text }),
            Role::Tool => items.push(ItemKind::ToolResult {
                call_id: self.fields.tool_call_id.string(),
                text,
                is_error: self.fields.status.is("error"),
            }),
            Role::Model => self.answer(text, items),
        }
        for part in self.fields.content.elements() {
            let url = part.get("image_url");
            let url = url.full_text().or_else(|| url.get("url").full_text());
            if let Some(url) = url {
                items.push(image(&url));
            }
        }
    }

    fn answer(&self, text: String, items: &mut Items<'_>) {
        for part in self.fields.content.elements() {
            let thought = ["thinking", "reasoning"].map(|key| part.get(key).full_text());
            for text in thought.into_iter().flatten() {
                items.push(ItemKind::Thinking {
                    text: text.into_owned(),
                });
            }
        }
        let is_empty = text.is_empty();
        if !is_empty {
            items.push(ItemKind::Answer {
                text,
                model: self.model().map(Cow::into_owned),
            });
        }
        let mut calls = 0;
        for call in self.calls() {
            let function = call.get("function");
            let (name, given) = if function.is_object() {
                (function.get("name"), function.get("arguments"))
            } else {
                (call.get("name"), call.get("args"))
            };
            items.push(ItemKind::ToolCall {
                call_id: call.get("id").string(),
                name: name.string().unwrap_or_default(),
                input: given
                    .text()
                    .map_or_else(|| given.as_str().to_owned(), Cow::into_owned),
            });
            calls += 1;
        }
        if is_empty && calls == 0 {
            items.push_hidden(ItemKind::Raw);
        }
    }
}

/// By what the fields say.
fn named(fields: &Fields<'_>) -> Option<Role> {
    let said = [fields.role, fields.kind];
    said.into_iter()
        .find_map(|said| role_of(&said.short_text()?))
}

fn role_of(name: &str) -> Option<Role> {
    Some(match name {
        "human" | "user" | "HumanMessage" | "HumanMessageChunk" => Role::Person,
        "ai" | "assistant" | "AIMessage" | "AIMessageChunk" => Role::Model,
        "tool" | "function" | "ToolMessage" | "FunctionMessage" => Role::Tool,
        "system" | "developer" | "remove" | "SystemMessage" | "RemoveMessage" | "ChatMessage" => {
            Role::Program
        }
        _ => return None,
    })
}
