// A grant's document: the statement, and after it the signatures of its approvers, in any number and order.

import { BrokerError } from "../errors/index.ts";
import { isSignatureOf, signatureBegin, signatureEnd, signatureFrom, SshFormatError } from "../ssh/index.ts";
import type { SshPublicKey } from "../ssh/index.ts";
import { idOf, parseStatement, type Statement } from "./statement.ts";

/** What `ssh-keygen -Y sign -n` is given: a signature for anything else approves nothing here. */
export const grantNamespace = "keybroker-grant@keybroker";

/** The largest document: a statement and some dozens of signatures. */
const maxDocumentBytes = 65_536;

const maxSignatures = 64;

/** A document whose signatures are all genuine; whose they are is not judged. */
export interface Document {
  /** Of the grant: 32 hex digits. */
  readonly id: string;
  readonly statement: Statement;
  /** The bytes that are signed. */
  readonly text: string;
  /** The keys that signed, each once. */
  readonly signers: readonly SshPublicKey[];
}

/**
 * Reads a document and verifies every signature in it: one that does not fit spoils the whole, since somebody edited it.
 * Throws REQUEST_INVALID.
 */
export function parseDocument(document: string): Document {
  if (document.length > maxDocumentBytes) throw broken(`it has more than ${maxDocumentBytes} bytes`);
  const begin = document.indexOf(signatureBegin);
  const text = begin === -1 ? document : document.slice(0, begin);
  const statement = parseStatement(text);
  const message = Buffer.from(text, "latin1");
  const signers = new Map<string, SshPublicKey>();
  for (const armored of signaturesOf(begin === -1 ? "" : document.slice(begin))) {
    const key = signerOf(armored, message);
    signers.set(key.fingerprint, key);
  }
  return { id: idOf(text), statement, text, signers: [...signers.values()] };
}

function signaturesOf(rest: string): string[] {
  const signatures = rest.split(`${signatureEnd}\n`);
  const last = signatures.pop();
  // A last line without its end is what some editors and chat programs leave.
  if (last !== "" && last !== undefined) {
    if (!last.endsWith(signatureEnd)) throw broken("there is something after its last signature");
    signatures.push(last.slice(0, -signatureEnd.length));
  }
  if (signatures.length > maxSignatures) throw broken(`it has more than ${maxSignatures} signatures`);
  return signatures.map((signature) => `${signature}${signatureEnd}`);
}

function signerOf(armored: string, message: Buffer): SshPublicKey {
  try {
    const signature = signatureFrom(armored);
    if (isSignatureOf(signature, message, grantNamespace)) return signature.publicKey;
  } catch (error) {
    if (!(error instanceof SshFormatError)) throw error;
    throw broken(`a signature cannot be read: ${error.message}`);
  }
  throw broken(`a signature is not over this text, or not for ${grantNamespace}: the document was changed`);
}

function broken(why: string): BrokerError {
  return new BrokerError("REQUEST_INVALID", `this is no grant: ${why}`);
}
