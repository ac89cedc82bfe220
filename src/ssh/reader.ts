// Reads SSH's binary form: strings and numbers with their lengths before them (RFC 4251, section 5).

/** What is read is not what it should be. */
export class SshFormatError extends Error {
  override readonly name = "SshFormatError";
}

/** A place in bytes. Every method throws SshFormatError where the bytes end too early. */
export interface Reader {
  byte(): number;
  uint32(): number;
  /** `length` bytes: a view of the input. */
  bytes(length: number): Buffer;
  /** A string's bytes: a view of the input. */
  string(): Buffer;
  /** A string of printable ASCII. */
  text(): string;
  /** A positive number in its shortest form, big-endian without leading zeros, of at most `maxBytes`. */
  positive(maxBytes: number): Buffer;
  /** Throws when bytes are left. */
  end(): void;
}

/** A reader from the first byte. */
export function readerOf(input: Buffer): Reader {
  let at = 0;
  const bytes = (length: number): Buffer => {
    if (length > input.length - at) throw new SshFormatError("it ends too early");
    return input.subarray(at, (at += length));
  };
  const uint32 = (): number => bytes(4).readUInt32BE();
  const string = (): Buffer => bytes(uint32());
  return {
    byte: () => bytes(1)[0]!,
    uint32,
    bytes,
    string,
    text: () => printable(string()),
    positive: (maxBytes) => positive(string(), maxBytes),
    end() {
      if (at !== input.length) throw new SshFormatError("there is something after its end");
    },
  };
}

function printable(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  throw new SshFormatError("a name in it is not plain text");
}

/** A number whose first bit is set has a zero byte before it; no other may. */
function positive(bytes: Buffer, maxBytes: number): Buffer {
  const padded = bytes[0] === 0;
  const number = padded ? bytes.subarray(1) : bytes;
  const shortest = number.length > 0 && padded === number[0]! >= 0x80;
  if (shortest && number.length <= maxBytes) return number;
  throw new SshFormatError("a number in it is out of range");
}

/** A string in SSH's form. */
export function sshString(content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
