// Services of packages that load protobufjs: loaded at their first call, so that start and idle memory do not pay.

import { createRequire } from "node:module";
import type {
  MethodDefinition,
  Server,
  ServerWritableStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { Door } from "./grpc/index.ts";

const load = createRequire(import.meta.url);

/** What a package's `addToServer` gives a server. */
export interface Loaded {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** A method's outline: all that must be known before its package is loaded. */
export interface Outline {
  readonly path: string;
  /** Both directions stream, the answers do, or neither. */
  readonly kind: "unary" | "serverStream" | "bidi";
}

/** Loads a package of CommonJS, at once. */
export function requirePackage<T>(name: string): T {
  return load(name) as T;
}

/** Catches what `addToServer` would add, by service. */
export function capture(addToServer: (server: Server) => void): Loaded[] {
  const caught: Loaded[] = [];
  const addService = (definition: ServiceDefinition, implementation: UntypedServiceImplementation) =>
    void caught.push({ definition, implementation });
  addToServer({ addService } as unknown as Server);
  return caught;
}

/** A service whose messages and handlers come from `loaded()`, which is called at the first request. */
export function lazyService(outlines: readonly Outline[], loaded: () => readonly Loaded[]): Door {
  let methods: Map<string, LoadedMethod> | undefined;
  const method = (path: string) => (methods ??= indexed(loaded())).get(path)!;
  const definition = outlines.map(({ path, kind }): [string, MethodDefinition<unknown, unknown>] => [
    path,
    {
      path,
      requestStream: kind === "bidi",
      responseStream: kind !== "unary",
      requestSerialize: (value) => method(path).definition.requestSerialize(value),
      requestDeserialize: (bytes) => method(path).definition.requestDeserialize(bytes),
      responseSerialize: (value) => method(path).definition.responseSerialize(value),
      responseDeserialize: (bytes) => method(path).definition.responseDeserialize(bytes),
    },
  ]);
  const streams = new Set<Stream>();
  const unary = (path: string) => (call: unknown, callback: unknown) => method(path).handle(call, callback);
  const streaming = (path: string) => (stream: Stream) => {
    streams.add(stream);
    stream.once("close", () => streams.delete(stream));
    method(path).handle(stream);
  };
  const handler = ({ path, kind }: Outline) => (kind === "unary" ? unary(path) : streaming(path));
  return {
    definition: Object.fromEntries(definition),
    implementation: Object.fromEntries(outlines.map((one) => [one.path, handler(one)])),
    drain() {
      for (const stream of streams) stream.end();
    },
  };
}

type Stream = ServerWritableStream<unknown, unknown>;

interface LoadedMethod {
  readonly definition: MethodDefinition<unknown, unknown>;
  readonly handle: (call: unknown, callback?: unknown) => void;
}

function indexed(services: readonly Loaded[]): Map<string, LoadedMethod> {
  const methods = services.flatMap(({ definition, implementation }) =>
    Object.entries(definition).map(([name, method]): [string, LoadedMethod] => {
      const handle = implementation[name] ?? implementation[method.originalName!];
      return [method.path, { definition: method, handle: handle as LoadedMethod["handle"] }];
    }),
  );
  return new Map(methods);
}
