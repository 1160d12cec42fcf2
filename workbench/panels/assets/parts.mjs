// Small things that all views are made of: elements, numbers, tables, and the way to the run.

export function make(tag, className = '', text = '', kids = []) {
  const one = document.createElement(tag);
  if (className) one.className = className;
  if (text !== '') one.textContent = text;
  for (const kid of kids) one.appendChild(kid);
  return one;
}

export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function mark(element, name, on) {
  if (element.classList.contains(name) !== Boolean(on)) element.classList.toggle(name, Boolean(on));
}

// JupyterLab takes arrows, Enter and letters for itself while no cell is edited, unless what has the focus forbids it.
export function ownKeys(element) {
  element.addEventListener('focusin', event => { event.target.dataset.lmSuppressShortcuts = 'true'; });
  return element;
}

// --- numbers -------------------------------------------------------------------------------------------------------

const MINUS = '\u2212', NONE = '–';

export function money(value, sign = false) {
  if (value === null || value === undefined) return NONE;
  const shown = Math.abs(value).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const zero = Number(shown.replace(/,/g, '')) === 0;
  return (value < 0 && !zero ? MINUS : sign && !zero ? '+' : '') + shown;
}

export function price(value) {
  if (value === null || value === undefined) return NONE;
  const number = Number(value);
  const digits = Math.abs(number) >= 1000 ? 2 : Math.abs(number) >= 1 ? 4 : 8;
  return number.toLocaleString('en-US', { minimumFractionDigits: Math.min(digits, 2), maximumFractionDigits: digits });
}

export function amount(value, sign = false) {
  if (value === null || value === undefined) return NONE;
  const number = Number(value);
  const shown = Math.abs(number).toLocaleString('en-US', { maximumFractionDigits: 8 });
  return (number < 0 ? MINUS : sign && number > 0 ? '+' : '') + shown;
}

export function clock(ms) {
  return ms ? new Date(ms).toISOString().slice(11, 19) : NONE;
}

export function moment(ms) {
  return ms ? new Date(ms).toISOString().slice(0, 19).replace('T', ' ') : NONE;
}

export function tone(value) {
  return !value ? '' : value > 0 ? 'up' : 'down';
}

// --- a table whose cells are changed, not built anew ------------------------------------------------------------------

export class Table {
  // columns: [title, text of a row, class of a cell (of a row), is a number]
  constructor(columns, empty) {
    this.columns = columns;
    this.head = make('tr', '', '', columns.map(([title, , , number]) => make('th', number ? 'num' : '', title)));
    this.body = make('tbody');
    this.empty = make('p', 'wb-empty', empty);
    this.table = make('table', 'wb-table', '', [make('thead', '', '', [this.head]), this.body]);
    this.element = make('div', 'wb-scroll', '', [this.table, this.empty]);
  }

  show(rows) {
    this.empty.hidden = rows.length > 0;
    this.table.hidden = rows.length === 0;
    while (this.body.rows.length > rows.length) this.body.deleteRow(-1);
    rows.forEach((row, n) => {
      const line = this.body.rows[n] ?? this.grown();
      this.columns.forEach(([, text, look], c) => {
        put(line.cells[c], text(row));
        const wanted = [this.columns[c][3] ? 'num' : '', typeof look === 'function' ? look(row) : look ?? ''].join(' ').trim();
        if (line.cells[c].className !== wanted) line.cells[c].className = wanted;
      });
    });
  }

  grown() {
    const line = this.body.insertRow();
    for (const _ of this.columns) line.insertCell();
    return line;
  }
}

// --- the way to the run ---------------------------------------------------------------------------------------------

export class Way {
  constructor(about, relay) {
    this.relay = relay;
    this.query = new URLSearchParams({ name: about.name, home: about.home, data: about.data }).toString();
    this.name = about.name;
  }

  async post(path, body = {}) {
    const xsrf = document.cookie.match(/(?:^|; )_xsrf=([^;]+)/);
    let answer;
    try {
      answer = await fetch(`${this.relay.at}${path}?${this.query}`, {
        method: 'POST', credentials: 'same-origin', body: JSON.stringify(body),
        headers: { 'Content-Type': 'application/json', 'X-XSRFToken': xsrf ? decodeURIComponent(xsrf[1]) : '' },
      });
    } catch {
      throw new Error('The Jupyter server does not answer, so nothing is known of what came of this. '
        + `The run goes on; \`workbench status ${this.name}\` says how it stands.`);
    }
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.error ?? said.message ?? `The Jupyter server says ${answer.status}.`);
    return said;
  }

  // Calls hear(message) for what comes and lost(text or '') when the way breaks or is back; returns what ends it.
  listen(hear, lost) {
    let socket, wait = 500, ended = false, timer;
    const address = `${this.relay.at.replace(/^http/, 'ws')}live?${this.query}`;
    const connect = () => {
      socket = new WebSocket(address);
      socket.onmessage = event => { wait = 500; lost(''); hear(JSON.parse(event.data)); };
      socket.onclose = event => {
        if (ended) return;
        lost(event.code === 4404 ? event.reason
          : 'No connection to the Jupyter server: what is shown is old. The run goes on; trying again.');
        timer = setTimeout(connect, wait);
        wait = Math.min(2 * wait, 5000);
      };
    };
    connect();
    return () => { ended = true; clearTimeout(timer); socket.close(); };
  }
}

export function styled(root, relay) {
  const href = `${relay.at}asset/panel.css?v=${relay.version}`;
  root.appendChild(Object.assign(document.createElement('link'), { rel: 'stylesheet', href }));
}

export function isDark() {
  const said = document.body.dataset.jpThemeLight;
  return said !== undefined ? said === 'false' : matchMedia('(prefers-color-scheme: dark)').matches;
}
