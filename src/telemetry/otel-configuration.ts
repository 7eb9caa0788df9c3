import * as v from "valibot";

export interface OtelConfiguration {
  /** Where spans are sent as OTLP over HTTP, in JSON. */
  readonly endpoint: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Of this process, in every export. */
  readonly resource: Readonly<Record<string, string>>;
  readonly sampler: Sampler;
  /** Milliseconds. */
  readonly timeoutMs: number;
  readonly delayMs: number;
  readonly queueMax: number;
  readonly batchMax: number;
}

export interface Sampler {
  /** Whether the decision of the caller counts, where there is one. */
  readonly parentBased: boolean;
  /** Share of the traces that begin here. */
  readonly ratio: number;
}

/** The standard variables of OpenTelemetry are wrong; the message names them. */
export class OtelConfigurationError extends Error {
  override readonly name = "OtelConfigurationError";
}

type Environment = Readonly<Record<string, string | undefined>>;

const positive = v.pipe(v.string(), v.regex(/^[1-9]\d{0,8}$/), v.transform(Number));

/**
 * Reads the `OTEL_*` variables. Undefined unless they ask for traces: by an endpoint, or by `OTEL_TRACES_EXPORTER=otlp`.
 * Throws OtelConfigurationError.
 */
export function readOtelConfiguration(
  environment: Environment,
  version: string,
): OtelConfiguration | undefined {
  const given = (name: string) => environment[name] || undefined;
  const exporter = given("OTEL_TRACES_EXPORTER");
  const tracesEndpoint = given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  const baseEndpoint = given("OTEL_EXPORTER_OTLP_ENDPOINT");
  if (given("OTEL_SDK_DISABLED")?.toLowerCase() === "true" || exporter === "none") return undefined;
  if (exporter === undefined && tracesEndpoint === undefined && baseEndpoint === undefined) return undefined;
  if (exporter !== undefined && exporter !== "otlp") {
    throw new OtelConfigurationError("OTEL_TRACES_EXPORTER must be otlp or none");
  }
  const protocol = given("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") ?? given("OTEL_EXPORTER_OTLP_PROTOCOL");
  if (protocol !== undefined && !protocol.startsWith("http/")) {
    throw new OtelConfigurationError("OTEL_EXPORTER_OTLP_PROTOCOL must be http/json; gRPC is not spoken");
  }
  const headers = given("OTEL_EXPORTER_OTLP_TRACES_HEADERS") ?? given("OTEL_EXPORTER_OTLP_HEADERS") ?? "";
  const number = (name: string, standard: number): number => {
    const result = v.safeParse(positive, given(name) ?? String(standard));
    if (!result.success) throw new OtelConfigurationError(`${name} must be a whole number greater than 0`);
    return result.output;
  };
  const queueMax = number("OTEL_BSP_MAX_QUEUE_SIZE", 2048);
  return {
    endpoint: readEndpoint(tracesEndpoint, baseEndpoint ?? "http://localhost:4318"),
    headers: readHeaders(headers),
    resource: {
      "service.version": version,
      ...readPairs("OTEL_RESOURCE_ATTRIBUTES", given("OTEL_RESOURCE_ATTRIBUTES") ?? "service.name=duetkv"),
      ...(given("OTEL_SERVICE_NAME") !== undefined && {
        "service.name": given("OTEL_SERVICE_NAME") as string,
      }),
    },
    sampler: readSampler(given("OTEL_TRACES_SAMPLER"), given("OTEL_TRACES_SAMPLER_ARG")),
    timeoutMs: number("OTEL_EXPORTER_OTLP_TIMEOUT", 10_000),
    delayMs: number("OTEL_BSP_SCHEDULE_DELAY", 5000),
    queueMax,
    batchMax: Math.min(number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512), queueMax),
  };
}

function readEndpoint(traces: string | undefined, base: string): URL {
  const text = traces ?? `${base.replace(/\/$/, "")}/v1/traces`;
  if (!/^https?:/.test(text) || !URL.canParse(text)) {
    throw new OtelConfigurationError("OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https URL");
  }
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") {
    throw new OtelConfigurationError(
      "OTEL_EXPORTER_OTLP_ENDPOINT must have no user and password; put credentials into OTEL_EXPORTER_OTLP_HEADERS",
    );
  }
  return url;
}

/** An invalid one would fail each export, with its value in the message. */
function readHeaders(text: string): Record<string, string> {
  const headers = readPairs("OTEL_EXPORTER_OTLP_HEADERS", text);
  try {
    return Object.fromEntries(new Headers(headers));
  } catch {
    throw new OtelConfigurationError("OTEL_EXPORTER_OTLP_HEADERS has an invalid name or value");
  }
}

/** `a=1,b=2`, percent-encoded. */
function readPairs(name: string, text: string): Record<string, string> {
  const pairs = text.split(",").filter((pair) => pair.trim() !== "");
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf("=");
      if (equals < 1) throw new OtelConfigurationError(`${name} must be a list such as a=1,b=2`);
      try {
        return [pair.slice(0, equals).trim(), decodeURIComponent(pair.slice(equals + 1).trim())];
      } catch (cause) {
        throw new OtelConfigurationError(`${name} is not percent-encoded correctly`, { cause });
      }
    }),
  );
}

const ratios: Readonly<Record<string, number>> = { always_on: 1, always_off: 0 };

function readSampler(name = "parentbased_always_on", argument = "1"): Sampler {
  const parentBased = name.startsWith("parentbased_");
  const kind = parentBased ? name.slice("parentbased_".length) : name;
  const ratio = kind === "traceidratio" ? Number(argument) : ratios[kind];
  if (ratio === undefined) throw new OtelConfigurationError("OTEL_TRACES_SAMPLER is not a known sampler");
  if (!(ratio >= 0 && ratio <= 1)) throw new OtelConfigurationError("OTEL_TRACES_SAMPLER_ARG must be 0 to 1");
  return { parentBased, ratio };
}
