/** What the panel can do, as commands: in the palette, by shortcut, and in the file browser's menu. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { panelIcon } from './icon';
import { IStory, localPath } from './shared';
import type { Story } from './shared';

const NO_ARGUMENTS = { args: { type: 'object', properties: {} } } as const;

export const commandsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter_mlsc:commands',
  description: 'Commands: show the panel, verify, approve, reject, sign.',
  autoStart: true,
  requires: [IStory],
  optional: [ICommandPalette, IDefaultFileBrowser],
  activate: (app: JupyterFrontEnd, story: Story, palette: ICommandPalette | null, browser: IDefaultFileBrowser | null) => {
    const { words, deeds, acts, model } = story;
    const category = words.__('Supply Chain');
    const notebook = (): string | null => model.snapshot().path;
    const files = (): string[] => [...(browser?.selectedItems() ?? [])].map(item => localPath(item.path));

    const add = (id: string, label: string, isEnabled: () => boolean, execute: () => void, inPalette = true): void => {
      app.commands.addCommand(id, { label, icon: panelIcon, isEnabled, execute, describedBy: NO_ARGUMENTS });
      if (inPalette) {
        palette?.addItem({ command: id, category });
      }
    };
    const withNotebook = (act: (path: string) => void) => () => {
      const path = notebook();
      if (path !== null) {
        act(path);
      }
    };
    const always = (): boolean => true;
    const open = (): boolean => notebook() !== null;
    const chosen = (): boolean => files().length > 0;

    add('mlsc:open', words.__('Show the Supply Chain Panel'), always, () => story.reveal(null));
    add('mlsc:verify', words.__('Verify the Notebook Afresh'), open, withNotebook(deeds.verify));
    add('mlsc:approve', words.__('Approve the Notebook…'), open, withNotebook(path => deeds.review(path, 'approve')));
    add('mlsc:reject', words.__('Reject the Notebook…'), open, withNotebook(path => deeds.review(path, 'reject')));
    add('mlsc:refresh', words.__('Ask the Server for the Record Again'), always, deeds.refresh);
    add('mlsc:sign-files', words.__('Sign…'), chosen, () => void acts.sign(files()), false);
    add('mlsc:verify-files', words.__('Verify'), chosen, () => void Promise.all(files().map(path => acts.verify(path))), false);
  }
};
