// Puts the parts together: what is selected, keys, and where to look.

const find = (id) => document.getElementById(id);

class View {
  constructor(run, page) {
    this.run = run;
    this.page = page;
    this.scene = new Scene(run);
    this.selected = NONE;
    this.scroller = el("div", { class: "scroller", tabindex: "0", role: "application", "aria-label": `Timeline: ${titleOf(run)}. Arrow keys go from step to step.` });
    this.canvas = el("canvas");
    this.spacer = el("div", { class: "spacer" });
    this.scroller.append(this.canvas, this.spacer);
    const [before, after] = captionParts(run);
    this.root = el("div", { class: `view ${run.about.state}` },
      el("div", { class: "caption" }, el("span", { class: "dot" }), el("b", {}, before), el("span", {}, after)), this.scroller);
    this.painter = new Painter(this.canvas, this.scene);
    this.scroller.addEventListener("scroll", () => { page.scrolled(this); this.redraw(); });
    this.canvas.addEventListener("click", (event) => this.click(event));
    this.canvas.addEventListener("mousemove", (event) => { this.canvas.style.cursor = this.over(event) ? "pointer" : "default"; });
    this.scroller.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      page.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.offsetX);
    }, { passive: false });
  }

  get scrollX() { return this.scroller.scrollLeft; }
  get scrollY() { return this.scroller.scrollTop; }
  get room() { return this.scroller.clientWidth; }

  // What stands below the pointer.
  over(event) {
    const { offsetX: x, offsetY: y } = event;
    const lane = this.scene.laneAt(y + this.scrollY);
    if (x < GUTTER) return lane ? { lane } : null;
    const arrow = this.painter.arrowAt(x, y);
    const at = this.scene.columnAt(x - GUTTER + this.scrollX);
    if (lane && this.run.columns[at].lane === lane.id && Math.abs(y - this.painter.rowY(this.scene.rowOf.get(lane.id))) < 11) return { at };
    if (arrow) return { arrow };
    if (x - GUTTER + this.scrollX > this.scene.width()) return null;
    const nearest = lane ? this.scene.nearestBlock(lane, at) : undefined;
    const near = nearest !== undefined && Math.abs(this.scene.x(nearest) - this.scene.x(at)) < Math.max(14, this.scene.perColumn * 0.6);
    return { at: near ? nearest : at };
  }

  click(event) {
    const over = this.over(event);
    if (!over) return;
    if (over.lane) this.page.setFilter(this.scene.filter === over.lane.name ? "" : over.lane.name);
    else if (over.arrow) {
      const atEnd = this.page.active === this && this.selected === over.arrow.to;
      this.page.select(this, atEnd ? over.arrow.from : over.arrow.to);
    } else this.page.select(this, over.at);
  }

  measure() {
    const { clientWidth, clientHeight } = this.scroller;
    this.spacer.style.width = `${Math.max(1, GUTTER + this.scene.width())}px`;
    this.spacer.style.height = `${this.scene.height()}px`;
    this.painter.resize(clientWidth, clientHeight);
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.painter.paint(this);
    });
  }

  // Scrolls so that a column, and its lane, can be seen.
  reveal(at) {
    const { scene, scroller } = this;
    const [x, width] = [scene.x(at), scroller.clientWidth - GUTTER];
    if (x < this.scrollX + 30 || x > this.scrollX + width - 110) scroller.scrollLeft = Math.max(0, x - width * 0.4);
    const row = scene.rowOf.get(this.run.columns[at].lane);
    if (row === undefined) return;
    const [y, height] = [scene.y(row), scroller.clientHeight];
    if (y - RULER < this.scrollY) scroller.scrollTop = Math.max(0, y - RULER - 10);
    else if (y + scene.rowHeight > this.scrollY + height) scroller.scrollTop = y + scene.rowHeight - height + 10;
  }
}

function titleOf(run) {
  return { failed: "the failing run", passed: "a passing run", ran: "the run" }[run.about.state] || "the run";
}

function captionParts(run) {
  const steps = run.before + run.columns.filter((column) => column.number > 0).length;
  const size = `${steps} steps, ${timeText(run.last < 0 ? 0 : run.columns[run.last].time)} of virtual time`;
  const title = titleOf(run);
  const differs = run.about.differs ? ` — ${run.about.differs}` : "";
  return [`${title[0].toUpperCase()}${title.slice(1)}${differs}`, size];
}

