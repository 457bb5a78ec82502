//! Every seed passes its target, so that what a fuzzer once found stays found without one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ebb_core::config;
use ebb_fuzz::TARGETS;

#[test]
fn every_seed_passes() {
    for (name, check) in TARGETS {
        for seed in files(&format!("seeds/{name}")) {
            println!("{}", seed.display());
            ebb_fuzz::play(*check, &seed).expect("a seed can be read");
        }
    }
}

#[test]
fn every_target_has_a_program_and_seeds() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(stems("fuzz_targets"), known);
    assert_eq!(stems("seeds"), known);
    for name in &known {
        assert!(!files(&format!("seeds/{name}")).is_empty(), "{name}");
    }
    assert!(stems("dictionaries").is_subset(&known));
}

/// Without the key's own bytes a fuzzer rarely gets to the parser of its value.
#[test]
fn the_dictionary_has_every_key_of_the_config_maps() {
    let dictionary = include_str!("../dictionaries/config.dict");
    let missing: Vec<String> = config::all()
        .flat_map(|(_, keys)| keys)
        .filter(|key| !dictionary.contains(key.trim_end_matches('*')))
        .collect();
    assert_eq!(missing, [""; 0]);
}

/// The names in a directory of this package, without what follows the last dot.
fn stems(directory: &str) -> BTreeSet<String> {
    files(directory)
        .iter()
        .filter_map(|path| path.file_stem()?.to_str().map(str::to_owned))
        .collect()
}

fn files(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = std::fs::read_dir(&directory).expect("the directory is there");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the directory can be listed").path())
        .collect();
    files.sort();
    files
}
