//! Where and when a run takes place.

use std::fs;
use std::process::Command;
use std::thread;

use crate::run;

/// For people; nothing that names this machine.
pub(crate) fn facts() -> Vec<String> {
    let said = |program: &str, arguments: &[&str]| {
        run::output(Command::new(program).args(arguments)).unwrap_or_else(|_| "?".to_owned())
    };
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let date = said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]);
    let commit = said("git", &["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"]);
    let rust = said("rustc", &["--version"]);
    vec![
        format!("{date}, shylock {} ({commit}), {rust}", env!("CARGO_PKG_VERSION")),
        format!("{cores} cores ({}), {} of memory, Linux {}", processor(), memory(), said("uname", &["-r"])),
    ]
}

/// How many processes wanted a core in the last minute.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("?").to_owned()
}

fn processor() -> String {
    field("/proc/cpuinfo", "model name")
}

fn memory() -> String {
    let total = field("/proc/meminfo", "MemTotal");
    let kibibytes = total.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
    kibibytes.map_or("?".to_owned(), |kibibytes| format!("{} GiB", kibibytes.div_ceil(1024 * 1024)))
}

fn field(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':')).map_or("?", |(_, value)| value.trim()).to_owned()
}
