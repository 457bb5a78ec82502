//! A tree of JSON that borrows its text from wherever it was read from.
//!
//! It is for reading a large object once and looking at it several times. It is not for changing: what is put
//! together here is a `serde_json::Value`.

mod read;

use std::borrow::Cow;

use serde_json::Number;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Node<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number; whether it was written as a whole one is kept.
    Number(Number),
    /// A text, borrowed unless it was written with escapes.
    Text(Cow<'a, str>),
    /// The items of a list.
    List(Box<[Node<'a>]>),
    /// The members of an object.
    Object(Members<'a>),
}

/// The members of an object, sorted by name. Of several with the same name the last one counts, as in Go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members<'a>(Box<[Member<'a>]>);

/// A name and its value.
pub type Member<'a> = (Cow<'a, str>, Node<'a>);

impl<'a> Node<'a> {
    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// Whether it says nothing: it is `null`, or a list or object without anything in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::List(items) => items.is_empty(),
            Self::Object(members) => members.0.is_empty(),
            Self::Bool(_) | Self::Number(_) | Self::Text(_) => false,
        }
    }

    /// The member of this name, if it is an object that has one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            _ => None,
        }
    }

    /// How many items the lists in it have, however deep they are.
    #[must_use]
    pub fn items(&self) -> usize {
        match self {
            Self::List(items) => items.len() + items.iter().map(Self::items).sum::<usize>(),
            Self::Object(members) => members.0.iter().map(|(_, value)| value.items()).sum(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => 0,
        }
    }

    /// The item at this place, if it is a list that is so long.
    #[must_use]
    pub fn item(&self, index: usize) -> Option<&Self> {
        match self {
            Self::List(items) => items.get(index),
            _ => None,
        }
    }
}

impl<'a> Members<'a> {
    /// Brings members in the order of an object.
    fn new(mut members: Vec<Member<'a>>) -> Self {
        // Most programs write them in order.
        if !members.is_sorted_by(|(a, _), (b, _)| a < b) {
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            members.dedup_by(|later, earlier| {
                let is_same = later.0 == earlier.0;
                if is_same {
                    std::mem::swap(later, earlier);
                }
                is_same
            });
        }
        Self(members.into_boxed_slice())
    }

    /// The members in the order of their names.
    #[must_use]
    pub fn as_slice(&self) -> &[Member<'a>] {
        &self.0
    }

    /// Where the member of this name stands.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0
            .binary_search_by(|(other, _)| other.as_ref().cmp(name))
            .ok()
    }

    /// The member of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node<'a>> {
        self.position(name).map(|index| &self.0[index].1)
    }
}
