//! Conditions and how the top-level `Ready` follows from the others.
//!
//! Each kind has the condition `Ready` and a fixed list of conditions that `Ready` depends on.
//! Controllers set the dependents; [`Conditions`] keeps `Ready` in step, the list sorted by type
//! and the times still where nothing changed. It reads no clock: `now` comes from the caller.

use std::marker::PhantomData;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The condition types of one kind.
pub trait ConditionSet: Copy + Eq + std::fmt::Debug + 'static {
    /// The top-level condition.
    const READY: Self;
    /// The conditions that `Ready` depends on, in the order in which they are initialized.
    const DEPENDENTS: &'static [Self];

    /// The `type` on the wire.
    fn name(self) -> &'static str;
}

/// Declares the conditions of a kind: dependents first, then those that only inform.
macro_rules! conditions {
    ($(#[$doc:meta])* $name:ident { $($dep:ident),* } info { $($info:ident),* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            /// The top-level condition.
            Ready,
            $(#[doc = concat!("`", stringify!($dep), "`, which `Ready` depends on.")] $dep,)*
            $(#[doc = concat!("`", stringify!($info), "`, which does not influence `Ready`.")] $info,)*
        }

        impl $crate::api::condition::ConditionSet for $name {
            const READY: Self = Self::Ready;
            const DEPENDENTS: &'static [Self] = &[$(Self::$dep),*];

            fn name(self) -> &'static str {
                match self {
                    Self::Ready => "Ready",
                    $(Self::$dep => stringify!($dep),)*
                    $(Self::$info => stringify!($info),)*
                }
            }
        }
    };
}
pub(crate) use conditions;

/// One entry of `status.conditions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What the condition speaks of, e.g. `Ready`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Empty for an error; `Info` for a condition that `Ready` does not depend on.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub severity: String,
    /// When the content last changed, in whole seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub last_transition_time: Option<Time>,
    /// One word for programs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl Condition {
    /// Whether the status is `True`.
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.status == TRUE
    }

    /// Whether the status is `False`.
    #[must_use]
    pub fn is_false(&self) -> bool {
        self.status == FALSE
    }

    /// Whether the status is neither.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        !self.is_true() && !self.is_false()
    }

    /// The same finding as a [`State`], to be copied onto a condition of another object.
    #[must_use]
    pub fn state(&self) -> State {
        let (reason, message) = (self.reason.clone(), self.message.clone());
        match self.status.as_str() {
            TRUE if reason.is_empty() && message.is_empty() => State::True,
            TRUE => State::TrueBecause(reason, message),
            FALSE => State::False(reason, message),
            _ => State::Unknown(reason, message),
        }
    }

    fn same_content(&self, other: &Self) -> bool {
        let Self {
            type_,
            status,
            severity,
            last_transition_time: _,
            reason,
            message,
        } = self;
        *type_ == other.type_
            && *status == other.status
            && *severity == other.severity
            && *reason == other.reason
            && *message == other.message
    }

    fn time(&self) -> Timestamp {
        self.last_transition_time
            .as_ref()
            .map_or(Timestamp::MIN, |t| t.0)
    }
}

const TRUE: &str = "True";
const FALSE: &str = "False";
const UNKNOWN: &str = "Unknown";

/// What a controller found out about a condition: reason first, then message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It holds; no reason, no message.
    True,
    /// It holds, and there is something to say about it.
    TrueBecause(String, String),
    /// It does not hold.
    False(String, String),
    /// Not known yet.
    Unknown(String, String),
}

impl State {
    /// Holds, with an explanation.
    pub fn true_because(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::TrueBecause(reason.into(), message.into())
    }

    /// Does not hold.
    pub fn failed(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::False(reason.into(), message.into())
    }

    /// Not known yet.
    pub fn unknown(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Unknown(reason.into(), message.into())
    }

