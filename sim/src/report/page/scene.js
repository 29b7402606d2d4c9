// Where things are: columns and lanes in pixels. On the axis of steps a column is as wide as
// another; on that of time each instant is as wide as its columns, and what lies between two
// instants as wide as it is long.

const GUTTER = 160;
// The numbers of steps and the times; where a run has odds, their curve below these.
const ODDS = 26;
let RULER = 36;
const TICK = 7;
// Room for what stands behind the last step.
const MARGIN = 110;

class Scene {
  constructor(run) {
    this.run = run;
    this.byTime = false;
    this.perColumn = 20;
    this.perNano = 0;
    this.filter = "";
    this.matters = new Set(run.about.matters || []);
    this.onlyMattering = false;
    this.layOut();
  }

  // The lanes that the filter leaves.
  layOut() {
    const wanted = this.filter.toLowerCase();
    const fits = (lane) => (wanted === "" ? !this.onlyMattering || this.matters.has(lane.id) : lane.name.toLowerCase().includes(wanted) || lane.host.toLowerCase().includes(wanted));
    const any = this.run.lanes.some(fits);
    this.lanes = any ? this.run.lanes.filter(fits) : this.run.lanes;
    this.rowOf = new Map(this.lanes.map((lane, row) => [lane.id, row]));
    this.tall = this.lanes.length <= 24;
    this.rowHeight = this.tall ? 40 : 20;
    this.printed = this.run.says.length > 0;
    this.rows = this.lanes.length + (this.printed ? 1 : 0);
  }

  setAxis(byTime, room) {
    this.byTime = byTime;
    this.fit(room);
  }

  // The whole run in the room, unless its columns would be too wide or too narrow to be seen.
  fit(room) {
    const columns = Math.max(1, this.run.columns.length);
    const inner = Math.max(100, room - GUTTER - MARGIN);
    if (this.byTime) {
      const span = this.span();
      this.perColumn = Math.min(TICK, Math.max(0.4, inner / 2 / columns));
      this.perNano = span === 0 ? 0 : Math.max(0, inner - columns * this.perColumn) / span;
      if (span === 0) this.perColumn = Math.min(64, inner / columns);
    } else {
      this.perColumn = Math.min(104, Math.max(inner / columns, 0.02));
      this.perNano = 0;
    }
  }

  // Wide enough to read by: where a page of many steps begins.
  readable(room) {
    this.fit(room);
    if (!this.byTime) this.perColumn = Math.max(this.perColumn, 46);
  }

  span() {
    const { columns } = this.run;
    return columns.length ? columns.at(-1).time - columns[0].time : 0;
  }

  zoom(factor) {
    this.perColumn = Math.min(240, Math.max(0.02, this.perColumn * factor));
    this.perNano *= factor;
  }

  width() { return this.x(this.run.last) + this.perColumn + MARGIN - 20; }
  height() { return RULER + this.rows * this.rowHeight + 6; }

  // The left edge of a column, from that of the first one.
  x(at) {
    const { columns } = this.run;
    if (at < 0 || columns.length === 0) return 0;
    return at * this.perColumn + (columns[Math.min(at, columns.length - 1)].time - columns[0].time) * this.perNano;
  }

  y(row) { return RULER + row * this.rowHeight; }

  // The last column that begins at or before a place.
  columnAt(x) {
    let low = 0;
    let high = this.run.last;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.x(middle) <= x) low = middle; else high = middle - 1;
    }
    return low;
  }

  laneAt(y) {
    const row = Math.floor((y - RULER) / this.rowHeight);
    return y >= RULER ? this.lanes[row] : undefined;
  }

  // Of a lane's blocks, the one that is nearest to a column.
  nearestBlock(lane, at) {
    const { blocks } = lane;
    const index = firstFrom(blocks, at);
    const [before, after] = [blocks[index - 1], blocks[index]];
    if (before === undefined) return after;
    if (after === undefined) return before;
    return Math.abs(this.x(before) - this.x(at)) < Math.abs(this.x(after) - this.x(at)) ? before : after;
  }

  isShown(column) { return this.lanes.length === this.run.lanes.length || this.rowOf.has(column.lane); }
}

// The position of the first number of a sorted list that is not below `from`.
function firstFrom(list, from) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < from) low = middle + 1; else high = middle;
  }
  return low;
}
