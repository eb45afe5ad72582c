//! Completions and manual pages.

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::Cli;
use crate::exit::{Code, Failure};

pub(crate) fn completions(shell: Shell) -> Result<u8, Failure> {
    let mut page = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "shylock", &mut page);
    print(&page)
}

pub(crate) fn man(of: Option<&str>) -> Result<u8, Failure> {
    let mut shylock = Cli::command();
    shylock.build();
    let command = match of {
        None => shylock,
        Some(name) => match shylock.find_subcommand(name) {
            Some(command) => command.clone(),
            None => return Err(Failure::new(Code::Usage, format!("there is no subcommand {name:?}"))),
        },
    };
    let mut page = Vec::new();
    Man::new(command).render(&mut page).map_err(|error| failed(&error))?;
    print(&page)
}

fn print(page: &[u8]) -> Result<u8, Failure> {
    io::stdout().write_all(page).map_err(|error| failed(&error))?;
    Ok(0)
}

fn failed(error: &io::Error) -> Failure {
    Failure::new(Code::System, format!("the page could not be printed: {error}"))
}
