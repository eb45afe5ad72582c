//! The figures as a page, as data, and as pictures.

mod chart;
mod page;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use shylock_bench_worker::Failure;

use crate::sheet::Sheet;

/// All that a run has to tell.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether it was a quick run.
    pub(crate) quick: bool,
    /// When and where it ran, and what took part.
    pub(crate) facts: Vec<String>,
    pub(crate) sheets: Vec<Sheet>,
    /// What could not be measured, and why.
    pub(crate) failed: Vec<String>,
}

impl Report {
    /// Writes everything into the folder for results, and says where.
    pub(crate) fn write(&self) -> Result<PathBuf, Failure> {
        let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
        let folder = if self.quick { results.join("quick") } else { results };
        self.write_to(&folder)?;
        Ok(folder)
    }

    /// Goals and figures, for the terminal.
    pub(crate) fn summary(&self) -> String {
        page::verdicts(self)
    }

    fn write_to(&self, folder: &Path) -> Result<(), Failure> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("README.md"), page::page(self))?;
        fs::write(folder.join("results.json"), serde_json::to_string_pretty(self)? + "\n")?;
        for sheet in &self.sheets {
            fs::write(folder.join(format!("{}.svg", sheet.id)), chart::chart(sheet))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contestant::Contestant;
    use crate::sheet::Better;

    fn report() -> Report {
        let columns = [("median", "ms"), ("against bare", "×")];
        let mut sheet = Sheet::new("pairs", "Pairs <of> writes", "One by one.".to_owned(), &columns);
        sheet.row(Contestant::Bare, [Some(2.0), Some(1.0)]);
        sheet.row(Contestant::Shylock, [Some(2.1), Some(1.05)]);
        sheet.row(Contestant::Etcd, [None, None]);
        sheet.goal("the pair", 1, Better::Lower, 1.1);
        sheet.notes.push("Nothing else ran.".to_owned());
        Report { quick: true, facts: vec!["2 cores".to_owned()], sheets: vec![sheet], failed: Vec::new() }
    }

    #[test]
    fn the_page_has_every_goal_and_every_figure() {
        let page = page::page(&report());
        for part in [
            "| the pair | ≤ 1.1 × | 1.05 × | reached |",
            "| **shylock** | 2.10 | 1.05 |",
            "| etcd's lock | – | – |",
            "![Pairs <of> writes](pairs.svg)",
            "- 2 cores",
            "Nothing else ran.",
        ] {
            assert!(page.contains(part), "{part} is not in:\n{page}");
        }
    }

    #[test]
    fn a_report_is_a_page_data_and_pictures() {
        let folder = tempfile::tempdir().unwrap();
        report().write_to(folder.path()).unwrap();
        let data = fs::read_to_string(folder.path().join("results.json")).unwrap();
        let data: serde_json::Value = serde_json::from_str(&data).unwrap();
        assert_eq!(data["sheets"][0]["rows"][1]["cells"][1], 1.05);
        assert_eq!(data["sheets"][0]["verdicts"][0]["reached"], true);
        let picture = fs::read_to_string(folder.path().join("pairs.svg")).unwrap();
        assert!(picture.contains("Pairs &lt;of&gt; writes"), "{picture}");
        assert!(picture.contains("2.10 ms"), "{picture}");
    }
}
