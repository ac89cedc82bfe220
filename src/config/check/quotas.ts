// Quotas that would count nothing.

import type { Parts } from "../build.ts";
import { bringsEnvelope } from "../patterns.ts";
import type { Faults } from "./faults.ts";

/** Refuses quotas on administration, which is not charged, and distinct ones where no envelope comes. */
export function checkQuotas({ rules }: Parts, { errors }: Faults): void {
  for (const [index, { may, quota }] of rules) {
    if (quota.length === 0) continue;
    may.forEach((permission, place) => {
      if (!permission.startsWith("admin.")) return;
      const message = `${permission} is not counted by quotas: give it a rule of its own`;
      errors.push({ path: ["policy", index, "may", place], message });
    });
    if (!quota.some(({ distinct }) => distinct) || may.some(bringsEnvelope)) continue;
    const message = "a distinct quota counts envelopes, and nothing that this rule allows brings one";
    errors.push({ path: ["policy", index, "quota"], message });
  }
}
