//! Manifests that are accepted: every verb, and the stored object compared whole.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use serde_json::{Value, json};

use super::compare;
use super::files::{Case, Set, Verb};
use super::kubectl::{Answer, Caller, Said, filename, message};
use super::report::Report;
use super::site::Site;

/// Unknown fields are told and pruned, as the API server does by itself.
const VALIDATE: &str = "--validate=warn";
const JSON: &str = "--output=json";
/// What the webhook says about a container that leaves its security to Kubernetes.
const INSECURE: &str = "Kubernetes default value is insecure, Knative may default this to secure in a future release: ";

/// Case → object as it is stored.
type Stored<'a> = BTreeMap<&'a str, Value>;

pub(super) async fn play(site: &Site, set: &Set, report: &mut Report) -> Result<()> {
    let all: Vec<&Case> = set.cases.iter().collect();
    let (named, unnamed): (Vec<&Case>, Vec<&Case>) =
        all.iter().partition(|case| case.object_name().is_some());
    let play = Play { site, set };

    let dry = ["--dry-run=server", VALIDATE, JSON];
    for (words, cases) in [(["apply"], &named), (["create"], &unnamed)] {
        let words = [words.as_slice(), &dry].concat();
        let answers = play.manifests(Verb::DryRun, &words, cases).await?;
        play.judge(Verb::DryRun, cases, answers, report);
    }
    let left = site.stored().await?;
    report.note(
        &set.cases[0],
        Verb::DryRun,
        left.iter()
            .map(|left| format!("+ stored {left:?}"))
            .collect(),
    );

    let apply = ["apply", VALIDATE, JSON];
    let stored = play.stored(Verb::Apply, &apply, &named, report).await?;
    play.unchanged(Verb::Again, &apply, &stored, report).await?;
    play.delete(stored, report).await?;

    // Not what was applied: kubectl would bring its own annotation up to date.
    let created = play.create(&all, report).await?;
    play.replace(&created, report).await?;
    play.patch(&created, report).await?;
    play.delete(created, report).await?;

    let apply = ["apply", "--server-side", VALIDATE, JSON];
    let stored = play
        .stored(Verb::ServerSide, &apply, &named, report)
        .await?;
    play.unchanged(Verb::ServerSideAgain, &apply, &stored, report)
        .await?;
    play.delete(stored, report).await
}

struct Play<'a> {
    site: &'a Site,
    set: &'a Set,
}

impl<'a> Play<'a> {
    /// Sends the manifests of `cases`, compares, and gives what is stored now.
    async fn stored(
        &self,
        verb: Verb,
        words: &[&str],
        cases: &[&'a Case],
        report: &mut Report,
    ) -> Result<Stored<'a>> {
        let answers = self.manifests(verb, words, cases).await?;
        Ok(self.judge(verb, cases, answers, report))
    }

    /// Sends manifests that are stored already: each object must stay as it is.
    async fn unchanged(
        &self,
        verb: Verb,
        words: &[&str],
        stored: &Stored<'a>,
        report: &mut Report,
    ) -> Result<()> {
        let cases = self.cases(stored);
        let answers = self.manifests(verb, words, &cases).await?;
        let now = self.judge(verb, &cases, answers, report);
        self.same_version(verb, stored, &now, report);
        Ok(())
    }

    /// Replaces every object with itself.
    async fn replace(&self, stored: &Stored<'a>, report: &mut Report) -> Result<()> {
        let cases = self.cases(stored);
        let mut files = Vec::new();
        for case in &cases {
            let name = format!("replace-{}", case.name);
            files.push(filename(
                &self.kubectl().file(&name, &stored[case.name.as_str()])?,
            ));
        }
        let answers = self
            .send(Verb::Replace, &["replace", VALIDATE, JSON], &cases, &files)
            .await?;
        let now = self.judge(Verb::Replace, &cases, answers, report);
        self.same_version(Verb::Replace, stored, &now, report);
        Ok(())
    }

    /// Patches every object with its manifest.
    async fn patch(&self, stored: &Stored<'a>, report: &mut Report) -> Result<()> {
        let cases = self.cases(stored);
        let answers = cases.iter().map(async |case| {
            let object = &stored[case.name.as_str()];
            let mut words = patch(case, object)?.to_vec();
            // Under another name it would take over the fields, if only on the record.
            words.push("--field-manager=kubectl-create".to_owned());
            let said = self.kubectl().run(&words).await?;
            Ok::<_, anyhow::Error>(said.answer())
        });
        let answers = try_join_all(answers).await?;
        let now = self.judge(Verb::Patch, &cases, answers, report);
        self.same_version(Verb::Patch, stored, &now, report);
        Ok(())
    }

