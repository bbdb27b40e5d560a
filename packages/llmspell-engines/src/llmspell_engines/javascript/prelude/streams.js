// Streams: pulled from the host with credits, released when left early.

// Items asked for at once: enough to hide the round trip, few enough to stop soon.
const CREDITS = 32;

class Stream extends Handle {
  #items = [];
  #at = 0;
  #done = false;
  #turn = undefined; // the pull under way: a second `next()` waits for it

  constructor(id) {
    super(id, "stream");
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  next() {
    return this.#pull(new RealError());
  }

  static pull(stream, site) {
    return stream.#pull(site);
  }

  // `site` holds the line of the loop: it is no longer to be seen once another pull was awaited
  #pull(site) {
    const turn = this.#after(this.#turn, site);
    this.#turn = then(turn, () => undefined, () => undefined);
    return turn;
  }

  // `return await`, here and below: returning a promise would look up its `then`
  async #after(before, site) {
    await before;
    return await this.#take(site);
  }

  async #take(site) {
    if (this.#at === this.#items.length && !this.#done) {
      let answer;
      try {
        answer = await call(handleId(this), "next", 0, [CREDITS], "stream", site);
      } catch (error) {
        this.#done = true;
        throw error;
      }
      this.#items = answer.items;
      this.#at = 0;
      this.#done = answer.done;
    }
    if (this.#at === this.#items.length) return { value: undefined, done: true };
    return { value: this.#items[this.#at++], done: false };
  }

  // What `break`, `return` and an error in the loop's body call.
  async return(value) {
    if (!this.#done) {
      this.#done = true;
      release(handleId(this));
    }
    this.#items = [];
    this.#at = 0;
    return { value, done: true };
  }

  close() {
    return then(this.return(), () => undefined);
  }
}

const { pull } = Stream;
delete Stream.pull;

// A streaming call's answer before it is there: iterate it, or await it for the stream itself.
class PendingStream {
  #stream;
  #call;

  constructor(promise, number) {
    this.#stream = promise;
    this.#call = number;
  }

  static isOne(value) {
    return #stream in value;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async next() {
    const site = new RealError();
    return await pull(await this.#stream, site);
  }

  async return(value) {
    // not answered yet: the host need not even begin
    if (cancelCall(this.#call)) return { value, done: true };
    return await (await this.#stream).return(value);
  }

  close() {
    return then(this.return(), () => undefined);
  }

  then(resolved, rejected) {
    return then(this.#stream, resolved, rejected);
  }

  catch(rejected) {
    return then(this.#stream, undefined, rejected);
  }

  finally(last) {
    return then(this.#stream, (value) => {
      last();
      return value;
    }, (error) => {
      last();
      throw error;
    });
  }
}
const { isOne: isPendingStream } = PendingStream;
for (const [prototype, names] of [
  [Handle, []], [Builder, []], [Stream, ["next", "return", "close"]],
  [PendingStream, ["next", "return", "close", "then", "catch", "finally"]],
]) {
  delete prototype.isOne;
  delete prototype.idOf;
  delete prototype.typeOf;
  delete prototype.partsOf;
  delete prototype.prototype.constructor;
  for (const name of names) define(prototype.prototype, name, prototype.prototype[name]);
  freeze(prototype.prototype);
}
