//! Texts as Go's standard library reads and writes them.
//!
//! Users' settings, annotations and the messages about them were defined in terms of Go's
//! `strconv`, `time` and `fmt`; this reproduces the part that shows.

mod duration;
mod number;
mod text;

pub use duration::{duration, parse_duration};
pub use number::{fixed, float, parse_bool, parse_float, parse_int, parse_uint};
pub use text::{list, quote};
