import { expect, test } from "vitest";
import { liveNameOf } from "../../console/src/live/live-name.ts";

test("tabs share a stream only with the same service, identity and token, and its name tells no token", async () => {
  const owner = { url: "https://kv.test/a/", via: "token", name: "reader", token: "dkv_secret" };
  const names = await Promise.all(
    [
      owner,
      { ...owner, url: "https://kv.test/b/" },
      { ...owner, token: "dkv_other" },
      { ...owner, token: undefined },
      { ...owner, via: "jwt" },
      { ...owner, name: "writer" },
    ].map(liveNameOf),
  );
  expect(new Set(names).size).toBe(names.length);
  expect(await liveNameOf({ ...owner })).toBe(names[0]);
  expect(names.join()).not.toContain("dkv_");
});
