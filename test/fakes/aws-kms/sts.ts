// STS in so far as providers take on roles: AssumeRole, AssumeRoleWithWebIdentity.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html

import { randomBytes } from "node:crypto";
import { AwsError } from "./error.ts";
import { account } from "./keys.ts";
import type { Credentials } from "./signature.ts";

/** A session of a role. */
export interface Sessions {
  /** Answers a form of the Query API with XML. Throws as STS does. */
  answer(form: URLSearchParams, now: Date): string;
  /** By access key id. */
  find(accessKeyId: string): Credentials | undefined;
  /** Ends all that there are: their next use is answered with ExpiredTokenException. */
  expire(): void;
  /** The web identity tokens that are taken. */
  readonly tokens: Set<string>;
  readonly role: string;
  readonly externalId: string;
  /** The secret access key of every session, and what every session token begins with. */
  readonly secrets: readonly string[];
  /** Sessions handed out so far. */
  count(): number;
}

const lifeMs = 3_600_000;

export function createSessions(): Sessions {
  const sessions = new Map<string, Credentials>();
  const role = `arn:aws:iam::${account}:role/keybroker`;
  const externalId = "keybroker-external-id";
  const tokens = new Set<string>();
  const [secretAccessKey, tokenStart] = [randomBytes(30).toString("base64"), randomBytes(60).toString("base64")];
  const begin = (now: Date): Credentials => {
    const credentials = {
      accessKeyId: `ASIA${randomBytes(8).toString("hex").toUpperCase()}`,
      secretAccessKey,
      sessionToken: `${tokenStart}${sessions.size}`,
      expiresAt: new Date(now.getTime() + lifeMs),
    };
    sessions.set(credentials.accessKeyId, credentials);
    return credentials;
  };
  return {
    role,
    externalId,
    tokens,
    secrets: [secretAccessKey, tokenStart],
    count: () => sessions.size,
    find: (id) => sessions.get(id),
    expire() {
      for (const [id, one] of sessions) sessions.set(id, { ...one, expiresAt: new Date(0) });
    },
    answer(form, now) {
      const action = form.get("Action");
      if (form.get("RoleArn") !== role || !form.get("RoleSessionName")) throw denied(action);
      if (action === "AssumeRole" && form.get("ExternalId") !== externalId) throw denied(action);
      if (action === "AssumeRoleWithWebIdentity" && !tokens.has(form.get("WebIdentityToken") ?? ""))
        throw new AwsError("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider");
      if (action !== "AssumeRole" && action !== "AssumeRoleWithWebIdentity") throw new AwsError("InvalidAction");
      return xml(action, begin(now));
    },
  };
}

function denied(action: string | null): AwsError {
  return new AwsError("AccessDenied", `Not authorized to perform sts:${action}`, 403);
}

function xml(action: string, { accessKeyId, secretAccessKey, sessionToken, expiresAt }: Credentials): string {
  const fields = {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
    Expiration: expiresAt?.toISOString(),
  };
  const inner = Object.entries(fields).map(([name, value]) => `<${name}>${value}</${name}>`);
  const result = `<${action}Result><Credentials>${inner.join("")}</Credentials></${action}Result>`;
  const space = "https://sts.amazonaws.com/doc/2011-06-15/";
  return `<${action}Response xmlns="${space}">${result}<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></${action}Response>`;
}

/** An error in the Query API's form. */
export function errorXml({ name, message }: AwsError): string {
  return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${name}</Code><Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`;
}
