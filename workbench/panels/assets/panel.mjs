// The panel of one run: what the relay tells is kept, and painted once a frame at most; buttons go past the kernel.

import { make, put, mark, money, price, amount, clock, moment, tone, Table, Way, styled, ownKeys } from './parts.mjs';
import { PriceChart, EquityChart } from './chart.mjs';
import { Parameters } from './parameters.mjs';

const MOST = { fill: 500, log: 500, equity: 1500 };
const SURE_MS = 4000;
const WORKS = ['running', 'paused', 'starting', 'stopping', 'hanging', 'killing'];

export function open(root, about, relay) {
  styled(root, relay);
  const panel = new Panel(about, relay);
  root.appendChild(panel.element);
  return () => panel.close();
}

class Panel {
  constructor(about, relay) {
    this.way = new Way(about, relay);
    this.about = about;
    this.state = null;
    this.items = { fill: [], log: [], equity: [] };
    this.seen = { fill: 0, log: 0, equity: 0 };
    this.fresh = new Set(['fill', 'log', 'equity']);
    this.painted = 0;
    this.build();
    this.hush = this.way.listen(message => this.hear(message), text => this.lost(text));
    this.themes = new MutationObserver(() => { this.chart.theme(); this.equity.theme(); });
    this.themes.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-light', 'data-jp-theme-name'] });
    this.ticking = setInterval(() => this.tick(), 500);
  }

  close() {
    this.hush();
    this.themes.disconnect();
    clearInterval(this.ticking);
    this.chart.close();
    this.equity.close();
  }

  // --- what comes -----------------------------------------------------------------------------------------------------

  hear({ state, items }) {
    if (state?.run && state.run !== this.run) {
      if (this.run) for (const name of Object.keys(this.items)) { this.items[name] = []; this.seen[name] = 0; this.fresh.add(name); }
      this.run = state.run;
    }
    for (const item of items) {
      if (item.number <= this.seen[item.as] && item.as !== 'fill') continue;
      if (item.as === 'fill' && this.items.fill.some(one => one.number === item.number && one.client_id === item.client_id)) continue;
      this.seen[item.as] = item.number;
      const kept = this.items[item.as];
      kept.push(item);
      if (kept.length > MOST[item.as]) kept.splice(0, kept.length - MOST[item.as]);
      this.fresh.add(item.as);
    }
    if (state) {
      this.state = state.markets?.[0]?.instrument ? state : { ...(this.state ?? {}), ...state, markets: this.state?.markets ?? [] };
      this.heard = performance.now();
    }
    this.wish();
  }

  wish() {
    if (this.wished) return;
    this.wished = true;
    requestAnimationFrame(() => { this.wished = false; this.paint(); });
  }

  lost(text) {
    this.offline = text;
    put(this.banner, text);
    this.banner.hidden = !text;
    mark(this.element, 'wb-old', text);
  }

  // --- what is shown --------------------------------------------------------------------------------------------------

  build() {
    this.name = make('strong', 'wb-name', this.about.name);
    this.dot = make('span', 'wb-state', 'connecting');
    this.mode = make('span', 'wb-mode');
    this.what = make('span', 'wb-what');
    this.age = make('span', 'wb-age');
    this.pause = this.button('Pause', 'wb-quiet', () => this.send(this.state?.state === 'paused' ? 'resume' : 'pause'));
    this.stop = this.button('Stop', 'wb-quiet', () => this.askTwice(this.stop, 'Stop', 'stop', {}));
    this.flatten = make('input');
    this.flatten.type = 'checkbox';
    const flatten = make('label', 'wb-flatten', '', [this.flatten, document.createTextNode(' sell what is held')]);
    this.kill = this.button('Kill', 'wb-kill', () => this.askTwice(this.kill, 'Kill', 'kill',
      { confirm: this.about.name }));
    this.pause.title = 'Opens nothing more; exits and protection go on';
    this.stop.title = 'Ends in order: nothing new, cancels, proves it';
    this.kill.title = 'Cancels every order of its markets now, whoever made it, and proves it';
    const head = make('header', 'wb-head', '', [this.name, this.dot, this.mode, this.what, this.age,
      ownKeys(make('span', 'wb-buttons', '', [this.pause, this.stop, flatten, this.kill]))]);
    this.banner = make('p', 'wb-banner');
    this.banner.hidden = true;
    this.reason = make('p', 'wb-reason');
    this.said = make('p', 'wb-said');
    this.said.setAttribute('role', 'status');
    this.tiles = {};
    const tiles = make('div', 'wb-tiles', '', ['Equity', 'Net PnL', 'Realised', 'Unrealised', 'Fees', 'Funding', 'Position', 'Open orders']
      .map(title => this.tile(title)));
    this.markets = make('div', 'wb-markets');
    this.chart = new PriceChart(this.way, this.about.history);
    this.equity = new EquityChart();
    this.element = make('section', 'wb-panel', '', [head, this.banner, this.reason, this.said, tiles, this.markets,
      make('div', 'wb-middle', '', [make('div', 'wb-left', '', [this.chart.element, this.equity.element]), this.bookOf()]),
      this.tabsOf()]);
  }

