// Looks for secrets where none may be: every form they could have leaked in.

/** A secret whose bytes are known to the test. */
export interface Canary {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The forms that are looked for. Base64 is cut to what does not depend on what stands before or after. */
function forms(bytes: Buffer): [string, Buffer][] {
  const hex = bytes.toString("hex");
  const texts: [string, string][] = [
    ["hex", hex],
    ["upper-case hex", hex.toUpperCase()],
  ];
  for (const shift of [0, 1, 2]) {
    const core = bytes.subarray((3 - shift) % 3);
    const whole = core.subarray(0, core.length - (core.length % 3));
    texts.push(
      [`base64 from ${shift}`, whole.toString("base64")],
      [`base64url from ${shift}`, whole.toString("base64url")],
    );
  }
  return [["raw", bytes], ...texts.map(([form, text]): [string, Buffer] => [form, Buffer.from(text)])];
}

/** What was found: "master key 1 as hex in stderr". Empty when nothing was. */
export function findCanaries(canaries: readonly Canary[], places: ReadonlyMap<string, Buffer>): string[] {
  const needles = canaries.flatMap(({ name, bytes }) => forms(bytes).map(([form, needle]) => ({ name, form, needle })));
  return [...places].flatMap(([place, hay]) =>
    needles.filter(({ needle }) => hay.includes(needle)).map(({ name, form }) => `${name} as ${form} in ${place}`),
  );
}
