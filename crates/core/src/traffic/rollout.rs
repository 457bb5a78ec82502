//! Gradual rollout: a new revision of a followed Configuration takes over in steps.
//!
//! The state lives as JSON in an annotation of the Ingress (`networking.internal.knative.dev/rollout`), so a restarted
//! controller, or another implementation, goes on where the last one stopped. One pass is
//!
//! ```text
//! annotation ──parse──► previous ──observe_ready──► previous ─┐
//! resolved traffic ──baseline──► current ─────────────────────┴─step──► next state, wake-up time
//! ```
//!
//! Times are Unix nanoseconds and are arguments. This module decides shares; it neither looks at revisions nor
//! writes traffic.

use serde::{Deserialize, Serialize};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// What each followed Configuration currently sends where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Sorted by tag, then by name.
    #[serde(default)]
    pub configurations: Vec<Follower>,
}

/// One Configuration that is followed under one tag (the empty tag is the route's main host).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Follower {
    pub configuration_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tag: String,
    /// The share of the group that all `revisions` divide among themselves.
    #[serde(default)]
    pub percent: i64,
    /// Oldest first. Two or more mean that a rollout is running.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<Share>,
    #[serde(default)]
    pub step_params: StepParams,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    pub revision_name: String,
    #[serde(default)]
    pub percent: i64,
}

/// The pace of a running rollout. Zero means "not known yet" and is left out of the JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepParams {
    /// When the newest revision got its first percent.
    #[serde(default, rename = "starttime", skip_serializing_if = "is_zero")]
    pub start_time: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub next_step_time: i64,
    /// Nanoseconds from one step to the next.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub step_duration: i64,
    /// Percent that move in one step.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub step_size: i64,
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

impl Rollout {
    /// Reads the annotation. A state that contradicts itself counts as absent: guessing at shares would move traffic.
    pub fn parse(annotation: &str) -> Option<Self> {
        let state: Self = serde_json::from_str(annotation).ok()?;
        state
            .configurations
            .iter()
            .all(Follower::is_sound)
            .then_some(state)
    }

    /// The annotation's text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain structs of strings and numbers serialise")
    }

    /// True while some Configuration divides its share among several revisions.
    pub fn in_progress(&self) -> bool {
        self.configurations
            .iter()
            .any(|follower| follower.revisions.len() > 1)
    }

    /// The state of one Configuration under one tag.
    pub fn follower(&self, tag: &str, configuration: &str) -> Option<&Follower> {
        self.configurations
            .iter()
            .find(|f| f.tag == tag && f.configuration_name == configuration)
    }

    /// Notes that the first percent is being served: the time that took sets the pace of the rest.
    ///
    /// `duration` is the whole rollout in seconds.
    pub fn observe_ready(&mut self, duration: i64, now: i64) {
        for follower in &mut self.configurations {
            if follower.step_params.step_duration == 0 && follower.step_params.start_time > 0 {
                follower.set_pace(duration, now);
            }
        }
    }

    /// Moves on from `previous` towards `current`, which holds the newest revisions at their full share.
    ///
    /// Gives the new state and the earliest time at which another step is due.
    pub fn step(current: Self, previous: Option<&Self>, now: i64) -> (Self, Option<i64>) {
        let Some(previous) = previous else {
            return (current, None);
        };
        let configurations: Vec<Follower> = current
            .configurations
            .into_iter()
            .filter(|follower| follower.percent != 0)
            .map(
                |follower| match previous.follower(&follower.tag, &follower.configuration_name) {
                    // A single percent cannot be divided, so there is nothing to roll out.
                    Some(before) if follower.percent > 1 => follower.after(before.clone(), now),
                    _ => follower,
                },
            )
            .collect();
        let wake = configurations
            .iter()
            .map(|f| f.step_params.next_step_time)
            .filter(|t| *t > 0)
            .min();
        (Self { configurations }, wake)
    }
}

