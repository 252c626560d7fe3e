// The board: a grid of odds with a column for each bookmaker.

const MARKETS = [
  ["", "All markets"],
  ["ml", "Moneyline"],
  ["sp", "Spread"],
  ["ou", "Total"],
  ["ml3way", "Result"],
];
const MOVED_MS = 10000; // a mark shows for so long which way a price moved
const FIXED = 4; // columns before the bookmakers': game, odd, best, age

// Frame: {books, games: {id: game}, rows: {id: row}, status}
function readBoard(frame, message, views) {
  const full = message.t === "full";
  if (full) {
    frame.games = {};
    frame.rows = {};
  }
  if (message.books) frame.books = message.books;
  for (const [id, league, title, state, score, live, start, event] of message.games || []) {
    frame.games[id] = { id, league, title, state, score, live, start, event };
    for (const view of views) view.changed.games.add(id);
  }
  for (const id of message.lost || []) delete frame.games[id];
  for (const id of message.gone || []) delete frame.rows[id];
  for (const [id, game, odd, label, order, bet, best, line, flat] of message.rows || []) {
    const cells = {};
    for (let i = 0; i < flat.length; i += 2) cells[flat[i]] = flat[i + 1];
    frame.rows[id] = { id, game, odd, label, order, bet, best, line, cells };
  }
  for (const view of views) {
    if (full || message.books) view.changed.all = true;
    if (message.gone || message.rows) view.changed.rows = true;
  }
  const flat = message.cells || [];
  for (let i = 0; i < flat.length; i += 3) {
    const row = frame.rows[flat[i]];
    if (!row) continue;
    const column = flat[i + 1];
    const old = row.cells[column];
    const now = flat[i + 2];
    if (now) row.cells[column] = now;
    else delete row.cells[column];
    for (const view of views) view.changed.cell(row.id, column, move(old, now));
  }
  const marks = message.marks || [];
  for (let i = 0; i < marks.length; i += 3) {
    const row = frame.rows[marks[i]];
    if (!row) continue;
    for (const view of views) {
      view.changed.cell(row.id, row.best, 0);
      view.changed.cell(row.id, marks[i + 1], 0);
      view.changed.marks.add(row.id);
    }
    row.best = marks[i + 1];
    row.line = marks[i + 2];
  }
}

// 1: better for who bets, -1: worse, 0: neither.
function move(old, now) {
  if (!old || !now || old[0] === null || now[0] === null) return 0;
  return Math.sign(decimalOf(now[0]) - decimalOf(old[0]));
}

class Changed {
  constructor() {
    this.reset();
  }

  reset() {
    this.all = false; // build anew
    this.rows = false; // rows came or went
    this.games = new Set();
    this.marks = new Set();
    this.cells = new Map(); // row -> Map(column -> move)
  }

  cell(row, column, moved) {
    if (column < 0) return;
    let columns = this.cells.get(row);
    if (!columns) this.cells.set(row, (columns = new Map()));
    columns.set(column, moved || columns.get(column) || 0);
  }
}

class BoardView {
  constructor(store) {
    this.store = store;
    this.changed = new Changed();
    this.changed.all = true;
    this.format = store.settings.odds;
    this.sort = { key: "game", down: false };
    this.filter = "";
    this.market = "";
    this.league = "";
    this.paused = false;
    this.lines = new Map(); // row id -> its elements
    this.behind = new Set(); // lines out of sight, written once a second
    this.watcher = new IntersectionObserver((seen) => this.onSight(seen), {
      rootMargin: "100px",
    });
    this.moved = new Map(); // td -> when
    this.flip = false;
    this.order = "";
    this.headline = new Headline(store);
    this.root = this.build();
  }

  // -- elements

