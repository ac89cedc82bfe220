// A loaded PKCS#11 library: one for the process and path, since C_Initialize and C_Finalize are for all its users.

import { CKF, newCryptoki, type Cryptoki } from "./cryptoki.ts";
import { already, answerOf, nameOf, unavailable } from "./errors.ts";

/** A library at work. */
export interface Library {
  readonly cryptoki: Cryptoki;
  /** Grows with every initialisation: handles of an older generation may name other objects now. */
  generation(): number;
  /** Ends everything that goes through the library in this process, and begins anew. */
  restart(): void;
  /** Ends it with its last user. */
  release(): void;
}

/** Loads the native addon; a test gives its own token. */
export type NewCryptoki = () => Promise<Cryptoki>;

interface Loaded {
  readonly cryptoki: Cryptoki;
  generation: number;
  users: number;
}

const loaded = new Map<string, Promise<Loaded>>();

/**
 * Loads a library and initialises it, or takes part in one that is loaded. Throws PROVIDER_UNAVAILABLE with the
 * loader's words when it cannot be loaded, or with its answer when it does not start.
 */
export async function openLibrary(path: string, create: NewCryptoki = newCryptoki): Promise<Library> {
  if (create !== newCryptoki) return libraryOf(await load(path, create), () => undefined);
  let known = loaded.get(path);
  if (!known) {
    known = load(path, create);
    loaded.set(path, known);
    known.catch(() => loaded.delete(path));
  }
  return libraryOf(await known, () => void loaded.delete(path));
}

function libraryOf(found: Loaded, forget: () => void): Library {
  const { cryptoki } = found;
  found.users++;
  let released = false;
  return {
    cryptoki,
    generation: () => found.generation,
    restart() {
      ignoring(() => cryptoki.C_Finalize());
      found.generation++;
      initialise(cryptoki);
    },
    release() {
      if (released) return;
      released = true;
      if (--found.users > 0) return;
      forget();
      ignoring(() => cryptoki.C_Finalize());
      ignoring(() => cryptoki.close());
    },
  };
}

async function load(path: string, create: NewCryptoki): Promise<Loaded> {
  const cryptoki = await create();
  try {
    cryptoki.load(path);
  } catch (error) {
    throw unavailable(`the PKCS#11 library ${path} cannot be loaded: ${loaderWords(error)}`);
  }
  initialise(cryptoki);
  return { cryptoki, generation: 1, users: 0 };
}

/** With the system's locks: asynchronous calls come from other threads, and a library may crash without. */
function initialise(cryptoki: Cryptoki): void {
  try {
    cryptoki.C_Initialize({ flags: CKF.OS_LOCKING_OK });
  } catch (error) {
    if (answerOf(error) === already.initialised) return;
    throw unavailable(`the PKCS#11 library does not start: C_Initialize answered ${nameOf(error)}`, error);
  }
}

/** What the dynamic loader said: `cannot open shared object file: No such file or directory`. */
function loaderWords(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n")[0]!.slice(0, 300);
}

function ignoring(work: () => void): void {
  try {
    work();
  } catch {
    // What is being ended need not agree.
  }
}
