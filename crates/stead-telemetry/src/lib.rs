//! Logging: tracing set-up and its sinks.