  build() {
    const search = make("input", {
      type: "search",
      class: "sgo-search",
      placeholder: "Filter games and odds",
      "aria-label": "Filter games and odds",
      input: (event) => {
        this.filter = event.target.value.trim().toLowerCase();
        this.arrange();
        this.headline.say(`${this.visible} rows`);
      },
    });
    this.leagues = make("select", {
      "aria-label": "League",
      change: (event) => {
        this.league = event.target.value;
        this.arrange();
        this.headline.say(`${this.visible} rows`);
      },
    });
    const markets = make(
      "select",
      {
        "aria-label": "Market",
        change: (event) => {
          this.market = event.target.value;
          this.arrange();
          this.headline.say(`${this.visible} rows`);
        },
      },
      ...MARKETS.map(([value, text]) => make("option", { value }, text)),
    );
    const formats = choice("Odds format", FORMATS, this.format, (value) => {
      this.format = value;
      this.redraw();
      this.headline.say(`Prices are ${value}`);
    });
    this.pause = make(
      "button",
      { type: "button", "aria-pressed": "false", click: () => this.setPaused(!this.paused) },
      "Pause",
    );
    const stop = make(
      "button",
      {
        type: "button",
        title: "End the board; its last frame stays",
        click: () => this.store.send({ t: "stop" }),
      },
      "Stop",
    );
    this.head = make("tr", { role: "row" });
    this.body = make("tbody", { role: "rowgroup" });
    this.columns = make("colgroup");
    this.table = make(
      "table",
      { role: "grid", "aria-label": `Odds of ${this.store.settings.feed}` },
      this.columns,
      make("thead", { role: "rowgroup" }, this.head),
      this.body,
    );
    this.table.addEventListener("click", (event) => this.onClick(event));
    this.table.addEventListener("keydown", (event) => this.onKey(event));
    this.table.addEventListener("focusin", (event) => this.onFocus(event));
    this.table.addEventListener("mouseover", (event) => this.onHover(event));
    this.empty = make("div", { class: "sgo-empty", hidden: "" });
    const frame = make("div", { class: "sgo-scroll" }, this.table, this.empty);
    frame.style.maxHeight = `${this.store.settings.height}px`;
    this.foot = make("div", { class: "sgo-foot" });
    return make(
      "div",
      { class: "sgo sgo-board", "data-lm-suppress-shortcuts": "true" },
      make(
        "div",
        { class: "sgo-bar" },
        this.headline.pill,
        make("span", { class: "sgo-title" }, this.store.settings.feed),
        this.headline.counts,
        make("span", { class: "sgo-gap" }),
        search,
        this.leagues,
        markets,
        formats,
        this.pause,
        stop,
      ),
      this.headline.banner,
      frame,
      this.foot,
      this.headline.voice,
    );
  }

  setPaused(paused) {
    this.paused = paused;
    this.pause.setAttribute("aria-pressed", String(paused));
    this.pause.textContent = paused ? "Resume" : "Pause";
    this.root.classList.toggle("sgo-paused", paused);
    if (!paused) this.redraw();
  }

  redraw() {
    this.changed.all = true;
    const paused = this.paused;
    this.paused = false;
    this.draw();
    this.paused = paused;
  }

  // -- drawing

  draw() {
    if (this.paused) return;
    const frame = this.store.frame;
    const changed = this.changed;
    if (!frame.rows) {
      this.tick();
      return;
    }
    if (changed.all) {
      this.buildAll(frame);
    } else {
      if (changed.rows) this.syncRows(frame);
      for (const id of changed.games) this.writeGame(id);
      for (const id of changed.marks) {
        // Another main line: other prices compare, in the whole row.
        const line = this.lines.get(id);
        if (line?.seen && line.shown !== line.row.line) this.catchUp(line);
      }
      this.flip = !this.flip;
      for (const [id, columns] of changed.cells) {
        const line = this.lines.get(id);
        if (!line) continue;
        if (!line.seen) {
          this.behind.add(line);
          continue;
        }
        for (const [column, moved] of columns) this.writeCell(line, column, moved);
        this.writeBest(line, columns.get(line.row.best) || 0);
      }
      if (changed.rows || (changed.games.size && this.sort.key === "game")) this.arrange();
    }
    changed.reset();
    if (this.headline.kind !== this.store.condition()[0]) this.tick();
  }

