// The OpenTelemetry sink: records as logs over OTLP/HTTP, through OpenTelemetry's own exporter.

import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import type { Item, Target } from "./sink.ts";

/** Numbers of OpenTelemetry's log data model: INFO and WARN. */
const severities = { INFO: 9, WARN: 13 } as const;

const exportTimeoutMs = 10_000;

/** Makes the target. `endpoint` is the collector's whole URL, such as `http://127.0.0.1:4318/v1/logs`. */
export function otlpTarget(endpoint: string, version: string): Target {
  const exporter = new OTLPLogExporter({ url: endpoint, timeoutMillis: exportTimeoutMs });
  const resource = { attributes: { "service.name": "keybroker", "service.version": version } };
  const shared = {
    resource: resource as unknown as ReadableLogRecord["resource"],
    instrumentationScope: { name: "keybroker.audit" },
    droppedAttributesCount: 0,
  };
  return {
    send: (items) =>
      new Promise((resolve, reject) => {
        exporter.export(
          items.map((item) => ({ ...logRecord(item), ...shared })),
          ({ code, error }) =>
            Number(code) === 0 ? resolve() : reject(error ?? new Error("the collector refused the records")),
        );
      }),
    close: () => exporter.shutdown(),
  };
}

function logRecord({
  line,
  fields,
}: Item): Omit<ReadableLogRecord, "resource" | "instrumentationScope" | "droppedAttributesCount"> {
  const { time, event, outcome } = fields;
  const atMs = typeof time === "string" ? Date.parse(time) : Number.NaN;
  const nowMs = Date.now();
  const severity = outcome === undefined || outcome === "done" ? "INFO" : "WARN";
  return {
    hrTime: hrTime(Number.isNaN(atMs) ? nowMs : atMs),
    hrTimeObserved: hrTime(nowMs),
    severityText: severity,
    severityNumber: severities[severity],
    ...(typeof event === "string" && { eventName: `keybroker.audit.${event}` }),
    // Whole, so that whoever has the logs of a collector can verify the chain.
    body: line,
    attributes: attributesOf(fields),
  };
}

function attributesOf(fields: Item["fields"]): Record<string, string | number> {
  const found: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(fields)) {
    const isPlain = typeof value === "string" || typeof value === "number";
    if (isPlain && name !== "prev" && name !== "note" && name !== "time") found[`keybroker.${name}`] = value;
  }
  return found;
}

function hrTime(ms: number): [number, number] {
  return [Math.floor(ms / 1_000), (ms % 1_000) * 1_000_000];
}
