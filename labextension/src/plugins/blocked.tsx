/**
 * Cards under the cells whose loads were blocked.
 *
 * Rules kept: whether and what was blocked is the server's to say; what a cell prints puts no card there and takes none away, and its own output stays
 * as it is, only folded.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ReactWidget } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import { NotebookActions } from '@jupyterlab/notebook';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { PanelLayout } from '@lumino/widgets';
import * as React from 'react';
import type { Row } from '../api';
import { BlockedCard } from '../components/BlockedCard';
import { settingOf } from './settings';
import { IStory, localPath } from './shared';
import type { Story } from './shared';

class CardWidget extends ReactWidget {
  rows: readonly Row[] = [];

  constructor(
    private readonly story: Story,
    private readonly runAgain: () => void
  ) {
    super();
    this.addClass('mlsc-CardHost');
  }

  protected render(): React.JSX.Element {
    const { words, deeds, model, reveal } = this.story;
    const withPanel = {
      ...deeds,
      select: (row: Row | null) => {
        reveal(null);
        deeds.select(row);
      }
    };
    return <BlockedCard rows={this.rows} status={model.snapshot().status} words={words} deeds={withPanel} onRunAgain={this.runAgain} />;
  }
}

/** What each cell was refused, by the cell's id. */
function refused(rows: readonly Row[]): Map<string, Row[]> {
  const cells = new Map<string, Row[]>();
  for (const row of rows) {
    if (row.op === 'read' && row.recorded === 'block' && row.cell_id !== null) {
      cells.set(row.cell_id, [...(cells.get(row.cell_id) ?? []), row]);
    }
  }
  return cells;
}

async function runAgain(panel: NotebookPanel, cell: Cell): Promise<void> {
  panel.content.activeCellIndex = panel.content.widgets.indexOf(cell);
  await NotebookActions.run(panel.content, panel.sessionContext);
}

export const blockedPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter_mlsc:blocked',
  description: 'A card under each cell whose load was blocked, with the next step as a button.',
  autoStart: true,
  requires: [IStory],
  optional: [ISettingRegistry],
  activate: (_: JupyterFrontEnd, story: Story, registry: ISettingRegistry | null) => {
    const setting = settingOf(registry, 'blockedCards');
    const cards = new WeakMap<Cell, CardWidget>();
    const card = (panel: NotebookPanel, cell: Cell, rows: readonly Row[] | undefined): void => {
      const before = cards.get(cell);
      cell.toggleClass('mlsc-mod-refused', rows !== undefined);
      if (rows === undefined) {
        before?.dispose();
        cards.delete(cell);
        return;
      }
      const widget = before ?? new CardWidget(story, () => void runAgain(panel, cell));
      widget.rows = rows;
      if (before === undefined) {
        cards.set(cell, widget);
        (cell.layout as PanelLayout).addWidget(widget);
      }
      widget.update();
    };
    const show = (): void => {
      const { path, runs } = story.model.snapshot();
      const cells = refused(setting.value ? (runs?.rows ?? []) : []);
      story.tracker.forEach(panel => {
        if (localPath(panel.context.path) === path && runs !== null) {
          panel.content.widgets.forEach(cell => card(panel, cell, cells.get(cell.model.id)));
        }
      });
    };
    story.model.subscribe(show);
    setting.changed.connect(show);
  }
};
