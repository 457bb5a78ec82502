//! The part of Go's `text/template` language that Knative's settings use.
//!
//! Host names (`domain-template`, `tag-template`) and a few other settings are templates of that language, written by
//! cluster operators for upstream. This understands text, `{{.Field.Sub}}`, `{{index .Map "key"}}`, comparisons,
//! `and`/`or`/`not`, `len`, `print`, `printf`, `js`, pipes, `if`/`else if`/`else`, comments and trim markers. It refuses
//! variables, `range`, `with`, methods and nested templates when the setting is parsed, so that a template never
//! renders to something other than Go would have made of it.

mod expression;
mod parse;

use std::collections::BTreeMap;
use std::fmt;

use expression::Expression;

/// The longest text that a template makes, in bytes. `js` and `%q` can double what they are given, and again what
/// comes of it: without a bound a hundred words fill any memory.
pub const LONGEST: usize = 64 << 10;

/// A parsed template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(String),
    Print(Expression),
    /// The first arm whose condition holds is rendered; `else` is an arm without a condition.
    If(Vec<(Option<Expression>, Vec<Node>)>),
}

/// What a template can see.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A key that the map does not have. Prints as Go's `<no value>`, and counts as false.
    Missing,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Map(BTreeMap<String, Value>),
}

/// Why a template was refused or could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("template: {0}")]
    Syntax(String),
    #[error("template: {0}")]
    Render(String),
}

impl Template {
    /// Parses `text`.
    ///
    /// # Errors
    /// [`Error::Syntax`] names what is malformed or not supported.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse::template(text).map(|nodes| Self { nodes })
    }

    /// Renders with `data` as the dot.
    ///
    /// # Errors
    /// [`Error::Render`] when a field does not exist, a function got what it cannot take, or the text becomes longer
    /// than [`LONGEST`].
    pub fn render(&self, data: &Value) -> Result<String, Error> {
        let mut out = String::new();
        write(&self.nodes, data, &mut out)?;
        bounded(&out)?;
        Ok(out)
    }
}

