import { clocksInUse } from "./local-time.ts";
import { ianaNames } from "./iana-names.ts";
import { nodeClocks } from "./node-clocks.ts";

/**
 * Common abbreviations and the zones that people mean by them. None is a name of IANA's. `Intl` accepts many of them, but mostly for
 * other zones: BST for Dhaka, AST for Alaska, SST for Guadalcanal, ECT for Paris
 * (https://github.com/unicode-org/icu/blob/main/icu4c/source/tools/tzcode/icuzones).
 */
const meant = new Map(
  Object.entries({
    act: "Australia/Darwin",
    acst: "Australia/Adelaide",
    aest: "Australia/Sydney",
    aet: "Australia/Sydney",
    agt: "America/Argentina/Buenos_Aires",
    art: "America/Argentina/Buenos_Aires",
    ast: "America/Halifax",
    awst: "Australia/Perth",
    bet: "America/Sao_Paulo",
    brt: "America/Sao_Paulo",
    bst: "Europe/London",
    cat: "Africa/Maputo",
    cdt: "America/Chicago",
    cest: "Europe/Berlin",
    cnt: "America/St_Johns",
    cst: "America/Chicago",
    ctt: "Asia/Shanghai",
    eat: "Africa/Nairobi",
    ect: "America/Guayaquil",
    edt: "America/New_York",
    eest: "Europe/Athens",
    gst: "Asia/Dubai",
    hkt: "Asia/Hong_Kong",
    iet: "America/Indiana/Indianapolis",
    ist: "Asia/Kolkata",
    jst: "Asia/Tokyo",
    kst: "Asia/Seoul",
    mdt: "America/Denver",
    mit: "Pacific/Apia",
    msk: "Europe/Moscow",
    net: "Asia/Yerevan",
    nst: "America/St_Johns",
    nzst: "Pacific/Auckland",
    pdt: "America/Los_Angeles",
    pht: "Asia/Manila",
    pkt: "Asia/Karachi",
    plt: "Asia/Karachi",
    pnt: "America/Phoenix",
    prt: "America/Puerto_Rico",
    pst: "America/Los_Angeles",
    sast: "Africa/Johannesburg",
    sgt: "Asia/Singapore",
    sst: "Pacific/Pago_Pago",
    vst: "Asia/Ho_Chi_Minh",
    wib: "Asia/Jakarta",
    z: "UTC",
    "systemv/ast4": "America/Puerto_Rico",
    "systemv/ast4adt": "America/Halifax",
    "systemv/cst6": "America/Regina",
    "systemv/cst6cdt": "America/Chicago",
    "systemv/est5": "America/Indiana/Indianapolis",
    "systemv/est5edt": "America/New_York",
    "systemv/hst10": "Pacific/Honolulu",
    "systemv/mst7": "America/Phoenix",
    "systemv/mst7mdt": "America/Denver",
    "systemv/pst8": "Pacific/Pitcairn",
    "systemv/pst8pdt": "America/Los_Angeles",
    "systemv/yst9": "Pacific/Gambier",
    "systemv/yst9ydt": "America/Anchorage",
    "us/pacific-new": "America/Los_Angeles",
    "canada/east-saskatchewan": "America/Regina",
  }),
);

/** Zones by the place alone, such as "new_york"; the last one where several have it. Etc is left out: its GMT+5 is five hours behind UTC. */
let places: Map<string, string> | undefined;

function suggestionFor(given: string): string | undefined {
  const wanted = given.trim().toLowerCase().replaceAll(/\s+/g, "_");
  places ??= new Map(
    ianaNames
      .filter((name) => !name.startsWith("Etc/"))
      .map((name) => [name.slice(name.lastIndexOf("/") + 1).toLowerCase(), name] as const),
  );
  return meant.get(wanted) ?? places.get(wanted.slice(wanted.lastIndexOf("/") + 1));
}

/**
 * An error message for a time zone that a caller gives; null for a name or link of IANA's, without regard to case. `Intl` alone is not
 * enough: it also accepts older names of its own.
 */
export function timeZoneFault(given: string): string | null {
  if (isTimeZone(given)) return null;
  const suggestion = suggestionFor(given);
  return suggestion === undefined
    ? "must be an IANA time zone, such as Europe/Berlin"
    : `must be an IANA time zone: did you mean ${suggestion}?`;
}

/** Whether the text is a name or link of IANA's, without regard to case, that is in the data in use or in that of Node.js. */
export const isTimeZone = (given: string, clocks = clocksInUse()): boolean =>
  given.length <= 64 && (clocks.nameOf(given) ?? nodeClocks.nameOf(given)) !== null;
