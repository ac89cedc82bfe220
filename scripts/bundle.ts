// Puts what the daemon loads at start into one file: six hundred small ones cost it 7 MB and a third of its start.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { rolldown } from "rolldown";

/** Libraries that are loaded later or find their own files by path, and all providers but the embedded default's. */
const external = [
  /^(node:|pino$|prom-client$|commander$|grpc-health-check$|@grpc\/reflection$|jose$|@peculiar\/)/,
  /\/providers\/(?!env\/)[a-z0-9-]+\/index\.js$/,
  /\/provider\/child\/index\.js$/,
  /\/audit\/sinks\/index\.js$/,
];

/** Bundles a built file and writes the licences of the libraries in it beside it. */
export async function bundle(entry: string, file: string): Promise<void> {
  const build = await rolldown({ input: entry, platform: "node", external, logLevel: "warn" });
  const { output } = await build.write({ file, format: "esm", codeSplitting: false });
  await build.close();
  const modules = output.flatMap((part) => (part.type === "chunk" ? part.moduleIds : []));
  const packages = new Set(modules.flatMap((id) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? []));
  if (packages.size > 0)
    writeFileSync(join(dirname(file), "LICENSES.txt"), [...packages].sort().map(licenceOf).join("\n"));
}

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Named;
  const text = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const path = text === undefined ? undefined : join(folder, text);
  return `${name} ${version}, ${license}\n\n${path && existsSync(path) ? readFileSync(path, "utf8") : ""}\n`;
}

interface Named {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}
