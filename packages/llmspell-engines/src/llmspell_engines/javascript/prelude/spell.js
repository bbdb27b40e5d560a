// A spell from its start to its end: globals, compiling, require, running.

// The text as V8 may read it: no byte order mark, a first line `#!…` made a comment. Lines stay.
function readable(source) {
  if (source.charCodeAt(0) === 0xfeff) source = substring(source, 1);
  return startsWith(source, "#!") ? `//${substring(source, 2)}` : source;
}

// Compile a body that runs nothing yet. A function's constructor refuses a body that closes the
// function early (`})();(()=>{`), which wrapping in text would not.
function compile(kind, parameters, chunk) {
  const source = readable(chunk.source);
  const url = chunkUrl(chunk.name);
  try {
    return construct(kind, [parameters, `${source}\n//# sourceURL=${url}`]);
  } catch (error) {
    throw new SyntaxProblem(chunk.name, source, peekText(error, "message") || "");
  }
}

class SyntaxProblem {
  #parts;

  constructor(name, source, message) {
    this.#parts = [name, source, message];
  }

  static partsOf(value) {
    return typeof value === "object" && value !== null && #parts in value ? value.#parts : undefined;
  }
}

// V8 does not say where a constructor's syntax error is; Python asks it again another way.
const KIND_SYNTAX = 0;

function reportSyntax(parts) {
  for (let i = 0; i < 3; i++) {
    const bytes = bytesOf(toWellFormed(parts[i]), "");
    send(KIND_SYNTAX, i, bytes, viewBytes(bytes));
  }
  ended = true;
}

// Includes ----------------------------------------------------------------------------------

function makeRequire(includes) {
  const bodies = { __proto__: null };
  const loaded = new SafeMap();
  const loading = [];
  const names = objectKeys(includes);
  for (let i = 0; i < names.length; i++) {
    const include = includes[names[i]];
    bodies[names[i]] = include.error === undefined
      ? compile(PlainFunction, "module, exports, require", include)
      : () => { throw new SpellError("runtime", include.error); };
  }
  const require = (name) => {
    name = textOf(name) ?? name;
    if (mapHas(loaded, name)) return mapGet(loaded, name).exports;
    if (typeof name !== "string" || !hasOwn(bodies, name)) {
      throw new SpellError("runtime", `require: no spell \`${shown(name)}\` was found; ` +
        "only a literal name of a file within the project can be required");
    }
    for (let i = 0; i < loading.length; i++) {
      if (loading[i] !== name) continue;
      const cycle = join(slice(loading, i), " -> ");
      throw new SpellError("runtime", `require: a cycle: ${cycle} -> ${name}`);
    }
    const module = { exports: {} };
    define(loading, loading.length, name);
    try {
      const returned = apply(bodies[name], undefined, [module, module.exports, require]);
      if (returned !== undefined) module.exports = returned;
    } finally {
      loading.length--;
    }
    mapSet(loaded, name, module);
    return module.exports;
  };
  return require;
}

// Bridges -----------------------------------------------------------------------------------

function makeBridge(bridge, shape) {
  const object = {};
  addMethods(object, shape.methods || {}, (name, flags, args) => call(bridge, name, flags, args, bridge));
  const builders = objectKeys(shape.builders || {});
  for (let i = 0; i < builders.length; i++) {
    const builder = builders[i];
    define(object, builder, named(
      (...args) => makeBuilder(bridge, builder, shape.builders[builder], args), builder), true);
  }
  if (!shape.open) return freeze(object);
  const others = { __proto__: null };
  return new Proxy(object, {
    __proto__: null,
    get(target, name) {
      if (typeof name !== "string" || name in target || name === "then" || name === "toJSON") {
        return target[name];
      }
      others[name] ||= named((...args) => call(bridge, name, 0, args, bridge), name);
      return others[name];
    },
    set: () => false,
    defineProperty: () => false,
    deleteProperty: () => false,
    setPrototypeOf: () => false,
  });
}

// Start -------------------------------------------------------------------------------------

function start(record) {
  const names = objectKeys(record.limits || {});
  for (let i = 0; i < names.length; i++) limits[names[i]] = record.limits[names[i]];
  startMs = record.clock_ms;
  seedRandom(record.seed);
  addGlobal("params", record.params);
  addGlobal("env", makeEnv(record.env, record.env_granted || []));
  const bridges = objectKeys(record.bridges);
  for (let i = 0; i < bridges.length; i++) {
    addBridge(bridges[i], makeBridge(bridges[i], record.bridges[bridges[i]]));
  }
  // everything is compiled before anything runs
  const require = makeRequire(record.includes || {});
  addGlobal("require", require);
  const body = compile(AsyncFunction, "", record);
  then(apply(body, undefined, []), finish, fail);
}

function finish(value) {
  try {
    warnOfFailures();
    sendValue(KIND.DONE, 0, value, { __proto__: null, flatten: true, where: () => "the spell's result" });
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  warnOfFailures();
  sendError(KIND.FAILED, 0, error);
}

function validate(record) {
  compile(AsyncFunction, "", record);
  sendValue(KIND.DONE, 0, null);
}

// Delivery ----------------------------------------------------------------------------------

const inBytes = new SafeUint8Array(shared, HEADER_BYTES, IN_BYTES);
let largeBytes; // what Python asked for, for one message that does not fit

// Called by Python for each message, which lies in the shared memory.
function deliver() {
  if (ended) return;
  const kind = header[0];
  const id = header[1];
  elapsedMs = header[3];
  const bytes = largeBytes === undefined ? inBytes : largeBytes;
  largeBytes = undefined;
  try {
    const input = { bytes, view: new SafeDataView(viewBuffer(bytes), viewOffset(bytes)), at: 0 };
    current = 0;
    if (kind === KIND.INVOKE) return invoke(id, input);
    const value = read(input);
    switch (kind) {
      case KIND.START: return start(value);
      case KIND.RESULT: return settle(id, false, value);
      case KIND.ERROR: return settle(id, true, value);
      case KIND.CANCEL: return cancel(id);
      case KIND.VALIDATE: return validate(value);
      default: throw new RealTypeError(`unknown message ${kind}`);
    }
  } catch (error) {
    // nothing may be thrown from here: mini-racer aborts the process when showing it throws
    const problem = SyntaxProblem.partsOf(error);
    if (problem === undefined) fail(error);
    else reportSyntax(problem);
  }
}

// Python reaches these two through mini-racer's "push to an array" and "splice an array", which
// call the method of that name on whatever object they are given.
// push(ring): take the bell, give the shared memory. splice(size): give memory for one message.
define(deliver, "push", (bell) => {
  ring = bell;
  return shared;
});
define(deliver, "splice", (size) => {
  largeBytes = new SafeUint8Array(size);
  return viewBuffer(largeBytes);
});
freeze(deliver);
installStdlib(); // before the spell arrives, where nobody waits for it
return deliver;
