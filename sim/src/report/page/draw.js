// Draws what of a run is in view.

const FONT = 'system-ui, "Hiragino Sans", "Noto Sans CJK JP", "Noto Sans", sans-serif';

class Painter {
  constructor(canvas, scene) {
    this.canvas = canvas;
    this.scene = scene;
    this.context = canvas.getContext("2d");
    this.cut = new Map();
  }

  readColors() {
    const style = getComputedStyle(document.documentElement);
    this.colors = new Proxy({}, { get: (known, name) => known[name] ?? (known[name] = style.getPropertyValue(`--${name}`).trim()) });
  }

  resize(width, height) {
    const ratio = window.devicePixelRatio || 1;
    this.width = width;
    this.height = height;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  paint(view) {
    const { context, scene, colors } = this;
    this.left = GUTTER - view.scrollX;
    this.top = -view.scrollY;
    this.from = Math.max(0, scene.columnAt(view.scrollX) - 1);
    this.to = Math.min(scene.run.last, scene.columnAt(view.scrollX + this.width - GUTTER) + 1);
    context.fillStyle = colors.bg;
    context.fillRect(0, 0, this.width, this.height);
    context.save();
    context.beginPath();
    context.rect(GUTTER, 0, this.width - GUTTER, this.height);
    context.clip();
    this.stripes();
    this.selection(view);
    this.moves();
    const rows = this.visibleRows();
    for (const [lane, row] of rows) this.bars(lane, row);
    this.arrows();
    for (const [lane, row] of rows) this.blocks(lane, row, view);
    this.afterwards();
    this.parting();
    this.turning();
    this.failing();
    for (const [lane, row] of rows) if (scene.tall) this.captions(lane, row);
    this.printed();
    this.arrowsOf(view);
    this.ruler(view);
    context.restore();
    this.gutter(view, rows);
  }

  x(at) { return this.left + this.scene.x(at); }
  middle(at) { return this.x(at) + this.blockWidth() / 2; }
  blockWidth() { return Math.max(1, Math.min(this.scene.perColumn - (this.scene.perColumn > 5 ? 3 : 0), 44)); }
  // Where the blocks of a row have their middle.
  rowY(row) { return this.top + this.scene.y(row) + (this.scene.tall ? 14 : 10); }

  visibleRows() {
    const { scene } = this;
    const first = Math.max(0, Math.floor((-this.top) / scene.rowHeight) - 1);
    const last = Math.min(scene.lanes.length, Math.ceil((this.height - this.top - RULER) / scene.rowHeight));
    return scene.lanes.slice(first, last).map((lane, index) => [lane, first + index]);
  }

  stripes() {
    const { context, scene, colors } = this;
    context.fillStyle = colors.stripe;
    for (let row = 0; row < scene.rows; row += 2) {
      context.fillRect(GUTTER, this.top + scene.y(row), this.width, scene.rowHeight);
    }
  }

  selection(view) {
    if (view.selected === NONE) return;
    const x = this.x(view.selected) - 1.5;
    this.context.fillStyle = this.colors.select;
    this.context.fillRect(x, 0, Math.max(4, this.blockWidth() + 3), this.height);
  }

  // Time moves on here.
  moves() {
    const { context, scene, colors } = this;
    context.fillStyle = colors.line;
    let last = -9;
    for (const at of between(scene.run.moves, this.from, this.to)) {
      const x = Math.round(this.x(at)) - 2;
      if (x - last < 3) continue;
      context.fillRect(x, RULER, 1, this.height);
      last = x;
    }
  }

  bars(lane, row) {
    const { context, scene, colors } = this;
    const y = this.rowY(row);
    const born = this.x(lane.born);
    const died = lane.died === NONE ? this.x(scene.run.last) + scene.perColumn : this.middle(lane.died);
    context.fillStyle = colors.line;
    if (lane.blocks.length) context.fillRect(Math.max(born, GUTTER), y - 0.5, Math.min(died, this.width) - Math.max(born, GUTTER), 1);
    let drawn = -1;
    const first = startOf(lane.bars, this.from);
    for (let index = first; index < lane.bars.length && lane.bars[index].from <= this.to; index += 1) {
      const bar = lane.bars[index];
      const end = bar.open && bar.to === scene.run.last ? this.x(bar.to) + scene.perColumn : bar.kind === "ready" ? this.x(bar.to) : this.middle(bar.to);
      const x = this.middle(bar.from);
      if (end < GUTTER || end - x < 0.5 || (end <= drawn && end - x < 2)) continue;
      drawn = end;
      const height = { wait: 8, job: 14, down: 14 }[bar.kind] ?? 4;
      const never = bar.kind === "wait" && scene.run.about.fault === "deadlock" && bar.from <= scene.run.end && bar.to > scene.run.end;
      context.fillStyle = bar.kind === "wait" ? (never ? colors.forever : colors.wait) : { job: colors.job, down: colors.forever }[bar.kind] ?? colors.ready;
      context.fillRect(x, y - height / 2, end - x, height);
      if (bar.kind === "down") this.down(bar, Math.max(x, GUTTER), end, y);
    }
  }

  // A host that is down says so.
  down(bar, x, end, y) {
    const { context, colors } = this;
    context.font = `11px ${FONT}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.fillStyle = colors.fail;
    context.fillRect(x, y - 9, 2, 18);
    context.fillText(this.fitted(bar.entry.text.replace(/^.*: /, ""), Math.max(end - x - 10, 60)), x + 6, y + 0.5);
  }

  blocks(lane, row, view) {
    const { context, scene, colors } = this;
    const { columns } = scene.run;
    const y = this.rowY(row);
    const width = this.blockWidth();
    const height = scene.tall ? 18 : 13;
    const own = lane.kind === "task" || lane.kind === "worker";
    context.font = `11px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    let drawn = -9;
    for (const at of between(lane.blocks, this.from, this.to)) {
      const column = columns[at];
      const x = this.x(at);
      if (x + width - drawn < 0.8 && !column.key) continue;
      drawn = x + width;
      context.fillStyle = column.key ? colors["run-key"] : own ? colors.run : colors.other;
      rounded(context, x, y - height / 2, width, height, Math.min(4, width / 3));
      if (width >= 18 && column.number > 0) {
        context.fillStyle = colors.bg;
        context.fillText(String(column.number), x + width / 2, y + 0.5);
      }
      if (column.deviates.length || column.held.length) this.deviation(x + width / 2, y - height / 2);
      if (at === view.selected) {
        context.strokeStyle = colors.ink;
        context.lineWidth = 2;
        context.strokeRect(x - 1, y - height / 2 - 1, width + 2, height + 2);
      }
    }
    if (lane.died !== NONE) this.ending(lane, y, width);
    this.faults(lane, y, height);
  }

  // The exploration has decided otherwise here.
  deviation(x, y) {
    const { context, colors } = this;
    context.fillStyle = colors.deviate;
    context.beginPath();
    context.moveTo(x - 5, y - 7);
    context.lineTo(x + 5, y - 7);
    context.lineTo(x, y - 0.5);
    context.fill();
  }

  ending(lane, y, width) {
    const { context, colors } = this;
    const x = this.x(lane.died) + width + 6;
    if (x < GUTTER || x > this.width) return;
    context.font = `bold 12px ${FONT}`;
    context.textAlign = "center";
    const [mark, color] = { returned: ["✓", colors.soft], failed: ["✕", colors.fail], panicked: ["✕", colors.fail], cancelled: ["⊘", colors.cancel], dropped: ["⊘", colors.soft] }[lane.end] || ["", colors.soft];
    context.fillStyle = color;
    if (this.scene.perColumn > 8) context.fillText(mark, x, y);
  }

  faults(lane, y, height) {
    const { context, colors, scene } = this;
    if (!scene.run.faults) {
      scene.run.faults = scene.run.entries.filter((entry) => entry.kind === "fault");
    }
    context.fillStyle = colors.fail;
    context.font = `13px ${FONT}`;
    for (const fault of scene.run.faults) {
      if (fault.lane === lane.id && fault.column >= this.from && fault.column <= this.to) {
        context.fillText("⚡", this.x(fault.column) + this.blockWidth() / 2, y - height / 2 - 5);
      }
    }
  }

  // What a step does, as far as there is room up to the lane's next one.
  captions(lane, row) {
    const { context, scene, colors } = this;
    const y = this.rowY(row) + 18;
    context.font = `11px ${FONT}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    const index = Math.max(0, firstFrom(lane.blocks, this.from) - 1);
    for (let next = index; next < lane.blocks.length && lane.blocks[next] <= this.to; next += 1) {
      const at = lane.blocks[next];
      const end = next + 1 < lane.blocks.length ? this.x(lane.blocks[next + 1]) : this.x(scene.run.last) + scene.perColumn + 400;
      const x = Math.max(this.x(at), GUTTER + 4);
      if (end - x < 30) continue;
      const column = scene.run.columns[at];
      const text = this.fitted(captionOf(scene.run, column), end - x - 6);
      context.strokeStyle = row % 2 === 0 ? colors.stripe : colors.bg;
      context.lineWidth = 3;
      context.lineJoin = "round";
      context.strokeText(text, x, y);
      const isAfter = scene.run.end !== NONE && at > scene.run.end;
      context.fillStyle = isAfter ? colors.line : column.key ? colors.ink : colors.soft;
      context.fillText(text, x, y);
    }
  }

  fitted(text, room, shorten = cutTo) {
    const key = `${this.context.font} ${Math.floor(room / 4)} ${text}`;
    let cut = this.cut.get(key);
    if (cut === undefined) {
      cut = shorten(this.context, text, Math.floor(room / 4) * 4);
      if (this.cut.size > 20000) this.cut.clear();
      this.cut.set(key, cut);
    }
    return cut;
  }

  printed() {
    const { context, scene, colors } = this;
    if (!scene.printed) return;
    const y = this.top + scene.y(scene.lanes.length) + scene.rowHeight / 2;
    if (y > this.height + 20) return;
    context.font = `12px ${FONT}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.fillStyle = colors.ink;
    const { says } = scene.run;
    let index = Math.max(0, startOf(says, this.from) - 1);
    let drawn = -99;
    for (; index < says.length && says[index].column <= this.to; index += 1) {
      let next = index + 1;
      while (next < says.length && says[next].column === says[index].column) next += 1;
      const x = this.x(says[index].column);
      const end = next < says.length ? this.x(says[next].column) : x + 600;
      if (x < drawn + 8 && end - x < 30) continue;
      const texts = says.slice(index, next).map((say) => say.text).join(" ⏎ ");
      if (end - x >= 24) context.fillText(this.fitted(texts, end - x - 8), x, y);
      else context.fillRect(x, y - 3, 3, 6);
      drawn = x;
      index = next - 1;
    }
  }

  arrows() {
    const { scene } = this;
    this.drawn = [];
    const { arrows } = scene.run;
    const first = startOf(arrows, this.from);
    if (scene.perColumn >= 9 || scene.byTime) {
      let budget = 1500;
      for (let index = first; index < arrows.length && arrows[index].from <= this.to && budget > 0; index += 1) {
        if (this.arrow(arrows[index], false)) budget -= 1;
      }
    }
  }

  // Those of the selected step stand out.
  arrowsOf(view) {
    if (view.selected === NONE) return;
    const { into, out } = this.scene.run.columns[view.selected];
    for (const arrow of [...into, ...out]) this.arrow(arrow, true);
  }

  // What comes after the failure is the loop's clearing up, and tells nothing.
  afterwards() {
    const { context, scene, colors } = this;
    if (scene.run.end === NONE || scene.run.end >= scene.run.last) return;
    const x = Math.max(GUTTER, this.failX());
    context.fillStyle = colors.bg;
    context.globalAlpha = 0.72;
    context.fillRect(x, RULER, this.width, this.height);
    context.globalAlpha = 1;
  }

  failX() { return this.x(this.scene.run.end) + this.scene.perColumn - (this.scene.perColumn > 12 ? 6 : 0); }

  arrow(arrow, strong) {
    const { context, scene, colors } = this;
    const [one, other] = [scene.rowOf.get(arrow.fromLane), scene.rowOf.get(arrow.toLane)];
    if (one === undefined || other === undefined || one === other || arrow.to === NONE || arrow.kind === "spawn") return false;
    const cancels = arrow.kind !== "wake";
    const down = other > one ? 1 : -1;
    const half = scene.tall ? 9 : 6;
    const [x, y] = [this.middle(arrow.from), this.rowY(one) + down * half];
    const [toX, toY] = [this.x(arrow.to) + Math.min(4, this.blockWidth() / 2), this.rowY(other) - down * (half + 1)];
    if ((x < GUTTER && toX < GUTTER) || (x > this.width && toX > this.width)) return false;
    context.strokeStyle = cancels ? colors.cancel : strong ? colors.ink : colors.wake;
    context.globalAlpha = strong ? 1 : cancels ? 0.9 : 0.55;
    context.lineWidth = strong ? 1.8 : 1;
    context.setLineDash(cancels ? [4, 3] : []);
    context.beginPath();
    context.moveTo(x, y);
    context.bezierCurveTo(x, y + down * 14, toX, toY - down * 18, toX, toY);
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = context.strokeStyle;
    context.beginPath();
    context.moveTo(toX, toY);
    context.lineTo(toX - 3.5, toY - down * 6);
    context.lineTo(toX + 3.5, toY - down * 6);
    context.fill();
    context.globalAlpha = 1;
    this.drawn.push([arrow, x, y, toX, toY, down]);
    return true;
  }

  // The arrow that passes nearest to a point, if one is near.
  arrowAt(x, y) {
    let [best, least] = [null, 7];
    for (const [arrow, fromX, fromY, toX, toY, down] of this.drawn || []) {
      if (Math.abs(x - (fromX + toX) / 2) > Math.abs(fromX - toX) / 2 + 8) continue;
      for (let part = 0; part <= 24; part += 1) {
        const t = part / 24;
        const [a, b, c, d] = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t ** 3];
        const onX = (a + b) * fromX + (c + d) * toX;
        const onY = a * fromY + b * (fromY + down * 14) + c * (toY - down * 18) + d * toY;
        const away = Math.hypot(onX - x, onY - y);
        if (away < least) [best, least] = [arrow, away];
      }
    }
    return best;
  }

