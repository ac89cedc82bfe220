// Windows of time by the clocks of a time zone: what they show counts, so summer time needs no thought.

import type { Day, TimeWindow } from "../config/configuration.ts";

const week: readonly Day[] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const minuteMs = 60_000;

/** What the clocks of a zone show. */
interface ClockTime {
  readonly day: Day;
  /** After midnight. */
  readonly minute: number;
}

/**
 * Answers whether a window is open at a time in milliseconds since 1970. Clocks that jump over a part of a window skip
 * it; a part that they show twice is open twice.
 */
export function createWindow(window: TimeWindow): (atMs: number) => boolean {
  const clock = createClock(window.timezone);
  // A day's worth of calls asks within few distinct minutes: the calendar is asked once for each.
  let known = Number.NaN;
  let isOpen = false;
  return (atMs) => {
    const minute = Math.floor(atMs / minuteMs);
    if (minute === known) return isOpen;
    isOpen = contains(window, clock(minute * minuteMs));
    known = minute;
    return isOpen;
  };
}

/** Whether clocks that show this are within the window. */
function contains({ days, fromMinute, toMinute }: TimeWindow, { day, minute }: ClockTime): boolean {
  if (fromMinute < toMinute) return days.includes(day) && minute >= fromMinute && minute < toMinute;
  if (minute >= fromMinute) return days.includes(day);
  return minute < toMinute && days.includes(dayBefore(day));
}

function dayBefore(day: Day): Day {
  return week[(week.indexOf(day) + 6) % 7]!;
}

/** Reads the clocks of a zone. Offsets are whole minutes in every zone since 1972, so a minute has one answer. */
function createClock(timezone: string): (atMs: number) => ClockTime {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: timezone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  return (atMs) => {
    const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
    const day = parts.get("weekday")!.toLowerCase() as Day;
    return { day, minute: Number(parts.get("hour")) * 60 + Number(parts.get("minute")) };
  };
}