fn write(nodes: &[Node], data: &Value, out: &mut String) -> Result<(), Error> {
    for node in nodes {
        bounded(out)?;
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Print(expression) => out.push_str(&expression.evaluate(data)?.to_string()),
            Node::If(arms) => {
                for (condition, body) in arms {
                    let holds = match condition {
                        Some(condition) => condition.evaluate(data)?.is_true(),
                        None => true,
                    };
                    if holds {
                        write(body, data, out)?;
                        break;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Refuses a text that has become too long.
fn bounded(text: &str) -> Result<(), Error> {
    if text.len() > LONGEST {
        return Err(Error::Render("the result is too long".into()));
    }
    Ok(())
}

impl Value {
    /// A record: its fields must exist when a template names them.
    pub fn record<const N: usize>(fields: [(&str, Value); N]) -> Self {
        Self::Map(
            fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    /// A map of strings, as labels and annotations are.
    pub fn strings(map: &BTreeMap<String, String>) -> Self {
        Self::Map(
            map.iter()
                .map(|(k, v)| (k.clone(), Self::Text(v.clone())))
                .collect(),
        )
    }

    /// Go's truth: anything but the zero value of its type.
    fn is_true(&self) -> bool {
        match self {
            Self::Missing => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Map(map) => !map.is_empty(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("<no value>"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Text(text) => f.write_str(text),
            Self::Map(map) => {
                f.write_str("map[")?;
                for (i, (key, value)) in map.iter().enumerate() {
                    let gap = if i == 0 { "" } else { " " };
                    write!(f, "{gap}{key}:{value}")?;
                }
                f.write_str("]")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Value {
        let labels = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
        Value::record([
            ("Name", "hello".into()),
            ("Namespace", "demo".into()),
            ("Domain", "example.com".into()),
            ("Labels", Value::strings(&labels)),
            ("Annotations", Value::strings(&BTreeMap::new())),
            ("Code", Value::Int(200)),
        ])
    }

    fn render(text: &str) -> String {
        Template::parse(text)
            .and_then(|t| t.render(&data()))
            .unwrap_or_else(|e| format!("{e}"))
    }

    #[test]
    fn renders_what_operators_write() {
        for (text, want) in [
            (
                "{{.Name}}.{{.Namespace}}.{{.Domain}}",
                "hello.demo.example.com",
            ),
            (
                "{{ .Name }}-{{ .Namespace -}}   .{{.Domain}}",
                "hello-demo.example.com",
            ),
            ("{{index .Labels \"team\"}}.x", "blue.x"),
            ("{{.Labels.team}}", "blue"),
            ("{{.Labels.none}}", "<no value>"),
            ("{{index .Labels \"none\"}}", ""),
            ("{{if index .Annotations \"sub\"}}a{{else}}b{{end}}", "b"),
            (
                "{{if eq .Namespace \"demo\" \"x\"}}{{.Name}}{{else}}no{{end}}",
                "hello",
            ),
            (
                "{{if eq .Namespace `x`}}1{{else if ne .Name \"\"}}2{{else}}3{{end}}",
                "2",
            ),
            ("{{if and .Name (not .Labels.none)}}yes{{end}}", "yes"),
            ("{{or .Annotations.x .Name}}", "hello"),
            ("{{/* nothing */}}a {{- \"b\" -}} c", "abc"),
            ("{{.Name | print \"x\"}}", "xhello"),
            ("{{len .Name}} {{.Code}}", "5 200"),
            ("{{js \"a'b\"}}", r"a\'b"),
            ("{{eq .Code 200}}", "true"),
            ("{{if ge .Code 500}}bad{{else}}fine{{end}}", "fine"),
            (
                "{{lt .Name \"i\"}} {{gt 2 1}} {{le 2 1}}",
                "true true false",
            ),
            ("{{printf \"%s-%d%%\" .Name .Code}}", "hello-200%"),
            ("{{printf \"%v %q\" .Code .Name}}", "200 \"hello\""),
            ("{{.Name | printf \"%s.%s\" .Namespace}}", "demo.hello"),
            ("{{println .Name 1}}", "hello 1\n"),
            ("plain", "plain"),
        ] {
            assert_eq!(render(text), want, "{text}");
        }
    }

    #[test]
    fn refuses_instead_of_guessing() {
        for text in [
            "{{.Name",
            "{{if .Name}}x",
            "{{end}}",
            "{{range .Labels}}{{end}}",
            "{{$x := 1}}",
            "{{nope .Name}}",
            "{{else}}",
            "{{}}",
            "{{\"a}}",
            "{{(.Name}}",
        ] {
            assert!(
                matches!(Template::parse(text), Err(Error::Syntax(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn calls_that_do_not_suit_are_errors() {
        for text in [
            "{{printf \"%d\" .Name}}",
            "{{printf \"%s\"}}",
            "{{printf \"x\" .Name}}",
            "{{printf \"%5s\" .Name}}",
            "{{lt .Name 1}}",
            "{{index .Name \"x\"}}",
            "{{len 5}}",
        ] {
            let rendered = Template::parse(text).unwrap().render(&data());
            assert!(matches!(rendered, Err(Error::Render(_))), "{text}");
        }
    }

    #[test]
    fn a_text_that_doubles_and_doubles_is_given_up() {
        let escapes = format!("{{{{.Name | print \"\\\\\"{}}}}}", " | js".repeat(90));
        let quotes = format!("{{{{.Name{}}}}}", " | printf \"%q\"".repeat(60));
        let actions = "{{.Name}}".repeat(LONGEST);
        let last = format!("{{{{.Name}}}}{}", "x".repeat(LONGEST));
        for text in [escapes, quotes, actions, last] {
            let template = Template::parse(&text).unwrap();
            assert_eq!(
                template.render(&data()),
                Err(Error::Render("the result is too long".into()))
            );
        }
    }

    #[test]
    fn unknown_field_is_an_error_and_not_an_empty_text() {
        let template = Template::parse("{{.Nmae}}").unwrap();
        assert_eq!(
            template.render(&data()),
            Err(Error::Render("can't evaluate field Nmae".into()))
        );
    }

    #[test]
    fn a_template_cannot_exhaust_the_stack() {
        let many = 200_000;
        for text in [
            format!("{{{{{}.Name{}}}}}", "(".repeat(many), ")".repeat(many)),
            format!("{{{{.Name{}}}}}", "|print".repeat(many)),
            format!("{}{}", "{{if .Name}}".repeat(many), "{{end}}".repeat(many)),
        ] {
            let parsed = Template::parse(&text);
            assert!(matches!(parsed, Err(Error::Syntax(_))), "{}", &text[..20]);
        }
        // Arms beside each other are no depth.
        let arms = "{{else if .Labels.none}}x".repeat(1000);
        assert_eq!(
            render(&format!("{{{{if .Labels.none}}}}{arms}{{{{end}}}}")),
            ""
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "([{}]{2}|[-.a-zA-Z0-9\"`'|() /*]|if |else|end|index ){0,40}") {
            if let Ok(template) = Template::parse(&text) {
                let _ = template.render(&data());
            }
        }
    }
}
