//! Structural schemas from the types.
//!
//! `schemars` describes what serde writes, so a field that is always written is a required one.
//! The API server wants less than that: no references, no `null` alternatives, no defaults but the
//! few that upstream has.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::pod::{self, Keep};

/// Prefix of references in what the generator writes.
const DEFINITIONS: &str = "#/components/schemas/";

/// The schema of a whole object.
pub(super) fn object<Spec: JsonSchema, Status: JsonSchema>(about: &str) -> JSONSchemaProps {
    let schema = json!({
        "type": "object",
        "description": about,
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "type": "object" },
            "spec": of::<Spec>(),
            "status": of::<Status>(),
        },
    });
    serde_json::from_value(schema).expect("a structural schema is an OpenAPI schema")
}

fn of<T: JsonSchema>() -> Value {
    let mut root = SchemaSettings::openapi3()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    let definitions = root
        .pointer_mut("/components/schemas")
        .map(Value::take)
        .and_then(|schemas| {
            if let Value::Object(schemas) = schemas {
                Some(schemas)
            } else {
                None
            }
        })
        .unwrap_or_default();
    let name = T::schema_name();
    Resolver { definitions }.resolve(&root, pod::part_of(&name))
}

struct Resolver {
    definitions: Map<String, Value>,
}

impl Resolver {
    /// The schema without references, cut down to what is kept.
    fn resolve(&self, schema: &Value, keep: Keep) -> Value {
        if let Some(alternative) = only_alternative(schema) {
            let mut resolved = self.resolve(alternative, keep);
            describe(&mut resolved, schema);
            return resolved;
        }
        if let Some(name) = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|path| path.strip_prefix(DEFINITIONS))
        {
            let mut resolved = match pod::replacement(name) {
                Some(replacement) => replacement,
                None => {
                    let keep = if matches!(keep, Keep::All) {
                        pod::part_of(name)
                    } else {
                        keep
                    };
                    self.resolve(&self.definitions[name], keep)
                }
            };
            describe(&mut resolved, schema);
            return resolved;
        }
        if let Keep::Open = keep {
            let open = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
            let mut resolved = match type_of(schema).as_deref() {
                Some("array") => json!({ "type": "array", "items": open }),
                _ => open,
            };
            describe(&mut resolved, schema);
            return resolved;
        }
        self.plain(schema, keep)
    }

    /// A schema that is neither a reference nor a choice.
    fn plain(&self, schema: &Value, keep: Keep) -> Value {
        let mut out = Map::new();
        for word in [
            "description",
            "format",
            "pattern",
            "enum",
            "x-kubernetes-int-or-string",
        ] {
            if let Some(value) = schema.get(word) {
                out.insert(word.to_owned(), value.clone());
            }
        }
        if let Some(name) = type_of(schema) {
            out.insert("type".to_owned(), name.into());
        }
        if let Some(items) = schema.get("items") {
            out.insert("items".to_owned(), self.resolve(items, keep));
        }
        if let Some(values) = schema
            .get("additionalProperties")
            .filter(|values| values.is_object())
        {
            out.insert(
                "additionalProperties".to_owned(),
                self.resolve(values, keep),
            );
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            let mut kept = Map::new();
            let mut required = required(schema);
            match keep {
                Keep::Only(fields) => {
                    required
                        .retain(|name| fields.iter().any(|f| f.name == *name && !f.is_optional));
                    for field in fields {
                        if let (Some(property), Some(keep)) =
                            (properties.get(field.name), pod::keep(field))
                        {
                            let resolved = self.resolve(property, keep);
                            kept.insert(field.name.to_owned(), pod::finish(field, resolved));
                        }
                    }
                }
                _ => kept.extend(
                    properties
                        .iter()
                        .map(|(name, p)| (name.clone(), self.resolve(p, Keep::All))),
                ),
            }
            out.insert("properties".to_owned(), kept.into());
            if !required.is_empty() {
                out.insert("required".to_owned(), required.into());
            }
        }
        Value::Object(out)
    }
}

/// Names of properties that must be there, sorted.
fn required(schema: &Value) -> Vec<&str> {
    let declared = schema.get("required").and_then(Value::as_array);
    let mut names: Vec<&str> = declared
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    names.sort_unstable();
    names
}

/// The one alternative to `null`.
fn only_alternative(schema: &Value) -> Option<&Value> {
    let choices = schema
        .get("anyOf")
        .or_else(|| schema.get("allOf"))
        .or_else(|| schema.get("oneOf"))?
        .as_array()?;
    let is_null = |choice: &&Value| {
        choice.get("type").is_some_and(|t| t == "null")
            || choice.get("enum").is_some_and(|e| *e == json!([null]))
    };
    let mut others = choices.iter().filter(|choice| !is_null(choice));
    let only = others.next()?;
    others.next().is_none().then_some(only)
}

/// The type beside `null`.
fn type_of(schema: &Value) -> Option<String> {
    match schema.get("type")? {
        Value::String(name) => Some(name.clone()),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .map(str::to_owned),
        _ => None,
    }
}

/// Puts the description of the place above that of the type.
fn describe(resolved: &mut Value, place: &Value) {
    if let (Some(text), Value::Object(resolved)) = (place.get("description"), resolved) {
        resolved.insert("description".to_owned(), text.clone());
    }
}
