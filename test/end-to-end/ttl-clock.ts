// Loaded into a server before it starts: a wall clock that a test sets, by the file that TEST_CLOCK names.
import { readFileSync } from "node:fs";

const file = process.env["TEST_CLOCK"] as string;
const now = Date.now;
let offsetMs = 0;

function read(): void {
  offsetMs = Number(readFileSync(file, "utf8"));
}

read();
process.on("SIGUSR2", read);
Date.now = () => now() + offsetMs;
