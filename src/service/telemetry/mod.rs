//! What the server and its workers say of themselves: numbers for Prometheus,
//! traces for a collector, fields of the log. It must not know what a request
//! asks for, nor how a job is computed.

pub mod fields;
pub mod listen;
pub mod metrics;
pub mod otlp;
pub mod snapshot;
pub mod trace;