  button(text, look, press) {
    const one = make('button', `wb-button ${look}`, text);
    one.onclick = press;
    return one;
  }

  tile(title) {
    const value = make('span', 'wb-value', '–');
    this.tiles[title] = value;
    return make('div', 'wb-tile', '', [make('span', 'wb-title', title), value]);
  }

  bookOf() {
    this.bookSides = { asks: make('div', 'wb-asks'), bids: make('div', 'wb-bids') };
    this.mid = make('div', 'wb-mid', '–');
    this.stale = make('p', 'wb-empty');
    return make('div', 'wb-book', '', [make('div', 'wb-bar', '', [make('span', 'wb-legend', 'Book'),
      make('span', 'wb-legend', 'price · amount')]), this.bookSides.asks, this.mid, this.bookSides.bids, this.stale]);
  }

  tabsOf() {
    const side = row => (row.side > 0 ? 'buy' : 'sell'), sideLook = row => (row.side > 0 ? 'side-buy' : 'side-sell');
    this.parameters = new Parameters(this.way, this.about, text => this.tell(text), text => this.tell(text, true));
    this.tables = {
      Orders: new Table([['Order', row => row.client_id, 'mono'], ['Market', row => row.instrument], ['Side', side, sideLook],
        ['Kind', row => row.kind.toLowerCase().replace(/_/g, ' ')], ['Price', row => price(row.price), '', true],
        ['Amount', row => amount(row.amount), '', true], ['Filled', row => amount(row.filled), '', true],
        ['Life', row => (row.is_leaving ? 'leaving' : row.life.toLowerCase())]], 'No order is open.'),
      Fills: new Table([['Time (UTC)', row => moment(row.time_ms), 'mono'], ['Market', row => row.instrument], ['Side', side, sideLook],
        ['Price', row => price(row.price), '', true], ['Amount', row => amount(row.amount), '', true],
        ['Fee', row => `${amount(row.fee)} ${row.fee_asset}`, '', true], ['', row => (row.is_maker ? 'maker' : 'taker'), 'dim'],
        ['Order', row => row.client_id, 'mono dim']], 'Nothing has been filled yet.'),
      Positions: new Table([['Market', row => row.instrument], ['Venue', row => `${row.venue} · ${row.account}`, 'dim'],
        ['Position', row => amount(row.position, true), row => tone(row.position), true], ['Entry', row => price(row.entry), '', true],
        ['Last', row => price(row.last), '', true], ['Unrealised', row => money(row.unrealised, true), row => tone(row.unrealised), true],
        ['Price age', row => (row.age_ms === null ? '–' : `${(row.age_ms / 1000).toFixed(1)} s`), 'dim', true]], 'No market is known yet.'),
      Executors: new Table([['Executor', row => `${row.kind} ${row.executor}`], ['Market', row => row.market], ['Side', side, sideLook],
        ['State', row => row.status.toLowerCase()], ['Held', row => amount(row.held), '', true],
        ['Net PnL', row => money(row.net_pnl_quote, true), row => tone(row.net_pnl_quote), true],
        ['Since (UTC)', row => moment(row.created_ms), 'mono']], 'No executor is at work.'),
      Log: new Table([['Time (UTC)', row => moment(row.time_ms), 'mono'], ['Level', row => row.level, row => `level-${row.level}`],
        ['What', row => row.text, 'wrap']], 'Nothing was written down yet.'),
    };
    const pages = { ...Object.fromEntries(Object.entries(this.tables).map(([name, table]) => [name, table.element])),
      Parameters: this.parameters.element };
    const bar = ownKeys(make('nav', 'wb-tabs'));
    this.tabs = {};
    for (const [name, page] of Object.entries(pages)) {
      const tab = this.tabs[name] = make('button', 'wb-tab', name);
      tab.onclick = () => this.turn(name, pages);
      bar.appendChild(tab);
    }
    this.levels = make('select', 'wb-levels', '', ['all', 'info', 'warn', 'error'].map(name => make('option', '', name)));
    this.levels.value = 'info';
    this.levels.setAttribute('aria-label', 'Least level of the log');
    this.levels.onchange = () => { this.fresh.add('log'); this.wish(); };
    bar.appendChild(this.levels);
    this.turn('Orders', pages);
    return make('div', 'wb-below', '', [bar, ...Object.values(pages)]);
  }

