//! What changed between two revision specs, in the words of upstream's comparison of Go structs.
//!
//! A line with the path of each leaf that differs, then what it was and what it is. Four things are
//! better than there: a struct shows only the members that are set, an optional value shows itself
//! and not its address, an amount is shown as it was written, and a report that nobody would read to
//! its end has one before.

mod shape;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::api::revision::{RevisionSpec, RevisionTemplate};
use crate::quantity::Amount;
use shape::{Field, Shape, Struct};

/// A report that is longer, in bytes, gets no more leaves: the paths of many small ones are a multiple
/// of what they say, and all of it goes to the user in one message.
const LONG: usize = 64 << 10;

/// The differences of two revision specs; `None` when they mean the same.
pub(crate) fn of_specs(old: &RevisionSpec, new: &RevisionSpec) -> Option<String> {
    if old == new {
        return None;
    }
    let (old, new) = (tree(old), tree(new));
    report("{v1.RevisionSpec}", &shape::REVISION_SPEC, &old, &new)
}

/// The differences of two templates; `None` when they mean the same.
pub(crate) fn of_templates(old: &RevisionTemplate, new: &RevisionTemplate) -> Option<String> {
    if old == new {
        return None;
    }
    let (old, new) = (tree(old), tree(new));
    report("{*v1.RevisionTemplateSpec}", &shape::TEMPLATE, &old, &new)
}

fn tree(object: &impl serde::Serialize) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

fn report(root: &str, kind: &'static Struct, old: &Value, new: &Value) -> Option<String> {
    let mut report = Report::default();
    report.fields(root, kind, old, new);
    if report.left_out > 0 {
        let more = format!("and {} more\n", report.left_out);
        report.text.push_str(&more);
    }
    (!report.text.is_empty()).then_some(report.text)
}

/// One side of a comparison; `None` where nothing is written.
type Side<'a> = Option<&'a Value>;

#[derive(Default)]
struct Report {
    text: String,
    /// Leaves that differ and are not in the text.
    left_out: usize,
}

impl Report {
    /// Compares the members of a struct, and then whatever else is written there.
    fn fields(&mut self, path: &str, kind: &'static Struct, old: &Value, new: &Value) {
        self.described(path, kind, old, new);
        let mut others: Vec<&String> = [old, new]
            .into_iter()
            .filter_map(Value::as_object)
            .flat_map(Map::keys)
            .filter(|name| !kind.describes(name))
            .collect();
        others.sort_unstable();
        others.dedup();
        for name in others {
            let path = format!("{path}.{}", shape::go_name(name));
            self.leaf(&path, &Shape::Any, "", old.get(name), new.get(name));
        }
    }

    /// Embedded structs lie at the same level of the JSON.
    fn described(&mut self, path: &str, kind: &'static Struct, old: &Value, new: &Value) {
        for Field { json, go, shape } in kind.fields {
            let path = format!("{path}.{go}");
            match shape {
                Shape::Embedded(kind) => self.described(&path, kind, old, new),
                _ => self.value(&path, shape, old.get(json), new.get(json)),
            }
        }
    }

    fn value(&mut self, path: &str, shape: &Shape, old: Side<'_>, new: Side<'_>) {
        match (shape, old, new) {
            (_, None, None) => {}
            (Shape::Struct(kind), old, new) => {
                let empty = Value::Object(Map::new());
                self.fields(path, kind, old.unwrap_or(&empty), new.unwrap_or(&empty));
            }
            (Shape::Optional(kind), Some(old), Some(new)) => self.fields(path, kind, old, new),
            (Shape::List(kind), Some(Value::Array(old)), Some(Value::Array(new))) => {
                self.list(path, &Element::Struct(kind), old, new);
            }
            (Shape::Texts, Some(Value::Array(old)), Some(Value::Array(new))) => {
                self.list(path, &Element::Text, old, new);
            }
            (Shape::Texts | Shape::Amounts, Some(Value::Object(old)), Some(Value::Object(new))) => {
                self.map(path, shape, old, new);
            }
            (Shape::Pointer, Some(_), Some(_)) => {
                self.leaf(&format!("*{path}"), shape, "", old, new);
            }
            _ => self.leaf(path, shape, "", old, new),
        }
    }