  // Rows come into sight or leave it.
  onSight(seen) {
    for (const { target, isIntersecting } of seen) {
      const line = this.lines.get(Number(target.dataset.row));
      if (!line || line.tr !== target) continue;
      line.seen = isIntersecting;
      if (isIntersecting && this.behind.has(line) && !this.paused) this.catchUp(line);
    }
  }

  catchUp(line) {
    this.behind.delete(line);
    this.writeLabel(line.row.id);
    for (let column = 0; column < line.cells.length - FIXED; column += 1) {
      this.writeCell(line, column, 0);
    }
    this.writeBest(line, 0);
  }

  buildAll(frame) {
    this.watcher.disconnect();
    this.behind.clear();
    this.lines.clear();
    this.moved.clear();
    this.body.replaceChildren();
    const heads = [
      ["game", "Game", "sgo-game"],
      ["odd", "Odd", "sgo-odd"],
      ["best", "Best price", "sgo-top"],
      ["age", "Age", "sgo-age"],
      ...(frame.books || []).map(([, name], column) => [`book${column}`, name, "sgo-book"]),
    ];
    this.head.replaceChildren(
      ...heads.map(([key, text, kind]) =>
        make(
          "th",
          {
            role: "columnheader",
            scope: "col",
            class: kind,
            "data-key": key,
            "aria-sort": "none",
            tabindex: "-1",
          },
          make("span", {}, text),
        ),
      ),
    );
    const widths = [212, 164, 148, 44, ...heads.slice(FIXED).map(() => 69)];
    this.columns.replaceChildren(
      ...widths.map((width) => make("col", { style: `width:${width}px` })),
    );
    this.table.style.minWidth = `${widths.reduce((sum, width) => sum + width)}px`;
    this.syncRows(frame);
    this.arrange();
    this.tick();
  }

  syncRows(frame) {
    for (const [id, line] of this.lines) {
      if (frame.rows[id] === line.row) continue;
      line.tr.remove();
      this.watcher.unobserve(line.tr);
      this.behind.delete(line);
      for (const td of line.cells) this.moved.delete(td);
      this.lines.delete(id);
    }
    const width = FIXED + (frame.books || []).length;
    for (const row of Object.values(frame.rows)) {
      if (this.lines.has(row.id)) continue;
      const tr = make("tr", { role: "row", "data-row": row.id });
      const cells = [];
      for (let i = 0; i < width; i += 1) {
        const kind = ["sgo-game", "sgo-odd", "sgo-top", "sgo-age"][i] || "";
        const tag = i < 2 ? "th" : "td";
        const role = i < 2 ? "rowheader" : "gridcell";
        const cell = make(tag, { role, tabindex: "-1", class: kind });
        if (i < 2) cell.setAttribute("scope", "row");
        cells.push(cell);
      }
      tr.append(...cells);
      const line = { row, tr, cells, seen: true };
      this.lines.set(row.id, line);
      this.watcher.observe(tr);
      this.writeGameCell(line);
      this.writeLabel(row.id);
      for (let column = 0; column < width - FIXED; column += 1) {
        this.writeCell(line, column, 0);
      }
      this.writeBest(line, 0);
      this.writeAge(line, Date.now() / 1000);
    }
  }

  writeGame(id) {
    for (const line of this.lines.values()) {
      if (line.row.game === id) this.writeGameCell(line);
    }
  }

  writeGameCell(line) {
    const game = this.store.frame.games[line.row.game];
    if (!game) return;
    line.cells[0].replaceChildren(
      make("span", { class: "sgo-name" }, game.title),
      make(
        "span",
        { class: "sgo-state" },
        make("span", { class: "sgo-league" }, game.league),
        ...(game.score ? [make("b", {}, ` ${game.score}`)] : []),
        make("span", { class: "sgo-clock" }, ` ${game.state}`),
      ),
    );
    line.tr.classList.toggle("sgo-live", game.live);
  }

