// Inputs that are nearly good: seeds with bytes changed, cut, repeated, swapped for another's, or replaced by a word.

import fc from "fast-check";

/** A change of an input. Places are shares of its length, so that a change is the same for shorter inputs. */
type Edit =
  | { readonly kind: "set"; readonly at: number; readonly value: number }
  | { readonly kind: "flip"; readonly at: number; readonly bit: number }
  | { readonly kind: "cut"; readonly at: number; readonly length: number }
  | { readonly kind: "end"; readonly at: number }
  | { readonly kind: "insert"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "repeat"; readonly at: number; readonly length: number; readonly times: number }
  | { readonly kind: "number"; readonly at: number; readonly size: number; readonly value: number }
  | { readonly kind: "splice"; readonly at: number; readonly other: number; readonly from: number };

const place = fc.nat(0xffff);
const some = fc.integer({ min: 1, max: 64 });
/** Where lengths and counts go wrong. */
const edges = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0xffffffff];

function edits(words: readonly string[]): fc.Arbitrary<Edit> {
  const fresh = fc.uint8Array({ minLength: 1, maxLength: 16 });
  const word = words.length === 0 ? fresh : fc.constantFrom(...words).map((text): Uint8Array => Buffer.from(text));
  return fc.oneof(
    fc.record({ kind: fc.constant("set" as const), at: place, value: fc.nat(255) }),
    fc.record({ kind: fc.constant("flip" as const), at: place, bit: fc.nat(7) }),
    fc.record({ kind: fc.constant("cut" as const), at: place, length: some }),
    fc.record({ kind: fc.constant("end" as const), at: place }),
    fc.record({ kind: fc.constant("insert" as const), at: place, bytes: fc.oneof(fresh, word) }),
    fc.record({
      kind: fc.constant("repeat" as const),
      at: place,
      length: some,
      times: fc.integer({ min: 1, max: 40 }),
    }),
    fc.record({
      kind: fc.constant("number" as const),
      at: place,
      size: fc.constantFrom(1, 2, 4),
      value: fc.constantFrom(...edges),
    }),
    fc.record({ kind: fc.constant("splice" as const), at: place, other: fc.nat(), from: place }),
  );
}

function apply(input: Buffer, edit: Edit, seeds: readonly Uint8Array[]): Buffer {
  const at = Math.floor((edit.at * (input.length + 1)) / 0x10000);
  const [head, tail] = [input.subarray(0, at), input.subarray(at)];
  switch (edit.kind) {
    case "set":
      return Buffer.concat([head, Buffer.from([edit.value]), tail.subarray(1)]);
    case "flip": {
      const copy = Buffer.from(input);
      if (at < copy.length) copy[at]! ^= 1 << edit.bit;
      return copy;
    }
    case "cut":
      return Buffer.concat([head, tail.subarray(edit.length)]);
    case "end":
      return head;
    case "insert":
      return Buffer.concat([head, edit.bytes, tail]);
    case "repeat":
      return Buffer.concat([head, ...Array.from({ length: edit.times }, () => tail.subarray(0, edit.length)), tail]);
    case "number": {
      const number = Buffer.alloc(edit.size);
      number.writeUIntBE(edit.value % 2 ** (8 * edit.size), 0, edit.size);
      return Buffer.concat([head, number, tail.subarray(edit.size)]);
    }
    case "splice": {
      const other = seeds[edit.other % seeds.length]!;
      return Buffer.concat([head, other.subarray(Math.floor((edit.from * (other.length + 1)) / 0x10000))]);
    }
  }
}

/** Inputs from anything at all to seeds with a change or a few. */
export function inputsOf(seeds: readonly Uint8Array[], words: readonly string[] = []): fc.Arbitrary<Uint8Array> {
  const changed = fc
    .tuple(fc.constantFrom(...seeds), fc.array(edits(words), { minLength: 1, maxLength: 4 }))
    .map(([seed, list]) => list.reduce<Uint8Array>((input, edit) => apply(Buffer.from(input), edit, seeds), seed));
  const spoken =
    words.length === 0
      ? fc.constant<Uint8Array>(Buffer.alloc(0))
      : fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((list): Uint8Array => Buffer.from(list.join("")));
  return fc.oneof(
    { arbitrary: fc.uint8Array({ maxLength: 400 }), weight: 1 },
    { arbitrary: spoken, weight: 1 },
    { arbitrary: changed, weight: 8 },
  );
}
