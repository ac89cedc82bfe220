// Which key material of a master key is the current one. KMS names the material when it decrypts, not when it encrypts.

/** What is known of one master key's key materials, in KMS's ids. */
export interface Materials {
  /** The current one, as of the last look; empty where KMS names none (custom key stores, older emulators). */
  current(): string;
  /** The key was described: this is its current material. */
  saw(current: string | undefined): void;
  /**
   * Whether what this material encrypted should be encrypted anew. Looks, once, when the material is unknown: it may be
   * older or newer than the last look. A look that fails is no reason to refuse what was decrypted, nor to hold up what
   * is decrypted next: not due, then, and no other look for half a minute.
   */
  isOutdated(material: string | undefined, look: () => Promise<unknown>): Promise<boolean>;
}

const pauseMs = 30_000;

/** Knows nothing at first. `now` is a clock that never goes back, in milliseconds. */
export function createMaterials(now = () => performance.now()): Materials {
  let current: string | undefined;
  let pausedUntil = Number.NEGATIVE_INFINITY;
  const outdated = new Set<string>();

  function saw(found: string | undefined): void {
    if (current && found !== current) outdated.add(current);
    if (found !== undefined) outdated.delete(found);
    current = found ?? "";
  }

  /** Whether the look told anything. */
  async function looked(look: () => Promise<unknown>): Promise<boolean> {
    if (now() < pausedUntil) return false;
    try {
      await look();
      return true;
    } catch {
      pausedUntil = now() + pauseMs;
      return false;
    }
  }

  return {
    current: () => current ?? "",
    saw,
    async isOutdated(material, look) {
      // An empty one was looked for: this endpoint names none, and will not the next time.
      if (material === undefined || material === current || current === "") return false;
      if (outdated.has(material)) return true;
      if (!(await looked(look)) || !current || material === current) return false;
      outdated.add(material);
      return true;
    },
  };
}
