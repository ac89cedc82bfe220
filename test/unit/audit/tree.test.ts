// The Merkle tree and its signed checkpoints: published vectors, and properties.

import { createPrivateKey, generateKeyPairSync, hash } from "node:crypto";
import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { openCheckpoint, originOf, signCheckpoint } from "../../../src/audit/checkpoint.ts";
import { decodeVerifier, encodeVerifier, openNote, signNote, verifierOf } from "../../../src/audit/note.ts";
import { leafHash, Tree } from "../../../src/audit/tree.ts";

/** Leaves and roots of the Certificate Transparency project's reference tests. */
const leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const roots = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const lines = leaves.map((hex) => Buffer.from(hex, "hex").toString("latin1"));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("the tree", () => {
  test("has the published roots", () => {
    const tree = new Tree();
    expect(hex(tree.root())).toBe(hash("sha256", ""));
    for (const [index, line] of lines.entries()) {
      tree.append([leafHash(line)]);
      expect(hex(tree.root())).toBe(roots[index]);
    }
  });

  property.prop([fc.array(fc.string(), { maxLength: 70 }), fc.nat(70)])(
    "goes on from its frontier as if it had never stopped",
    (texts, cut) => {
      const whole = new Tree();
      whole.append(texts.map(leafHash));
      const first = new Tree();
      first.append(texts.slice(0, cut).map(leafHash));
      const second = new Tree(first.frontier());
      second.append(texts.slice(cut).map(leafHash));
      expect(hex(second.root())).toBe(hex(whole.root()));
      expect(second.frontier().size).toBe(texts.length);
    },
  );

  test("refuses a frontier of another size", () => {
    expect(() => new Tree({ size: 2, hashes: [] })).toThrow(RangeError);
    expect(() => new Tree({ size: 1, hashes: ["A".repeat(42)] })).toThrow(RangeError);
    expect(() => new Tree({ size: -1, hashes: [] })).toThrow(RangeError);
  });
});

describe("a note", () => {
  // RFC 8032, section 7.1, test 1.
  const seed = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex");
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const signer = { name: "keybroker", privateKey: createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }) };
  const verifier = verifierOf(signer);

  test("has the key id and form of its specification", () => {
    const raw = Buffer.from("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "hex");
    const id = hash("sha256", Buffer.concat([Buffer.from("keybroker\n\u0001"), raw])).slice(0, 8);
    const key = Buffer.concat([Buffer.from([1]), raw]).toString("base64");
    expect(encodeVerifier(verifier)).toBe(`keybroker+${id}+${key}`);
    expect(signNote("a\nb\n", signer)).toMatch(/^a\nb\n\n— keybroker [A-Za-z0-9+/]{91}=\n$/);
  });

  test("opens for its verifier alone", () => {
    const note = signNote("a\nb\n", signer);
    expect(openNote(note, [decodeVerifier(encodeVerifier(verifier))!])).toBe("a\nb\n");
    const stranger = verifierOf({ name: "keybroker", privateKey: generateKeyPairSync("ed25519").privateKey });
    expect(openNote(note, [stranger])).toBeUndefined();
    expect(openNote(note, [])).toBeUndefined();
  });

  property.prop([fc.nat(), fc.integer({ min: 1, max: 255 })])("is refused with any byte changed", (place, change) => {
    const bytes = Buffer.from(signNote("a\nb\n", signer));
    bytes[place % bytes.length]! ^= change;
    expect(openNote(bytes.toString(), [verifier])).toBeUndefined();
  });

  test.each(["", "keybroker", "keybroker+00000000+AAAA", "a b+00000000+AAAA"])("is not made by %j", (text) => {
    expect(decodeVerifier(text)).toBeUndefined();
  });

  test("carries a checkpoint there and back", () => {
    const time = new Date("2026-11-21T11:00:00Z");
    const root = Buffer.from(roots[7]!, "hex");
    const checkpoint = { origin: originOf("prod", "0a"), size: 8, root, time };
    const note = signCheckpoint(checkpoint, signer);
    expect(note.split("\n").slice(0, 4)).toEqual([
      "keybroker.audit/prod/0a",
      "8",
      "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=",
      "time 2026-11-21T11:00:00.000Z",
    ]);
    expect(openCheckpoint(note, [verifier])).toEqual(checkpoint);
    expect(openCheckpoint(signNote("a\n-1\nb\n", signer), [verifier])).toBeUndefined();
  });
});
