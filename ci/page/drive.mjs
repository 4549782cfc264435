/*
 * drive: opens the report in a headless Chromium and does with it what a reader does. Started by
 * ci/browser; needs Node and nothing of npm but axe-core's one file.
 *
 * Speaks the DevTools protocol over a pipe, so that no port is opened. Each line of its output is
 * "ok WHAT", "FAIL WHAT" or "measured WHAT"; exit 1 if one failed.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [chromium, page, large, axe, shots] = process.argv.slice(2);
const LARGE_BYTES = 5e6, PAINT_MS = 1000, PAINTS = 5, PATIENCE_MS = 60000;
let failed = 0;

const tell = (good, what) => {
  failed += good ? 0 : 1;
  console.log((good ? 'ok   ' : 'FAIL ') + what);
};

/* --- the browser ---------------------------------------------------------------------------- */

const home = mkdtempSync(join(tmpdir(), 'rundown-browser-'));
const browser = spawn(chromium, ['--headless=new', '--remote-debugging-pipe', '--no-first-run',
  '--disable-gpu', '--disable-extensions', '--disable-background-networking', '--hide-scrollbars',
  '--user-data-dir=' + home].concat(process.getuid() === 0 ? ['--no-sandbox'] : []),
{ stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
const waiting = new Map(), listeners = new Set();
let last = 0, rest = '';

browser.stdio[4].setEncoding('utf8');
browser.stdio[4].on('data', (chunk) => {
  const parts = (rest + chunk).split('\0');
  rest = parts.pop();
  for (const part of parts) {
    const message = JSON.parse(part), asked = waiting.get(message.id);
    if (!asked) {
      listeners.forEach((listener) => listener(message));
      continue;
    }
    waiting.delete(message.id);
    if (message.error) asked.reject(new Error(asked.method + ': ' + message.error.message));
    else asked.resolve(message.result);
  }
});

const send = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
  waiting.set(++last, { resolve, reject, method });
  browser.stdio[3].write(JSON.stringify({ id: last, method, params, sessionId }) + '\0');
});

