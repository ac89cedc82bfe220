// Hands results over: to a file, to standard output, never by accident to a terminal.

import { toText } from "../envelope/index.ts";
import { wipe } from "../secret/index.ts";
import { CliError, usage } from "./failure.ts";
import { write, type Io } from "./io.ts";
import { checkTarget, writeWhole } from "./output-file.ts";

/** Where a result goes. */
export interface OutputSettings {
  readonly output?: string;
  readonly overwrite?: boolean;
  readonly forceTerminal?: boolean;
  readonly binary?: boolean;
  readonly json?: boolean;
}

/** Refuses what could not be handed over, before the daemon is asked. */
export function checkOutput(io: Io, settings: OutputSettings, secret: boolean): void {
  if (settings.output !== undefined) checkTarget(settings.output, settings.overwrite ?? false);
  else if (secret && io.stdout.isTTY && !settings.forceTerminal)
    throw usage(
      "refusing to write a data key to a terminal: redirect standard output, use --output, or --force-terminal",
    );
}

/** Writes to standard output and waits until it is taken. */
export async function emit(io: Io, bytes: Uint8Array | string): Promise<void> {
  try {
    await write(io.stdout, bytes);
  } catch (error) {
    throw new CliError(1, "standard output was closed before all was written", error);
  }
}

/** Writes an object as one line. It holds no secret. */
export function emitJson(io: Io, value: object): Promise<void> {
  const text = JSON.stringify(value, (_name, item: unknown) => (typeof item === "bigint" ? String(item) : item));
  return emit(io, `${text}\n`);
}

/** Hands a data key over and wipes it. Files get mode 0600. */
export async function deliverSecret(io: Io, bytes: Buffer, settings: OutputSettings): Promise<void> {
  try {
    if (settings.output === undefined) await emit(io, bytes);
    else writeWhole(settings.output, bytes, { mode: 0o600, overwrite: settings.overwrite ?? false });
  } finally {
    wipe(bytes);
  }
}

/** Hands an envelope over: as text unless the binary form is wanted; in an object with --json. */
export async function deliverEnvelope(io: Io, envelope: Uint8Array, settings: OutputSettings): Promise<void> {
  if (settings.output !== undefined) writeEnvelope(settings.output, envelope, settings);
  if (settings.json)
    return emitJson(io, settings.output === undefined ? { envelope: toText(envelope) } : { output: settings.output });
  if (settings.output === undefined) await emit(io, envelopeBytes(envelope, settings));
}

/** Writes an envelope's file, under the user's umask: it is not secret. */
export function writeEnvelope(file: string, envelope: Uint8Array, settings: OutputSettings): void {
  const mode = 0o666 & ~process.umask();
  writeWhole(file, envelopeBytes(envelope, settings), { mode, overwrite: settings.overwrite ?? false });
}

/** An envelope in the form that is wanted. */
export function envelopeBytes(envelope: Uint8Array, { binary }: { readonly binary?: boolean }): Uint8Array {
  return binary ? envelope : Buffer.from(`${toText(envelope)}\n`);
}