    /// Creates one by one, since kubectl tells the same warning only once.
    async fn create(&self, cases: &[&'a Case], report: &mut Report) -> Result<Stored<'a>> {
        let said = cases.iter().map(async |case| {
            let words = ["create", VALIDATE, JSON, &filename(&case.manifest)];
            self.kubectl().run(&words).await
        });
        let said = try_join_all(said).await?;
        for (case, said) in cases.iter().zip(&said) {
            let (expected, found) = (warnings(case), said.warnings.join("\n"));
            report.note(case, Verb::Create, compare::texts(&expected, &found));
        }
        let answers = said.into_iter().map(Said::answer).collect();
        Ok(self.judge(Verb::Create, cases, answers, report))
    }

    /// Deletes what is stored; nothing stays.
    async fn delete(&self, stored: Stored<'a>, report: &mut Report) -> Result<()> {
        if stored.is_empty() {
            return Ok(());
        }
        let cases = self.cases(&stored);
        let name = format!("delete-{}", self.set.name);
        let items: Vec<&Value> = stored.values().collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        let file = self.kubectl().file(&name, &list)?;
        let said = self.kubectl().run(&["delete", &filename(&file)]).await?;
        for case in cases {
            let name = stored[case.name.as_str()]["metadata"]["name"].as_str();
            let name = name.context("an object without a name")?;
            let mut lines = Vec::new();
            if self.site.api(case.kind()).get_opt(name).await?.is_some() {
                lines.push(format!("+ still there: {:?}", said.errors));
            }
            report.note(case, Verb::Delete, lines);
        }
        Ok(())
    }

    async fn manifests(&self, verb: Verb, words: &[&str], cases: &[&Case]) -> Result<Vec<Answer>> {
        let files: Vec<_> = cases.iter().map(|case| filename(&case.manifest)).collect();
        self.send(verb, words, cases, &files).await
    }

    /// Sends files: with one call, less those that are to be refused.
    async fn send(
        &self,
        verb: Verb,
        words: &[&str],
        cases: &[&Case],
        files: &[String],
    ) -> Result<Vec<Answer>> {
        let (refused, stored): (Vec<usize>, Vec<usize>) =
            (0..cases.len()).partition(|index| cases[*index].refusal(verb).is_some());
        let mut answers = BTreeMap::new();
        for indices in [refused, stored] {
            let files: Vec<_> = indices.iter().map(|index| files[*index].clone()).collect();
            let some = self.kubectl().each(words, &files).await?;
            answers.extend(indices.into_iter().zip(some));
        }
        Ok(answers.into_values().collect())
    }

    /// Compares every answer with what is expected, and gives the objects.
    fn judge(
        &self,
        verb: Verb,
        cases: &[&'a Case],
        answers: Vec<Answer>,
        report: &mut Report,
    ) -> Stored<'a> {
        let mut stored = Stored::new();
        for (case, answer) in cases.iter().zip(answers) {
            let lines = match (case.refusal(verb), &answer) {
                (None, Ok(object)) => compare::objects(&case.stored, object, &self.site.user),
                (None, Err(error)) => compare::texts("the object", error),
                (Some(expected), Ok(_)) => compare::texts(expected, "no refusal"),
                (Some(expected), Err(error)) => {
                    let (found, expected) = message(error, expected);
                    compare::texts(&expected, &found)
                }
            };
            report.note(case, verb, lines);
            if let Ok(object) = answer {
                stored.insert(&case.name, object);
            }
        }
        stored
    }

    fn same_version(&self, verb: Verb, before: &Stored<'a>, now: &Stored<'a>, report: &mut Report) {
        let version = |object: &Value| object["metadata"]["resourceVersion"].to_string();
        for case in self.cases(now) {
            let before = version(&before[case.name.as_str()]);
            let now = version(&now[case.name.as_str()]);
            let lines = if before == now {
                Vec::new()
            } else {
                vec![format!("+ written again: version {before} became {now}")]
            };
            report.note(case, verb, lines);
        }
    }

    fn cases(&self, stored: &Stored<'a>) -> Vec<&'a Case> {
        let cases = self.set.cases.iter();
        cases
            .filter(|case| stored.contains_key(case.name.as_str()))
            .collect()
    }

    fn kubectl(&self) -> &Caller {
        &self.site.kubectl
    }
}

/// The words that patch `object` with the manifest of `case`.
pub(super) fn patch(case: &Case, object: &Value) -> Result<[String; 6]> {
    let kind = case.kind().to_lowercase();
    let version = case.object["apiVersion"].as_str().unwrap_or_default();
    let resource = match version.split_once('/') {
        Some((group, version)) => format!("{kind}.{version}.{group}"),
        None => kind,
    };
    let name = object["metadata"]["name"].as_str();
    Ok([
        "patch".to_owned(),
        resource,
        name.context("an object without a name")?.to_owned(),
        "--type=merge".to_owned(),
        format!("--patch-file={}", case.manifest.display()),
        JSON.to_owned(),
    ])
}

/// The warnings a case must bring.
pub(super) fn warnings(case: &Case) -> String {
    if let Some(warnings) = &case.warnings {
        return warnings.join("\n");
    }
    let spec = match case.kind() {
        "Service" | "Configuration" => "spec.template.spec",
        "Revision" => "spec",
        _ => return String::new(),
    };
    let paths = [
        "allowPrivilegeEscalation",
        "capabilities",
        "runAsNonRoot",
        "seccompProfile",
    ]
    .map(|field| format!("{spec}.containers[0].securityContext.{field}"));
    format!("{INSECURE}{}", paths.join(", "))
}
