// Five lines to paste: what a newcomer tries first.

/** Shell lines that work from any folder in which `npx keybroker` is this program. */
export function tryItLines(socket: string, key: string): string[] {
  return [
    `export KEYBROKER_ADDRESS=${quoted(`unix:${socket}`)}`,
    `printf 'my backup password' | npx keybroker wrap --key ${key} --context host=web1 > password.kb`,
    `npx keybroker inspect < password.kb`,
    `npx keybroker unwrap --key ${key} --context host=web1 < password.kb | cat; echo`,
    `npx keybroker keys list`,
  ];
}

function quoted(word: string): string {
  return /^[A-Za-z0-9_./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
