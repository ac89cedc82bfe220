import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import {
  configurationSchema,
  fieldsOf,
  schemaText,
  tables,
  withTables,
  type JsonSchema,
} from "../../scripts/configuration-reference.ts";
import { configurationFrom, permissions } from "../../src/config/index.ts";
import { firstPartyKinds, loadKind } from "../../src/provider/index.ts";
import { createAuthority } from "../backends/certificates.ts";

const root = join(import.meta.dirname, "../..");
const example = readFileSync(join(root, "config.example.yaml"), "utf8");
const page = readFileSync(join(root, "docs/configuration.md"), "utf8");

let folder: string;
let onThisMachine: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "example-"));
  const etc = join(folder, "etc");
  mkdirSync(etc);
  const authority = await createAuthority(etc, "spire-bundle");
  await authority.issue("tls", [{ type: "dns", value: "keybroker.example" }]);
  for (const name of ["clients.pem", "gcp-ca.pem", "vault-ca.pem", "logs-ca.pem"])
    writeFileSync(join(etc, name), readFileSync(authority.ca));
  await authority.revoke("spire-crl", []);
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(join(etc, "k8s-jwks.json"), JSON.stringify({ keys: [publicKey.export({ format: "jwk" })] }));
  for (const [, name] of example.matchAll(/file:\/run\/credentials\/keybroker\/([a-z0-9-.]+)/g))
    writeFileSync(join(etc, name!), "unread", { mode: 0o600 });
  mkdirSync(join(etc, "approvers"));
  for (const [, name] of example.matchAll(/sshKey: \/etc\/keybroker\/approvers\/([a-z-.]+)/g))
    writeFileSync(join(etc, "approvers", name!), sshKey());
  for (const [, name] of example.matchAll(/"\$\{([A-Z_]+)\}"/g)) process.env[name!] = "unread";
  onThisMachine = example.replaceAll("/etc/keybroker/", `${etc}/`).replaceAll("/run/credentials/keybroker/", `${etc}/`);
});

/** A new key of Ed25519 as a .pub file has it: two strings with their lengths before them. */
function sshKey(): string {
  const { x } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
  const head = Buffer.from("0000000b7373682d6564323535313900000020", "hex");
  return `ssh-ed25519 ${Buffer.concat([head, Buffer.from(x!, "base64url")]).toString("base64")}\n`;
}

afterAll(() => rmSync(folder, { recursive: true }));

describe("config.example.yaml", () => {
  it("loads without a warning", async () => {
    const { configuration, warnings } = await configurationFrom(onThisMachine);
    expect(warnings).toEqual([]);
    expect(configuration.keys.size).toBeGreaterThan(0);
  });

  it("shows every field there is", async () => {
    const schema = await configurationSchema();
    const written = parse(example) as Written;
    const maps = ["keys", "listeners", "identities", "approvers"];
    for (const [part, field] of Object.entries(schema.properties!)) {
      const value = written[part];
      if (part === "providers") continue;
      const entry = maps.includes(part) ? (field.additionalProperties as JsonSchema) : (field.items ?? field);
      const entries = maps.includes(part) ? Object.values(value as object) : Array.isArray(value) ? value : [value];
      const shown = new Set(entries.flatMap((one) => namesIn(one)));
      const missing = namesOf(entry).filter((name) => !shown.has(name));
      expect({ part, missing }).toEqual({ part, missing: [] });
      expect(value, part).toBeDefined();
    }
  });

  it("shows every field of a provider that an npm module brings", async () => {
    const { anyOf } = (await configurationSchema()).properties!["providers"]!.additionalProperties as JsonSchema;
    const shown = Object.values(inComments()).find(({ module }) => module !== undefined);
    expect(Object.keys(shown!).sort()).toEqual(namesOf(anyOf!.at(-1)!).sort());
  });

  it.each(firstPartyKinds)("shows every field of %s, and of its recipients", async (kind) => {
    const { settings, reference } = await loadKind({ kind });
    const written = parse(onThisMachine) as { providers: Providers; keys: Record<string, Record<string, Recipient[]>> };
    const providers = { ...written.providers, ...inComments(onThisMachine) };
    const own = Object.entries(providers).filter(([, provider]) => provider.kind === kind);
    const names = new Set(own.map(([name]) => name));
    const shown = new Set(own.flatMap(([, provider]) => namesIn(provider)));
    expect(namesOf(jsonSchema(settings)).filter((name) => !shown.has(name))).toEqual([]);
    const recipients = Object.values(written.keys)
      .flatMap(({ wrapTo = [], unwrapOnly = [] }) => [...wrapTo, ...unwrapOnly])
      .filter(({ provider }) => names.has(provider));
    const given = new Set(recipients.flatMap((recipient) => namesIn(recipient)));
    expect(namesOf(jsonSchema(reference)).filter((name) => !given.has(name))).toEqual([]);
  });

  it("shows in comments what would be taken if the marks went", async () => {
    const others = Object.entries(inComments(onThisMachine)).filter(([, { module }]) => module === undefined);
    expect(others.length).toBeGreaterThan(0);
    for (const [name, { kind, ...rest }] of others) {
      const { settings } = await loadKind({ kind });
      expect({ name, error: settings.safeParse(rest).error }).toEqual({ name, error: undefined });
    }
  });

  it("names the published JSON Schema in its first line", () => {
    expect(example.split("\n")[0]).toBe("# yaml-language-server: $schema=./keybroker.schema.json");
  });
});

