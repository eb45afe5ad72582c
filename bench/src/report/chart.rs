//! A picture: the first column as bars.

use std::fmt::Write as _;

use crate::contestant::Contestant;
use crate::sheet::{Row, Sheet, figure};

const WIDTH: f64 = 720.0;
const NAMES: f64 = 210.0;
const FIGURES: f64 = 110.0;
const TOP: f64 = 44.0;
const LINE: f64 = 30.0;
const BAR: f64 = 18.0;

pub(super) fn chart(sheet: &Sheet) -> String {
    let bars: Vec<(&Row, f64)> =
        sheet.rows.iter().filter_map(|row| Some((row, *row.cells.first()?.as_ref()?))).collect();
    let longest = bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let rows = f64::from(u32::try_from(bars.len()).unwrap_or_default());
    let height = TOP + LINE * rows + 10.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"10\" y=\"24\" font-size=\"15\" font-weight=\"bold\">{}: {}</text>\n",
        escaped(&sheet.title),
        escaped(sheet.columns.first().map_or("", |column| column.name)),
    );
    let mut y = TOP;
    for (row, value) in bars {
        let unit = sheet.columns.first().map_or("", |column| column.unit);
        let length = (value / longest * (WIDTH - NAMES - FIGURES)).max(1.0);
        let middle = y + BAR - 4.0;
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{NAMES}\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR}\" fill=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{middle}\">{}</text>",
            NAMES - 8.0,
            escaped(row.contestant.name()),
            color(row.contestant),
            NAMES + length + 6.0,
            escaped(&label(value, unit)),
        );
        y += LINE;
    }
    svg + "</svg>\n"
}

fn label(value: f64, unit: &str) -> String {
    format!("{} {unit}", figure(value)).trim_end().to_owned()
}

fn color(contestant: Contestant) -> &'static str {
    match contestant {
        Contestant::Shylock => "#c2410c",
        Contestant::Bare | Contestant::BareWrite | Contestant::BareWriteInARow => "#475569",
        _ => "#94a3b8",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
