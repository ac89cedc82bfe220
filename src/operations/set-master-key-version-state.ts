// SetMasterKeyVersionState: has a backend change what a version of a master key may do.

import type { Broker } from "../broker/broker.ts";
import { BrokerError } from "../errors/index.ts";
import { MasterKeyVersionState } from "../proto/keybroker/admin/v1/master_key_service_pb.ts";
import { onMasterKey, readMasterKey } from "./master-key.ts";
import type { MasterKeyRequest, MasterKeySubject, MeantMasterKey } from "./master-key.ts";
import type { MasterKeyVersion } from "./master-key-versions.ts";
import { checkRequestId, createOnce } from "./once.ts";
import type { Operation } from "./operation.ts";

type VersionState = Parameters<Broker["setVersionState"]>[2];

export interface SetMasterKeyVersionStateRequest extends MasterKeyRequest {
  readonly version: string;
  readonly state: MasterKeyVersionState;
  readonly requestId: string;
  readonly validateOnly: boolean;
}

export interface SetMasterKeyVersionStateResponse {
  readonly provider: string;
  readonly masterKeyId: string;
  readonly version: MasterKeyVersion;
}

const once = createOnce();

export const setMasterKeyVersionState: Operation<
  SetMasterKeyVersionStateRequest,
  SetMasterKeyVersionStateResponse,
  MasterKeySubject,
  MeantMasterKey
> = {
  name: "admin.masterkeys.update",
  read(request) {
    checkRequestId(request.requestId);
    if (request.version === "") throw new BrokerError("REQUEST_INVALID", "the request names no version");
    stateOf(request.state);
    return readMasterKey(request);
  },
  authorise: onMasterKey("admin.masterkeys.update", ({ request }) => audited(request)),
  async act({ graph, identity, request, scope }, meant) {
    const { provider, masterKeyId } = meant;
    const { key, version: name, requestId, validateOnly } = request;
    const state = stateOf(request.state);
    graph.broker.checkAble(meant, "setVersionState");
    const found = (await graph.broker.versions(meant, scope)).find(({ version }) => version === name);
    if (found === undefined)
      throw new BrokerError("REQUEST_INVALID", `${masterKeyId} has no version ${name}: list its versions`);
    if (validateOnly) return { provider, masterKeyId, version: found };
    const asked = { key, provider, masterKeyId, version: name, state };
    const change = () => graph.broker.setVersionState(meant, name, state, scope);
    await once.do(`${identity.name} update`, requestId, asked, change);
    return { provider, masterKeyId, version: { ...found, state } };
  },
};

function audited(request: MasterKeyRequest): Record<string, string> {
  const { version, state, validateOnly } = request as SetMasterKeyVersionStateRequest;
  return { version, state: stateOf(state), ...(validateOnly && { dryRun: "yes" }) };
}

const states = new Map<MasterKeyVersionState, VersionState>([
  [MasterKeyVersionState.PRIMARY, "primary"],
  [MasterKeyVersionState.ENABLED, "enabled"],
  [MasterKeyVersionState.DISABLED, "disabled"],
]);

/** Throws REQUEST_INVALID for no state, and for one that this version does not know. */
function stateOf(state: MasterKeyVersionState): VersionState {
  const found = states.get(state);
  if (found === undefined) throw new BrokerError("REQUEST_INVALID", "state is PRIMARY, ENABLED or DISABLED");
  return found;
}
