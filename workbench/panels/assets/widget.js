// The part of a panel that travels with the notebook: it finds the relay of this Jupyter server, and loads the rest there.

const NO_RELAY = name => `This Jupyter server does not pass on what a run says: the package's own extension is not on in it. `
  + `Start JupyterLab with \`workbench lab\`, or install workbench where the server runs. The run itself goes on; `
  + `\`workbench status ${name}\` and \`workbench kill ${name}\` work in any terminal.`;

async function render({ model, el }) {
  const about = model.get('about');
  const root = document.createElement('div');
  root.className = 'wb-panel-root';
  root.dataset.lmSuppressShortcuts = 'true'; // a digit typed here is a digit, and no command of the notebook
  el.appendChild(root);
  let close = () => {};
  let gone = false;
  try {
    const relay = await find();
    const { open } = await import(`${relay.at}asset/${about.view}.mjs?v=${relay.version}`);
    if (!gone) close = open(root, about, relay);
  } catch (error) {
    const note = document.createElement('p');
    note.className = 'wb-no-relay';
    note.style.cssText = 'padding:10px 14px;border-left:3px solid #d4863b;margin:6px 0';
    note.textContent = error.said ?? `${NO_RELAY(about.name || 'NAME')} (${error.message})`;
    root.appendChild(note);
  }
  return () => { gone = true; close(); };
}

async function find() {
  const page = document.getElementById('jupyter-config-data');
  const base = page ? JSON.parse(page.textContent).baseUrl : '/';
  const at = new URL(`${base}workbench/`, location.href).href;
  const answer = await fetch(`${at}hello`, { credentials: 'same-origin' });
  if (!answer.ok) throw new Error(`${answer.status} at ${at}`);
  const { version } = await answer.json();
  return { at, version };
}

export default { render };