impl Follower {
    fn is_sound(&self) -> bool {
        let is_share = |percent: i64| (0..=100).contains(&percent);
        let shares = || self.revisions.iter().map(|share| share.percent);
        is_share(self.percent)
            && (0..=self.percent).contains(&self.step_params.step_size)
            && shares().all(is_share)
            && shares().sum::<i64>() == self.percent
    }

    /// With `m` seconds spent on the first percent and `d` seconds left, there is room for `d / m` steps, though never
    /// for more than there are percent to move.
    fn set_pace(&mut self, duration: i64, now: i64) {
        let to_move = self.percent - 1;
        let elapsed =
            now.saturating_sub(self.step_params.start_time) as f64 / NANOS_PER_SECOND as f64;
        let first = elapsed.ceil().max(1.0);
        let left = (duration as f64 - first).max(1.0);
        let steps = (left / first).max(1.0).min((to_move as f64).max(1.0));
        self.step_params.step_size = (to_move as f64 / steps).round() as i64;
        self.step_params.step_duration = (left / steps * NANOS_PER_SECOND as f64) as i64;
        self.step_params.next_step_time = now.saturating_add(self.step_params.step_duration);
    }

    /// The follow-up of `before`; `self` is the baseline with one revision at the full share.
    fn after(self, mut before: Self, now: i64) -> Self {
        before.adjust_total(self.percent);
        let newest = self
            .revisions
            .first()
            .map(|share| share.revision_name.clone())
            .unwrap_or_default();
        match before.revisions.last() {
            None => self,
            Some(last) if last.revision_name == newest => {
                if before.revisions.len() == 1 {
                    return self;
                }
                before.advance(now);
                before
            }
            Some(_) => {
                before.admit(newest, now);
                before
            }
        }
    }

    /// Fits the shares into another total: growth goes to the newest, cuts are taken from the oldest.
    fn adjust_total(&mut self, total: i64) {
        let mut cut = self.percent - total;
        self.percent = total;
        self.step_params.step_size = self.step_params.step_size.min(total);
        if cut <= 0 {
            if let Some(newest) = self.revisions.last_mut() {
                newest.percent -= cut;
            }
            return;
        }
        for share in &mut self.revisions {
            let taken = share.percent.min(cut);
            share.percent -= taken;
            cut -= taken;
        }
        self.drop_empty();
    }

    /// Takes one step if it is due.
    fn advance(&mut self, now: i64) {
        if self.step_params.step_size <= 0 || now < self.step_params.next_step_time {
            return;
        }
        let Some((newest, older)) = self.revisions.split_last_mut() else {
            return;
        };
        let mut wanted = self.step_params.step_size;
        for share in older.iter_mut().rev() {
            let taken = share.percent.min(wanted);
            share.percent -= taken;
            newest.percent += taken;
            wanted -= taken;
        }
        self.drop_empty();
        if self.revisions.len() > 1 {
            self.step_params.next_step_time = now.saturating_add(self.step_params.step_duration);
        } else {
            self.step_params = StepParams::default();
        }
    }

    /// Lets a new revision in with one percent, taken from the newest revision that has any.
    fn admit(&mut self, revision: String, now: i64) {
        if let Some(donor) = self
            .revisions
            .iter_mut()
            .rev()
            .find(|share| share.percent > 0)
        {
            donor.percent -= 1;
        }
        self.drop_empty();
        self.revisions.push(Share {
            revision_name: revision,
            percent: 1,
        });
        self.step_params = StepParams {
            start_time: now,
            ..StepParams::default()
        };
    }

