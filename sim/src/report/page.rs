//! The page: its parts, put together.

/// Where the parts go.
const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");

/// The script, in the order in which its parts stand in the page.
const SCRIPT: [&str; 8] = [
    include_str!("page/trace.js"),
    include_str!("page/words.js"),
    include_str!("page/scene.js"),
    include_str!("page/draw.js"),
    include_str!("page/detail.js"),
    include_str!("page/graph.js"),
    include_str!("page/events.js"),
    include_str!("page/main.js"),
];

/// The page of the runs that stand in the lines.
pub(super) fn page(name: &str, lines: &str) -> String {
    let parts = [
        ("{{title}}", escaped(name)),
        ("{{style}}", STYLE.to_owned()),
        ("{{runs}}", lines.to_owned()),
        ("{{script}}", SCRIPT.concat()),
    ];
    let mut page = String::with_capacity(HTML.len() + lines.len() + STYLE.len() + 80_000);
    let mut rest = HTML;
    for (mark, part) in parts {
        let (before, after) = rest.split_once(mark).expect("seedloop bug: a page without a part");
        page.push_str(before);
        page.push_str(&part);
        rest = after;
    }
    page.push_str(rest);
    page
}

/// A text as HTML shows it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