  turn(name, pages) {
    this.page = name;
    for (const [one, page] of Object.entries(pages)) {
      page.hidden = one !== name;
      mark(this.tabs[one], 'on', one === name);
    }
    this.levels.hidden = name !== 'Log';
    this.wish();
  }

  // --- painting -------------------------------------------------------------------------------------------------------

  paint() {
    const state = this.state;
    if (!state) return;
    this.paintHead(state);
    this.paintMoney(state);
    this.paintMarkets(state);
    this.paintBook(state);
    const market = state.markets[this.chart.market]?.instrument;
    const orders = WORKS.includes(state.state) ? state.orders ?? [] : [];
    this.chart.live(state);
    this.chart.showOrders(orders.filter(one => one.instrument === market));
    if (this.fresh.delete('equity')) this.equity.show(this.items.equity);
    if (this.fresh.has('fill') || market !== this.marked) {
      this.marked = market;
      this.chart.showFills(this.items.fill.filter(one => !market || one.instrument === market));
    }
    this.paintPage(state, orders);
    this.fresh.delete('fill');
    this.painted = performance.now();
    this.element.dataset.number = state.number ?? '';
    this.element.dataset.heard = state.heard_ms ?? '';
  }

  paintHead(state) {
    put(this.dot, state.is_silent && WORKS.includes(state.state) ? `${state.state} · silent` : state.state);
    const look = `wb-state is-${state.state}`;
    if (this.dot.className !== look) this.dot.className = look;
    put(this.mode, { live: 'money', paper: 'paper', simulated: 'simulated' }[state.mode] ?? '');
    mark(this.mode, 'is-money', state.mode === 'live');
    const names = (state.markets ?? []).map(one => one.instrument ?? one).join(', ');
    put(this.what, state.what ?? `${state.bot?.name ?? ''} · ${names}${state.bot?.timeframe ? ` · ${state.bot.timeframe}` : ''}`);
    put(this.pause, state.state === 'paused' ? 'Resume' : 'Pause');
    this.pause.disabled = !['running', 'paused'].includes(state.state);
    this.stop.disabled = !['running', 'paused', 'starting', 'down'].includes(state.state);
    put(this.reason, state.reason ?? '');
    this.reason.hidden = !state.reason || this.said.textContent.startsWith(state.reason);
  }

  paintMoney(state) {
    const pnl = state.pnl ?? {}, held = state.held ?? heldIn(state.markets);
    const equity = state.equity ?? this.items.equity.at(-1)?.equity;
    const told = {
      Equity: [money(equity), ''], 'Net PnL': [money(pnl.net, true), tone(pnl.net)], Realised: [money(pnl.realised, true), tone(pnl.realised)],
      Unrealised: [money(pnl.unrealised, true), tone(pnl.unrealised)], Fees: [money(pnl.fees), ''],
      Funding: [money(pnl.funding, true), tone(pnl.funding)],
      Position: [held === null ? '–' : Object.values(held).map(one => amount(one, true)).join(', ') || 'flat', ''],
      'Open orders': [WORKS.includes(state.state) ? String((state.orders ?? []).length) : '–', ''],
    };
    for (const [title, [text, look]] of Object.entries(told)) {
      put(this.tiles[title], text);
      if (this.tiles[title].className !== `wb-value ${look}`) this.tiles[title].className = `wb-value ${look}`;
    }
  }

  paintMarkets(state) {
    const names = (state.markets ?? []).map(one => `${one.venue} ${one.instrument}`).join('|');
    if (names === this.named) return;
    this.named = names;
    this.markets.replaceChildren(...(state.markets.length > 1 ? state.markets : []).map((one, m) => {
      const tab = make('button', 'wb-tab', one.instrument);
      mark(tab, 'on', m === this.chart.market);
      tab.onclick = () => {
        [...this.markets.children].forEach((other, n) => mark(other, 'on', n === m));
        this.chart.choose(m);
      };
      return tab;
    }));
  }

