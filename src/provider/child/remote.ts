// The provider and its master keys as the daemon has them: each call goes to the child that lives at that time.

import { BrokerError, isBrokerError } from "../../errors/index.ts";
import type { Binding } from "../binding.ts";
import type { Finding, MasterKey, Protection, Provider, Unwrapped, VersionState, Wrapped } from "../provider.ts";
import { answers, finding, readAnswer } from "./answers.ts";
import type { Described } from "./answers.ts";
import type { Answer, Connection, Request } from "./connection.ts";
import type { BoundRequest, Operation } from "./messages.ts";
import { plainOf } from "./settings.ts";
import type { Supervisor } from "./supervisor.ts";

const maxFindings = 10_000;

/** The provider that passes everything on. */
export function remoteProvider(supervisor: Supervisor): Provider {
  return {
    async masterKey(reference, signal) {
      const plain = plainOf(reference);
      const connection = await supervisor.connection(signal);
      const [first, ...others] = await describe(connection, plain, signal);
      const unwrapOnly = others.map((other) => remoteKey(supervisor, plain, other));
      return remoteKey(supervisor, plain, first!, unwrapOnly);
    },
    examine: (references, signal) => examine(supervisor, references, signal),
    close: () => supervisor.close(),
  };
}

/** Asks for a reference's master keys and remembers the child's handles for them. */
async function describe(connection: Connection, reference: unknown, signal: AbortSignal): Promise<Described[]> {
  const answer = await connection.call("masterKey", { header: { reference } }, signal);
  const { keys } = readAnswer(connection.kind, answer, answers.masterKey);
  for (const { id, handle } of keys) connection.handles.set(nameOf(reference, id), handle);
  return keys;
}

function nameOf(reference: unknown, id: string): string {
  return `${JSON.stringify(reference)} ${id}`;
}

function remoteKey(
  supervisor: Supervisor,
  reference: unknown,
  described: Described,
  unwrapOnly: readonly MasterKey[] = [],
): MasterKey {
  const { id, wrapLimit, abilities } = described;
  const { kind } = supervisor;
  let protection: Protection | undefined = described.protection;

  async function call(operation: Operation, header: object, signal: AbortSignal, fields: readonly Uint8Array[] = []) {
    const connection = await supervisor.connection(signal);
    const key = await handleOf(connection, reference, id, signal);
    const request: Request = { header: { ...header, key }, fields };
    return await connection.call(operation, request, signal);
  }

  /** Learns, from what every answer may tell, what protects the master key. */
  function learnt<T extends { protection?: Protection | undefined }>(value: T): T {
    if (value.protection) protection = value.protection;
    return value;
  }

  return {
    id,
    unwrapOnly,
    ...(wrapLimit !== undefined && { wrapLimit }),
    get protection() {
      return protection;
    },
    async wrap(material, binding, signal): Promise<Wrapped> {
      const answer = await call("wrap", boundBy(binding), signal, [material, binding.bytes]);
      const { scheme, version } = learnt(readAnswer(kind, answer, answers.wrap, 1));
      return { wrapped: answer.fields[0]!, scheme, version };
    },
    async unwrap(wrapped, scheme, binding, signal): Promise<Unwrapped> {
      const answer = await call("unwrap", { ...boundBy(binding), scheme }, signal, [wrapped, binding.bytes]);
      const { version, rewrapDue } = learnt(readAnswer(kind, answer, answers.unwrap, 1));
      return { material: answer.fields[0]!, version, rewrapDue };
    },
    async probe(signal) {
      learnt(readAnswer(kind, await call("probe", {}, signal), answers.plain));
    },
    ...optionalParts(kind, call, abilities),
  };
}

type Call = (operation: Operation, header: object, signal: AbortSignal) => Promise<Answer>;

/** Those small optional interfaces that the child's master key has. */
function optionalParts(kind: string, call: Call, abilities: Described["abilities"]): Partial<MasterKey> {
  const versions = async (signal: AbortSignal) =>
    readAnswer(kind, await call("versions", {}, signal), answers.versions).versions;
  const rotate = async (signal: AbortSignal) =>
    readAnswer(kind, await call("rotate", {}, signal), answers.rotate).version;
  const setVersionState = async (version: string, state: VersionState, signal: AbortSignal) => {
    readAnswer(kind, await call("setVersionState", { version, state }, signal), answers.plain);
  };
  const parts = { versions, rotate, setVersionState };
  return Object.fromEntries(abilities.map((name) => [name, parts[name]]));
}

function boundBy({ pairs }: Binding): BoundRequest {
  return { pairs };
}

/** The child's handle for a master key. A child started later is asked for the reference first, once for all calls. */
async function handleOf(connection: Connection, reference: unknown, id: string, signal: AbortSignal): Promise<number> {
  const name = nameOf(reference, id);
  const known = connection.handles.get(name);
  if (known !== undefined) return known;
  await connection.resolving(name, signal, (shared) => describe(connection, reference, shared));
  const found = connection.handles.get(name);
  if (found !== undefined) return found;
  throw new BrokerError(
    "INTERNAL",
    `the ${connection.kind} provider names another master key since its process was started again: reload`,
  );
}

/** Findings as they come. A child that is not there is one, too. */
async function* examine(
  supervisor: Supervisor,
  references: readonly unknown[],
  signal: AbortSignal,
): AsyncIterable<Finding> {
  const end = new AbortController();
  try {
    const connection = await supervisor.connection(signal);
    yield* findings(connection, references.map(plainOf), AbortSignal.any([signal, end.signal]));
  } catch (error) {
    if (signal.aborted || !isBrokerError(error)) throw error;
    const fix = "see the daemon's log for how it ended, and try the backend's own tools as the daemon's user";
    yield { check: "provider process", outcome: "bad", detail: error.message, fix };
  } finally {
    end.abort(new BrokerError("INTERNAL", "nobody listens any more"));
  }
}

function findings(connection: Connection, references: unknown[], signal: AbortSignal): ReadableStream<Finding> {
  let left = maxFindings;
  return new ReadableStream<Finding>({
    start(controller) {
      const onItem = (item: unknown) => {
        if (left-- === 0) throw new TypeError("an examination without end");
        controller.enqueue(finding.parse(item));
      };
      connection.call("examine", { header: { references }, onItem }, signal).then(
        () => controller.close(),
        (error: unknown) => controller.error(error),
      );
    },
  });
}
