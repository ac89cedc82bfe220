// Checks of identities: those that nobody could be, and those that one credential could confuse.

import type { Parts } from "../build.ts";
import type { IdentityConfiguration, ListenerConfiguration } from "../configuration.ts";
import type { Path } from "../problem.ts";
import { refuseRepeats, type Faults } from "./faults.ts";

/** All checks of identities. */
export function checkIdentities(parts: Parts, faults: Faults): void {
  const identities = [...parts.identities.values()];
  for (const identity of identities) {
    checkChannel(identity, parts, faults);
    checkAttributes(identity, faults);
  }
  checkSocketNames(parts, faults);
  checkConfusable(identities, faults);
  if (identities.length === parts.names.identities.size) checkReached(parts, faults);
}

/** What the connection itself proves: a socket whoever opened it, TLS a certificate or nothing. */
function checkChannel(identity: IdentityConfiguration, parts: Parts, faults: Faults): void {
  const listener = parts.listeners.get(identity.listener);
  if (listener === undefined) return;
  const fault = "unix" in listener ? faultAtSocket(identity, listener) : faultOverTls(identity, parts.identities);
  if (fault !== undefined)
    faults.errors.push({ path: ["identities", identity.name, fault.field], message: fault.message });
}

type Fault = { readonly field: string; readonly message: string } | undefined;

function faultAtSocket(
  { listener, token, within }: IdentityConfiguration,
  socket: { readonly identity: string },
): Fault {
  if (token === undefined) {
    const message = `${listener} is a unix listener, where no certificate is shown: it names its identity itself`;
    return { field: "listener", message };
  }
  if (within === socket.identity) return undefined;
  const message = `over the unix listener ${listener} a token only narrows: within must be ${socket.identity}`;
  return { field: within === undefined ? "listener" : "within", message };
}

function faultOverTls({ name, listener, within }: IdentityConfiguration, all: Parts["identities"]): Fault {
  if (within === undefined) return undefined;
  const outer = all.get(within);
  // One that does not exist, or has faults of its own, is reported elsewhere.
  if (outer !== undefined && outer.token === undefined && outer.listener === listener) return undefined;
  if (outer === undefined && within !== name) {
    return { field: "within", message: `${within} shows no certificate at ${listener}: nobody could be ${name}` };
  }
  return { field: "within", message: `within must be an identity that shows a certificate at ${listener}` };
}

function checkAttributes({ name, token }: IdentityConfiguration, faults: Faults): void {
  if (token === undefined || token.audience !== token.issuer) return;
  const message =
    "the audience is the issuer itself: tokens for others would be taken, so have them issued for this daemon";
  faults.warnings.push({ path: ["identities", name, "jwt", "audience"], message });
}

/** One name for a socket's callers and for others would give each what is meant for the other. */
function checkSocketNames({ listeners, names }: Parts, faults: Faults): void {
  for (const { name, identity } of [...listeners.values()].filter(isUnix)) {
    if (!names.identities.has(identity)) continue;
    const message = `${identity} also comes in by the unix listener ${name}, without a certificate or token`;
    faults.warnings.push({ path: ["identities", identity], atName: true, message });
  }
}

function isUnix(listener: ListenerConfiguration) {
  return "unix" in listener;
}

function checkConfusable(identities: readonly IdentityConfiguration[], faults: Faults): void {
  refuseRepeats(
    identities,
    markOf,
    ({ name, spiffe, token }, first) => {
      const [what, field] = token ? ["token", "jwt"] : ["certificate", spiffe === undefined ? "dns" : "spiffe"];
      const path: Path = ["identities", name, field];
      return {
        path,
        message: `one ${what} could be both this and ${first.name}: each name at a listener belongs to one identity`,
      };
    },
    faults,
  );
}

/** What a listener looks for in a certificate or token: the same twice would find two identities. */
function markOf({ listener, spiffe, dns, token }: IdentityConfiguration): string {
  const { issuer, audience, subject } = token ?? {};
  return JSON.stringify([listener, spiffe, dns, issuer, audience, subject]);
}

function checkReached({ identities, listeners }: Parts, faults: Faults): void {
  const reached = new Set([...identities.values()].map(({ listener }) => listener));
  for (const listener of listeners.values()) {
    if ("unix" in listener || reached.has(listener.name)) continue;
    const message = "no identity comes in by this listener: add one under identities, with listener and ca or jwt";
    faults.errors.push({ path: ["listeners", listener.name], atName: true, message });
  }
}
