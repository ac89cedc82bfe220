// The yardstick: grpc-js and one AES-GCM opening per message, with no identity, policy, audit, envelope or protobuf.

import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { sendUnaryData, ServerDuplexStream, ServerUnaryCall } from "@grpc/grpc-js";
import { randomBytes } from "../../src/secret/index.ts";

const nonceLength = 12;
const tagLength = 16;
const key = createSecretKey(randomBytes(32));
const options = { authTagLength: tagLength } as const;

function seal(plaintext: Buffer): Buffer {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, options);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function open(message: Buffer): Buffer {
  const end = message.length - tagLength;
  const decipher = createDecipheriv("aes-256-gcm", key, message.subarray(0, nonceLength), options);
  decipher.setAuthTag(message.subarray(end));
  const plaintext = decipher.update(message.subarray(nonceLength, end));
  decipher.final();
  return plaintext;
}

const asIs = (bytes: Buffer): Buffer => bytes;
const codec = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };
const unary = { ...codec, requestStream: false, responseStream: false };

type Call = ServerUnaryCall<Buffer, Buffer>;
type Answer = sendUnaryData<Buffer>;

const server = new Server({ "grpc.enable_channelz": 0 });
server.addService(
  {
    Sample: { ...unary, path: "/bench.Bare/Sample" },
    Open: { ...unary, path: "/bench.Bare/Open" },
    Stream: { ...codec, requestStream: true, responseStream: true, path: "/bench.Bare/Stream" },
  },
  {
    Sample: (_: Call, answer: Answer) => answer(null, seal(randomBytes(32))),
    Open: (call: Call, answer: Answer) => answer(null, open(call.request)),
    Stream(stream: ServerDuplexStream<Buffer, Buffer>) {
      stream.on("data", (message: Buffer) => stream.write(open(message)));
      stream.on("end", () => stream.end());
    },
  },
);

const address = process.argv[2];
if (!address) throw new Error("usage: bare-server.ts unix:PATH");
server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  console.log("ready");
});
