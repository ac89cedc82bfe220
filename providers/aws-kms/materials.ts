// Which key material of a master key is the current one. KMS names the material when it decrypts, not when it encrypts.

/** What is known of one master key's key materials, in KMS's ids. */
export interface Materials {
  /** The current one, as of the last look; empty where KMS names none (custom key stores, older emulators). */
  current(): string;
  /** The key was described: this is its current material. */
  saw(current: string | undefined): void;
  /**
   * Whether what this material encrypted should be encrypted anew. Looks, once, when the material is unknown: it may be
   * older or newer than the last look. A look that fails is no reason to refuse what was decrypted: not due, then.
   */
  isOutdated(material: string | undefined, look: () => Promise<unknown>): Promise<boolean>;
}

/** Knows nothing at first. */
export function createMaterials(): Materials {
  let current = "";
  const outdated = new Set<string>();
  const saw = (found: string | undefined) => {
    if (current !== "" && found !== current) outdated.add(current);
    if (found !== undefined) outdated.delete(found);
    current = found ?? "";
  };
  return {
    current: () => current,
    saw,
    async isOutdated(material, look) {
      if (material === undefined || material === current) return false;
      if (outdated.has(material)) return true;
      try {
        await look();
      } catch {
        return false;
      }
      if (current === "" || material === current) return false;
      outdated.add(material);
      return true;
    },
  };
}
