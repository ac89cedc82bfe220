// What `audit verify` does and says.

import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { decodeVerifier, verifyAudit, type NoteVerifier, type VerifyReport } from "../audit/index.ts";
import { CliError, usage } from "./failure.ts";
import type { Io } from "./io.ts";
import { emit, emitJson } from "./output.ts";

interface Settings {
  readonly paths: readonly string[];
  readonly publicKey?: readonly string[];
  readonly checkpoint?: readonly string[];
  readonly json?: boolean;
}

/** Verifies and tells. The exit status is 0 when everything holds, else 1. */
export async function verify(io: Io, { paths, publicKey, checkpoint = [], json = false }: Settings): Promise<number> {
  const missing = [...paths, ...checkpoint].find((path) => !existsSync(path));
  if (missing !== undefined) throw usage(`${missing} does not exist`);
  const verifiers = (publicKey ?? besideThem(io, paths)).map(verifierOf);
  const report = await verifyAudit({ paths, verifiers, kept: checkpoint });
  if (json) await emitJson(io, { ok: report.problems.length === 0, ...report });
  else await emit(io, textOf(report));
  const { length } = report.problems;
  if (length === 0) return 0;
  if (json) return 1;
  throw new CliError(1, `the audit does not hold: ${length === 1 ? "one problem" : `${length} problems`}`);
}

/** The key that lies beside the logs, said to be what it is worth. */
function besideThem(io: Io, paths: readonly string[]): string[] {
  const found = paths.map((path) => join(path, "checkpoint-key.pem.pub")).filter((path) => existsSync(path));
  if (found.length === 0 || !paths.every((path) => statSync(path).isDirectory()))
    throw usage("name the public key: --public-key FILE (or KEYBROKER_PUBLIC_KEY)");
  const warning =
    "the public key is taken from beside the logs: whoever can change both is not found; keep a copy elsewhere";
  io.stderr.write(`keybroker: ${warning}\n`);
  return found;
}

function verifierOf(file: string): NoteVerifier {
  if (!existsSync(file)) throw usage(`${file} does not exist`);
  const verifier = decodeVerifier(readFileSync(file, "utf8"));
  if (verifier === undefined) throw usage(`${file} is no public key of an audit log: it holds one line, name+id+key`);
  return verifier;
}

function textOf({ logs, problems }: VerifyReport): string {
  const good = logs.map(({ log, from, to, checked, torn }) => {
    const unsigned = to - checked;
    const notes = [
      from > 0 ? `begins at record ${from}` : "",
      unsigned > 0 ? `${unsigned} after the last checkpoint` : "",
      torn > 0 ? `ends with ${torn} bytes of a record that was never whole` : "",
    ].filter((note) => note !== "");
    return `${log}: ${to - from} records${notes.map((note) => `, ${note}`).join("")}\n`;
  });
  const bad = problems.map(({ log, file, record, what }) => {
    return `${file === "" ? log : file}: record ${record}: ${what}\n`;
  });
  return [...good, ...bad].join("");
}
