// What a script finds besides the language and its bridges.

// Time: a run's own clock, which moves only with the messages of the host -------------------

let startMs = 0;
let elapsedMs = 0;
const now = () => startMs + elapsedMs;

function installDate() {
  function SpellDate(...args) {
    if (new.target === undefined) return dateToText(new RealDate(now()));
    return construct(RealDate, args.length === 0 ? [now()] : args, new.target);
  }
  const dateToText = uncurry(RealDate.prototype.toString);
  named(SpellDate, "Date");
  defineProperty(SpellDate, "length", { __proto__: null, value: 7, configurable: true });
  defineProperty(SpellDate, "prototype", { __proto__: null, value: RealDate.prototype, writable: false });
  define(SpellDate, "parse", RealDate.parse);
  define(SpellDate, "UTC", RealDate.UTC);
  define(SpellDate, "now", named(() => now(), "now"));
  define(RealDate.prototype, "constructor", SpellDate);
  define(globalThis, "Date", SpellDate);
  // formatting without a date shows the real time
  const format = getterOf(Intl.DateTimeFormat.prototype, "format");
  defineProperty(Intl.DateTimeFormat.prototype, "format", {
    __proto__: null,
    configurable: true,
    get() {
      const bound = format(this);
      return (date) => bound(date === undefined ? now() : date);
    },
  });
  const toParts = uncurry(Intl.DateTimeFormat.prototype.formatToParts);
  define(Intl.DateTimeFormat.prototype, "formatToParts", {
    formatToParts(date) { return toParts(this, date === undefined ? now() : date); },
  }.formatToParts);
}

// Chance: sfc32 (Chris Doty-Humphrey's PractRand), seeded from the start record -------------

const state = new SafeInt32Array(4);

function random32() {
  const t = state[0] + state[1] + state[3] | 0;
  state[3] = state[3] + 1 | 0;
  state[0] = state[1] ^ state[1] >>> 9;
  state[1] = state[2] + (state[2] << 3) | 0;
  state[2] = (state[2] << 21 | state[2] >>> 11) + t | 0;
  return t >>> 0;
}

function seedRandom(seed) {
  const bits = SafeBigInt(seed);
  state[0] = SafeNumber(bits & 0xffffffffn);
  state[1] = SafeNumber(bits >> 32n & 0xffffffffn);
  state[2] = 0;
  state[3] = 1;
  for (let i = 0; i < 12; i++) random32();
}

function uuid() {
  let text = "";
  for (let i = 0; i < 4; i++) {
    let word = random32();
    if (i === 1) word = (word & 0xffff0fff | 0x4000) >>> 0; // version 4
    if (i === 2) word = (word & 0x3fffffff | 0x80000000) >>> 0; // variant 1
    const hex = substring(numberToString(word + 0x100000000, 16), 1);
    text += i === 1 || i === 2 ? `-${substring(hex, 0, 4)}-${substring(hex, 4)}` : hex;
  }
  return `${substring(text, 0, 23)}-${substring(text, 24)}`;
}

// Waiting -----------------------------------------------------------------------------------

function sleep(ms) {
  if (typeof ms !== "number" || !(ms >= 0) || ms > SAFE) {
    throw badArgument(1, "util.sleep", "milliseconds, at least 0", ms);
  }
  return call("runtime", "sleep", 0, [floor(ms) + (ms > floor(ms) ? 1 : 0)], "util");
}

// The host's, of the package llmspell-bridges: it has the policy, and a function of the script.
function retry(...args) {
  return call("util", "retry", 0, args, "util");
}

const timers = new SafeMap(); // timer -> the call that waits for it
let lastTimer = 0;

function startTimer(timer, callback, delay, repeat, args) {
  const wait = typeof delay === "number" && delay >= 1 && delay <= SAFE ? floor(delay) : repeat ? 1 : 0;
  const answer = call("runtime", "sleep", 0, [wait], "setTimeout");
  mapSet(timers, timer, lastCall);
  then(answer, () => {
    if (!mapHas(timers, timer)) return;
    mapDelete(timers, timer);
    if (repeat) startTimer(timer, callback, delay, true, args);
    apply(callback, undefined, args);
  });
}

