// Transit keys of a real OpenBao server, kept as the text of a plaintext backup.

import vault from "../../../providers/vault/index.ts";
import { provideVariable } from "../../../src/provider/index.ts";
import { available } from "../../backends/available.ts";
import { openbao, startOpenBao } from "../../backends/openbao.ts";
import type { OpenBao } from "../../backends/openbao.ts";
import type { MasterName } from "../recorded.ts";
import type { MasterBench } from "./bench.ts";

let variables = 0;

/** Starts a server; undefined where there is none and none can be had. */
export async function startVaultMasters(): Promise<MasterBench | undefined> {
  const program = available(openbao);
  if (program === undefined) return undefined;
  const bao = await startOpenBao(program);
  const variable = `RECORDED_VAULT_${++variables}`;
  provideVariable(variable, Buffer.from(bao.rootToken));
  const { data } = await bao.must("GET", "sys/seal-status");
  return {
    kind: vault,
    backend: "OpenBao",
    backendVersion: String(data["version"]),
    settings: () => ({ address: bao.address, auth: { token: `\${${variable}}` } }),
    async bring(name, kept) {
      const key = kept?.restore["key"] ?? `recorded-${name.replace("vault-", "")}`;
      const backup = kept?.restore["backup"] ?? (await make(bao, name, key));
      if (kept) await bao.must("POST", `transit/restore/${key}`, { backup });
      return { reference: { key }, restore: { key, backup } };
    },
    stop: () => bao.stop(),
  };
}

/** A key in its second version, as one is that was rotated; answers its backup. */
async function make(bao: OpenBao, name: MasterName, key: string): Promise<string> {
  const options = { type: name.replace("vault-", ""), exportable: true, allow_plaintext_backup: true };
  await bao.must("POST", `transit/keys/${key}`, options);
  await bao.must("POST", `transit/keys/${key}/rotate`);
  const { data } = await bao.must("GET", `transit/backup/${key}`);
  return String(data["backup"]);
}
