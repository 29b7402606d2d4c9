//! The edges of the language: what is valid there gives CPython's trace, what is not is refused by
//! both sides, and our error says what is wrong and where.

use serde_json::Value as Json;

use super::corpus;
use scenarios::conform::conform;

/// Our answer to a line of input.
fn answer(line: &[u8]) -> String {
    let mut answer = Vec::new();
    conform(line, &mut answer).expect("a vector takes everything");
    String::from_utf8(answer).expect("answers are UTF-8")
}

fn name(answer: &str) -> Json {
    let json: Json = serde_json::from_str(answer).expect("answers are JSON");
    json["name"].clone()
}

#[test]
fn edges_are_valid_and_malformed_as_for_the_oracle() {
    let edges = corpus::edges().expect("the corpus can be read");
    corpus::replay(&edges).unwrap_or_else(|differences| panic!("{differences}"));
}

#[test]
fn the_answer_has_the_name_that_the_oracle_finds() {
    for case in corpus::edges().expect("the corpus can be read") {
        let ours = answer(format!("{}\n", case.program).as_bytes());
        let recorded = name(&case.answer);
        // In a broken line the oracle finds it only at the beginning.
        assert!(recorded.is_null() || name(&ours) == recorded, "{ours}");
    }
}

/// Compares the answer to a malformed line.
#[track_caller]
fn check(line: impl AsRef<[u8]>, name: Option<&str>, error: &str) {
    let expected = serde_json::json!({ "name": name, "error": error });
    let seen = answer(line.as_ref());
    let seen: Json = serde_json::from_str(&seen).expect("answers are JSON");
    assert_eq!(seen, expected);
}

/// Compares the error of a program with this `main`.
#[track_caller]
fn check_main(main: &str, error: &str) {
    check(format!(r#"{{"name": "p", "coros": {{"main": {main}}}}}"#), Some("p"), error);
}

#[test]
fn a_broken_line_says_where_and_keeps_the_name() {
    check(r#"{"name": "é", "coros": }"#, Some("é"), "not JSON: expected a value at column 24");
    check(r#"{"name": "p""#, Some("p"), "not JSON: expected a comma or } at column 13");
    check(r#"{"name": "p"} {}"#, Some("p"), "not JSON: trailing characters at column 15");
    check(r#"{"name": "p"#, None, "not JSON: a string without end at column 12");
    check("{\"name\": \"p\n", None, "not JSON: a string without end at column 12");
    check("{\"name\": \"p\r", None, "not JSON: a control character in a string at column 12");
    check(
        r#"{"name": "p", "x": 01}"#,
        Some("p"),
        "not JSON: a number with a leading zero at column 22",
    );
    check(
        r#"{"name": "p", "x": "\ud800"}"#,
        Some("p"),
        "not JSON: half of a surrogate pair at column 23",
    );
    check(
        b"{\"name\": \"p\", \"x\": \"\xff\"}",
        Some("p"),
        "not UTF-8: invalid utf-8 sequence of 1 bytes from index 20",
    );
    check("\u{feff}{\"name\": \"p\"}", Some("p"), "missing field \"coros\"");
    check("[]", None, "expected an object, found a list");
}

#[test]
fn a_number_that_is_none_says_where() {
    check_main(
        r#"[{"op": "return", "value": NaN}]"#,
        "coros.main[0].value: expected null, true, false, a number or a string, found NaN",
    );
    check_main(
        r#"[{"op": "sleep", "t": -Infinity}]"#,
        "coros.main[0].t: expected a whole number from 0, found -Infinity",
    );
    check_main(
        r#"[{"op": "sleep", "t": 1.0}]"#,
        "coros.main[0].t: expected a whole number from 0, found 1.0",
    );
    check_main(
        &format!(r#"[{{"op": "sleep", "t": {}}}]"#, "9".repeat(5_000)),
        "coros.main[0].t: expected a whole number from 0, found a long number",
    );
}

#[test]
fn a_long_name_is_not_repeated() {
    let (name, shown) = ("é".repeat(300_000), "é".repeat(40));
    let error = format!("coros.main[0].op: unknown op \"{shown}\"..");
    check_main(&format!(r#"[{{"op": "{name}"}}]"#), &error);
    let error = format!("coros.main[0].coro: there is no coroutine \"{shown}\"..");
    check_main(&format!(r#"[{{"op": "call", "coro": "{name}"}}]"#), &error);
}

#[test]
fn of_equal_keys_the_last_one_counts() {
    let error = "coros.main[0].t: expected a whole number from 0, found \"last\"";
    check_main(r#"[{"op": "sleep", "t": 1, "t": "last"}]"#, error);
    check_main(r#"[{"t": 1, "op": "log", "t": "last", "op": "sleep"}]"#, error);
    check_main(
        r#"[{"op": "sleep", "x": 1, "t": 1}]"#,
        "coros.main[0]: unknown field \"x\" of sleep",
    );
}

#[test]
fn a_time_beyond_the_clock_says_who_waits() {
    let error = "main/k: the time is up at tick 18000000000";
    let main = r#"[{"op": "call", "coro": "k"}]"#;
    let k = r#"[{"op": "sleep", "t": 9000000000}, {"op": "sleep", "t": 90000000000000000000000}]"#;
    let line = format!(r#"{{"name": "p", "coros": {{"main": {main}, "k": {k}}}}}"#);
    check(line, Some("p"), error);
}

#[test]
fn what_nests_too_deep_says_so() {
    let blocks = |count: usize| {
        let (open, close) = (r#"[{"op": "repeat", "n": 1, "body": "#, "}]");
        format!("{}[]{}", open.repeat(count), close.repeat(count))
    };
    check_main(&blocks(501), "coros.main: blocks nest deeper than 500 levels");
    check_main(&blocks(20_000), "lists and objects nest deeper than 2016 levels");
    check_main(
        r#"[{"op": "call", "coro": "main"}]"#,
        "calls nest deeper than 500 levels, the last of main",
    );
}

#[test]
fn a_callback_that_has_to_wait_says_where_it_waits() {
    let acquire = r#"{"op": "acquire", "var": "l"}"#;
    check_main(
        &format!(
            r#"[{{"op": "new", "kind": "Lock", "var": "l"}}, {acquire},
                {{"op": "call_soon", "tag": "c", "do": {acquire}}}, {{"op": "sleep", "t": 1}}]"#
        )
        .replace('\n', " "),
        "loop: the callback has to wait in acquire",
    );
}
