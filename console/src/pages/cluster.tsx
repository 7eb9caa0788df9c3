import type { Certificate, Replica, Status } from "@duetkv/client";
import { type ComponentChildren, Fragment } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { formatBytes, formatCount, formatDuration } from "../format.ts";
import { Countdown } from "../parts/countdown.tsx";
import { ErrorNote } from "../parts/error-note.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { Sparkline } from "../parts/sparkline.tsx";
import { serverTime } from "../server-clock.ts";
import { useLoad } from "../use-load.ts";

const pollMs = 2_000;
/** Samples of a sparkline: two minutes. */
const samplesMax = 60;

/** How the service is doing. */
export function ClusterPage() {
  const { value: status, error, reload } = useLoad((client) => client.status(), []);
  const samples = useRef<Status[]>([]);
  if (status !== undefined && samples.current.at(-1) !== status) {
    samples.current = [...samples.current, status].slice(-samplesMax);
  }
  useEffect(() => {
    const timer = setInterval(() => document.hidden || reload(), pollMs);
    return () => clearInterval(timer);
  }, [reload]);
  return (
    <>
      <PageHead title="Cluster" />
      <ErrorNote error={error} />
      {status !== undefined && (
        <>
          <State status={status} />
          <div class="figures">
            <Figure title="Revision" value={formatCount(status.revision)}>
              history from {formatCount(status.oldestRevision)}
            </Figure>
            <Figure title="Keys" value={formatCount(status.entries)} />
            <Fill status={status} />
            <Figure title="Calls per second" value={formatCount(Math.round(status.callsPerSecond))}>
              <Sparkline
                label="Calls per second over the last two minutes"
                count={samplesMax}
                samples={samples.current.map(({ callsPerSecond }) => callsPerSecond)}
              />
            </Figure>
            <Figure title="99 % of calls within" value={formatMilliseconds(status.callP99Seconds)}>
              <Sparkline
                label="99th percentile of calls over the last two minutes"
                count={samplesMax}
                samples={samples.current.map(({ callP99Seconds }) => callP99Seconds)}
              />
            </Figure>
          </div>
          <h2>Replicas</h2>
          <Replicas replicas={status.replicas} />
          {status.certificates.length > 0 && <Certificates certificates={status.certificates} />}
          <h2>Store</h2>
          <dl class="facts wide">
            <dt>Version</dt>
            <dd>{status.version}</dd>
            <dt>Store</dt>
            <dd class="mono">{status.storeId}</dd>
            <dt>Hash of all entries</dt>
            <dd class="mono">{status.stateHash === "" ? "not shown to you" : status.stateHash}</dd>
          </dl>
        </>
      )}
    </>
  );
}

function State({ status: { writable, fault } }: { readonly status: Status }) {
  if (writable && fault === "") return <p class="state good">The log takes writes.</p>;
  return (
    <p class="state bad" role="alert">
      {writable ? "Not ready" : "The log takes no writes"}
      {fault !== "" && `: ${fault}`}
    </p>
  );
}

function Figure(props: {
  readonly title: string;
  readonly value: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <section class="figure" aria-label={props.title}>
      <h2>{props.title}</h2>
      <p class="big">{props.value}</p>
      <div class="quiet">{props.children}</div>
    </section>
  );
}

function Fill({ status: { storeBytes, limits } }: { readonly status: Status }) {
  const max = limits["store_bytes_max"] ?? 0;
  return (
    <Figure title="Store" value={formatBytes(storeBytes)}>
      {max > 0 && (
        <>
          <meter aria-label="Store fill" min={0} max={max} high={max * 0.8} optimum={0} value={storeBytes} />
          {((storeBytes / max) * 100).toFixed(1)} % of {formatBytes(max)}
        </>
      )}
    </Figure>
  );
}

function Replicas({ replicas }: { readonly replicas: readonly Replica[] }) {
  if (replicas.length === 0) return <p class="quiet">Not shown to you: that needs the right status.</p>;
  const newest = Math.max(...replicas.map(({ revision }) => revision));
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Replica</th>
          <th scope="col" class="number">
            Revision
          </th>
          <th scope="col" class="number">
            Behind by
          </th>
          <th scope="col">Seen</th>
          <th scope="col">Writes</th>
        </tr>
      </thead>
      <tbody>
        {replicas.map(({ id, revision, seenTime, writer }) => (
          <tr key={id}>
            <td class="key">{id}</td>
            <td class="number">{formatCount(revision)}</td>
            <td class="number">{formatCount(newest - revision)}</td>
            <td>{formatDuration(serverTime() - seenTime.getTime())} ago</td>
            <td>{writer ? "yes" : "no"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const uses: Readonly<Record<string, string>> = { server: "server", client_ca: "client CA" };

function Certificates({ certificates }: { readonly certificates: readonly Certificate[] }) {
  return (
    <>
      <h2>Certificates</h2>
      <dl class="facts wide">
        {certificates.map(({ use, expireTime }) => (
          <Fragment key={use}>
            <dt>{uses[use] ?? use}</dt>
            <dd>
              ends <Countdown until={expireTime} />
            </dd>
          </Fragment>
        ))}
      </dl>
    </>
  );
}

function formatMilliseconds(seconds: number): string {
  const ms = seconds * 1000;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
