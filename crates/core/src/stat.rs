//! What pods and activators tell the autoscaler, as it travels.
//!
//! The queue-proxy answers a scrape with one [`Stat`]; an activator, or an autoscaler replica that
//! does not own the revision, sends [`WireStatMessages`] as one binary WebSocket frame. Protocol
//! Buffers syntax 3, package `metrics`, derived by hand so that no `protoc` is needed: zero values
//! are left out on the wire and unknown fields are skipped.
//!
//! This module refuses to interpret: what a number means for the windows is `scale::collection`'s
//! business.

/// The media type of a scraped [`Stat`]. The collector accepts exactly this string, without
/// parameters.
pub const CONTENT_TYPE: &str = "application/protobuf";

/// The longest body that a scrape reads, in bytes: six doubles with tags, a pod name of up to 253
/// characters and slack. Longer answers are cut, and then fail to decode.
pub const MAX_STAT_BYTES: usize = 336;

/// One report: averages over one second, by one reporter.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Stat {
    /// The pod that reports: a revision's pod, or an activator.
    #[prost(string, tag = "1")]
    pub pod_name: String,
    /// Requests in flight, averaged over the period.
    #[prost(double, tag = "2")]
    pub average_concurrent_requests: f64,
    /// The part of `average_concurrent_requests` that came through an activator, which reports it
    /// as well.
    #[prost(double, tag = "3")]
    pub average_proxied_concurrent_requests: f64,
    /// Arrivals per second.
    #[prost(double, tag = "4")]
    pub request_count: f64,
    /// The part of `request_count` that came through an activator.
    #[prost(double, tag = "5")]
    pub proxied_request_count: f64,
    /// Seconds since the reporter started.
    #[prost(double, tag = "6")]
    pub process_uptime: f64,
    /// Unix seconds at which the first autoscaler replica received the report; 0 until then.
    #[prost(int64, tag = "7")]
    pub timestamp: i64,
}

/// A [`Stat`] and the revision that it is about.
#[derive(Clone, PartialEq, prost::Message)]
pub struct WireStatMessage {
    /// The revision's namespace.
    #[prost(string, tag = "1")]
    pub namespace: String,
    /// The revision's name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The report; a message without one is skipped by the receiver.
    #[prost(message, optional, tag = "3")]
    pub stat: Option<Stat>,
}

/// The payload of one binary WebSocket frame.
#[derive(Clone, PartialEq, prost::Message)]
pub struct WireStatMessages {
    /// In any order, any number a revision.
    #[prost(message, repeated, tag = "1")]
    pub messages: Vec<WireStatMessage>,
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn one(stat: Stat) -> WireStatMessages {
        WireStatMessages {
            messages: vec![WireStatMessage {
                namespace: "n".into(),
                name: "r".into(),
                stat: Some(stat),
            }],
        }
    }

    #[test]
    fn a_frame_has_the_bytes_that_upstream_sends() {
        let frame = one(Stat {
            pod_name: "a".into(),
            average_concurrent_requests: 1.0,
            request_count: 1.0,
            ..Stat::default()
        });
        assert_eq!(
            hex(&frame.encode_to_vec()),
            "0a1d0a016e1201721a150a016111000000000000f03f21000000000000f03f"
        );
    }

    #[test]
    fn every_field_has_its_number_and_wire_type() {
        let stat = Stat {
            pod_name: "p".into(),
            average_concurrent_requests: 2.0,
            average_proxied_concurrent_requests: 4.0,
            request_count: 8.0,
            proxied_request_count: 16.0,
            process_uptime: 32.0,
            timestamp: 300,
        };
        let bytes = stat.encode_to_vec();
        assert_eq!(
            hex(&bytes),
            concat!(
                "0a0170",
                "110000000000000040",
                "190000000000001040",
                "210000000000002040",
                "290000000000003040",
                "310000000000004040",
                "38ac02",
            )
        );
        assert_eq!(Stat::decode(bytes.as_slice()).unwrap(), stat);
    }

    #[test]
    fn an_idle_stat_is_empty_on_the_wire() {
        assert!(Stat::default().encode_to_vec().is_empty());
    }

    #[test]
    fn a_field_from_the_future_is_skipped() {
        let mut bytes = one(Stat::default()).encode_to_vec();
        bytes.extend([0x7a, 0x02, 0x01, 0x02]); // field 15, two bytes
        assert_eq!(
            WireStatMessages::decode(bytes.as_slice()).unwrap(),
            one(Stat::default())
        );
    }

    #[test]
    fn the_longest_legal_stat_fits_a_scrape() {
        let stat = Stat {
            pod_name: "p".repeat(253),
            average_concurrent_requests: f64::MAX,
            average_proxied_concurrent_requests: f64::MAX,
            request_count: f64::MAX,
            proxied_request_count: f64::MAX,
            process_uptime: f64::MAX,
            timestamp: 0,
        };
        assert!(stat.encoded_len() <= MAX_STAT_BYTES);
    }
}
