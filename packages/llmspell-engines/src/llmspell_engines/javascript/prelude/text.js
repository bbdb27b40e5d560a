// Values as text: what json.encode gives and what console shows.

// JSON text, keys sorted. `lenient` is for people: it shows what JSON has no form for.
function jsonText(value, lenient, depth) {
  switch (typeof value) {
    case "string": return jsonStringify(toWellFormed(value));
    case "boolean": case "bigint": return `${value}`;
    case "undefined": return "null";
    case "number":
      if (isFinite(value) || lenient) return `${value}`;
      throw conversionError(`${value} has no JSON form`, "");
    case "object": return value === null ? "null" : objectText(value, lenient, depth);
    case "function": {
      const name = peekText(value, "name");
      return unshowable(name ? `[function ${name}]` : "[function]", "a function", lenient);
    }
    default: return unshowable("[symbol]", "a symbol", lenient);
  }
}

function unshowable(text, what, lenient) {
  if (lenient) return text;
  throw conversionError(`${what} has no JSON form`, "");
}

function objectText(value, lenient, depth) {
  if (depth >= limits.depth) {
    return unshowable("[...]", `what is nested deeper than ${limits.depth} levels (a cycle?)`, lenient);
  }
  if (isArray(value)) return listText(value, lenient, depth);
  const fields = fieldsOf(value);
  if (fields !== undefined) return jsonStringify(fields.content);
  if (handleId(value) !== 0) {
    return unshowable(`[${handleType(value)}]`, `a ${handleType(value)}`, lenient);
  }
  if (isPendingStream(value)) return unshowable("[stream]", "a stream", lenient);
  if (partsOf(value) !== undefined) {
    return unshowable(`[${partsOf(value).bridge}.${partsOf(value).builder}]`, "a builder", lenient);
  }
  if (branded(dateValue, value)) {
    return isNaN(dateValue(value)) ? "null" : jsonStringify(dateToIso(value));
  }
  if (branded(stringValue, value)) return jsonStringify(toWellFormed(stringValue(value)));
  if (branded(numberValue, value)) return jsonText(numberValue(value), lenient, depth);
  if (branded(booleanValue, value)) return `${booleanValue(value)}`;
  if (branded(mapSize, value)) {
    const entries = { __proto__: null };
    mapForEach(value, (item, key) => { entries[`${key}`] = item; });
    return mapText(entries, lenient, depth);
  }
  if (branded(setSize, value)) {
    const items = [];
    setForEach(value, (item) => define(items, items.length, item, true));
    return listText(items, lenient, depth);
  }
  if (isView(value) || branded(bufferBytes, value)) {
    return unshowable(`[${isView(value) ? viewBytes(viewedBytes(value)) : bufferBytes(value)} bytes]`,
      "a value of bytes", lenient);
  }
  if (isInstance(SafePromise, value)) return unshowable("[promise]", "a promise", lenient);
  if (isError(value)) return lenient ? jsonStringify(errorText(value)) : mapText({
    kind: isSpellError(value) ? peekText(value, "kind") : "runtime", message: messageOf(value),
  }, lenient, depth);
  return mapText(value, lenient, depth);
}

let indent = ""; // of one level; empty for text on one line

function newLine(depth) {
  if (indent === "") return "";
  let text = "\n";
  for (let i = 0; i < depth; i++) text += indent;
  return text;
}

// `json.encode(value, {indent})`: as text over several lines, `indent` spaces a level.
function encodeJson(value, options) {
  const spaces = options === undefined || options === null ? undefined : options.indent;
  if (spaces !== undefined && !(isInteger(spaces) && spaces >= 1 && spaces <= 16)) {
    throw new SpellError("validation",
      "bad option `indent` to `json.encode`: expected 1 to 16 spaces");
  }
  for (let i = 0; i < (spaces || 0); i++) indent += " ";
  try {
    return jsonText(value, false, 0);
  } finally {
    indent = "";
  }
}

function listText(items, lenient, depth) {
  if (items.length === 0) return "[]";
  let text = "[";
  for (let i = 0; i < items.length; i++) {
    text += (i ? "," : "") + newLine(depth + 1) + jsonText(items[i], lenient, depth + 1);
    roomForText(text);
  }
  return `${text}${newLine(depth)}]`;
}

function mapText(object, lenient, depth) {
  const names = sortedNames(objectKeys(object));
  let text = "{";
  for (let i = 0; i < names.length; i++) {
    const value = object[names[i]];
    if (value === undefined) continue;
    if (text.length > 1) text += ",";
    const colon = indent === "" ? ":" : ": ";
    const name = newLine(depth + 1) + jsonStringify(toWellFormed(names[i]));
    text += name + colon + jsonText(value, lenient, depth + 1);
    roomForText(text);
  }
  return text === "{" ? "{}" : `${text}${newLine(depth)}}`;
}

function roomForText(text) {
  if (text.length > limits.message_bytes) {
    throw conversionError(`larger than ${limits.message_bytes} bytes`, "");
  }
}

// "message", or "KIND error: message" where the kind says more than that the script failed.
const spaced = (kind) => join(split(kind, "_"), " ");

function errorText(error) {
  const kind = isSpellError(error) ? peekText(error, "kind") || "runtime" : "runtime";
  return kind === "runtime" ? messageOf(error) : `${spaced(kind)} error: ${messageOf(error)}`;
}

// How console shows one value. Getters and Proxies may throw: that is the script's own error.
function shown(value) {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null) {
    const fields = fieldsOf(value);
    if (fields !== undefined) return fields.content;
    if (isError(value)) return errorText(value);
  }
  return jsonText(value, true, 0);
}

function shownAll(values) {
  let text = "";
  for (let i = 0; i < values.length; i++) text += (i ? " " : "") + shown(values[i]);
  return text;
}

// The text of a string or a text record, or undefined.
function textOf(value) {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return undefined;
  if (fieldsOf(value) !== undefined) return fieldsOf(value).content;
  return branded(stringValue, value) ? stringValue(value) : undefined;
}

const MANY_DIGITS = /\d{16}/;
const INTEGER = /^-?\d+$/;

function parseJson(value) {
  const text = textOf(value);
  if (text === undefined) throw badArgument(1, "json.decode", "a string", value);
  try {
    if (match(MANY_DIGITS, text) === null) return jsonParse(text);
    return jsonParse(text, exactInteger);
  } catch (error) {
    if (isSpellError(error)) throw error;
    throw new SpellError("conversion", `cannot decode JSON: ${peekText(error, "message")}`);
  }
}

// Keep integers beyond 2^53 exact: as BigInt.
function exactInteger(name, value, context) {
  // what is read as 2^53 may have been written as 2^53 + 1
  if (typeof value !== "number" || (value < SAFE && value > -SAFE)) return value;
  if (match(INTEGER, context.source) === null) return value;
  const exact = SafeBigInt(context.source);
  if (exact >= -SAFE && exact <= SAFE) return value;
  if (exact < BIG_MIN || exact > BIG_MAX) {
    throw conversionError("an integer that does not fit in 64 bits", "");
  }
  return exact;
}

function badArgument(position, name, expected, value) {
  const got = value === null ? "null" : isArray(value) ? "list" : typeof value;
  return new SpellError("validation",
    `bad argument ${position} to \`${name}\`: expected ${expected}, got ${got}`);
}
