import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Client, credentials, loadPackageDefinition, status } from "@grpc/grpc-js";
import type { ClientReadableStream, ServiceDefinition } from "@grpc/grpc-js";
import * as grpcHealth from "grpc-health-check";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { createRequire } from "node:module";
import type { Configuration } from "../../../src/config/configuration.ts";
import { openListeners, standardServices } from "../../../src/server/index.ts";
import type { Listeners } from "../../../src/server/index.ts";
import { configurationOf, Setting, testFolder, unixListener } from "./setting.ts";

/** What of a loaded reflection.proto is needed here. */
interface Loaded {
  readonly grpc: {
    readonly reflection: Record<string, { readonly ServerReflection: { readonly service: ServiceDefinition } }>;
  };
}

let place: ReturnType<typeof testFolder>;
let configuration: Configuration;
let listeners: Listeners;
const clients: Client[] = [];
const path = (name: string) => join(place.folder, name);

beforeEach(async () => {
  place = testFolder();
  configuration = configurationOf([
    unixListener(path("plain.sock"), { name: "plain" }),
    unixListener(path("admin.sock"), { name: "admin", admin: true }),
  ]);
  const setting = new Setting(configuration);
  listeners = await openListeners(configuration, { ...setting.parts, servicesOf: standardServices });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await listeners.close(0);
  place.remove();
});

function client(name: string): Client {
  const made = new Client(`unix:${path(name)}`, credentials.createInsecure());
  clients.push(made);
  return made;
}

describe("health", () => {
  const methods = grpcHealth.service as unknown as ServiceDefinition;
  const check = (service: string, from = client("plain.sock")) =>
    new Promise<string>((resolve, reject) => {
      const { path: method, requestSerialize, responseDeserialize } = methods["Check"]!;
      from.makeUnaryRequest(method, requestSerialize, responseDeserialize, { service }, (error, answer) =>
        error ? reject(error) : resolve((answer as { status: string }).status),
      );
    });

  test("is SERVING for the server and its services", async () => {
    expect(await check("")).toBe("SERVING");
    expect(await check("keybroker.v1.KeyService")).toBe("SERVING");
  });

  test("knows the admin services only where they are", async () => {
    await expect(check("keybroker.admin.v1.StatusService")).rejects.toMatchObject({ code: status.NOT_FOUND });
    expect(await check("keybroker.admin.v1.StatusService", client("admin.sock"))).toBe("SERVING");
  });

  test("tells its watchers of draining, and keeps nobody waiting", async () => {
    const { path: method, requestSerialize, responseDeserialize } = methods["Watch"]!;
    const watch = client("plain.sock").makeServerStreamRequest(method, requestSerialize, responseDeserialize, {
      service: "",
    }) as ClientReadableStream<{ status: string }>;
    const heard: string[] = [];
    const first = new Promise<void>((resolve) =>
      watch.on("data", ({ status: word }: { status: string }) => {
        heard.push(word);
        resolve();
      }),
    );
    const ended = new Promise((resolve) => watch.once("end", resolve).on("error", resolve));
    await first;
    await listeners.close(60_000);
    await ended;
    expect(heard).toEqual(["SERVING", "NOT_SERVING"]);
  });
});

describe.each(["v1", "v1alpha"])("reflection %s", (version) => {
  /** Answers of the reflection service to requests, in their order. */
  async function ask(name: string, requests: object[]): Promise<Record<string, unknown>[]> {
    const load = createRequire(createRequire(import.meta.url).resolve("@grpc/reflection"));
    const loader = load("@grpc/proto-loader") as { loadSync(file: string, options: object): never };
    const file = load.resolve(`@grpc/reflection/build/proto/grpc/reflection/${version}/reflection.proto`);
    const loaded = loadPackageDefinition(loader.loadSync(file, { oneofs: true })) as unknown as Loaded;
    const { ServerReflection } = loaded.grpc.reflection[version]!;
    const { path: method, requestSerialize, responseDeserialize } = ServerReflection.service["ServerReflectionInfo"]!;
    const stream = client(name).makeBidiStreamRequest(method, requestSerialize, responseDeserialize);
    const answers: Record<string, unknown>[] = [];
    stream.on("data", (answer) => answers.push(answer as Record<string, unknown>));
    for (const request of requests) stream.write(request);
    stream.end();
    await new Promise((resolve, reject) => stream.once("end", resolve).once("error", reject));
    return answers;
  }

  test("lists the services of the listener", async () => {
    const names = async (name: string) => {
      const [answer] = await ask(name, [{ listServices: "*" }]);
      const { service } = answer!["listServicesResponse"] as { service: { name: string }[] };
      return service.map((one) => one.name).sort();
    };
    expect(await names("plain.sock")).toEqual(["grpc.health.v1.Health", "keybroker.v1.KeyService"]);
    expect(await names("admin.sock")).toEqual([
      "grpc.health.v1.Health",
      "keybroker.admin.v1.GrantService",
      "keybroker.admin.v1.KeyAdminService",
      "keybroker.admin.v1.MasterKeyService",
      "keybroker.admin.v1.StatusService",
      "keybroker.admin.v1.StopService",
      "keybroker.v1.KeyService",
    ]);
  });

  test.each(["keybroker.v1.KeyService", "keybroker.v1.WrapRequest", "grpc.health.v1.Health"])(
    "describes %s with all it needs",
    async (symbol) => {
      const [answer] = await ask("plain.sock", [{ fileContainingSymbol: symbol }]);
      const { fileDescriptorProto } = answer!["fileDescriptorResponse"] as { fileDescriptorProto: Buffer[] };
      const files = fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
      const here = new Set(files.map(({ name }) => name));
      expect(files.flatMap(({ dependency }) => dependency).filter((name) => !here.has(name))).toEqual([]);
    },
  );

  test("does not know what is not there", async () => {
    const [answer] = await ask("plain.sock", [{ fileContainingSymbol: "keybroker.v1.None" }]);
    expect(answer!["errorResponse"]).toMatchObject({ errorCode: status.NOT_FOUND });
  });
});
