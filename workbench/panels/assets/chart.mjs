// Candles of one market, as coarse as what is visible needs, with the run's own fills and orders on them.

import { make, put, isDark, price } from './parts.mjs';
import { CandlestickSeries, HistogramSeries, AreaSeries, ColorType, LineStyle, createChart, createSeriesMarkers }
  from './lightweight-charts.mjs';

export const LOOKS = {
  dark: { ink: '#9aa4b2', grid: 'rgba(148,163,184,0.09)', edge: 'rgba(148,163,184,0.2)', up: '#2ebd85', down: '#f6465d',
    buy: '#4ea1ff', sell: '#ffb020', line: '#4ea1ff', fill: 'rgba(78,161,255,0.25)', none: 'rgba(78,161,255,0)' },
  light: { ink: '#5b6472', grid: 'rgba(71,85,105,0.09)', edge: 'rgba(71,85,105,0.2)', up: '#0e9f6e', down: '#d9304c',
    buy: '#1769d2', sell: '#b86e00', line: '#1769d2', fill: 'rgba(23,105,210,0.18)', none: 'rgba(23,105,210,0)' },
};
const POINTS = 2400, MARKS = 400, LINES = 24, WAIT_MS = 120;
const SPANS = [['1h', 36e5], ['6h', 216e5], ['1d', 864e5], ['1w', 6048e5], ['1M', 2592e6], ['1y', 31536e6], ['All', Infinity]];

export function options(look, height, logo = true) {
  return {
    height, autoSize: true, layout: { background: { type: ColorType.Solid, color: 'transparent' }, textColor: look.ink,
      fontSize: 11, attributionLogo: logo },
    grid: { vertLines: { color: look.grid }, horzLines: { color: look.grid } },
    rightPriceScale: { borderColor: look.edge, entireTextOnly: true }, timeScale: { borderColor: look.edge, timeVisible: true, secondsVisible: false,
      rightOffset: 6, minBarSpacing: 0.5 }, crosshair: { mode: 0 },
  };
}

export class PriceChart {
  constructor(way, history) {
    this.way = way;
    this.history = history;
    this.market = 0;
    this.fills = [];
    this.lines = new Map();
    this.bars = [];
    this.spans = make('div', 'wb-spans');
    this.said = make('span', 'wb-legend');
    this.place = make('div', 'wb-candles');
    this.element = make('div', 'wb-chart', '', [make('div', 'wb-bar', '', [this.said, this.spans]), this.place]);
    for (const [name, ms] of SPANS) {
      const one = make('button', 'wb-span', name);
      one.onclick = () => this.showLast(ms);
      this.spans.appendChild(one);
    }
    this.build();
    put(this.said, 'reading bars …');
    this.load({});
  }

