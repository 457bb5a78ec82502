//! `images.json`: what was packed last, for installers and for the next run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// Name of the record inside `target/images/<profile>/`.
const FILE: &str = "images.json";

/// One image as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Packed {
    /// Short name, as in the catalogue.
    pub(crate) name: String,
    /// What goes into a pod's `image`: repository and content tag.
    pub(crate) reference: String,
    /// Digest of the image's manifest.
    pub(crate) digest: String,
    /// The OCI layout tar.
    pub(crate) archive: PathBuf,
    /// Size of the archive.
    pub(crate) archive_bytes: u64,
    /// Fingerprint of what the image was made of.
    pub(crate) source: String,
}

/// All images of one profile, by name.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    images: BTreeMap<String, Packed>,
}

impl Record {
    /// Reads the record of `directory`. One that is missing or was written by another version counts as empty.
    pub(super) fn load(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        match fs::read(&path) {
            Ok(text) => Ok(serde_json::from_slice(&text).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Writes the record of `directory`.
    pub(super) fn save(&self, directory: &Path) -> Result<()> {
        let path = directory.join(FILE);
        let text =
            serde_json::to_string_pretty(self).context("the record cannot be written as JSON")?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The image called `name`, if it was made of the same `source` and its archive is still there.
    pub(super) fn unchanged(&self, name: &str, source: &str) -> Option<&Packed> {
        self.get(name).filter(|packed| packed.source == source)
    }

    /// The image called `name`, if it was ever packed and its archive is still there.
    pub(super) fn get(&self, name: &str) -> Option<&Packed> {
        self.images
            .get(name)
            .filter(|packed| packed.archive.exists())
    }

    /// Notes `packed` in place of an earlier image of that name.
    pub(super) fn put(&mut self, packed: Packed) {
        self.images.insert(packed.name.clone(), packed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_unchanged_only_while_its_archive_exists_and_its_source_is_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let archive = directory.path().join("toy.tar");
        fs::write(&archive, "tar").unwrap();
        let mut record = Record::default();
        record.put(Packed {
            name: "toy".to_owned(),
            reference: "dev.local/ebb/toy:1".to_owned(),
            digest: "sha256:1".to_owned(),
            archive: archive.clone(),
            archive_bytes: 3,
            source: "a".to_owned(),
        });
        record.save(directory.path()).unwrap();

        let read = Record::load(directory.path()).unwrap();
        assert_eq!(read, record);
        assert!(read.unchanged("toy", "a").is_some());
        assert!(read.unchanged("toy", "b").is_none());
        fs::remove_file(archive).unwrap();
        assert!(read.unchanged("toy", "a").is_none());
    }
}
