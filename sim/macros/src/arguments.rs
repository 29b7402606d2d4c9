//! The arguments of the attribute, and the explorer that they describe.

use std::cell::RefCell;

use proc_macro::{Literal, Span, TokenStream, TokenTree};

use crate::Problem;

/// Every argument with what it takes.
const ARGUMENTS: [(&str, &str); 18] = [
    ("runs", "a number of runs"),
    ("jobs", "a number of threads, or of processes if `isolated`"),
    ("isolated", "nothing"),
    ("seed", "a number"),
    ("model", "`any` or `asyncio`"),
    ("strategy", "the name of a strategy, such as \"pct:3\""),
    ("cancel", "`never`, `random`, `everywhere` or `pairs`"),
    ("lateness", "a `Duration`"),
    ("leaks", "`report` or `fail`"),
    ("unretrieved", "`report` or `fail`"),
    ("panics", "`fail` or `join_error`"),
    ("steps", "a number of steps"),
    ("steps_at_one_instant", "a number of steps"),
    ("limits", "`Limits`"),
    ("around", "a function that is called around each run"),
    ("case", "a case, such as \"sl1.1.any.-:1@2!\""),
    ("expect_failure", "nothing, or what the message of the failure contains"),
    ("crate", "the path of seedloop, such as `::my_crate::seedloop`"),
];

/// What the arguments come to.
#[derive(Default)]
pub(crate) struct Arguments {
    /// Calls on the explorer.
    pub(crate) calls: TokenStream,
    pub(crate) cases: Vec<Literal>,
    pub(crate) expect_failure: Option<Literal>,
    /// Runs are made in processes of their own.
    pub(crate) is_isolated: bool,
    /// All as they stand, but for cases.
    pub(crate) text: String,
    steps: Option<TokenStream>,
    steps_at_one_instant: Option<TokenStream>,
}

/// The value of an argument.
struct Value {
    name: String,
    name_span: Span,
    tokens: Vec<TokenTree>,
}

impl Value {
    fn span(&self) -> Span {
        self.tokens.first().map_or(self.name_span, TokenTree::span)
    }

    fn takes(&self) -> &'static str {
        ARGUMENTS.iter().find(|(name, _)| *name == self.name).map_or("", |(_, takes)| takes)
    }

    fn wrong(&self) -> Problem {
        Problem::new(self.span(), format!("`{}` takes {}", self.name, self.takes()))
    }

    fn tokens(&self) -> Result<TokenStream, Problem> {
        match self.tokens.is_empty() {
            true => Err(self.wrong()),
            false => Ok(self.tokens.iter().cloned().collect()),
        }
    }

    /// The argument, as it stands.
    fn text(&self) -> String {
        if self.tokens.is_empty() {
            return self.name.clone();
        }
        let tokens: TokenStream = self.tokens.iter().cloned().collect();
        format!("{} = {tokens}", self.name)
    }

    /// A word, with or without quotation marks.
    fn word(&self) -> Option<String> {
        match self.tokens.as_slice() {
            [TokenTree::Ident(word)] => Some(word.to_string()),
            [TokenTree::Literal(literal)] => text_of(literal),
            _ => None,
        }
    }

    /// One of some words, as what it stands for.
    fn one_of(&self, words: &[(&str, &str)]) -> Result<TokenStream, Problem> {
        let word = self.word().ok_or_else(|| self.wrong())?;
        let (_, tokens) =
            words.iter().find(|(other, _)| *other == word).ok_or_else(|| self.wrong())?;
        Ok(parse(tokens))
    }
}

/// The text of a string literal.
pub(crate) fn text_of(literal: &Literal) -> Option<String> {
    let text = literal.to_string();
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    Some(inner.replace("\\\"", "\"").replace("\\\\", "\\"))
}

/// How the library is called where nobody says otherwise.
const OUR_ROOT: &str = "::seedloop";