  build() {
    const look = this.look = LOOKS[isDark() ? 'dark' : 'light'];
    this.chart = createChart(this.place, options(look, 340));
    this.candles = this.chart.addSeries(CandlestickSeries, this.colours(look));
    this.volume = this.chart.addSeries(HistogramSeries, { priceScaleId: '', priceFormat: { type: 'volume' },
      lastValueVisible: false, priceLineVisible: false });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.86, bottom: 0 } });
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.18 } });
    this.marks = createSeriesMarkers(this.candles, []);
    this.chart.timeScale().subscribeVisibleLogicalRangeChange(() => this.moved());
    this.chart.subscribeCrosshairMove(at => this.legend(at.seriesData?.get(this.candles)));
  }

  colours(look) {
    return { upColor: look.up, downColor: look.down, borderVisible: false, wickUpColor: look.up, wickDownColor: look.down };
  }

  theme() {
    this.look = LOOKS[isDark() ? 'dark' : 'light'];
    this.chart.applyOptions(options(this.look, 340));
    this.candles.applyOptions(this.colours(this.look));
    this.paintBars();
    this.paintMarks();
    for (const [, [line, side]] of this.lines) line.applyOptions({ color: side > 0 ? this.look.buy : this.look.sell });
  }

  close() {
    clearTimeout(this.timer);
    this.chart.remove();
  }

  // --- bars -----------------------------------------------------------------------------------------------------------

  async load(range, keep = false) {
    const asked = this.asked = Symbol('asked');
    let found;
    try {
      found = await this.way.post('bars', { market: this.market, history: this.history, points: POINTS, ...range });
    } catch (error) {
      if (!this.bars.length) put(this.said, error.message);
      return;
    }
    if (asked !== this.asked) return;
    const seen = keep ? this.window() : null, wide = keep === 'on' && found.step_ms === this.step ? this.atTheEnd() : 0;
    this.step = found.step_ms;
    this.all = [found.first_ms, found.last_ms + found.bar_ms];
    this.barMs = found.bar_ms;
    this.chart.timeScale().applyOptions({ secondsVisible: this.step < 60000 });
    this.bars = found.time.map((time, n) => ({ time: time / 1000, open: found.open[n], high: found.high[n], low: found.low[n],
      close: found.close[n], volume: found.volume[n] }));
    this.quiet = true;
    this.paintBars();
    this.paintMarks();
    const last = this.bars.length - 1;
    if (wide) this.chart.timeScale().setVisibleLogicalRange({ from: last + 6 - wide, to: last + 6 });
    else if (seen) this.chart.timeScale().setVisibleRange({ from: seen[0] / 1000, to: seen[1] / 1000 });
    else if (!range.fit) this.chart.timeScale().setVisibleLogicalRange({ from: last - 110, to: last + 6 });
    else this.chart.timeScale().fitContent();
    setTimeout(() => { this.quiet = false; }, 30);
    this.legend();
  }

  paintBars() {
    this.candles.setData(this.bars);
    this.volume.setData(this.bars.map(bar => this.volumeOf(bar)));
  }

  volumeOf(bar) {
    return { time: bar.time, value: bar.volume, color: (bar.close >= bar.open ? this.look.up : this.look.down) + '44' };
  }

  // What is visible, in milliseconds, also where no bars are loaded.
  window() {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (!range || !this.bars.length) return null;
    const begin = this.bars[0].time * 1000;
    return [begin + range.from * this.step, begin + range.to * this.step];
  }

  // How many bars are visible, if the last one is among them; else 0.
  atTheEnd() {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    return range && range.to >= this.bars.length - 1 ? range.to - range.from : 0;
  }

  moved() {
    if (this.quiet || !this.bars.length) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lookAgain(), WAIT_MS);
  }

  lookAgain() {
    const [from, to] = this.window() ?? [0, 0];
    if (to <= from) return;
    const span = to - from, [first, end] = this.all;
    const loaded = [this.bars[0].time * 1000, this.bars.at(-1).time * 1000 + this.step];
    const lacks = (from < loaded[0] && loaded[0] > first) || (to > loaded[1] && loaded[1] < end - this.step);
    const coarse = this.step > this.barMs && span / this.step < 150;
    if (lacks || coarse) this.load({ start: Math.floor(from - span), end: Math.ceil(to + span) }, true);
  }

  async showLast(ms) {
    if (!this.all) return;
    const end = this.all[1], start = Number.isFinite(ms) ? Math.max(end - ms, this.all[0]) : this.all[0];
    await this.load({ start: Math.floor(start), fit: undefined });
    this.quiet = true;
    this.chart.timeScale().fitContent();
    setTimeout(() => { this.quiet = false; }, 30);
  }

  choose(market) {
    this.market = market;
    this.bars = [];
    for (const [, [line]] of this.lines) this.candles.removePriceLine(line);
    this.lines.clear();
    this.load({});
  }

  // The bar that is open now, from the price that was heard last; at its end the true one is asked for.
  async live(state) {
    const told = state.markets?.[this.market];
    const last = this.bars.at(-1);
    if (!last && state.closed_ms && state.closed_ms !== this.closed) {
      this.closed = state.closed_ms;
      this.load({});
      return;
    }
    if (told?.last == null || !state.time_ms || !last || this.bars.at(-1).time * 1000 < this.all[1] - 2 * this.step) return;
    if (state.closed_ms !== this.closed) {
      if (this.closed && this.step === this.barMs) this.mend(state.closed_ms);
      this.closed = state.closed_ms;
    }
    const time = Math.floor(state.time_ms / this.step) * this.step / 1000;
    if (time < last.time) return;
    if (time > last.time + this.step / 1000 && this.caught !== state.closed_ms) { // nobody told of the bars between
      this.caught = state.closed_ms;
      this.load({ start: this.bars[0].time * 1000 }, 'on');
      return;
    }
    const bar = time === last.time ? last : { time, open: told.last, high: told.last, low: told.last, close: told.last, volume: 0 };
    if (bar !== last) {
      this.bars.push(bar);
      this.all[1] = Math.max(this.all[1], time * 1000 + this.step);
    } else if (bar.close === told.last) return;
    bar.close = told.last;
    bar.high = Math.max(bar.high, told.last);
    bar.low = Math.min(bar.low, told.last);
    this.candles.update(bar);
    this.volume.update(this.volumeOf(bar));
    if (!this.hovered) this.legend();
    if (this.bars.length > 4 * POINTS) this.load({}, true);
  }

  async mend(closed) {
    const market = this.market;
    const found = await this.way.post('bars', { market, history: this.history, start: closed - 3 * this.barMs, points: 100 })
      .catch(() => null);
    if (!found || market !== this.market || found.step_ms !== this.step) return;
    found.time.forEach((ms, n) => {
      const at = this.bars.findIndex(bar => bar.time === ms / 1000);
      if (at < 0) return;
      Object.assign(this.bars[at], { open: found.open[n], close: found.close[n], high: found.high[n], low: found.low[n],
        volume: found.volume[n] });
      this.candles.update(this.bars[at], true);
      this.volume.update(this.volumeOf(this.bars[at]), true);
    });
  }

  legend(bar) {
    this.hovered = Boolean(bar);
    const one = bar ?? this.bars.at(-1);
    if (!one) return;
    put(this.said, `O ${price(one.open)}  H ${price(one.high)}  L ${price(one.low)}  C ${price(one.close)}`);
  }

  // --- what is ours ---------------------------------------------------------------------------------------------------

  showFills(fills) {
    this.fills = fills;
    this.paintMarks();
  }

  paintMarks() {
    if (!this.bars.length) return;
    const [from, to] = [this.bars[0].time, this.bars.at(-1).time + this.step / 1000];
    const marks = this.fills.slice(-MARKS).map(fill => ({
      time: Math.floor(fill.time_ms / this.step) * this.step / 1000, position: fill.side > 0 ? 'belowBar' : 'aboveBar',
      shape: fill.side > 0 ? 'arrowUp' : 'arrowDown', color: fill.side > 0 ? this.look.buy : this.look.sell, size: 1,
    })).filter(one => one.time >= from && one.time <= to);
    this.marks.setMarkers(marks.sort((a, b) => a.time - b.time));
  }

  showOrders(orders) {
    const wanted = new Map(orders.filter(one => one.price !== null).slice(0, LINES).map(one => [one.client_id, one]));
    for (const [id, [line]] of this.lines) {
      if (!wanted.has(id)) { this.candles.removePriceLine(line); this.lines.delete(id); }
    }
    for (const [id, order] of wanted) {
      if (this.lines.has(id)) continue;
      const line = this.candles.createPriceLine({ price: Number(order.price), lineWidth: 1, lineStyle: LineStyle.Dashed,
        color: order.side > 0 ? this.look.buy : this.look.sell, axisLabelVisible: true,
        title: `${order.side > 0 ? 'buy' : 'sell'} ${Number(order.amount)}` });
      this.lines.set(id, [line, order.side]);
    }
  }
}

