//! From a program to an archive: the base layer, the tag, the file.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::catalogue::REPOSITORY;
use super::record::Packed;
use crate::oci::{self, Image, Layer};

/// Where distributions keep the certificate authorities they trust, as one PEM file.
const CA_BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",   // Fedora and relatives
    "/etc/ssl/ca-bundle.pem",             // SUSE
];

/// The layer that all images share, made once a run.
pub(super) struct Base {
    layer: Layer,
    digest: String,
}

/// Makes the shared layer, with this machine's certificate authorities.
pub(super) fn base() -> Result<Base> {
    let bundle = CA_BUNDLES.iter().find_map(|path| fs::read(path).ok());
    if bundle.is_none() {
        eprintln!(
            "warning: no CA bundle on this machine (package ca-certificates): the images trust no \
             registry, so tags outside dev.local cannot be resolved to digests"
        );
    }
    let layer = oci::base_layer(bundle.as_deref()).context("cannot make the base layer")?;
    Ok(Base {
        digest: layer.diff_id().to_owned(),
        layer,
    })
}

impl Base {
    /// What an image made of this base and `program` depends on, as one short text.
    pub(super) fn fingerprint(&self, program: &[u8]) -> String {
        format!("{}+{}", self.digest, oci::sha256(program))
    }
}

/// Writes the archive of image `name` into `directory`.
///
/// The archive appears under its name only once it is complete, so a build that is cut off leaves no half one.
pub(super) fn pack(
    name: &str,
    program: &[u8],
    source: String,
    directory: &Path,
    base: &Base,
) -> Result<Packed> {
    let program = oci::program_layer(name, program).context("cannot make the program layer")?;
    let image = Image::new(name, vec![base.layer.clone(), program]);
    let tag = image.content_tag();
    let repository = format!("{REPOSITORY}/{name}");
    let archive = directory.join(format!("{name}.tar"));
    let partial = directory.join(format!("{name}.tar.partial"));
    let write = || -> std::io::Result<_> {
        let archived = image.archive(&repository, &tag, BufWriter::new(File::create(&partial)?))?;
        fs::rename(&partial, &archive)?;
        Ok((archived, fs::metadata(&archive)?.len()))
    };
    let (archived, archive_bytes) =
        write().with_context(|| format!("cannot write {}", archive.display()))?;
    Ok(Packed {
        name: name.to_owned(),
        reference: format!("{repository}:{tag}"),
        digest: archived.digest,
        archive,
        archive_bytes,
        source,
    })
}
