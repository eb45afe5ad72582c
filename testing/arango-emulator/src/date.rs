//! Dates as the server reads and writes them: milliseconds since 1970, and ISO 8601 in UTC.

const DAY_MS: i64 = 86_400_000;

/// A date and time of day in UTC.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) milli: i64,
}

impl Civil {
    /// Milliseconds since 1970.
    pub(crate) fn to_millis(self) -> i64 {
        let seconds = (self.hour * 60 + self.minute) * 60 + self.second;
        days_from_civil(self.year, self.month, self.day) * DAY_MS + seconds * 1000 + self.milli
    }

    pub(crate) fn from_millis(millis: i64) -> Self {
        let (year, month, day) = civil_from_days(millis.div_euclid(DAY_MS));
        let rest = millis.rem_euclid(DAY_MS);
        Self {
            year,
            month,
            day,
            hour: rest / 3_600_000,
            minute: rest / 60_000 % 60,
            second: rest / 1000 % 60,
            milli: rest % 1000,
        }
    }
}

/// `2024-05-01T12:00:00.000Z`
pub(crate) fn format(millis: i64) -> String {
    let Civil { year, month, day, hour, minute, second, milli } = Civil::from_millis(millis);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Reads a date, with or without a time and an offset; without an offset it is UTC.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text.strip_suffix(['Z', 'z']).unwrap_or(text), None),
    };
    let mut parts = date.splitn(3, '-');
    let mut civil = Civil { year: digits(parts.next()?, 4)?, month: 1, day: 1, ..Civil::default() };
    if let Some(month) = parts.next() {
        civil.month = digits(month, 2)?;
    }
    if let Some(day) = parts.next() {
        civil.day = digits(day, 2)?;
    }
    let offset = match time {
        Some(time) => parse_time(time, &mut civil)?,
        None => 0,
    };
    let valid = (1..=12).contains(&civil.month)
        && (1..=31).contains(&civil.day)
        && civil.hour < 25
        && civil.minute < 60
        && civil.second < 60;
    valid.then(|| civil.to_millis() - offset)
}

/// Reads the time of day into `civil`; gives the offset in milliseconds.
fn parse_time(text: &str, civil: &mut Civil) -> Option<i64> {
    let zone = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (clock, offset) = text.split_at(zone);
    let mut parts = clock.splitn(3, ':');
    civil.hour = digits(parts.next()?, 2)?;
    civil.minute = digits(parts.next()?, 2)?;
    if let Some(seconds) = parts.next() {
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
        civil.second = digits(whole, 2)?;
        let padded: String = fraction.chars().chain("000".chars()).take(3).collect();
        civil.milli = digits(&padded, 3)?;
    }
    parse_offset(offset)
}

fn parse_offset(text: &str) -> Option<i64> {
    if text.is_empty() || text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text[1..].split_once(':')?;
    Some(sign * (digits(hours, 2)? * 60 + digits(minutes, 2)?) * 60_000)
}

fn digits(text: &str, longest: usize) -> Option<i64> {
    let fits = (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// Days since 1970 of a date, in the calendar that is used today, extended into the past.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Count years from March, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = (shifted + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}
