// Frames: what was encoded is decoded however the pipe cuts it, and nothing else is.

import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import {
  createFrameDecoder,
  encodeFrame,
  FrameError,
  maxFields,
  maxFrameBytes,
} from "../../../../src/provider/child/frame.ts";

interface Whole {
  readonly header: object;
  readonly fields: readonly Uint8Array[];
}

const whole: fc.Arbitrary<Whole> = fc.record({
  header: fc.dictionary(fc.string(), fc.jsonValue()).map((object) => JSON.parse(JSON.stringify(object)) as object),
  fields: fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 5 }),
});

function decode(chunks: Iterable<Uint8Array>): Whole[] {
  const found: Whole[] = [];
  const decoder = createFrameDecoder(({ header, fields }) =>
    found.push({ header, fields: fields.map((field) => new Uint8Array(field)) }),
  );
  for (const chunk of chunks) decoder.push(Buffer.from(chunk));
  return found;
}

function* cut(bytes: Uint8Array, lengths: readonly number[]): Iterable<Uint8Array> {
  let at = 0;
  for (let index = 0; at < bytes.length; index++) {
    const length = lengths.length === 0 ? bytes.length : lengths[index % lengths.length]!;
    yield bytes.slice(at, at + length);
    at += length;
  }
}

property.prop([fc.array(whole, { maxLength: 4 }), fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 })])(
  "frames come out as they went in, however they are cut",
  (frames, lengths) => {
    const bytes = Buffer.concat(frames.map(({ header, fields }) => encodeFrame(header, fields)));
    expect(decode(cut(bytes, lengths))).toEqual(frames);
  },
);

property.prop([fc.uint8Array({ maxLength: 300 })])(
  "any bytes are frames, the start of one, or a FrameError",
  (bytes) => {
    try {
      decode([bytes]);
    } catch (error) {
      expect(error).toBeInstanceOf(FrameError);
    }
  },
);

property.prop([whole, fc.nat(), fc.integer({ min: 1, max: 255 })])(
  "a changed byte of a frame never breaks the decoder in another way",
  (frame, place, change) => {
    const bytes = encodeFrame(frame.header, frame.fields);
    bytes[place % bytes.length]! ^= change;
    try {
      decode([bytes]);
    } catch (error) {
      expect(error).toBeInstanceOf(FrameError);
    }
  },
);

/** Four bytes of length and the rest. */
function framed(...rest: number[]): Buffer {
  return Buffer.from([0, 0, 0, rest.length, ...rest]);
}

describe("refused at once, without waiting for more", () => {
  test.each([
    ["a length over the bound", Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ["a length under the least", Buffer.from([0, 0, 0, 4])],
    ["a header longer than the frame", framed(0, 0, 0, 9, 0, 0x7b, 0x7d)],
    ["a header that is not JSON", framed(0, 0, 0, 2, 0, 0x7b, 0x7b)],
    ["a header that is a list", framed(0, 0, 0, 2, 0, 0x5b, 0x5d)],
    ["a header that is null", framed(0, 0, 0, 4, 0, 0x6e, 0x75, 0x6c, 0x6c)],
    ["more fields than its table has room for", framed(0, 0, 0, 2, 255, 0x7b, 0x7d)],
    ["fields shorter than the frame", framed(0, 0, 0, 2, 0, 0x7b, 0x7d, 1)],
    ["fields longer than the frame", framed(0, 0, 0, 2, 1, 0, 0, 0, 9, 0x7b, 0x7d, 1)],
  ])("%s", (_, bytes) => {
    expect(() => decode([bytes])).toThrow(FrameError);
  });

  test("and no word of what it was given", () => {
    const text = Buffer.from("hunter2");
    const bytes = framed(0, 0, 0, text.length, 0, ...text);
    expect(() => decode([bytes])).toThrow(/^a frame's header is not JSON$/);
  });
});

test("what is too large is not encoded", () => {
  expect(() => encodeFrame({}, [Buffer.alloc(maxFrameBytes)])).toThrow(FrameError);
  expect(() => encodeFrame({}, Array<Buffer>(maxFields + 1).fill(Buffer.alloc(1)))).toThrow(FrameError);
  expect(decode([encodeFrame({}, Array<Buffer>(maxFields).fill(Buffer.alloc(1)))])).toHaveLength(1);
});

describe("memory", () => {
  test("a frame is in a buffer of its own, and so is what the decoder holds; all of it is wiped", () => {
    const secret = Buffer.alloc(32, 0xaa);
    const frame = encodeFrame({ id: 1 }, [secret]);
    expect(frame.buffer.byteLength).toBe(frame.length);
    let seen: Buffer | undefined;
    const decoder = createFrameDecoder(({ fields }) => {
      seen = fields[0];
      expect(seen).toEqual(secret);
    });
    const first = Buffer.from(frame.subarray(0, 20));
    decoder.push(first);
    decoder.push(frame.subarray(20));
    for (const bytes of [seen!, first, frame.subarray(20)]) expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  test("also when the receiver throws, and when the rest never comes", () => {
    const frame = encodeFrame({ id: 1 }, [Buffer.alloc(32, 0xaa)]);
    let seen: Buffer | undefined;
    const throwing = createFrameDecoder(({ fields }) => {
      seen = fields[0];
      throw new Error("no");
    });
    const chunk = Buffer.from(frame);
    expect(() => throwing.push(chunk)).toThrow("no");
    expect([...seen!, ...chunk].every((byte) => byte === 0)).toBe(true);
  });
});
