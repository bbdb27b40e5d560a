// Calls to the host, callbacks from it, and the messages both travel in.

const KIND = freeze({
  START: 1, RESULT: 2, ERROR: 3, INVOKE: 4, CANCEL: 5, VALIDATE: 6,
  CALL: 65, DONE: 66, FAILED: 67, LOG: 68, RETURN: 69, RAISE: 70, CANCEL_CALL: 71, RELEASE: 72,
});
const STREAMS = 1; // a method's flag

// Memory shared with Python: a header, one message in, one chunk of a message out.
const HEADER_BYTES = 32; // in: kind, id, length, clock; out: kind, id, length, more
const IN_BYTES = 65536;
const OUT_BYTES = 262144;
const shared = new ArrayBuffer(HEADER_BYTES + IN_BYTES + OUT_BYTES);
const header = new Uint32Array(shared, 0, HEADER_BYTES / 4);
const outBytes = new SafeUint8Array(shared, HEADER_BYTES + IN_BYTES, OUT_BYTES);
let ring; // tells Python that a chunk is there; it is taken before this returns
let ended = false; // DONE or FAILED was sent: nothing is said any more

function send(kind, id, bytes, length) {
  if (ended) return;
  let at = 0;
  do {
    const size = min(length - at, OUT_BYTES);
    setBytes(outBytes, partOf(bytes, at, at + size));
    header[0] = kind;
    header[1] = id;
    header[2] = size;
    at += size;
    header[3] = at < length ? 1 : 0;
    ring();
  } while (at < length);
  if (kind === KIND.DONE || kind === KIND.FAILED) {
    ended = true;
    mapClear(pending);
    mapClear(waiting);
  }
}

function sendValue(kind, id, value, options) {
  encode((writer) => writer.value(value, 0), (bytes, length) => send(kind, id, bytes, length),
    options);
}

// An error always leaves: the texts of its record are bounded, and so are its frames.
function sendError(kind, id, error) {
  const record = errorRecord(error);
  try {
    sendValue(kind, id, record);
  } catch {
    record.details = undefined; // what cannot cross is left out
    sendValue(kind, id, record);
  }
}

// A text that is too long for a message ends the run, whatever the script catches.
function log(level, text) {
  try {
    encode((writer) => {
      writer.array(2);
      writer.text(level);
      writer.text(toWellFormed(text));
    }, (bytes, length) => send(KIND.LOG, 0, bytes, length));
  } catch (error) {
    if (!isSpellError(error)) throw error;
    const tooLong = new SpellError("limit", `a log of ${text.length} characters is too long`, {
      __proto__: null,
      details: { __proto__: null, limit: "log", value: limits.message_bytes },
    });
    sendError(KIND.FAILED, 0, tooLong);
    throw tooLong;
  }
}

// Calls -------------------------------------------------------------------------------------

let lastCall = 0;
const pending = new SafeMap(); // call -> what settles it
const waiting = new SafeMap(); // call -> its bytes, while as many as allowed are in flight
// Callback depth -> how many calls are in flight there, and the line of those that wait, first to
// last. Each depth has its own places: a callback's calls must not wait for the very calls that
// wait for the callback.
const levels = new SafeMap();

function levelOf(depth) {
  let level = mapGet(levels, depth);
  if (level === undefined) {
    level = { __proto__: null, open: 0, line: new SafeMap(), first: 0, last: 0 };
    mapSet(levels, depth, level);
  }
  return level;
}

// The invocation whose code is running, 0 for the spell itself. Every message runs the code it
// wakes before the next one arrives, so what is called meanwhile belongs to the same invocation.
let current = 0;

// `site` holds the line of the call, for the error that may come.
function call(target, method, flags, args, shown, site = new RealError()) {
  const number = ++lastCall;
  // also of what a callback began and left running when it returned: the host counts alike
  const level = levelOf(mapGet(depths, current) || 0);
  const state = { __proto__: null, site, owner: current, level, observed: false };
  const promise = new SafePromise((resolve, reject) => {
    let count = args.length;
    while (count > 0 && args[count - 1] === undefined) count--;
    encode((writer) => {
      writer.array(state.owner === 0 ? 3 : 4);
      writer.value(target, 1);
      writer.text(method);
      writer.list(count === args.length ? args : slice(args, 0, count), 1);
      if (state.owner !== 0) writer.value(state.owner, 1);
    }, (bytes, length) => {
      state.resolve = resolve;
      state.reject = reject;
      mapSet(pending, number, state);
      if (level.open < limits.calls_in_flight) {
        level.open++;
        send(KIND.CALL, number, bytes, length);
      } else {
        mapSet(waiting, number, copyBytes(bytes, 0, length));
        mapSet(level.line, level.last++, number);
      }
    }, {
      __proto__: null,
      callbacks: true,
      first: 2,
      where: (path) => `argument ${(path[1] || 0) + 1} of \`${shown}.${method}\``,
    });
  });
  if (flags & STREAMS) {
    state.observed = true; // whoever iterates the stream sees its error
    return makePendingStream(promise, number);
  }
  // `await`, `then`, `Promise.all`: all ask a promise for its constructor first
  defineProperty(promise, "constructor", {
    __proto__: null,
    configurable: true,
    get() {
      state.observed = true;
      return SafePromise;
    },
  });
  return promise;
}

