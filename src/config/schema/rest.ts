// The smaller parts: audit, metrics, log and limits.

import { z } from "zod";
import { contextNames } from "./keys.ts";
import { address, duration, httpUrl, oneOf, path, rate, size, syslogAddress, wholeNumber } from "./words.ts";

const syslogWords =
  'expected where syslog listens as "udp:host:port", "tcp:host:port" or "tls:host:port", such as "tls:logs.example:6514"';

/** Where records are sent on to. */
const sinks = z
  .strictObject({
    syslog: z
      .strictObject({
        address: syslogAddress(syslogWords).describe(
          "Where it listens: `udp:host:port`, `tcp:host:port` or `tls:host:port`. Only `tls:` keeps records from being read and changed on their way.",
        ),
        ca: path("a PEM file")
          .optional()
          .describe("With `tls:`, the authorities that may vouch for it. Left out: the system's."),
      })
      .optional()
      .describe("Messages of RFC 5424, counted by octets over TCP and TLS."),
    otlp: z
      .strictObject({
        endpoint: httpUrl("a collector").describe(
          "The collector's whole URL, such as `http://127.0.0.1:4318/v1/logs`. Headers and certificates: the OTEL_EXPORTER_OTLP_ variables.",
        ),
      })
      .optional()
      .describe("Logs of OpenTelemetry, by OTLP over HTTP."),
  })
  .prefault({})
  .describe("Where records and checkpoints are sent on to. They are read from the files: what is down delays no call.");

/** Where every attempt is recorded. */
export const audit = z
  .strictObject({
    folder: path("a folder")
      .optional()
      .describe(
        "Where the logs are written, a folder of the daemon's own. Left out: `audit` beside the configuration file.",
      ),
    durability: oneOf(["write", "fsync"])
      .prefault("write")
      .describe(
        "When a record counts as written: `write` once the system has it, which a crash of the daemon survives; `fsync` once it is on the disk, which a crash of the machine survives too.",
      ),
    signingKey: path("a PEM file")
      .optional()
      .describe(
        "The Ed25519 key that signs checkpoints, PKCS#8 PEM, mode 0600; made where it is missing, with its public key beside it (`.pub`). Left out: `checkpoint-key.pem` in the folder.",
      ),
    checkpointEvery: duration("1s", "1h")
      .prefault("10s")
      .describe("The longest that a record is without a signed checkpoint over it."),
    rotateAt: size("1MiB", "64GiB").prefault("1GiB").describe("A file of this size is ended and compressed."),
    keep: duration("1d", "36500d")
      .optional()
      .describe("How long files are kept after their last record; their removal is recorded. Left out: for ever."),
    reserve: size("0B", "64GiB")
      .prefault("16MiB")
      .describe("Room kept on the disk, so that granted restores can be recorded when it is full."),
    denialsPerSecond: wholeNumber(1, 100_000)
      .prefault(100)
      .describe("Denials of one identity that are recorded one by one; those beyond are one counted record a second."),
    sinks,
    contextValues: contextNames
      .prefault([])
      .describe("Context pairs whose values are recorded, by name. Other values are not: they may be personal."),
  })
  .prefault({})
  .describe("The record of every attempt.");

/** The HTTP endpoint for monitoring. */
export const metrics = z
  .strictObject({
    listen: address("an address to listen on").describe(
      "Where `/livez`, `/readyz` and `/metrics` are served over plain HTTP: a loopback address.",
    ),
  })
  .optional()
  .describe("Monitoring over HTTP. Left out: none.");

/** The log on standard error. */
export const log = z
  .strictObject({
    level: oneOf(["error", "warn", "info", "debug"]).prefault("info").describe("The least that is logged."),
  })
  .prefault({})
  .describe("The log on standard error.");

/** Where counts, stops and grants are kept. */
export const store = z
  .strictObject(
    {
      sqlite: path("a file").describe(
        "A file of the daemon's own, which processes of one machine may share. `stops.json` is written beside it.",
      ),
    },
    { error: "expected a map with sqlite" },
  )
  .optional()
  .describe(
    "Counts of quotas, stops and grants. Left out: quotas are counted in memory alone, and begin anew with each start.",
  );

/** Bounds that keep one caller or backend from taking the daemon with it. */
export const limits = z
  .strictObject({
    callTimeout: duration("100ms", "10m").prefault("10s").describe("A call's longest life, whatever its caller says."),
    drainTimeout: duration("0s", "10m")
      .prefault("10s")
      .describe("How long calls under way may take to end after SIGTERM."),
    idleTimeout: duration("1s", "1d").prefault("5m").describe("How long a connection without a call is kept."),
    prefaceTimeout: duration("100ms", "1m")
      .prefault("5s")
      .describe("How long a new connection may take to say that it speaks HTTP/2, TLS handshake included."),
    maxStreamsPerConnection: wholeNumber(1, 10_000).prefault(128).describe("Calls at once on one connection."),
    maxMessage: size("1KiB", "4MiB").prefault("4MiB").describe("The largest message."),
    maxHeaders: size("1KiB", "64KiB").prefault("8KiB").describe("The largest request headers."),
    maxProviderCalls: wholeNumber(1, 10_000).prefault(64).describe("Calls at once to one provider."),
    providerTimeout: duration("100ms", "5m").prefault("5s").describe("How long one call to a provider may take."),
    probeInterval: duration("1s", "1h")
      .prefault("30s")
      .describe("How often every master key is looked at; while a provider is down, every 5s if that is more often."),
    refusedLoads: rate()
      .prefault("60/m")
      .describe(
        "Envelopes of one identity that providers may refuse; beyond it, no call of that identity reaches one.",
      ),
    providerCallsPerIdentity: rate()
      .optional()
      .describe("Calls of one identity that may reach a provider. Left out: as many as its quotas let."),
  })
  .prefault({})
  .describe("Bounds that keep one caller or backend from taking the daemon with it.");
