//! The stack of a panic, without what is nobody's own.

use std::path::Path;

/// Where the standard library was built.
const RUSTC: &str = "/rustc/";

/// What is in the paths of its sources, where they were fetched, and of what cargo has fetched.
const FOREIGN_PLACES: [&str; 3] = ["/rustlib/src/rust/", "/registry/src/", "/git/checkouts/"];

/// Where this library is.
const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");

/// What a frame begins with that is nobody's own, where its place is not known or tells nothing:
/// the loop, and what runs below every test.
const FOREIGN_FRAMES: [&str; 13] = [
    "seedloop::",
    "core::",
    "std::",
    "alloc::",
    "async_task::",
    "tracing_core::",
    "futures_lite::",
    "test::",
    "__",
    "rust_",
    "_start",
    "clone",
    "start_thread",
];

/// The frames of the user's own code in a stack, whose places count from the folder `here`; all of
/// them if there is none. Dozens of others stand around each.
pub(super) fn own_frames(stack: &str, here: &Path) -> String {
    let mut frames: Vec<Vec<&str>> = Vec::new();
    for line in stack.lines() {
        match frames.last_mut() {
            Some(frame) if symbol_of(line).is_none() => frame.push(line),
            _ => frames.push(vec![line]),
        }
    }
    let is_own = |frame: &&Vec<&str>| {
        let mut places = frame.iter().filter_map(|line| line.trim_start().strip_prefix("at "));
        symbol_of(frame[0]).is_some_and(|symbol| !is_foreign_symbol(symbol))
            && !places.any(|place| is_foreign_place(place, here))
    };
    let own: Vec<&str> = frames.iter().filter(is_own).flatten().copied().collect();
    match own.is_empty() {
        true => stack.to_owned(),
        false => own.join("\n"),
    }
}

/// What stands behind the number with which a frame begins.
fn symbol_of(line: &str) -> Option<&str> {
    let (number, symbol) = line.trim_start().split_once(": ")?;
    number.parse::<u32>().is_ok().then_some(symbol)
}

fn is_foreign_symbol(symbol: &str) -> bool {
    let symbol = symbol.trim_start_matches(['<', '&', '[', '(']);
    FOREIGN_FRAMES.iter().any(|foreign| symbol.starts_with(foreign))
}

/// With little debug information the names of frames have no paths: `{closure#0}`, `do_call<..>`.
fn is_foreign_place(place: &str, here: &Path) -> bool {
    let whole = match place.strip_prefix("./") {
        Some(inside) => here.join(inside).to_string_lossy().into_owned(),
        None => place.to_owned(),
    };
    let plain = whole.replace('\\', "/");
    plain.starts_with(RUSTC)
        || plain.starts_with(&LIBRARY.replace('\\', "/"))
        || FOREIGN_PLACES.iter().any(|foreign| plain.contains(foreign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_shows_what_is_the_users() {
        let stack = "   0: std::backtrace::Backtrace::force_capture\n\
                     \x20  1: <core::future::Ready<T> as core::future::Future>::poll\n\
                     \x20            at /rustc/5980/library/core/src/future.rs:1:1\n\
                     \x20  2: app::lost::{{closure}}\n\
                     \x20            at ./tests/app.rs:14:5\n\
                     \x20  3: seedloop::task::body::Body::poll";
        let own = "   2: app::lost::{{closure}}\n             at ./tests/app.rs:14:5";
        let here = Path::new("/home/ann/app");
        assert_eq!(own_frames(stack, here), own);
        assert_eq!(own_frames("   0: core::one", here), "   0: core::one");
    }

    /// As with `debug = "line-tables-only"`, where names have no paths.
    #[test]
    fn a_stack_of_bare_names_shows_what_is_at_a_place_of_the_users() {
        let library = env!("CARGO_MANIFEST_DIR");
        let frames = [
            ("begin_panic_handler", "/rustc/5980/library/std/src/panicking.rs:689:5".to_owned()),
            ("{async_block#0}", "./src/lib.rs:14:5".to_owned()),
            (
                "poll<()>",
                "/home/ann/.cargo/registry/src/x-1/async-task-4/src/raw.rs:5:1".to_owned(),
            ),
            ("do_call<fn(), ()>", "/rustc/5980/library/std/src/panicking.rs:1:1".to_owned()),
            ("{closure#0}", format!("{library}/src/task/body.rs:7:9")),
            ("lost", "/home/ann/app/tests/lost.rs:3:1".to_owned()),
        ];
        let told = |(number, (symbol, place)): (usize, &(&str, String))| {
            format!("   {number}: {symbol}\n             at {place}\n")
        };
        let mut stack: String = frames.iter().enumerate().map(told).collect();
        stack.push_str("   6: start_thread");
        let own = "   1: {async_block#0}\n             at ./src/lib.rs:14:5\n\
                   \x20  5: lost\n             at /home/ann/app/tests/lost.rs:3:1";
        assert_eq!(own_frames(&stack, Path::new("/home/ann/app")), own);
        // The library's own tests run where it is.
        let inside = stack.replace(&format!("at {library}/src/task"), "at ./src/task");
        let inside = inside.replace("./src/lib.rs", "/home/ann/app/src/lib.rs");
        let told = own_frames(&inside, Path::new(library));
        assert_eq!(told, own.replace("./src/lib.rs", "/home/ann/app/src/lib.rs"));
    }
}