  writeLabel(id) {
    const line = this.lines.get(id);
    if (!line) return;
    line.shown = line.row.line;
    const [market, side] = line.row.label.split(/: (.*)/s);
    line.cells[1].replaceChildren(
      make("span", { class: "sgo-market" }, market),
      make(
        "span",
        { class: "sgo-side" },
        side || "",
        ...(line.row.line ? [make("b", {}, ` ${line.row.line.replace("-", "−")}`)] : []),
      ),
    );
  }

  writeCell(line, column, moved) {
    const td = line.cells[FIXED + column];
    if (!td) return;
    const cell = line.row.cells[column];
    let kind = "sgo-price";
    if (!cell || cell[0] === null) {
      td.textContent = cell ? "–" : "";
      td.className = `${kind} sgo-none`;
      return;
    }
    const text = priceText(cell[0], this.format);
    const lineShown = lineText(cell[1], line.row.bet);
    let other = 0;
    if (lineShown && lineShown !== line.row.line.replace("-", "−")) {
      other = lineShown.length;
      td.replaceChildren(make("small", {}, lineShown), ` ${text}`);
      kind += " sgo-other";
    } else if (td.firstChild && td.firstChild === td.lastChild && td.firstChild.data !== undefined) {
      td.firstChild.data = text;
    } else {
      td.textContent = text;
    }
    if (text.length + other > 6) kind += " sgo-long";
    if (!cell[2]) kind += " sgo-off";
    if (column === line.row.best) kind += " sgo-best";
    if (moved) this.moved.set(td, performance.now());
    td.className = kind + this.moveClass(td, moved);
  }

  // A second move starts the flash anew: two names for the same animation.
  moveClass(td, moved) {
    if (moved) {
      const way = moved > 0 ? "sgo-up" : "sgo-down";
      return ` ${way} ${way}-${this.flip ? "a" : "b"}`;
    }
    if (!this.moved.has(td)) return "";
    const kept = /sgo-(?:up|down)\S*/g;
    return ` ${(td.className.match(kept) || []).join(" ")}`;
  }

  writeBest(line, moved) {
    const { row } = line;
    const td = line.cells[2];
    const cell = row.cells[row.best];
    const text = cell ? priceText(cell[0], this.format) : "–";
    const book = cell ? this.store.frame.books[row.best][1] : "";
    if (!td.firstChild) td.append(make("b"), make("span"));
    const [price, name] = td.children;
    if (price.textContent !== text) price.textContent = text;
    if (name.textContent !== book) name.textContent = book;
    if (moved) this.moved.set(td, performance.now());
    td.className = `sgo-top${this.moveClass(td, moved)}`;
    if (moved && document.activeElement === td) this.sayCell(td);
  }

  writeAge(line, now) {
    const cell = line.row.cells[line.row.best];
    const td = line.cells[3];
    const seconds = cell && cell[3] ? now - cell[3] : null;
    const text = seconds === null ? "" : ageText(seconds);
    if (td.textContent !== text) td.textContent = text;
    const old = seconds !== null && seconds > 300;
    if (td.classList.contains("sgo-old") !== old) td.classList.toggle("sgo-old", old);
  }

  // -- order

