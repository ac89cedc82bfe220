// One listener: a bound address whose connections go to the front door of the configuration in force.

import type { Socket } from "node:net";
import type { Configuration, ListenerConfiguration } from "../config/configuration.ts";
import type { Service } from "../operations/graph.ts";
import type { BoundAddress, Intake, ListenerEvents, Refusal } from "./address.ts";
import type { FrontDoor, ServicesOf } from "./front-door.ts";
import { openFrontDoor } from "./front-door.ts";
import { bindTcp } from "./tcp.ts";
import { bindUnix } from "./unix.ts";

/** What listeners are opened with. */
export interface ListenerParts {
  /** The daemon, as a listener of this name sees it. */
  service(listener: string): Service;
  readonly servicesOf: ServicesOf;
  readonly events: ListenerEvents;
}

/** A listener that is bound. */
export interface Listener {
  readonly name: string;
  readonly address: string;
  /** Connections it has now. */
  connections(): number;
  /** Takes over new settings for the same address; clients of the old ones are asked to come again. */
  update(listener: ListenerConfiguration, configuration: Configuration): void;
  /** Unbinds at once, then ends the connections as a front door does. */
  close(graceMs: number): Promise<void>;
}

/** Binds a listener. Throws ListenError. */
export async function openListener(
  listener: ListenerConfiguration,
  configuration: Configuration,
  parts: ListenerParts,
): Promise<Listener> {
  const opened = new OpenListener(listener, configuration, parts);
  const bind = "unix" in listener ? bindUnix(listener, opened) : bindTcp(listener, configuration, opened);
  opened.start(await bind);
  return opened;
}

class OpenListener implements Listener, Intake {
  readonly #parts: ListenerParts;
  readonly #sockets = new Set<Socket>();
  readonly #leaving = new Set<Promise<void>>();
  #listener: ListenerConfiguration;
  #limits: Configuration["limits"];
  #door: FrontDoor;
  #bound: BoundAddress | undefined;

  constructor(listener: ListenerConfiguration, { limits }: Configuration, parts: ListenerParts) {
    this.#parts = parts;
    this.#listener = listener;
    this.#limits = limits;
    this.#door = this.#openDoor();
  }

  get name(): string {
    return this.#listener.name;
  }

  get address(): string {
    return this.#bound!.address;
  }

  start(bound: BoundAddress): void {
    this.#bound = bound;
    const { server } = bound;
    server.maxConnections = this.#listener.maxConnections;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.on("drop", () => this.refused(this.name, "connections"));
    server.on("error", (error) => this.refused(this.name, "accept", error));
  }

  connections(): number {
    return this.#sockets.size;
  }

  admit(socket: Socket): void {
    this.#door.admit(socket);
  }

  refused(listener: string, why: Refusal, error?: Error): void {
    this.#parts.events.refused(listener, why, error);
  }

  certificateRenewed(listener: string): void {
    this.#parts.events.certificateRenewed(listener);
  }

  certificateKept(listener: string, error: Error): void {
    this.#parts.events.certificateKept(listener, error);
  }

  update(listener: ListenerConfiguration, configuration: Configuration): void {
    const changed = doorSettings(listener, configuration.limits) !== doorSettings(this.#listener, this.#limits);
    this.#listener = listener;
    this.#limits = configuration.limits;
    this.#bound!.server.maxConnections = listener.maxConnections;
    this.#bound!.update(listener, configuration);
    if (!changed) return;
    const left = this.#door;
    this.#door = this.#openDoor();
    const leaving = left.close(configuration.limits.drainTimeoutMs).finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  async close(graceMs: number): Promise<void> {
    this.#bound!.release();
    const timer = setTimeout(() => this.#destroySockets(), graceMs);
    await Promise.all([this.#door.close(graceMs), ...this.#leaving]);
    clearTimeout(timer);
    this.#destroySockets();
  }

  #openDoor(): FrontDoor {
    const service = this.#parts.service(this.#listener.name);
    const refused = (why: Refusal, error?: Error) => this.refused(this.name, why, error);
    return openFrontDoor(this.#listener, this.#limits, service, this.#parts.servicesOf, refused);
  }

  #destroySockets(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** What a front door is made of: when it changes, a new one is opened. */
function doorSettings({ name, admin }: ListenerConfiguration, limits: Configuration["limits"]): string {
  return JSON.stringify([name, admin, limits]);
}
