//! Finds words and paths in Rust source, which is all that the rules of [`super`] need of it.

/// Returns `text` with spaces in place of comments and literals, each line where it was.
pub(crate) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let skipped = skipped_chars(&chars[at..]).min(chars.len() - at);
        code.extend(chars[at..at + skipped].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        if skipped == 0 {
            code.push(chars[at]);
        }
        at += skipped.max(1);
    }
    code
}

/// Returns every position of `word` that is a whole word.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        !code[..*at].ends_with(is_word) && !code[*at + word.len()..].starts_with(is_word)
    })
}

/// Returns the first name after `root::` in every path, with its position; of a group
/// `root::{a, b::{c, d}}` those of its members, here `a` and `b`.
pub(crate) fn heads<'a>(code: &'a str, root: &str) -> Vec<(usize, &'a str)> {
    let mut heads = Vec::new();
    for at in words(code, root) {
        let Some(path) = code[at + root.len()..].strip_prefix("::") else {
            continue;
        };
        let start = code.len() - path.len();
        if !path.starts_with('{') {
            heads.push((start, name_at(path)));
            continue;
        }
        let (mut depth, mut expected) = (0, false);
        for (offset, char) in path.char_indices() {
            match char {
                '{' => (depth, expected) = (depth + 1, depth == 0),
                '}' if depth == 1 => break,
                '}' => depth -= 1,
                ',' => expected = depth == 1,
                _ if expected && !char.is_whitespace() => {
                    heads.push((start + offset, name_at(&path[offset..])));
                    expected = false;
                }
                _ => {}
            }
        }
    }
    heads
}

/// Returns the word that `code` starts with, or the one sign that is there instead, such as `*`.
fn name_at(code: &str) -> &str {
    let end = code.find(|char| !is_word(char)).unwrap_or(code.len());
    &code[..end.max(code.chars().next().map_or(0, char::len_utf8))]
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Returns the length of the comment or literal that `chars` starts with, or 0.
fn skipped_chars(chars: &[char]) -> usize {
    match chars {
        ['/', '/', ..] => chars.iter().take_while(|c| **c != '\n').count(),
        ['/', '*', ..] => block_comment_chars(chars),
        ['"', ..] => 1 + quoted_chars(&chars[1..], '"'),
        ['\'', '\\', ..] => 1 + quoted_chars(&chars[1..], '\''),
        ['\'', _, '\'', ..] => 3,
        // The prefix of a raw string, plain or after a `b` or `c`. A raw name has no quote.
        ['r', '"' | '#', ..] => {
            let hashes = chars[1..].iter().take_while(|c| **c == '#').count();
            let open = 1 + hashes;
            let close: Vec<char> = format!("\"{}", "#".repeat(hashes)).chars().collect();
            if chars.get(open) != Some(&'"') {
                return 0;
            }
            let body = chars[open + 1..].windows(close.len()).take_while(|w| *w != close).count();
            open + 1 + body + close.len()
        }
        _ => 0,
    }
}

/// Returns the number of chars up to and including the closing quote.
fn quoted_chars(chars: &[char], quote: char) -> usize {
    let mut at = 0;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// Returns the length of a block comment, with those nested in it.
fn block_comment_chars(chars: &[char]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while at < chars.len() && depth > 0 {
        (at, depth) = match chars[at..] {
            ['/', '*', ..] => (at + 2, depth + 1),
            ['*', '/', ..] => (at + 2, depth - 1),
            _ => (at + 1, depth),
        };
    }
    at
}

#[test]
fn comments_and_literals_are_blank() {
    let check = |text: &str, expected: &str| assert_eq!(code_only(text), expected, "of {text}");
    check("a // b\nc", "a     \nc");
    check("a /* b /* c */ d */ e", "a                   e");
    check("a /* b\n */ c", "a     \n    c");
    check(r#"a "b \" c" d"#, "a          d");
    check("a \"b\n// c\" d", "a   \n      d");
    check("a r#\"b \"c\"# d", "a           d");
    check("a br\"\\\" b", "a b     b");
    check("r#type r", "r#type r");
    check(r"'a' '\'' '\u{1F600}' 'é' b", "                         b");
    check("<'a, 'static> &'b str", "<'a, 'static> &'b str");
    check("a \"open", "a      ");
}

#[test]
fn heads_of_paths_and_groups() {
    let check = |code: &str, expected: &[&str]| {
        let found: Vec<&str> = heads(code, "crate").into_iter().map(|(_, head)| head).collect();
        assert_eq!(found, expected, "of {code}");
    };
    check("crate::a::b(crate::c)", &["a", "c"]);
    check("use crate::{\n    a::{b, c::{d, e}},\n    f as g, h,\n};", &["a", "f", "h"]);
    check("use crate::*; use crate::{self}; use crate::{}", &["*", "self"]);
    check("pub(in crate::a) x, pub(crate) y, my_crate::z, crate_::z", &["a"]);
    check("use {crate::a::x, crate::{b, c}};", &["a", "b", "c"]);
}
