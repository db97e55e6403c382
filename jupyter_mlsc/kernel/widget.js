/**
 * The widget's view: facts as a table, lineage and impact as a tree that is searched and unfolded, with the keyboard too.
 *
 * Rules kept: whatever a word is, it becomes a text node; the drawing is an image, in which a browser runs no script and follows no link; nothing is fetched,
 * evaluated or styled from what is shown, so that a page's content security policy may be as strict as the widget's loader allows.
 */

/** @typedef {{ path: string, head: string, is_bad: boolean, notes: string[], groups: { title: string | null, branches: Branch[] }[] }} Branch */
/** @typedef {{ title: string, facts?: [string, string][], tree?: Branch, after?: string[], drawing?: string | null }} Shown */
/** @typedef {{ get(name: string): any, set(name: string, value: unknown): void, save_changes(): void, send(content: unknown): void, on(event: string, act: () => void): void, off(event: string, act: () => void): void }} Model */

/** Lumino, under JupyterLab and Notebook, gives a key to no command while an element with this has the focus. */
const OWN_KEYS = { 'data-lm-suppress-shortcuts': 'true' };
const MOST_UNFOLDED = 60;
const MOST_DRAWN = 500;

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} children
 */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** @param {string} text @param {string} wanted */
const has = (text, wanted) => text.toLocaleLowerCase().includes(wanted);

/** @param {Branch} branch @returns {Branch[]} */
const under = branch => branch.groups.flatMap(group => group.branches);

/** @param {Branch} branch @returns {number} */
const count = branch => under(branch).reduce((sum, each) => sum + count(each), 1);

/** The tree of one view: which branches are unfolded is the view's own, what is selected is the model's. */
class Tree {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    this.list = make('ul', { role: 'tree', class: 'mlsc-View-tree' });
    /** @type {Map<string, boolean>} */
    this.unfolded = new Map();
    this.current = '0';
    /** @type {Map<string, { row: HTMLElement, branch: Branch }>} */
    this.rows = new Map();
    this.list.addEventListener('keydown', event => this.pressed(event));
  }

  /** @param {Branch} root @param {string} label @param {string} wanted */
  draw(root, label, wanted) {
    const hadFocus = this.list.contains(document.activeElement);
    this.root = root;
    this.wanted = wanted;
    this.few = count(root) <= MOST_UNFOLDED;
    this.rows.clear();
    this.left = 0;
    this.list.setAttribute('aria-label', label);
    this.list.replaceChildren(...this.drawn(root, '0', 1));
    if (!this.rows.has(this.current)) {
      this.current = this.rows.keys().next().value ?? '0';
    }
    this.mark();
    if (hadFocus) {
      this.rows.get(this.current)?.row.focus();
    }
  }

  redraw() {
    if (this.root !== undefined) {
      this.draw(this.root, this.list.getAttribute('aria-label') ?? '', this.wanted ?? '');
    }
  }

  /** @param {Branch} branch @returns {boolean} */
  matches(branch) {
    return !this.wanted || has([branch.head, ...branch.notes].join('\n'), this.wanted) || under(branch).some(each => this.matches(each));
  }

  /** @param {string} key @param {number} level */
  isOpen(key, level) {
    return Boolean(this.wanted) || (this.unfolded.get(key) ?? (this.few || level < 3));
  }

  /** @param {Branch} branch @param {string} key @param {number} level @returns {HTMLElement[]} */
  drawn(branch, key, level) {
    if (!this.matches(branch)) {
      return [];
    }
    if (this.rows.size >= MOST_DRAWN) {
      this.left = (this.left ?? 0) + 1;
      return [];
    }
    const folds = under(branch).length > 0;
    const open = folds && this.isOpen(key, level);
    const twig = make('span', { class: 'mlsc-View-twig', 'aria-hidden': 'true' }, folds ? (open ? '▾' : '▸') : '');
    const row = make('div', { class: `mlsc-View-branch${branch.is_bad ? ' mlsc-mod-bad' : ''}`, role: 'treeitem', tabindex: '-1', 'aria-level': String(level), ...OWN_KEYS }, twig);
    row.append(make('span', { class: 'mlsc-View-head' }, branch.head));
    if (folds) {
      row.setAttribute('aria-expanded', String(open));
    }
    twig.addEventListener('click', event => {
      event.stopPropagation();
      this.fold(key, !open);
    });
    row.addEventListener('click', () => this.select(key));
    this.rows.set(key, { row, branch });
    const item = make('li', { role: 'none' }, row, ...branch.notes.map(note => make('div', { class: 'mlsc-View-note' }, note)));
    if (open) {
      let index = 0;
      for (const group of branch.groups) {
        const inner = make('ul', { role: 'group' });
        for (const child of group.branches) {
          inner.append(...this.drawn(child, `${key}.${index++}`, level + 1));
        }
        if (inner.childElementCount > 0) {
          item.append(make('div', { class: 'mlsc-View-group', role: 'none' }, ...(group.title === null ? [] : [make('div', { class: 'mlsc-View-count' }, group.title)]), inner));
        }
      }
    }
    return [item];
  }

  /** @param {string} key @param {boolean} open */
  fold(key, open) {
    this.unfolded.set(key, open);
    this.current = key;
    this.redraw();
  }

  /** @param {string} key */
  select(key) {
    const found = this.rows.get(key);
    if (found !== undefined) {
      this.current = key;
      this.model.set('selected', found.branch.path);
      this.model.save_changes();
      this.mark();
    }
  }

  mark() {
    const selected = this.model.get('selected');
    for (const [key, { row, branch }] of this.rows) {
      row.tabIndex = key === this.current ? 0 : -1;
      row.setAttribute('aria-selected', String(selected !== '' && branch.path === selected));
    }
  }

  /** @param {string} key */
  goTo(key) {
    this.current = key;
    this.mark();
    this.rows.get(key)?.row.focus();
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    const keys = [...this.rows.keys()];
    const at = keys.indexOf(this.current);
    const row = this.rows.get(this.current)?.row;
    const expanded = row?.getAttribute('aria-expanded');
    const parent = this.current.slice(0, this.current.lastIndexOf('.'));
    const acts = /** @type {Record<string, (() => void) | undefined>} */ ({
      ArrowDown: () => this.goTo(keys[Math.min(at + 1, keys.length - 1)] ?? '0'),
      ArrowUp: () => this.goTo(keys[Math.max(at - 1, 0)] ?? '0'),
      Home: () => this.goTo(keys[0] ?? '0'),
      End: () => this.goTo(keys.at(-1) ?? '0'),
      ArrowRight: () => (expanded === 'false' ? this.fold(this.current, true) : expanded === 'true' ? this.goTo(keys[at + 1] ?? this.current) : undefined),
      ArrowLeft: () => (expanded === 'true' && !this.wanted ? this.fold(this.current, false) : this.rows.has(parent) ? this.goTo(parent) : undefined),
      Enter: () => this.select(this.current),
      ' ': () => this.select(this.current)
    });
    const act = event.altKey || event.ctrlKey || event.metaKey ? undefined : acts[event.key];
    if (act !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      act();
    }
  }
}

