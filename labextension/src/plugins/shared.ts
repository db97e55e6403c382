/** What the plugins share: the model of the notebook in front, what a person can do, and the words. */

import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { Token } from '@lumino/coreutils';
import type { Acts } from '../acts';
import type { Api } from '../api';
import type { Deeds } from '../components/context';
import type { PanelModel } from '../model';
import type { Words } from '../words';

export interface Story {
  readonly api: Api;
  readonly model: PanelModel;
  readonly acts: Acts;
  readonly deeds: Deeds;
  readonly words: Words;
  readonly tracker: INotebookTracker;
  /** Bring the panel to the front, showing all or what one cell touched. */
  readonly reveal: (cell: string | null) => void;
}

export const IStory = new Token<Story>('jupyter_mlsc:IStory', 'What the notebook in front read and wrote, as the server tells it.');

/** The notebook panel that the model is about, if it is still open. */
export function panelOf(story: Story): NotebookPanel | null {
  const path = story.model.snapshot().path;
  return story.tracker.find(panel => panel.context.path === path) ?? null;
}

/** A path without the drive that JupyterLab may put before it (`RTC:`). */
export const localPath = (path: string): string => path.replace(/^[A-Za-z]+:/, '');