  parting() {
    const at = this.scene.run.about.parts;
    if (at === undefined) return;
    this.rule(this.x(at) - 3, this.colors.deviate, "the runs part here", [5, 4]);
  }

  // From here on every run fails.
  turning() {
    const { about } = this.scene.run;
    if (about.turn === undefined) return;
    this.rule(this.x(about.turn) - 1.5, this.colors.cancel, "inevitable", [2, 3]);
  }

  // How likely the failure is for runs that go on at random from each place.
  odds() {
    const { context, scene, colors } = this;
    const { odds } = scene.run;
    if (odds.length < 2) return;
    const [bottom, height] = [RULER - 5, ODDS - 6];
    const begin = ({ column, part }) => this.x(column) + part * scene.perColumn;
    const end = (index) => (index + 1 < odds.length ? begin(odds[index + 1]) : this.x(scene.run.last) + scene.perColumn);
    context.fillStyle = colors.fail;
    odds.forEach((at, index) => {
      const { failed, runs } = at;
      const x = begin(at);
      const [width, part] = [Math.max(end(index) - x, 0.5), height * failed / runs];
      context.globalAlpha = 0.3;
      context.fillRect(x, bottom - part, width, part);
      context.globalAlpha = 1;
      context.fillRect(x, bottom - part - 0.5, width, 1);
    });
  }

