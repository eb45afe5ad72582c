//! Serves an emulator on a port, for clients in other languages.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use shylock_arango_emulator::{Config, Emulator};

const USAGE: &str = "usage: shylock-arango-emulator [--host ADDRESS] [--port N] [--user NAME] [--password WORD] \
                     [--no-auth] [--cluster] [--token-lifetime SECONDS] [--ttl-interval SECONDS]";

/// Holds the password, as for the image of a real server.
const PASSWORD: &str = "ARANGO_ROOT_PASSWORD";

fn main() -> ExitCode {
    let config = match config(std::env::args().skip(1)) {
        Ok(config) => config,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let emulator = match Emulator::start(&config) {
        Ok(emulator) => emulator,
        Err(error) => {
            eprintln!("cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    // The second line is what a real server logs, for those who wait for that; others read only the first one, and
    // then close the pipe.
    let ready = format!("{}\nThe emulator is ready for business. Have fun!\n", emulator.url());
    let _ = std::io::stdout().write_all(ready.as_bytes());
    loop {
        std::thread::park();
    }
}

fn config(mut arguments: impl Iterator<Item = String>) -> Result<Config, String> {
    let mut config = Config::new();
    if let Ok(password) = std::env::var(PASSWORD) {
        config.password = password;
    }
    while let Some(argument) = arguments.next() {
        if argument == "--no-auth" {
            config.authentication = false;
            continue;
        }
        if argument == "--cluster" {
            config = config.cluster();
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{argument} needs a number, not {value}"));
        match argument.as_str() {
            "--host" => config.host = value.parse().map_err(|_| format!("{value} is no address"))?,
            "--port" => config.port = u16::try_from(number()?).map_err(|_| format!("{value} is no port"))?,
            "--user" => config.user = value,
            "--password" => config.password = value,
            "--token-lifetime" => config.token_lifetime = Duration::from_secs(number()?),
            "--ttl-interval" => config.ttl_interval = Duration::from_secs(number()?),
            _ => return Err(format!("unknown option {argument}")),
        }
    }
    Ok(config)
}
