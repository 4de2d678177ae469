//! Items: what the history of a conversation is made of.

use serde_json::Value;

use crate::entry::wire::{Extra, open_words, tagged_enum, wire_struct};

tagged_enum! {
    /// One item of a conversation, as the model sees it.
    ///
    /// ```
    /// use sessiondb::entry::{Item, Role};
    ///
    /// let item = Item::message(Role::User, "hi");
    /// let json = r#"{"kind":"message","role":"user","content":[{"kind":"text","text":"hi"}]}"#;
    /// assert_eq!(serde_json::to_string(&item)?, json);
    /// assert_eq!(serde_json::from_str::<Item>(json)?, item);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub enum Item ("an item", Value) {
        /// Something said.
        "message" => Message(Message),
        /// The model asks for a tool.
        "tool_call" => ToolCall(ToolCall),
        /// What a tool gave back.
        "tool_result" => ToolResult(ToolOutput),
        /// What the model thought.
        "reasoning" => Reasoning(ReasoningItem),
    }
}

impl Item {
    /// A message of one text.
    ///
    /// ```
    /// use sessiondb::entry::{Item, Role};
    ///
    /// assert_eq!(Item::message(Role::System, "Be brief.").kind(), "message");
    /// ```
    pub fn message(role: Role, text: impl Into<String>) -> Self {
        Self::Message(Message {
            role,
            content: vec![ContentPart::text(text)],
            extra: Extra::new(),
        })
    }
}

wire_struct! {
    /// Something said, by whom.
    ///
    /// ```
    /// use sessiondb::entry::{ContentPart, Extra, Message, Role};
    ///
    /// let message = Message {
    ///     role: Role::Assistant,
    ///     content: vec![ContentPart::text("Done.")],
    ///     extra: Extra::new(),
    /// };
    /// assert_eq!(message.text(), "Done.");
    /// ```
    pub struct Message {
        /// Who says it.
        role: Role => Required,
        /// What is said.
        content: Vec<ContentPart> => Required,
    }
}

impl Message {
    /// The text parts, joined.
    pub fn text(&self) -> String {
        self.content
            .iter()
            .filter_map(|part| match part {
                ContentPart::Text(part) => Some(part.text.as_str()),
                _ => None,
            })
            .collect()
    }
}

open_words! {
    /// Who a message is from.
    ///
    /// ```
    /// use sessiondb::entry::Role;
    ///
    /// assert_eq!(Role::from("user"), Role::User);
    /// assert_eq!(Role::from("critic"), Role::Other("critic".into()));
    /// ```
    pub enum Role {
        /// The person, or the program, that the model works for.
        "user" => User,
        /// The model.
        "assistant" => Assistant,
        /// The runtime.
        "system" => System,
        /// A tool.
        "tool" => Tool,
    }
}

tagged_enum! {
    /// One part of a message.
    ///
    /// ```
    /// use sessiondb::entry::ContentPart;
    ///
    /// let part: ContentPart = serde_json::from_str(r#"{"kind":"refusal","refusal":"No."}"#)?;
    /// assert_eq!(part.kind(), "refusal");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub enum ContentPart ("a part of a message", Value) {
        /// Text.
        "text" => Text(TextPart),
        /// The model declines.
        "refusal" => Refusal(RefusalPart),
    }
}

impl ContentPart {
    /// A part of text.
    ///
    /// ```
    /// assert_eq!(sessiondb::entry::ContentPart::text("hi").kind(), "text");
    /// ```
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextPart {
            text: text.into(),
            extra: Extra::new(),
        })
    }
}

wire_struct! {
    /// A part of a message that is text.
    ///
    /// ```
    /// use sessiondb::entry::{ContentPart, Extra, TextPart};
    ///
    /// let part = TextPart { text: "hi".into(), extra: Extra::new() };
    /// assert_eq!(ContentPart::Text(part), ContentPart::text("hi"));
    /// ```
    pub struct TextPart {
        /// The text.
        text: String => Required,
    }
}

wire_struct! {
    /// A part of a message by which the model declines.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, RefusalPart};
    ///
    /// let part = RefusalPart { refusal: "No.".into(), extra: Extra::new() };
    /// assert_eq!(serde_json::to_string(&part)?, r#"{"refusal":"No."}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct RefusalPart {
        /// What it says instead.
        refusal: String => Required,
    }
}

wire_struct! {
    /// The model asks for a tool.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, Item, ToolCall};
    ///
    /// let call = Item::ToolCall(ToolCall {
    ///     call_id: "call_1".into(),
    ///     name: "Read".into(),
    ///     arguments: r#"{"path":"a.rs"}"#.into(),
    ///     extra: Extra::new(),
    /// });
    /// assert_eq!(call.kind(), "tool_call");
    /// ```
    pub struct ToolCall {
        /// Ties the result to the call.
        call_id: String => Required,
        /// The tool.
        name: String => Required,
        /// Its arguments: JSON as text, as the model wrote it.
        arguments: String => Required,
    }
}

wire_struct! {
    /// What a tool gave back.
    ///
    /// ```
    /// use sessiondb::entry::ToolOutput;
    ///
    /// let output: ToolOutput = serde_json::from_str(r#"{"call_id":"call_1","summary":"ok"}"#)?;
    /// assert_eq!(output.is_error, None);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ToolOutput {
        /// The call that it answers.
        call_id: String => Required,
        /// The result in short.
        summary: String => Required,
        /// The result in full.
        content: Option<Value> => AnyJson,
        /// Whether the tool failed.
        is_error: Option<bool> => Optional,
        /// What goes with it, such as images.
        attachments: Option<Value> => AnyJson,
    }
}

wire_struct! {
    /// What the model thought.
    ///
    /// ```
    /// use sessiondb::entry::ReasoningItem;
    ///
    /// let item: ReasoningItem = serde_json::from_str(r#"{"text":"Read it first.","summary":[]}"#)?;
    /// assert_eq!(item.text, "Read it first.");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ReasoningItem {
        /// The thoughts in words.
        text: String => Required,
        /// The thoughts in short.
        summary: Option<Value> => AnyJson,
        /// The thoughts as the provider wants them back.
        encrypted_content: Option<String> => Optional,
        /// The provider's proof that they are its own.
        signature: Option<String> => Optional,
    }
}
