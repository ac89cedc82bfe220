// A small remote provider for trying the fault runner itself: master keys behind HTTP, in a server of ours.

import { z } from "zod";
import { BrokerError } from "../../../src/errors/index.ts";
import { secret } from "../../../src/provider/index.ts";
import type { Binding, MasterKey, Provider, ProviderKind, SecretSource } from "../../../src/provider/index.ts";
import { copy } from "../../../src/secret/index.ts";
import { crc32 } from "node:zlib";

const settings = z.strictObject({ url: z.url(), token: secret() });
const reference = z.strictObject({ key: z.string() });

type Settings = z.output<typeof settings>;

/** What the server answers. */
interface Answered {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly bytes: Buffer;
}

const kind: ProviderKind = {
  kind: "remote",
  number: 250,
  schemes: [1],
  settings,
  reference,
  open: (opened: Settings) => Promise.resolve(providerOf(opened)),
};

export default kind;

function providerOf({ url, token }: { url: string; token: SecretSource }): Provider {
  const ask = async (path: string, body: Uint8Array, binding: Binding | undefined, signal: AbortSignal) => {
    const { status, retryAfterMs, bytes } = await send(`${url}${path}`, body, {
      headers: { authorization: `Bearer ${token.read().toString()}`, binding: binding?.bytes.toString() ?? "" },
      signal,
    });
    if (status !== 200) throw failureOf(status, retryAfterMs);
    return bytes;
  };
  const masterKey = (id: string): MasterKey => ({
    id,
    async wrap(material, binding, signal) {
      const wrapped = await ask(`/${id}/wrap`, material, binding, signal);
      return { wrapped, scheme: 1, version: "1" };
    },
    async unwrap(wrapped, _scheme, binding, signal) {
      const material = copy(await ask(`/${id}/unwrap`, wrapped, binding, signal));
      return { material, version: "1", rewrapDue: false };
    },
    async probe(signal) {
      await ask(`/${id}/probe`, Buffer.alloc(0), undefined, signal);
    },
  });
  return {
    masterKey: (wanted) => Promise.resolve(masterKey((wanted as z.output<typeof reference>).key)),
    close: () => Promise.resolve(),
  };
}

async function send(url: string, body: Uint8Array, init: RequestInit): Promise<Answered> {
  try {
    const answer = await fetch(url, { ...init, method: "POST", body: body as Uint8Array<ArrayBuffer> });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const sum = answer.headers.get("crc32");
    if (sum !== String(crc32(bytes)))
      throw new BrokerError("PROVIDER_UNAVAILABLE", "the remote answer was damaged on its way");
    const seconds = answer.headers.get("retry-after");
    return { status: answer.status, retryAfterMs: seconds === null ? undefined : Number(seconds) * 1_000, bytes };
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause;
    throw new BrokerError("PROVIDER_UNAVAILABLE", "the remote key server cannot be reached", { cause });
  }
}

function failureOf(status: number, retryAfterMs: number | undefined): BrokerError {
  if (status === 400) return new BrokerError("ENVELOPE_REFUSED", "the remote key server refuses this blob");
  if (status === 403 || status === 410)
    return new BrokerError("KEY_DISABLED", "the remote master key is not ours to use");
  const details = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new BrokerError("PROVIDER_UNAVAILABLE", `the remote key server answers ${status}`, details);
}
