// A TCP proxy that spoils answers as networks and half-dead servers do. It knows no protocol: an answer is what the
// backend sends between two words of its client.

import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

/** What happens to answers while it is played. */
export type Spoil =
  /** They are held; once it ends they arrive, late. */
  | { readonly kind: "hang" }
  /** They come byte by byte. */
  | { readonly kind: "slow"; readonly everyMs: number }
  /** The connection is reset (RST) after so many bytes of an answer. */
  | { readonly kind: "reset"; readonly afterBytes: number }
  /** The connection is closed in order (FIN) after so many bytes of an answer. */
  | { readonly kind: "truncate"; readonly afterBytes: number }
  /** The lowest bit of the byte `at` is flipped, counted from the answer's first byte or from what follows `after`. */
  | { readonly kind: "flip"; readonly at: number; readonly after?: string };

/** A proxy before one backend. */
export interface Proxy {
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** Spoils answers from now on; undefined lets them through again. The count begins anew with a spoil. */
  play(spoil: Spoil | undefined): void;
  /** Answers that met the present or latest spoil. */
  hits(): number;
  /** Ends all connections, as a restart of the backend would. */
  drop(): void;
  close(): Promise<void>;
}

/** A connection's answers on their way. */
interface Answers {
  /** Takes what the backend sent. */
  push(chunk: Buffer): void;
  /** The client spoke: what follows is another answer. */
  next(): void;
  /** Lets go what is held. */
  release(): void;
}

/** What the connections of a proxy share. */
interface Play {
  spoil: Spoil | undefined;
  hits: number;
}

/** Starts a proxy on a free loopback port, before a backend on another. */
export async function startProxy(backendPort: number): Promise<Proxy> {
  const play: Play = { spoil: undefined, hits: 0 };
  const open = new Map<Socket, Answers>();
  const server = createServer((client) => {
    const answers = relay(client, backendPort, play);
    open.set(client, answers);
    client.on("close", () => open.delete(client));
  });
  const drop = () => open.forEach((_, client) => client.resetAndDestroy());
  return {
    port: await listen(server),
    play(spoil) {
      play.spoil = spoil;
      if (spoil) play.hits = 0;
      for (const answers of open.values()) answers.release();
    },
    hits: () => play.hits,
    drop,
    async close() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      drop();
      await closed;
    },
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

/** Joins a client and the backend; either's end is the other's. */
function relay(client: Socket, port: number, play: Play): Answers {
  const backend = connect({ port, host: "127.0.0.1", noDelay: true });
  const answers = spoiled(client, play);
  client.setNoDelay(true).on("data", (chunk: Buffer) => {
    answers.next();
    backend.write(chunk);
  });
  backend.on("data", (chunk: Buffer) => answers.push(chunk));
  client.on("error", () => undefined).on("close", () => backend.destroy());
  // A backend that is not there looks through the proxy as it does without: the connection is refused or reset.
  backend.on("error", () => client.resetAndDestroy()).on("end", () => client.end());
  return answers;
}

function spoiled(client: Socket, play: Play): Answers {
  let held: Buffer[] = [];
  let timer: NodeJS.Timeout | undefined;
  let answer = Buffer.alloc(0);
  /** The spoil that this answer was counted for. */
  let counted: Spoil | undefined;

  const write = (chunk: Buffer) => void (client.writable && client.write(chunk));
  const drip = () => {
    const first = held[0];
    if (!first) return;
    write(first.subarray(0, 1));
    held = first.length > 1 ? [first.subarray(1), ...held.slice(1)] : held.slice(1);
  };

  function meet(spoil: Spoil): void {
    if (counted !== spoil) play.hits++;
    counted = spoil;
  }

  /** What of the chunk may still be sent before the connection ends; the whole of it where that comes later. */
  function cut(chunk: Buffer, afterBytes: number, end: () => void, spoil: Spoil): void {
    const before = answer.length - chunk.length;
    const left = Math.max(0, afterBytes - before);
    write(chunk.subarray(0, left));
    if (chunk.length < left) return;
    meet(spoil);
    end();
  }

  function flip(chunk: Buffer, spoil: Spoil & { kind: "flip" }): void {
    const mark = spoil.after === undefined ? 0 : answer.indexOf(spoil.after);
    const at = mark + (spoil.after?.length ?? 0) + spoil.at - (answer.length - chunk.length);
    if (mark >= 0 && at >= 0 && at < chunk.length) {
      chunk[at]! ^= 1;
      meet(spoil);
    }
    write(chunk);
  }

  function pass(chunk: Buffer, spoil: Spoil): void {
    switch (spoil.kind) {
      case "reset":
        return cut(chunk, spoil.afterBytes, () => client.resetAndDestroy(), spoil);
      case "truncate":
        return cut(chunk, spoil.afterBytes, () => client.end(), spoil);
      case "flip":
        return flip(chunk, spoil);
      case "hang":
      case "slow":
        meet(spoil);
        held.push(chunk);
        if (spoil.kind === "slow") timer ??= setInterval(drip, spoil.everyMs);
    }
  }

  function release(): void {
    clearInterval(timer);
    timer = undefined;
    for (const chunk of held.splice(0)) write(chunk);
  }

  client.on("close", () => clearInterval(timer));
  return {
    push(chunk) {
      answer = Buffer.concat([answer, chunk]);
      if (play.spoil) pass(chunk, play.spoil);
      else write(chunk);
    },
    next: () => void ((answer = Buffer.alloc(0)), (counted = undefined)),
    release,
  };
}
