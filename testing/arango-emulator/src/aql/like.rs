//! LIKE: `%` stands for any text, `_` for one character, a backslash takes the next character as it is.

/// Whether a text matches a pattern.
pub(super) fn matches(text: &str, pattern: &str, ignore_case: bool) -> bool {
    let fold = |text: &str| if ignore_case { text.to_lowercase() } else { text.to_owned() };
    let text: Vec<char> = fold(text).chars().collect();
    matches_parts(&text, &parts(&fold(pattern)))
}

enum Part {
    Any,
    One,
    Sign(char),
}

fn parts(pattern: &str) -> Vec<Part> {
    let mut signs = pattern.chars();
    let mut parts = Vec::new();
    while let Some(sign) = signs.next() {
        parts.push(match sign {
            '%' => Part::Any,
            '_' => Part::One,
            '\\' => Part::Sign(signs.next().unwrap_or('\\')),
            other => Part::Sign(other),
        });
    }
    parts
}

/// `reached[n]`: the parts so far match the first `n` characters.
fn matches_parts(text: &[char], parts: &[Part]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for part in parts {
        let mut next = vec![false; text.len() + 1];
        let mut any = false;
        for at in 0..=text.len() {
            any |= reached[at];
            next[at] = match part {
                Part::Any => any,
                Part::One => at > 0 && reached[at - 1],
                Part::Sign(sign) => at > 0 && reached[at - 1] && text[at - 1] == *sign,
            };
        }
        reached = next;
    }
    reached[text.len()]
}
