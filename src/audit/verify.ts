// Verifies a set of audit files offline: every log by itself, and all of them by what they know of each other.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { openCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { readCheckpointsName, readPartName, type PartName } from "./names.ts";
import type { NoteVerifier } from "./note.ts";
import { readLines, type Line } from "./read-lines.ts";
import type { Frontier } from "./tree.ts";
import { LogVerifier, type Problem } from "./verify-log.ts";

/** What is verified, and by what. */
export interface VerifyOptions {
  /** Files, or folders of them. */
  readonly paths: readonly string[];
  /** Whose checkpoints count. */
  readonly verifiers: readonly NoteVerifier[];
  /** Files of checkpoints that were kept elsewhere. */
  readonly kept?: readonly string[];
  /** Hears of bytes that were read. */
  readonly progress?: (bytes: number) => void;
}

/** What was found of one log. */
interface LogReport {
  readonly log: string;
  /** The first record that was there, and one more than the last. */
  readonly from: number;
  readonly to: number;
  /** The size of the last checkpoint that holds for it. */
  readonly checked: number;
  /** Bytes of a last line that was never ended: a process died while it wrote. */
  readonly torn: number;
}

/** What was found of all. It holds when there is no problem. */
export interface VerifyReport {
  readonly logs: readonly LogReport[];
  readonly problems: readonly Problem[];
}

interface PartFile extends PartName {
  readonly path: string;
}

/** What logs say of each other. */
interface Known {
  /** By log and size: the leaf hash of the last record. */
  readonly heads: Map<string, Map<number, string[]>>;
  /** Parts that retention removed, as `log part`. */
  readonly removed: Set<string>;
}

/** Verifies. Rejects when a path cannot be read; everything else is a problem of the report. */
export async function verifyAudit(options: VerifyOptions): Promise<VerifyReport> {
  const files = options.paths.flatMap(filesOf);
  const parts = files.map(partOf).filter((part) => part !== undefined);
  const byLog = Map.groupBy(
    parts.sort((a, b) => a.part - b.part),
    ({ log }) => log,
  );
  const noteFiles = [...files.filter((file) => readCheckpointsName(basename(file))), ...(options.kept ?? [])];
  const problems: Problem[] = [];
  const checkpoints = noteFiles.flatMap((file) => checkpointsOf(file, options.verifiers, problems));
  const known = await knownOf(parts, problems);
  const logs: LogReport[] = [];
  for (const [log, own] of byLog) {
    const signed = checkpoints.filter(({ origin }) => origin.endsWith(`/${log}`));
    logs.push(await verifyLog(log, own, signed, known, problems, options.progress));
  }
  const absent = new Set([...known.heads.keys(), ...checkpoints.map(({ origin }) => origin.split("/").at(-1)!)]);
  for (const log of absent) {
    const gone = byLog.has(log) || [...known.removed].some((part) => part.startsWith(`${log} `));
    if (!gone)
      problems.push({ log, file: "", record: 0, what: "the log is missing: others, or its checkpoints, know of it" });
  }
  return { logs, problems };
}

function filesOf(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .map((file) => join(path, file));
}

function partOf(path: string): PartFile | undefined {
  const name = readPartName(basename(path));
  return name && { ...name, path };
}

async function verifyLog(
  log: string,
  parts: readonly PartFile[],
  signed: readonly Checkpoint[],
  known: Known,
  problems: Problem[],
  progress: (bytes: number) => void = () => {},
): Promise<LogReport> {
  const bySize = Map.groupBy(signed, ({ size }) => size);
  const verifier = new LogVerifier(log, bySize, known.heads.get(log) ?? new Map<number, string[]>());
  let from = 0;
  let torn = 0;
  for (const [index, part] of parts.entries()) {
    let line = 0;
    let good = verifier.problems.length === 0;
    const rest = await readLines(part.path, (read) => {
      line += 1;
      progress(read.end - read.start + 1);
      if (!good) return;
      if (index === 0 && line === 1) from = begin(verifier, read, part, known);
      good = verifier.next(read, { file: part.path, line });
    });
    torn = rest.length;
    if (torn > 0 && index < parts.length - 1 && good) {
      verifier.problems.push({ log, file: part.path, record: verifier.size, what: "the part ends within a record" });
    }
  }
  verifier.finish(parts.at(-1)!.path);
  problems.push(...verifier.problems);
  if (signed.length === 0) {
    problems.push({
      log,
      file: parts[0]!.path,
      record: from,
      what: "no checkpoint of it is signed by a key that was given",
    });
  }
  return { log, from, to: verifier.size, checked: verifier.checked, torn };
}

