/**
 * A mark in the gutter of each cell that read or wrote artifacts, as the server tells it.
 *
 * Rules kept: a mark comes from the server's record alone, whatever the notebook's outputs and metadata say; a cell that touched nothing has none.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { Cell as CellWidget } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { Cell, NotebookRuns } from '../api';
import { verdictWord } from '../words';
import type { Words } from '../words';
import { drawing } from './marks';
import { settingOf } from './settings';
import { IStory, localPath } from './shared';
import type { Story } from './shared';

const MARK = 'mlsc-CellMark';

function meaning(cell: Cell, words: Words): string {
  const state = {
    ran: '',
    edited: words.__('edited since it ran'),
    stale: words.__('stale: a cell above it ran or was edited since'),
    'never-run': words.__('has not run in this run'),
    unseen: words.__('not observed')
  }[cell.state];
  const touched = [
    ...(cell.reads > 0 ? [words._n('read %1 artifact', 'read %1 artifacts', cell.reads)] : []),
    ...(cell.writes > 0 ? [words._n('wrote %1 artifact', 'wrote %1 artifacts', cell.writes)] : [])
  ].join(', ');
  return [cell.verdict === null ? '' : verdictWord(cell.verdict, words), touched, state].filter(Boolean).join(' · ');
}

function mark(widget: CellWidget, cell: Cell | undefined, words: Words, onPick: (id: string) => void): void {
  const before = widget.node.querySelector<HTMLElement>(`:scope > .${MARK}`);
  if (cell === undefined || cell.verdict === null) {
    before?.remove();
    return;
  }
  const text = meaning(cell, words);
  if (before !== null && before.title === text) {
    return;
  }
  const button = document.createElement('button');
  button.className = MARK;
  button.dataset['testid'] = 'mlsc-cell-mark';
  button.dataset['verdict'] = cell.verdict;
  button.dataset['state'] = cell.state;
  button.dataset['stale'] = String(cell.state === 'stale' || cell.state === 'edited');
  button.dataset['cell'] = cell.id;
  button.title = text;
  button.setAttribute('aria-label', words.__('Supply chain: %1. Show in the panel', text));
  button.append(drawing(cell.verdict));
  button.addEventListener('click', () => onPick(cell.id));
  if (before === null) {
    widget.node.append(button);
  } else {
    before.replaceWith(button);
  }
}

/** Put marks beside the cells of a notebook, and take away those that no longer belong there. */
function markAll(panel: NotebookPanel, runs: NotebookRuns | null, story: Story): void {
  const cells = new Map((runs?.cells ?? []).map(cell => [cell.id, cell]));
  for (const widget of panel.content.widgets) {
    mark(widget, cells.get(widget.model.id), story.words, story.reveal);
  }
}

export const cellsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter_mlsc:cells',
  description: 'Marks beside the cells that read or wrote artifacts.',
  autoStart: true,
  requires: [IStory],
  optional: [ISettingRegistry],
  activate: (_: JupyterFrontEnd, story: Story, registry: ISettingRegistry | null) => {
    const setting = settingOf(registry, 'cellMarks');
    const watched = new WeakSet<NotebookPanel>();
    const show = (): void => {
      const { path, runs } = story.model.snapshot();
      story.tracker.forEach(panel => {
        if (localPath(panel.context.path) !== path) {
          return;
        }
        markAll(panel, setting.value ? runs : null, story);
        if (!watched.has(panel)) {
          watched.add(panel);
          // Widgets are made again when cells move.
          panel.content.modelContentChanged.connect(() => requestAnimationFrame(show));
        }
      });
    };
    story.model.subscribe(show);
    setting.changed.connect(show);
  }
};