  failing() {
    const { run } = this.scene;
    if (run.end === NONE) return;
    this.rule(this.failX(), this.colors.fail, "it fails", []);
  }

  rule(x, color, text, dash) {
    const { context } = this;
    if (x < GUTTER - 1 || x > this.width) return;
    context.strokeStyle = color;
    context.lineWidth = 1.5;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x, RULER - 4);
    context.lineTo(x, this.height);
    context.stroke();
    context.setLineDash([]);
    this.labels = this.labels || [];
    this.labels.push([x, color, text]);
  }

  ruler(view) {
    const { context, scene, colors } = this;
    context.fillStyle = colors.bg;
    context.fillRect(GUTTER, 0, this.width, RULER - 4);
    context.fillStyle = colors.line;
    context.fillRect(GUTTER, RULER - 4, this.width, 1);
    context.font = `11px ${FONT}`;
    context.textBaseline = "middle";
    context.textAlign = "left";
    const marked = (this.labels || []).map(([x]) => x);
    let drawn = -99;
    let time = NONE;
    for (let at = this.from; at <= this.to; at += 1) {
      const column = scene.run.columns[at];
      if (column.time === time) continue;
      const x = this.x(at);
      const shown = time === NONE ? Math.max(x, GUTTER + 2) : x;
      time = column.time;
      const text = timeText(time);
      if (shown < drawn + 12 || marked.some((other) => other > shown - 90 && other < shown + 60)) continue;
      context.fillStyle = colors.soft;
      context.fillText(text, shown, 22);
      drawn = shown + context.measureText(text).width;
    }
    this.numbers(view);
    this.odds();
    let taken = 0;
    for (const [x, color, text] of (this.labels || []).sort(([one], [other]) => one - other)) {
      context.font = `600 11px ${FONT}`;
      const width = context.measureText(text).width + 12;
      const left = Math.max(Math.min(Math.max(x - width / 2, GUTTER + 2), this.width - width - 2), taken);
      taken = left + width + 2;
      context.fillStyle = color;
      rounded(context, left, 15, width, 16, 8);
      context.fillStyle = colors.panel;
      context.textAlign = "left";
      context.fillText(text, left + 6, 23.5);
    }
    this.labels = [];
  }

  // The numbers of steps, as many as there is room for.
  numbers(view) {
    const { context, scene, colors } = this;
    const every = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000].find((count) => count * scene.perColumn >= 34) || 20000;
    context.textAlign = "center";
    context.font = `11px ${FONT}`;
    let drawn = -99;
    for (let at = this.from; at <= this.to; at += 1) {
      const { number } = scene.run.columns[at];
      const here = at === view.selected;
      const x = this.middle(at);
      if (number === 0 || (!here && (number % every !== 0 && number !== 1)) || (!here && x - drawn < 26)) continue;
      context.fillStyle = here ? colors.ink : colors.faint;
      if (here) context.font = `600 11px ${FONT}`;
      context.fillText(String(number), x, 8);
      if (here) context.font = `11px ${FONT}`;
      drawn = x;
    }
  }

  gutter(view, rows) {
    const { context, scene, colors } = this;
    context.fillStyle = colors.bg;
    context.fillRect(0, 0, GUTTER, this.height);
    context.save();
    context.beginPath();
    context.rect(0, RULER - 4, GUTTER, this.height);
    context.clip();
    context.textAlign = "left";
    context.textBaseline = "middle";
    const active = view.selected === NONE ? NONE : scene.run.columns[view.selected].lane;
    for (const [lane, row] of rows) {
      const isHost = lane.kind === "host";
      const indent = lane.host !== "" && !isHost ? 32 : 20;
      context.font = `${isHost || lane.id === active ? "600 " : ""}13px ${FONT}`;
      context.fillStyle = lane.id === active || isHost ? colors.ink : lane.kind === "task" ? colors.ink : colors.soft;
      context.fillText(this.fitted(lane.name, GUTTER - indent - 8, cutMiddle), indent, this.rowY(row));
      if (scene.tall) {
        context.font = `11px ${FONT}`;
        context.fillStyle = colors.faint;
        const below = lane.place ? shortPlace(lane.place) : { loop: "timers, callbacks", outside: "files, connections", task: "" }[lane.kind] ?? lane.kind;
        context.fillText(this.fitted(below, GUTTER - indent - 8), indent, this.rowY(row) + 17);
      }
    }
    if (scene.printed) {
      context.font = `13px ${FONT}`;
      context.fillStyle = colors.soft;
      context.fillText("printed", 20, this.top + scene.y(scene.lanes.length) + scene.rowHeight / 2);
    }
    context.restore();
    context.fillStyle = colors.faint;
    context.font = `11px ${FONT}`;
    context.textAlign = "left";
    context.fillText("step", 20, 8);
    context.fillText("virtual time", 20, 22);
    if (scene.run.odds.length > 1) context.fillText("odds of failing", 20, RULER - ODDS / 2 - 3);
    context.fillStyle = colors.line;
    context.fillRect(GUTTER - 1, 0, 1, this.height);
  }
}

function rounded(context, x, y, width, height, radius) {
  // What is narrow has no room for corners, and there may be very many of it.
  if (width < 5) {
    context.fillRect(x, y, width, height);
    return;
  }
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
  context.fill();
}

// Cuts a text to the room that there is.
function cutTo(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`${text.slice(0, middle)}…`).width <= room) low = middle; else high = middle - 1;
  }
  return low === 0 ? "" : `${text.slice(0, low)}…`;
}

// The same in its middle: the number at the end of a name may tell it from others.
function cutMiddle(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  const letters = [...text];
  for (let left = letters.length - 1; left > 2; left -= 1) {
    const tail = left >> 1;
    const cut = `${letters.slice(0, left - tail).join("")}…${letters.slice(letters.length - tail).join("")}`;
    if (context.measureText(cut).width <= room) return cut;
  }
  return "";
}

// The numbers of a sorted list from one up to another.
function between(list, from, to) {
  return list.slice(firstFrom(list, from), firstFrom(list, to + 1));
}

// The position of the first bar or arrow that reaches a column, in a list in the order in which they
// begin.
function startOf(list, from) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].reach < from) low = middle + 1; else high = middle;
  }
  return low;
}
