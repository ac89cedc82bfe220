// The embedded default: what `serve` without a configuration file serves, for trying it out.

import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { generateMasterKey } from "../../providers/env/generate.ts";
import { permissions } from "../config/index.ts";
import { secret, takeVariable } from "../provider/index.ts";
import { wipe } from "../secret/index.ts";
import { StartError } from "./start-error.ts";

/** The key it serves. */
export const embeddedKey = "default";

/** The variable that holds its master key. */
const variable = "KEYBROKER_MASTER_KEY";

const maxSocketPathBytes = 100;
const lineBreak = 0x0a;

/** The default, as a configuration's text. */
export interface Embedded {
  readonly text: string;
  readonly socket: string;
  /** What the operator must know; undefined when the master key came from the variable. */
  readonly warning: string | undefined;
}

/**
 * Prepares the state folder, 0700, and a master key: the variable's, or one in a 0600 file, which is made the first time.
 * With both, the variable's wraps and the file's still unwraps. Throws StartError.
 */
export function prepareEmbedded(stateDir: string): Embedded {
  const folder = isAbsolute(stateDir) ? stateDir : resolve(stateDir);
  const socket = join(folder, "keybroker.sock");
  if (Buffer.byteLength(socket) > maxSocketPathBytes) {
    throw new StartError(`${socket} is too long for a unix socket: set KEYBROKER_STATE_DIR to a shorter folder`, 2);
  }
  prepareFolder(folder);
  const file = join(folder, "master-key");
  const given = takeVariable(variable);
  if (given === undefined && !exists(file)) writeMasterKey(file);
  const text = textOf(folder, socket, sourcesOf(file, given));
  wipe(given);
  return { text, socket, warning: given ? undefined : warningOf(file) };
}

function warningOf(file: string): string {
  return (
    `${file} holds the master key, in the clear: a development key, for trying keybroker out. ` +
    `Set ${variable}, or serve with --config, before it protects anything`
  );
}

/** Where the master keys are, the primary one first. */
function sourcesOf(file: string, given: Buffer | undefined): Record<string, string> {
  const kept = exists(file) && !(given && isSame(file, given));
  return { ...(given && { variable: `\${${variable}}` }), ...(kept && { file: `file:${file}` }) };
}

/** Whether the variable is a copy of the file: one key cannot be two versions. */
function isSame(file: string, given: Buffer): boolean {
  const kept = secret().parse(`file:${file}`).read();
  const end = kept.at(-1) === lineBreak ? kept.length - 1 : kept.length;
  const same = kept.subarray(0, end).equals(given);
  wipe(kept);
  return same;
}

function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = statSync(folder);
    if (found.uid !== process.geteuid!()) {
      throw new StartError(
        `the state folder ${folder} belongs to user ${found.uid}: set KEYBROKER_STATE_DIR to your own`,
        2,
      );
    }
    if (found.mode & 0o077) chmodSync(folder, 0o700);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`the state folder ${folder} cannot be used: ${(error as NodeJS.ErrnoException).code}`, 2);
  }
}

function exists(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}

/** On the disk before anything is wrapped with it. */
function writeMasterKey(file: string): void {
  const key = generateMasterKey();
  const temporary = `${file}.${process.pid}`;
  const descriptor = openSync(temporary, "w", 0o600);
  try {
    writeSync(descriptor, key);
    fsyncSync(descriptor);
    // Fails, instead of replacing, when another start was faster: that one's key is then in use.
    linkSync(temporary, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    closeSync(descriptor);
    unlinkSync(temporary);
    wipe(key);
  }
}

/** JSON is YAML, and quotes paths as they must be. */
function textOf(folder: string, socket: string, keys: Record<string, string>): string {
  const configuration = {
    version: 1,
    realm: "local",
    providers: { local: { kind: "env", keys, primary: Object.keys(keys)[0] } },
    keys: { [embeddedKey]: { wrapTo: [{ provider: "local" }], context: { required: false } } },
    listeners: { local: { unix: socket, identity: "local", admin: true } },
    policy: [{ who: "local", may: permissions, keys: "*" }],
    audit: { folder: join(folder, "audit") },
  };
  return `${JSON.stringify(configuration, undefined, 2)}\n`;
}
