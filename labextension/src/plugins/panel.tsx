/** The sidebar: the pure panel in a widget, following the notebook in front and the server's events. */

import { ILayoutRestorer } from '@jupyterlab/application';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, Notification, ReactWidget } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { Acts } from '../acts';
import { Api } from '../api';
import type { Deeds } from '../components/context';
import { SurroundingsContext } from '../components/context';
import { Panel } from '../components/Panel';
import { PanelModel } from '../model';
import type { Words } from '../words';
import { asking, telling } from './dialogs';
import { followEvents } from './events';
import { panelIcon } from './icon';
import { jumpToCell, putGuardFirst } from './notebook';
import { tellingRefusals } from './saves';
import { IStory, localPath } from './shared';
import type { Story } from './shared';
import { serverTransport } from './transport';

export const PANEL = 'mlsc-panel';
export const LINEAGE_COMMAND = 'mlsc:lineage';

const MINUTE = 60_000;

/** Draw again each minute, so that ages stay true. */
function useEveryMinute(): void {
  const [, draw] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    const timer = setInterval(draw, MINUTE);
    return () => clearInterval(timer);
  }, []);
}

/** Which cell the list is narrowed to: set from the notebook's gutter and from the list itself. */
class Narrowing {
  private cell: string | null = null;
  private readonly listeners = new Set<() => void>();
  readonly snapshot = (): string | null => this.cell;
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };
  readonly to = (cell: string | null): void => {
    this.cell = cell;
    this.listeners.forEach(listener => listener());
  };
}

function Root({ model, deeds, words, narrowing }: { model: PanelModel; deeds: Deeds; words: Words; narrowing: Narrowing }): React.JSX.Element {
  const state = React.useSyncExternalStore(model.subscribe, model.snapshot);
  const cell = React.useSyncExternalStore(narrowing.subscribe, narrowing.snapshot);
  useEveryMinute();
  return (
    <SurroundingsContext.Provider value={{ words, deeds, now: Date.now() }}>
      <Panel state={state} cell={cell} onCell={narrowing.to} />
    </SurroundingsContext.Provider>
  );
}

/** The sidebar. Where it is activated, by a shortcut or a click, the keyboard stands in the list, else on the first button. */
class Sidebar extends ReactWidget {
  constructor(private readonly content: React.JSX.Element) {
    super();
  }

  protected render(): React.JSX.Element {
    return this.content;
  }

  protected override onActivateRequest(): void {
    const first = this.node.querySelector<HTMLElement>('.mlsc-List') ?? this.node.querySelector<HTMLElement>('button:not(:disabled)');
    first?.focus();
  }
}

function follow(tracker: INotebookTracker, model: PanelModel, narrowing: Narrowing): void {
  const connected = new WeakSet<NotebookPanel>();
  const show = (): void => {
    const panel = tracker.currentWidget;
    const path = panel === null ? null : localPath(panel.context.path);
    if (path !== model.snapshot().path) {
      narrowing.to(null);
    }
    void model.show(path);
    if (panel !== null && !connected.has(panel)) {
      connected.add(panel);
      panel.context.pathChanged.connect((_, changed) => {
        if (tracker.currentWidget === panel) {
          void model.renamed(localPath(changed));
        }
      });
      panel.context.saveState.connect((_, saved) => {
        if (saved === 'completed' && tracker.currentWidget === panel) {
          void model.refresh();
        }
      });
    }
  };
  tracker.currentChanged.connect(show);
  show();
}

export const panelPlugin: JupyterFrontEndPlugin<Story> = {
  id: 'jupyter_mlsc:panel',
  description: 'The sidebar that shows what a notebook read and wrote, who stands for it, and what to do next.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ITranslator, ILayoutRestorer],
  provides: IStory,
  activate: (app: JupyterFrontEnd, tracker: INotebookTracker, translator: ITranslator | null, restorer: ILayoutRestorer | null): Story => {
    const bundle = (translator ?? nullTranslator).load('jupyter_mlsc');
    const words: Words = {
      __: (text, ...values) => bundle.__(text, ...values),
      _n: (one, many, count, ...values) => bundle._n(one, many, count, ...values)
    };
    const settings = app.serviceManager.serverSettings;
    const api = new Api(serverTransport(settings));
    const model = new PanelModel(api, window.localStorage);
    const narrowing = new Narrowing();
    const acts = new Acts(api, words, asking(words), telling, model.refresh);
    const deeds: Deeds = {
      jump: (cell, count) => void jumpToCell(tracker.currentWidget, cell, count),
      select: row => void model.select(row),
      refresh: () => void model.refresh(),
      sign: paths => void acts.sign(paths),
      review: (path, decision) => void acts.review(path, decision),
      revoke: (digest, name, path) => void acts.revoke(digest, name, path || (model.snapshot().path ?? '')),
      override: path => void acts.override(path, new Date()),
      verify: path => void acts.verify(path),
      graph: (digest, name, path) => void app.commands.execute(LINEAGE_COMMAND, { digest, name, path: path || (model.snapshot().path ?? '') }),
      initialize: mode => void acts.initialize(folderOf(model.snapshot().path), mode),
      guard: () => putGuardFirst(tracker.currentWidget),
      acceptLedger: () => void model.acceptLedger(),
      copy: text => {
        Clipboard.copyToSystem(text);
        Notification.emit(words.__('Copied'), 'info', { autoClose: 1500 });
      },
      open: path => void app.commands.execute('docmanager:open', { path })
    };

    const widget = new Sidebar(<Root model={model} deeds={deeds} words={words} narrowing={narrowing} />);
    widget.id = PANEL;
    widget.addClass('mlsc-Sidebar');
    widget.title.icon = panelIcon;
    widget.title.caption = words.__('Supply chain: what this notebook read and wrote');
    widget.node.setAttribute('role', 'region');
    widget.node.setAttribute('aria-label', words.__('Supply chain'));
    app.shell.add(widget, 'right', { rank: 650, type: 'Supply chain' });
    restorer?.add(widget, PANEL);

    const tellRefusal = tellingRefusals(tracker, words);
    followEvents(settings, {
      ledger: event => model.changed(event),
      saved: event => {
        tellRefusal(event);
        model.changed({ project: '', notebooks: [event.notebook] });
      },
      opened: () => void model.refresh(),
      closed: () => model.lost()
    });
    void app.restored.then(() => follow(tracker, model, narrowing));

    const reveal = (cell: string | null): void => {
      narrowing.to(cell);
      app.shell.activateById(PANEL);
    };
    return { api, model, acts, deeds, words, tracker, reveal };
  }
};

function folderOf(path: string | null): string {
  return path === null ? '' : path.split('/').slice(0, -1).join('/');
}
