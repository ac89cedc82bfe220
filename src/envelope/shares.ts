// Shamir's sharing of a branch key over GF(2^8) modulo x^8+x^4+x^3+x+1, share i at x = i.

import { allocate, randomBytes, wipe } from "../secret/index.ts";
import { limits } from "./limits.ts";
import { unwritable } from "./refusal.ts";

/** A share with its position in the envelope. */
export interface PositionedShare {
  /** From 1. */
  readonly position: number;
  readonly share: Uint8Array;
}

/**
 * Splits a secret, byte by byte, so that any `threshold` of `count` shares give it back and fewer say nothing. With a
 * threshold of 1 every share is the secret. Fewer or false shares combine to a wrong secret without an error: the
 * envelope's commitment catches it.
 *
 * @returns share i + 1 at index i, each as long as the secret, in buffers of their own; the caller owns and wipes them.
 * @throws BrokerError INTERNAL unless 1 ≤ threshold ≤ count ≤ 8.
 */
export function split(secret: Uint8Array, threshold: number, count: number): Buffer[] {
  const inOrder = 1 <= threshold && threshold <= count && count <= limits.maxRecipients;
  if (!inOrder) throw unwritable("a secret is split with 1 ≤ threshold ≤ shares ≤ 8");
  const coefficients = randomBytes(secret.length * (threshold - 1));
  try {
    return splitBy(secret, coefficients, count);
  } finally {
    wipe(coefficients);
  }
}

/**
 * Splits by given coefficients: those of x first, one a byte of the secret, then those of x², and so on.
 * For known answers in tests; `split` draws them from the kernel.
 */
export function splitBy(secret: Uint8Array, coefficients: Uint8Array, count: number): Buffer[] {
  const shares: Buffer[] = [];
  while (shares.length < count) shares.push(shareAt(shares.length + 1, secret, coefficients));
  return shares;
}

/** The polynomials' values at x, by Horner's rule from the highest coefficient down. */
function shareAt(x: number, secret: Uint8Array, coefficients: Uint8Array): Buffer {
  const share = allocate(secret.length);
  for (let at = coefficients.length - secret.length; at >= 0; at -= secret.length) {
    share.forEach((value, i) => (share[i] = multiply(value ^ coefficients[at + i]!, x)));
  }
  share.forEach((value, i) => (share[i] = value ^ secret[i]!));
  return share;
}

/**
 * Combines shares of one secret; as many as the threshold, or more.
 *
 * @returns the secret in a buffer of its own; the caller owns and wipes it and the shares.
 * @throws BrokerError INTERNAL when there is none, a position is out of 1–8 or comes twice, or lengths differ.
 */
export function combine(shares: readonly PositionedShare[]): Buffer {
  checkShares(shares);
  const secret = allocate(shares[0]!.share.length);
  for (const { position, share } of shares) {
    const weight = weightAtZero(position, shares);
    share.forEach((value, i) => (secret[i] = secret[i]! ^ multiply(value, weight)));
  }
  return secret;
}

function checkShares(shares: readonly PositionedShare[]): void {
  const positions = new Set(shares.map(({ position }) => position));
  const inRange = [...positions].every((x) => Number.isInteger(x) && x >= 1 && x <= limits.maxRecipients);
  const alike = shares.every(({ share }) => share.length === shares[0]!.share.length);
  if (shares.length === 0 || positions.size < shares.length || !inRange || !alike) {
    throw unwritable("shares are combined at different positions of 1 to 8, all of one length");
  }
}

/** Lagrange's weight of a position for x = 0: the product of o / (o − p) over the others. Positions are public. */
function weightAtZero(position: number, shares: readonly PositionedShare[]): number {
  return shares
    .filter((other) => other.position !== position)
    .reduce((weight, other) => multiply(weight, multiply(other.position, invert(other.position ^ position))), 1);
}

/** The product in the field: the same steps for all values, no table, no branch. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) {
    product ^= -(b & 1) & a;
    a = (a << 1) ^ (-(a >> 7) & 0x11b);
    b >>= 1;
  }
  return product;
}

/** The inverse: a^254, since a^255 = 1. */
function invert(a: number): number {
  let power = 1;
  for (let i = 0; i < 254; i++) power = multiply(power, a);
  return power;
}