    fn parts(self) -> (&'static str, String, String) {
        match self {
            Self::True => (TRUE, String::new(), String::new()),
            Self::TrueBecause(reason, message) => (TRUE, reason, message),
            Self::False(reason, message) => (FALSE, reason, message),
            Self::Unknown(reason, message) => (UNKNOWN, reason, message),
        }
    }
}

/// The conditions of a status, sorted by type. On the wire it is the plain list.
///
/// A type that the kind does not know is kept as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Conditions<C> {
    list: Vec<Condition>,
    kind: PhantomData<C>,
}

// === impl Conditions ===

impl<C: ConditionSet> Conditions<C> {
    /// The entries, sorted by type.
    #[must_use]
    pub fn as_slice(&self) -> &[Condition] {
        &self.list
    }

    /// Whether there are no entries, in which case the list is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The entry of this type.
    #[must_use]
    pub fn get(&self, condition: C) -> Option<&Condition> {
        self.by_name(condition.name())
    }

    /// The top-level entry.
    #[must_use]
    pub fn ready(&self) -> Option<&Condition> {
        self.get(C::READY)
    }

    /// Whether the entry is there and `True`.
    #[must_use]
    pub fn is_true(&self, condition: C) -> bool {
        self.get(condition).is_some_and(Condition::is_true)
    }

    /// Whether the entry is there and `False`.
    #[must_use]
    pub fn is_false(&self, condition: C) -> bool {
        self.get(condition).is_some_and(Condition::is_false)
    }

    /// Whether the entry is missing or neither `True` nor `False`.
    #[must_use]
    pub fn is_unknown(&self, condition: C) -> bool {
        self.get(condition).is_none_or(Condition::is_unknown)
    }

