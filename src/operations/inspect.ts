// Inspect: reads an envelope's public header. No provider is asked and nothing is proven.

import { kindName } from "../envelope/index.ts";
import type { Envelope } from "../envelope/types.ts";
import { onKey } from "./on-key.ts";
import type { Operation } from "./operation.ts";
import { readEnvelope } from "./requests.ts";
import type { EnvelopeSubject } from "./requests.ts";

export interface InspectRequest {
  readonly envelope: Uint8Array;
}

export interface InspectResponse {
  readonly header: Envelope;
  /** The configuration's name for each recipient's provider, and its kind's; the first is empty where it has none. */
  readonly recipients: readonly { readonly provider: string; readonly kind: string }[];
}

export const inspect: Operation<InspectRequest, InspectResponse, EnvelopeSubject> = {
  name: "inspect",
  read: readEnvelope,
  authorise: onKey("inspect"),
  act({ graph, subject }, key) {
    const header = subject.envelope;
    const recipients = graph.broker.recipientsOf(key, header).map(({ provider, kind }, index) => {
      const { kind: number } = header.recipients[index]!;
      return { provider, kind: kind === String(number) ? kindName(number) : kind };
    });
    return { header, recipients };
  },
};
