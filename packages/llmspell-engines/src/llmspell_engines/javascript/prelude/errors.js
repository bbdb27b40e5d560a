// Errors: the SpellError a script sees, and the record any thrown value becomes.
//
// Nothing here may throw or trust what it is given: a script can throw a Proxy, an object whose
// `stack` throws, a number. (mini-racer aborts the process on `throw {get stack(){throw 1}}`.)

const SPELL_FIELDS = freeze(["kind", "message", "retryable", "bridge", "method", "details"]);

class SpellError extends RealError {
  #ref = 0;

  constructor(kind, message, fields) {
    super(message);
    // own and plain, so that `{...error}` and a returned error show them
    for (let i = 0; i < SPELL_FIELDS.length; i++) {
      const name = SPELL_FIELDS[i];
      const value = name === "kind" ? kind : name === "message" ? message : fields?.[name];
      if (value !== undefined && value !== null) define(this, name, value, true);
    }
    if (this.retryable === undefined) define(this, "retryable", false, true);
  }

  static isOne(value) {
    return typeof value === "object" && value !== null && #ref in value;
  }

  // The call whose answer this error is; the host finds its own exception again by it.
  static refOf(value) {
    return #ref in value ? value.#ref : 0;
  }

  static setRef(error, ref) {
    error.#ref = ref;
  }
}
define(SpellError.prototype, "name", "SpellError");
const { isOne: isSpellError, refOf, setRef } = SpellError;
delete SpellError.isOne;
delete SpellError.refOf;
delete SpellError.setRef;
freeze(SpellError); // else a script could put a class of its own between it and Error

function conversionError(what, path, where) {
  const at = path ? ` at \`${path}\`` : "";
  return new SpellError("conversion", `cannot convert ${where || "value"}${at}: ${what}`, {
    details: path ? { path } : undefined,
  });
}

// What cannot cross; the writer adds where it stands. A private field, since an ordinary one would
// be handed to a setter that a script planted on Object.prototype.
class Unfit {
  #what;

  constructor(what) {
    this.#what = what;
  }

  // Why a value does not fit; undefined for any other error.
  static reason(value) {
    return typeof value === "object" && value !== null && #what in value ? value.#what : undefined;
  }
}
const unfitReason = Unfit.reason;

// Read a property of a stranger; undefined when that throws.
function peek(value, name) {
  try {
    return value[name];
  } catch {
    return undefined;
  }
}

// At most TEXT of it: an error must fit into a message, whatever a script wrote into it.
function peekText(value, name) {
  const found = peek(value, name);
  return typeof found === "string" ? shortened(found) : undefined;
}

const TEXT = 65536;

// Cut before it is made well formed: the cut may part a pair of surrogates.
function shortened(text) {
  return toWellFormed(substring(text, 0, TEXT));
}

function isError(value) {
  try {
    // a script can change what SpellError inherits from
    return isSpellError(value) ||
      (typeof value === "object" && value !== null && isInstance(RealError, value));
  } catch {
    return false;
  }
}

// Stack frames ------------------------------------------------------------------------------

// `new AsyncFunction` puts "async function anonymous(\n) {\n" before the body
const LINES_BEFORE_BODY = 2;
const FRAMES = 50;
RealError.stackTraceLimit = FRAMES;
// where a chunk runs -> the name the user knows it by
const chunkNames = new SafeMap();
// error -> its frames; kept aside, so that no text can forge them
const framesOf = new SafeWeakMap();

function chunkUrl(name) {
  let url = "";
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    url += code <= 32 || code > 126 ? "_" : name[i];
  }
  while (url === "" || url === "llmspell" || mapHas(chunkNames, url)) url += "_";
  mapSet(chunkNames, url, name);
  return url;
}

// The class of V8's frames is shown to nobody before an error asks for its stack.
RealError.prepareStackTrace = (error, sites) => getPrototypeOf(sites[0]);
const CallSite = new RealError().stack;
const siteUrl = uncurry(CallSite.getScriptNameOrSourceURL);
const siteLine = uncurry(CallSite.getLineNumber);
const siteColumn = uncurry(CallSite.getColumnNumber);
const siteFunction = uncurry(CallSite.getFunctionName);

