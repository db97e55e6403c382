/** The extension: its plugins, each of which can be switched off alone. */

import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { blockedPlugin } from './plugins/blocked';
import { cellsPlugin } from './plugins/cells';
import { commandsPlugin } from './plugins/commands';
import { filesPlugin } from './plugins/files';
import { graphPlugin } from './plugins/graph';
import { panelPlugin } from './plugins/panel';
import { statusPlugin } from './plugins/status';
import { widgetsPlugin } from './plugins/widgets';

const plugins = [panelPlugin, graphPlugin, cellsPlugin, blockedPlugin, statusPlugin, filesPlugin, widgetsPlugin, commandsPlugin] as JupyterFrontEndPlugin<unknown>[];

export default plugins;
