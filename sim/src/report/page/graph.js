// Who waits for whom after the selected step: tasks, what they wait for, and who has it.

const NODE_MAX = 16;
const OWN = "\u0000";
const SVG = "http://www.w3.org/2000/svg";

class WaitGraph {
  constructor(root) { this.root = root; }

  show(run, at) {
    if (at === NONE) return this.root.replaceChildren();
    const edges = waitEdges(run, at);
    if (edges.length === 0) {
      return this.root.replaceChildren(el("h3", {}, "Who waits for whom here"), el("p", { class: "soft" }, "No task waits."));
    }
    const cycle = cycleOf(edges);
    const head = el("h3", {}, `Who waits for whom after ${columnName(run, at)}`);
    const parts = [head];
    if (cycle.length) parts.push(el("p", { class: "mark bad" }, `They wait for each other: ${[...cycle, cycle[0]].join(" → ")}.`));
    const names = new Set(edges.flatMap(({ from, to }) => [from, to]));
    if (names.size <= NODE_MAX) parts.push(drawGraph(edges, new Set(cycle)));
    else parts.push(listOf(edges));
    return this.root.replaceChildren(...parts);
  }
}

// Edges by name: a task waits for something, something is held by a task.
function waitEdges(run, at) {
  const edges = new Map();
  const add = (from, to, kind, why) => edges.set(`${from} ${to}`, { from, to, kind, why });
  for (const lane of run.lanes) {
    if (lane.kind !== "task" || lane.born > at || (lane.died !== NONE && lane.died <= at)) continue;
    for (const { entry } of waitsAt(lane, at)) {
      const [, kind, target] = entry.rest;
      if (kind === "lane") {
        add(lane.name, run.byId[target].name, "wait", entry.text);
      } else if (kind === "resource") {
        const resource = run.resources[target];
        add(lane.name, resource.name, "wait", entry.text);
        for (const holder of holdersAt(resource, at)) add(resource.name, run.byId[holder].name, "hold", "held by");
      } else {
        // Each has a sleep of its own, whatever it is called.
        add(lane.name, `${entry.text.replace(/^waits for /, "")}${OWN}${lane.name}`, "other", entry.text);
      }
    }
  }
  return [...edges.values()];
}

function cycleOf(edges) {
  const next = new Map();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) || []), to]);
  const seen = new Set();
  const walk = (node, path) => {
    const met = path.indexOf(node);
    if (met !== NONE) return path.slice(met);
    if (seen.has(node)) return [];
    seen.add(node);
    for (const to of next.get(node) || []) {
      const found = walk(to, [...path, node]);
      if (found.length) return found;
    }
    return [];
  };
  for (const start of next.keys()) {
    const found = walk(start, []);
    if (found.length) return found;
  }
  return [];
}

function listOf(edges) {
  const list = el("ul");
  for (const { from, to, kind, why } of edges.slice(0, 200)) {
    list.append(el("li", {}, kind === "hold" ? `${from} is held by ${to}` : `${from} ${why}`));
  }
  return list;
}

