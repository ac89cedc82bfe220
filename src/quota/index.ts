// Quotas: how much an identity may do with a key.

export { createWindowClock } from "./clock.ts";
export { createQuotas, createQuotaState } from "./create-quotas.ts";
export type { QuotaState } from "./create-quotas.ts";
export type { QuotaNotice, Quotas } from "./quotas.ts";
