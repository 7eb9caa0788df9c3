import type { Grant } from "@duetkv/client";
import { formatKey } from "../format.ts";
import { Countdown } from "../parts/countdown.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { identity, session } from "../session.ts";

/** Who this tab is, what it may do, and how to be the same on the command line. */
export function AccessPage() {
  const found = identity.value;
  const isToken = session.value.token !== undefined;
  return (
    <>
      <PageHead title="Access" />
      {found !== undefined && (
        <>
          <dl class="facts wide">
            <dt>Name</dt>
            <dd>{found.name === "" ? "none" : found.name}</dd>
            <dt>Identified by</dt>
            <dd>{found.via}</dd>
            <dt>Ends</dt>
            <dd>
              <Countdown until={found.expireTime} />
            </dd>
          </dl>
          <h2>Rights</h2>
          {found.grants.length === 0 ? <p>{withoutGrants(found.via)}</p> : <Grants grants={found.grants} />}
        </>
      )}
      <h2>On the command line</h2>
      <pre tabIndex={0} role="region" aria-label="Commands">
        {commands(isToken)}
      </pre>
      {isToken && (
        <p class="quiet">
          Put the token into the file first. It is never a flag, which other users could see.
        </p>
      )}
    </>
  );
}

function withoutGrants(via: string): string {
  return via === "anonymous"
    ? "No policy grants anything to callers without credentials, or there is no policy and everything is allowed."
    : "There is no policy: everything is allowed.";
}

function Grants({ grants }: { readonly grants: readonly Grant[] }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Keys that begin with</th>
          <th scope="col">Effect</th>
          <th scope="col">Rights</th>
        </tr>
      </thead>
      <tbody>
        {grants.map(({ prefix, rights, deny }, index) => (
          <tr key={index}>
            <td class="key">{prefix === "" ? "(all keys)" : formatKey(prefix)}</td>
            <td class={deny ? "delete" : "put"}>{deny ? "denied" : "allowed"}</td>
            <td>{rights.join(", ")}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function commands(isToken: boolean): string {
  const { origin } = location;
  const token = isToken ? " --token-file ./token" : "";
  return [
    `duetkv context add here --server ${origin}${token}`,
    "duetkv context use here",
    "duetkv whoami",
    "duetkv ls",
  ].join("\n");
}
