// The chart: prices of one odd over time, a line of steps for each bookmaker.

const SVG = "http://www.w3.org/2000/svg";
const SPANS = [
  ["60", "1 min"],
  ["300", "5 min"],
  ["1800", "30 min"],
  ["0", "All"],
];
const EDGE = { left: 54, right: 132, top: 14, bottom: 26 };

// Frame: {title, books, series: [[time, odds, line]...] by column, status}
function readChart(frame, message, views) {
  if (message.t === "full") frame.series = [];
  if (message.title) frame.title = message.title;
  if (message.books) frame.books = message.books;
  const flat = message.points || [];
  for (let i = 0; i < flat.length; i += 4) {
    const series = (frame.series[flat[i]] ||= []);
    series.push([flat[i + 1], flat[i + 2], flat[i + 3]]);
  }
  for (const view of views) view.trim(frame);
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Round values between two bounds.
function ticksOf(low, high, count) {
  const raw = (high - low) / count;
  const scale = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * scale).find((s) => s >= raw);
  const out = [];
  for (let n = Math.ceil(low / step); n * step <= high; n += 1) out.push(n * step);
  return out;
}

const CLOCK_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];

// Round times between two, at most so many.
function clockTicks(start, end, count) {
  const raw = (end - start) / count;
  const step = CLOCK_STEPS.find((s) => s >= raw) || Math.ceil(raw / 86400) * 86400;
  const zone = new Date(start * 1000).getTimezoneOffset() * 60;
  const out = [];
  for (let n = Math.ceil((start - zone) / step); n * step + zone <= end; n += 1) {
    out.push(n * step + zone);
  }
  return [out, step < 60];
}

function tickText(value, format) {
  if (format === "implied") return `${value.toFixed(1)}%`;
  if (format === "decimal" || value <= 1) return value.toFixed(2);
  const odds = Math.round(value >= 2 ? (value - 1) * 100 : -100 / (value - 1));
  return priceText(odds, "american");
}

function clockText(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB");
}

// The point that holds at a time, or undefined.
function pointAt(series, time) {
  let low = 0;
  let high = series.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (series[middle][0] <= time) low = middle + 1;
    else high = middle;
  }
  return series[low - 1];
}

class ChartView {
  constructor(store) {
    this.store = store;
    this.format = store.settings.odds;
    this.span = "0";
    this.hidden = new Set();
    this.hover = null;
    this.headline = new Headline(store);
    this.root = this.build();
    this.resizer = new ResizeObserver(() => this.draw());
    this.resizer.observe(this.canvas);
  }