/* A tab. @trouble: what a page must never cause: errors, refused styles, requests. */
const open = async () => {
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const tab = { trouble: [], url: '' };
  tab.send = (method, params) => send(method, params, sessionId);
  tab.once = (method) => new Promise((resolve) => {
    const listener = (message) => {
      if (message.sessionId !== sessionId || message.method !== method) return;
      listeners.delete(listener);
      resolve(message.params);
    };
    listeners.add(listener);
  });
  listeners.add(({ sessionId: of, method, params }) => {
    if (of !== sessionId) return;
    if (method === 'Runtime.exceptionThrown') tab.trouble.push(params.exceptionDetails.text);
    if (method === 'Log.entryAdded' && params.entry.level === 'error') tab.trouble.push(params.entry.text);
    if (method === 'Page.javascriptDialogOpening') tab.trouble.push('a dialog');
    if (method === 'Network.requestWillBeSent' && params.request.url.split('#')[0] !== tab.url)
      tab.trouble.push('it asks for ' + params.request.url.slice(0, 80));
  });
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await tab.send(domain + '.enable');
  tab.go = async (file) => {
    tab.url = pathToFileURL(file).href;
    const loaded = tab.once('Page.loadEventFired');
    await tab.send('Page.navigate', { url: tab.url });
    await loaded;
  };
  tab.ask = async (expression) => {
    const { result, exceptionDetails } = await tab.send('Runtime.evaluate',
      { expression, awaitPromise: true, returnByValue: true, userGesture: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description || exceptionDetails.text);
    return result.value;
  };
  tab.close = () => send('Target.closeTarget', { targetId });
  return tab;
};

const screen = (tab, width, height) => tab.send('Emulation.setDeviceMetricsOverride',
  { width, height, deviceScaleFactor: 1, mobile: width < 600 });
const media = (tab, scheme, kind = '') => tab.send('Emulation.setEmulatedMedia',
  { media: kind, features: [{ name: 'prefers-color-scheme', value: scheme },
    { name: 'prefers-reduced-motion', value: 'reduce' }] });
/* What is off the screen is not laid out (content-visibility), so all of it is put on one. */
const TALL = 7000;
const tall = async (tab, width) => {
  await screen(tab, width, TALL);
  await tab.send('Page.captureScreenshot', { format: 'jpeg', quality: 1 });
};
const shot = async (tab, name, width) => {
  await tall(tab, width);
  const { cssContentSize } = await tab.send('Page.getLayoutMetrics');
  const { data } = await tab.send('Page.captureScreenshot',
    { clip: { x: 0, y: 0, width, height: Math.min(cssContentSize.height, TALL), scale: 1 } });
  writeFileSync(join(shots, name + '.png'), Buffer.from(data, 'base64'));
};
const point = (tab, type, at, more = {}) => tab.send('Input.dispatchMouseEvent', { type, ...at, ...more });
const click = async (tab, at) => {
  await point(tab, 'mouseMoved', at);
  for (const type of ['mousePressed', 'mouseReleased'])
    await point(tab, type, at, { button: 'left', clickCount: 1 });
};
const press = async (tab, key) => {
  for (const type of ['keyDown', 'keyUp']) await tab.send('Input.dispatchKeyEvent', { type, key, code: key });
};

/* Brings the first such element into view; its middle, or the point at @x, @y of it. */
const place = (tab, what, x = 0.5, y = 0.5) => tab.ask(`(() => {
  const found = document.querySelector(${JSON.stringify(what)});
  if (!found) throw new Error('there is no ' + ${JSON.stringify(what)});
  for (let at = found; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true;
  found.scrollIntoView({ block: 'center', behavior: 'instant' });
  const box = found.getBoundingClientRect();
  return { x: box.left + box.width * ${x}, y: box.top + box.height * ${y} };
})()`);

/* --- what a reader does --------------------------------------------------------------------- */

const clickCell = async (tab) => {
  const aim = await tab.ask("document.querySelector('.heat td a').getAttribute('href')");
  await click(tab, await place(tab, '.heat td a'));
  const seen = await tab.ask(`(() => {
    const cell = document.getElementById(${JSON.stringify(aim.slice(1))});
    const box = cell.getBoundingClientRect();
    return { hash: location.hash, focus: document.activeElement === cell, height: box.height,
             inside: box.top < innerHeight && box.bottom > 0 };
  })()`);
  tell(seen.hash === aim && seen.inside && seen.height > 20, 'a click on a field of the map leads to its cell');
  tell(seen.focus, 'the keyboard goes on from that cell');
};

/* From a field that has a neighbour on its right. */
const walkMap = async (tab) => {
  const aim = await tab.ask(`(() => {
    const from = Array.from(document.querySelectorAll('.heat td')).find((field) =>
      field.querySelector('a') && field.nextElementSibling?.querySelector('a'));
    from.querySelector('a').focus();
    return from.nextElementSibling.querySelector('a').getAttribute('href');
  })()`);
  await press(tab, 'ArrowRight');
  tell(await tab.ask("document.activeElement.getAttribute('href')") === aim, 'the arrow keys walk over the map');
};

/* What the chart says at a point of it, and what it ought to. */
const pointAtChart = async (tab, x) => {
  const at = await place(tab, '.chart svg', x, 0.5);
  await point(tab, 'mouseMoved', at);
  return tab.ask(`(() => {
    const figure = document.querySelector('.chart'), svg = figure.querySelector('svg');
    const data = JSON.parse(figure.querySelector('script').textContent);
    const [left, , right] = svg.dataset.box.split(' ').map(Number), box = svg.getBoundingClientRect();
    const x = (${at.x} - box.left) / box.width * svg.viewBox.baseVal.width;
    const i = Math.round((x - left) / (right - left) * (data.value.length - 1));
    return { said: figure.querySelector('.value span').textContent,
             want: 'lap ' + (data.first + i * data.step).toLocaleString('en') + ': ' +
                   data.value[i].toLocaleString('en') };
  })()`);
};

/* What was folded is laid out anew when it is opened, so the first aim may be where the chart was. */
const readChart = async (tab) => {
  const end = Date.now() + 5000;
  let seen = await pointAtChart(tab, 0.6);
  for (let i = 0; !seen.said.startsWith('lap ') && Date.now() < end; i++)
    seen = await pointAtChart(tab, i % 2 ? 0.6 : 0.55);
  tell(seen.said.startsWith(seen.want), `the chart tells the value under the pointer: "${seen.said}"`);
  await tab.ask("document.querySelector('.chart svg').focus()");
  await press(tab, 'ArrowLeft');
  const said = await tab.ask("document.querySelector('.chart .value span').textContent");
  tell(said !== seen.said && said.startsWith('lap '), `an arrow key goes on to the next: "${said}"`);
};

const copyLine = async (tab) => {
  await send('Browser.grantPermissions', { permissions: ['clipboardReadWrite', 'clipboardSanitizedWrite'] });
  await tab.send('Page.bringToFront');
  await click(tab, await place(tab, '.copy'));
  const seen = await tab.ask(`(async () => {
    const button = document.querySelector('.copy'), end = Date.now() + 5000;
    while (button.textContent === 'Copy' && Date.now() < end) await new Promise(requestAnimationFrame);
    return { button: button.textContent, copied: await navigator.clipboard.readText(),
             line: document.getElementById(button.dataset.copy).textContent };
  })()`);
  tell(seen.button === 'Copied' && seen.copied === seen.line, `the button copies the line: "${seen.copied}"`);
};

const fits = async (tab, name) => {
  const [wide, room] = await tab.ask('[document.documentElement.scrollWidth, innerWidth]');
  tell(wide <= room, `${name}: nothing hangs out at the side (${wide} of ${room} pixels)`);
};

const rules = async (tab, name) => {
  await tab.ask(readFileSync(axe, 'utf8') + '; 0');
  const found = await tab.ask(`axe.run(document, { resultTypes: ['violations'] }).then((all) =>
    all.violations.map((one) => [one.impact, one.id, one.nodes.length, one.nodes[0].html.slice(0, 120)]))`);
  const grave = found.filter(([impact]) => impact === 'serious' || impact === 'critical');
  tell(grave.length === 0, `${name}: axe-core finds nothing serious, ${found.length} lesser`);
  found.forEach((one) => console.log('     ' + one.join(' · ')));
};

const scriptsOff = async (tab) => {
  await tab.send('Emulation.setScriptExecutionDisabled', { value: true });
  await tab.go(page);
  await shot(tab, 'scripts-off', 1280);
  const { root } = await tab.send('DOM.getDocument', { depth: 0 });
  const count = async (selector) =>
    (await tab.send('DOM.querySelectorAll', { nodeId: root.nodeId, selector })).nodeIds.length;
  tell(await count('.chart svg path.line') > 0 && await count('.copy:not([hidden])') === 0 &&
    await count('.finding') > 0, 'without scripts the drawings are there and no dead button is');
  await tab.send('Emulation.setScriptExecutionDisabled', { value: false });
};

/* A fresh look at the page: picture, width, rules. */
const look = async (tab, name, width, scheme, kind) => {
  await media(tab, scheme, kind);
  await screen(tab, width, 900);
  await tab.go(page);
  await fits(tab, name);
  await shot(tab, name, width);
  if (kind !== 'print') await rules(tab, name);
  await screen(tab, width, 900);
};

const read = async () => {
  const tab = await open();
  await look(tab, 'dark', 1280, 'dark');
  await look(tab, 'phone', 390, 'light');
  await look(tab, 'print', 794, 'light', 'print');
  await look(tab, 'wide', 1280, 'light');
  await clickCell(tab);
  await walkMap(tab);
  await readChart(tab);
  await copyLine(tab);
  await scriptsOff(tab);
  tell(tab.trouble.length === 0, 'no error, no refusal, no request: ' + (tab.trouble[0] || 'none'));
  await tab.close();
};

const paint = async () => {
  const bytes = statSync(large).size, times = [];
  for (let i = 0; i < PAINTS; i++) {
    const tab = await open();
    await screen(tab, 1280, 900);
    await tab.go(large);
    times.push(await tab.ask(`new Promise((done) => new PerformanceObserver((list) =>
      done(list.getEntriesByName('first-contentful-paint')[0].startTime))
      .observe({ type: 'paint', buffered: true }))`));
    if (i === PAINTS - 1) await shot(tab, 'large', 1280);
    await tab.close();
  }
  times.sort((one, other) => one - other);
  tell(bytes < LARGE_BYTES, `1,000 cells and 500 findings: ${bytes} bytes (limit ${LARGE_BYTES})`);
  /* What else runs here only adds to it, so the least is the page's own. */
  tell(times[0] < PAINT_MS, `its first paint after ${Math.round(times[0])} ms, the least of ${PAINTS} ` +
    `(${times.map((one) => Math.round(one)).join(', ')}; limit ${PAINT_MS})`);
};

const patience = setTimeout(() => {
  console.log('FAIL the browser did not answer in time');
  browser.kill('SIGKILL');
  process.exit(1);
}, PATIENCE_MS * 4);
browser.on('error', (error) => {
  console.log('FAIL ' + chromium + ': ' + error.message);
  process.exit(1);
});

try {
  console.log('measured with ' + (await send('Browser.getVersion')).product);
  await read();
  await paint();
} catch (error) {
  tell(false, error.message);
}
clearTimeout(patience);
const ended = new Promise((resolve) => browser.on('exit', resolve));
browser.kill('SIGKILL');
await ended;
rmSync(home, { recursive: true, force: true, maxRetries: 5 });
process.exit(failed > 0 ? 1 : 0);
