// RotateMasterKey: has a backend make a new version of a master key.

import { onMasterKey, readMasterKey } from "./master-key.ts";
import type { MasterKeyRequest, MasterKeySubject, MeantMasterKey } from "./master-key.ts";
import { checkRequestId, createOnce } from "./once.ts";
import type { Operation } from "./operation.ts";

export interface RotateMasterKeyRequest extends MasterKeyRequest {
  readonly requestId: string;
  readonly validateOnly: boolean;
}

export interface RotateMasterKeyResponse {
  readonly provider: string;
  readonly masterKeyId: string;
  /** Empty when nothing was changed. */
  readonly version: string;
}

const once = createOnce();

export const rotateMasterKey: Operation<
  RotateMasterKeyRequest,
  RotateMasterKeyResponse,
  MasterKeySubject,
  MeantMasterKey
> = {
  name: "admin.masterkeys.rotate",
  read(request) {
    checkRequestId(request.requestId);
    return readMasterKey(request);
  },
  authorise: onMasterKey("admin.masterkeys.rotate", ({ request }) => dryRun(request)),
  async act({ graph, identity, request, scope }, meant) {
    const { provider, masterKeyId } = meant;
    if (request.validateOnly) {
      graph.broker.checkAble(meant, "rotate");
      await graph.broker.versions(meant, scope);
      return { provider, masterKeyId, version: "" };
    }
    const { requestId, key } = request;
    const asked = { key, provider, masterKeyId };
    const rotate = () => graph.broker.rotate(meant, scope);
    const version = await once.do(`${identity.name} rotate`, requestId, asked, rotate);
    return { provider, masterKeyId, version };
  },
};

function dryRun(request: MasterKeyRequest): Record<string, string> {
  return (request as RotateMasterKeyRequest).validateOnly ? { dryRun: "yes" } : {};
}
