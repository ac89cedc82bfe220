// moto, an AWS that answers over real HTTP on loopback. It has habits of its own: what it gets wrong is tested against
// the strict endpoint of test/fakes/aws-kms.

import { CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { startChild } from "./process.ts";
import { pythonProgram } from "./python-program.ts";
import { until } from "./until.ts";

/** The server's program. */
export const motoServer = pythonProgram("moto_server", "moto[server]", "5.2.5");

/** A running moto. */
export interface Moto {
  readonly url: string;
  readonly region: string;
  /** It takes any credentials: these stand in this process's environment, where the SDK's default chain looks first. */
  readonly secretAccessKey: string;
  createKey(): Promise<{ readonly id: string; readonly arn: string }>;
  stop(): Promise<void>;
}

const region = "eu-central-1";

/** Starts moto on a port that it chooses itself. */
export async function startMoto(program: string): Promise<Moto> {
  const child = startChild([program, "-H", "127.0.0.1", "-p", "0"], { env: { PATH: process.env["PATH"] } });
  const url = await until("moto says where it listens", () => {
    if (child.exit()) throw new Error(`moto ended: ${child.stderr()}`);
    return /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(child.stderr() + child.stdout())?.[1];
  });
  const secretAccessKey = "moto-takes-any-secret-access-key";
  process.env["AWS_ACCESS_KEY_ID"] = "AKIAMOTO000000000000";
  process.env["AWS_SECRET_ACCESS_KEY"] = secretAccessKey;
  const kms = new KMSClient({ region, endpoint: url });
  return {
    url,
    region,
    secretAccessKey,
    async createKey() {
      const { KeyMetadata } = await kms.send(
        new CreateKeyCommand({ KeyUsage: "ENCRYPT_DECRYPT", KeySpec: "SYMMETRIC_DEFAULT" }),
      );
      return { id: KeyMetadata!.KeyId!, arn: KeyMetadata!.Arn! };
    },
    async stop() {
      kms.destroy();
      child.signal("SIGTERM");
      await child.exited;
    },
  };
}