  paintBook(state) {
    const works = WORKS.includes(state.state), book = works ? state.markets?.[this.chart.market]?.book : null;
    const own = new Set((state.orders ?? []).map(one => Number(one.price)));
    put(this.stale, !works ? 'It trades no more.' : !book ? 'The book comes with the live values.' : book.stale ? `No book: ${book.stale}.` : '');
    const most = Math.max(1e-12, ...(book?.bids ?? []).map(one => one[1]), ...(book?.asks ?? []).map(one => one[1]));
    this.side(this.bookSides.asks, [...(book?.asks ?? [])].slice(0, 12).reverse(), most, own);
    this.side(this.bookSides.bids, (book?.bids ?? []).slice(0, 12), most, own);
    const last = state.markets?.[this.chart.market]?.last;
    put(this.mid, price(last));
    if (last !== this.was) {
      this.mid.className = `wb-mid ${this.was === undefined ? '' : last > this.was ? 'up' : 'down'}`;
      this.was = last;
    }
  }

  side(place, levels, most, own) {
    while (place.children.length > levels.length) place.lastChild.remove();
    levels.forEach(([at, there], n) => {
      let row = place.children[n];
      if (!row) row = place.appendChild(make('div', 'wb-level', '', [make('i'), make('span'), make('span')]));
      put(row.children[1], price(at));
      put(row.children[2], amount(there));
      row.children[0].style.transform = `scaleX(${(there / most).toFixed(3)})`;
      mark(row, 'ours', own.has(at));
    });
  }

  paintPage(state, orders) {
    const page = this.page;
    put(this.tabs.Orders, `Orders ${orders.length || ''}`.trim());
    put(this.tabs.Fills, `Fills ${this.items.fill.length || ''}`.trim());
    put(this.tabs.Executors, `Executors ${(state.executors ?? []).length || ''}`.trim());
    if (page === 'Orders') this.tables.Orders.show(orders);
    if (page === 'Positions') this.tables.Positions.show((state.markets ?? []).filter(one => one.instrument));
    if (page === 'Executors') this.tables.Executors.show(state.executors ?? []);
    const counted = `${page} ${this.items[page === 'Fills' ? 'fill' : 'log'].at(-1)?.number} ${this.levels.value}`;
    if (page === 'Fills' && counted !== this.counted) this.tables.Fills.show([...this.items.fill].reverse().slice(0, 100));
    if (page === 'Log' && counted !== this.counted) {
      const least = ['debug', 'info', 'warn', 'error'].indexOf(this.levels.value === 'all' ? 'debug' : this.levels.value);
      const shown = this.items.log.filter(one => ['debug', 'info', 'warn', 'error'].indexOf(one.level) >= least);
      this.tables.Log.show(shown.reverse().slice(0, 150));
    }
    this.counted = counted;
    this.parameters.show(state);
  }

  tick() {
    if (this.heard === undefined) return;
    const age = (performance.now() - this.heard) / 1000;
    const works = WORKS.includes(this.state?.state);
    put(this.age, age >= 1.5 || this.offline ? `${age.toFixed(0)} s old` : works ? `live · ${clock(this.state?.time_ms)} UTC` : 'ended');
    mark(this.age, 'is-old', age >= 1.5);
    this.parameters.tick(this.state);
  }

  // --- commands -------------------------------------------------------------------------------------------------------

  tell(text, bad = false) {
    put(this.said, text);
    mark(this.said, 'bad', bad);
  }

  // The first press asks, the second within four seconds does it.
  askTwice(button, text, verb, body) {
    clearTimeout(this.doubt);
    if (this.sure === verb) {
      this.calm();
      const sell = this.flatten.checked;
      this.send(verb, { ...body, ...(verb === 'kill' ? { flatten: sell } : { hold: !sell }) });
      return;
    }
    this.calm();
    this.sure = verb;
    put(button, `${text}: sure?`);
    mark(button, 'sure', true);
    this.doubt = setTimeout(() => this.calm(), SURE_MS);
  }

  calm() {
    this.sure = null;
    for (const [button, text] of [[this.stop, 'Stop'], [this.kill, 'Kill']]) {
      put(button, text);
      mark(button, 'sure', false);
    }
  }

  async send(verb, body = {}) {
    const began = performance.now();
    this.tell({ kill: 'Killing: every order of its instruments is being cancelled …', stop: 'Stopping in order …' }[verb] ?? `${verb} …`);
    try {
      const said = await this.way.post(`do/${verb}`, body);
      const took = ((performance.now() - began) / 1000).toFixed(2);
      const left = said.left?.length ? ` Left: ${said.left.join(', ')}.` : '';
      this.tell(`${said.says ?? `Done: ${said.state ?? verb}.`}${left} (${took} s)`, Boolean(left));
    } catch (error) {
      this.tell(error.message, true);
    }
  }
}

// What each market holds; null where nobody says.
function heldIn(markets) {
  const told = (markets ?? []).filter(one => one.position !== undefined);
  return told.length ? Object.fromEntries(told.filter(one => one.position).map((one, m) => [m, one.position])) : null;
}
