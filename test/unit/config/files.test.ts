import { execFileSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigurationError, loadConfiguration, type Problem } from "../../../src/config/index.ts";
import { authority, issue } from "../identity/authority.ts";
import { textOf } from "./texts.ts";

let folder: string;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "configuration-"));
  const ca = await authority("authority");
  const ended = await issue(undefined, { authority: true, from: new Date(0), to: new Date(86_400_000) });
  const [server, other, old] = [
    await issue(ca),
    await issue(ca),
    await issue(ca, { from: new Date(0), to: new Date(86_400_000) }),
  ];
  const files = {
    "ca.pem": ca.pem,
    "ended-ca.pem": ended.pem,
    "leaf.pem": server.pem,
    "server.crt": `${server.pem}${ca.pem}`,
    "old.crt": old.pem,
    "old.key": old.keyPem,
    "server.key": server.keyPem,
    "other.key": other.keyPem,
    "broken.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "empty.pem": "",
    "open.key": server.keyPem,
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(at(name), content, { mode: 0o600 });
  chmodSync(at("open.key"), 0o644);
  const locked = createPrivateKey(server.keyPem).export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "x",
  });
  writeFileSync(at("locked.key"), locked);
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Loads a file with this content; problems as text. */
async function outcome(content: string | Uint8Array, mode = 0o600) {
  const file = at("keybroker.yaml");
  writeFileSync(file, content);
  chmodSync(file, mode);
  const words = ({ line, path, message }: Problem) => `${line} ${path}: ${message}`.replaceAll(folder, "");
  try {
    const { configuration, warnings } = await loadConfiguration(file);
    return { configuration, problems: [], warnings: warnings.map(words) };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { configuration: undefined, problems: error.problems.map(words), warnings: [] };
  }
}

describe("a file that is no configuration", () => {
  const failure = async (file: string) => {
    const error = await loadConfiguration(file).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as ConfigurationError).message;
  };

  it("is named when it is missing, a folder, or below something that is no folder", async () => {
    expect(await failure(at("none.yaml"))).toBe(`${at("none.yaml")}: this file is not there`);
    expect(await failure(folder)).toBe(`${folder}: this is a folder: name the file in it`);
    expect(await failure(at("ca.pem/x"))).toMatch(/is not there: a part of its path is no folder$/);
  });

  it.each([
    ["more than 1 MiB", Buffer.alloc(1_048_577, 0x23), /has more than 1 MiB/],
    ["a byte order mark", Buffer.from(`\ufeff${textOf()}`), /begins with a byte order mark/],
    ["UTF-16", Buffer.from(textOf(), "utf16le"), /not text in UTF-8/],
    ["bytes that are no UTF-8", Buffer.from([0x61, 0x3a, 0x20, 0xff, 0x0a]), /is not text in UTF-8/],
    ["nothing in it", Buffer.alloc(0), /the file says nothing/],
  ])("is refused with %s", async (_, content, message) => {
    const { problems } = await outcome(content);
    expect(problems[0]).toMatch(message);
  });
});

