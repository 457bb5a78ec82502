//! Which images there are. Adding a program to this list is all it takes to have it built, packed and loaded.

/// Where our images live. Nothing under `dev.local/` is ever looked up in a registry: neither by the kubelet, as
/// long as the tag is not `latest`, nor by tag-to-digest resolution.
pub(crate) const REPOSITORY: &str = "dev.local/ebb";

/// What an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// A part of Ebb: it stands in the install manifests.
    Component,
    /// A toy application for the demo and the tests.
    Sample,
    /// What holds a pod's namespaces; the node needs it before it can run anything.
    Sandbox,
}

/// A program of the workspace. Its binary and its image bear the same name.
#[derive(Debug)]
pub(crate) struct Program {
    /// Name of the binary and of the image.
    pub(crate) name: &'static str,
    /// Cargo package that holds the binary.
    pub(crate) package: &'static str,
    /// What it is for.
    pub(crate) used_as: Use,
}

/// All images, in the order in which they are listed.
pub(crate) const CATALOGUE: &[Program] = &[
    component("controller", "ebb-controller"),
    component("webhook", "ebb-webhook"),
    component("autoscaler", "ebb-autoscaler"),
    component("activator", "ebb-activator"),
    component("queue-proxy", "ebb-queue-proxy"),
    component("gateway", "ebb-gateway"),
    Program {
        name: "hello",
        package: "ebb-sample-hello",
        used_as: Use::Sample,
    },
    Program {
        name: "autoscale",
        package: "ebb-sample-autoscale",
        used_as: Use::Sample,
    },
    Program {
        name: "pause",
        package: "ebb-pause",
        used_as: Use::Sandbox,
    },
];

const fn component(name: &'static str, package: &'static str) -> Program {
    Program {
        name,
        package,
        used_as: Use::Component,
    }
}

/// Names of the images that make up Ebb itself.
pub(crate) fn components() -> impl Iterator<Item = &'static str> {
    CATALOGUE
        .iter()
        .filter(|program| program.used_as == Use::Component)
        .map(|program| program.name)
}

/// Reads an image's name from the command line.
pub(super) fn parse_name(name: &str) -> Result<String, String> {
    if CATALOGUE.iter().any(|program| program.name == name) {
        return Ok(name.to_owned());
    }
    let known: Vec<&str> = CATALOGUE.iter().map(|program| program.name).collect();
    Err(format!(
        "there is no such image; there are {}",
        known.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        assert!(parse_name("gatway").unwrap_err().contains("gateway"));
        assert_eq!(parse_name("pause").unwrap(), "pause");
    }
}
