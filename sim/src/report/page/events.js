// What was printed, and the table of all events: page by page, for search and for screen readers.

const PAGE = 200;

class Events {
  constructor(parts, jump) {
    this.parts = parts;
    this.jump = jump;
    this.page = 0;
    this.filter = "";
    this.rows = null;
    parts.pageBack.addEventListener("click", () => this.turn(-1));
    parts.pageForth.addEventListener("click", () => this.turn(1));
  }

  use(run) {
    if (this.run === run) return;
    this.run = run;
    this.rows = null;
    this.printed();
    if (!this.parts.events.hidden) this.fill();
  }

  printed() {
    const { run } = this;
    const list = run.says.slice(0, 5000).map((say) => {
      const column = run.columns[say.column];
      const level = say.kind === "log" ? `log ${say.level.toLowerCase()}` : "";
      return el("button", { class: level, "data-at": say.column, click: () => this.jump(run, say.column) },
        el("span", { class: "n" }, column.number ? String(column.number) : ""), el("span", { class: "t" }, timeText(column.time)),
        el("span", { class: "w" }, run.byId[say.lane].name), el("span", { class: "s" }, say.text));
    });
    if (run.says.length > 5000) list.push(el("p", {}, `and ${run.says.length - 5000} lines more, in the table of all events`));
    this.parts.transcript.replaceChildren(...(list.length ? list : [el("p", {}, "The run printed nothing.")]));
  }

  setFilter(filter) {
    this.filter = filter.toLowerCase();
    this.rows = null;
    this.page = 0;
    if (!this.parts.events.hidden) this.fill();
  }

  turn(by) {
    this.page = Math.min(Math.max(0, this.page + by), this.pages() - 1);
    this.fill();
  }

  pages() { return Math.max(1, Math.ceil(this.found().length / PAGE)); }

  // The entries that the filter leaves.
  found() {
    const { run, filter } = this;
    if (this.rows) return this.rows;
    const fits = (entry) => run.byId[entry.lane].name.toLowerCase().includes(filter) || eventText(run, entry).toLowerCase().includes(filter) || entry.place.toLowerCase().includes(filter);
    this.rows = filter === "" ? run.entries : run.entries.filter(fits);
    return this.rows;
  }

  fill() {
    const { run } = this;
    const rows = this.found();
    const shown = rows.slice(this.page * PAGE, (this.page + 1) * PAGE);
    const head = ["Step", "Time", "Who", "What", "Where"].map((text) => el("th", { scope: "col" }, text));
    const body = el("tbody");
    shown.forEach((entry, index) => {
      const column = run.columns[entry.column];
      const text = eventText(run, entry);
      body.append(el("tr", { "data-at": entry.column, "aria-rowindex": this.page * PAGE + index + 2, click: () => this.jump(run, entry.column) },
        el("td", { class: "n" }, el("button", { class: "quiet", "aria-label": `Go to ${columnName(run, entry.column)}` }, column.number ? String(column.number) : "·")), el("td", { class: "n" }, timeText(column.time)),
        el("td", { class: "w" }, run.byId[entry.lane].name), el("td", { class: "x" }, text),
        el("td", { class: "p", title: entry.place }, shortPlace(entry.place))));
    });
    const table = el("table", { "aria-rowcount": rows.length + 1 }, el("caption", {}, "All events of the run"), el("thead", {}, el("tr", {}, ...head)), body);
    this.parts.events.replaceChildren(table);
    const first = rows.length ? this.page * PAGE + 1 : 0;
    this.parts.pageText.textContent = `${first}–${first ? first + shown.length - 1 : 0} of ${rows.length}`;
    this.parts.pageBack.disabled = this.page === 0;
    this.parts.pageForth.disabled = this.page + 1 >= this.pages();
    this.mark(this.at);
  }

  // Shows where the selected step is.
  mark(at, follow) {
    this.at = at;
    const { transcript, events } = this.parts;
    if (follow && !events.hidden) {
      const index = this.found().findIndex((entry) => entry.column >= at);
      const page = Math.floor(Math.max(0, index) / PAGE);
      if (index !== NONE && page !== this.page) {
        this.page = page;
        this.fill();
        return;
      }
    }
    for (const root of [transcript, events]) {
      for (const on of root.querySelectorAll(".on")) on.classList.remove("on");
      const here = root.querySelectorAll(`[data-at="${at}"]`);
      for (const row of here) row.classList.add("on");
      if (here.length && follow) scrollInto(root, here[0]);
    }
  }
}

function eventText(run, entry) {
  if (entry.kind === "say") return `prints: ${entry.text}`;
  if (entry.kind === "log") return `logs: ${entry.text}`;
  if (entry.kind !== "choice") return entry.text;
  const [, taken, others] = entry.rest;
  const rest = others.length ? `, not ${others.map((id) => run.texts[id]).join(", ")}` : "";
  return `${entry.text}: ${run.texts[taken]}${rest}`;
}

// Without moving the page itself.
function scrollInto(root, row) {
  const [outer, inner] = [root.getBoundingClientRect(), row.getBoundingClientRect()];
  if (inner.top < outer.top + 24) root.scrollTop += inner.top - outer.top - 28;
  else if (inner.bottom > outer.bottom) root.scrollTop += inner.bottom - outer.bottom + 8;
}
