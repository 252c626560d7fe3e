// The API's quick start with the real pusher-js: bootstrap, connect,
// authorise, subscribe, and print every step as one line of JSON.
//
// Arguments: base URL, query of /stream/events, data messages to wait for.
// The key comes in the environment, as for every client.
"use strict";

const Pusher = require("pusher-js");

const [base, query, wanted] = process.argv.slice(2);
const headers = { "x-api-key": process.env.SPORTS_ODDS_API_KEY_HEADER };

const say = (what, more) => console.log(JSON.stringify({ what, ...more }));

const run = async () => {
  const answer = await fetch(`${base}/stream/events?${query}`, { headers });
  const info = await answer.json();
  say("bootstrap", { status: answer.status, events: info.data.length });

  const pusher = new Pusher(info.pusherKey, info.pusherOptions);
  pusher.connection.bind("state_change", ({ current }) =>
    say("state", { current }));
  pusher.connection.bind("error", (error) => say("error", { error }));

  const channel = pusher.subscribe(info.channel);
  channel.bind("pusher:subscription_succeeded", (members) =>
    say("subscribed", { channel: info.channel, count: members.count }));
  channel.bind("pusher:subscription_error", (error) =>
    say("refused", { error }));

  let left = Number(wanted);
  channel.bind("data", async (changed) => {
    const ids = changed.map(({ eventID }) => eventID);
    const url = `${base}/events?eventIDs=${ids.join(",")}`;
    const events = await (await fetch(url, { headers })).json();
    say("data", {
      ids,
      scores: events.data.map((event) => event.teams.home.score),
    });
    left -= 1;
    if (left === 0) {
      pusher.disconnect();
    }
  });
};

run().catch((error) => {
  say("failed", { error: String(error) });
  process.exitCode = 1;
});
