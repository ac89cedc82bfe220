// Conditions of rules: what a call's context must say, in a grammar small enough to be read at a glance.

/** What one pair of the context must be. */
export interface Condition {
  /** The name of the context's pair. */
  readonly name: string;
  /** The attribute of the identity it must equal, or the texts of which it must be one. */
  readonly is: { readonly attribute: string } | { readonly oneOf: readonly string[] };
}

/** A condition, or why a text is none. */
export type ParsedCondition =
  | { readonly condition: Condition; readonly fault?: undefined }
  | { readonly condition?: undefined; /** A sentence; nothing of the text is in it. */ readonly fault: string };

/** The attribute that every identity has: its name. */
export const nameAttribute = "name";

const maxTextLength = 8_192;
const maxTexts = 64;
/** As many as a context's value may have. */
const maxTextBytes = 1_024;

const contextStart = /context\./y;
const identityStart = /identity\./y;
const name = /[a-z0-9][a-z0-9._/-]{0,63}(?![a-z0-9._/-])/y;
const equals = /[ \t]*==[ \t]*/y;
const within = /[ \t]+in[ \t]*\[[ \t]*/y;
const comma = /[ \t]*,[ \t]*/y;
const bracket = /[ \t]*\]/y;
/** A text as JSON writes it. */
// eslint-disable-next-line no-control-regex -- control characters are what JSON leaves out
const quoted = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

const forms = 'context.NAME == identity.NAME, context.NAME == "text" or context.NAME in ["one", "two"]';

/** A reader's place in a text. */
interface Reader {
  readonly text: string;
  at: number;
}

/** Why reading went no further. */
class Fault extends Error {}

/** Reads `context.NAME == identity.NAME`, `context.NAME == "text"` or `context.NAME in ["one", "two"]`. Never throws. */
export function parseCondition(text: string): ParsedCondition {
  if (text.length > maxTextLength) return { fault: `a condition has at most ${maxTextLength} characters` };
  const reader = { text, at: 0 };
  try {
    const condition = readCondition(reader);
    return reader.at === text.length ? { condition } : { fault: unread(reader, "the condition's end") };
  } catch (error) {
    if (error instanceof Fault) return { fault: error.message };
    throw error;
  }
}

/** A condition as its shortest text: reading it gives the same condition again. */
export function conditionText({ name: pair, is }: Condition): string {
  if ("attribute" in is) return `context.${pair} == identity.${is.attribute}`;
  const texts = is.oneOf.map((one) => JSON.stringify(one));
  return is.oneOf.length === 1 ? `context.${pair} == ${texts[0]}` : `context.${pair} in [${texts.join(", ")}]`;
}

function readCondition(reader: Reader): Condition {
  expect(reader, contextStart, "context.NAME");
  const pair = expect(reader, name, "a context name of a-z, 0-9, ., _, / and -, at most 64");
  if (take(reader, within) !== undefined) return { name: pair, is: { oneOf: readTexts(reader) } };
  expect(reader, equals, "== or in [");
  if (take(reader, identityStart) === undefined) return { name: pair, is: { oneOf: [readText(reader)] } };
  return { name: pair, is: { attribute: expect(reader, name, "the name of an attribute of the identity") } };
}

function readTexts(reader: Reader): string[] {
  const texts = new Set<string>();
  do {
    const text = readText(reader);
    if (texts.has(text)) throw new Fault("the same text stands in the list twice");
    texts.add(text);
  } while (take(reader, comma) !== undefined);
  expect(reader, bracket, "a comma or ]");
  if (texts.size > maxTexts) throw new Fault(`a list has at most ${maxTexts} texts`);
  return [...texts];
}

function readText(reader: Reader): string {
  const text = JSON.parse(expect(reader, quoted, 'a text in "double quotes"')) as string;
  if (!text.isWellFormed()) throw new Fault("a text has half of a surrogate pair, which no context has");
  if (Buffer.byteLength(text) > maxTextBytes) throw new Fault(`a text has at most ${maxTextBytes} bytes`);
  return text;
}

function take(reader: Reader, token: RegExp): string | undefined {
  token.lastIndex = reader.at;
  const found = token.exec(reader.text)?.[0];
  if (found !== undefined) reader.at += found.length;
  return found;
}

function expect(reader: Reader, token: RegExp, what: string): string {
  const found = take(reader, token);
  if (found === undefined) throw new Fault(unread(reader, what));
  return found;
}

function unread({ text, at }: Reader, what: string): string {
  const place = at >= text.length ? "at its end" : `at character ${at + 1}`;
  return `this is no condition: ${what} is wanted ${place} (a condition is ${forms})`;
}
