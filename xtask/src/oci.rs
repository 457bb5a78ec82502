//! Container images without a container engine: OCI image layouts, written as tar archives.
//!
//! An image here is always the same two layers: a base (accounts, `/tmp`, CA certificates), shared by all images,
//! and one static program. Everything that goes in is fixed (owners, modes, times, order), so equal inputs give
//! equal bytes, equal digests and equal tags on any machine.
//!
//! This file knows the format only. What is packed, and under which names, is decided in `images`; nothing here
//! talks to a registry or a container runtime. The archives are imported with `ctr -n k8s.io images import FILE`,
//! with `docker load` (25 or later) or with `skopeo copy oci-archive:FILE …`.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// The account that every image runs as, and the group with the same number.
const ACCOUNT: u32 = 65532;
const ACCOUNT_NAME: &str = "nonroot";

/// Compression of layers. The images are imported far more often than they are shipped, so speed wins over size.
const GZIP_LEVEL: u32 = 3;

/// A tar layer in both forms that a manifest speaks of: digests are taken of either.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    gzip: Vec<u8>,
    /// Digest of the gzip stream: the name of the blob.
    digest: String,
    /// Digest of the plain tar: what a runtime calls the "diff id".
    diff_id: String,
}

/// An image, ready to be written; [`Image::archive`] gives it a name.
#[derive(Debug)]
pub(crate) struct Image {
    config: Vec<u8>,
    layers: Vec<Layer>,
}

/// What [`Image::archive`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archived {
    /// Digest of the manifest, `sha256:…`: what a registry would call the image.
    pub(crate) digest: String,
}

/// The layer that all images begin with. `ca_bundle` is a PEM file of the certificate authorities to trust.
pub(crate) fn base_layer(ca_bundle: Option<&[u8]>) -> io::Result<Layer> {
    let mut tree = Tree::new();
    tree.directory("etc/", 0o755)?;
    tree.file(
        "etc/group",
        0o644,
        format!("root:x:0:\n{ACCOUNT_NAME}:x:{ACCOUNT}:\n").as_bytes(),
    )?;
    tree.file(
        "etc/passwd",
        0o644,
        format!(
            "root:x:0:0:root:/root:/sbin/nologin\n\
             {ACCOUNT_NAME}:x:{ACCOUNT}:{ACCOUNT}:{ACCOUNT_NAME}:/tmp:/sbin/nologin\n"
        )
        .as_bytes(),
    )?;
    if let Some(bundle) = ca_bundle {
        tree.directory("etc/ssl/", 0o755)?;
        tree.directory("etc/ssl/certs/", 0o755)?;
        tree.file("etc/ssl/certs/ca-certificates.crt", 0o644, bundle)?;
    }
    tree.directory("tmp/", 0o1777)?;
    tree.finish()
}

/// The layer that holds one program as `/usr/bin/<name>`.
pub(crate) fn program_layer(name: &str, program: &[u8]) -> io::Result<Layer> {
    let mut tree = Tree::new();
    tree.directory("usr/", 0o755)?;
    tree.directory("usr/bin/", 0o755)?;
    tree.file(&format!("usr/bin/{name}"), 0o755, program)?;
    tree.finish()
}

// === impl Layer ===

impl Layer {
    /// Digest of the layer's plain tar, independent of compression.
    pub(crate) fn diff_id(&self) -> &str {
        &self.diff_id
    }
}

// === impl Image ===

