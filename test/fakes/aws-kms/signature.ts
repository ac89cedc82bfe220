// Checks requests' signatures, whole: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { AwsError } from "./error.ts";

/** A request as it came. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** An access key and what belongs to it. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  readonly expiresAt: Date | undefined;
}

/** AWS takes signatures of up to five minutes either way. */
const toleranceMs = 5 * 60_000;
const authorization =
  /^AWS4-HMAC-SHA256 Credential=([A-Z0-9]+)\/(\d{8})\/([a-z0-9-]+)\/(\w+)\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/;

/** Who signed, and for which region and service. Throws as AWS does. */
export function verify(request: SignedRequest, find: (id: string) => Credentials | undefined, now: Date) {
  const { headers } = request;
  if (!headers["authorization"])
    throw new AwsError("MissingAuthenticationTokenException", "Missing Authentication Token");
  const [, id, day, region, service, signed, signature] = authorization.exec(headers["authorization"]) ?? [];
  const date = headers["x-amz-date"] ?? "";
  if (!id || !date.startsWith(day!)) throw new AwsError("IncompleteSignatureException", "The signature is incomplete");
  const credentials = find(id);
  if (!credentials || headers["x-amz-security-token"] !== credentials.sessionToken)
    throw new AwsError("UnrecognizedClientException", "The security token included in the request is invalid.");
  checkDate(date, now);
  const scope = `${day}/${region}/${service}/aws4_request`;
  const expected = sign(request, signed!.split(";"), date, scope, credentials.secretAccessKey);
  if (!timingSafeEqual(expected, Buffer.from(signature!, "hex")))
    throw new AwsError("InvalidSignatureException", "The request signature we calculated does not match yours.");
  if (credentials.expiresAt && credentials.expiresAt <= now)
    throw new AwsError("ExpiredTokenException", "The security token included in the request is expired");
  return { region: region!, service: service!, credentials };
}

function checkDate(date: string, now: Date): void {
  const [, y, m, d, h, min, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  const offMs = Date.parse(`${y}-${m}-${d}T${h}:${min}:${s}Z`) - now.getTime();
  if (Math.abs(offMs) <= toleranceMs) return;
  const what = offMs < 0 ? "expired" : "not yet current";
  throw new AwsError("InvalidSignatureException", `Signature ${what}: ${date} is off ${now.toISOString()}`);
}

function sign(request: SignedRequest, signed: readonly string[], date: string, scope: string, secret: string): Buffer {
  for (const needed of ["host", "x-amz-date", "x-amz-target"])
    if (request.headers[needed] !== undefined && !signed.includes(needed))
      throw new AwsError("InvalidSignatureException", `${needed} must be a signed header`);
  const lines = signed.map((name) => `${name}:${request.headers[name]?.trim().replaceAll(/ +/g, " ")}\n`);
  const parts = [request.method, request.path, "", lines.join(""), signed.join(";"), sha256(request.body)];
  const text = ["AWS4-HMAC-SHA256", date, scope, sha256(Buffer.from(parts.join("\n")))].join("\n");
  const key = scope.split("/").reduce((last: string | Buffer, part) => hmac(last, part), `AWS4${secret}`);
  return hmac(key, text);
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
