// Looks at the timeline page in a real browser: `node page.test.js SEEDLOOP`, with the path of the
// program. Exits with 1 if anything is not as it should be. CHROMIUM names another browser.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { longRun } from "./long_run.js";

const program = process.argv[2];
assert(program, "say where the program is: node page.test.js target/debug/seedloop");
const scratch = mkdtempSync(join(tmpdir(), "seedloop-page-"));

// Runs the program; a case that fails ends with 1.
function seedloop(...words) {
  const { status, stdout, stderr, error } = spawnSync(program, words, { encoding: "utf8" });
  assert(!error && status !== null && status <= 1, `seedloop ${words.join(" ")}: ${error ?? stderr}`);
  return stdout;
}

// The page of a known bug, with its case.
function pageOfBug(name) {
  const [, found] = seedloop("explore", name).match(/(sl1\.\S+)/);
  const file = join(scratch, `${name}.html`);
  seedloop("trace", name, "--case", found, "--html", file);
  return { file, found };
}

function pageOfRun(name) {
  const file = join(scratch, `${name}.html`);
  seedloop("trace", name, "--html", file);
  return file;
}

// The same, with lines that are given as values.
function pageOf(...lines) {
  return pageWith(`${lines.map((line) => JSON.stringify(line)).join("\n")}\n`, pageOfRun("executors"));
}

// A page with other lines than its own.
function pageWith(lines, like) {
  const begin = '<script type="application/x-ndjson" id="runs">\n';
  const html = readFileSync(like, "utf8");
  const [before, rest] = [html.slice(0, html.indexOf(begin) + begin.length), html.slice(html.indexOf(begin))];
  const file = join(scratch, "long.html");
  writeFileSync(file, before + lines + rest.slice(rest.indexOf("</script>")));
  return file;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});

// Opens a page, and holds it to what is true of every one: no errors, nothing asked of anybody.
async function open(file, options = {}) {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 }, ...options });
  page.wrong = [];
  page.on("console", (message) => { if (message.type() !== "log") page.wrong.push(`console: ${message.text()}`); });
  page.on("pageerror", (error) => page.wrong.push(`error: ${error.stack}`));
  const url = pathToFileURL(file).href;
  page.on("request", (request) => { if (request.url() !== url && !request.url().startsWith("data:")) page.wrong.push(`request: ${request.url()}`); });
  await page.goto(url);
  await settled(page);
  return page;
}

async function close(page) {
  await settled(page);
  assert.deepEqual(page.wrong, []);
  await page.close();
}

// Two frames: what was to be drawn is drawn.
const settled = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

// What the page itself knows; it keeps it for this test.
const state = (page) => page.evaluate(() => {
  const { active, views } = window.seedloopPage;
  return {
    view: views.indexOf(active), at: active.selected, last: active.run.last, perColumn: active.scene.perColumn, byTime: active.scene.byTime,
    lanes: active.scene.lanes.map((lane) => lane.name), parts: active.run.about.parts, end: active.run.end,
    selected: views.map((view) => view.selected), keys: active.run.columns.filter((column) => column.key).map((column) => column.index),
    entries: active.run.entries.length, scroll: active.scroller.scrollLeft,
  };
});

async function press(page, key) {
  await page.keyboard.press(key);
  await settled(page);
  return state(page);
}

