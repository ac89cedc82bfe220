// A token in memory, in the shape of pkcs11js: it can have the habits that SoftHSM lacks, and fail when told.

import {
  constants,
  createCipheriv,
  createDecipheriv,
  generateKeyPairSync,
  privateDecrypt,
  randomBytes,
} from "node:crypto";
import type { KeyObject } from "node:crypto";
import { CKA, CKF, CKK, CKM, CKO } from "../../../../providers/pkcs11/device/cryptoki.ts";
import type { Cryptoki, Handle, Mechanism, Template } from "../../../../providers/pkcs11/device/cryptoki.ts";
import type { NewCryptoki } from "../../../../providers/pkcs11/device/library.ts";

/** What tokens do in different ways. */
export interface Habits {
  /** Whose IV AES-GCM takes; `zeros` is the caller's, who must give zeros: it makes keys unsafe. */
  iv: "caller" | "device" | "appended" | "zeros";
  /** Whether GCM's parameters have the length of the IV in bits. */
  ivBits: boolean;
  ignoresData: boolean;
  mechanisms: number[];
  /** What AES_KEY_WRAP_PAD is: RFC 5649, or the older padding of PKCS#7 before RFC 3394. */
  pad: "rfc5649" | "pkcs7";
  /** Unwrapping wants the secret's length, refuses it, or takes both. */
  length: "wanted" | "refused" | "either";
  /** Whether plain keys may be brought in. */
  imports: boolean;
  /** Whether unwrapped secrets may be read. */
  reveals: boolean;
  maxSessions: number;
  pin: string;
  flags: number;
  serial: string;
  label: string;
  /** What a damaged blob is answered with. */
  damaged: number;
}

/** An object of the token. */
export interface FakeObject {
  readonly attributes: Map<number, Buffer>;
  readonly pair?: KeyObject;
}

/** A token with what it was asked. */
export interface FakeToken {
  readonly create: NewCryptoki;
  readonly habits: Habits;
  readonly objects: FakeObject[];
  /** Every function that was called, in order. */
  readonly calls: string[];
  /** Each GCM IV that was used to encrypt, in hexadecimal, by key. */
  readonly ivs: Map<FakeObject, string[]>;
  /** Log-ins that were tried. */
  logIns(): number;
  /** The next calls of a function answer this; `always` until `failures` is cleared. */
  readonly failures: Map<string, { readonly code: number; times: number }>;
  /** Takes the token out, and puts it back. */
  present: boolean;
  /** Makes the calls of libuv's threads wait. */
  hang: Promise<void> | undefined;
  /** Milliseconds that a call in this thread takes. */
  slowMs: number;
}

const booleans = [CKA.TOKEN, CKA.ENCRYPT, CKA.DECRYPT, CKA.WRAP, CKA.UNWRAP, CKA.EXTRACTABLE, CKA.SENSITIVE] as const;

/** An AES key of the token with these attributes. */
export function aesKey(label: string, id: string, uses: readonly number[], more: [number, Buffer][] = []): FakeObject {
  const attributes = new Map<number, Buffer>([
    [CKA.CLASS, ulong(CKO.SECRET_KEY)],
    [CKA.KEY_TYPE, ulong(CKK.AES)],
    [CKA.VALUE, randomBytes(32)],
    [CKA.VALUE_LEN, ulong(32)],
    [CKA.LABEL, Buffer.from(label)],
    [CKA.ID, Buffer.from(id, "hex")],
    ...booleans.map((type): [number, Buffer] => [type, Buffer.from([uses.includes(type) ? 1 : 0])]),
    [CKA.TOKEN, Buffer.from([1])],
    [CKA.SENSITIVE, Buffer.from([1])],
    ...more,
  ]);
  return { attributes };
}

/** An RSA key pair's private half. */
export function rsaKey(label: string, id: string, bits = 2_048): FakeObject {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  const { n, e } = publicKey.export({ format: "jwk" });
  const key = aesKey(
    label,
    id,
    [CKA.DECRYPT],
    [
      [CKA.CLASS, ulong(CKO.PRIVATE_KEY)],
      [CKA.KEY_TYPE, ulong(CKK.RSA)],
      [CKA.MODULUS, Buffer.from(n!, "base64url")],
      [CKA.PUBLIC_EXPONENT, Buffer.from(e!, "base64url")],
    ],
  );
  return { ...key, pair: privateKey };
}

