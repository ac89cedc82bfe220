// How a message begins that tells of a refused PIN: the daemon's side of the pipe knows it by these words.

/** Begins every such message, and no other. */
export const pinRefused = "the token refused the PIN";
