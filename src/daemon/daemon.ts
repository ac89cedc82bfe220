// A daemon: the graph in force behind its listeners, from start to drain.

import { configurationFrom, loadConfiguration } from "../config/index.ts";
import type { Configuration, LoadedConfiguration } from "../config/index.ts";
import type { Facts, Service } from "../operations/index.ts";
import type { StopsNotice } from "../stops/index.ts";
import { openListeners, standardServices } from "../server/index.ts";
import type { Listeners, ListenerParts, Prepared } from "../server/index.ts";
import { createTelemetry } from "../telemetry/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";
import { buildGraph, closeGraph } from "./build-graph.ts";
import type { DaemonGraph, GraphParts } from "./build-graph.ts";
import { embeddedKey, prepareEmbedded } from "./embedded.ts";
import type { Embedded } from "./embedded.ts";
import { createMonitoring } from "./monitoring.ts";
import type { Monitoring } from "./monitoring.ts";
import { createProbing } from "./probing.ts";
import type { Probing } from "./probing.ts";
import { auditNotice, brokerObserver, identityEvents, listenerEvents, quotaNotice, stopsNotice } from "./observers.ts";
import { logProblems, reloadRecord } from "./reload-report.ts";
import { selfCheck } from "./self-check.ts";
import { stopRecord, stopState, stopWarnings } from "./stop-report.ts";
import { tryItLines } from "./try-it.ts";
import { packageVersion } from "./version.ts";

/** How to start. */
export interface DaemonOptions {
  /** A configuration file; without one, the embedded default is served. */
  readonly configFile?: string;
  /** The embedded default's state folder. */
  readonly stateDir: string;
  readonly log: Log;
}

/** A running daemon. */
export interface Daemon {
  /** Where it listens, as clients say it, by listener. */
  addresses(): ReadonlyMap<string, string>;
  /** Where monitoring is served. */
  monitoringAddress(): string | undefined;
  facts(): Facts;
  /** Lines for a newcomer to paste; empty with a configuration file. */
  readonly tryIt: readonly string[];
  /** Reads the configuration again. True when it is in force; else the last one still is, and the log says why. */
  reload(): Promise<boolean>;
  /** Takes no more calls, answers those it has within limits.drainTimeoutMs, and leaves nothing but its state. */
  drain(): Promise<void>;
}

