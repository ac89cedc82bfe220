// The layers of docs/design.md as data: which folder may import which, and through which files (its doors).

/** The files through which other folders may import one; `index.ts` alone where a folder is not named here. */
const doors = {
  audit: ["index.ts", "audit.ts"],
  broker: ["index.ts", "broker.ts"],
  config: ["index.ts", "configuration.ts"],
  envelope: ["index.ts", "types.ts"],
  errors: ["index.ts", "reason.ts"],
  identity: ["index.ts", "identity.ts"],
  operations: ["index.ts", "graph.ts"],
  policy: ["index.ts", "policy.ts"],
  proto: ["**"],
  provider: ["index.ts", "provider.ts", "binding.ts", "child/index.ts"],
  providers: ["index.ts", "generate.ts"],
};

/** Who may import whom; `main` is src/main.ts, `providers` every folder of providers/, the rest are folders of src/. */
const allowed = {
  main: ["cli", "daemon", "config", "errors", "provider"],
  cli: [
    "audit",
    "client",
    "config",
    "daemon",
    "doctor",
    "envelope",
    "errors",
    "grants",
    "policy",
    "proto",
    "providers",
    "secret",
  ],
  daemon: [
    "audit",
    "broker",
    "config",
    "envelope",
    "errors",
    "grants",
    "identity",
    "operations",
    "policy",
    "provider",
    "providers",
    "quota",
    "secret",
    "server",
    "stops",
    "store",
    "telemetry",
  ],
  doctor: ["config", "errors", "provider", "secret"],
  server: ["config", "envelope", "errors", "grants", "identity", "operations", "proto", "secret", "telemetry"],
  operations: [
    "audit",
    "broker",
    "config",
    "envelope",
    "errors",
    "grants",
    "identity",
    "policy",
    "proto",
    "quota",
    "secret",
    "stops",
    "store",
  ],
  broker: ["config", "envelope", "errors", "provider", "secret", "telemetry"],
  provider: ["errors", "providers", "secret"],
  providers: ["errors", "provider", "secret"],
  identity: ["config", "errors"],
  policy: ["config", "errors", "identity"],
  audit: ["config", "errors", "telemetry"],
  config: ["envelope", "errors", "provider", "secret", "ssh"],
  envelope: ["errors", "provider", "secret"],
  telemetry: ["config", "errors"],
  store: ["config", "errors"],
  quota: ["config", "errors", "store"],
  stops: ["config", "errors", "store"],
  client: ["errors", "proto"],
  errors: ["proto"],
  grants: ["config", "envelope", "errors", "identity", "policy", "secret", "ssh", "store"],
  secret: [],
  ssh: [],
  proto: [],
};

/** The npm packages the client library may import: it is installed where the daemon is not. */
export const clientPackages = "^(?!\\.|node:|@grpc/grpc-js$|@bufbuild/protobuf(/|$))";

const patterns = { providers: "providers/*", main: "src" };

/** What eslint-plugin-boundaries calls elements: the first pattern that matches names a file's folder. */
export const elements = Object.keys(allowed)
  .sort((a, b) => Number(a === "main") - Number(b === "main"))
  .map((type) => ({ type, pattern: patterns[type] ?? `src/${type}`, partialMatch: false }));

/** What eslint-plugin-boundaries calls policies: what is not allowed here is an error. */
export const policies = Object.entries(allowed)
  .filter(([, targets]) => targets.length > 0)
  .map(([type, targets]) => ({
    from: { element: { type } },
    allow: {
      to: targets.map((target) => ({ element: { type: target, fileInternalPath: doors[target] ?? ["index.ts"] } })),
    },
  }));
