//! Manifests that are refused: the message compared whole, and nothing stored.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use serde_json::Value;

use super::accepted::patch;
use super::compare;
use super::files::{Case, Set, Verb};
use super::kubectl::{Answer, filename, message};
use super::report::Report;
use super::site::Site;

const JSON: &str = "--output=json";
const CREATING: [(Verb, &[&str]); 4] = [
    (Verb::DryRun, &["apply", "--dry-run=server", JSON]),
    (Verb::Apply, &["apply", JSON]),
    (Verb::Create, &["create", JSON]),
    (Verb::ServerSide, &["apply", "--server-side", JSON]),
];

pub(super) async fn play(site: &Site, set: &Set, report: &mut Report) -> Result<()> {
    let (updated, created): (Vec<&Case>, Vec<&Case>) =
        set.cases.iter().partition(|case| case.before.is_some());
    for (verb, words) in CREATING {
        // kubectl applies nothing without a name.
        let cases = created
            .iter()
            .filter(|case| verb == Verb::Create || case.object_name().is_some());
        let cases: Vec<_> = cases.collect();
        let files: Vec<_> = cases.iter().map(|case| filename(&case.manifest)).collect();
        let answers = site.kubectl.each(words, &files).await?;
        for (case, answer) in cases.iter().zip(&answers) {
            report.note(case, verb, refusal(case, verb, answer));
        }
        let stored = site.stored().await?;
        if let Some(first) = created.first() {
            let lines = stored.iter().map(|left| format!("+ stored {left:?}"));
            report.note(first, verb, lines.collect());
        }
        for (kind, name) in stored {
            site.api(&kind).delete(&name, &Default::default()).await?;
        }
    }

    // Those that want the same object take turns.
    let mut turns: BTreeMap<_, Vec<&Case>> = BTreeMap::new();
    for case in updated {
        turns.entry(case.identity()).or_default().push(case);
    }
    let updates = turns.into_values().map(async |cases| {
        let mut notes = Vec::new();
        for case in cases {
            let lines = update(site, case).await;
            notes.push((case, lines.with_context(|| case.name.clone())?));
        }
        Ok::<_, anyhow::Error>(notes)
    });
    for (case, notes) in try_join_all(updates).await?.concat() {
        for (verb, lines) in notes {
            report.note(case, verb, lines);
        }
    }
    Ok(())
}

/// Every way to update an object with the manifest of `case`.
async fn update(site: &Site, case: &Case) -> Result<Vec<(Verb, Vec<String>)>> {
    let before = case.before.as_ref().context("nothing is there before")?;
    let words = ["apply", JSON, &filename(before)];
    let mut applied = site.kubectl.succeed(&words).await?;
    let before = applied.objects.pop().context("nothing was applied")?;

    let manifest = filename(&case.manifest);
    // What an editor would send: the object as it is, with the manifest's fields.
    let mut edited = before.clone();
    json_patch::merge(&mut edited, &case.object);
    let edited = site
        .kubectl
        .file(&format!("edited-{}", case.name), &edited)?;
    let edited = filename(&edited);
    let patch = patch(case, &before)?;
    let patch: Vec<_> = patch.iter().map(String::as_str).collect();
    let verbs: [(Verb, Vec<&str>); 5] = [
        (
            Verb::DryRun,
            vec!["apply", "--dry-run=server", JSON, &manifest],
        ),
        (Verb::Apply, vec!["apply", JSON, &manifest]),
        (Verb::Patch, patch),
        (Verb::Replace, vec!["replace", JSON, &edited]),
        (
            Verb::ServerSide,
            vec![
                "apply",
                "--server-side",
                "--force-conflicts",
                JSON,
                &manifest,
            ],
        ),
    ];
    let mut notes = Vec::new();
    for (verb, words) in verbs {
        let answer = site.kubectl.run(&words).await?.answer();
        notes.push((verb, refusal(case, verb, &answer)));
    }

    let name = before["metadata"]["name"].as_str().unwrap_or_default();
    let objects = site.api(case.kind());
    let now = serde_json::to_value(objects.get(name).await?)?;
    let version = |object: &Value| object["metadata"]["resourceVersion"].to_string();
    if version(&now) != version(&before) {
        notes.push((Verb::Patch, vec![format!("+ stored: {now}")]));
    }
    objects.delete(name, &Default::default()).await?;
    Ok(notes)
}

fn refusal(case: &Case, verb: Verb, answer: &Answer) -> Vec<String> {
    let expected = case.refusal(verb).unwrap_or_default();
    match answer {
        Err(error) => {
            let (found, expected) = message(error, expected);
            compare::texts(&expected, &found)
        }
        Ok(_) => compare::texts(expected, "no refusal"),
    }
}
