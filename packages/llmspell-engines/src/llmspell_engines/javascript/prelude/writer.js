// MessagePack out of values: what docs/protocol.md calls "Values", towards the host.
//
// Bytes, not tagged text: an extension type cannot be forged by data, a BigInt or a lone
// surrogate cannot reach mini-racer's own conversion (which would hang), and Python has nothing
// left to do but pass the bytes on.

const limits = {
  __proto__: null,
  depth: 64, nodes: 200000, message_bytes: 16777216, result_bytes: 10485760, calls_in_flight: 64,
};
const BIG_MIN = -(2n ** 63n);
const BIG_MAX = 2n ** 63n - 1n;
const SAFE = 2 ** 53;

class Writer {
  constructor() {
    this.size = 4096;
    this.bytes = new SafeUint8Array(this.size);
    this.view = new SafeDataView(viewBuffer(this.bytes));
    this.reset(false, false);
  }

  reset(withCallbacks, flatten) {
    this.at = 0;
    this.nodes = limits.nodes;
    this.path = { __proto__: null };
    this.withCallbacks = withCallbacks; // functions become callbacks (CALL arguments only)
    this.flatten = flatten; // text records become their fields (a spell's result)
  }

  // Make room for `more` bytes.
  room(more) {
    const need = this.at + more;
    if (need <= this.size) return;
    if (need > limits.message_bytes + 64) this.fits(need); // callers ask for a little more
    const size = max(need, this.size * 2);
    const bytes = new SafeUint8Array(size);
    setBytes(bytes, this.bytes);
    this.bytes = bytes;
    this.size = size;
    this.view = new SafeDataView(viewBuffer(bytes));
  }

  // Refuse a value of `size` bytes that is too large.
  fits(size) {
    if (this.flatten && size > limits.result_bytes) {
      throw new SpellError("limit", `the result is larger than ${limits.result_bytes} bytes`, {
        details: { limit: "result", value: limits.result_bytes },
      });
    }
    if (size > limits.message_bytes) throw new Unfit(`larger than ${limits.message_bytes} bytes`);
  }

  // A header byte and a big-endian number of `width` bytes.
  head(byte, number, width) {
    this.room(1 + width);
    const bytes = this.bytes;
    bytes[this.at++] = byte;
    for (let shift = (width - 1) * 8; shift >= 0; shift -= 8) bytes[this.at++] = number >>> shift;
  }

  sized(count, short, shortMax, wide) {
    if (count <= shortMax) this.head(short | count, 0, 0);
    else if (count <= 0xffff) this.head(wide, count, 2);
    else this.head(wide + 1, count, 4);
  }

  array(count) {
    this.count(count);
    this.sized(count, 0x90, 15, 0xdc);
  }

  count(more) {
    this.nodes -= more;
    if (this.nodes < 0) throw new Unfit(`more than ${limits.nodes} values`);
  }

