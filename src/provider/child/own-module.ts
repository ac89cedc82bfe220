// Where our own modules are: as sources, as the build made them, and seen from the file it bundled the daemon into.

/** Everything up to the `src` folder, in which the sources, their build and the bundle alike lie. */
const rootUrl = import.meta.url.replace(/\/src\/(?!.*\/src\/).*$/, "/");

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

/**
 * The URL of one of our own modules by its path from the repository, without an extension:
 * `providers/pkcs11/device/index`. A URL relative to the asking module would be wrong in the bundle.
 */
export function ownModule(path: string): URL {
  return new URL(`${path}${extension}`, rootUrl);
}
