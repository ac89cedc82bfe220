// Makes docs/api.md from the proto's comments and the table of reasons. `--check` fails when it is not current.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { format } from "prettier";
import { reasons } from "../src/errors/index.ts";
import type { Reason } from "../src/errors/index.ts";

const target = new URL("../docs/api.md", import.meta.url);

interface Location {
  path?: number[];
  leadingComments?: string;
}
interface Named {
  name: string;
}
interface Field extends Named {
  number: number;
  type: string;
  typeName?: string;
  label?: string;
}
interface MessageType extends Named {
  field?: Field[];
}
interface Method extends Named {
  inputType: string;
  outputType: string;
  clientStreaming?: boolean;
}
interface ProtoFile {
  name: string;
  package: string;
  service?: (Named & { method: Method[] })[];
  messageType?: MessageType[];
  enumType?: (Named & { value: Named[] })[];
  sourceCodeInfo: { location: Location[] };
}

const image = JSON.parse(execFileSync("buf", ["build", "-o", "-#format=json"], { encoding: "utf8" })) as {
  file: ProtoFile[];
};
const files = image.file.filter((file) => file.name.startsWith("keybroker/"));

/** The comment at a path of descriptor.proto's field numbers (service 6, message 4, enum 5, their members 2). */
function comment(file: ProtoFile, path: number[]): string {
  const found = file.sourceCodeInfo.location.find((location) => location.path?.join() === path.join());
  return (found?.leadingComments ?? "")
    .split("\n")
    .map((line) => line.trim())
    .join("\n")
    .trim();
}

const short = (typeName: string): string => typeName.split(".").at(-1)!;
const cell = (text: string): string => text.replaceAll("\n", " ").replaceAll("|", "\\|");

function typeOf(field: Field): string {
  const base = field.typeName ? short(field.typeName) : field.type.replace("TYPE_", "").toLowerCase();
  if (base.endsWith("Entry")) return "map of string to string";
  return field.label === "LABEL_REPEATED" ? `repeated ${base}` : base;
}

function messageTable(file: ProtoFile, message: MessageType, index: number): string {
  const rows = (message.field ?? []).map((field, position) => {
    const text = comment(file, [4, index, 2, position]);
    return `| ${field.number} | \`${field.name}\` | ${typeOf(field)} | ${cell(text)} |`;
  });
  const head = `#### ${message.name}\n\n`;
  if (rows.length === 0) return `${head}No fields.\n`;
  return `${head}| # | field | type | meaning |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}

function serviceText(file: ProtoFile): string {
  return (file.service ?? [])
    .map((service, index) => {
      const methods = service.method.map((method, position) => {
        const stream = method.clientStreaming ? "stream " : "";
        const signature = `${stream}${short(method.inputType)} → ${stream}${short(method.outputType)}`;
        return `### ${method.name}\n\n\`${signature}\`\n\n${comment(file, [6, index, 2, position])}\n`;
      });
      return `## ${file.package}.${service.name}\n\n${comment(file, [6, index])}\n\n${methods.join("\n")}`;
    })
    .join("\n");
}

function reasonTable(): string {
  const file = files.find((one) => one.enumType?.[0]?.name === "Reason")!;
  const rows = file.enumType![0]!.value.slice(1).map((value, index) => {
    const reason = value.name.replace("REASON_", "") as Reason;
    const { status, exit, retry } = reasons[reason];
    return `| ${reason} | ${status} | ${exit} | ${retryWords[retry]} | ${cell(comment(file, [5, 0, 2, index + 1]))} |`;
  });
  return `| reason | status | exit | retry | meaning |\n|---|---|---|---|---|\n${rows.join("\n")}\n`;
}

const retryWords = { no: "no", yes: "yes", hint: "after the hint, at the same endpoint" };

const services = files.map(serviceText).filter((text) => text !== "");
const messages = files.flatMap((file) =>
  (file.messageType ?? []).map((message, index) => messageTable(file, message, index)),
);
const page = `# The API

Made from \`proto/\` and the table of reasons by \`npm run generate\`; change those, not this page.

Calls are gRPC over a unix socket or TCP with mutual TLS. Every daemon serves reflection and \`grpc.health.v1\`, so
\`grpcurl -plaintext -unix PATH list\` works without these files.

## Errors

Every failure is a canonical status whose details (\`grpc-status-details-bin\`, google.rpc.Status) hold a
google.rpc.ErrorInfo with the domain \`keybroker\` and one of these reasons; where a delay helps, a RetryInfo says how
long. A status without ErrorInfo is the transport's own. Inside Batch and Session the same google.rpc.Status stands in
the call's Result. "exit" is the command line's exit status.

${reasonTable()}
${services.join("\n")}
## Messages

${messages.join("\n")}`;

const text = await format(page, { parser: "markdown", printWidth: 120 });
if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== text) throw new Error("docs/api.md is not current: run npm run generate");
} else {
  writeFileSync(target, text);
}
