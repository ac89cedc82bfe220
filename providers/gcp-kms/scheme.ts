// How this kind wraps.

/** The ciphertext of Cloud KMS's Encrypt as it stands, with the binding as additional authenticated data. */
export const scheme = 1;
