//! What strangers send, thrown at the code that reads it.
//!
//! A target is a function from bytes to nothing that panics when a promise does not hold: no input panics, what is
//! accepted reads back as the same, defaults are complete after one pass, an answer is one that the API knows.
//! `fuzz_targets/` makes a program of each: with `--cfg fuzzing` one that libFuzzer drives, else one that plays the
//! files it is given. `seeds/` are inputs worth starting from and inputs that once failed; a plain test plays them.
//!
//! Nothing here measures time: libFuzzer gives up an input that takes too long.

pub mod admission;
pub mod config;
pub mod duration;
pub mod image;
pub mod mutate;
pub mod name;
mod object;
pub mod quantity;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod signal;
pub mod stat;
pub mod template;
pub mod traffic;

use std::path::Path;

/// A target: its name and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by name.
pub const TARGETS: &[Target] = &[
    ("admission", admission::check),
    ("config", config::check),
    ("duration", duration::check),
    ("image", image::check),
    ("name", name::check),
    ("quantity", quantity::check),
    ("stat", stat::check),
    ("template", template::check),
    ("traffic", traffic::check),
];

/// Plays an input file; one that fails panics.
///
/// # Errors
/// If the file cannot be read.
pub fn play(check: fn(&[u8]), file: &Path) -> std::io::Result<()> {
    check(&std::fs::read(file)?);
    Ok(())
}

/// The program of a target, named after its module; `json` tells that inputs are JSON, to be changed as such.
#[macro_export]
macro_rules! target {
    ($module:ident) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(
            init: $crate::signal::use_own_stack(),
            |input: &[u8]| $crate::$module::check(input)
        );

        $crate::target!(@player $module);
    };
    ($module:ident, json) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_mutator!(
            |data: &mut [u8], size: usize, max_size: usize, seed: u32| {
                $crate::mutate::in_place(data, size, max_size, seed, $crate::$module::WORDS)
                    .unwrap_or_else(|| {
                        $crate::libfuzzer_sys::fuzzer_mutate(data, size, max_size)
                    })
            }
        );

        $crate::target!($module);
    };
    (@player $module:ident) => {
        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            for file in std::env::args_os().skip(1) {
                $crate::play($crate::$module::check, file.as_ref())?;
                println!("{} passes", file.display());
            }
            Ok(())
        }
    };
}

#[cfg(fuzzing)]
#[doc(hidden)]
pub use libfuzzer_sys;
