//! Whether a text is a reference to an image, by tag or digest, as registries understand it.

/// Says what is wrong with a reference, in the words of the library that upstream uses.
pub(super) fn check(reference: &str) -> Result<(), String> {
    if is_tagged(reference) || is_digest(reference) {
        Ok(())
    } else {
        Err(format!("could not parse reference: {reference}"))
    }
}

/// `<repository>[:<tag>]`
fn is_tagged(reference: &str) -> bool {
    match reference.rsplit_once(':') {
        // A colon before a slash belongs to the registry's port.
        Some((base, tag)) if !tag.contains('/') => {
            consists_of(tag, 0..=128, |b| {
                b.is_ascii_alphanumeric() || b"_-.".contains(&b)
            }) && is_repository(base)
        }
        _ => is_repository(reference),
    }
}

/// `<repository>[:<tag>]@sha256:<64 hexadecimal digits>`
fn is_digest(reference: &str) -> bool {
    let Some((base, digest)) = reference.split_once('@') else {
        return false;
    };
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    consists_of(hex, 64..=64, |b| {
        b.is_ascii_digit() || (b'a'..=b'f').contains(&b)
    }) && is_tagged(base)
}

/// `[<registry>/]<path>`
fn is_repository(name: &str) -> bool {
    let path = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => {
            if !is_registry(host) {
                return false;
            }
            path
        }
        _ => name,
    };
    consists_of(path, 2..=255, |b| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-./".contains(&b)
    })
}

fn is_registry(host: &str) -> bool {
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let in_brackets = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let is_name = match in_brackets {
        Some(address) => address
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.'),
        None => {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        }
    };
    is_name && port.bytes().all(|b| b.is_ascii_digit())
}

fn consists_of(
    text: &str,
    length: std::ops::RangeInclusive<usize>,
    allowed: impl Fn(u8) -> bool,
) -> bool {
    length.contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_by_tag_and_digest_are_read() {
        let digest = format!("busybox@sha256:{}", "0a".repeat(32));
        let both = format!("registry.example:5000/a/b:v1@sha256:{}", "0a".repeat(32));
        for good in [
            "busybox",
            "busybox:1.2",
            "me/app",
            "localhost/app",
            "registry.example:5000/a/b:V_1",
            "[::1]:5000/ab",
            &digest,
            &both,
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "a",
            "Busybox",
            "a b",
            "busybox:a b",
            "busybox@sha256:00",
            "busybox@md5:00",
            "bad!host.example/app",
            "app:x:y z",
        ] {
            assert_eq!(check(bad), Err(format!("could not parse reference: {bad}")));
        }
    }
}
