// Makes keybroker.schema.json and the tables of docs/configuration.md from the configuration's schema.
// `--check` fails when they are not current.

import { readFileSync, writeFileSync } from "node:fs";
import { format } from "prettier";
import { z } from "zod";
import { root } from "../src/config/schema/root.ts";
import { firstPartyKinds, loadKind } from "../src/provider/index.ts";

/** The part of JSON Schema that zod makes. */
export interface JsonSchema {
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

const schemaFile = new URL("../keybroker.schema.json", import.meta.url);
const page = new URL("../docs/configuration.md", import.meta.url);

/** The configuration's JSON Schema, with the settings of the kinds that come with the daemon. */
export async function configurationSchema(): Promise<JsonSchema> {
  const schema = z.toJSONSchema(root, { io: "input" }) as JsonSchema;
  const providers = schema.properties!["providers"]!;
  const { description, properties } = providers.additionalProperties as JsonSchema;
  const kinds = await Promise.all(firstPartyKinds.map((kind) => providerSchema(kind, properties!["kind"]!)));
  const foreign = { type: "object", properties, required: ["kind", "module"], additionalProperties: true };
  const entry = { description, anyOf: [...kinds, foreign] };
  return {
    ...schema,
    title: "keybroker configuration",
    properties: { ...schema.properties, providers: { ...providers, additionalProperties: entry } },
  };
}

async function providerSchema(kind: string, { description }: JsonSchema): Promise<JsonSchema> {
  const { settings } = await loadKind({ kind });
  const schema = z.toJSONSchema(settings, { io: "input" }) as JsonSchema;
  return {
    type: "object",
    properties: { kind: { description, const: kind }, ...schema.properties },
    required: ["kind", ...(schema.required ?? [])],
    additionalProperties: false,
  };
}

/** One field of the configuration. */
export interface Field {
  /** From the part's entry on, such as `branchKey.maxAge`. */
  readonly name: string;
  readonly type: string;
  readonly fallback: string;
  readonly meaning: string;
}

/** The fields of a map, those of the maps within it included. */
export function fieldsOf(schema: JsonSchema, prefix = ""): Field[] {
  const branches = (schema.anyOf ?? []).filter((branch) => branch.properties);
  const seen = new Set<string>();
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const here = {
      name: prefix + name,
      type: typeOf(field),
      fallback: fallbackOf(field, schema.required?.includes(name) ?? false),
      meaning: field.description ?? "",
    };
    const item = field.items?.properties ? fieldsOf(field.items, `${prefix}${name}[].`) : [];
    return [here, ...fieldsOf(field, `${prefix}${name}.`), ...item];
  });
  return [...own, ...branches.flatMap((branch) => fieldsOf(branch, prefix))].filter(
    ({ name }) => !seen.has(name) && seen.add(name),
  );
}

function typeOf(field: JsonSchema): string {
  if (field.title !== undefined) return field.title;
  if (field.const !== undefined) return `\`${JSON.stringify(field.const).replaceAll('"', "")}\``;
  if (field.enum !== undefined) return field.enum.map((word) => `\`${String(word)}\``).join(", ");
  if (field.anyOf !== undefined) return [...new Set(field.anyOf.map(typeOf))].join(", or ");
  if (field.type === "array") return `list of ${field.items?.properties ? "maps" : plural(typeOf(field.items ?? {}))}`;
  if (field.type === "integer") return `whole number, ${field.minimum} to ${field.maximum}`;
  if (field.type === "boolean") return "`true`, `false`";
  if (field.type === "object") return "map";
  return "text";
}

function plural(type: string): string {
  return /^[a-z ]+$/i.test(type) ? `${type}s` : type;
}

function fallbackOf(field: JsonSchema, isRequired: boolean): string {
  if (isRequired) return "required";
  const { default: fallback } = field;
  if (fallback === undefined) return "none";
  if (Array.isArray(fallback)) return "none";
  // A map without words of its own: its fields have their own defaults.
  return typeof fallback === "object" ? "" : `\`${JSON.stringify(fallback).replaceAll('"', "")}\``;
}

/** The tables of the page, by the name in their marker. */
export async function tables(): Promise<ReadonlyMap<string, readonly Field[]>> {
  const schema = await configurationSchema();
  const named = (part: string) => schema.properties![part]!.additionalProperties as JsonSchema;
  const maps = ["providers", "keys", "listeners", "identities", "approvers"];
  const alone = Object.entries(schema.properties!).filter(([part]) => !maps.includes(part) && part !== "policy");
  const top = fieldsOf({ ...schema, properties: Object.fromEntries(alone) });
  const kinds = named("providers").anyOf!;
  return new Map([
    ["top", top.filter(({ name }) => !/^(audit|store|metrics|log|limits)\./.test(name))],
    ["providers", fieldsOf({ ...kinds.at(-1)!, required: ["kind"] })],
    ...firstPartyKinds.map((kind, index) => [kind, fieldsOf(kinds[index]!)] as const),
    ...(await Promise.all(firstPartyKinds.map(recipientTable))),
    ["keys", fieldsOf(named("keys"))],
    ["unix", fieldsOf(named("listeners").anyOf![0]!)],
    ["tcp", fieldsOf(named("listeners").anyOf![1]!)],
    ["identities", fieldsOf(named("identities"))],
    ["approvers", fieldsOf(named("approvers"))],
    ["policy", fieldsOf(schema.properties!["policy"]!.items!)],
    ...["audit", "store", "metrics", "log", "limits"].map(
      (part) => [part, fieldsOf(schema.properties![part]!)] as const,
    ),
  ]);
}

async function recipientTable(kind: string): Promise<readonly [string, readonly Field[]]> {
  const { reference } = await loadKind({ kind });
  return [`${kind} recipient`, fieldsOf(z.toJSONSchema(reference, { io: "input" }) as JsonSchema)];
}

/** The page with its tables made anew. Throws when a table has no place in it. */
export async function withTables(text: string): Promise<string> {
  let made = text;
  for (const [part, fields] of await tables()) {
    const place = new RegExp(`(<!-- fields: ${part} -->)[^]*?(<!-- end -->)`);
    if (!place.test(made)) throw new Error(`docs/configuration.md has no place for the fields of ${part}`);
    made = made.replace(place, (_, start: string, end: string) => `${start}\n\n${table(fields)}\n\n${end}`);
  }
  return format(made, { parser: "markdown", printWidth: 120 });
}

function table(fields: readonly Field[]): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const rows = fields.map(
    ({ name, type, fallback, meaning }) => `| \`${name}\` | ${cell(type)} | ${fallback} | ${cell(meaning)} |`,
  );
  return ["| field | type | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

/** The JSON Schema as it is published. */
export async function schemaText(): Promise<string> {
  return format(JSON.stringify(await configurationSchema()), { parser: "json", printWidth: 120 });
}

if (import.meta.main) {
  for (const [file, text] of [
    [schemaFile, await schemaText()],
    [page, await withTables(readFileSync(page, "utf8"))],
  ] as const) {
    if (!process.argv.includes("--check")) writeFileSync(file, text);
    else if (readFileSync(file, "utf8") !== text) {
      throw new Error(`${file.pathname} is not current: run node scripts/configuration-reference.ts`);
    }
  }
}
