//! The attribute of seedloop's tests; use it as `seedloop::test`, where it is described.
//!
//! Written on `proc_macro` alone: what it has to read is an argument list and the head of a
//! function, and every test crate would wait for the parser of a whole language.

mod arguments;
mod expand;
mod item;

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// Makes a test of an `async fn`.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    match expand::expand(arguments, item) {
        Ok(test) => test,
        Err(problem) => problem.into_tokens(),
    }
}

/// Something wrong, at the token that the compiler is to show.
pub(crate) struct Problem {
    span: Span,
    text: String,
}

impl Problem {
    pub(crate) fn new(span: Span, text: impl Into<String>) -> Self {
        Problem { span, text: text.into() }
    }

    /// `::core::compile_error! { "text" }`, at the place.
    fn into_tokens(self) -> TokenStream {
        let span = self.span;
        let colon = |spacing| {
            let mut colon = Punct::new(':', spacing);
            colon.set_span(span);
            TokenTree::Punct(colon)
        };
        let mut bang = Punct::new('!', Spacing::Alone);
        bang.set_span(span);
        let mut text = Literal::string(&self.text);
        text.set_span(span);
        let mut group = Group::new(Delimiter::Brace, TokenTree::Literal(text).into());
        group.set_span(span);
        TokenStream::from_iter([
            colon(Spacing::Joint),
            colon(Spacing::Alone),
            Ident::new("core", span).into(),
            colon(Spacing::Joint),
            colon(Spacing::Alone),
            Ident::new("compile_error", span).into(),
            bang.into(),
            group.into(),
        ])
    }
}
