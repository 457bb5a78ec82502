//! Is a program static? A look at its ELF program headers, no more.
//!
//! A dynamic program would start nowhere in our images, with an error ("no such file or directory") that does not
//! mention the missing loader. So the question is asked before packing.

use anyhow::{Result, bail, ensure};

/// Type of the program header that names a dynamic loader.
const PT_INTERP: u32 = 3;

/// Fails unless `program` is a 64-bit little-endian ELF file that needs no dynamic loader.
pub(super) fn require_static(program: &[u8]) -> Result<()> {
    ensure!(
        program.starts_with(b"\x7fELF\x02\x01"),
        "not a 64-bit little-endian ELF program"
    );
    let table = usize::try_from(u64::from_le_bytes(field(program, 0x20)?))?;
    let entry_size = usize::from(u16::from_le_bytes(field(program, 0x36)?));
    let entries = usize::from(u16::from_le_bytes(field(program, 0x38)?));
    for entry in 0..entries {
        if u32::from_le_bytes(field(program, table + entry * entry_size)?) == PT_INTERP {
            bail!(
                "the program needs a dynamic loader; is `crt-static` overridden by flags in the \
                 environment or in a cargo configuration file?"
            );
        }
    }
    Ok(())
}

fn field<const N: usize>(program: &[u8], at: usize) -> Result<[u8; N]> {
    match program.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(bytes) => Ok(*bytes),
        None => bail!("the ELF file is cut off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file header and one program header of type `kind`.
    fn elf(kind: u32) -> Vec<u8> {
        let mut file = vec![0; 64 + 56];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[0x20] = 64; // where the program headers begin
        file[0x36] = 56; // size of one
        file[0x38] = 1; // how many
        file[64..68].copy_from_slice(&kind.to_le_bytes());
        file
    }

    #[test]
    fn a_program_with_a_loader_is_refused() {
        assert!(require_static(&elf(1)).is_ok());
        let refused = require_static(&elf(PT_INTERP)).unwrap_err().to_string();
        assert!(refused.contains("dynamic loader"), "{refused}");
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert!(require_static(b"#!/bin/sh").is_err());
        assert!(require_static(&elf(1)[..80]).is_ok());
        assert!(require_static(&elf(1)[..60]).is_err());
    }
}