const failures = new SafeMap(); // call -> its state, where the answer was an error

// Tell of the failures that nobody waited for, now that nobody can any more.
function warnOfFailures() {
  mapForEach(failures, (state) => {
    if (!state.observed) log("warn", `a call failed and nobody waited for it: ${located(state.error)}`);
  });
  mapClear(failures);
}

function makePendingStream(promise, number) {
  const stream = then(promise, (value) => {
    if (typeof value === "object" && value !== null && handleId(value)) return value;
    throw new SpellError("internal", "a streaming method answered without a stream");
  });
  then(stream, undefined, () => undefined); // reported to who iterates
  return freeze(new PendingStream(stream, number));
}

// A call is over: start the oldest that waits at its depth.
function closeCall(number) {
  const { level } = mapGet(pending, number);
  mapDelete(pending, number);
  while (level.first < level.last) {
    const next = mapGet(level.line, level.first);
    mapDelete(level.line, level.first++);
    const bytes = mapGet(waiting, next);
    if (bytes === undefined) continue; // cancelled meanwhile
    mapDelete(waiting, next);
    send(KIND.CALL, next, bytes, viewBytes(bytes));
    return;
  }
  level.open--;
}

// Give up a call; false when it is over already.
function cancelCall(number) {
  if (!mapHas(pending, number)) return false;
  if (mapDelete(waiting, number)) mapDelete(pending, number);
  else {
    send(KIND.CANCEL_CALL, number, NIL, 1);
    closeCall(number);
  }
  return true;
}
const NIL = new SafeUint8Array(1);
NIL[0] = 0xc0;

function release(handle) {
  mapDelete(handles, handle);
  send(KIND.RELEASE, handle, NIL, 1);
}

function settle(number, failed, value) {
  const entry = mapGet(pending, number);
  if (entry === undefined || mapHas(waiting, number)) return; // cancelled meanwhile
  current = entry.owner;
  closeCall(number);
  if (!failed) {
    entry.resolve(value);
    return;
  }
  const error = new SpellError(value.kind, value.message, value);
  setRef(error, number);
  // the lines of the callback that failed, then the line that called; never the prelude's
  setFrames(error, value.traceback, framesOfError(entry.site));
  entry.error = error;
  mapSet(failures, number, entry);
  entry.reject(error);
}

// Callbacks ---------------------------------------------------------------------------------

const callbacks = new SafeMap(); // number -> function
const callbackIds = new SafeMap(); // function -> number
const invocations = new SafeSet(); // those under way
const depths = new SafeMap(); // invocation, also one that has ended -> how deep it is

function callbackId(callback) {
  let number = mapGet(callbackIds, callback);
  if (number === undefined) {
    number = mapSize(callbackIds) + 1;
    mapSet(callbackIds, callback, number);
    mapSet(callbacks, number, callback);
  }
  return number;
}

function invoke(id, input) {
  readListHead(input);
  const number = read(input);
  const args = read(input);
  const depth = read(input);
  const callback = mapGet(callbacks, number);
  current = id;
  setAdd(invocations, id);
  mapSet(depths, id, depth);
  const answer = (async () => {
    if (callback === undefined) throw new SpellError("internal", `no callback ${number}`);
    return await apply(callback, undefined, args);
  })();
  then(answer, (value) => {
    if (!setDelete(invocations, id)) return;
    try {
      sendValue(KIND.RETURN, id, value);
    } catch (error) {
      sendError(KIND.RAISE, id, error);
    }
  }, (error) => {
    if (setDelete(invocations, id)) sendError(KIND.RAISE, id, error);
  });
}

// Cancel one invocation, or with 0 the whole run.
function cancel(id) {
  if (id === 0) {
    sendError(KIND.FAILED, 0, new SpellError("cancelled", "the run was cancelled"));
    return;
  }
  if (!setDelete(invocations, id)) return;
  const calls = [];
  mapForEach(pending, (entry, number) => {
    if (entry.owner === id) define(calls, calls.length, number);
  });
  for (let i = 0; i < calls.length; i++) cancelCall(calls[i]);
}
