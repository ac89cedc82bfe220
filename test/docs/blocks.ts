// The blocks of commands in a document that say they can be run.

/** A fenced block of shell after a `<!-- run -->` line. */
export interface Block {
  /** Line of the fence, from 1. */
  readonly line: number;
  readonly commands: string;
}

const fenced = /^<!-- run -->\s*\n+```sh\n([^]*?)^```$/gm;

/** The blocks of a document, in order. */
export function runnableBlocks(markdown: string): Block[] {
  return [...markdown.matchAll(fenced)].map((match) => {
    const before = markdown.slice(0, match.index + match[0].indexOf("```"));
    return { line: before.split("\n").length, commands: match[1]! };
  });
}

/** How many such markers there are: one whose block is not found is a mistake. */
export function markers(markdown: string): number {
  return markdown.split("\n").filter((line) => line.trim() === "<!-- run -->").length;
}

/** The blocks of shell that no marker says can be run. */
export function otherBlocks(markdown: string): string[] {
  return [...markdown.replace(fenced, "").matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, commands]) => commands!);
}

/** Whole files that a document shows: a fenced block after a `<!-- file: NAME -->` line, by name. */
export function fileBlocks(markdown: string): Map<string, string> {
  const found = markdown.matchAll(/^<!-- file: (\S+) -->\s*\n+```[a-z]+\n([^]*?)^```$/gm);
  return new Map([...found].map(([, name, text]) => [name!, text!]));
}

/** The commands of the blocks of console, one string for each block, without their prompts. */
export function consoleBlocks(markdown: string): string[] {
  const found = [...markdown.matchAll(/^```console\n([^]*?)^```$/gm)];
  return found.map(([, text]) => text!.replace(/^\$ /gm, ""));
}
