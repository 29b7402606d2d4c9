//! Puts what is logged into the record of the run.

use std::fmt;

use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::At;
use crate::base::{LogEntry, Place};
use crate::event_loop::{try_with_idle, with};

/// A layer that puts what is logged into the record of the run, between the other events.
///
/// A run is recorded when somebody will look at it: the replay of a failure,
/// [`Simulation::record`](crate::Simulation::record), `seedloop trace`. In others the layer does
/// nothing, so that logging costs an exploration next to nothing. There is one in each recorded run
/// unless a subscriber is set already, up to the level `DEBUG`; see [the module](crate::tracing).
///
/// What a `Debug` of a field does runs in the middle of the step that logs it.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Layer {}

/// Returns a [`Layer`].
///
/// ```
/// use tracing_subscriber::prelude::*;
///
/// let subscriber = tracing_subscriber::registry().with(seedloop::tracing::layer());
/// # let _ = subscriber;
/// ```
pub fn layer() -> Layer {
    Layer {}
}

/// The fields of a span, as they are shown.
struct Shown(String);

impl<S> tracing_subscriber::Layer<S> for Layer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let at = At::current();
        // One that begins before the run may be entered in it.
        let is_shown = at.is_none() || is_recording();
        let shown = is_shown.then(|| Shown(shown(attributes)));
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        // Another layer of this kind may have been there.
        if let Some(shown) = shown {
            drop(extensions.replace(shown));
        }
        if let Some(at) = at {
            drop(extensions.replace(at));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let more = match context.span(id) {
            Some(span) if span.extensions().get::<Shown>().is_some() => shown(values),
            _ => return,
        };
        let Some(span) = context.span(id) else { return };
        if let Some(Shown(fields)) = span.extensions_mut().get_mut() {
            let space = if fields.is_empty() || more.is_empty() { "" } else { " " };
            fields.push_str(space);
            fields.push_str(&more);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if !is_recording() {
            return;
        }
        let metadata = event.metadata();
        let mut text = String::new();
        let spans = context.event_scope(event).into_iter().flat_map(|scope| scope.from_root());
        for span in spans {
            text.push_str(span.name());
            if let Some(Shown(fields)) = span.extensions().get()
                && !fields.is_empty()
            {
                text.push_str(&format!("{{{fields}}}"));
            }
            text.push(':');
        }
        let space = if text.is_empty() { "" } else { " " };
        text.push_str(&format!("{space}{}: {}", metadata.target(), shown(event)));
        let entry = LogEntry { level: word(metadata.level()), text };
        with(|core| core.log(entry, place(metadata)));
    }
}

/// A policy that logs does so in the middle of the loop's own work: that is in no record.
fn is_recording() -> bool {
    try_with_idle(|core| core.session.is_recording()).unwrap_or(false)
}

/// What is logged, as the library shows it that logs to a terminal. A field that cannot be shown
/// is left out with those behind it.
fn shown(fields: impl RecordFields) -> String {
    let mut text = String::new();
    let _: fmt::Result = DefaultFields::new().format_fields(Writer::new(&mut text), fields);
    text
}

fn word(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        _ => "TRACE",
    }
}

fn place(metadata: &'static Metadata<'static>) -> Option<Place> {
    Some(Place { file: metadata.file()?, line: metadata.line()? })
}
