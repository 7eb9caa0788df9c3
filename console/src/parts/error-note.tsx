import { DuetError, ForbiddenError } from "@duetkv/client";

/** Says what failed, and what may be done. */
export function ErrorNote({ error }: { readonly error: Error | undefined }) {
  if (error === undefined) return null;
  const reason = error instanceof DuetError ? error.reason || error.code : "";
  const permitted = error instanceof ForbiddenError ? error.permittedPrefixes : [];
  return (
    <div class="note error" role="alert">
      <p>
        {error.message} {reason !== "" && <code>{reason}</code>}
      </p>
      {permitted.length > 0 && (
        <p>Permitted here: {permitted.map((prefix) => prefix || "everything").join(", ")}</p>
      )}
      {error instanceof DuetError && error.outcome === "unknown" && (
        <p>It may or may not have happened: look before you try again.</p>
      )}
    </div>
  );
}
