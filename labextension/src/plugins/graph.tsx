/** The lineage graph in a tab of its own; its code is fetched when the first graph is opened. */

import { ILayoutRestorer } from '@jupyterlab/application';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, ReactWidget, WidgetTracker } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import * as React from 'react';
import { panelIcon } from './icon';
import { LINEAGE_COMMAND } from './panel';
import { IStory } from './shared';
import type { Story } from './shared';

const GraphView = React.lazy(() => import('../graph/GraphView'));

const DEPTH = 3;

interface Asked {
  readonly digest: string;
  readonly name: string;
  readonly path: string;
}

function download(name: string, content: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function Page({ story, asked, depth, open }: { story: Story; asked: Asked; depth: number; open: (path: string) => void }): React.JSX.Element {
  const state = React.useSyncExternalStore(story.model.subscribe, story.model.snapshot);
  const { api, words } = story;
  const ask = React.useCallback(
    (digest: string) => Promise.all([api.lineage(digest, asked.path, depth), api.impact(digest, asked.path, depth)]),
    [api, asked.path, depth]
  );
  return (
    <React.Suspense fallback={<p role="status">{words.__('Loading…')}</p>}>
      <GraphView digest={asked.digest} name={asked.name} ask={ask} words={words} change={state.ledger?.size ?? 0} onSave={download} onOpen={open} />
    </React.Suspense>
  );
}

export const graphPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter_mlsc:graph',
  description: 'The lineage of an artifact as a graph, in a tab.',
  autoStart: true,
  requires: [IStory],
  optional: [ICommandPalette, ILayoutRestorer, ISettingRegistry],
  activate: (app: JupyterFrontEnd, story: Story, palette: ICommandPalette | null, restorer: ILayoutRestorer | null, registry: ISettingRegistry | null) => {
    const { words } = story;
    const tracker = new WidgetTracker<MainAreaWidget>({ namespace: 'jupyter_mlsc-lineage' });
    const questions = new WeakMap<MainAreaWidget, Asked>();

    const fromState = (): Asked | null => {
      const { runs, detail } = story.model.snapshot();
      const row = detail?.row ?? runs?.rows.findLast(each => each.op === 'write') ?? runs?.rows[0];
      const path = story.model.snapshot().path ?? '';
      return row === undefined ? null : { digest: row.digest, name: row.path, path };
    };
    const fromArguments = (args: Readonly<Record<string, unknown>>): Asked | null => {
      const { digest, name, path } = args;
      return typeof digest === 'string' && digest !== '' ? { digest, name: String(name), path: String(path) } : fromState();
    };

    app.commands.addCommand(LINEAGE_COMMAND, {
      label: words.__('Show Lineage'),
      caption: words.__('What an artifact came from and what it led to'),
      icon: panelIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            digest: { type: 'string', description: words.__('The digest of the artifact') },
            name: { type: 'string', description: words.__('What to call it') },
            path: { type: 'string', description: words.__('A file of its project') }
          }
        }
      },
      isEnabled: args => fromArguments(args) !== null,
      execute: async args => {
        const asked = fromArguments(args);
        if (asked === null) {
          return;
        }
        const id = `mlsc-lineage-${asked.digest.replace(':', '-')}`;
        const before = tracker.find(each => each.id === id);
        if (before !== undefined) {
          app.shell.activateById(id);
          return;
        }
        const depth = ((await registry?.get('jupyter_mlsc:panel', 'lineageDepth'))?.composite as number | undefined) ?? DEPTH;
        const open = (path: string): void => void app.commands.execute('docmanager:open', { path });
        const content = ReactWidget.create(<Page story={story} asked={asked} depth={depth} open={open} />);
        content.addClass('mlsc-GraphPage');
        const widget = new MainAreaWidget({ content });
        widget.id = id;
        widget.toolbar.hide();
        widget.title.label = asked.name.split('/').at(-1) ?? words.__('Lineage');
        widget.title.caption = words.__('Lineage of %1', asked.name);
        widget.title.icon = panelIcon;
        widget.title.closable = true;
        questions.set(widget, asked);
        app.shell.add(widget, 'main');
        await tracker.add(widget);
      }
    });
    palette?.addItem({ command: LINEAGE_COMMAND, category: words.__('Supply Chain') });
    void restorer?.restore(tracker, {
      command: LINEAGE_COMMAND,
      args: widget => ({ ...questions.get(widget) }),
      name: widget => widget.id
    });
  }
};
