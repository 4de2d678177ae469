//! The rows of the trees whose rows are tables.

use super::fields::Fields;
use super::link::Root;
use super::node::Widths;

/// What a table tree says of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableRow {
    /// `None` if the table is empty.
    pub(crate) root: Option<Root>,
    pub(crate) rows: u64,
    pub(crate) widths: Widths,
}

impl TableRow {
    const PLAIN_TABLE: u8 = 3;

    /// Reads the value of a row; its key is the table's name.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, String> {
        let mut fields = Fields::new(value);
        let [kind] = fields.array()?;
        if kind != Self::PLAIN_TABLE {
            return Err(format!("there is no kind {kind} of tables"));
        }
        let rows = fields.u64()?;
        let [has_root] = fields.array()?;
        Ok(Self {
            rows,
            root: fields.root(has_root != 0)?,
            widths: Widths {
                key: fields.width()?,
                value: fields.width()?,
            },
        })
    }
}
