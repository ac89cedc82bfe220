import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import {
  configurationSchema,
  fieldsOf,
  schemaText,
  tables,
  withTables,
  type JsonSchema,
} from "../../scripts/configuration-reference.ts";
import { configurationFrom, permissions } from "../../src/config/index.ts";
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
  writeFileSync(join(etc, "clients.pem"), readFileSync(authority.ca));
  for (const version of ["2025", "2026"]) writeFileSync(join(etc, `master-key-${version}`), "unread");
  process.env["KEYBROKER_RETIRED_MASTER_KEY"] = "unread";
  onThisMachine = example.replaceAll("/etc/keybroker/", `${etc}/`).replaceAll("/run/credentials/keybroker/", `${etc}/`);
});

afterAll(() => rmSync(folder, { recursive: true }));

describe("config.example.yaml", () => {
  it("loads without a warning", async () => {
    const { configuration, warnings } = await configurationFrom(onThisMachine);
    expect(warnings).toEqual([]);
    expect(configuration.keys.size).toBeGreaterThan(0);
  });

  it("shows every field there is", async () => {
    const schema = await configurationSchema();
    const written = parse(example) as Record<string, Record<string, unknown> | unknown[]>;
    const maps = ["providers", "keys", "listeners", "identities"];
    for (const [part, field] of Object.entries(schema.properties!)) {
      const value = written[part];
      const isMap = maps.includes(part);
      const entry = isMap ? (field.additionalProperties as JsonSchema) : (field.items ?? field);
      const entries = isMap ? Object.values(value as object) : Array.isArray(value) ? value : [value];
      const shown = new Set(entries.flatMap((one) => namesIn(one)));
      const known = fieldsOf(entry).map(({ name }) => name);
      const missing = known.filter((name) => !shown.has(name) && !example.includes(`#   ${name}: `));
      expect({ part, missing }).toEqual({ part, missing: [] });
      expect(value, part).toBeDefined();
    }
  });

  it("names the published JSON Schema in its first line", () => {
    expect(example.split("\n")[0]).toBe("# yaml-language-server: $schema=./keybroker.schema.json");
  });
});

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