function credit() {
  const link = make('a', 'wb-legend', 'Charts: TradingView Lightweight Charts\u2122');
  return Object.assign(link, { href: 'https://www.tradingview.com/', target: '_blank', rel: 'noopener' });
}

export class EquityChart {
  constructor() {
    this.place = make('div', 'wb-equity');
    this.element = make('div', 'wb-chart', '', [make('div', 'wb-bar', '', [make('span', 'wb-legend', 'Equity at each close'), credit()]), this.place]);
    this.look = LOOKS[isDark() ? 'dark' : 'light'];
    this.chart = createChart(this.place, options(this.look, 110, false));
    this.line = this.chart.addSeries(AreaSeries, this.colours());
    this.last = 0;
  }

  colours() {
    return { lineColor: this.look.line, topColor: this.look.fill, bottomColor: this.look.none, lineWidth: 2, priceLineVisible: false };
  }

  theme() {
    this.look = LOOKS[isDark() ? 'dark' : 'light'];
    this.chart.applyOptions(options(this.look, 110, false));
    this.line.applyOptions(this.colours());
  }

  show(points) {
    const gap = points.length > 1 ? points.at(-1).time_ms - points.at(-2).time_ms : 60000;
    this.chart.timeScale().applyOptions({ secondsVisible: gap < 60000 });
    const by_time = new Map(points.map(one => [one.time_ms / 1000, one.equity]));
    this.line.setData([...by_time].sort((a, b) => a[0] - b[0]).map(([time, value]) => ({ time, value })));
    this.chart.timeScale().fitContent();
  }

  close() { this.chart.remove(); }
}
