// The names that AWS KMS gives a key, and what they tell: partition, region, account, id.
// https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id

/** A key ARN, in its parts. */
export interface KeyArn {
  /** `aws`, `aws-cn`, `aws-us-gov` … */
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  readonly keyId: string;
}

/** What a reference may be. */
export type KeyName =
  | { readonly form: "key ARN"; readonly arn: KeyArn }
  | { readonly form: "alias ARN"; readonly region: string }
  | { readonly form: "alias" }
  | { readonly form: "key id" };

const keyId = /^(?:mrk-)?[0-9a-f][0-9a-f-]{15,63}$/;
const aliasName = /^alias\/[A-Za-z0-9/_-]{1,250}$/;
const arnParts = /^arn:([a-z][a-z-]{0,30}):kms:([a-z0-9-]{3,40}):(\d{12}):(.+)$/;

/** Reads any of the four names of a key; undefined when it is none. */
export function parseKeyName(name: string): KeyName | undefined {
  if (keyId.test(name)) return { form: "key id" };
  if (aliasName.test(name)) return { form: "alias" };
  const [, , region, , resource] = arnParts.exec(name) ?? [];
  if (region === undefined || resource === undefined) return undefined;
  if (aliasName.test(resource)) return { form: "alias ARN", region };
  const arn = parseKeyArn(name);
  return arn && { form: "key ARN", arn };
}

/** Reads a key ARN; undefined when it is none. */
export function parseKeyArn(name: string): KeyArn | undefined {
  const [, partition, region, account, resource] = arnParts.exec(name) ?? [];
  const id = resource?.startsWith("key/") ? resource.slice("key/".length) : undefined;
  if (partition === undefined || region === undefined || account === undefined) return undefined;
  return id !== undefined && keyId.test(id) ? { partition, region, account, keyId: id } : undefined;
}

/** The ARN's text. */
export function formatKeyArn({ partition, region, account, keyId: id }: KeyArn): string {
  return `arn:${partition}:kms:${region}:${account}:key/${id}`;
}

/** The ARN of the related key in another region: replicas of a multi-Region key share all but the region. */
export function inRegion(arn: KeyArn, region: string): string {
  return formatKeyArn({ ...arn, region });
}

/** Whether it is a multi-Region key: AWS documents the `mrk-` prefix as the way to tell. */
export function isMultiRegion(id: string): boolean {
  return id.startsWith("mrk-");
}
