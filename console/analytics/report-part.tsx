import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Failed, Loading, ProblemBanner } from "../parts/states.tsx";

/** A part that shows a report, or says why it does not. The numbers of earlier filters stay until the new ones have come. */
export function ReportPart<Report>({
  what,
  query: { data, error, refetch, isPlaceholderData },
  children,
}: {
  what: string;
  query: UseQueryResult<Report>;
  children: (report: Report) => ReactNode;
}) {
  const retry = () => void refetch();
  if (data === undefined)
    return error ? (
      <Failed what={what} error={error} retry={retry} />
    ) : (
      <Loading what={what} rows={4} />
    );
  return (
    <>
      {error && <ProblemBanner error={error} retry={retry} />}
      <div aria-busy={isPlaceholderData}>{children(data)}</div>
    </>
  );
}
