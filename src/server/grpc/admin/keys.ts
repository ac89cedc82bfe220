// KeyAdminService on the wire.

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { listKeys } from "../../../operations/index.ts";
import * as keys from "../../../proto/keybroker/admin/v1/key_admin_service_pb.ts";
import { rpc } from "../rpc.ts";

/** ListKeys. */
export const listKeysRpc = rpc({
  request: keys.ListKeysRequestSchema,
  response: keys.ListKeysResponseSchema,
  operation: listKeys,
  format: (answer): keys.ListKeysResponse => ({
    $typeName: "keybroker.admin.v1.ListKeysResponse",
    nextPageToken: answer.nextPageToken,
    keys: answer.keys.map(formatKey),
  }),
});

function formatKey({
  configuration,
  recipients,
  branchKey,
}: Parameters<typeof listKeysRpc.format>[0]["keys"][0]): keys.Key {
  return {
    $typeName: "keybroker.admin.v1.Key",
    name: configuration.name,
    formerNames: [...configuration.formerNames],
    threshold: configuration.unwrapNeeds,
    wrapsVerified: configuration.verifyWrap,
    branchKeyCreateTime: branchKey && timestampFromDate(branchKey.createdAt),
    branchKeyWraps: BigInt(branchKey?.wraps ?? 0),
    branchKeyRecipients: branchKey?.recipients ?? 0,
    recipients: recipients.map(({ provider, kind, masterKeyId, unwrapOnly, protection }) => ({
      $typeName: "keybroker.admin.v1.KeyRecipient",
      provider,
      providerKind: kind,
      masterKeyId: masterKeyId ?? "",
      unwrapOnly,
      protectionLevel: protection?.level ?? "",
      authenticated: protection?.authenticated,
    })),
  };
}
