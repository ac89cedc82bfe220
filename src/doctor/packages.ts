// Packages that npm may leave out without a word: optional ones, whose native part is built on the machine itself.

import { bad, good } from "./diagnosis.ts";
import type { Diagnosis } from "./diagnosis.ts";

const optionalPackages: Readonly<Record<string, readonly string[]>> = { pkcs11: ["pkcs11js", "graphene-pk11"] };

/** Loads a package by its name. */
export type LoadPackage = (name: string) => Promise<unknown>;

/** Looks whether the optional packages of a kind load. */
export async function* examinePackages(
  kind: string,
  load: LoadPackage = (name) => import(name),
): AsyncGenerator<Diagnosis> {
  const names = Object.hasOwn(optionalPackages, kind) ? optionalPackages[kind]! : [];
  for (const name of names) yield await examinePackage(name, load);
}

async function examinePackage(name: string, load: LoadPackage): Promise<Diagnosis> {
  const check = `package ${name}`;
  try {
    await load(name);
    return good(check, "is installed and loads");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const absent = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
    const what = absent ? "is not installed, or its native part was not built" : "is there, and does not load";
    const fix =
      `install g++, make and python3, then: npm rebuild ${name} --foreground-scripts (it shows why a build fails; ` +
      "npm install --include=optional if the package itself is missing)";
    return bad(check, `${what} (${code ?? (error as Error).name})`, fix, "configuration");
  }
}
