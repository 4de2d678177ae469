//! The segments of which a user's input is put together.

use std::borrow::Cow;

use serde_json::Value;

use crate::entry::wire::{Extra, tagged_enum, wire_struct};

tagged_enum! {
    /// One segment of a user's input.
    ///
    /// ```
    /// use sessiondb::entry::UserSegment;
    ///
    /// let file: UserSegment = serde_json::from_str(r#"{"kind":"file_ref","path":"src/main.rs"}"#)?;
    /// let input = [UserSegment::text("see "), file];
    /// assert_eq!(UserSegment::flatten(&input), "see @src/main.rs");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub enum UserSegment ("a segment of user input", Value) {
        /// Typed text.
        "text" => Text(TextSegment),
        /// Pasted text.
        "paste" => Paste(Paste),
        /// A file that is referred to.
        "file_ref" => FileRef(FileRef),
        /// A piece of knowledge that is referred to.
        "knowledge_ref" => KnowledgeRef(KnowledgeRef),
        /// A workflow that is called.
        "workflow_invoke" => WorkflowInvoke(WorkflowInvoke),
        /// A flow that is selected.
        "flow" => Flow(Flow),
    }
}

impl UserSegment {
    /// A segment of typed text.
    ///
    /// ```
    /// assert_eq!(sessiondb::entry::UserSegment::text("hi").kind(), "text");
    /// ```
    pub fn text(content: impl Into<String>) -> Self {
        Self::Text(TextSegment {
            content: content.into(),
            extra: Extra::new(),
        })
    }

    /// The segments as one text, as the model sees them: text and pastes as they are, a file as
    /// `@path`, a workflow as `/slug`, a flow as `[Flow: selector]`. Knowledge and kinds that this
    /// version does not know give nothing.
    ///
    /// ```
    /// use sessiondb::entry::UserSegment;
    ///
    /// let input = [UserSegment::text("fix "), UserSegment::text("it")];
    /// assert_eq!(UserSegment::flatten(&input), "fix it");
    /// ```
    pub fn flatten(segments: &[Self]) -> String {
        let mut text = String::new();
        for segment in segments {
            match segment {
                Self::Text(segment) => text.push_str(&segment.content),
                Self::Paste(segment) => text.push_str(&segment.content),
                Self::FileRef(segment) => text.extend(["@", &segment.path]),
                Self::WorkflowInvoke(segment) => text.extend(["/", &segment.slug]),
                Self::Flow(segment) => text.extend(["[Flow: ", &segment.selector_text(), "]"]),
                Self::KnowledgeRef(_) | Self::Unknown(_) => {}
            }
        }
        text
    }
}

wire_struct! {
    /// Typed text.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, TextSegment, UserSegment};
    ///
    /// let segment = TextSegment { content: "hi".into(), extra: Extra::new() };
    /// assert_eq!(UserSegment::Text(segment), UserSegment::text("hi"));
    /// ```
    pub struct TextSegment {
        /// The text.
        content: String => Required,
    }
}

wire_struct! {
    /// Pasted text.
    ///
    /// ```
    /// use sessiondb::entry::Paste;
    ///
    /// let paste: Paste = serde_json::from_str(r#"{"id":1,"chars":3,"lines":2,"content":"a\nb"}"#)?;
    /// assert_eq!(paste.lines, 2);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Paste {
        /// Its number within the input.
        id: u64 => Required,
        /// Its length in characters.
        chars: u64 => Required,
        /// Its length in lines.
        lines: u64 => Required,
        /// The text.
        content: String => Required,
    }
}

wire_struct! {
    /// A file that is referred to.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, FileRef, UserSegment};
    ///
    /// let file = UserSegment::FileRef(FileRef { path: "a.rs".into(), extra: Extra::new() });
    /// assert_eq!(UserSegment::flatten(&[file]), "@a.rs");
    /// ```
    pub struct FileRef {
        /// The file's path.
        path: String => Required,
    }
}

wire_struct! {
    /// A piece of knowledge that is referred to.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, KnowledgeRef, UserSegment};
    ///
    /// let known = KnowledgeRef { slug: "style".into(), extra: Extra::new() };
    /// assert_eq!(UserSegment::flatten(&[UserSegment::KnowledgeRef(known)]), "");
    /// ```
    pub struct KnowledgeRef {
        /// Its short name.
        slug: String => Required,
    }
}

wire_struct! {
    /// A workflow that is called.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, UserSegment, WorkflowInvoke};
    ///
    /// let call = WorkflowInvoke { slug: "review".into(), extra: Extra::new() };
    /// assert_eq!(UserSegment::flatten(&[UserSegment::WorkflowInvoke(call)]), "/review");
    /// ```
    pub struct WorkflowInvoke {
        /// Its short name.
        slug: String => Required,
    }
}

wire_struct! {
    /// A flow that is selected.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, Flow, UserSegment};
    ///
    /// let flow = Flow { selector: "nightly".into(), extra: Extra::new() };
    /// assert_eq!(UserSegment::flatten(&[UserSegment::Flow(flow)]), "[Flow: nightly]");
    /// ```
    pub struct Flow {
        /// What selects it: any JSON.
        selector: Value => Required,
    }
}

impl Flow {
    /// The selector as text: a string as it is, anything else as its JSON.
    fn selector_text(&self) -> Cow<'_, str> {
        match &self.selector {
            Value::String(text) => Cow::Borrowed(text),
            selector => Cow::Owned(selector.to_string()),
        }
    }
}
