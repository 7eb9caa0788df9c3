import { expect, test } from "vitest";
import { readOtelConfiguration } from "../../src/telemetry/otel-configuration.ts";

const read = (environment: Record<string, string>) => readOtelConfiguration(environment, "1.2.3");

test.each([
  [{}],
  [{ OTEL_SERVICE_NAME: "kv" }],
  [{ OTEL_TRACES_EXPORTER: "none", OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" }],
  [{ OTEL_SDK_DISABLED: "true", OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" }],
])("%j asks for no traces", (environment) => {
  expect(read(environment)).toBeUndefined();
});

test("an endpoint asks for traces, with the defaults of OpenTelemetry", () => {
  expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/" })).toEqual({
    endpoint: new URL("http://collector:4318/v1/traces"),
    headers: {},
    resource: { "service.name": "duetkv", "service.version": "1.2.3" },
    sampler: { parentBased: true, ratio: 1 },
    timeoutMs: 10_000,
    delayMs: 5000,
    queueMax: 2048,
    batchMax: 512,
  });
  expect(read({ OTEL_TRACES_EXPORTER: "otlp" })?.endpoint.href).toBe("http://localhost:4318/v1/traces");
});

test("reads headers, resource and sampler", () => {
  const configuration = read({
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://collector/traces",
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20x, tenant=a",
    OTEL_RESOURCE_ATTRIBUTES: "service.name=other,k8s.pod.name=kv-0",
    OTEL_SERVICE_NAME: "kv",
    OTEL_TRACES_SAMPLER: "traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.25",
  });
  expect(configuration).toMatchObject({
    endpoint: new URL("https://collector/traces"),
    headers: { authorization: "Bearer x", tenant: "a" },
    resource: { "service.name": "kv", "k8s.pod.name": "kv-0" },
    sampler: { parentBased: false, ratio: 0.25 },
  });
});

test.each([
  ["OTEL_TRACES_EXPORTER", "zipkin"],
  ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:secret@collector:4318"],
  ["OTEL_EXPORTER_OTLP_HEADERS", "nonsense"],
  ["OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret%0Ax"],
  ["OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret%00"],
  ["OTEL_RESOURCE_ATTRIBUTES", "a=%ZZ"],
  ["OTEL_TRACES_SAMPLER", "sometimes"],
  ["OTEL_BSP_MAX_QUEUE_SIZE", "0"],
])("names %s when it is wrong", (name, value) => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };
  const wrong = () => read({ ...endpoint, [name]: value });
  expect(wrong).toThrow(name);
  expect(wrong).not.toThrow("secret");
});