impl Image {
    /// An image that starts `/usr/bin/<name>` as the unprivileged account.
    pub(crate) fn new(name: &str, layers: Vec<Layer>) -> Self {
        let diff_ids: Vec<&str> = layers.iter().map(|layer| layer.diff_id.as_str()).collect();
        let config = json!({
            "architecture": architecture(),
            "os": "linux",
            "config": {
                "User": format!("{ACCOUNT}:{ACCOUNT}"),
                "WorkingDir": "/",
                "Env": ["PATH=/usr/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
                "Entrypoint": [format!("/usr/bin/{name}")],
                "Labels": {
                    "org.opencontainers.image.title": name,
                    "org.opencontainers.image.licenses": "Apache-2.0",
                },
            },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        Self {
            config: config.to_string().into_bytes(),
            layers,
        }
    }

    /// A tag that changes when, and only when, what a container of this image sees changes.
    pub(crate) fn content_tag(&self) -> String {
        sha256(&self.config)["sha256:".len()..][..12].to_owned()
    }

    /// Writes the image as one OCI layout tar, to be imported under `repository:tag`.
    pub(crate) fn archive(
        &self,
        repository: &str,
        tag: &str,
        out: impl Write,
    ) -> io::Result<Archived> {
        let manifest = self.manifest();
        let digest = sha256(&manifest);
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": digest,
                "size": manifest.len(),
                "platform": { "architecture": architecture(), "os": "linux" },
                "annotations": {
                    // containerd and Docker take the whole name from the first, others the tag from the second.
                    "io.containerd.image.name": format!("{repository}:{tag}"),
                    "org.opencontainers.image.ref.name": tag,
                },
            }],
        });

        let mut blobs = vec![
            (digest.clone(), manifest.as_slice()),
            (sha256(&self.config), &self.config),
        ];
        blobs.extend(
            self.layers
                .iter()
                .map(|layer| (layer.digest.clone(), layer.gzip.as_slice())),
        );
        blobs.sort_by(|one, other| one.0.cmp(&other.0));
        blobs.dedup_by(|one, other| one.0 == other.0);

        let mut tar = tar::Builder::new(out);
        append_directory(&mut tar, "blobs/", 0o755)?;
        append_directory(&mut tar, "blobs/sha256/", 0o755)?;
        for (digest, blob) in blobs {
            append_file(
                &mut tar,
                &format!("blobs/{}", digest.replace(':', "/")),
                0o644,
                blob,
            )?;
        }
        append_file(&mut tar, "index.json", 0o644, index.to_string().as_bytes())?;
        append_file(
            &mut tar,
            "oci-layout",
            0o644,
            br#"{"imageLayoutVersion":"1.0.0"}"#,
        )?;
        tar.into_inner()?.flush()?;
        Ok(Archived { digest })
    }

    fn manifest(&self) -> Vec<u8> {
        let layers: Vec<_> = self
            .layers
            .iter()
            .map(|layer| {
                json!({
                    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                    "digest": layer.digest,
                    "size": layer.gzip.len(),
                })
            })
            .collect();
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": sha256(&self.config),
                "size": self.config.len(),
            },
            "layers": layers,
        })
        .to_string()
        .into_bytes()
    }
}

/// This machine's architecture in the words of the image specification.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// `sha256:` and the digest of `bytes` in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

// === Tree ===

/// A layer in the making. Entries are to be added in sorted order, directories before what they hold.
struct Tree {
    tar: tar::Builder<Vec<u8>>,
}

impl Tree {
    fn new() -> Self {
        Self {
            tar: tar::Builder::new(Vec::new()),
        }
    }

    fn directory(&mut self, path: &str, mode: u32) -> io::Result<()> {
        append_directory(&mut self.tar, path, mode)
    }

    fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        append_file(&mut self.tar, path, mode, content)
    }

    fn finish(self) -> io::Result<Layer> {
        let plain = self.tar.into_inner()?;
        // No file name and no time in the gzip header: both would make equal content differ.
        let mut encoder = GzBuilder::new()
            .mtime(0)
            .write(Vec::new(), Compression::new(GZIP_LEVEL));
        encoder.write_all(&plain)?;
        let gzip = encoder.finish()?;
        Ok(Layer {
            digest: sha256(&gzip),
            diff_id: sha256(&plain),
            gzip,
        })
    }
}

