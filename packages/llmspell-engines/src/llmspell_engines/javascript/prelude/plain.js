// The plain form of everything that is neither a plain object nor a list nor one of ours.

// Names in the order of their code points, as Lua and Python sort them.
function sortedNames(names) {
  let surrogates = false;
  for (let i = 0; i < names.length; i++) {
    if (match(SURROGATE, names[i]) !== null) surrogates = true;
  }
  return surrogates ? sort(names, byCodePoint) : sort(names);
}
const SURROGATE = /[\ud800-\udfff]/;

function byCodePoint(a, b) {
  for (let i = 0; i < min(a.length, b.length); i++) {
    const left = codePointAt(a, i);
    const right = codePointAt(b, i);
    if (left !== right) return left - right;
  }
  return a.length - b.length;
}

function viewedBytes(view) {
  if (viewTag(view) === undefined) {
    return new SafeUint8Array(dataViewBuffer(view), dataViewOffset(view), dataViewBytes(view));
  }
  return new SafeUint8Array(viewBuffer(view), viewOffset(view), viewBytes(view));
}

// What `read` gives of a view or a buffer, unless its memory was transferred or shrunk away.
function reachable(read, value) {
  try {
    return read(value);
  } catch {
    throw new Unfit("bytes of a buffer that is gone");
  }
}

// True when `get` is the getter of the class `value` belongs to: a brand no script can fake.
function branded(get, value) {
  try {
    get(value);
    return true;
  } catch {
    return false;
  }
}

// Everything that is neither a plain object nor a list nor one of ours.
function writeOther(writer, value, depth) {
  if (branded(mapSize, value)) {
    const entries = { __proto__: null };
    const names = [];
    mapForEach(value, (item, key) => {
      if (typeof key !== "string") throw new Unfit(`a key must be a string, got ${typeof key}`);
      define(names, names.length, key, true);
      entries[key] = item;
    });
    return writer.fields(sortedNames(names), (name) => entries[name], depth);
  }
  if (branded(setSize, value)) {
    const items = [];
    setForEach(value, (item) => define(items, items.length, item, true));
    return writer.list(items, depth);
  }
  if (branded(dateValue, value)) {
    if (isNaN(dateValue(value))) throw new Unfit("an invalid Date");
    return writer.text(dateToIso(value));
  }
  if (branded(bufferBytes, value)) {
    return writer.binary(reachable((buffer) => new SafeUint8Array(buffer), value));
  }
  if (branded(stringValue, value)) return writer.text(stringValue(value));
  if (branded(numberValue, value)) return writer.number(numberValue(value));
  if (branded(booleanValue, value)) return writer.value(booleanValue(value), depth);
  if (branded(bigintValue, value)) return writer.bigint(bigintValue(value));
  if (isInstance(SafePromise, value)) {
    throw new Unfit("a promise cannot cross to the host (a missing `await`?)");
  }
  if (isError(value)) {
    const record = errorRecord(value);
    record.ref = record.traceback = undefined;
    return writer.map(record, depth);
  }
  return writer.map(value, depth);
}
