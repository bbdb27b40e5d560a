// Buffers that there is no memory for end the run, whatever the script catches.
//
// They lie outside V8's heap, whose limit ends all JavaScript: V8 only throws a RangeError when
// the process may not have that much memory. So whatever makes a buffer is guarded; what V8 makes
// one with by itself (a species' default) is reached through these methods alone.

const NO_ROOM = /^(?:Array buffer allocation failed|ArrayBuffer\.prototype\.\w+: Out of memory)$/;
let noMemory; // the record of it, made before there is none
encode((writer) => writer.value({
  __proto__: null,
  kind: "limit",
  message: "the spell used more memory than it may",
  details: { __proto__: null, limit: "memory" },
}, 0), (bytes, length) => { noMemory = copyBytes(bytes, 0, length); });

// Give back an error; end the run if it says that there was no memory.
function refused(error) {
  if (isError(error) && match(NO_ROOM, peekText(error, "message") || "") !== null) {
    send(KIND.FAILED, 0, noMemory, viewBytes(noMemory));
  }
  return error;
}

function guarded(method) {
  return {
    method(...args) {
      try {
        return apply(method, this, args);
      } catch (error) {
        throw refused(error);
      }
    },
  }.method;
}

function guardMethods(object, names) {
  for (const name of names) {
    const method = object[name];
    if (method === undefined) continue; // an older V8
    const replaced = named(guarded(method), name);
    defineProperty(replaced, "length", {
      __proto__: null, value: method.length, configurable: true,
    });
    define(object, name, replaced);
  }
}

function guardConstructor(name) {
  const original = globalThis[name];
  if (original === undefined) return;
  const proxy = new Proxy(original, {
    __proto__: null,
    construct(target, args, newTarget) {
      try {
        return construct(target, args, newTarget === proxy ? target : newTarget);
      } catch (error) {
        throw refused(error);
      }
    },
  });
  define(original.prototype, "constructor", proxy);
  define(globalThis, name, proxy);
}

function guardBuffers() {
  guardMethods(ArrayBuffer.prototype, ["resize", "slice", "transfer", "transferToFixedLength"]);
  guardMethods(TypedArray.prototype, ["filter", "map", "slice", "toReversed", "toSorted", "with"]);
  guardMethods(Uint8Array, ["fromBase64", "fromHex"]);
  for (const name of [
    "ArrayBuffer", "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array",
    "Int32Array", "Uint32Array", "BigInt64Array", "BigUint64Array", "Float16Array", "Float32Array",
    "Float64Array",
  ]) guardConstructor(name);
}
