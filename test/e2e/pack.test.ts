// The published package, installed into an empty folder and run there by the Node versions it supports.

import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../backends/available.ts";
import { daemonFolder, startDaemon } from "../backends/daemon.ts";
import { run, type Ran } from "../backends/keybroker.ts";
import { runtimeFolder, type RuntimeName } from "../backends/runtimes.ts";

const folder = daemonFolder();
const at = (name: string) => join(folder, name);
const installed = at("app/node_modules/keybroker");

const pathWith = (runtime: RuntimeName) => `${runtimeFolder(runtime)}:${process.env["PATH"]}`;
const envWith = (runtime: RuntimeName) => ({ PATH: pathWith(runtime), HOME: process.env["HOME"] });

/** For npm: the machine's settings, without what a surrounding `npm test` says of this project. */
function npmEnv(): NodeJS.ProcessEnv {
  const ours = /^npm_(package|lifecycle|command|execpath|node_execpath|config_local_prefix)/;
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name));
  return { ...Object.fromEntries(kept), PATH: pathWith("current") };
}

async function done(ran: Promise<Ran>): Promise<string> {
  const { status, stdout, stderr } = await ran;
  expect(status, `${stdout.toString()}${stderr}`).toBe(0);
  return stdout.toString();
}

beforeAll(async () => {
  // Without the scripts: a build now would pull the program from under the other test files.
  const pack = ["npm", "pack", "--ignore-scripts", "--silent", "--pack-destination", folder];
  const file = (await done(run(pack, { env: npmEnv(), cwd: root }))).trim();
  mkdirSync(at("app"));
  writeFileSync(at("app/package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  const install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefer-offline", at(file)];
  await done(run(install, { env: npmEnv(), cwd: at("app") }));
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("what is in the package", () => {
  const files = () =>
    readdirSync(installed, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = () => files().map((entry) => join(entry.parentPath, entry.name).slice(installed.length + 1));

  test("is the program, the proto, the documents, and nothing else", () => {
    const tops = new Set(paths().map((path) => path.split("/")[0]!));
    const allowed = ["dist", "docs", "proto", "package.json", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md"];
    expect(
      [...tops].filter((top) => ![...allowed, "config.example.yaml", "keybroker.schema.json"].includes(top)),
    ).toEqual([]);
    expect(paths().filter((path) => /\.ts$/.test(path) && !path.endsWith(".d.ts"))).toEqual([]);
    expect(paths()).toEqual(expect.arrayContaining(["LICENSE", "README.md", "dist/src/main.js"]));
    expect(paths()).toContain("proto/keybroker/v1/key_service.proto");
  });

  test("brings no Node and no other runtime with it", () => {
    const modules = readdirSync(at("app/node_modules"));
    expect(modules.filter((name) => /^node-(linux|bin|darwin)/.test(name))).toEqual([]);
    expect(readdirSync(at("app/node_modules/.bin"))).not.toContain("node");
  });

  test("has an executable program", () => {
    expect(() => accessSync(join(installed, "dist/src/main.js"), constants.X_OK)).not.toThrow();
  });

  test("points only at files that are there", () => {
    const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
      exports: Record<string, string | Record<string, string>>;
    };
    const targets = Object.values(manifest.exports).flatMap((entry) =>
      typeof entry === "string" ? [entry] : Object.values(entry),
    );
    const plain = targets.filter((target) => !target.includes("*")).map((target) => target.slice(2));
    expect(plain.filter((target) => !paths().includes(target))).toEqual([]);
  });
});

describe.each(["oldest", "current"] as const)("on the %s Node", (runtime) => {
  test("serves, wraps and unwraps", async () => {
    const env = envWith(runtime);
    const bin = at("app/node_modules/.bin/keybroker");
    const daemon = await startDaemon({ command: [bin], env: { PATH: env.PATH } });
    try {
      const options = { env: { ...env, KEYBROKER_ADDRESS: daemon.address }, cwd: at("app") };
      const key = ["--key", "default", "--context", "host=db1"];
      const envelope = await done(
        run(["npx", "--offline", "keybroker", "wrap", ...key], { ...options, input: "a key" }),
      );
      expect(envelope).toMatch(/^kb1\./);
      expect(await done(run([bin, "unwrap", ...key], { ...options, input: envelope }))).toBe("a key");
    } finally {
      expect(await daemon.stop()).toEqual({ status: 0, signal: null });
    }
  });
});

test("does not serve on a Node that only the client library supports, and says so in one line", async () => {
  const bin = at("app/node_modules/.bin/keybroker");
  const options = { env: { ...envWith("oldest-client"), KEYBROKER_STATE_DIR: at("none") }, cwd: at("app") };
  const { status, stderr } = await run([bin, "serve"], options);
  expect(status).toBe(2);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect(stderr).toMatch(/Node/);
});

const script = `import { createClient } from "keybroker/client";
const client = createClient({ address: process.env.KEYBROKER_ADDRESS });
const context = { host: "db1" };
const made = await client.generateDataKey({ key: "default", context });
const all = Array.from({ length: 20 }, () => client.unwrap({ envelope: made.envelope, context }));
for (const { plaintext } of await Promise.all(all)) if (Buffer.compare(plaintext, made.plaintext)) process.exit(1);
client.close();
console.log(process.version);
`;

test.each(["oldest-client", "oldest", "current"] as const)(
  "the client library works on the %s Node",
  async (runtime) => {
    const daemon = await startDaemon();
    try {
      writeFileSync(at("app/client.js"), script);
      const env = { ...envWith(runtime), KEYBROKER_ADDRESS: daemon.address };
      const version = (await done(run(["node", "client.js"], { env, cwd: at("app") }))).trim();
      const major = { "oldest-client": "v22.", oldest: "v24.", current: "v26." }[runtime];
      expect(version.startsWith(major), version).toBe(true);
    } finally {
      await daemon.stop();
    }
  },
);

const typed = `import { createClient, KeybrokerError } from "keybroker/client";
import type { ProviderKind } from "keybroker/provider";
import { conformanceCases } from "keybroker/conformance";
const client = createClient({ address: "unix:/run/keybroker.sock" });
export const envelope: Promise<Uint8Array> = client.wrap({ key: "k", plaintext: new Uint8Array(32) }).then((made) => made.envelope);
export const names: string[] = conformanceCases.map((each) => each.name);
export const retired = (error: KeybrokerError): number | undefined => error.retryAfterMs;
export type Kind = ProviderKind["kind"];
// @ts-expect-error an address is text
createClient({ address: 5 });
// @ts-expect-error a kind is a word
export const kind: Kind = 5;
`;

test("its types are found and hold", async () => {
  writeFileSync(at("app/typed.ts"), typed);
  const flags = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--skipLibCheck"];
  const types = ["--types", "node", "--typeRoots", join(root, "node_modules/@types")];
  const command = [join(root, "node_modules/.bin/tsc"), "--ignoreConfig", ...flags, ...types, "typed.ts"];
  expect(await done(run(command, { env: envWith("current"), cwd: at("app") }))).toBe("");
});
