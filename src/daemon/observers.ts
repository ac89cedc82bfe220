// What the parts tell of themselves, sent on to the log and the metrics.

import type { BrokerObserver } from "../broker/index.ts";
import type { IdentityEvents } from "../identity/index.ts";
import type { ListenerEvents } from "../server/index.ts";
import { oncePerBurst } from "../telemetry/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";
import type { StopsNotice } from "../stops/index.ts";
import type { GraphParts } from "./build-graph.ts";

/** Hears the broker. */
export function brokerObserver(log: Log, telemetry: Telemetry): BrokerObserver {
  return {
    providerCall(provider, operation, outcome, seconds, error) {
      telemetry.providerCall(provider, operation, outcome, seconds);
      // What a look finds is said once, and when it changes.
      const level = operation === "probe" ? "debug" : "warn";
      if (outcome !== "done") log[level]("provider-call-failed", { provider, operation, outcome, error });
    },
    branchKey(key, outcome, error) {
      telemetry.branchKey(key, outcome);
      if (outcome === "made") log.debug("branch-key-made", { key });
      else log.warn(outcome === "partial" ? "branch-key-partial" : "branch-key-failed", { key, outcome, error });
    },
    load: (key, outcome) => telemetry.load(key, outcome),
    sealedShort: (key) => telemetry.sealedShort(key),
    purged(key, provider) {
      const message = "a master key is disabled, or not ours to use any more: the key's branch keys were forgotten";
      log.warn("branch-keys-purged", { key, provider, message });
    },
    wrapLimit(provider, masterKey, wraps, limit) {
      const message = `this process alone wrapped ${wraps} times with ${masterKey}, which may wrap ${limit} times: rotate it`;
      log.warn("wrap-limit-near", { provider, message });
    },
    notice(provider, { topic, level, message }) {
      telemetry.notice(provider, topic, level);
      log[level === "error" ? "error" : "warn"]("provider-notice", { provider, outcome: topic, message });
    },
  };
}

/** Hears the listeners. */
export function listenerEvents(log: Log, telemetry: Telemetry): ListenerEvents {
  const bursts = oncePerBurst(() => performance.now());
  return {
    refused(listener, why, error) {
      telemetry.refusedConnection(listener, why);
      const unsaid = bursts.admit(`${listener} ${why}`);
      if (unsaid === undefined) return;
      const more = unsaid > 0 && { message: `and ${unsaid} more since this was last said` };
      log.warn("connection-refused", { listener, outcome: why, error, ...more });
    },
    certificateRenewed(listener) {
      telemetry.trust("certificate", "renewed");
      log.info("trust-renewed", { listener, outcome: "certificate" });
    },
    certificateKept(listener, error) {
      telemetry.trust("certificate", "kept");
      const message = "the certificate files cannot be used: the last good ones stay in force";
      log.error("certificate-kept", { listener, message, error });
    },
  };
}

/** Hears the identities. */
export function identityEvents(log: Log, telemetry: Telemetry): IdentityEvents {
  return {
    renewed(what, file) {
      telemetry.trust(what, "renewed");
      log.info("trust-renewed", { file, outcome: what });
    },
    kept(what, file, { message: why }) {
      telemetry.trust(what, "kept");
      log.error("trust-kept", { file, outcome: what, message: `${why}: what was read before stays in force` });
    },
    unreachable(url, usable, error) {
      telemetry.trust("keys", "unreachable");
      const rest = usable ? "those fetched before stay in force" : "tokens that it issued are refused";
      log.warn("keys-unreachable", { address: url, message: `the issuer's keys cannot be fetched: ${rest}`, error });
    },
    tokenRefused(listener, why) {
      telemetry.refusedToken(listener, why);
      log.warn("token-refused", { listener, outcome: why });
    },
  };
}

/** Hears the quotas. */
export function quotaNotice(log: Log, telemetry: Telemetry): GraphParts["quotaNotice"] {
  return ({ event, bound, identity, key = "", limit }) => {
    telemetry.quota(identity, key, bound, event);
    const whose = `${identity}'s ${bound === "quota" ? `quota of ${limit}` : `limit ${bound} of ${limit}`}`;
    const message = event === "near" ? `${whose} is used to four fifths` : `${whose} is spent: calls are refused`;
    log.warn(`quota-${event}`, { key, outcome: bound, message });
  };
}

/** Hears the stops. */
export function stopsNotice(log: Log, record: (notice: StopsNotice) => void): GraphParts["stopsNotice"] {
  return (notice) => {
    const { event, keys = [], epoch, error } = notice;
    record(notice);
    const said = messages[event];
    const fields = { changed: keys, error, message: `${said} (epoch ${epoch})` };
    if (event === "store-found" || event === "resumed") log.info(event, fields);
    else log.error(event, fields);
  };
}

const messages: Readonly<Record<StopsNotice["event"], string>> = {
  stopped: "an emergency stop is in force: these keys open nothing",
  resumed: "an emergency stop was lifted",
  "store-lost": "the store does not answer: known stops stay in force, and quotas are counted in memory",
  "store-found": "the store answers again",
  "mirror-failed": "the local file of stops cannot be used: without the store, a restart would not know of the stops",
};

/** Hears the audit log. */
export function auditNotice(log: Log): GraphParts["auditNotice"] {
  return ({ event, folder, code, sink }) => {
    if (event === "checkpoint") return;
    if (sink !== undefined) {
      const message =
        event === "sink-failed"
          ? `audit records cannot be sent to ${sink}: they wait in their files, and calls go on`
          : `audit records are sent to ${sink} again`;
      return log.warn(`audit-${event}`, { file: folder, outcome: code, message });
    }
    if (event !== "unavailable") return log.warn(`audit-${event}`, { file: folder, outcome: code });
    const message = "records cannot be written: calls fail until they can";
    log.error("audit-unavailable", { file: folder, outcome: code, message });
  };
}
