/**
 * What the magics show: the live widget while its kernel has it, else the static form that lies in the notebook beside it.
 *
 * Without this a saved notebook that is opened again would show ipywidgets' own "model not found" in the static form's place. A notebook that is not trusted
 * gets none of it: JupyterLab then takes the static form and cleans it.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Panel } from '@lumino/widgets';

/** The kernel's `widget.py` puts it beside ipywidgets' type, which has the rank -10. */
const SHOWN = 'application/vnd.jupyter-mlsc.view+json';
const LIVE = 'application/vnd.jupyter.widget-view+json';
const STATIC = 'text/html';
const RANK = -20;

type Registry = NotebookPanel['content']['rendermime'];

class LiveOrStatic extends Panel implements IRenderMime.IRenderer {
  private observer: MutationObserver | null = null;

  constructor(private readonly registry: Registry) {
    super();
    this.addClass('mlsc-LiveOrStatic');
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const still = this.registry.createRenderer(STATIC);
    this.addWidget(still);
    await still.renderModel(model);
    if (!(LIVE in model.data) || !this.registry.mimeTypes.includes(LIVE)) {
      return;
    }
    const live = this.registry.createRenderer(LIVE);
    const choose = (): void => {
      const isLive = live.node.querySelector('.mlsc-View') !== null;
      live.setHidden(!isLive);
      still.setHidden(isLive);
    };
    choose();
    this.addWidget(live);
    this.observer = new MutationObserver(choose);
    this.observer.observe(live.node, { childList: true, subtree: true });
    // Not waited for: it looks for its model for seconds.
    void live.renderModel(model);
  }

  override dispose(): void {
    this.observer?.disconnect();
    super.dispose();
  }
}

export const widgetsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter_mlsc:widgets',
  description: 'The static form of what the magics show, where their widget cannot be shown any more.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (_: JupyterFrontEnd, tracker: INotebookTracker) => {
    const add = (panel: NotebookPanel): void => {
      const registry = panel.content.rendermime;
      registry.addFactory({ safe: false, mimeTypes: [SHOWN], createRenderer: () => new LiveOrStatic(registry) }, RANK);
    };
    tracker.forEach(add);
    tracker.widgetAdded.connect((_, panel) => add(panel));
  }
};
