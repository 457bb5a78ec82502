//! A key that we know, with what has to be told about it. The tables in [`annotations`](super::annotations),
//! [`labels`](super::labels) and [`headers`](super::headers) are lists of these; `docs/compatibility.md` is made from
//! them.

/// A key of an annotation or a label, or the name of a header.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Name of the constant that holds it.
    pub constant: &'static str,
    /// All spellings, the one to write first.
    pub spellings: &'static [&'static str],
    /// What it says.
    pub meaning: &'static str,
    /// The objects that carry it, or who sends the header to whom.
    pub on: &'static str,
    /// What holds where it is absent; empty where nothing does.
    pub default: &'static str,
    /// How much of it works.
    pub status: Status,
}

/// How much works of something that users can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All that upstream does.
    Done,
    /// It is acted on, but this is missing.
    Partly(&'static str),
    /// It has no effect, or none that a user would notice, because of this.
    NotYet(&'static str),
    /// There is nothing to do for us, for this reason.
    Foreign(&'static str),
}

/// Makes the constants of a table and the table itself, so that neither can lack what the other has.
macro_rules! known {
    (
        $(#[$about:meta])* $table:ident;
        $($(#[doc = $doc:literal])+ $name:ident = $key:tt, on $on:literal, $(else $default:literal,)? $status:expr;)*
    ) => {
        $(known!(@constant [$($doc)+] $name $key);)*
        $(#[$about])*
        pub const $table: &[$crate::names::Known] = &[$($crate::names::Known {
            constant: stringify!($name),
            spellings: known!(@spellings $key),
            meaning: concat!($($doc),+),
            on: $on,
            default: concat!($($default)?),
            status: $status,
        }),*];
    };
    (@constant [$($doc:literal)+] $name:ident $key:literal) => {
        $(#[doc = $doc])+
        pub const $name: &str = $key;
    };
    (@constant [$($doc:literal)+] $name:ident [$($key:literal),+]) => {
        $(#[doc = $doc])+
        pub const $name: $crate::names::Key = $crate::names::Key::new(&[$($key),+]);
    };
    (@spellings $key:literal) => { &[$key] };
    (@spellings [$($key:literal),+]) => { &[$($key),+] };
}

pub(super) use known;
