// Drives a browser through the pages as a person with a keyboard does, and has
// axe-core judge every page: on a desk and on a phone, in the light and in the dark.
// Its last line is what it did, as JSON; anything wrong ends it with a word.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";

const { SERVER, ORG, LOGIN, PASSWORD, LIBRARY, MANY, OUT, CHROMIUM, BROWSER_MODULES, PICTURES } = process.env;
const require = createRequire(path.join(BROWSER_MODULES, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
const desk = { width: 1200, height: 850 }, phone = { width: 390, height: 844 };
const context = await browser.newContext({ viewport: desk, acceptDownloads: true });
const page = await context.newPage();
page.setDefaultTimeout(30000);
const wrong = [];
page.on("pageerror", (error) => wrong.push(`script: ${error}`));
page.on("console", (message) => {
  const text = message.text();
  if (message.type() === "error" && /Content Security Policy|Refused to/.test(text)) wrong.push(text);
});

/** Has the page judged in every guise. */
let judged = 0;
async function judge(name) {
  for (const colorScheme of ["light", "dark"]) {
    for (const [form, viewport] of [["desk", desk], ["phone", phone]]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(viewport);
      if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name}-${form}-${colorScheme}.png`, fullPage: true });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (wide > 0) wrong.push(`${name}: ${wide} pixels too wide on the ${form}`);
      await page.evaluate(axe);
      const found = await page.evaluate(() => window.axe.run({ iframes: false }));
      for (const { id, impact, nodes } of found.violations) {
        if (["serious", "critical"].includes(impact)) {
          wrong.push(`${name}, ${form}, ${colorScheme}: ${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
        }
      }
      judged += 1;
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(desk);
}

/** Goes to what `selector` says by the Tab key alone, and sees that it shows its focus. */
async function tabTo(selector) {
  for (let presses = 0; presses < 150; presses++) {
    await page.keyboard.press("Tab");
    const there = await page.evaluate((wanted) => {
      const focused = document.activeElement;
      if (!focused || !focused.matches(wanted)) return null;
      return getComputedStyle(focused).outlineStyle;
    }, selector);
    if (there === "none") wrong.push(`${selector} does not show its focus`);
    if (there) return;
  }
  throw new Error(`no way by Tab to ${selector} on ${page.url()}`);
}
const type = async (selector, text) => { await tabTo(selector); await page.keyboard.type(text); };
const press = async (selector) => { await tabTo(selector); await page.keyboard.press("Enter"); };
const arrive = async (selector, address) => {
  await Promise.all([page.waitForURL(address), press(selector)]);
};

/** Starts a job of a library, by typing the library's name; with `isHeld` it waits. */
async function start(name, library, { isHeld = false, isJudged = false }) {
  await arrive('.tabs a[href$="/jobs/new"]', /\/jobs\/new/);
  await type("#name", name);
  await tabTo("#input-library");
  await page.keyboard.type(library);
  const chosen = await page.$eval("#input-library", (select) => [...select.selectedOptions].map((option) => option.label));
  if (chosen.length !== 1 || !chosen[0].startsWith(library)) throw new Error(`the keys chose ${chosen}`);
  const groups = await page.$$("summary");
  for (const group of groups) { await group.focus(); await page.keyboard.press("Enter"); }
  if (isJudged) await judge("start");
  await page.focus("#name");
  await type("#option-decoys", "4");
  if (isHeld) { await tabTo("#held"); await page.keyboard.press("Space"); }
  await arrive('form.card button[type="submit"]', /\/jobs\/job_/);
  await page.waitForSelector("#job");
}
const state = (word) => page.waitForSelector(`#job .state:has-text("${word}")`, { timeout: 120000 });

try {
  await page.goto(`${SERVER}/`);
  await page.waitForURL(/\/login$/);
  await judge("login");
  await page.goto(`${SERVER}/login`);
  await type("#org", ORG);
  await type("#login", LOGIN);
  await type("#password", "wrong horse battery");
  await page.keyboard.press("Enter");
  await page.waitForSelector('[role="alert"]');
  await type("#password", PASSWORD);
  await Promise.all([page.waitForURL(/\/projects$/), page.keyboard.press("Enter")]);
  await judge("projects");

  await page.goto(`${SERVER}/projects`);
  await type("#name", "Factor Xa");
  await type("#slug", "factor-xa");
  await Promise.all([page.waitForURL(/\/datasets$/), page.keyboard.press("Enter")]);
  // The dialogue that chooses a file is the browser's own.
  for (const file of [LIBRARY, MANY]) {
    await page.setInputFiles("#file", file);
    await press('form[data-api] button');
    await page.waitForSelector(`table a[download]:text-is("${path.basename(file)}")`);
  }
  await judge("datasets");

  await page.goto(page.url());
  await start("held back", "library", { isHeld: true });
  await state("held");
  await press("#do-cancel");
  await state("cancelled");
  // One that computes is stopped, and what it would have come to is seen nowhere.
  await start("too large", "many", {});
  await state("running");
  await press("#do-cancel");
  await state("cancelled");
  if (await page.$('a[download="pack.zip"]')) wrong.push("a cancelled job has a pack");
  await start("first audit", "library", { isJudged: true });
  await judge("job-begins");
  // Nothing is loaded again by hand: the page follows its job.
  await state("succeeded");
  const digest = await page.$eval("dl", (list) => list.textContent.match(/[0-9a-f]{64}/)[0]);
  await judge("job");
  await page.focus(".brand");
  await tabTo('a[download="pack.zip"]');
  const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
  await download.saveAs(path.join(OUT, "pack.zip"));
  await page.focus(".brand");
  await arrive("#open-report", /\/report$/);
  const report = page.frameLocator("iframe.report");
  const heading = await report.locator("h1").first().textContent();
  const policy = await page.$eval("iframe.report", async (frame) => {
    const answer = await fetch(frame.src);
    return `${frame.getAttribute("sandbox")}|${answer.headers.get("content-security-policy")}`;
  });
  if (!policy.startsWith("|sandbox;")) wrong.push(`the report's frame allows more: ${policy}`);
  await judge("report");

  await page.goto(page.url().replace(/\/jobs\/.*/, "/jobs"));
  await judge("jobs");
  await page.goto(`${SERVER}/account`);
  await type("#token-name", "laptop");
  await page.keyboard.press("Enter");
  await page.waitForSelector('[aria-label="Token"]');
  await judge("account");
  await page.goto(`${SERVER}/projects/prj_nothing/jobs`);
  await judge("refused");
  await page.goto(`${SERVER}/account`);
  await press('form[action="/logout"] button');
  await page.waitForSelector('h1:has-text("Signed out")');
  await page.goto(`${SERVER}/account`);
  await page.waitForURL(/\/login$/);
  if (wrong.length) throw new Error(`${wrong.length} wrong`);
  console.log(JSON.stringify({ digest, heading, judged }));
} catch (error) {
  console.error(error.stack || error);
  for (const line of wrong) console.error(line);
  console.error(`at ${page.url()}`);
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/failed.png`, fullPage: true }).catch(() => {});
  process.exitCode = 1;
} finally {
  await browser.close();
}
