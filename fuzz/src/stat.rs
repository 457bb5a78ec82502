//! Reports from pods and activators: what is decoded is encoded to the same meaning.

use ebb_core::stat::{Stat, WireStatMessages};
use prost::Message;

/// Reads the input as a scraped report and as a frame of the websocket.
///
/// # Panics
/// If a message that was read is not the same after it is written and read again.
pub fn check(input: &[u8]) {
    survives::<Stat>(input);
    survives::<WireStatMessages>(input);
}

fn survives<M: Message + Default + std::fmt::Debug>(input: &[u8]) {
    if let Ok(message) = M::decode(input) {
        let bytes = message.encode_to_vec();
        assert!(bytes.len() <= input.len() * 4, "{message:?}");
        let again = M::decode(bytes.as_slice()).map(|again| again.encode_to_vec());
        // Bytes, since a report may hold a number that is not equal to itself.
        assert_eq!(again, Ok(bytes));
    }
}