    fn map(
        &mut self,
        path: &str,
        shape: &Shape,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
    ) {
        let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        let (value, prefix) = match shape {
            Shape::Amounts => (Shape::Amount, "resource.Quantity: "),
            _ => (Shape::Member, ""),
        };
        for key in keys {
            let path = format!("{path}[{}]", crate::go::quote(key));
            self.leaf(&path, &value, prefix, old.get(key), new.get(key));
        }
    }

    /// Elements that are the same at both ends are paired, then those between by their order; what is
    /// left over came or went.
    fn list(&mut self, path: &str, element: &Element, old: &[Value], new: &[Value]) {
        let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let (old_rest, new_rest) = (&old[start..], &new[start..]);
        let end = old_rest
            .iter()
            .rev()
            .zip(new_rest.iter().rev())
            .take_while(|(a, b)| a == b)
            .count();
        let old_rest = &old_rest[..old_rest.len() - end];
        let new_rest = &new_rest[..new_rest.len() - end];
        for i in 0..old_rest.len().max(new_rest.len()) {
            let at = start + i;
            match (old_rest.get(i), new_rest.get(i)) {
                (Some(old), Some(new)) => {
                    let path = format!("{path}[{at}]");
                    match element {
                        Element::Struct(kind) => self.fields(&path, kind, old, new),
                        Element::Text => {
                            self.leaf(&path, &Shape::Member, "", Some(old), Some(new));
                        }
                    }
                }
                (old, new) => {
                    let index = if new.is_none() {
                        format!("[{at}->?]")
                    } else {
                        format!("[?->{at}]")
                    };
                    let prefix = match element {
                        Element::Struct(kind) => format!("{}: ", kind.name),
                        Element::Text => String::new(),
                    };
                    self.leaf(&format!("{path}{index}"), &Shape::Member, &prefix, old, new);
                }
            }
        }
    }

    /// Writes the path and both sides. A member that is not written has the zero of its type; an
    /// element or a map's entry is on one side only.
    fn leaf(&mut self, path: &str, shape: &Shape, prefix: &str, old: Side<'_>, new: Side<'_>) {
        if same(shape, old, new) {
            return;
        }
        if self.text.len() > LONG {
            self.left_out += 1;
            return;
        }
        let zero = match shape {
            Shape::Text => Some(""),
            Shape::Number => Some("0"),
            Shape::Flag => Some("false"),
            Shape::Pointer | Shape::Optional(_) | Shape::Any => Some("<nil>"),
            Shape::List(_) | Shape::Texts if is_list(old, new) => Some("[]"),
            Shape::List(_) | Shape::Texts | Shape::Amounts => Some("map[]"),
            Shape::Struct(_) | Shape::Embedded(_) | Shape::Amount | Shape::Member => None,
        };
        self.text.push_str(path);
        self.text.push_str(":\n");
        for (sign, side) in [('-', old), ('+', new)] {
            let text = side
                .map(|side| shown(shape, side))
                .or_else(|| zero.map(str::to_owned));
            if let Some(text) = text {
                self.text
                    .push_str(&format!("\t{sign}: {prefix}\"{text}\"\n"));
            }
        }
    }
}

/// What a list is made of.
enum Element {
    Struct(&'static Struct),
    Text,
}

fn is_list(old: Side<'_>, new: Side<'_>) -> bool {
    old.or(new).is_some_and(Value::is_array)
}

/// Amounts are compared by what they are worth.
fn same(shape: &Shape, old: Side<'_>, new: Side<'_>) -> bool {
    let amount = |side: Side<'_>| side?.as_str().and_then(|text| Amount::parse(text).ok());
    old == new
        || matches!(shape, Shape::Amount)
            && matches!((amount(old), amount(new)), (Some(old), Some(new)) if old == new)
}

/// A member as Go's `%+v` writes it.
fn shown(shape: &Shape, value: &Value) -> String {
    match (shape, value) {
        (Shape::Texts | Shape::Amounts, Value::Object(entries)) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{key}:{}", go_text(value)))
                .collect();
            format!("map[{}]", entries.join(" "))
        }
        (Shape::Optional(_), value) => format!("&{}", go_text(value)),
        (_, value) => go_text(value),
    }
}

/// A value as Go's `%+v` writes it, members that are set only.
fn go_text(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_text).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}:{}", shape::go_name(name), go_text(value)))
                .collect();
            format!("{{{}}}", members.join(" "))
        }
    }
}
