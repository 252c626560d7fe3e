// Peer 3: pusher-js, axios and a comparison, on Node.
//
// Given what costs a user nothing: connections are kept, and ids that come
// while six requests are out are gathered, as sgostream does.
"use strict";

const fs = require("node:fs");
const https = require("node:https");
const readline = require("node:readline");
const axios = require("axios");
const Pusher = require("pusher-js");

const base = process.env.BENCH_BASE_URL;
const key = process.env.BENCH_API_KEY;
const IN_FLIGHT = 6;
const IDS_PER_REQUEST = 25;

const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const nowNs = () => Math.round((performance.timeOrigin + performance.now()) * 1e6);
const cpuS = () => {
  const used = process.cpuUsage();
  return (used.user + used.system) / 1e6;
};
const resident = () => {
  global.gc();
  const pages = Number(fs.readFileSync("/proc/self/statm", "ascii").split(" ")[1]);
  return pages * 4096;
};

let seen;
const start = () => {
  seen = { delivered: [], quotes: 0, total: 0, cpu: cpuS(), wall: performance.now() };
};

// The user's code: a price was this and is that.
const price = (eventID, oddID, book, old, now) => {
  seen.quotes += 1;
  seen.total += oddID.length + book.length + (old !== now);
};

const FIELDS = ["odds", "spread", "overUnder", "available", "deeplink"];
const differs = (a, b) => FIELDS.some((field) => a[field] !== b[field]);

const compare = (old, now) => {
  for (const [oddID, odd] of Object.entries(now.odds)) {
    const books = old.odds[oddID]?.byBookmaker ?? {};
    const newBooks = odd.byBookmaker ?? {};
    for (const book in newBooks) {
      const was = books[book];
      const is = newBooks[book];
      if (!was || differs(was, is)) {
        price(now.eventID, oddID, book, was?.odds, is.odds);
      }
    }
    for (const book in books) {
      if (!newBooks[book]) {
        price(now.eventID, oddID, book, books[book].odds, undefined);
      }
    }
  }
};

const run = async () => {
  const before = resident();
  const began = performance.now();
  const api = axios.create({
    baseURL: base,
    headers: { "x-api-key": key },
    httpsAgent: new https.Agent({ keepAlive: true, maxSockets: IN_FLIGHT }),
    maxContentLength: Infinity,
  });
  const info = (
    await api.get("/stream/events", { params: { feed: "events:live" } })
  ).data;
  const events = new Map(info.data.map((event) => [event.eventID, event]));
  const firstS = (performance.now() - began) / 1e3;
  delete info.data;

  const pending = new Set();
  let flying = 0;
  const fetchSome = async (ids) => {
    const answer = await api.get("/events", { params: { eventIDs: ids.join(",") } });
    for (const event of answer.data.data) {
      const old = events.get(event.eventID);
      if (old) {
        compare(old, event);
      }
      events.set(event.eventID, event);
      seen.delivered.push([nowNs(), event.eventID, event.benchVersion]);
    }
  };
  const work = () => {
    while (flying < IN_FLIGHT && pending.size > 0) {
      const ids = [...pending].slice(0, IDS_PER_REQUEST);
      ids.forEach((id) => pending.delete(id));
      flying += 1;
      fetchSome(ids)
        .catch((error) => process.stderr.write(`${error}\n`))
        .finally(() => {
          flying -= 1;
          work();
        });
    }
  };

  const pusher = new Pusher(info.pusherKey, info.pusherOptions);
  const channel = pusher.subscribe(info.channel);
  await new Promise((resolve, reject) => {
    channel.bind("pusher:subscription_succeeded", resolve);
    channel.bind("pusher:subscription_error", reject);
  });
  channel.bind("data", (changed) => {
    changed.forEach(({ eventID }) => pending.add(eventID));
    work();
  });

  start();
  say({
    events: events.size,
    first_s: firstS,
    all_s: (performance.now() - began) / 1e3,
    resident_before: before,
    resident: resident(),
    version: `node ${process.version}`,
  });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line === "start") {
      start();
      say({ started: true });
    } else if (line === "stop") {
      say({
        cpu_s: cpuS() - seen.cpu,
        wall_s: (performance.now() - seen.wall) / 1e3,
        delivered: seen.delivered,
        quotes: seen.quotes,
        fetched_to_user_ns: [],
        held_ns: [],
        resident: resident(),
      });
    } else {
      break;
    }
  }
  process.exit(0);
};

run().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