/** @param {[string, string][]} facts @param {string} title @param {string} wanted */
function table(facts, title, wanted) {
  const rows = facts.filter(([name, told]) => !wanted || has(`${name}: ${told}`, wanted));
  return make('table', { 'aria-label': title }, make('tbody', {}, ...rows.map(([name, told]) => make('tr', {}, make('th', { scope: 'row' }, name), make('td', {}, told)))));
}

/** @param {string} svg @param {string} title */
function drawing(svg, title) {
  const bytes = new TextEncoder().encode(svg);
  const coded = btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
  const image = make('img', { alt: `${title}; the list says the same`, src: `data:image/svg+xml;base64,${coded}` });
  return make('details', { class: 'mlsc-View-drawing' }, make('summary', OWN_KEYS, 'Drawing'), image);
}

/** @param {{ model: Model, el: HTMLElement }} place @returns {() => void} */
function render({ model, el }) {
  const title = make('div', { class: 'mlsc-View-title', role: 'heading', 'aria-level': '3' });
  const search = make('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search in what is shown', ...OWN_KEYS });
  const again = make('button', { type: 'button', title: 'Ask the kernel again', ...OWN_KEYS }, 'Refresh');
  const told = make('span', { class: 'mlsc-View-count', role: 'status' });
  const problem = make('div', { role: 'alert' });
  const body = make('div', { class: 'mlsc-View-body' });
  const root = make('section', { class: 'mlsc-View' }, make('div', { class: 'mlsc-View-bar' }, title, told, search, again), problem, body);
  const tree = new Tree(model);

  const find = () => {
    const wanted = model.get('search').trim().toLocaleLowerCase();
    /** @type {Shown} */
    const shown = model.get('shown');
    if (search.value !== model.get('search')) {
      search.value = model.get('search');
    }
    if (shown.facts !== undefined) {
      body.firstElementChild?.replaceWith(table(shown.facts, shown.title, wanted));
    }
    if (shown.tree !== undefined) {
      tree.draw(shown.tree, shown.title, wanted);
    }
    const found = shown.tree === undefined ? body.querySelectorAll('tr').length : tree.rows.size;
    told.textContent = (wanted ? `${found} found` : '') + (tree.left ? ` ${tree.left} more are not drawn: search for less` : '');
  };
  const draw = () => {
    /** @type {Shown} */
    const shown = model.get('shown');
    title.textContent = shown.title;
    root.setAttribute('aria-label', shown.title);
    const after = (shown.after ?? []).map(line => make('div', { class: 'mlsc-View-count' }, line));
    body.replaceChildren(shown.facts === undefined ? tree.list : make('table'), ...after, ...(shown.drawing ? [drawing(shown.drawing, shown.title)] : []));
    find();
  };
  const complain = () => {
    problem.textContent = model.get('problem');
    problem.className = problem.textContent ? 'mlsc-View-problem' : '';
  };
  const mark = () => tree.mark();

  search.addEventListener('input', () => {
    model.set('search', search.value);
    model.save_changes();
  });
  again.addEventListener('click', () => model.send({ ask: 'again' }));
  /** @type {[string, () => void][]} */
  const followed = [['change:shown', draw], ['change:search', find], ['change:selected', mark], ['change:problem', complain]];
  for (const [event, act] of followed) {
    model.on(event, act);
  }
  draw();
  complain();
  el.replaceChildren(root);
  return () => followed.forEach(([event, act]) => model.off(event, act));
}

export default { render };
