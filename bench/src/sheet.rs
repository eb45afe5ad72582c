//! What was measured, before it becomes a table, a file or a picture.

use serde::Serialize;

use crate::contestant::Contestant;

/// The figures of one measurement.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sheet {
    pub(crate) id: &'static str,
    pub(crate) title: String,
    /// What was done.
    pub(crate) about: String,
    /// The first one is what the picture shows and what contestants are compared by.
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) contestant: Contestant,
    pub(crate) cells: Vec<Option<f64>>,
}

/// A figure beside its goal.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Verdict {
    pub(crate) what: String,
    pub(crate) goal: String,
    pub(crate) seen: String,
    /// `None` if it could not be measured.
    pub(crate) reached: Option<bool>,
}

/// Which figure is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Lower,
    Higher,
}

impl Sheet {
    pub(crate) fn new(
        id: &'static str,
        title: &str,
        about: String,
        columns: &[(&'static str, &'static str)],
    ) -> Self {
        let columns = columns.iter().map(|&(name, unit)| Column { name, unit }).collect();
        Self {
            id,
            title: title.to_owned(),
            about,
            columns,
            rows: Vec::new(),
            verdicts: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, contestant: Contestant, cells: impl IntoIterator<Item = Option<f64>>) {
        self.rows.push(Row { contestant, cells: cells.into_iter().collect() });
    }

    pub(crate) fn cell(&self, contestant: Contestant, column: usize) -> Option<f64> {
        self.rows.iter().find(|row| row.contestant == contestant)?.cells.get(column).copied()?
    }

    /// Sets shylock's figure in a column beside a goal.
    pub(crate) fn goal(&mut self, what: &str, column: usize, better: Better, bound: f64) {
        let seen = self.cell(Contestant::Shylock, column);
        let unit = self.columns[column].unit;
        let sign = match better {
            Better::Lower => "≤",
            Better::Higher => "≥",
        };
        self.verdicts.push(Verdict {
            what: what.to_owned(),
            goal: format!("{sign} {}", with_unit(bound, unit)),
            seen: seen.map_or("not measured".to_owned(), |seen| with_unit(seen, unit)),
            reached: seen.map(|seen| better.reaches(seen, bound)),
        });
    }

    /// The best figure of the peers on MongoDB in the first column.
    pub(crate) fn best_peer(&self, better: Better) -> Option<(Contestant, f64)> {
        let peers = self.rows.iter().filter(|row| row.contestant.is_peer_on_mongo());
        peers
            .filter_map(|row| Some((row.contestant, row.cells.first().copied()??)))
            .reduce(|best, peer| if better.reaches(peer.1, best.1) { peer } else { best })
    }

    /// Sets shylock's figure in the first column beside that of the best peer on MongoDB.
    pub(crate) fn ahead_of_peers(&mut self, better: Better) {
        let Some((peer, best)) = self.best_peer(better) else { return };
        let unit = self.columns[0].unit;
        let seen = self.cell(Contestant::Shylock, 0);
        self.verdicts.push(Verdict {
            what: format!("{}: against the best peer on MongoDB", self.columns[0].name),
            goal: format!("ahead of {} ({})", with_unit(best, unit), peer.name()),
            seen: seen.map_or("not measured".to_owned(), |seen| with_unit(seen, unit)),
            reached: seen.map(|seen| better.reaches(seen, best)),
        });
    }
}

impl Better {
    fn reaches(self, seen: f64, bound: f64) -> bool {
        match self {
            Self::Lower => seen <= bound,
            Self::Higher => seen >= bound,
        }
    }
}

/// A figure as people read it: three digits that count.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 100.0 => thousands(&format!("{value:.0}")),
        magnitude if magnitude >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

pub(crate) fn with_unit(value: f64, unit: &str) -> String {
    let bare = figure(value);
    // Goals are round numbers.
    let bare = if bare.contains('.') { bare.trim_end_matches('0').trim_end_matches('.') } else { &bare };
    format!("{bare} {unit}").trim_end().to_owned()
}

fn thousands(digits: &str) -> String {
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len() - index;
        if index > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::new("x", "X", String::new(), &[("time", "ms"), ("rate", "")]);
        sheet.row(Contestant::Bare, [Some(1.0), None]);
        sheet.row(Contestant::Shylock, [Some(4.0), Some(20.0)]);
        sheet.row(Contestant::MongodbLock, [Some(9.0), None]);
        sheet.row(Contestant::MongoLockAsync, [Some(5.0), None]);
        sheet.row(Contestant::Etcd, [Some(2.0), None]);
        sheet
    }

    #[test]
    fn a_goal_is_reached_or_not_by_what_was_seen() {
        let mut sheet = sheet();
        sheet.goal("time", 0, Better::Lower, 4.0);
        sheet.goal("rate", 1, Better::Higher, 20.5);
        let reached: Vec<_> = sheet.verdicts.iter().map(|verdict| verdict.reached).collect();
        assert_eq!(reached, [Some(true), Some(false)]);
        assert_eq!(sheet.verdicts[0].goal, "≤ 4 ms");
        assert_eq!(sheet.verdicts[1].seen, "20");
    }

    #[test]
    fn shylock_is_compared_with_peers_on_mongodb_only() {
        let mut sheet = sheet();
        sheet.ahead_of_peers(Better::Lower);
        assert_eq!(sheet.verdicts[0].goal, "ahead of 5 ms (mongo-lock-async)");
        assert_eq!(sheet.verdicts[0].reached, Some(true));
    }

    #[test]
    fn what_was_not_measured_is_neither_reached_nor_missed() {
        let mut sheet = Sheet::new("x", "X", String::new(), &[("time", "ms")]);
        sheet.goal("time", 0, Better::Lower, 4.0);
        assert_eq!(sheet.verdicts[0].reached, None);
    }

    #[test]
    fn figures_have_three_digits_that_count() {
        let figures = [0.034, 1.0, 12.34, 123.4, 1_234_567.0].map(figure);
        assert_eq!(figures, ["0.03", "1.00", "12.3", "123", "1,234,567"]);
    }
}
