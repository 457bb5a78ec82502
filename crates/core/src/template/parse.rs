//! From text to nodes: first pieces (text or action), then blocks, then the words inside an action.

use super::expression::{Expression, Function};
use super::{Error, Node, Value};

/// Blocks inside blocks, and words of one action: far more than any host name needs, and few enough that no template
/// exhausts the stack.
const MOST_BLOCKS: usize = 50;
const MOST_WORDS: usize = 200;

enum Piece<'a> {
    Text(&'a str),
    Action(&'a str),
}

type Pieces<'a> = std::vec::IntoIter<Piece<'a>>;

pub(super) fn template(text: &str) -> Result<Vec<Node>, Error> {
    let mut pieces = pieces(text)?.into_iter();
    let (nodes, ended_by) = block(&mut pieces, 0)?;
    match ended_by {
        None => Ok(nodes),
        Some(word) => Err(unexpected(&format!("{{{{{word}}}}}"))),
    }
}

fn unexpected(what: &str) -> Error {
    Error::Syntax(format!("unexpected {what}"))
}

/// Cuts at the braces and applies the trim markers.
fn pieces(mut rest: &str) -> Result<Vec<Piece<'_>>, Error> {
    let mut out = Vec::new();
    let mut trim_start = false;
    while let Some(open) = rest.find("{{") {
        let (before, after) = (&rest[..open], &rest[open + 2..]);
        let close = closing(after).ok_or_else(|| Error::Syntax("unclosed action".into()))?;
        let mut action = &after[..close];
        let mut text = if trim_start {
            before.trim_start()
        } else {
            before
        };
        if let Some(inner) = action
            .strip_prefix('-')
            .filter(|inner| inner.starts_with(char::is_whitespace))
        {
            action = inner;
            text = text.trim_end();
        }
        trim_start = false;
        if let Some(inner) = action
            .strip_suffix('-')
            .filter(|inner| inner.ends_with(char::is_whitespace))
        {
            action = inner;
            trim_start = true;
        }
        out.push(Piece::Text(text));
        let action = action.trim();
        if !(action.starts_with("/*") && action.ends_with("*/")) {
            out.push(Piece::Action(action));
        }
        rest = &after[close + 2..];
    }
    out.push(Piece::Text(if trim_start {
        rest.trim_start()
    } else {
        rest
    }));
    Ok(out)
}

/// Where the action ends; braces inside a quoted text do not count.
fn closing(action: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in action.char_indices() {
        match quote {
            Some('"') if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == '"' || c == '`' => quote = Some(c),
            None if action[at..].starts_with("}}") => return Some(at),
            None => {}
        }
    }
    None
}

/// Reads nodes up to an `else` or `end` of this level, which it gives back.
fn block<'a>(pieces: &mut Pieces<'a>, depth: usize) -> Result<(Vec<Node>, Option<&'a str>), Error> {
    let mut nodes = Vec::new();
    while let Some(piece) = pieces.next() {
        let action = match piece {
            Piece::Text("") => continue,
            Piece::Text(text) => {
                nodes.push(Node::Text(text.to_owned()));
                continue;
            }
            Piece::Action(action) => action,
        };
        let (word, rest) = action
            .split_once(char::is_whitespace)
            .unwrap_or((action, ""));
        match word {
            "if" => nodes.push(conditional(rest, pieces, depth + 1)?),
            "end" | "else" if depth > 0 => return Ok((nodes, Some(action))),
            "end" | "else" => return Err(unexpected(&format!("{{{{{action}}}}}"))),
            _ => nodes.push(Node::Print(pipeline(action)?)),
        }
    }
    if depth > 0 {
        return Err(Error::Syntax("unexpected EOF".into()));
    }
    Ok((nodes, None))
}

