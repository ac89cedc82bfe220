// Frames between the daemon and a provider's child.

import { createFrameDecoder, encodeFrame, FrameError } from "../../../src/provider/child/frame.ts";
import { must, outcomeOf, type Decoder } from "../decoder.ts";

const frames = [
  encodeFrame({ id: 1, operation: "wrap", key: 2, pairs: { realm: "prod" } }, [Buffer.alloc(64, 1), Buffer.from("b")]),
  encodeFrame({ id: 1, value: null }),
  encodeFrame({ notice: { topic: "a", level: "warn", message: "ü" } }, [Buffer.alloc(0)]),
];

export const childFrame: Decoder = {
  name: "child-frame",
  seeds: [...frames, Buffer.concat(frames)],
  words: ["{}", "[]", "null", '{"id":', "\u0000\u0000\u0000", "\ud800"],
  check(input) {
    let bytes = 0;
    let received = 0;
    const decoder = createFrameDecoder(({ header, fields }) => {
      must(typeof header === "object" && !Array.isArray(header), "a header is an object");
      bytes += fields.reduce((sum, { length }) => sum + length, 0);
      received += 1;
    });
    try {
      // In two pieces, as a pipe may cut it.
      const middle = input.length >> 1;
      for (const piece of [input.subarray(0, middle), input.subarray(middle)]) decoder.push(Buffer.from(piece));
      must(bytes <= input.length, "fields are no longer than what was read");
      return `read: ${Math.min(3, received)}`;
    } catch (error) {
      must(error instanceof FrameError, `a FrameError, not ${String(error)}`);
      return outcomeOf(error);
    } finally {
      decoder.close();
    }
  },
};
