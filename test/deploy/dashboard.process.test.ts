import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { type Typed, typeErrors } from "./type-check.ts";

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly options?: unknown;
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[];
}

const panelSchemas: Readonly<Record<string, string>> = {
  timeseries: "timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen",
};

const file = new URL("../../deploy/grafana/duetkv.json", import.meta.url);
const board = JSON.parse(await readFile(file, "utf8")) as { readonly panels: readonly Panel[] };
const panels = board.panels.filter(({ type }) => type !== "row");

const dashboard = (value: unknown): Typed => ({ module: "@grafana/schema", type: "Dashboard", value });

function options({ type, options: value }: Panel): Typed {
  return { module: `@grafana/schema/dist/esm/raw/composable/${panelSchemas[type]}`, type: "Options", value };
}

test("the dashboard and the options of its panels are what Grafana's schema allows", async () => {
  expect(panels.length).toBeGreaterThan(20);
  expect(await typeErrors([dashboard(board), ...panels.map(options)])).toBe("");
});

test("the check of the dashboard finds a misspelt field and a wrong option", async () => {
  const [panel] = panels as [Panel];
  const wrong = [dashboard({ ...board, refreshh: "30s" }), options({ ...panel, options: { legend: {} } })];
  const errors = await typeErrors(wrong);
  expect(errors).toContain("refreshh");
  expect(errors).toContain("placement");
});

test("panels have ids of their own, a place of their own, and queries with ids", () => {
  expect(doubles(board.panels.map(({ id }) => id))).toEqual([]);
  expect(doubles(panels.flatMap(({ gridPos }) => cells(gridPos)))).toEqual([]);
  for (const { targets } of panels) {
    expect(targets?.length).toBeGreaterThan(0);
    expect(doubles(targets?.map(({ refId }) => refId) ?? [])).toEqual([]);
  }
});

function doubles<T>(values: readonly T[]): T[] {
  return values.filter((value, at) => values.indexOf(value) < at);
}

/** The places of Grafana's grid of 24 columns that a panel covers. */
function cells({ x, y, w, h }: Panel["gridPos"]): string[] {
  const covered = Array.from({ length: w * h }, (_, at) => [x + (at % w), y + Math.floor(at / w)] as const);
  expect(covered.every(([column]) => column < 24)).toBe(true);
  return covered.map((cell) => cell.join());
}
