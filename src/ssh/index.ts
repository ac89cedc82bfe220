// SSH public keys and signatures: what people sign with who have no account here.

export { publicKeysOf } from "./public-key.ts";
export type { SshPublicKey } from "./public-key.ts";
export { SshFormatError } from "./reader.ts";
export { isSignatureOf, signatureBegin, signatureEnd, signatureFrom } from "./signature.ts";
