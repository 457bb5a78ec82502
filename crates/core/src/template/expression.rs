//! What stands between the braces, and how it is evaluated.

use super::{Error, Value};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Literal(Value),
    /// Field names from the dot downwards; none is the dot itself.
    Field(Vec<String>),
    Call(Function, Vec<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    And,
    Eq,
    Index,
    Js,
    Len,
    Ne,
    Not,
    Or,
    Print,
}

impl Function {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "and" => Self::And,
            "eq" => Self::Eq,
            "index" => Self::Index,
            "js" => Self::Js,
            "len" => Self::Len,
            "ne" => Self::Ne,
            "not" => Self::Not,
            "or" => Self::Or,
            "print" => Self::Print,
            _ => return None,
        })
    }
}

impl Expression {
    pub(super) fn evaluate(&self, data: &Value) -> Result<Value, Error> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Field(path) => field(data, path),
            Self::Call(function @ (Function::And | Function::Or), arguments) => {
                lazily(*function, arguments, data)
            }
            Self::Call(function, arguments) => {
                let values = arguments
                    .iter()
                    .map(|a| a.evaluate(data))
                    .collect::<Result<Vec<_>, _>>()?;
                call(*function, &values)
            }
        }
    }
}

/// A record (the dot) must have the field; a map of strings below it may lack the key.
fn field(data: &Value, path: &[String]) -> Result<Value, Error> {
    let mut at = data;
    for (depth, name) in path.iter().enumerate() {
        at = match at {
            Value::Map(map) => match map.get(name) {
                Some(value) => value,
                None if depth > 0 && map.values().all(|v| matches!(v, Value::Text(_))) => {
                    return Ok(Value::Missing);
                }
                None => return Err(Error::Render(format!("can't evaluate field {name}"))),
            },
            _ => return Err(Error::Render(format!("can't evaluate field {name}"))),
        };
    }
    Ok(at.clone())
}

/// `and` gives the first false argument, `or` the first true one, else the last; later ones are not looked at.
fn lazily(function: Function, arguments: &[Expression], data: &Value) -> Result<Value, Error> {
    let stop_at = function == Function::Or;
    let mut last = Value::Missing;
    for argument in arguments {
        last = argument.evaluate(data)?;
        if last.is_true() == stop_at {
            break;
        }
    }
    Ok(last)
}

fn call(function: Function, values: &[Value]) -> Result<Value, Error> {
    match (function, values) {
        (Function::Eq, [first, others @ ..]) if !others.is_empty() => {
            Ok(Value::Bool(others.contains(first)))
        }
        (Function::Ne, [a, b]) => Ok(Value::Bool(a != b)),
        (Function::Not, [value]) => Ok(Value::Bool(!value.is_true())),
        (Function::Len, [Value::Text(text)]) => Ok(Value::Int(text.len() as i64)),
        (Function::Len, [Value::Map(map)]) => Ok(Value::Int(map.len() as i64)),
        (Function::Index, [Value::Map(map), Value::Text(key)]) => Ok(map
            .get(key)
            .cloned()
            .unwrap_or_else(|| Value::Text(String::new()))),
        (Function::Print, values) => Ok(Value::Text(print(values))),
        (Function::Js, [value]) => Ok(Value::Text(escape(&value.to_string()))),
        (function, values) => Err(Error::Render(format!(
            "wrong arguments for {function:?}: got {}",
            values.len()
        ))),
    }
}

/// Go's `fmt.Sprint`: a blank only between operands neither of which is a string.
fn print(values: &[Value]) -> String {
    let mut out = String::new();
    for (i, value) in values.iter().enumerate() {
        let texts =
            i == 0 || matches!(value, Value::Text(_)) || matches!(values[i - 1], Value::Text(_));
        if !texts {
            out.push(' ');
        }
        out.push_str(&value.to_string());
    }
    out
}

/// The escapes of Go's `template.JSEscapeString`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str(r"\\"),
            '\'' => out.push_str(r"\'"),
            '"' => out.push_str("\\\""),
            '<' => out.push_str(r"\u003C"),
            '>' => out.push_str(r"\u003E"),
            '&' => out.push_str(r"\u0026"),
            '=' => out.push_str(r"\u003D"),
            c if c < ' ' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
