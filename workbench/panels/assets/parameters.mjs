// The parameters that may change while a run trades: sliders, what differs, what it would have done, and two steps to it.

import { make, put, mark, clock, ownKeys } from './parts.mjs';

const TRY_MS = 350;

export class Parameters {
  constructor(way, about, say, complain) {
    Object.assign(this, { way, about, say, complain });
    this.rows = new Map();
    this.list = make('div', 'wb-sliders');
    this.diff = make('p', 'wb-diff', 'Nothing differs.');
    this.days = make('select', 'wb-levels', '', ['1', '3', '7', '14'].map(n => make('option', '', n)));
    this.days.value = '7';
    this.days.setAttribute('aria-label', 'Days of the trial');
    this.days.onchange = () => this.plan();
    this.apply = make('button', 'wb-button wb-apply', 'Apply at the bar\u2019s end');
    this.apply.onclick = () => this.send();
    this.reset = make('button', 'wb-button wb-quiet', 'Back');
    this.reset.onclick = () => { for (const row of this.rows.values()) row.set(row.now); this.changed(); };
    this.discard = make('button', 'wb-button wb-quiet', 'Take it back');
    this.discard.onclick = () => this.takeBack();
    this.waiting = make('p', 'wb-waiting');
    this.effect = make('div', 'wb-effect');
    this.element = make('div', 'wb-parameters', '', [this.list, make('div', 'wb-trial', '', [this.diff,
      make('div', 'wb-buttons', '', [this.apply, this.reset]), make('div', 'wb-buttons', '', [this.waiting, this.discard]),
      make('p', 'wb-legend', '', [document.createTextNode('On the last '), this.days, document.createTextNode(' days')]), this.effect])]);
    ownKeys(this.element);
  }

  show(state) {
    this.state = state;
    const bot = state.bot;
    if (!bot?.hot) return;
    if (!this.rows.size) {
      for (const [name, field] of Object.entries(bot.hot)) this.add(name, field, bot.parameters[name]);
      if (!this.rows.size) this.list.textContent = 'Nothing of this strategy may change while it trades.';
    }
    for (const [name, row] of this.rows) row.follow(bot.parameters[name]);
    this.changed(false);
    this.paintWaiting(bot);
  }

  add(name, field, value) {
    const row = new Row(name, field, value, () => this.changed());
    this.rows.set(name, row);
    this.list.appendChild(row.element);
  }

  get wanted() {
    return Object.fromEntries([...this.rows].filter(([, row]) => row.differs).map(([name, row]) => [name, row.value]));
  }

  changed(plan = true) {
    const wanted = this.wanted, names = Object.keys(wanted);
    put(this.diff, names.length ? names.map(name => `${name} ${shown(this.rows.get(name).now)} → ${shown(wanted[name])}`).join(', ')
      : 'Nothing differs.');
    mark(this.diff, 'on', names.length);
    this.apply.disabled = !names.length || this.sending || !['running', 'paused'].includes(this.state?.state);
    this.reset.disabled = !names.length;
    if (!names.length) { this.asked = null; this.effect.replaceChildren(); }
    if (plan) this.plan();
  }

  paintWaiting({ prepared }) {
    this.prepared = prepared;
    this.discard.hidden = !prepared;
    // What was seen before the set was written down, under its ticket, says nothing of what came of it.
    if (!prepared && this.watched && this.state.number >= this.watched.ticket) {
      const { wanted } = this.watched, now = this.state.bot.parameters;
      const took = Object.entries(wanted).every(([name, value]) => JSON.stringify(now[name]) === JSON.stringify(value));
      if (took) this.say(`${pairs(wanted)} has taken over.`);
      else this.complain(`${pairs(wanted)} was not applied; the parameters before it stay. The log says why.`);
      this.watched = null;
    }
    if (!prepared) put(this.waiting, '');
    this.waiting.hidden = !prepared;
  }

  tick(state) {
    const prepared = state?.bot?.prepared;
    if (!prepared) return;
    const left = Math.max(0, Math.round((state.bot.bar_ends_ms - state.time_ms) / 1000));
    put(this.waiting, prepared.is_armed ? `${pairs(prepared.parameters)} takes over at the bar\u2019s end (in ${left} s).`
      : `${pairs(prepared.parameters)} lies ready and was not confirmed.`);
  }

  // Two steps: what is prepared changes nothing; only a confirmed set takes over, and the run does that at a bar's end.
  async send() {
    const wanted = this.wanted;
    this.sending = true;
    this.changed(false);
    let ticket = null;
    try {
      ({ prepared: { ticket } } = await this.way.post('do/prepare', { parameters: wanted }));
      const said = await this.way.post('do/commit', { ticket });
      this.watched = { wanted, ticket };
      this.say(`${pairs(wanted)} takes over at ${clock(said.bar_ends_ms)} UTC, when the bar ends.`);
    } catch (error) {
      this.complain(ticket === null ? error.message
        : `${error.message} ${pairs(wanted)} lies ready but was not confirmed, so the parameters before it stay.`);
    } finally {
      this.sending = false;
      this.changed(false);
    }
  }

  async takeBack() {
    try {
      this.watched = null;
      await this.way.post('do/discard', { ticket: this.prepared?.ticket ?? 0 });
      this.say('Taken back; the parameters stay as they are.');
    } catch (error) {
      this.complain(error.message);
    }
  }

  // --- what it would have done ----------------------------------------------------------------------------------------

  plan() {
    clearTimeout(this.timer);
    const wanted = this.wanted;
    if (!Object.keys(wanted).length) return;
    this.timer = setTimeout(() => this.test(wanted), TRY_MS);
  }

