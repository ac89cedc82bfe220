// Goes on with an answer that may be there already: at once then, without a promise.

import type { Soon } from "../broker/broker.ts";

/** `next(value)`, now if the value is there, else when it comes. */
export function after<Value, Result>(value: Soon<Value>, next: (value: Value) => Result): Soon<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}
