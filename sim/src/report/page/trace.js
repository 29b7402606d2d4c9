// Reads the runs: lines of JSON, each an array that begins with its kind. Kinds that are not known
// are left out, as are values behind those that are. Times beyond 2^53 ns lose their last digits.

const NONE = -1;
const WITH_TARGET = new Set(["wake", "cancel", "strike"]);

function readRuns(lines) {
  const runs = [];
  let run = null;
  for (const line of lines.split("\n")) {
    if (line === "") continue;
    const row = JSON.parse(line);
    if (row[0] === "seedloop") {
      if (row[1] !== 1) throw new Error(`a trace of version ${row[1]}: this page reads version 1`);
      run = { about: row[2], texts: [""], lanes: [], resources: [], columns: [], entries: [], odds: [] };
      runs.push(run);
    } else if (run) {
      readRow(run, row);
    }
  }
  runs.forEach(complete);
  return runs;
}

function readRow(run, row) {
  const [kind, a, b, c] = row;
  switch (kind) {
    case "text": run.texts[a] = b; break;
    case "lane":
      run.lanes.push({
        id: a, kind: b, name: run.texts[c], host: run.texts[row[4]], path: run.texts[row[5]],
        place: run.texts[row[6]], parent: row[7], before: row[8] ?? 0, blocks: [], bars: [], born: NONE, died: NONE, end: "",
      });
      break;
    case "resource": run.resources[a] = { name: run.texts[b], changes: [] }; break;
    case "at":
      run.columns.push({
        index: run.columns.length, number: a, time: b, lane: c, key: row[4] === 1,
        deviates: (row[5] || []).map((id) => run.texts[id]), held: [], entries: [], into: [], out: [],
      });
      break;
    case "odds": run.odds.push({ column: a, choices: b, runs: c, failed: row[4], nth: row[5] ?? 1 }); break;
    case "held": run.columns.at(-1).held.push(a); break;
    case "start": case "end": case "spawn": case "wait": case "wake": case "cancel": case "strike":
    case "hold": case "free": case "use": case "choice": case "say": case "log": case "fault": case "join":
    case "drop": case "clock": case "job": case "down": case "up": case "phase": case "note": {
      const column = run.columns.at(-1);
      const entry = { kind, lane: a, text: run.texts[b], place: run.texts[c], rest: row.slice(4), column: column.index };
      column.entries.push(entry);
      run.entries.push(entry);
      break;
    }
    default: break;
  }
}

// What follows from the lines and is needed to draw them.
function complete(run) {
  run.byId = [];
  run.lanes.forEach((lane, row) => { run.byId[lane.id] = lane; lane.row = row; });
  run.last = run.columns.length - 1;
  // Of a run that was longer than its record the first steps are not here.
  const first = run.columns.find((column) => column.number > 0);
  run.before = first ? first.number - 1 : 0;
  run.says = [];
  run.arrows = [];
  run.moves = [];
  for (const column of run.columns) {
    const lane = run.byId[column.lane];
    lane.blocks.push(column.index);
    column.nth = lane.before + lane.blocks.length;
    for (const entry of column.entries) place(run, column, entry);
  }
  run.end = run.about.state === "failed" ? failsAt(run) : NONE;
  const open = (lane) => (lane.died === NONE ? run.last : lane.died);
  for (const lane of run.lanes) {
    if (lane.born === NONE) lane.born = lane.blocks.length && lane.before === 0 ? lane.blocks[0] : 0;
    for (const bar of lane.bars) {
      bar.open = bar.to === NONE;
      if (bar.open) bar.to = Math.max(open(lane), bar.from);
    }
    reach(lane.bars, (bar) => bar.to);
  }
  // Several choices of one step stand side by side in its column.
  for (const at of run.odds) {
    const same = run.odds.filter(({ column }) => column === at.column);
    at.part = same.indexOf(at) / same.length;
  }
  // Before the turn there are runs that pass, if few, whether or not one of these does.
  const passing = run.odds.findLastIndex((at) => at.failed < at.runs);
  run.odds.forEach((at, index) => { at.isOver = index > passing; });
  reach(run.arrows, (arrow) => arrow.to);
  reach(run.says, (say) => say.column);
}

// How far the items of a list reach, up to each of them: it grows, so that it can be searched.
function reach(list, end) {
  let most = NONE;
  for (const item of list) {
    most = Math.max(most, end(item), item.from ?? NONE);
    item.reach = most;
  }
}

// Where a failing run fails: at a panic, else before its last loop begins to end.
function failsAt(run) {
  const has = (column, fits) => column.entries.some(fits);
  const panics = run.columns.findIndex((column) => has(column, (entry) => entry.kind === "end" && entry.rest[0] === "panicked"));
  if (panics !== NONE) return panics;
  const begins = run.columns.findLastIndex((column) => has(column, (entry) => entry.kind === "spawn" && run.byId[entry.lane].kind === "loop"));
  const ends = run.columns.findIndex((column, at) => at > begins && has(column, (entry) => entry.kind === "phase"));
  return ends > 0 ? ends - 1 : run.last;
}

function place(run, column, entry) {
  const at = column.index;
  const [first, second] = entry.rest;
  const target = run.byId[first];
  if (WITH_TARGET.has(entry.kind)) {
    const arrow = { kind: entry.kind, from: at, fromLane: entry.lane, to: second, toLane: first, entry };
    column.out.push(arrow);
    if (second !== NONE) run.columns[second].into.push(arrow);
    run.arrows.push(arrow);
    if (entry.kind === "wake") target.bars.push({ kind: "ready", from: at, to: second, entry });
    return;
  }
  const lane = run.byId[entry.lane];
  switch (entry.kind) {
    case "spawn": target.born = at; column.out.push({ kind: "spawn", from: at, fromLane: entry.lane, to: NONE, toLane: first, entry }); break;
    case "wait": lane.bars.push({ kind: "wait", from: at, to: first, entry }); break;
    case "job": lane.bars.push({ kind: "job", from: at, to: first, entry }); break;
    case "down": lane.bars.push({ kind: "down", from: at, to: NONE, entry }); break;
    case "up": {
      const down = lane.bars.findLast((bar) => bar.kind === "down");
      if (down) down.to = at;
      break;
    }
    case "drop": target.died = at; target.end = "dropped"; break;
    case "end":
      if (first !== "waits" && first !== "yields") { lane.died = at; lane.end = first; }
      break;
    case "hold": case "free": run.resources[first].changes.push({ at, lane: entry.lane, holds: entry.kind === "hold" }); break;
    case "say": run.says.push(entry); break;
    case "log":
      entry.level = entry.text.slice(0, entry.text.indexOf(" "));
      run.says.push(entry);
      break;
    case "clock": run.moves.push(at); break;
    default: break;
  }
}

// The waits of a lane that are open after a column.
function waitsAt(lane, at) {
  return lane.bars.filter((bar) => bar.kind === "wait" && bar.from <= at && (bar.to > at || (bar.open && bar.to >= at)));
}

// Who holds a resource after a column.
function holdersAt(resource, at) {
  const holders = [];
  for (const change of resource.changes) {
    if (change.at > at) break;
    const index = holders.indexOf(change.lane);
    if (change.holds) holders.push(change.lane);
    else holders.splice(index === NONE ? 0 : index, 1);
  }
  return [...new Set(holders)];
}
