//! The page.

use std::fmt::Write as _;

use super::Report;
use crate::contestant::Contestant;
use crate::sheet::{Column, Sheet, figure};

pub(super) fn page(report: &Report) -> String {
    let mut page = "# What was measured\n\n".to_owned();
    if report.quick {
        page += "A quick run: few samples, so only gross differences mean something.\n\n";
    }
    page += "Every figure of a table is from one run, in which the contestants take turns. What the rows mean \
             is in the README of the benchmark.\n\n";
    for fact in &report.facts {
        let _ = writeln!(page, "- {fact}");
    }
    for failed in &report.failed {
        let _ = writeln!(page, "- **Not measured**: {failed}");
    }
    page += &verdicts(report);
    for sheet in &report.sheets {
        page += &section(sheet);
    }
    page
}

/// Every goal, beside what was seen.
pub(super) fn verdicts(report: &Report) -> String {
    let mut table = "\n| what | goal | seen | |\n|---|---|---|---|\n".to_owned();
    for verdict in report.sheets.iter().flat_map(|sheet| &sheet.verdicts) {
        let reached = match verdict.reached {
            Some(true) => "reached",
            Some(false) => "**not reached**",
            None => "not measured",
        };
        let _ = writeln!(table, "| {} | {} | {} | {reached} |", verdict.what, verdict.goal, verdict.seen);
    }
    table
}

fn section(sheet: &Sheet) -> String {
    let Sheet { id, title, about, .. } = sheet;
    let mut section = format!("\n## {title}\n\n{about}\n\n![{title}]({id}.svg)\n\n| |");
    for Column { name, unit } in &sheet.columns {
        let _ = if unit.is_empty() {
            write!(section, " {name} |")
        } else {
            write!(section, " {name} ({unit}) |")
        };
    }
    let _ = writeln!(section, "\n|---|{}", "---:|".repeat(sheet.columns.len()));
    for row in &sheet.rows {
        let name = row.contestant.name();
        let _ = match row.contestant {
            Contestant::Shylock => write!(section, "| **{name}** |"),
            _ => write!(section, "| {name} |"),
        };
        for cell in &row.cells {
            let _ = write!(section, " {} |", cell.map_or("–".to_owned(), figure));
        }
        section.push('\n');
    }
    for note in &sheet.notes {
        let _ = write!(section, "\n{note}\n");
    }
    section
}
