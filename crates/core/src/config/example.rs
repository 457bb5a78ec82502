//! The `_example` block of a shipped ConfigMap and the checksum that guards it.
//!
//! The block has no effect, and people edit it by mistake. Its checksum is an annotation, so that
//! admission can tell.

use std::collections::BTreeMap;

use super::Data;
use crate::names::annotations::EXAMPLE_CHECKSUM;

/// Key of the block.
pub const KEY: &str = "_example";

/// The block was edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the update modifies a key in \"_example\" which is probably not what you want. Instead, copy the respective setting to \
     the top-level of the ConfigMap, directly below \"data\""
)]
pub struct Edited;

/// Compares the block with its checksum; passes when either is missing.
///
/// # Errors
/// [`Edited`] when they differ.
pub fn check(data: &Data, annotations: &BTreeMap<String, String>) -> Result<(), Edited> {
    match (data.get(KEY), annotations.get(EXAMPLE_CHECKSUM)) {
        (Some(block), Some(want)) if checksum(block) != *want => Err(Edited),
        _ => Ok(()),
    }
}

/// CRC-32 (IEEE) over the block, eight hexadecimal digits. White space around it does not count,
/// and a run of line breaks counts as one.
#[must_use]
pub fn checksum(block: &str) -> String {
    let mut crc = Crc::new();
    let mut rest = block.trim();
    while let Some(at) = rest.find('\n') {
        let line = &rest[..at];
        crc.update(line.strip_suffix('\r').unwrap_or(line));
        // Upstream writes the two characters, not a line feed.
        crc.update("\\n");
        rest = &rest[at + 1..];
        while let Some(next) = rest
            .strip_prefix('\n')
            .or_else(|| rest.strip_prefix("\r\n"))
        {
            rest = next;
        }
    }
    crc.update(rest);
    format!("{:08x}", crc.finish())
}

/// Reflected CRC-32, bit by bit: the blocks are small and rarely seen.
struct Crc(u32);

impl Crc {
    fn new() -> Self {
        Self(!0)
    }

    fn update(&mut self, text: &str) {
        for byte in text.bytes() {
            self.0 ^= u32::from(byte);
            for _ in 0..8 {
                let carry = self.0 & 1;
                self.0 = (self.0 >> 1) ^ (0xEDB8_8320 * carry);
            }
        }
    }

    fn finish(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test::data;

    #[test]
    fn config_1_3_checksum_vectors() {
        assert_eq!(checksum("a: \"1\"\n\n\nb: \"2\"\n"), "c4fec53e");
        assert_eq!(
            checksum("################\n#  EXAMPLE\n\n  key: \"1\""),
            "397014b3"
        );
        // Line breaks of either kind count alike, as does white space around the block.
        assert_eq!(checksum("a: \"1\"\r\n\r\nb: \"2\""), "c4fec53e");
        assert_eq!(
            checksum("\u{a0}\n a: \"1\"\n\r\nb: \"2\"\t\u{2003}"),
            "c4fec53e"
        );
    }

    #[test]
    fn config_1_3_only_a_block_with_a_differing_checksum_is_refused() {
        let block = data([(KEY, "a: \"1\"\nb: \"2\"")]);
        let annotated = |sum: &str| BTreeMap::from([(EXAMPLE_CHECKSUM.to_owned(), sum.to_owned())]);
        assert_eq!(check(&block, &annotated("c4fec53e")), Ok(()));
        assert_eq!(check(&block, &annotated("00000000")), Err(Edited));
        assert_eq!(check(&block, &BTreeMap::new()), Ok(()));
        assert_eq!(check(&data([]), &annotated("00000000")), Ok(()));
    }
}