describe("a file that loads", () => {
  it("gives its name, and relative paths are taken from its folder", async () => {
    const { configuration, warnings } = await outcome(
      textOf({ listeners: "{ sock: { unix: a.sock, identity: backup } }" }),
    );
    expect(configuration).toMatchObject({ file: at("keybroker.yaml"), audit: { folder: at("audit") } });
    expect(configuration!.listeners.get("sock")).toMatchObject({ unix: at("a.sock") });
    expect(warnings).toEqual([]);
  });

  it.each([0o646, 0o664, 0o622])(
    "that others can change, with mode %o, is refused before a word of it counts",
    async (mode) => {
      const { problems } = await outcome("nonsense: [", mode);
      expect(problems).toEqual(["0 : this file may be changed by other users: chmod go-w it"]);
    },
  );

  it("that others can change is warned of where nothing is served with it", async () => {
    const file = at("keybroker.yaml");
    writeFileSync(file, textOf());
    chmodSync(file, 0o664);
    const { warnings } = await loadConfiguration(file, { access: "warn" });
    expect(warnings.map(({ message }) => message)).toEqual(["this file may be changed by other users: chmod go-w it"]);
  });

  it.skipIf(process.getuid?.() !== 0)("that belongs to another user is refused", async () => {
    const file = at("keybroker.yaml");
    writeFileSync(file, textOf());
    chownSync(file, 4711, 0);
    await expect(loadConfiguration(file)).rejects.toThrow("belongs to user 4711");
    rmSync(file);
  });

  it("may come through a pipe", () => {
    writeFileSync(at("piped.yaml"), textOf());
    const program = `
      import { loadConfiguration } from ${JSON.stringify(join(import.meta.dirname, "../../../src/config/index.ts"))};
      process.stdout.write((await loadConfiguration("/dev/stdin")).configuration.realm);`;
    const command = `cat "$0" | "$1" --input-type=module -e "$2"`;
    const env = { PATH: process.env["PATH"], CONFIG_TEST_KEY: "unread" };
    const realm = execFileSync("sh", ["-c", command, at("piped.yaml"), process.execPath, program], { env });
    expect(realm.toString()).toBe("prod");
  });
});

describe("certificate files", () => {
  const mesh = (cert: string, key: string, ca: string) =>
    textOf({
      listeners: `
  sock: { unix: a.sock, identity: backup }
  mesh: { tcp: "127.0.0.1:0", tls: { cert: ${cert}, key: ${key} } }`,
      policy: '[{ who: [backup, restore], may: [wrap], keys: "*" }]',
      extra: `identities: { restore: { listener: mesh, ca: ${ca}, dns: restore.example } }\n`,
    });

  it("that fit are taken", async () => {
    expect(await outcome(mesh("server.crt", "server.key", "ca.pem"))).toMatchObject({ problems: [], warnings: [] });
  });

  it("that do not are all named", async () => {
    const { problems } = await outcome(mesh("none.crt", "ca.pem", "empty.pem"));
    expect(problems).toEqual([
      "9 listeners.mesh.tls.cert: /none.crt is not there",
      "9 listeners.mesh.tls.key: /ca.pem has no private key in PEM form",
      "11 identities.restore.ca: /empty.pem has no certificate in PEM form",
    ]);
  });

  it.each([
    [
      "a key of another certificate",
      mesh("server.crt", "other.key", "ca.pem"),
      "9 listeners.mesh.tls.key: /other.key is not the private key of /server.crt",
    ],
    [
      "a key that needs a password",
      mesh("server.crt", "locked.key", "ca.pem"),
      "9 listeners.mesh.tls.key: /locked.key has no private key that is not encrypted",
    ],
    [
      "a damaged certificate",
      mesh("server.crt", "server.key", "broken.pem"),
      "11 identities.restore.ca: certificate 1 of /broken.pem is damaged",
    ],
    [
      "an authority that is none",
      mesh("server.crt", "server.key", "leaf.pem"),
      "11 identities.restore.ca: certificate 1 of /leaf.pem is no authority: it may not sign certificates",
    ],
  ])("are refused with %s", async (_, text, expected) => {
    expect((await outcome(text)).problems).toEqual([expected]);
  });

  it("are warned of when they ended, and refused when everyone can read the key or others change an authority", async () => {
    expect((await outcome(mesh("old.crt", "old.key", "ended-ca.pem"))).warnings).toEqual([
      "9 listeners.mesh.tls.cert: the certificate ended on 1970-01-02T00:00:00.000Z",
      "11 identities.restore.ca: certificate 1 of /ended-ca.pem ended on 1970-01-02T00:00:00.000Z",
    ]);
    expect((await outcome(mesh("server.crt", "open.key", "ca.pem"))).problems).toEqual([
      "9 listeners.mesh.tls.key: /open.key may be read by every user of this machine: chmod o-rwx it",
    ]);
    chmodSync(at("ca.pem"), 0o664);
    expect((await outcome(mesh("server.crt", "server.key", "ca.pem"))).problems).toEqual([
      "11 identities.restore.ca: /ca.pem may be changed by other users: chmod go-w it",
    ]);
    chmodSync(at("ca.pem"), 0o644);
  });
});
