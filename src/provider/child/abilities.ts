// The optional parts of a master key, by name; in a file of its own, since the child loads no schema library.

/** Small interfaces that a master key may have. */
export const abilities = ["versions", "rotate", "setVersionState"] as const;
