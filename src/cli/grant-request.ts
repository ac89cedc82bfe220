// The document of a grant: from the daemon, or made here where there is none to ask.

import { InvalidArgumentError } from "commander";
import type { GrantInput } from "../client/index.ts";
import { conditionText, parseCondition, type Condition } from "../config/index.ts";
import { statementText } from "../grants/index.ts";
import { randomBytes } from "../secret/index.ts";
import { withClient } from "./connect.ts";
import { usage } from "./failure.ts";
import { contextFlag, Flag, required, type ConnectionSettings } from "./flags.ts";
import { contextOf } from "./pairs.ts";

/** What a grant is asked for by. */
export interface RequestSettings {
  readonly identity?: string;
  readonly keys?: readonly string[];
  readonly context: readonly string[];
  readonly when?: readonly string[];
  readonly reason?: string;
  readonly from?: string;
  readonly for?: number;
  readonly maxUnwraps?: number;
  readonly requester?: string;
  readonly offline?: boolean;
  readonly realm?: string;
}

/** The flags of RequestSettings. */
export function requestFlags(): Flag[] {
  return [
    new Flag("--keys <pattern>", "an exact key, prefix/* or *; repeat for more", "KEYBROKER_GRANT_KEYS").repeatable(),
    new Flag("--identity <name>", "who shall unwrap (default: the caller's own identity)"),
    contextFlag(),
    new Flag("--when <condition>", "a condition on the context, in the policy's words; repeat for more").repeatable(),
    parsed(new Flag("--for <duration>", "how long it is open, such as 4h or 2d", "KEYBROKER_GRANT_FOR"), forMs),
    new Flag("--from <time>", "when it opens, such as 2026-11-21T08:00:00Z (default: now)", "KEYBROKER_GRANT_FROM"),
    parsed(new Flag("--max-unwraps <count>", "how many distinct envelopes it may open"), count),
    new Flag("--reason <text>", "why, such as a ticket's number"),
    new Flag("--requester <name>", "who asks (default: the caller's identity)"),
    new Flag("--offline", "make the document here: --realm, --identity and --requester are needed then"),
    new Flag("--realm <realm>", "the daemon's realm, with --offline"),
  ];
}

function parsed(flag: Flag, parse: (text: string) => number): Flag {
  flag.argParser(parse);
  return flag;
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function forMs(text: string): number {
  const [, number, unit] = /^([1-9][0-9]{0,6})([smhd])$/.exec(text) ?? [];
  if (number !== undefined) return Number(number) * unitsMs[unit!]!;
  throw new InvalidArgumentError(`"${text}" is no duration: write 90s, 30m, 4h or 2d`);
}

function count(text: string): number {
  if (/^[1-9][0-9]{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`"${text}" is no count: write a number from 1 to 1000000`);
}

/** The document. */
export async function requestOf(settings: ConnectionSettings & RequestSettings): Promise<string> {
  const wanted = inputOf(settings);
  if (settings.offline) return documentOf(settings, wanted);
  const { document } = await withClient(settings, (client) => client.requestGrant(wanted));
  return document;
}

function inputOf(settings: RequestSettings): GrantInput {
  const { identity, requester, from } = settings;
  const pairs = Object.entries(contextOf(settings.context));
  const conditions = [...pairs.map(equality), ...(settings.when ?? [])];
  const startsAt = from === undefined ? undefined : timeOf(from);
  return {
    keys: required(settings.keys, "--keys", "KEYBROKER_GRANT_KEYS"),
    reason: required(settings.reason, "--reason", "KEYBROKER_REASON"),
    durationMs: required(settings.for, "--for", "KEYBROKER_GRANT_FOR"),
    maxUnwraps: required(settings.maxUnwraps, "--max-unwraps", "KEYBROKER_MAX_UNWRAPS"),
    conditions,
    ...(identity !== undefined && { identity }),
    ...(requester !== undefined && { requester }),
    ...(startsAt !== undefined && { startsAt }),
  };
}

function equality([name, value]: [string, string]): string {
  return conditionText({ name, is: { oneOf: [value] } });
}

function timeOf(text: string): Date {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time;
  throw usage(`--from "${text}": write a time such as 2026-11-21T08:00:00Z`);
}

function documentOf(settings: RequestSettings, wanted: GrantInput): string {
  const fromMs = Math.floor((wanted.startsAt?.getTime() ?? Date.now()) / 1_000) * 1_000;
  return statementText({
    nonce: randomBytes(16).toString("hex"),
    realm: required(settings.realm, "--realm", "KEYBROKER_REALM"),
    identity: required(settings.identity, "--identity", "KEYBROKER_IDENTITY"),
    requester: required(settings.requester, "--requester", "KEYBROKER_REQUESTER"),
    keys: wanted.keys,
    when: (wanted.conditions ?? []).map(conditionOf),
    reason: wanted.reason,
    fromMs,
    untilMs: fromMs + wanted.durationMs,
    maxUnwraps: wanted.maxUnwraps,
  });
}

function conditionOf(text: string): Condition {
  const { condition, fault } = parseCondition(text);
  if (condition !== undefined) return condition;
  throw usage(`--when "${text}": ${fault}`);
}
