// The words that several parts of the configuration are made of: names, durations, sizes, addresses, paths.

import { z } from "zod";
import { isKeyName, isRealm } from "../../envelope/index.ts";
import { text } from "../../provider/index.ts";

/** Of providers, listeners and identities. */
const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/*
 * An error text that begins with "expected" says what should stand there; what does stand there is put before it.
 * Any other error text is a whole sentence.
 */
const nameWords = 'expected a name of lower-case letters, digits, ".", "_" and "-", at most 64';

/** A name of a provider, listener or identity. */
export const name = z.string({ error: nameWords }).regex(namePattern, { error: nameWords }).meta({ title: "name" });

const keyNameWords = 'expected a key name: segments of a-z, 0-9, ".", "_" and "-" parted by "/", at most 128 in all';

/** A key's name. */
export const keyName = z
  .string({ error: keyNameWords })
  .refine(isKeyName, { error: keyNameWords })
  .meta({ title: "key name", pattern: "^[a-z0-9._-]+(/[a-z0-9._-]+)*$", maxLength: 128 });

const realmWords = 'expected a realm: a-z, 0-9 and "-", at most 63';

/** A realm. */
export const realm = z
  .string({ error: realmWords })
  .refine(isRealm, { error: realmWords })
  .meta({ title: "realm", pattern: "^[a-z0-9][a-z0-9-]{0,62}$" });

const millisecondsPer = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration's milliseconds; NaN when it is none. */
function milliseconds(duration: string): number {
  const [, count, unit] = /^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$/.exec(duration) ?? [];
  return Number(count) * millisecondsPer[unit as keyof typeof millisecondsPer];
}

/** A duration within two others, as milliseconds. */
export function duration(shortest: string, longest: string) {
  const error = `expected a duration such as 30s, 10m, 6h or 2d, from ${shortest} to ${longest}`;
  const [least, most] = [milliseconds(shortest), milliseconds(longest)];
  const fits = (value: string) => milliseconds(value) >= least && milliseconds(value) <= most;
  return z
    .string({ error })
    .refine(fits, { error })
    .transform(milliseconds)
    .meta({ title: `duration, ${shortest} to ${longest}`, pattern: "^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$" });
}

const bytesPer = { B: 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 };

function bytes(size: string): number {
  const [, count, unit] = /^(0|[1-9][0-9]{0,8})(B|KiB|MiB|GiB)$/.exec(size) ?? [];
  return Number(count) * bytesPer[unit as keyof typeof bytesPer];
}

/** A size within two others, in bytes. */
export function size(smallest: string, largest: string) {
  const error = `expected a size such as 16KiB or 4MiB, from ${smallest} to ${largest}`;
  const fits = (value: string) => bytes(value) >= bytes(smallest) && bytes(value) <= bytes(largest);
  return z
    .string({ error })
    .refine(fits, { error })
    .transform(bytes)
    .meta({ title: `size, ${smallest} to ${largest}`, pattern: "^(0|[1-9][0-9]{0,8})(B|KiB|MiB|GiB)$" });
}

/** The milliseconds of a window, by its letter. */
const windows: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** So many in a window: `60/m`. */
export function rate() {
  const error = 'expected a rate such as "500/s" or "60/m", by s, m, h or d';
  const pattern = /^([1-9][0-9]{0,8})\/([smhd])$/;
  return z
    .string({ error })
    .regex(pattern, { error })
    .transform((text) => {
      const [, limit, window] = pattern.exec(text) ?? [];
      return { limit: Number(limit), windowMs: windows[window!]! };
    })
    .meta({ title: "rate" });
}

/** A whole number within bounds, both included. */
export function wholeNumber(least: number, most: number) {
  const error = `expected a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** true or false. */
export const flag = z.boolean({ error: "expected true or false" });

/** One of a few words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: `expected ${words.length === 1 ? words[0] : `one of ${words.join(", ")}`}` });
}

/** One of something, or a list of several: a list in any case. Twice the same is refused. */
export function oneOrMore<Item extends z.ZodType<string>>(item: Item, what: string) {
  const error = `expected ${what} or a list of them`;
  const list = z.array(item, { error }).min(1, { error });
  return z
    .union([item, list], { error })
    .transform((value) => (Array.isArray(value) ? value : [value]) as z.output<Item>[])
    .refine(isWithoutRepeats, { error: "the same stands here twice" });
}

/** Whether no item stands in the list twice. */
export function isWithoutRepeats(items: readonly unknown[]): boolean {
  return new Set(items).size === items.length;
}

/** A path of the file system; relative ones are taken from the configuration file's folder. */
export function path(what: string) {
  const error = `expected the path of ${what}`;
  const content = z
    .string()
    .min(1, { error })
    .max(4_096, { error })
    .refine((value) => !/^file:/.test(value), { error: `${error}, without file: before it` })
    .refine((value) => !value.includes("-----BEGIN"), { error: `${error}, not what is in the file` });
  return reference(content, error).meta({ title: "path" });
}

/** Text that may be a whole-value `${NAME}`, checked after the variable stands in its place. */
export function reference<Content extends z.ZodType<unknown, string>>(content: Content, error: string) {
  return z.string({ error }).pipe(text()).pipe(content);
}

/** `host:port`, with an IPv6 address in brackets. Port 0 lets the kernel choose. */
export function address(what: string) {
  const error = `expected ${what} as "host:port", such as "127.0.0.1:7443" or "[::1]:7443"`;
  const content = z.string().transform((value, context) => {
    const [, bracketed, plain, port] =
      /^(?:\[([0-9a-fA-F:.]{2,45})\]|([a-zA-Z0-9.-]{1,253})):([0-9]{1,5})$/.exec(value) ?? [];
    if (port !== undefined && Number(port) <= 65_535) return { host: (bracketed ?? plain)!, port: Number(port) };
    context.addIssue({ code: "custom", message: error });
    return z.NEVER;
  });
  return reference(content, error).meta({ title: "host:port" });
}

/** `udp:host:port`, `tcp:host:port` or `tls:host:port`. `error` says so. */
export function syslogAddress(error: string) {
  const content = z.string().transform((value, context) => {
    const [, transport, bracketed, plain, port] =
      /^(udp|tcp|tls):(?:\[([0-9a-fA-F:.]{2,45})\]|([a-zA-Z0-9.-]{1,253})):([0-9]{1,5})$/.exec(value) ?? [];
    if (Number(port) >= 1 && Number(port) <= 65_535)
      return { transport: transport as "udp" | "tcp" | "tls", host: (bracketed ?? plain)!, port: Number(port) };
    context.addIssue({ code: "custom", message: error });
    return z.NEVER;
  });
  return reference(content, error).meta({ title: "udp, tcp or tls:host:port" });
}

/** The URL of something over HTTP, without a user or password in it. */
export function httpUrl(what: string) {
  const error = `expected the URL of ${what}, with http: or https: and without a password`;
  const isPlain = (value: string) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    return /^https?:$/.test(url?.protocol ?? "") && url!.username === "" && url!.password === "";
  };
  return reference(z.string().max(2_048, { error }).refine(isPlain, { error }), error).meta({ title: "URL" });
}