fn append_directory(tar: &mut tar::Builder<impl Write>, path: &str, mode: u32) -> io::Result<()> {
    append(tar, tar::EntryType::Directory, path, mode, &[])
}

fn append_file(
    tar: &mut tar::Builder<impl Write>,
    path: &str,
    mode: u32,
    content: &[u8],
) -> io::Result<()> {
    append(tar, tar::EntryType::Regular, path, mode, content)
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    kind: tar::EntryType,
    path: &str,
    mode: u32,
    content: &[u8],
) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, path, content)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read as _;

    use serde_json::Value;

    use super::*;

    fn image() -> Image {
        let layers = vec![
            base_layer(Some(b"PEM")).unwrap(),
            program_layer("toy", b"\x7fELF").unwrap(),
        ];
        Image::new("toy", layers)
    }

    fn entries(archive: &[u8]) -> BTreeMap<String, (tar::Header, Vec<u8>)> {
        let mut found = BTreeMap::new();
        for entry in tar::Archive::new(archive).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            found.insert(path, (entry.header().clone(), content));
        }
        found
    }

    #[test]
    fn equal_inputs_give_equal_bytes() {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        image().archive("dev.local/ebb/toy", "1", &mut one).unwrap();
        image()
            .archive("dev.local/ebb/toy", "1", &mut other)
            .unwrap();
        assert_eq!(one, other);
    }

    #[test]
    fn the_tag_follows_the_content() {
        let layers = vec![
            base_layer(Some(b"PEM")).unwrap(),
            program_layer("toy", b"other").unwrap(),
        ];
        assert_ne!(
            image().content_tag(),
            Image::new("toy", layers).content_tag()
        );
        assert_eq!(image().content_tag(), image().content_tag());
        assert_ne!(image().content_tag(), "latest");
    }

    #[test]
    fn every_digest_names_the_blob_it_describes() {
        let mut archive = Vec::new();
        let archived = image()
            .archive("dev.local/ebb/toy", "1", &mut archive)
            .unwrap();
        let files = entries(&archive);
        let blob = |digest: &Value| {
            let digest = digest.as_str().unwrap();
            let content = &files[&format!("blobs/{}", digest.replace(':', "/"))].1;
            assert_eq!(sha256(content), digest);
            content.clone()
        };

        let index: Value = serde_json::from_slice(&files["index.json"].1).unwrap();
        let described = &index["manifests"][0];
        assert_eq!(
            described["annotations"]["io.containerd.image.name"],
            "dev.local/ebb/toy:1"
        );
        assert_eq!(described["digest"], archived.digest);
        let manifest: Value = serde_json::from_slice(&blob(&described["digest"])).unwrap();
        let config: Value = serde_json::from_slice(&blob(&manifest["config"]["digest"])).unwrap();
        assert_eq!(config["config"]["User"], "65532:65532");
        for (at, layer) in manifest["layers"].as_array().unwrap().iter().enumerate() {
            let gzip = blob(&layer["digest"]);
            assert_eq!(layer["size"], gzip.len());
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(gzip.as_slice())
                .read_to_end(&mut plain)
                .unwrap();
            assert_eq!(config["rootfs"]["diff_ids"][at], sha256(&plain));
        }
    }

    #[test]
    fn tmp_is_open_to_all_and_the_program_belongs_to_root() {
        let unpack = |layer: Layer| {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(layer.gzip.as_slice())
                .read_to_end(&mut plain)
                .unwrap();
            entries(&plain)
        };
        let base = unpack(base_layer(None).unwrap());
        assert_eq!(base["tmp/"].0.mode().unwrap(), 0o1777);
        assert!(!base.contains_key("etc/ssl/certs/ca-certificates.crt"));
        let program = unpack(program_layer("toy", b"x").unwrap());
        let header = &program["usr/bin/toy"].0;
        assert_eq!(
            (
                header.uid().unwrap(),
                header.mode().unwrap(),
                header.mtime().unwrap()
            ),
            (0, 0o755, 0)
        );
    }
}