  text(text) {
    const length = text.length;
    this.room(length + 5);
    const start = this.at;
    this.textHead(length);
    const bytes = this.bytes;
    let at = this.at;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) return this.wideText(text, start);
      bytes[at++] = code;
    }
    this.at = at;
  }

  textHead(length) {
    if (length < 32) this.head(0xa0 | length, 0, 0);
    else if (length < 256) this.head(0xd9, length, 1);
    else if (length < 65536) this.head(0xda, length, 2);
    else this.head(0xdb, length, 4);
  }

  wideText(text, start) {
    if (!isWellFormed(text)) throw new Unfit("text with a lone surrogate");
    let size = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      size += code < 0x80 ? 1 : code < 0x800 || (code & 0xf800) === 0xd800 ? 2 : 3;
    }
    this.at = start;
    this.room(size + 5);
    this.textHead(size);
    const bytes = this.bytes;
    let at = this.at;
    for (let i = 0; i < text.length; i++) {
      let code = text.charCodeAt(i);
      if (code < 0x80) {
        bytes[at++] = code;
        continue;
      }
      if (code < 0x800) {
        bytes[at++] = 0xc0 | code >> 6;
      } else {
        if ((code & 0xfc00) === 0xd800) {
          code = 0x10000 + ((code & 0x3ff) << 10) + (text.charCodeAt(++i) & 0x3ff);
          bytes[at++] = 0xf0 | code >> 18;
          bytes[at++] = 0x80 | code >> 12 & 63;
        } else {
          bytes[at++] = 0xe0 | code >> 12;
        }
        bytes[at++] = 0x80 | code >> 6 & 63;
      }
      bytes[at++] = 0x80 | code & 63;
    }
    this.at = at;
  }

  number(value) {
    if (!isInteger(value) || value > SAFE || value < -SAFE || (value === 0 && 1 / value < 0)) {
      this.room(9);
      this.bytes[this.at] = 0xcb;
      setFloat64(this.view, this.at + 1, value);
      this.at += 9;
    } else if (value >= 0) {
      if (value < 128) this.head(value, 0, 0);
      else if (value < 0x100) this.head(0xcc, value, 1);
      else if (value < 0x10000) this.head(0xcd, value, 2);
      else if (value < 0x100000000) this.head(0xce, value, 4);
      else this.bigint(SafeBigInt(value));
    } else if (value >= -32) this.head(value & 0xff, 0, 0);
    else if (value >= -0x80) this.head(0xd0, value, 1);
    else if (value >= -0x8000) this.head(0xd1, value, 2);
    else if (value >= -0x80000000) this.head(0xd2, value, 4);
    else this.bigint(SafeBigInt(value));
  }

  bigint(value) {
    if (value < BIG_MIN || value > BIG_MAX) throw new Unfit("an integer that does not fit in 64 bits");
    this.room(9);
    this.bytes[this.at] = 0xd3;
    setBigInt64(this.view, this.at + 1, value);
    this.at += 9;
  }

  binary(bytes) {
    const length = viewBytes(bytes);
    this.room(length + 5);
    if (length < 256) this.head(0xc4, length, 1);
    else if (length < 65536) this.head(0xc5, length, 2);
    else this.head(0xc6, length, 4);
    setBytes(this.bytes, bytes, this.at);
    this.at += length;
  }

  // Write an extension type whose data is what `body` writes.
  extension(type, body) {
    this.count(1);
    this.head(0xc9, 0, 4);
    const start = this.at;
    this.head(type, 0, 0);
    body();
    const size = this.at - start - 1;
    for (let i = 0; i < 4; i++) this.bytes[start - 4 + i] = size >>> (24 - 8 * i);
  }

  value(value, depth) {
    switch (typeof value) {
      case "string": return this.text(value);
      case "number": return this.number(value);
      case "boolean": return this.head(value ? 0xc3 : 0xc2, 0, 0);
      case "undefined": return this.head(0xc0, 0, 0);
      case "bigint": return this.bigint(value);
      case "object":
        if (value === null) return this.head(0xc0, 0, 0);
        if (depth >= limits.depth) {
          throw new Unfit(`nested deeper than ${limits.depth} levels (a cycle?)`);
        }
        return this.object(value, depth);
      case "function":
        if (!this.withCallbacks) {
          throw new Unfit("a function can cross only as an argument of a call");
        }
        return this.callback(value, depth);
      default: throw new Unfit(`a ${typeof value} cannot cross to the host`);
    }
  }

  object(value, depth) {
    if (isArray(value)) return this.list(value, depth);
    if (isReference(value)) return writeReference(this, value, depth);
    const prototype = getPrototypeOf(value);
    if (prototype === ObjectPrototype || prototype === null) return this.map(value, depth);
    if (isView(value)) return this.binary(reachable(viewedBytes, value));
    return writeOther(this, value, depth);
  }

  list(items, depth) {
    const length = items.length;
    if (!isInteger(length) || length < 0) throw new Unfit("a list without a length");
    this.array(length);
    for (let i = 0; i < length; i++) {
      this.path[depth] = i;
      this.value(items[i], depth + 1);
    }
    delete this.path[depth];
  }

  map(object, depth) {
    const names = sortedNames(objectKeys(object));
    this.fields(names, (name) => object[name], depth);
  }

  // Write a map of `names`, each with what `read` gives; undefined ones are left out.
  fields(names, read, depth) {
    const length = names.length;
    this.count(2 * length);
    const start = this.at;
    this.sized(length, 0x80, 15, 0xde);
    let left = length;
    for (let i = 0; i < length; i++) {
      const name = names[i];
      this.path[depth] = name;
      const value = read(name);
      if (value === undefined) {
        left--;
        continue;
      }
      this.text(name);
      this.value(value, depth + 1);
    }
    delete this.path[depth];
    if (left === length) return;
    const width = length <= 15 ? 0 : length <= 0xffff ? 2 : 4;
    if (width === 0) this.bytes[start] = 0x80 | left;
    for (let i = 0; i < width; i++) this.bytes[start + 1 + i] = left >>> (8 * (width - 1 - i));
  }

  callback(value, depth) {
    this.extension(2, () => {
      this.array(2);
      this.value(callbackId(value), depth + 1);
      const name = peek(value, "name");
      this.text(typeof name === "string" ? toWellFormed(name) : "");
    });
  }

  // Where the value is that did not fit, such as `messages[3].content`.
  where(first) {
    let path = "";
    for (let depth = first; hasOwn(this.path, depth); depth++) {
      const key = this.path[depth];
      if (typeof key === "number") path += `[${key}]`;
      else if (match(IDENTIFIER, key) === null) path += `[${jsonStringify(key)}]`;
      else path += path === "" ? key : `.${key}`;
    }
    return toWellFormed(path);
  }
}
const IDENTIFIER = /^[A-Za-z_]\w*$/;
setPrototypeOf(Writer.prototype, null);

// One writer is kept; a getter that logs while its object is written needs another one.
let idleWriter = new Writer();

// Encode with `body(writer)` and hand the bytes to `use`; the bytes are reused afterwards.
// An Unfit becomes a conversion error: `where` names the value, `first` is the depth at which
// the user's own path starts.
function encode(body, use, options) {
  const writer = idleWriter || new Writer();
  idleWriter = null;
  try {
    writer.reset(options?.callbacks === true, options?.flatten === true);
    body(writer);
    writer.fits(writer.at);
    use(writer.bytes, writer.at);
  } catch (error) {
    const reason = unfitReason(error);
    if (reason === undefined) throw refused(error);
    throw conversionError(reason, writer.where(options?.first || 0), options?.where?.(writer.path));
  } finally {
    // a message of many MB must not stay allocated
    idleWriter = writer.size > 1048576 ? new Writer() : writer;
  }
}
