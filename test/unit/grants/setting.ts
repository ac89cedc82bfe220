// A realm with approvers, a rule that asks for two of three, and documents as they sign them.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Configuration, GrantRequirement, RuleConfiguration } from "../../../src/config/configuration.ts";
import {
  createGrants,
  statementText,
  type GrantQuestion,
  type Grants,
  type Statement,
} from "../../../src/grants/index.ts";
import { openStore, type Store } from "../../../src/store/index.ts";
import { testKey, type TestKey } from "./keys.ts";

/** What tests work in. */
export interface Setting {
  readonly folder: string;
  readonly keys: Readonly<Record<"dba" | "security" | "lead" | "stranger", TestKey>>;
  readonly store: Store;
  /** Milliseconds since 1970; a test moves it. */
  nowMs: number;
  /** Grants over this setting's store, over another, or over none. */
  grants(parts?: { store?: Store | undefined; change?: Partial<Configuration> }): Grants;
  end(): Promise<void>;
}

export const startMs = Date.UTC(2026, 10, 21, 10);

export const needs: GrantRequirement = {
  approvals: 2,
  from: ["dba", "security", "lead"],
  maxForMs: 4 * 3_600_000,
  maxUnwraps: 50,
};

const rule: RuleConfiguration = {
  who: ["restorers"],
  may: ["unwrap", "rewrap"],
  keys: ["backups/*"],
  when: [],
  during: undefined,
  quota: [],
  grant: needs,
};

export function createSetting(): Setting {
  const folder = mkdtempSync(join(tmpdir(), "kb-grants-"));
  const keys = {
    dba: testKey(),
    security: testKey("ecdsa-sha2-nistp256"),
    lead: testKey("sk-ssh-ed25519@openssh.com"),
    stranger: testKey(),
  };
  const approvers = new Map(
    (["dba", "security", "lead"] as const).map((name) => {
      const sshKey = join(folder, `${name}.pub`);
      writeFileSync(sshKey, `${keys[name].line}\n`);
      return [name, { name, sshKey, identities: name === "lead" ? ["restore"] : [] }];
    }),
  );
  const store = openStore(join(folder, "store.db"));
  const configuration = {
    realm: "prod",
    approvers,
    groups: new Map([["restorers", ["restore", "breakglass"]]]),
    policy: [rule],
    audit: { folder: join(folder, "audit") },
    store: { sqlite: join(folder, "store.db") },
  } as unknown as Configuration;
  const setting: Setting = {
    folder,
    keys,
    store,
    nowMs: startMs,
    grants: (parts = { store }) =>
      createGrants({
        configuration: { ...configuration, ...parts.change },
        store: parts.store,
        now: () => setting.nowMs,
      }),
    async end() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
  return setting;
}

let nonces = 0;

/** A statement for the identity breakglass, of an hour from the start. */
export function statement(changes: Partial<Statement> = {}): Statement {
  return {
    nonce: (nonces++).toString(16).padStart(32, "0"),
    realm: "prod",
    identity: "breakglass",
    keys: ["backups/*"],
    when: [],
    reason: "INC-1234",
    fromMs: startMs,
    untilMs: startMs + 3_600_000,
    maxUnwraps: 2,
    requester: "alice",
    ...changes,
  };
}

/** A document, signed by these keys. */
export function document(of: Statement, ...signers: readonly TestKey[]): string {
  const text = statementText(of);
  return text + signers.map((key) => key.sign(text)).join("");
}

/** An envelope's fingerprint. */
export function fingerprint(number: number): string {
  return number.toString(16).padStart(32, "f");
}

/** A call of the identity breakglass. */
export function question(changes: Partial<GrantQuestion> = {}): GrantQuestion {
  const identity = { name: "breakglass", attributes: {}, within: undefined };
  return {
    identity: identity,
    key: "backups/db",
    context: { host: "db1" },
    envelope: fingerprint(1),
    needs: [needs],
    document: "",
    ...changes,
  };
}
