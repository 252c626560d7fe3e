// What the board and the chart share: prices, the frame that the kernel keeps
// current, and when it is drawn.  No library, no network, no build step.

const FORMATS = [
  ["american", "American"],
  ["decimal", "Decimal"],
  ["implied", "Implied"],
];
const SILENCE_MS = 5000; // the kernel speaks every second while it lives

function decimalOf(odds) {
  return odds === 0 ? 1 : 1 + (odds > 0 ? odds / 100 : -100 / odds);
}

function priceText(odds, format) {
  if (odds === null || odds === undefined) return "–";
  if (format === "american") return odds > 0 ? `+${odds}` : `−${-odds}`;
  const price = decimalOf(odds);
  return format === "decimal" ? price.toFixed(2) : `${(100 / price).toFixed(1)}%`;
}

function lineText(line, bet) {
  if (line === null || line === undefined) return "";
  const text = String(Math.abs(line));
  if (line < 0) return `−${text}`;
  return bet === "sp" ? `+${text}` : text;
}

function ageText(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86400)}d`;
}

// An element with attributes and children; text is never read as HTML.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Buttons of which one is pressed: arrows and Tab, as radio buttons do.
function choice(label, options, chosen, onChoose) {
  const group = make("div", { class: "sgo-choice", role: "radiogroup", "aria-label": label });
  const buttons = options.map(([value, text]) =>
    make("button", { type: "button", role: "radio", "data-value": value }, text),
  );
  const choose = (value, tell) => {
    for (const button of buttons) {
      const on = button.dataset.value === value;
      button.setAttribute("aria-checked", String(on));
      button.tabIndex = on ? 0 : -1;
    }
    if (tell) onChoose(value);
  };
  group.append(...buttons);
  group.addEventListener("click", (event) => {
    const value = event.target.dataset.value;
    if (value) choose(value, true);
  });
  group.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = buttons.indexOf(event.target);
    if (!step || at < 0) return;
    event.preventDefault();
    const next = buttons[(at + step + buttons.length) % buttons.length];
    next.focus();
    choose(next.dataset.value, true);
  });
  choose(chosen, false);
  return group;
}

// The frame of one model.  Messages change it at once; views draw it once per
// animation frame, and what was drawn is acknowledged: so a slow browser, or
// one whose page is hidden, is sent less.
class Store {
  constructor(model, read) {
    this.model = model;
    this.read = read; // (frame, message) -> frame; told also what changed
    this.frame = model.get("frame") || {};
    this.number = -1;
    this.heardAt = 0;
    this.views = new Set();
    this.asked = 0;
    this.drawing = 0;
    this.frames = 0;
    model.on("msg:custom", (message) => this.hear(message));
    this.hello();
  }

  get settings() {
    return this.model.get("settings");
  }

  // Without a kernel (a saved notebook) there is nobody to send to.
  send(message) {
    try {
      this.model.send(message);
    } catch (error) {
      if (this.heardAt) console.debug("sgostream:", error);
    }
  }

  hello() {
    const now = performance.now();
    if (this.asked && now - this.asked < 1000) return;
    this.asked = now;
    this.send({ t: "hello" });
  }

  hear(message) {
    if (message.t === "full") {
      this.frame = {};
    } else if (message.n !== this.number + 1) {
      if (message.n > this.number) this.hello();
      return;
    }
    this.number = message.n;
    this.heardAt = performance.now();
    this.frame.status = message.status;
    this.read(this.frame, message, this.views);
    // The model's state is this object itself: what is saved is always the
    // last frame, at no cost while nobody saves.
    if (message.t === "full") this.model.set("frame", this.frame);
    if (!this.drawing) this.drawing = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.drawing = 0;
    this.frames += 1;
    for (const view of this.views) view.draw();
    this.send({ t: "ack", n: this.number });
  }

  add(view) {
    this.views.add(view);
    this.send({ t: "views", n: this.views.size });
    if (!this.timer) {
      this.timer = setInterval(() => {
        for (const each of this.views) each.tick();
      }, 1000);
    }
  }

  remove(view) {
    this.views.delete(view);
    this.send({ t: "views", n: this.views.size });
    if (!this.views.size) {
      clearInterval(this.timer);
      this.timer = 0;
    }
  }

  // How current it is: [kind, text]; kinds are live, wait, saved and alarm.
  condition() {
    const status = this.frame.status;
    if (!status) return ["wait", "Waiting for the kernel"];
    if (!this.heardAt) {
      const when = new Date(status.time * 1000).toLocaleString();
      return ["saved", `Saved ${when}, not connected`];
    }
    const silence = performance.now() - this.heardAt;
    if (silence > SILENCE_MS && !document.hidden) {
      return ["alarm", "Stale: no word from the kernel", `for ${ageText(silence / 1000)}`];
    }
    if (status.phase === "live") return ["live", "Live"];
    if (status.phase === "failed") return ["alarm", `Ended: ${status.error}`];
    if (status.phase === "closed") return ["saved", "Closed"];
    if (status.phase === "stale") {
      const age = status.age === undefined ? "" : `proven current ${ageText(status.age)} ago`;
      return ["alarm", `Stale: ${status.reason || "not proven current"}`, age];
    }
    const word = status.phase[0].toUpperCase() + status.phase.slice(1);
    return ["wait", `${word}…`];
  }
}

const stores = new WeakMap();

function storeOf(model, read) {
  let store = stores.get(model);
  if (!store) stores.set(model, (store = new Store(model, read)));
  return store;
}

// The headline that both have: condition, counters, banner, live region.
class Headline {
  constructor(store) {
    this.store = store;
    this.pill = make("span", { class: "sgo-pill" });
    this.counts = make("span", { class: "sgo-counts" });
    // How long ago changes every second; readers are told once.
    this.words = make("span", {});
    this.since = make("span", { class: "sgo-since", "aria-hidden": "true" });
    const banner = { class: "sgo-banner", role: "alert", hidden: "" };
    this.banner = make("div", banner, this.words, this.since);
    this.voice = make("div", { class: "sgo-voice", role: "status", "aria-live": "polite" });
    this.kind = "";
  }

  say(text) {
    if (this.voice.textContent !== text) this.voice.textContent = text;
  }

  tick(counts) {
    const [kind, text, since = ""] = this.store.condition();
    const short = kind === "live" ? "Live" : text.split(/[,:…]/)[0];
    if (this.pill.textContent !== short) this.pill.textContent = short;
    if (this.counts.textContent !== counts) this.counts.textContent = counts;
    const shown = kind === "alarm" || kind === "saved";
    if (shown && this.words.textContent !== text) this.words.textContent = text;
    if (this.since.textContent !== since) this.since.textContent = since;
    if (kind !== this.kind) {
      this.kind = kind;
      this.pill.dataset.kind = kind;
      this.banner.dataset.kind = kind;
      this.banner.hidden = !shown;
      if (!shown) this.say(text);
    }
    return kind;
  }
}