class Page {
  constructor(runs) {
    if (runs.some((run) => run.odds.length > 1)) RULER += ODDS;
    this.runs = runs;
    this.views = runs.map((run) => new View(run, this));
    this.active = this.views[0];
    find("views").append(...this.views.map((view) => view.root));
    const jump = (run, at) => this.select(this.views.find((view) => view.run === run), at, true);
    this.detail = new Detail(find("detail"), jump);
    this.graph = new WaitGraph(find("waits"));
    this.events = new Events({
      transcript: find("transcript"), events: find("events"), pageBack: find("page-back"), pageForth: find("page-forth"), pageText: find("page"),
    }, jump);
    this.head();
    this.tools();
    this.events.use(runs[0]);
    this.tab("transcript");
    if (runs[0].says.length === 0) find("drawer").classList.add("folded");
    this.keyList();
    this.setTheme(null);
    new ResizeObserver(() => this.lay()).observe(find("views"));
    this.lay();
    this.views.forEach((view) => { view.scene.readable(view.room); });
    this.sameScale();
    this.lay();
    if (runs[0].last >= 0) this.select(this.active, this.begin(), true);
  }

  // Where the reader begins: where the runs part, else at the first step that tells something.
  begin() {
    const { run } = this.active;
    const key = run.columns.find((column) => column.key);
    const parts = run.about.parts;
    if (parts !== undefined && parts <= run.last) return parts;
    return key ? key.index : 0;
  }

  head() {
    const { about } = this.runs[0];
    document.title = `${about.name}: ${titleOf(this.runs[0])}`;
    const state = find("state");
    state.textContent = about.state;
    state.classList.add(about.state);
    const first = (about.message || "").split("\n")[0];
    find("headline").textContent = about.message ? `${about.name}: ${first}` : about.name;
    find("race").hidden = !about.race;
    find("race").append(el("b", {}, "How it comes about: "), `${about.race}.`);
    find("inevitable").hidden = !about.inevitable;
    find("inevitable").append(el("b", {}, "When it became inevitable: "), `${about.inevitable}.`);
    const cycle = (about.message || "").split("\n").find((line) => line.startsWith("  cycle: "));
    find("cycle").hidden = !cycle;
    if (cycle) find("cycle").append(el("b", {}, "They wait for each other: "), el("code", {}, cycle.slice("  cycle: ".length)));
    const other = this.runs[1]?.about.forgotten;
    const untold = [about.forgotten, other && `of the other run ${other}`].filter((text) => text);
    find("forgotten").hidden = untold.length === 0;
    find("forgotten").append(el("b", {}, "What is not shown: "), `${untold.join("; ")}.`);
    const facts = find("facts");
    if (about.case) facts.append(fact("case", about.case));
    if (about.replay) facts.append(fact("replay", about.replay));
    if (about.regression) facts.append(fact("as a test", about.regression));
    for (const line of (about.found || "").split("\n")) if (line) facts.append(el("span", {}, line));
    const rest = (about.message || "").split("\n").slice(1);
    find("whole").hidden = rest.every((line) => line.trim() === "");
    find("whole").open = rest.length <= 3;
    find("message").textContent = rest.join("\n");
  }

  // The steps that tell how it comes about, in words.
  keyList() {
    const { run } = this.views[0];
    const keys = run.columns.filter((column) => column.key).slice(0, 24);
    if (keys.length === 0) return;
    const list = el("ol", { class: "keylist" });
    for (const column of keys) {
      const marks = [...column.deviates, ...column.held.map((id) => `${run.byId[id].name} held back`)];
      if (column.index === run.end) marks.push("it fails");
      list.append(el("li", {}, el("button", { "data-at": column.index, click: () => this.select(this.views[0], column.index, true) },
        el("span", { class: "n" }, String(column.number)),
        el("span", { class: "what" }, `${run.byId[column.lane].name} `, marks.length ? el("span", { class: "mark" }, `[${marks.join(", ")}] `) : null, captionOf(run, column)))));
    }
    find("keys").append(el("h3", {}, "The steps that matter"), list);
  }

