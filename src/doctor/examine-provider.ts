// Everything that calls of a provider will need, looked at in the order in which it can fail.

import type { Configuration, ProviderConfiguration } from "../config/index.ts";
import { loadKind } from "../provider/index.ts";
import type { KindReference, Notice, Provider, ProviderKind } from "../provider/index.ts";
import { bad, good, note } from "./diagnosis.ts";
import type { Diagnosis } from "./diagnosis.ts";
import { examineMasterKey } from "./examine-master-key.ts";
import { failed } from "./failure.ts";
import { inTime } from "./in-time.ts";
import { examinePackages } from "./packages.ts";
import type { LoadPackage } from "./packages.ts";
import { usesOf } from "./uses.ts";

/** What an examination is made with. */
export interface Examination {
  readonly configuration: Configuration;
  readonly provider: ProviderConfiguration;
  /** For each step. */
  readonly timeoutMs: number;
  /** Told before each step what is waited for. */
  readonly step?: ((what: string) => void) | undefined;
  /** Where kinds come from; the registry, unless a test brings its own. */
  readonly kinds?: ((reference: KindReference) => Promise<ProviderKind>) | undefined;
  /** How packages are loaded; a test's own. */
  readonly packages?: LoadPackage | undefined;
}

/** Examines one provider, in this process. It never throws, changes nothing at the backend, and closes what it opened. */
export async function* examineProvider(examination: Examination): AsyncGenerator<Diagnosis> {
  const { provider: configured, timeoutMs, kinds = loadKind, step = () => {}, packages } = examination;
  const manual = manualOf(configured);
  yield* examinePackages(configured.kind, packages);
  const notices: Notice[] = [];
  let provider: Provider;
  try {
    step("open");
    const open = async () =>
      await (await kinds(configured)).open(configured.settings as never, (notice) => void notices.push(notice));
    provider = await inTime(timeoutMs, open, (late) => void late.close().catch(() => {}));
  } catch (error) {
    yield failed("settings", error, manual);
    return;
  }
  try {
    yield good("settings", "the provider opens with them");
    yield* examineOpened({ ...examination, opened: provider, manual, step });
    yield* notices.map(noticed);
  } finally {
    await inTime(timeoutMs, () => provider.close()).catch(() => {});
  }
}

interface Opened extends Examination {
  readonly opened: Provider;
  readonly manual: string;
  readonly step: (what: string) => void;
}

async function* examineOpened(examination: Opened): AsyncGenerator<Diagnosis> {
  const { configuration, provider, opened, manual, timeoutMs, step } = examination;
  const uses = usesOf(configuration, provider.name);
  if (opened.examine)
    yield* examineItself(
      examination,
      uses.map(({ reference }) => reference),
    );
  if (uses.length === 0) yield note("keys", "no key of the configuration uses this provider");
  for (const use of uses) {
    yield* examineMasterKey({ provider: opened, use, realm: configuration.realm, manual, timeoutMs, step });
  }
}

/** What the provider itself looks at. Each finding has the time of a step, so that one that hangs is told. */
async function* examineItself(examination: Opened, references: readonly unknown[]): AsyncGenerator<Diagnosis> {
  const { opened, manual, timeoutMs, step } = examination;
  const controller = new AbortController();
  const findings = opened.examine!(references, controller.signal)[Symbol.asyncIterator]();
  try {
    for (;;) {
      step("examination");
      const next = await inTime(timeoutMs, () => Promise.resolve(findings.next()));
      if (next.done === true) return;
      const { value } = next;
      yield value.outcome === "bad" ? { fault: "backend", ...value } : value;
    }
  } catch (error) {
    yield failed("examination", error, manual);
  } finally {
    controller.abort();
    // Not awaited: what hangs now may hang for good.
    void Promise.resolve(findings.return?.()).catch(() => {});
  }
}

function noticed({ topic, level, message }: Notice): Diagnosis {
  if (level === "warning") return note(topic, message);
  return bad(topic, message, "calls fail, or will soon: do what the message says", "backend");
}

/** Where a provider's documentation is. */
function manualOf({ kind, module }: ProviderConfiguration): string {
  return module === undefined ? `providers/${kind}/README.md` : `the documentation of ${module}`;
}