  build() {
    this.title = make("span", { class: "sgo-title" });
    this.canvas = svg("svg", { class: "sgo-plot", role: "img", tabindex: "0" });
    this.canvas.style.height = `${this.store.settings.height}px`;
    this.canvas.addEventListener("pointermove", (event) => {
      const box = this.canvas.getBoundingClientRect();
      this.setHover(event.clientX - box.left);
    });
    this.canvas.addEventListener("pointerleave", () => this.setHover(null));
    this.canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -8, ArrowRight: 8 }[event.key];
      if (event.key === "Escape") this.setHover(null);
      if (!step) return;
      event.preventDefault();
      const from = this.hover === null ? this.canvas.clientWidth - EDGE.right : this.hover;
      this.setHover(from + step);
      this.headline.say(this.reading());
    });
    this.legend = make("div", { class: "sgo-legend", role: "group", "aria-label": "Bookmakers" });
    this.tip = make("div", { class: "sgo-tip", hidden: "" });
    const spans = choice("Time", SPANS, this.span, (value) => {
      this.span = value;
      this.draw();
    });
    const formats = choice("Odds format", FORMATS, this.format, (value) => {
      this.format = value;
      this.draw();
    });
    const stop = make(
      "button",
      {
        type: "button",
        title: "End the chart; its last frame stays",
        click: () => this.store.send({ t: "stop" }),
      },
      "Stop",
    );
    return make(
      "div",
      { class: "sgo sgo-chart", "data-lm-suppress-shortcuts": "true" },
      make(
        "div",
        { class: "sgo-bar" },
        this.headline.pill,
        this.title,
        this.headline.counts,
        make("span", { class: "sgo-gap" }),
        spans,
        formats,
        stop,
      ),
      this.headline.banner,
      make("div", { class: "sgo-area" }, this.canvas, this.tip),
      this.legend,
      this.headline.voice,
    );
  }

  // Points beyond the limit go, the oldest first, in place.
  trim(frame) {
    const most = this.store.settings.max_points;
    for (const series of frame.series) {
      if (series && series.length > most) series.splice(0, series.length - most);
    }
  }

  colour(column) {
    const { colours } = this.store.settings;
    return colours[column % colours.length];
  }

  get now() {
    const { status } = this.store.frame;
    return this.store.heardAt || !status ? Date.now() / 1000 : status.time;
  }

  // What is drawn: [column, series] of the bookmakers that are shown.
  shown() {
    const all = (this.store.frame.series || []).map((series, column) => [column, series]);
    return all.filter(([column, series]) => series && series.length && !this.hidden.has(column));
  }

  value(odds) {
    const price = decimalOf(odds);
    return this.format === "implied" ? 100 / price : price;
  }

  scales() {
    const width = Math.max(320, this.canvas.clientWidth);
    const height = this.store.settings.height;
    const right = width - EDGE.right;
    const bottom = height - EDGE.bottom;
    const end = this.now;
    const span = Number(this.span);
    const shown = this.shown();
    const first = Math.min(end - 10, ...shown.map(([, series]) => series[0][0]));
    const start = span ? Math.max(first, end - span) : first;
    let low = Infinity;
    let high = -Infinity;
    for (const [, series] of shown) {
      const held = pointAt(series, start);
      for (let i = series.length - 1; i >= 0 && series[i][0] >= start; i -= 1) {
        if (series[i][1] === null) continue;
        const value = this.value(series[i][1]);
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      if (held && held[1] !== null) {
        low = Math.min(low, this.value(held[1]));
        high = Math.max(high, this.value(held[1]));
      }
    }
    if (low > high) [low, high] = this.format === "implied" ? [0, 100] : [1, 3];
    const pad = (high - low) * 0.08 || high * 0.02;
    low -= pad;
    high += pad;
    const x = (time) => EDGE.left + ((time - start) / (end - start)) * (right - EDGE.left);
    const y = (value) => EDGE.top + ((high - value) / (high - low)) * (bottom - EDGE.top);
    const timeAt = (at) => start + ((at - EDGE.left) / (right - EDGE.left)) * (end - start);
    return { width, height, right, bottom, start, end, low, high, x, y, timeAt, shown };
  }

  // A line of steps, broken where there is no price.
  path(series, scale) {
    const { x, y, start, end } = scale;
    let path = "";
    let last = null;
    let from = series.length;
    while (from > 0 && series[from - 1][0] > start) from -= 1;
    for (let i = Math.max(0, from - 1); i < series.length; i += 1) {
      const [time, odds] = series[i];
      const at = x(Math.max(time, start)).toFixed(1);
      if (odds === null) {
        if (last !== null) path += `H${at}`;
      } else {
        const height = y(this.value(odds)).toFixed(1);
        path += last === null ? `M${at} ${height}` : `H${at}V${height}`;
      }
      last = odds;
    }
    if (last !== null) path += `H${x(end).toFixed(1)}`;
    return [path, last];
  }

  draw() {
    const { frame } = this.store;
    const title = frame.title || this.store.settings.feed;
    if (this.title.textContent !== title) this.title.textContent = title;
    if (!frame.series) return;
    const scale = (this.scale = this.scales());
    const { width, height, right, bottom, x, y } = scale;
    const parts = [];
    for (const value of ticksOf(scale.low, scale.high, Math.max(2, height / 45))) {
      const at = y(value).toFixed(1);
      parts.push(
        svg("line", { class: "sgo-rule", x1: EDGE.left, x2: right, y1: at, y2: at }),
        svg("text", { x: EDGE.left - 8, y: Number(at) + 4, "text-anchor": "end" }, tickText(value, this.format)),
      );
    }
    const most = Math.max(2, Math.floor((right - EDGE.left) / 90));
    const [times, seconds] = clockTicks(scale.start, scale.end, most);
    for (const time of times) {
      const at = x(time).toFixed(1);
      const text = seconds ? clockText(time) : clockText(time).slice(0, 5);
      parts.push(
        svg("line", { class: "sgo-rule", x1: at, x2: at, y1: bottom, y2: bottom + 5 }),
        svg("text", { x: at, y: bottom + 18, "text-anchor": "middle" }, text),
      );
    }
    const ends = [];
    for (const [column, series] of scale.shown) {
      const [path, last] = this.path(series, scale);
      const colour = this.colour(column);
      if (path) parts.push(svg("path", { d: path, stroke: colour, class: "sgo-line" }));
      if (last === null) continue;
      const at = y(this.value(last));
      parts.push(svg("circle", { cx: right, cy: at.toFixed(1), r: 3, fill: colour }));
      ends.push([at, colour, priceText(last, this.format), frame.books[column][1]]);
    }
    ends.sort((a, b) => a[0] - b[0]);
    const gap = 15;
    // Labels push one another down, then those that left at the bottom up.
    ends.forEach((each, i) => {
      each[0] = Math.max(each[0], EDGE.top + 2, i ? ends[i - 1][0] + gap : 0);
    });
    for (let i = ends.length - 1, most = bottom; i >= 0; i -= 1, most -= gap) {
      ends[i][0] = Math.min(ends[i][0], most);
      most = ends[i][0];
    }
    for (const [at, colour, price, name] of ends) {
      parts.push(
        svg(
          "text",
          { x: right + 8, y: (at + 4).toFixed(1), fill: colour, class: "sgo-end" },
          svg("tspan", { "font-weight": 700 }, price),
          svg("tspan", { dx: 6 }, name),
        ),
      );
    }
    this.canvas.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.canvas.replaceChildren(...parts);
    this.canvas.setAttribute("aria-label", this.summary(title));
    this.drawHover();
    this.fillLegend();
  }

  summary(title) {
    const said = this.shown().map(([column, series]) => {
      const odds = series[series.length - 1][1];
      const first = series.find((point) => point[1] !== null);
      const name = this.store.frame.books[column][1];
      const from = first ? `, from ${priceText(first[1], this.format)}` : "";
      return `${name} ${odds === null ? "not available" : priceText(odds, this.format)}${from}`;
    });
    return `${title}. ${said.join("; ")}`;
  }

  setHover(at) {
    const inside = at !== null && this.scale && at >= EDGE.left && at <= this.scale.right;
    this.hover = inside ? at : null;
    this.drawHover();
  }

  readings() {
    const time = this.scale.timeAt(this.hover);
    return this.scale.shown
      .map(([column, series]) => [column, pointAt(series, time)])
      .filter(([, point]) => point && point[1] !== null)
      .sort(([, a], [, b]) => decimalOf(b[1]) - decimalOf(a[1]));
  }

  reading() {
    if (this.hover === null) return "";
    const time = clockText(this.scale.timeAt(this.hover));
    const said = this.readings().map(
      ([column, point]) => `${this.store.frame.books[column][1]} ${priceText(point[1], this.format)}`,
    );
    return `${time}: ${said.join(", ")}`;
  }

  drawHover() {
    this.canvas.querySelector(".sgo-cross")?.remove();
    this.tip.hidden = this.hover === null;
    if (this.hover === null || !this.scale) return;
    const { bottom, right, timeAt } = this.scale;
    this.canvas.append(
      svg("line", { class: "sgo-cross", x1: this.hover, x2: this.hover, y1: EDGE.top, y2: bottom }),
    );
    this.tip.replaceChildren(
      make("b", {}, clockText(timeAt(this.hover))),
      ...this.readings().map(([column, [, odds, line]]) => {
        const dot = make("i");
        dot.style.background = this.colour(column);
        const shown = line === null ? "" : `${lineText(line, "")} `;
        return make(
          "div",
          {},
          dot,
          make("span", {}, this.store.frame.books[column][1]),
          make("b", {}, `${shown}${priceText(odds, this.format)}`),
        );
      }),
    );
    const left = this.hover > right / 2;
    this.tip.style.left = left ? "" : `${this.hover + 12}px`;
    this.tip.style.right = left ? `${this.canvas.clientWidth - this.hover + 12}px` : "";
  }

  fillLegend() {
    const { books } = this.store.frame;
    const told = JSON.stringify([books, [...this.hidden]]);
    if (this.legendTold === told) return;
    this.legendTold = told;
    const focused = this.legend.contains(document.activeElement)
      ? [...this.legend.children].indexOf(document.activeElement)
      : -1;
    this.legend.replaceChildren(
      ...books.map(([, name], column) => {
        const dot = make("i");
        dot.style.background = this.colour(column);
        const toggle = () => {
          if (!this.hidden.delete(column)) this.hidden.add(column);
          this.draw();
        };
        const pressed = String(!this.hidden.has(column));
        return make("button", { type: "button", "aria-pressed": pressed, click: toggle }, dot, name);
      }),
    );
    if (focused >= 0) this.legend.children[focused].focus();
  }

  tick() {
    const { status } = this.store.frame;
    const counts = status ? `${status.moves.toLocaleString("en")} moves` : "";
    const kind = this.headline.tick(counts);
    this.root.classList.toggle("sgo-stale", kind === "alarm" || kind === "saved");
    if (kind === "live") this.draw(); // time goes on
  }
}

export default {
  initialize({ model }) {
    storeOf(model, readChart);
  },
  render({ model, el }) {
    const store = storeOf(model, readChart);
    const view = new ChartView(store);
    el.append(view.root);
    store.add(view);
    view.draw();
    view.tick();
    return () => {
      view.resizer.disconnect();
      store.remove(view);
    };
  },
};
