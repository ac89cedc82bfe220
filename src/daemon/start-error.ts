// What keeps the daemon from starting, in words for whoever starts it.

/** The daemon cannot start. The message says why and what to do, and holds no secret. */
export class StartError extends Error {
  override readonly name = "StartError";
  /** The process's exit status: 1 failed, 2 usage or configuration. */
  readonly exit: 1 | 2;

  constructor(message: string, exit: 1 | 2 = 1) {
    super(message);
    this.exit = exit;
  }
}
