//! From text to tokens.

use serde_json::Value;

use super::convert;
use super::token::{KEYWORDS, Kind, SIGNS, Token};
use crate::error::{ArangoError, Result};

/// Splits a query into its tokens, the last of which is [`Kind::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let start = lexer.at;
        let kind = lexer.next_kind()?;
        let end = kind == Kind::End;
        tokens.push(Token { kind, start });
        if end {
            return Ok(tokens);
        }
    }
}

/// A syntax error in the server's words.
pub(crate) fn syntax_error(text: &str, at: usize, what: &str) -> ArangoError {
    let before = &text[..at.min(text.len())];
    let (line, column) =
        (before.matches('\n').count() + 1, before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1);
    let near: String = text[at.min(text.len())..].chars().take(32).collect();
    let near = if near.is_empty() { String::new() } else { format!(" near '{near}'") };
    ArangoError::with(
        1501,
        format!("AQL: syntax error, {what}{near} at position {line}:{column} (while parsing)"),
    )
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn error(&self, what: &str) -> ArangoError {
        syntax_error(self.text, self.at, what)
    }

    fn skip_blanks(&mut self) -> Result<()> {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start().len();
            self.at += blanks;
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let end = rest
                    .find("*/")
                    .ok_or_else(|| self.error("unexpected unterminated multi-line comment"))?;
                self.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn next_kind(&mut self) -> Result<Kind> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Kind::End) };
        match first {
            '\'' | '"' => Ok(Kind::Text(self.quoted(first)?)),
            '`' | '´' => Ok(Kind::Name(self.quoted(first)?)),
            '@' => self.bind(),
            '0'..='9' => self.number(),
            '.' if rest[1..].starts_with(|next: char| next.is_ascii_digit()) => self.number(),
            _ if starts_name(first) => Ok(self.word()),
            _ => self.sign(),
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &str {
        let rest = &self.text[self.at..];
        let length = rest.find(|sign| !wanted(sign)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn word(&mut self) -> Kind {
        let word = self.take_while(in_name).to_owned();
        let upper = word.to_ascii_uppercase();
        KEYWORDS
            .iter()
            .find(|&&keyword| keyword == upper)
            .map_or(Kind::Name(word), |keyword| Kind::Keyword(keyword))
    }

    fn bind(&mut self) -> Result<Kind> {
        let collection = self.rest().starts_with("@@");
        self.at += if collection { 2 } else { 1 };
        let name = self.take_while(|sign| sign.is_ascii_alphanumeric() || sign == '_').to_owned();
        match (name.is_empty(), collection) {
            (true, _) => Err(self.error("unexpected character")),
            (false, true) => Ok(Kind::BindCollection(format!("@{name}"))),
            (false, false) => Ok(Kind::Bind(name)),
        }
    }

    fn sign(&mut self) -> Result<Kind> {
        let rest = self.rest();
        let sign = SIGNS.iter().find(|&&sign| rest.starts_with(sign));
        let sign = *sign.ok_or_else(|| self.error("unexpected character"))?;
        self.at += sign.len();
        Ok(Kind::Sign(sign))
    }

    fn number(&mut self) -> Result<Kind> {
        let rest = self.rest();
        for (prefix, radix) in [("0x", 16), ("0X", 16), ("0b", 2), ("0B", 2)] {
            if rest.starts_with(prefix) {
                self.at += 2;
                let digits = self.take_while(|sign| sign.is_digit(radix)).to_owned();
                let value = u64::from_str_radix(&digits, radix).map_err(|_| self.error("invalid number"))?;
                return Ok(Kind::Number(Value::from(value)));
            }
        }
        let length = number_length(rest);
        let text = rest[..length].to_owned();
        self.at += length;
        if self.rest().starts_with(starts_name) {
            return Err(self.error("unexpected identifier"));
        }
        let whole = text.parse::<i64>().map(Value::from);
        let value = whole.or_else(|_| text.parse::<f64>().map(convert::number));
        value.map(Kind::Number).map_err(|_| self.error("invalid number"))
    }

    fn quoted(&mut self, quote: char) -> Result<String> {
        let start = self.at;
        let mut signs = self.text[start..].chars();
        signs.next();
        let mut result = String::new();
        loop {
            let sign = signs.next().ok_or_else(|| self.error("unexpected unterminated string literal"))?;
            if sign == quote {
                break;
            }
            if sign != '\\' {
                result.push(sign);
                continue;
            }
            let escaped = unescape(&mut signs).ok_or_else(|| self.error("invalid escape sequence"))?;
            result.push(escaped);
        }
        self.at = self.text.len() - signs.as_str().len();
        Ok(result)
    }
}

fn starts_name(sign: char) -> bool {
    sign.is_ascii_alphabetic() || sign == '_' || sign == '$'
}

fn in_name(sign: char) -> bool {
    starts_name(sign) || sign.is_ascii_digit()
}

/// The length of the number at the start; the dots of `1..2` are no part of it.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut length = digits(0);
    if text[length..].starts_with('.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if text[length..].starts_with(['e', 'E']) {
        let sign = usize::from(text[length + 1..].starts_with(['+', '-']));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}

fn unescape(signs: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match signs.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let first = hex(signs)?;
            if !(0xD800..0xDC00).contains(&first) {
                return char::from_u32(first);
            }
            if signs.next()? != '\\' || signs.next()? != 'u' {
                return None;
            }
            let second = hex(signs)?.checked_sub(0xDC00)?;
            return char::from_u32(0x10000 + ((first - 0xD800) << 10) + second);
        }
        other => other,
    })
}

fn hex(signs: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |value, _| Some(value * 16 + signs.next()?.to_digit(16)?))
}
