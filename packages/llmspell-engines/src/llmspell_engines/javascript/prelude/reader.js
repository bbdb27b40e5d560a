// Values out of MessagePack: what a host sent, which is trusted to be well formed.

// Read one value from the bytes a host sent; `input` is {bytes, view, at}.
function read(input) {
  const head = input.bytes[input.at++];
  if (head < 0x80) return head;
  if (head >= 0xe0) return head - 0x100;
  if (head < 0x90) return readMap(input, head & 15);
  if (head < 0xa0) return readList(input, head & 15);
  if (head < 0xc0) return readText(input, head & 31);
  switch (head) {
    case 0xc0: return null;
    case 0xc2: return false;
    case 0xc3: return true;
    case 0xc4: case 0xc5: case 0xc6: {
      const length = readUnsigned(input, 1 << (head - 0xc4));
      input.at += length;
      return copyBytes(input.bytes, input.at - length, input.at);
    }
    case 0xc7: case 0xc8: case 0xc9:
      readUnsigned(input, 1 << (head - 0xc7));
      return readExtension(input);
    case 0xca: input.at += 4; return getFloat32(input.view, input.at - 4);
    case 0xcb: input.at += 8; return getFloat64(input.view, input.at - 8);
    case 0xcc: case 0xcd: case 0xce: return readUnsigned(input, 1 << (head - 0xcc));
    case 0xd0: return readUnsigned(input, 1) << 24 >> 24;
    case 0xd1: return readUnsigned(input, 2) << 16 >> 16;
    case 0xd2: return readUnsigned(input, 4) | 0;
    // the host sends nothing beyond signed 64 bits: both kinds are read alike
    case 0xcf: case 0xd3: {
      input.at += 8;
      const value = getBigInt64(input.view, input.at - 8);
      return value >= -SAFE && value <= SAFE ? SafeNumber(value) : value;
    }
    case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8: return readExtension(input);
    case 0xd9: case 0xda: case 0xdb:
      return readText(input, readUnsigned(input, 1 << (head - 0xd9)));
    case 0xdc: case 0xdd: return readList(input, readUnsigned(input, 2 << (head - 0xdc)));
    case 0xde: case 0xdf: return readMap(input, readUnsigned(input, 2 << (head - 0xde)));
    default: throw new RealTypeError(`malformed message: ${head}`);
  }
}

function readUnsigned(input, width) {
  let number = 0;
  for (let i = 0; i < width; i++) number = number * 256 + input.bytes[input.at++];
  return number;
}

function readText(input, length) {
  const { bytes } = input;
  const start = input.at;
  const end = input.at = start + length;
  let text = "";
  let at = start;
  if (length < 64) { // half the time of an array
    for (; at + 4 <= end; at += 4) {
      text += fromCharCode(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
    }
    for (; at < end; at++) text += fromCharCode(bytes[at]);
  }
  while (at < end) {
    const count = min(end - at, UNITS);
    for (let i = 0; i < count; i++) units[i] = bytes[at++];
    text += unitsText(count);
  }
  return match(NOT_ASCII, text) === null ? text : readWide(bytes, start, end);
}
const NOT_ASCII = /[\x80-\xff]/;

// UTF-16 on its way into a text: an array whose items no prototype can take or give.
const UNITS = 8192; // what `apply` takes at once
const units = [];
setPrototypeOf(units, null);

function unitsText(count) {
  units.length = count;
  return apply(fromCharCode, undefined, units);
}

// Decode UTF-8 that holds more than ASCII; three times as fast as `decodeURIComponent`.
function readWide(bytes, at, end) {
  let text = "";
  let n = 0;
  while (at < end) {
    const first = bytes[at++];
    if (first < 0x80) {
      units[n++] = first;
    } else if (first < 0xe0) {
      units[n++] = (first & 31) << 6 | bytes[at++] & 63;
    } else if (first < 0xf0) {
      units[n++] = (first & 15) << 12 | (bytes[at++] & 63) << 6 | bytes[at++] & 63;
    } else {
      const high = (first & 7) << 18 | (bytes[at++] & 63) << 12;
      const point = (high | (bytes[at++] & 63) << 6 | bytes[at++] & 63) - 0x10000;
      units[n++] = 0xd800 | point >> 10;
      units[n++] = 0xdc00 | point & 1023;
    }
    if (n > UNITS - 2) { // no room for another pair
      text += unitsText(n);
      n = 0;
    }
  }
  return text + unitsText(n);
}

function readList(input, length) {
  const items = [];
  for (let i = 0; i < length; i++) items[i] = read(input);
  return items;
}

function readMap(input, length) {
  const object = {};
  for (let i = 0; i < length; i++) {
    const name = read(input);
    // assigning would set the prototype, or call a setter that a script planted
    if (name in ObjectPrototype) define(object, name, read(input), true);
    else object[name] = read(input);
  }
  return object;
}

// Read over a list's head. Lists of our own are read item by item: a list made by assignment
// would hand its items to a setter that a script planted on Array.prototype.
function readListHead(input) {
  const head = input.bytes[input.at++];
  if (head !== 0xdc && head !== 0xdd) return head & 15;
  return readUnsigned(input, 2 << (head - 0xdc));
}

function readExtension(input) {
  const code = input.bytes[input.at++];
  if (code === 1) {
    readListHead(input);
    const id = read(input);
    const type = read(input);
    return makeHandle(id, type, read(input));
  }
  if (code === 3) return makeTextRecord(read(input));
  throw new RealTypeError(`malformed message: extension type ${code}`);
}
