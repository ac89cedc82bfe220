// The part `listeners`: where callers come in.

import { z } from "zod";
import { attributes } from "./attributes.ts";
import { address, flag, name, path, wholeNumber } from "./words.ts";

const common = {
  admin: flag.prefault(false).describe("Serves the admin API (`keybroker.admin.v1`) here too."),
  maxConnections: wholeNumber(1, 65_535).prefault(256).describe("Connections at once; further ones are closed."),
};

const modeWords = 'expected a file mode in quotes, such as "0600" or "0660"';
const owner = wholeNumber(0, 4_294_967_294);

/** A unix socket. */
const unixListener = z
  .strictObject(
    {
      unix: path("a unix socket").describe(
        "The socket's path, at most 100 bytes, in a folder that is the daemon's own.",
      ),
      identity: name.describe("Who everyone is that can open the socket."),
      attributes,
      mode: z
        .string({ error: modeWords })
        .regex(/^0[0-7]{3}$/, { error: modeWords })
        .transform((mode) => Number.parseInt(mode, 8))
        .meta({ title: "mode" })
        .prefault("0600")
        .describe("The socket's file mode, in quotes: who can open it."),
      uid: owner.optional().describe("The socket's owner, a number. Left out: the daemon's user."),
      gid: owner.optional().describe("The socket's group, a number. Left out: the folder's or the daemon's group."),
      ...common,
    },
    { error: "expected a map with unix and identity, or with tcp and tls" },
  )
  .describe("A unix socket: everyone who can open it has its identity.");

const tls = z
  .strictObject(
    {
      cert: path("a PEM file").describe("The server's certificate and intermediates, a PEM file."),
      key: path("a PEM file").describe("The certificate's private key, a PEM file."),
    },
    { error: "expected a map with cert and key" },
  )
  .describe("The server's own certificate. The files are read again when they changed.");

/** TCP with mutual TLS. */
const tcpListener = z
  .strictObject(
    {
      tcp: address("an address to listen on").describe("The address to listen on. Port 0 lets the kernel choose."),
      tls,
      ...common,
    },
    { error: "expected a map with unix and identity, or with tcp and tls" },
  )
  .describe("TCP with TLS 1.3, where callers show a certificate or a token; `identities` says whose.");

/** Either of them. */
export const listener = z.union([unixListener, tcpListener]);

const undecided = z.custom<never>(() => false, { error: "a listener has either unix or tcp, not both" });

/** The schema that a listener was meant for. */
export function listenerSchema(value: unknown): z.ZodType<ListenerEntry> {
  const has = (field: string) => typeof value === "object" && value !== null && field in value;
  if (has("unix") && has("tcp")) return undecided;
  return has("tcp") ? tcpListener : unixListener;
}

/** A listener as the schema leaves it. */
export type ListenerEntry = z.output<typeof unixListener> | z.output<typeof tcpListener>;
