// What the page says in words.

const ENDS = {
  waits: "", yields: "", returned: "It returned.", failed: "It failed with an error.",
  cancelled: "It ended cancelled.", panicked: "It panicked.", dropped: "It was dropped.",
};

function timeText(nanos) {
  const units = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]];
  for (const [unit, name] of units) {
    if (nanos >= unit) return `${Number((nanos / unit).toFixed(nanos >= 1e9 ? 6 : 3))} ${name}`;
  }
  return nanos === 0 ? "0 s" : `${nanos} ns`;
}

function columnName(run, at) {
  const column = run.columns[at];
  if (column.number > 0) return `step ${column.number}`;
  if (stepBefore(run, at) === 0) return "the beginning";
  return run.moves.includes(at) ? `the turn at ${timeText(column.time)}` : `what happens after step ${stepBefore(run, at)}`;
}

function stepBefore(run, at) {
  for (let index = at; index >= 0; index -= 1) if (run.columns[index].number > 0) return run.columns[index].number;
  return run.before;
}

// The folders of a path stand in the title; its file and line tell most.
function shortPlace(place) {
  return place.slice(Math.max(place.lastIndexOf("/"), place.lastIndexOf("\\")) + 1);
}

const TELLING = [
  ["fault", "strike"], ["say"], ["log"], ["hold", "use", "free", "cancel", "job"], ["spawn"], ["down", "up", "phase", "note"], ["wake"], ["wait"], ["join"],
];

// It gives way, or makes ready what it has spawned.
function isPlainWake(entry) {
  return entry.kind === "wake" && (entry.rest[0] === entry.lane || !entry.text.startsWith("wakes"));
}

function toldOf(entry) {
  if (entry.kind === "say") return `“${entry.text}”`;
  // What is over in the same step was no wait: the task gives others a turn.
  if (entry.kind === "wait" && entry.rest[0] === entry.column) return entry.text.replace(/^waits for/, "gives way before");
  return entry.text;
}

// What a column does, in a few words: what tells most.
function captionOf(run, column) {
  if (column.caption !== undefined) return column.caption;
  const end = column.entries.find((entry) => entry.kind === "end");
  const how = end ? end.rest[0] : "";
  const parts = [];
  if (column.held.length) parts.push(`holds back ${column.held.map((id) => run.byId[id].name).join(", ")}`);
  for (const kinds of TELLING) {
    const told = column.entries.filter((entry) => kinds.includes(entry.kind) && !isPlainWake(entry));
    for (const entry of told.slice(0, 3)) parts.push(toldOf(entry));
    if (parts.length >= 2) break;
  }
  // What it stops at tells as much as what it does.
  const stops = column.entries.findLast((entry) => entry.kind === "wait" && entry.rest[0] !== entry.column);
  if (stops) parts.push(stops.text);
  if (how && how !== "waits" && how !== "yields") parts.push(end.text);
  const clock = column.entries.find((entry) => entry.kind === "clock");
  if (parts.length === 0 && clock) parts.push(clock.text);
  if (parts.length === 0) {
    const start = column.entries.find((entry) => entry.kind === "start");
    parts.push(end && how === "yields" ? end.text : start ? start.text : column.entries.length ? column.entries[0].text : "");
  }
  column.caption = [...new Set(parts)].join("; ");
  return column.caption;
}

function el(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "class") element.className = value;
    else if (name === "click") element.addEventListener("click", value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