thread_local! {
    /// How the library is called in the crate of the test.
    static ROOT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// How the library is called, for people.
pub(crate) fn root() -> String {
    ROOT.with_borrow(|root| root.trim_start_matches("::").replace(' ', ""))
}

/// Tokens of a text that is written here, with the library as the test's crate calls it.
pub(crate) fn parse(text: &str) -> TokenStream {
    let text = ROOT.with_borrow(|root| text.replace(OUR_ROOT, root));
    text.parse().expect("seedloop bug: its own tokens do not parse")
}

impl Arguments {
    pub(crate) fn read(tokens: TokenStream) -> Result<Self, Problem> {
        let mut arguments = Arguments::default();
        let values = values(tokens)?;
        let root = values.iter().find(|value| value.name == "crate");
        let root = root.map(|root| root.tokens().map(|path| path.to_string())).transpose()?;
        ROOT.set(root.unwrap_or_else(|| OUR_ROOT.to_owned()));
        for value in values {
            arguments.take(&value)?;
            if value.name != "case" {
                let comma = if arguments.text.is_empty() { "" } else { ", " };
                arguments.text.push_str(&format!("{comma}{}", value.text()));
            }
        }
        arguments.end();
        Ok(arguments)
    }

    fn call(&mut self, method: &str, value: TokenStream) {
        let call = parse(&format!(".{method}"));
        let group = proc_macro::Group::new(proc_macro::Delimiter::Parenthesis, value);
        self.calls.extend(call);
        self.calls.extend([TokenTree::Group(group)]);
    }

    fn take(&mut self, value: &Value) -> Result<(), Problem> {
        let fails = [("report", "false"), ("fail", "true")];
        match value.name.as_str() {
            "runs" if value.tokens().is_ok_and(|runs| runs.to_string() == "0") => {
                let text = "0 runs show nothing; leave `runs` out for 200";
                return Err(Problem::new(value.span(), text));
            }
            "jobs" if value.tokens().is_ok_and(|jobs| jobs.to_string() == "0") => {
                let text = "0 jobs make no run; leave `jobs` out for all cores";
                return Err(Problem::new(value.span(), text));
            }
            "isolated" if value.tokens.is_empty() => self.is_isolated = true,
            "isolated" => return Err(value.wrong()),
            name @ ("runs" | "jobs" | "seed" | "lateness" | "limits" | "around") => {
                let tokens = value.tokens()?;
                self.call(name, tokens);
            }
            "steps" => self.steps = Some(value.tokens()?),
            "steps_at_one_instant" => self.steps_at_one_instant = Some(value.tokens()?),
            "model" => {
                let model = value.one_of(&[
                    ("any", "::seedloop::explore::Model::AnyOrder"),
                    ("asyncio", "::seedloop::explore::Model::Asyncio"),
                ])?;
                self.call("model", model);
            }
            "cancel" => {
                let cancel = value.one_of(&[
                    ("never", "::seedloop::explore::Cancel::Never"),
                    ("random", "::seedloop::explore::Cancel::Random"),
                    ("everywhere", "::seedloop::explore::Cancel::Everywhere"),
                    ("pairs", "::seedloop::explore::Cancel::Pairs"),
                ])?;
                self.call("cancel", cancel);
            }
            "strategy" => {
                let strategy = strategy(value)?;
                self.call("strategy", strategy);
            }
            "leaks" => self.call("fail_on_leaks", value.one_of(&fails)?),
            "unretrieved" => self.call("fail_on_unretrieved", value.one_of(&fails)?),
            "panics" => {
                let join = value.one_of(&[("fail", "false"), ("join_error", "true")])?;
                self.call("panics_join", join);
            }
            "case" => match value.tokens.as_slice() {
                [TokenTree::Literal(literal)] if text_of(literal).is_some() => {
                    self.cases.push(literal.clone());
                }
                _ => return Err(value.wrong()),
            },
            "expect_failure" => match value.tokens.as_slice() {
                [] => self.expect_failure = Some(Literal::string("")),
                [TokenTree::Literal(literal)] if text_of(literal).is_some() => {
                    self.expect_failure = Some(literal.clone());
                }
                _ => return Err(value.wrong()),
            },
            // Read before all others.
            "crate" => {}
            name => {
                let names: Vec<&str> = ARGUMENTS.iter().map(|(name, _)| *name).collect();
                let text = match nearest(name, &names) {
                    Some(near) => format!("no argument is called `{name}`; did you mean `{near}`?"),
                    None => {
                        format!("no argument is called `{name}`; there are {}", names.join(", "))
                    }
                };
                return Err(Problem::new(value.name_span, text));
            }
        }
        Ok(())
    }

    /// Adds what takes several arguments.
    fn end(&mut self) {
        let fields = [
            ("steps", self.steps.take()),
            ("steps_at_one_instant", self.steps_at_one_instant.take()),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                self.call(name, value);
            }
        }
    }
}

