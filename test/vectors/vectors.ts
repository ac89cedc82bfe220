// Golden vectors as JSON: how they are made from recipes, and how tests read them back.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { invalidVectors } from "./invalid.ts";
import type { InvalidVector, Stage } from "./invalid.ts";
import { masterKey } from "./recipes.ts";
import type { JsonContext } from "./recipes.ts";
import { validVectors } from "./valid.ts";
import type { ValidVector } from "./valid.ts";
import { write } from "./writer.ts";
import type { EnvRecipe, ForeignRecipe } from "./writer.ts";

/** What both sorts of file have; exactly one of `envelope` (hex) and `text` is there. */
interface VectorJson {
  readonly envelope?: string;
  readonly text?: string;
  readonly context: JsonContext;
  /** Hex. */
  readonly masterKeys: readonly string[];
}

/** A valid vector's file. Bytes are hex. */
export interface ValidJson extends VectorJson {
  readonly about: string;
  readonly dataKey: string;
  /** What the envelope says of itself. */
  readonly header: {
    readonly threshold: number;
    readonly branchId: string;
    readonly realm: string;
    readonly key: string;
    readonly recipients: readonly {
      readonly kind: number;
      readonly scheme: number;
      readonly masterKeyId: string;
      readonly version: string;
    }[];
  };
  /** What lies between: no reader needs it. */
  readonly steps: {
    readonly contextHash: string;
    readonly branchKey: string;
    /** What every recipient's blob holds, in their order, where some were wrapped by real backends. */
    readonly shares?: readonly string[];
  };
}

/** An invalid vector's file. */
export interface InvalidJson extends VectorJson {
  readonly fault: string;
  readonly refusedBy: Stage;
}

/** Where the files are. */
export const goldenFolder = fileURLToPath(new URL("golden/", import.meta.url));

/** The SHA-256 of every one of them, in sha256sum's form. */
export const frozenList = fileURLToPath(new URL("frozen.sha256", import.meta.url));

const hexOf = (names: readonly string[]) => names.map((name) => masterKey(name).toString("hex"));

/** A valid vector's file, made. */
export function validJson({ about, recipe, context, masterKeys, form, shares }: ValidVector): ValidJson {
  const { envelope, masterKeyIds, contextHash } = write(recipe);
  const body =
    form === "text" ? { text: `kb1.${envelope.toString("base64url")}` } : { envelope: envelope.toString("hex") };
  const rows = recipe.recipients.map((recipient, i) => recipientJson(recipient, masterKeyIds[i]!));
  return {
    about,
    ...body,
    context,
    masterKeys: hexOf(masterKeys),
    dataKey: recipe.dataKey.toString("hex"),
    header: {
      threshold: recipe.threshold,
      branchId: recipe.branchId.toString("hex"),
      realm: recipe.realm.toString(),
      key: recipe.key.toString(),
      recipients: rows,
    },
    steps: {
      contextHash: contextHash.toString("hex"),
      branchKey: recipe.branchKey.toString("hex"),
      ...(shares && { shares: shares.map((share) => share.toString("hex")) }),
    },
  };
}

function recipientJson(recipient: EnvRecipe | ForeignRecipe, masterKeyId: string) {
  const { kind = 1, scheme = 1, version } = recipient as Partial<ForeignRecipe>;
  return { kind, scheme, masterKeyId, version: String(version) };
}

/** An invalid vector's file, made. */
export function invalidJson({ fault, stage, envelope, context, masterKeys }: InvalidVector): InvalidJson {
  const body = typeof envelope === "string" ? { text: envelope } : { envelope: envelope.toString("hex") };
  return { fault, refusedBy: stage, ...body, context, masterKeys: hexOf(masterKeys) };
}

/** Every file of the golden vectors by its path under the folder, made anew. */
export function goldenFiles(): Map<string, string> {
  const valid = validVectors.map((vector) => [`valid/${vector.name}.json`, toAscii(validJson(vector))] as const);
  const invalid = invalidVectors.map((one) => [`invalid/${one.name}.json`, toAscii(invalidJson(one))] as const);
  const files = new Map([...valid, ...invalid]);
  if (files.size < valid.length + invalid.length) throw new Error("two vectors have one name");
  return files;
}

/** JSON in ASCII, so that surrogates, paired or lone, are seen as the escapes they are. */
function toAscii(json: unknown): string {
  const escape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(json, null, 2).replace(/[^\n -~]/g, escape) + "\n";
}

/** The files of one sort as they lie in the folder, by name. */
export function readGolden<Json>(sort: "valid" | "invalid"): [string, Json][] {
  return readdirSync(`${goldenFolder}${sort}`).map((file) => {
    const text = readFileSync(`${goldenFolder}${sort}/${file}`, "utf8");
    return [file.replace(/\.json$/, ""), JSON.parse(text) as Json];
  });
}
