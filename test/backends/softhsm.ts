// SoftHSM 2: tokens in software, made for a test and thrown away with its folder.

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pkcs11js from "pkcs11js";
import { debianProgram, type Program } from "./available.ts";

const libraries = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
];

/** The library that the provider loads. */
export const softhsmLibrary = (): string | undefined => libraries.find((path) => existsSync(path));

const util = debianProgram("softhsm2-util", "softhsm2");

/** Its set-up program, with the library. */
export const softhsm: Program = {
  ...util,
  name: "SoftHSM 2",
  find: () => (softhsmLibrary() === undefined ? undefined : util.find()),
};

/** A folder of tokens. */
export interface SoftHsm {
  readonly library: string;
  readonly folder: string;
  /** What the library needs in its environment. */
  readonly environment: { readonly SOFTHSM2_CONF: string };
  /** Makes a token with a random PIN. */
  addToken(label: string): SoftToken;
  /** Takes every token away, as if the HSM was unplugged; what it answers brings them back. */
  unplug(): () => void;
  remove(): void;
}

/** A token of SoftHSM. */
export interface SoftToken {
  readonly label: string;
  readonly pin: string;
  readonly pinFile: string;
}

/** Makes an empty folder of tokens. */
export function makeSoftHsm(): SoftHsm {
  const folder = mkdtempSync(join(tmpdir(), "keybroker-softhsm-"));
  const tokens = join(folder, "tokens");
  const configuration = join(folder, "softhsm2.conf");
  mkdirSync(tokens);
  const lines = [`directories.tokendir = ${tokens}`, "objectstore.backend = file", "log.level = ERROR"];
  writeFileSync(configuration, `${lines.join("\n")}\nslots.removable = false\n`);
  const environment = { SOFTHSM2_CONF: configuration };
  return {
    library: softhsmLibrary()!,
    folder,
    environment,
    addToken: (label) => addToken(folder, environment, label),
    unplug() {
      const away = `${tokens}.away`;
      renameSync(tokens, away);
      mkdirSync(tokens);
      return () => {
        rmSync(tokens, { recursive: true });
        renameSync(away, tokens);
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function addToken(folder: string, environment: Readonly<Record<string, string>>, label: string): SoftToken {
  const [pin, soPin] = [randomBytes(8).toString("hex"), randomBytes(8).toString("hex")];
  const args = ["--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", soPin];
  const { status, stderr } = spawnSync("softhsm2-util", args, {
    env: { ...process.env, ...environment },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`softhsm2-util --init-token failed: ${stderr}`);
  const pinFile = join(folder, `${label}.pin`);
  writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 });
  return { label, pin, pinFile };
}

/** What a token's administrator does. */
export interface Administration {
  readonly addon: InstanceType<typeof pkcs11js.PKCS11>;
  readonly session: Buffer;
  /** Every object with this label. */
  readonly find: (label: string) => Buffer[];
}

/** Does something on a token with its maker's library, in this process. */
export function administer<T>(hsm: SoftHsm, token: SoftToken, work: (at: Administration) => T): T {
  process.env["SOFTHSM2_CONF"] = hsm.environment.SOFTHSM2_CONF;
  const addon = new pkcs11js.PKCS11();
  addon.load(hsm.library);
  const ours = began(() => addon.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK }));
  try {
    const slot = addon.C_GetSlotList(true).find((one) => addon.C_GetTokenInfo(one).label.trim() === token.label);
    const session = addon.C_OpenSession(slot!, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
    began(() => addon.C_Login(session, pkcs11js.CKU_USER, token.pin));
    try {
      return work({ addon, session, find: (label) => findObjects(addon, session, label) });
    } finally {
      addon.C_CloseSession(session);
    }
  } finally {
    if (ours) addon.C_Finalize();
  }
}

/** Takes every permission from a key; what it answers gives them back. */
export function forbid(hsm: SoftHsm, token: SoftToken, label: string): () => void {
  const uses = [pkcs11js.CKA_ENCRYPT, pkcs11js.CKA_DECRYPT, pkcs11js.CKA_WRAP, pkcs11js.CKA_UNWRAP];
  const allowed = ({ addon, session }: Administration, key: Buffer) =>
    uses.filter((type) => isTrue(addon, session, key, type));
  const set = ({ addon, session }: Administration, key: Buffer, types: readonly number[], value: boolean) =>
    addon.C_SetAttributeValue(
      session,
      key,
      types.map((type) => ({ type, value })),
    );
  const before = administer(hsm, token, (at) =>
    at.find(label).map((key) => {
      const types = allowed(at, key);
      set(at, key, types, false);
      return types;
    }),
  );
  return () =>
    administer(hsm, token, (at) => {
      for (const [index, key] of at.find(label).entries()) set(at, key, before[index]!, true);
    });
}

function isTrue(addon: Administration["addon"], session: Buffer, key: Buffer, type: number): boolean {
  try {
    return addon.C_GetAttributeValue(session, key, [{ type }])[0]!.value[0] !== 0;
  } catch {
    return false;
  }
}

/** Whether it was begun here: another of this process may have done so before. */
function began(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if ([0x100, 0x191].includes((error as { code?: number }).code ?? 0)) return false;
    throw error;
  }
}

function findObjects(addon: Administration["addon"], session: Buffer, label: string): Buffer[] {
  addon.C_FindObjectsInit(session, [{ type: pkcs11js.CKA_LABEL, value: label }]);
  const found = addon.C_FindObjects(session, 100);
  addon.C_FindObjectsFinal(session);
  // The public half of a pair has other uses, and is nobody's secret.
  return found.filter((key) => {
    const { value } = addon.C_GetAttributeValue(session, key, [{ type: pkcs11js.CKA_CLASS }])[0]!;
    return value[0] !== pkcs11js.CKO_PUBLIC_KEY;
  });
}
