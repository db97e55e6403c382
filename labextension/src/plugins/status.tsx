/** The notebook's verdict in the status bar; a click brings the panel to the front. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ReactWidget } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import * as React from 'react';
import { VerdictIcon } from '../components/Icon';
import { standingOf, standingWord } from '../words';
import { IStory } from './shared';
import type { Story } from './shared';
import { settingOf } from './settings';

function Item({ story }: { readonly story: Story }): React.JSX.Element | null {
  const { runs } = React.useSyncExternalStore(story.model.subscribe, story.model.snapshot);
  const { words } = story;
  if (runs === null) {
    return null;
  }
  const standing = standingOf(runs);
  const word = standingWord(standing, words);
  const reads = runs.rows.filter(row => row.op === 'read').length;
  const writes = runs.rows.length - reads;
  return (
    <button
      className="mlsc-Status"
      data-testid="mlsc-status"
      title={runs.headline}
      aria-label={words.__('Supply chain: %1. Open the panel', word)}
      onClick={() => story.reveal(null)}
    >
      <VerdictIcon verdict={standing} /> {standing === 'unrun' ? word : words.__('%1 · %2 in · %3 out', word, reads, writes)}
    </button>
  );
}

export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter_mlsc:status',
  description: 'The verdict of the notebook in front, in the status bar.',
  autoStart: true,
  requires: [IStory],
  optional: [IStatusBar, ISettingRegistry],
  activate: (_: JupyterFrontEnd, story: Story, bar: IStatusBar | null, registry: ISettingRegistry | null) => {
    if (bar === null) {
      return; // Notebook 7 has none
    }
    const setting = settingOf(registry, 'status');
    const item = ReactWidget.create(<Item story={story} />);
    bar.registerStatusItem('jupyter_mlsc:status', {
      item,
      align: 'right',
      rank: 80,
      isActive: () => setting.value && story.tracker.currentWidget !== null && story.model.snapshot().runs !== null,
      activeStateChanged: setting.changedWith(story.model.subscribe)
    });
  }
};
