// Every rpc once: node examples/grpc-client/tour.mjs [HOST:PORT]
import { status } from "@grpc/grpc-js";
import { connect } from "./connect.mjs";

const { call, watch, snapshot, close } = connect(process.argv[2] ?? "localhost:8080");

// Put
const stored = await call("put", { key: "greeting", value: "Hello" });
console.log("put at revision", stored.revision);

// Put: bytes, a time to live, a condition
await call("put", { key: "icon", bytesValue: Buffer.from([0xff, 0xd8]) });
await call("put", { key: "session", value: "ada", ttl: { seconds: 60 } });
try {
  await call("put", { key: "greeting", value: "Hi", precondition: { exists: false } });
} catch (error) {
  console.log("refused:", status[error.code]);
}

// Get
const { entry } = await call("get", { key: "greeting" });
console.log("got", entry.value, "of revision", entry.revision);

// List
const page = await call("list", { prefix: "", pageSize: 2 });
console.log(
  "page",
  page.entries.map(({ key }) => key),
);
const next = await call("list", { prefix: "", pageSize: 2, pageToken: page.nextPageToken });
console.log(
  "page",
  next.entries.map(({ key }) => key),
);

// List: keys only, one level
const bare = await call("list", { keysOnly: true, pageSize: 1 });
console.log("without value:", bare.entries[0].key, bare.entries[0].value);
const level = await call("list", { delimiter: "e", keysOnly: true, pageSize: 1 });
console.log("level", level.prefixes);

// BatchGet
const batch = await call("batchGet", { keys: ["greeting", "nothing"] });
console.log("found", batch.entries.length, "missing", batch.missingKeys);

// Commit
const committed = await call("commit", {
  checks: [{ key: "greeting", precondition: { revision: entry.revision } }],
  mutations: [
    { put: { key: "greeting", value: "Good morning" } },
    { put: { key: "greeting/de", value: "Guten Morgen" } },
  ],
});
console.log("committed at revision", committed.revision);

// History, and a read in the past
const { events: versions } = await call("history", { key: "greeting" });
for (const { type, entry: version } of versions) console.log(version.revision, type, version.value);
const past = await call("get", { key: "greeting", atRevision: stored.revision });
console.log("was", past.entry.value);

// Watch
const changes = watch({ prefix: "greeting", startRevision: 0 });
for await (const { revision, events = [] } of changes) {
  for (const event of events) console.log(revision, event.type, event.entry.key, event.entry.value);
  if (revision === committed.revision && events.length > 0) break;
}
changes.cancel();

// Watch: a union, keys only
const union = watch({ keys: ["icon"], prefixes: ["greeting/"], keysOnly: true, startRevision: 0 });
for await (const { revision, events = [] } of union) {
  for (const event of events) console.log(revision, event.type, event.entry.key, event.entry.value);
  if (revision === committed.revision && events.length > 0) break;
}
union.cancel();

// Delete
const { deleted } = await call("delete", { key: "greeting" });
console.log("deleted", deleted);

// GetStatus, GetIdentity
const server = await call("getStatus", {});
console.log("revision", server.revision, "with", server.entries, "entries, writable:", server.writable);
const me = await call("getIdentity", {});
console.log("identified as", me.via);

// Snapshot
const parts = [];
for await (const { data } of snapshot()) parts.push(data);
const backup = Buffer.concat(parts);
console.log("backup of format", backup.subarray(0, 8).toString());

// Touch
const touched = await call("touch", { key: "session", ttl: { seconds: 60 } });
console.log("touched at revision", touched.revision, "the entry of revision", touched.entry.revision);

close();
