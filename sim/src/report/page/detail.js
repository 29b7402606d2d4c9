// Tells in words what the selected step does, why it runs, and what else could have run.

const SILENT = new Set(["start", "choice", "wake", "end"]);

class Detail {
  constructor(root, jump) {
    this.root = root;
    this.jump = jump;
  }

  show(run, at) {
    if (at === NONE) return this.root.replaceChildren();
    const column = run.columns[at];
    const lane = run.byId[column.lane];
    const parts = [this.title(run, column, lane)];
    parts.push(...this.happened(run, column));
    parts.push(...this.why(run, column, lane));
    parts.push(...this.choices(run, column), ...this.odds(run, column));
    parts.push(...this.leads(run, column));
    this.root.replaceChildren(...parts);
    return undefined;
  }

  title(run, column, lane) {
    const name = columnName(run, column.index);
    const nth = lane.kind === "task" ? `, step ${column.nth} of the task` : "";
    const head = el("h2", {}, `${name[0].toUpperCase()}${name.slice(1)} · ${lane.name}`);
    const where = el("p", { class: "soft" }, `at ${timeText(column.time)}${nth}${lane.host && lane.kind === "task" ? `, on host ${lane.host}` : ""}`);
    const marks = [...column.deviates.map((text) => el("p", { class: "mark" }, `▼ ${text}: not as in the order of the queue`))];
    for (const id of column.held) marks.push(el("p", { class: "mark" }, `▼ ${run.byId[id].name} is held back from here on: others run ahead of it`));
    if (column.index === run.about.parts) marks.push(el("p", { class: "mark" }, "Here this run and the other one part."));
    return el("div", {}, head, where, ...marks);
  }

  place(entry) {
    return entry.place ? el("span", { class: "place", title: entry.place }, ` ${shortPlace(entry.place)}`) : null;
  }

  happened(run, column) {
    const list = el("ul");
    for (const entry of column.entries) {
      const isEnd = entry.kind === "end" && entry.rest[0] !== "waits" && entry.rest[0] !== "yields";
      if (SILENT.has(entry.kind) && !isEnd) continue;
      const by = entry.lane === column.lane || run.byId[entry.lane].kind === "host" ? "" : `${run.byId[entry.lane].name} `;
      const verb = { say: "prints ", log: "logs " }[entry.kind] ?? "";
      const text = `${verb}${toldOf(entry)}`;
      const bad = entry.kind === "fault" || entry.kind === "down" || (isEnd && (entry.rest[0] === "panicked" || entry.rest[0] === "failed"));
      list.append(el("li", bad ? { class: "mark bad" } : {}, `${by}${text}`, this.place(entry)));
    }
    if (!list.childElementCount) list.append(el("li", { class: "soft" }, "nothing that is recorded"));
    return [el("h3", {}, "What happens"), list];
  }

  // A way to another column.
  link(run, at) {
    return el("button", { class: "jump", click: () => this.jump(run, at) }, columnName(run, at));
  }

  why(run, column, lane) {
    const list = el("ul");
    for (const arrow of column.into) {
      if (arrow.toLane !== column.lane) continue;
      const by = run.byId[arrow.fromLane];
      const what = { wake: "woken", cancel: "asked to stop", strike: "struck by the exploration" }[arrow.kind];
      const self = arrow.fromLane === arrow.toLane;
      const fresh = column.nth === 1 && arrow.kind === "wake";
      const ended = this.endedBy(lane, arrow);
      const text = self ? "It had given way, and was ready since " : fresh ? `${by.name} made it ready in ` : `It was ${what} by ${by.name} in `;
      list.append(el("li", {}, text, this.link(run, arrow.from), ended ? `: that ended its wait (it ${ended.entry.text.replace("waits", "waited")}` : ".", ended ? this.place(ended.entry) : null, ended ? ")." : null));
    }
    const callback = column.entries.find((entry) => entry.text.startsWith("runs a callback"));
    if (callback) list.append(el("li", {}, "It was the turn of a call in the loop's queue."));
    const moved = column.entries.find((entry) => entry.kind === "clock" && lane.kind !== "task");
    if (moved) list.append(el("li", {}, "Nothing was ready, so that virtual time moved on to what was due next."));
    return list.childElementCount ? [el("h3", {}, "Why it runs"), list] : [];
  }

  endedBy(lane, arrow) {
    const bar = lane.bars.find((bar) => bar.kind === "wait" && !bar.open && bar.to === arrow.from && bar.from < arrow.from);
    return arrow.kind === "wake" ? bar : undefined;
  }

  // What becomes of runs that go on at random from here.
  odds(run, column) {
    const places = run.odds.filter((at) => at.column === column.index);
    if (places.length === 0) return [];
    const told = places.map(({ runs, failed, nth, isOver }) => {
      const from = places.length === 1 ? "from here" : nth === 0 ? "from the start" : `after choice ${nth} of the step`;
      const text = `${failed} of ${runs} runs that go on ${from} fail like this${isOver ? ": there is no way back" : ""}.`;
      return el("p", isOver ? { class: "mark bad" } : {}, text);
    });
    return [el("h3", {}, "How it may go on"), ...told];
  }

  choices(run, column) {
    const chosen = column.entries.filter((entry) => entry.kind === "choice");
    if (chosen.length === 0) return [];
    const blocks = [el("h3", {}, "What was chosen, and what else could have been")];
    // First what was decided otherwise than by default.
    chosen.sort((one, other) => one.rest[0] - other.rest[0]);
    const told = new Set();
    for (const { text, rest: [dull, taken, others] } of chosen) {
      const same = JSON.stringify([dull, taken, others]);
      if (told.has(same)) continue;
      told.add(same);
      const chips = [el("span", { class: "chip taken" }, run.texts[taken])];
      for (const id of others) chips.push(el("span", { class: "chip" }, run.texts[id]));
      const ofQueue = text === "picks what runs next";
      const plain = others.length === 0 ? "nothing else was ready" : ofQueue ? "the first in the queue" : "as without an exploration";
      const note = dull === 1 ? plain : ofQueue ? "not the first in the queue" : "the exploration's choice";
      blocks.push(el("p", {}, ...chips, el("span", { class: dull === 1 ? "soft" : "mark" }, ` ${note}`)));
    }
    return blocks;
  }

  leads(run, column) {
    const list = el("ul");
    for (const arrow of column.out) {
      if (arrow.fromLane === arrow.toLane || arrow.kind === "spawn") continue;
      const to = run.byId[arrow.toLane].name;
      const what = { wake: `${to} is ready`, cancel: `${to} is asked to stop`, strike: `${to} is struck` }[arrow.kind];
      list.append(arrow.to === NONE
        ? el("li", {}, `${what}, and never runs again.`)
        : el("li", {}, `${what}, and runs in `, this.link(run, arrow.to), "."));
    }
    return list.childElementCount ? [el("h3", {}, "What follows from it"), list] : [];
  }
}