  // Rows that the filter lets through, in order; moves only what must move.
  arrange() {
    const frame = this.store.frame;
    const lines = [...this.lines.values()];
    const keyed = lines
      .filter((line) => {
        const shown = this.passes(line.row, frame.games[line.row.game]);
        if (line.tr.hidden === shown) line.tr.hidden = !shown;
        return shown;
      })
      .map((line) => [this.keyOf(line.row, frame), line]);
    const sign = this.sort.down ? -1 : 1;
    keyed.sort(([a, left], [b, right]) => {
      for (let i = 0; i < a.length; i += 1) {
        // What has no value stands at the end, whichever way it is sorted.
        if (a[i] === b[i]) continue;
        if (a[i] === null) return 1;
        if (b[i] === null) return -1;
        return (a[i] < b[i] ? -1 : 1) * (i === 0 ? sign : 1);
      }
      return left.row.id - right.row.id;
    });
    this.visible = keyed.length;
    const order = keyed.map(([, line]) => line.row.id).join();
    if (order !== this.order || this.changed.rows || this.changed.all) {
      this.order = order;
      const active = document.activeElement;
      let at = this.body.firstChild;
      let last = null;
      let nth = 0; // row of its game
      keyed.forEach(([, line], i) => {
        if (line.tr === at) at = at.nextSibling;
        else this.body.insertBefore(line.tr, at);
        const { game } = line.row;
        nth = game === last ? nth + 1 : 0;
        last = game;
        const classes = line.tr.classList;
        classes.toggle("sgo-first", nth === 0);
        classes.toggle("sgo-second", nth === 1);
        classes.toggle("sgo-alone", nth === 0 && keyed[i + 1]?.[1].row.game !== game);
      });
      for (const line of lines) {
        if (line.tr.hidden) this.body.append(line.tr);
      }
      if (active && active !== document.activeElement && this.root.contains(active)) active.focus();
    }
    for (const th of this.head.children) {
      const on = th.dataset.key === this.sort.key;
      th.setAttribute("aria-sort", on ? (this.sort.down ? "descending" : "ascending") : "none");
    }
    this.fillLeagues(frame);
    this.empty.hidden = keyed.length > 0;
    this.empty.textContent = lines.length ? "Nothing passes the filter." : "No odds yet.";
    this.keepStop();
  }

  passes(row, game) {
    if (!game) return false;
    if (this.market && row.bet !== this.market) return false;
    if (this.league && game.league !== this.league) return false;
    if (!this.filter) return true;
    const text = `${game.league} ${game.title} ${row.label} ${game.state}`.toLowerCase();
    return this.filter.split(/\s+/).every((word) => text.includes(word));
  }

  keyOf(row, frame) {
    const game = frame.games[row.game];
    const place = [game.live ? 0 : 1, game.start, game.event, row.order, row.odd];
    const { key } = this.sort;
    if (key === "odd") return [row.label.split(":")[0], ...place];
    const column = key === "best" || key === "age" ? row.best : Number(key.slice(4));
    const cell = key === "game" ? null : row.cells[column];
    if (key === "age") return [cell && cell[3] ? -cell[3] : null, ...place];
    if (key !== "game") return [cell && cell[0] !== null ? decimalOf(cell[0]) : null, ...place];
    return [place.slice(0, 2).join(" "), ...place];
  }

  fillLeagues(frame) {
    const found = [...new Set(Object.values(frame.games).map((game) => game.league))].sort();
    const told = found.join();
    if (this.leagues.dataset.told === told) return;
    this.leagues.dataset.told = told;
    this.leagues.replaceChildren(
      make("option", { value: "" }, "All leagues"),
      ...found.map((league) => make("option", { value: league }, league)),
    );
    if (!found.includes(this.league)) this.league = "";
    this.leagues.value = this.league;
  }

  // -- every second

  tick() {
    const { status, rows } = this.store.frame;
    const counts = status
      ? `${Object.keys(rows || {}).length} odds · ${status.rate.toFixed(1)} updates/s · ` +
        `${status.moves.toLocaleString("en")} moves`
      : "";
    const kind = this.headline.tick(counts);
    this.root.classList.toggle("sgo-stale", kind === "alarm" || kind === "saved");
    const left = status && status.left_out ? `Not shown: ${status.left_out}.` : "";
    if (this.foot.textContent !== left) this.foot.textContent = left;
    if (this.paused) return;
    for (const line of this.behind) this.catchUp(line);
    const now = kind === "saved" && status ? status.time : Date.now() / 1000;
    for (const line of this.lines.values()) {
      if (!line.tr.hidden) this.writeAge(line, now);
    }
    const passed = performance.now() - MOVED_MS;
    for (const [td, when] of this.moved) {
      if (when > passed) continue;
      this.moved.delete(td);
      td.className = td.className.replace(/ sgo-(?:up|down)\S*/g, "");
    }
    if (this.sort.key !== "game" && this.sort.key !== "odd") this.arrange();
  }

