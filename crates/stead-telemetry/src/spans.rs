//! What spans say, kept with them until an event within tells it.
//!
//! Each sink keeps fields of a type of its own, in the words of where it writes.

use tracing::Subscriber;
use tracing::field::Visit;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Keeps the fields that a span begins with.
pub(crate) fn begin<F, S>(attributes: &Attributes<'_>, id: &Id, context: &Context<'_, S>)
where
    F: Default + Visit + Send + Sync + 'static,
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if let Some(span) = context.span(id) {
        let mut fields = F::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }
}

/// Adds fields that come later.
pub(crate) fn add<F, S>(record: &Record<'_>, id: &Id, context: &Context<'_, S>)
where
    F: Visit + Send + Sync + 'static,
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if let Some(span) = context.span(id)
        && let Some(fields) = span.extensions_mut().get_mut::<F>()
    {
        record.record(fields);
    }
}
