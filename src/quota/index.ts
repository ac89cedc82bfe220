// Quotas: how much an identity may do with a key.

export { createWindowClock } from "./clock.ts";
export { createQuotas, createQuotaState } from "./create-quotas.ts";
export type { QuotaOptions, QuotaState } from "./create-quotas.ts";
export type { Charge, QuotaNotice, Quotas } from "./quotas.ts";
