// Which master key an administrator means: of a key, by provider and id, or the one it can only be.

import type { KeyStatus, MasterKeyAddress } from "../broker/broker.ts";
import type { Permission } from "../config/configuration.ts";
import { BrokerError } from "../errors/index.ts";
import type { Graph } from "./graph.ts";
import { onPlainKey } from "./on-key.ts";
import type { Asker, Subject } from "./operation.ts";
import { checkedKeyName } from "./requests.ts";

/** What every request about a master key has. */
export interface MasterKeyRequest {
  readonly key: string;
  /** Empty: whichever it can only be. */
  readonly provider: string;
  /** Empty: whichever it can only be. */
  readonly masterKeyId: string;
}

/** A request about a master key, read. */
export interface MasterKeySubject extends Subject {
  readonly keyName: string;
  readonly request: MasterKeyRequest;
}

/** The master key that was meant, with what the audit says of it. */
export interface MeantMasterKey extends MasterKeyAddress {
  /** The key's present name. */
  readonly name: string;
  readonly details: Readonly<Record<string, string>>;
}

type Recipient = KeyStatus["recipients"][number];

/** Reads which master key a request means. Throws REQUEST_INVALID. */
export function readMasterKey(request: MasterKeyRequest): MasterKeySubject {
  return { keyName: checkedKeyName(request.key), request };
}

/**
 * Authorises a permission on the key, then finds the master key. `details` gives the audit what else the request says.
 * Throws DENIED; REQUEST_INVALID where no master key or several are meant; PROVIDER_UNAVAILABLE where the provider has
 * not yet said which it is.
 */
export function onMasterKey(
  permission: Permission,
  details: (subject: MasterKeySubject) => Record<string, string> = () => ({}),
) {
  const permit = onPlainKey(permission);
  return (graph: Graph, asker: Asker, subject: MasterKeySubject): MeantMasterKey => {
    const key = permit(graph, asker, subject);
    const recipients = graph.broker.keys().find(({ configuration }) => configuration === key)?.recipients ?? [];
    const { provider, masterKeyId } = meant(key.name, recipients, subject.request);
    const audited = { provider, masterKey: masterKeyId, ...details(subject) };
    return { name: key.name, key, provider, masterKeyId, details: audited };
  };
}

function meant(key: string, recipients: readonly Recipient[], { provider, masterKeyId }: MasterKeyRequest) {
  const fitting = recipients.filter((one) => provider === "" || one.provider === provider);
  if (fitting.length === 0) throw invalid(`key ${key} has no recipient of provider ${provider}`);
  // An id that no recipient tells may be one that a provider keeps for unwrapping alone: the broker knows those.
  if (provider !== "" && masterKeyId !== "") return { provider, masterKeyId };
  const named = fitting.filter((one) => (masterKeyId === "" ? !one.unwrapOnly : one.masterKeyId === masterKeyId));
  const [one, another] = named;
  if (one === undefined || another !== undefined) throw invalid(ambiguous(key, named, fitting));
  if (one.masterKeyId !== undefined) return { provider: one.provider, masterKeyId: one.masterKeyId };
  const message = `provider ${one.provider} has not said yet which master key it is: see keybroker status`;
  throw new BrokerError("PROVIDER_UNAVAILABLE", message);
}

function ambiguous(key: string, named: readonly Recipient[], fitting: readonly Recipient[]): string {
  const choices = (named.length > 0 ? named : fitting).map(
    (one) => `${one.provider} ${one.masterKeyId ?? "(not known yet)"}`,
  );
  const what = named.length > 1 ? `key ${key} has several master keys` : `key ${key} has no such master key`;
  return `${what}: name one by provider and master_key_id, of ${choices.join(", ")}`;
}

function invalid(message: string): BrokerError {
  return new BrokerError("REQUEST_INVALID", message);
}