const tests = {
  async "the head says what failed and how to see it again"() {
    const { file, found } = pageOfBug("philosophers-3");
    const page = await open(file);
    assert.equal(await page.textContent("#state"), "failed");
    assert.match(await page.textContent("#headline"), /^philosophers-3: deadlock at 0\.0s: 4 tasks wait for ever$/);
    assert.match(await page.textContent("#race"), /^How it comes about: .* takes lock#\d at .* before .* takes it/);
    const facts = await page.locator(".fact code").allTextContents();
    assert.deepEqual(facts, [found, `cargo run -- replay philosophers-3 '${found}'`]);
    await page.click(".fact button");
    await page.waitForFunction(() => document.querySelector(".fact button").textContent === "Copied");
    await close(page);
  },

  async "two runs stand beside each other, and where they part is marked"() {
    const page = await open(pageOfBug("philosophers-3").file);
    const { at, parts, selected, end } = await state(page);
    assert(parts > 0 && end > parts);
    assert.deepEqual([at, selected], [parts, [parts, parts]], "the reader begins where the runs part");
    const color = await page.evaluate(() => window.seedloopPage.views.map(({ painter, run, canvas }) => {
      const x = Math.round((painter.x(run.about.parts) - 3) * window.devicePixelRatio);
      // A copy, since it is read.
      const copy = Object.assign(document.createElement("canvas"), { width: 1, height: 60 });
      const context = copy.getContext("2d", { willReadFrequently: true });
      context.drawImage(canvas, x, 40, 1, 60, 0, 0, 1, 60);
      const rows = [...Array(60).keys()].map((row) => context.getImageData(0, row, 1, 1).data);
      return rows.some(([red, green, blue]) => red > 170 && green < 150 && blue < 90);
    }));
    assert.deepEqual(color, [true, true], "a line in the colour of deviations");
    assert.match(await page.textContent("#detail"), /Here this run and the other one part/);
    await page.uncheck("#beside");
    assert.equal(await page.locator(".view:visible").count(), 1);
    await close(page);
  },

  async "keys go from step to step"() {
    const page = await open(pageOfBug("philosophers-3").file);
    const { last, keys, end } = await state(page);
    assert.equal((await press(page, "Home")).at, 0);
    assert.equal((await press(page, "ArrowLeft")).at, 0);
    assert.equal((await press(page, "ArrowRight")).at, 1);
    assert.match(await page.textContent("#where"), /^step 1 of \d+$/);
    await press(page, "Home");
    assert.equal((await press(page, "n")).at, keys[0]);
    assert.equal((await press(page, "n")).at, keys[1]);
    assert.equal((await press(page, "p")).at, keys[0]);
    assert.equal((await press(page, "End")).at, end, "the failure");
    assert.equal((await press(page, "End")).at, last);
    assert.equal((await press(page, "ArrowRight")).at, last);
    await press(page, "Home");
    assert.deepEqual((await press(page, "b")).view, 1, "the run beside");
    await page.focus("#beside");
    await press(page, "Home");
    assert.equal((await press(page, "ArrowRight")).at, 1, "also from a box that is ticked");
    await close(page);
  },

  async "when the failure became inevitable is told, and at each step what may come of it"() {
    const page = await open(pageOfBug("philosophers-3").file);
    const { told, odds, turn } = await page.evaluate(() => {
      const { odds, about } = window.seedloopPage.views[0].run;
      return { told: document.getElementById("inevitable").textContent, odds, turn: about.turn };
    });
    assert.match(told, /^When it became inevitable: from step \d+ on: (\d+) of \1 runs /);
    const last = odds.at(-1);
    assert.equal(last.failed, last.runs, "what has failed cannot pass");
    const before = odds.findLast((place) => place.failed < place.runs);
    assert(before.column <= turn);
    const detailAt = async (at) => {
      await page.evaluate((at) => window.seedloopPage.select(window.seedloopPage.views[0], at, true), at);
      return page.textContent("#detail");
    };
    assert.match(await detailAt(turn), /(\d+) of \1 runs that go on (from here|after choice \d+ of the step) fail like this: there is no way back\./);
    assert.match(await detailAt(odds[0].column), /\d+ of \d+ runs that go on from (here|the start) fail like this/);
    await close(page);
  },

  async "keys zoom, filter, change the axis and the colours"() {
    const page = await open(pageOfBug("philosophers-3").file);
    const before = await state(page);
    assert((await press(page, "+")).perColumn > before.perColumn);
    assert.equal((await press(page, "-")).perColumn, before.perColumn);
    assert((await press(page, "t")).byTime);
    assert(!(await press(page, "t")).byTime);
    await press(page, "?");
    assert(await page.isVisible("#legend"));
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    assert.equal(await theme(), "light");
    await press(page, "d");
    assert.equal(await theme(), "dark");
    await press(page, "/");
    await page.keyboard.type("task-3");
    assert.deepEqual((await state(page)).lanes, ["Task-3"]);
    await page.keyboard.press("Enter");
    const blocks = await page.evaluate(() => window.seedloopPage.active.scene.lanes[0].blocks);
    assert.equal((await press(page, "Home")).at, blocks[0], "only steps of the tasks that are left");
    assert.equal((await press(page, "ArrowRight")).at, blocks[1]);
    await press(page, "/");
    assert.deepEqual((await press(page, "Escape")).lanes, before.lanes);
    await close(page);
  },

  async "a click on a step selects it, one on a wake jumps to its other end"() {
    const page = await open(pageOfBug("philosophers-3").file);
    const place = await page.evaluate(() => {
      const { active } = window.seedloopPage;
      const { painter, scene, run, canvas } = active;
      const box = canvas.getBoundingClientRect();
      const block = (at) => [box.left + painter.middle(at), box.top + painter.rowY(scene.rowOf.get(run.columns[at].lane))];
      // The middle of an arrow that crosses no step there.
      const middleOf = ([, x, y, toX, toY, down]) => [x / 2 + toX / 2, y / 8 + (3 / 8) * (y + down * 14) + (3 / 8) * (toY - down * 18) + toY / 8];
      const free = painter.drawn.find((drawn) => {
        const [offsetX, offsetY] = middleOf(drawn);
        return active.over({ offsetX, offsetY })?.arrow === drawn[0];
      });
      const [x, y] = middleOf(free);
      return { block: block(1), arrow: [box.left + x, box.top + y], from: free[0].from, to: free[0].to };
    });
    await page.mouse.click(...place.block);
    assert.equal((await state(page)).at, 1);
    await page.evaluate(() => window.seedloopPage.select(window.seedloopPage.active, 4));
    await settled(page);
    await page.mouse.click(...place.arrow);
    assert.equal((await state(page)).at, place.to);
    await settled(page);
    await page.mouse.click(...place.arrow);
    assert.equal((await state(page)).at, place.from, "and back");
    await page.evaluate(() => window.seedloopPage.select(window.seedloopPage.active, 2, true));
    await page.click("#detail .jump");
    assert.notEqual((await state(page)).at, 2, "a link of the words jumps, too");
    await page.click(".keylist li:last-child button");
    assert.equal((await state(page)).at, (await state(page)).keys.at(-1));
    await close(page);
  },

  async "the words say why a step runs and what else could have run"() {
    const page = await open(pageOfBug("notify-before-wait").file);
    const { parts } = await state(page);
    assert(parts > 0);
    const words = await page.textContent("#detail");
    for (const part of ["not as in the order of the queue", "Why it runs", "what else could have been", "not the first in the queue"]) {
      assert(words.includes(part), `"${part}" in ${words}`);
    }
    assert.equal(await page.locator("#detail .chip.taken").first().textContent(), "Task-3");
    assert.equal(await page.locator("#detail .chip:not(.taken)").first().textContent(), "Task-2");
    await close(page);
  },

  async "who waits for whom is drawn, and a ring is told"() {
    const page = await open(pageOfBug("philosophers-3").file);
    await press(page, "End");
    assert.match(await page.textContent("#waits"), /They wait for each other: Task-\d → lock#\d → Task-\d → lock#\d → Task-\d → lock#\d → Task-\d\./);
    assert(await page.locator("#waits svg rect").count() >= 7);
    await close(page);
  },

  async "the table has every event, page by page"() {
    const page = await open(pageOfRun("job-queue"));
    await page.click("#tab-events");
    const { entries } = await state(page);
    assert.equal(await page.getAttribute("#events table", "aria-rowcount"), String(entries + 1));
    assert.equal(await page.locator("#events tbody tr").count(), 200);
    await page.click("#page-forth");
    assert.equal(await page.textContent("#page"), `201–400 of ${entries}`);
    await page.locator("#events tbody tr").nth(3).click();
    const at = await page.locator("#events tbody tr").nth(3).getAttribute("data-at");
    assert.equal((await state(page)).at, Number(at));
    await page.fill("#filter", "heartbeat");
    const found = await page.locator("#events tbody tr").allTextContents();
    assert(found.length > 0 && found.every((row) => row.toLowerCase().includes("heartbeat")), "all rows fit the filter");
    assert((await state(page)).lanes.every((lane) => lane.includes("heartbeat")));
    await close(page);
  },

  async "hosts and workers have lanes, and what was printed is as it was printed"() {
    const page = await open(pageOfRun("executors"));
    const { lanes } = await state(page);
    assert(lanes.includes("default worker 1"), lanes.join(", "));
    const printed = await page.locator("#transcript .s").allTextContents();
    assert.deepEqual(printed.slice(0, 2), ["task_a: 2秒", "デフォルトのexecutor: 結果"]);
    await page.locator("#transcript button").nth(1).click();
    assert.match(await page.textContent("#detail"), /prints “デフォルトのexecutor: 結果”/);
    await close(page);
    const queue = await open(pageOfRun("job-queue"));
    assert((await state(queue)).lanes.includes("broker"));
    await close(queue);
  },

  async "on the axis of time steps of one instant stand side by side"() {
    const page = await open(pageOfRun("executors"));
    await page.click("#by-time");
    const { same, later } = await page.evaluate(() => {
      const { scene, run } = window.seedloopPage.active;
      const apart = (fits) => run.columns.slice(1).filter((column, index) => fits(column.time - run.columns[index].time))
        .map(({ index }) => scene.x(index) - scene.x(index - 1));
      return { same: apart((span) => span === 0), later: apart((span) => span > 0) };
    });
    assert(same.every((apart) => apart > 1 && apart < 10), `${same}`);
    assert(later.every((apart) => apart > 40), `${later}`);
    await close(page);
  },

  async "the page is dark where the system is"() {
    const page = await open(pageOfBug("philosophers-3").file, { colorScheme: "dark" });
    const colors = () => page.evaluate(() => [document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor]);
    assert.deepEqual(await colors(), ["dark", "rgb(21, 23, 26)"]);
    await page.click("#theme");
    assert.deepEqual(await colors(), ["light", "rgb(252, 252, 251)"]);
    await close(page);
  },

  async "every control has a name"() {
    const page = await open(pageOfBug("philosophers-3").file);
    const unnamed = await page.evaluate(() => [...document.querySelectorAll("button, input, [tabindex]")]
      .filter((one) => !(one.getAttribute("aria-label") || one.getAttribute("aria-labelledby") || one.textContent.trim() || one.closest("label"))).map((one) => one.outerHTML));
    assert.deepEqual(unnamed, []);
    await close(page);
  },

  async "arrow keys go from one radio button and tab to the next"() {
    const page = await open(pageOfBug("philosophers-3").file);
    const group = (id, attribute) => page.evaluate(([id, attribute]) => [...document.getElementById(id).children]
      .map((one) => [one.id, one.getAttribute(attribute), one.tabIndex, one === document.activeElement]), [id, attribute]);
    const { at } = await state(page);
    await page.focus("#by-steps");
    assert((await press(page, "ArrowRight")).byTime);
    assert.deepEqual(await group("axis", "aria-checked"), [["by-steps", "false", -1, false], ["by-time", "true", 0, true]]);
    assert(!(await press(page, "ArrowDown")).byTime, "behind the last one the first comes");
    assert((await press(page, "ArrowUp")).byTime);
    await page.focus("#tab-transcript");
    await press(page, "ArrowLeft");
    assert.deepEqual(await group("tabs", "aria-selected"), [["tab-transcript", "false", -1, false], ["tab-events", "true", 0, true]]);
    assert(await page.isVisible("#events") && !await page.isVisible("#transcript"));
    await press(page, "ArrowRight");
    assert(await page.isVisible("#transcript"));
    assert.equal((await state(page)).at, at, "they are no steps");
    await close(page);
  },

  async "a step is read once"() {
    const page = await open(pageOfRun("job-queue"));
    await page.click("#tab-events");
    const live = await page.evaluate(() => [...document.querySelectorAll("[aria-live], output, [role=status], [role=alert], [role=log]")].map((one) => one.id));
    assert.deepEqual(live, ["where"]);
    await close(page);
  },

  async "what is told of a failure is there, or not shown at all"() {
    const about = { name: "a", state: "failed", message: "it fails\n", regression: '#[seedloop::test(case = "x")]' };
    const run = [["text", 1, "Task-1"], ["text", 2, "starts"], ["lane", 0, "task", 1, 0, 0, 0, -1], ["at", 1, 0, 0], ["start", 0, 2, 0]];
    const short = await open(pageOf(["seedloop", 1, about], ...run));
    assert(!await short.isVisible("#whole"));
    assert.deepEqual(await short.locator(".fact").allTextContents(), [`as a test${about.regression}Copy`]);
    await close(short);
    const long = await open(pageOf(["seedloop", 1, { ...about, message: "it fails\n  left: 1\n right: 2" }], ...run));
    assert.equal(await long.textContent("#message"), "  left: 1\n right: 2");
    assert(await long.isVisible("#message"));
    await close(long);
  },

  async "several choices of one step have their own places on the curve"() {
    const page = await open(pageOf(
      ["seedloop", 1, { name: "a", state: "failed", message: "it fails", turn: 1 }], ["text", 1, "Task-1"], ["text", 2, "starts"],
      ["lane", 0, "task", 1, 0, 0, 0, -1], ["at", 1, 0, 0], ["start", 0, 2, 0], ["at", 2, 0, 0], ["start", 0, 2, 0],
      ["odds", 0, 0, 26, 3, 0], ["odds", 1, 2, 26, 26, 1], ["odds", 1, 4, 128, 60, 3], ["odds", 1, 5, 128, 128, 4],
    ));
    const { lines, perColumn, left } = await page.evaluate(() => {
      const { painter, scene } = window.seedloopPage.active;
      const rects = [];
      const context = new Proxy(painter.context, {
        get: (own, name) => (name === "fillRect" ? (...rect) => rects.push(rect) : own[name]), set: (own, name, value) => Reflect.set(own, name, value),
      });
      painter.odds.call(Object.setPrototypeOf({ context }, painter));
      return { lines: rects.filter((rect) => rect[3] === 1).map(([x, , width]) => [x, width]), perColumn: scene.perColumn, left: painter.x(0) };
    });
    const third = perColumn / 3;
    const expected = [[0, perColumn], [perColumn, third], [perColumn + third, third], [perColumn + 2 * third, third]];
    lines.forEach(([x, width], index) => {
      const [from, wide] = expected[index];
      assert(Math.abs(x - left - from) < 0.01 && Math.abs(width - wide) < 0.01, `${index}: ${x - left}, ${width}, not ${expected[index]}`);
    });
    assert.equal(lines.length, 4);
    await page.evaluate(() => window.seedloopPage.select(window.seedloopPage.active, 1, true));
    const told = await page.locator("#detail p").allTextContents();
    assert.deepEqual(told.filter((text) => text.includes("fail like this")), [
      "26 of 26 runs that go on after choice 1 of the step fail like this.",
      "60 of 128 runs that go on after choice 3 of the step fail like this.",
      "128 of 128 runs that go on after choice 4 of the step fail like this: there is no way back.",
    ]);
    await close(page);
  },

  async "a run that is longer than its record has its own numbers"() {
    const page = await open(pageOf(
      ["seedloop", 1, { name: "long", state: "ran", forgotten: "the first 52429 steps were not kept" }],
      ["text", 1, "Task-1"], ["text", 2, "loop"], ["text", 3, "goes on"], ["text", 4, "moves the clock on by 1s"],
      ["lane", 0, "task", 1, 0, 0, 0, -1, 52428], ["lane", 1, "loop", 2, 0, 0, 0, -1],
      ["at", 0, 1e9, 1], ["clock", 1, 4, 0], ["at", 52430, 1e9, 0], ["start", 0, 3, 0], ["at", 52431, 1e9, 0], ["start", 0, 3, 0],
    ));
    assert.equal(await page.textContent("#forgotten"), "What is not shown: the first 52429 steps were not kept.");
    assert.equal(await page.textContent("#where"), "after step 52429 of 52431");
    assert.match(await page.textContent("#detail h2"), /^The turn at 1 s · loop$/);
    await press(page, "ArrowRight");
    assert.equal(await page.textContent("#where"), "step 52430 of 52431");
    assert.match(await page.textContent("#detail"), /at 1 s, step 52429 of the task/);
    await close(page);
    const whole = await open(pageOfRun("executors"));
    assert(!await whole.isVisible("#forgotten"));
    await close(whole);
  },

  async "twenty thousand steps do not lag, and what is not known is left out"() {
    const steps = 20_000;
    const file = pageWith(longRun(steps), pageOfRun("executors"));
    const begin = performance.now();
    const page = await open(file);
    const loaded = performance.now() - begin;
    assert.match(await page.textContent("#where"), /of 20000$/);
    const figures = await page.evaluate(() => {
      const { active } = window.seedloopPage;
      const timed = (times, call) => {
        const start = performance.now();
        for (let index = 0; index < times; index += 1) call(index);
        return (performance.now() - start) / times;
      };
      const step = timed(100, () => { window.seedloopPage.go("ArrowRight"); active.painter.paint(active); });
      window.seedloopPage.fit();
      return { step, whole: timed(10, () => active.painter.paint(active)) };
    });
    console.log(`      ${(readFileSync(file).length / 1e6).toFixed(1)} MB, loaded in ${loaded.toFixed(0)} ms, a step ${figures.step.toFixed(1)} ms, the whole run drawn in ${figures.whole.toFixed(1)} ms`);
    // Generous, since the machine may have other things to do.
    assert(loaded < 8000 && figures.step < 60 && figures.whole < 250, "it lags");
    await close(page);
  },
};

let failed = 0;
try {
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      console.log(`ok    ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILS ${name}\n${error.stack}`);
    }
  }
} finally {
  await browser.close();
  rmSync(scratch, { recursive: true });
}
console.log(`${Object.keys(tests).length - failed} of ${Object.keys(tests).length} tests of the page pass`);
process.exitCode = failed ? 1 : 0;
