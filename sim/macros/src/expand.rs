//! From the attribute and its function to a test.

use proc_macro::{Delimiter, Group, Literal, TokenStream, TokenTree};

use crate::Problem;
use crate::arguments::{Arguments, parse, root};
use crate::item::Item;

/// Makes the test:
///
/// ```text
/// #[test]
/// fn name() {
///     async fn name() { .. }
///     run_test(&Test { .. }, Explorer::new().., name)
/// }
/// ```
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream, Problem> {
    let arguments = Arguments::read(arguments)?;
    let item = Item::read(item)?;
    let mut inner = parse("async fn");
    inner.extend([TokenTree::Ident(item.name.clone())]);
    inner.extend(parse("()"));
    inner.extend(item.output.clone());
    inner.extend([TokenTree::Group(item.body.clone())]);
    inner.extend(parse("::seedloop::testing::run_test"));
    inner.extend([parenthesised(call(&arguments, &item))]);
    let mut test = parse("#[::core::prelude::v1::test]");
    test.extend(item.before);
    test.extend(parse("fn"));
    test.extend([TokenTree::Ident(item.name)]);
    test.extend(parse("()"));
    test.extend([TokenTree::Group(Group::new(Delimiter::Brace, inner))]);
    Ok(test)
}

fn parenthesised(tokens: TokenStream) -> TokenTree {
    TokenTree::Group(Group::new(Delimiter::Parenthesis, tokens))
}

/// The arguments of `run_test`.
fn call(arguments: &Arguments, item: &Item) -> TokenStream {
    let mut fields = parse(
        "package: ::core::env!(\"CARGO_PKG_NAME\"), \
         target: ::seedloop::testing::Target { \
             name: ::core::env!(\"CARGO_CRATE_NAME\"), \
             binary: ::core::option_env!(\"CARGO_BIN_NAME\"), \
             is_integration: ::core::option_env!(\"CARGO_TARGET_TMPDIR\").is_some(), \
         }, \
         module: ::core::module_path!(), \
         file: ::core::file!(), \
         folder: ::core::env!(\"CARGO_MANIFEST_DIR\"), \
         aborts: ::core::cfg!(panic = \"abort\"),",
    );
    fields.extend(parse("function:"));
    fields.extend([TokenTree::Literal(Literal::string(&item.name.to_string()))]);
    fields.extend(parse(", arguments:"));
    fields.extend([TokenTree::Literal(Literal::string(&arguments.text))]);
    fields.extend(parse(", attribute:"));
    fields.extend([TokenTree::Literal(Literal::string(&format!("{}::test", root())))]);
    fields.extend(parse(", expect_failure:"));
    match &arguments.expect_failure {
        None => fields.extend(parse("::core::option::Option::None")),
        Some(text) => {
            fields.extend(parse("::core::option::Option::Some"));
            fields.extend([parenthesised(TokenTree::Literal(text.clone()).into())]);
        }
    }
    let isolated = format!(", is_isolated: {}", arguments.is_isolated);
    fields.extend(parse(&isolated));
    fields.extend(parse(", cases: &"));
    let mut cases = TokenStream::new();
    for case in &arguments.cases {
        cases.extend([TokenTree::Literal(case.clone())]);
        cases.extend(parse(","));
    }
    fields.extend([TokenTree::Group(Group::new(Delimiter::Bracket, cases))]);
    let mut call = parse("&::seedloop::testing::Test");
    call.extend([TokenTree::Group(Group::new(Delimiter::Brace, fields))]);
    call.extend(parse(", ::seedloop::explore::Explorer::new()"));
    call.extend(arguments.calls.clone());
    for name in item.expected() {
        call.extend(parse(".expect"));
        call.extend([parenthesised(name)]);
    }
    call.extend(parse(","));
    call.extend([TokenTree::Ident(item.name.clone())]);
    call
}