  async test(wanted) {
    const asked = this.asked = Symbol('asked'), old = this.state.bot.parameters;
    mark(this.effect, 'busy', true);
    if (!this.effect.firstChild) this.effect.replaceChildren(make('p', 'wb-legend', 'Trying … the first time may take a minute.'));
    try {
      const found = await this.way.post('effect', { old, new: { ...old, ...wanted }, days: Number(this.days.value),
        history: this.about.history });
      if (asked === this.asked) this.effect.replaceChildren(...drawn(found));
    } catch (error) {
      if (asked === this.asked) this.effect.replaceChildren(make('p', 'wb-empty bad', error.message));
    } finally {
      if (asked === this.asked) mark(this.effect, 'busy', false);
    }
  }
}

class Row {
  constructor(name, field, value, changed) {
    this.name = name;
    this.changed = changed;
    const kinds = (field.anyOf ?? [field]).filter(one => one.type !== 'null');
    this.optional = kinds.length < (field.anyOf ?? [field]).length;
    this.field = { ...field, ...kinds[0] };
    this.label = make('label', 'wb-label', name);
    this.label.title = field.description ?? '';
    this.was = make('span', 'wb-was');
    const [inputs, read, write] = inputsOf(this.field, value, () => { if (this.on) this.on.checked = true; this.touch(); });
    Object.assign(this, { read, write });
    if (this.optional) {
      this.on = make('input');
      this.on.type = 'checkbox';
      this.on.title = 'on';
      this.on.onchange = () => this.touch();
    }
    this.element = make('div', 'wb-row', '', [this.label, ...inputs, ...(this.on ? [this.on] : []), this.was]);
    this.element.dataset.name = name;
    this.now = value;
    this.set(value);
  }

  get value() { return this.on && !this.on.checked ? null : this.read(); }

  get differs() { return JSON.stringify(this.value) !== JSON.stringify(this.now); }

  set(value) {
    if (this.on) this.on.checked = value !== null;
    if (value !== null) this.write(value);
    this.paint();
  }

  // The run's own value moved: a slider that nobody touched goes with it.
  follow(value) {
    if (JSON.stringify(value) === JSON.stringify(this.now)) return;
    const touched = this.differs;
    this.now = value;
    if (!touched) this.set(value);
    this.paint();
  }

  touch() { this.paint(); this.changed(); }

  paint() {
    mark(this.element, 'differs', this.differs);
    put(this.was, this.differs ? `now ${shown(this.now)}` : '');
  }
}

function inputsOf(field, value, touched) {
  if (field.choices || field.enum) {
    const one = make('select', 'wb-input', '', (field.choices ?? field.enum).map(name => make('option', '', String(name))));
    one.onchange = touched;
    return [[one], () => one.value, wanted => { one.value = String(wanted); }];
  }
  if (field.type === 'boolean') {
    const one = Object.assign(make('input'), { type: 'checkbox', onchange: touched });
    return [[one], () => one.checked, wanted => { one.checked = wanted; }];
  }
  if (field.type === 'integer' || field.type === 'number') return numbers(field, value, touched);
  const one = Object.assign(make('input', 'wb-input'), { type: 'text', onchange: touched });
  // A span of time may be a number of milliseconds too.
  const read = () => (/^\d+$/.test(one.value) ? Number(one.value) : one.value);
  return [[one], read, wanted => { one.value = String(wanted); }];
}

function numbers(field, value, touched) {
  const { min, max, step } = field.slider;
  const slider = Object.assign(make('input', 'wb-slider'), { type: 'range', min, max, step });
  const box = Object.assign(make('input', 'wb-input'), { type: 'number', step: 'any' });
  slider.oninput = () => { box.value = String(Number(Number(slider.value).toPrecision(12))); touched(); };
  box.onchange = () => { slider.value = box.value; touched(); };
  const read = () => (box.value === '' ? null : Number(box.value));
  const write = wanted => { slider.value = String(wanted); box.value = String(wanted); };
  write(value ?? min); // what is switched off begins at its least
  return [[slider, box], read, write];
}

function shown(value) { return value === null ? 'off' : String(value); }

function pairs(values) { return Object.entries(values).map(([name, value]) => `${name}=${shown(value)}`).join(', '); }

function drawn({ old, new: wanted, labels, bars, first_ms, last_ms }) {
  const rows = Object.keys(labels).map(name => make('tr', '', '', [make('th', '', labels[name]),
    make('td', 'num dim', old.metrics[name]), make('td', 'num', wanted.metrics[name])]));
  const head = make('tr', '', '', [make('th', '', ''), make('th', 'num', 'now'), make('th', 'num', 'would be')]);
  const days = ((last_ms - first_ms) / 864e5).toFixed(1);
  return [curves(old.equity, wanted.equity), make('table', 'wb-table', '', [make('thead', '', '', [head]), make('tbody', '', '', rows)]),
    make('p', 'wb-legend', `${bars.toLocaleString('en-US')} bars, ${days} days; a backtest, not a promise.`)];
}

function curves(old, wanted) {
  const all = [...old, ...wanted], low = Math.min(...all), high = Math.max(...all), span = high - low || 1;
  const line = (values, look) => {
    const points = values.map((value, n) => `${(n / (values.length - 1) * 300).toFixed(1)},${(64 - (value - low) / span * 60).toFixed(1)}`);
    const one = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
    one.setAttribute('points', points.join(' '));
    one.setAttribute('class', look);
    return one;
  };
  const picture = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  picture.setAttribute('viewBox', '0 0 300 68');
  picture.setAttribute('preserveAspectRatio', 'none');
  picture.setAttribute('class', 'wb-curves');
  picture.append(line(old, 'old'), line(wanted, 'new'));
  return picture;
}