    fn drop_empty(&mut self) {
        self.revisions.retain(|share| share.percent > 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = NANOS_PER_SECOND;

    fn follower(percent: i64, shares: &[(&str, i64)]) -> Follower {
        Follower {
            configuration_name: "c".into(),
            percent,
            revisions: shares
                .iter()
                .map(|(name, percent)| Share {
                    revision_name: (*name).into(),
                    percent: *percent,
                })
                .collect(),
            ..Follower::default()
        }
    }

    fn state(percent: i64, shares: &[(&str, i64)]) -> Rollout {
        Rollout {
            configurations: vec![follower(percent, shares)],
        }
    }

    fn shares(state: &Rollout) -> Vec<(&str, i64)> {
        state.configurations[0]
            .revisions
            .iter()
            .map(|s| (s.revision_name.as_str(), s.percent))
            .collect()
    }

    #[test]
    fn json_is_the_published_one() {
        let mut state = state(100, &[("c-00001", 99), ("c-00002", 1)]);
        state.configurations[0].tag = "t".into();
        state.configurations[0].step_params.start_time = 7;
        let text = r#"{"configurations":[{"configurationName":"c","tag":"t","percent":100,"revisions":[{"revisionName":"c-00001","percent":99},{"revisionName":"c-00002","percent":1}],"stepParams":{"starttime":7}}]}"#;
        assert_eq!(state.to_json(), text);
        assert_eq!(Rollout::parse(text), Some(state));
    }

    #[test]
    fn contradictory_state_counts_as_absent() {
        for text in [
            "not json",
            r#"{"configurations":[{"configurationName":"c","percent":101,"revisions":[{"revisionName":"r","percent":101}],"stepParams":{}}]}"#,
            r#"{"configurations":[{"configurationName":"c","percent":50,"revisions":[{"revisionName":"r","percent":49}],"stepParams":{}}]}"#,
            r#"{"configurations":[{"configurationName":"c","percent":50,"revisions":[{"revisionName":"r","percent":50}],"stepParams":{"stepSize":51}}]}"#,
            r#"{"configurations":[{"configurationName":"c","percent":50,"revisions":[{"revisionName":"r","percent":50}],"stepParams":{"stepSize":-1}}]}"#,
            r#"{"configurations":[{"configurationName":"c","percent":50,"revisions":[{"revisionName":"q","percent":-50},{"revisionName":"r","percent":100}]}]}"#,
            r#"{"configurations":[{"configurationName":"c","percent":0,"revisions":[{"revisionName":"q","percent":9223372036854775807},{"revisionName":"r","percent":9223372036854775807}]}]}"#,
        ] {
            assert_eq!(Rollout::parse(text), None, "{text}");
        }
    }

    #[test]
    fn first_revision_takes_everything_at_once() {
        let current = state(100, &[("r1", 100)]);
        assert_eq!(
            Rollout::step(current.clone(), None, SECOND),
            (current, None)
        );
    }

    #[test]
    fn new_revision_starts_with_one_percent() {
        let (next, wake) = Rollout::step(
            state(100, &[("r2", 100)]),
            Some(&state(100, &[("r1", 100)])),
            5 * SECOND,
        );
        assert_eq!(shares(&next), [("r1", 99), ("r2", 1)]);
        assert_eq!(
            next.configurations[0].step_params,
            StepParams {
                start_time: 5 * SECOND,
                ..Default::default()
            }
        );
        assert_eq!(
            wake, None,
            "the pace is known only once the Ingress is ready"
        );
    }

    #[test]
    fn quick_ingress_gives_one_percent_steps() {
        let mut previous = state(100, &[("r1", 99), ("r2", 1)]);
        previous.configurations[0].step_params.start_time = 10 * SECOND;
        previous.observe_ready(120, 10 * SECOND + SECOND / 2);
        let pace = &previous.configurations[0].step_params;
        assert_eq!(pace.step_size, 1);
        assert!(
            (1_202_000_000..1_203_000_000).contains(&pace.step_duration),
            "{pace:?}"
        );
    }

    #[test]
    fn slow_ingress_gives_few_large_steps() {
        let mut previous = state(100, &[("r1", 99), ("r2", 1)]);
        previous.configurations[0].step_params.start_time = 10 * SECOND;
        previous.observe_ready(120, 40 * SECOND);
        let pace = &previous.configurations[0].step_params;
        assert_eq!((pace.step_size, pace.step_duration), (33, 30 * SECOND));
        assert_eq!(pace.next_step_time, 70 * SECOND);
    }

    #[test]
    fn times_beyond_all_bounds_stop_at_the_last_one() {
        let now = 10 * SECOND;
        let mut current = state(100, &[("r1", 99), ("r2", 1)]);
        current.configurations[0].step_params.start_time = now;
        current.observe_ready(i64::MAX, now);
        let pace = &mut current.configurations[0].step_params;
        assert!(pace.next_step_time > now, "{pace:?}");
        (pace.next_step_time, pace.step_duration) = (now, i64::MAX);
        let (_, wake) = Rollout::step(state(100, &[("r2", 100)]), Some(&current), now);
        assert_eq!(wake, Some(i64::MAX));
    }

    #[test]
    fn rollout_ends_with_everything_on_the_newest() {
        let mut now = 10 * SECOND;
        let (mut current, _) = Rollout::step(
            state(100, &[("r2", 100)]),
            Some(&state(100, &[("r1", 100)])),
            now,
        );
        current.observe_ready(120, now + 30 * SECOND);
        let mut seen = vec![];
        while current.in_progress() {
            let (next, wake) = Rollout::step(state(100, &[("r2", 100)]), Some(&current), now);
            seen.push(next.configurations[0].revisions.last().map(|s| s.percent));
            now = wake.unwrap_or(now);
            current = next;
        }
        assert_eq!(seen, [Some(1), Some(34), Some(67), Some(100)]);
        assert_eq!(current, state(100, &[("r2", 100)]), "and forgets the pace");
    }

    #[test]
    fn third_revision_stacks_upon_a_running_rollout() {
        let previous = state(100, &[("r1", 60), ("r2", 40)]);
        let (next, _) = Rollout::step(state(100, &[("r3", 100)]), Some(&previous), SECOND);
        assert_eq!(shares(&next), [("r1", 60), ("r2", 39), ("r3", 1)]);
    }

    #[test]
    fn cuts_hit_the_oldest_and_growth_the_newest() {
        let previous = state(100, &[("r1", 20), ("r2", 80)]);
        let (less, _) = Rollout::step(state(70, &[("r2", 70)]), Some(&previous), SECOND);
        assert_eq!(shares(&less), [("r2", 70)]);
        let (more, _) = Rollout::step(
            state(90, &[("r2", 90)]),
            Some(&state(50, &[("r1", 20), ("r2", 30)])),
            SECOND,
        );
        assert_eq!(shares(&more), [("r1", 20), ("r2", 70)]);
    }

    #[test]
    fn single_percent_is_never_divided() {
        let (next, _) = Rollout::step(
            state(1, &[("r2", 1)]),
            Some(&state(100, &[("r1", 100)])),
            SECOND,
        );
        assert_eq!(shares(&next), [("r2", 1)]);
    }

    proptest! {
        #[test]
        fn shares_always_add_up(
            before in prop::collection::vec(1i64..40, 1..4),
            total in 2i64..=100,
            size in 0i64..=100,
            same in any::<bool>(),
        ) {
            let old: i64 = before.iter().sum::<i64>().min(100);
            let mut left = old;
            let mut previous = follower(old, &[]);
            for (i, percent) in before.iter().enumerate() {
                let percent = (*percent).min(left);
                left -= percent;
                previous.revisions.push(Share { revision_name: format!("r{i}"), percent });
            }
            previous.drop_empty();
            previous.step_params.step_size = size.min(old);
            let newest = if same { previous.revisions.last().unwrap().revision_name.clone() } else { "new".into() };
            let current = state(total, &[(newest.as_str(), total)]);
            let (next, _) = Rollout::step(current, Some(&Rollout { configurations: vec![previous] }), SECOND);
            let next = &next.configurations[0];
            prop_assert_eq!(next.revisions.iter().map(|s| s.percent).sum::<i64>(), total);
            prop_assert_eq!(&next.revisions.last().unwrap().revision_name, &newest);
            prop_assert!(next.is_sound());
        }
    }
}
