// What the parts tell of themselves, sent on to the log and the metrics.

import type { BrokerObserver } from "../broker/index.ts";
import type { ListenerEvents } from "../server/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";
import type { GraphParts } from "./build-graph.ts";

/** Hears the broker. */
export function brokerObserver(log: Log, telemetry: Telemetry): BrokerObserver {
  return {
    providerCall(provider, operation, outcome, seconds, error) {
      telemetry.providerCall(provider, operation, outcome, seconds);
      if (outcome !== "done") log.warn("provider-call-failed", { provider, operation, outcome, error });
    },
    branchKey(key, outcome, error) {
      telemetry.branchKey(key, outcome);
      if (outcome === "made") log.debug("branch-key-made", { key });
      else log.warn(outcome === "partial" ? "branch-key-partial" : "branch-key-failed", { key, outcome, error });
    },
    load: (key, outcome) => telemetry.load(key, outcome),
  };
}

/** Hears the listeners. */
export function listenerEvents(log: Log, telemetry: Telemetry): ListenerEvents {
  return {
    refused(listener, why, error) {
      telemetry.refusedConnection(listener, why);
      log.warn("connection-refused", { listener, outcome: why, error });
    },
    certificateKept(listener, error) {
      const message = "the certificate files cannot be used: the last good ones stay in force";
      log.error("certificate-kept", { listener, message, error });
    },
  };
}

/** Hears the audit log. */
export function auditNotice(log: Log): GraphParts["auditNotice"] {
  return ({ event, folder, code }) => {
    if (event !== "unavailable") return log.warn(`audit-${event}`, { file: folder });
    const message = "records cannot be written: calls fail until they can";
    log.error("audit-unavailable", { file: folder, outcome: code, message });
  };
}
