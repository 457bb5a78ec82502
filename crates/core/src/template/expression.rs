//! What stands between the braces, and how it is evaluated.

use std::cmp::Ordering;

use super::{Error, Value, bounded};
use crate::go;

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
    Ge,
    Gt,
    Index,
    Js,
    Le,
    Len,
    Lt,
    Ne,
    Not,
    Or,
    Print,
    Printf,
    Println,
}

impl Function {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "and" => Self::And,
            "eq" => Self::Eq,
            "ge" => Self::Ge,
            "gt" => Self::Gt,
            "index" => Self::Index,
            "js" => Self::Js,
            "le" => Self::Le,
            "len" => Self::Len,
            "lt" => Self::Lt,
            "ne" => Self::Ne,
            "not" => Self::Not,
            "or" => Self::Or,
            "print" => Self::Print,
            "printf" => Self::Printf,
            "println" => Self::Println,
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
                let value = call(*function, &values)?;
                match &value {
                    Value::Text(text) => bounded(text).map(|()| value),
                    _ => Ok(value),
                }
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
        (Function::Ge, [a, b]) => Ok(Value::Bool(order(a, b)?.is_ge())),
        (Function::Gt, [a, b]) => Ok(Value::Bool(order(a, b)?.is_gt())),
        (Function::Le, [a, b]) => Ok(Value::Bool(order(a, b)?.is_le())),
        (Function::Lt, [a, b]) => Ok(Value::Bool(order(a, b)?.is_lt())),
        (Function::Print, values) => Ok(Value::Text(print(values))),
        (Function::Printf, [Value::Text(format), values @ ..]) => {
            printf(format, values).map(Value::Text)
        }
        (Function::Println, values) => {
            let words: Vec<String> = values.iter().map(Value::to_string).collect();
            Ok(Value::Text(words.join(" ") + "\n"))
        }
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

/// How two numbers or two texts compare; Go compares nothing else.
fn order(a: &Value, b: &Value) -> Result<Ordering, Error> {
    let found = match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => None,
    };
    found.ok_or_else(|| Error::Render("incompatible types for comparison".into()))
}

/// The verbs `%s`, `%v`, `%d`, `%q` and `%%`, one for each value. Others are refused, not guessed.
fn printf(format: &str, values: &[Value]) -> Result<String, Error> {
    let wrong = || {
        Error::Render(format!(
            "printf: verbs of {} do not suit",
            go::quote(format)
        ))
    };
    let mut out = String::new();
    let mut values = values.iter();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let verb = rest.next();
        if verb == Some('%') {
            out.push('%');
            continue;
        }
        match (verb, values.next()) {
            (Some('s' | 'v' | 'q'), Some(Value::Text(text))) => match verb {
                Some('q') => out.push_str(&go::quote(text)),
                _ => out.push_str(text),
            },
            (Some('d' | 'v'), Some(Value::Int(number))) => out.push_str(&number.to_string()),
            (Some('v'), Some(value)) => out.push_str(&value.to_string()),
            _ => return Err(wrong()),
        }
    }
    match values.next() {
        None => Ok(out),
        Some(_) => Err(wrong()),
    }
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
