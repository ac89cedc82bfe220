// Failures as diagnoses: what happened, what lies beneath, and what to do about it.

import { isBrokerError } from "../errors/index.ts";
import type { Reason } from "../errors/index.ts";
import { bad } from "./diagnosis.ts";
import type { Diagnosis } from "./diagnosis.ts";

const maxCauses = 4;

/** A check that failed. `manual` says where the provider's documentation is. */
export function failed(check: string, error: unknown, manual: string): Diagnosis {
  const reason = isBrokerError(error) ? error.reason : undefined;
  const fault = reason === "REQUEST_INVALID" ? "configuration" : "backend";
  return bad(check, detailOf(error), fixOf(reason, manual), fault);
}

function fixOf(reason: Reason | undefined, manual: string): string {
  const fix = reason === undefined ? undefined : fixes[reason];
  return fix === undefined
    ? `nobody foresaw this answer: look for it in ${manual}, and report it if it is not there`
    : fix.replace("MANUAL", manual);
}

/** By the reasons that a provider may give. */
const fixes: Partial<Record<Reason, string>> = {
  REQUEST_INVALID: "correct this provider, or the recipients that name it, in the configuration: MANUAL has the fields",
  KEY_DISABLED: "enable the master key, or give the broker's credential its permission back: MANUAL has the policy",
  PROVIDER_UNAVAILABLE:
    "see that the backend is up, that this machine reaches it, and that the credential is valid: MANUAL, What goes wrong",
  PROVIDER_TIMEOUT:
    "see whether something on the way drops packets (a firewall does not refuse, it is silent), or raise --timeout",
  ENVELOPE_REFUSED:
    "the backend does not give back what it wrapped: wrap nothing with this master key until you know why (MANUAL)",
};

/** The message and, beneath it, the causes: of other people's errors name and code alone, they may quote anything. */
function detailOf(error: unknown): string {
  const told: string[] = [];
  for (let one = error; one !== undefined && told.length < maxCauses; one = causeOf(one)) {
    const text = textOf(one);
    if (text !== "" && !told.some((other) => other.includes(text))) told.push(text);
  }
  return told.length === 0 ? "it failed, and did not say why" : told.join(": ");
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function textOf(error: unknown): string {
  if (isBrokerError(error)) return error.message;
  if (!(error instanceof Error)) return "";
  const { code } = error as NodeJS.ErrnoException;
  // "Error" alone tells nobody anything.
  if (typeof code !== "string") return error.name === "Error" ? "" : error.name;
  // The system's own words hold a call and an address.
  return /^E[A-Z0-9]+$/.test(code) && error.message.includes(code) ? error.message : `${error.name} ${code}`;
}
