// Errors as AWS answers them.

/** An answer that is an error: its name goes into `__type`. */
export class AwsError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(name: string, message = "", status = 400, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = name;
    this.status = status;
    this.headers = headers;
  }
}