function setTimer(name, repeat) {
  return named((callback, delay, ...args) => {
    if (typeof callback !== "function") throw badArgument(1, name, "a function", callback);
    const timer = ++lastTimer;
    startTimer(timer, (...given) => {
      try {
        apply(callback, undefined, given);
      } catch (error) {
        log("error", `uncaught error in ${name}: ${located(error)}`);
      }
    }, delay, repeat, args);
    return timer;
  }, name);
}

function clearTimer(timer) {
  const number = mapGet(timers, timer);
  if (number === undefined) return;
  mapDelete(timers, timer);
  cancelCall(number);
}

// Environment -------------------------------------------------------------------------------

const VARIABLE = /^[A-Za-z_]\w*$/;
const ASKED_BY_THE_LANGUAGE = /^(?:then|toJSON|toString|valueOf|constructor|length)$/;

// The granted variables; reading another one says once how to grant it. `permitted` is true, or
// the names that were granted whether they are set or not.
function makeEnv(granted, permitted) {
  const warned = new SafeSet();
  setPrototypeOf(granted, null);
  freeze(granted);
  return new Proxy(granted, {
    __proto__: null,
    get(target, name) {
      if (typeof name !== "string") return undefined;
      if (hasOwn(target, name)) return target[name];
      if (match(VARIABLE, name) === null || match(ASKED_BY_THE_LANGUAGE, name) !== null) {
        return undefined;
      }
      if (permitted === true) return undefined;
      for (let i = 0; i < permitted.length; i++) if (permitted[i] === name) return undefined;
      if (!setHas(warned, name)) {
        setAdd(warned, name);
        log("warn", `env.${name} is not granted; allow it with --allow-env=${name}`);
      }
      return undefined;
    },
  });
}

// Globals -----------------------------------------------------------------------------------

function addGlobal(name, value) {
  setAdd(globalNames, name);
  define(globalThis, name, value);
}

// A bridge named like a library of the guest's adds its methods to it.
function addBridge(name, bridge) {
  const library = setHas(globalNames, name) ? globalThis[name] : undefined;
  if (typeof library !== "object" || library === null) return addGlobal(name, bridge);
  const methods = objectKeys(bridge);
  for (let i = 0; i < methods.length; i++) {
    if (!hasOwn(library, methods[i])) define(library, methods[i], bridge[methods[i]], true);
  }
}

function addFunctions(object, functions) {
  const names = objectKeys(functions);
  for (let i = 0; i < names.length; i++) define(object, names[i], functions[names[i]], true);
  return object;
}

function installStdlib() {
  installDate();
  define(Math, "random", named(() => (random32() * 2097152 + (random32() >>> 11)) / 9007199254740992, "random"));
  const math = create(Math);
  define(math, "clamp", named((x, low, high) => max(low, min(high, x)), "clamp"), true);
  addGlobal("math", math);
  const console = {};
  for (const level of ["log", "info", "warn", "error", "debug", "write"]) {
    define(console, level, named((...values) => log(level, shownAll(values)), level), true);
  }
  // standard input, line by line: `for await (const line of console.lines()) …`
  define(console, "lines", named(() => call("runtime", "lines", STREAMS, [], "console"), "lines"), true);
  addGlobal("console", console);
  addGlobal("json", addFunctions({}, {
    encode: encodeJson,
    decode: (text) => parseJson(text),
  }));
  addGlobal("util", addFunctions({}, { uuid, now, hash: named(guarded(hash), "hash"), base64, sleep, retry }));
  addGlobal("setTimeout", setTimer("setTimeout", false));
  addGlobal("setInterval", setTimer("setInterval", true));
  addGlobal("clearTimeout", named((timer) => clearTimer(timer), "clearTimeout"));
  addGlobal("clearInterval", named((timer) => clearTimer(timer), "clearInterval"));
  addGlobal("SpellError", SpellError);
  guardBuffers(); // last: what is made above needs no guard
}
