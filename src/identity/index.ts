// Identity: who is calling, as the authenticated channel alone says.

export { createIdentities } from "./create-identities.ts";
export type * from "./identity.ts";
export { bearerToken } from "./tokens.ts";
export { peerCertificateOf } from "./peer-certificate.ts";