const STRATEGIES: &str = "portfolio, fifo, random, pct, pct:<depth>, pos, urw, surw, hold, rush, \
     revisit, exhaustive:<deviations>, full, dpor";

fn strategy(value: &Value) -> Result<TokenStream, Problem> {
    let word = value.word().ok_or_else(|| value.wrong())?;
    let (name, number) = match word.split_once(':') {
        Some((name, number)) => (name, Some(number)),
        None => (word.as_str(), None),
    };
    let number = number.map(str::parse::<u32>).transpose();
    let variant = match (name, number) {
        ("portfolio", Ok(None)) => "Portfolio".to_owned(),
        ("fifo", Ok(None)) => "Fifo".to_owned(),
        ("random", Ok(None)) => "Random".to_owned(),
        ("pos", Ok(None)) => "Pos".to_owned(),
        ("urw", Ok(None)) => "Urw".to_owned(),
        ("surw", Ok(None)) => "Surw".to_owned(),
        ("hold", Ok(None)) => "Hold".to_owned(),
        ("rush", Ok(None)) => "Rush".to_owned(),
        ("revisit", Ok(None)) => "Revisit".to_owned(),
        ("full", Ok(None)) => "Full".to_owned(),
        ("dpor", Ok(None)) => "Dpor".to_owned(),
        ("pct", Ok(depth)) => format!("Pct {{ depth: {} }}", depth.unwrap_or(3).max(1)),
        ("exhaustive", Ok(Some(deviations))) => {
            format!("Exhaustive {{ deviations: {deviations} }}")
        }
        _ => {
            let text = format!("'{word}' is no strategy; there are {STRATEGIES}");
            return Err(Problem::new(value.span(), text));
        }
    };
    Ok(parse(&format!("::seedloop::explore::Strategy::{variant}")))
}

/// Splits `name = value, name, ..`.
fn values(tokens: TokenStream) -> Result<Vec<Value>, Problem> {
    let mut tokens = tokens.into_iter().peekable();
    let mut values: Vec<Value> = Vec::new();
    while let Some(token) = tokens.next() {
        let TokenTree::Ident(name) = &token else {
            let text = "an argument begins with its name, as in `runs = 1000`";
            return Err(Problem::new(token.span(), text));
        };
        let mut value =
            Value { name: name.to_string(), name_span: name.span(), tokens: Vec::new() };
        let is = |token: Option<&TokenTree>, sign| match token {
            Some(TokenTree::Punct(punct)) => punct.as_char() == sign,
            _ => false,
        };
        if is(tokens.peek(), '=') {
            tokens.next();
            while tokens.peek().is_some() && !is(tokens.peek(), ',') {
                value.tokens.extend(tokens.next());
            }
            if value.tokens.is_empty() {
                return Err(value.wrong());
            }
        }
        let known: Option<&Value> = values.iter().find(|other| other.name == value.name);
        if known.is_some() && value.name != "case" {
            let text = format!("`{}` is given twice", value.name);
            return Err(Problem::new(value.name_span, text));
        }
        values.push(value);
        match tokens.next() {
            None => break,
            Some(token) if is(Some(&token), ',') => {}
            Some(token) => {
                return Err(Problem::new(token.span(), "a comma stands between two arguments"));
            }
        }
    }
    Ok(values)
}

/// The name that somebody may have meant: it has the same letters but for one in three.
fn nearest<'a>(typed: &str, names: &[&'a str]) -> Option<&'a str> {
    let distance = |name: &str| {
        let (typed, name): (Vec<char>, Vec<char>) =
            (typed.chars().collect(), name.chars().collect());
        let mut row: Vec<usize> = (0..=name.len()).collect();
        for (i, letter) in typed.iter().enumerate() {
            let mut diagonal = std::mem::replace(&mut row[0], i + 1);
            for (j, other) in name.iter().enumerate() {
                let replaced = diagonal + usize::from(letter != other);
                diagonal = row[j + 1];
                row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
            }
        }
        row[name.len()]
    };
    let (near, name) = names.iter().map(|name| (distance(name), *name)).min()?;
    (near <= (typed.chars().count() / 3).max(1)).then_some(name)
}
