// util.hash and util.base64: sha256 and sha1 (FIPS 180-4), md5 (RFC 1321), base64 (RFC 4648).

// UTF-8 of a text, or the bytes of a view, as a Uint8Array of its own.
function bytesOf(value, name) {
  const text = textOf(value);
  if (text === undefined) {
    if (isView(value)) return viewedBytes(value);
    if (typeof value === "object" && value !== null && branded(bufferBytes, value)) {
      return new SafeUint8Array(value);
    }
    throw badArgument(1, name, "a string or bytes", value);
  }
  let start = 0;
  let made;
  encode((writer) => {
    writer.text(text);
    start = writer.at <= 32 ? 1 : writer.at <= 257 ? 2 : writer.at <= 65538 ? 3 : 5;
  }, (bytes, length) => { made = copyBytes(bytes, start, length); });
  return made;
}

// The message with its padding: 0x80, zeros, the length in bits; 64-byte blocks.
function padded(bytes, littleEndian) {
  const size = viewBytes(bytes);
  const end = floor((size + 8) / 64) * 64 + 64;
  const blocks = new SafeUint8Array(end);
  setBytes(blocks, bytes);
  blocks[size] = 0x80;
  for (let i = 0; i < 8; i++) {
    const byte = floor(size * 8 / pow(256, i)) & 255;
    blocks[littleEndian ? end - 8 + i : end - 1 - i] = byte;
  }
  return blocks;
}

function words(blocks, at, littleEndian, into) {
  for (let i = 0; i < 16; i++, at += 4) {
    into[i] = littleEndian
      ? blocks[at] | blocks[at + 1] << 8 | blocks[at + 2] << 16 | blocks[at + 3] << 24
      : blocks[at] << 24 | blocks[at + 1] << 16 | blocks[at + 2] << 8 | blocks[at + 3];
  }
}

function hexOf(state, littleEndian) {
  let text = "";
  for (let i = 0; i < viewBytes(state) / 4; i++) {
    for (let j = 0; j < 4; j++) {
      const byte = state[i] >>> (littleEndian ? 8 * j : 24 - 8 * j) & 255;
      text += (byte < 16 ? "0" : "") + numberToString(byte, 16);
    }
  }
  return text;
}

const left = (word, by) => word << by | word >>> 32 - by;
const right = (word, by) => word >>> by | word << 32 - by;
const SafeInt32Array = Int32Array;

// The first 32 bits of the fractional parts of the first primes' square and cube roots.
let sha256Constants;
function makeSha256Constants() {
  const cube = new SafeInt32Array(64);
  let found = 0;
  for (let n = 2; found < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (!prime) continue;
    const root = pow(n, 1 / 3);
    cube[found++] = (root - floor(root)) * 4294967296;
  }
  return cube;
}

function sha256(bytes) {
  sha256Constants ||= makeSha256Constants();
  const state = new SafeInt32Array(8);
  const start = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
  ];
  for (let i = 0; i < 8; i++) state[i] = start[i];
  const w = new SafeInt32Array(64);
  const blocks = padded(bytes, false);
  for (let at = 0; at < viewBytes(blocks); at += 64) {
    words(blocks, at, false, w);
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15];
      const b = w[i - 2];
      w[i] = w[i - 16] + (right(a, 7) ^ right(a, 18) ^ a >>> 3) + w[i - 7] +
        (right(b, 17) ^ right(b, 19) ^ b >>> 10) | 0;
    }
    let a = state[0], b = state[1], c = state[2], d = state[3];
    let e = state[4], f = state[5], g = state[6], h = state[7];
    for (let i = 0; i < 64; i++) {
      const t1 = h + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + (e & f ^ ~e & g) +
        sha256Constants[i] + w[i] | 0;
      const t2 = (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + (a & b ^ a & c ^ b & c) | 0;
      h = g; g = f; f = e; e = d + t1 | 0; d = c; c = b; b = a; a = t1 + t2 | 0;
    }
    state[0] += a; state[1] += b; state[2] += c; state[3] += d;
    state[4] += e; state[5] += f; state[6] += g; state[7] += h;
  }
  return hexOf(state, false);
}

