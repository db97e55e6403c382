/**
 * A shared notebook (jupyter-collaboration) is saved by the server beside the page, so that nobody sees a save fail. It is told here, once, until a save succeeds.
 * A notebook that is not shared needs no word of ours: JupyterLab shows the server's reason itself.
 */

import { Notification } from '@jupyterlab/apputils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { SaveEvent } from '../api';
import { plain } from '../words';
import type { Words } from '../words';
import { localPath } from './shared';

export function tellingRefusals(tracker: INotebookTracker, words: Words): (event: SaveEvent) => void {
  const told = new Map<string, string>();
  return event => {
    const before = told.get(event.notebook);
    if (event.outcome !== 'refused') {
      told.delete(event.notebook);
      if (before !== undefined) {
        Notification.dismiss(before);
      }
      return;
    }
    const isShared = tracker.find(panel => localPath(panel.context.path) === event.notebook && panel.context.model.collaborative === true) !== undefined;
    if (isShared && before === undefined) {
      const message = words._n(
        '%2 is not saved: a scan finds %1 thing in it that the policy keeps out of files. It is saved again when that is taken out.',
        '%2 is not saved: a scan finds %1 things in it that the policy keeps out of files. It is saved again when these are taken out.',
        event.findings,
        plain(event.notebook)
      );
      told.set(event.notebook, Notification.emit(message, 'error', { autoClose: false }));
    }
  };
}