// Tasks that nobody waits for stand at the top, what they wait for below them.
function drawGraph(edges, cycle) {
  const depth = depthsOf(edges);
  const rows = [];
  for (const [name, row] of depth) (rows[row] ||= []).push(name);
  // Below whoever waits for it.
  rows.forEach((names, row) => {
    if (row === 0) return;
    const above = rows[row - 1];
    const rank = (name) => {
      const from = edges.filter((edge) => edge.to === name).map((edge) => above.indexOf(edge.from)).filter((index) => index !== NONE);
      return from.length ? from.reduce((sum, index) => sum + index, 0) / from.length / above.length : 1;
    };
    const ranks = new Map(names.map((name) => [name, rank(name)]));
    names.sort((one, other) => ranks.get(one) - ranks.get(other));
  });
  const width = 340;
  const place = new Map();
  rows.forEach((names, row) => names.forEach((name, index) => {
    place.set(name, [((index + 0.5) * width) / names.length, row * 58 + 18, Math.min(width / names.length - 12, 150)]);
  }));
  const svg = svgOf("svg", { viewBox: `0 0 ${width} ${rows.length * 58 - 18}`, width, role: "img" });
  svg.append(svgOf("title", {}, edges.map((edge) => `${edge.from} → ${edge.to.split(OWN)[0]}`).join(", ")));
  const resources = new Set(edges.filter(({ kind }) => kind === "hold").map(({ from }) => from));
  for (const { to, kind } of edges) if (kind === "other" || to.includes("#")) resources.add(to);
  edges.filter(({ kind, to }) => kind === "wait" && resources.has(to) && !to.includes("#")).forEach(({ to }) => resources.delete(to));
  for (const edge of edges) svg.append(...edgeOf(edge, place, cycle));
  for (const [name, [x, y, room]] of place) svg.append(nodeOf(name, x, y, room, resources.has(name), cycle.has(name)));
  return svg;
}

function depthsOf(edges) {
  const depth = new Map();
  const put = (name, row, path) => {
    if (path.has(name) || (depth.get(name) ?? NONE) >= row) return;
    depth.set(name, row);
    for (const { from, to } of edges) if (from === name) put(to, row + 1, new Set([...path, name]));
  };
  const awaited = new Set(edges.map(({ to }) => to));
  for (const { from } of edges) if (!awaited.has(from)) put(from, 0, new Set());
  for (const { from } of edges) if (!depth.has(from)) put(from, 0, new Set());
  return depth;
}

function edgeOf({ from, to, kind }, place, cycle) {
  const [[x, y], [toX, toY]] = [place.get(from), place.get(to)];
  const within = cycle.has(from) && cycle.has(to);
  const color = within ? "var(--fail)" : "var(--wake)";
  const down = toY > y;
  const side = Math.abs(toX - x) < 1 && !down ? 90 : 0;
  const [startY, endY] = [y + (down ? 13 : -13), toY + (down ? -15 : 15)];
  const middle = (startY + endY) / 2;
  const path = down
    ? `M${x},${startY} C${x},${middle} ${toX},${middle} ${toX},${endY}`
    : `M${x + 30},${startY} C${x + 60 + side},${middle} ${toX + 60 + side},${middle} ${toX + 30},${endY}`;
  const tipX = down ? toX : toX + 30;
  const tip = down ? `${tipX},${endY + 2} ${tipX - 4},${endY - 6} ${tipX + 4},${endY - 6}` : `${tipX},${endY - 2} ${tipX - 4},${endY + 6} ${tipX + 4},${endY + 6}`;
  const line = svgOf("path", { d: path, fill: "none", stroke: color, "stroke-width": within ? 2 : 1.2, "stroke-dasharray": kind === "hold" ? "3 3" : "none" });
  const label = svgOf("text", { x: (x + toX) / 2 + 6 + side * 0.7, y: middle + 3, "font-size": 10, fill: "var(--soft)" }, kind === "hold" ? "held by" : "");
  return [line, svgOf("polygon", { points: tip, fill: color }), label];
}

function nodeOf(key, x, y, room, isResource, isInCycle) {
  const [name] = key.split(OWN);
  const group = svgOf("g", {});
  const width = Math.max(40, Math.min(room, name.length * 8 + 22));
  group.append(svgOf("rect", {
    x: x - width / 2, y: y - 13, width, height: 26, rx: isResource ? 13 : 4, fill: "var(--chip)",
    stroke: isInCycle ? "var(--fail)" : "var(--line)", "stroke-width": isInCycle ? 1.6 : 1,
  }));
  const most = Math.max(3, Math.floor((width - 10) / 7));
  const shown = name.length > most ? `${name.slice(0, most - 1)}…` : name;
  group.append(svgOf("title", {}, name), svgOf("text", { x, y: y + 4.5, "text-anchor": "middle", "font-size": 12.5, fill: "var(--ink)" }, shown));
  return group;
}

function svgOf(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}
