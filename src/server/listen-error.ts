// What keeps a listener from opening, in words for whoever starts the daemon.

/** The daemon cannot listen. The message says why and what to do; it holds no secret. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}
