//! Names of clusters.

use std::fmt;
use std::str::FromStr;

/// The longest name: paths of sockets below the state directory must stay below 108 bytes.
const LONGEST: usize = 24;

/// Name of a cluster: lower-case letters, digits and dashes, since it becomes part of file and cgroup names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > LONGEST {
            return Err(format!("a name has 1 to {LONGEST} characters"));
        }
        if !text.chars().all(allowed) || text.starts_with('-') {
            return Err("a name has lower-case letters, digits and dashes only".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_out_of_its_directory() {
        for bad in ["", "..", "a/b", "-v", "Ebb", &"x".repeat(25)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
        assert!("ebb-2".parse::<Name>().is_ok());
    }
}
