/** The panel's own sign: a shield with a tick. */

import { LabIcon } from '@jupyterlab/ui-components';

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">
  <g class="mlsc-PanelIcon" fill="none" stroke="#616161" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round">
    <path d="M8 1.3L13.5 3.4V7.6C13.5 10.9 11.2 13.5 8 14.7C4.8 13.5 2.5 10.9 2.5 7.6V3.4Z"/>
    <path d="M5.3 7.9L7.2 9.8L10.8 6"/>
  </g>
</svg>`;

export const panelIcon = new LabIcon({ name: 'jupyter_mlsc:panel', svgstr: SVG });