function ulong(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** What the addon throws. */
export function answer(code: number): Error {
  return Object.assign(new Error(`CKR ${code}`), { name: "Pkcs11Error", code });
}

interface GcmParameters {
  readonly type: number;
  readonly iv: Buffer;
  readonly aad?: Buffer;
}

/** Makes a token. */
export function fakeToken(objects: FakeObject[], changes: Partial<Habits> = {}): FakeToken {
  const habits: Habits = {
    iv: "caller",
    ivBits: true,
    ignoresData: false,
    mechanisms: [CKM.AES_GCM, CKM.AES_KEY_WRAP_KWP, CKM.AES_KEY_WRAP_PAD, CKM.AES_KEY_GEN, CKM.RSA_PKCS_OAEP],
    pad: "rfc5649",
    length: "either",
    imports: true,
    reveals: true,
    maxSessions: 100,
    pin: "1234",
    flags: CKF.LOGIN_REQUIRED | CKF.USER_PIN_INITIALIZED,
    serial: "0a1b",
    label: "fake",
    damaged: 0x05,
    ...changes,
  };
  const token: FakeToken = {
    create: () => Promise.resolve(cryptoki as unknown as Cryptoki),
    habits,
    objects,
    calls: [],
    ivs: new Map(),
    logIns: () => tried,
    failures: new Map(),
    present: true,
    hang: undefined,
    slowMs: 0,
  };
  let tried = 0;
  let loggedIn = false;
  let initialised = false;
  let sessions = new Set<string>();
  let nextSession = 1;
  const temporary = new Set<FakeObject>();
  const operations = new Map<string, { mechanism: Mechanism; key: FakeObject }>();

  /** By handle. After C_Finalize the same numbers stand for other objects. */
  let handles: FakeObject[] = [];
  const handleOf = (object: FakeObject) => {
    if (!handles.includes(object)) handles.push(object);
    return ulong(100 + handles.indexOf(object));
  };
  const at = (handle: Handle): FakeObject => {
    const found = handles[Number(handle.readBigUInt64LE()) - 100];
    if (!found || !(objects.includes(found) || temporary.has(found))) throw answer(0x82);
    return found;
  };
  const enter = (name: string, session?: Handle) => {
    token.calls.push(name);
    const failure = token.failures.get(name);
    if (failure && failure.times-- > 0) throw answer(failure.code);
    if (!initialised && name !== "C_Initialize") throw answer(0x190);
    if (session && (!token.present || !sessions.has(session.toString("hex"))))
      throw answer(token.present ? 0xb3 : 0x32);
    for (const endMs = performance.now() + token.slowMs; performance.now() < endMs;);
  };
  const may = (key: FakeObject, use: number) => {
    if (key.attributes.get(use)?.[0] !== 1) throw answer(0x68);
  };
  const has = ({ mechanism }: Mechanism) => {
    if (!habits.mechanisms.includes(mechanism)) throw answer(0x70);
  };

  const cryptoki: Partial<Record<keyof Cryptoki, unknown>> = {
    load: () => undefined,
    close: () => undefined,
    C_Initialize() {
      enter("C_Initialize");
      if (initialised) throw answer(0x191);
      initialised = true;
    },
    C_Finalize() {
      enter("C_Finalize");
      initialised = loggedIn = false;
      sessions = new Set();
      operations.clear();
      temporary.clear();
      handles = [];
    },
    C_GetInfo: () => ({
      libraryDescription: "a fake",
      libraryVersion: { major: 1, minor: 0 },
      cryptokiVersion: { major: 3, minor: 0 },
    }),
    C_GetSlotList: () => (enter("C_GetSlotList"), token.present ? [ulong(7)] : []),
    C_GetSlotInfo: () => ({
      slotDescription: "",
      manufacturerID: "",
      flags: CKF.HW_SLOT,
      hardwareVersion: { major: 1, minor: 0 },
      firmwareVersion: { major: 1, minor: 0 },
    }),
    C_GetSessionInfo: () => ({ slotID: ulong(7), state: 3, flags: 6, deviceError: 0 }),
    C_GetTokenInfo: () => ({
      label: habits.label.padEnd(32),
      serialNumber: habits.serial.padEnd(16),
      model: "fake",
      flags: habits.flags,
    }),
    C_GetMechanismList: () => [...habits.mechanisms],
    C_OpenSession() {
      enter("C_OpenSession");
      if (sessions.size >= habits.maxSessions) throw answer(0xb1);
      const session = ulong(nextSession++);
      sessions.add(session.toString("hex"));
      return session;
    },
    C_CloseSession(session: Handle) {
      enter("C_CloseSession", session);
      sessions.delete(session.toString("hex"));
      operations.delete(session.toString("hex"));
    },
    C_Login(session: Handle, _: number, pin: string) {
      enter("C_Login", session);
      tried++;
      if (loggedIn) throw answer(0x100);
      if (pin !== habits.pin) throw answer(0xa0);
      loggedIn = true;
    },
    C_FindObjectsInit(session: Handle, template: Template) {
      enter("C_FindObjectsInit", session);
      found = objects.filter(({ attributes }) =>
        template.every(({ type, value }) => attributes.get(type)?.equals(bytesOf(value))),
      );
      if (!loggedIn && habits.flags & CKF.LOGIN_REQUIRED) found = [];
    },
    C_FindObjects: () => found.map(handleOf),
    C_FindObjectsFinal: () => undefined,
    C_GetAttributeValue(session: Handle, handle: Handle, [wanted]: Template) {
      enter("C_GetAttributeValue", session);
      const { attributes } = at(handle);
      const { type } = wanted!;
      if (type === CKA.VALUE && (attributes.get(CKA.SENSITIVE)?.[0] === 1 || !habits.reveals)) throw answer(0x11);
      const value = attributes.get(type);
      if (!value) throw answer(0x12);
      return [{ type, value: Buffer.from(new Uint8Array(value)) }];
    },
    C_CreateObject(session: Handle, template: Template) {
      enter("C_CreateObject", session);
      const attributes = attributesOf(template);
      if (!habits.imports && attributes.get(CKA.KEY_TYPE)?.[0] === CKK.AES) throw answer(0xd1);
      return add({ attributes });
    },
    C_GenerateKey(session: Handle, _: Mechanism, template: Template) {
      enter("C_GenerateKey", session);
      const attributes = attributesOf(template);
      attributes.set(CKA.VALUE, randomBytes(32));
      if (attributes.get(CKA.TOKEN)?.[0] !== 1) return add({ attributes });
      objects.push({ attributes });
      return handleOf(objects.at(-1)!);
    },
    C_DestroyObject(session: Handle, handle: Handle) {
      enter("C_DestroyObject", session);
      const object = at(handle);
      if (!temporary.delete(object)) objects.splice(objects.indexOf(object), 1);
    },
    C_EncryptInit: (session: Handle, mechanism: Mechanism, key: Handle) =>
      begin("C_EncryptInit", session, mechanism, key),
    C_DecryptInit: (session: Handle, mechanism: Mechanism, key: Handle) =>
      begin("C_DecryptInit", session, mechanism, key),
    C_Encrypt: (session: Handle, data: Buffer) => (enter("C_Encrypt", session), encrypt(operation(session), data)),
    C_Decrypt: (session: Handle, data: Buffer) => (enter("C_Decrypt", session), decrypt(operation(session), data)),
    C_WrapKey: (session: Handle, mechanism: Mechanism, key: Handle, secret: Handle) =>
      wrapKey(session, mechanism, key, secret),
    C_UnwrapKey: (session: Handle, mechanism: Mechanism, key: Handle, blob: Buffer, template: Template) =>
      unwrapKey(session, mechanism, key, blob, template),
  };
  for (const name of ["Encrypt", "Decrypt", "WrapKey", "UnwrapKey"] as const) {
    cryptoki[`C_${name}Async`] = async (...args: never[]) => {
      token.calls.push(`C_${name}Async`);
      await token.hang;
      return (cryptoki[`C_${name}`] as (...given: never[]) => unknown)(...args);
    };
  }
  let found: FakeObject[] = [];

  function add(object: FakeObject): Handle {
    temporary.add(object);
    return handleOf(object);
  }

  function begin(name: string, session: Handle, mechanism: Mechanism, handle: Handle): void {
    enter(name, session);
    has(mechanism);
    const key = at(handle);
    may(key, name === "C_EncryptInit" ? CKA.ENCRYPT : CKA.DECRYPT);
    if (mechanism.mechanism === CKM.AES_GCM) {
      const { type, iv } = mechanism.parameter as unknown as GcmParameters;
      if ((type === 7) !== habits.ivBits) throw answer(0x71);
      if (iv.length === 0 && habits.iv !== "appended") throw answer(0x71);
      const zeros = iv.every((byte) => byte === 0);
      if (name === "C_EncryptInit" && (habits.iv === "device" || habits.iv === "zeros") && !zeros) throw answer(0x71);
      if (name === "C_EncryptInit" && habits.iv === "appended" && iv.length > 0) throw answer(0x71);
    }
    operations.set(session.toString("hex"), { mechanism, key });
  }

  function operation(session: Handle) {
    const found = operations.get(session.toString("hex"));
    operations.delete(session.toString("hex"));
    if (!found) throw answer(0x91);
    return found;
  }

  function encrypt({ mechanism, key }: { mechanism: Mechanism; key: FakeObject }, data: Buffer): Buffer {
    const { iv: given, aad } = mechanism.parameter as unknown as GcmParameters;
    if (habits.iv === "device") randomBytes(12).copy(given);
    const iv = habits.iv === "appended" ? randomBytes(16) : given;
    token.ivs.set(key, [...(token.ivs.get(key) ?? []), iv.toString("hex")]);
    const cipher = createCipheriv("aes-256-gcm", key.attributes.get(CKA.VALUE)!, iv);
    if (aad && !habits.ignoresData) cipher.setAAD(aad);
    const sealed = [cipher.update(data), cipher.final(), cipher.getAuthTag()];
    return Buffer.concat(habits.iv === "appended" ? [...sealed, iv] : sealed);
  }

  function decrypt({ mechanism, key }: { mechanism: Mechanism; key: FakeObject }, data: Buffer): Buffer {
    return orDamaged(() => {
      if (key.pair) return oaep(mechanism, key.pair, data);
      const { iv, aad } = mechanism.parameter as unknown as GcmParameters;
      const decipher = createDecipheriv("aes-256-gcm", key.attributes.get(CKA.VALUE)!, iv, { authTagLength: 16 });
      if (aad && !habits.ignoresData) decipher.setAAD(aad);
      decipher.setAuthTag(data.subarray(-16));
      return Buffer.concat([decipher.update(data.subarray(0, -16)), decipher.final()]);
    });
  }

  function oaep({ parameter }: Mechanism, key: KeyObject, data: Buffer): Buffer {
    const oaepHash = (parameter as unknown as { hashAlg: number }).hashAlg === CKM.SHA256 ? "sha256" : "sha1";
    return privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, data);
  }

  function orDamaged(work: () => Buffer): Buffer {
    try {
      return work();
    } catch {
      throw answer(habits.damaged);
    }
  }

  function cipherOf({ mechanism }: Mechanism): [string, Buffer, boolean] {
    const pkcs7 = mechanism === CKM.AES_KEY_WRAP_PAD && habits.pad === "pkcs7";
    if (pkcs7) return ["id-aes256-wrap", Buffer.alloc(8, 0xa6), true];
    return ["id-aes256-wrap-pad", Buffer.from("a65959a6", "hex"), false];
  }

  function wrapKey(session: Handle, mechanism: Mechanism, handle: Handle, secret: Handle): Buffer {
    enter("C_WrapKey", session);
    has(mechanism);
    const key = at(handle);
    may(key, CKA.WRAP);
    const value = at(secret).attributes.get(CKA.VALUE)!;
    const [name, iv, pkcs7] = cipherOf(mechanism);
    const pad = 8 - (value.length % 8);
    const cipher = createCipheriv(name, key.attributes.get(CKA.VALUE)!, iv);
    return Buffer.concat([
      cipher.update(pkcs7 ? Buffer.concat([value, Buffer.alloc(pad, pad)]) : value),
      cipher.final(),
    ]);
  }

  function unwrapKey(session: Handle, mechanism: Mechanism, handle: Handle, blob: Buffer, template: Template): Handle {
    enter("C_UnwrapKey", session);
    has(mechanism);
    const key = at(handle);
    may(key, CKA.UNWRAP);
    const told = template.some(({ type }) => type === CKA.VALUE_LEN);
    if (habits.length === "wanted" && !told) throw answer(0xd0);
    if (habits.length === "refused" && told) throw answer(0xd1);
    const [name, iv] = cipherOf(mechanism);
    const value = orDamaged(() => {
      const decipher = createDecipheriv(name, key.attributes.get(CKA.VALUE)!, iv);
      return Buffer.concat([decipher.update(blob), decipher.final()]);
    });
    return add({ attributes: attributesOf([...template, { type: CKA.VALUE, value }]) });
  }

  return token;
}

function attributesOf(template: Template): Map<number, Buffer> {
  return new Map(template.map(({ type, value }) => [type, Buffer.from(new Uint8Array(bytesOf(value)))]));
}

function bytesOf(value: unknown): Buffer {
  if (typeof value === "boolean") return Buffer.from([value ? 1 : 0]);
  if (typeof value === "number") return ulong(value);
  return typeof value === "string" ? Buffer.from(value) : (value as Buffer);
}
