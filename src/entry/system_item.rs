//! System items: what the runtime tells the model.

use serde_json::Value;

use crate::entry::wire::{tagged_enum, wire_struct};

tagged_enum! {
    /// Something that the runtime tells the model. Its `body` is the exact text that the model saw.
    ///
    /// ```
    /// use sessiondb::entry::SystemItem;
    ///
    /// let item: SystemItem = serde_json::from_str(r#"{"kind":"interrupt","body":"Stopped."}"#)?;
    /// assert_eq!(item.body(), Some("Stopped."));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub enum SystemItem ("a system item", Value) {
        /// A message from outside.
        "notification" => Notification(Notification),
        /// Something happened to another agent.
        "pod_event" => PodEvent(PodEvent),
        /// Something happened to a worker.
        "worker_event" => WorkerEvent(WorkerEvent),
        /// The content of a file.
        "file_attachment" => FileAttachment(FileAttachment),
        /// A piece of knowledge.
        "knowledge" => Knowledge(Knowledge),
        /// The text of a workflow.
        "workflow" => Workflow(Workflow),
        /// A skill is now active.
        "skill_activation" => SkillActivation(SkillActivation),
        /// A reminder of open tasks.
        "task_reminder" => TaskReminder(TaskReminder),
        /// The run was interrupted.
        "interrupt" => Interrupt(Interrupt),
    }
}

impl SystemItem {
    /// The exact text that the model saw; `None` only for an unknown kind without one.
    ///
    /// ```
    /// use sessiondb::entry::SystemItem;
    ///
    /// let item: SystemItem = serde_json::from_str(r#"{"kind":"weather","body":"Rain."}"#)?;
    /// assert_eq!(item.body(), Some("Rain."));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn body(&self) -> Option<&str> {
        let body = match self {
            Self::Notification(item) => &item.body,
            Self::PodEvent(item) => &item.body,
            Self::WorkerEvent(item) => &item.body,
            Self::FileAttachment(item) => &item.body,
            Self::Knowledge(item) => &item.body,
            Self::Workflow(item) => &item.body,
            Self::SkillActivation(item) => &item.body,
            Self::TaskReminder(item) => &item.body,
            Self::Interrupt(item) => &item.body,
            Self::Unknown(value) => return value.get("body").and_then(Value::as_str),
        };
        Some(body)
    }
}

wire_struct! {
    /// A message from outside.
    ///
    /// ```
    /// use sessiondb::entry::Notification;
    ///
    /// let item: Notification = serde_json::from_str(r#"{"message":"m","body":"[Notification]\nm"}"#)?;
    /// assert_eq!(item.message, "m");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Notification {
        /// The message.
        message: String => Required,
        /// The text that the model saw.
        body: String => Required,
    }
}

wire_struct! {
    /// Something happened to another agent.
    ///
    /// ```
    /// use sessiondb::entry::PodEvent;
    ///
    /// let item: PodEvent = serde_json::from_str(r#"{"event":{"kind":"shut_down"},"body":"b"}"#)?;
    /// assert_eq!(item.event["kind"], "shut_down");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct PodEvent {
        /// What happened: any JSON.
        event: Value => Required,
        /// The text that the model saw.
        body: String => Required,
    }
}

wire_struct! {
    /// Something happened to a worker. What it was is in `extra`.
    ///
    /// ```
    /// use sessiondb::entry::WorkerEvent;
    ///
    /// let item: WorkerEvent = serde_json::from_str(r#"{"event":"done","body":"b"}"#)?;
    /// assert_eq!(item.extra["event"], "done");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct WorkerEvent {
        /// The text that the model saw.
        body: String => Required,
    }
}

wire_struct! {
    /// The content of a file.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, FileAttachment, SystemItem};
    ///
    /// let body = "[File: a.rs]\n".to_owned();
    /// let file = FileAttachment { path: "a.rs".into(), body, extra: Extra::new() };
    /// assert_eq!(SystemItem::FileAttachment(file).kind(), "file_attachment");
    /// ```
    pub struct FileAttachment {
        /// The file's path.
        path: String => Required,
        /// The text that the model saw.
        body: String => Required,
    }
}

wire_struct! {
    /// A piece of knowledge.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, Knowledge, SystemItem};
    ///
    /// let known = Knowledge { slug: "style".into(), body: "b".into(), extra: Extra::new() };
    /// assert_eq!(SystemItem::Knowledge(known).body(), Some("b"));
    /// ```
    pub struct Knowledge {
        /// Its short name.
        slug: String => Required,
        /// The text that the model saw.
        body: String => Required,
    }
}

wire_struct! {
    /// The text of a workflow.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, SystemItem, Workflow};
    ///
    /// let workflow = Workflow { slug: "review".into(), body: "b".into(), extra: Extra::new() };
    /// assert_eq!(SystemItem::Workflow(workflow).body(), Some("b"));
    /// ```
    pub struct Workflow {
        /// Its short name.
        slug: String => Required,
        /// The text that the model saw.
        body: String => Required,
    }
}

wire_struct! {
    /// A skill is now active.
    ///
    /// ```
    /// use sessiondb::entry::SkillActivation;
    ///
    /// let item: SkillActivation = serde_json::from_str(r#"{"name":"pdf","body":"b"}"#)?;
    /// assert_eq!(item.name, "pdf");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct SkillActivation {
        /// The skill.
        name: String => Required,
        /// The text that the model saw.
        body: String => Required,
    }
}

wire_struct! {
    /// A reminder of open tasks.
    ///
    /// ```
    /// use sessiondb::entry::TaskReminder;
    ///
    /// let item: TaskReminder = serde_json::from_str(r#"{"source":"task_inactivity","body":"b"}"#)?;
    /// assert_eq!(item.source, "task_inactivity");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct TaskReminder {
        /// What set it off.
        source: String => Required,
        /// The text that the model saw.
        body: String => Required,
    }
}

wire_struct! {
    /// The run was interrupted.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, Interrupt, SystemItem};
    ///
    /// let item = SystemItem::Interrupt(Interrupt { body: "Stopped.".into(), extra: Extra::new() });
    /// assert_eq!(serde_json::to_string(&item)?, r#"{"kind":"interrupt","body":"Stopped."}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Interrupt {
        /// The text that the model saw.
        body: String => Required,
    }
}
