//! Words and tables for people.

use std::time::Duration;

use shylock::Owner;

/// A string that others chose, with control characters escaped.
pub(crate) fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

pub(crate) fn owner(owner: &Owner) -> String {
    plain(&owner.to_string())
}

/// How long ago something was.
pub(crate) fn ago(time: Duration) -> String {
    format!("{} ago", rounded(time))
}

/// A time as people say it: in seconds, or in milliseconds if it is short.
pub(crate) fn rounded(time: Duration) -> String {
    let time = match time.as_secs() {
        0 => Duration::from_millis(milliseconds(time)),
        seconds => Duration::from_secs(seconds),
    };
    humantime::format_duration(time).to_string()
}

pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Columns with two blanks between them. The first row is the header.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(plain("naïve 名\x1b[2J\n"), "naïve 名\\u{1b}[2J\\n");
    }

    #[test]
    fn a_table_has_aligned_columns() {
        let rows = [vec!["NAME".to_owned(), "N".to_owned()], vec!["a longer one".to_owned(), "1".to_owned()]];
        assert_eq!(table(&rows), "NAME          N\na longer one  1\n");
    }
}
