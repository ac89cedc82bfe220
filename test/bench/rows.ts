// The rows of the table: which load, on the daemon and on what it is compared with.

/** A load: options of the generator, or the client library's process. */
export interface Load {
  readonly mode: "unary" | "session" | "batch" | "bare-unary" | "bare-stream" | "client";
  readonly inFlight: number;
  readonly connections: number;
  /** Calls in a frame or a Batch. */
  readonly frame?: number;
}

/** A row. `bare` is what the bare handler does beside it; a row without has no counterpart there. */
export interface Row {
  readonly name: string;
  readonly ours: Load;
  readonly bare?: Load;
}

const unary = (inFlight: number): Row => {
  const spread = { inFlight, connections: Math.min(inFlight, 4) };
  return {
    name: `unary, ${inFlight} in flight`,
    ours: { mode: "unary", ...spread },
    bare: { mode: "bare-unary", ...spread },
  };
};

const stream: Load = { mode: "bare-stream", inFlight: 64, connections: 1 };

const session = (frame: number): Row => ({
  name: `Session, frames of ${frame}`,
  ours: { mode: "session", inFlight: frame === 1 ? 64 : 24, connections: 1, frame },
  bare: stream,
});

const batch: Row = {
  name: "Batch of 100",
  ours: { mode: "batch", inFlight: 4, connections: 1, frame: 100 },
};

const client: Row = {
  name: "client library, 64 in flight",
  ours: { mode: "client", inFlight: 64, connections: 1 },
  bare: { mode: "bare-unary", inFlight: 32, connections: 4 },
};

/** All rows, in the table's order. */
export const rows: readonly Row[] = [unary(1), unary(8), unary(32), client, session(1), session(8), session(32), batch];
