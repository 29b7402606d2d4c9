// Takes the picture of a page for the README: `node picture.js PAGE FILE.png`. CHROMIUM names another browser.

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [page, file] = process.argv.slice(2);
assert(page && file, "say which page, and where the picture goes: node picture.js page.html report.png");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"],
});
const view = await browser.newPage({ viewport: { width: 1280, height: 860 }, colorScheme: "light" });
await view.goto(pathToFileURL(page).href);
await view.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
await view.screenshot({ path: file });
await browser.close();
