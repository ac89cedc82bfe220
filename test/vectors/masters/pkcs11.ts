// Keys on a token of SoftHSM, brought in with their values: what a copy under an HSM's own backup key does elsewhere.

import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { spawnSync } from "node:child_process";
import pkcs11js from "pkcs11js";
import pkcs11 from "../../../providers/pkcs11/index.ts";
import { available } from "../../backends/available.ts";
import { administer, makeSoftHsm, softhsm } from "../../backends/softhsm.ts";
import type { SoftHsm, SoftToken } from "../../backends/softhsm.ts";
import { recorded } from "../recorded.ts";
import type { MasterName } from "../recorded.ts";
import { testMaterial } from "./bench.ts";
import type { MasterBench } from "./bench.ts";

type Template = Parameters<InstanceType<typeof pkcs11js.PKCS11>["C_CreateObject"]>[1];

const ids: Partial<Record<MasterName, string>> = {
  "pkcs11-gcm": "0a",
  "pkcs11-key-wrap": "0b",
  "pkcs11-rsa-oaep-sha1": "0c",
};

/** Makes a token with a serial of its own; undefined where SoftHSM is not and cannot be had. */
export function startPkcs11Masters(): MasterBench | undefined {
  const program = available(softhsm);
  if (program === undefined) return undefined;
  const hsm = makeSoftHsm();
  const token = hsm.addToken("recorded");
  return {
    kind: pkcs11,
    backend: "SoftHSM",
    backendVersion: spawnSync(program, ["--version"], { encoding: "utf8" }).stdout.trim(),
    settings: () => ({
      library: hsm.library,
      tokenLabel: token.label,
      pin: `file:${token.pinFile}`,
      environment: hsm.environment,
      formerSerials: recordedSerials(),
    }),
    bring(name, kept) {
      const scheme = name.replace("pkcs11-", "");
      const restore = kept?.restore ?? { id: ids[name]!, value: newValue(name) };
      importKey({ hsm, token }, scheme, restore["id"]!, Buffer.from(restore["value"]!, "hex"));
      const more = scheme.startsWith("rsa-") ? { allowUnauthenticatedWrap: true } : {};
      return Promise.resolve({ reference: { label: scheme, id: restore["id"]!, scheme, ...more }, restore });
    },
    stop: () => Promise.resolve(hsm.remove()),
  };
}

/** The serials of tokens that are no more, from the ids of the keys that were on them. */
export function recordedSerials(): string[] {
  const masters = Object.values(recorded.masters).filter(({ kind }) => kind === "pkcs11");
  const serials = masters.map(({ masterKeyId }) => /serial=([^;]+)/.exec(masterKeyId)![1]!);
  return [...new Set(serials.map(decodeURIComponent))];
}

/** An AES key's 32 bytes, or an RSA key as PKCS #8. */
export function newValue(name: MasterName): string {
  if (!name.startsWith("pkcs11-rsa-")) return testMaterial(name, 32).toString("hex");
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  return privateKey.export({ type: "pkcs8", format: "der" }).toString("hex");
}

interface Place {
  readonly hsm: SoftHsm;
  readonly token: SoftToken;
}

function importKey({ hsm, token }: Place, scheme: string, id: string, value: Buffer): void {
  const shared: Template = [
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_PRIVATE, value: true },
    { type: pkcs11js.CKA_SENSITIVE, value: true },
    { type: pkcs11js.CKA_EXTRACTABLE, value: false },
    { type: pkcs11js.CKA_LABEL, value: scheme },
    { type: pkcs11js.CKA_ID, value: Buffer.from(id, "hex") },
  ];
  const own = scheme.startsWith("rsa-") ? rsaTemplate(value) : aesTemplate(scheme, value);
  administer(hsm, token, ({ addon, session }) => addon.C_CreateObject(session, [...shared, ...own]));
}

function aesTemplate(scheme: string, value: Buffer): Template {
  const wraps = scheme === "key-wrap";
  return [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_SECRET_KEY },
    { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_AES },
    { type: pkcs11js.CKA_VALUE, value },
    { type: pkcs11js.CKA_WRAP, value: wraps },
    { type: pkcs11js.CKA_UNWRAP, value: wraps },
    { type: pkcs11js.CKA_ENCRYPT, value: !wraps },
    { type: pkcs11js.CKA_DECRYPT, value: !wraps },
  ];
}

function rsaTemplate(pkcs8: Buffer): Template {
  const jwk = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }).export({ format: "jwk" });
  const number = (name: "n" | "e" | "d" | "p" | "q" | "dp" | "dq" | "qi") => Buffer.from(jwk[name]!, "base64url");
  return [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
    { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_RSA },
    { type: pkcs11js.CKA_MODULUS, value: number("n") },
    { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: number("e") },
    { type: pkcs11js.CKA_PRIVATE_EXPONENT, value: number("d") },
    { type: pkcs11js.CKA_PRIME_1, value: number("p") },
    { type: pkcs11js.CKA_PRIME_2, value: number("q") },
    { type: pkcs11js.CKA_EXPONENT_1, value: number("dp") },
    { type: pkcs11js.CKA_EXPONENT_2, value: number("dq") },
    { type: pkcs11js.CKA_COEFFICIENT, value: number("qi") },
    { type: pkcs11js.CKA_DECRYPT, value: true },
  ];
}