type Written = Record<string, Record<string, unknown> | unknown[]>;
type Providers = Record<string, { readonly kind: string; readonly module?: string }>;
type Recipient = Readonly<Record<string, unknown>> & { readonly provider: string };

/** The providers that stand in comments, beside those that stand there plainly. */
function inComments(text = example): Providers {
  const blocks = [...text.matchAll(/^ {2}# [a-z-]+:\n(?: {2}# {3}.*\n)+/gm)];
  const parsed = blocks.map(([block]) => parse(block.replaceAll(/^ {2}# /gm, "")) as Providers);
  return Object.fromEntries(parsed.flatMap((one) => Object.entries(one)));
}

function jsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input" }) as JsonSchema;
}

function namesOf(schema: JsonSchema): string[] {
  return fieldsOf(schema).map(({ name }) => name);
}

/** The names of a value's fields, as the tables write them. */
function namesIn(value: unknown, prefix = ""): string[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => namesIn(item, `${prefix.slice(0, -1)}[].`));
  return Object.entries(value).flatMap(([name, inner]) => [prefix + name, ...namesIn(inner, `${prefix}${name}.`)]);
}

describe("keybroker.schema.json", () => {
  it("is what the schema makes today", async () => {
    expect(readFileSync(join(root, "keybroker.schema.json"), "utf8")).toBe(await schemaText());
  });

  it("says of every field what it is for", async () => {
    const without = [...(await tables())].flatMap(([part, fields]) =>
      fields.filter(({ meaning }) => meaning === "").map(({ name }) => `${part}: ${name}`),
    );
    expect(without).toEqual([]);
  });
});

describe("docs/configuration.md", () => {
  it("has the tables that the schema makes today", async () => {
    expect(page).toBe(await withTables(page));
  });

  it("explains every permission", () => {
    for (const permission of permissions) expect(page).toContain(`| \`${permission}\``);
  });
});

describe("README.md", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const rows = [...readme.matchAll(/^\| `([a-z0-9-]+)` +\|.*\((providers\/[a-z0-9-]+\/README\.md)\) +\|$/gm)];

  it("has a row for every kind that comes with the daemon, and for no other", () => {
    expect(rows.map(([, kind]) => kind)).toEqual(firstPartyKinds);
    for (const [, kind, link] of rows) expect(link).toBe(`providers/${kind}/README.md`);
  });
});

describe.each(firstPartyKinds)("providers/%s/README.md", (kind) => {
  const readme = () => readFileSync(join(root, "providers", kind, "README.md"), "utf8");

  it("explains every setting, and every field of a recipient", async () => {
    const { settings, reference } = await loadKind({ kind });
    const names = [...namesOf(jsonSchema(settings)), ...namesOf(jsonSchema(reference))];
    const missing = names.filter((name) => {
      const last = name.replace(/\[\]/g, "").split(".").at(-1)!;
      return !readme().includes(`\`${name}\``) && !readme().includes(`\`${last}\``);
    });
    expect(missing).toEqual([]);
  });

  it("says what goes wrong and what to do, and what protects the master key", () => {
    for (const heading of ["Threat boundary", "Rotation", "What goes wrong"])
      expect(readme()).toMatch(new RegExp(`^## ${heading}`, "m"));
  });
});
