//! Changes to an input that leave it JSON, so that what is behind the parser gets its share.
//!
//! A byte changed at random mostly breaks the syntax. Here a tree is changed instead: members come and go, values are
//! replaced by words of the API, by corner cases, or by other parts of the same tree. It is a pure function of the
//! input and the seed that libFuzzer gives.

use serde_json::{Map, Value};

/// Half of the changes are left to libFuzzer, which knows how to cross inputs and what bytes were compared with.
const OWN_SHARE: u32 = 2;
/// At most so many changes at once.
const CHANGES: usize = 4;

/// Replaces the first `size` bytes of `data` and gives the new size; `None` leaves it to libFuzzer.
#[must_use]
pub fn in_place(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
    words: &str,
) -> Option<usize> {
    if seed.is_multiple_of(OWN_SHARE) {
        return None;
    }
    let changed = changed(&data[..size], seed, &self::words(words))?;
    let fits = changed.len() <= max_size.min(data.len());
    fits.then(|| {
        data[..changed.len()].copy_from_slice(&changed);
        changed.len()
    })
}

/// The words of a dictionary in libFuzzer's form: one in double quotes on each line.
fn words(dictionary: &str) -> Vec<&str> {
    dictionary
        .lines()
        .filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'))
        .collect()
}

/// The input with some changes; `None` if it is no JSON.
fn changed(input: &[u8], seed: u32, words: &[&str]) -> Option<Vec<u8>> {
    let mut tree: Value = serde_json::from_slice(input).ok()?;
    let mut dice = Dice(u64::from(seed) << 1 | 1);
    let from = tree.clone();
    for _ in 0..=dice.below(CHANGES) {
        let at = dice.below(size(&tree));
        change(nth(&mut tree, at), &from, &mut dice, words);
    }
    serde_json::to_vec(&tree).ok()
}

/// Changes one node.
fn change(node: &mut Value, whole: &Value, dice: &mut Dice, words: &[&str]) {
    match node {
        Value::Object(fields) if dice.below(4) > 0 => change_members(fields, whole, dice, words),
        Value::Array(items) if dice.below(4) > 0 => change_items(items, whole, dice, words),
        Value::String(text) if dice.below(2) > 0 => change_text(text, dice, words),
        node => *node = value(whole, dice, words),
    }
}

fn change_members(fields: &mut Map<String, Value>, whole: &Value, dice: &mut Dice, words: &[&str]) {
    let chosen = fields.keys().nth(dice.below(fields.len().max(1))).cloned();
    match (dice.below(3), chosen) {
        (0, Some(name)) => drop(fields.remove(&name)),
        (1, Some(name)) => {
            if let Some(value) = fields.remove(&name) {
                fields.insert(word(dice, words), value);
            }
        }
        _ => drop(fields.insert(word(dice, words), value(whole, dice, words))),
    }
}

fn change_items(items: &mut Vec<Value>, whole: &Value, dice: &mut Dice, words: &[&str]) {
    let at = dice.below(items.len().max(1));
    match (dice.below(3), items.get(at).cloned()) {
        (0, Some(_)) => drop(items.remove(at)),
        (1, Some(item)) => items.insert(at, item),
        _ => items.push(value(whole, dice, words)),
    }
}

fn change_text(text: &mut String, dice: &mut Dice, words: &[&str]) {
    match dice.below(4) {
        0 => text.clear(),
        1 => text.push_str(&word(dice, words)),
        2 => drop(text.pop()),
        _ => *text = word(dice, words),
    }
}