// V8 asks for an error's stack once, when it is first read: only the user's own frames are
// kept, innermost first, in the user's own line numbers.
function prepareStack(error, sites) {
  const frames = [];
  for (let i = 0; i < sites.length && frames.length < FRAMES; i++) {
    const url = siteUrl(sites[i]);
    if (typeof url !== "string" || !mapHas(chunkNames, url)) continue;
    const line = siteLine(sites[i]) - LINES_BEFORE_BODY;
    if (line < 1) continue;
    const frame = {
      __proto__: null, name: mapGet(chunkNames, url), line, column: siteColumn(sites[i]),
    };
    const name = siteFunction(sites[i]);
    // V8 calls the body of a chunk "eval"
    if (name && name !== "eval" && name !== "anonymous") {
      frame.function = toWellFormed(substring(name, 0, 256));
    }
    define(frames, frames.length, frame, true);
  }
  weakSet(framesOf, error, frames);
  return stackText(error, frames);
}

function stackText(error, frames) {
  let text = `${peekText(error, "name") || "Error"}: ${peekText(error, "message") || ""}`;
  for (let i = 0; i < frames.length; i++) {
    const { name, line, column, function: within } = frames[i];
    const where = column === undefined ? `${name}:${line}` : `${name}:${line}:${column}`;
    text += `\n    at ${within ? `${within} (${where})` : where}`;
  }
  return text;
}

// Give an error the frames `inner` and then `outer`, either of which may be missing.
function setFrames(error, inner, outer) {
  const frames = [];
  for (let i = 0; i < (inner?.length || 0); i++) define(frames, frames.length, inner[i], true);
  for (let i = 0; i < (outer?.length || 0); i++) define(frames, frames.length, outer[i], true);
  define(error, "stack", stackText(error, frames));
  weakSet(framesOf, error, frames);
}
defineProperty(RealError, "prepareStackTrace", {
  __proto__: null, value: prepareStack, writable: false, configurable: false,
});

// The user's frames of an error, innermost first; `undefined` when it has none.
function framesOfError(error) {
  peek(error, "stack");
  return weakGet(framesOf, error);
}

// Records -----------------------------------------------------------------------------------

const globalNames = new SafeSet();
const HIDDEN = /^Cannot access '([\w$]+)' before initialization$/;

// `const workflow = workflow.sequential()` can run in no JavaScript engine: say why.
function explain(message) {
  const parts = match(HIDDEN, message);
  if (parts === null || !setHas(globalNames, parts[1])) return message;
  return `${message}: the local name \`${parts[1]}\` hides the global \`${parts[1]}\`; ` +
    "give the local variable another name";
}

// Make the error record of whatever was thrown. `value` is left out where it cannot cross:
// the writer tries, see sendError.
function errorRecord(error) {
  if (typeof error === "string") {
    return { __proto__: null, kind: "runtime", message: shortened(error), traceback: [] };
  }
  if (!isError(error)) {
    return {
      __proto__: null, kind: "runtime", message: "uncaught error value",
      details: { __proto__: null, value: error }, traceback: [],
    };
  }
  const record = { __proto__: null, kind: "runtime", message: messageOf(error) };
  if (record.message === NO_BUFFER) {
    record.kind = "limit";
    record.details = { __proto__: null, limit: "memory" };
  }
  if (isSpellError(error)) {
    record.kind = peekText(error, "kind") || "runtime";
    const retryable = peek(error, "retryable");
    if (typeof retryable === "boolean") record.retryable = retryable;
    record.bridge = peekText(error, "bridge");
    record.method = peekText(error, "method");
    const details = peek(error, "details");
    if (typeof details === "object" && details !== null) record.details = details;
    if (refOf(error)) record.ref = refOf(error);
  }
  record.traceback = framesOfError(error) || [];
  return record;
}

// What V8 throws when the process may not have that much memory: buffers are not in its heap.
const NO_BUFFER = "RangeError: Array buffer allocation failed";

// An error in one line, with the place it comes from.
function located(error) {
  const { message, traceback } = errorRecord(error);
  const first = traceback[0];
  return first ? `${message} (${first.name}:${first.line})` : message;
}

function messageOf(error) {
  const message = peekText(error, "message") || "";
  const name = peekText(error, "name") || "Error";
  if (isSpellError(error)) return message; // the host's own words, even where they are none
  if (name === "Error" || name === "SpellError") return message || name;
  // V8's own errors are known by their class: "TypeError: x is not a function"
  return message ? `${name}: ${explain(message)}` : name;
}
