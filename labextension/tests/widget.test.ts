import { fireEvent, screen, within } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import widget from '../../jupyter_mlsc/kernel/widget.js';

const HOSTILE = `data/<img src=x onerror="globalThis.owned=1"><script>globalThis.owned=1</script>.csv`;

interface Branch {
  path: string;
  head: string;
  is_bad: boolean;
  notes: string[];
  groups: { title: string | null; branches: Branch[] }[];
}

const branch = (path: string, branches: Branch[] = [], change: Partial<Branch> = {}): Branch => ({
  path,
  head: `${path} · sha256:ab…`,
  is_bad: false,
  notes: [],
  groups: branches.length === 0 ? [] : [{ title: 'from:', branches }],
  ...change
});

/** What anywidget gives a view, as far as the view uses it. */
class Model {
  readonly sent: unknown[] = [];
  readonly listeners = new Map<string, Set<() => void>>();
  readonly state: Record<string, unknown>;

  constructor(shown: unknown) {
    this.state = { shown, selected: '', search: '', problem: '' };
  }
  get = (name: string): unknown => this.state[name];
  set = (name: string, value: unknown): void => {
    this.state[name] = value;
    this.listeners.get(`change:${name}`)?.forEach(act => act());
  };
  save_changes = (): void => undefined;
  send = (content: unknown): void => void this.sent.push(content);
  on = (event: string, act: () => void): void => void this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(act));
  off = (event: string, act: () => void): void => void this.listeners.get(event)?.delete(act);
}

function show(shown: unknown): { model: Model; el: HTMLElement; remove: () => void } {
  const model = new Model(shown);
  const el = document.createElement('div');
  document.body.append(el);
  return { model, el, remove: widget.render({ model, el }) };
}

const heads = (el: HTMLElement): string[] => within(el).queryAllByRole('treeitem').map(each => each.querySelector('.mlsc-View-head')?.textContent.split(' ')[0] ?? '');

afterEach(() => document.body.replaceChildren());

describe('the widget of the magics', () => {
  const tree = branch('m.bin', [branch('a.csv', [branch('raw.csv')]), branch('b.csv')]);

  it('shows facts as a table that is searched', () => {
    const { el, model } = show({ title: 'mlsc status', facts: [['mode', 'enforce'], ['read', 'data/a.csv: allow']] });
    expect(within(el).getByRole('table', { name: 'mlsc status' }).textContent).toBe('modeenforcereaddata/a.csv: allow');
    fireEvent.input(screen.getByRole('searchbox'), { target: { value: 'A.CSV' } });
    expect(within(el).getAllByRole('row').map(each => each.textContent)).toEqual(['readdata/a.csv: allow']);
    expect(screen.getByRole('status').textContent).toBe('1 found');
    expect(model.state['search']).toBe('A.CSV');
  });

  it('makes text of whatever it is given, and runs nothing of a drawing', () => {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" onload="globalThis.owned=1"><text>ü</text></svg>`;
    const { el, model } = show({ title: HOSTILE, tree: branch(HOSTILE, [branch(HOSTILE)], { notes: [HOSTILE] }), after: [HOSTILE], drawing: svg });
    model.set('problem', HOSTILE);
    expect(el.querySelectorAll('script, svg, iframe, [onerror], [onload], [style]')).toHaveLength(0);
    const image = el.querySelectorAll('img');
    expect(image).toHaveLength(1);
    expect(new TextDecoder().decode(Uint8Array.from(atob(image[0]!.src.split(',')[1]!), each => each.charCodeAt(0)))).toBe(svg);
    expect(screen.getByRole('alert').textContent).toBe(HOSTILE);
    expect((globalThis as { owned?: number }).owned).toBeUndefined();
    const facts = show({ title: 'x', facts: [[HOSTILE, HOSTILE]] });
    expect(facts.el.querySelectorAll('img, script')).toHaveLength(0);
    expect(facts.el.querySelector('td')?.textContent).toBe(HOSTILE);
  });

  it('is walked, folded and chosen from with the keyboard', () => {
    const { el, model } = show({ title: 't', tree });
    const list = within(el).getByRole('tree');
    expect(heads(el)).toEqual(['m.bin', 'a.csv', 'raw.csv', 'b.csv']);
    const press = (...keys: string[]): void => keys.forEach(key => fireEvent.keyDown(document.activeElement ?? list, { key }));
    el.querySelector<HTMLElement>('[role=treeitem][tabindex="0"]')?.focus();
    press('ArrowDown', 'ArrowLeft');
    expect(heads(el)).toEqual(['m.bin', 'a.csv', 'b.csv']);
    expect(document.activeElement?.getAttribute('aria-expanded')).toBe('false');
    press('ArrowRight', 'ArrowRight', 'Enter');
    expect(model.state['selected']).toBe('raw.csv');
    expect(document.activeElement?.getAttribute('aria-selected')).toBe('true');
    expect(document.activeElement?.getAttribute('aria-level')).toBe('3');
    press('ArrowLeft', 'End', ' ');
    expect(model.state['selected']).toBe('b.csv');
    expect(el.querySelectorAll('[role=treeitem][tabindex="0"]')).toHaveLength(1);
    const later = vi.fn();
    document.body.addEventListener('keydown', later);
    press('Home');
    expect(later, 'the notebook does not walk its cells meanwhile').not.toHaveBeenCalled();
    press('x');
    expect(later).toHaveBeenCalledOnce();
  });

  it('is folded with the mouse and shows what another widget chose', () => {
    const { el, model } = show({ title: 't', tree });
    fireEvent.click(el.querySelectorAll('.mlsc-View-twig')[0]!);
    expect(heads(el)).toEqual(['m.bin']);
    fireEvent.click(el.querySelectorAll('.mlsc-View-twig')[0]!);
    model.set('selected', 'b.csv');
    expect(el.querySelectorAll('[aria-selected="true"]')).toHaveLength(1);
    fireEvent.click(within(el).getByText(/^a\.csv/));
    expect(model.state['selected']).toBe('a.csv');
  });

  it('finds a branch with what leads to it', () => {
    const { el, model } = show({ title: 't', tree });
    model.set('search', 'raw');
    expect(heads(el)).toEqual(['m.bin', 'a.csv', 'raw.csv']);
    model.set('search', 'nothing like it');
    expect(heads(el)).toEqual([]);
    model.set('search', '');
    expect(heads(el)).toHaveLength(4);
  });

  it('draws few of very many, and says so', () => {
    const { el } = show({ title: 't', tree: branch('all', Array.from({ length: 5000 }, (_, index) => branch(`${index}.csv`))) });
    expect(el.querySelectorAll('[role=treeitem]')).toHaveLength(500);
    expect(el.querySelector('[role=status]')?.textContent).toContain('4501 more are not drawn');
  });

  it('asks again, shows the new answer and what went wrong, and lets go of the model', () => {
    const { el, model, remove } = show({ title: 't', tree });
    fireEvent.click(screen.getByRole('button', { name: 'Refresh' }));
    expect(model.sent).toEqual([{ ask: 'again' }]);
    model.set('shown', { title: 'then', tree: branch('new.bin', [], { is_bad: true }), after: ['more under this name'] });
    expect(heads(el)).toEqual(['new.bin']);
    expect(el.querySelector('.mlsc-mod-bad')).not.toBeNull();
    expect(within(el).getByRole('heading').textContent).toBe('then');
    model.set('problem', 'the ledger is away\n  next: look for it');
    expect(screen.getByRole('alert').textContent).toContain('next: look for it');
    remove();
    expect([...model.listeners.values()].every(each => each.size === 0)).toBe(true);
  });
});
