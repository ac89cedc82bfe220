import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { alternativeNames } from "../../../src/identity/subject-alternative-names.ts";
import { issue } from "./authority.ts";

describe("names of a certificate's text form", () => {
  it.each([
    [undefined, [], []],
    ["", [], []],
    ["DNS:a.example", [], ["a.example"]],
    ["URI:spiffe://a/b, DNS:c, IP Address:127.0.0.1, email:x@y", ["spiffe://a/b"], ["c"]],
    ['URI:"spiffe://a/b, URI:spiffe://c/d"', ["spiffe://a/b, URI:spiffe://c/d"], []],
    ['DNS:"a\\"", DNS:b', [], ['a"', "b"]],
    ["othername:<unsupported>, Registered ID:1.2.3, DNS:b", [], ["b"]],
  ])("%s", (text, uris, dnsNames) => {
    expect(alternativeNames(text)).toEqual({ uris, dnsNames });
  });

  it.each([
    'URI:spiffe://a/b, DNS:"c',
    'DNS:a"b',
    "DNS:a,DNS:b",
    "DNS:a, ",
    "a, DNS:b",
    'DNS:"a"b, URI:spiffe://a/b',
    'DNS:"\\x", URI:spiffe://a/b',
    ", DNS:b",
  ])("none at all where the form is broken: %s", (text) => {
    expect(alternativeNames(text)).toEqual({ uris: [], dnsNames: [] });
  });

  const anyName = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'ab.,:" \\/URIDNS'), minLength: 1, maxLength: 30 }),
    fc.constantFrom("spiffe://a/b", "x, URI:spiffe://a/b", 'x", URI:spiffe://a/b', "x\\, URI:spiffe://a/b"),
  );

  test.prop(
    [
      fc.array(fc.record({ type: fc.constantFrom("url" as const, "dns" as const), value: anyName }), {
        minLength: 1,
        maxLength: 4,
      }),
    ],
    {
      numRuns: 40,
    },
  )("hold nothing of a real certificate that is not a whole name there", async (names) => {
    const { node } = await issue(undefined, { names });
    const { uris, dnsNames } = alternativeNames(node.subjectAltName);
    const whole = (type: string) => names.filter((name) => name.type === type).map(({ value }) => value);
    for (const uri of uris) expect(whole("url")).toContain(uri);
    for (const dns of dnsNames) expect(whole("dns")).toContain(dns);
  });
});