    /// Whether `Ready` is `True`, whatever the generation.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.is_true(C::READY)
    }

    /// Whether `Ready` is `False`, whatever the generation.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.is_false(C::READY)
    }

    /// Creates what is missing: `Ready` as Unknown, dependents as Unknown, or as True where
    /// `Ready` is True already (so that a new dependent does not unsettle a finished object).
    pub fn initialize(&mut self, now: Timestamp) {
        if self.ready().is_none() {
            self.put(C::READY, (UNKNOWN, String::new(), String::new()), now);
        }
        let status = if self.is_ready() { TRUE } else { UNKNOWN };
        for &dependent in C::DEPENDENTS {
            if self.get(dependent).is_none() {
                self.put(dependent, (status, String::new(), String::new()), now);
            }
        }
    }

    /// Says that a generation is about to be processed which the conditions do not speak of yet.
    pub fn expect_new_generation(&mut self, now: Timestamp) {
        let state = State::unknown(
            "NewObservedGenFailure",
            "unsuccessfully observed a new generation",
        );
        self.set(C::READY, state, now);
    }

    /// Sets a condition and brings `Ready` into step.
    ///
    /// - True: `Ready` becomes what the newest unhappy dependent is, False before Unknown; Unknown
    ///   while a dependent is missing; True otherwise.
    /// - False: a dependent takes `Ready` with it.
    /// - Unknown: a dependent takes `Ready` with it, unless some dependent is False, which wins.
    pub fn set(&mut self, condition: C, state: State, now: Timestamp) {
        let is_dependent = C::DEPENDENTS.contains(&condition);
        let parts = state.parts();
        self.put(condition, parts.clone(), now);
        match parts.0 {
            TRUE => self.settle_ready(condition, now),
            FALSE if is_dependent => self.put(C::READY, parts, now),
            FALSE => {}
            _ => {
                if C::DEPENDENTS.iter().any(|&d| self.is_false(d)) {
                    if !self.is_failed() {
                        self.put(C::READY, (FALSE, parts.1, parts.2), now);
                    }
                } else if is_dependent {
                    self.put(C::READY, parts, now);
                }
            }
        }
    }

    /// Removes a condition that `Ready` does not depend on.
    pub fn clear(&mut self, condition: C) {
        if condition != C::READY && !C::DEPENDENTS.contains(&condition) {
            self.list.retain(|c| c.type_ != condition.name());
        }
    }

    /// Ends a pass: what is as it was in `before` keeps its time, the rest gets the one `now`.
    pub fn settle_times(&mut self, before: &Self, now: Timestamp) {
        for condition in &mut self.list {
            condition.last_transition_time = match before.by_name(&condition.type_) {
                Some(old) if old.same_content(condition) => old.last_transition_time.clone(),
                _ => Some(Time(now)),
            };
        }
    }

    /// Whether both hold the same findings, times aside.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        self.list.len() == other.list.len()
            && self
                .list
                .iter()
                .zip(&other.list)
                .all(|(a, b)| a.same_content(b))
    }

    fn by_name(&self, name: &str) -> Option<&Condition> {
        self.list.iter().find(|c| c.type_ == name)
    }

    fn settle_ready(&mut self, changed: C, now: Timestamp) {
        let present: Vec<&Condition> = C::DEPENDENTS.iter().filter_map(|&d| self.get(d)).collect();
        let newest = |wanted: fn(&Condition) -> bool| {
            // On a tie the type that sorts first wins.
            present
                .iter()
                .filter(|c| wanted(c))
                .min_by(|a, b| b.time().cmp(&a.time()).then_with(|| a.type_.cmp(&b.type_)))
        };
        let verdict = if let Some(c) = newest(Condition::is_false) {
            (FALSE, c.reason.clone(), c.message.clone())
        } else if let Some(c) = newest(Condition::is_unknown) {
            (UNKNOWN, c.reason.clone(), c.message.clone())
        } else if present.len() < C::DEPENDENTS.len() {
            (UNKNOWN, String::new(), String::new())
        } else if changed != C::READY {
            (TRUE, String::new(), String::new())
        } else {
            return;
        };
        self.put(C::READY, verdict, now);
    }

    fn put(
        &mut self,
        condition: C,
        (status, reason, message): (&'static str, String, String),
        now: Timestamp,
    ) {
        let is_terminal = condition == C::READY || C::DEPENDENTS.contains(&condition);
        let severity = if is_terminal { "" } else { "Info" };
        let mut entry = Condition {
            type_: condition.name().to_owned(),
            status: status.to_owned(),
            severity: severity.to_owned(),
            last_transition_time: None,
            reason,
            message,
        };
        if self
            .get(condition)
            .is_some_and(|old| old.same_content(&entry))
        {
            return;
        }
        entry.last_transition_time = Some(Time(self.next_time(now)));
        match self
            .list
            .binary_search_by(|c| c.type_.as_str().cmp(condition.name()))
        {
            Ok(at) => self.list[at] = entry,
            Err(at) => self.list.insert(at, entry),
        }
    }

    /// A time after all others, so that several changes within one `now` keep their order.
    fn next_time(&self, now: Timestamp) -> Timestamp {
        let newest = self
            .list
            .iter()
            .map(Condition::time)
            .max()
            .unwrap_or(Timestamp::MIN);
        if newest < now {
            return now;
        }
        newest
            .checked_add(SignedDuration::from_nanos(1))
            .unwrap_or(newest)
    }
}

impl<C> Default for Conditions<C> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            kind: PhantomData,
        }
    }
}

impl<C> From<Vec<Condition>> for Conditions<C> {
    fn from(mut list: Vec<Condition>) -> Self {
        list.sort_by(|a, b| a.type_.cmp(&b.type_));
        Self {
            list,
            kind: PhantomData,
        }
    }
}

impl<C> std::fmt::Debug for Conditions<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.list).finish()
    }
}

impl<C> Serialize for Conditions<C> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.list.serialize(serializer)
    }
}

impl<'de, C> Deserialize<'de> for Conditions<C> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<Vec<Condition>>::deserialize(deserializer)?
            .unwrap_or_default()
            .into())
    }
}

impl<C> JsonSchema for Conditions<C> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Conditions".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Vec::<Condition>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests;
