// What the pages need beside htmx: files sent in parts, and a job that is followed.
"use strict";

// ---- SHA-256 of bytes that come in pieces (browsers offer it of a whole only).
class Sha256 {
  static K = (() => {
    const primes = [];
    for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
    return Int32Array.from(primes, (p) => ((Math.cbrt(p) % 1) * 2 ** 32) | 0);
  })();
  constructor() {
    this.h = Int32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);
    this.w = new Int32Array(64);
    this.rest = new Uint8Array(64);
    this.held = 0;
    this.length = 0;
  }
  update(bytes) {
    this.length += bytes.length;
    let at = 0;
    if (this.held) {
      at = Math.min(64 - this.held, bytes.length);
      this.rest.set(bytes.subarray(0, at), this.held);
      this.held += at;
      if (this.held < 64) return this;
      this.block(this.rest, 0);
      this.held = 0;
    }
    for (; at + 64 <= bytes.length; at += 64) this.block(bytes, at);
    this.rest.set(bytes.subarray(at));
    this.held = bytes.length - at;
    return this;
  }
  block(b, at) {
    const w = this.w, K = Sha256.K;
    for (let i = 0; i < 16; i++, at += 4) w[i] = (b[at] << 24) | (b[at + 1] << 16) | (b[at + 2] << 8) | b[at + 3];
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15], y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    const s = this.h;
    let a = s[0], c1 = s[1], c2 = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & c1) ^ (a & c2) ^ (c1 & c2))) | 0;
      h = g; g = f; f = e; e = (d + t1) | 0; d = c2; c2 = c1; c1 = a; a = (t1 + t2) | 0;
    }
    s[0] += a; s[1] += c1; s[2] += c2; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
  }
  digest() {
    const bits = this.length * 8, end = this.held < 56 ? 64 : 128;
    const tail = new Uint8Array(end - this.held);
    tail[0] = 0x80;
    const view = new DataView(tail.buffer);
    view.setUint32(tail.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(tail.length - 4, bits >>> 0);
    this.update(tail);
    const out = new DataView(new ArrayBuffer(32));
    this.h.forEach((word, i) => out.setInt32(4 * i, word));
    return new Uint8Array(out.buffer);
  }
}
const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

// ---- A file becomes a dataset: declared, sent in parts, joined.
const SLICE = 4 * 1024 * 1024;
const slice = async (file, from, to) => new Uint8Array(await file.slice(from, to).arrayBuffer());

async function ask(method, address, headers, body) {
  for (let attempt = 1; ; attempt++) {
    let answer;
    try {
      answer = await fetch(address, { method, headers, body, credentials: "same-origin" });
    } catch (error) {
      if (attempt > 4) throw new Error("the server cannot be reached");
      answer = null;
    }
    if (answer && answer.ok) return answer.json();
    const problem = answer ? await answer.json().catch(() => ({})) : {};
    const passes = !answer || answer.status === 429 || answer.status === 503 || problem.code === "upload_joining";
    if (!passes || attempt > 60) {
      const fields = (problem.errors || []).map((e) => `${e.field}: ${e.message}`);
      throw new Error(fields.join("; ") || problem.detail || "the server refused");
    }
    const wait = Number((answer && answer.headers.get("Retry-After")) || 2);
    await new Promise((resume) => setTimeout(resume, 1000 * Math.min(wait, 30)));
  }
}
const sendJson = (address, value) =>
  ask("POST", address, { "Content-Type": "application/json" }, value === undefined ? undefined : JSON.stringify(value));

async function upload(form, say) {
  const file = form.elements.file.files[0];
  const api = form.dataset.api;
  const whole = new Sha256();
  for (let at = 0; at < file.size; at += SLICE) {
    whole.update(await slice(file, at, at + SLICE));
    say(`Reading ${file.name}`, at / file.size / 4);
  }
  const made = await sendJson(`${api}/uploads`, { name: file.name, size: file.size, sha256: hex(whole.digest()) });
  const size = made.part_size;
  const parts = Math.max(1, Math.ceil(file.size / size));
  for (let number = 1; number <= parts; number++) {
    const bytes = await slice(file, (number - 1) * size, number * size);
    const digest = base64(new Sha256().update(bytes).digest());
    const headers = { "Content-Type": "application/octet-stream", "Content-Digest": `sha-256=:${digest}:` };
    await ask("PUT", `${api}/uploads/${made.id}/parts/${number}`, headers, bytes);
    say(`Sending ${file.name}: part ${number} of ${parts}`, 0.25 + (0.7 * number) / parts);
  }
  await sendJson(`${api}/uploads/${made.id}/complete`);
  const name = form.elements.name.value.trim() || file.name;
  const description = form.elements.description.value;
  await sendJson(`${api}/datasets`, { upload: made.id, name, description });
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-api]")) return;
  event.preventDefault();
  const [bar, line, button] = ["progress", "[role=status]", "button"].map((what) => form.querySelector(what));
  const say = (text, done) => { line.textContent = text; bar.hidden = false; bar.value = done; };
  button.disabled = true;
  try {
    await upload(form, say);
    say("Done", 1);
    location.reload();
  } catch (error) {
    line.textContent = `It was not uploaded: ${error.message}.`;
    bar.hidden = true;
    button.disabled = false;
  }
});

// ---- A job that is followed: its events are added, its panel is read again.
const followed = document.querySelector("[data-stream]");
if (followed) {
  const source = new EventSource(followed.dataset.stream);
  let state = followed.dataset.state;
  source.addEventListener("event", (message) => {
    const { number, at, line } = JSON.parse(message.data);
    const list = document.getElementById("history");
    if (document.getElementById(`event-${number}`)) return;
    const item = document.createElement("li");
    item.id = `event-${number}`;
    const time = document.createElement("span");
    time.className = "soft small";
    time.textContent = `${at.slice(0, 10)} ${at.slice(11, 19)} `;
    item.append(time, line);
    list.append(item);
  });
  source.addEventListener("job", (message) => {
    const job = JSON.parse(message.data);
    document.body.dispatchEvent(new CustomEvent("job-changed"));
    if (job.state !== state) {
      state = job.state;
      document.getElementById("live").textContent = `The job is ${state}.`;
    }
    if (["succeeded", "failed", "cancelled"].includes(state)) source.close();
  });
}

// ---- Small conveniences: a choice that shows another page at once.
document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-go]")) event.target.form.requestSubmit();
});