/// A value to put somewhere: small and odd, a word, or a part of the tree itself.
fn value(whole: &Value, dice: &mut Dice, words: &[&str]) -> Value {
    const NUMBERS: [i64; 12] = [
        0,
        1,
        -1,
        2,
        50,
        99,
        100,
        8012,
        65_536,
        i32::MAX as i64,
        i64::MAX,
        i64::MIN,
    ];
    match dice.below(8) {
        0 => Value::Null,
        1 => Value::Bool(dice.below(2) > 0),
        2 => NUMBERS[dice.below(NUMBERS.len())].into(),
        3 => Value::Array(vec![Value::Object(Map::new())]),
        4 => Value::Object(
            [(word(dice, words), word(dice, words).into())]
                .into_iter()
                .collect(),
        ),
        5 => {
            let mut tree = whole.clone();
            let at = dice.below(size(&tree));
            nth(&mut tree, at).take()
        }
        _ => word(dice, words).into(),
    }
}

fn word(dice: &mut Dice, words: &[&str]) -> String {
    let at = dice.below(words.len().max(1));
    words.get(at).copied().unwrap_or_default().to_owned()
}

/// How many nodes a tree has.
fn size(tree: &Value) -> usize {
    1 + match tree {
        Value::Object(fields) => fields.values().map(size).sum(),
        Value::Array(items) => items.iter().map(size).sum::<usize>(),
        _ => 0,
    }
}

/// The node that stands in this place when parents are counted before their children.
fn nth(tree: &mut Value, at: usize) -> &mut Value {
    if at == 0 {
        return tree;
    }
    let mut at = at - 1;
    // Looked for by place first: the borrow of a child that is passed over must end.
    let place = match &*tree {
        Value::Object(fields) => place(fields.values(), &mut at),
        Value::Array(items) => place(items.iter(), &mut at),
        _ => None,
    };
    match (tree, place) {
        (Value::Object(fields), Some(place)) => {
            nth(fields.values_mut().nth(place).expect("it was counted"), at)
        }
        (Value::Array(items), Some(place)) => nth(&mut items[place], at),
        (tree, _) => tree,
    }
}

/// Which child holds the node, and what is left to count within it.
fn place<'a>(children: impl Iterator<Item = &'a Value>, at: &mut usize) -> Option<usize> {
    for (place, child) in children.enumerate() {
        let size = size(child);
        if *at < size {
            return Some(place);
        }
        *at -= size;
    }
    None
}

/// Numbers that follow from a seed (xorshift), since the same seed must give the same change.
struct Dice(u64);

impl Dice {
    /// A number below `end`, which is not zero.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &[&str] = &["spec", "name"];

    #[test]
    fn what_comes_out_is_json_and_differs_in_most_cases() {
        let input = br#"{"a":[1,{"b":"c"},[]],"d":null}"#;
        let outputs: std::collections::BTreeSet<_> = (0..1000)
            .map(|seed| changed(input, seed, WORDS).expect("the input is JSON"))
            .collect();
        assert!(outputs.len() > 500, "{}", outputs.len());
        for output in outputs {
            serde_json::from_slice::<Value>(&output).expect("the output is JSON");
        }
    }

    #[test]
    fn every_node_is_found_once() {
        let mut tree = serde_json::json!({"a": [1, {"b": 2}], "c": 3});
        assert_eq!(size(&tree), 6);
        let found: Vec<String> = (0..6).map(|at| nth(&mut tree, at).to_string()).collect();
        assert_eq!(found[1..], [r#"[1,{"b":2}]"#, "1", r#"{"b":2}"#, "2", "3"]);
    }

    #[test]
    fn what_is_too_long_or_no_json_is_left_to_libfuzzer() {
        let mut data = *b"{\"a\":1}    ";
        assert_eq!(in_place(&mut data, 11, 0, 1, ""), None);
        assert_eq!(in_place(&mut [b'{'], 1, 100, 1, ""), None);
        assert_eq!(
            in_place(&mut data, 11, 100, 0, ""),
            None,
            "every second one"
        );
    }

    #[test]
    fn a_dictionary_is_read_as_libfuzzer_reads_it() {
        assert_eq!(words("# note\n\"a\"\n\n\"b c\"\n"), ["a", "b c"]);
    }
}
