// The vectors that hold blobs of real providers: who wraps which share of them.

import { env, recipe } from "./recipes.ts";
import type { MasterName } from "./recorded.ts";
import { recordedRecipient } from "./recorded.ts";
import { shareAt } from "./writer.ts";
import type { Recipe } from "./writer.ts";

/** A vector with recorded blobs. */
export interface RealVector {
  readonly name: string;
  readonly about: string;
  readonly threshold: number;
  /** Who holds the shares, in their order; "env" is the env provider with the master key "one". */
  readonly holders: readonly (MasterName | "env")[];
}

const words: Readonly<Record<MasterName, string>> = {
  "aws-kms": "aws-kms",
  "gcp-kms": "gcp-kms",
  "vault-aes256-gcm96": "vault (aes256-gcm96)",
  "vault-chacha20-poly1305": "vault (chacha20-poly1305)",
  "vault-xchacha20-poly1305": "vault (xchacha20-poly1305)",
  "pkcs11-gcm": "pkcs11 (AES-GCM)",
  "pkcs11-key-wrap": "pkcs11 (AES key wrap with padding)",
  "pkcs11-rsa-oaep-sha1": "pkcs11 (RSA-OAEP with SHA-1)",
  "pkcs11-gcm-device-iv": "pkcs11 (AES-GCM, IV of the token)",
  "pkcs11-gcm-appended-iv": "pkcs11 (AES-GCM, IV appended by the token)",
  "pkcs11-rsa-oaep": "pkcs11 (RSA-OAEP with SHA-256)",
};

/** Each master key. */
export const masterNames = Object.keys(words) as readonly MasterName[];

/** All of them. */
export const realVectors: readonly RealVector[] = [
  ...masterNames.flatMap((master): RealVector[] => [
    {
      name: `real-${master}-then-env`,
      about: `a blob of the ${words[master]} provider, then an env recipient`,
      threshold: 1,
      holders: [master, "env"],
    },
    {
      name: `real-env-then-${master}`,
      about: `an env recipient, then a blob of the ${words[master]} provider`,
      threshold: 1,
      holders: ["env", master],
    },
  ]),
  {
    name: "real-five-kinds",
    about: "blobs of all five kinds, k = 1",
    threshold: 1,
    holders: ["aws-kms", "gcp-kms", "vault-aes256-gcm96", "pkcs11-gcm", "env"],
  },
  {
    name: "real-2-of-3",
    about: "k = 2, n = 3, shares wrapped by aws-kms, vault and pkcs11, none by env",
    threshold: 2,
    holders: ["aws-kms", "vault-aes256-gcm96", "pkcs11-key-wrap"],
  },
  {
    name: "real-2-of-3-others",
    about: "k = 2, n = 3, shares wrapped by gcp-kms, pkcs11 and vault, none by env",
    threshold: 2,
    holders: ["gcp-kms", "pkcs11-rsa-oaep-sha1", "vault-xchacha20-poly1305"],
  },
];

/** What such a vector is made of, but for its recipients. */
export const realRecipe = ({ name, threshold }: RealVector): Recipe => recipe(name, { threshold });

/** The share at a place, counted from 1. */
export function realShare(vector: RealVector, position: number): Buffer {
  const { branchKey, coefficients } = realRecipe(vector);
  return shareAt(position, branchKey, coefficients);
}

/** Its recipients, with the blobs that were recorded. */
export function realRecipients({ name, holders }: RealVector): Recipe["recipients"] {
  return holders.map((holder, i) => (holder === "env" ? env(name, "one") : recordedRecipient(name, i + 1)));
}