/** Where the first part of a log that is there begins. */
function begin(verifier: LogVerifier, line: Line, { part, path, log }: PartFile, { removed }: Known): number {
  const record = parse(line);
  if (part === 1 || record?.event !== "part-opened") return 0;
  const frontier = frontierOf(record.details);
  if (frontier === undefined || record.prev === undefined) return 0;
  verifier.beginAt(frontier, record.prev);
  const gone = Array.from({ length: part - 1 }, (_, index) => index + 1).filter(
    (number) => !removed.has(`${log} ${number}`),
  );
  if (gone.length > 0) {
    const what = `part ${gone.join(", ")} is missing, and no record says that it was removed for its age`;
    verifier.problems.push({ log, file: path, record: 0, what });
  }
  return frontier.size;
}

interface ParsedRecord {
  readonly prev?: string;
  readonly event?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

function parse({ bytes, start, end }: Line): ParsedRecord | undefined {
  try {
    return JSON.parse(bytes.toString("utf8", start, end)) as ParsedRecord;
  } catch {
    return undefined;
  }
}

function frontierOf(details: ParsedRecord["details"]): Frontier | undefined {
  const { size, frontier } = details ?? {};
  if (typeof size !== "number" || !Array.isArray(frontier)) return undefined;
  return { size, hashes: frontier.map(String) };
}

const telling = [Buffer.from('"event":"log-opened"'), Buffer.from('"event":"part-removed"')];

/** What the records of all parts say of other logs. They count once their own log has been verified. */
async function knownOf(parts: readonly PartFile[], problems: Problem[]): Promise<Known> {
  const known: Known = { heads: new Map(), removed: new Set() };
  for (const { path, log } of parts) {
    try {
      await readLines(path, (line) => learn(line, known));
    } catch (error) {
      problems.push({ log, file: path, record: 0, what: `the file cannot be read: ${(error as Error).message}` });
    }
  }
  return known;
}

function learn(line: Line, { heads, removed }: Known): void {
  const { bytes, start, end } = line;
  // The event stands within the first bytes of a record: most lines are not parsed.
  const head = bytes.subarray(start, Math.min(end, start + 200));
  if (!telling.some((event) => head.includes(event))) return;
  const { event, details } = parse(line) ?? {};
  if (event === "part-removed") removed.add(`${String(details?.["log"])} ${String(details?.["part"])}`);
  const told = event === "log-opened" && Array.isArray(details?.["heads"]) ? (details["heads"] as unknown[]) : [];
  for (const one of told) {
    const [log, size, last] = String(one).split(" ");
    const sizes = heads.get(log!) ?? new Map<number, string[]>();
    sizes.set(Number(size), [...(sizes.get(Number(size)) ?? []), last!]);
    heads.set(log!, sizes);
  }
}

function checkpointsOf(file: string, verifiers: readonly NoteVerifier[], problems: Problem[]): readonly Checkpoint[] {
  const notes = readFileSync(file, "utf8")
    .split(/(?<=\n— [^\n]*\n)\n/)
    .filter((note) => note.trim() !== "");
  return notes.flatMap((note, index) => {
    const checkpoint = openCheckpoint(note, verifiers);
    if (checkpoint !== undefined) return [checkpoint];
    const log = readCheckpointsName(basename(file))?.log ?? "";
    // A process that was killed leaves a half note behind, which says nothing.
    if (index === notes.length - 1 && !/\n— [^\n]*\n$/.test(note)) return [];
    problems.push({ log, file, record: 0, what: `checkpoint ${index + 1} is not signed by a key that was given` });
    return [];
  });
}
