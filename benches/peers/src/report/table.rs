//! A Markdown table whose columns are padded, so that it also reads well as text.

/// The first of `rows` is the heading. The first `left` columns are set to the left. A column that has
/// nothing but a heading is left out.
pub(super) fn table(rows: &[Vec<String>], left: usize) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| shown(row, rows)).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        widths.resize(widths.len().max(row.len()), 3);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let rule = widths.iter().enumerate().map(|(column, width)| {
        let dashes = "-".repeat(width - 1);
        if column < left {
            format!("{dashes}-")
        } else {
            format!("{dashes}:")
        }
    });
    let rule: Vec<String> = rule.collect();
    let mut lines: Vec<String> = rows.iter().map(|row| line(row, &widths, left)).collect();
    lines.insert(lines.len().min(1), line(&rule, &widths, left));
    lines.join("\n") + "\n"
}

/// The cells of those columns that have something, so that a bar does not end them.
fn shown(row: &[String], rows: &[Vec<String>]) -> Vec<String> {
    let is_used = |column| {
        let mut cells = rows.iter().skip(1).filter_map(|row| row.get(column));
        cells.any(|cell: &String| !cell.is_empty())
    };
    let cells = row
        .iter()
        .enumerate()
        .filter(|(column, _)| is_used(*column));
    cells.map(|(_, cell)| cell.replace('|', "\\|")).collect()
}

fn line(cells: &[String], widths: &[usize], left: usize) -> String {
    let padded = cells.iter().zip(widths).enumerate();
    let cells: Vec<String> = padded
        .map(|(column, (cell, &width))| {
            if column < left {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        })
        .collect();
    format!("| {} |", cells.join(" | "))
}
