// Uses of grants in files: what survives, what two processes may pass, and what becomes of it when the store is back.

import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLedger } from "../../../src/grants/ledger.ts";
import { openStore, type Store } from "../../../src/store/index.ts";
import { createSetting, document, fingerprint, question, startMs, statement } from "./setting.ts";

const id = "0123456789abcdef0123456789abcdef";
const untilMs = 1e12;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kb-uses-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = () => join(folder, `${id}.uses`);

describe("a file of uses", () => {
  it("is there for the next process", async () => {
    await createLedger(folder).use(id, fingerprint(1), 2, untilMs);
    const next = createLedger(folder);
    await expect(next.use(id, fingerprint(1), 2, untilMs)).resolves.toBe("again");
    await expect(next.use(id, fingerprint(2), 2, untilMs)).resolves.toBe("new");
    await expect(next.use(id, fingerprint(3), 2, untilMs)).resolves.toBe("spent");
    await expect(next.use(id, fingerprint(2), 2, untilMs)).resolves.toBe("again");
    expect(readFileSync(file(), "utf8").match(/^use /gm)).toHaveLength(2);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it("loses nothing but a line that a crash tore", async () => {
    await createLedger(folder).use(id, fingerprint(1), 3, untilMs);
    appendFileSync(file(), `\nuse ${fingerprint(2).slice(0, 20)}`);
    const next = createLedger(folder);
    await expect(next.use(id, fingerprint(2), 3, untilMs)).resolves.toBe("new");
    await expect(next.uses(id)).resolves.toEqual({ envelopes: [fingerprint(1), fingerprint(2)], revoked: false });
  });

  it("keeps a revocation", async () => {
    await createLedger(folder).revoke(id, untilMs);
    await expect(createLedger(folder).use(id, fingerprint(1), 3, untilMs)).resolves.toBe("revoked");
  });

  it("counts calls at one time, the same envelope once", async () => {
    const ledger = createLedger(folder);
    const many = Array.from({ length: 60 }, (_, number) => ledger.use(id, fingerprint(number % 30), 20, untilMs));
    const answers = await Promise.all(many);
    expect(answers.filter((use) => use === "spent")).toHaveLength(20);
    expect((await ledger.uses(id)).envelopes.length).toBeGreaterThanOrEqual(20);
  });

  it("goes a month after its grant ended", async () => {
    const ledger = createLedger(folder);
    await ledger.use(id, fingerprint(1), 3, untilMs);
    await ledger.forget(untilMs + 29 * 86_400_000);
    expect(readdirSync(folder)).toHaveLength(1);
    await ledger.forget(untilMs + 31 * 86_400_000);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is not followed to where a link points", async () => {
    writeFileSync(join(folder, "elsewhere"), "");
    const { symlinkSync } = await import("node:fs");
    symlinkSync(join(folder, "elsewhere"), file());
    await expect(createLedger(folder).use(id, fingerprint(1), 3, untilMs)).rejects.toThrow();
  });
});

describe("two processes", () => {
  const script = fileURLToPath(new URL("ledger-child.ts", import.meta.url));

  async function start(max: number, from: number, count: number): Promise<Child> {
    const process_ = spawn(process.execPath, [script, folder, id, ...[max, from, count].map(String)], {
      stdio: "pipe",
    });
    const child: Child = { process: process_, lines: [], line: () => undefined };
    process_.stderr.resume();
    let rest = "";
    process_.stdout.on("data", (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split("\n");
      rest = parts.pop()!;
      for (const line of parts) child.line(child.lines.push(line));
    });
    await new Promise<void>((resolve) => (child.line = () => resolve()));
    child.line = () => undefined;
    return child;
  }

  const ended = (child: Child) => new Promise((resolve) => child.process.on("close", resolve));

  it("never pass the last use both", async () => {
    const children = await Promise.all([start(40, 0, 30), start(40, 1_000, 30)]);
    const ends = children.map(ended);
    for (const child of children) child.process.stdin.write("go\n");
    await Promise.all(ends);
    const answers = children.flatMap(({ lines }) => lines.slice(1));
    expect(answers).toHaveLength(60);
    expect(answers.filter((line) => line.endsWith(" new"))).toHaveLength(40);
    expect(answers.filter((line) => line.endsWith(" spent"))).toHaveLength(20);
  });

  it("know what one that was killed had said", async () => {
    const child = await start(1_000, 0, 500);
    const end = ended(child);
    child.line = (lines) => void (lines > 10 && child.process.kill("SIGKILL"));
    child.process.stdin.write("go\n");
    await end;
    const said = child.lines.slice(1).map((line) => line.split(" ")[0]!);
    expect(said.length).toBeGreaterThanOrEqual(10);
    const { envelopes } = await createLedger(folder).uses(id);
    expect(envelopes.slice(0, said.length)).toEqual(said);
    expect(envelopes.length).toBeLessThanOrEqual(said.length + 20);
  });
});

interface Child {
  readonly process: ChildProcessWithoutNullStreams;
  readonly lines: string[];
  line: (lines: number) => void;
}

describe("with the store away", () => {
  const away = (): Store => openStore("/proc/nowhere/store.db");

  it("a grant that is brought is counted in the file, and its uses count in the store when it is back", async () => {
    const setting = createSetting();
    const { keys } = setting;
    const text = document(statement({ maxUnwraps: 3 }), keys.dba, keys.security);
    const use = (store: Store | undefined, number: number) =>
      setting.grants({ store }).require(question({ document: text, envelope: fingerprint(number) }));
    await expect(use(setting.store, 1)).resolves.toMatchObject({ countedIn: "store", isNew: true });
    await expect(use(away(), 2)).resolves.toMatchObject({ countedIn: "file", isNew: true });
    await expect(use(away(), 1)).resolves.toMatchObject({ countedIn: "file", isNew: false });
    await expect(use(undefined, 2)).resolves.toMatchObject({ countedIn: "file", isNew: false });
    await expect(use(setting.store, 3)).resolves.toMatchObject({ countedIn: "store", isNew: true });
    const [kept] = await setting.store.grants(startMs);
    expect(kept).toMatchObject({ uses: 3 });
    await expect(use(away(), 4)).rejects.toMatchObject({ reason: "DENIED" });
    await expect(use(setting.store, 4)).rejects.toMatchObject({ reason: "DENIED" });
    await setting.end();
  });

  it("an older store that was restored learns the uses again", async () => {
    const setting = createSetting();
    const text = document(statement({ maxUnwraps: 2 }), setting.keys.dba, setting.keys.security);
    const older = openStore(join(setting.folder, "older.db"));
    const use = (store: Store, number: number) =>
      setting.grants({ store }).require(question({ document: text, envelope: fingerprint(number) }));
    await use(setting.store, 1);
    await expect(use(older, 2)).resolves.toMatchObject({ isNew: true });
    expect((await older.grants(startMs))[0]).toMatchObject({ uses: 2 });
    await expect(use(older, 3)).rejects.toMatchObject({ reason: "DENIED" });
    await older.close();
    await setting.end();
  });

  it("one that was opened must be brought", async () => {
    const setting = createSetting();
    const asked = setting.grants({ store: away() }).require(question());
    await expect(asked).rejects.toMatchObject({
      reason: "STORE_UNAVAILABLE",
      message: expect.stringContaining("--grant FILE") as string,
    });
    await setting.end();
  });

  it("nothing goes on when the file cannot be written either", async () => {
    const setting = createSetting();
    const text = document(statement(), setting.keys.dba, setting.keys.security);
    mkdirSync(join(setting.folder, "audit"));
    writeFileSync(join(setting.folder, "audit/grants"), "in the way");
    const asked = setting.grants({ store: away() }).require(question({ document: text }));
    await expect(asked).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    // The store alone is enough.
    await expect(setting.grants().require(question({ document: text }))).resolves.toMatchObject({ countedIn: "store" });
    await setting.end();
  });

  it("a revocation is in force here, and says that others must be told", async () => {
    const setting = createSetting();
    const text = document(statement(), setting.keys.dba, setting.keys.security);
    const { id: grant } = setting.grants().read(text);
    const revoked = setting.grants({ store: away() }).revoke(grant);
    await expect(revoked).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    await expect(setting.grants().require(question({ document: text }))).rejects.toMatchObject({ reason: "DENIED" });
    await setting.end();
  });
});
