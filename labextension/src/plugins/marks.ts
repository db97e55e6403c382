/** Signs that are put into JupyterLab's own elements: a drawing in a box, with its meaning as text for everybody. */

import { STROKES } from '../components/Icon';
import type { IconName } from '../components/Icon';

const SVG = 'http://www.w3.org/2000/svg';

/** A drawing of `Icon.tsx` without React: there may be one in each of a thousand cells. */
export function drawing(name: IconName): SVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  svg.classList.add('mlsc-Icon', 'mlsc-VerdictIcon', `mlsc-mod-${name}`);
  const path = document.createElementNS(SVG, 'path');
  const attributes = { d: STROKES[name], fill: 'none', stroke: 'currentColor', 'stroke-width': '1.5', 'stroke-linecap': 'round', 'stroke-linejoin': 'round' };
  Object.entries(attributes).forEach(([key, value]) => path.setAttribute(key, value));
  svg.append(path);
  return svg;
}
