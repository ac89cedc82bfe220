// A client of the library, and how long it is needed: it is closed once no call uses it, and not before.

/** What is used of a client here. */
interface Closable {
  close(): Promise<void>;
}

/** A client in use. */
export interface Connection<Client extends Closable> {
  /** What `work` answers. The client stays open until then, whenever it is retired. */
  use<T>(work: (client: Client) => Promise<T>): Promise<T>;
  /**
   * Closes the client: at once where no call uses it, else when the last one has ended, which is not waited for. No new
   * call may use it. Never rejects.
   */
  retire(): Promise<void>;
}

/** Takes over the client: nobody else closes it. */
export function createConnection<Client extends Closable>(client: Client): Connection<Client> {
  let uses = 0;
  let retired = false;
  let closing: Promise<void> | undefined;
  // The library fails calls that begin, or go on to the next page, after its client was closed under them.
  const closeUnused = async () => {
    if (retired && uses === 0) await (closing ??= client.close().catch(() => undefined));
  };
  return {
    async use(work) {
      uses++;
      try {
        return await work(client);
      } finally {
        uses--;
        void closeUnused();
      }
    },
    retire() {
      retired = true;
      return closeUnused();
    },
  };
}