  tools() {
    const on = (id, call) => find(id).addEventListener("click", call);
    on("first", () => this.go("Home"));
    on("back", () => this.go("ArrowLeft"));
    on("forth", () => this.go("ArrowRight"));
    on("last", () => this.go("End"));
    on("by-steps", () => this.setAxis(false));
    on("by-time", () => this.setAxis(true));
    on("in", () => this.zoom(1.5));
    on("out", () => this.zoom(1 / 1.5));
    on("fit", () => this.fit());
    on("theme", () => this.setTheme(isDark() ? "light" : "dark"));
    on("help", () => this.help());
    on("tab-transcript", () => this.tab("transcript"));
    on("tab-events", () => this.tab("events"));
    roving(find("axis"), ["ArrowLeft", "ArrowUp"], ["ArrowRight", "ArrowDown"]);
    roving(find("tabs"), ["ArrowLeft"], ["ArrowRight"]);
    on("fold", () => { find("drawer").classList.toggle("folded"); this.lay(); });
    find("filter").addEventListener("input", () => this.setFilter(find("filter").value));
    find("filter").addEventListener("keydown", (event) => {
      if (event.key === "Escape") { this.setFilter(""); event.target.blur(); }
      if (event.key === "Enter") event.target.blur();
    });
    find("beside-label").hidden = this.views.length < 2;
    if (this.views.length > 1) find("beside-label").lastElementChild.textContent = this.runs[1].about.state === "passed" ? "passing run beside" : "other run beside";
    this.matterTool();
    find("beside").addEventListener("change", () => this.showBeside(find("beside").checked));
    document.addEventListener("keydown", (event) => this.key(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (!this.theme) this.setTheme(null); });
    this.markAxis();
    find("legend").append(...legendRows());
  }

  // Among many tasks those that matter are hard to find.
  matterTool() {
    const { scene, run } = this.views[0];
    const [count, all] = [scene.matters.size, run.lanes.length];
    find("matter-label").hidden = count === 0 || all <= 12;
    find("matter-label").lastElementChild.textContent = `only the ${count} of ${all} that matter`;
    find("matter").addEventListener("change", () => this.onlyMattering(find("matter").checked));
    find("matter").checked = count > 0 && all > 24;
    if (find("matter").checked) this.onlyMattering(true);
  }

  onlyMattering(only) {
    const names = new Set([...this.views[0].scene.matters].map((id) => this.runs[0].byId[id].name));
    for (const { scene, run } of this.views) {
      scene.matters = new Set(run.lanes.filter((lane) => names.has(lane.name)).map((lane) => lane.id));
      scene.onlyMattering = only;
      scene.layOut();
    }
    this.lay();
  }

