//! The function below the attribute.

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

use crate::Problem;
use crate::arguments::parse;

/// An `async fn` without parameters.
pub(crate) struct Item {
    /// Attributes and visibility.
    pub(crate) before: TokenStream,
    pub(crate) name: Ident,
    /// `-> Type`, or nothing.
    pub(crate) output: TokenStream,
    pub(crate) body: Group,
}

impl Item {
    pub(crate) fn read(tokens: TokenStream) -> Result<Self, Problem> {
        let mut tokens = tokens.into_iter().peekable();
        let mut before = Vec::new();
        let mut is_async = false;
        let function = loop {
            match tokens.next() {
                Some(TokenTree::Ident(word)) if word.to_string() == "fn" => break word,
                Some(TokenTree::Ident(word)) if word.to_string() == "async" => is_async = true,
                Some(token) => before.push(token),
                None => {
                    let text = "`#[seedloop::test]` stands above an `async fn`";
                    return Err(Problem::new(Span::call_site(), text));
                }
            }
        };
        if !is_async {
            let text = "a seedloop test is an `async fn`: add `async`, or use `Explorer::check` \
                        in a plain test";
            return Err(Problem::new(function.span(), text));
        }
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return Err(Problem::new(function.span(), "the function has no name"));
        };
        match tokens.next() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
                if let Some(parameter) = group.stream().into_iter().next() {
                    let text = "a seedloop test takes no parameters: with rstest and the like, use \
                                `Explorer::check` in a plain test";
                    return Err(Problem::new(parameter.span(), text));
                }
            }
            other => {
                let span = other.map_or_else(|| name.span(), |token| token.span());
                return Err(Problem::new(span, "a seedloop test takes no type parameters"));
            }
        }
        let mut output: Vec<TokenTree> = tokens.collect();
        match output.pop() {
            Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => {
                let (before, output) = (before.into_iter().collect(), output.into_iter().collect());
                Ok(Item { before, name, output, body })
            }
            _ => Err(Problem::new(name.span(), "the function has no body")),
        }
    }

    /// The names of what is to happen in some run, each as an expression: `sometimes!(.., "name")`,
    /// `sometimes!(condition)`, `reachable!("name")`.
    pub(crate) fn expected(&self) -> Vec<TokenStream> {
        let mut names = Vec::new();
        collect(self.body.stream(), &mut names);
        names
    }
}

fn collect(tokens: TokenStream, names: &mut Vec<TokenStream>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        collect(group.stream(), names);
        let is_macro = |name: &str| {
            matches!(
                &tokens[..index],
                [.., TokenTree::Ident(word), TokenTree::Punct(bang)]
                    if bang.as_char() == '!' && word.to_string() == name
            )
        };
        if is_macro("sometimes") || is_macro("reachable") {
            names.extend(name_of(group.stream(), is_macro("reachable")));
        }
    }
}

/// What stands behind the last comma if that is a literal; else the text of the whole condition.
fn name_of(arguments: TokenStream, is_name: bool) -> Option<TokenStream> {
    let is_comma =
        |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
    let mut arguments: Vec<TokenTree> = arguments.into_iter().collect();
    if arguments.last().is_some_and(is_comma) {
        arguments.pop();
    }
    match arguments.iter().rposition(is_comma) {
        None if !is_name => {
            let mut name = parse("::core::stringify!");
            let condition = arguments.into_iter().collect();
            name.extend([TokenTree::Group(Group::new(Delimiter::Parenthesis, condition))]);
            Some(name)
        }
        comma => match &arguments[comma.map_or(0, |comma| comma + 1)..] {
            [TokenTree::Literal(literal)] => Some(TokenTree::Literal(literal.clone()).into()),
            // Worked out by the program: it is known once it was reached.
            _ => None,
        },
    }
}
