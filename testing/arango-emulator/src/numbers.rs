//! JSON in which numbers look as the server writes them.
//!
//! It keeps whole numbers and doubles apart. The result of a calculation is a double, even a whole one, and is written
//! in the shortest form: as digits, unless it ends in eight zeros or more; then with an exponent, such as `1.7e+15`.

use std::io;

use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

/// The text of a value.
pub(crate) fn to_json(value: &Value) -> String {
    let mut text = Vec::new();
    // Neither memory nor the values of JSON refuse to be written.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut text, AsTheServer));
    String::from_utf8(text).unwrap_or_default()
}

struct AsTheServer;

impl Formatter for AsTheServer {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(double(value).as_bytes())
    }
}

/// From here on doubles have every digit and `.0`, up to 2^64.
const ALL_DIGITS: f64 = 9_007_199_254_740_992.0;

fn double(value: f64) -> String {
    if value == 0.0 {
        return if value.is_sign_negative() { "-0".to_owned() } else { "0".to_owned() };
    }
    if value.fract() == 0.0 && (ALL_DIGITS..18_446_744_073_709_551_616.0).contains(&value.abs()) {
        return format!("{value:.1}");
    }
    // The shortest digits that mean this number, and the power of ten of the last one.
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.replace('.', "");
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let exponent = exponent.parse::<i32>().unwrap_or(0);
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{}", written(&digits, count, exponent, exponent - (count - 1)))
}

fn written(digits: &str, count: i32, exponent: i32, last: i32) -> String {
    if (0..8).contains(&last) {
        return format!("{digits}{}", "0".repeat(usize::try_from(last).unwrap_or(0)));
    }
    if last < 0 && (last > -7 || exponent.abs() < 4) {
        let whole = count + last;
        if whole <= 0 {
            return format!("0.{}{digits}", "0".repeat(usize::try_from(-whole).unwrap_or(0)));
        }
        let (whole, fraction) = digits.split_at(usize::try_from(whole).unwrap_or(0));
        return format!("{whole}.{fraction}");
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn doubles_look_as_the_server_writes_them() {
        // By velocypack's `Dumper::appendDouble` and `emit_digits` of its fpconv.
        for (value, text) in [
            (1.7e15, "1.7e+15"),
            (1_700_000_000_000.0, "1.7e+12"),
            (1_700_000_000_123.0, "1700000000123"),
            (1_835_008_000_000_000.0, "1.835008e+15"),
            (1_835_008_012_345_678.0, "1835008012345678"),
            (1e7, "10000000"),
            (1e8, "1e+8"),
            (-5.0, "-5"),
            (0.0, "0"),
            (0.5, "0.5"),
            (1_792_003_600.25, "1792003600.25"),
            (1e-7, "1e-7"),
            (9_007_199_254_740_992.0, "9007199254740992.0"),
            (1e300, "1e+300"),
        ] {
            assert_eq!(double(value), text);
            assert!((text.parse::<f64>().expect("a number") - value).abs() < f64::EPSILON, "{text}");
        }
        assert_eq!(
            to_json(&json!({"a": [1_700_000_000_000_i64, 1.7e12, "x"]})),
            r#"{"a":[1700000000000,1.7e+12,"x"]}"#
        );
    }
}