function sha1(bytes) {
  const state = new SafeInt32Array(5);
  const start = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  for (let i = 0; i < 5; i++) state[i] = start[i];
  const w = new SafeInt32Array(80);
  const blocks = padded(bytes, false);
  for (let at = 0; at < viewBytes(blocks); at += 64) {
    words(blocks, at, false, w);
    for (let i = 16; i < 80; i++) w[i] = left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (let i = 0; i < 80; i++) {
      const f = i < 20 ? (b & c | ~b & d) + 0x5a827999 : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
        : i < 60 ? (b & c | b & d | c & d) + 0x8f1bbcdc : (b ^ c ^ d) + 0xca62c1d6;
      const t = left(a, 5) + f + e + w[i] | 0;
      e = d; d = c; c = left(b, 30); b = a; a = t;
    }
    state[0] += a; state[1] += b; state[2] += c; state[3] += d; state[4] += e;
  }
  return hexOf(state, false);
}

const { abs, sin } = Math;
function md5(bytes) {
  const state = new SafeInt32Array(4);
  const start = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let i = 0; i < 4; i++) state[i] = start[i];
  const shifts = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
  const w = new SafeInt32Array(16);
  const blocks = padded(bytes, true);
  for (let at = 0; at < viewBytes(blocks); at += 64) {
    words(blocks, at, true, w);
    let a = state[0], b = state[1], c = state[2], d = state[3];
    for (let i = 0; i < 64; i++) {
      const round = i >> 4;
      const f = round === 0 ? b & c | ~b & d : round === 1 ? d & b | ~d & c
        : round === 2 ? b ^ c ^ d : c ^ (b | ~d);
      const g = round === 0 ? i : round === 1 ? 5 * i + 1 & 15
        : round === 2 ? 3 * i + 5 & 15 : 7 * i & 15;
      const k = floor(abs(sin(i + 1)) * 4294967296) | 0;
      const t = a + f + k + w[g] | 0;
      a = d; d = c; c = b; b = b + left(t, shifts[round * 4 + (i & 3)]) | 0;
    }
    state[0] += a; state[1] += b; state[2] += c; state[3] += d;
  }
  return hexOf(state, true);
}

function hash(value, algorithm = "sha256") {
  const bytes = bytesOf(value, "util.hash");
  if (algorithm === "sha256") return sha256(bytes);
  if (algorithm === "sha1") return sha1(bytes);
  if (algorithm === "md5") return md5(bytes);
  throw new SpellError("validation",
    "bad argument 2 to `util.hash`: expected \"sha256\", \"sha1\" or \"md5\"");
}

function sameBytes(left, right) {
  if (viewBytes(left) !== viewBytes(right)) return false;
  for (let i = 0; i < viewBytes(left); i++) if (left[i] !== right[i]) return false;
  return true;
}

const base64 = {
  encode(value) {
    return toBase64(bytesOf(value, "util.base64.encode"));
  },

  // Text, or with "bytes" a Uint8Array: which of the two is never guessed.
  decode(value, as = "text") {
    const text = textOf(value);
    if (text === undefined) throw badArgument(1, "util.base64.decode", "a string", value);
    let bytes;
    try {
      bytes = fromBase64(text, { __proto__: null, alphabet: "base64", lastChunkHandling: "strict" });
    } catch (error) {
      refused(error);
      throw new SpellError("conversion", "util.base64.decode: not base64");
    }
    if (as === "bytes") return bytes;
    // reading trusts its bytes to be UTF-8: these are, if they come back the same
    const decoded = readText({ bytes, at: 0 }, viewBytes(bytes));
    if (!sameBytes(bytesOf(toWellFormed(decoded), ""), bytes)) {
      throw new SpellError("conversion",
        "util.base64.decode: not UTF-8 text; use `util.base64.decode(text, \"bytes\")`");
    }
    return decoded;
  },
};
