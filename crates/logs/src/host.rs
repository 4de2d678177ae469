//! The name of this machine, by which a list tells where a session came from.

use std::sync::LazyLock;

/// The name of this machine; `None` where it is not known.
pub(crate) fn name() -> Option<&'static str> {
    static NAME: LazyLock<Option<String>> = LazyLock::new(|| {
        let asked = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .or_else(|_| std::fs::read_to_string("/etc/hostname"))
            .or_else(|_| std::env::var("COMPUTERNAME").or_else(|_| std::env::var("HOSTNAME")));
        let name = asked.ok()?.trim().to_owned();
        (!name.is_empty()).then_some(name)
    });
    NAME.as_deref()
}
