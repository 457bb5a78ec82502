//! The files of the corpus: which belong together, and whether anything is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::Value;

/// Fewer cases of either kind are no corpus.
const AT_LEAST: usize = 60;

/// What a case must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The object is stored.
    Accepted,
    /// The request is refused.
    Rejected,
}

/// What is done with a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    /// `kubectl apply --dry-run=server`; nothing is stored.
    DryRun,
    /// `kubectl apply`.
    Apply,
    /// The same apply once more; nothing changes.
    Again,
    /// `kubectl replace` of the stored object.
    Replace,
    /// `kubectl patch --type merge` with the manifest.
    Patch,
    /// `kubectl delete`.
    Delete,
    /// `kubectl create`.
    Create,
    /// `kubectl apply --server-side`.
    ServerSide,
    /// The same once more; nothing changes.
    ServerSideAgain,
}

/// Cases that are played together.
#[derive(Debug)]
pub struct Set {
    /// Name of the directory.
    pub(crate) name: String,
    /// ConfigMap name → data that is in force meanwhile.
    pub(crate) settings: BTreeMap<String, BTreeMap<String, String>>,
    /// Objects that must be there.
    pub(crate) needs: Option<PathBuf>,
    pub(crate) cases: Vec<Case>,
}

/// One manifest and what is expected of it.
#[derive(Debug)]
pub(crate) struct Case {
    /// `set/case`.
    pub(crate) name: String,
    pub(crate) manifest: PathBuf,
    /// What the manifest says.
    pub(crate) object: Value,
    /// The object as stored; null for a rejected case.
    pub(crate) stored: Value,
    /// Warnings on creating it, where they are not the usual ones.
    pub(crate) warnings: Option<Vec<String>>,
    /// What the case is rejected with.
    message: Option<String>,
    /// What single verbs are refused with.
    refusals: BTreeMap<Verb, String>,
    /// What is there before a rejected update.
    pub(crate) before: Option<PathBuf>,
}

/// The cases that must have `outcome`.
///
/// # Errors
/// If a file is missing, belongs to no case or cannot be read, or if there are too few cases.
pub fn load(outcome: Outcome) -> Result<Vec<Set>> {
    let name = match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Rejected => "rejected",
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let sets = entries(&root)?
        .iter()
        .map(|directory| Set::load(directory, outcome))
        .collect::<Result<Vec<_>>>()?;
    let found: usize = sets.iter().map(|set| set.cases.len()).sum();
    ensure!(
        found >= AT_LEAST,
        "only {found} cases in {}, {AT_LEAST} are the least",
        root.display()
    );
    Ok(sets)
}

// === impl Set ===

impl Set {
    fn load(directory: &Path, outcome: Outcome) -> Result<Self> {
        let name = file_name(directory)?.to_owned();
        let mut cases: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
        let (mut settings, mut needs) = (BTreeMap::new(), None);
        for path in entries(directory)? {
            match file_name(&path)? {
                "settings.yaml" => {
                    settings = serde_yaml_ng::from_str(&read(&path)?)
                        .with_context(|| path.display().to_string())?;
                }
                "needs.yaml" => needs = Some(path),
                file => {
                    let (case, part) = file
                        .split_once('.')
                        .with_context(|| format!("{} has no ending", path.display()))?;
                    let parts = cases.entry(case.to_owned()).or_default();
                    parts.insert(part.to_owned(), path.clone());
                }
            }
        }
        let cases = cases
            .into_iter()
            .map(|(case, parts)| Case::load(format!("{name}/{case}"), parts, outcome))
            .collect::<Result<Vec<_>>>()?;
        ensure!(!cases.is_empty(), "set {name} has no case");
        let set = Self {
            name,
            settings,
            needs,
            cases,
        };
        if outcome == Outcome::Accepted {
            set.stored_side_by_side()?;
        }
        Ok(set)
    }

    /// Whether all cases can be stored at once.
    fn stored_side_by_side(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        for case in &self.cases {
            let is_new = case.object_name().is_none() || seen.insert(case.identity());
            ensure!(
                is_new,
                "{}: another case of the set has its kind and name",
                case.name
            );
        }
        Ok(())
    }
}

// === impl Case ===