/**
 * Starts. Throws ConfigurationError, StartError, ListenError or BrokerError with nothing left open. A provider that is
 * down does not keep it from starting: its keys fail until it is back.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const embedded = options.configFile === undefined ? prepareEmbedded(options.stateDir) : undefined;
  const daemon = new RunningDaemon(options, embedded);
  await daemon.start();
  return daemon;
}

class RunningDaemon implements Daemon {
  readonly tryIt: readonly string[];
  readonly #options: DaemonOptions;
  readonly #embedded: Embedded | undefined;
  readonly #log: Log;
  readonly #telemetry: Telemetry = createTelemetry();
  readonly #parts: GraphParts;
  readonly #version = packageVersion();
  readonly #startedAt = new Date();
  readonly #monitoring: Monitoring = createMonitoring(this.#telemetry, () => this.#readiness());
  readonly #probing: Probing;
  readonly #background = new Set<Promise<void>>();
  #graph!: DaemonGraph;
  #listeners: Listeners | undefined;
  #configuredAt = new Date();
  #warnings: readonly string[] = [];
  #reloadError: string | undefined;
  #reloading: Promise<boolean> | undefined;
  #reloadAgain: Promise<boolean> | undefined;
  #draining: Promise<void> | undefined;

  constructor(options: DaemonOptions, embedded: Embedded | undefined) {
    this.#options = options;
    this.#embedded = embedded;
    this.#log = options.log;
    this.#probing = createProbing(options.log);
    this.tryIt = embedded === undefined ? [] : tryItLines(embedded.socket, embeddedKey);
    this.#parts = {
      observer: brokerObserver(this.#log, this.#telemetry),
      identityEvents: identityEvents(this.#log, this.#telemetry),
      version: this.#version,
      auditNotice: auditNotice(this.#log),
      quotaNotice: quotaNotice(this.#log, this.#telemetry),
      stopsNotice: stopsNotice(this.#log, (notice) => this.#recordStop(notice)),
    };
  }

  async start(): Promise<void> {
    const loaded = await this.#load();
    const { configuration } = loaded;
    this.#log.setLevel(configuration.log.level);
    this.#graph = await buildGraph(configuration, this.#parts);
    try {
      await this.#open(configuration);
    } catch (error) {
      await this.#listeners?.close(0);
      await this.#monitoring.close();
      await closeGraph(this.#graph, undefined);
      throw error;
    }
    this.#telemetry.watchConnections(() => this.#connections());
    this.#telemetry.watchBroker({ providers: () => this.#graph.broker.providers(), keys: () => this.#missing() });
    this.#telemetry.watchStops(() => stopState(this.#graph.stops));
    this.#telemetry.watchSinks(() => this.#graph.audit.sinks());
    this.#warn(loaded);
    this.#look(this.#graph);
  }

  async #open({ digest, metrics }: Configuration): Promise<void> {
    if (this.#embedded !== undefined) await this.#proveEmbedded();
    this.#listeners = await openListeners(this.#graph.configuration, this.#listenerParts());
    await this.#monitoring.follow(metrics);
    await this.#graph.audit.append({ event: "start", details: { digest, version: this.#version } });
  }

  addresses(): ReadonlyMap<string, string> {
    return new Map(this.#listeners!.list().map(({ name, address }) => [name, address]));
  }

  monitoringAddress(): string | undefined {
    return this.#monitoring.address();
  }

  facts(): Facts {
    return {
      version: this.#version,
      startedAt: this.#startedAt,
      configuredAt: this.#configuredAt,
      reloadError: this.#reloadError,
      warnings: [...this.#warnings, ...this.#probing.warnings(), ...stopWarnings(this.#graph.stops)],
    };
  }

  /** One at a time. Asked for while one runs, another follows it, since the file may have changed after it was read. */
  reload(): Promise<boolean> {
    if (this.#draining !== undefined) return Promise.resolve(false);
    if (this.#reloading === undefined) {
      this.#reloading = this.#reloadOnce().finally(() => (this.#reloading = undefined));
      return this.#reloading;
    }
    this.#reloadAgain ??= this.#reloading.then(() => {
      this.#reloadAgain = undefined;
      return this.reload();
    });
    return this.#reloadAgain;
  }

  drain(): Promise<void> {
    return (this.#draining ??= this.#drainOnce());
  }

  async #drainOnce(): Promise<void> {
    await this.#reloading;
    this.#probing.stop();
    const { limits } = this.#graph.configuration;
    await this.#listeners?.close(limits.drainTimeoutMs);
    await this.#graph.audit.append({ event: "stop" }).catch((error: unknown) => {
      this.#log.error("audit-unavailable", { error });
    });
    await closeGraph(this.#graph, undefined);
    await this.#monitoring.close();
    this.#telemetry.stop();
  }

  async #reloadOnce(): Promise<boolean> {
    try {
      // The reload may be what moves the audit off a broken disk.
      await this.#graph.audit.reopen().catch((error: unknown) => this.#log.error("audit-unavailable", { error }));
      const loaded = await this.#load();
      await this.#swap(loaded);
      this.#reloadError = undefined;
      this.#telemetry.reload(true);
      this.#warn(loaded);
      return true;
    } catch (error) {
      this.#reloadError = error instanceof Error ? error.message : "unknown";
      this.#telemetry.reload(false);
      logProblems(this.#log, error);
      return false;
    }
  }

  /** Makes and binds all that can fail first; from the record on, nothing does. */
  async #swap({ configuration }: LoadedConfiguration): Promise<void> {
    const before = this.#graph;
    const next = await buildGraph(configuration, this.#parts, before);
    let prepared: Prepared | undefined;
    try {
      prepared = await this.#listeners!.prepare(configuration);
      await this.#monitoring.follow(configuration.metrics);
      const record = reloadRecord(before.configuration, configuration);
      await next.audit.append({ event: "configuration", details: record });
      this.#graph = next;
      this.#configuredAt = new Date();
      prepared.commit();
      this.#log.setLevel(configuration.log.level);
      this.#log.info("configuration-loaded", record);
    } catch (error) {
      await prepared?.abandon();
      await this.#monitoring.follow(before.configuration.metrics).catch(() => undefined);
      await closeGraph(next, before);
      throw error;
    }
    this.#inBackground(closeGraph(before, next));
    this.#look(next);
  }

  /** The embedded default was proven before it was served. */
  #look(graph: DaemonGraph): void {
    this.#probing.follow(graph.broker, graph.configuration.limits.probeIntervalMs);
    if (this.#embedded === undefined) this.#inBackground(this.#checkKeys(graph));
  }

  #load(): Promise<LoadedConfiguration> {
    const { configFile } = this.#options;
    return configFile === undefined ? configurationFrom(this.#embedded!.text) : loadConfiguration(configFile);
  }

  async #proveEmbedded(): Promise<void> {
    const { broker, configuration } = this.#graph;
    const [found] = await selfCheck(broker, configuration.keys.values(), configuration.limits.callTimeoutMs);
    if (found?.error !== undefined) throw found.error as Error;
  }

  async #checkKeys({ broker, configuration }: DaemonGraph): Promise<void> {
    const found = await selfCheck(broker, configuration.keys.values(), configuration.limits.callTimeoutMs);
    if (this.#draining !== undefined || this.#graph.broker !== broker) return;
    for (const { key, error } of found.filter((one) => one.error !== undefined)) {
      const message = "the key does not wrap and unwrap: its calls fail until it does";
      this.#log.warn("self-check-failed", { key, message, error });
    }
  }

  #warn({ warnings }: LoadedConfiguration): void {
    const sentences = warnings.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
    for (const message of sentences) this.#log.warn("configuration-warning", { message });
    if (this.#embedded?.warning !== undefined) sentences.unshift(this.#embedded.warning);
    this.#warnings = sentences;
  }

  /** Those of the start are older than this process's log. */
  #recordStop(notice: StopsNotice): void {
    const record = stopRecord(notice);
    if (record && this.#listeners) this.#inBackground(this.#graph.audit.append(record));
  }

  #inBackground(work: Promise<void>): void {
    const kept: Promise<void> = work
      .catch((error: unknown) => this.#log.error("background-failed", { error }))
      .finally(() => this.#background.delete(kept));
    this.#background.add(kept);
  }

  #listenerParts(): ListenerParts {
    return {
      servicesOf: standardServices,
      events: listenerEvents(this.#log, this.#telemetry),
      service: (listener) => this.#serviceFor(listener),
    };
  }

  #serviceFor(listener: string): Service {
    return {
      graph: () => this.#graph,
      draining: () => this.#draining !== undefined,
      observe: this.#telemetry.calls(listener),
      fault: (operation, error) => {
        this.#telemetry.fault(operation);
        this.#log.error("fault", { listener, operation, error });
      },
      facts: () => this.facts(),
    };
  }

  #connections() {
    return this.#listeners!.list().map((listener) => ({
      listener: listener.name,
      connections: listener.connections(),
    }));
  }

  #missing() {
    return this.#graph.broker.keys().map(({ configuration: { name, wrapTo }, branchKey }) => {
      return { key: name, missing: branchKey === undefined ? 0 : wrapTo.length - branchKey.recipients };
    });
  }

  #readiness() {
    const { broker, configuration }: { broker: DaemonGraph["broker"]; configuration: Configuration } = this.#graph;
    return {
      ready: this.#draining === undefined,
      version: this.#version,
      configuration: configuration.digest,
      providers: broker.providers(),
    };
  }
}