  // -- hands

  onClick(event) {
    const cell = event.target.closest("th,td");
    if (!cell) return;
    cell.focus({ preventScroll: true });
    if (cell.dataset.key) this.sortBy(cell);
  }

  sortBy(th) {
    const { key } = th.dataset;
    const same = this.sort.key === key;
    const downFirst = key === "best" || key.startsWith("book");
    this.sort = { key, down: same ? !this.sort.down : downFirst };
    this.arrange();
    this.headline.say(`Sorted by ${th.textContent}, ${this.sort.down ? "descending" : "ascending"}`);
  }

  // One stop for Tab; arrows go from cell to cell.
  onKey(event) {
    const cell = event.target.closest("th,td");
    if (!cell || event.altKey || event.metaKey) return;
    const rows = [this.head, ...[...this.body.children].filter((tr) => !tr.hidden)];
    const column = cell.cellIndex;
    const at = rows.indexOf(cell.parentElement);
    const lastRow = rows.length - 1;
    const lastColumn = this.head.children.length - 1;
    const go = {
      ArrowUp: [at - 1, column],
      ArrowDown: [at + 1, column],
      ArrowLeft: [at, column - 1],
      ArrowRight: [at, column + 1],
      PageUp: [Math.max(1, at - 12), column],
      PageDown: [Math.min(lastRow, at + 12), column],
      Home: [event.ctrlKey ? 0 : at, 0],
      End: [event.ctrlKey ? lastRow : at, lastColumn],
    }[event.key];
    if (go) {
      event.preventDefault();
      const target = rows[go[0]] && rows[go[0]].children[go[1]];
      if (target) target.focus();
    } else if ((event.key === "Enter" || event.key === " ") && !event.ctrlKey && !event.shiftKey) {
      event.preventDefault();
      if (cell.dataset.key) this.sortBy(cell);
      else this.sayCell(cell);
    }
  }

  onFocus(event) {
    const cell = event.target.closest("th,td");
    if (!cell || cell === this.stopCell) return;
    if (this.stopCell) this.stopCell.tabIndex = -1;
    this.stopCell = cell;
    cell.tabIndex = 0;
  }

  keepStop() {
    if (this.stopCell && this.root.contains(this.stopCell)) return;
    this.stopCell = this.head.firstChild;
    if (this.stopCell) this.stopCell.tabIndex = 0;
  }

  describe(td) {
    const line = [...this.lines.values()].find((each) => each.tr === td.parentElement);
    if (!line) return "";
    const game = this.store.frame.games[line.row.game];
    const column = td.cellIndex === 2 ? line.row.best : td.cellIndex - FIXED;
    const cell = line.row.cells[column];
    if (column < 0 || !cell) return `${game.title}, ${line.row.label}`;
    const parts = [game.title, line.row.label, this.store.frame.books[column][1]];
    const shown = lineText(cell[1], line.row.bet);
    parts.push(`${shown} ${priceText(cell[0], this.format)}`.trim());
    if (column === line.row.best) parts.push("best price");
    if (!cell[2]) parts.push("not available");
    if (cell[3]) parts.push(`for ${ageText(Date.now() / 1000 - cell[3])}`);
    return parts.join(", ");
  }

  sayCell(td) {
    this.headline.say(this.describe(td));
  }

  onHover(event) {
    const td = event.target.closest("td");
    if (td) td.title = this.describe(td);
  }
}

export default {
  initialize({ model }) {
    storeOf(model, readBoard);
  },
  render({ model, el }) {
    const store = storeOf(model, readBoard);
    const view = new BoardView(store);
    el.append(view.root);
    store.add(view);
    view.draw();
    view.tick();
    return () => {
      view.watcher.disconnect();
      store.remove(view);
    };
  },
};