fn conditional(condition: &str, pieces: &mut Pieces<'_>, depth: usize) -> Result<Node, Error> {
    if depth > MOST_BLOCKS {
        return Err(Error::Syntax("blocks nest too deep".into()));
    }
    let mut arms = Vec::new();
    let mut condition = Some(pipeline(condition)?);
    loop {
        let last = condition.is_none();
        let (body, ended_by) = block(pieces, depth)?;
        arms.push((condition, body));
        let ended_by = ended_by.unwrap_or("end");
        condition = match ended_by
            .split_once(char::is_whitespace)
            .map(|(word, rest)| (word, rest.trim()))
        {
            None if ended_by == "end" => return Ok(Node::If(arms)),
            None if ended_by == "else" && !last => None,
            Some(("else", rest)) if !last && rest.starts_with("if ") => Some(pipeline(&rest[3..])?),
            _ => return Err(unexpected(&format!("{{{{{ended_by}}}}}"))),
        };
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Pipe,
    Field(Vec<String>),
    Literal(Value),
    Function(Function),
}

fn pipeline(action: &str) -> Result<Expression, Error> {
    let tokens = tokens(action)?;
    let mut at = 0;
    let expression = piped(&tokens, &mut at)?;
    if at < tokens.len() {
        return Err(unexpected(&format!("{:?} in {action:?}", tokens[at])));
    }
    Ok(expression)
}

/// `a | f x` is `f x a`.
fn piped(tokens: &[Token], at: &mut usize) -> Result<Expression, Error> {
    let mut value = command(tokens, at, None)?;
    while tokens.get(*at) == Some(&Token::Pipe) {
        *at += 1;
        value = command(tokens, at, Some(value))?;
    }
    Ok(value)
}

fn command(
    tokens: &[Token],
    at: &mut usize,
    piped_in: Option<Expression>,
) -> Result<Expression, Error> {
    if let Some(Token::Function(function)) = tokens.get(*at) {
        *at += 1;
        let mut arguments = Vec::new();
        while let Some(argument) = operand(tokens, at)? {
            arguments.push(argument);
        }
        arguments.extend(piped_in);
        return Ok(Expression::Call(*function, arguments));
    }
    match (operand(tokens, at)?, piped_in) {
        (Some(value), None) => Ok(value),
        (Some(_), Some(_)) => Err(Error::Syntax("non-function in a pipeline".into())),
        (None, _) => Err(Error::Syntax("missing value for command".into())),
    }
}

fn operand(tokens: &[Token], at: &mut usize) -> Result<Option<Expression>, Error> {
    let expression = match tokens.get(*at) {
        Some(Token::Field(path)) => Expression::Field(path.clone()),
        Some(Token::Literal(value)) => Expression::Literal(value.clone()),
        Some(Token::Open) => {
            *at += 1;
            let inner = piped(tokens, at)?;
            if tokens.get(*at) != Some(&Token::Close) {
                return Err(Error::Syntax("unclosed left paren".into()));
            }
            inner
        }
        Some(Token::Function(_)) => {
            return Err(Error::Syntax(
                "a function as an argument needs parentheses".into(),
            ));
        }
        Some(Token::Close | Token::Pipe) | None => return Ok(None),
    };
    *at += 1;
    Ok(Some(expression))
}

fn tokens(action: &str) -> Result<Vec<Token>, Error> {
    let mut out = Vec::new();
    let mut rest = action.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '|' => (Token::Pipe, 1),
            '"' | '`' => quoted(rest)?,
            _ => word(rest)?,
        };
        out.push(token);
        if out.len() > MOST_WORDS {
            return Err(Error::Syntax("an action is too long".into()));
        }
        rest = rest[length..].trim_start();
    }
    Ok(out)
}

fn quoted(rest: &str) -> Result<(Token, usize), Error> {
    let unterminated = || Error::Syntax("unterminated quoted string".into());
    if let Some(raw) = rest.strip_prefix('`') {
        let end = raw.find('`').ok_or_else(unterminated)?;
        return Ok((Token::Literal(Value::Text(raw[..end].to_owned())), end + 2));
    }
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Literal(Value::Text(text)), at + 1)),
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, c @ ('"' | '\\'))) => text.push(c),
                _ => {
                    return Err(Error::Syntax(
                        "unsupported escape in a quoted string".into(),
                    ));
                }
            },
            c => text.push(c),
        }
    }
    Err(unterminated())
}

fn word(rest: &str) -> Result<(Token, usize), Error> {
    let end = rest
        .find(|c: char| c.is_whitespace() || "()|\"`".contains(c))
        .unwrap_or(rest.len());
    let word = &rest[..end];
    let token = if let Some(path) = word.strip_prefix('.') {
        let names: Vec<String> = path
            .split('.')
            .filter(|_| !path.is_empty())
            .map(str::to_owned)
            .collect();
        let plain = |name: &String| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        };
        if !names.iter().all(plain) {
            return Err(Error::Syntax(format!("bad field {word:?}")));
        }
        Token::Field(names)
    } else if let Some(function) = Function::named(word) {
        Token::Function(function)
    } else if let Ok(number) = word.parse::<i64>() {
        Token::Literal(Value::Int(number))
    } else if word == "true" || word == "false" {
        Token::Literal(Value::Bool(word == "true"))
    } else {
        return Err(Error::Syntax(format!(
            "function {word:?} not defined or not supported"
        )));
    };
    Ok((token, end))
}
