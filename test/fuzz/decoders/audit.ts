// The audit's readers: whole logs, signed notes, verifiers' keys, and how far a sink has got.

import { createPrivateKey } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Chain, encode } from "../../../src/audit/chain.ts";
import { openCheckpoint, originOf, signCheckpoint } from "../../../src/audit/checkpoint.ts";
import { checkpointsPath, logName, partPath } from "../../../src/audit/names.ts";
import { decodeVerifier, encodeVerifier, verifierOf } from "../../../src/audit/note.ts";
import { otherLogs } from "../../../src/audit/other-logs.ts";
import { decodePosition } from "../../../src/audit/sinks/position-file.ts";
import { verifyAudit } from "../../../src/audit/verify.ts";
import { bytesOf, must, outcomeOf, textOf, type Decoder } from "../decoder.ts";

const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.alloc(32, 5)]),
  format: "der",
  type: "pkcs8",
});
const signer = { name: "keybroker-audit", privateKey };
const verifier = verifierOf(signer);

const name = logName(new Date(0), "ab".repeat(16));
const chain = new Chain(name.log);
const time = '"time":"1970-01-01T00:00:00.000Z"';
const linked = chain.link([
  `${time},"event":"log-opened","details":{"format":1,"heads":[]}}`,
  ...[1, 2, 3].map((call) => `${time},"event":"result","call":${call},"key":"a/b","outcome":"done"}`),
]);
chain.commit(linked);
const root = chain.root();
const note = signCheckpoint({ origin: originOf("prod", name.log), size: 4, root, time: new Date(0) }, signer);

const folder = mkdtempSync(join(tmpdir(), "fuzz-audit-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
writeFileSync(checkpointsPath(folder, name), `${note}\n`);

/** A part with a checkpoint over it: nothing but itself, and a torn line behind it, holds. */
export const auditLog: Decoder = {
  name: "audit-log",
  seeds: [Buffer.from(encode(linked, Buffer.alloc(0)))],
  words: [
    '"event":"log-opened"',
    '"event":"part-opened"',
    '"heads":["x 1 y"]',
    "\n",
    "{",
    "}",
    '"seq":',
    '"size":1e99',
    '"frontier":[]',
  ],
  async check(input) {
    writeFileSync(partPath(folder, name, 1), input);
    const { problems, logs } = await verifyAudit({ paths: [folder], verifiers: [verifier] });
    const heads = otherLogs(folder);
    must(
      heads.every(({ size }) => Number.isSafeInteger(size)),
      "a head has a size",
    );
    if (problems.length > 0) return outcomeOf({ name: "", message: problems[0]!.what });
    const given = textOf(input);
    must(given.startsWith(encode(linked, Buffer.alloc(0)).toString()), "what holds is what was signed");
    return logs[0]!.to > 4 ? "holds, and goes on" : "holds";
  },
};

export const checkpoint: Decoder = {
  name: "checkpoint",
  seeds: [bytesOf(note)],
  words: ["\n", "\n\n", "— ", "keybroker-audit ", "time ", "0", "999999999999999", "=", "\r"],
  check(input) {
    const given = textOf(input);
    const read = openCheckpoint(given, [verifier]);
    if (read === undefined) return "refused";
    must(given.startsWith(note.slice(0, note.lastIndexOf("\n\n"))), "what was signed is the text");
    must(read.size === 4 && Buffer.from(read.root).equals(root), "it says what was signed");
    return "read";
  },
};

export const verifierKey: Decoder = {
  name: "verifier-key",
  seeds: [bytesOf(encodeVerifier(verifier))],
  words: ["+", "keybroker-audit", "AAAA", "=", "\n", " "],
  check(input) {
    const given = textOf(input);
    const read = decodeVerifier(given);
    if (read === undefined) return "refused";
    must(encodeVerifier(read) === given.trim(), "a key has one text");
    return "read";
  },
};

export const position: Decoder = {
  name: "position",
  seeds: ['{"a.000001.jsonl":12,"b.000001.jsonl":"all"}\n', "{}\n"].map(bytesOf),
  words: ['"__proto__":1', "-1", "1.5", "1e999", "null", "[]", '"all"', "9007199254740993", ",", ":"],
  check(input) {
    const read = decodePosition(textOf(input));
    must(
      [...read.values()].every((bytes) => bytes === Infinity || (Number.isSafeInteger(bytes) && bytes >= 0)),
      "bytes are counted",
    );
    return `read: ${Math.min(3, read.size)}`;
  },
};
