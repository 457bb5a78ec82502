//! A serializer that walks a typed object beside a written one.
//!
//! The typed object is never put together as a tree: what is the same in both is passed by, and only what differs
//! becomes a value. A form that is not looked into (a tuple, an enum with contents) is compared as a whole.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::ser::{self, Impossible, Serialize, Serializer};
use serde_json::Number;

use super::{Operation, Path, Walk};
use crate::json::{Members, Node};

/// Ends the comparison of a value.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// It is to be looked at as a whole.
    #[error("they differ")]
    Differs,
    #[error(transparent)]
    Failed(#[from] serde_json::Error),
}

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(cause: T) -> Self {
        Self::Failed(ser::Error::custom(cause))
    }
}

/// A serializer that compares a value with a written one.
pub(super) struct Beside<'a> {
    pub(super) walk: &'a mut Walk,
    pub(super) path: &'a Path<'a>,
    pub(super) from: &'a Node<'a>,
}

impl<'a> Beside<'a> {
    fn is(&self, leaf: &Node<'_>) -> Result<(), Stop> {
        if self.from == leaf {
            Ok(())
        } else {
            Err(Stop::Differs)
        }
    }

    fn object(self) -> Result<Object<'a>, Stop> {
        let Self { walk, path, from } = self;
        let Node::Object(from) = from else {
            return Err(Stop::Differs);
        };
        let (steps, kept) = (walk.steps.len(), walk.kept.len());
        walk.kept.resize(kept + from.as_slice().len(), false);
        Ok(Object {
            walk,
            path,
            from,
            next: 0,
            name: String::new(),
            steps,
            kept,
        })
    }
}

/// The methods of a serializer for what is one value of a tree.
macro_rules! leaves {
    ($($method:ident($value:ident: $type:ty) => $leaf:expr),* $(,)?) => {
        $(fn $method(self, $value: $type) -> Result<(), Stop> { self.is(&$leaf) })*
    };
}

impl<'a> Serializer for Beside<'a> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Impossible<(), Stop>;
    type SerializeTupleStruct = Impossible<(), Stop>;
    type SerializeTupleVariant = Impossible<(), Stop>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Impossible<(), Stop>;

    leaves! {
        serialize_bool(flag: bool) => Node::Bool(flag),
        serialize_i8(number: i8) => Node::Number(number.into()),
        serialize_i16(number: i16) => Node::Number(number.into()),
        serialize_i32(number: i32) => Node::Number(number.into()),
        serialize_i64(number: i64) => Node::Number(number.into()),
        serialize_u8(number: u8) => Node::Number(number.into()),
        serialize_u16(number: u16) => Node::Number(number.into()),
        serialize_u32(number: u32) => Node::Number(number.into()),
        serialize_u64(number: u64) => Node::Number(number.into()),
        serialize_f32(number: f32) => Number::from_f64(number.into()).map_or(Node::Null, Node::Number),
        serialize_f64(number: f64) => Number::from_f64(number).map_or(Node::Null, Node::Number),
        serialize_char(letter: char) => Node::Text(letter.to_string().into()),
        serialize_str(text: &str) => Node::Text(text.into()),
        serialize_unit_struct(_name: &'static str) => Node::Null,
    }

    fn serialize_none(self) -> Result<(), Stop> {
        self.is(&Node::Null)
    }
    fn serialize_unit(self) -> Result<(), Stop> {
        self.is(&Node::Null)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        value.serialize(self)
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Stop> {
        self.serialize_str(variant)
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<Items<'a>, Stop> {
        let Self { walk, path, from } = self;
        match from {
            Node::List(from) if len.is_none_or(|len| len == from.len()) => Ok(Items {
                walk,
                path,
                from,
                next: 0,
            }),
            _ => Err(Stop::Differs),
        }
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Object<'a>, Stop> {
        self.object()
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Object<'a>, Stop> {
        self.object()
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Stop> {
        Err(Stop::Differs)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Stop> {
        Err(Stop::Differs)
    }
    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Stop> {
        Err(Stop::Differs)
    }
    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Stop> {
        Err(Stop::Differs)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Stop> {
        Err(Stop::Differs)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Stop> {
        Err(Stop::Differs)
    }
}

/// Compares the items of lists of the same length.
pub(super) struct Items<'a> {
    walk: &'a mut Walk,
    path: &'a Path<'a>,
    from: &'a [Node<'a>],
    next: usize,
}

impl ser::SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let from = self.from.get(self.next).ok_or(Stop::Differs)?;
        let path = Path::Item(self.path, self.next);
        self.next += 1;
        self.walk.compare(&path, Some(from), value)
    }

    fn end(self) -> Result<(), Stop> {
        if self.next == self.from.len() {
            Ok(())
        } else {
            Err(Stop::Differs)
        }
    }
}

/// Compares the members of objects.
pub(super) struct Object<'a> {
    walk: &'a mut Walk,
    path: &'a Path<'a>,
    from: &'a Members<'a>,
    /// Which written member probably comes next: most are in both, and in the same order.
    next: usize,
    /// The name of a map's next entry.
    name: String,
    /// Where the steps for this object begin.
    steps: usize,
    /// Where the marks for the members of this object begin.
    kept: usize,
}

impl Object<'_> {
    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Stop> {
        let members = self.from.as_slice();
        let index = match members.get(self.next) {
            Some((next, _)) if next == name => Some(self.next),
            _ => self.from.position(name),
        };
        if let Some(index) = index {
            self.walk.kept[self.kept + index] = true;
            self.next = index + 1;
        }
        let path = Path::Member(self.path, name);
        let from = index.map(|index| &members[index].1);
        self.walk.compare(&path, from, value)
    }

    /// Steps are made in the order of the names, but what goes is written first.
    fn finish(self) {
        let Walk { steps, kept } = self.walk;
        let path = self.path;
        if steps.len() > self.steps + 1 {
            let level = path.to_string().len();
            steps[self.steps..].sort_by(|a, b| member(a, level).cmp(&member(b, level)));
        }
        let before = steps.len();
        let members = self.from.as_slice().iter();
        for ((name, _), _) in members
            .zip(kept.drain(self.kept..))
            .filter(|(_, kept)| !kept)
        {
            let path = Path::Member(path, name).to_string();
            steps.push(Operation::Remove { path });
        }
        let gone = steps.len() - before;
        steps[self.steps..].rotate_right(gone);
    }
}

impl ser::SerializeStruct for Object<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        self.member(name, value)
    }

    fn end(self) -> Result<(), Stop> {
        self.finish();
        Ok(())
    }
}

impl ser::SerializeMap for Object<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        /// A key as its text.
        struct Key<'a, T: ?Sized>(&'a T);
        impl<T: Serialize + ?Sized> fmt::Display for Key<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.serialize(f)
            }
        }
        self.name.clear();
        write!(self.name, "{}", Key(key)).map_err(|_| Stop::Differs)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let name = std::mem::take(&mut self.name);
        let done = self.member(&name, value);
        self.name = name;
        done
    }

    fn end(self) -> Result<(), Stop> {
        self.finish();
        Ok(())
    }
}

/// The name of the member in which a step is made, of an object whose path is so long.
fn member(step: &Operation, level: usize) -> Cow<'_, str> {
    let (Operation::Add { path, .. }
    | Operation::Remove { path }
    | Operation::Replace { path, .. }) = step;
    let name = path[level + 1..].split('/').next().unwrap_or_default();
    match name.contains('~') {
        true => name.replace("~1", "/").replace("~0", "~").into(),
        false => name.into(),
    }
}
