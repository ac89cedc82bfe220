// Envelopes: the one door to their format.

export { contextHash } from "./context.ts";
export { decode } from "./decode.ts";
export { encodeBranchHeader } from "./encode.ts";
export { commitmentEquals, deriveKeys } from "./keys.ts";
export { kindName } from "./kinds.ts";
export { limits, suite } from "./limits.ts";
export { material, shareOf } from "./material.ts";
export { isKeyName, isRealm } from "./names.ts";
export { refused } from "./refusal.ts";
export { open, openFor, seal } from "./seal.ts";
export type { SealingBranch } from "./seal.ts";
export { combine, split } from "./shares.ts";
export type { PositionedShare } from "./shares.ts";
export { fromText, toText } from "./text.ts";
export type { BranchHeader, Context, Envelope, EnvelopeRecipient } from "./types.ts";
