// Finds out which key a reference names.

import { BrokerError } from "../../src/errors/index.ts";
import { inRegion, isMultiRegion, parseKeyArn, parseKeyName } from "./arn.ts";
import type { KeyArn } from "./arn.ts";
import { firstThatAnswers } from "./fallback.ts";
import { describe, faultOfKind } from "./key-state.ts";
import type { Context } from "./kms-key.ts";

/**
 * The key's ARN in the first region. A key ARN is believed as it stands, so that a restart during an outage needs no
 * answer; other names are looked up, a multi-Region key's id in the other regions too. Throws REQUEST_INVALID when the
 * name is of another region or the key is not for encrypting.
 */
export async function resolve(name: string, context: Context, signal: AbortSignal): Promise<KeyArn> {
  const [first] = context.regions;
  const parsed = parseKeyName(name);
  if (parsed?.form === "key ARN") return ofRegion(parsed.arn, name, context);
  if (parsed?.form === "alias ARN" && parsed.region !== first.name) throw elsewhere(name, parsed.region, first.name);
  const regions = isMultiRegion(name) ? context.regions : ([first] as const);
  const metadata = await firstThatAnswers(regions, context.fallbackAfterMs, signal, (region, limit) =>
    describe(context.library, region, name, limit),
  );
  const fault = faultOfKind(metadata);
  if (fault !== undefined) throw new BrokerError("REQUEST_INVALID", `${name} cannot be a master key: ${fault}`);
  const arn = parseKeyArn(metadata.Arn!);
  if (!arn) throw new BrokerError("INTERNAL", `AWS KMS names ${name} by an ARN of unknown form`);
  return parseKeyArn(inRegion(arn, first.name))!;
}

/** A multi-Region key may be configured by its ARN in any of the provider's regions; it goes by the first one's. */
function ofRegion(arn: KeyArn, name: string, { regions }: Context): KeyArn {
  const [first, ...others] = regions;
  if (arn.region === first.name) return arn;
  const isReplica = isMultiRegion(arn.keyId) && others.some((region) => region.name === arn.region);
  if (!isReplica) throw elsewhere(name, arn.region, first.name);
  return { ...arn, region: first.name };
}

function elsewhere(name: string, region: string, own: string): BrokerError {
  const message = `${name} is in ${region}, and this provider asks ${own}: configure a provider for ${region}`;
  return new BrokerError("REQUEST_INVALID", message);
}
