// The child's side of the pipe: reads calls, has the provider answer them, and ends when the daemon is gone.

import type { Duplex } from "node:stream";
import { wipe } from "../../secret/index.ts";
import { packError } from "./errors.ts";
import { createFrameDecoder, encodeFrame } from "./frame.ts";
import type { Frame } from "./frame.ts";
import type { CallHeader, Reply } from "./messages.ts";
import { createOffice } from "./office.ts";

/** The status of a child that met an error nobody caught. */
const faultStatus = 70;
const faultWaitMs = 500;

/** Serves until the pipe ends. */
export function serve(pipe: Duplex): void {
  const underWay = new Map<number, AbortController>();
  const office = createOffice((notice) => send({ notice }));

  function send(reply: Reply, fields: readonly Uint8Array[] = [], then?: () => void): void {
    const frame = encodeFrame(reply, fields);
    pipe.write(frame, () => (wipe(frame), then?.()));
  }

  async function answer({ id, operation, ...request }: CallHeader, fields: readonly Buffer[]): Promise<void> {
    const controller = new AbortController();
    underWay.set(id, controller);
    // Begun within this turn: the fields are wiped after it.
    const item = (found: unknown) => send({ id, item: found });
    const working = office.handle(operation, { request, fields, signal: controller.signal, item });
    try {
      const made = await working;
      send({ id, value: made.value }, made.fields);
      wipe(...made.fields);
    } catch (error) {
      send({ id, error: packError(error) });
    } finally {
      underWay.delete(id);
    }
  }

  function receive({ header, fields }: Frame): void {
    if ("operation" in header) void answer(header as unknown as CallHeader, fields);
    else if ("abort" in header) underWay.get(header["abort"] as number)?.abort();
    else void office.close().finally(() => process.exit(0));
  }

  const fault = (error: unknown) => {
    send({ fault: packError(error) }, [], () => process.exit(faultStatus));
    setTimeout(() => process.exit(faultStatus), faultWaitMs);
  };
  process.on("uncaughtException", fault).on("unhandledRejection", fault);

  const decoder = createFrameDecoder(receive);
  pipe.on("data", (chunk: Buffer) => decoder.push(chunk));
  // The daemon is gone: what else this process would do at its end may hang.
  pipe.on("error", () => undefined).on("close", () => process.kill(process.pid, "SIGKILL"));
}
