// What a listener's accepted connections come to: a gRPC server under one configuration, ended on its own.

import type { Socket } from "node:net";
import type { Server } from "@grpc/grpc-js";
import type { Configuration, ListenerConfiguration } from "../config/configuration.ts";
import type { Service } from "../operations/graph.ts";
import type { Refusal } from "./address.ts";
import { callersOf } from "./caller.ts";
import type { CallerOf, Door } from "./grpc/index.ts";
import { createGrpcServer } from "./grpc-server.ts";
import { awaitPreface } from "./preface.ts";

/** Tells a listener's services: what its front door offers to callers. */
export type ServicesOf = (listener: ListenerConfiguration, service: Service, callerOf: CallerOf) => readonly Door[];

/** A gRPC server behind a listener. */
export interface FrontDoor {
  /** Takes over an accepted connection. */
  admit(socket: Socket): void;
  /** Asks the clients to leave, answers what they have asked, and after `graceMs` ends what is left. */
  close(graceMs: number): Promise<void>;
}

/** Opens a front door. */
export function openFrontDoor(
  listener: ListenerConfiguration,
  limits: Configuration["limits"],
  service: Service,
  servicesOf: ServicesOf,
  refused: (why: Refusal, error?: Error) => void,
): FrontDoor {
  const { server, injector } = createGrpcServer(limits, (error) => refused("protocol", error));
  const doors = servicesOf(listener, service, callersOf(listener));
  for (const { definition, implementation } of doors) server.addService(definition, implementation);
  const sockets = new Set<Socket>();
  const waiting = new Set<Socket>();
  return {
    admit(socket) {
      sockets.add(socket);
      waiting.add(socket);
      socket.once("close", () => {
        sockets.delete(socket);
        waiting.delete(socket);
      });
      socket.on("error", ignore);
      awaitPreface(socket, limits.prefaceTimeoutMs, (ready) => {
        waiting.delete(socket);
        if (ready) injector.injectConnection(socket);
        else refused("preface");
      });
    },
    close(graceMs) {
      for (const door of doors) door.drain();
      const ended = shutDown(server, sockets, graceMs);
      for (const socket of waiting) socket.destroy();
      return ended;
    },
  };
}

/**
 * Ends when the last connection has: a connection ends with its last call. grpc-js's own callback comes too early,
 * since node:http2 marks a server's sessions closed before their calls have been answered.
 */
function shutDown(server: Server, sockets: ReadonlySet<Socket>, graceMs: number): Promise<void> {
  server.tryShutdown(() => undefined);
  const ends = [...sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve)));
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, graceMs);
  return Promise.all(ends).then(() => clearTimeout(timer));
}

/** A connection's errors end it, which is all that is to be done; without a listener they would end the daemon. */
function ignore(): void {}