impl Case {
    fn load(name: String, mut parts: BTreeMap<String, PathBuf>, outcome: Outcome) -> Result<Self> {
        let manifest = parts
            .remove("yaml")
            .with_context(|| format!("case {name} has no manifest"))?;
        let mut case = Self {
            object: yaml(&manifest)?,
            name,
            manifest,
            stored: Value::Null,
            warnings: None,
            message: None,
            refusals: BTreeMap::new(),
            before: None,
        };
        for (part, path) in parts {
            match (part.as_str(), outcome) {
                ("stored.yaml", Outcome::Accepted) => case.stored = yaml(&path)?,
                ("warnings.txt", Outcome::Accepted) => {
                    case.warnings = Some(read(&path)?.lines().map(str::to_owned).collect());
                }
                ("txt", Outcome::Rejected) => case.message = Some(message(&path)?),
                ("before.yaml", Outcome::Rejected) => case.before = Some(path),
                (part, _) => {
                    let verb = part.strip_suffix(".txt").map(Verb::from_str);
                    let Some(Ok(verb)) = verb else {
                        bail!("{} means nothing", path.display());
                    };
                    case.refusals.insert(verb, message(&path)?);
                }
            }
        }
        let expected = match outcome {
            Outcome::Accepted => !case.stored.is_null(),
            Outcome::Rejected => case.message.is_some(),
        };
        ensure!(expected, "case {} has no expected file", case.name);
        Ok(case)
    }

    /// What a verb is refused with; nothing if it must succeed.
    pub(crate) fn refusal(&self, verb: Verb) -> Option<&str> {
        self.refusals
            .get(&verb)
            .or(self.message.as_ref())
            .map(String::as_str)
    }

    /// The name in the manifest.
    pub(crate) fn object_name(&self) -> Option<&str> {
        self.object["metadata"]["name"].as_str()
    }

    /// The kind in the manifest.
    pub(crate) fn kind(&self) -> &str {
        self.object["kind"].as_str().unwrap_or_default()
    }

    /// What only one object at a time can have.
    pub(crate) fn identity(&self) -> (String, String) {
        let name = self.object_name().unwrap_or_default();
        (self.kind().to_owned(), name.to_owned())
    }
}

impl FromStr for Verb {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        [
            Self::DryRun,
            Self::Apply,
            Self::Again,
            Self::Replace,
            Self::Patch,
            Self::Delete,
            Self::Create,
            Self::ServerSide,
            Self::ServerSideAgain,
        ]
        .into_iter()
        .find(|verb| verb.word() == word)
        .ok_or_else(|| anyhow!("no verb is called {word}"))
    }
}

impl Verb {
    /// As in the names of files, and in the report.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::DryRun => "dry-run",
            Self::Apply => "apply",
            Self::Again => "again",
            Self::Replace => "replace",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::Create => "create",
            Self::ServerSide => "server-side",
            Self::ServerSideAgain => "server-side-again",
        }
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(directory)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.path()))
                .collect::<std::io::Result<Vec<_>>>()
        })
        .with_context(|| format!("cannot read {}", directory.display()))?;
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> Result<&str> {
    path.file_name()
        .and_then(|name| name.to_str())
        .with_context(|| format!("{} is no name", path.display()))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A message; the line break at the end belongs to the file. A message that ends with one has two.
fn message(path: &Path) -> Result<String> {
    let text = read(path)?;
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

fn yaml(path: &Path) -> Result<Value> {
    serde_yaml_ng::from_str(&read(path)?).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_is_complete() {
        for outcome in [Outcome::Accepted, Outcome::Rejected] {
            load(outcome).unwrap();
        }
    }

    #[test]
    fn a_case_without_an_expected_file_is_no_case() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/accepted/service");
        let load = |files: &[(&str, &str)], outcome| {
            let parts = files.iter();
            let parts = parts.map(|(part, file)| ((*part).to_owned(), corpus.join(file)));
            let case = Case::load("a/b".to_owned(), parts.collect(), outcome);
            case.map(|case| case.name)
                .map_err(|error| error.to_string())
        };
        let manifest = ("yaml", "minimal.yaml");
        let stored = ("stored.yaml", "minimal.stored.yaml");
        let nothing = Err("case a/b has no expected file".to_owned());
        assert_eq!(
            load(&[manifest, stored], Outcome::Accepted),
            Ok("a/b".to_owned())
        );
        assert_eq!(load(&[manifest], Outcome::Accepted), nothing);
        assert_eq!(load(&[manifest], Outcome::Rejected), nothing);
        let none = load(&[stored], Outcome::Accepted).unwrap_err();
        assert_eq!(none, "case a/b has no manifest");
        let foreign = load(&[manifest, stored], Outcome::Rejected).unwrap_err();
        assert!(
            foreign.ends_with("minimal.stored.yaml means nothing"),
            "{foreign}"
        );
    }

    #[test]
    fn every_verb_has_a_word_of_its_own() {
        for word in ["dry-run", "apply", "again", "server-side-again"] {
            assert_eq!(word.parse::<Verb>().unwrap().word(), word);
        }
        assert!("applied".parse::<Verb>().is_err());
    }
}
