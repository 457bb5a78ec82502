//! The metric registry of a process and its text form.
//!
//! Modules register their own metrics at start with `register(&mut Registry)`; afterwards the registry only reads.
//! Names follow OpenTelemetry with `_` for `.`, as the Prometheus exporter of upstream prints them.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
pub use prometheus_client::registry::Registry;
use prometheus_client::registry::Unit;

/// The value of `Content-Type` for [`Exposition::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bounds of duration histograms in seconds, as OpenTelemetry's HTTP conventions give them.
pub const SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Bounds of the other histograms: the default of OpenTelemetry's SDK.
pub const DEFAULT_BOUNDS: [f64; 15] = [
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0,
    10000.0,
];

/// A registry that is complete. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Exposition(Arc<Registry>);

impl Exposition {
    /// Closes `registry` and adds what the kernel knows about this process.
    pub fn new(mut registry: Registry) -> Self {
        registry.register_collector(Box::new(Process));
        Self(Arc::new(registry))
    }

    /// All metrics in the text form of OpenMetrics, which Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(4096);
        // Writing into a String cannot fail; an encoder that fails is a bug that a test of its module finds.
        if let Err(fmt::Error) = prometheus_client::encoding::text::encode(&mut text, &self.0) {
            tracing::error!("a metric cannot be encoded");
        }
        text
    }
}

/// CPU time and memory of this process, read when asked.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(usage) = Usage::read() else {
            return Ok(());
        };
        let cpu = ConstCounter::new(usage.cpu_seconds);
        let help = "CPU time used by this process, user and system.";
        cpu.encode(encoder.encode_descriptor(
            "process_cpu",
            help,
            Some(&Unit::Seconds),
            cpu.metric_type(),
        )?)?;
        let resident = ConstGauge::new(usage.resident_bytes);
        let help = "Memory of this process that is resident.";
        resident.encode(encoder.encode_descriptor(
            "process_resident_memory",
            help,
            Some(&Unit::Bytes),
            resident.metric_type(),
        )?)
    }
}

/// What `/proc/self` tells.
#[derive(Debug, PartialEq)]
struct Usage {
    cpu_seconds: f64,
    resident_bytes: i64,
}

impl Usage {
    fn read() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let memory = std::fs::read_to_string("/proc/self/statm").ok()?;
        Self::parse(&stat, &memory)
    }

    /// Fields 14 and 15 of `stat` are ticks of 10 ms; field 2 of `statm` is pages of 4 KiB. Both units hold on every
    /// platform Ebb is built for.
    fn parse(stat: &str, memory: &str) -> Option<Self> {
        // The second field is the program's name in brackets, which may contain blanks.
        let after_name = &stat[stat.rfind(')')? + 1..];
        let mut fields = after_name.split_ascii_whitespace().skip(11);
        let user: f64 = fields.next()?.parse().ok()?;
        let system: f64 = fields.next()?.parse().ok()?;
        let pages: i64 = memory.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some(Self {
            cpu_seconds: (user + system) / 100.0,
            resident_bytes: pages * 4096,
        })
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn the_text_ends_as_openmetrics_wants_and_tells_of_the_process() {
        let mut registry = Registry::default();
        let counter: Counter = Counter::default();
        registry.register("ebb_things", "Things", counter.clone());
        counter.inc();
        let text = Exposition::new(registry).text();
        assert!(text.contains("ebb_things_total 1\n"), "{text}");
        assert!(text.contains("process_resident_memory_bytes "), "{text}");
        assert!(text.contains("process_cpu_seconds_total "), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_program_name_with_blanks_is_no_trap() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 5 1000 20";
        assert_eq!(
            Usage::parse(stat, "250 20 1 1 0 1 0"),
            Some(Usage {
                cpu_seconds: 2.0,
                resident_bytes: 81920
            })
        );
    }
}
