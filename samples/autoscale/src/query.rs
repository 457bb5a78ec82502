//! Numbers from a query string.

use std::str::FromStr;

use hyper::Uri;

/// The value of parameter `name`, if there is one that parses.
pub(crate) fn parameter<T: FromStr>(uri: &Uri, name: &str) -> Option<T> {
    uri.query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| value.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_missing_or_no_number_counts_as_absent() {
        let uri = Uri::from_static("/?sleep=100&prime=x&bloat=");
        assert_eq!(parameter(&uri, "sleep"), Some(100_u64));
        assert_eq!(parameter::<u64>(&uri, "prime"), None);
        assert_eq!(parameter::<u64>(&uri, "bloat"), None);
        assert_eq!(parameter::<u64>(&uri, "status"), None);
    }
}
