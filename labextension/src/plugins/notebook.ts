/** What the panel does in a notebook: goes to a cell, puts the guard first. */

import { NotebookActions } from '@jupyterlab/notebook';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { ICodeCellModel } from '@jupyterlab/cells';

/** The place of a cell by its id, else by its execution count; -1 if it is gone. */
function placeOf(panel: NotebookPanel, cell: string | null, count: number | null): number {
  const { widgets } = panel.content;
  const byId = widgets.findIndex(each => each.model.id === cell);
  return byId >= 0 || count === null ? byId : widgets.findIndex(each => each.model.type === 'code' && (each.model as ICodeCellModel).executionCount === count);
}

export async function jumpToCell(panel: NotebookPanel | null, cell: string | null, count: number | null): Promise<void> {
  const place = panel === null ? -1 : placeOf(panel, cell, count);
  const found = panel?.content.widgets[place];
  if (panel === null || found === undefined) {
    return;
  }
  // The notebook takes the keyboard when its active cell changes; who walks the panel's list stays there.
  const focused = document.activeElement;
  panel.content.deselectAll();
  panel.content.activeCellIndex = place;
  await panel.content.scrollToCell(found, 'smart');
  if (focused instanceof HTMLElement && focused.closest('#mlsc-panel') !== null) {
    focused.focus({ preventScroll: true });
  }
}

/** Insert `%load_ext jupyter_mlsc` above all else, and stand on it, ready to be run. */
export function putGuardFirst(panel: NotebookPanel | null): void {
  if (panel === null) {
    return;
  }
  const notebook = panel.content;
  notebook.activeCellIndex = 0;
  NotebookActions.insertAbove(notebook);
  notebook.activeCell?.model.sharedModel.setSource('%load_ext jupyter_mlsc');
  panel.activate();
}