  showBeside(shows) {
    this.views[1].root.hidden = !shows;
    if (!shows && this.active === this.views[1]) this.select(this.views[0], Math.min(this.active.selected, this.views[0].run.last));
    this.lay();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target === find("filter")) return;
    const done = {
      "+": () => this.zoom(1.5), "=": () => this.zoom(1.5), "-": () => this.zoom(1 / 1.5), 0: () => this.fit(),
      "/": () => find("filter").focus(), "?": () => this.help(), d: () => this.setTheme(isDark() ? "light" : "dark"), t: () => this.setAxis(!this.active.scene.byTime),
    }[event.key];
    const inPanel = event.target.closest && event.target.closest('[role="tabpanel"], #side');
    if (done) done();
    else if (["n", "p", "b"].includes(event.key) || (!inPanel && ["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key))) this.go(event.key);
    else return;
    event.preventDefault();
  }

  // To the next step, the step before, the ends, the next step that matters, the run beside.
  go(key) {
    const { run, scene, selected } = this.active;
    const step = (from, by, fits) => {
      for (let at = from + by; at >= 0 && at <= run.last; at += by) if (fits(run.columns[at])) return at;
      return selected;
    };
    const shown = (column) => scene.isShown(column);
    const isKey = (column) => column.key || column.index === run.about.parts;
    if (key === "b") {
      const other = this.views.find((view) => view !== this.active && !view.root.hidden);
      if (other) this.select(other, Math.min(selected, other.run.last), true);
      return;
    }
    const at = {
      ArrowLeft: () => step(selected, -1, shown), ArrowRight: () => step(selected, 1, shown),
      // What comes after a failure is clearing up: whoever wants to see the end means the failure.
      Home: () => step(NONE, 1, shown), End: () => step((selected < run.end ? run.end : run.last) + 1, -1, shown),
      n: () => step(selected, 1, isKey), p: () => step(selected, -1, isKey),
    }[key]();
    this.select(this.active, at, true);
  }

  select(view, at, reveal) {
    if (at === NONE || at === undefined || view.run.last < 0) return;
    this.active = view;
    for (const other of this.views) other.selected = NONE;
    view.selected = at;
    // Up to where they part, both runs are the same.
    const parts = view.run.about.parts;
    for (const other of this.views) if (other !== view && parts !== undefined && at <= parts && at <= other.run.last) other.selected = at;
    if (reveal) view.reveal(at);
    this.detail.show(view.run, at);
    this.graph.show(view.run, at);
    this.events.use(view.run);
    this.events.mark(at, true);
    const steps = view.run.columns[view.run.last].number || stepBefore(view.run, view.run.last);
    const { number } = view.run.columns[at];
    const before = stepBefore(view.run, at);
    find("where").textContent = number > 0 ? `step ${number} of ${steps}` : before > 0 ? `after step ${before} of ${steps}` : "the beginning";
    for (const button of find("keys").querySelectorAll("button")) button.classList.toggle("on", view === this.views[0] && Number(button.dataset.at) === at);
    this.views.forEach((each) => each.redraw());
  }

  setFilter(filter) {
    if (find("filter").value !== filter) find("filter").value = filter;
    for (const view of this.views) {
      view.scene.filter = filter;
      view.scene.layOut();
    }
    this.events.setFilter(filter);
    this.lay();
  }

  setAxis(byTime) {
    for (const view of this.views) view.scene.setAxis(byTime, view.room);
    if (!byTime) this.views.forEach((view) => view.scene.readable(view.room));
    this.sameScale();
    this.markAxis();
    this.lay();
    if (this.active.selected !== NONE) this.active.reveal(this.active.selected);
  }

  markAxis() {
    choose([find("by-steps"), find("by-time")], "aria-checked", this.active.scene.byTime ? 1 : 0);
  }

  // Two runs beside each other are drawn to one scale.
  sameScale() {
    const columns = Math.min(...this.views.map((view) => view.scene.perColumn));
    const nanos = Math.min(...this.views.map((view) => view.scene.perNano));
    for (const { scene } of this.views) [scene.perColumn, scene.perNano] = [columns, nanos];
  }

  zoom(factor, around) {
    const { scene, scroller, selected } = this.active;
    const middle = around !== undefined ? around - GUTTER : selected !== NONE ? scene.x(selected) - scroller.scrollLeft : (scroller.clientWidth - GUTTER) / 2;
    const at = scene.columnAt(scroller.scrollLeft + middle);
    const within = scroller.scrollLeft + middle - scene.x(at);
    this.views.forEach((view) => view.scene.zoom(factor));
    this.lay();
    scroller.scrollLeft = scene.x(at) + within * factor - middle;
  }

  fit() {
    this.views.forEach((view) => view.scene.fit(view.room));
    this.sameScale();
    this.lay();
  }

  scrolled(view) {
    for (const other of this.views) if (other !== view && other.scroller.scrollLeft !== view.scroller.scrollLeft) other.scroller.scrollLeft = view.scroller.scrollLeft;
  }

  lay() {
    const [first, second] = this.views;
    if (second) {
      const [one, other] = [first.scene.height(), second.scene.height()];
      first.root.style.flexGrow = String(Math.max(one, 90));
      second.root.style.flexGrow = String(Math.max(other, 90));
    }
    for (const view of this.views) {
      if (view.root.hidden) continue;
      view.measure();
      view.redraw();
    }
  }

  tab(name) {
    const names = ["transcript", "events"];
    for (const id of names) find(id).hidden = id !== name;
    choose(names.map((id) => find(`tab-${id}`)), "aria-selected", names.indexOf(name));
    find("pages").hidden = name !== "events";
    find("drawer").classList.remove("folded");
    if (name === "events") this.events.fill();
    if (this.active.selected !== NONE) this.events.mark(this.active.selected, true);
  }

  help() {
    const shows = find("legend").hidden;
    find("legend").hidden = !shows;
    find("help").setAttribute("aria-expanded", String(shows));
  }

  setTheme(theme) {
    this.theme = theme ?? this.theme;
    const dark = this.theme ? this.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    for (const view of this.views) {
      view.painter.readColors();
      view.redraw();
    }
  }
}

// Of several buttons of which one is chosen, that one alone is reached by the tabulator.
function choose(buttons, attribute, chosen) {
  buttons.forEach((button, index) => {
    button.setAttribute(attribute, String(index === chosen));
    button.tabIndex = index === chosen ? 0 : -1;
  });
}

// The others are reached by arrow keys, which choose them. Source: WAI-ARIA Authoring Practices, the
// patterns of the radio group and of tabs.
function roving(group, back, forth) {
  group.addEventListener("keydown", (event) => {
    const buttons = [...group.children];
    const by = forth.includes(event.key) ? 1 : back.includes(event.key) ? -1 : 0;
    if (by === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const next = buttons[(buttons.indexOf(event.target) + by + buttons.length) % buttons.length];
    next.focus();
    next.click();
  });
}

function isDark() { return document.documentElement.dataset.theme === "dark"; }

function fact(name, text) {
  const copy = el("button", { "aria-label": `Copy the ${name}` }, "Copy");
  copy.addEventListener("click", async () => {
    copy.textContent = (await copied(text)) ? "Copied" : "Select and copy it";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  });
  return el("span", { class: "fact" }, `${name}`, el("code", {}, text), copy);
}

// A page that is opened from a file may have no clipboard of the new kind.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { style: "position:fixed;opacity:0" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function legendRows() {
  const sign = (...shapes) => {
    const svg = svgOf("svg", { width: 46, height: 20, viewBox: "0 0 46 20", "aria-hidden": "true" });
    for (const [tag, attributes] of shapes) svg.append(svgOf(tag, attributes));
    return svg;
  };
  const row = (left, text) => el("div", { class: "row" }, left, el("span", {}, text));
  const bar = (fill, height) => ["rect", { x: 2, y: 10 - height / 2, width: 42, height, fill }];
  const block = (fill) => ["rect", { x: 13, y: 2, width: 20, height: 16, rx: 4, fill }];
  const line = (stroke, dash) => ["path", { d: "M3,15 C16,15 28,5 43,5", fill: "none", stroke, "stroke-width": 1.6, "stroke-dasharray": dash }];
  const key = (...names) => el("span", {}, ...names.flatMap((name) => [el("kbd", {}, name), " "]));
  return [
    row(sign(block("var(--run)")), "a step: a task runs; this takes no virtual time"),
    row(sign(block("var(--run-key)")), "a step that matters for the failure"),
    row(sign(["path", { d: "M18,6 L28,6 L23,13 Z", fill: "var(--deviate)" }]), "decided otherwise than in the order of the queue"),
    row(sign(bar("var(--wait)", 8)), "it waits (red: for ever)"),
    row(sign(bar("var(--ready)", 3)), "it is ready, and others run"),
    row(sign(bar("var(--job)", 14)), "a worker has a job"), row(sign(bar("var(--forever)", 14)), "a host is down"),
    row(sign(line("var(--wake)", "none")), "wakes; click it to jump to its other end"),
    row(sign(line("var(--cancel)", "4 3")), "cancels"),
    row(el("span", {}, "⚡ ✓ ✕ ⊘"), "a fault; returned, failed, cancelled or dropped"),
    row(key("←", "→"), "step back and forward"), row(key("Home", "End"), "the first step; the failure, the last step"),
    row(key("n", "p"), "next and previous step that matters"), row(key("b"), "to the run beside"),
    row(key("+", "-", "0"), "zoom, and fit"), row(key("/"), "filter tasks and events"),
    row(key("t"), "steps or virtual time"), row(key("d"), "light or dark"),
  ];
}

const page = new Page(readRuns(find("runs").textContent));
window.seedloopPage = page;
