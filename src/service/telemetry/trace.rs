//! Which trace a piece of work belongs to (W3C Trace Context). It must not know
//! where traces go.

use std::fmt;

use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan as _;

/// The header, and the variable of the environment, that carries a trace on.
pub const TRACEPARENT: &str = "traceparent";

/// A place in a trace: what comes from here is its child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    trace: [u8; 16],
    span: [u8; 8],
}

impl Context {
    /// The beginning of a trace of its own.
    #[must_use]
    pub fn root() -> Self {
        Self { trace: random(), span: random() }
    }

    /// A place below this one.
    #[must_use]
    pub fn child(self) -> Self {
        Self { trace: self.trace, span: random() }
    }

    /// Reads a `traceparent`; none where it is not well formed, as one that a
    /// stranger sends may be.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Later versions may have more parts.
        let is_known = match version {
            "00" => parts.next().is_none(),
            "ff" => false,
            _ => is_lower_hex(version) && version.len() == 2,
        };
        if !is_known || flags.len() != 2 || ![trace, span, flags].into_iter().all(is_lower_hex) {
            return None;
        }
        let mut context = Self { trace: [0; 16], span: [0; 8] };
        hex::decode_to_slice(trace, &mut context.trace).ok()?;
        hex::decode_to_slice(span, &mut context.span).ok()?;
        (context.trace != [0; 16] && context.span != [0; 8]).then_some(context)
    }

    /// The trace's id as hex.
    #[must_use]
    pub fn trace_id(&self) -> String {
        hex::encode(self.trace)
    }

    /// The place's id as hex.
    #[must_use]
    pub fn span_id(&self) -> String {
        hex::encode(self.span)
    }
}

/// As a `traceparent`.
impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-01", self.trace_id(), self.span_id())
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Random bytes that are not all zero, which would be no id.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness traces mix; nothing else depends on it.
    if getrandom::fill(&mut bytes).is_err() || bytes == [0; N] {
        bytes[N - 1] = 1;
    }
    bytes
}

/// Where the work at hand is in its trace; none where no traces are made.
#[must_use]
pub fn current() -> Option<Context> {
    tracing::Span::current()
        .with_subscriber(|(id, dispatch)| {
            let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
            // Spans that are not exported lie within ones that are.
            span.scope().find_map(|span| span.extensions().get::<Context>().copied())
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_place_is_carried_as_text() {
        let context = Context::parse(GIVEN).unwrap();
        assert_eq!(context.to_string(), GIVEN);
        let child = context.child();
        assert_eq!(child.trace_id(), context.trace_id());
        assert_ne!(child.span_id(), context.span_id());
        assert_ne!(Context::root().trace_id(), Context::root().trace_id());
    }

    #[test]
    fn what_strangers_send_is_checked() {
        let later = GIVEN.replacen("00", "cc", 1) + "-what-else";
        assert!(Context::parse(&later).is_some());
        for text in [
            "",
            "00",
            &GIVEN.to_uppercase(),
            &GIVEN.replacen("00", "ff", 1),
            &format!("{GIVEN}-more"),
            &GIVEN.replace("00f067aa0ba902b7", "0000000000000000"),
            &GIVEN.replace("4bf92f3577b34da6a3ce929d0e0e4736", "4bf9"),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-\n1",
        ] {
            assert_eq!(Context::parse(text), None, "{text}");
        }
    }
}
