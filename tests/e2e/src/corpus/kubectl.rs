//! What the words of kubectl mean.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use futures::future::try_join_all;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::kubectl::Kubectl;

/// How many run at once: enough to keep two processors busy.
const AT_ONCE: usize = 4;
/// How kubectl begins to tell of a failure.
const FAILURES: [&str; 2] = ["Error from server", "error: "];

/// The kubectl of the corpus.
#[derive(Debug)]
pub(super) struct Caller {
    kubectl: Kubectl,
    permits: Semaphore,
    /// Files made for it.
    scratch: TempDir,
}

/// What a call came to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    /// The objects printed.
    pub(super) objects: Vec<Value>,
    pub(super) warnings: Vec<String>,
    /// What it says of each failure.
    pub(super) errors: Vec<String>,
}

/// What became of one file: the object, or kubectl's words.
pub(super) type Answer = Result<Value, String>;

impl Caller {
    pub(super) fn new(namespace: &str) -> Result<Self> {
        Ok(Self {
            kubectl: Kubectl::new(namespace)?,
            permits: Semaphore::new(AT_ONCE),
            scratch: tempfile::tempdir()?,
        })
    }

    /// Runs it. That it fails is no error here.
    pub(super) async fn run<S: AsRef<str>>(&self, arguments: &[S]) -> Result<Said> {
        let _permit = self.permits.acquire().await?;
        let words: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
        let ran = self.kubectl.run(&words, "").await?;
        let mut said = Said::of(&ran.errors);
        said.objects = objects(&ran.output);
        if ran.status.success() != said.errors.is_empty() {
            said.errors
                .push(format!("kubectl ends with {}", ran.status));
        }
        Ok(said)
    }

    /// As [`Caller::run`], and it must succeed.
    pub(super) async fn succeed<S: AsRef<str>>(&self, arguments: &[S]) -> Result<Said> {
        let said = self.run(arguments).await?;
        if !said.errors.is_empty() {
            let words: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
            bail!("kubectl {}: {}", words.join(" "), said.errors.join("\n"));
        }
        Ok(said)
    }

    /// Sends all `files` with one call, and says what became of each.
    ///
    /// kubectl tells failures in the order of the files, but not always with their names, and may print no object at all
    /// if one fails. So unless all of them succeed or all of them fail, each is sent alone.
    pub(super) async fn each(&self, words: &[&str], files: &[String]) -> Result<Vec<Answer>> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let together: Vec<_> = files.iter().map(String::as_str).collect();
        let said = self.run(&[words, &together].concat()).await?;
        if said.errors.is_empty() && said.objects.len() == files.len() {
            return Ok(said.objects.into_iter().map(Ok).collect());
        }
        if said.objects.is_empty() && said.errors.len() == files.len() {
            return Ok(said.errors.into_iter().map(Err).collect());
        }
        let alone = files.iter().map(async |file| {
            let said = self.run(&[words, &[file]].concat()).await?;
            Ok(said.answer())
        });
        try_join_all(alone).await
    }

    /// The user that the API server sees.
    pub(super) async fn user(&self) -> Result<String> {
        let said = self.succeed(&["auth", "whoami", "--output=json"]).await?;
        let review = said.objects.first().context("nobody")?;
        let user = review["status"]["userInfo"]["username"].as_str();
        Ok(user.context("the user has no name")?.to_owned())
    }

    /// A file with `object`.
    pub(super) fn file(&self, name: &str, object: &Value) -> Result<PathBuf> {
        let path = self.scratch.path().join(name.replace('/', "_") + ".json");
        std::fs::write(&path, object.to_string())?;
        Ok(path)
    }
}

/// `--filename` for a path.
pub(super) fn filename(path: &Path) -> String {
    format!("--filename={}", path.display())
}

impl Said {
    /// What stands on the standard error output.
    fn of(text: &str) -> Self {
        let mut said = Self::default();
        for line in text.lines() {
            if let Some(warning) = line.strip_prefix("Warning: ") {
                said.warnings.push(warning.to_owned());
                continue;
            }
            match said.errors.last_mut() {
                Some(last) if !begins(line) => {
                    last.push('\n');
                    last.push_str(line);
                }
                _ => said.errors.push(line.to_owned()),
            }
        }
        said
    }

    /// What became of the only file.
    pub(super) fn answer(self) -> Answer {
        if !self.errors.is_empty() {
            return Err(self.errors.join("\n"));
        }
        let object = self.objects.into_iter().next();
        object.ok_or_else(|| "kubectl printed no object".to_owned())
    }
}

