//! What a load has to understand of an answer: whether it is good, and whether it is all there.

use anyhow::{Context as _, Result, bail};

/// The body of an answer of known length, once all of it is there.
pub(super) fn body_of(answer: &[u8]) -> Result<Option<&[u8]>> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&answer[..head])?;
    if !text.starts_with("HTTP/1.1 200 ") {
        bail!("answered {}", String::from_utf8_lossy(answer));
    }
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .context("an answer without a length")?
        .1
        .trim()
        .parse::<usize>()?;
    let body = &answer[head + 4..];
    Ok((body.len() >= length).then_some(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_there_with_its_last_byte() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        for end in 0..answer.len() {
            assert_eq!(body_of(&answer[..end]).unwrap(), None, "{end}");
        }
        assert_eq!(body_of(answer).unwrap(), Some(b"ok".as_slice()));
        assert!(body_of(b"HTTP/1.1 504 No\r\ncontent-length: 0\r\n\r\n").is_err());
    }
}
