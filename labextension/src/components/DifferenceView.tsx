/** What changed in a data set against the version that was signed: a table of counts, and for each column its distribution before and after. */

import * as React from 'react';
import type { ColumnDifference, Difference } from '../api';
import { plain } from '../words';
import { useSurroundings } from './context';

const MOST_BARS = 24;

/** Two rows of bars on one scale. What they say stands in words beside them, so they are hidden from screen readers. */
function Bars({ column }: { readonly column: ColumnDifference }): React.JSX.Element | null {
  const before = column.before.slice(0, MOST_BARS);
  const after = column.after.slice(0, MOST_BARS);
  const count = Math.max(before.length, after.length);
  const most = Math.max(...before, ...after, 0);
  if (count === 0 || !(most > 0)) {
    return null;
  }
  const width = 100 / count;
  const bars = (values: readonly number[], part: number, name: string): React.JSX.Element[] =>
    values.map((value, index) => {
      const height = (Math.max(0, value) / most) * 30;
      return <rect key={`${name}${index}`} className={`mlsc-Bar mlsc-mod-${name}`} x={index * width + part * width * 0.42 + width * 0.08} y={32 - height} width={width * 0.4} height={height} />;
    });
  return (
    <svg className="mlsc-Bars" viewBox="0 0 100 33" preserveAspectRatio="none" aria-hidden="true">
      {bars(before, 0, 'before')}
      {bars(after, 1, 'after')}
      <line x1="0" x2="100" y1="32.5" y2="32.5" className="mlsc-Axis" />
    </svg>
  );
}

function Column({ column }: { readonly column: ColumnDifference }): React.JSX.Element {
  const { words } = useSurroundings();
  const labelled = column.labels.length > 0 && column.labels.length === column.before.length && column.labels.length === column.after.length;
  return (
    <section className="mlsc-Column">
      <h5>
        {plain(column.name)} <span className="mlsc-Mark">{plain(column.change)}</span>
      </h5>
      <p>{plain(column.message)}</p>
      <Bars column={column} />
      {labelled && column.labels.length <= MOST_BARS && (
        <table className="mlsc-Table">
          <thead>
            <tr>
              <th scope="col">{words.__('value')}</th>
              <th scope="col">{words.__('signed')}</th>
              <th scope="col">{words.__('now')}</th>
            </tr>
          </thead>
          <tbody>
            {column.labels.map((label, index) => (
              <tr key={`${index} ${label}`} className={column.before[index] === column.after[index] ? '' : 'mlsc-mod-differs'}>
                <th scope="row">{plain(label)}</th>
                <td>{column.before[index]}</td>
                <td>{column.after[index]}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

export function DifferenceView({ difference }: { readonly difference: Difference }): React.JSX.Element {
  const { words } = useSurroundings();
  const counts: readonly (readonly [string, number | null])[] = [
    [words.__('rows when signed'), difference.rows_before],
    [words.__('rows now'), difference.rows_after],
    [words.__('added'), difference.rows_added],
    [words.__('removed'), difference.rows_removed],
    [words.__('changed'), difference.rows_changed]
  ];
  const known = counts.filter(([, value]) => value !== null);
  return (
    <div className="mlsc-Difference" data-testid="mlsc-difference">
      <p>{plain(difference.sentence)}</p>
      {known.length > 0 && (
        <dl className="mlsc-Facts">
          {known.map(([name, value]) => (
            <React.Fragment key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </React.Fragment>
          ))}
        </dl>
      )}
      {difference.columns.some(column => column.before.length > 0) && (
        <p className="mlsc-Legend">
          <span className="mlsc-Swatch mlsc-mod-before" /> {words.__('as signed')} <span className="mlsc-Swatch mlsc-mod-after" /> {words.__('now')}
        </p>
      )}
      {difference.columns.map(column => (
        <Column key={column.name} column={column} />
      ))}
    </div>
  );
}