/// Whether a line begins to tell of a failure.
fn begins(line: &str) -> bool {
    FAILURES.iter().any(|begin| line.starts_with(begin))
        || line.starts_with("The ") && line.contains(" is invalid: ")
}

/// The objects printed: one after the other, or in a list.
fn objects(output: &str) -> Vec<Value> {
    serde_json::Deserializer::from_str(output)
        .into_iter::<Value>()
        .map_while(Result::ok)
        .flat_map(|object| match object["items"].as_array() {
            Some(items) if object["kind"] == "List" => items.clone(),
            _ => vec![object],
        })
        .collect()
}

/// The Status message in kubectl's words for a failure, and `expected` in the same words.
///
/// kubectl puts its own words in front, and drops the line break at the end. Of a Status with reason `Invalid` it may
/// print the causes, one a line if there are several; there both texts are brought to one form.
pub(super) fn message(error: &str, expected: &str) -> (String, String) {
    let (error, expected) = (
        error.trim_end_matches('\n'),
        expected.trim_end_matches('\n'),
    );
    let invalid = "is invalid: ";
    if error.starts_with("The ")
        && let (Some((who, causes)), Some((expected_who, expected_causes))) =
            (error.split_once(invalid), expected.split_once(invalid))
    {
        let causes = causes.trim_start_matches("\n* ").replace("\n* ", ", ");
        let (kind, name) = expected_who.split_once(' ').unwrap_or((expected_who, ""));
        let kind = kind.split('.').next().unwrap_or_default();
        let expected_causes = expected_causes
            .strip_prefix('[')
            .and_then(|causes| causes.strip_suffix(']'))
            .unwrap_or(expected_causes);
        return (
            format!("{who}{invalid}{causes}"),
            format!("The {kind} {name}{invalid}{expected_causes}"),
        );
    }
    (without_prefix(error).to_owned(), expected.to_owned())
}

fn without_prefix(error: &str) -> &str {
    let Some(rest) = error.strip_prefix("Error from server") else {
        return error;
    };
    let rest = rest.split_once(": ").map_or(rest, |(_, rest)| rest);
    let rest = match rest.strip_prefix("error when applying patch:\n") {
        Some(applying) => applying
            .split_once("\nfor: ")
            .and_then(|(_, rest)| rest.split_once("\": "))
            .map_or(rest, |(_, rest)| rest),
        None => rest,
    };
    if rest.starts_with("error when ") {
        return rest.split_once("\": ").map_or(rest, |(_, rest)| rest);
    }
    rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn warnings_and_errors_are_told_apart() {
        let said =
            Said::of("Warning: a\nError from server (x): b\nc\nError from server: d\nWarning: e\n");
        assert_eq!(said.warnings, ["a", "e"]);
        assert_eq!(
            said.errors,
            ["Error from server (x): b\nc", "Error from server: d"]
        );
        assert_eq!(Said::of(""), Said::default());
    }

    #[test]
    fn objects_come_one_by_one_or_in_a_list() {
        let printed = r#"{"kind":"A"} {"kind":"List","items":[{"kind":"B"},{"kind":"C"}]}"#;
        assert_eq!(
            objects(printed),
            [
                json!({"kind": "A"}),
                json!({"kind": "B"}),
                json!({"kind": "C"})
            ]
        );
    }

    #[test]
    fn the_words_of_kubectl_are_taken_away() {
        let check = |error: &str| assert_eq!(message(error, "said").0, "denied: a\nb", "{error}");
        check("Error from server: denied: a\nb");
        check("Error from server (BadRequest): denied: a\nb");
        check("Error from server (BadRequest): error when creating \"/x/y.yaml\": denied: a\nb");
        check(
            "Error from server (BadRequest): error when applying patch:\n{\"a\": 1}\nto:\nResource: \"x\"\n\
             Name: \"n\", Namespace: \"corpus\"\nfor: \"/x/y.yaml\": error when patching \"/x/y.yaml\": denied: a\nb",
        );
        assert_eq!(message("error: no match", "said").0, "error: no match");
    }

    #[test]
    fn causes_are_compared_in_one_form() {
        let expected = "Route.serving.knative.dev \"a\" is invalid: [spec.a: Required value, spec.b: Required value]";
        let error =
            "The Route \"a\" is invalid: \n* spec.a: Required value\n* spec.b: Required value";
        let (found, expected) = message(error, expected);
        assert_eq!(found, expected);
    }
}
