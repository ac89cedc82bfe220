// Fetches an issuer's public keys over HTTPS, within bounds.

import { readFileSync } from "node:fs";
import { get } from "node:https";
import { parseKeySet, type KeySet } from "../config/index.ts";

/** A set of a hundred keys has some 100 KiB. */
const maxBytes = 262_144;
/** For all of it: name, connection, TLS, answer. */
const timeoutMs = 5_000;

/**
 * The set at this URL. The server is believed by `ca`, a PEM file that is read for each fetch, or else by the system's
 * authorities; redirections are not followed. Rejects with the transport's error or a PemError.
 */
export async function fetchKeySet({
  url,
  ca,
}: {
  readonly url: string;
  readonly ca: string | undefined;
}): Promise<KeySet> {
  const trusted = ca === undefined ? {} : { ca: readFileSync(ca) };
  const headers = { accept: "application/jwk-set+json, application/json" };
  const text = await new Promise<string>((resolve, reject) => {
    // A connection of its own: fetches are minutes apart.
    const options = {
      ...trusted,
      headers,
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      minVersion: "TLSv1.2",
    } as const;
    const request = get(url, options, (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on("error", reject);
      response.on("data", (part: Buffer) => {
        parts.push(part);
        if ((bytes += part.length) > maxBytes) request.destroy(new Error(`the answer is over ${maxBytes} bytes`));
      });
      response.on("end", () => {
        if (response.statusCode === 200) resolve(Buffer.concat(parts).toString("utf8"));
        else reject(new Error(`the answer is HTTP ${response.statusCode}`));
      });
    });
    request.on("error", reject);
  });
  return parseKeySet(text, url);
}
