// YAML as this daemon accepts it: one document of maps, lists and scalars that every YAML reader reads alike.

import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node,
  type YAMLError,
} from "yaml";
import { pathText, type Finding, type Path } from "./problem.ts";
import { ambiguity, forYaml, textFindings, type Offset } from "./yaml-words.ts";

/** A value of the document. */
type Value = string | number | boolean | null | Value[] | { [name: string]: Value };

/** A parsed text. */
export interface ConfigurationDocument {
  /** Undefined when the text could not be read as one document. */
  readonly value: Value | undefined;
  /** What is wrong with the YAML itself. */
  readonly problems: readonly { readonly finding: Finding; readonly line: number; readonly column: number }[];
  /**
   * Where something stands, from 1; for what is missing, where its parent does. A list of one may be written without
   * its brackets: the path is then given without the index.
   */
  readonly locate: (path: Path, atName?: boolean) => { line: number; column: number; path: Path };
}

interface Place {
  readonly name: number;
  readonly value: number;
}

/** Far deeper than any configuration, and far from the end of the stack. */
const maxDepth = 32;

/** Reads a text. Nothing in it makes this throw. */
export function parseDocument(text: string): ConfigurationDocument {
  const lines = new LineCounter();
  const places = new Map<string, Place>();
  const found: Offset[] = textFindings(text);
  const report = (offset: number, path: Path, message: string) => found.push({ offset, finding: { path, message } });
  const root = parse(text, lines, report);
  const value = root === undefined ? undefined : read(root, [], { offset: 0, places, report });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  return {
    value,
    problems: oncePerPlace(found).map(({ offset, finding }) => ({ finding, ...at(offset) })),
    locate(path, atName = false) {
      const written = path.at(-1) === 0 && !places.has(pathText(path)) ? path.slice(0, -1) : path;
      return { ...at(offsetOf(places, written, atName)), path: written };
    },
  };
}

type Report = (offset: number, path: Path, message: string) => void;

/** The one document's root, or undefined with the reason reported. */
function parse(text: string, lineCounter: LineCounter, report: Report): Node | undefined {
  try {
    // Double names are found in read(): the library compares every name with every other.
    const parsed = parseAllDocuments(text, { lineCounter, version: "1.2", uniqueKeys: false, prettyErrors: false });
    const documents = Array.isArray(parsed) ? (parsed as Document.Parsed[]) : [];
    const [first, second] = documents;
    if (first === undefined || first.contents === null) return void report(0, [], "the file says nothing");
    for (const error of oncePerLine([...first.errors, ...first.warnings], lineCounter)) {
      report(error.pos[0], [], forYaml(error, text));
    }
    if (first.directives?.yaml.explicit) report(0, [], "remove the %YAML line: the file is read as YAML 1.2");
    if (second !== undefined) report(second.range[0], [], "a second document begins here: one file is one document");
    return first.errors.length > 0 ? undefined : first.contents;
  } catch {
    return void report(0, [], "this cannot be read as YAML: it is nested too deeply");
  }
}

/** What follows the first error of a line is mostly its consequence. */
function oncePerLine(errors: readonly YAMLError[], lines: LineCounter): readonly YAMLError[] {
  const seen = new Set<number>();
  return errors.filter(({ pos }) => {
    const { line } = lines.linePos(pos[0]);
    return !seen.has(line) && seen.add(line);
  });
}

interface Reading {
  readonly offset: number;
  readonly places: Map<string, Place>;
  readonly report: Report;
}

function read(node: Node | null, path: Path, reading: Reading): Value {
  const offset = node?.range?.[0] ?? reading.offset;
  const here = { ...reading, offset };
  const known = reading.places.get(pathText(path));
  reading.places.set(pathText(path), { name: known?.name ?? offset, value: offset });
  if (path.length > maxDepth) return refuse(here, path, "this is nested too deeply");
  if (isAlias(node)) return refuse(here, path, "aliases (*name) are not allowed: write the value out");
  if (node === null) return null;
  if (isScalar(node) || isMap(node) || isSeq(node)) {
    if (node.anchor !== undefined) return refuse(here, path, "anchors (&name) are not allowed: write the value out");
    if (node.tag !== undefined && !isCoreTag(node.tag)) return refuse(here, path, "tags (!name) are not allowed");
  }
  if (isMap(node)) return readMap(node.items, path, here);
  if (isSeq(node)) return node.items.map((item, index) => read(item as Node, [...path, index], here));
  return isScalar(node) ? readScalar(node, path, here) : null;
}

function isCoreTag(tag: string): boolean {
  return ["map", "seq", "str", "int", "float", "bool", "null"].some((name) => tag === `tag:yaml.org,2002:${name}`);
}

function refuse(reading: Reading, path: Path, message: string): null {
  reading.report(reading.offset, path, message);
  return null;
}

function readMap(items: readonly { key: unknown; value: unknown }[], path: Path, reading: Reading): Value {
  const map: { [name: string]: Value } = {};
  for (const { key, value } of items) {
    const offset = (key as Node | null)?.range?.[0] ?? reading.offset;
    const name = nameOf(key, path, { ...reading, offset });
    if (name === undefined) continue;
    if (Object.hasOwn(map, name)) {
      reading.report(offset, [...path, name], "this name stands here twice: keep one");
      continue;
    }
    reading.places.set(pathText([...path, name]), { name: offset, value: offset });
    map[name] = read(value as Node | null, [...path, name], { ...reading, offset });
  }
  return map;
}

/** A map's name, which must be a plain text. */
function nameOf(key: unknown, path: Path, reading: Reading): string | undefined {
  const value = isScalar(key) ? readScalar(key, path, reading) : undefined;
  if (isAlias(key) || value === "<<")
    refuse(reading, path, "aliases and merge keys (<<) are not allowed: write it out");
  else if (isScalar(key) && key.anchor !== undefined) refuse(reading, path, "anchors (&name) are not allowed");
  else if (value === "__proto__") refuse(reading, path, '"__proto__" is not a name');
  else if (typeof value === "string") return value;
  else if (typeof value === "number") refuse(reading, path, `a name must be a text: write "${value}" in quotes`);
  else refuse(reading, path, "a name must be a text: write it in quotes");
  return undefined;
}

function readScalar(node: { value: unknown; source?: string; type?: string }, path: Path, reading: Reading): Value {
  const { value, source, type } = node;
  const doubt = type === "PLAIN" && source !== undefined ? ambiguity(source) : undefined;
  if (doubt !== undefined) reading.report(reading.offset, path, doubt);
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

/** One fault often shows as several errors at one place: the first says it. */
function oncePerPlace(found: readonly Offset[]): readonly Offset[] {
  const sorted = [...found].sort((a, b) => a.offset - b.offset);
  return sorted.filter(({ offset }, index) => index === 0 || sorted[index - 1]!.offset !== offset);
}

function offsetOf(places: Map<string, Place>, path: Path, atName: boolean): number {
  const exact = places.get(pathText(path));
  if (exact !== undefined) return atName ? exact.name : exact.value;
  for (let length = path.length - 1; length > 0; length--) {
    const parent = places.get(pathText(path.slice(0, length)));
    if (parent !== undefined) return parent.name;
  }
  return 0;
}
