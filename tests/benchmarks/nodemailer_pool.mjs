// Sends ready HTML and text over nodemailer's pool, which builds MIME for each message; no template is rendered.
// Arguments: port, messages, connections, file with {"html", "text", "subject"}. Prints the seconds it took.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const nodemailer = require("nodemailer");
const [port, messages, connections, file] = process.argv.slice(2);
const parts = JSON.parse(readFileSync(file, "utf8"));
const pool = nodemailer.createTransport({
  host: "127.0.0.1", port: Number(port), secure: false, ignoreTLS: true,
  pool: true, maxConnections: Number(connections), maxMessages: Infinity,
});
const started = process.hrtime.bigint();
let next = 0;
async function work() {
  while (next < Number(messages)) {
    const seq = ++next;
    await pool.sendMail({ from: "Shop <hello@shop.example>", to: `person${seq}@mail${seq % 50}.example`, ...parts });
  }
}
await Promise.all(Array.from({ length: 2 * Number(connections) }, work));
console.log(Number(process.hrtime.bigint() - started) / 1e9);
pool.close();
