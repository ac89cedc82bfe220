// Reads Node's text form of a certificate's subject alternative names, and refuses what could be read in two ways.

/** The names of a certificate that identities are matched with. */
export interface AlternativeNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
}

const none: AlternativeNames = Object.freeze({ uris: Object.freeze([]), dnsNames: Object.freeze([]) });

/** One name: its type, and a value that is plain, or a JSON string where it could be mistaken for several. */
const entry = /^([A-Za-z][A-Za-z0-9 ]*):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/s;

/**
 * The URI and DNS names of X509Certificate.subjectAltName, such as `URI:spiffe://a/b, DNS:c`. Since CVE-2021-44532
 * Node writes values with a comma, a quote or a control character as JSON strings
 * (https://nodejs.org/api/crypto.html#x509subjectaltname). A text that is not wholly of that form has no names at all:
 * a name that is smuggled into another must not count, and neither must its neighbours.
 */
export function alternativeNames(text: string | undefined): AlternativeNames {
  if (text === undefined) return none;
  const names = { uris: [] as string[], dnsNames: [] as string[] };
  let rest = text;
  while (rest !== "") {
    const [whole, type, written] = entry.exec(rest) ?? [];
    const value = written === undefined ? undefined : unquoted(written);
    // A separator at the very end, too, means that something is missing.
    if (whole === undefined || value === undefined || (whole.endsWith(", ") && whole.length === rest.length))
      return none;
    if (type === "URI") names.uris.push(value);
    if (type === "DNS") names.dnsNames.push(value);
    rest = rest.slice(whole.length);
  }
  return names;
}

function unquoted(written: string): string | undefined {
  if (!written.startsWith('"')) return written;
  try {
    return JSON.parse(written) as string;
  } catch {
    return undefined;
  }
}
