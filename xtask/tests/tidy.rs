//! Invariants of the tree that no compiler checks: which crate may know which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Crates that must not stand anywhere below `ebb-core`: decisions take values, never the world.
const FORBIDDEN_BELOW_CORE: &[&str] = &[
    "axum",
    "hyper",
    "hyper-util",
    "kube-client",
    "kube-runtime",
    "mio",
    "prometheus-client",
    "rand",
    "reqwest",
    "rustls",
    "socket2",
    "tokio",
    "tower",
    "tracing",
];

/// The only workspace crates each layer may use directly.
const ALLOWED: &[(&str, &[&str])] = &[
    ("ebb-core", &[]),
    ("ebb-process", &[]),
    ("ebb-net", &["ebb-core", "ebb-process"]),
    ("ebb-runtime", &["ebb-core", "ebb-process"]),
    ("ebb-queue-proxy", &["ebb-core", "ebb-net", "ebb-process"]),
];

/// What a program may use when it has no line of its own above.
const ALLOWED_FOR_PROGRAMS: &[&str] = &["ebb-core", "ebb-net", "ebb-process", "ebb-runtime"];

const PROGRAMS: &[&str] = &[
    "ebb-activator",
    "ebb-autoscaler",
    "ebb-controller",
    "ebb-gateway",
    "ebb-webhook",
];

#[test]
fn core_knows_no_io() {
    let below = below("ebb-core");
    assert!(
        below.contains("serde"),
        "ebb-core stands on serde; is the tree complete?"
    );
    let found: Vec<_> = FORBIDDEN_BELOW_CORE
        .iter()
        .filter(|c| below.contains(**c))
        .collect();
    assert!(
        found.is_empty(),
        "ebb-core must stay pure, but these crates are below it: {found:?}"
    );
}

#[test]
fn queue_proxy_carries_no_kubernetes_client() {
    let below = below("ebb-queue-proxy");
    assert!(
        below.contains("hyper"),
        "the sidecar stands on hyper; is the tree complete?"
    );
    for client in ["kube-client", "kube-runtime", "ebb-runtime", "axum"] {
        assert!(
            !below.contains(client),
            "the sidecar must stay small, but {client} is below it"
        );
    }
}

#[test]
fn dependencies_point_downwards() {
    let tree = Tree::read();
    let mut wrong = Vec::new();
    let lines = ALLOWED
        .iter()
        .copied()
        .chain(PROGRAMS.iter().map(|p| (*p, ALLOWED_FOR_PROGRAMS)));
    for (krate, allowed) in lines {
        for dep in tree.direct(krate).iter().filter(|d| d.starts_with("ebb-")) {
            if !allowed.contains(&dep.as_str()) {
                wrong.push(format!("{krate} -> {dep}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these arrows point the wrong way: {wrong:?}"
    );
}

#[test]
fn every_member_takes_the_workspace_lints() {
    for manifest in Tree::read().manifests {
        let text = std::fs::read_to_string(&manifest).expect("a member has a manifest");
        let inherits = text.contains("[lints]\nworkspace = true");
        assert!(inherits, "{manifest} lacks `[lints] workspace = true`");
    }
}

#[test]
fn architecture_names_tests_that_exist() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the page is there");
    let table = page
        .split("## Invariants")
        .nth(1)
        .expect("the page lists invariants");
    let table = table
        .split("\n## ")
        .next()
        .expect("a split has a first part");
    let named = table
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.rsplit('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let sources = rust_sources();
    let gone: Vec<_> = named
        .filter(|test| {
            !sources
                .iter()
                .any(|text| text.contains(&format!("fn {test}()")))
        })
        .collect();
    assert!(
        gone.is_empty(),
        "ARCHITECTURE.md names tests that do not exist: {gone:?}"
    );
}

/// The text of every Rust file that git knows.
fn rust_sources() -> Vec<String> {
    let out = Command::new("git")
        .args(["ls-files", "*.rs"])
        .current_dir(root())
        .output()
        .expect("git runs");
    assert!(
        out.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    let names = String::from_utf8(out.stdout).expect("file names are UTF-8");
    names
        .lines()
        .filter_map(|name| std::fs::read_to_string(root().join(name)).ok())
        .collect()
}

/// The resolved graph of normal dependencies, by crate name.
struct Tree {
    normal: BTreeMap<String, BTreeSet<String>>,
    manifests: Vec<String>,
}

impl Tree {
    fn read() -> Self {
        let out = Command::new(env!("CARGO"))
            .args([
                "metadata",
                "--format-version",
                "1",
                "--locked",
                "--filter-platform",
            ])
            .arg("x86_64-unknown-linux-gnu")
            .current_dir(root())
            .output()
            .expect("cargo runs");
        assert!(
            out.status.success(),
            "cargo metadata: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        let meta: Value = serde_json::from_slice(&out.stdout).expect("cargo prints JSON");
        let packages = meta["packages"].as_array().expect("packages is a list");
        let members: BTreeSet<_> = strings(&meta["workspace_members"]).into_iter().collect();
        let names: BTreeMap<_, _> = packages
            .iter()
            .map(|p| (text(&p["id"]), text(&p["name"])))
            .collect();
        let manifests = packages
            .iter()
            .filter(|p| members.contains(&text(&p["id"])))
            .map(|p| text(&p["manifest_path"]))
            .collect();
        let mut normal: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in meta["resolve"]["nodes"]
            .as_array()
            .expect("nodes is a list")
        {
            let below = normal.entry(names[&text(&node["id"])].clone()).or_default();
            for dep in node["deps"].as_array().expect("deps is a list") {
                let kinds = dep["dep_kinds"].as_array().expect("dep_kinds is a list");
                if kinds.iter().any(|k| k["kind"].is_null()) {
                    below.insert(names[&text(&dep["pkg"])].clone());
                }
            }
        }
        Self { normal, manifests }
    }

    fn direct(&self, krate: &str) -> &BTreeSet<String> {
        self.normal
            .get(krate)
            .unwrap_or_else(|| panic!("{krate} is not a crate of this workspace"))
    }
}

/// Everything below a crate through normal dependencies, with the features that it gets when it is built alone.
///
/// Not from `cargo metadata`, which unites the features that all members ask for.
fn below(krate: &str) -> BTreeSet<String> {
    let out = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--package", krate])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        out.status.success(),
        "cargo tree: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    let tree = String::from_utf8(out.stdout).expect("cargo prints UTF-8");
    tree.lines()
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(v: &Value) -> String {
    v.as_str().expect("a string").to_owned()
}

fn strings(v: &Value) -> Vec<String> {
    v.as_array().expect("a list").iter().map(text).collect()
}
