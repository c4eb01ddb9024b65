//! Age's armor: a file as text, for columns of a table and for an operator's
//! clipboard. It must not know what is inside.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
/// Characters of a line.
const LINE: usize = 64;

/// `bytes` of an age file as text that the program `age` reads.
#[must_use]
pub fn armor(bytes: &[u8]) -> String {
    let mut text = format!("{BEGIN}\n");
    let encoded = STANDARD.encode(bytes);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(END);
    text.push('\n');
    text
}

/// The bytes of an armored age file; none where `text` is not one.
#[must_use]
pub fn dearmor(text: &str) -> Option<Vec<u8>> {
    let body = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn armor_is_undone() {
        for size in [0, 1, 47, 48, 49, 500] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let text = armor(&bytes);
            assert!(text.lines().all(|line| line.len() <= LINE));
            assert_eq!(dearmor(&text), Some(bytes));
        }
        assert_eq!(dearmor("AAAA"), None);
    }
}
