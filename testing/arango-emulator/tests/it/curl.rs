//! Reading recorded exchanges: requests as curl commands, answers as HTTP text.

use serde_json::Value;

/// A request that somebody made with curl.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// An answer as it was recorded.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

/// The commands of an exchange.
pub(crate) fn commands(text: &str) -> Vec<Command> {
    let text = format!("\n{text}");
    text.split("\ncurl ").skip(1).map(command).collect()
}

fn command(text: &str) -> Command {
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    let body = rest.split("\nEOF").next().filter(|_| line.contains("<<'EOF'")).unwrap_or_default();
    let words = words(line);
    let after = |flag: &str| words.iter().position(|word| word == flag).map(|at| words[at + 1].clone());
    let headers = words.iter().zip(&words[1..]).filter(|(flag, _)| *flag == "--header");
    let url = words.iter().find(|word| word.starts_with("http://")).expect("an address");
    let at = url[7..].find('/').expect("a path") + 7;
    Command {
        method: after("-X").unwrap_or_else(|| "GET".to_owned()),
        path: url[at..].to_owned(),
        headers: headers.map(|(_, header)| pair(header)).collect(),
        body: body.to_owned(),
    }
}

/// Splits a command line at blanks outside of quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for sign in line.chars() {
        match sign {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            other => word.push(other),
        }
    }
    words.push(word);
    words
}

fn pair(header: &str) -> (String, String) {
    let (name, value) = header.split_once(':').expect("a header");
    (name.trim().to_lowercase(), value.trim().to_owned())
}

/// The answers of an exchange.
pub(crate) fn answers(text: &str) -> Vec<Recorded> {
    let text = format!("\n{text}");
    text.split("\nHTTP/1.1 ").skip(1).map(answer).collect()
}

fn answer(text: &str) -> Recorded {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').next()).expect("a status");
    Recorded {
        status: status.parse().expect("a number"),
        headers: lines.filter(|line| !line.is_empty()).map(pair).collect(),
        body: serde_json::from_str(body).unwrap_or_default(),
    }
}
