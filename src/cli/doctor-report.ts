// Doctor's findings as they come: lines for people, one object at the end for programs.

import { styleText } from "node:util";
import type { Diagnosis } from "../doctor/index.ts";
import { oneLine } from "./failure.ts";
import type { Io } from "./io.ts";
import { emit, emitJson } from "./output.ts";

/** A part of the examination: the configuration, a provider, the daemon. */
interface Section {
  readonly name: string;
  readonly kind?: string | undefined;
  readonly findings: Diagnosis[];
}

/** Takes findings, and sums them up. */
export interface DoctorReport {
  /** Begins a part. */
  section(name: string, kind?: string): Promise<void>;
  /** A finding of the part. */
  add(diagnosis: Diagnosis): Promise<void>;
  /** Says what it all comes to, and answers the exit status: 0, 2 for the configuration, 5 for a backend. */
  end(): Promise<number>;
}

const checkWidth = 24;
const indent = " ".repeat(8);
const marks = {
  good: { word: "good", style: "green" },
  bad: { word: "BAD ", style: "red" },
  note: { word: "note", style: "dim" },
} as const;

/** A report to standard output. */
export function doctorReport(io: Io, json: boolean): DoctorReport {
  const sections: Section[] = [];
  const paint = painter(io);
  const lines = async (text: string): Promise<void> => (json ? undefined : await emit(io, text));
  return {
    async section(name, kind) {
      sections.push({ name, kind, findings: [] });
      await lines(`${paint("bold", oneLine(kind === undefined ? name : `${name} (${kind})`))}\n`);
    },
    async add(diagnosis) {
      sections.at(-1)!.findings.push(diagnosis);
      await lines(linesOf(diagnosis, paint));
    },
    async end() {
      const status = statusOf(sections);
      if (json) await emitJson(io, { ok: status === 0, exit: status, sections });
      else await emit(io, summaryOf(sections, paint));
      return status;
    },
  };
}

type Style = "green" | "red" | "dim" | "bold";
type Paint = (style: Style, text: string) => string;

/** Colours are for terminals, and not where NO_COLOR is set (https://no-color.org). */
function painter(io: Io): Paint {
  const wanted = io.stdout.isTTY === true && !io.env["NO_COLOR"] && io.env["TERM"] !== "dumb";
  return (style, text) => (wanted ? styleText(style, text, { validateStream: false }) : text);
}

/** Details stand below each other; that of a check with a long name has a line of its own. */
function linesOf({ check, outcome, detail, fix }: Diagnosis, paint: Paint): string {
  const { word, style } = marks[outcome];
  const name = oneLine(check);
  const gap = name.length > checkWidth ? `\n${indent}` : `${" ".repeat(checkWidth - name.length)}  `;
  const line = `  ${paint(style, word)}  ${name}${gap}${oneLine(detail)}\n`;
  return fix === undefined || outcome !== "bad" ? line : `${line}${indent}fix: ${oneLine(fix)}\n`;
}

function badOf({ findings }: Section): readonly Diagnosis[] {
  return findings.filter(({ outcome }) => outcome === "bad");
}

function summaryOf(sections: readonly Section[], paint: Paint): string {
  const wrong = sections.filter((section) => badOf(section).length > 0);
  if (wrong.length === 0) return `${paint("green", "all good")}\n`;
  const count = wrong.reduce((sum, section) => sum + badOf(section).length, 0);
  const places = wrong.map(({ name }) => name).join(", ");
  return `${paint("red", `${count === 1 ? "one thing is" : `${count} things are`} wrong`)}: ${oneLine(places)}\n`;
}

/** The configuration's faults come first: while they stand, the daemon does not even ask a backend. */
function statusOf(sections: readonly Section[]): number {
  const wrong = sections.flatMap(badOf);
  if (wrong.some(({ fault }) => fault === "configuration")) return 2;
  return wrong.length > 0 ? 5 : 0;
}
