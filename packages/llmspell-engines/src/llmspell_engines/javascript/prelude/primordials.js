// The originals of everything the prelude uses, taken before any script runs.
//
// The prelude's files are joined, in the order guest.py names, into one strict function: what is
// declared at a file's top is visible in the files after it and to no script. A script may patch
// any prototype; the prelude therefore calls no method by name (but for one, see below).
// `uncurry(f)` gives `(self, ...args) => f.call(self, ...args)`, bound, which looks nothing up.
// For the same reason, once a script runs: no for-of over arrays, no spread of arrays, no array
// destructuring (they ask Array.prototype for an iterator), no `[].push`, and no table without
// `__proto__: null` where a missing field would be looked up in Object.prototype, or set in it. And
// of bytes no `length`, no `subarray`, no `slice`: a getter of the script's, or the constructor these
// ask for, would be handed the view, and with it the memory shared with Python.

const uncurry = Function.prototype.bind.bind(Function.prototype.call);
const getterOf = (object, name) => uncurry(Object.getOwnPropertyDescriptor(object, name).get);

const { apply, construct, ownKeys } = Reflect;
const {
  create, defineProperty, freeze, getOwnPropertyDescriptor, getPrototypeOf, keys: objectKeys,
  setPrototypeOf,
} = Object;
const ObjectPrototype = Object.prototype;
const hasOwn = uncurry(ObjectPrototype.hasOwnProperty);
const isInstance = uncurry(Function.prototype[Symbol.hasInstance]);
const functionToString = uncurry(Function.prototype.toString);
const AsyncFunction = (async () => {}).constructor;
const PlainFunction = Function;

const { isArray } = Array;
const slice = uncurry(Array.prototype.slice);
const sort = uncurry(Array.prototype.sort);
const join = uncurry(Array.prototype.join);

const { fromCharCode } = String;
const codePointAt = uncurry(String.prototype.codePointAt);
const indexOf = uncurry(String.prototype.indexOf);
const substring = uncurry(String.prototype.substring);
const startsWith = uncurry(String.prototype.startsWith);
const split = uncurry(String.prototype.split);
const toUpperCase = uncurry(String.prototype.toUpperCase);
const isWellFormed = uncurry(String.prototype.isWellFormed);
const toWellFormed = uncurry(String.prototype.toWellFormed);
const stringValue = uncurry(String.prototype.valueOf);
const numberValue = uncurry(Number.prototype.valueOf);
const booleanValue = uncurry(Boolean.prototype.valueOf);
const bigintValue = uncurry(BigInt.prototype.valueOf);
const numberToString = uncurry(Number.prototype.toString);
// exec of the instance's own class: `RegExp.prototype.test` would call a patched `exec`
const match = uncurry(RegExp.prototype.exec);

const { floor, imul, max, min, pow } = Math;
const { isInteger, isFinite, isNaN } = Number;
const { stringify: jsonStringify, parse: jsonParse } = JSON;
const percentEncode = encodeURIComponent;

const SafeMap = Map;
const mapGet = uncurry(Map.prototype.get);
const mapSet = uncurry(Map.prototype.set);
const mapHas = uncurry(Map.prototype.has);
const mapDelete = uncurry(Map.prototype.delete);
const mapClear = uncurry(Map.prototype.clear);
const mapForEach = uncurry(Map.prototype.forEach);
const mapSize = getterOf(Map.prototype, "size");
const SafeSet = Set;
const setAdd = uncurry(Set.prototype.add);
const setHas = uncurry(Set.prototype.has);
const setDelete = uncurry(Set.prototype.delete);
const setForEach = uncurry(Set.prototype.forEach);
const setSize = getterOf(Set.prototype, "size");

const SafeWeakMap = WeakMap;
const weakGet = uncurry(WeakMap.prototype.get);
const weakSet = uncurry(WeakMap.prototype.set);

const RealDate = Date;
const dateValue = uncurry(Date.prototype.getTime);
const dateToIso = uncurry(Date.prototype.toISOString);

const SafePromise = Promise;
const then = uncurry(Promise.prototype.then);
const RealError = Error;
const RealTypeError = TypeError;

const SafeUint8Array = Uint8Array;
const TypedArray = getPrototypeOf(Uint8Array);
const viewBuffer = getterOf(TypedArray.prototype, "buffer");
const viewOffset = getterOf(TypedArray.prototype, "byteOffset");
const viewBytes = getterOf(TypedArray.prototype, "byteLength"); // of a Uint8Array: its length
const viewTag = getterOf(TypedArray.prototype, Symbol.toStringTag);
const dataViewBuffer = getterOf(DataView.prototype, "buffer");
const dataViewOffset = getterOf(DataView.prototype, "byteOffset");
const dataViewBytes = getterOf(DataView.prototype, "byteLength");
const isView = ArrayBuffer.isView;
const bufferBytes = getterOf(ArrayBuffer.prototype, "byteLength");
const setBytes = uncurry(TypedArray.prototype.set);
const toBase64 = uncurry(Uint8Array.prototype.toBase64);
const fromBase64 = Uint8Array.fromBase64;
const SafeDataView = DataView;
const getFloat32 = uncurry(DataView.prototype.getFloat32);
const getFloat64 = uncurry(DataView.prototype.getFloat64);
const setFloat64 = uncurry(DataView.prototype.setFloat64);
const getBigInt64 = uncurry(DataView.prototype.getBigInt64);
const setBigInt64 = uncurry(DataView.prototype.setBigInt64);
const SafeBigInt = BigInt;
const SafeNumber = Number;
const SafeString = String;

// The one method the prelude calls by name, on texts alone, and therefore nobody may replace:
// 4 ns a character, 20 ns through a bound function (measured).
defineProperty(String.prototype, "charCodeAt", {
  __proto__: null, writable: false, configurable: false,
});

// Shared memory and threads have no use here; wasm memory escapes every limit; the others let a
// run depend on the garbage collector or on the real clock instead of on its crossings.
for (const name of [
  "SharedArrayBuffer", "Atomics", "WebAssembly", "FinalizationRegistry", "WeakRef",
]) delete globalThis[name];
if (globalThis.Temporal) delete globalThis.Temporal.Now;

// A view of some of a Uint8Array's bytes, and a copy of them.
function partOf(bytes, from, to) {
  return new SafeUint8Array(viewBuffer(bytes), viewOffset(bytes) + from, to - from);
}

function copyBytes(bytes, from, to) {
  return new SafeUint8Array(partOf(bytes, from, to));
}

function define(object, name, value, enumerable) {
  // descriptors have no prototype, which a script could have given a `get`
  defineProperty(object, name, {
    __proto__: null, value, enumerable: enumerable === true, writable: true, configurable: true,
  });
}
