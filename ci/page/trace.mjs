/*
 * trace: is the trace of failing cycles one that its readers take? Started by ci/browser; needs Node
 * and the engine behind Chromium's Performance panel, which npm has. Perfetto is in neither Debian
 * nor npm, so its strictness is written out here: what it would drop or move is a failure.
 *
 * Each line of its output is "ok WHAT" or "FAIL WHAT"; exit 1 if one failed.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [file, engine] = process.argv.slice(2);
let failed = 0;

const tell = (wrong, what) => {
  failed += wrong.length > 0 ? 1 : 0;
  console.log((wrong.length === 0 ? 'ok   ' : 'FAIL ') + 'trace: ' + what +
    (wrong.length === 0 ? '' : `; ${wrong.length} times, first: ${JSON.stringify(wrong[0]).slice(0, 200)}`));
};

const events = JSON.parse(readFileSync(file, 'utf8')).traceEvents;
const timed = events.filter((event) => event.ph !== 'M');
const slices = timed.filter((event) => event.ph === 'X');
const groups = (key) => {
  const found = new Map();
  for (const event of events) found.set(event[key], [...found.get(event[key]) || [], event]);
  return [...found.values()];
};
const tracks = groups('tid'), processes = groups('pid');
const ends = (event) => event.ts + event.dur;
const names = (track, name) => track.filter((event) => event.ph === 'M' && event.name === name);

/* --- the format's own rules ------------------------------------------------------------------- */

/* Slices of one track that are neither in one another nor apart, in the order of the file. */
const crossings = (track) => {
  const open = [], wrong = [];
  for (const event of track.filter(({ ph }) => ph === 'X')) {
    while (open.length > 0 && ends(open.at(-1)) <= event.ts) open.pop();
    if (open.length > 0 && ends(event) > ends(open.at(-1))) wrong.push(event);
    open.push(event);
  }
  return wrong;
};

const backwards = (track) => track.filter(({ ph }) => ph !== 'M')
  .filter((event, i, all) => i > 0 && event.ts < all[i - 1].ts);

/* B and E of a track nest, s and f of an id pair up; there are none so far. */
const unpaired = () => {
  const open = new Map(), wrong = [];
  for (const event of timed) {
    const key = 'BE'.includes(event.ph) ? 'tid ' + event.tid : event.cat + event.id;
    if ('Bs'.includes(event.ph)) open.set(key, (open.get(key) || []).concat(event));
    if ('Ef'.includes(event.ph) && !open.get(key)?.pop()) wrong.push(event);
  }
  return wrong.concat(...open.values());
};

const rules = () => {
  const whole = (number) => Number.isSafeInteger(number) && number >= 0;

  tell(slices.length > 0 && tracks.length > 2 ? [] : [file], `${events.length} events, ${slices.length} slices, ` +
    `${tracks.length} tracks of ${processes.length} cycles`);
  tell(events.filter(({ name, ph, pid, tid }) => !name || !'MXBEisf'.includes(ph) || !(pid > 0) || !(tid > 0)),
    'each event has a name, a known phase, a process and a thread');
  tell(timed.filter(({ ph, ts, dur, s }) => !whole(ts) || (ph === 'X' && !(whole(dur) && dur > 0)) ||
    (ph === 'i' && !'tp'.includes(s))), 'times are whole microseconds, slices have a length, marks a scope');
  tell(tracks.filter((track) => names(track, 'thread_name').length !== 1 ||
    new Set(track.map(({ pid }) => pid)).size !== 1).map(([event]) => event), 'each thread has one name and one process');
  tell(processes.filter((process) => names(process, 'process_name').length !== 1).map(([event]) => event),
    'each process has one name');
  tell(tracks.flatMap(backwards), 'the time of a track does not run backwards');
  tell(tracks.flatMap(crossings), 'slices lie in one another or apart');
  tell(unpaired(), 'what is begun by one event and ended by another is paired');
};

/* --- what the Performance panel makes of it --------------------------------------------------- */

const panel = async () => {
  globalThis.window ??= globalThis;
  globalThis.DOMRect ??= class DOMRect {
    constructor(x, y, width, height) { Object.assign(this, { x, y, width, height }); }
    static fromRect({ x, y, width, height }) { return new DOMRect(x, y, width, height); }
  };
  const { TraceModel } = await import(pathToFileURL(join(engine, 'models/trace/trace.js')).href);
  const model = TraceModel.Model.createWithAllHandlers();
  await model.parse(events);
  const shown = [...model.parsedTrace().data.Renderer.processes].flatMap(([pid, process]) =>
    [...process.threads].map(([tid, thread]) => ({ pid, tid, name: thread.name,
      slices: thread.entries.filter(({ ph }) => ph === 'X') })));
  const lost = slices.filter((slice) => !shown.some(({ pid, tid, slices: kept }) =>
    pid === slice.pid && tid === slice.tid && kept.some(({ name, ts, dur }) =>
      name === slice.name && ts === slice.ts && dur === slice.dur)));
  tell(lost, 'the Performance panel\'s engine keeps each slice on its thread');
  tell(shown.filter(({ tid, name }) => name !== names(events.filter((event) => event.tid === tid),
    'thread_name')[0].args.name), 'it calls each thread by its name');
};

rules();
await panel();
process.exit(failed > 0 ? 1 : 0);
