import { withDirectory } from "../duetkv.ts";
import { duetKvRest } from "../load/dialect.ts";
import type { Load } from "../load/load.ts";
import { measureWarm, middleOf } from "../load/measure.ts";
import { sendEach } from "../load/send-each.ts";
import type { GoalResult, Run } from "../results.ts";
import { measureFanOut, openWatchers } from "../sections/watch.ts";
import { type Entrant, findPeers, ourselves, type PeerName, withEntrants } from "./contender.ts";
import { type CallWork, type Goal, goals, keysOf } from "./goals.ts";

/** Measures the goals of these names; default: all. Throws when there is no such goal. */
export async function compareGoals(run: Run, names: readonly string[] = []): Promise<void> {
  for (const name of names) {
    if (!goals.some((goal) => goal.name === name)) {
      throw new Error(`no goal ${name}; there are ${goals.map((goal) => goal.name).join(", ")}`);
    }
  }
  for (const goal of goals) {
    if (names.length > 0 && !names.includes(goal.name)) continue;
    try {
      for (const result of await compare(run, goal)) run.compared(result);
    } catch (error) {
      run.failed(`goal ${goal.name}`, error);
    }
  }
}

/**
 * All servers of a goal run side by side and have their turns again and again, since the speed of a machine changes. Each ratio
 * is the median of the ratios within a round.
 */
async function compare(run: Run, { name, what, bounds, work }: Goal): Promise<readonly GoalResult[]> {
  const peers = findPeers(Object.keys(bounds) as PeerName[]);
  if (peers.length === 0) return [];
  const dialect = work.kind === "calls" ? work.dialect : duetKvRest;
  const valueBytes = work.kind === "calls" ? work.valueBytes : 0;
  const rounds = await withDirectory((directory) =>
    withEntrants([ourselves(dialect), ...peers], directory, valueBytes, (entrants) =>
      work.kind === "calls"
        ? roundsOfCalls(run, work, entrants)
        : roundsOfEvents(run, work.watchers, entrants),
    ),
  );
  return peers.map((peer, index) => ({
    goal: name,
    what,
    peer: peer.name,
    ours: middleOf(rounds.map(([ours]) => ours as number)),
    theirs: middleOf(rounds.map((round) => round[index + 1] as number)),
    ratio: middleOf(rounds.map((round) => (round[0] as number) / (round[index + 1] as number))),
    bound: bounds[peer.name as PeerName],
  }));
}

/** For each round, the figure of each entrant. */
async function roundsOfCalls(
  run: Run,
  work: CallWork,
  entrants: readonly Entrant[],
): Promise<readonly (readonly number[])[]> {
  const { valueBytes, concurrency, measure, ownDeadlines = false } = work;
  const value = "x".repeat(valueBytes);
  const stored = keysOf(run.quick ? Math.min(work.keys ?? 1, 100_000) : (work.keys ?? 1));
  for (const { dialect, server, stores } of entrants) {
    if (!stores) continue;
    const chunks = Array.from({ length: Math.ceil(stored.length / dialect.keysMax) }, (_, index) =>
      dialect.putMany(stored.slice(index * dialect.keysMax, (index + 1) * dialect.keysMax), value),
    );
    await sendEach(server.address, stored.length === 1 ? [dialect.put(stored[0] as string, value)] : chunks);
  }
  const loads = new Map<Entrant, Load>();
  for (const entrant of entrants) {
    const requests = work.requests(entrant.dialect, stored, value);
    const isHttp1 = requests[0]?.headers["content-type"] !== "application/grpc";
    const protocol = isHttp1 ? "http1" : "grpc";
    // The generator does not check all responses.
    await sendEach(entrant.server.address, requests.slice(0, 1));
    // A thousand connections take a good part of a second to open.
    const seconds = concurrency < 1024 ? run.seconds / 3 : run.seconds;
    loads.set(entrant, { protocol, requests, concurrency, seconds: Math.max(1, seconds), ownDeadlines });
  }
  for (const [entrant, load] of loads) {
    // One call after another would not make V8 compile the server in time.
    await measureWarm(entrant.server, {
      ...load,
      concurrency: Math.max(64, concurrency),
      seconds: run.seconds,
    });
    const { perSecond } = await measureWarm(entrant.server, load);
    if (work.halfOfPeak === true) loads.set(entrant, { ...load, perSecond: perSecond / 2 });
  }
  const rounds: number[][] = [];
  for (let round = 0; round < run.rounds; round++) {
    const figures: number[] = [];
    for (const [{ server }, load] of loads) {
      figures.push((await measureWarm(server, load))[measure]);
    }
    rounds.push(figures);
  }
  return rounds;
}

async function roundsOfEvents(
  run: Run,
  watchers: number,
  entrants: readonly Entrant[],
): Promise<readonly (readonly number[])[]> {
  const fanOuts = new Map<Entrant, Awaited<ReturnType<typeof openWatchers>>>();
  try {
    for (const entrant of entrants) {
      fanOuts.set(entrant, await openWatchers(entrant.server.address, run.quick ? watchers / 10 : watchers));
    }
    const rounds: number[][] = [];
    for (let round = -1; round < run.rounds; round++) {
      const figures: number[] = [];
      for (const [{ server }, fanOut] of fanOuts) {
        figures.push((await measureFanOut(server, fanOut, run.seconds)).cpuMicros);
      }
      // The first round warms the servers up.
      if (round >= 0) rounds.push(figures);
    }
    return rounds;
  } finally {
    for (const fanOut of fanOuts.values()) fanOut.close();
  }
}
