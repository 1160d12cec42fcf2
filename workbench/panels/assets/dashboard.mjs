// All runs in one table; a click on one opens its panel below.

import { make, money, tone, mark, put, styled, Table } from './parts.mjs';
import { open as openPanel } from './panel.mjs';

const EVERY_MS = 1500;

export function open(root, about, relay) {
  styled(root, relay);
  const board = new Board(root, about, relay);
  return () => board.close();
}

class Board {
  constructor(root, about, relay) {
    Object.assign(this, { about, relay });
    this.table = new Table([['Run', row => row.name, 'strong'], ['State', row => row.state, row => `wb-state is-${row.state}`],
      ['Money', row => ({ live: 'money' }[row.mode] ?? row.mode ?? ''), row => (row.mode === 'live' ? 'is-money' : 'dim')],
      ['Strategy', row => row.bot ?? ''], ['Markets', row => (row.markets ?? []).join(', ')],
      ['Equity', row => money(row.equity), '', true], ['Net PnL', row => money(row.net, true), row => tone(row.net), true],
      ['Orders', row => (row.is_over ? '–' : String(row.orders ?? '–')), '', true], ['', row => row.reason ?? '', 'dim wrap']],
    'There is no run yet: wb.paper(bot, "binance", "BTC/USDT") starts one.');
    this.table.body.onclick = event => {
      const line = event.target.closest('tr');
      if (line) this.choose(line.cells[0].textContent);
    };
    this.said = make('p', 'wb-banner');
    this.said.hidden = true;
    this.place = make('div', 'wb-place-of-panel');
    root.appendChild(make('section', 'wb-panel wb-board', '', [make('header', 'wb-head', '', [make('strong', 'wb-name', 'Runs'),
      make('span', 'wb-what', 'click one to look in')]), this.said, this.table.element]));
    root.appendChild(this.place);
    this.look();
    this.timer = setInterval(() => this.look(), EVERY_MS);
  }

  async look() {
    if (this.asking || document.hidden) return;
    this.asking = true;
    try {
      const query = new URLSearchParams({ home: this.about.home });
      const answer = await fetch(`${this.relay.at}runs?${query}`, { credentials: 'same-origin' });
      if (!answer.ok) throw new Error();
      this.rows = (await answer.json()).runs;
      this.table.show(this.rows);
      this.chosen();
      this.said.hidden = true;
    } catch {
      put(this.said, 'No connection to the Jupyter server: what is shown is old. The runs go on; trying again.');
      this.said.hidden = false;
    } finally {
      this.asking = false;
    }
  }

  chosen() {
    [...this.table.body.rows].forEach(line => mark(line, 'on', line.cells[0].textContent === this.name));
  }

  choose(name) {
    this.shut?.();
    this.place.replaceChildren();
    this.name = this.name === name ? null : name;
    this.shut = this.name ? openPanel(this.place, { ...this.about, name, view: 'panel' }, this.relay) : null;
    this.chosen();
  }

  close() {
    clearInterval(this.timer);
    this.shut?.();
  }
}
