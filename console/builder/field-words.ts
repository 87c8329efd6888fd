/** The names of the fields of a campaign, and of its draft. */
export const fieldNames: Record<string, string> = {
  name: "Name",
  template: "Template",
  data: "Variables",
  audience: "Audience",
  timing: "Start",
  startAt: "Start",
  status: "Status",
  throttle: "Throttle",
  guarantee: "Guarantee",
  type: "Type",
  priority: "Priority",
  tracking: "Tracking",
  utm: "UTM parameters",
  redirects: "Links lead on",
  kept: "Route, sender, files",
  email: "Sender",
  route: "Route",
  attachments: "Files",
};

/** Describes the value of a field in one line. */
export function describeField(value: unknown): string {
  if (value === null || value === undefined || value === "") return "none";
  if (typeof value === "string") return value;
  if (typeof value !== "object") return JSON.stringify(value);
  if ("key" in value && "version" in value)
    return `${String(value.key)}, version ${String(value.version)}`;
  return JSON.stringify(value);
}
