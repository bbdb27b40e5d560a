// What a script holds that is more than data: text records, handles, builders, streams.
//
// Each is known by a private field, which no data and no script can forge or read.

const RECORD_KEEPS = /^(?:length|constructor|toString|valueOf|toJSON|then|__proto__|\d+)$/;

// A text with named fields: a String object, so that concatenation, string methods and
// JSON.stringify see the text. `record == "text"` is true, since JavaScript compares with the
// same conversion it concatenates with; `record === "text"` is false.
class TextRecord extends SafeString {
  #fields;

  constructor(fields) {
    super(fields.content);
    this.#fields = fields;
    const names = objectKeys(fields);
    for (let i = 0; i < names.length; i++) {
      if (match(RECORD_KEEPS, names[i]) === null) define(this, names[i], fields[names[i]], true);
    }
  }

  static fieldsOf(value) {
    return #fields in value ? value.#fields : undefined;
  }
}
const { fieldsOf } = TextRecord;
delete TextRecord.fieldsOf;
// a script that reached the class could make records whose `content` is no text
delete TextRecord.prototype.constructor;

function makeTextRecord(fields) {
  return new TextRecord(fields);
}

class Handle {
  #id;
  #type;

  constructor(id, type) {
    this.#id = id;
    this.#type = type;
  }

  static idOf(value) {
    return #id in value ? value.#id : 0;
  }

  static typeOf(value) {
    return value.#type;
  }
}
const { idOf: handleId, typeOf: handleType } = Handle;

const handles = new SafeMap(); // id -> handle: the same object of the host is the same here

function makeHandle(id, type, methods) {
  if (mapHas(handles, id)) return mapGet(handles, id);
  const handle = type === "stream" ? new Stream(id) : new Handle(id, type);
  if (type !== "stream") {
    addMethods(handle, methods, (name, flags, args) => call(id, name, flags, args, type));
    freeze(handle);
  }
  mapSet(handles, id, handle);
  return handle;
}

// Add a function for each method, in snake_case and in camelCase. Never `then`: what has one
// is taken for a promise.
function addMethods(object, methods, invoke) {
  const names = objectKeys(methods);
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (name === "then") continue;
    const method = named((...args) => invoke(name, methods[name], args), name);
    define(object, name, method, true);
    const camel = camelCase(name);
    if (camel !== name && !hasOwn(methods, camel)) define(object, camel, method);
  }
}

function camelCase(name) {
  let camel = "";
  for (let i = 0; i < name.length; i++) {
    if (name[i] === "_" && i > 0 && i + 1 < name.length) camel += toUpperCase(name[++i]);
    else camel += name[i];
  }
  return camel;
}

function named(method, name) {
  defineProperty(method, "name", { __proto__: null, value: name, configurable: true });
  return method;
}

// Builders ----------------------------------------------------------------------------------

class Builder {
  #parts;

  constructor(bridge, builder, args) {
    this.#parts = { __proto__: null, bridge, builder, args, steps: new SafeMap() };
  }

  static partsOf(value) {
    return #parts in value ? value.#parts : undefined;
  }
}
const { partsOf } = Builder;

function makeBuilder(bridge, builder, shape, args) {
  const made = new Builder(bridge, builder, args);
  const steps = partsOf(made).steps;
  const recorded = { __proto__: null };
  for (let i = 0; i < shape.steps.length; i++) recorded[shape.steps[i]] = 0;
  addMethods(made, recorded, (name, flags, stepArgs) => {
    mapSet(steps, mapSize(steps), { __proto__: null, name, args: stepArgs });
    return made;
  });
  addMethods(made, shape.methods, (name, flags, rest) => {
    const all = [made];
    for (let i = 0; i < rest.length; i++) define(all, i + 1, rest[i], true);
    return call(bridge, `${builder}.${name}`, flags, all, bridge);
  });
  return freeze(made);
}

// Crossing ----------------------------------------------------------------------------------

function isReference(value) {
  return fieldsOf(value) !== undefined || handleId(value) !== 0 || partsOf(value) !== undefined ||
    isPendingStream(value);
}

function writeReference(writer, value, depth) {
  const fields = fieldsOf(value);
  if (fields !== undefined) {
    if (writer.flatten) return writer.map(fields, depth);
    return writer.extension(3, () => writer.map(fields, depth));
  }
  if (handleId(value) !== 0) {
    return writer.extension(1, () => {
      writer.array(3);
      writer.value(handleId(value), depth);
      writer.text(handleType(value));
      writer.map({}, depth);
    });
  }
  const parts = partsOf(value);
  if (parts === undefined) throw new Unfit("a stream cannot cross before it is awaited");
  if (!writer.withCallbacks) {
    throw new Unfit("a builder can cross only as an argument of a call");
  }
  const { bridge, builder, args, steps } = parts;
  writer.extension(4, () => {
    writer.array(4);
    writer.text(bridge);
    writer.text(builder);
    writer.list(args, depth + 1);
    writer.array(mapSize(steps));
    mapForEach(steps, (step, index) => {
      writer.array(2);
      writer.text(step.name);
      writer.list(step.args, depth + 1);
    });
  });
}
